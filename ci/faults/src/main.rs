//! Puts a fault into the crate's sources: finds a pattern of Rust tokens and replaces it. `ci/faults/run --help` describes
//! patterns.
//!
//! Patterns of tokens, because a syntax tree contains nothing else in macros (`asm!`, `codes!`), where half of the facts are.
//! Comments and line breaks are not tokens, so a pattern does not depend on them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::exit;

type Result<T> = std::result::Result<T, String>;

/// A token, or a group of tokens in parentheses, and its range in the file.
struct Tree {
    node: Node,
    range: Range<usize>,
}

enum Node {
    Token(String),
    Group(Delimiter, Vec<Tree>),
}
use Node::{Group, Token};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [root, place, edits @ ..] if !edits.is_empty() && edits.len() % 2 == 0 => {
            edits.chunks(2).try_for_each(|edit| replace(Path::new(root), place, edit[0], edit[1]))
        }
        _ => Err("usage: faults CRATE PLACE BEFORE AFTER [BEFORE AFTER]…".into()),
    };
    if let Err(problem) = result {
        eprintln!("{problem}");
        exit(1);
    }
}

/// Replaces the only match in a place.
fn replace(root: &Path, place: &str, before: &str, after: &str) -> Result<()> {
    let (path, items) = place.split_once("::").unwrap_or((place, ""));
    let items: Vec<&str> = items.split("::").filter(|item| !item.is_empty()).collect();
    let pattern = parse(before).map_err(|error| format!("{before}: {error}"))?;
    for text in [before, after] {
        let trees = parse(text).map_err(|error| format!("{text}: {error}"))?;
        check_names(&trees, Delimiter::None)
            .map_err(|name| format!("{text}: `{name}` may be renamed; write a wildcard, `${name}`"))?;
    }
    let mut found = Vec::new();
    for file in files(&root.join("src").join(path))? {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let trees = parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut matches = Vec::new();
        inside(&trees, &items, &mut |trees| search(trees, &pattern, &mut matches));
        found.extend(matches.into_iter().map(|found| (file.clone(), text.clone(), found)));
    }
    match found.as_slice() {
        [] => Err(format!("{place} has no match of: {before}")),
        [(file, text, found)] => {
            let mut edited = text.clone();
            edited.replace_range(found.range.clone(), &found.replacement(after, text)?);
            fs::write(file, edited).map_err(|error| format!("{}: {error}", file.display()))
        }
        _ => {
            let lines = found.iter().map(|(file, text, found)| {
                let file = file.strip_prefix(root).unwrap_or(file).display();
                format!(", {file}:{}", 1 + text[..found.range.start].matches('\n').count())
            });
            Err(format!("{place} has more than one match of: {before}{}", lines.collect::<String>()))
        }
    }
}

/// Returns the file, or the Rust files in the folder.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.into()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(files(&path)?);
        }
    }
    found.sort();
    Ok(found)
}

fn parse(text: &str) -> Result<Vec<Tree>> {
    Ok(trees(text.parse::<TokenStream>().map_err(|error| error.to_string())?))
}

/// Returns the tokens, without the attributes that documentation becomes.
fn trees(stream: TokenStream) -> Vec<Tree> {
    let mut trees: Vec<Tree> = Vec::new();
    for tree in stream {
        let range = tree.span().byte_range();
        let node = match tree {
            TokenTree::Group(group) => Group(group.delimiter(), self::trees(group.stream())),
            other => Token(other.to_string()),
        };
        if let Group(Delimiter::Bracket, inner) = &node
            && inner.first().is_some_and(|first| first.is("doc"))
        {
            while trees.last().is_some_and(|last| last.is("#") || last.is("!")) {
                trees.pop();
            }
        } else {
            trees.push(Tree { node, range });
        }
    }
    trees
}

impl Tree {
    fn is(&self, token: &str) -> bool {
        matches!(&self.node, Token(text) if text == token)
    }
}

/// Calls `found` with the bodies of functions or `impl` blocks, which may be nested: for `["Mapping", "protect"]`, of each
/// `fn protect` in an `impl<A> Mapping<A>`.
fn inside(trees: &[Tree], items: &[&str], found: &mut impl FnMut(&[Tree])) {
    let Some((item, rest)) = items.split_first() else { return found(trees) };
    for (at, tree) in trees.iter().enumerate() {
        if let Group(_, inner) = &tree.node {
            inside(inner, items, found);
        }
        let ends = |tree: &Tree| matches!(tree.node, Group(Delimiter::Brace, _)) || tree.is(";");
        let Some(len) = trees[at..].iter().position(ends) else { continue };
        let (head, body) = (&trees[at..at + len], &trees[at + len..=at + len]);
        let is_named = |tree: &Tree| tree.is(item);
        if tree.is("fn") && head.get(1).is_some_and(is_named) || tree.is("impl") && head.iter().any(is_named)
        {
            inside(body, rest, found);
        }
    }
}

/// Where a pattern matched, and the names and ranges of its wildcards.
struct Match {
    range: Range<usize>,
    wildcards: Vec<(String, Range<usize>)>,
}

