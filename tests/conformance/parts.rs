//! Mappings that are divided, joined, extended and resized, and memory without access.

use super::*;
use baremap::{Anon, Flags, RawMapping, Reservation, access::Slice, allocation_granularity, page_size};

checks! {
    parts:
    split_memory,
    split_file,
    split_refused,
    join_memory,
    join_files,
    join_refused,
    join_reservations,
    empty,
    extend_memory,
    extend_page_by_page,
    extend_inside_a_page,
    extend_keeps_type,
    extend_locked,
    extend_file,
    extend_file_at_offset,
    extend_copy,
    extend_refused,
    resize_memory,
    resize_file,
    resize_copy,
    resize_joined,
    resize_refused,
    cut_off_bytes_stay_zero,
    no_access,
    no_access_to_a_part,
    raw_and_back,
}

const NO_RESERVATIONS: &str = "no reservations here";
const NOT_DIVISIBLE: &str = "this system divides mappings only where they were joined";

#[track_caller]
fn reserve(len: usize) -> Result<Reservation> {
    supported(Reservation::new(len), NO_RESERVATIONS)
}

/// `count` mappings side by side, each of them as long as the granularity, and filled with its number.
fn side_by_side<const COUNT: usize>() -> Result<[Option<MappingMut>; COUNT]> {
    let granularity = allocation_granularity();
    let mut rest = Some(reserve(COUNT * granularity)?);
    let mut maps = [const { None }; COUNT];
    for (i, map) in maps.iter_mut().enumerate() {
        let Some(mut first) = rest.take() else { break };
        if i + 1 < COUNT {
            let (front, back) = first.split(granularity)?;
            (first, rest) = (front, Some(back));
        }
        let filled = map.insert(Mmap::anon(granularity).map_mut_in(first)?);
        filled.fill(i as u8 + 1);
    }
    Ok(maps)
}

/// Joins the next mapping, if the system can.
#[track_caller]
fn joined<A>(map: &mut Mapping<A>, next: Mapping<A>) -> Result {
    supported(map.join(next), "this system does not join mappings")
}

/// A mapping that consists of several, which can be divided everywhere on every system that joins.
fn of_pieces<const COUNT: usize>() -> Result<MappingMut> {
    let mut whole = MappingMut::default();
    for map in side_by_side::<COUNT>()? {
        joined(&mut whole, map.unwrap_or_default())?;
    }
    Ok(whole)
}

/// The operation fails, and says why.
#[track_caller]
fn is_refused<T>(result: Result<(), Refused<T>>, kind: ErrorKind) -> Result<T> {
    match result {
        Ok(()) => Err(Failure::broken("fails", format_args!("{kind:?} was due"))),
        Err(Refused { value, error }) => {
            fails(Err::<(), _>(error), kind)?;
            Ok(value)
        }
    }
}

/// Each part is a mapping of its own: protected, written, locked and unmapped without the others.
fn split_memory(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let mut first = of_pieces::<4>()?;
    let address = first.as_ptr();
    let mut third = first.split_off(2 * unit)?;
    let last = third.split_off(unit)?;
    let second = first.split_off(unit)?;
    for (i, map) in [&first, &second, &third, &last].into_iter().enumerate() {
        ensure_eq!((map.as_ptr(), map.len()), (address.wrapping_add(i * unit), unit));
        ensure_filled(map, i as u8 + 1)?;
    }
    let second = second.into_read_only()?;
    first.fill(7);
    third.fill(8);
    second.unmap()?;
    if third.lock().is_ok() {
        third.unlock()?;
    }
    drop(third);
    ensure_filled(&first, 7)?;
    ensure_filled(&last, 4)?;
    first[unit - 1] = 1;
    first.flush()?;
    // A mapping that was made in one piece, too, where the system can.
    let page = page_size();
    let mut map = Mmap::anon(5 * page - 9).map_mut()?;
    map.fill(3);
    let mut end = supported(map.split_off(2 * page), NOT_DIVISIBLE)?;
    ensure_eq!((map.len(), end.len()), (2 * page, 3 * page - 9));
    let rest = end.split_off(2 * page)?;
    let middle = core::mem::replace(&mut end, rest);
    ensure_eq!((middle.len(), end.len()), (2 * page, page - 9));
    middle.unmap()?;
    map.fill(4);
    ensure_filled(&end, 3)
}

/// Where a mapping begins inside a page, its first part is shorter.
fn split_file(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 4 * page)?;
    let before = page / 2 + 7;
    // SAFETY: the file is this check's alone, here and below.
    let mut map = unsafe { Mmap::new(&file).offset(before as u64).map_mut()? };
    fails(map.split_off(page), ErrorKind::InvalidInput)?;
    let rest = supported(map.split_off(2 * page - before), NOT_DIVISIBLE)?;
    ensure_eq!((map.len(), rest.len()), (2 * page - before, 2 * page));
    ensure_pattern(&map, before as u64)?;
    ensure_pattern(&rest, 2 * page as u64)?;
    map[0] = 0xff;
    map.flush()?;
    drop(map);
    let rest = rest.into_read_only()?;
    ensure_pattern(&rest, 2 * page as u64)?;
    let mut byte = [0];
    ensure_eq!(file.read_at(&mut byte, before as u64)?, 1);
    ensure_eq!(byte, [0xff]);
    // A part that is in a reservation becomes one again.
    let unit = allocation_granularity();
    let file = env.file("file", 2 * unit)?;
    let (first, second) = reserve(2 * unit)?.split(unit)?;
    // SAFETY: as above.
    let mut map = unsafe { Mmap::new(&file).len(unit).map_mut_in(first)? };
    // SAFETY: as above.
    joined(&mut map, unsafe { Mmap::new(&file).offset(unit as u64).map_mut_in(second)? })?;
    let rest = map.split_off(unit)?;
    let reservation = rest.into_reservation()?;
    ensure_eq!((reservation.as_ptr(), reservation.len()), (map.as_ptr().wrapping_add(unit), unit));
    ensure_pattern(&map, 0)
}

