//! Finds the declarations in a backend's files, for one target.

use proc_macro2::TokenStream;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use syn::parse::{Parse, ParseStream, Parser};
use syn::visit::{self, Visit};
use syn::{spanned::Spanned, *};

type Result<T, E = String> = std::result::Result<T, E>;

/// A file of the crate, parsed.
pub struct Source {
    /// Its path in the crate.
    pub path: String,
    pub file: File,
}

/// A row of `SUPPORTED` in `build.rs`.
pub struct Target {
    /// Whose headers there are: macOS' for all of Apple's systems.
    pub os: String,
    pub arch: String,
    /// As in the row.
    system: String,
    /// The bits of its pointers.
    pub width: String,
    backend: String,
}

impl Target {
    /// The name that zig uses.
    pub fn name(&self) -> String {
        let (arch, system) = (&self.arch, &self.system);
        match (arch.as_str(), system.as_str()) {
            (_, "macos") => format!("{arch}-macos"),
            (_, "macabi") => format!("{arch}-maccatalyst"),
            ("x86_64", _) if self.backend == "apple" => format!("x86_64-{system}-simulator"),
            // Both byte orders have the same numbers, and zig has glibc for this one.
            ("powerpc64", "linux") => "powerpc64le-linux-gnu".into(),
            ("arm", "linux") => "arm-linux-gnueabihf".into(),
            (_, "linux" | "windows") => format!("{arch}-{system}-gnu"),
            _ => format!("{arch}-{system}"),
        }
    }
}

/// Parses a file of the crate.
pub fn parse(root: &Path, path: &Path) -> Result<File> {
    let text =
        std::fs::read_to_string(root.join(path)).map_err(|error| format!("{}: {error}", path.display()))?;
    parse_file(&text).map_err(|error| format!("{}:{}: {error}", path.display(), error.span().start().line))
}

/// Systems whose headers zig lacks.
const WITHOUT_HEADERS: &[&str] = &["dragonfly", "illumos"];

/// The targets that `build.rs` supports, and whose headers zig has.
pub fn targets(root: &Path) -> Result<Vec<Target>> {
    #[derive(Default)]
    struct Rows(Vec<Target>);
    impl Visit<'_> for Rows {
        fn visit_expr_tuple(&mut self, row: &ExprTuple) {
            let columns: Option<Vec<_>> = row.elems.iter().map(string).collect();
            if let Some([os, arch, width, backend]) = columns.as_deref() {
                // Android's kernel is Linux, and has its headers.
                if os == "android" || WITHOUT_HEADERS.contains(&os.as_str()) {
                    return;
                }
                let [system, arch, width, backend] = [os, arch, width, backend].map(String::clone);
                let os = if backend == "apple" { "macos".into() } else { system.clone() };
                self.0.push(Target { os, arch, system, width, backend });
            }
        }
    }
    let mut rows = Rows::default();
    for item in &parse(root, Path::new("build.rs"))?.items {
        // Not the custom backend, which has no headers.
        if let Item::Const(item) = item
            && item.ident == "SUPPORTED"
        {
            rows.visit_item_const(item);
        }
    }
    if rows.0.is_empty() {
        return Err(
            "build.rs has no SUPPORTED in the form that `targets` in ci/abi/src/source.rs reads".into()
        );
    }
    Ok(rows.0)
}

/// Parses `src/sys/mod.rs` and the modules below it that are compiled for the target.
pub fn read(root: &Path, target: &Target) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut paths = vec![(PathBuf::from("src/sys/mod.rs"), PathBuf::from("src/sys"))];
    while let Some((path, folder)) = paths.pop() {
        let file = parse(root, &path)?;
        for item in &file.items {
            if let Item::Mod(ItemMod { content: None, ident, attrs, .. }) = item
                && active(target, attrs)?
            {
                // The modules of a file that an attribute names are looked for beside it.
                if let Some(named) = attribute(target, attrs, "path") {
                    paths.push((path.with_file_name(named), path.with_file_name("")));
                    continue;
                }
                let (inner, flat) = (folder.join(ident.to_string()), folder.join(format!("{ident}.rs")));
                paths.push((if root.join(&flat).exists() { flat } else { inner.join("mod.rs") }, inner));
            }
        }
        sources.push(Source { path: path.display().to_string(), file });
    }
    remove_hidden(target, &mut sources);
    Ok(sources)
}

