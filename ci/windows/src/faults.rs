//! Each operation of more than one call, with each call and each pair of calls failing. Whatever fails, the object that
//! comes back must be true to what is there, and when it is dropped, address space and handles are as before. CloseHandle
//! is not made to fail: of an open handle it cannot.

use crate::hooks::{Log, Plan, with};
use crate::state::{State, protection};
use baremap::{Advice, Discard, Error, ErrorKind, File, Flags, Mapping, Mmap, Prot, Reservation};
use std::ffi::CString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub const CHECKS: &[(&str, fn())] = &[
    ("open", open),
    ("open by a long path", open_by_a_long_path),
    ("create", create),
    ("a pipe's server cannot act as its client", sqos),
    ("map a file", map_file),
    ("map memory", map_memory),
    ("truncated meanwhile", truncated_meanwhile),
    ("populates each page", populates_each_page),
    ("lock", lock),
    ("reserve", reserve),
    ("split and release", split_and_release),
    ("map a file in a reservation", map_file_in),
    ("map memory in a reservation", map_memory_in),
    ("unmap", unmap),
    ("into a reservation", into_reservation),
    ("protect", protect),
    ("discard", discard),
    ("discard keeps locks", discard_keeps_locks),
    ("flush", flush),
    ("flush again", flush_again),
    ("read at an offset", read_at),
];

const ERROR_ACCESS_DENIED: u32 = 5;
const ERROR_NOT_ENOUGH_MEMORY: u32 = 8;
const ERROR_LOCK_VIOLATION: u32 = 33;
const ERROR_INVALID_PARAMETER: u32 = 87;

