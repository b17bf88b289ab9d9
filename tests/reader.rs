//! A Reader by std's traits, compared with std's own readers.

#![cfg(feature = "std")]

mod common;

use baremap::{Error, Reader};
use common::{LARGEST, Temporary};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// A Reader that reads, and one that maps.
fn both(file: &File) -> [Reader<'_>; 2] {
    // SAFETY: the files of a test are its own, and none is truncated while a mapped Reader exists.
    [Reader::new(file), unsafe { Reader::new(file).mapped() }]
}

/// Random seeks and reads of any length return what they return of memory.
#[test]
fn reads_and_seeks_like_a_cursor() {
    let contents = pattern(1_500_000);
    let temporary = Temporary::new("cursor", &contents);
    let file = temporary.open();
    for (chunk_len, reader) in [16 << 20, 100_000, 4_096, 999]
        .into_iter()
        .flat_map(|chunk_len| both(&file).map(|reader| (chunk_len, reader.chunk_len(chunk_len))))
    {
        let (mut reader, mut cursor) = (reader, Cursor::new(&contents));
        let mut random = 7_u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % limit
        };
        for _ in 0..100 {
            let near = below(20_000) as i64 - 10_000;
            let seek = match below(5) {
                0 => SeekFrom::Start(below(1_600_000)),
                1 => SeekFrom::End(-(below(1_600_000) as i64)),
                _ => SeekFrom::Current(near),
            };
            let (ours, theirs) = (reader.seek(seek), cursor.seek(seek));
            assert_eq!(ours.map_err(|error| error.kind()), theirs.map_err(|error| error.kind()), "{seek:?}");
            let mut bytes = [vec![0; below(10_000) as usize], Vec::new()];
            bytes[1] = bytes[0].clone();
            let read = reader.by_ref().take(bytes[0].len() as u64).read_to_end(&mut bytes[0]).unwrap();
            cursor.by_ref().take(bytes[1].len() as u64).read_to_end(&mut bytes[1]).unwrap();
            assert!(bytes[0] == bytes[1], "{chunk_len} {seek:?} {read}");
            assert_eq!(reader.stream_position().unwrap(), cursor.position());
            let line = below(300) as u8;
            bytes.iter_mut().for_each(Vec::clear);
            reader.read_until(line, &mut bytes[0]).unwrap();
            cursor.read_until(line, &mut bytes[1]).unwrap();
            assert!(bytes[0] == bytes[1], "{chunk_len} {seek:?} {line}");
        }
    }
}

/// A seek within the chunk reads nothing again, so changes to the file since then do not show.
#[test]
fn short_seeks_keep_the_chunk() {
    let temporary = Temporary::new("keeps", &[b'a'; 10_000]);
    let file = temporary.open();
    let mut reader = Reader::new(&file);
    let mut bytes = [0; 100];
    reader.read_exact(&mut bytes).unwrap();
    temporary.writable().write_all(&[b'b'; 10_000]).unwrap();
    for seek in [SeekFrom::Current(0), SeekFrom::Start(10), SeekFrom::Current(5_000), SeekFrom::Start(9_900)]
    {
        let to = reader.seek(seek).unwrap();
        assert_eq!(reader.stream_position().unwrap(), to);
        reader.read_exact(&mut bytes).unwrap();
        assert!(bytes == [b'a'; 100], "{seek:?}");
    }
    // A seek outside of the chunk reads again.
    reader.seek(SeekFrom::Start(20_000)).unwrap();
    reader.seek(SeekFrom::Start(10)).unwrap();
    reader.read_exact(&mut bytes).unwrap();
    assert!(bytes == [b'b'; 100]);
}

/// Seeking from the end asks for the length again, and reading returns what is there now.
#[test]
fn seeks_from_the_present_end() {
    for len in [1_000, 2_000_000] {
        let temporary = Temporary::new(&format!("end-{len}"), &pattern(len));
        let file = temporary.open();
        for mut reader in both(&file) {
            temporary.writable().set_len(len as u64).unwrap();
            let read = reader.read_to_end(&mut Vec::new()).unwrap();
            assert_eq!(read, len);
            OpenOptions::new().append(true).open(&temporary.0).unwrap().write_all(b"0123456789").unwrap();
            assert_eq!(reader.seek(SeekFrom::End(-10)).unwrap(), len as u64);
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "0123456789");
        }
    }
    // If the file was truncated, what is past its end is not returned, though it was read before.
    let temporary = Temporary::new("shorter", &pattern(1_000));
    let file = temporary.open();
    let mut reader = Reader::new(&file);
    assert_eq!(reader.fill_buf().unwrap().len(), 1_000);
    temporary.writable().set_len(100).unwrap();
    assert_eq!(reader.seek(SeekFrom::End(0)).unwrap(), 100);
    assert_eq!(reader.fill_buf().unwrap(), b"");
    assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 99);
    assert_eq!(reader.fill_buf().unwrap(), &[99]);
}