/// Removes constants and structs that no use of their name means: the file of an architecture hides those that it imports
/// with `*`, and these hide what it does not import.
fn remove_hidden(target: &Target, sources: &mut [Source]) {
    let file = format!("/arch/{}.rs", target.arch);
    let Some(own) = sources.iter().find(|source| source.path.ends_with(&file)) else { return };
    let (mut imported, mut by_name) = (BTreeSet::new(), BTreeMap::new());
    for item in &own.file.items {
        if let Item::Use(item) = item {
            imports(&item.tree, "", &mut imported, &mut by_name);
        }
    }
    let folder = own.path.replace(&file, "/arch/");
    let mut hidden = BTreeSet::new();
    for step in 0..3 {
        let mut found = Vec::new();
        for source in &mut *sources {
            let file = source.path.strip_prefix(&folder).and_then(|file| file.strip_suffix(".rs"));
            let (Some(module), items) = (file, &mut source.file.items) else { continue };
            let step_of = if module == target.arch { 0 } else { 2 - i32::from(imported.contains(module)) };
            if module == "mod" || step_of != step {
                continue;
            }
            items.retain(|item| {
                let (Item::Const(ItemConst { ident, .. }) | Item::Struct(ItemStruct { ident, .. })) = item
                else {
                    return true;
                };
                let name = ident.to_string();
                let is_meant = match by_name.get(&name) {
                    Some(of) => of == module,
                    None => !hidden.contains(&name),
                };
                found.push(name);
                is_meant
            });
        }
        hidden.extend(found);
    }
}

/// Adds the modules of which a `use` imports all, and the names that it imports, with their modules.
fn imports(tree: &UseTree, module: &str, all: &mut BTreeSet<String>, by_name: &mut BTreeMap<String, String>) {
    match tree {
        UseTree::Path(path) => imports(&path.tree, &path.ident.to_string(), all, by_name),
        UseTree::Group(group) => group.items.iter().for_each(|tree| imports(tree, module, all, by_name)),
        UseTree::Glob(_) => drop(all.insert(module.into())),
        UseTree::Name(name) => drop(by_name.insert(name.ident.to_string(), module.into())),
        UseTree::Rename(_) => {}
    }
}

/// Returns whether an item is compiled for the target, with all features.
pub fn active(target: &Target, attrs: &[Attribute]) -> Result<bool> {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("cfg")) {
        if !holds(target, &attr.parse_args::<Meta>().map_err(|error| error.to_string())?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the attributes, including those that `#[cfg_attr]` adds for the target.
fn attributes(target: &Target, attrs: &[Attribute]) -> Result<Vec<Meta>> {
    let mut found = Vec::new();
    for attr in attrs {
        if attr.path().is_ident("cfg_attr") {
            let list = attr.parse_args_with(punctuated::Punctuated::<Meta, Token![,]>::parse_terminated);
            let mut list = list.map_err(|error| error.to_string())?.into_iter();
            if list.next().is_some_and(|condition| holds(target, &condition) == Ok(true)) {
                found.extend(list);
            }
        } else {
            found.push(attr.meta.clone());
        }
    }
    Ok(found)
}

fn holds(target: &Target, condition: &Meta) -> Result<bool> {
    let unknown = || Err("a #[cfg] that `holds` in ci/abi/src/source.rs does not know".to_string());
    let Some(name) = condition.path().get_ident() else { return unknown() };
    match (name.to_string().as_str(), condition) {
        ("test" | "debug_assertions", Meta::Path(_)) => Ok(false),
        ("feature", Meta::NameValue(_)) => Ok(true),
        (key, Meta::NameValue(pair)) => {
            let Some(value) = string(&pair.value) else { return unknown() };
            match key {
                "baremap_backend" => Ok(value == target.backend || value == target.system),
                "baremap_arch" => Ok(value == target.arch),
                _ => unknown(),
            }
        }
        (key, Meta::List(list)) => {
            let list = list.parse_args_with(punctuated::Punctuated::<Meta, Token![,]>::parse_terminated);
            let list = list.map_err(|error| error.to_string())?;
            let all = list.iter().map(|part| holds(target, part)).collect::<Result<Vec<_>, _>>()?;
            match key {
                "all" => Ok(all.iter().all(|&part| part)),
                "any" => Ok(all.iter().any(|&part| part)),
                "not" => Ok(!all[0]),
                _ => unknown(),
            }
        }
        _ => unknown(),
    }
}

/// Returns the value of a string literal.
pub fn string(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        Expr::Lit(ExprLit { lit: Lit::CStr(text), .. }) => text.value().into_string().ok(),
        _ => None,
    }
}

/// Returns the attributes of C++ for `repr(C, …)`, or `None` without `repr(C)`.
pub fn representation(item: &ItemStruct) -> Option<String> {
    let (mut c, mut more) = (false, String::new());
    for attr in item.attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        let _ = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("C") {
                c = true;
            } else if meta.path.is_ident("packed") {
                more.push_str("__attribute__((packed)) ");
            } else if meta.path.is_ident("align") {
                let content;
                parenthesized!(content in meta.input);
                write!(more, "alignas({}) ", content.parse::<LitInt>()?).unwrap();
            }
            Ok(())
        });
    }
    c.then_some(more)
}