fn split_refused(_: &mut Env) -> Result {
    let page = page_size();
    let mut map = Mmap::anon(2 * page + 100).map_mut()?;
    map.fill(1);
    let address = map.as_ptr();
    for (at, kind) in [
        (1, ErrorKind::InvalidInput),
        (page - 1, ErrorKind::InvalidInput),
        (page + 1, ErrorKind::InvalidInput),
        (2 * page + 99, ErrorKind::InvalidInput),
        (2 * page + 101, ErrorKind::BeyondEnd),
        (3 * page, ErrorKind::BeyondEnd),
        (usize::MAX, ErrorKind::BeyondEnd),
    ] {
        fails(map.split_off(at), kind)?;
        ensure_eq!((map.as_ptr(), map.len()), (address, 2 * page + 100));
    }
    // Nothing, and all.
    ensure!(map.split_off(2 * page + 100)?.is_empty());
    let all = map.split_off(0)?;
    ensure_eq!((all.as_ptr(), all.len(), map.len()), (address, 2 * page + 100, 0));
    ensure_filled(&all, 1)?;
    map.unmap()?;
    Ok(())
}

/// One slice, which is protected, locked, flushed and discarded as one, and can be divided there again.
fn join_memory(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let mut map = of_pieces::<3>()?;
    ensure_eq!(map.len(), 3 * unit);
    for i in 0..3 {
        ensure_filled(&map[i * unit..][..unit], i as u8 + 1)?;
    }
    map[unit - 5..unit + 5].fill(9);
    let mut map = map.into_read_only()?.into_mut()?;
    map.flush()?;
    map.advise(baremap::Advice::WillNeed)?;
    ensure_filled(&map[unit - 5..unit + 5], 9)?;
    if map.lock().is_ok() {
        map.unlock()?;
    }
    // SAFETY: nothing relies on the contents.
    unsafe { map.discard(baremap::Discard::DontNeed)? };
    ensure_filled(&map, 0)?;
    let mut rest = map.split_off(unit)?;
    let last = rest.split_off(unit)?;
    drop(rest);
    map.fill(1);
    ensure_filled(&last, 0)?;
    // A whole that was joined can be a reservation again.
    let reservation = of_pieces::<3>()?.into_reservation()?;
    ensure_eq!(reservation.len(), 3 * unit);
    let map = Mmap::anon(3 * unit).map_in(reservation)?;
    ensure_filled(&map, 0)
}

/// Two parts of a file, and two files; one shows the other's order.
fn join_files(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let file = env.file("file", 2 * unit)?;
    let other = env.file("other", unit + 100)?;
    let (first, rest) = reserve(4 * unit)?.split(unit)?;
    let (second, third) = rest.split(unit)?;
    // SAFETY: the files are this check's alone, here and below.
    let mut map = unsafe { Mmap::new(&file).offset(unit as u64).map_mut_in(first)? };
    // SAFETY: as above.
    joined(&mut map, unsafe { Mmap::new(&file).len(unit).map_mut_in(second)? })?;
    // SAFETY: as above.
    joined(&mut map, unsafe { Mmap::new(&other).map_mut_in(third)? })?;
    ensure_eq!(map.len(), 3 * unit + 100);
    ensure_pattern(&map[..unit], unit as u64)?;
    ensure_pattern(&map[unit..2 * unit], 0)?;
    ensure_pattern(&map[2 * unit..], 0)?;
    map[unit - 1] = 0xfe;
    map[unit] = 0xff;
    map.flush()?;
    let mut bytes = [0; 2];
    ensure_eq!(file.read_at(&mut bytes[..1], 2 * unit as u64 - 1)?, 1);
    ensure_eq!(file.read_at(&mut bytes[1..], 0)?, 1);
    ensure_eq!(bytes, [0xfe, 0xff]);
    let map = map.into_read_only()?;
    map.unmap()?;
    Ok(())
}

