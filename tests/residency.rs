//! What Linux notes of a mapping: its flags in /proc/self/smaps (proc_pid_smaps(5)). Elsewhere nothing is checked.

use baremap::{Advice, ErrorKind, Inheritance, Mapping, Mmap, page_size};
use std::fs;

/// The flags of the mapping that contains an address, which other mappings may have been merged with.
fn flags(address: *const u8) -> Option<Vec<String>> {
    let smaps = fs::read_to_string("/proc/self/smaps").ok()?;
    let mut is_here = false;
    for line in smaps.lines() {
        let range = line.split(' ').next().unwrap().split_once('-');
        let number = |digits| usize::from_str_radix(digits, 16).ok();
        if let Some((Some(start), Some(end))) = range.map(|(start, end)| (number(start), number(end))) {
            is_here = (start..end).contains(&address.addr());
        }
        if let Some(flags) = line.strip_prefix("VmFlags: ").filter(|_| is_here) {
            return Some(flags.split_whitespace().map(String::from).collect());
        }
    }
    None
}

/// Whether the kernel has a flag for the page of a byte.
fn has<A>(map: &Mapping<A>, at: usize, flag: &str) -> bool {
    flags(map.as_ptr().wrapping_add(at)).unwrap().iter().any(|found| found == flag)
}

fn is_linux() -> bool {
    let is_linux = fs::exists("/proc/self/smaps").unwrap_or(false);
    if !is_linux {
        println!("skipped: there is no /proc/self/smaps");
    }
    is_linux
}

/// Advice reaches the pages of its range and no others.
#[test]
fn advice_is_noted() {
    if !is_linux() {
        return;
    }
    let page = page_size();
    let map = Mmap::anon(3 * page).map_mut().unwrap();
    for (advice, undo, flag) in [
        (Advice::DontDump, Advice::DoDump, "dd"),
        (Advice::Mergeable, Advice::Unmergeable, "mg"),
        (Advice::NoHugePage, Advice::HugePage, "nh"),
        (Advice::HugePage, Advice::NoHugePage, "hg"),
        (Advice::Random, Advice::Normal, "rr"),
        (Advice::Sequential, Advice::Normal, "sr"),
    ] {
        if !advice.is_supported() {
            println!("skipped {advice:?}: this kernel does not have it");
            continue;
        }
        map.advise(undo).unwrap();
        map.advise_range(page + 1..page + 2, advice).unwrap();
        assert_eq!([0, page, 2 * page].map(|at| has(&map, at, flag)), [false, true, false], "{advice:?}");
        map.advise(undo).unwrap();
        assert!(!has(&map, page, flag), "{undo:?}");
    }
    assert!(!Advice::ZeroWiredPages.is_supported());
}

#[test]
fn inheritance_is_noted() {
    if !is_linux() {
        return;
    }
    let map = Mmap::anon(page_size()).map_mut().unwrap();
    let state = || [has(&map, 0, "dc"), has(&map, 0, "wf")];
    // SAFETY: no process is forked meanwhile that uses the mapping, here and below.
    let set = |inheritance| unsafe { map.set_inheritance(.., inheritance) };
    // To omit wins over to wipe.
    for (inheritance, omitted, wiped) in [
        (Inheritance::Omit, true, Some(false)),
        (Inheritance::Wipe, false, Some(true)),
        (Inheritance::Omit, true, None),
        (Inheritance::Usual, false, Some(false)),
        (Inheritance::Wipe, false, Some(true)),
        (Inheritance::Usual, false, Some(false)),
    ] {
        set(inheritance).unwrap();
        let [is_omitted, is_wiped] = state();
        assert!(is_omitted == omitted && wiped.is_none_or(|wiped| is_wiped == wiped), "{inheritance:?}");
    }
    assert_eq!(set(Inheritance::Share).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(state(), [false, false]);
}

/// Of ranges only, and outwards.
#[test]
fn locks_are_noted() {
    if !is_linux() {
        return;
    }
    let page = page_size();
    let map = Mmap::anon(4 * page).map_mut().unwrap();
    let state = || [0, 1, 2, 3].map(|i| has(&map, i * page, "lo"));
    if let Err(error) = map.lock_range(2 * page - 1..2 * page + 1) {
        return println!("skipped: {error}");
    }
    assert_eq!(state(), [false, true, true, false]);
    map.unlock_range(page..page + 1).unwrap();
    assert_eq!(state(), [false, false, true, false]);
    map.unlock().unwrap();
    assert_eq!(state(), [false; 4]);
    match map.lock_on_fault(..1) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => {
            result.unwrap();
            assert_eq!(state(), [true, false, false, false]);
            map.unlock_range(..1).unwrap();
            assert_eq!(state(), [false; 4]);
        }
    }
}
