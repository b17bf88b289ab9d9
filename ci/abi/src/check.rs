//! Makes the assertions: one kind of declaration after the other, each under its line in Rust.

use crate::source::{self, Bits, Codes, Declared, Found, Import, Target};
use crate::tables::{self, NAMES, Named};
use crate::translate::Translator;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use syn::*;

type Result<T> = std::result::Result<T, String>;

/// The C++ file for a target. Its first lines count what it holds and list the error codes and what is imported, for
/// `ci/abi/run`.
pub fn file(root: &Path, target: &Target) -> Result<String> {
    let sources = source::read(root, target)?;
    let declared = Declared::collect(target, &sources);
    let mut check = Check {
        target,
        translator: Translator { declared: &declared, target },
        problems: declared.problems.clone(),
        used: BTreeSet::new(),
        out: String::new(),
        imports: Vec::new(),
        listed: Vec::new(),
        numbers: 0,
        fields: 0,
        signatures: 0,
    };
    check.types();
    check.structs();
    check.constants();
    check.codes();
    check.advice();
    check.bare_arguments();
    check.functions();
    // Windows numbers them otherwise, with constants of its own.
    if target.os != "windows" {
        check.prot(root)?;
    }
    for (systems, name, _) in NAMES {
        if systems.contains(&target.os) && !check.used.contains(name) {
            check.problems.push(format!("tables.rs in ci/abi: {name} stands in no source for {}", target.os));
        }
    }
    if !check.problems.is_empty() {
        return Err(check.problems.join("\n"));
    }
    let headers: String =
        tables::headers(&target.os).iter().map(|header| format!("#include <{header}>\n")).collect();
    let Check { out, imports, mut listed, numbers, fields, signatures, .. } = check;
    listed.extend(imports.iter().map(|(_, library, symbol)| format!("import {library} {symbol}")));
    let listed: String = listed.iter().map(|line| format!("// {line}\n")).collect();
    let addresses: String =
        imports.iter().map(|(name, ..)| format!("    (const void *)&{name},\n")).collect();
    Ok(format!(
        "// {numbers} numbers, {fields} fields, {signatures} signatures\n{listed}{headers}{}{out}\
         extern \"C\" const void *const imports[] __attribute__((used)) = {{\n{addresses}    nullptr}};\n",
        include_str!("prelude.hpp")
    ))
}

struct Check<'a> {
    target: &'a Target,
    translator: Translator<'a>,
    problems: Vec<String>,
    /// Names of the table that were looked up.
    used: BTreeSet<&'static str>,
    out: String,
    /// C name, library and symbol.
    imports: Vec<(String, String, String)>,
    /// What is said of codes to `ci/abi/run`.
    listed: Vec<String>,
    numbers: usize,
    fields: usize,
    signatures: usize,
}