/// Both mappings are as they were.
fn join_refused(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let [first, second, third] = side_by_side::<3>()?;
    let (mut first, mut second, third) =
        (first.unwrap_or_default(), second.unwrap_or_default(), third.unwrap_or_default());
    // A gap, the other order, and no neighbour.
    let third = is_refused(first.join(third), ErrorKind::InvalidInput)?;
    let first = is_refused(second.join(first), ErrorKind::InvalidInput)?;
    let other = is_refused(second.join(Mmap::anon(unit).map_mut()?), ErrorKind::InvalidInput)?;
    ensure_filled(&other, 0)?;
    // Other permissions.
    let mut first = first.into_read_only()?;
    let second = is_refused(first.join(second.into_exec()?), ErrorKind::InvalidInput)?;
    ensure_eq!((first.len(), second.len(), second.prot()), (unit, unit, Prot::EXEC));
    // Another kind.
    let file = env.file("file", unit)?;
    // SAFETY: the file is this check's alone, here and below.
    let mapped = unsafe { Mmap::new(&file).map_in(second.into_reservation()?)? };
    let mapped = is_refused(first.join(mapped), ErrorKind::InvalidInput)?;
    ensure_pattern(&mapped, 0)?;
    let reservation = mapped.into_reservation()?;
    // SAFETY: as above.
    let mut shared = unsafe { Mmap::new(&file).map_in(first.into_reservation()?)? };
    // SAFETY: as above.
    match unsafe { Mmap::new(&file).flags(Flags::COW).map_in(reservation) } {
        Ok(copy) => drop(is_refused(shared.join(copy), ErrorKind::InvalidInput)?),
        Err(refused) => drop(refused.value),
    }
    // Part of a page lies between them.
    ensure_filled(&third, 3)?;
    let (front, back) = reserve(2 * unit)?.split(unit)?;
    let (mut short, next) = (Mmap::anon(unit - 1).map_in(front)?, Mmap::anon(unit).map_in(back)?);
    drop(is_refused(short.join(next), ErrorKind::InvalidInput)?);
    ensure_eq!(short.len(), unit - 1);
    Ok(())
}

/// One reservation again, which can be used as a whole or divided elsewhere.
fn join_reservations(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let (first, rest) = reserve(5 * unit)?.split(2 * unit)?;
    let (second, third) = rest.split(unit)?;
    let address = first.as_ptr();
    let fails_with = |result: Result<Reservation, Refused<_>>| match result {
        Ok(_) => Err(Failure::broken("fails", format_args!("they are no neighbours"))),
        Err(Refused { value, error }) => {
            fails(Err::<(), _>(error), ErrorKind::InvalidInput)?;
            Ok::<(Reservation, Reservation), Failure>(value)
        }
    };
    let (first, third) = fails_with(first.join(third))?;
    let (second, first) = fails_with(second.join(first))?;
    ensure_eq!((first.len(), second.len(), third.len()), (2 * unit, unit, 2 * unit));
    let whole = supported(first.join(second), "this system does not join reservations")?.join(third)?;
    ensure_eq!((whole.as_ptr(), whole.len()), (address, 5 * unit));
    let (first, rest) = whole.split(unit)?;
    let mut map = Mmap::anon(4 * unit).map_mut_in(rest)?;
    map.fill(1);
    let whole = first.join(map.into_reservation()?)?;
    ensure_eq!((whole.as_ptr(), whole.len()), (address, 5 * unit));
    let map = Mmap::anon(5 * unit - 1).map_in(whole)?;
    ensure_filled(&map, 0)?;
    map.unmap()?;
    Ok(())
}

/// Every operation on an empty mapping succeeds.
fn empty(env: &mut Env) -> Result {
    let mut map = MappingMut::default();
    ensure!(map.split_off(0)?.is_empty());
    fails(map.split_off(1), ErrorKind::BeyondEnd)?;
    map.join(MappingMut::default())?;
    let mut raw = map.into_raw();
    // SAFETY: there is no memory.
    unsafe {
        raw.protect(Prot::NONE)?;
        raw.protect_range(.., Prot::NONE)?;
    }
    // SAFETY: as above.
    fails(unsafe { raw.protect_range(..1, Prot::NONE) }, ErrorKind::BeyondEnd)?;
    // SAFETY: as above.
    let mut map: MappingMut = unsafe { raw.into_slice()? };
    map.join(Mmap::anon(100).map_mut()?)?;
    map.fill(1);
    map.join(MappingMut::default())?;
    ensure_filled(&map, 1)?;
    ensure_eq!(map.len(), 100);
    // It becomes a mapping by either.
    let mut map = MappingMut::default();
    Mmap::anon(100).resize(&mut map)?;
    map.fill(1);
    ensure_eq!((map.len(), map.prot()), (100, Prot::WRITE));
    let file = env.file("file", 0)?;
    let request = Mmap::new(&file);
    // SAFETY: the file is this check's alone, here and below.
    let mut map: Mapping = unsafe { request.map()? };
    // SAFETY: as above.
    unsafe { request.resize(&mut map)? };
    ensure!(map.is_empty());
    if let Ok(mut reservation) = Reservation::new(1) {
        let len = reservation.len();
        // SAFETY: as above.
        unsafe { request.extend(&mut map, &mut reservation)? };
        ensure_eq!((map.len(), reservation.len()), (0, len));
    }
    file.set_len(100)?;
    // SAFETY: as above.
    unsafe { request.resize(&mut map)? };
    ensure_filled(&map, 0)?;
    ensure_eq!(map.len(), 100);
    Ok(())
}

/// Extends a mapping, if the system can.
#[track_caller]
fn extended<A: baremap::access::Access>(
    request: Anon,
    map: &mut Mapping<A>,
    reservation: &mut Reservation,
) -> Result {
    supported(request.extend(map, reservation), "this system does not extend mappings")
}