/// Returns the string of an attribute `name = "…"`, or of `name = "…"` in `#[link(…)]`.
pub fn attribute(target: &Target, attrs: &[Attribute], name: &str) -> Option<String> {
    attributes(target, attrs).unwrap_or_default().into_iter().find_map(|meta| match meta {
        Meta::NameValue(pair) if pair.path.is_ident(name) => string(&pair.value),
        Meta::List(list) if list.path.is_ident("link") => {
            let list =
                list.parse_args_with(punctuated::Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
            list.iter().find_map(|meta| match meta {
                Meta::NameValue(pair) if pair.path.is_ident(name) => string(&pair.value),
                _ => None,
            })
        }
        _ => None,
    })
}

/// A part of the sources, with its file and line.
pub struct Found<'a, T: ?Sized> {
    pub path: &'a str,
    pub line: usize,
    pub node: &'a T,
}

impl<T: ?Sized> Clone for Found<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: ?Sized> Copy for Found<'_, T> {}

pub struct Constant<'a> {
    pub name: String,
    pub ty: &'a Type,
    pub value: Found<'a, Expr>,
}

pub struct Import<'a> {
    pub item: Found<'a, ForeignItem>,
    pub block: &'a ItemForeignMod,
}

/// Returns the name of the function that is called, without its path.
pub fn callee(call: &ExprCall) -> Option<String> {
    let Expr::Path(callee) = &*call.func else { return None };
    callee.path.segments.last().map(|last| last.ident.to_string())
}

/// All declarations, in the order of the files.
pub struct Declared<'a> {
    target: &'a Target,
    path: &'a str,
    block: Option<&'a ItemForeignMod>,
    pub constants: Vec<Constant<'a>>,
    pub structs: Vec<Found<'a, ItemStruct>>,
    pub aliases: Vec<Found<'a, ItemType>>,
    pub imports: Vec<Import<'a>>,
    pub arms: Vec<Found<'a, Arm>>,
    pub calls: Vec<Found<'a, ExprCall>>,
    pub struct_expressions: Vec<Found<'a, ExprStruct>>,
    /// Imports, stubs, and the functions that call one of these.
    pub system_functions: BTreeSet<String>,
    /// The function that is visited, and the calls in each: caller and callee.
    function: String,
    callees: Vec<(String, String)>,
    /// The calls of `codes!`.
    pub codes: Vec<Found<'a, Macro>>,
    pub problems: Vec<String>,
}

