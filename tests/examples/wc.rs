//! `cargo run --release --example wc -- FILE…`: counts lines, words and bytes as coreutils' `wc` does in the
//! C locale, through a [`baremap::Reader`]. `-`, or no argument, is standard input.

use baremap::{File, FileRef, Reader};
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs};

fn main() -> ExitCode {
    let mut names: Vec<OsString> = env::args_os().skip(1).collect();
    let is_option = |name: &OsString| name.as_encoded_bytes().starts_with(b"-") && name != "-";
    let first_option = names.iter().position(is_option);
    if let Some(i) = first_option {
        if names[i] != "--" {
            eprintln!(
                "wc: {} is an option, and there are none; usage: wc [--] [FILE]…",
                names[i].to_string_lossy()
            );
            return ExitCode::FAILURE;
        }
        names.remove(i);
    }
    match count_all(&names) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(OsStr::new("write error"), &error);
            ExitCode::FAILURE
        }
    }
}

/// Prints a line per file and a total. Gives whether all could be read, or why nothing can be written.
fn count_all(names: &[OsString]) -> io::Result<bool> {
    let unnamed = [OsString::from("-")];
    let inputs = if names.is_empty() { &unnamed } else { names };
    let width = width(inputs);
    let mut total = Counts::default();
    let mut all_read = true;
    for name in inputs {
        let mut counts = Counts::default();
        match open(name) {
            Ok(file) => {
                if let Err(error) = counts.count(file, name) {
                    all_read = false;
                    complain(name, &error);
                }
                let label = if names.is_empty() { OsStr::new("") } else { name };
                counts.print(width, label)?;
                total.lines += counts.lines;
                total.words += counts.words;
                total.bytes += counts.bytes;
            }
            Err(error) => {
                all_read = false;
                complain(name, &error);
            }
        }
    }
    if names.len() > 1 {
        total.print(width, OsStr::new("total"))?;
    }
    Ok(all_read)
}

/// What `-` stands for is standard input, under another descriptor, with the same position.
fn open(name: &OsStr) -> io::Result<fs::File> {
    if name != "-" {
        return fs::File::open(name);
    }
    // SAFETY: standard input stays open, as this is not dropped.
    let input = unsafe { File::from_raw(FileRef::from(&io::stdin()).as_raw()) };
    ManuallyDrop::new(fs::File::from(input)).try_clone()
}

/// coreutils makes all columns as wide as the regular files' bytes together need, and at least 7 wide if there is
/// anything else.
fn width(names: &[OsString]) -> usize {
    let metadata = |name: &OsString| if name == "-" { open(name)?.metadata() } else { fs::metadata(name) };
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

fn complain(what: &OsStr, error: &io::Error) {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<baremap::Error>());
    let words = match inner.and_then(baremap::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code).to_string(),
        None => error.to_string(),
    };
    let words = words.split(" (os error").next().unwrap_or_default();
    eprintln!("wc: {}: {words}", what.to_string_lossy());
}

#[derive(Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
}

impl Counts {
    /// Counts from the file's position, where that can be asked, to its end, and leaves the position there.
    fn count(&mut self, mut file: fs::File, name: &OsStr) -> io::Result<()> {
        let start = file.stream_position().ok();
        let mut progress = Progress::new(name, file.metadata()?.len());
        let mut in_word = 0;
        // SAFETY: that nobody changes the file or cuts it off is asked of the user.
        let reader = unsafe { Reader::new(&file) }.offset(start.unwrap_or(0));
        reader.for_each(|chunk| {
            self.add(chunk, &mut in_word);
            progress.show(self.bytes);
            Ok::<_, baremap::Error>(())
        })?;
        if let Some(start) = start {
            file.seek(SeekFrom::Start(start + self.bytes))?;
        }
        Ok(())
    }

    fn add(&mut self, chunk: &[u8], in_word: &mut u8) {
        for &byte in chunk {
            let class = &CLASSES[usize::from(byte)];
            let before = *in_word;
            *in_word = (before & class.keeps) | class.begins;
            self.words += u64::from(*in_word & !before);
        }
        self.lines += chunk.iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
        self.bytes += chunk.len() as u64;
    }

    fn print(&self, width: usize, label: &OsStr) -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "{:width$} {:width$} {:width$}", self.lines, self.words, self.bytes)?;
        if !label.is_empty() {
            out.write_all(b" ")?;
            out.write_all(label.as_encoded_bytes())?;
        }
        out.write_all(b"\n")
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