/// The address stays, what was there stays, and what is new is zero.
fn extend_memory(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let mut reservation = reserve(16 * unit)?;
    let (address, whole) = (reservation.as_ptr(), reservation.len());
    let mut map = MappingMut::default();
    let mut old = 0;
    for len in [1, 100, 100, unit - 1, unit, unit + 1, 3 * unit - 7, 7 * unit, 7 * unit + 5, 16 * unit] {
        extended(Mmap::anon(len), &mut map, &mut reservation)?;
        ensure_eq!((map.as_ptr(), map.len(), map.prot()), (address, len, Prot::WRITE));
        ensure_filled(&map[..old], 7)?;
        ensure_filled(&map[old..], 0)?;
        map[old..].fill(7);
        let taken = len.next_multiple_of(unit);
        ensure_eq!(reservation.len(), whole - taken);
        ensure!(taken == whole || reservation.as_ptr() == address.wrapping_add(taken));
        old = len;
    }
    // It is one mapping.
    let map = map.into_read_only()?;
    ensure_filled(&map, 7)?;
    let again = map.into_reservation()?;
    ensure_eq!((again.as_ptr(), again.len()), (address, whole));
    drop(reservation);
    ensure_filled(&Mmap::anon(whole).map_in(again)?, 0)
}

/// In the smallest steps, without a record for each.
fn extend_page_by_page(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let steps = 1000;
    let mut reservation = reserve(steps * unit)?;
    let mut map = MappingMut::default();
    for i in 1..=steps {
        extended(Mmap::anon(i * unit), &mut map, &mut reservation)?;
        map[i * unit - 1] = i as u8;
    }
    ensure_eq!((map.len(), reservation.len()), (steps * unit, 0));
    for i in 1..=steps {
        ensure_eq!(map[i * unit - 1], i as u8);
    }
    map.unmap()?;
    Ok(())
}

/// Bytes that fit into the last page need no reservation.
fn extend_inside_a_page(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let mut reservation = reserve(unit)?;
    let mut map = MappingMut::default();
    extended(Mmap::anon(1), &mut map, &mut reservation)?;
    ensure_eq!(reservation.len(), 0);
    // One that begins elsewhere, which is left alone.
    let (_gap, mut other) = reserve(2 * unit)?.split(unit)?;
    for len in [2, 100, page_size(), unit] {
        extended(Mmap::anon(len), &mut map, &mut other)?;
        ensure_eq!((map.len(), other.len()), (len, unit));
        ensure_eq!(map[len - 1], 0);
    }
    fails(Mmap::anon(unit + 1).extend(&mut map, &mut other), ErrorKind::InvalidInput)?;
    ensure_eq!((map.len(), other.len()), (unit, unit));
    map.fill(1);
    Ok(())
}

/// The new pages have the permissions of the mapping, and the type stays what it is.
fn extend_keeps_type(_: &mut Env) -> Result {
    fn check<A: Slice>(mut map: Mapping<A>, mut rest: Reservation, prot: Prot) -> Result<Mapping<A>> {
        let len = 2 * allocation_granularity();
        // Whatever the request says.
        extended(Mmap::anon(len).prot(Prot::EXEC), &mut map, &mut rest)?;
        ensure_eq!((map.len(), map.prot(), rest.len()), (len, prot, 0));
        ensure_filled(&map, 0)?;
        Ok(map)
    }
    let unit = allocation_granularity();
    let halves = || reserve(2 * unit)?.split(unit).map_err(Failure::from);
    let (first, rest) = halves()?;
    let map = check(Mmap::anon(unit).map_in(first)?, rest, Prot::READ)?;
    map.into_mut()?.fill(1);
    let (first, rest) = halves()?;
    check(Mmap::anon(unit).map_mut_in(first)?, rest, Prot::WRITE)?.fill(1);
    let (first, rest) = halves()?;
    check(Mmap::anon(unit).map_mut_in(first)?.into_exec()?, rest, Prot::EXEC)?.unmap()?;
    // An empty one takes the request's permissions, and the type's.
    let mut map: Mapping = Mapping::default();
    extended(Mmap::anon(unit).prot(Prot::EXEC), &mut map, &mut reserve(unit)?)?;
    ensure_eq!(map.prot(), Prot::EXEC);
    let mut map = RawMapping::default();
    extended(Mmap::anon(unit).prot(Prot::WRITE), &mut map, &mut reserve(unit)?)?;
    ensure_eq!(map.prot(), Prot::WRITE);
    Ok(())
}

/// `LOCKED` and `POPULATE` are for the new pages; a failure leaves everything as it was.
fn extend_locked(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    for flags in [Flags::LOCKED, Flags::POPULATE, Flags::NORESERVE] {
        let (first, mut rest) = reserve(4 * unit)?.split(unit)?;
        let mut map = Mmap::anon(unit).map_mut_in(first)?;
        map.fill(1);
        match Mmap::anon(2 * unit).flags(flags).extend(&mut map, &mut rest) {
            Ok(()) => {
                ensure_eq!((map.len(), rest.len()), (2 * unit, 2 * unit));
                map[unit..].fill(2);
            }
            Err(error) if error.kind() == ErrorKind::Unsupported && error.flag().is_none() => {
                return Err(Failure::Skipped("this system does not extend mappings"));
            }
            Err(error) => {
                ensure_eq!(error.flag(), Some(flags));
                ensure_eq!((map.len(), rest.len()), (unit, 3 * unit));
            }
        }
        ensure_filled(&map[..unit], 1)?;
        extended(Mmap::anon(4 * unit), &mut map, &mut rest)?;
        map.fill(3);
        map.unmap()?;
    }
    Ok(())
}