impl<'a> Check<'a> {
    /// What the table says of a Rust name.
    fn entry(&mut self, rust: &str) -> Option<&'static Named> {
        let (name, named) = Named::find(&self.target.os, rust)?;
        self.used.insert(name);
        Some(named)
    }

    /// What something is called in C: what the table says, or else `default`. `None` if it has no name there.
    fn name(&mut self, rust: &str, default: impl FnOnce() -> String) -> Option<String> {
        match self.entry(rust) {
            Some(Named::As(name)) => Some(name.to_string()),
            Some(Named::Nowhere(_)) => None,
            None => Some(default()),
        }
    }

    fn problem<T: ?Sized>(&mut self, at: Found<'_, T>, problem: impl std::fmt::Display) {
        self.problems.push(format!("{}:{}: {problem}", at.path, at.line));
    }

    /// An assertion; what it says is said of the line in Rust.
    fn assert<T: ?Sized>(&mut self, at: Found<'_, T>, text: impl std::fmt::Display) {
        writeln!(self.out, "#line {} {:?}\n{text}", at.line, at.path).unwrap();
    }

    fn number<T: ?Sized>(&mut self, at: Found<'_, T>, ty: &str, value: &Expr, name: &str) {
        match self.translator.number(value, ty) {
            Ok(value) => {
                self.assert(at, format_args!("NUMBER({ty}, ({ty})({value}), {name});"));
                self.numbers += 1;
            }
            Err(what) => self.problem(at, format_args!("{name} is worth {what}")),
        }
    }

    fn constants(&mut self) {
        for constant in &self.translator.declared.constants {
            let (name, at) = (&constant.name, constant.value);
            // A call's number is one of an architecture.
            let call = self.target.os == "linux" && at.path.ends_with(&format!("{}.rs", self.target.arch));
            let default = || if call { format!("__NR_{}", name.to_lowercase()) } else { name.clone() };
            let c = match constant.ty {
                Type::Path(path) if path.path.is_ident("Self") => continue,
                // A variable's first value.
                Type::Path(path) if path.path.segments[0].ident.to_string().starts_with("Atomic") => continue,
                Type::Reference(_) | Type::FnPtr(_) => continue,
                _ if name == "_" => continue,
                _ => self.name(name, default),
            };
            let Some(c) = c else { continue };
            match self.translator.number_type(constant.ty) {
                Ok(ty) => self.number(at, &ty, at.node, &c),
                Err(what) => self.problem(at, format_args!("{name} has {what}")),
            }
        }
    }

    /// Each code by its name; `ci/abi/run` sees that none is missing.
    fn codes(&mut self) {
        for table in &self.translator.declared.codes {
            let codes = match parse2::<Codes>(table.node.tokens.clone()) {
                Ok(codes) => codes,
                Err(what) => {
                    self.problem(*table, format_args!("codes that ci/abi cannot read: {what}"));
                    continue;
                }
            };
            let (prefix, ty) =
                if self.target.os == "windows" { ("ERROR_", "abi::u32") } else { ("", "abi::i32") };
            for (number, name) in codes.rows {
                let at = Found { path: table.path, line: number.span().start().line, node: &() };
                let name = format!("{prefix}{name}");
                self.assert(at, format_args!("NUMBER({ty}, {number}, {name});"));
                self.numbers += 1;
                self.listed.push(format!("code {number} {name}"));
            }
            for (first, last) in codes.ranges {
                self.listed.push(format!("codes {first} {last}"));
            }
        }
        if self.listed.is_empty() {
            self.problems.push("src/sys: no table codes! of the error codes".into());
        }
    }

    /// `Advice::Random => 1`, `Discard::Free => Some(8)`.
    fn advice(&mut self) {
        for &arm in &self.translator.declared.arms {
            let mut body = &*arm.node.body;
            while let Expr::Call(ExprCall { func, args, .. }) = body
                && matches!(&**func, Expr::Path(path) if path.path.is_ident("Some") || path.path.is_ident("Ok"))
            {
                body = &args[0];
            }
            for pattern in alternatives(&arm.node.pat) {
                let Pat::Path(path) = pattern else { continue };
                let path: Vec<String> =
                    path.path.segments.iter().map(|part| part.ident.to_string()).collect();
                let [.., set, member] = &path[..] else { continue };
                if set != "Advice" && set != "Discard" {
                    continue;
                }
                if self.translator.number(body, "abi::i64").is_ok() {
                    let default = || format!("MADV_{}", member.to_uppercase());
                    if let Some(name) = self.name(&format!("{set}::{member}"), default) {
                        self.number(arm, "abi::i64", body, &name);
                    }
                } else if !literals(body).is_empty() {
                    self.problem(arm, "a number that ci/abi cannot work out; make it a const");
                }
            }
        }
    }

    /// Numbers that go to the system without a name.
    fn bare_arguments(&mut self) {
        for &call in &self.translator.declared.calls {
            let Expr::Path(callee) = &*call.node.func else { continue };
            let callee = callee.path.segments.last().unwrap().ident.to_string();
            let imported = |import: &Import| matches!(import.item.node, ForeignItem::Fn(item) if item.sig.ident == callee);
            if !callee.starts_with("syscall") && !self.translator.declared.imports.iter().any(imported) {
                continue;
            }
            for literal in call.node.args.iter().flat_map(literals) {
                match self.entry(&literal) {
                    Some(Named::As(name)) => {
                        self.number(call, "abi::u64", &parse_str(&literal).unwrap(), name);
                    }
                    Some(Named::Nowhere(_)) => {}
                    None => self
                        .problem(call, format_args!("{literal} has no name; make it a const named as in C")),
                }
            }
        }
    }

    /// What Rust takes for a C type.
    fn types(&mut self) {
        for &alias in &self.translator.declared.aliases {
            if !matches!(&*alias.node.ty, Type::FnPtr(_))
                && let Some(Named::As(c)) = self.entry(&alias.node.ident.to_string())
            {
                match self.translator.number_type(&alias.node.ty) {
                    Ok(ty) => self
                        .assert(alias, format_args!("static_assert(sizeof({ty}) == sizeof({c}), \"{c}\");")),
                    Err(what) => self.problem(alias, what),
                }
            }
        }
    }

    fn structs(&mut self) {
        let mut names = BTreeSet::new();
        for &found in &self.translator.declared.structs {
            if let Some(repr) = source::representation(found.node) {
                names.insert(found.node.ident.to_string());
                self.define(found, &repr);
            }
        }
        for &found in &self.translator.declared.structs {
            if names.contains(&found.node.ident.to_string()) {
                self.hold(found);
            }
        }
    }

    /// The struct as Rust has it, which `repr(C)` lays out as C++ does.
    fn define(&mut self, found: Found<'a, ItemStruct>, repr: &str) {
        let mut fields = String::new();
        for field in &found.node.fields {
            match self.translator.ty(&field.ty) {
                Ok(ty) => write!(fields, " {ty} {};", field.ident.as_ref().unwrap()).unwrap(),
                Err(what) => {
                    self.problem(found, format_args!("{} has {what}", field.ident.as_ref().unwrap()))
                }
            }
        }
        let name = &found.node.ident;
        self.assert(found, format_args!("namespace rust {{ struct {repr}{name} {{{fields} }}; }}"));
    }

    fn hold(&mut self, found: Found<'a, ItemStruct>) {
        let rust = found.node.ident.to_string();
        let windows = self.target.os == "windows";
        let default =
            || if windows { snake(&rust).to_uppercase() } else { format!("struct {}", snake(&rust)) };
        let Some(c) = self.name(&rust, default) else { return };
        self.assert(found, format_args!("using c_{rust} = {c};"));
        self.assert(
            found,
            format_args!("static_assert(sizeof(rust::{rust}) == sizeof(c_{rust}), \"size of {c}\");"),
        );
        for field in &found.node.fields {
            let field = field.ident.as_ref().unwrap().to_string();
            if field.starts_with('_') {
                continue;
            }
            let default = || if windows { microsoft(&field) } else { field.clone() };
            if let Some(name) = self.name(&format!("{rust}.{field}"), default) {
                self.assert(found, format_args!("FIELD(rust::{rust}, {field}, c_{rust}, {name});"));
                self.fields += 1;
            }
        }
    }

    fn functions(&mut self) {
        for import in &self.translator.declared.imports {
            let at = import.item;
            let (attrs, ident, ty) = match at.node {
                ForeignItem::Fn(item) => {
                    let arguments = item.sig.inputs.iter().map(|argument| match argument {
                        FnArg::Typed(argument) => &*argument.ty,
                        FnArg::Receiver(_) => unreachable!("self in an extern block"),
                    });
                    let variadic = item.sig.variadic.is_some();
                    let abi = Some(&import.block.abi);
                    let ty = self.translator.function(abi, arguments, variadic, &item.sig.output);
                    (&item.attrs, &item.sig.ident, ty)
                }
                ForeignItem::Static(item) => (&item.attrs, &item.ident, self.translator.ty(&item.ty)),
                _ => unreachable!("collected"),
            };
            let symbol = source::attribute(self.target, attrs, "link_name").unwrap_or(ident.to_string());
            let library = source::attribute(self.target, &import.block.attrs, "name").unwrap_or("-".into());
            // Apple's headers choose among versions of a function by what follows a `$`.
            let name = symbol.split('$').next().unwrap().to_string();
            match ty {
                Ok(ty) => self.signature(at, &ty, &name),
                Err(what) => self.problem(at, format_args!("{name} has {what}")),
            }
            // As the default is the name that stdcall makes, and no DLL of the system exports that.
            let kind = source::attribute(self.target, &import.block.attrs, "import_name_type");
            if self.target.name() == "x86-windows-gnu" && kind.as_deref() != Some("undecorated") {
                self.problem(
                    at,
                    format_args!("{name} is imported without import_name_type = \"undecorated\""),
                );
            }
            self.imports.push((name, library, symbol));
        }
        // Of functions that are looked up by name while the program runs.
        for &alias in &self.translator.declared.aliases {
            if let Type::FnPtr(function) = &*alias.node.ty
                && function.abi.is_some()
                && let Some(name) = self.name(&alias.node.ident.to_string(), || alias.node.ident.to_string())
            {
                match self.translator.ty(&alias.node.ty) {
                    Ok(ty) => self.signature(alias, &format!("__remove_pointer({ty})"), &name),
                    Err(what) => self.problem(alias, format_args!("{name} has {what}")),
                }
            }
        }
    }

    fn signature<T>(&mut self, at: Found<'_, T>, ty: &str, name: &str) {
        let message = format!("{name} is declared otherwise in C");
        self.assert(
            at,
            format_args!("static_assert(abi::declared<{ty}, decltype({name})>::alike, {message:?});"),
        );
        self.signatures += 1;
    }

    /// The bits of `Prot`, which go to the system as they are.
    fn prot(&mut self, root: &Path) -> Result<()> {
        let path = "src/options.rs";
        let file = source::parse(root, Path::new(path))?;
        let Some(bits) = Bits::find(&file, "Prot") else {
            return Err(format!("{path} has no bits called Prot"));
        };
        let ty = self.translator.number_type(&bits.ty)?;
        for (member, value) in &bits.members {
            let at = Found { path, line: member.span().start().line, node: value };
            if let Some(name) = self.name(&format!("Prot::{member}"), || format!("PROT_{member}")) {
                self.number(at, &ty, value, &name);
            }
        }
        Ok(())
    }
}

