//! What requests rarely ask for: an address as a hint, secret memory, persistent memory, names.

use super::*;
use baremap::{Advice, Discard, Flags, Reservation, allocation_granularity, page_size, process};

checks! {
    special:
    hint,
    hint_taken,
    hint_near,
    secret,
    secret_as_memory,
    secret_reserved,
    secret_refused,
    sync,
    name,
    any_name,
    bad_name,
}

/// An address that was free a moment ago, but where the system would not map by itself: it begins at either end of what is
/// free.
fn free_address(len: usize) -> Result<usize> {
    let len = len.next_multiple_of(allocation_granularity());
    Ok(Mmap::anon(8 * len).map()?.as_ptr().addr() + 3 * len)
}

/// Another thread may take the address, so one trial of ten is enough. A system with a map of the process heeds hints.
fn is_met(mut trial: impl FnMut() -> Result<bool>) -> Result {
    for _ in 0..10 {
        if trial()? {
            return Ok(());
        }
    }
    supported(process::region_at(0, |_| ()), "hints are ignored here")?;
    Err(Failure::broken("a mapping at the hint", format_args!("none of ten")))
}

/// What is free is mapped where the hint says.
fn hint(env: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let file = env.file("file", 3 * granularity)?;
    is_met(|| {
        let address = free_address(granularity)?;
        let map = Mmap::anon(granularity).hint(address).map_mut()?;
        ensure_filled(&map, 0)?;
        Ok(map.as_ptr().addr() == address)
    })?;
    is_met(|| {
        let address = free_address(3 * granularity)?;
        // SAFETY: the file is this check's alone, here and below.
        let map = unsafe { Mmap::new(&file).hint(address).map()? };
        ensure_pattern(&map, 0)?;
        Ok(map.as_ptr().addr() == address)
    })?;
    is_met(|| {
        let address = free_address(2 * granularity)? + 5;
        // SAFETY: as above.
        let map = unsafe { Mmap::new(&file).offset(granularity as u64 + 5).hint(address).map()? };
        ensure_pattern(&map, granularity as u64 + 5)?;
        Ok(map.as_ptr().addr() == address)
    })
}

/// Nothing is replaced.
fn hint_taken(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    let mut old = Mmap::anon(100_000).map_mut()?;
    old.fill(7);
    let address = old.as_ptr().addr();
    let memory = Mmap::anon(100_000).hint(address).map()?;
    // SAFETY: the file is this check's alone.
    let map = unsafe { Mmap::new(&file).hint(address).map()? };
    ensure_filled(&memory, 0)?;
    ensure_pattern(&map, 0)?;
    ensure_filled(&old, 7)
}

/// Any number is an address to try.
fn hint_near(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    let address = free_address(1 << 20)?;
    for address in
        [1, 4096, page_size() - 1, address + 1, address - 1, usize::MAX / 2, usize::MAX - 4095, usize::MAX]
    {
        ensure_filled(&Mmap::anon(100_000).hint(address).map()?, 0)?;
        // SAFETY: the file is this check's alone.
        ensure_pattern(&unsafe { Mmap::new(&file).offset(77).hint(address).map()? }, 77)?;
    }
    Ok(())
}

/// Skips where there is no secret memory, or not so much.
fn secret_memory(len: usize) -> Result<MappingMut> {
    let result = Mmap::anon(len).flags(Flags::SECRET).map_mut();
    if let Err(error) = result {
        ensure_eq!(error.flag(), Some(Flags::SECRET));
        if error.kind() == ErrorKind::OutOfMemory {
            return Err(Failure::Skipped("the limit on locked memory is lower"));
        }
    }
    supported(result, "no secret memory here")
}

fn secret(_: &mut Env) -> Result {
    for len in [1, page_size(), 10_001] {
        let mut map = secret_memory(len)?;
        ensure_eq!(map.len(), len);
        ensure_filled(&map, 0)?;
        map.fill(7);
        ensure_filled(&map, 7)?;
        map.unmap()?;
    }
    Ok(())
}

