//! Runs every operation of more than one call with each call failing, and with each pair. Whatever fails, the object that
//! is returned must describe what exists, and after it is dropped, address space and handles are as before. CloseHandle
//! never fails here, because it cannot fail for an open handle.

use crate::hooks::{Log, Plan, with};
use crate::state::{State, protection};
use baremap::{
    Code, Discard, Error, ErrorKind, File, Flags, Mapping, Mmap, Prot, Refused, Reservation, SharedMemory,
    Stack, lock_limit, raise_lock_limit,
};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const CHECKS: &[(&str, fn())] = &[
    ("open", open),
    ("open by a long path", open_by_a_long_path),
    ("create", create),
    ("create a new file", create_new),
    ("open or create", open_or_create),
    ("a file in memory", memory_file),
    ("shared memory", shared_memory),
    ("shared memory with a name", named_memory),
    ("map shared memory", map_shared_memory),
    ("allocate space", allocate),
    ("a pipe's server cannot impersonate its client", sqos),
    ("map a file", map_file),
    ("map memory", map_memory),
    ("a file is truncated before the view", truncated_before_view),
    ("populate touches each page", populate_touches_each_page),
    ("lock", lock),
    ("look, populate and lock in parts", residency),
    ("a page that cannot be read", page_is_not_read),
    ("unlock page by page", unlock_page_by_page),
    ("raise the limit", raise_limit),
    ("reserve", reserve),
    ("split and release", split_and_release),
    ("map a file in a reservation", map_file_in),
    ("map memory in a reservation", map_memory_in),
    ("unmap", unmap),
    ("unmap to a reservation", into_reservation),
    ("protect", protect),
    ("code", code),
    ("stack", stack),
    ("discard", discard),
    ("discard keeps locks", discard_keeps_locks),
    ("flush", flush),
    ("flush retries", flush_retries),
    ("read at an offset", read_at),
    ("write at an offset", write_at),
];

const ERROR_ACCESS_DENIED: u32 = 5;
const ERROR_NOT_ENOUGH_MEMORY: u32 = 8;
const ERROR_LOCK_VIOLATION: u32 = 33;
const ERROR_INVALID_PARAMETER: u32 = 87;

pub const GRANULARITY: usize = 1 << 16;

/// A length that does not fill the last 64 KiB, so that a view leaves the rest of a reservation.
pub const ODD: usize = GRANULARITY + 5000;

pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("baremap-faults-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> CString {
        CString::new(self.0.join(name).to_str().unwrap()).unwrap()
    }

    pub fn as_path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self) -> File {
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

/// Runs `operation` on what `setup` makes: with no call failing, then with each, and with each pair, by each code that the
/// backend judges. `check` consumes the result. `leaks` returns whether something may remain after these calls failed,
/// because undoing failed too.
#[track_caller]
pub fn each<S, T>(
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
            "with {failed:?} of {:?} failing with {}, this appeared (+) or disappeared (-):{changes}",
            log.calls,
            plan.code,
        );
        log.calls.len()
    };
    // Once more below: at first the program allocates memory for itself.
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

pub fn none(_: &[&str]) -> bool {
    false
}

/// The bytes can be read, and written if the permissions contain WRITE.
#[track_caller]
pub fn is_accessible<A>(map: &Mapping<A>) {
    const PAGE_WRITABLE: u32 = 0x04 | 0x08 | 0x40 | 0x80;
    let protection = protection(map.as_ptr());
    assert_ne!(protection, 0, "{map:?} is not mapped");
    // SAFETY: every mapping is readable.
    std::hint::black_box(unsafe { (*map.as_ptr(), *map.as_ptr().add(map.len() - 1)) });
    if map.prot().contains(Prot::WRITE) {
        assert_ne!(protection & PAGE_WRITABLE, 0, "{map:?}, but {protection:#x}");
    }
}

#[track_caller]
fn has_contents(map: &Mapping) {
    is_accessible(map);
    assert!(map.iter().enumerate().all(|(i, &b)| b == byte(i)), "{map:?}");
}

