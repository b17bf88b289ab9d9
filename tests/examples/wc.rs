//! Counts lines, words and bytes as coreutils' `wc` does in the C locale, message for message, through a
//! [`baremap::Reader`]: `cargo run --release --example wc -- [OPTION]… [FILE]…`.
//!
//! It reads, so that it survives when another process truncates a file; with `--mmap` it maps.

// Before `main`, std opens /dev/null in place of a closed standard input or output, and ignores SIGPIPE. coreutils'
// `wc` reports the one and dies of the other, so this program starts as one in C does.
#![no_main]

use baremap::{File, FileRef, Reader, page_size};
use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
use std::process::{Command, Stdio};
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
    let mut output = Output::default();
    match Request::parse(&mut given.into_iter().skip(1)) {
        Ok(request) => request.run(&mut output),
        Err(message) => {
            output.print_error(&[&message[..], b"\nTry 'wc --help' for more information."].concat());
        }
    }
    c_int::from(output.has_failed)
}

const HELP: &str = "\
Usage: wc [OPTION]... [FILE]...
  or:  wc [OPTION]... --files0-from=F
Count the lines, words and bytes of each FILE, and of all together if there
are several.  Without a FILE, and in place of the FILE -, count standard input.

The counts stand in this order, the first two and the bytes without options:
  -l, --lines            print the newlines
  -w, --words            print the words: printable characters between
                           white space
  -m, --chars            print the characters, which in the C locale are
                           the bytes
  -c, --bytes            print the bytes
  -L, --max-line-length  print the columns of the longest line

      --files0-from=F    count the files whose names F contains, each ended
                           by a NUL; if F is -, read names from standard input
      --mmap             map large files instead of reading them.  If another
                           process truncates one meanwhile, SIGBUS ends wc.
      --help             print this and exit
      --version          print the version and exit

The locale is C.  The exit status is 0, or 1 if an error occurred.
";

/// A parsed command line.
#[derive(Default)]
struct Request {
    lines: bool,
    words: bool,
    chars: bool,
    bytes: bool,
    longest: bool,
    maps: bool,
    /// Printed instead of counting.
    text: Option<String>,
    names: Vec<OsString>,
    /// The file that contains the names instead.
    list: Option<OsString>,
}

