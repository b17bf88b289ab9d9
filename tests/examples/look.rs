//! Prints the lines of a sorted file that begin with a string, as BSD's `look` does:
//! `cargo run --release --example look -- [OPTION]… STRING [FILE]`.
//!
//! A binary search touches few pages of a large file, which is what a [`baremap::View`] is good at: each step is a copy of some
//! bytes from the mapping. If another process changes the file meanwhile, a line may be wrong or missing; if it truncates the
//! file, an error says so. With `--pread` each step is a system call instead, for comparison.

use baremap::{Error, File, Mmap, guard};
use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

const HELP: &str = "\
Usage:
 look [options] <string> [<file>]

Print the lines of a sorted file that begin with a string.

Options:
 -a, --alternative        search the dictionary /usr/share/dict/web2
 -d, --alphanum           compare only letters, digits and blanks
 -f, --ignore-case        ignore case
 -t, --terminate <char>   compare up to and including the first <char>
     --pread              read by a system call for each step

 -h, --help               print this and exit
 -V, --version            print the version and exit

The file must be sorted in the C locale, as by sort(1) with -d and -f if these
are given. Without one, the dictionary /usr/share/dict/words is searched, or
the one that the variable WORDLIST names, with -d and -f.

The exit status is 0 if a line was found, 1 if none was, 2 if an error occurred.
";

const WORDS: &str = "/usr/share/dict/words";
const ALTERNATIVE_WORDS: &str = "/usr/share/dict/web2";

/// How lines are compared.
#[derive(Clone, Copy, Default)]
pub struct Order {
    is_alphanum: bool,
    ignores_case: bool,
}

impl Order {
    /// Returns the bytes of a line that count, as they count.
    fn of<'a>(self, line: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
        let counts = move |byte: &u8| {
            !self.is_alphanum || byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'\t')
        };
        let folded = move |byte: u8| if self.ignores_case { byte.to_ascii_lowercase() } else { byte };
        line.iter().copied().filter(counts).map(folded)
    }
}

/// Replaces `line` with the bytes from `offset` to the next newline, and returns the offset after it.
fn read_line<E>(
    read_at: &impl Fn(&mut [u8], u64) -> Result<usize, E>,
    line: &mut Vec<u8>,
    offset: u64,
) -> Result<u64, E> {
    line.clear();
    let mut piece = [0; 128];
    loop {
        let read = read_at(&mut piece, offset + line.len() as u64)?;
        let newline = piece[..read].iter().position(|&byte| byte == b'\n');
        line.extend_from_slice(&piece[..newline.unwrap_or(read)]);
        if newline.is_some() || read == 0 {
            return Ok(offset + line.len() as u64 + u64::from(newline.is_some()));
        }
    }
}