/// The reservation has this length, can be replaced and split, and can be released.
#[track_caller]
pub fn is_whole(reservation: Reservation, len: usize) {
    let address = reservation.as_ptr();
    assert_eq!(reservation.len(), len);
    assert_eq!(protection(address), 0, "something is mapped in the reservation");
    let map = Mmap::anon(len).map_mut_in(reservation).unwrap();
    assert_eq!(map.as_ptr(), address);
    let reservation = map.into_reservation().unwrap();
    if len > GRANULARITY {
        let (first, rest) = reservation.split(GRANULARITY).unwrap();
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
        // The buffer for the path leaks if it cannot be freed.
        |failed| failed.contains(&"VirtualFree"),
    );
    let free_fails = Plan { fail_all: Some("VirtualFree"), code: ERROR_NOT_ENOUGH_MEMORY, ..Plan::default() };
    with(free_fails, || File::open(&path)).0.unwrap();
}

/// Nothing is left in the folder of temporary files.
fn memory_file() {
    let files = || {
        let names = std::fs::read_dir(std::env::temp_dir()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> =
            names.filter(|name| name.to_str().is_some_and(|name| name.starts_with("baremap-"))).collect();
        names.sort();
        names
    };
    let before = files();
    each(|| (), |()| File::memory(), |result, _| drop(result), none);
    let (one, two) = (File::memory().unwrap(), File::memory().unwrap());
    assert_eq!(files().len(), before.len() + 2);
    drop((one, two));
    assert_eq!(files(), before);
}

fn shared_memory() {
    let check = |result: Result<SharedMemory, Error>, _: &Log| {
        if let Ok(memory) = result {
            assert_eq!(memory.len() % 4096, 0);
            is_accessible(&Mmap::new(&memory).prot(Prot::WRITE).map_raw().unwrap());
        }
    };
    each(|| (), |()| SharedMemory::new(ODD), check, is_view_left);
}

/// The view by which the length was found.
fn is_view_left(failed: &[&str]) -> bool {
    failed.contains(&"UnmapViewOfFile")
}

/// A name is there exactly as long as somebody has a handle.
fn named_memory() {
    let name = CString::new(format!("baremap-faults-{}", std::process::id())).unwrap();
    // The first use of a name opens the namespace, for good.
    drop(SharedMemory::create(&name, ODD));
    let is_there = || match SharedMemory::open(&name) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            false
        }
    };
    each(
        || (),
        |()| SharedMemory::create(&name, ODD),
        |result, _| {
            assert_eq!(is_there(), result.is_ok());
            drop(result);
            assert!(!is_there());
        },
        is_view_left,
    );
    let memory = SharedMemory::create(&name, ODD).unwrap();
    let check = |result: Result<SharedMemory, Error>, _: &Log| {
        assert!(result.is_err() || result.unwrap().len() == memory.len());
    };
    each(|| (), |()| SharedMemory::open(&name), check, is_view_left);
    let check = |result: Result<SharedMemory, Error>, _: &Log| {
        assert!(result.is_err());
        assert!(is_there());
    };
    each(|| (), |()| SharedMemory::create(&name, ODD), check, is_view_left);
}

/// A section is mapped as a file is, and there is no file to keep open.
fn map_shared_memory() {
    let memory = SharedMemory::new(ODD).unwrap();
    for request in [
        Mmap::new(&memory).prot(Prot::WRITE),
        Mmap::new(&memory).offset(5000).flags(Flags::LOCKED),
        Mmap::new(&memory).flags(Flags::COW),
    ] {
        let check = |result: Result<Mapping<baremap::access::Raw>, Error>, log: &Log| {
            assert!(!log.calls.contains(&"CreateFileMappingW") && !log.calls.contains(&"DuplicateHandle"));
            if let Ok(map) = result {
                is_accessible(&map);
                map.flush().unwrap();
            }
        };
        each(|| (), |()| request.map_raw(), check, is_not_undone);
    }
}

