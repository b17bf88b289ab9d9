//! Discarding contents.

use super::*;
use baremap::{Discard, Flags, page_size};

checks! {
    discard:
    memory,
    whole_pages_only,
    copy_on_write,
    shared_file,
    remove,
    remove_whole_pages_only,
    refused,
}

fn memory(_: &mut Env) -> Result {
    let mut map = Mmap::anon(100_000).map_mut()?;
    map.fill(1);
    // SAFETY: nothing relies on the contents, here and below.
    unsafe { map.discard(Discard::DontNeed)? };
    ensure_filled(&map, 0)?;
    map.fill(2);
    // SAFETY: every byte is written before it is read.
    unsafe { map.discard(Discard::Free)? };
    map.fill(3);
    ensure_filled(&map, 3)
}

/// A page that the range covers in part keeps all its contents.
fn whole_pages_only(env: &mut Env) -> Result {
    let page = page_size();
    let len = 5 * page;
    for (start, end, discarded) in [
        (page, 2 * page, page..2 * page),
        (page - 1, 2 * page + 1, page..2 * page),
        (page + 1, 2 * page - 1, 0..0),
        (page + 1, 3 * page, 2 * page..3 * page),
        (0, page - 1, 0..0),
        (0, page + 1, 0..page),
        (4 * page, len, 4 * page..len),
        (3 * page + 1, len, 4 * page..len),
        (1, len, page..len),
        (0, len, 0..len),
        (7, 7, 0..0),
    ] {
        let mut map = Mmap::anon(len).map_mut()?;
        map.fill(1);
        // SAFETY: nothing relies on the contents.
        unsafe { map.discard_range(start..end, Discard::DontNeed)? };
        ensure_filled(&map[..discarded.start], 1)?;
        ensure_filled(&map[discarded.clone()], 0)?;
        ensure_filled(&map[discarded.end..], 1)?;
    }
    // A mapping may itself begin and end within a page.
    let file = env.file("file", len)?;
    // SAFETY: the file is this check's alone.
    let mut map = unsafe { Mmap::new(&file).offset(1).len(3 * page).flags(Flags::COW).map_mut()? };
    map.fill(255);
    // SAFETY: nothing relies on the contents, here and below.
    match unsafe { map.discard_range(..page, Discard::DontNeed) } {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
        result => result?,
    }
    ensure_pattern(&map[..page - 1], 1)?;
    ensure_filled(&map[page - 1..], 255)?;
    // SAFETY: as above.
    unsafe { map.discard_range(page + 5.., Discard::DontNeed)? };
    ensure_filled(&map[page - 1..2 * page - 1], 255)?;
    ensure_pattern(&map[2 * page - 1..], 2 * page as u64)
}

/// A copy reads as the file again.
fn copy_on_write(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    // SAFETY: the file is this check's alone.
    let mut map = unsafe { Mmap::new(&file).flags(Flags::COW).map_mut()? };
    map.fill(255);
    // SAFETY: nothing relies on the contents.
    supported(unsafe { map.discard(Discard::DontNeed) }, "this system does not discard copies")?;
    ensure_pattern(&map, 0)
}

/// A shared file reads as before, wherever it is mapped.
fn shared_file(env: &mut Env) -> Result {
    let len = 5 * page_size() + 7;
    env.file("file", len)?;
    let file = File::open(&*env.path("file"))?;
    let (map, another) = (map(&file, Prot::READ)?, map(&file, Prot::READ)?);
    // SAFETY: the contents of a shared file do not change, here and below.
    unsafe { map.discard(Discard::DontNeed)? };
    // SAFETY: as above.
    unsafe { map.discard_range(page_size()..len, Discard::DontNeed)? };
    ensure_pattern(&map, 0)?;
    ensure_pattern(&another, 0)
}

fn remove(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 3 * page)?;
    let map = map_mut(&file)?;
    // SAFETY: nothing relies on the contents.
    let result = unsafe { map.discard_range(page..2 * page, Discard::Remove) };
    supported(result, "this file system makes no holes")?;
    let mut read = [1; 2];
    ensure_eq!(file.read_at(&mut read, page as u64)?, 2);
    if is_pattern(&read, page as u64) {
        return Err(Failure::Skipped("this system reports success and makes no hole"));
    }
    ensure_eq!(read, [0, 0]);
    ensure_pattern(&map[..page], 0)?;
    ensure_filled(&map[page..2 * page], 0)?;
    ensure_pattern(&map[2 * page..], 2 * page as u64)
}

/// A page that is mapped in part keeps the bytes that are not mapped.
fn remove_whole_pages_only(env: &mut Env) -> Result {
    let page = page_size();
    let len = 5 * page;
    for (offset, mapped) in [(page + 100, 50), (page + 100, 2 * page), (0, 10), (page - 1, page + 2)] {
        let file = env.file("file", len)?;
        // SAFETY: the file is this check's alone.
        let part = unsafe { Mmap::new(&file).offset(offset as u64).len(mapped).map_mut()? };
        // SAFETY: nothing relies on the contents.
        supported(unsafe { part.discard(Discard::Remove) }, "this file system makes no holes")?;
        drop(part);
        let whole = map(&file, Prot::READ)?;
        ensure_pattern(&whole[..offset], 0)?;
        ensure_pattern(&whole[offset + mapped..], (offset + mapped) as u64)?;
    }
    Ok(())
}

/// Only anonymous memory can be freed, and only of a shared file can a part be removed.
fn refused(env: &mut Env) -> Result {
    let len = 3 * page_size();
    let file = env.file("file", len)?;
    let shared = map_mut(&file)?;
    // SAFETY: the file is this check's alone.
    let copy = unsafe { Mmap::new(&file).flags(Flags::COW).map_mut()? };
    let memory = Mmap::anon(len).map_mut()?;
    for (map, discard) in [
        (&shared, Discard::Free),
        (&copy, Discard::Free),
        (&copy, Discard::Remove),
        (&memory, Discard::Remove),
    ] {
        // SAFETY: nothing relies on the contents.
        match unsafe { map.discard(discard) } {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            result => fails(result, ErrorKind::Unsupported)?,
        }
    }
    ensure_pattern(&shared, 0)?;
    ensure_pattern(&copy, 0)
}