fn alternatives(pattern: &Pat) -> Vec<&Pat> {
    match pattern {
        Pat::Or(or) => or.cases.iter().collect(),
        Pat::Paren(inner) => alternatives(&inner.pat),
        Pat::Tuple(tuple) => tuple.elems.iter().flat_map(alternatives).collect(),
        _ => vec![pattern],
    }
}

/// The literals that an expression consists of, but 0, and -1, which stands for what is not there.
fn literals(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) if literal.base10_digits() == "0" => Vec::new(),
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) => vec![literal.to_string()],
        Expr::Paren(inner) => literals(&inner.expr),
        Expr::Unary(inner) => literals(&inner.expr).into_iter().filter(|literal| literal != "1").collect(),
        Expr::Cast(inner) => literals(&inner.expr),
        // Other operators compute lengths and addresses.
        Expr::Binary(ExprBinary { left, op: BinOp::BitOr(_), right, .. }) => {
            [literals(left), literals(right)].concat()
        }
        _ => Vec::new(),
    }
}

/// `end_of_file`: `EndOfFile`, and `dw_page_size`: `dwPageSize`.
fn microsoft(field: &str) -> String {
    let mut words = Vec::new();
    for word in field.split('_') {
        let prefix = words.is_empty() && ["dw", "h", "lp"].contains(&word);
        words.push(if prefix { word.into() } else { word[..1].to_uppercase() + &word[1..] });
    }
    words.concat()
}

/// `PageOut`: `page_out`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