/// A file never gets shorter, whichever call fails.
fn allocate() {
    let folder = Folder::new("allocate");
    let file = folder.file();
    let end = 2 * ODD as u64;
    each(
        || file.set_len(ODD as u64).unwrap(),
        |()| file.allocate(5000, end - 5000),
        |result, log| {
            assert_eq!(file.len().unwrap(), if result.is_ok() { end } else { ODD as u64 }, "{:?}", log.calls);
        },
        none,
    );
    for (offset, len) in [(0, 1), (0, end), (end - 1, 1)] {
        file.allocate(offset, len).unwrap();
        assert_eq!(file.len().unwrap(), end);
    }
    // SAFETY: the file is this check's alone.
    has_contents(&unsafe { Mmap::new(&file).len(ODD).map() }.unwrap());
}

fn create() {
    let folder = Folder::new("create");
    let path = folder.path("new");
    let found = folder.0.join("new");
    creates_it_or_not(&found, || File::create(&path));
    // A file that existed keeps its contents if it cannot be truncated.
    each(
        || std::fs::write(&found, b"contents").unwrap(),
        |()| File::create(&path),
        |result, _| {
            assert_eq!(std::fs::read(&found).unwrap(), if result.is_ok() { &b""[..] } else { b"contents" })
        },
        none,
    );
}

/// On success the file exists and is empty. On failure it does not exist.
#[track_caller]
fn creates_it_or_not(path: &std::path::Path, create: impl Fn() -> Result<File, Error>) {
    each(
        || {
            let _ = std::fs::remove_file(path);
        },
        |()| create(),
        |result, _| match result {
            Ok(file) => assert_eq!(file.len(), Ok(0)),
            Err(error) => assert!(!path.exists(), "{error} for a file that was created"),
        },
        none,
    );
}

fn create_new() {
    let folder = Folder::new("create_new");
    let path = folder.path("new");
    let found = folder.0.join("new");
    creates_it_or_not(&found, || File::create_new(&path));
    std::fs::write(&found, b"contents").unwrap();
    each(|| (), |()| File::create_new(&path), |result, _| assert!(result.is_err()), none);
    assert_eq!(File::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&found).unwrap(), b"contents");
    std::fs::create_dir(folder.0.join("folder")).unwrap();
    assert_eq!(File::create_new(folder.path("folder")).unwrap_err().kind(), ErrorKind::AlreadyExists);
}

fn open_or_create() {
    let folder = Folder::new("open_or_create");
    let path = folder.path("new");
    let found = folder.0.join("new");
    creates_it_or_not(&found, || File::open_or_create(&path));
    std::fs::write(&found, b"contents").unwrap();
    each(|| (), |()| File::open_or_create(&path), |result, _| drop(result), none);
    assert_eq!(std::fs::read(&found).unwrap(), b"contents");
}

/// The server of a named pipe may impersonate a client that does not forbid it (Microsoft, "Impersonating a Named Pipe
/// Client"). Wine ignores the flags, so they are checked here.
fn sqos() {
    const SECURITY_SQOS_PRESENT: u32 = 0x00100000;
    const SECURITY_DELEGATION: u32 = 0x00030000;
    const SECURITY_IDENTIFICATION: u32 = 0x00010000;
    let (_, log) = with(Plan::default(), || File::open(c"nul"));
    assert_ne!(log.open_flags & SECURITY_SQOS_PRESENT, 0, "{:#x}", log.open_flags);
    assert!(log.open_flags & SECURITY_DELEGATION <= SECURITY_IDENTIFICATION, "{:#x}", log.open_flags);
}

fn requests(file: &File) -> [Mmap<'_>; 6] {
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
    if let Ok(map) = result {
        has_contents(&map);
    }
}

fn map_file() {
    let folder = Folder::new("map");
    let file = folder.file();
    for request in requests(&file) {
        // SAFETY: no other process has the file, here and below.
        each(|| (), |()| unsafe { request.map() }, |result, _| check_file(result), is_not_undone);
    }
}

