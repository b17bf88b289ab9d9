//! Readers.

extern crate alloc;

use super::*;
use alloc::vec::Vec;
use baremap::{Reader, page_size};

checks! {
    reader:
    any_length,
    any_chunk_length,
    chunk_lengths,
    offset,
    beyond_4_gib,
    growing_file,
    shrinking_file,
    stop,
    pipe,
    directory,
    device,
    records,
    records_in_chunks,
    long_record,
    one_buffer_for_many_files,
}

/// A reader that reads, and one that maps.
fn both(file: &File) -> [Reader<'_>; 2] {
    // SAFETY: the file is the check's alone, which does not truncate it while a mapped Reader exists.
    [Reader::new(file), unsafe { Reader::new(file).mapped() }]
}

/// Reads a file to its end, and returns the length if the contents are those that [`Env::file`] wrote.
fn read(reader: Reader, offset: u64) -> Result<Option<u64>, Error> {
    let (mut at, mut is_right) = (offset, true);
    let read = reader.for_each(|chunk| {
        is_right &= is_pattern(chunk, at);
        at += chunk.len() as u64;
        Ok::<_, Error>(())
    })?;
    Ok((is_right && read == at - offset).then_some(read))
}

fn any_length(env: &mut Env) -> Result {
    let page = page_size();
    for len in [0, 1, page - 1, page, page + 1, 100_000, 1 << 20, (1 << 20) + 1, (16 << 20) + 1, 40_000_000] {
        let file = env.file("file", len)?;
        for reader in both(&file) {
            ensure_eq!(read(reader, 0)?, Some(len as u64));
        }
    }
    Ok(())
}

fn any_chunk_length(env: &mut Env) -> Result {
    let file = env.file("file", 1_300_003)?;
    for chunk_len in [999, 4_095, 4_096, 4_097, 65_537, 1_300_002, 1_300_003, usize::MAX] {
        for reader in both(&file) {
            ensure_eq!(read(reader.chunk_len(chunk_len), 0)?, Some(1_300_003));
        }
    }
    let file = env.file("short", 1_000)?;
    for chunk_len in [0, 1] {
        for reader in both(&file) {
            ensure_eq!(read(reader.chunk_len(chunk_len), 0)?, Some(1_000));
        }
    }
    Ok(())
}

fn chunk_lengths(env: &mut Env) -> Result {
    let file = env.file("file", 5_000_000)?;
    let mut lengths = [0; 6];
    let mut count = 0;
    let [reads, maps] = both(&file);
    maps.chunk_len(1_000_001).for_each(|chunk| {
        lengths[count] = chunk.len();
        count += 1;
        Ok::<_, Error>(())
    })?;
    ensure_eq!(lengths, [1_000_001, 1_000_001, 1_000_001, 1_000_001, 999_996, 0]);
    let mut longest = 0;
    reads.chunk_len(100_001).for_each(|chunk| {
        longest = longest.max(chunk.len());
        Ok::<_, Error>(())
    })?;
    ensure!((1..=100_001).contains(&longest));
    Ok(())
}

fn offset(env: &mut Env) -> Result {
    const MAX: u64 = i64::MAX as u64;
    for len in [1_000, 2_000_000] {
        let file = env.file("file", len)?;
        let len = len as u64;
        for (offset, rest) in [
            (0, len),
            (1, len - 1),
            (999, len - 999),
            (len, 0),
            (len + 1, 0),
            (MAX - 1, 0),
            (MAX, 0),
            (MAX + 1, 0),
            (u64::MAX - 1, 0),
            (u64::MAX, 0),
        ] {
            for reader in both(&file) {
                ensure_eq!(read(reader.offset(offset), offset)?, Some(rest));
            }
        }
    }
    Ok(())
}

/// Where offsets need 33 bits, and before.
fn beyond_4_gib(env: &mut Env) -> Result {
    const START: u64 = (4 << 30) - 50_000;
    let file = env.file("file", 0)?;
    file.set_len(START + 100_000)?;
    supported(file.write_at(b"above", (4 << 30) + 3), "no write_at here")?;
    for reader in both(&file) {
        let mut bytes = Vec::new();
        reader.offset(START).for_each(|chunk| {
            bytes.extend_from_slice(chunk);
            Ok::<_, Error>(())
        })?;
        ensure_eq!(bytes.len(), 100_000);
        ensure_filled(&bytes[..50_003], 0)?;
        ensure_eq!(bytes[50_003..50_008], *b"above");
        ensure_filled(&bytes[50_008..], 0)?;
    }
    Ok(())
}

