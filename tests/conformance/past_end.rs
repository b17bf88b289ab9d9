//! Mappings that reach past the end of their file, and files that grow under them.

use super::*;
use baremap::{Advice, Discard, Flags, RawMapping, Reservation, allocation_granularity, guard, page_size};

checks! {
    past_end:
    grows,
    grows_from_nothing,
    grows_under_a_copy,
    grows_in_a_reservation,
    operations,
    locking,
    viewed,
    guarded_viewed,
    refused,
}

/// How many pages the file has at first, and how many are mapped.
const FIRST: usize = 2;
const ALL: usize = 64;

/// Maps more of a file than it has.
fn map_raw(file: &File, flags: Flags) -> Result<RawMapping> {
    let result =
        Mmap::new(file).len(ALL * page_size()).flags(flags | Flags::PAST_END).prot(Prot::WRITE).map_raw();
    if let Err(error) = result.as_ref().map_err(|error| (error.kind(), error.flag())) {
        ensure_eq!(error, (ErrorKind::Unsupported, Some(Flags::PAST_END)));
    }
    supported(result, "no mapping reaches past the end of its file here")
}

/// Reads a byte of a mapping.
fn read(map: &RawMapping, at: usize) -> u8 {
    assert!(at < map.len());
    // SAFETY: the file is the check's own, which reads no page past its end, here and below.
    unsafe { map.as_ptr().add(at).read_volatile() }
}

fn write(map: &RawMapping, at: usize, byte: u8) {
    assert!(at < map.len() && map.prot() == Prot::WRITE);
    // SAFETY: as above.
    unsafe { map.as_mut_ptr().add(at).write_volatile(byte) };
}

/// What the file gains is mapped already, at the same addresses, and zero.
fn grows(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", FIRST * page)?;
    let map = map_raw(&file, Flags::empty())?;
    ensure_eq!(map.len(), ALL * page);
    // Mapping it has not changed the file.
    ensure_eq!(file.len()?, (FIRST * page) as u64);
    ensure_eq!(read(&map, 252), PATTERN[1]);
    let mut old = FIRST * page;
    for pages in [FIRST + 1, ALL / 2, ALL] {
        file.set_len((pages * page) as u64)?;
        let last = pages * page - 1;
        ensure_eq!((read(&map, old), read(&map, last)), (0, 0));
        write(&map, old, 1);
        write(&map, last, 2);
        map.flush()?;
        let mut bytes = [0; 2];
        ensure_eq!(file.read_at(&mut bytes[..1], old as u64)?, 1);
        ensure_eq!(file.read_at(&mut bytes[1..], last as u64)?, 1);
        ensure_eq!(bytes, [1, 2]);
        // And the other way.
        file.write_at(b"x", last as u64 - 1)?;
        ensure_eq!(read(&map, last - 1), b'x');
        old = last + 1;
    }
    ensure_eq!(read(&map, 252), PATTERN[1]);
    Ok(map.unmap()?)
}

/// An empty file, and an offset past its end.
fn grows_from_nothing(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 0)?;
    let whole = map_raw(&file, Flags::empty())?;
    let granularity = allocation_granularity() as u64;
    let request = Mmap::new(&file).offset(granularity).len(page).flags(Flags::PAST_END);
    let part = request.map_raw()?;
    ensure_eq!(part.len(), page);
    ensure!(request.len(0).map_raw()?.is_empty());
    file.set_len(granularity + page as u64)?;
    write(&whole, 0, 1);
    file.write_at(b"x", granularity)?;
    ensure_eq!(read(&part, 0), b'x');
    Ok(())
}

/// A private copy reads as the file where it was not written.
fn grows_under_a_copy(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", FIRST * page)?;
    let map = map_raw(&file, Flags::COW)?;
    write(&map, 0, 7);
    file.set_len((ALL * page) as u64)?;
    file.write_at(b"x", (ALL * page - 1) as u64)?;
    ensure_eq!(read(&map, ALL * page - 1), b'x');
    write(&map, FIRST * page, 7);
    let mut bytes = [9; 2];
    ensure_eq!(file.read_at(&mut bytes[..1], 0)?, 1);
    ensure_eq!(file.read_at(&mut bytes[1..], (FIRST * page) as u64)?, 1);
    ensure_eq!(bytes, [0, 0]);
    Ok(())
}

fn grows_in_a_reservation(env: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let file = env.file("file", 1)?;
    drop(map_raw(&file, Flags::empty())?);
    let reservation = supported(Reservation::new(4 * granularity), "no reservations here")?;
    let request = Mmap::new(&file).len(4 * granularity).flags(Flags::PAST_END);
    // SAFETY: the file is this check's alone. The slice is not used before the file has grown.
    let map = unsafe { request.map_mut_in(reservation) };
    file.set_len(4 * granularity as u64)?;
    let mut map = map?;
    ensure_filled(&map, 0)?;
    map.fill(1);
    map.flush()?;
    let mut byte = [0];
    ensure_eq!(file.read_at(&mut byte, 4 * granularity as u64 - 1)?, 1);
    ensure_eq!(byte, [1]);
    Ok(())
}