fn map_memory() {
    for flags in [Flags::default(), Flags::POPULATE, Flags::LOCKED] {
        let request = Mmap::anon(ODD).prot(Prot::WRITE).flags(flags);
        let check = |result: Result<Mapping, Error>, _: &Log| {
            if let Ok(map) = result {
                is_accessible(&map);
            }
        };
        each(|| (), |()| request.map(), check, is_not_undone);
    }
}

/// A mapping that can neither be locked or protected nor be unmapped leaks.
fn is_not_undone(failed: &[&str]) -> bool {
    matches!(
        failed,
        [
            "VirtualLock" | "VirtualProtect",
            "UnmapViewOfFile" | "UnmapViewOfFile2" | "VirtualFree" | "GetProcAddress"
        ]
    )
}

/// A reservation that is returned after a failure is whole, or lost if the mapping could not become it again.
#[track_caller]
fn is_whole_or_lost(reservation: Reservation, len: usize, log: &Log) {
    if reservation.len() != 0 {
        is_whole(reservation, len);
    } else {
        assert!(
            log.calls.iter().any(|call| ["VirtualLock", "VirtualProtect"].contains(call)),
            "{:?}",
            log.calls
        );
    }
}

/// After the length was queried.
fn truncated_before_view() {
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
        // SAFETY: the file is truncated before it is mapped.
        let (result, log) = with(plan, || unsafe { Mmap::new(&file).map() });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BeyondEnd, "{:?}", log.calls);
    }
}

/// Also the last page of a mapping that neither starts nor ends with a page.
fn populate_touches_each_page() {
    let folder = Folder::new("populate");
    let file = folder.file();
    // SAFETY: as above.
    let request = Mmap::new(&file).offset(4000).len(200).flags(Flags::POPULATE);
    // SAFETY: as above.
    let (map, log) = with(Plan::default(), || unsafe { request.map() }.unwrap());
    assert_eq!(map.len(), 200);
    assert_eq!(log.pages_read, 2);
}

/// A failure leaves no part locked.
fn lock() {
    let map = Mmap::anon(ODD).prot(Prot::WRITE).map().unwrap();
    let fails = Plan { fail_all: Some("VirtualLock"), code: 1453, ..Plan::default() };
    let (result, log) = with(fails, || map.lock());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
    assert_eq!(log.calls, ["VirtualLock", "VirtualUnlock"]);
}

/// Contents stay, and so does what is mapped.
fn residency() {
    each(
        || {
            let mut map = Mmap::anon(ODD).map_mut().unwrap();
            map.fill(1);
            map
        },
        |map| {
            let results = (
                map.lock_range(5000..ODD),
                map.resident(..).unwrap().bytes(),
                map.populate_read(..),
                map.populate_write(4096..),
                map.unlock_range(..9000),
                map.unlock(),
            );
            (results, map)
        },
        |(results, mut map), log| {
            assert!(map.iter().all(|&byte| byte == 1), "{results:?}, {:?}", log.calls);
            map.fill(2);
        },
        none,
    );
}

fn page_is_not_read() {
    const ERROR_PARTIAL_COPY: u32 = 299;
    let map = Mmap::anon(ODD).map().unwrap();
    let fails = Plan { fail_all: Some("ReadProcessMemory"), code: ERROR_PARTIAL_COPY, ..Plan::default() };
    let error = with(fails, || map.populate_read(..)).0.unwrap_err();
    assert_eq!((error.call(), error.kind()), ("ReadProcessMemory", ErrorKind::Io));
}

/// If not all pages are locked, the others may stay locked.
fn unlock_page_by_page() {
    const ERROR_NOT_LOCKED: u32 = 158;
    let map = Mmap::anon(3 << 12).map().unwrap();
    let fails = Plan { fail_all: Some("VirtualUnlock"), code: ERROR_NOT_LOCKED, ..Plan::default() };
    let (result, log) = with(fails, || map.unlock());
    assert_eq!((result, log.calls.len()), (Ok(()), 4));
}