impl Request {
    /// As `getopt_long`: options may follow names, be grouped and be abbreviated.
    fn parse(arguments: &mut impl Iterator<Item = OsString>) -> Result<Self, Vec<u8>> {
        let mut request = Self::default();
        let mut takes_options = true;
        while let Some(argument) = arguments.next() {
            let bytes = argument.as_encoded_bytes();
            match bytes {
                b"--" if takes_options => takes_options = false,
                [b'-', b'-', name @ ..] if takes_options => request.set_long(name, arguments)?,
                [b'-', letters @ ..] if takes_options && !letters.is_empty() => {
                    for &letter in letters {
                        request.set(match letter {
                            b'l' => "lines",
                            b'w' => "words",
                            b'm' => "chars",
                            b'c' => "bytes",
                            b'L' => "max-line-length",
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
        if request.columns() == 0 {
            (request.lines, request.words, request.bytes) = (true, true, true);
        }
        if let (Some(_), Some(name)) = (&request.list, request.names.first()) {
            let text = format!("extra operand {}\n", quoted_always(name));
            return Err([text.as_bytes(), b"file operands cannot be combined with --files0-from"].concat());
        }
        Ok(request)
    }

    fn set_long(
        &mut self,
        argument: &[u8],
        arguments: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Vec<u8>> {
        let (name, value) = match argument.iter().position(|&byte| byte == b'=') {
            Some(i) => (&argument[..i], Some(&argument[i + 1..])),
            None => (argument, None),
        };
        let all =
            ["bytes", "chars", "lines", "words", "files0-from", "max-line-length", "mmap", "help", "version"];
        let candidates: Vec<&str> =
            all.into_iter().filter(|option| option.as_bytes().starts_with(name)).collect();
        match candidates[..] {
            ["files0-from"] => {
                // SAFETY: it is the end of an OsString, split after a `=`.
                let value = value.map(|value| unsafe { OsStr::from_encoded_bytes_unchecked(value) }.into());
                self.list = value.or_else(|| arguments.next());
                self.list.is_some().then_some(()).ok_or(b"option '--files0-from' requires an argument".into())
            }
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
            "max-line-length" => self.longest = true,
            "mmap" => self.maps = true,
            "help" => self.text = Some(HELP.into()),
            _ => self.text = Some(format!("wc (baremap) {}\n", env!("CARGO_PKG_VERSION"))),
        }
    }

    /// How many counts a line has.
    fn columns(&self) -> usize {
        [self.lines, self.words, self.chars, self.bytes, self.longest].into_iter().map(usize::from).sum()
    }

    /// Prints a line for each file and a total.
    fn run(&self, output: &mut Output) {
        if let Some(text) = &self.text {
            output.write(text.as_bytes());
            return output.finish();
        }
        let listed = match &self.list {
            Some(list) => match read_list(list) {
                Ok(listed) => Some(listed),
                Err(message) => {
                    output.print_error(message.as_bytes());
                    return output.finish();
                }
            },
            None => None,
        };
        let unnamed = [OsString::from("-")];
        let inputs = match &listed {
            Some(listed) => &listed.names[..],
            None if self.names.is_empty() => &unnamed,
            None => &self.names[..],
        };
        // coreutils does not wait for the names of a pipe, and so does not know their files' lengths.
        let width =
            if listed.as_ref().is_some_and(|listed| !listed.is_file) { 1 } else { self.width(inputs) };
        // All files are read into one buffer, as its memory need not be made resident again.
        let (mut total, mut buffer) = (Counts::default(), Vec::new());
        for (i, name) in inputs.iter().enumerate() {
            let label = Some(&**name).filter(|_| self.is_named());
            if let Some(list) = &self.list {
                if list == "-" && name == "-" {
                    output.print_error(b"when reading file names from stdin, no file name of '-' allowed");
                    continue;
                }
                if name.is_empty() {
                    let number = i + 1;
                    let message = format!("{}:{number}: invalid zero-length file name", quoted(list));
                    output.print_error(message.as_bytes());
                    continue;
                }
            }
            let progress = Progress { name, file: i + 1, files: inputs.len(), len: 0 };
            if let Some(counts) = self.count(name, progress, output, &mut buffer) {
                output.write(&self.line(&counts, width, label));
                total.lines += counts.lines;
                total.words += counts.words;
                total.bytes += counts.bytes;
                total.longest = total.longest.max(counts.longest);
            }
        }
        if inputs.len() > 1 {
            output.write(&self.line(&total, width, Some(OsStr::new("total"))));
        }
        if self.list.as_ref().is_some_and(|list| list == "-") || inputs.iter().any(|name| name == "-") {
            // coreutils closes it at the end, which fails if it is not open.
            if let Err(error) = standard_input().metadata() {
                output.report("-", &error);
            }
        }
        output.finish();
    }

    fn is_named(&self) -> bool {
        self.list.is_some() || !self.names.is_empty()
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

    /// Counts one file, to its end or to an error, which is printed. Returns `None` if it cannot be opened.
    fn count(
        &self,
        name: &OsStr,
        progress: Progress,
        output: &mut Output,
        buffer: &mut Vec<u8>,
    ) -> Option<Counts> {
        let file = match name.as_encoded_bytes() {
            b"" => {
                output.print_error(b"invalid zero-length file name");
                return None;
            }
            b"-" => Ok(standard_input()),
            _ => fs::File::open(name).map(ManuallyDrop::new),
        };
        let mut file = match file {
            Ok(file) => file,
            Err(error) => {
                output.report(quoted(name), &error);
                return None;
            }
        };
        let mut counts = Counts::default();
        let result = self.count_file(&file, progress, output, buffer, &mut counts);
        if name != "-" {
            // SAFETY: it is dropped once and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut file) };
        }
        if let Err(error) = &result {
            output.report(if self.is_named() { quoted(name) } else { "'standard input'".into() }, error);
        }
        Some(counts)
    }

    /// Counts from the file's position, if it has one, to its end, and moves the position there.
    fn count_file(
        &self,
        mut file: &fs::File,
        mut progress: Progress,
        output: &mut Output,
        buffer: &mut Vec<u8>,
        counts: &mut Counts,
    ) -> io::Result<()> {
        // A file opened by another process may not be at its start, and that process may read on.
        let shared = if progress.name == "-" { file.stream_position().ok() } else { None };
        let from = shared.unwrap_or(0);
        let metadata = file.metadata()?;
        let len = if metadata.is_file() { metadata.len() } else { 0 };
        let only_bytes = self.columns() == 1 && (self.bytes || self.chars);
        // For these coreutils trusts a length that is not a multiple of the page size, and does not read.
        let moves = shared.is_some() && !(only_bytes && len % page_size() as u64 != 0);
        let near_end = len.saturating_sub(TAIL);
        if only_bytes && near_end > from {
            // Bytes near the end show that the reported length is right, so that the rest need not be read.
            let tail = read(Reader::with_buffer(file, buffer).offset(near_end), |_| ());
            if let Ok(tail @ 1..) = tail {
                counts.bytes = near_end - from + tail;
                if moves {
                    file.seek(SeekFrom::Start(from + counts.bytes))?;
                }
                return Ok(());
            }
        }
        progress.len = len.saturating_sub(from);
        let reader = Reader::with_buffer(file, buffer).offset(from);
        // SAFETY: whoever passes `--mmap` promises that no process changes or truncates the file; see the help.
        let reader = if self.maps { unsafe { reader.mapped() } } else { reader };
        let mut in_word = 0;
        let result = read(reader, |chunk| {
            counts.add(chunk, self, &mut in_word);
            output.show(&progress, counts.bytes);
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
            (self.longest, counts.longest),
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

/// The names in the file of `--files0-from`.
struct List {
    names: Vec<OsString>,
    /// Whether it has a length.
    is_file: bool,
}

fn read_list(list: &OsStr) -> Result<List, String> {
    let file = if list == "-" { Ok(standard_input()) } else { fs::File::open(list).map(ManuallyDrop::new) };
    let file =
        file.map_err(|error| format!("cannot open {} for reading: {}", quoted_always(list), words(&error)))?;
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let mut text = Vec::new();
    (&*file).read_to_end(&mut text).map_err(|error| match is_file {
        true => format!("cannot read file names from {}", quoted_always(list)),
        false => format!("{}: read error: {}", quoted(list), words(&error)),
    })?;
    let text = text.strip_suffix(b"\0").or(Some(&text[..]).filter(|text| !text.is_empty()));
    let names = text.into_iter().flat_map(|text| text.split(|&byte| byte == 0));
    let to_name = |name: &[u8]| {
        if env::consts::FAMILY == "unix" {
            // SAFETY: on POSIX systems an OsStr may be any bytes.
            unsafe { OsStr::from_encoded_bytes_unchecked(name) }.to_owned()
        } else {
            lossy(name).into()
        }
    };
    Ok(List { names: names.map(to_name).collect(), is_file })
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

/// Prints lines, until one cannot be written, messages, and how far the work has come.
struct Output {
    /// Whether a message was printed.
    has_failed: bool,
    cannot_write: bool,
    /// When the line of progress may be shown, if at all.
    due: Option<Instant>,
    is_shown: bool,
    /// The terminal's, asked for when it is needed.
    width: Option<usize>,
}

impl Default for Output {
    fn default() -> Self {
        // Who waits for less needs no line.
        let due = io::stderr().is_terminal().then(|| Instant::now() + Duration::from_millis(300));
        Self { has_failed: false, cannot_write: false, due, is_shown: false, width: None }
    }
}

impl Output {
    fn write(&mut self, text: &[u8]) {
        // What goes into a file leaves the terminal alone.
        if self.is_shown && !standard_output().metadata().is_ok_and(|metadata| metadata.is_file()) {
            self.erase();
        }
        self.cannot_write = self.cannot_write || standard_output().write_all(text).is_err();
    }

    /// Prints an error if not all was written. As `fclose`, it reports why closing fails, but not why a write failed before.
    fn finish(&mut self) {
        self.erase();
        if self.cannot_write {
            match standard_output().metadata() {
                Err(error) => self.report("write error", &error),
                Ok(_) => self.print_error(b"write error"),
            }
        }
    }

    fn report(&mut self, what: impl AsRef<str>, error: &io::Error) {
        self.print_error(format!("{}: {}", what.as_ref(), words(error)).as_bytes());
    }

    /// Writes to standard error, unbuffered. A failure cannot be reported anywhere.
    fn print_error(&mut self, text: &[u8]) {
        self.erase();
        self.has_failed = true;
        let _ = io::stderr().write_all(&[b"wc: ", text, b"\n"].concat());
    }

    /// Shows how much of a file was read, on one line, ten times a second.
    fn show(&mut self, progress: &Progress, done: u64) {
        if self.due.is_none_or(|due| Instant::now() < due) {
            return;
        }
        let mut text = progress.text(done);
        text.truncate(*self.width.get_or_insert_with(terminal_width) - 1);
        let _ = io::stderr().write_all(format!("\r{text}\x1b[K").as_bytes());
        self.due = Some(Instant::now() + Duration::from_millis(100));
        self.is_shown = true;
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

/// The file that is being read.
struct Progress<'a> {
    name: &'a OsStr,
    /// Its number among the files, from 1 on.
    file: usize,
    files: usize,
    /// The length that is due, or 0 if none is known.
    len: u64,
}

impl Progress<'_> {
    /// In ASCII, so that each byte takes one column. The name is last, as a narrow terminal cuts it.
    fn text(&self, done: u64) -> String {
        let name = if self.name == "-" { "standard input".into() } else { quoted(self.name) };
        let read = match u128::from(done) * 100 / u128::from(self.len.max(1)) {
            percent @ 0..=100 if self.len != 0 => format!("{percent} % of {} MiB", self.len >> 20),
            _ => format!("{} MiB", done >> 20),
        };
        match self.files {
            1 => format!("wc: {read}: {name}"),
            files => format!("wc: {read}, file {} of {files}: {name}", self.file),
        }
    }
}

/// Asks `stty`, as std cannot tell; 80 columns if that fails.
fn terminal_width() -> usize {
    let stty = Command::new("stty").arg("size").stdin(io::stderr()).stderr(Stdio::null()).output();
    let width = stty.ok().and_then(|output| lossy(&output.stdout).split_whitespace().nth(1)?.parse().ok());
    width.filter(|&width| width > 0).unwrap_or(80)
}

/// What happened, in the system's words, without the number that std adds.
fn words(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().into()
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

/// As [`quoted`], with quotes around a name that needs none.
fn quoted_always(name: &OsStr) -> String {
    let text = quoted(name);
    if text.starts_with(['\'', '"']) { text } else { format!("'{text}'") }
}

#[derive(Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
    longest: u64,
    /// Of the line that is being read.
    column: u64,
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
        if request.longest {
            for &byte in chunk {
                match byte {
                    b'\n' | b'\r' | b'\x0c' => self.column = 0,
                    b'\t' => self.column += 8 - self.column % 8,
                    b' '..=b'~' => self.column += 1,
                    _ => {}
                }
                self.longest = self.longest.max(self.column);
            }
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