/// Whatever works for memory works for secret memory.
fn secret_as_memory(_: &mut Env) -> Result {
    let len = 2 * page_size() + 1_808;
    let mut map = secret_memory(len)?;
    map.fill(7);
    map.lock()?;
    map.unlock()?;
    map.flush()?;
    map.flush_async()?;
    map.advise(Advice::WillNeed)?;
    map.set_name(c"secret")?;
    ensure_filled(&map, 7)?;
    // SAFETY: nothing relies on the contents, here and below.
    unsafe { map.discard_range(page_size()..len, Discard::DontNeed)? };
    ensure_filled(&map[..page_size()], 7)?;
    // SAFETY: as above.
    unsafe { map.discard(Discard::DontNeed)? };
    ensure_filled(&map, 0)?;
    map[len - 1] = 1;
    let map = map.into_read_only()?;
    ensure_eq!(map[len - 1], 1);
    let mut map = map.into_mut()?;
    map[0] = 1;
    let refused = match map.into_exec() {
        Ok(_) => return Err(Failure::broken("secret memory is not executable", format_args!("it is"))),
        Err(refused) => refused,
    };
    fails(Err::<(), _>(refused.error), ErrorKind::PermissionDenied)?;
    let flags = Flags::SECRET | Flags::LOCKED | Flags::POPULATE | Flags::READAHEAD;
    ensure_filled(&Mmap::anon(100).flags(flags).map()?, 0)
}

fn secret_reserved(_: &mut Env) -> Result {
    drop(secret_memory(1)?);
    let granularity = allocation_granularity();
    let reservation = Reservation::new(granularity)?;
    let start = reservation.as_ptr();
    let mut map = Mmap::anon(granularity).flags(Flags::SECRET).map_mut_in(reservation)?;
    ensure_eq!(map.as_ptr(), start);
    map.fill(7);
    let reservation = map.into_reservation()?;
    ensure_eq!(reservation.as_ptr(), start);
    let map = Mmap::anon(granularity).flags(Flags::SECRET).map_in(reservation)?;
    ensure_filled(&map, 0)
}

/// Fails, and names the flag.
#[track_caller]
fn is_unsupported<T>(result: Result<T, Error>, flag: Flags) -> Result {
    let found = result.as_ref().err().and_then(Error::flag);
    fails(result, ErrorKind::Unsupported)?;
    if found == Some(flag) {
        return Ok(());
    }
    Err(Failure::broken("the error names the flag", format_args!("{found:?}")))
}

fn secret_refused(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    is_unsupported(Mmap::new(&file).flags(Flags::SECRET).map_raw(), Flags::SECRET)?;
    is_unsupported(Mmap::anon(1).flags(Flags::SECRET | Flags::HUGETLB).map(), Flags::SECRET)
}

/// The files of checks are not on persistent memory; or they are, and can be mapped so.
fn sync(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    is_unsupported(Mmap::anon(1).flags(Flags::SYNC).map(), Flags::SYNC)?;
    is_unsupported(Mmap::new(&file).flags(Flags::SYNC | Flags::COW).map_raw(), Flags::SYNC)?;
    // SAFETY: the file is this check's alone.
    match unsafe { Mmap::new(&file).flags(Flags::SYNC).prot(Prot::WRITE).map() } {
        Ok(map) => ensure_pattern(&map, 0),
        result => is_unsupported(result, Flags::SYNC),
    }
}

/// The name shows in the map of the process, where there are names, and is removed again.
fn name(_: &mut Env) -> Result {
    let map = Mmap::anon(100_000).map_mut()?;
    let is_shown = || {
        let is_name = |region: process::Region| region.name() == b"[anon:a name of a check]";
        process::region_at(map.as_ptr().addr(), is_name).map(|found| found == Some(true)).unwrap_or(false)
    };
    map.set_name(c"a name of a check")?;
    let was_shown = is_shown();
    ensure_filled(&map, 0)?;
    map.set_name(c"")?;
    ensure!(!is_shown());
    map.set_name(c"a name of a check")?;
    ensure_eq!(is_shown(), was_shown);
    map.unmap()?;
    if was_shown { Ok(()) } else { Err(Failure::Skipped("there are no names here")) }
}

/// Every mapping takes a name, and shows it or not.
fn any_name(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    map(&file, Prot::READ)?.set_name(c"file")?;
    map_mut(&file)?.set_name(c"file")?;
    <Mapping>::default().set_name(c"empty")?;
    let longest = c"0123456789012345678901234567890123456789012345678901234567890123456789012345678";
    ensure_eq!(longest.count_bytes(), 79);
    Mmap::anon(100).map_raw()?.set_name(longest)?;
    Mmap::anon(100).map_raw()?.set_name(c" !\"#%&'()*+,-./:;<=>?@^_{|}~")?;
    Ok(())
}

fn bad_name(_: &mut Env) -> Result {
    let map = Mmap::anon(100).map()?;
    for name in [c"[", c"]", c"\\", c"$", c"`", c"\n", c"\x7f", c"\xe4"] {
        fails(map.set_name(name), ErrorKind::InvalidInput)?;
        fails(<Mapping>::default().set_name(name), ErrorKind::InvalidInput)?;
    }
    let long = c"01234567890123456789012345678901234567890123456789012345678901234567890123456789";
    fails(map.set_name(long), ErrorKind::InvalidInput)
}