/// Calls `f` with each line that begins with `prefix`, to which `order` was applied. Returns whether there is one.
pub fn look<E>(
    read_at: impl Fn(&mut [u8], u64) -> Result<usize, E>,
    len: u64,
    order: Order,
    prefix: &[u8],
    mut f: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<bool, E> {
    let is_before = |line: &[u8]| order.of(line).take(prefix.len()).lt(prefix.iter().copied());
    let mut line = Vec::new();
    // The line at `start` is the first one or before the prefix. No line that starts at `end` or later is the first match.
    let (mut start, mut end) = (0, len);
    while start < end {
        let middle = start + (end - start) / 2;
        let next = read_line(&read_at, &mut line, middle)?;
        if next >= end {
            end = middle;
            continue;
        }
        read_line(&read_at, &mut line, next)?;
        if is_before(&line) {
            start = next;
        } else {
            end = middle;
        }
    }
    let mut is_found = false;
    while start < len {
        start = read_line(&read_at, &mut line, start)?;
        if order.of(&line).take(prefix.len()).eq(prefix.iter().copied()) {
            f(&line)?;
            is_found = true;
        } else if !is_before(&line) {
            break;
        }
    }
    Ok(is_found)
}

/// A parsed command line.
#[derive(Default)]
struct Request {
    order: Order,
    terminator: Option<u8>,
    reads: bool,
    /// Printed instead of searching.
    text: Option<String>,
    string: OsString,
    file: OsString,
}

impl Request {
    /// As `getopt_long`: options may follow operands, be grouped and be abbreviated.
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let file = env::var_os("WORDLIST").unwrap_or_else(|| WORDS.into());
        let mut request = Self { file, ..Self::default() };
        let mut operands = Vec::new();
        while let Some(argument) = arguments.next() {
            match argument.as_encoded_bytes() {
                b"--" => operands.extend(arguments.by_ref()),
                [b'-', b'-', option @ ..] => request.set_long(option, &mut arguments)?,
                [b'-', letters @ ..] if !letters.is_empty() => request.set_short(letters, &mut arguments)?,
                _ => operands.push(argument),
            }
            if request.text.is_some() {
                return Ok(request);
            }
        }
        let mut operands = operands.into_iter();
        match (operands.next(), operands.next(), operands.next()) {
            (Some(string), None, None) => {
                request.string = string;
                request.order = Order { is_alphanum: true, ignores_case: true };
            }
            (Some(string), Some(file), None) => (request.string, request.file) = (string, file),
            _ => return Err("bad usage".into()),
        }
        Ok(request)
    }

    fn set_short(
        &mut self,
        letters: &[u8],
        arguments: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), String> {
        for (i, letter) in letters.iter().enumerate() {
            match letter {
                b'a' => self.set("alternative"),
                b'd' => self.set("alphanum"),
                b'f' => self.set("ignore-case"),
                b'h' => self.set("help"),
                b'V' => self.set("version"),
                b't' => {
                    let rest = Some(letters[i + 1..].to_vec()).filter(|rest| !rest.is_empty());
                    let value = rest.or_else(|| Some(arguments.next()?.into_encoded_bytes()));
                    let value = value.ok_or("option requires an argument -- 't'")?;
                    self.terminator = value.first().copied();
                    return Ok(());
                }
                _ => return Err(format!("invalid option -- '{}'", String::from_utf8_lossy(&[*letter]))),
            }
            if self.text.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn set_long(
        &mut self,
        argument: &[u8],
        arguments: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), String> {
        let equals = argument.iter().position(|&byte| byte == b'=');
        let (name, value) = match equals {
            Some(i) => (&argument[..i], Some(argument[i + 1..].to_vec())),
            None => (argument, None),
        };
        let all = ["alternative", "alphanum", "ignore-case", "terminate", "pread", "help", "version"];
        let candidates: Vec<&str> =
            all.into_iter().filter(|option| option.as_bytes().starts_with(name)).collect();
        let argument = String::from_utf8_lossy(argument);
        match candidates[..] {
            [option @ "terminate"] => {
                let value = value.or_else(|| Some(arguments.next()?.into_encoded_bytes()));
                let value = value.ok_or(format!("option '--{option}' requires an argument"))?;
                self.terminator = value.first().copied();
            }
            [option] if value.is_some() => {
                return Err(format!("option '--{option}' doesn't allow an argument"));
            }
            [option] => self.set(option),
            [] => return Err(format!("unrecognized option '--{argument}'")),
            _ => {
                let candidates: String = candidates.iter().map(|option| format!(" '--{option}'")).collect();
                return Err(format!("option '--{argument}' is ambiguous; possibilities:{candidates}"));
            }
        }
        Ok(())
    }

    fn set(&mut self, option: &str) {
        match option {
            "alternative" => self.file = ALTERNATIVE_WORDS.into(),
            "alphanum" => self.order.is_alphanum = true,
            "ignore-case" => self.order.ignores_case = true,
            "pread" => self.reads = true,
            "help" => self.text = Some(HELP.into()),
            _ => self.text = Some(format!("look from baremap {}\n", env!("CARGO_PKG_VERSION"))),
        }
    }

    fn run(&self) -> Result<bool, Failure> {
        let mut output = io::BufWriter::new(io::stdout().lock());
        if let Some(text) = &self.text {
            output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Failure::OfOutput)?;
            return Ok(true);
        }
        let string = self.string.as_encoded_bytes();
        let end = self.terminator.and_then(|byte| string.iter().position(|&b| b == byte));
        let prefix: Vec<u8> = self.order.of(end.map_or(string, |end| &string[..=end])).collect();
        let print = |line: &[u8]| {
            output.write_all(line).and_then(|()| output.write_all(b"\n")).map_err(Failure::OfOutput)
        };
        let file = File::open(&self.file)?;
        let is_found = if self.reads {
            let read_at = |buffer: &mut [u8], offset| file.read_at(buffer, offset).map_err(Failure::OfFile);
            look(read_at, file.len()?, self.order, &prefix, print)?
        } else {
            // If it fails, the view reads, and is no slower than `--pread`.
            let _ = guard::install();
            let view = Mmap::new(&file).view()?;
            let read_at = |buffer: &mut [u8], offset| view.read_at(buffer, offset).map_err(Failure::OfFile);
            look(read_at, view.len() as u64, self.order, &prefix, print)?
        };
        output.flush().map_err(Failure::OfOutput)?;
        Ok(is_found)
    }
}

enum Failure {
    OfFile(Error),
    OfOutput(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::OfFile(error)
    }
}

/// What happened, in the system's words, without the number that std adds.
fn words(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().into()
}

fn main() -> ExitCode {
    let fail = |text: String| {
        // A failure cannot be reported anywhere.
        let _ = io::stderr().write_all(format!("look: {text}\n").as_bytes());
        ExitCode::from(2)
    };
    let request = match Request::parse(env::args_os().skip(1)) {
        Ok(request) => request,
        Err(message) => return fail(format!("{message}\nTry 'look --help' for more information.")),
    };
    match request.run() {
        Ok(is_found) => ExitCode::from(u8::from(!is_found)),
        Err(Failure::OfFile(error)) => {
            fail(format!("{}: {}", request.file.to_string_lossy(), words(&error.into())))
        }
        // A program in C ends without a word, by the signal that std ignores.
        Err(Failure::OfOutput(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(2),
        Err(Failure::OfOutput(error)) => fail(format!("write error: {}", words(&error))),
    }
}
