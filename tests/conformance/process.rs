//! The map of the process.

use super::*;
use baremap::process::{Region, region_at, regions};
use baremap::{Flags, Reservation, allocation_granularity, page_size};
use core::ops::{ControlFlow, Range};

checks! {
    process:
    memory,
    file,
    file_offset,
    newline,
    reserved,
    protected,
    program,
    free,
    ascending,
    ranges,
    stopped,
}

/// What a check needs of a region.
struct Found {
    range: Range<usize>,
    prot: Prot,
    is_shared: bool,
    offset: Option<u64>,
    is_named: bool,
}

/// Finds the region that contains an address, and looks whether its name ends in this one.
fn find(address: usize, name: &str) -> Result<Option<Found>> {
    let found = region_at(address, |region| Found {
        range: region.range(),
        prot: region.prot(),
        is_shared: region.is_shared(),
        offset: region.offset(),
        is_named: region.name().ends_with(name.as_bytes()),
    });
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::Skipped("there is no /proc here")),
        found => supported(found, "no map of the process here"),
    }
}

/// The region of a mapping, which is part of it.
#[track_caller]
fn of<A>(map: &Mapping<A>, name: &str) -> Result<Found> {
    let (start, len) = (map.as_ptr().addr(), map.len());
    match find(start, name)? {
        Some(found) if found.range.start <= start && start + len <= found.range.end => Ok(found),
        Some(found) => Err(Failure::broken("the mapping's range", format_args!("{:x?}", found.range))),
        None => Err(Failure::broken("the mapping's region", format_args!("none"))),
    }
}

fn memory(_: &mut Env) -> Result {
    for prot in [Prot::READ, Prot::WRITE, Prot::EXEC, Prot::WRITE | Prot::EXEC] {
        let map = match Mmap::anon(100_000).prot(prot).map_raw() {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => continue,
            map => map?,
        };
        let found = of(&map, "")?;
        ensure_eq!(found.prot, prot);
        ensure!(!found.is_shared);
        ensure_eq!(found.offset, None);
    }
    Ok(())
}

fn file(env: &mut Env) -> Result {
    let file = env.file("mapped file", 100_000)?;
    for (flags, prot) in [
        (Flags::empty(), Prot::READ),
        (Flags::empty(), Prot::WRITE),
        (Flags::COW, Prot::READ),
        (Flags::COW, Prot::WRITE),
    ] {
        let map = match Mmap::new(&file).flags(flags).prot(prot).map_raw() {
            Err(error) if error.flag() == Some(Flags::COW) => continue,
            map => map?,
        };
        let found = of(&map, "mapped file")?;
        ensure_eq!(found.prot, prot);
        ensure_eq!(found.is_shared, flags.is_empty());
        ensure!(found.is_named);
        if let Some(offset) = found.offset {
            ensure_eq!(offset, 0);
        }
        if prot == Prot::WRITE && flags == Flags::COW {
            // SAFETY: the memory is writable, and nothing else uses it.
            unsafe { map.as_mut_ptr().write_volatile(1) };
            let found = find(map.as_ptr().addr(), "mapped file")?;
            ensure!(found.is_some_and(|found| !found.is_shared && found.is_named && found.prot == prot));
        }
    }
    Ok(())
}

fn file_offset(env: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let file = env.file("file", 4 * granularity)?;
    let map = Mmap::new(&file).offset(2 * granularity as u64 + 7).map_raw()?;
    let found = of(&map, "file")?;
    ensure!(found.is_named);
    match found.offset {
        None => Err(Failure::Skipped("the system does not tell offsets")),
        Some(offset) => {
            let in_region = map.as_ptr().addr() - found.range.start;
            ensure_eq!(offset + in_region as u64, 2 * granularity as u64 + 7);
            Ok(())
        }
    }
}

/// A name may contain a newline, where a file's may.
fn newline(env: &mut Env) -> Result {
    find(0, "")?;
    let name = "a\nb 1-2 r-xp \\";
    let Ok(file) = File::create(&*env.path(name)) else {
        return Err(Failure::Skipped("no newline in names here"));
    };
    file.set_len(10)?;
    let map = Mmap::new(&file).map_raw()?;
    let found = of(&map, name)?;
    ensure!(found.is_named);
    ensure_eq!(found.prot, Prot::READ);
    Ok(())
}

fn reserved(_: &mut Env) -> Result {
    find(0, "")?;
    let granularity = allocation_granularity();
    let reservation = supported(Reservation::new(3 * granularity), "no reservations here")?;
    let start = reservation.as_ptr().addr();
    let (first, rest) = reservation.split(granularity)?;
    let (second, third) = rest.split(granularity)?;
    let map = Mmap::anon(granularity).map_mut_in(second)?;
    for (at, prot) in [(0, Prot::empty()), (1, Prot::WRITE), (2, Prot::empty())] {
        let found = find(start + at * granularity, "")?;
        ensure_eq!(found.map(|found| (found.prot, found.is_shared)), Some((prot, false)));
    }
    drop((first, map, third));
    Ok(())
}

