//! Counts lines, words and bytes as coreutils' `wc` does in the C locale, message for message, through a
//! [`baremap::Reader`]: `cargo run --release --example wc -- [OPTION]… [FILE]…`.
//!
//! It reads, so that it survives when another process truncates a file; with `--mmap` it maps.

// Before `main`, std opens /dev/null in place of a closed standard input or output, and ignores SIGPIPE. coreutils'
// `wc` reports the one and dies of the other, so this program starts as one in C does.
#![no_main]

use baremap::{File, FileRef, Reader, page_size};
use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};
use std::{env, fs};

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    let mut given: Vec<OsString> = env::args_os().collect();
    if given.is_empty() {
        // Only some C libraries pass the arguments to std by themselves.
        given.extend((0..count as usize).map(|i| {
            // SAFETY: C passes `count` strings, in the system's encoding, which is `OsStr`'s on POSIX systems.
            unsafe {
                let argument = CStr::from_ptr(*arguments.add(i));
                OsStr::from_encoded_bytes_unchecked(argument.to_bytes()).to_owned()
            }
        }));
    }
    let is_ok = match Request::parse(given.into_iter().skip(1)) {
        Ok(request) => request.run(),
        Err(message) => {
            let help = b"\nTry 'wc --help' for more information.\n";
            print_error(&[b"wc: ", &message[..], help].concat());
            false
        }
    };
    c_int::from(!is_ok)
}

const HELP: &str = "\
Usage: wc [OPTION]... [FILE]...
Print newline, word, and byte counts for each FILE, and a total line if
more than one FILE is specified.  With no FILE, or when FILE is -, read
standard input.

Counts are printed in this order; without options, all except -m:
  -l, --lines    the newlines
  -w, --words    the words: printable characters between white space
  -m, --chars    the characters, which in the C locale are the bytes
  -c, --bytes    the bytes

      --mmap     map large files instead of reading them.  If another process
                 truncates one meanwhile, SIGBUS ends wc.
      --help     print this and exit
      --version  print the version and exit
";

/// A parsed command line.
#[derive(Default)]
struct Request {
    lines: bool,
    words: bool,
    chars: bool,
    bytes: bool,
    maps: bool,
    /// Printed instead of counting.
    text: Option<String>,
    names: Vec<OsString>,
}

impl Request {
    /// As `getopt_long`: options may follow names, be grouped and be abbreviated.
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, Vec<u8>> {
        let mut request = Self::default();
        let mut takes_options = true;
        for argument in arguments {
            let bytes = argument.as_encoded_bytes();
            match bytes {
                b"--" if takes_options => takes_options = false,
                [b'-', b'-', name @ ..] if takes_options => request.set_long(name)?,
                [b'-', letters @ ..] if takes_options && !letters.is_empty() => {
                    for &letter in letters {
                        request.set(match letter {
                            b'l' => "lines",
                            b'w' => "words",
                            b'm' => "chars",
                            b'c' => "bytes",
                            _ => return Err([b"invalid option -- '", &[letter][..], b"'"].concat()),
                        });
                    }
                }
                _ => {
                    takes_options &= env::var_os("POSIXLY_CORRECT").is_none();
                    request.names.push(argument);
                }
            }
            if request.text.is_some() {
                return Ok(request);
            }
        }
        if !(request.lines || request.words || request.chars || request.bytes) {
            (request.lines, request.words, request.bytes) = (true, true, true);
        }
        Ok(request)
    }

    fn set_long(&mut self, argument: &[u8]) -> Result<(), Vec<u8>> {
        let (name, value) = match argument.iter().position(|&byte| byte == b'=') {
            Some(i) => (&argument[..i], Some(&argument[i..])),
            None => (argument, None),
        };
        let all = ["bytes", "chars", "lines", "words", "mmap", "help", "version"];
        let candidates: Vec<&str> =
            all.into_iter().filter(|option| option.as_bytes().starts_with(name)).collect();
        match candidates[..] {
            [option] if value.is_some() => {
                Err(format!("option '--{option}' doesn't allow an argument").into_bytes())
            }
            [option] => {
                self.set(option);
                Ok(())
            }
            [] => Err([b"unrecognized option '--", argument, b"'"].concat()),
            _ => {
                let candidates: String = candidates.iter().map(|option| format!(" '--{option}'")).collect();
                let possible = format!("' is ambiguous; possibilities:{candidates}");
                Err([b"option '--", argument, possible.as_bytes()].concat())
            }
        }
    }