/// The end of a file that grew, in steps inside a page and across pages. Where the file ends, pages are whole on systems
/// with smaller pages underneath.
const GROWTH: fn(usize) -> [usize; 6] =
    |unit| [unit - 100, unit - 50, unit, 3 * unit - 7, 3 * unit, 5 * unit - 1];

/// Lengthens a file with the pattern.
fn lengthen(file: &File, from: usize, to: usize) -> Result {
    let mut at = from;
    while at < to {
        let bytes = &period(at as u64)[..251.min(to - at)];
        at += file.write_at(bytes, at as u64)?;
    }
    Ok(())
}

fn extend_file(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let file = env.file("file", 0)?;
    let mut reservation = reserve(6 * unit)?;
    let address = reservation.as_ptr();
    let mut map = MappingMut::default();
    let mut old = 0;
    for len in GROWTH(unit) {
        lengthen(&file, old, len)?;
        // SAFETY: the file is this check's alone, here and below.
        let result = unsafe { Mmap::new(&file).extend(&mut map, &mut reservation) };
        supported(result, "this system does not extend mappings")?;
        ensure_eq!((map.as_ptr(), map.len()), (address, len));
        ensure_pattern(&map, 0)?;
        ensure_eq!(reservation.len(), 6 * unit - len.next_multiple_of(unit));
        // SAFETY: as above.
        unsafe { Mmap::new(&file).extend(&mut map, &mut reservation)? };
        ensure_eq!(map.len(), len);
        old = len;
    }
    // Not past its end.
    let request = Mmap::new(&file).len(5 * unit);
    // SAFETY: as above.
    fails(unsafe { request.extend(&mut map, &mut reservation) }, ErrorKind::BeyondEnd)?;
    // It is shared, all of it.
    for at in [0, unit, 5 * unit - 2] {
        map[at] = 0xff;
    }
    map.flush()?;
    for at in [0, unit, 5 * unit - 2] {
        let mut byte = [0];
        ensure_eq!((file.read_at(&mut byte, at as u64)?, byte), (1, [0xff]));
    }
    Ok(())
}

/// A part of a file, to a length that is given.
fn extend_file_at_offset(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let file = env.file("file", 5 * unit)?;
    let request = Mmap::new(&file).offset(unit as u64);
    let mut reservation = reserve(4 * unit)?;
    let mut map: Mapping = Mapping::default();
    for len in [unit / 2, unit / 2 + 1, unit + 1, 2 * unit, 4 * unit] {
        // SAFETY: the file is this check's alone, here and below.
        let result = unsafe { request.len(len).extend(&mut map, &mut reservation) };
        supported(result, "this system does not extend mappings")?;
        ensure_eq!(map.len(), len);
        ensure_pattern(&map, unit as u64)?;
    }
    // One that begins inside a page, with a reservation that was put past it.
    let file = env.file("unaligned", 5 * unit)?;
    let request = Mmap::new(&file).offset(7);
    for _ in 0..100 {
        // SAFETY: as above.
        let mut map = unsafe { request.len(unit).map()? };
        let end = (map.as_ptr().addr() + unit).next_multiple_of(unit);
        // SAFETY: nothing else relies on the addresses past a mapping.
        let Ok(mut reservation) = (unsafe { Reservation::at(end, 2 * unit) }) else { continue };
        // SAFETY: as above.
        let result = unsafe { request.len(3 * unit).extend(&mut map, &mut reservation) };
        supported(result, "this system extends mappings in reservations only")?;
        ensure_eq!((map.len(), reservation.len()), (3 * unit, 0));
        ensure_pattern(&map, 7)?;
        // Another alignment.
        let other = Mmap::new(&file).offset(8).len(3 * unit + 1);
        // SAFETY: as above.
        fails(unsafe { other.extend(&mut map, &mut reservation) }, ErrorKind::InvalidInput)?;
        return Ok(());
    }
    Ok(())
}

/// What was changed stays changed, and what is new is the file's.
fn extend_copy(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let file = env.file("file", 2 * unit)?;
    let mut reservation = reserve(2 * unit)?;
    let mut map = MappingMut::default();
    let request = Mmap::new(&file).flags(Flags::COW);
    for len in [unit, 2 * unit] {
        // SAFETY: the file is this check's alone.
        let result = unsafe { request.len(len).extend(&mut map, &mut reservation) };
        supported(result, "this system does not extend copies")?;
        ensure_pattern(&map[len - unit + 1..], (len - unit + 1) as u64)?;
        map[len - unit] = 0xff;
    }
    ensure_eq!((map[0], map[unit]), (0xff, 0xff));
    ensure_pattern(&super::map(&file, Prot::READ)?, 0)
}

