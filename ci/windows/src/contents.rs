//! `Contents`, and memory that is resized as they do it, with each call failing. Reading has several ways to the same end,
//! so many failures must not change the result.

use crate::faults::{Folder, GRANULARITY, ODD, each, is_accessible};
use crate::hooks::Log;
use baremap::{Contents, ContentsOptions, Error, ErrorKind, File, FileRef, Flags, Mapping, Mmap, Prot};
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::ptr::null_mut;

pub const CHECKS: &[(&str, fn())] = &[
    ("read contents to the heap", read_to_heap),
    ("read contents to memory", read_to_memory),
    ("read contents of a pipe", read_pipe),
    ("read contents that are too long", read_too_long),
    ("map contents", map),
    ("map contents that are too long", map_too_long),
    ("resize memory", resize),
];

/// Longer than what is read to the heap, and no multiple of a page.
const LONG: usize = (8 << 20) + ODD;

/// More than a pipe's first memory holds, twice.
const STREAM: usize = 3 * GRANULARITY;

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// Of a name of its own, as a view that leaks keeps a file from being truncated.
fn file(folder: &Folder, bytes: &[u8]) -> File {
    let path = folder.path(&bytes.len().to_string());
    std::fs::write(path.to_str().unwrap(), bytes).unwrap();
    File::open(&path).unwrap()
}

/// Without a failure there are contents, and an error is the one that was planned.
#[track_caller]
fn is_right(result: Result<Contents, Error>, expected: &[u8], has_nul: bool, log: &Log) {
    match result {
        Ok(contents) => {
            assert!(&contents[..] == expected, "{contents:?}, {:?}", log.calls);
            assert_eq!(contents.bytes_with_nul().map(<[u8]>::last), has_nul.then_some(Some(&0)));
        }
        Err(error) => is_planned(&error, log),
    }
}

#[track_caller]
fn is_planned(error: &Error, log: &Log) {
    let kind = match (log.code, error.call()) {
        // A length beyond the address space is an invalid parameter, and so are permissions that a mapping cannot have.
        (8, _) | (87, "VirtualAlloc") => ErrorKind::OutOfMemory,
        (5, _) | (87, "VirtualProtect") => ErrorKind::PermissionDenied,
        (87, _) => ErrorKind::InvalidInput,
        _ => panic!("{error}, and no call failed of {:?}", log.calls),
    };
    assert_eq!(error.kind(), kind, "{error} after {:?}", log.calls);
}

/// Memory that is given up after another failure leaks if it cannot be freed.
fn is_not_freed(failed: &[&str]) -> bool {
    matches!(failed, [_, "VirtualFree"])
}

/// So do memory and views that are given up without a failure.
fn is_given_up(failed: &[&str]) -> bool {
    failed.iter().any(|call| ["VirtualFree", "UnmapViewOfFile"].contains(call))
}

fn kinds() -> [(ContentsOptions, bool); 2] {
    [(Contents::options(), false), (Contents::options().nul_terminated(), true)]
}

fn read_to_heap() {
    let folder = Folder::new("read_to_heap");
    for len in [0, 100, ODD] {
        let expected = bytes(len);
        let file = file(&folder, &expected);
        for (options, has_nul) in kinds() {
            let read = |()| options.max_len(len).read(&file);
            let leaks = if len == 0 { is_given_up } else { is_not_freed };
            each(|| (), read, |result, log| is_right(result, &expected, has_nul, log), leaks);
        }
    }
}

/// If the length cannot be asked for, the memory grows.
fn read_to_memory() {
    let folder = Folder::new("read_to_memory");
    let expected = bytes(LONG);
    let file = file(&folder, &expected);
    let read = |()| Contents::options().nul_terminated().max_len(LONG).read(&file);
    each(|| (), read, |result, log| is_right(result, &expected, true, log), is_not_freed);
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CreatePipe(from: *mut isize, to: *mut isize, security: *mut u8, len: u32) -> i32;
}

/// Makes a pipe that holds these bytes, and whose other end is closed.
fn pipe(bytes: &[u8]) -> OwnedHandle {
    let (mut from, mut to) = (0, 0);
    // SAFETY: both are writable. Then they are open handles that nothing else owns.
    let [from, to] = unsafe {
        assert_ne!(CreatePipe(&mut from, &mut to, null_mut(), 2 * STREAM as u32), 0);
        [from, to]
            .map(|handle| OwnedHandle::from_raw_handle(std::ptr::without_provenance_mut(handle as usize)))
    };
    std::io::Write::write_all(&mut std::fs::File::from(to), bytes).unwrap();
    from
}