/// The file ends where reading ends, not where it ended at the start.
fn growing_file(env: &mut Env) -> Result {
    for len in [0, 1_000, 100_000, 2_000_000] {
        for i in 0..2 {
            let file = env.file("file", len)?;
            let [reads, maps] = both(&file);
            let reader = if i == 0 { reads } else { maps };
            let mut chunks = 0;
            let read = reader.chunk_len(30_000).for_each(|_| {
                chunks += 1;
                if chunks == 1 { file.set_len(len as u64 + 50_000) } else { Ok(()) }
            })?;
            ensure_eq!(read, if len == 0 { 0 } else { len as u64 + 50_000 });
        }
    }
    Ok(())
}

fn shrinking_file(env: &mut Env) -> Result {
    for (len, left) in [(1_000, 0), (100_000, 50_001), (3_000_000, 70_000), (3_000_000, 0)] {
        let file = env.file("file", len)?;
        let mut chunks = 0;
        let read = Reader::new(&file).chunk_len(8_192).for_each(|_| {
            chunks += 1;
            if chunks == 1 { file.set_len(left) } else { Ok(()) }
        })?;
        ensure!((left..=len as u64).contains(&read));
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Stop {
    Here(u32),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// An error of the closure stops reading, and is returned.
fn stop(env: &mut Env) -> Result {
    for len in [1_000, 2_000_000] {
        let file = env.file("file", len)?;
        for reader in both(&file) {
            let mut chunks = 0;
            let result = reader.chunk_len(400).for_each(|_| {
                chunks += 1;
                if chunks == 2 { Err(Stop::Here(7)) } else { Ok(()) }
            });
            ensure_eq!(result, Err(Stop::Here(7)));
            ensure_eq!(chunks, 2);
        }
        for reader in both(&file) {
            let mut records = 0;
            let result = reader.records(0, |_| {
                records += 1;
                if records == 3 { Err(Stop::Here(8)) } else { Ok(()) }
            });
            ensure_eq!(result, Err(Stop::Here(8)));
            ensure_eq!(records, 3);
        }
    }
    Ok(())
}

fn pipe(env: &mut Env) -> Result {
    let Some(pipe) = env.pipe else {
        return Err(Failure::Skipped("no pipe here"));
    };
    let (mut text, mut len) = ([0; 16], 0);
    // A pipe has no offsets.
    for offset in [1, u64::MAX] {
        fails(read(Reader::new(pipe).offset(offset), offset), ErrorKind::NotSeekable)?;
    }
    // SAFETY: a pipe is not mapped.
    let read = unsafe { Reader::new(pipe).mapped() }.for_each(|chunk| {
        for &byte in chunk {
            text[len] = byte;
            len += 1;
        }
        Ok::<_, Error>(())
    })?;
    ensure_eq!(read, len as u64);
    ensure_eq!(text[..len].trim_ascii_end(), b"pipe");
    Ok(())
}

fn directory(env: &mut Env) -> Result {
    let folder = match File::open(env.folder) {
        Err(error) if error.kind() == ErrorKind::NotMappable => return Ok(()),
        result => result?,
    };
    for reader in both(&folder) {
        fails(read(reader, 0), ErrorKind::NotMappable)?;
    }
    for reader in both(&folder) {
        fails(read(reader.offset(u64::MAX), 0), ErrorKind::NotMappable)?;
    }
    Ok(())
}

/// A device reports no length, so it is read.
fn device(env: &mut Env) -> Result {
    let Some(zeros) = env.zeros else {
        return Err(Failure::Skipped("no such device here"));
    };
    let zeros = File::open(zeros)?;
    for reader in both(&zeros) {
        let mut read = 0;
        let result = reader.for_each(|chunk| {
            read += chunk.len();
            let is_right = ensure_filled(chunk, 0).is_ok();
            if is_right && read < 1 << 20 { Ok(()) } else { Err(Stop::Here(u32::from(is_right))) }
        });
        ensure_eq!(result, Err(Stop::Here(1)));
        ensure!(read >= 1 << 20);
    }
    Ok(())
}

fn records(env: &mut Env) -> Result {
    let file = File::create(&*env.path("file"))?;
    for (text, expected) in [
        ("", &[][..]),
        ("\n", &[""][..]),
        ("a", &["a"]),
        ("a\n", &["a"]),
        ("a\nb", &["a", "b"]),
        ("\n\na\n\n", &["", "", "a", ""]),
        ("first\nsecond, which is longer\nthird", &["first", "second, which is longer", "third"]),
        ("12345678\n123456789\n1234567", &["12345678", "123456789", "1234567"]),
    ] {
        file.set_len(text.len() as u64)?;
        map_mut(&file)?.copy_from_slice(text.as_bytes());
        for chunk_len in [1, 2, 3, 7, 8, 9, 1_000] {
            let mut expected = expected.iter();
            let mut is_right = true;
            let read = Reader::new(&file).chunk_len(chunk_len).records(b'\n', |record| {
                is_right &= expected.next().is_some_and(|expected| expected.as_bytes() == record);
                Ok::<_, Error>(())
            })?;
            ensure!(is_right);
            ensure!(expected.next().is_none());
            ensure_eq!(read, text.len() as u64);
        }
    }
    Ok(())
}

/// A longer file, with delimiters that its pattern has and one that it has not.
fn records_in_chunks(env: &mut Env) -> Result {
    const LEN: u64 = 1_100_001;
    let file = env.file("file", LEN as usize)?;
    for (delimiter, chunk_len) in [(0, 4_096), (250, 12_345), (128, 251), (1, 100), (255, 70_000)] {
        for reader in both(&file) {
            let (mut at, mut is_right) = (0, true);
            let read = reader.chunk_len(chunk_len).records(delimiter, |record| {
                is_right &= is_pattern(record, at) && !record.contains(&delimiter);
                at += record.len() as u64;
                is_right &= at == LEN || period(at)[0] == delimiter;
                at += 1;
                Ok::<_, Error>(())
            })?;
            ensure!(is_right);
            ensure_eq!(read, LEN);
            ensure!(at == LEN || at == LEN + 1);
        }
    }
    Ok(())
}

fn long_record(env: &mut Env) -> Result {
    let file = env.file("file", 3_000_000)?;
    for reader in both(&file) {
        let mut seen = 0;
        // The pattern has no byte 251.
        let read = reader.chunk_len(100_000).records(251, |record| {
            seen += record.len();
            if is_pattern(record, 0) { Ok(()) } else { Err(Stop::Here(0)) }
        });
        ensure_eq!(read, Ok(3_000_000));
        ensure_eq!(seen, 3_000_000);
    }
    Ok(())
}

/// The buffer outlives the files, and is allocated once for all that are not longer than the first.
fn one_buffer_for_many_files(env: &mut Env) -> Result {
    let mut buffer = Vec::new();
    let mut capacity = None;
    for len in [3_000_001, 5, 0, 4_096, 70_000, 3_000_000, 1_000_000] {
        let file = env.file("file", len)?;
        for is_mapped in [false, true] {
            let reader = Reader::with_buffer(&file, &mut buffer);
            // SAFETY: as in `both`.
            let reader = if is_mapped { unsafe { reader.mapped() } } else { reader };
            ensure_eq!(read(reader, 0)?, Some(len as u64));
            ensure!(buffer.is_empty());
            ensure_eq!(*capacity.get_or_insert(buffer.capacity()), buffer.capacity());
        }
    }
    // What the vector contained is not what is read.
    buffer.extend_from_slice(b"before");
    let file = env.file("file", 100)?;
    let mut lens = [0; 2];
    Reader::with_buffer(&file, &mut buffer).chunk_len(60).for_each(|chunk| {
        lens[usize::from(lens[0] != 0)] = chunk.len();
        Ok::<_, Error>(())
    })?;
    ensure_eq!(lens, [60, 40]);
    Ok(())
}