fn protected(env: &mut Env) -> Result {
    let mut memory = Mmap::anon(1000).prot(Prot::WRITE).map()?;
    let file = env.file("file", 1000)?;
    // SAFETY: the file is this check's alone.
    let mut map = unsafe { Mmap::new(&file).prot(Prot::WRITE).map()? };
    for prot in [Prot::READ, Prot::WRITE] {
        memory.protect(prot)?;
        ensure_eq!(of(&memory, "")?.prot, prot);
        map.protect(prot)?;
        ensure_eq!(of(&map, "")?.prot, prot);
    }
    memory.protect(Prot::EXEC)?;
    ensure_eq!(of(&memory, "")?.prot, Prot::EXEC);
    Ok(())
}

/// The program's own code, constants, variables and stack.
fn program(_: &mut Env) -> Result {
    static VARIABLE: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(1);
    let local = 1_u8;
    let prot = |address: usize| find(address, "").map(|found| found.map(|found| found.prot));
    let code = (program as fn(&mut Env) -> Result as *const u8).addr();
    let executable = Prot::EXEC - Prot::READ;
    ensure!(prot(code)?.is_some_and(|prot| prot.contains(executable) && !prot.contains(Prot::WRITE)));
    ensure!(prot((&raw const local).addr())?.is_some_and(|prot| prot.contains(Prot::WRITE)));
    ensure!(prot((&raw const VARIABLE).addr())?.is_some_and(|prot| prot.contains(Prot::WRITE)));
    ensure!(prot("constant".as_ptr().addr())?.is_some_and(|prot| prot.contains(Prot::READ)));
    Ok(())
}

fn free(_: &mut Env) -> Result {
    ensure!(find(0, "")?.is_none());
    ensure!(find(usize::MAX, "")?.is_none());
    Ok(())
}

/// Every region, with its neighbours.
fn ascending(_: &mut Env) -> Result {
    find(0, "")?;
    let map = Mmap::anon(100).map_raw()?;
    let (mut end, mut is_found) = (0, false);
    let wrong = regions(.., |region| {
        let range = region.range();
        let is_right = end <= range.start && range.start < range.end && region.len() == range.len();
        end = range.end;
        is_found |= range.contains(&map.as_ptr().addr());
        if is_right { ControlFlow::Continue(()) } else { ControlFlow::Break(range) }
    })?;
    ensure_eq!(wrong, None);
    ensure!(is_found);
    Ok(())
}

/// How many regions a range has.
fn count(range: impl core::ops::RangeBounds<usize>) -> Result<usize> {
    let mut count = 0;
    regions(range, |_| {
        count += 1;
        ControlFlow::<()>::Continue(())
    })?;
    Ok(count)
}

/// A region is in a range if any of its addresses is.
fn ranges(_: &mut Env) -> Result {
    find(0, "")?;
    let page = page_size();
    let granularity = allocation_granularity();
    let reservation = supported(Reservation::new(3 * granularity), "no reservations here")?;
    let start = reservation.as_ptr().addr();
    let (first, rest) = reservation.split(granularity)?;
    let (second, third) = rest.split(granularity)?;
    let map = Mmap::anon(granularity).map_mut_in(second)?;
    let (start, end) = (start + granularity, start + 2 * granularity);
    ensure_eq!(count(start..end)?, 1);
    ensure_eq!(count(start + page - 1..start + page)?, 1);
    ensure_eq!(count(start..=start)?, 1);
    ensure_eq!(count(start - 1..end)?, 2);
    ensure_eq!(count(start - 1..=end)?, 3);
    ensure_eq!(count((core::ops::Bound::Excluded(start - 1), core::ops::Bound::Included(end)))?, 2);
    ensure_eq!(count(start..start)?, 0);
    #[allow(clippy::reversed_empty_ranges, reason = "it is to be empty")]
    let reversed = count(end..start)?;
    ensure_eq!(reversed, 0);
    ensure_eq!(count(start + 1..start + 1)?, 0);
    drop((first, map, third));
    Ok(())
}

fn stopped(_: &mut Env) -> Result {
    find(0, "")?;
    let mut calls = 0;
    let second = regions(.., |region: Region| {
        calls += 1;
        if calls == 2 { ControlFlow::Break(region.range()) } else { ControlFlow::Continue(()) }
    })?;
    ensure_eq!(calls, 2);
    let second = second.unwrap_or_default();
    let found = region_at(second.end - 1, |region| region.range())?;
    ensure_eq!(found, Some(second));
    Ok(())
}