fn read_pipe() {
    let expected = bytes(STREAM);
    for (options, has_nul) in kinds() {
        each(
            || pipe(&expected),
            |from| (options.read(FileRef::from(&from)), from),
            |(result, _), log| is_right(result, &expected, has_nul, log),
            is_not_freed,
        );
    }
}

/// Whichever call fails, what is longer is not returned.
#[track_caller]
fn is_too_long(result: Result<Contents, Error>, log: &Log) {
    match result.unwrap_err() {
        error if error.kind() == ErrorKind::TooLong => {}
        error => is_planned(&error, log),
    }
}

fn read_too_long() {
    let folder = Folder::new("read_too_long");
    let bytes = bytes(LONG);
    for len in [100, ODD, LONG] {
        let file = file(&folder, &bytes[..len]);
        let read = |()| Contents::options().max_len(len - 1).read(&file);
        each(|| (), read, is_too_long, is_given_up);
    }
}

/// What cannot be mapped is read. So is a file that ends with a page, if a NUL must follow.
fn map() {
    let folder = Folder::new("map_contents");
    for len in [0, 100, ODD, 2 * GRANULARITY] {
        let expected = bytes(len);
        let file = file(&folder, &expected);
        for (options, has_nul) in kinds() {
            let check = |result: Result<Contents, Error>, log: &Log| {
                if let (Ok(contents), 0) = (&result, log.code) {
                    let is_mapped = len == ODD || len > ODD && !has_nul;
                    assert_eq!(contents.is_mapped(), is_mapped, "{contents:?}, {:?}", log.calls);
                }
                is_right(result, &expected, has_nul, log);
            };
            // SAFETY: no other process has the file, here and below.
            each(|| (), |()| unsafe { options.max_len(len).map(&file) }, check, is_given_up);
        }
    }
}

fn map_too_long() {
    let folder = Folder::new("map_too_long");
    let bytes = bytes(ODD);
    for len in [100, ODD] {
        let file = file(&folder, &bytes[..len]);
        // SAFETY: as above.
        let map = |()| unsafe { Contents::options().max_len(len - 1).map(&file) };
        each(|| (), map, is_too_long, is_given_up);
    }
}

/// A failure leaves length, contents and permissions.
fn resize() {
    const OLD: usize = ODD;
    // The new mapping goes if it cannot be locked or protected, or if the old one stays.
    let leaks = |failed: &[&str]| {
        matches!(
            failed,
            ["VirtualLock" | "VirtualProtect" | "FlushInstructionCache" | "VirtualFree", "VirtualFree"]
        )
    };
    let expected = bytes(OLD);
    for prot in [Prot::READ, Prot::WRITE, Prot::EXEC] {
        for flags in [Flags::empty(), Flags::LOCKED, Flags::POPULATE] {
            for new in [100, GRANULARITY, OLD + 1, 2 * OLD, 1 << 20] {
                let make = || {
                    let mut map = Mmap::anon(OLD).flags(flags).map_mut().unwrap();
                    map.copy_from_slice(&expected);
                    let mut map = map.into_read_only().unwrap();
                    map.protect(prot).unwrap();
                    map
                };
                let check = |(result, map): (Result<(), Error>, Mapping), log: &Log| {
                    assert_eq!(map.len(), if result.is_ok() { new } else { OLD }, "{:?}", log.calls);
                    is_accessible(&map);
                    let (old, added) = map.split_at(OLD.min(new).min(map.len()));
                    assert!(*old == expected[..old.len()], "{result:?}, {:?}", log.calls);
                    if let Err(error) = result {
                        is_planned(&error, log);
                        assert!(map[..] == expected, "{error}, {:?}", log.calls);
                    } else {
                        assert!(added.iter().all(|&byte| byte == 0), "{:?}", log.calls);
                    }
                    assert_eq!(map.prot(), prot);
                    map.unmap().unwrap();
                };
                let resize = |mut map: Mapping| (Mmap::anon(new).flags(flags).resize(&mut map), map);
                each(make, resize, check, leaks);
            }
        }
    }
}
