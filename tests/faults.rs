//! Each system call and each pair of them is made to fail, by strace, and the process must be as before; and a whole file
//! is mapped with the calls that are promised and no other. A test starts this binary again under strace, to run one of the scenarios
//! below. Where there is no strace there is nothing to see; with CI=true it must be there.
//!
//! It has a `main` of its own: strace counts the calls of each thread, and only in the main thread do the calls of a
//! scenario have numbers that no other thread reaches.

use baremap::{
    Advice, Discard, Error, ErrorKind, File, FileRef, Flags, Mapping, Mmap, Prot, Reservation, page_size,
};
use std::ffi::CString;
use std::process::{Command, Output};
use std::{env, fs};

const LEN: usize = 1_500_000;

/// Runs a scenario under strace with faults to inject. Gives whether it passed, what it said and what strace saw, or
/// `None` without strace.
fn trace(scenario: &str, faults: &[String]) -> Option<(bool, String, String)> {
    let folder = env::temp_dir().join(format!("baremap-{}-{scenario}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (file, log) = (folder.join("file"), folder.join("log"));
    fs::write(&file, (0..LEN).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let mut command = Command::new("timeout");
    command
        .args(["--signal=KILL", "60", "strace", "-f", "-qq", "-o"])
        .arg(&log)
        .args(faults.iter().flat_map(|fault| ["-e", fault]))
        .arg(env::current_exe().unwrap())
        .env("BAREMAP_SCENARIO", scenario)
        .env("BAREMAP_FILE", &file)
        .env("RUST_BACKTRACE", "0");
    // Once in hundreds of runs strace was seen to hang, which says nothing about the scenario.
    let is_killed =
        |output: &Result<Output, _>| matches!(output, Ok(output) if output.status.code().is_none());
    // Nor can what was asked whether a reservation is still there, if it lies.
    if ["munmap", "munlock", "close", "msync", "faccessat"]
        .iter()
        .any(|call| faults.iter().any(|fault| fault.contains(call)))
    {
        command.env("BAREMAP_LEAKS", "");
    }
    let output = (0..3).map(|_| command.output()).find(|output| !is_killed(output));
    let log = fs::read_to_string(&log).unwrap_or_default();
    fs::remove_dir_all(&folder).unwrap();
    let output = output.unwrap_or_else(|| panic!("{scenario}: strace hung three times"));
    match output.as_ref().map(|output| output.status.code()) {
        // `timeout` and the system say so of a program that is not there.
        Ok(Some(127)) | Err(_) => {
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "strace is missing");
            println!("skipped {scenario}: no strace here");
            None
        }
        Ok(_) => {
            let output = output.unwrap();
            let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            Some((output.status.success(), text.into_owned(), log))
        }
    }
}

/// The thread and the name of a call in strace's log.
fn call(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(char::is_whitespace)?;
    Some((thread, rest.trim_start().split_once('(')?.0))
}

/// The part of strace's log from where the scenario opens its file.
fn scenario_part(log: &str) -> impl Iterator<Item = &str> {
    log.lines().skip_while(|line| !line.contains("/file\", O_RDWR|O_C"))
}

/// Runs a scenario in which the first `count` calls of a name fail after it opened its file, that one included. The
/// calls before belong to std and must not fail, so a run without faults counts them.
fn fault(scenario: &str, faults: &[(&str, &str, usize)]) {
    let Some((_, text, log)) = trace(scenario, &[]) else { return };
    let first = scenario_part(&log).next().unwrap_or_else(|| panic!("{scenario} did not start: {text}"));
    let (thread, _) = call(first).unwrap();
    let injections: Vec<String> = faults
        .iter()
        .map(|&(name, error, count)| {
            let all = log.lines().filter(|line| call(line) == Some((thread, name))).count();
            let of_scenario = scenario_part(&log).filter(|line| call(line) == Some((thread, name))).count();
            let first = all - of_scenario + 1;
            format!("inject={name}:error={error}:when={first}..{}", first + count - 1)
        })
        .collect();
    let (has_passed, text, log) = trace(scenario, &injections).unwrap();
    let seen: Vec<_> = scenario_part(&log).take(12).collect();
    assert!(has_passed, "{scenario}, {injections:?}: {text}\n{seen:#?}");
    let injected = log.lines().filter(|line| line.contains("(INJECTED)")).count();
    println!("{scenario}: {}", injections.join(" "));
    assert_eq!(injected, faults.iter().map(|fault| fault.2).sum(), "{scenario}, {injections:?}: {seen:#?}");
}

/// The number of the process's descriptors, and its mappings but for the heap, which is std's.
fn state() -> (usize, String) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let maps = maps.lines().filter(|line| !line.ends_with("[heap]")).collect();
    (fs::read_dir("/proc/self/fd").unwrap().count(), maps)
}

fn main() {
    if let Ok(scenario) = env::var("BAREMAP_SCENARIO") {
        let path = CString::new(env::var("BAREMAP_FILE").unwrap()).unwrap();
        state();
        let before = state();
        if let Some(operation) = OPERATIONS.iter().find(|operation| operation.0 == scenario) {
            operation.1(&path);
            // What could not be unmapped stays.
            if env::var_os("BAREMAP_LEAKS").is_some() {
                return;
            }
        } else {
            scenario_on(&scenario, &path);
        }
        assert_eq!(before, state());
        return;
    }
    whole_file_costs_fstat_mmap_and_munmap();
    a_failing_call_is_told_and_leaves_nothing();
    after_a_failed_protect_no_right_is_presumed();
    what_a_signal_interrupts_is_done_again();
    a_hint_that_fails_is_no_failure();
    page_size_is_asked();
    each_call_and_each_pair_fails();
    a_reservation_comes_back();
    #[cfg(feature = "alloc")]
    reader_reads_what_it_cannot_map();
}

fn scenario_on(scenario: &str, path: &CString) {
    let is = |result: Result<Mapping, Error>, call: &str, kind| {
        let error = result.unwrap_err();
        assert_eq!((error.call(), error.kind()), (call, kind), "{error}");
    };
    if scenario == "open fails" {
        let error = File::open_rw(path).unwrap_err();
        assert_eq!((error.call(), error.kind()), ("openat", ErrorKind::TooManyFiles));
        return;
    }
    // Made before the calls that fail.
    let place = scenario.contains("reservation").then(|| Reservation::new(LEN).unwrap());
    let held = scenario.contains("taken back").then(|| {
        let mut map = Mmap::anon(LEN).prot(Prot::WRITE).map_in(Reservation::new(LEN).unwrap()).unwrap();
        map.bytes_mut().unwrap().fill(7);
        map
    });
    let file = File::open_rw(path).unwrap();
    let request = Mmap::new(&file);
    // SAFETY: the file is this test's alone.
    let map = |request: Mmap<FileRef>| unsafe { request.map() };
    match scenario {
        "whole file" => {
            let seen = map(request).unwrap();
            assert_eq!(seen.len(), LEN);
            drop(seen);
        }
        "fstat fails" => is(map(request), "fstat", ErrorKind::Io),
        "mmap fails" => is(map(request), "mmap", ErrorKind::OutOfMemory),
        "mmap is refused" => is(map(request.prot(Prot::EXEC)), "mmap", ErrorKind::PermissionDenied),
        "mlock fails" => is(map(request.flags(Flags::LOCKED)), "mlock", ErrorKind::OutOfMemory),
        "fstatfs fails" => is(map(request.flags(Flags::HUGETLB)), "fstatfs", ErrorKind::Io),
        "readahead fails" => drop(map(request.flags(Flags::READAHEAD)).unwrap()),
        "anon fails" => is(Mmap::anon(LEN).map(), "mmap", ErrorKind::OutOfMemory),
        "anon mlock fails" => is(Mmap::anon(LEN).flags(Flags::LOCKED).map(), "mlock", ErrorKind::OutOfMemory),
        "munmap fails" => {
            let (seen, error) = map(request.offset(5)).unwrap().unmap().unwrap_err();
            assert_eq!((error.call(), error.kind()), ("munmap", ErrorKind::OutOfMemory));
            // Nothing was lost; the second time it works.
            assert_eq!((seen.len(), seen[0]), (LEN - 5, 5));
            seen.unmap().unwrap();
        }
        "mprotect fails" => {
            let mut seen = map(request.prot(Prot::WRITE)).unwrap();
            assert_eq!(seen.protect(Prot::EXEC).unwrap_err().call(), "mprotect");
            // It is known to be readable and no more.
            assert_eq!(seen.bytes_mut().unwrap_err().kind(), ErrorKind::NotWritable);
            assert_eq!(seen[7], 7);
        }
        "calls on a mapping fail" => {
            let seen = map(request).unwrap();
            for (result, call) in [
                (seen.flush(), "msync"),
                (seen.flush_async(), "msync"),
                (seen.lock(), "mlock"),
                (seen.unlock(), "munlock"),
                (seen.advise(Advice::WillNeed), "madvise"),
            ] {
                let error = result.unwrap_err();
                assert_eq!((error.call(), error.kind()), (call, ErrorKind::Io));
            }
        }
        "calls on a file fail" => {
            for (result, call) in [
                (file.sync(), "fsync"),
                (file.set_len(7), "ftruncate"),
                (file.read_at(&mut [0; 9], 0).map(drop), "pread64"),
            ] {
                let error = result.unwrap_err();
                assert_eq!((error.call(), error.kind()), (call, ErrorKind::Io));
            }
        }
        // Every call that a signal can interrupt is made again.
        "interrupted" => {
            let mut start = [0; 9];
            assert_eq!(file.read_at(&mut start, 1), Ok(9));
            assert_eq!(start[8], 9);
            map(request).unwrap().flush().unwrap();
            file.sync().unwrap();
            file.set_len(LEN as u64).unwrap();
            drop(File::open(path).unwrap());
        }
        "reserving fails" => {
            let error = Reservation::new(LEN).unwrap_err();
            assert_eq!((error.call(), error.kind()), ("mmap", ErrorKind::OutOfMemory));
        }
        "an address is taken" => {
            // SAFETY: nobody counts on these addresses.
            let error = unsafe { Reservation::at(1 << 40, LEN) }.unwrap_err();
            assert_eq!((error.call(), error.kind()), ("mmap", ErrorKind::Busy));
        }
        "aligning fails" => {
            let error = Reservation::aligned(LEN, 1 << 30).unwrap_err();
            assert_eq!((error.call(), error.kind()), ("munmap", ErrorKind::OutOfMemory));
        }
        "a reservation is not released" => {
            let (place, error) = place.unwrap().release().unwrap_err();
            assert_eq!((error.call(), error.kind()), ("munmap", ErrorKind::OutOfMemory));
            place.release().unwrap();
        }
        "a reservation, fstat fails"
        | "a reservation, mmap fails"
        | "a reservation, mremap fails"
        | "a reservation, mlock fails" => {
            let place = place.unwrap();
            let (address, len) = (place.as_ptr(), place.len());
            let request = if scenario.contains("mlock") { request.flags(Flags::LOCKED) } else { request };
            // SAFETY: the file is this test's alone, here and below.
            let (place, error) = unsafe { request.map_in(place) }.unwrap_err();
            assert!(scenario.contains(error.call()) && error.raw_os_error() == Some(12), "{error}");
            assert_eq!((place.as_ptr(), place.len()), (address, len));
            // SAFETY: what is there is this test's own.
            assert_eq!(unsafe { Reservation::at(address.addr(), len) }.unwrap_err().kind(), ErrorKind::Busy);
            // SAFETY: as above.
            let seen = unsafe { Mmap::new(&file).map_in(place) }.unwrap();
            assert_eq!((seen.as_ptr(), seen[7]), (address, 7));
        }
        "memory in a reservation" => {
            let (place, error) = Mmap::anon(LEN).map_in(place.unwrap()).unwrap_err();
            assert_eq!((error.call(), error.kind()), ("mprotect", ErrorKind::OutOfMemory));
            let request = Mmap::anon(LEN).flags(Flags::POPULATE);
            let (place, error) = request.map_in(place).unwrap_err();
            assert_eq!((error.call(), error.kind()), ("mremap", ErrorKind::OutOfMemory));
            drop(request.map_in(place).unwrap());
        }
        "memory is not taken back" => {
            let (held, error) = held.unwrap().into_reservation().unwrap_err();
            assert_eq!((error.call(), error.kind()), ("mmap", ErrorKind::OutOfMemory));
            assert!(held.iter().all(|&byte| byte == 7));
            held.into_reservation().unwrap().release().unwrap();
        }
        "advice unknown" => map(request).unwrap().advise(Advice::Cold).unwrap(),
        "pages of 16 KiB" => assert_eq!(page_size(), 16384),
        "pages of 64 KiB" => assert_eq!(page_size(), 65536),
        "mprotect forbidden" => assert_eq!(page_size(), 4096),
        #[cfg(feature = "alloc")]
        "reader cannot map" => assert_eq!(read(&file), Ok(LEN)),
        #[cfg(feature = "alloc")]
        "reader cannot stat" => assert_eq!(read(&file).unwrap_err().call(), "fstat"),
        #[cfg(feature = "alloc")]
        "reader cannot read" => assert_eq!(read(&file).unwrap_err().call(), "pread64"),
        _ => panic!("there is no scenario {scenario}"),
    }
}

/// Reads the file in chunks and gives how much of it was right.
#[cfg(feature = "alloc")]
fn read(file: &File) -> Result<usize, Error> {
    let mut right = 0;
    // SAFETY: the file is this test's alone.
    let reader = unsafe { baremap::Reader::new(file).mapped() };
    reader.chunk_len(500_000).for_each(|chunk| {
        right += chunk.iter().zip(right..).filter(|&(&byte, i)| byte == (i % 251) as u8).count();
        Ok::<_, Error>(())
    })?;
    Ok(right)
}

fn whole_file_costs_fstat_mmap_and_munmap() {
    let Some((has_passed, text, log)) = trace("whole file", &[]) else { return };
    assert!(has_passed, "{text}");
    let calls: Vec<_> = scenario_part(&log).filter_map(call).map(|(_, name)| name).take(5).collect();
    assert_eq!(calls, ["openat", "fstat", "mmap", "munmap", "close"], "{log}");
}

fn a_failing_call_is_told_and_leaves_nothing() {
    for (scenario, call, error) in [
        ("open fails", "openat", "EMFILE"),
        ("fstat fails", "fstat", "EIO"),
        ("mmap fails", "mmap", "ENOMEM"),
        ("mmap is refused", "mmap", "EPERM"),
        ("mlock fails", "mlock", "ENOMEM"),
        ("fstatfs fails", "fstatfs", "EIO"),
        ("anon fails", "mmap", "ENOMEM"),
        ("anon mlock fails", "mlock", "EAGAIN"),
        ("munmap fails", "munmap", "ENOMEM"),
    ] {
        fault(scenario, &[(call, error, 1)]);
    }
    let on_mapping = [("msync", "EIO", 2), ("mlock", "EIO", 1), ("munlock", "EIO", 2), ("madvise", "EIO", 1)];
    fault("calls on a mapping fail", &on_mapping);
    fault("calls on a file fail", &[("fsync", "EIO", 1), ("ftruncate", "EIO", 1), ("pread64", "EIO", 1)]);
}

fn after_a_failed_protect_no_right_is_presumed() {
    // The first one asks for the page size, and its failure says that the address was aligned.
    fault("mprotect fails", &[("mprotect", "ENOMEM", 2)]);
}

fn what_a_signal_interrupts_is_done_again() {
    let calls = ["openat", "pread64", "msync", "fsync", "ftruncate"].map(|call| (call, "EINTR", 3));
    fault("interrupted", &calls);
}

fn a_hint_that_fails_is_no_failure() {
    fault("readahead fails", &[("madvise", "EBADF", 1)]);
    fault("advice unknown", &[("madvise", "EINVAL", 1)]);
}

fn a_reservation_comes_back() {
    for (scenario, call, error) in [
        ("reserving fails", "mmap", "ENOMEM"),
        ("an address is taken", "mmap", "EEXIST"),
        ("aligning fails", "munmap", "ENOMEM"),
        ("a reservation is not released", "munmap", "ENOMEM"),
        ("a reservation, fstat fails", "fstat", "ENOMEM"),
        ("a reservation, mmap fails", "mmap", "ENOMEM"),
        ("a reservation, mremap fails", "mremap", "ENOMEM"),
        ("a reservation, mlock fails", "mlock", "ENOMEM"),
        ("memory is not taken back", "mmap", "ENOMEM"),
    ] {
        fault(scenario, &[(call, error, 1)]);
    }
    fault("memory in a reservation", &[("mprotect", "ENOMEM", 1), ("mremap", "ENOMEM", 1)]);
}

/// The page size is found by trying, so a kernel with larger pages is one that refuses more often.
fn page_size_is_asked() {
    fault("pages of 16 KiB", &[("mprotect", "EINVAL", 2)]);
    fault("pages of 64 KiB", &[("mprotect", "EINVAL", 4)]);
    fault("mprotect forbidden", &[("mprotect", "EPERM", 1)]);
}

#[cfg(feature = "alloc")]
fn reader_reads_what_it_cannot_map() {
    fault("reader cannot map", &[("mmap", "ENODEV", 1)]);
    fault("reader cannot stat", &[("fstat", "EIO", 1)]);
    fault("reader cannot read", &[("mmap", "ENODEV", 1), ("pread64", "EIO", 1)]);
}

type Operation = fn(&CString);

/// What is made of two system calls or more. Each begins where it opens the file and ends at `done`; after that it looks
/// whether what it has in hand is true to what is there.
const OPERATIONS: &[(&str, Operation)] = &[
    ("map", |path| {
        let file = File::open_rw(path);
        let flags = Flags::LOCKED | Flags::READAHEAD | Flags::POPULATE;
        // SAFETY: the file is this test's alone, here and below.
        let map = file.and_then(|file| unsafe { Mmap::new(&file).offset(5).flags(flags).map() });
        done();
        assert!(map.is_err() || is_file(&map.unwrap(), 5));
        assert_eq!(locked(), 0);
    }),
    ("map memory", |path| {
        let _file = File::open_rw(path);
        let map = Mmap::anon(LEN).prot(Prot::WRITE).flags(Flags::LOCKED | Flags::POPULATE).map();
        done();
        if let Ok(mut map) = map {
            assert!(map.iter().all(|&byte| byte == 0));
            map.bytes_mut().unwrap().fill(1);
        }
    }),
    ("map an empty file", |path| {
        let file = File::create(path);
        // SAFETY: as above.
        let map = file.and_then(|file| unsafe { Mmap::new(&file).map() });
        done();
        assert!(map.is_err() || map.unwrap().is_empty());
    }),
    ("map in a reservation", |path| map_in(path, Flags::default())),
    ("map in a reservation and lock", |path| map_in(path, Flags::LOCKED | Flags::READAHEAD)),
    ("map copies in a reservation and lock", |path| map_in(path, Flags::COW | Flags::LOCKED)),
    ("map memory in a reservation", |path| map_memory_in(path, Flags::default(), Prot::WRITE)),
    ("map memory in a reservation and lock", |path| map_memory_in(path, Flags::LOCKED, Prot::WRITE)),
    ("map code in a reservation", |path| map_memory_in(path, Flags::POPULATE, Prot::EXEC)),
    ("take memory back", |path| {
        let mut map = Mmap::anon(LEN).prot(Prot::WRITE).map_in(Reservation::new(LEN).unwrap()).unwrap();
        map.bytes_mut().unwrap().fill(7);
        let address = map.as_ptr();
        let _file = File::open_rw(path);
        let result = map.into_reservation();
        done();
        is_held_or_back(result, address, |map| map.iter().all(|&byte| byte == 7));
    }),
    ("take a file back", |path| {
        let before = File::open(path).unwrap();
        // SAFETY: as above.
        let map = unsafe { Mmap::new(&before).map() }.unwrap();
        drop(before);
        let address = map.as_ptr();
        let _file = File::open_rw(path);
        let result = map.into_reservation();
        done();
        is_held_or_back(result, address, |map| is_file(map, 0));
    }),
    ("lock", |path| {
        let map = Mmap::anon(LEN).map().unwrap();
        let _file = File::open_rw(path);
        let (first, second) = (map.lock(), map.lock());
        done();
        // Undoing a lock can fail too.
        let is_undone = env::var_os("BAREMAP_LEAKS").is_none();
        assert!(second.is_ok() || !is_undone || locked() == 0, "{first:?} {second:?}");
        let _ = map.unlock();
    }),
    ("protect", |path| {
        let mut map = Mmap::anon(LEN).prot(Prot::WRITE).map().unwrap();
        let _file = File::open_rw(path);
        let results = [Prot::EXEC, Prot::WRITE, Prot::READ, Prot::WRITE].map(|prot| map.protect(prot));
        done();
        if let Ok(bytes) = map.bytes_mut() {
            bytes.fill(1);
        }
        assert!(results.iter().any(Result::is_err) || map[0] == 1);
        assert_eq!(map.iter().filter(|&&byte| byte > 1).count(), 0);
    }),
    ("discard and flush", |path| {
        let mut memory = Mmap::anon(LEN).prot(Prot::WRITE).map().unwrap();
        memory.bytes_mut().unwrap().fill(1);
        let file = File::open_rw(path);
        // SAFETY: as above.
        let map = file.and_then(|file| unsafe { Mmap::new(&file).prot(Prot::WRITE).map() });
        // SAFETY: nothing relies on the contents.
        let discarded = unsafe { memory.discard(Discard::DontNeed) };
        let flushed = map.as_ref().map(Mapping::flush);
        done();
        assert!(memory.iter().all(|&byte| byte == u8::from(discarded.is_err())));
        assert!(flushed.is_err() || is_file(&map.unwrap(), 0));
    }),
    ("align a reservation", |path| {
        let _file = File::open_rw(path);
        let place = Reservation::aligned(LEN, 1 << 30);
        done();
        if let Ok(place) = place {
            is_held(&place, place.as_ptr());
            assert_eq!(place.as_ptr().addr() % (1 << 30), 0);
        }
    }),
    ("reserve an address", |path| {
        let _file = File::open_rw(path);
        // SAFETY: nobody counts on these addresses.
        let place = unsafe { Reservation::at(1 << 40, LEN) };
        let split = place.map(|place| place.split(page_size()));
        done();
        match split {
            Ok(Ok((first, _))) => is_held(&first, (1_usize << 40) as *const u8),
            Ok(Err((whole, _))) => is_held(&whole, (1_usize << 40) as *const u8),
            Err(_) => {}
        }
    }),
];

/// Tells strace's log that the operation is over.
fn done() {
    let _ = fs::metadata("/baremap-done");
}

fn is_file(bytes: &[u8], offset: usize) -> bool {
    bytes.len() == LEN - offset && bytes.iter().zip(offset..).all(|(&byte, i)| byte == (i % 251) as u8)
}

/// Bytes of this process that are locked.
fn locked() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A reservation is where it should be, nobody else gets it, and it is fresh memory when it is mapped.
fn is_held(place: &Reservation, address: *const u8) {
    assert_eq!(place.as_ptr(), address);
    // SAFETY: what is there is this test's own.
    let busy = unsafe { Reservation::at(address.addr(), place.len()) };
    assert_eq!(busy.unwrap_err().kind(), ErrorKind::Busy);
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| {
        let (start, rest) = line.split_once('-').unwrap();
        let end = rest.split(' ').next().unwrap();
        let number = |digits| usize::from_str_radix(digits, 16).unwrap();
        (number(start)..number(end)).contains(&address.addr())
    });
    assert!(line.unwrap().contains(" ---p 00000000 00:00 0"), "{line:?}");
}

