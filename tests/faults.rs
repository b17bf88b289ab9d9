//! strace makes each system call and each pair of them fail, and the process must be as it was before. Mapping a whole
//! file takes the promised calls and no other.
//!
//! A test starts this binary again under strace, to run one of the scenarios below. Without strace it is skipped; with
//! CI=true that is a failure. There is no test harness: strace counts the calls of each thread, and only the main thread
//! makes the same ones every time.
//!
//! `cargo test --test faults -- --include-ignored` runs the long test too.

use baremap::{
    Advice, Code, Contents, Discard, Error, ErrorKind, File, Flags, Inheritance, Mapping, MappingMut, Mmap,
    Prot, Refused, Reservation, SharedMemory, Stack, lock_limit, page_size, process, raise_lock_limit,
};
use std::ffi::{CStr, CString};
use std::process::{Command, Output};
use std::{env, fs};

const LEN: usize = 1_500_000;

/// Runs a scenario under strace, which injects faults. Returns whether it passed, its output and strace's log, or `None`
/// without strace.
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
    // strace itself hangs once in hundreds of runs.
    let is_killed =
        |output: &Result<Output, _>| matches!(output, Ok(output) if output.status.code().is_none());
    // What could not be undone is still there, and it is no use to compare.
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
        // strace or timeout is not installed.
        Ok(Some(127)) | Err(_) => {
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "strace is missing");
            println!("skipped {scenario}: strace is not installed");
            None
        }
        Ok(_) => {
            let output = output.unwrap();
            let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            Some((output.status.success(), text.into_owned(), log))
        }
    }
}

/// Returns the thread and the name of the call in a line of strace's log.
fn call(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(char::is_whitespace)?;
    Some((thread, rest.trim_start().split_once('(')?.0))
}

/// Returns the part of strace's log from where the scenario opens its file.
fn scenario_part(log: &str) -> impl Iterator<Item = &str> {
    log.lines().skip_while(|line| !line.contains("/file\", O_RDWR|O_C"))
}

/// Runs a scenario in which the first `count` calls of a name fail, from the opening of its file on. std's calls before
/// that must not fail, so a run without faults counts them.
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

/// Returns the number of descriptors, and the mappings except for the heap, which is std's.
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
            if env::var_os("BAREMAP_LEAKS").is_some() {
                return;
            }
        } else {
            scenario_on(&scenario, &path);
        }
        assert_eq!(before, state());
        return;
    }
    whole_file_takes_five_calls();
    failing_call_is_reported_and_leaves_nothing();
    old_kernel_is_enough();
    failed_protect_takes_permissions_away();
    interrupted_call_is_repeated();
    failing_hint_is_ignored();
    page_size_is_probed();
    reservation_is_returned();
    #[cfg(feature = "alloc")]
    reader_reads_what_it_cannot_map();
    if env::args().any(|argument| argument == "--include-ignored" || argument == "--ignored") {
        each_call_and_each_pair_fails();
    } else {
        println!("ignored: each call and each pair of them, which takes minutes");
    }
}