    fn set(&mut self, option: &str) {
        match option {
            "lines" => self.lines = true,
            "words" => self.words = true,
            "chars" => self.chars = true,
            "bytes" => self.bytes = true,
            "mmap" => self.maps = true,
            "help" => self.text = Some(HELP.into()),
            _ => self.text = Some(format!("wc (baremap) {}\n", env!("CARGO_PKG_VERSION"))),
        }
    }

    /// How many counts a line has.
    fn columns(&self) -> usize {
        [self.lines, self.words, self.chars, self.bytes].into_iter().map(usize::from).sum()
    }

    /// Prints a line for each file and a total; returns whether all was read and written.
    fn run(&self) -> bool {
        let mut output = Output::default();
        if let Some(text) = &self.text {
            output.write(text.as_bytes());
            return output.finish();
        }
        let unnamed = [OsString::from("-")];
        let inputs = if self.names.is_empty() { &unnamed } else { &self.names[..] };
        let width = self.width(inputs);
        let (mut total, mut all_read) = (Counts::default(), true);
        for name in inputs {
            let result = self.count(name, |counts| {
                output.write(&self.line(
                    counts,
                    width,
                    if self.names.is_empty() { None } else { Some(name) },
                ));
                total.lines += counts.lines;
                total.words += counts.words;
                total.bytes += counts.bytes;
            });
            all_read &= result;
        }
        if inputs.len() > 1 {
            output.write(&self.line(&total, width, Some(OsStr::new("total"))));
        }
        if inputs.iter().any(|name| name == "-") {
            // coreutils closes it at the end, which fails if it is not open.
            if let Err(error) = standard_input().metadata() {
                report("-", &error);
                all_read = false;
            }
        }
        output.finish() && all_read
    }

    /// As coreutils: all columns have the width of the sum of the regular files' lengths, and at least 7 if there is
    /// another file. A single count is not padded.
    fn width(&self, names: &[OsString]) -> usize {
        if names.len() == 1 && self.columns() == 1 {
            return 1;
        }
        let metadata = |name: &OsString| {
            if name == "-" { standard_input().metadata() } else { fs::metadata(name) }
        };
        let (mut bytes, mut least) = (0, 1);
        for metadata in names.iter().flat_map(metadata) {
            if metadata.is_file() {
                bytes += metadata.len();
            } else {
                least = 7;
            }
        }
        bytes.to_string().len().max(least)
    }

    /// Counts one file, to its end or to an error, passes the counts to `then`, and returns whether there was no error.
    fn count(&self, name: &OsStr, then: impl FnOnce(&Counts)) -> bool {
        let file = match name.as_encoded_bytes() {
            b"" => {
                print_error(b"wc: invalid zero-length file name\n");
                return false;
            }
            b"-" => Ok(standard_input()),
            _ => fs::File::open(name).map(ManuallyDrop::new),
        };
        let mut counts = Counts::default();
        let result = match file {
            Ok(mut file) => {
                let result = self.count_file(&file, name, &mut counts);
                if name != "-" {
                    // SAFETY: it is dropped once and not used afterwards.
                    unsafe { ManuallyDrop::drop(&mut file) };
                }
                result
            }
            Err(error) => {
                report(quoted(name), &error);
                return false;
            }
        };
        if let Err(error) = &result {
            report(if self.names.is_empty() { "'standard input'".into() } else { quoted(name) }, error);
        }
        then(&counts);
        result.is_ok()
    }