/// Mapping and reservation are as before.
fn extend_refused(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let (front, back) = reserve(4 * unit)?.split(3 * unit)?;
    let (first, mut rest) = front.split(unit)?;
    let mut map = Mmap::anon(unit - 1).map_mut_in(first)?;
    map.fill(1);
    let address = map.as_ptr();
    let mut elsewhere = back;
    for (request, kind) in [
        (Mmap::anon(0), ErrorKind::ZeroLength),
        (Mmap::anon(1), ErrorKind::InvalidInput),
        (Mmap::anon(unit - 2), ErrorKind::InvalidInput),
        (Mmap::anon(3 * unit + 1), ErrorKind::OutOfMemory),
        (Mmap::anon(isize::MAX as usize), ErrorKind::OutOfMemory),
        (Mmap::anon(usize::MAX), ErrorKind::TooLong),
    ] {
        fails(request.extend(&mut map, &mut rest), kind)?;
        ensure_eq!((map.as_ptr(), map.len(), rest.len()), (address, unit - 1, 2 * unit));
    }
    fails(Mmap::anon(2 * unit).extend(&mut map, &mut elsewhere), ErrorKind::InvalidInput)?;
    let huge = Mmap::anon(2 * unit).flags(Flags::HUGETLB).extend(&mut map, &mut rest);
    ensure!(
        huge.is_err_and(|error| { matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) })
    );
    // Memory with a file's request, and the other way round: nobody promised anything about the file.
    let file = env.file("file", 3 * unit)?;
    // SAFETY: the file is this check's alone, here and below.
    fails(unsafe { Mmap::new(&file).extend(&mut map, &mut rest) }, ErrorKind::InvalidInput)?;
    ensure_eq!((map.len(), rest.len(), elsewhere.len()), (unit - 1, 2 * unit, unit));
    ensure_filled(&map, 1)?;
    // SAFETY: as above.
    let mut shared = unsafe { Mmap::new(&file).len(10).map()? };
    fails(Mmap::anon(20).extend(&mut shared, &mut rest), ErrorKind::InvalidInput)?;
    fails(Mmap::anon(20).resize(&mut shared), ErrorKind::InvalidInput)?;
    let copy = Mmap::new(&file).flags(Flags::COW).len(20);
    // SAFETY: as above.
    fails(unsafe { copy.extend(&mut shared, &mut rest) }, ErrorKind::InvalidInput)?;
    ensure_eq!((shared.len(), rest.len()), (10, 2 * unit));
    // The reservation can be used as before.
    let next = Mmap::anon(2 * unit).map_mut_in(rest)?;
    ensure_filled(&next, 0)
}

/// Longer and shorter, in every type.
fn resize_memory(_: &mut Env) -> Result {
    let page = page_size();
    let mut map = Mmap::anon(100).map_mut()?;
    map.fill(7);
    let mut old = 100;
    for len in [101, page, page + 1, 64 * page - 3, 1000 * page, 1000 * page, 64 * page + 1, page - 1, 1, 100]
    {
        Mmap::anon(len).resize(&mut map)?;
        ensure_eq!((map.len(), map.prot()), (len, Prot::WRITE));
        ensure_filled(&map[..len.min(old)], 7)?;
        ensure_filled(&map[len.min(old)..], 0)?;
        map.fill(7);
        map.flush()?;
        old = len;
    }
    // Without write access, or executable, all the same.
    let mut map = map.into_read_only()?;
    Mmap::anon(10 * page).resize(&mut map)?;
    ensure_eq!(map.prot(), Prot::READ);
    ensure_filled(&map[..100], 7)?;
    ensure_filled(&map[100..], 0)?;
    let mut map = map.into_exec()?;
    Mmap::anon(20 * page).resize(&mut map)?;
    Mmap::anon(page).resize(&mut map)?;
    ensure_eq!((map.prot(), map.len()), (Prot::EXEC, page));
    ensure_filled(&map[..100], 7)?;
    let mut map = map.into_mut()?;
    for flags in [Flags::POPULATE, Flags::LOCKED] {
        // If there is too much to lock, nothing has changed.
        if let Err(error) = Mmap::anon(map.len() + 3 * page).flags(flags).resize(&mut map) {
            ensure_eq!(error.flag(), Some(flags));
        }
        ensure_filled(&map[..100], 7)?;
    }
    let mut raw = map.into_raw();
    Mmap::anon(50 * page).resize(&mut raw)?;
    ensure_eq!((raw.len(), raw.prot()), (50 * page, Prot::WRITE));
    raw.unmap()?;
    // In a reservation, which it may leave.
    if let Ok(reservation) = Reservation::new(1) {
        let mut map = Mmap::anon(1).map_mut_in(reservation)?;
        map[0] = 1;
        Mmap::anon(1 << 20).resize(&mut map)?;
        ensure_eq!((map[0], map[1], map.len()), (1, 0, 1 << 20));
        Mmap::anon(1).resize(&mut map)?;
        map.unmap()?;
    }
    Ok(())
}

