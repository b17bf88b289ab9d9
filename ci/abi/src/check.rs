//! Writes the assertions, one kind of declaration after the other, each with `#line` of its declaration in Rust.

use crate::source::{self, Bits, Codes, Declared, Found, Target};
use crate::tables::{self, NAMES, Named};
use crate::translate::Translator;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use syn::*;

type Result<T> = std::result::Result<T, String>;

/// Returns the C++ file for a target. Its first lines, comments, are for `ci/abi/run`: they count the assertions and list
/// the error codes and the imports.
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
    check.bare_numbers();
    check.functions();
    // Windows has other numbers, which are constants of the backend.
    if target.os != "windows" {
        check.prot(root)?;
    }
    for (systems, name, _) in NAMES {
        if tables::is_for(systems, target) && !check.used.contains(name) {
            check.problems.push(format!("ci/abi/src/tables.rs: no source for {} has {name}", target.os));
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
    /// The names of the table that were found in sources.
    used: BTreeSet<&'static str>,
    out: String,
    /// C name, library and symbol.
    imports: Vec<(String, String, String)>,
    /// Codes and ranges of codes, for `ci/abi/run`.
    listed: Vec<String>,
    numbers: usize,
    fields: usize,
    signatures: usize,
}

impl<'a> Check<'a> {
    /// Looks a Rust name up in the table.
    fn entry(&mut self, rust: &str) -> Option<&'static Named> {
        let (name, named) = Named::find(self.target, rust)?;
        self.used.insert(name);
        Some(named)
    }

    /// Returns the name in C: the table's, or else `default`. `None` if the table says that there is none.
    fn name(&mut self, rust: &str, default: impl FnOnce() -> String) -> Option<String> {
        match self.entry(rust) {
            Some(Named::As(name) | Named::Start(name)) => Some(name.to_string()),
            Some(Named::Nowhere(_)) => None,
            None => Some(default()),
        }
    }

    fn problem<T: ?Sized>(&mut self, at: Found<'_, T>, problem: impl std::fmt::Display) {
        self.problems.push(format!("{}:{}: {problem}", at.path, at.line));
    }

    /// Writes an assertion, whose errors name the line in Rust.
    fn assert<T: ?Sized>(&mut self, at: Found<'_, T>, text: impl std::fmt::Display) {
        writeln!(self.out, "#line {} {:?}\n{text}", at.line, at.path).unwrap();
    }

    fn number<T: ?Sized>(&mut self, at: Found<'_, T>, ty: &str, value: &Expr, name: &str) {
        match self.translator.number(value, ty) {
            Ok(value) => {
                self.assert(at, format_args!("NUMBER({ty}, ({ty})({value}), {name});"));
                self.numbers += 1;
            }
            Err(what) => self.problem(at, format_args!("{name} has a value with {what}")),
        }
    }

    fn constants(&mut self) {
        for constant in &self.translator.declared.constants {
            let (name, at) = (&constant.name, constant.value);
            // The files of architectures contain the numbers of calls, and flags of `open`.
            let is_call = at.path.contains("/arch/")
                && !at.path.ends_with("/mod.rs")
                && matches!(constant.ty, Type::Path(path) if path.path.is_ident("usize"));
            let default = || if is_call { format!("__NR_{}", name.to_lowercase()) } else { name.clone() };
            let c = match constant.ty {
                Type::Path(path) if path.path.is_ident("Self") => continue,
                // The first value of a variable.
                Type::Path(path) if path.path.segments[0].ident.to_string().starts_with("Atomic") => continue,
                Type::Reference(_) | Type::FnPtr(_) => continue,
                _ if name == "_" => continue,
                // `bare_numbers` checks the fields.
                _ if matches!(at.node, Expr::Struct(_)) => continue,
                _ => self.name(name, default),
            };
            let Some(c) = c else { continue };
            match self.translator.number_type(constant.ty) {
                Ok(ty) => self.number(at, &ty, at.node, &c),
                Err(what) => self.problem(at, format_args!("{name} has {what}")),
            }
        }
    }

    /// Compares each code with its name in C. `ci/abi/run` makes sure that none is missing.
    fn codes(&mut self) {
        for table in &self.translator.declared.codes {
            let codes = match parse2::<Codes>(table.node.tokens.clone()) {
                Ok(codes) => codes,
                Err(what) => {
                    self.problem(
                        *table,
                        format_args!("error codes in a form that ci/abi cannot read: {what}"),
                    );
                    continue;
                }
            };
            let (prefix, ty) =
                if self.target.os == "windows" { ("ERROR_", "abi::u32") } else { ("", "abi::i32") };
            for (attrs, number, name) in codes.rows {
                if source::active(self.target, &attrs) == Ok(false) {
                    continue;
                }
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
            self.problems.push("src/sys: no codes! with the error codes".into());
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

    /// Refuses numbers without a name in arguments of the system's functions and in fields.
    fn bare_numbers(&mut self) {
        for &call in &self.translator.declared.calls {
            let functions = &self.translator.declared.system_functions;
            if source::callee(call.node).is_some_and(|callee| functions.contains(&callee)) {
                call.node.args.iter().for_each(|argument| self.bare_number(call, argument));
            }
        }
        for &fields in &self.translator.declared.struct_expressions {
            fields.node.fields.iter().for_each(|field| self.bare_number(fields, &field.expr));
        }
    }

    fn bare_number<T: ?Sized>(&mut self, at: Found<'_, T>, expr: &Expr) {
        for literal in literals(expr) {
            match self.entry(&literal) {
                Some(Named::As(name)) => self.number(at, "abi::u64", &parse_str(&literal).unwrap(), name),
                Some(_) => {}
                None => {
                    self.problem(at, format_args!("{literal} has no name; make it a const named as in C"))
                }
            }
        }
    }

    /// Compares the size of types that stand for a C type.
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
                self.compare(found);
            }
        }
    }

    /// Writes Rust's struct in C++, which lays it out as `repr(C)` does.
    fn define(&mut self, found: Found<'a, ItemStruct>, repr: &str) {
        let mut fields = String::new();
        for field in &found.node.fields {
            match self.translator.ty(&field.ty) {
                // The name in C may be a macro.
                Ok(ty) => write!(fields, " {ty} {}_;", field.ident.as_ref().unwrap()).unwrap(),
                Err(what) => {
                    self.problem(found, format_args!("{} has {what}", field.ident.as_ref().unwrap()))
                }
            }
        }
        let name = &found.node.ident;
        self.assert(found, format_args!("namespace rust {{ struct {repr}{name} {{{fields} }}; }}"));
    }

    fn compare(&mut self, found: Found<'a, ItemStruct>) {
        let rust = found.node.ident.to_string();
        let windows = self.target.os == "windows";
        let default =
            || if windows { snake(&rust).to_uppercase() } else { format!("struct {}", snake(&rust)) };
        let compares = if matches!(self.entry(&rust), Some(Named::Start(_))) { "<=" } else { "==" };
        let Some(c) = self.name(&rust, default) else { return };
        self.assert(found, format_args!("using c_{rust} = {c};"));
        self.assert(
            found,
            format_args!("static_assert(sizeof(rust::{rust}) {compares} sizeof(c_{rust}), \"size of {c}\");"),
        );
        for field in &found.node.fields {
            let field = field.ident.as_ref().unwrap().to_string();
            if field.starts_with('_') {
                continue;
            }
            let default = || if windows { microsoft(&field) } else { field.clone() };
            if let Some(name) = self.name(&format!("{rust}.{field}"), default) {
                self.assert(found, format_args!("FIELD(rust::{rust}, {field}_, c_{rust}, {name});"));
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
            // In Apple's headers a suffix with `$` chooses one of a function's versions.
            let Some(name) = self.name(&symbol, || symbol.split('$').next().unwrap().to_string()) else {
                continue;
            };
            match ty {
                Ok(ty) => self.signature(at, &ty, &name),
                Err(what) => self.problem(at, format_args!("{name} has {what}")),
            }
            // Decorated names are the default, and no DLL of the system exports them.
            let kind = source::attribute(self.target, &import.block.attrs, "import_name_type");
            if self.target.name() == "x86-windows-gnu" && kind.as_deref() != Some("undecorated") {
                self.problem(
                    at,
                    format_args!("{name} is imported without import_name_type = \"undecorated\""),
                );
            }
            self.imports.push((name, library, symbol));
        }
        // Functions that are looked up by name at run time.
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
        let message = format!("{name} has another type in C");
        self.assert(
            at,
            format_args!("static_assert(abi::declared<{ty}, decltype({name})>::alike, {message:?});"),
        );
        self.signatures += 1;
    }

    /// Compares the bits of `Prot`, which POSIX systems receive unchanged.
    fn prot(&mut self, root: &Path) -> Result<()> {
        let path = "src/options/mod.rs";
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

/// Returns the literals of an expression, except 0, and -1, which means "none".
fn literals(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) if literal.base10_digits() == "0" => Vec::new(),
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) => vec![literal.to_string()],
        Expr::Paren(inner) => literals(&inner.expr),
        Expr::Unary(inner) => literals(&inner.expr).into_iter().filter(|literal| literal != "1").collect(),
        Expr::Cast(inner) => literals(&inner.expr),
        // Other operators compute lengths and addresses, not flags.
        Expr::Binary(ExprBinary { left, op: BinOp::BitOr(_), right, .. }) => {
            [literals(left), literals(right)].concat()
        }
        _ => Vec::new(),
    }
}

/// `end_of_file` becomes `EndOfFile`, and `dw_page_size` `dwPageSize`.
fn microsoft(field: &str) -> String {
    let mut words = Vec::new();
    for word in field.split('_') {
        let prefix = words.is_empty() && ["dw", "h", "lp"].contains(&word);
        words.push(if prefix { word.into() } else { word[..1].to_uppercase() + &word[1..] });
    }
    words.concat()
}

/// `PageOut` becomes `page_out`.
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