/// What touches no page past the end works on all of them.
fn operations(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", FIRST * page)?;
    let mut map = map_raw(&file, Flags::POPULATE | Flags::READAHEAD)?;
    write(&map, 0, 7);
    map.flush()?;
    map.flush_async()?;
    map.flush_range((FIRST + 1) * page..)?;
    for advice in [Advice::Normal, Advice::Random, Advice::Sequential, Advice::WillNeed] {
        map.advise(advice)?;
        map.advise_range(ALL / 2 * page.., advice)?;
    }
    // SAFETY: the file keeps the contents.
    unsafe { map.discard(Discard::DontNeed)? };
    // SAFETY: nothing refers to the memory, here and below.
    unsafe { map.protect(Prot::READ)? };
    ensure_eq!((read(&map, 0), read(&map, 1)), (7, PATTERN[1]));
    // SAFETY: as above.
    unsafe { map.protect(Prot::WRITE)? };
    file.set_len((ALL * page) as u64)?;
    write(&map, ALL * page - 1, 7);
    ensure_eq!(read(&map, 0), 7);
    map.unmap()?;
    Ok(())
}

/// A page that is not there cannot be locked, and what is there is as before.
fn locking(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", FIRST * page)?;
    let map = map_raw(&file, Flags::empty())?;
    let request = Mmap::new(&file).len(ALL * page).flags(Flags::PAST_END | Flags::LOCKED);
    for result in [map.lock(), request.map_raw().map(drop)] {
        match result {
            // A kernel of its own.
            Err(error) if error.kind() == ErrorKind::Truncated => {}
            result => fails(result, ErrorKind::OutOfMemory)?,
        }
    }
    ensure_eq!(read(&map, 1), PATTERN[1]);
    file.set_len((ALL * page) as u64)?;
    match map.lock() {
        // The limit on locked memory.
        Err(error) if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::PermissionDenied) => Ok(()),
        result => Ok(result.and_then(|()| map.unlock())?),
    }
}

/// A view is truncated past the end of the file, until that has grown.
fn viewed(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", FIRST * page)?;
    let request = Mmap::new(&file).len(ALL * page).flags(Flags::PAST_END);
    let view = supported(request.view(), "no mapping reaches past the end of its file here")?;
    ensure_eq!(view.len(), ALL * page);
    let mut buffer = [9; 500];
    let end = (FIRST * page) as u64;
    ensure_eq!(view.read_at(&mut buffer, end - 100)?, 100);
    ensure_pattern(&buffer[..100], end - 100)?;
    for offset in [end, end + 1, end + page as u64, (ALL * page) as u64 - 1] {
        fails(view.read_at(&mut buffer, offset), ErrorKind::Truncated)?;
    }
    ensure_eq!(view.read_at(&mut buffer, (ALL * page) as u64)?, 0);
    file.set_len(end + page as u64 + 10)?;
    file.write_at(&PATTERN[1..][..20], end)?;
    ensure_eq!(view.read_at(&mut buffer, end)?, buffer.len());
    ensure_eq!(buffer[..20], PATTERN[1..][..20]);
    ensure_filled(&buffer[20..], 0)?;
    ensure_eq!(view.read_at(&mut buffer, end + page as u64)?, 10);
    fails(view.read_at(&mut buffer, end + page as u64 + 10), ErrorKind::Truncated)?;
    file.set_len((ALL * page) as u64)?;
    ensure_eq!(view.read_at(&mut buffer, (ALL * page) as u64 - 500)?, 500);
    ensure_filled(&buffer, 0)
}

fn guarded_viewed(env: &mut Env) -> Result {
    supported(guard::install(), "no fault guard here")?;
    viewed(env)
}

fn refused(env: &mut Env) -> Result {
    let file = env.file("file", 1000)?;
    let request = Mmap::new(&file).flags(Flags::PAST_END);
    // Without a length there is no more than the file has.
    fails(request.offset(1001).map_raw(), ErrorKind::BeyondEnd)?;
    fails(request.flags(Flags::empty()).len(1001).map_raw(), ErrorKind::BeyondEnd)?;
    fails(request.len(usize::MAX).map_raw(), ErrorKind::TooLong)?;
    fails(request.offset(u64::MAX).len(1).map_raw(), ErrorKind::Overflow)?;
    if usize::BITS < 64 {
        // More than `mmap2` can take; others have no such flag there.
        ensure!(request.offset(1 << 45).len(1).map_raw().is_err());
    }
    let of_folder = |folder: File| Mmap::new(&folder).len(1).flags(Flags::PAST_END).map_raw();
    fails(File::open(env.folder).and_then(of_folder), ErrorKind::NotMappable)?;
    let error = request.len(5000).map_sealed().unwrap_err();
    ensure_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(Flags::PAST_END)));
    // Memory has no other end than its own.
    ensure_filled(&Mmap::anon(1000).flags(Flags::PAST_END).map()?, 0)
}