fn scenario_on(scenario: &str, path: &CString) {
    let path = path.as_c_str();
    let fails =
        |error: Error, call: &str, kind| assert_eq!((error.call(), error.kind()), (call, kind), "{error}");
    if scenario == "open fails" {
        return fails(File::open_rw(path).unwrap_err(), "openat", ErrorKind::TooManyFiles);
    }
    if scenario == "no O_TMPFILE" {
        let _ = File::open_rw(path);
        let folder = path.to_str().unwrap().strip_suffix("/file").unwrap();
        let file = File::temporary(CString::new(folder).unwrap().as_c_str()).unwrap();
        assert_eq!(file.write_at(b"contents", 0), Ok(8));
        // The test's file, and strace's log.
        assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
        return;
    }
    // Made before the calls that fail.
    let reservation = scenario.contains("reservation").then(|| Reservation::new(LEN).unwrap());
    let mapped = scenario.contains("becomes").then(|| {
        let mut map = Mmap::anon(LEN).map_mut_in(Reservation::new(LEN).unwrap()).unwrap();
        map.fill(7);
        map
    });
    let file = File::open_rw(path).unwrap();
    let request = Mmap::new(&file);
    // SAFETY: the file is this test's alone.
    let map = |request: Mmap| unsafe { request.map() };
    let is = |request: Mmap, call, kind| fails(map(request).unwrap_err(), call, kind);
    match scenario {
        "whole file" => {
            let map = map(request).unwrap();
            assert_eq!(map.len(), LEN);
        }
        "fstat fails" => is(request, "fstat", ErrorKind::Io),
        "mmap fails" => is(request, "mmap", ErrorKind::OutOfMemory),
        "mmap is not permitted" => is(request.prot(Prot::EXEC), "mmap", ErrorKind::PermissionDenied),
        "mlock fails" => is(request.flags(Flags::LOCKED), "mlock", ErrorKind::OutOfMemory),
        "fstatfs fails" => is(request.flags(Flags::HUGETLB), "fstatfs", ErrorKind::Io),
        "readahead fails" => drop(map(request.flags(Flags::READAHEAD)).unwrap()),
        "anon fails" => fails(Mmap::anon(LEN).map().unwrap_err(), "mmap", ErrorKind::OutOfMemory),
        "anon mlock fails" => {
            let result = Mmap::anon(LEN).flags(Flags::LOCKED).map();
            fails(result.unwrap_err(), "mlock", ErrorKind::OutOfMemory);
        }
        "munmap fails" => {
            let Refused { value, error } = map(request.offset(5)).unwrap().unmap().unwrap_err();
            fails(error, "munmap", ErrorKind::OutOfMemory);
            // Nothing was lost; the second time it works.
            assert_eq!((value.len(), value[0]), (LEN - 5, 5));
            value.unmap().unwrap();
        }
        "mprotect fails" => {
            let mut map = map(request.prot(Prot::WRITE)).unwrap();
            fails(map.protect(Prot::EXEC).unwrap_err(), "mprotect", ErrorKind::OutOfMemory);
            // Only reading is common to both.
            assert_eq!((map.prot(), map[7]), (Prot::READ, 7));
        }
        "into_exec fails" => {
            let mut map = Mmap::anon(LEN).map_mut().unwrap();
            map[7] = 7;
            let Refused { value, error } = map.into_exec().unwrap_err();
            fails(error, "mprotect", ErrorKind::OutOfMemory);
            assert_eq!((value.prot(), value[7]), (Prot::READ, 7));
            assert_eq!(value.into_exec().unwrap()[7], 7);
        }
        "calls on a mapping fail" => {
            let map = map(request).unwrap();
            for (result, call) in [
                (map.flush(), "msync"),
                (map.flush_async(), "msync"),
                (map.lock(), "mlock"),
                (map.unlock(), "munlock"),
                (map.advise(Advice::WillNeed), "madvise"),
            ] {
                fails(result.unwrap_err(), call, ErrorKind::Io);
            }
        }
        "rare calls on a mapping fail" => {
            let map = map(request).unwrap();
            // SAFETY: nothing is forked; the advice is a hint.
            let (inherited, advised) =
                unsafe { (map.set_inheritance(.., Inheritance::Omit), map.advise_raw(.., 0)) };
            for (result, call) in [
                (map.lock_range(5..), "mlock"),
                (map.unlock_range(5..), "munlock"),
                (map.lock_on_fault(..5), "mlock2"),
                (map.resident(..).unwrap().bytes().map(drop), "mincore"),
                (inherited, "madvise"),
                (advised, "madvise"),
                (map.populate_read(..), "madvise"),
                (lock_limit().map(drop), "prlimit64"),
                (raise_lock_limit(usize::MAX).map(drop), "prlimit64"),
            ] {
                fails(result.unwrap_err(), call, ErrorKind::Io);
            }
            assert!(!Advice::Normal.is_supported());
        }
        "populating on an old kernel" => {
            fails(map(request).unwrap().populate_read(..).unwrap_err(), "madvise", ErrorKind::Unsupported);
        }
        "populating from a failing device" => {
            fails(map(request).unwrap().populate_read(..).unwrap_err(), "madvise", ErrorKind::Io);
        }
        "locking on fault on an old kernel" => {
            let map = map(request).unwrap();
            map.lock_range(..page_size()).unwrap();
            fails(map.lock_on_fault(..).unwrap_err(), "mlock2", ErrorKind::Unsupported);
            // What was locked still is.
            assert_ne!(locked(), 0);
        }
        "wiping on an old kernel" => {
            let map = Mmap::anon(LEN).map().unwrap();
            // SAFETY: nothing is forked.
            let wiped = unsafe { map.set_inheritance(.., Inheritance::Wipe) };
            fails(wiped.unwrap_err(), "madvise", ErrorKind::Unsupported);
        }
        "the limit may not be raised" => {
            fails(raise_lock_limit(usize::MAX - 1).unwrap_err(), "prlimit64", ErrorKind::PermissionDenied);
        }
        "calls on a file fail" => {
            for (result, call) in [
                (file.sync(), "fsync"),
                (file.set_len(7), "ftruncate"),
                (file.read_at(&mut [0; 9], 0).map(drop), "pread64"),
                (file.write_at(&[0; 9], 0).map(drop), "pwrite64"),
                (file.allocate(0, 9), "fallocate"),
            ] {
                fails(result.unwrap_err(), call, ErrorKind::Io);
            }
        }
        // Every call that a signal can interrupt is repeated.
        "interrupted" => {
            let mut start = [0; 9];
            assert_eq!(file.read_at(&mut start, 1), Ok(9));
            assert_eq!(start[8], 9);
            assert_eq!(file.write_at(&start, 1), Ok(9));
            map(request).unwrap().flush().unwrap();
            file.sync().unwrap();
            file.set_len(LEN as u64).unwrap();
            file.lock().unwrap();
            // In pieces, as the whole might be interrupted for ever.
            file.allocate(1, LEN as u64 + 9).unwrap();
            assert_eq!(file.len(), Ok(LEN as u64 + 10));
            drop(File::open(path).unwrap());
        }
        "the map of the process is text" => {
            let map = map(request.offset(4096)).unwrap();
            let found = process::region_at(map.as_ptr().addr(), |region| {
                assert!(region.name().ends_with(b"/file"), "{region:?}");
                (region.range(), region.prot(), region.is_shared(), region.offset())
            });
            let start = map.as_ptr().addr();
            let range = start..start + map.len().next_multiple_of(page_size());
            assert_eq!(found, Ok(Some((range, Prot::READ, true, Some(4096)))));
        }
        "secret memory is disabled" => {
            let error = Mmap::anon(LEN).flags(Flags::SECRET).map().unwrap_err();
            assert_eq!(error.flag(), Some(Flags::SECRET));
            fails(error, "memfd_secret", ErrorKind::Unsupported);
        }
        "the disk is full" => fails(file.allocate(0, 9).unwrap_err(), "fallocate", ErrorKind::NoSpace),
        "space is not supported" => {
            fails(file.allocate(0, 9).unwrap_err(), "fallocate", ErrorKind::Unsupported);
        }
        "no memory file" => fails(File::memory().unwrap_err(), "memfd_create", ErrorKind::TooManyFiles),
        "no code" => fails(Code::new(LEN).unwrap_err(), "memfd_create", ErrorKind::TooManyFiles),
        "code is not permitted" => fails(Code::new(LEN).unwrap_err(), "mmap", ErrorKind::PermissionDenied),
        "no stack" => fails(Stack::new(LEN).unwrap_err(), "mmap", ErrorKind::OutOfMemory),
        "a stack is not unmapped" => {
            let Refused { value, error } = Stack::new(LEN).unwrap().unmap().unwrap_err();
            fails(error, "munmap", ErrorKind::OutOfMemory);
            value.unmap().unwrap();
        }
        "memory on an old kernel" => assert!(sealed_memory().unwrap().starts_with(b"contents")),
        "no shared memory" => {
            fails(SharedMemory::new(LEN).unwrap_err(), "memfd_create", ErrorKind::TooManyFiles)
        }
        "shared memory without a length" => {
            fails(SharedMemory::new(LEN).unwrap_err(), "ftruncate", ErrorKind::TooLong);
        }
        "shared memory without seals" => {
            fails(SharedMemory::new(LEN).unwrap_err(), "fcntl", ErrorKind::PermissionDenied);
        }
        "a name without a length" | "a name is not measured" => {
            let name = shared_name();
            let name = name.as_c_str();
            let created = SharedMemory::create(name, LEN);
            let opened = SharedMemory::open(name);
            let _ = SharedMemory::remove(name);
            match scenario {
                "a name is not measured" => fails(created.unwrap_err(), "fstat", ErrorKind::Io),
                _ => fails(created.unwrap_err(), "ftruncate", ErrorKind::TooLong),
            }
            // Nothing is left of it.
            fails(opened.unwrap_err(), "openat", ErrorKind::NotFound);
        }
        "a name is interrupted" => {
            let name = shared_name();
            let name = name.as_c_str();
            let memory = SharedMemory::create(name, LEN).unwrap();
            SharedMemory::open(name).unwrap();
            SharedMemory::remove(name).unwrap();
            memory.allocate().unwrap();
        }
        "nothing to share with a fork" => {
            fails(Mmap::anon(LEN).map_shared().unwrap_err(), "mmap", ErrorKind::OutOfMemory);
        }
        "a fork shares what is locked" => {
            let result = Mmap::anon(LEN).flags(Flags::LOCKED).map_shared();
            fails(result.unwrap_err(), "mlock", ErrorKind::OutOfMemory);
        }
        "seals are forbidden" => fails(sealed_memory().unwrap_err(), "fcntl", ErrorKind::PermissionDenied),
        "seals are unknown" => fails(request.map_sealed().unwrap_err(), "fcntl", ErrorKind::Io),
        "reserving fails" => fails(Reservation::new(LEN).unwrap_err(), "mmap", ErrorKind::OutOfMemory),
        "an address is taken" => {
            // SAFETY: nothing relies on these addresses.
            let result = unsafe { Reservation::at(1 << 40, LEN) };
            fails(result.unwrap_err(), "mmap", ErrorKind::Busy);
        }
        "aligning fails" => {
            fails(Reservation::aligned(LEN, 1 << 30).unwrap_err(), "munmap", ErrorKind::OutOfMemory);
        }
        "a reservation is not released" => {
            let Refused { value, error } = reservation.unwrap().release().unwrap_err();
            fails(error, "munmap", ErrorKind::OutOfMemory);
            value.release().unwrap();
        }
        "a reservation, fstat fails"
        | "a reservation, mmap fails"
        | "a reservation, mremap fails"
        | "a reservation, mlock fails" => {
            let reservation = reservation.unwrap();
            let (address, len) = (reservation.as_ptr(), reservation.len());
            let locked = if scenario.contains("mlock") { request.flags(Flags::LOCKED) } else { request };
            // SAFETY: the file is this test's alone, here and below.
            let Refused { value, error } = unsafe { locked.map_in(reservation) }.unwrap_err();
            assert!(scenario.contains(error.call()) && error.raw_os_error() == Some(12), "{error}");
            assert_eq!((value.as_ptr(), value.len()), (address, len));
            // SAFETY: nothing is reserved, as the reservation is there.
            assert_eq!(unsafe { Reservation::at(address.addr(), len) }.unwrap_err().kind(), ErrorKind::Busy);
            // SAFETY: as above.
            let map = unsafe { request.map_in(value) }.unwrap();
            assert_eq!((map.as_ptr(), map[7]), (address, 7));
        }
        "memory in a reservation" => {
            let Refused { value, error } = Mmap::anon(LEN).map_in(reservation.unwrap()).unwrap_err();
            fails(error, "mprotect", ErrorKind::OutOfMemory);
            let request = Mmap::anon(LEN).flags(Flags::POPULATE);
            let Refused { value, error } = request.map_in(value).unwrap_err();
            fails(error, "mremap", ErrorKind::OutOfMemory);
            drop(request.map_in(value).unwrap());
        }
        "no mapping becomes one again" => {
            let Refused { value, error } = mapped.unwrap().into_reservation().unwrap_err();
            fails(error, "mmap", ErrorKind::OutOfMemory);
            assert!(value.iter().all(|&byte| byte == 7));
            value.into_reservation().unwrap().release().unwrap();
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

/// A name of this process alone.
fn shared_name() -> CString {
    CString::new(format!("baremap-faults-{}", std::process::id())).unwrap()
}

fn sealed_memory() -> Result<Mapping, Error> {
    let file = File::memory()?;
    file.set_len(LEN as u64)?;
    file.write_at(b"contents", 0)?;
    file.seal()?;
    Mmap::new(&file).map_sealed()
}

/// Reads the file in chunks, and returns how many bytes were right.
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

fn whole_file_takes_five_calls() {
    let Some((has_passed, text, log)) = trace("whole file", &[]) else { return };
    assert!(has_passed, "{text}");
    let calls: Vec<_> = scenario_part(&log).filter_map(call).map(|(_, name)| name).take(5).collect();
    assert_eq!(calls, ["openat", "fstat", "mmap", "munmap", "close"], "{log}");
}

fn failing_call_is_reported_and_leaves_nothing() {
    for (scenario, call, error) in [
        ("open fails", "openat", "EMFILE"),
        ("fstat fails", "fstat", "EIO"),
        ("mmap fails", "mmap", "ENOMEM"),
        ("mmap is not permitted", "mmap", "EPERM"),
        ("mlock fails", "mlock", "ENOMEM"),
        ("fstatfs fails", "fstatfs", "EIO"),
        ("anon fails", "mmap", "ENOMEM"),
        ("anon mlock fails", "mlock", "EAGAIN"),
        ("munmap fails", "munmap", "ENOMEM"),
        ("the disk is full", "fallocate", "ENOSPC"),
        ("space is not supported", "fallocate", "EOPNOTSUPP"),
        ("no memory file", "memfd_create", "EMFILE"),
        ("no code", "memfd_create", "EMFILE"),
        ("code is not permitted", "mmap", "EPERM"),
        ("no stack", "mmap", "ENOMEM"),
        ("a stack is not unmapped", "munmap", "ENOMEM"),
        // The newest flag.
        ("memory on an old kernel", "memfd_create", "EINVAL"),
        ("no shared memory", "memfd_create", "EMFILE"),
        ("shared memory without a length", "ftruncate", "EFBIG"),
        ("shared memory without seals", "fcntl", "EPERM"),
        ("a name without a length", "ftruncate", "EFBIG"),
        ("a name is not measured", "fstat", "EIO"),
        ("nothing to share with a fork", "mmap", "ENOMEM"),
        ("a fork shares what is locked", "mlock", "ENOMEM"),
        ("seals are forbidden", "fcntl", "EPERM"),
        ("seals are unknown", "fcntl", "EIO"),
    ] {
        fault(scenario, &[(call, error, 1)]);
    }
    let of_mapping = [("msync", "EIO", 2), ("mlock", "EIO", 1), ("munlock", "EIO", 2), ("madvise", "EIO", 1)];
    fault("calls on a mapping fail", &of_mapping);
    // What failed to lock is unlocked, too.
    let of_mapping = [
        ("mlock", "EIO", 1),
        ("munlock", "EIO", 2),
        ("mlock2", "EIO", 1),
        ("mincore", "EIO", 1),
        ("madvise", "EIO", 4),
        ("prlimit64", "EIO", 2),
    ];
    fault("rare calls on a mapping fail", &of_mapping);
    for (scenario, call, error) in [
        ("populating on an old kernel", "madvise", "EINVAL"),
        ("populating from a failing device", "madvise", "EFAULT"),
        ("locking on fault on an old kernel", "mlock2", "ENOSYS"),
        ("wiping on an old kernel", "madvise", "EINVAL"),
        ("the limit may not be raised", "prlimit64", "EPERM"),
    ] {
        fault(scenario, &[(call, error, 1)]);
    }
    fault(
        "calls on a file fail",
        &["fsync", "ftruncate", "pread64", "pwrite64", "fallocate"].map(|call| (call, "EIO", 1)),
    );
}

fn old_kernel_is_enough() {
    fault("no O_TMPFILE", &[("openat", "EOPNOTSUPP", 2)]);
    fault("the map of the process is text", &[("ioctl", "ENOTTY", 1)]);
    fault("secret memory is disabled", &[("memfd_secret", "ENOSYS", 1)]);
}

fn failed_protect_takes_permissions_away() {
    // The first call probes for the page size, and takes this error for an aligned address.
    fault("mprotect fails", &[("mprotect", "ENOMEM", 2)]);
    fault("into_exec fails", &[("mprotect", "ENOMEM", 2)]);
}

fn interrupted_call_is_repeated() {
    let calls = ["openat", "pread64", "pwrite64", "msync", "fsync", "ftruncate", "fallocate", "flock"]
        .map(|call| (call, "EINTR", 3));
    fault("interrupted", &calls);
    let of_names = ["openat", "ftruncate", "fstat", "unlinkat", "fallocate"].map(|call| (call, "EINTR", 3));
    fault("a name is interrupted", &of_names);
}

fn failing_hint_is_ignored() {
    fault("readahead fails", &[("madvise", "EBADF", 1)]);
    fault("advice unknown", &[("madvise", "EINVAL", 1)]);
}

fn reservation_is_returned() {
    for (scenario, call, error) in [
        ("reserving fails", "mmap", "ENOMEM"),
        ("an address is taken", "mmap", "EEXIST"),
        ("aligning fails", "munmap", "ENOMEM"),
        ("a reservation is not released", "munmap", "ENOMEM"),
        ("a reservation, fstat fails", "fstat", "ENOMEM"),
        ("a reservation, mmap fails", "mmap", "ENOMEM"),
        ("a reservation, mremap fails", "mremap", "ENOMEM"),
        ("a reservation, mlock fails", "mlock", "ENOMEM"),
        ("no mapping becomes one again", "mmap", "ENOMEM"),
    ] {
        fault(scenario, &[(call, error, 1)]);
    }
    fault("memory in a reservation", &[("mprotect", "ENOMEM", 1), ("mremap", "ENOMEM", 1)]);
}

/// A kernel with larger pages refuses more of the addresses that are probed.
fn page_size_is_probed() {
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

type Operation = fn(&CStr);

/// What takes two system calls or more. Each operation begins where it opens the file and ends at `done`. After that it
/// checks that what it has is really there.
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
        let map = Mmap::anon(LEN).flags(Flags::LOCKED | Flags::POPULATE).map_mut();
        done();
        if let Ok(mut map) = map {
            assert!(map.iter().all(|&byte| byte == 0));
            map.fill(1);
        }
    }),
    ("map an empty file", |path| {
        let file = File::create(path);
        // SAFETY: as above.
        let map = file.and_then(|file| unsafe { Mmap::new(&file).map() });
        done();
        assert!(map.is_err() || map.unwrap().is_empty());
    }),
    ("map secret memory", |path| {
        let _file = File::open_rw(path);
        let map = Mmap::anon(100_000).flags(Flags::SECRET).map_mut();
        done();
        if let Ok(mut map) = map {
            assert!(map.iter().all(|&byte| byte == 0));
            map.fill(1);
        }
    }),
    ("map at a hint and give a name", |path| {
        let _file = File::open_rw(path);
        let map = Mmap::anon(LEN).hint(1 << 40).map_mut();
        let named = map.as_ref().map(|map| map.set_name(c"name"));
        done();
        assert_eq!(named.is_ok(), map.is_ok());
        if let Ok(mut map) = map {
            assert!(map.iter().all(|&byte| byte == 0));
            map.fill(1);
        }
    }),
    ("find a region of the process", |path| {
        let file = File::open_rw(path);
        // SAFETY: as above.
        let map = file.and_then(|file| unsafe { Mmap::new(&file).map() });
        let address = map.as_ref().map_or(0, |map| map.as_ptr().addr());
        let found = process::region_at(address, |region| region.name().ends_with(b"/file"));
        done();
        assert!(map.is_err() || found.is_err() || found == Ok(Some(true)), "{found:?}");
    }),
    ("share sealed memory", |path| {
        let _file = File::open_rw(path);
        let map = sealed_memory();
        done();
        assert!(map.is_err() || map.unwrap().starts_with(b"contents\0"));
    }),
    ("refuse what is not sealed", |path| {
        let map = File::open_rw(path).and_then(|file| Mmap::new(&file).map_sealed());
        done();
        assert!(map.is_err());
    }),
    // Longer than what is read to std's heap.
    ("read contents", |path| {
        const LONG: usize = 9 << 20;
        let before = fs::OpenOptions::new().write(true).open(path.to_str().unwrap()).unwrap();
        before.set_len(LONG as u64).unwrap();
        drop(before);
        let file = File::open_rw(path);
        let contents = file.and_then(|file| Contents::options().nul_terminated().read(&file));
        done();
        if let Ok(contents) = contents {
            assert!(is_file(&contents[..LEN], 0) && contents.len() == LONG);
            assert_eq!(contents.bytes_with_nul().map(<[u8]>::len), Some(LONG + 1));
        }
    }),
    ("map contents", |path| {
        let file = File::open_rw(path);
        // SAFETY: as above.
        let contents = file.and_then(|file| unsafe { Contents::options().nul_terminated().map(&file) });
        done();
        assert!(contents.is_err() || is_file(&contents.unwrap(), 0));
    }),
    ("share memory", |path| {
        let _file = File::open_rw(path);
        let memory = SharedMemory::new(LEN);
        let map = memory.and_then(|memory| Mmap::new(&memory).prot(Prot::WRITE).map_raw());
        done();
        assert!(map.is_err() || map.unwrap().len() == LEN);
    }),
    ("share memory by a name", |path| {
        let name = shared_name();
        let name = name.as_c_str();
        let _file = File::open_rw(path);
        let memory = SharedMemory::create(name, LEN);
        let same = SharedMemory::open(name);
        let removed = SharedMemory::remove(name);
        done();
        assert!([memory.as_ref(), same.as_ref()].into_iter().flatten().all(|memory| memory.len() == LEN));
        // What was made and not removed is still there.
        let is_there = SharedMemory::open(name).is_ok();
        assert!(if removed.is_ok() { !is_there } else { is_there || memory.is_err() });
        let _ = SharedMemory::remove(name);
    }),
    ("share with a fork", |path| {
        let _file = File::open_rw(path);
        let map = Mmap::anon(LEN).prot(Prot::WRITE).flags(Flags::LOCKED).map_shared();
        done();
        assert!(map.is_err() || map.unwrap().len() == LEN);
        assert_eq!(locked(), 0);
    }),
    ("map past the end", |path| {
        let result = File::open_rw(path).and_then(|file| {
            let request = Mmap::new(&file).len(2 * LEN).flags(Flags::PAST_END);
            let map = request.prot(Prot::WRITE).map_raw()?;
            Ok((map, file.set_len(2 * LEN as u64)))
        });
        done();
        if let Ok((map, Ok(()))) = result {
            // SAFETY: the file has grown that far.
            assert_eq!(unsafe { map.as_ptr().add(2 * LEN - 1).read() }, 0);
        }
    }),
    ("map in a reservation", |path| map_in(path, Flags::empty())),
    ("map in a reservation and lock", |path| map_in(path, Flags::LOCKED | Flags::READAHEAD)),
    ("map copies in a reservation and lock", |path| map_in(path, Flags::COW | Flags::LOCKED)),
    ("map memory in a reservation", |path| map_memory_in(path, Flags::empty(), Prot::WRITE)),
    ("map memory in a reservation and lock", |path| map_memory_in(path, Flags::LOCKED, Prot::WRITE)),
    ("map code in a reservation", |path| map_memory_in(path, Flags::POPULATE, Prot::EXEC)),
    ("make a reservation of memory", |path| {
        let mut map = Mmap::anon(LEN).map_mut_in(Reservation::new(LEN).unwrap()).unwrap();
        map.fill(7);
        let address = map.as_ptr();
        let _file = File::open_rw(path);
        let result = map.into_reservation();
        done();
        is_reserved_or_returned(result, address, |map| map.iter().all(|&byte| byte == 7));
    }),
    ("make a reservation of a file", |path| {
        let before = File::open(path).unwrap();
        // SAFETY: as above.
        let map = unsafe { Mmap::new(&before).map() }.unwrap();
        drop(before);
        let address = map.as_ptr();
        let _file = File::open_rw(path);
        let result = map.into_reservation();
        done();
        is_reserved_or_returned(result, address, |map| is_file(map, 0));
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
    ("lock on fault", |path| {
        let map = Mmap::anon(LEN).map().unwrap();
        let _file = File::open_rw(path);
        let (first, second) = (map.lock_range(..LEN / 2), map.lock_on_fault(..));
        done();
        let is_undone = env::var_os("BAREMAP_LEAKS").is_none();
        assert!(second.is_ok() || !is_undone || locked() == 0, "{first:?} {second:?}");
        let _ = map.unlock();
    }),
    ("set what is inherited", |path| {
        let mut map = Mmap::anon(LEN).map_mut().unwrap();
        map.fill(1);
        let _file = File::open_rw(path);
        let all = [Inheritance::Omit, Inheritance::Wipe, Inheritance::Usual];
        // SAFETY: nothing is forked.
        let results = all.map(|inheritance| unsafe { map.set_inheritance(..LEN / 2, inheritance) });
        done();
        assert!(map.iter().all(|&byte| byte == 1), "{results:?}");
    }),
    ("look for resident pages", |path| {
        let mut map = Mmap::anon(LEN).map_mut().unwrap();
        map.fill(1);
        let _file = File::open_rw(path);
        let bytes = map.resident(..).unwrap().bytes();
        let all = map.resident(..).unwrap().try_fold(0, |len, pages| pages.map(|pages| len + pages.len()));
        done();
        assert!([bytes, all].iter().all(|&bytes| bytes.unwrap_or(LEN) == LEN));
    }),
    ("raise the limit", |path| {
        let _file = File::open_rw(path);
        let (limit, raised) = (lock_limit(), raise_lock_limit(usize::MAX));
        done();
        assert!(raised.is_err() || limit.is_err() || raised.unwrap() >= limit.unwrap());
    }),
    ("protect", |path| {
        let mut map = Mmap::anon(LEN).prot(Prot::WRITE).map().unwrap();
        let _file = File::open_rw(path);
        let results = [Prot::EXEC, Prot::WRITE, Prot::READ, Prot::WRITE].map(|prot| map.protect(prot));
        done();
        let is_writable = map.prot().contains(Prot::WRITE);
        assert!(is_writable || results.iter().any(Result::is_err));
        assert!(map.iter().all(|&byte| byte == 0));
        if is_writable {
            map.into_mut().unwrap().fill(1);
        }
    }),
    ("convert", |path| {
        let map = Mmap::anon(LEN).map_mut().unwrap();
        let _file = File::open_rw(path);
        let map = map.into_read_only().and_then(Mapping::into_exec).and_then(Mapping::into_mut);
        done();
        match map {
            Ok(mut map) => map.fill(1),
            Err(refused) => assert!(refused.value.iter().all(|&byte| byte == 0)),
        }
    }),
    ("discard and flush", |path| {
        let mut memory = Mmap::anon(LEN).map_mut().unwrap();
        memory.fill(1);
        let file = File::open_rw(path);
        // SAFETY: as above.
        let map = file.and_then(|file| unsafe { Mmap::new(&file).map_mut() });
        // SAFETY: nothing relies on the contents.
        let discarded = unsafe { memory.discard(Discard::DontNeed) };
        let flushed = map.as_ref().map(MappingMut::flush);
        done();
        assert!(memory.iter().all(|&byte| byte == u8::from(discarded.is_err())));
        assert!(flushed.is_err() || is_file(&map.unwrap(), 0));
    }),
    ("write code", |path| {
        let _file = File::open_rw(path);
        let code = Code::new(LEN).map(|mut code| (code.write(5000, b"code"), code));
        done();
        if let Ok((written, code)) = code {
            written.unwrap();
            assert_eq!(code.bytes()[4999..5005], *b"\0code\0");
        }
    }),
    ("grow a stack", |path| {
        let _file = File::open_rw(path);
        let stack = Stack::with_guard(LEN, LEN).map(|mut stack| (stack.grow(LEN + 100_000), stack));
        done();
        if let Ok((grown, stack)) = stack {
            assert_eq!(stack.len() >= LEN + 100_000, grown.is_ok());
            // SAFETY: the stack is this test's.
            unsafe {
                stack.bottom().write(1);
                stack.top().sub(1).write(1);
            }
        }
    }),
    ("align a reservation", |path| {
        let _file = File::open_rw(path);
        let reservation = Reservation::aligned(LEN, 1 << 30);
        done();
        if let Ok(reservation) = reservation {
            is_reserved(&reservation, reservation.as_ptr());
            assert_eq!(reservation.as_ptr().addr() % (1 << 30), 0);
        }
    }),
    ("extend a file", |path| extend_file(path, Flags::empty())),
    ("extend a file and lock", |path| extend_file(path, Flags::LOCKED | Flags::READAHEAD)),
    ("extend a copy", |path| extend_file(path, Flags::COW)),
    ("extend memory", |path| extend_memory(path, Flags::empty())),
    ("extend memory and lock", |path| extend_memory(path, Flags::LOCKED)),
    ("resize a file", |path| resize_file(path, Flags::empty())),
    ("resize a file and lock", |path| resize_file(path, Flags::LOCKED)),
    ("resize a copy", |path| resize_file(path, Flags::COW | Flags::LOCKED)),
    ("resize memory", |path| resize_memory(path, Flags::empty())),
    ("resize memory and lock", |path| resize_memory(path, Flags::LOCKED)),
    ("resize and unmap what was joined", |path| {
        let (page, len) = (page_size(), 64 * page_size());
        let (first, second) = Reservation::new(2 * len).unwrap().split(len).unwrap();
        let mut map = Mmap::anon(len).map_mut_in(first).unwrap();
        map.join(Mmap::anon(len).map_mut_in(second).unwrap()).unwrap();
        map.fill(7);
        // So that the kernel does not resize it as one.
        map.advise_range(len.., Advice::Random).unwrap();
        let _file = File::open_rw(path);
        let old = map.len();
        let resized = Mmap::anon(3 * len).resize(&mut map);
        let has_grown = map.len() == 3 * len;
        let mut end = map.split_off(len).unwrap();
        let middle = end.split_off(page).unwrap();
        let unmapped = end.unmap();
        done();
        assert_eq!(has_grown, resized.is_ok());
        assert_eq!(middle.len(), if has_grown { 3 * len } else { old } - len - page);
        assert!(map.iter().chain(&middle[..len - page]).all(|&byte| byte == 7));
        assert!(unmapped.is_ok() || unmapped.unwrap_err().value.iter().all(|&byte| byte == 7));
    }),
    ("take access away", |path| {
        let mut map = Mmap::anon(LEN).map_mut().unwrap();
        map.fill(7);
        let mut map = map.into_raw();
        let _file = File::open_rw(path);
        // SAFETY: no pointer is in use.
        let results = unsafe {
            [map.protect(Prot::NONE), map.protect_range(..5000, Prot::READ), map.protect(Prot::WRITE)]
        };
        done();
        if results[2].is_err() {
            assert_eq!(map.prot(), Prot::NONE);
            // SAFETY: as above.
            unsafe { map.protect(Prot::WRITE) }.unwrap();
        }
        // SAFETY: nobody else uses the memory.
        let map: MappingMut = unsafe { map.into_slice() }.unwrap();
        assert!(map.iter().all(|&byte| byte == 7));
    }),
    ("reserve an address", |path| {
        let _file = File::open_rw(path);
        // SAFETY: nothing relies on these addresses.
        let reservation = unsafe { Reservation::at(1 << 40, LEN) };
        let split = reservation.map(|reservation| reservation.split(page_size()));
        done();
        let address = (1_usize << 40) as *const u8;
        match split {
            Ok(Ok((first, _))) => is_reserved(&first, address),
            Ok(Err(refused)) => is_reserved(&refused.value, address),
            Err(_) => {}
        }
    }),
];

/// Marks the end of the operation in strace's log.
fn done() {
    let _ = fs::metadata("/baremap-done");
}

fn is_file(bytes: &[u8], offset: usize) -> bool {
    bytes.len() == LEN - offset && bytes.iter().zip(offset..).all(|(&byte, i)| byte == (i % 251) as u8)
}

/// Returns how many bytes of this process are locked.
fn locked() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The reservation is where it should be, taken, and without access or contents.
fn is_reserved(reservation: &Reservation, address: *const u8) {
    assert_eq!(reservation.as_ptr(), address);
    // SAFETY: nothing is reserved, as the reservation is there.
    let busy = unsafe { Reservation::at(address.addr(), reservation.len()) };
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

/// A reservation that may be lost is returned empty.
fn is_reserved_or_lost(reservation: &Reservation, address: *const u8) {
    if reservation.len() != 0 {
        is_reserved(reservation, address);
    }
}

/// The mapping became a reservation, or is returned with its contents, or empty if it may be lost.
fn is_reserved_or_returned<A>(
    result: Result<Reservation, Refused<Mapping<A>>>,
    address: *const u8,
    is_right: fn(&[u8]) -> bool,
) where
    Mapping<A>: AsRef<[u8]>,
{
    match result {
        Ok(reservation) => is_reserved(&reservation, address),
        Err(Refused { value, .. }) if value.is_empty() => {}
        Err(Refused { value, .. }) => assert!(value.as_ptr() == address && is_right(value.as_ref())),
    }
}

fn map_in(path: &CStr, flags: Flags) {
    let reservation = Reservation::new(LEN).unwrap();
    let address = reservation.as_ptr();
    let result = match File::open_rw(path) {
        // SAFETY: the file is this test's alone.
        Ok(file) => unsafe { Mmap::new(&file).flags(flags).map_mut_in(reservation) },
        Err(error) => Err(Refused { value: reservation, error }),
    };
    done();
    match result {
        Ok(map) => assert!(map.as_ptr() == address && is_file(&map, 0)),
        Err(refused) => is_reserved_or_lost(&refused.value, address),
    }
}

fn map_memory_in(path: &CStr, flags: Flags, prot: Prot) {
    let reservation = Reservation::new(LEN).unwrap();
    let address = reservation.as_ptr();
    let _file = File::open_rw(path);
    let result = Mmap::anon(LEN).prot(prot).flags(flags).map_in(reservation);
    done();
    match result {
        Ok(map) => assert!(map.as_ptr() == address && map.iter().all(|&byte| byte == 0)),
        Err(refused) => is_reserved_or_lost(&refused.value, address),
    }
}

/// What an extension left of a reservation of `whole` bytes: all, what was not taken, or less if that is lost.
fn is_rest(reservation: &Reservation, whole: usize, map: &[u8]) {
    let taken = map.len().next_multiple_of(page_size());
    assert!(reservation.len() <= whole - taken, "{reservation:?}, {taken} of {whole} taken");
    if reservation.len() != 0 {
        is_reserved(reservation, reservation.as_ptr());
    }
}

fn extend_file(path: &CStr, flags: Flags) {
    let mut reservation = Reservation::new(2 * LEN).unwrap();
    let whole = reservation.len();
    let mut map: Mapping = Mapping::default();
    let mut extend = |file: &File, len| {
        let request = Mmap::new(file).flags(flags).len(len);
        // SAFETY: the file is this test's alone.
        unsafe { request.extend(&mut map, &mut reservation) }
    };
    let file = File::open_rw(path);
    let results = file.map(|file| [100_000, 100_001, 500_000, LEN].map(|len| extend(&file, len)));
    done();
    is_rest(&reservation, whole, &map);
    let Ok(results) = results else { return };
    let lens = [0, 100_000, 100_001, 500_000, LEN];
    let last = results.iter().rposition(Result::is_ok).map_or(0, |i| i + 1);
    assert_eq!(map.len(), lens[last]);
    assert!(map.iter().enumerate().all(|(i, &byte)| byte == (i % 251) as u8));
}

fn extend_memory(path: &CStr, flags: Flags) {
    let mut reservation = Reservation::new(2 * LEN).unwrap();
    let whole = reservation.len();
    let mut map = MappingMut::default();
    let _file = File::open_rw(path);
    for len in [100_000, 100_001, 500_000, LEN] {
        let (old, old_len) = (map.as_ptr(), map.len());
        let result = Mmap::anon(len).flags(flags).extend(&mut map, &mut reservation);
        assert_eq!(map.len(), if result.is_ok() { len } else { old_len });
        assert!(old_len == 0 || map.as_ptr() == old);
        assert!(map[..old_len].iter().all(|&byte| byte == 7) && map[old_len..].iter().all(|&byte| byte == 0));
        map.fill(7);
    }
    done();
    is_rest(&reservation, whole, &map);
}

fn resize_file(path: &CStr, flags: Flags) {
    let before = File::open(path).unwrap();
    // SAFETY: the file is this test's alone, here and below.
    let mut map = unsafe { Mmap::new(&before).flags(flags).offset(5).len(100_000).map() }.unwrap();
    drop(before);
    let file = File::open_rw(path);
    let mut resize = |file: &File, len| {
        let request = Mmap::new(file).flags(flags).offset(5).len(len);
        let (old, old_len) = (map.as_ptr(), map.len());
        // SAFETY: as above.
        let result = unsafe { request.resize(&mut map) };
        assert_eq!(map.len(), if result.is_ok() { len } else { old_len });
        assert!(result.is_ok() || map.as_ptr() == old);
    };
    if let Ok(file) = file {
        for len in [LEN - 5, 7, 500_000] {
            resize(&file, len);
        }
    }
    done();
    assert!(map.iter().zip(5..).all(|(&byte, i)| byte == (i % 251) as u8));
}

fn resize_memory(path: &CStr, flags: Flags) {
    let mut map = Mmap::anon(100_000).map_mut().unwrap();
    map.fill(7);
    let mut map = map.into_read_only().unwrap();
    let _file = File::open_rw(path);
    for len in [LEN, 50_000, 500_000] {
        let (old, old_len) = (map.as_ptr(), map.len());
        let result = Mmap::anon(len).flags(flags).resize(&mut map);
        assert_eq!(map.len(), if result.is_ok() { len } else { old_len });
        assert!(result.is_ok() || map.as_ptr() == old);
        assert_eq!(map.prot(), Prot::READ);
    }
    done();
    let filled = map.len().min(50_000);
    assert!(map[..filled].iter().all(|&byte| byte == 7));
}

/// Returns the calls of an operation in strace's log, each with its number among the thread's calls of that name.
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

/// Returns the part of strace's log that an operation wrote.
fn operation_part(log: &str) -> Vec<&str> {
    scenario_part(log).take_while(|line| !line.contains("/baremap-done")).collect()
}

fn injection((name, at): &(String, usize), second: Option<usize>) -> String {
    // Every one of these calls can fail with it, and it is not EINTR, after which most are repeated.
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
            // Among them are the calls that undo the first ones.
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