/// A reservation that cannot be told to be there claims nothing.
fn is_held_or_lost(place: &Reservation, address: *const u8) {
    if place.len() != 0 {
        is_held(place, address);
    }
}

/// A mapping became a reservation, or came back with its contents. One that cannot be told to be there claims nothing.
fn is_held_or_back(
    result: Result<Reservation, (Mapping, Error)>,
    address: *const u8,
    is_right: fn(&[u8]) -> bool,
) {
    match result {
        Ok(place) => is_held(&place, address),
        Err((map, _)) if map.is_empty() => {}
        Err((map, _)) => assert!(map.as_ptr() == address && is_right(&map)),
    }
}

fn map_in(path: &CString, flags: Flags) {
    let place = Reservation::new(LEN).unwrap();
    let address = place.as_ptr();
    let result = match File::open_rw(path) {
        // SAFETY: the file is this test's alone.
        Ok(file) => unsafe { Mmap::new(&file).prot(Prot::WRITE).flags(flags).map_in(place) },
        Err(error) => Err((place, error)),
    };
    done();
    match result {
        Ok(map) => assert!(map.as_ptr() == address && is_file(&map, 0)),
        Err((place, _)) => is_held_or_lost(&place, address),
    }
}

fn map_memory_in(path: &CString, flags: Flags, prot: Prot) {
    let place = Reservation::new(LEN).unwrap();
    let address = place.as_ptr();
    let _file = File::open_rw(path);
    let result = Mmap::anon(LEN).prot(prot).flags(flags).map_in(place);
    done();
    match result {
        Ok(map) => assert!(map.as_ptr() == address && map.iter().all(|&byte| byte == 0)),
        Err((place, _)) => is_held_or_lost(&place, address),
    }
}

