//! `cargo run --release --example wc -- [OPTION]… [FILE]…`: counts lines, words and bytes as coreutils' `wc` does in the C
//! locale, message for message, through a [`baremap::Reader`].
//!
//! It reads, and so it does not die when another process truncates a file; with `--mmap` it maps.

// std's own start would open /dev/null in place of a standard input or output that is closed, and ignore SIGPIPE; and so
// nobody could tell any more. This program starts as one in C does.
#![no_main]

use baremap::{File, FileRef, Reader, page_size};
use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};
use std::{env, fs};

// SAFETY: nothing else in the program has this name.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    let mut given: Vec<OsString> = env::args_os().collect();
    if given.is_empty() {
        // Not every C library tells std of them unasked.
        given.extend((0..count as usize).map(|i| {
            // SAFETY: the C library's promise, of strings in the encoding of the system, which std's is there.
            unsafe {
                let argument = CStr::from_ptr(*arguments.add(i));
                OsStr::from_encoded_bytes_unchecked(argument.to_bytes()).to_owned()
            }
        }));
    }
    let is_ok = match Request::of(given.into_iter().skip(1)) {
        Ok(request) => request.run(),
        Err(complaint) => {
            let help = b"\nTry 'wc --help' for more information.\n";
            say(&[b"wc: ", &complaint[..], help].concat());
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

Counts are printed in this order, and all but -m if none is asked for:
  -l, --lines    the newlines
  -w, --words    the words: printable characters between white space
  -m, --chars    the characters, which are the bytes
  -c, --bytes    the bytes

      --mmap     map large files instead of reading them.  If another process
                 truncates one meanwhile, wc dies of SIGBUS.
      --help     print this and exit
      --version  print the version and exit
";

/// What is asked for.
#[derive(Default)]
struct Request {
    lines: bool,
    words: bool,
    chars: bool,
    bytes: bool,
    maps: bool,
    /// To be printed, and nothing else.
    text: Option<String>,
    names: Vec<OsString>,
}

impl Request {
    /// Options may follow names, be grouped and be shortened, as `getopt_long` has it.
    fn of(arguments: impl Iterator<Item = OsString>) -> Result<Self, Vec<u8>> {
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
        let fitting: Vec<&str> =
            all.into_iter().filter(|option| option.as_bytes().starts_with(name)).collect();
        match fitting[..] {
            [option] if value.is_some() => {
                Err(format!("option '--{option}' doesn't allow an argument").into_bytes())
            }
            [option] => {
                self.set(option);
                Ok(())
            }
            [] => Err([b"unrecognized option '--", argument, b"'"].concat()),
            _ => {
                let fitting: String = fitting.iter().map(|option| format!(" '--{option}'")).collect();
                let possible = format!("' is ambiguous; possibilities:{fitting}");
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

    /// How many numbers a line has.
    fn columns(&self) -> usize {
        [self.lines, self.words, self.chars, self.bytes].into_iter().map(usize::from).sum()
    }

    /// Prints a line per file and a total; returns whether all could be read and written.
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
            // coreutils closes it in the end, which fails if it was not open.
            if let Err(error) = standard_input().metadata() {
                complain("-", &error);
                all_read = false;
            }
        }
        output.finish() && all_read
    }

    /// coreutils makes all columns as wide as the regular files' bytes together need, and at least 7 wide if there is
    /// anything else; but one number alone has no column.
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

    /// Counts one file and passes on what was counted, to its end or to an error. Returns whether there was none.
    fn count(&self, name: &OsStr, then: impl FnOnce(&Counts)) -> bool {
        let file = match name.as_encoded_bytes() {
            b"" => {
                say(b"wc: invalid zero-length file name\n");
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
                    // SAFETY: it is not used any more.
                    unsafe { ManuallyDrop::drop(&mut file) };
                }
                result
            }
            Err(error) => {
                complain(quoted(name), &error);
                return false;
            }
        };
        if let Err(error) = &result {
            complain(if self.names.is_empty() { "'standard input'".into() } else { quoted(name) }, error);
        }
        then(&counts);
        result.is_ok()
    }

    /// Counts from the file's position, where it has one, to its end, and leaves the position there.
    fn count_file(&self, mut file: &fs::File, name: &OsStr, counts: &mut Counts) -> io::Result<()> {
        // Only what was opened elsewhere may be somewhere else than at its start, and be read on by others.
        let shared = if name == "-" { file.stream_position().ok() } else { None };
        let from = shared.unwrap_or(0);
        let metadata = file.metadata()?;
        let len = if metadata.is_file() { metadata.len() } else { 0 };
        let only_bytes = self.columns() == 1 && (self.bytes || self.chars);
        // coreutils then trusts a length that is no multiple of a page, and does not read.
        let moves = shared.is_some() && !(only_bytes && len % page_size() as u64 != 0);
        let near_end = len.saturating_sub(TAIL);
        if only_bytes && near_end > from {
            // Nobody need look at all the bytes: that some are there near the end shows that the length is right.
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
        // SAFETY: that nobody changes or truncates the file is asked of those who say `--mmap`.
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

/// How far from the end of a file its length is tried.
const TAIL: u64 = 64 << 10;

/// Reads to the end; returns how many bytes there were.
fn read(reader: Reader, mut f: impl FnMut(&[u8])) -> io::Result<u64> {
    let read = reader.for_each(|chunk| {
        f(chunk);
        Ok::<_, baremap::Error>(())
    });
    read.map_err(io::Error::from)
}

/// Standard input, which nobody closes.
fn standard_input() -> ManuallyDrop<fs::File> {
    // SAFETY: it is not closed, as this is not dropped.
    ManuallyDrop::new(unsafe { File::from_raw(FileRef::from(&io::stdin()).as_raw()) }.into())
}

/// Standard output. std's own takes one that is not open for one that is.
fn standard_output() -> ManuallyDrop<fs::File> {
    // SAFETY: as above.
    ManuallyDrop::new(unsafe { File::from_raw(FileRef::from(&io::stdout()).as_raw()) }.into())
}

/// What is printed, line by line. After an error nothing more is.
#[derive(Default)]
struct Output {
    has_failed: bool,
}

impl Output {
    fn write(&mut self, text: &[u8]) {
        self.has_failed = self.has_failed || standard_output().write_all(text).is_err();
    }

    /// Returns whether all was written, and complains if not: as `fclose` in the end, which reports that the output is
    /// not open, but not why a write failed earlier.
    fn finish(self) -> bool {
        if self.has_failed {
            match standard_output().metadata() {
                Err(error) => complain("write error", &error),
                Ok(_) => say(b"wc: write error\n"),
            }
        }
        !self.has_failed
    }
}

/// Writes to standard error, at once; there is nobody to tell if that fails.
fn say(text: &[u8]) {
    let _ = io::stderr().write_all(text);
}

fn complain(what: impl AsRef<str>, error: &io::Error) {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    say(format!("wc: {}: {words}\n", what.as_ref()).as_bytes());
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A name as coreutils quotes it in messages, for a shell to take it back: not at all if that need not be, between double
/// quotes if these suffice, or else between single ones, and what cannot be printed between `$'` and `'`.
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
    // coreutils goes through a name that has a quote twice, and takes this over from the first time.
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
            // A block of 255 cannot overflow a sum of one byte, and such sums become vectors.
            let newlines = |block: &[u8]| block.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>();
            self.lines += chunk.chunks(255).map(|block| u64::from(newlines(block))).sum::<u64>();
        }
        self.bytes += chunk.len() as u64;
    }
}

/// What a byte does to the state "in a word", which is 0 or 1.
#[derive(Clone, Copy)]
struct Class {
    keeps: u8,
    begins: u8,
}

/// In the C locale a space ends a word, a printable byte begins one, and any other byte does neither.
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

/// A line on the terminal that tells how far a large file is read, and goes when it is.
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