impl<'a> Declared<'a> {
    pub fn collect(target: &'a Target, sources: &'a [Source]) -> Self {
        let mut declared = Self {
            target,
            path: "",
            block: None,
            constants: Vec::new(),
            structs: Vec::new(),
            aliases: Vec::new(),
            imports: Vec::new(),
            arms: Vec::new(),
            calls: Vec::new(),
            struct_expressions: Vec::new(),
            system_functions: BTreeSet::new(),
            function: String::new(),
            callees: Vec::new(),
            codes: Vec::new(),
            problems: Vec::new(),
        };
        for source in sources {
            declared.path = &source.path;
            declared.visit_file(&source.file);
        }
        // Some architectures define their stubs by a macro.
        let is_system =
            |name: &String| name.starts_with("syscall") || declared.system_functions.contains(name);
        let callers = declared.callees.iter().filter(|call| is_system(&call.1));
        let callers: Vec<_> = callers.flat_map(|(caller, callee)| [caller.clone(), callee.clone()]).collect();
        declared.system_functions.extend(callers);
        declared
    }

    fn active(&mut self, attrs: &[Attribute]) -> bool {
        active(self.target, attrs).unwrap_or_else(|problem| {
            self.problems.push(format!("{}: {problem}", self.path));
            false
        })
    }

    fn found<T: Spanned>(&self, node: &'a T) -> Found<'a, T> {
        Found { path: self.path, line: node.span().start().line, node }
    }

    fn problem(&mut self, node: &impl Spanned, problem: &str) {
        self.problems.push(format!("{}:{}: {problem}", self.path, node.span().start().line));
    }

    fn call(&mut self, call: &'a ExprCall) {
        self.calls.push(self.found(call));
        if let Some(callee) = callee(call) {
            self.callees.push((self.function.clone(), callee));
        }
    }

    fn constant(&mut self, name: &Ident, ty: &'a Type, value: &'a Expr) {
        self.constants.push(Constant { name: name.to_string(), ty, value: self.found(value) });
    }
}

/// Visits what is compiled for the target, after recording it.
macro_rules! visit_active {
    ($($visit:ident $node:ident $(= |$self:ident, $item:ident| $note:expr)?;)*) => {
        $(fn $visit(&mut self, node: &'a $node) {
            if self.active(&node.attrs) {
                $(let ($self, $item) = (&mut *self, node); $note;)?
                visit::$visit(self, node);
            }
        })*
    };
}

impl<'a> Visit<'a> for Declared<'a> {
    visit_active! {
        visit_item_const ItemConst = |this, item| this.constant(&item.ident, &item.ty, &item.expr);
        visit_impl_item_const ImplItemConst = |this, item| this.constant(&item.ident, &item.ty, &item.expr);
        visit_item_static ItemStatic = |this, item| this.constant(&item.ident, &item.ty, &item.expr);
        visit_item_struct ItemStruct = |this, item| this.structs.push(this.found(item));
        visit_arm Arm = |this, item| this.arms.push(this.found(item));
        visit_expr_call ExprCall = |this, item| this.call(item);
        visit_expr_struct ExprStruct = |this, item| this.struct_expressions.push(this.found(item));
        visit_item_foreign_mod ItemForeignMod = |this, item| this.block = Some(item);
        visit_item_fn ItemFn = |this, item| this.function = item.sig.ident.to_string();
        visit_impl_item_fn ImplItemFn = |this, item| this.function = item.sig.ident.to_string();
        visit_item_impl ItemImpl;
        visit_item_mod ItemMod;
        visit_expr_block ExprBlock;
        visit_local Local;
    }

    fn visit_foreign_item(&mut self, item: &'a ForeignItem) {
        let attrs = match item {
            ForeignItem::Fn(item) => &item.attrs,
            ForeignItem::Static(item) => &item.attrs,
            _ => return self.problem(item, "neither a function nor a static"),
        };
        // A routine of our own in assembly: its name is made by `concat!`, with the crate's version.
        let is_ours = |attr: &Attribute| {
            matches!(&attr.meta, Meta::NameValue(MetaNameValue { path, value: Expr::Macro(_), .. })
                if path.is_ident("link_name"))
        };
        if self.active(attrs) && !attrs.iter().any(is_ours) {
            if let ForeignItem::Fn(item) = item {
                self.system_functions.insert(item.sig.ident.to_string());
            }
            self.imports.push(Import { item: self.found(item), block: self.block.unwrap() });
        }
    }