#[test]
fn offsets_are_at_most_i64_max() {
    let temporary = Temporary::new("far", &pattern(1_000));
    let file = temporary.open();
    for mut reader in both(&file) {
        reader.seek(SeekFrom::Start(10)).unwrap();
        for seek in [
            SeekFrom::Start(1 << 63),
            SeekFrom::Start(u64::MAX),
            SeekFrom::Current(i64::MAX),
            SeekFrom::Current(-11),
            SeekFrom::Current(i64::MIN),
            SeekFrom::End(i64::MAX),
            SeekFrom::End(-1_001),
            SeekFrom::End(i64::MIN),
        ] {
            assert_eq!(reader.seek(seek).unwrap_err().kind(), ErrorKind::InvalidInput, "{seek:?}");
            assert_eq!(reader.stream_position().unwrap(), 10);
        }
        for offset in [1_000, 1_001, i64::MAX as u64 - 1, i64::MAX as u64] {
            assert_eq!(reader.seek(SeekFrom::Start(offset)).unwrap(), offset);
            assert_eq!(reader.fill_buf().unwrap(), b"");
            assert_eq!(reader.stream_position().unwrap(), offset);
        }
    }
}

/// A Reader that has read already can start elsewhere.
#[test]
fn offset_after_reading() {
    let temporary = Temporary::new("offset", &pattern(2_000_000));
    let file = temporary.open();
    for mut reader in both(&file) {
        reader.read_exact(&mut [0; 10]).unwrap();
        let mut reader = reader.offset(3);
        assert_eq!(reader.stream_position().unwrap(), 3);
        assert_eq!(reader.fill_buf().unwrap()[0], 3);
    }
}

#[test]
fn pipe_is_never_seekable() {
    let (shell, switch) = if std::path::MAIN_SEPARATOR == '/' { ("sh", "-c") } else { ("cmd", "/C") };
    let mut command = Command::new(shell);
    let mut child = command.args([switch, "echo pipe"]).stdout(Stdio::piped()).spawn().unwrap();
    let pipe = child.stdout.take().unwrap();
    let mut reader = Reader::new(&pipe);
    let seeks = [SeekFrom::Start(6), SeekFrom::Start(0), SeekFrom::Current(0), SeekFrom::End(0)];
    let refuses = |reader: &mut Reader| {
        for seek in seeks {
            assert_eq!(reader.seek(seek).unwrap_err().kind(), ErrorKind::NotSeekable, "{seek:?}");
        }
        assert_eq!(reader.stream_position().unwrap_err().kind(), ErrorKind::NotSeekable);
    };
    refuses(&mut reader);
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    refuses(&mut reader);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    assert_eq!((byte, text.trim_end()), (*b"p", "ipe"));
}

#[test]
fn debug_prints_no_contents() {
    for len in [2_000, 2_000_000] {
        let temporary = Temporary::new(&format!("debug-{len}"), &vec![b'a'; len]);
        let file = temporary.open();
        for mut reader in both(&file) {
            reader.fill_buf().unwrap();
            let text = format!("{reader:?}");
            assert!(!text.contains("97, 97") && !text.contains("aaaa") && text.len() < 200, "{text}");
        }
    }
}

/// With little memory it reads shorter chunks. With none it fails, and can go on later.
#[test]
fn short_memory_is_no_panic() {
    let contents = pattern(2_000_000);
    let temporary = Temporary::new("memory", &contents);
    let file = temporary.open();
    for largest in [1 << 20, 100_000, 50_000, 8_192, 8_191, 100] {
        let (mut read, mut is_right) = (0, true);
        LARGEST.set(largest);
        let result = Reader::new(&file).for_each(|chunk| {
            is_right &= contents[read..].starts_with(chunk);
            read += chunk.len();
            Ok::<_, Error>(())
        });
        LARGEST.set(usize::MAX);
        match result {
            Ok(all) => assert!(is_right && all == 2_000_000 && largest >= 8_192),
            Err(error) => assert!(error.kind() == baremap::ErrorKind::OutOfMemory && largest < 8_192),
        }
    }
    let mut reader = Reader::new(&file);
    LARGEST.set(1_000);
    let kind = reader.read(&mut [0]).map_err(|error| error.kind());
    LARGEST.set(usize::MAX);
    assert_eq!(kind, Err(ErrorKind::OutOfMemory));
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert!(bytes == contents);
    // A record longer than a chunk needs memory of its own.
    LARGEST.set(200_000);
    let result = Reader::new(&file).records(255, |_| Ok::<_, Error>(()));
    LARGEST.set(usize::MAX);
    assert_eq!(result.map_err(|error| error.kind()), Err(baremap::ErrorKind::OutOfMemory));
}
