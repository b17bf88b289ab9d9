//! Each system call is made to fail once, by strace, and the process must be as before; and a whole file is mapped with
//! the calls that are promised and no other. A test starts this binary again under strace, to run one of the scenarios
//! below. Where there is no strace there is nothing to see; with CI=true it must be there.
//!
//! It has a `main` of its own: strace counts the calls of each thread, and only in the main thread do the calls of a
//! scenario have numbers that no other thread reaches.

use baremap::{Advice, Error, ErrorKind, File, FileRef, Flags, Mapping, Mmap, Prot, Reservation, page_size};
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
    log.lines().skip_while(|line| !line.contains("/file\", O_RDWR|O_CLOEXEC"))
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
        scenario_on(&scenario, &path);
        assert_eq!(before, state());
        return;
    }
    whole_file_costs_fstat_mmap_and_munmap();
    a_failing_call_is_told_and_leaves_nothing();
    after_a_failed_protect_no_right_is_presumed();
    what_a_signal_interrupts_is_done_again();
    a_hint_that_fails_is_no_failure();
    page_size_is_asked();
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
        "anon mlock fails" => is(Mmap::anon(LEN).flags(Flags::LOCKED).map(), "mlock", ErrorKind::WouldBlock),
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
            let error = Reservation::at(1 << 40, LEN).unwrap_err();
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
        | "a reservation, fstatfs fails"
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
            assert_eq!(Reservation::at(address.addr(), len).unwrap_err().kind(), ErrorKind::Busy);
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
    unsafe { baremap::Reader::new(file) }.chunk_len(500_000).for_each(|chunk| {
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
    let on_mapping = [("msync", "EIO", 2), ("mlock", "EIO", 1), ("munlock", "EIO", 1), ("madvise", "EIO", 1)];
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
        ("a reservation, fstatfs fails", "fstatfs", "ENOMEM"),
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