/// The file keeps its length; the mapping follows it.
fn resize_file(env: &mut Env) -> Result {
    let page = page_size();
    for before in [0, 7, page] {
        let file = env.file("file", page + 100)?;
        let request = Mmap::new(&file).offset(before as u64);
        // SAFETY: the file is this check's alone, here and below.
        let mut map = unsafe { request.map_mut()? };
        lengthen(&file, page + 100, 100 * page)?;
        // SAFETY: as above.
        unsafe { request.resize(&mut map)? };
        ensure_eq!(map.len(), 100 * page - before);
        ensure_pattern(&map, before as u64)?;
        map[99 * page - before] = 0xff;
        // SAFETY: as above.
        unsafe { request.len(99 * page - before + 1).resize(&mut map)? };
        map.flush()?;
        let mut byte = [0];
        ensure_eq!((file.read_at(&mut byte, 99 * page as u64)?, byte, map.last()), (1, [0xff], Some(&0xff)));
        ensure_eq!(file.len()?, 100 * page as u64);
        // SAFETY: as above.
        fails(unsafe { request.len(100 * page).offset(1).resize(&mut map) }, ErrorKind::BeyondEnd)?;
        ensure_eq!(map.len(), 99 * page - before + 1);
        // SAFETY: as above.
        unsafe { request.len(10).resize(&mut map)? };
        ensure_pattern(&map, before as u64)?;
        // SAFETY: as above.
        unsafe { request.len(0).resize(&mut map)? };
        ensure!(map.is_empty());
        // SAFETY: as above.
        unsafe { request.len(10).resize(&mut map)? };
        ensure_eq!(map.prot(), Prot::WRITE);
        ensure_pattern(&map, before as u64)?;
    }
    Ok(())
}

fn resize_copy(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 20 * page)?;
    let request = Mmap::new(&file).flags(Flags::COW).len(page);
    // SAFETY: the file is this check's alone, here and below.
    let mut map = supported(unsafe { request.map_mut() }, "no copies here")?;
    map[3] = 0xff;
    for len in [20 * page, 2 * page, 10] {
        // SAFETY: as above.
        unsafe { request.len(len).resize(&mut map)? };
        ensure_eq!((map.len(), map[3], map.prot()), (len, 0xff, Prot::WRITE));
        ensure_pattern(&map[4..], 4)?;
    }
    // SAFETY: as above.
    fails(unsafe { Mmap::new(&file).resize(&mut map) }, ErrorKind::InvalidInput)?;
    ensure_pattern(&super::map(&file, Prot::READ)?, 0)
}

/// A mapping that was joined of several moves as one.
fn resize_joined(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let mut map = of_pieces::<3>()?;
    // One that differs in what the system remembers of it.
    let _ = map.advise_range(unit..2 * unit, baremap::Advice::Random);
    Mmap::anon(10 * unit).resize(&mut map)?;
    for i in 0..3 {
        ensure_filled(&map[i * unit..][..unit], i as u8 + 1)?;
    }
    ensure_filled(&map[3 * unit..], 0)?;
    map.fill(1);
    let mut map = of_pieces::<3>()?;
    Mmap::anon(unit + 1).resize(&mut map)?;
    ensure_filled(&map[..unit], 1)?;
    ensure_eq!((map.len(), map[unit]), (unit + 1, 2));
    // Of a file, in order.
    let file = env.file("file", 5 * unit)?;
    let (first, second) = reserve(2 * unit)?.split(unit)?;
    // SAFETY: the file is this check's alone, here and below.
    let mut map = unsafe { Mmap::new(&file).len(unit).map_mut_in(first)? };
    // SAFETY: as above.
    let next = unsafe { Mmap::new(&file).offset(unit as u64).len(unit).map_mut_in(second)? };
    joined(&mut map, next)?;
    // SAFETY: as above.
    unsafe { Mmap::new(&file).resize(&mut map)? };
    ensure_eq!(map.len(), 5 * unit);
    ensure_pattern(&map, 0)
}

/// The mapping is as before.
fn resize_refused(env: &mut Env) -> Result {
    let mut map = Mmap::anon(10_000).map_mut()?;
    map.fill(7);
    let address = map.as_ptr();
    let _crowd = crowd();
    for (request, kind) in [
        (Mmap::anon(0), ErrorKind::ZeroLength),
        (Mmap::anon(isize::MAX as usize), ErrorKind::OutOfMemory),
        (Mmap::anon(usize::MAX), ErrorKind::TooLong),
    ] {
        fails(request.resize(&mut map), kind)?;
        ensure_eq!((map.as_ptr(), map.len()), (address, 10_000));
        ensure_filled(&map, 7)?;
    }
    let file = env.file("file", 20_000)?;
    // SAFETY: the file is this check's alone, here and below.
    fails(unsafe { Mmap::new(&file).resize(&mut map) }, ErrorKind::InvalidInput)?;
    // SAFETY: as above.
    let mut shared = unsafe { Mmap::new(&file).len(10).map_mut()? };
    // SAFETY: as above.
    fails(unsafe { Mmap::new(&file).len(20_001).resize(&mut shared) }, ErrorKind::BeyondEnd)?;
    fails(Mmap::anon(20).resize(&mut shared), ErrorKind::InvalidInput)?;
    ensure_eq!((map.as_ptr(), shared.len()), (address, 10));
    ensure_pattern(&shared, 0)
}