/// The calls of an operation in strace's log: the name of each, and how many of that name its thread has made with it.
fn calls(log: &str) -> Vec<(String, usize)> {
    let Some((thread, _)) = scenario_part(log).next().and_then(call) else { return Vec::new() };
    let (mut counts, mut calls, mut has_begun) = (std::collections::HashMap::new(), Vec::new(), false);
    for line in log.lines() {
        has_begun |= line.contains("/file\", O_RDWR|O_C");
        if line.contains("/baremap-done") {
            break;
        }
        let Some((of, name)) = call(line) else { continue };
        if of == thread {
            let count = counts.entry(name.to_string()).or_insert(0);
            *count += 1;
            if has_begun {
                calls.push((name.to_string(), *count));
            }
        }
    }
    calls
}

/// The part of strace's log that is about an operation.
fn operation_part(log: &str) -> Vec<&str> {
    scenario_part(log).take_while(|line| !line.contains("/baremap-done")).collect()
}

fn injection((name, at): &(String, usize), second: Option<usize>) -> String {
    // An error that each of these calls can have; not EINTR, after which most are made again.
    match second {
        None => format!("inject={name}:error=ENOMEM:when={at}..{at}"),
        Some(second) => format!("inject={name}:error=ENOMEM:when={at}..{second}+{}", second - at),
    }
}

fn each_call_and_each_pair_fails() {
    for &(operation, _) in OPERATIONS {
        let Some((has_passed, text, log)) = trace(operation, &[]) else { return };
        assert!(has_passed, "{operation}: {text}");
        let all = calls(&log);
        assert!(all.len() > 1, "{operation} makes one call: {log}");
        let mut pairs = 0;
        for first in &all {
            let alone = [injection(first, None)];
            let (has_passed, text, log) = trace(operation, &alone).unwrap();
            assert!(has_passed, "{operation}, {alone:?}: {text}\n{:#?}", operation_part(&log));
            // Among them are the calls by which it undoes what it did.
            for second in calls(&log).iter().skip_while(|call| *call != first).skip(1) {
                let both = match first.0 == second.0 {
                    true => vec![injection(first, Some(second.1))],
                    false => vec![injection(first, None), injection(second, None)],
                };
                let (has_passed, text, log) = trace(operation, &both).unwrap();
                assert!(has_passed, "{operation}, {both:?}: {text}\n{:#?}", operation_part(&log));
                pairs += 1;
            }
        }
        println!("{operation}: {} calls and {pairs} pairs of them failed", all.len());
    }
}