    /// Counts from the file's position, if it has one, to its end, and moves the position there.
    fn count_file(&self, mut file: &fs::File, name: &OsStr, counts: &mut Counts) -> io::Result<()> {
        // A file opened by another process may not be at its start, and that process may read on.
        let shared = if name == "-" { file.stream_position().ok() } else { None };
        let from = shared.unwrap_or(0);
        let metadata = file.metadata()?;
        let len = if metadata.is_file() { metadata.len() } else { 0 };
        let only_bytes = self.columns() == 1 && (self.bytes || self.chars);
        // For these coreutils trusts a length that is not a multiple of the page size, and does not read.
        let moves = shared.is_some() && !(only_bytes && len % page_size() as u64 != 0);
        let near_end = len.saturating_sub(TAIL);
        if only_bytes && near_end > from {
            // Bytes near the end show that the reported length is right, so that the rest need not be read.
            let tail = read(Reader::new(file).offset(near_end), |_| ());
            if let Ok(tail @ 1..) = tail {
                counts.bytes = near_end - from + tail;
                if moves {
                    file.seek(SeekFrom::Start(from + counts.bytes))?;
                }
                return Ok(());
            }
        }
        let mut progress = Progress::new(name, len.saturating_sub(from));
        let reader = Reader::new(file).offset(from);
        // SAFETY: whoever passes `--mmap` promises that no process changes or truncates the file; see the help.
        let reader = if self.maps { unsafe { reader.mapped() } } else { reader };
        let mut in_word = 0;
        let result = read(reader, |chunk| {
            counts.add(chunk, self, &mut in_word);
            progress.show(counts.bytes);
        });
        if moves {
            file.seek(SeekFrom::Start(from + counts.bytes))?;
        }
        result.map(drop)
    }

    fn line(&self, counts: &Counts, width: usize, label: Option<&OsStr>) -> Vec<u8> {
        let numbers = [
            (self.lines, counts.lines),
            (self.words, counts.words),
            (self.chars, counts.bytes),
            (self.bytes, counts.bytes),
        ];
        let wanted = numbers.iter().filter(|number| number.0);
        let mut line =
            wanted.map(|number| format!("{:width$}", number.1)).collect::<Vec<_>>().join(" ").into_bytes();
        if let Some(label) = label {
            line.push(b' ');
            match label.as_encoded_bytes() {
                name if name.contains(&b'\n') => line.extend(quoted(label).bytes()),
                name => line.extend(name),
            }
        }
        line.push(b'\n');
        line
    }
}

/// The distance from the end of a file at which its length is verified.
const TAIL: u64 = 64 << 10;

/// Reads to the end; returns the number of bytes.
fn read(reader: Reader, mut f: impl FnMut(&[u8])) -> io::Result<u64> {
    let read = reader.for_each(|chunk| {
        f(chunk);
        Ok::<_, baremap::Error>(())
    });
    read.map_err(io::Error::from)
}

/// Standard input, which stays open.
fn standard_input() -> ManuallyDrop<fs::File> {
    // SAFETY: the descriptor is not closed, as the file is never dropped.
    ManuallyDrop::new(unsafe { File::from_raw(FileRef::from(&io::stdin()).as_raw()) }.into())
}

/// Standard output. std's own reports success if it is not open.
fn standard_output() -> ManuallyDrop<fs::File> {
    // SAFETY: as above.
    ManuallyDrop::new(unsafe { File::from_raw(FileRef::from(&io::stdout()).as_raw()) }.into())
}

/// Prints lines until an error.
#[derive(Default)]
struct Output {
    has_failed: bool,
}

impl Output {
    fn write(&mut self, text: &[u8]) {
        self.has_failed = self.has_failed || standard_output().write_all(text).is_err();
    }

    /// Returns whether all was written, and prints an error if not. As `fclose`, it reports why closing fails, but not
    /// why a write failed before.
    fn finish(self) -> bool {
        if self.has_failed {
            match standard_output().metadata() {
                Err(error) => report("write error", &error),
                Ok(_) => print_error(b"wc: write error\n"),
            }
        }
        !self.has_failed
    }
}

/// Writes to standard error, unbuffered. A failure cannot be reported anywhere.
fn print_error(text: &[u8]) {
    let _ = io::stderr().write_all(text);
}