/// What was cut off inside a page does not come back.
fn cut_off_bytes_stay_zero(_: &mut Env) -> Result {
    let page = page_size();
    let mut map = Mmap::anon(3 * page).map_mut()?;
    for cut in [2 * page + 10, 2 * page + 5, page + 1, page - 1, 3] {
        map.fill(0xff);
        Mmap::anon(cut).resize(&mut map)?;
        ensure_filled(&map, 0xff)?;
        Mmap::anon(3 * page).resize(&mut map)?;
        ensure_filled(&map[..cut], 0xff)?;
        ensure_filled(&map[cut..], 0)?;
    }
    let unit = allocation_granularity();
    let (first, mut rest) = reserve(2 * unit)?.split(unit)?;
    let mut map = Mmap::anon(unit).map_mut_in(first)?;
    map.fill(0xff);
    Mmap::anon(page - 1).resize(&mut map)?;
    // A shorter mapping stays where it is, if the system can; else it is in no reservation any more.
    extended(Mmap::anon(page), &mut map, &mut rest)?;
    ensure_eq!((map[page - 2], map[page - 1]), (0xff, 0));
    Ok(())
}

/// Contents stay without access.
fn no_access(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let memory = Mmap::anon(10_000).prot(Prot::WRITE).map_raw()?;
    let shared = Mmap::new(&file).prot(Prot::WRITE).map_raw()?;
    for mut map in [memory, shared] {
        // SAFETY: the memory is writable, and nobody else uses it, here and below.
        unsafe {
            map.as_mut_ptr().write_bytes(7, 10_000);
            map.protect(Prot::NONE)?;
            ensure_eq!(map.prot(), Prot::NONE);
            map.flush()?;
            map.protect(Prot::READ)?;
            ensure_eq!((map.prot(), map.as_ptr().add(9_999).read()), (Prot::READ, 7));
            map.protect(Prot::WRITE)?;
            map.as_mut_ptr().write(8);
        }
        // SAFETY: as above.
        let map: Mapping = unsafe { map.into_slice()? };
        ensure_eq!(map[0], 8);
        ensure_filled(&map[1..], 7)?;
    }
    // From the start.
    let mut map = Mmap::anon(100).prot(Prot::NONE).map_raw()?;
    ensure_eq!(map.prot(), Prot::NONE);
    // SAFETY: as above.
    unsafe { map.protect(Prot::WRITE)? };
    // SAFETY: as above.
    let mut map: MappingMut = unsafe { map.into_slice()? };
    ensure_filled(&map, 0)?;
    map.fill(1);
    let map = Mmap::new(&file).prot(Prot::NONE).map_raw()?;
    ensure_eq!((map.prot(), map.len()), (Prot::NONE, 10_000));
    // A slice can always be read.
    ensure_eq!(Mmap::anon(1).prot(Prot::NONE).map()?.prot(), Prot::READ);
    ensure_eq!(super::map(&file, Prot::NONE)?.prot(), Prot::READ);
    Ok(())
}

fn no_access_to_a_part(_: &mut Env) -> Result {
    let page = page_size();
    let mut map = Mmap::anon(4 * page - 5).prot(Prot::WRITE).map_raw()?;
    // SAFETY: the memory is writable where it is accessed, and nobody else uses it, here and below.
    unsafe {
        map.as_mut_ptr().write_bytes(7, 4 * page - 5);
        let result = map.protect_range(page + 1..3 * page - 1, Prot::NONE);
        supported(result, "this system protects whole mappings only")?;
        ensure_eq!(map.prot(), Prot::NONE);
        map.as_mut_ptr().add(page - 1).write(8);
        map.as_mut_ptr().add(3 * page).write(9);
        fails(map.protect_range(..4 * page, Prot::NONE), ErrorKind::BeyondEnd)?;
        map.protect_range(1..1, Prot::NONE)?;
        map.protect_range(page..page + 1, Prot::READ)?;
        ensure_eq!((map.prot(), map.as_ptr().add(page).read()), (Prot::NONE, 7));
        map.protect_range(.., Prot::WRITE)?;
        ensure_eq!(map.prot(), Prot::WRITE);
        map.protect_range(..page, Prot::READ)?;
        ensure_eq!(map.prot(), Prot::READ);
    }
    // SAFETY: as above.
    let map = match unsafe { map.into_slice::<baremap::access::Write>() } {
        Ok(_) => return Err(Failure::broken("fails", format_args!("a page is read-only"))),
        Err(refused) => refused.value,
    };
    // SAFETY: as above.
    let map: Mapping = unsafe { map.into_slice()? };
    ensure_filled(&map[..page - 1], 7)?;
    ensure_eq!((map[page - 1], map[page], map[3 * page]), (8, 7, 9));
    Ok(())
}

fn raw_and_back(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    let raw = map(&file, Prot::READ)?.into_raw();
    let (address, prot) = (raw.as_ptr(), raw.prot());
    ensure_eq!((raw.len(), prot), (10, Prot::READ));
    // SAFETY: the file is this check's alone, here and below.
    let raw = match unsafe { raw.into_slice::<baremap::access::Write>() } {
        Ok(_) => return Err(Failure::broken("fails", format_args!("the memory is read-only"))),
        Err(refused) => refused.value,
    };
    // SAFETY: as above.
    let map: Mapping = unsafe { raw.into_slice()? };
    ensure_eq!(map.as_ptr(), address);
    ensure_pattern(&map, 0)
}