fn raise_limit() {
    let limit = lock_limit().unwrap();
    each(
        || (),
        |()| raise_lock_limit(limit + (1 << 20)),
        |result, _| assert!(result.is_err() || result.unwrap() >= limit),
        none,
    );
    // Both as -1 would empty the working set.
    let _ = raise_lock_limit(usize::MAX);
    assert!(lock_limit().unwrap() >= limit);
}

fn reserve() {
    let check = |result: Result<Reservation, Error>, _: &Log| {
        if let Ok(reservation) = result {
            let len = reservation.len();
            is_whole(reservation, len);
        }
    };
    let leaks = |failed: &[&str]| failed.contains(&"VirtualFree");
    each(|| (), |()| Reservation::new(3 * GRANULARITY), check, leaks);
    each(|| (), |()| Reservation::aligned(GRANULARITY, 1 << 21), check, leaks);
}

fn split_and_release() {
    each(
        || Reservation::new(3 * GRANULARITY).unwrap(),
        |reservation| reservation.split(GRANULARITY),
        |result, _| match result {
            Ok((first, rest)) => {
                is_whole(first, GRANULARITY);
                is_whole(rest, 2 * GRANULARITY);
            }
            Err(refused) => is_whole(refused.value, 3 * GRANULARITY),
        },
        none,
    );
    each(
        || Reservation::new(3 * GRANULARITY).unwrap(),
        Reservation::release,
        |result, _| {
            if let Err(refused) = result {
                is_whole(refused.value, 3 * GRANULARITY)
            }
        },
        none,
    );
}

#[track_caller]
fn check_map_in(result: Result<Mapping, Refused<Reservation>>, len: usize, log: &Log) {
    match result {
        Ok(map) => {
            is_accessible(&map);
            is_whole(map.into_reservation().unwrap(), len);
        }
        Err(refused) => is_whole_or_lost(refused.value, len, log),
    }
}

fn map_file_in() {
    let folder = Folder::new("map_in");
    let file = folder.file();
    for request in requests(&file) {
        for len in [ODD, GRANULARITY] {
            each(
                || Reservation::new(len).unwrap(),
                // SAFETY: as above.
                |reservation| unsafe { request.len(len).map_in(reservation) },
                |result, log| {
                    if let Ok(map) = &result {
                        has_contents(map);
                    }
                    check_map_in(result, len.next_multiple_of(GRANULARITY), log);
                },
                is_not_undone,
            );
        }
    }
}

fn map_memory_in() {
    for flags in [Flags::default(), Flags::POPULATE, Flags::LOCKED] {
        let request = Mmap::anon(ODD).prot(Prot::WRITE).flags(flags);
        each(
            || Reservation::new(ODD).unwrap(),
            |reservation| request.map_in(reservation),
            |result, log| check_map_in(result, 2 * GRANULARITY, log),
            is_not_undone,
        );
    }
}

/// A plain view, one with a handle of the file, and one that is protected after it is mapped.
const VIEWS: [(Prot, Flags); 3] =
    [(Prot::READ, Flags::empty()), (Prot::WRITE, Flags::empty()), (Prot::READ, Flags::COW)];

fn in_reservation(file: &File, prot: Prot, flags: Flags) -> Mapping {
    // SAFETY: as above.
    unsafe { Mmap::new(file).prot(prot).flags(flags).map_in(Reservation::new(ODD).unwrap()) }.unwrap()
}

fn unmap() {
    let folder = Folder::new("unmap");
    let file = folder.file();
    let check = |result: Result<(), Refused<Mapping>>, _: &Log| {
        if let Err(refused) = result {
            is_accessible(&refused.value);
            refused.value.unmap().unwrap();
        }
    };
    each(|| Mmap::anon(ODD).map().unwrap(), Mapping::unmap, check, none);
    for (prot, flags) in VIEWS {
        let request = Mmap::new(&file).prot(prot).flags(flags);
        // SAFETY: as above.
        each(|| unsafe { request.map() }.unwrap(), Mapping::unmap, check, none);
        // The rest of the reservation may leak.
        let leaks = |failed: &[&str]| failed == ["VirtualFree"];
        each(|| in_reservation(&file, prot, flags), Mapping::unmap, check, leaks);
    }
}

