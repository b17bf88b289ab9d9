//! Reads the files, and judges each byte.

use crate::{CONTENTS, Deleted, Hole, KINDS, Kind, LEN, Rounds};
use baremap::{Error, ErrorKind, Mmap, Reader, guard};
use std::fs::File;
use std::path::Path;
use std::thread;

/// What a group of threads found.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    name: String,
    /// One piece in so many may hold zeros.
    zeros_of: u64,
    pieces: u64,
    bytes: u64,
    short: u64,
    /// Pieces with zeros that the file never had.
    zeros: u64,
    /// Bytes that are neither the file's nor 0.
    wrong: u64,
    /// Zeros, short counts and errors below the length that is never cut.
    wrong_kept: u64,
    /// Errors that are not due.
    errors: u64,
}

impl Counts {
    pub fn parse(line: &str) -> Self {
        let (name, rest) = line.split_once(": ").unwrap();
        let numbers = rest.split(", ").map(|part| part.split(' ').next().unwrap().parse().unwrap());
        let [pieces, bytes, short, zeros, wrong, wrong_kept, errors] =
            numbers.collect::<Vec<u64>>().try_into().unwrap();
        let zeros_of = if name.starts_with("View") { 10_000 } else { 100_000 };
        Self { name: name.into(), zeros_of, pieces, bytes, short, zeros, wrong, wrong_kept, errors }
    }

    fn print(&self) {
        let Self { name, pieces, bytes, short, zeros, wrong, wrong_kept, errors, .. } = self;
        println!(
            "{name}: {pieces} pieces, {bytes} bytes, {short} short, {zeros} with silent zeros, {wrong} wrong bytes, \
             {wrong_kept} wrong below the kept length, {errors} errors"
        );
    }

    pub fn problems(&self) -> Vec<String> {
        let Self { name, zeros_of, pieces, short, zeros, wrong, wrong_kept, errors, .. } = self;
        let mut problems = Vec::new();
        if wrong + wrong_kept + errors > 0 {
            problems.push(format!("{name}: wrong bytes or errors"));
        }
        // In a short run one more is chance.
        if *zeros > pieces / zeros_of + 1 {
            problems.push(format!("{name}: silent zeros in {zeros} of {pieces} pieces"));
        }
        if *short == 0 {
            problems.push(format!("{name}: nothing was truncated meanwhile"));
        }
        problems
    }

    /// What was read at an offset of a file, of a piece of which so much was asked for.
    fn judge(&mut self, kind: Kind, bytes: &[u8], offset: usize, len: usize) {
        self.pieces += 1;
        self.bytes += bytes.len() as u64;
        let end = offset + bytes.len();
        self.short += u64::from(bytes.len() < len);
        self.wrong_kept += u64::from(bytes.len() < len && end < kind.kept());
        let Some(expected) = CONTENTS.get(offset..end) else {
            self.wrong += 1;
            return;
        };
        if bytes == expected {
            return;
        }
        let (mut has_zeros, kept) = (false, kind.kept());
        for (i, (&byte, _)) in bytes.iter().zip(expected).enumerate().filter(|(_, (a, b))| a != b) {
            has_zeros |= byte == 0;
            self.wrong += u64::from(byte != 0);
            self.wrong_kept += u64::from(offset + i < kept);
        }
        self.zeros += u64::from(has_zeros && kind != Hole);
    }

    fn add(&mut self, other: &Self) {
        self.pieces += other.pieces;
        self.bytes += other.bytes;
        self.short += other.short;
        self.zeros += other.zeros;
        self.wrong += other.wrong;
        self.wrong_kept += other.wrong_kept;
        self.errors += other.errors;
    }
}

/// Four threads: three of Views, one of a Reader.
pub fn run(folder: &Path, seconds: u64, guarded: bool) {
    if guarded {
        guard::install().unwrap();
    }
    assert_eq!(guard::is_in_force(), guarded);
    let with = if guarded { "with" } else { "without" };
    let named = |what| Counts { name: format!("{what}, {with} guard"), ..Counts::default() };
    let (mut views, mut readers) = (named("View"), named("Reader"));
    thread::scope(|scope| {
        let view = [1, 2, 3].map(|seed| scope.spawn(move || read_views(folder, Rounds::new(seconds, seed))));
        let reader = scope.spawn(|| read_readers(folder, Rounds::new(seconds, 4)));
        view.into_iter().for_each(|thread| views.add(&thread.join().unwrap()));
        readers.add(&reader.join().unwrap());
    });
    assert_eq!(guard::is_in_force(), guarded);
    views.print();
    readers.print();
}

/// Opens a file, unless it is deleted at this moment.
fn open(kind: Kind, folder: &Path) -> Option<File> {
    match File::open(kind.path(folder)) {
        Err(error) if kind == Deleted && error.kind() == std::io::ErrorKind::NotFound => None,
        file => Some(file.unwrap()),
    }
}

fn read_views(folder: &Path, mut rounds: Rounds) -> Counts {
    let (mut counts, mut buffer) = (Counts::default(), vec![0; 64 << 10]);
    while !rounds.is_over() {
        let kind = KINDS[rounds.below(4)];
        let Some(file) = open(kind, folder) else { continue };
        let view = match Mmap::new(&file).view() {
            Ok(view) => view,
            Err(error) => {
                eprintln!("view: {error}");
                counts.errors += 1;
                continue;
            }
        };
        if view.len() < kind.kept() || view.len() > LEN {
            counts.wrong_kept += 1;
        }
        for _ in 0..300 {
            let len = match rounds.below(8) {
                0 => 64 << 10,
                1 | 2 => 4096,
                _ => 1 + rounds.below(100),
            };
            // Often around the end.
            let offset = match rounds.below(2) {
                0 => rounds.below(LEN),
                _ => (file.metadata().unwrap().len() as usize).saturating_sub(rounds.below(2 * len)),
            };
            let buffer = &mut buffer[..len];
            let due = view.len().saturating_sub(offset).min(len);
            match view.read_at(buffer, offset as u64) {
                Ok(read) => counts.judge(kind, &buffer[..read], offset, due),
                Err(error) if error.kind() == ErrorKind::Truncated => counts.judge(kind, &[], offset, due),
                Err(error) => {
                    eprintln!("read_at: {error}");
                    counts.errors += 1;
                }
            }
        }
    }
    counts
}

fn read_readers(folder: &Path, mut rounds: Rounds) -> Counts {
    let mut counts = Counts::default();
    while !rounds.is_over() {
        let kind = KINDS[rounds.below(4)];
        let Some(file) = open(kind, folder) else { continue };
        let chunk_len = [4096, 16 << 10, 1 << 20][rounds.below(3)];
        let mut offset = 0;
        let result = Reader::new(&file).chunk_len(chunk_len).for_each(|chunk| {
            counts.judge(kind, chunk, offset, chunk.len());
            offset += chunk.len();
            Ok::<_, Error>(())
        });
        counts.short += u64::from(offset < LEN);
        counts.wrong_kept += u64::from(offset < kind.kept());
        if let Err(error) = result {
            eprintln!("Reader: {error}");
            counts.errors += 1;
        }
    }
    counts
}

/// As programs do that map. It dies, or finds all bytes as they should be.
pub fn memmap2(folder: &Path) {
    loop {
        for kind in KINDS {
            let Some(file) = open(kind, folder) else { continue };
            // SAFETY: none, on purpose.
            if let Ok(map) = unsafe { memmap2::Mmap::map(&file) } {
                std::hint::black_box(map.iter().map(|&byte| u64::from(byte)).sum::<u64>());
            }
        }
    }
}
