//! Without a backend every call fails with `Unsupported` and its own name, and nothing else panics or is nonsense.
//!
//! `RUSTFLAGS='--cfg baremap_backend="unsupported"' cargo test --test unsupported` runs it. Without the cfg it is empty.

#![cfg(all(baremap_backend = "unsupported", feature = "std"))]

use baremap::{
    Advice, Code, Contents, Discard, Error, ErrorKind, File, FileRef, Flags, Inheritance, Mapping,
    MappingMut, Mmap, Prot, RawMapping, Reader, Reservation, SharedMemory, Stack, access,
    allocation_granularity, guard, huge_page_sizes, lock_limit, page_size, process, raise_lock_limit,
};
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;
use std::ptr::NonNull;

/// A file of std's that is removed already.
fn std_file(name: &str) -> std::fs::File {
    let path = std::env::temp_dir().join(format!("baremap-{}-unsupported-{name}", std::process::id()));
    let mut file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(b"std").unwrap();
    file
}

fn assert_is_open(mut file: std::fs::File) {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "std");
}

#[repr(align(4096))]
struct Pages(#[allow(dead_code, reason = "no call touches it")] [u8; 8192]);

/// A mapping that is none, as nothing else makes one.
fn made_up<A: access::Access>() -> Mapping<A> {
    let (_, _, backing) = RawMapping::default().into_raw_parts();
    let pages = NonNull::from(Box::leak(Box::new(Pages([0; 8192]))));
    // SAFETY: no call of this system touches it, and it stays.
    unsafe { Mapping::from_raw_parts(pages.cast(), 8192, backing) }
}

#[test]
fn every_call_is_refused_by_name() {
    let std_file = std_file("calls");
    let file = File::from(std_file.try_clone().unwrap());
    let (mut map, mut raw): (Mapping, RawMapping) = (made_up(), made_up());
    let mut wrong = Vec::new();
    macro_rules! refused {
        ($($call:literal: $($result:expr),+;)*) => {
            $($(
                // SAFETY: no call of this system touches memory or files, here and below.
                let error = unsafe { $result }.map(drop).map_err(Error::from).unwrap_err();
                let is_right = (error.kind(), error.call(), error.flag()) == (ErrorKind::Unsupported, $call, None);
                if !is_right || error.to_string() != concat!($call, ": not supported by this system") {
                    wrong.push(format!("{}: {error:?}", stringify!($result)));
                }
            )+)*
        };
    }
    #[allow(unused_unsafe, reason = "most are safe")]
    {
        refused! {
            "open": File::open("x"), File::open_rw(c"x"), File::create("x"), File::create_new("x"),
                File::open_or_create("x"), SharedMemory::open("x"), SharedMemory::open_read_only("x");
            "memory": File::memory(), SharedMemory::new(1);
            "temporary": File::temporary("x");
            "stat": file.len(), file.is_empty(), Mmap::new(&std_file).map(), Mmap::new(&file).map_mut(),
                Mmap::new(&file).map_raw(), Mmap::new(&file).view(), Mmap::new(&file).len(1).view(),
                Mmap::new(&file).len(1).resize(&mut map), SharedMemory::from_raw(FileRef::from(&file).as_raw());
            "set_len": file.set_len(1);
            "read_at": file.read_at(&mut [0], 0), Reader::new(&file).for_each(|_| Ok::<_, Error>(()));
            "write_at": file.write_at(&[0], 0);
            "sync": file.sync();
            "allocate": file.allocate(0, 1);
            "seal": file.seal();
            "map_sealed": Mmap::new(&file).map_sealed();
            "lock": file.lock(), file.lock_shared(), file.try_lock(), file.try_lock_shared(), map.lock(),
                map.lock_range(..9);
            "unlock": file.unlock(), map.unlock(), map.unlock_range(..9);
            "map": Mmap::anon(1).map(), Mmap::anon(1).map_mut(), Mmap::anon(1).map_raw(), Code::new(1),
                Contents::read(&file);
            "map_shared": Mmap::anon(1).map_shared();
            "create": SharedMemory::create("x", 1);
            "remove": SharedMemory::remove("x");
            "reserve": Reservation::new(1), Reservation::aligned(1, 1 << 20), Reservation::at(1 << 16, 1),
                Stack::new(1), Stack::with_guard(1, 1);
            "install": guard::install();
            "lock_limit": lock_limit();
            "raise_lock_limit": raise_lock_limit(1);
            "regions": process::regions(.., |_| ControlFlow::Break(())), process::region_at(1, |_| ());
            "protect": map.protect(Prot::NONE), raw.protect(Prot::NONE), raw.protect_range(..9, Prot::READ),
                made_up::<access::Read>().into_exec(), made_up::<access::Read>().into_mut(),
                made_up::<access::Write>().into_read_only();
            "flush": map.flush(), map.flush_range(..9), map.flush_async(), map.flush_async_range(..9);
            "advise": map.advise(Advice::Random), map.advise_range(..9, Advice::Random);
            "advise_raw": raw.advise_raw(..9, 1);
            "discard": raw.discard(Discard::DontNeed), raw.discard_range(..4096, Discard::DontNeed);
            "lock_on_fault": map.lock_on_fault(..9);
            "populate": map.populate_read(..9);
            "resident": map.resident(..).and_then(|resident| resident.bytes());
            "set_inheritance": raw.set_inheritance(.., Inheritance::Omit);
            "sync_instructions": raw.sync_instructions(..9);
            "split_off": map.split_off(4096);
            "unmap": made_up::<access::Raw>().unmap();
            "unmap_to_reservation": made_up::<access::Raw>().into_reservation();
        }
    }
    assert_eq!(wrong, [""; 0]);
    // A hint, and what a system may do without.
    assert_eq!(map.set_name(c"x"), Ok(()));
    drop(file);
    assert_is_open(std_file);
}

#[test]
fn what_cannot_fail_is_sound() {
    assert!(page_size().is_power_of_two() && allocation_granularity() % page_size() == 0);
    assert!(!guard::is_in_force() && guard::fixup(0).is_none() && guard::fixup(usize::MAX).is_none());
    assert_eq!(huge_page_sizes().count(), 0);
    assert!(!Advice::WillNeed.is_supported());
    // What is judged before the system is asked.
    assert_eq!(Mmap::anon(0).map().unwrap_err().kind(), ErrorKind::ZeroLength);
    assert_eq!(Mmap::anon(usize::MAX).map().unwrap_err().kind(), ErrorKind::TooLong);
    assert_eq!(Mmap::anon(1).flags(Flags::SECRET).map().unwrap_err().flag(), Some(Flags::SECRET));
    // An empty mapping, on which every operation succeeds.
    let mut empty = MappingMut::default();
    assert_eq!((&empty[..], empty.prot().contains(Prot::READ)), (&[][..], true));
    assert_eq!(empty.flush().and(empty.lock()).and(empty.protect(Prot::WRITE)), Ok(()));
    assert_eq!(empty.resident(..).unwrap().bytes(), Ok(0));
    empty.unmap().unwrap();
}

/// std's files become the crate's and std's again, by descriptors here.
#[test]
fn files_convert() {
    assert_is_open(File::from(std_file("converts")).into());
}

/// Where std has no descriptors, the same by files of std in boxes.
#[test]
fn boxed_files_convert() {
    use boxes::{from_owned_file, into_owned_file, raw_file};
    let std_file = std_file("boxed");
    // Whatever lends a file.
    assert_eq!(raw_file(&std::sync::Arc::new(std_file.try_clone().unwrap())), raw_file(&std::io::stdin()));
    let raw = from_owned_file(std_file.into());
    // SAFETY: `raw` is open, and given up once.
    assert_is_open(unsafe { into_owned_file(raw) }.into());
}

#[allow(dead_code, unused_imports, unused_macros, reason = "std_impls.rs has use for all of it")]
#[path = "../src/sys/unsupported/std_files.rs"]
mod boxes;

/// What `boxes` finds above it in the crate.
type RawFile = isize;
mod path {
    #[allow(dead_code, reason = "it is only passed on")]
    pub fn with_c_str() {}
}
