//! Prints the lines of a sorted file that begin with a string, as BSD's `look` does:
//! `cargo run --release --example look -- [-df] [-t CHARACTER] STRING [FILE]`.
//!
//! A binary search touches few pages of a large file, which is what a [`baremap::View`] is good at: each step is a copy of some
//! bytes from the mapping. If another process changes the file meanwhile, a line may be wrong or missing; if it truncates the
//! file, an error says so. With `--pread` each step is a system call instead, for comparison.

use baremap::{Error, File, Mmap, guard};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, fmt};

const USAGE: &str = "\
Usage: look [-df] [-t CHAR] STRING [FILE]
Print the lines of a sorted FILE, by default /usr/share/dict/words, that begin
with STRING. FILE must be sorted in the C locale, with the same options.

  -d, --alphanum        compare only letters, digits and blanks
  -f, --ignore-case     ignore case
  -t, --terminate CHAR  compare only up to and including the first CHAR
      --pread           read by a system call for each step
      --help            print this and exit

-d and -f are on if no FILE is given. The exit status is 0 if a line was
found, 1 if none was, 2 if an error occurred.
";

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
struct Request {
    order: Order,
    terminator: Option<u8>,
    reads: bool,
    is_help: bool,
    string: OsString,
    file: OsString,
}

impl Request {
    /// As `getopt_long`: options may follow operands, and short ones be grouped.
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let (mut order, mut terminator, mut reads, mut is_help) = (Order::default(), None, false, false);
        let mut operands = Vec::new();
        while let Some(argument) = arguments.next() {
            match argument.as_encoded_bytes() {
                b"--" => operands.extend(arguments.by_ref()),
                b"--alphanum" => order.is_alphanum = true,
                b"--ignore-case" => order.ignores_case = true,
                b"--pread" => reads = true,
                b"--help" => is_help = true,
                b"--terminate" => terminator = arguments.next()?.as_encoded_bytes().first().copied(),
                [b'-', b'-', option @ ..] => {
                    terminator = option.strip_prefix(b"terminate=")?.first().copied()
                }
                [b'-', letters @ ..] if !letters.is_empty() => {
                    for (i, letter) in letters.iter().enumerate() {
                        match letter {
                            b'd' => order.is_alphanum = true,
                            b'f' => order.ignores_case = true,
                            b't' => {
                                terminator = match &letters[i + 1..] {
                                    [] => arguments.next()?.as_encoded_bytes().first().copied(),
                                    [value, ..] => Some(*value),
                                };
                                break;
                            }
                            _ => return None,
                        }
                    }
                }
                _ => operands.push(argument),
            }
        }
        let count = operands.len();
        let mut operands = operands.into_iter();
        let string = operands.next().or(is_help.then(OsString::new))?;
        let file = operands.next().unwrap_or_else(|| {
            order = Order { is_alphanum: true, ignores_case: true };
            "/usr/share/dict/words".into()
        });
        (count <= 2).then_some(Self { order, terminator, reads, is_help, string, file })
    }

    fn run(&self) -> Result<bool, Failure> {
        if self.is_help {
            print!("{USAGE}");
            return Ok(true);
        }
        let string = self.string.as_encoded_bytes();
        let end = self.terminator.and_then(|byte| string.iter().position(|&b| b == byte));
        let prefix: Vec<u8> = self.order.of(end.map_or(string, |end| &string[..=end])).collect();
        let mut output = io::BufWriter::new(io::stdout().lock());
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

fn main() -> ExitCode {
    let fail = |text: fmt::Arguments| {
        eprint!("{text}");
        ExitCode::from(2)
    };
    let Some(request) = Request::parse(env::args_os().skip(1)) else {
        return fail(format_args!("{USAGE}"));
    };
    match request.run() {
        Ok(is_found) => ExitCode::from(u8::from(!is_found)),
        Err(Failure::OfFile(error)) => {
            fail(format_args!("look: {}: {error}\n", request.file.to_string_lossy()))
        }
        Err(Failure::OfOutput(error)) => fail(format_args!("look: write error: {error}\n")),
    }
}