fn into_reservation() {
    let folder = Folder::new("into_reservation");
    let file = folder.file();
    let check = |result: Result<Reservation, Refused<Mapping>>, _: &Log| match result {
        Ok(reservation) => is_whole(reservation, 2 * GRANULARITY),
        Err(refused) => {
            is_accessible(&refused.value);
            is_whole(refused.value.into_reservation().unwrap(), 2 * GRANULARITY);
        }
    };
    let memory = || Mmap::anon(ODD).map_in(Reservation::new(ODD).unwrap()).unwrap();
    each(memory, Mapping::into_reservation, check, none);
    for (prot, flags) in VIEWS {
        each(|| in_reservation(&file, prot, flags), Mapping::into_reservation, check, none);
    }
}

fn protect() {
    for (from, to) in [(Prot::READ, Prot::WRITE), (Prot::WRITE, Prot::EXEC), (Prot::EXEC, Prot::WRITE)] {
        each(
            || Mmap::anon(ODD).prot(from).map().unwrap(),
            |mut map| (map.protect(to), map),
            |(result, map), log| {
                is_accessible(&map);
                // If the first call fails, nothing changes. Otherwise only common permissions can be relied on.
                let expected = match result {
                    Ok(()) => to,
                    Err(_) if log.calls.contains(&"VirtualProtect") => from & to,
                    Err(_) => from,
                };
                assert_eq!(map.prot(), expected, "{result:?}, {:?}", log.calls);
            },
            none,
        );
    }
}

/// What was written is there, even if the caches were not flushed. One view is executable, none is writable too.
fn code() {
    const PAGE_EXECUTE_READ: u32 = 0x20;
    each(
        || (),
        |()| {
            let mut code = Code::new(ODD)?;
            let result = code.write(5000, b"code");
            Ok((result, code))
        },
        |made: Result<_, Error>, log| {
            let Ok((result, code)) = made else { return };
            assert_eq!(code.bytes()[4999..5005], *b"\0code\0");
            assert_eq!(protection(code.as_ptr()), PAGE_EXECUTE_READ);
            assert!(result.is_ok() || log.calls.contains(&"FlushInstructionCache"));
        },
        |failed| failed.contains(&"UnmapViewOfFile"),
    );
}

/// The memory is there, and the guard is not.
fn stack() {
    each(
        || (),
        |()| {
            let mut stack = Stack::with_guard(ODD, ODD)?;
            let result = stack.grow(ODD + 5000);
            Ok((result, stack))
        },
        |made: Result<_, Error>, _| {
            let Ok((result, stack)) = made else { return };
            assert_eq!(stack.len() >= ODD + 5000, result.is_ok());
            // SAFETY: the stack is this test's.
            unsafe {
                stack.bottom().write(1);
                stack.top().sub(1).write(1);
            }
            assert_eq!(protection(stack.bottom().wrapping_sub(1)), 0);
            stack.unmap().unwrap();
        },
        |failed| failed.contains(&"VirtualFree"),
    );
}

