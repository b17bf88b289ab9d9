//! Locks of files, temporary files, the map of the process, hints and names with each call failing.

use crate::faults::{Folder, GRANULARITY, ODD, each, is_accessible, none};
use crate::hooks::Log;
use baremap::{Error, File, Mmap, Prot, RawMapping, Reservation, process};
use std::ffi::CString;
use std::ops::ControlFlow;

pub const CHECKS: &[(&str, fn())] = &[
    ("lock a file", lock_file),
    ("unlock a file", unlock_file),
    ("a temporary file", temporary_file),
    ("a temporary file by a long path", temporary_file_by_a_long_path),
    ("find a region", find_region),
    ("list regions", list_regions),
    ("hints", hints),
    ("give a name", set_name),
];

/// After a failure the file is not locked.
fn lock_file() {
    let folder = Folder::new("lock_file");
    let (file, other) = (folder.file(), folder.file());
    for lock in [File::lock, File::lock_shared, File::try_lock, File::try_lock_shared] {
        let check = |result: Result<(), Error>, log: &Log| {
            assert_eq!(other.try_lock().is_ok(), result.is_err(), "{result:?}, {:?}", log.calls);
            other.unlock().unwrap();
            file.unlock().unwrap();
        };
        each(|| (), |()| lock(&file), check, none);
    }
}

/// After a failure the file may be locked, and can be unlocked again.
fn unlock_file() {
    let folder = Folder::new("unlock_file");
    let (file, other) = (folder.file(), folder.file());
    let check = |result: Result<(), Error>, log: &Log| {
        if result.is_err() {
            file.unlock().unwrap();
        }
        assert_eq!(other.try_lock(), Ok(()), "{result:?}, {:?}", log.calls);
        other.unlock().unwrap();
    };
    each(|| file.lock().unwrap(), |()| file.unlock(), check, none);
}

/// The file is in its folder as long as it is open, and after a failure it is not.
#[track_caller]
fn is_there_while_open(folder: &std::path::Path, leaks: impl Fn(&[&str]) -> bool) {
    let path = CString::new(folder.to_str().unwrap()).unwrap();
    let count = || std::fs::read_dir(folder).unwrap().count();
    let check = |result: Result<File, Error>, log: &Log| {
        assert_eq!(count(), usize::from(result.is_ok()), "{result:?}, {:?}", log.calls);
        drop(result);
        assert_eq!(count(), 0);
    };
    each(|| (), |()| File::temporary(&path), check, leaks);
}

fn temporary_file() {
    let folder = Folder::new("temporary");
    is_there_while_open(folder.as_path(), none);
}

fn temporary_file_by_a_long_path() {
    let folder = Folder::new("long_temporary");
    let long =
        std::path::Path::new(r"\\?\").join(folder.as_path().join("x".repeat(200)).join("y".repeat(100)));
    std::fs::create_dir_all(&long).unwrap();
    // The buffer for the path leaks if it cannot be freed.
    is_there_while_open(&long, |failed| failed.contains(&"VirtualFree"));
}

/// The memory for names leaks if it cannot be freed.
fn are_names_left(failed: &[&str]) -> bool {
    failed.contains(&"VirtualFree")
}

/// VirtualQuery fails with this past the last address.
const ERROR_INVALID_PARAMETER: u32 = 87;

/// What is found is right, but may lack its name.
fn find_region() {
    let folder = Folder::new("region");
    let file = folder.file();
    let map = Mmap::new(&file).map_raw().unwrap();
    let address = map.as_ptr().addr();
    let find = || {
        process::region_at(address + 5, |region| {
            assert!(region.name().ends_with(br"\data") || region.name().is_empty(), "{region:?}");
            (region.range(), region.prot(), region.is_shared(), region.name().is_empty())
        })
    };
    let range = address..address + ODD.next_multiple_of(1 << 12);
    assert_eq!(find(), Ok(Some((range.clone(), Prot::READ, true, false))));
    each(
        || (),
        |()| find(),
        |result, log| match result {
            Ok(None) => assert_eq!(log.code, ERROR_INVALID_PARAMETER, "{:?}", log.calls),
            Ok(Some((found, prot, is_shared, _))) => {
                assert_eq!((found, prot, is_shared), (range.clone(), Prot::READ, true));
            }
            Err(_) => {}
        },
        are_names_left,
    );
}

/// A failure is no end of the list.
fn list_regions() {
    let reservation = Reservation::new(3 * GRANULARITY).unwrap();
    let start = reservation.as_ptr().addr();
    let (first, rest) = reservation.split(GRANULARITY).unwrap();
    let (second, third) = rest.split(GRANULARITY).unwrap();
    let map = Mmap::anon(GRANULARITY).map_in(second).unwrap();
    each(
        || (),
        |()| {
            let mut count = 0;
            let visit = |_: process::Region| {
                count += 1;
                ControlFlow::<()>::Continue(())
            };
            process::regions(start..start + 3 * GRANULARITY, visit).map(|_| count)
        },
        |result, log| {
            let is_end = log.code == ERROR_INVALID_PARAMETER;
            assert!(result.is_err() || result == Ok(3) || is_end, "{result:?}, {:?}", log.calls);
        },
        are_names_left,
    );
    drop((first, map, third));
}

/// If the address cannot be had, another is. Only a failure of that is one.
fn hints() {
    let folder = Folder::new("hints");
    let file = folder.file();
    // Where the system would not map by itself.
    let free = || Mmap::anon(64 * GRANULARITY).map().unwrap().as_ptr().addr() + 8 * GRANULARITY;
    let check = |result: Result<RawMapping, Error>, log: &Log| {
        let is_attempt = |call: &&&str| call.starts_with("VirtualAlloc") || call.starts_with("MapViewOfFile");
        let attempts = log.calls.iter().filter(is_attempt).count();
        match result {
            Ok(map) => is_accessible(&map),
            Err(error) => assert_ne!(attempts, 1, "{error}, {:?}", log.calls),
        }
    };
    each(free, |address| Mmap::anon(ODD).prot(Prot::WRITE).hint(address).map_raw(), check, none);
    each(free, |address| Mmap::new(&file).hint(address).map_raw(), check, none);
    each(free, |address| Mmap::new(&file).offset(5000).hint(address).map_raw(), check, none);
}

/// Windows has no names, so nothing is called.
fn set_name() {
    let map = Mmap::anon(ODD).map().unwrap();
    let check = |result: Result<(), Error>, log: &Log| {
        assert_eq!(result, Ok(()));
        assert!(log.calls.is_empty(), "{:?}", log.calls);
    };
    each(|| (), |()| map.set_name(c"name"), check, none);
}
