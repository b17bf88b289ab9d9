//! Translates types and constant expressions from Rust to C++.

use crate::source::{Declared, Target};
use crate::tables::Named;
use syn::*;

type Result<T> = std::result::Result<T, String>;

pub struct Translator<'a> {
    pub declared: &'a Declared<'a>,
    pub target: &'a Target,
}

impl Translator<'_> {
    pub fn ty(&self, ty: &Type) -> Result<String> {
        Ok(match ty {
            Type::Paren(inner) => self.ty(&inner.elem)?,
            Type::Ptr(pointer) => format!("abi::pointer<{}>", self.ty(&pointer.elem)?),
            Type::Reference(pointer) => format!("abi::pointer<{}>", self.ty(&pointer.elem)?),
            Type::Array(array) => {
                format!("abi::array<{}, {}>", self.ty(&array.elem)?, self.number(&array.len, "abi::usize")?)
            }
            Type::Never(_) => "void".into(),
            Type::Tuple(tuple) if tuple.elems.is_empty() => "void".into(),
            Type::FnPtr(function) => {
                let arguments = function.inputs.iter().map(|argument| &argument.ty);
                let variadic = function.variadic.is_some();
                let function = self.function(function.abi.as_ref(), arguments, variadic, &function.output)?;
                format!("abi::pointer<{function}>")
            }
            Type::Path(path) => {
                let last = path.path.segments.last().unwrap();
                let argument = match &last.arguments {
                    PathArguments::AngleBracketed(list) => match list.args.first() {
                        Some(GenericArgument::Type(argument)) => Some(argument),
                        _ => None,
                    },
                    _ => None,
                };
                match (last.ident.to_string().as_str(), argument) {
                    ("Option" | "MaybeUninit", Some(inner)) => self.ty(inner)?,
                    ("NonNull", Some(inner)) => format!("abi::pointer<{}>", self.ty(inner)?),
                    (name, None) => self.named(name)?,
                    (name, _) => return Err(format!("the type {name}<…> that ci/abi does not know")),
                }
            }
            _ => return Err("a type that ci/abi does not know".into()),
        })
    }

    fn named(&self, name: &str) -> Result<String> {
        Ok(match name {
            "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
                format!("abi::{name}")
            }
            "bool" => "bool".into(),
            "c_void" => "void".into(),
            "c_char" => "char".into(),
            "c_short" => "short".into(),
            "c_ushort" => "unsigned short".into(),
            "c_int" => "int".into(),
            "c_uint" => "unsigned".into(),
            "c_long" => "long".into(),
            "c_ulong" => "unsigned long".into(),
            "c_longlong" => "long long".into(),
            "c_ulonglong" => "unsigned long long".into(),
            _ if self.declared.structs.iter().any(|found| found.node.ident == name) => {
                format!("rust::{name}")
            }
            _ => match (self.alias(name), Named::find(self.target, name)) {
                (Some(_), Some((_, Named::As(c)))) => c.to_string(),
                (Some(alias), _) => self.ty(alias)?,
                (None, _) => return Err(format!("the type {name} that ci/abi does not know")),
            },
        })
    }

    fn alias(&self, name: &str) -> Option<&Type> {
        self.declared.aliases.iter().find(|found| found.node.ident == name).map(|found| &*found.node.ty)
    }

    pub fn function<'t>(
        &self,
        abi: Option<&Abi>,
        arguments: impl Iterator<Item = &'t Type>,
        variadic: bool,
        output: &ReturnType,
    ) -> Result<String> {
        let abi = abi.and_then(|abi| abi.name.as_ref()).map_or("C".into(), LitStr::value);
        let convention = match abi.trim_end_matches("-unwind") {
            "system" if self.target.arch == "x86" => "__stdcall ",
            "C" | "system" => "",
            _ => return Err(format!("the convention {abi:?} that ci/abi does not know")),
        };
        let mut list = arguments.map(|argument| self.ty(argument)).collect::<Result<Vec<_>>>()?;
        if variadic {
            list.push("...".into());
        }
        let output = match output {
            ReturnType::Default => "void".into(),
            ReturnType::Type(_, ty) => self.ty(ty)?,
        };
        Ok(format!("{output} {convention}({})", list.join(", ")))
    }

    /// Translates a constant expression. A literal without a suffix has the type `default`.
    pub fn number(&self, expr: &Expr, default: &str) -> Result<String> {
        Ok(match expr {
            Expr::Paren(inner) => self.number(&inner.expr, default)?,
            Expr::Lit(ExprLit { lit: Lit::Byte(literal), .. }) => format!("(abi::u8){}", literal.value()),
            Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) => {
                let ty =
                    if literal.suffix().is_empty() { default.into() } else { self.named(literal.suffix())? };
                format!("({ty}){}ull", literal.base10_digits())
            }
            Expr::Unary(unary) => {
                let sign = match unary.op {
                    UnOp::Neg(_) => "-",
                    UnOp::Not(_) => "~",
                    _ => return Err("a dereference in a constant".into()),
                };
                let operand = self.number(&unary.expr, default)?;
                // C++ widens types narrower than int.
                format!("(__typeof__({operand}))({sign}({operand}))")
            }
            Expr::Binary(binary) => {
                let operator = match binary.op {
                    BinOp::Add(_) => "+",
                    BinOp::Sub(_) => "-",
                    BinOp::Mul(_) => "*",
                    BinOp::Div(_) => "/",
                    BinOp::BitOr(_) => "|",
                    BinOp::BitAnd(_) => "&",
                    BinOp::BitXor(_) => "^",
                    BinOp::Shl(_) => "<<",
                    BinOp::Shr(_) => ">>",
                    _ => return Err("an operator that ci/abi does not know".into()),
                };
                let left = self.number(&binary.left, default)?;
                format!(
                    "(__typeof__({left}))(({left}) {operator} ({}))",
                    self.number(&binary.right, default)?
                )
            }
            Expr::Cast(cast) => {
                let ty = self.number_type(&cast.ty)?;
                // Wide enough for any literal, and signed, so that casts extend it as in Rust.
                format!("({ty})({})", self.number(&cast.expr, "__int128")?)
            }
            Expr::Path(path) => {
                let segments: Vec<String> =
                    path.path.segments.iter().map(|part| part.ident.to_string()).collect();
                let name = segments.last().unwrap();
                if let [.., ty, limit] = segments.as_slice()
                    && (limit == "MAX" || limit == "MIN")
                {
                    return self.limit(ty, limit == "MAX");
                }
                let mut constants = self.declared.constants.iter().filter(|constant| constant.name == *name);
                match (constants.next(), constants.next()) {
                    (Some(constant), None) => {
                        let ty = self.number_type(constant.ty)?;
                        format!("({ty})({})", self.number(constant.value.node, &ty)?)
                    }
                    (Some(_), _) => {
                        return Err(format!("{name}, which is declared more than once; give them two names"));
                    }
                    (None, _) => return Err(format!("{name}, which is declared nowhere in this backend")),
                }
            }
            Expr::Call(call) => {
                let Expr::Path(callee) = &*call.func else { return Err("a call in a constant".into()) };
                let last = callee.path.segments.last().unwrap();
                match (last.ident.to_string().as_str(), &last.arguments, call.args.first()) {
                    ("size_of", PathArguments::AngleBracketed(list), None) => match list.args.first() {
                        Some(GenericArgument::Type(ty)) => format!("(abi::usize)sizeof({})", self.ty(ty)?),
                        _ => return Err("size_of without a type".into()),
                    },
                    ("without_provenance" | "without_provenance_mut", _, Some(address)) => {
                        self.number(address, "abi::usize")?
                    }
                    ("null" | "null_mut", _, None) => "(abi::usize)0".into(),
                    (name, ..) => return Err(format!("a call of {name} in a constant")),
                }
            }
            _ => return Err("an expression that ci/abi does not know".into()),
        })
    }

    fn limit(&self, ty: &str, max: bool) -> Result<String> {
        let unsigned = match ty.strip_prefix('i') {
            Some(width) => self.named(&format!("u{width}"))?,
            None => self.named(ty)?,
        };
        let ty = self.named(ty)?;
        let top = format!("({unsigned})~({unsigned})0");
        Ok(match (ty == unsigned, max) {
            (true, true) => top,
            (true, false) => format!("({unsigned})0"),
            (false, true) => format!("({ty})({top} >> 1)"),
            (false, false) => format!("({ty})~({ty})({top} >> 1)"),
        })
    }

    /// Returns the type in which a constant is compared; pointers are compared as addresses.
    pub fn number_type(&self, ty: &Type) -> Result<String> {
        if let Type::Path(path) = ty
            && let Some(alias) = self.alias(&path.path.segments.last().unwrap().ident.to_string())
        {
            return self.number_type(alias);
        }
        let ty = self.ty(ty)?;
        Ok(if ty.starts_with("abi::pointer<") { "abi::usize".into() } else { ty })
    }
}