/// After a failure contents may be gone, but the memory never.
fn discard() {
    const PAGES: usize = 40;
    for prot in [Prot::WRITE, Prot::READ, Prot::EXEC] {
        for is_in_reservation in [false, true] {
            let request = Mmap::anon(PAGES << 12);
            let make = || {
                let mut map = if is_in_reservation {
                    request.map_mut_in(Reservation::new(PAGES << 12).unwrap()).unwrap()
                } else {
                    request.map_mut().unwrap()
                };
                map.fill(1);
                let mut map = map.into_read_only().unwrap();
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
                |(result, map), log| {
                    is_accessible(&map);
                    for (page, bytes) in map.chunks(1 << 12).enumerate() {
                        let address = bytes.as_ptr();
                        assert_ne!(protection(address), 0, "page {page} after {result:?}, {:?}", log.calls);
                        let expected = if (1..20).contains(&page) { 0 } else { 1 };
                        if result.is_ok() || expected == 1 {
                            assert!(bytes.iter().all(|&b| b == expected), "page {page}, {:?}", log.calls);
                        }
                    }
                    map.into_mut().unwrap().fill(2);
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
    let map = unsafe { Mmap::new(&file).prot(Prot::WRITE).map() }.unwrap();
    each(|| (), |()| map.flush(), |_, _| {}, none);
    has_contents(&map);
}

/// FlushViewOfFile sometimes fails with ERROR_LOCK_VIOLATION while the system writes the same pages.
fn flush_retries() {
    let folder = Folder::new("flush_retries");
    let file = folder.file();
    // SAFETY: as above.
    let map = unsafe { Mmap::new(&file).prot(Prot::WRITE).map() }.unwrap();
    let twice = Plan { fail: [Some(0), Some(1)], code: ERROR_LOCK_VIOLATION, ..Plan::default() };
    let (result, log) = with(twice, || map.flush());
    assert_eq!(result, Ok(()));
    assert_eq!(log.calls, ["FlushViewOfFile", "FlushViewOfFile", "FlushViewOfFile", "FlushFileBuffers"]);
    // It gives up.
    let always = Plan { fail_all: Some("FlushViewOfFile"), code: ERROR_LOCK_VIOLATION, ..Plan::default() };
    let start = Instant::now();
    let (result, log) = with(always, || map.flush());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Busy);
    assert!((3..100).contains(&log.calls.len()), "{:?}", log.calls);
    assert!(start.elapsed() < Duration::from_secs(60));
    // Other errors are returned at once.
    let other = Plan { fail: [Some(0), None], code: ERROR_ACCESS_DENIED, ..Plan::default() };
    let (result, log) = with(other, || map.flush());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(log.calls, ["FlushViewOfFile"]);
}

/// A file with its position at 10.
fn positioned(path: &std::path::Path) -> File {
    use std::io::{Seek, SeekFrom};
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(10)).unwrap();
    File::from(file)
}

/// The position stays, or an error says that it could not be restored.
#[track_caller]
fn keeps_position<T: std::fmt::Debug>(file: File, result: &Result<T, Error>, log: &Log) {
    use std::io::Seek;
    if result.is_ok() || log.calls.last() != Some(&"SetFilePointerEx") {
        let position = std::fs::File::from(file).stream_position().unwrap();
        assert_eq!(position, 10, "{result:?} {:?}", log.calls);
    }
}

fn read_at() {
    let folder = Folder::new("read_at");
    drop(folder.file());
    let path = folder.0.join("data");
    each(
        || positioned(&path),
        |file| {
            let mut bytes = [0; 100];
            (file.read_at(&mut bytes, 50), bytes, file)
        },
        |(result, bytes, file), log| {
            if let Ok(read) = result {
                assert!(read == 100 && bytes.iter().enumerate().all(|(i, &b)| b == byte(50 + i)));
            }
            keeps_position(file, &result, log);
        },
        none,
    );
}

fn write_at() {
    let folder = Folder::new("write_at");
    let path = folder.0.join("data");
    each(
        || {
            std::fs::write(&path, [b'x'; 100]).unwrap();
            positioned(&path)
        },
        |file| (file.write_at(b"written", 50), file),
        |(result, file), log| {
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.len(), 100);
            match result {
                Ok(written) => assert!(written == 7 && bytes[50..57] == *b"written"),
                // Only restoring the position can fail after the write.
                Err(error) => assert!(error.call() == "SetFilePointerEx" || bytes == [b'x'; 100], "{error}"),
            }
            keeps_position(file, &result, log);
        },
        none,
    );
}