impl Match {
    /// Returns `after` with what the wildcards matched in `text`.
    fn replacement(&self, after: &str, text: &str) -> Result<String> {
        let mut runs = self.wildcards.iter().filter(|(name, _)| name == "$");
        let (mut replacement, mut rest) = (String::new(), after);
        while let Some((literal, tail)) = rest.split_once('$') {
            let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
            let len = if tail.starts_with('$') { 1 } else { tail.find(is_end).unwrap_or(tail.len()) };
            let (name, tail) = tail.split_at(len);
            let wildcard = match name {
                "$" => runs.next(),
                "_" => None,
                name => self.wildcards.iter().find(|wildcard| wildcard.0 == name),
            };
            let Some((_, range)) = wildcard else {
                return Err(format!("{after}: nothing was matched by `${name}`"));
            };
            replacement += literal;
            replacement += &text[range.clone()];
            rest = tail;
        }
        Ok(replacement + rest)
    }
}

fn search(trees: &[Tree], pattern: &[Tree], found: &mut Vec<Match>) {
    for (at, tree) in trees.iter().enumerate() {
        let mut wildcards = Vec::new();
        // The declaration of a function is not a call.
        let is_declared = at > 0 && trees[at - 1].is("fn");
        if !is_declared && let Some(end) = matched(&trees[at..], pattern, false, &mut wildcards) {
            let range = tree.range.start..trees[at + end - 1].range.end;
            // If the pattern begins with a wildcard, several matches have the same end. The last is the shortest.
            found.retain(|other| other.range.end != range.end);
            found.push(Match { range, wildcards });
        }
        if let Group(_, inner) = &tree.node {
            search(inner, pattern, found);
        }
    }
}

/// Returns how many trees the pattern matches, starting with the first. With `whole` it must match all, except a last comma.
fn matched(
    trees: &[Tree],
    pattern: &[Tree],
    whole: bool,
    wildcards: &mut Vec<(String, Range<usize>)>,
) -> Option<usize> {
    let Some((first, rest)) = pattern.split_first() else {
        let is_end = trees.is_empty() || trees.len() == 1 && trees[0].is(",");
        return (!whole || is_end).then_some(0);
    };
    if first.is("$") {
        let Some((Tree { node: Token(name), .. }, rest)) = rest.split_first() else { return None };
        let is_any = name == "$";
        let count = wildcards.len();
        for len in 0..=trees.len() {
            if !is_any && len > 0 && (trees[len - 1].is(",") || trees[len - 1].is(";")) {
                return None;
            }
            if is_any || len > 0 {
                let start = trees.first().map_or(0, |first| first.range.start);
                let end = if len == 0 { start } else { trees[len - 1].range.end };
                wildcards.push((name.clone(), start..end));
                if let Some(more) = matched(&trees[len..], rest, whole, wildcards) {
                    return Some(len + more);
                }
                wildcards.truncate(count);
            }
        }
        return None;
    }
    let tree = trees.first()?;
    match (&tree.node, &first.node) {
        (Token(tree), Token(first)) if tree == first => {}
        (Group(delimiter, inner), Group(same, pattern)) if delimiter == same => {
            matched(inner, pattern, true, wildcards)?;
        }
        _ => return None,
    }
    Some(1 + matched(&trees[1..], rest, whole, wildcards)?)
}

/// Keywords and types.
const WORDS: &str = "as bool break c_char c_int c_void const continue crate else extern false fn for i16 i32 i64 i8 if impl \
    in isize let loop match mod move mut pub ref return self static struct super true type u16 u32 u64 u8 unsafe use usize \
    while";

/// Refuses lower-case names that may be those of a local variable, a parameter or a module. Fields, methods, functions,
/// macros, and options of attributes are recognized by the tokens beside them.
fn check_names(trees: &[Tree], parentheses: Delimiter) -> Result<()> {
    let is = |at: usize, token: &str| trees.get(at).is_some_and(|tree| tree.is(token));
    for (at, tree) in trees.iter().enumerate() {
        let name = match &tree.node {
            Group(delimiter, inner) => {
                check_names(inner, *delimiter)?;
                continue;
            }
            Token(name) => name,
        };
        let is_lower = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        let follows = |token| at > 0 && is(at - 1, token);
        let is_member = follows(".") || follows(":") || follows("fn");
        let is_called = is(at + 1, "!")
            || matches!(trees.get(at + 1), Some(Tree { node: Group(Delimiter::Parenthesis, _), .. }));
        let is_field = parentheses != Delimiter::Parenthesis && is(at + 1, ":") && !is(at + 2, ":");
        let is_option = is(at + 1, "=")
            && (is(at + 2, "$")
                || matches!(trees.get(at + 2), Some(Tree { node: Token(value), .. }) if value.starts_with('"')));
        let is_allowed = follows("$") || is_member || is_called || is_field || is_option || name == "_";
        if is_lower && !is_allowed && !WORDS.split_whitespace().any(|word| word == name) {
            return Err(name.clone());
        }
    }
    Ok(())
}