    fn visit_item_type(&mut self, item: &'a ItemType) {
        if self.active(&item.attrs) {
            self.aliases.push(self.found(item));
        }
    }

    /// Refuses such types outside of imports and aliases.
    fn visit_type_fn_ptr(&mut self, pointer: &'a TypeFnPtr) {
        if pointer.abi.is_some() {
            self.problem(
                pointer,
                "a function that ci/abi does not see; declare an alias of its type, named as in C",
            );
        }
    }

    fn visit_variant(&mut self, variant: &'a Variant) {
        if let Some((_, value)) = &variant.discriminant {
            self.problem(value, "a number that ci/abi does not see; make it a const");
        }
    }

    fn visit_item_macro(&mut self, item: &'a ItemMacro) {
        match &item.ident {
            // What these define is checked by the table that they are called with.
            Some(name) if name == "codes" || name == "meanings" => {}
            // A routine of our own in assembly.
            Some(name) if name == "routine" => {}
            _ => visit::visit_item_macro(self, item),
        }
    }

    fn visit_macro(&mut self, call: &'a Macro) {
        if call.path.segments.last().is_some_and(|last| last.ident == "codes") {
            let (path, line) = (self.path, call.tokens.span().start().line);
            self.codes.push(Found { path, line, node: call });
        }
        // The first argument of `matches!` may be a call.
        if let Ok(expr) = call.parse_body_with(|input: ParseStream| {
            let expr = input.parse::<Expr>()?;
            input.parse::<TokenStream>().map(|_| expr)
        }) {
            self.visit_expr(Box::leak(Box::new(expr)));
        }
        // `&raw const` declares nothing.
        for word in call.tokens.to_string().replace("raw const", "raw").split_whitespace() {
            if ["const", "extern", "struct"].contains(&word) {
                self.problem(call, &format!("a `{word}` that ci/abi does not see; move it out of the macro"));
            }
        }
    }
}

/// The error codes in `codes!`: `2 ENOENT …`, all that the system has, or the ranges in which these are all:
/// `1..=534 { 2 FILE_NOT_FOUND: NotFound … }`.
#[derive(Default)]
pub struct Codes {
    pub ranges: Vec<(LitInt, LitInt)>,
    /// With the attributes that say where there is such a code.
    pub rows: Vec<(Vec<Attribute>, LitInt, Ident)>,
}

impl Parse for Codes {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut codes = Self::default();
        while !input.is_empty() {
            let attrs = Attribute::parse_outer(input)?;
            let number = input.parse::<LitInt>()?;
            if input.parse::<Option<Token![..=]>>()?.is_some() {
                codes.ranges.push((number, input.parse()?));
                let content;
                braced!(content in input);
                codes.rows.extend(content.parse::<Self>()?.rows);
            } else {
                codes.rows.push((attrs, number, input.parse()?));
                if input.parse::<Option<Token![:]>>()?.is_some() {
                    input.parse::<Ident>()?;
                }
            }
        }
        Ok(codes)
    }
}

/// A set that `bits!` in `options.rs` defines, with its members.
pub struct Bits {
    pub name: Ident,
    pub ty: Type,
    pub members: Vec<(Ident, Expr)>,
}

impl Parse for Bits {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        Attribute::parse_outer(input)?;
        let (name, _, ty) = (input.parse()?, input.parse::<Token![:]>()?, input.parse()?);
        let mut members = Vec::new();
        let content;
        braced!(content in input);
        while !content.is_empty() {
            Attribute::parse_outer(&content)?;
            let (name, _) = (content.parse()?, content.parse::<Token![=]>()?);
            members.push((name, content.parse()?));
            content.parse::<Token![;]>()?;
        }
        Ok(Self { name, ty, members })
    }
}

impl Bits {
    pub fn find(file: &File, name: &str) -> Option<Self> {
        file.items.iter().find_map(|item| match item {
            Item::Macro(item) => {
                Bits::parse.parse2(item.mac.tokens.clone()).ok().filter(|bits| bits.name == name)
            }
            _ => None,
        })
    }
}