fn report(what: impl AsRef<str>, error: &io::Error) {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    print_error(format!("wc: {}: {words}\n", what.as_ref()).as_bytes());
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Quotes a name for a shell, as coreutils does in messages: not at all if it needs no quotes, in double quotes if
/// these suffice, otherwise in single quotes, with unprintable bytes between `$'` and `'`.
fn quoted(name: &OsStr) -> String {
    let bytes = name.as_encoded_bytes();
    let has_quote = bytes.contains(&b'\'');
    let is_plain = |byte: &u8| matches!(byte, b'%' | b'+'..=b'9' | b'@'..=b'Z' | b']' | b'_' | b'a'..=b'z');
    let needs_none = |(i, byte): (usize, &u8)| match byte {
        b'{' | b'}' => bytes.len() > 1,
        b'#' | b'~' => i > 0,
        _ => is_plain(byte),
    };
    if !bytes.is_empty() && bytes.iter().enumerate().all(needs_none) {
        return lossy(bytes);
    }
    let suits_double = |(i, byte): (usize, &u8)| match byte {
        b'#' | b'~' => i == 0,
        b' ' | b'\'' | b':' => true,
        _ => is_plain(byte),
    };
    if has_quote && bytes.iter().enumerate().all(suits_double) {
        return format!("\"{}\"", lossy(bytes));
    }
    let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
    let mut text = String::from("'");
    // coreutils scans a name that contains a quote twice, and keeps this state from the first scan.
    let mut is_escaping = has_quote && bytes.last().is_some_and(|byte| !is_printable(byte));
    for byte in bytes {
        if *byte == b'\'' {
            is_escaping = false;
            text += "'\\''";
            continue;
        }
        if is_printable(byte) == is_escaping {
            text += if is_escaping { "''" } else { "'$'" };
            is_escaping = !is_escaping;
        }
        match byte {
            7 => text += "\\a",
            8 => text += "\\b",
            b'\t' => text += "\\t",
            b'\n' => text += "\\n",
            11 => text += "\\v",
            12 => text += "\\f",
            b'\r' => text += "\\r",
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text += &format!("\\{byte:03o}"),
        }
    }
    text + "'"
}

#[derive(Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
}

impl Counts {
    fn add(&mut self, chunk: &[u8], request: &Request, in_word: &mut u8) {
        if request.words {
            for &byte in chunk {
                let class = &CLASSES[usize::from(byte)];
                let before = *in_word;
                *in_word = (before & class.keeps) | class.begins;
                self.words += u64::from(*in_word & !before);
            }
        }
        if request.lines {
            // The sum of 255 bytes fits one byte, so that the compiler uses vectors of bytes.
            let newlines = |block: &[u8]| block.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>();
            self.lines += chunk.chunks(255).map(|block| u64::from(newlines(block))).sum::<u64>();
        }
        self.bytes += chunk.len() as u64;
    }
}

/// How a byte changes the state "in a word", which is 0 or 1.
#[derive(Clone, Copy)]
struct Class {
    keeps: u8,
    begins: u8,
}

/// In the C locale white space ends a word, a printable byte begins one, and any other byte does neither.
const CLASSES: [Class; 256] = {
    let mut classes = [Class { keeps: 1, begins: 0 }; 256];
    let mut byte = 0;
    while byte < 256 {
        match byte as u8 {
            b' ' | b'\t'..=b'\r' => classes[byte].keeps = 0,
            b'!'..=b'~' => classes[byte].begins = 1,
            _ => {}
        }
        byte += 1;
    }
    classes
};

/// A line on the terminal that shows how much of a large file was read. It is erased at the end.
struct Progress<'a> {
    name: &'a OsStr,
    bytes: u64,
    shown: Option<Instant>,
    is_wanted: bool,
}

impl<'a> Progress<'a> {
    fn new(name: &'a OsStr, bytes: u64) -> Self {
        Self { name, bytes, shown: None, is_wanted: bytes >= 64 << 20 && io::stderr().is_terminal() }
    }

    fn show(&mut self, done: u64) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() > Duration::from_millis(100));
        if self.is_wanted && is_due {
            let percent = u128::from(done) * 100 / u128::from(self.bytes);
            eprint!("\r\x1b[Kwc: {}: {percent} % of {} MiB", self.name.to_string_lossy(), self.bytes >> 20);
            self.shown = Some(Instant::now());
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