/// A length that does not fill the last unit, with which a view leaves a part of a reservation over.
const ODD: usize = UNIT + 5000;
const UNIT: usize = 1 << 16;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("baremap-faults-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> CString {
        CString::new(self.0.join(name).to_str().unwrap()).unwrap()
    }

    fn file(&self) -> File {
        let path = self.0.join("data");
        if !path.exists() {
            std::fs::write(&path, (0..ODD).map(byte).collect::<Vec<_>>()).unwrap();
        }
        File::open_rw(&self.path("data")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn byte(i: usize) -> u8 {
    (i % 251) as u8
}

/// Runs `operation` on what `setup` makes: with no call failing, then with each, and with each pair; and with the codes that
/// some calls look at. `check` gets the result and drops it. `leaks` tells after which failing calls something may stay
/// that nothing can give back.
#[track_caller]
fn each<S, T>(
    setup: impl Fn() -> S,
    operation: impl Fn(S) -> T,
    check: impl Fn(T, &Log),
    leaks: impl Fn(&[&str]) -> bool,
) {
    let run = |plan: Plan| {
        let before = State::now();
        let (result, log) = with(plan, {
            let made = setup();
            || operation(made)
        });
        check(result, &log);
        let after = State::now();
        let failed: Vec<_> = plan.fail.iter().flatten().filter_map(|&i| log.calls.get(i).copied()).collect();
        let changes = after.changes(&before);
        assert!(
            changes.is_empty() || leaks(&failed),
            "with {failed:?} of {:?} failing with {} there came and went{changes}",
            log.calls,
            plan.code,
        );
        log.calls.len()
    };
    // Once more, as memory for itself the program asks for at first.
    run(Plan::default());
    for code in [ERROR_NOT_ENOUGH_MEMORY, ERROR_INVALID_PARAMETER, ERROR_ACCESS_DENIED] {
        let mut i = 0;
        while i < run(Plan { fail: [Some(i), None], code, ..Plan::default() }) {
            let mut j = if code == ERROR_ACCESS_DENIED { usize::MAX } else { i + 1 };
            while j != usize::MAX && j < run(Plan { fail: [Some(i), Some(j)], code, ..Plan::default() }) {
                j += 1;
            }
            i += 1;
        }
    }
}

fn none(_: &[&str]) -> bool {
    false
}

/// Its bytes can be read, and written if it says so.
#[track_caller]
fn is_true(map: &mut Mapping) {
    const PAGE_WRITABLE: u32 = 0x04 | 0x08 | 0x40 | 0x80;
    let protection = protection(map.as_ptr());
    assert_ne!(protection, 0, "{map:?} is not there");
    std::hint::black_box((map[0], map[map.len() - 1]));
    if map.bytes_mut().is_ok() {
        assert_ne!(protection & PAGE_WRITABLE, 0, "{map:?}, but {protection:#x}");
    }
}

#[track_caller]
fn has_contents(map: &mut Mapping) {
    is_true(map);
    assert!(map.iter().enumerate().all(|(i, &b)| b == byte(i)), "{map:?}");
}

/// It is as long as it says, and one: it can be split, and memory can be put there.
#[track_caller]
fn is_whole(place: Reservation, len: usize) {
    let address = place.as_ptr();
    assert_eq!(place.len(), len);
    assert_eq!(protection(address), 0, "something is mapped in the reservation");
    let map = Mmap::anon(len).prot(Prot::WRITE).map_in(place).unwrap();
    assert_eq!(map.as_ptr(), address);
    let place = map.into_reservation().unwrap();
    if len > UNIT {
        let (first, rest) = place.split(UNIT).unwrap();
        first.release().unwrap();
        rest.release().unwrap();
    }
}

fn open() {
    let folder = Folder::new("open");
    drop(folder.file());
    let path = folder.path("data");
    each(|| (), |()| File::open(&path), |result, _| drop(result), none);
    each(|| (), |()| File::open_rw(&path), |result, _| drop(result), none);
}

fn open_by_a_long_path() {
    let folder = Folder::new("long");
    let long = folder.0.join("x".repeat(200));
    let long = std::path::Path::new(r"\\?\").join(long);
    std::fs::create_dir_all(&long).unwrap();
    let path = folder.path(&format!(r"{}\{}", "x".repeat(200), "y".repeat(100)));
    drop(File::create(&path).unwrap());
    each(
        || (),
        |()| File::open(&path),
        |result, _| drop(result),
        // Scratch memory that is not released stays.
        |failed| failed.contains(&"VirtualFree"),
    );
    let free_fails = Plan { fail_all: Some("VirtualFree"), code: ERROR_NOT_ENOUGH_MEMORY, ..Plan::default() };
    with(free_fails, || File::open(&path)).0.unwrap();
}

fn create() {
    let folder = Folder::new("create");
    let path = folder.path("new");
    let found = folder.0.join("new");
    // A file that is new is there or not, and empty.
    each(
        || {
            let _ = std::fs::remove_file(&found);
        },
        |()| File::create(&path),
        |result, _| {
            assert!(result.is_err() || std::fs::metadata(&found).unwrap().len() == 0);
            assert!(result.is_ok() || !found.exists(), "{result:?} of a file that was made");
        },
        none,
    );
    // One that was there keeps its contents if it is not emptied.
    each(
        || std::fs::write(&found, b"contents").unwrap(),
        |()| File::create(&path),
        |result, _| {
            assert_eq!(std::fs::read(&found).unwrap(), if result.is_ok() { &b""[..] } else { b"contents" })
        },
        none,
    );
}

/// The server of a named pipe may act as a client that says nothing about it (Microsoft, "Impersonating a Named Pipe
/// Client"). Wine does not look at the flags.
fn sqos() {
    const SECURITY_SQOS_PRESENT: u32 = 0x00100000;
    const SECURITY_DELEGATION: u32 = 0x00030000;
    const SECURITY_IDENTIFICATION: u32 = 0x00010000;
    let (_, log) = with(Plan::default(), || File::open(c"nul"));
    assert_ne!(log.open_flags & SECURITY_SQOS_PRESENT, 0, "{:#x}", log.open_flags);
    assert!(log.open_flags & SECURITY_DELEGATION <= SECURITY_IDENTIFICATION, "{:#x}", log.open_flags);
}

fn requests(file: &File) -> [Mmap<baremap::FileRef<'_>>; 6] {
    [
        (Prot::READ, Flags::default()),
        (Prot::WRITE, Flags::default()),
        (Prot::READ, Flags::COW),
        (Prot::WRITE, Flags::COW),
        (Prot::WRITE, Flags::LOCKED),
        (Prot::READ, Flags::POPULATE),
    ]
    .map(|(prot, flags)| Mmap::new(file).prot(prot).flags(flags))
}

fn check_file(result: Result<Mapping, Error>) {
    if let Ok(mut map) = result {
        has_contents(&mut map);
    }
}

fn map_file() {
    let folder = Folder::new("map");
    let file = folder.file();
    for request in requests(&file) {
        // SAFETY: the file is this test's alone, here and below.
        each(|| (), |()| unsafe { request.map() }, |result, _| check_file(result), is_not_undone);
    }
}

fn map_memory() {
    for flags in [Flags::default(), Flags::POPULATE, Flags::LOCKED] {
        let request = Mmap::anon(ODD).prot(Prot::WRITE).flags(flags);
        let check = |result: Result<Mapping, Error>, _: &Log| {
            if let Ok(mut map) = result {
                is_true(&mut map);
            }
        };
        each(|| (), |()| request.map(), check, is_not_undone);
    }
}

/// What cannot be locked or protected as asked, and then not be unmapped either, stays, and nobody has it.
fn is_not_undone(failed: &[&str]) -> bool {
    matches!(
        failed,
        [
            "VirtualLock" | "VirtualProtect",
            "UnmapViewOfFile" | "UnmapViewOfFile2" | "VirtualFree" | "GetProcAddress"
        ]
    )
}

/// A reservation that comes back: whole, or none, if it could not be taken back.
#[track_caller]
fn is_whole_or_lost(place: Reservation, len: usize, log: &Log) {
    if place.len() != 0 {
        is_whole(place, len);
    } else {
        assert!(
            log.calls.iter().any(|call| ["VirtualLock", "VirtualProtect"].contains(call)),
            "{:?}",
            log.calls
        );
    }
}

/// A file that is truncated while it is mapped: between the length that is asked and the view.
fn truncated_meanwhile() {
    static PATH: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let folder = Folder::new("truncated");
    let file = folder.file();
    PATH.set(folder.0.join("data")).unwrap();
    for len in [4096, 0] {
        std::fs::write(PATH.get().unwrap(), vec![1; ODD]).unwrap();
        let truncate = if len == 0 {
            || std::fs::File::create(PATH.get().unwrap()).unwrap().set_len(0).unwrap()
        } else {
            || std::fs::File::create(PATH.get().unwrap()).unwrap().set_len(4096).unwrap()
        };
        let plan = Plan { before: Some(("CreateFileMappingW", truncate)), ..Plan::default() };
        // SAFETY: nothing is mapped.
        let (result, log) = with(plan, || unsafe { Mmap::new(&file).map() });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BeyondEnd, "{:?}", log.calls);
    }
}

/// Of the page too in which a mapping ends that starts in the middle of another.
fn populates_each_page() {
    let folder = Folder::new("populate");
    let file = folder.file();
    // SAFETY: as above.
    let request = Mmap::new(&file).offset(4000).len(200).flags(Flags::POPULATE);
    // SAFETY: as above.
    let (map, log) = with(Plan::default(), || unsafe { request.map() }.unwrap());
    assert_eq!(map.len(), 200);
    assert_eq!(log.pages_read, 2);
}

/// What could not be locked as a whole is not locked in part.
fn lock() {
    let map = Mmap::anon(ODD).prot(Prot::WRITE).map().unwrap();
    let fails = Plan { fail_all: Some("VirtualLock"), code: 1453, ..Plan::default() };
    let (result, log) = with(fails, || map.lock());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
    assert_eq!(log.calls, ["VirtualLock", "VirtualUnlock"]);
}

fn reserve() {
    let drop_it = |result: Result<Reservation, Error>, _: &Log| {
        if let Ok(place) = result {
            let len = place.len();
            is_whole(place, len);
        }
    };
    each(|| (), |()| Reservation::new(3 * UNIT), drop_it, |failed| failed.contains(&"VirtualFree"));
    each(|| (), |()| Reservation::aligned(UNIT, 1 << 21), drop_it, |failed| failed.contains(&"VirtualFree"));
}

fn split_and_release() {
    each(
        || Reservation::new(3 * UNIT).unwrap(),
        |place| place.split(UNIT),
        |result, _| match result {
            Ok((first, rest)) => {
                is_whole(first, UNIT);
                is_whole(rest, 2 * UNIT);
            }
            Err((place, _)) => is_whole(place, 3 * UNIT),
        },
        none,
    );
    each(
        || Reservation::new(3 * UNIT).unwrap(),
        |place| place.release(),
        |result, _| {
            if let Err((place, _)) = result {
                is_whole(place, 3 * UNIT)
            }
        },
        none,
    );
}

fn map_file_in() {
    let folder = Folder::new("map_in");
    let file = folder.file();
    for request in requests(&file) {
        for len in [ODD, UNIT] {
            let place_len = len.next_multiple_of(UNIT);
            each(
                || Reservation::new(len).unwrap(),
                // SAFETY: as above.
                |place| unsafe { request.len(len).map_in(place) },
                |result, log| match result {
                    Ok(mut map) => {
                        has_contents(&mut map);
                        is_whole(map.into_reservation().unwrap(), place_len);
                    }
                    Err((place, _)) => is_whole_or_lost(place, place_len, log),
                },
                is_not_undone,
            );
        }
    }
}

fn map_memory_in() {
    for flags in [Flags::default(), Flags::POPULATE, Flags::LOCKED] {
        each(
            || Reservation::new(ODD).unwrap(),
            |place| Mmap::anon(ODD).prot(Prot::WRITE).flags(flags).map_in(place),
            |result, log| match result {
                Ok(mut map) => {
                    is_true(&mut map);
                    is_whole(map.into_reservation().unwrap(), 2 * UNIT);
                }
                Err((place, _)) => is_whole_or_lost(place, 2 * UNIT, log),
            },
            is_not_undone,
        );
    }
}

fn placed(file: &File, prot: Prot, flags: Flags) -> Mapping {
    // SAFETY: as above.
    unsafe { Mmap::new(file).prot(prot).flags(flags).map_in(Reservation::new(ODD).unwrap()) }.unwrap()
}

fn unmap() {
    let folder = Folder::new("unmap");
    let file = folder.file();
    let check = |result: Result<(), (Mapping, Error)>, _: &Log| {
        if let Err((mut map, _)) = result {
            is_true(&mut map);
            map.unmap().unwrap();
        }
    };
    each(|| Mmap::anon(ODD).map().unwrap(), Mapping::unmap, check, none);
    for (prot, flags) in
        [(Prot::READ, Flags::default()), (Prot::WRITE, Flags::default()), (Prot::READ, Flags::COW)]
    {
        // SAFETY: as above.
        each(
            || unsafe { Mmap::new(&file).prot(prot).flags(flags).map() }.unwrap(),
            Mapping::unmap,
            check,
            none,
        );
        // The mapping is gone; the rest of its last unit stays reserved.
        each(|| placed(&file, prot, flags), Mapping::unmap, check, |failed| failed == ["VirtualFree"]);
    }
}

fn into_reservation() {
    let folder = Folder::new("vacate");
    let file = folder.file();
    let check = |result: Result<Reservation, (Mapping, Error)>, _: &Log| match result {
        Ok(place) => is_whole(place, 2 * UNIT),
        Err((mut map, _)) => {
            is_true(&mut map);
            is_whole(map.into_reservation().unwrap(), 2 * UNIT);
        }
    };
    let memory = || Mmap::anon(ODD).map_in(Reservation::new(ODD).unwrap()).unwrap();
    each(memory, Mapping::into_reservation, check, none);
    each(|| placed(&file, Prot::READ, Flags::default()), Mapping::into_reservation, check, none);
    each(|| placed(&file, Prot::WRITE, Flags::default()), Mapping::into_reservation, check, none);
    each(|| placed(&file, Prot::READ, Flags::COW), Mapping::into_reservation, check, none);
}

fn protect() {
    for (from, to) in [(Prot::READ, Prot::WRITE), (Prot::WRITE, Prot::EXEC), (Prot::EXEC, Prot::WRITE)] {
        each(
            || Mmap::anon(ODD).prot(from).map().unwrap(),
            |mut map| (map.protect(to), map),
            |(result, mut map), log| {
                is_true(&mut map);
                // Nothing has changed if the first call failed, and no right is presumed in any case.
                let rights = format!("{map:?}");
                let expected = match result {
                    Ok(()) => to,
                    Err(_) if log.calls.contains(&"VirtualProtect") => from & to,
                    Err(_) => from,
                };
                assert!(
                    rights.contains(&format!("prot: {expected:?}")),
                    "{rights}, {result:?}, {:?}",
                    log.calls
                );
            },
            none,
        );
    }
}

/// Contents may be gone, and memory never.
fn discard() {
    const PAGES: usize = 40;
    for prot in [Prot::WRITE, Prot::READ, Prot::EXEC] {
        for is_placed in [false, true] {
            let request = Mmap::anon(PAGES << 12).prot(Prot::WRITE);
            let make = || {
                let mut map = if is_placed {
                    request.map_in(Reservation::new(PAGES << 12).unwrap()).unwrap()
                } else {
                    request.map().unwrap()
                };
                map.bytes_mut().unwrap().fill(1);
                map.protect(prot).unwrap();
                map
            };
            // SAFETY: nothing relies on the contents.
            let discard = |map: &Mapping| unsafe { map.discard_range(1 << 12..20 << 12, Discard::DontNeed) };
            let map = make();
            let plan = Plan { keeps_contents: true, ..Plan::default() };
            with(plan, || discard(&map)).0.unwrap();
            assert!(map[1 << 12..20 << 12].iter().all(|&b| b == 0));
            assert!(map[..1 << 12].iter().chain(&map[20 << 12..]).all(|&b| b == 1));
            drop(map);
            each(
                make,
                |map| (discard(&map), map),
                |(result, mut map), log| {
                    is_true(&mut map);
                    for (page, bytes) in map.chunks(1 << 12).enumerate() {
                        let address = bytes.as_ptr();
                        assert_ne!(protection(address), 0, "page {page} after {result:?}, {:?}", log.calls);
                        let expected = if (1..20).contains(&page) { 0 } else { 1 };
                        if result.is_ok() || expected == 1 {
                            assert!(bytes.iter().all(|&b| b == expected), "page {page}, {:?}", log.calls);
                        }
                    }
                    map.protect(Prot::WRITE).unwrap();
                    map.bytes_mut().unwrap().fill(2);
                },
                none,
            );
        }
    }
}

fn discard_keeps_locks() {
    let folder = Folder::new("locked");
    let file = folder.file();
    // SAFETY: as above.
    let shared = unsafe { Mmap::new(&file).map() }.unwrap();
    for map in [shared, Mmap::anon(1 << 14).prot(Prot::WRITE).map().unwrap()] {
        for locked in [true, false] {
            let plan = Plan { locked, ..Plan::default() };
            // SAFETY: nothing relies on the contents.
            let (result, log) = with(plan, || unsafe { map.discard(Discard::DontNeed) });
            assert_eq!(result, Ok(()));
            assert_eq!(log.calls.contains(&"VirtualUnlock"), !locked, "{:?}", log.calls);
        }
    }
}

fn flush() {
    let folder = Folder::new("flush");
    let file = folder.file();
    // SAFETY: as above.
    let mut map = unsafe { Mmap::new(&file).prot(Prot::WRITE).map() }.unwrap();
    each(|| (), |()| map.flush(), |_, _| {}, none);
    has_contents(&mut map);
}

/// FlushViewOfFile fails now and then with ERROR_LOCK_VIOLATION while the system writes the same pages.
fn flush_again() {
    let folder = Folder::new("again");
    let file = folder.file();
    // SAFETY: as above.
    let map = unsafe { Mmap::new(&file).prot(Prot::WRITE).map() }.unwrap();
    let twice = Plan { fail: [Some(0), Some(1)], code: ERROR_LOCK_VIOLATION, ..Plan::default() };
    let (result, log) = with(twice, || map.flush());
    assert_eq!(result, Ok(()));
    assert_eq!(log.calls, ["FlushViewOfFile", "FlushViewOfFile", "FlushViewOfFile", "FlushFileBuffers"]);
    // Not for ever.
    let always = Plan { fail_all: Some("FlushViewOfFile"), code: ERROR_LOCK_VIOLATION, ..Plan::default() };
    let start = Instant::now();
    let (result, log) = with(always, || map.flush());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Busy);
    assert!((3..100).contains(&log.calls.len()), "{:?}", log.calls);
    assert!(start.elapsed() < Duration::from_secs(60));
    // Another error is told at once.
    let other = Plan { fail: [Some(0), None], code: ERROR_ACCESS_DENIED, ..Plan::default() };
    let (result, log) = with(other, || map.flush());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(log.calls, ["FlushViewOfFile"]);
    let _ = map.advise(Advice::Normal);
}

/// What fails moves no position, and nothing is read that is not told.
fn read_at() {
    use std::io::{Read, Seek, SeekFrom};
    let folder = Folder::new("read_at");
    drop(folder.file());
    let path = folder.0.join("data");
    each(
        || {
            let mut file = std::fs::File::open(&path).unwrap();
            file.seek(SeekFrom::Start(10)).unwrap();
            File::from(file)
        },
        |file| {
            let mut bytes = [0; 100];
            (file.read_at(&mut bytes, 50), bytes, file)
        },
        |(result, bytes, file), log| {
            let mut file = std::fs::File::from(file);
            // If it cannot be set back, that is told.
            if result.is_ok() || log.calls.last() != Some(&"SetFilePointerEx") {
                assert_eq!(file.stream_position().unwrap(), 10, "{result:?} {:?}", log.calls);
            }
            if let Ok(read) = result {
                assert!(read == 100 && bytes.iter().enumerate().all(|(i, &b)| b == byte(50 + i)));
            } else {
                let mut one = [0];
                assert_eq!(file.read(&mut one).unwrap(), 1);
            }
        },
        none,
    );
}
