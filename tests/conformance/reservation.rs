//! Reservations, and mappings in them.

use super::*;
use baremap::{Discard, Flags, Reservation, allocation_granularity};

checks! {
    reservation:
    new,
    zero_length,
    too_long,
    aligned,
    at_address,
    split,
    drop_in_any_order,
    map_anon,
    map_file,
    map_copy,
    map_raw,
    twice_in_a_row,
    every_flag,
    refused,
    into_reservation,
    into_reservation_of_any_mapping,
    neighbours_stay,
    great_length,
    debug_output,
}

/// A reservation, if the system has them.
#[track_caller]
fn reserve(len: usize) -> Result<Reservation> {
    supported(Reservation::new(len), "this system has no placeholders")
}

/// A reservation at an address that is this check's own, or where nothing can be mapped.
fn at(address: usize, len: usize) -> Result<Reservation, Error> {
    // SAFETY: nothing else relies on these addresses.
    unsafe { Reservation::at(address, len) }
}

/// Reservations side by side, each as long as the granularity.
fn side_by_side<const COUNT: usize>() -> Result<[Option<Reservation>; COUNT]> {
    let granularity = allocation_granularity();
    let mut parts = [const { None }; COUNT];
    let mut rest = reserve(COUNT * granularity)?;
    for part in &mut parts[..COUNT - 1] {
        let (first, second) = rest.split(granularity)?;
        *part = Some(first);
        rest = second;
    }
    parts[COUNT - 1] = Some(rest);
    Ok(parts)
}

/// Something is at the address, so that it cannot be reserved.
#[track_caller]
fn is_taken(address: *const u8) -> Result {
    fails(at(address.addr(), 1), ErrorKind::Busy)
}

/// The reservation is there and no other, and its first and last addresses are taken.
#[track_caller]
fn is_reserved(reservation: &Reservation, address: *const u8, len: usize) -> Result {
    ensure_eq!((reservation.as_ptr(), reservation.len()), (address, len));
    is_taken(address)?;
    is_taken(address.wrapping_add(len - allocation_granularity()))
}

/// The addresses that `act` leaves free can be reserved. As another thread may take them first, it has several tries.
#[track_caller]
fn is_released(mut act: impl FnMut() -> Result<(*const u8, usize)>) -> Result {
    for _ in 0..100 {
        let (address, len) = act()?;
        match at(address.addr(), len) {
            Err(error) if error.kind() == ErrorKind::Busy => {}
            result => {
                let again = result?;
                ensure_eq!((again.as_ptr(), again.len()), (address, len));
                return Ok(());
            }
        }
    }
    Err(Failure::broken("released", format_args!("the addresses stay busy")))
}

/// The request fails, and returns the reservation as it was.
#[track_caller]
fn is_refused<T>(
    reservation: Reservation,
    kind: ErrorKind,
    map_in: impl FnOnce(Reservation) -> Result<T, Refused<Reservation>>,
) -> Result<Reservation> {
    let (address, len) = (reservation.as_ptr(), reservation.len());
    match map_in(reservation) {
        Ok(_) => Err(Failure::broken("fails", format_args!("{kind:?} was due"))),
        Err(Refused { value, error }) => {
            fails(Err::<(), _>(error), kind)?;
            is_reserved(&value, address, len)?;
            Ok(value)
        }
    }
}

/// The length is rounded up to the granularity.
fn new(_: &mut Env) -> Result {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Reservation>();
    ensure_eq!(size_of::<Reservation>(), 2 * size_of::<usize>());
    let granularity = allocation_granularity();
    for (len, count) in [(1, 1), (granularity, 1), (granularity + 1, 2), (7 * granularity - 1, 7)] {
        let reservation = reserve(len)?;
        ensure_eq!(reservation.as_ptr().addr() % granularity, 0);
        is_reserved(&reservation, reservation.as_ptr(), count * granularity)?;
        reservation.release()?;
    }
    is_released(|| {
        let reservation = reserve(3 * granularity)?;
        let range = (reservation.as_ptr(), reservation.len());
        reservation.release()?;
        Ok(range)
    })
}

fn zero_length(_: &mut Env) -> Result {
    for result in [Reservation::new(0), Reservation::aligned(0, 1), at(1 << 30, 0)] {
        fails(result, ErrorKind::ZeroLength)?;
    }
    Ok(())
}

fn too_long(_: &mut Env) -> Result {
    for len in [isize::MAX as usize, isize::MAX as usize + 1, usize::MAX] {
        fails(Reservation::new(len), ErrorKind::TooLong)?;
        fails(Reservation::aligned(len, 1), ErrorKind::TooLong)?;
        fails(at(1 << 30, len), ErrorKind::TooLong)?;
    }
    fails(Reservation::aligned(1, isize::MAX as usize + 1), ErrorKind::TooLong)
}

fn aligned(_: &mut Env) -> Result {
    let granularity = allocation_granularity();
    drop(reserve(1)?);
    for align in [1, 2, granularity / 2, granularity, 2 * granularity, 8 * granularity, 2 << 20, 16 << 20] {
        for len in [1, granularity, 3 * granularity + 1, 5 << 20] {
            let reservation = Reservation::aligned(len, align)?;
            let (address, len) = (reservation.as_ptr(), len.next_multiple_of(granularity));
            ensure_eq!(address.addr() % align.max(granularity), 0);
            is_reserved(&reservation, address, len)?;
            // All of it can be mapped.
            let map = Mmap::anon(len).map_mut_in(reservation)?;
            ensure_eq!((map.as_ptr(), map[len - 1]), (address, 0));
        }
    }
    for align in [0, 3, granularity - 1, granularity + 1, 3 * granularity, usize::MAX] {
        fails(Reservation::aligned(1, align), ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn at_address(_: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let reservation = reserve(4 * granularity)?;
    let address = reservation.as_ptr().addr();
    for (address, len) in [
        (0, granularity),
        (1, granularity),
        (address + 1, 1),
        (address + granularity / 2, granularity),
        (usize::MAX, 1),
    ] {
        fails(at(address, len), ErrorKind::InvalidInput)?;
    }
    for (address, len) in [
        (address, granularity),
        (address, 4 * granularity),
        (address + 3 * granularity, 1),
        (address + granularity, granularity),
    ] {
        fails(at(address, len), ErrorKind::Busy)?;
    }
    // A range that is taken in part is busy.
    let (first, rest) = reservation.split(granularity)?;
    drop(first);
    fails(at(address, 2 * granularity), ErrorKind::Busy)?;
    is_taken(rest.as_ptr())?;
    // A mapping is not replaced.
    let mut map = Mmap::anon(2 * granularity).map_mut()?;
    map.fill(7);
    for at in [0, granularity] {
        is_taken(map.as_ptr().wrapping_add(at))?;
    }
    ensure_filled(&map, 7)?;
    map.fill(8);
    is_released(|| {
        let reservation = reserve(2 * granularity)?;
        Ok((reservation.as_ptr(), reservation.len()))
    })
}

fn split(_: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let mut reservation = reserve(4 * granularity)?;
    let address = reservation.as_ptr();
    for at in [
        0,
        1,
        granularity - 1,
        granularity + 1,
        4 * granularity,
        5 * granularity,
        usize::MAX,
        usize::MAX - granularity + 1,
    ] {
        reservation = is_refused(reservation, ErrorKind::InvalidInput, |whole| whole.split(at))?;
    }
    let (first, last) = reservation.split(3 * granularity)?;
    is_reserved(&first, address, 3 * granularity)?;
    is_reserved(&last, address.wrapping_add(3 * granularity), granularity)?;
    // A part can be split again.
    let (first, middle) = first.split(granularity)?;
    is_reserved(&first, address, granularity)?;
    is_reserved(&middle, address.wrapping_add(granularity), 2 * granularity)
}

/// Releasing a part leaves the others; releasing all leaves nothing.
fn drop_in_any_order(_: &mut Env) -> Result {
    const COUNT: usize = 8;
    for order in [[0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0], [3, 0, 7, 4, 1, 6, 2, 5]] {
        is_released(|| {
            let mut parts = side_by_side::<COUNT>()?;
            let address = parts[0].as_ref().map_or(core::ptr::null(), Reservation::as_ptr);
            for part in order {
                parts[part] = None;
                for part in parts.iter().flatten() {
                    is_taken(part.as_ptr())?;
                }
            }
            Ok((address, COUNT * allocation_granularity()))
        })?;
    }
    Ok(())
}

fn map_anon(_: &mut Env) -> Result {
    let granularity = allocation_granularity();
    for len in [1, granularity - 1, granularity, 2 * granularity - 5, 5 * granularity] {
        let (reservation, rest) = reserve(len + granularity)?.split(len.next_multiple_of(granularity))?;
        let address = reservation.as_ptr();
        let mut map: MappingMut = Mmap::anon(len).map_mut_in(reservation)?;
        ensure_eq!((map.as_ptr(), map.len()), (address, len));
        ensure_filled(&map, 0)?;
        map.fill(0xa5);
        let mut map = map.into_read_only()?.into_mut()?;
        map[len - 1] = 1;
        ensure_filled(&map[..len - 1], 0xa5)?;
        ensure_eq!(map[len - 1], 1);
        // SAFETY: nothing relies on the contents.
        unsafe { map.discard(Discard::DontNeed)? };
        ensure_filled(&map, 0)?;
        map.flush()?;
        is_taken(rest.as_ptr())?;
        map.unmap()?;
        is_taken(rest.as_ptr())?;
    }
    let map: Mapping = Mmap::anon(1).map_in(reserve(1)?)?;
    ensure_eq!((map.bytes(), map.prot()), (&[0][..], Prot::READ));
    Ok(())
}

fn map_file(env: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let end = 3 * granularity + 100;
    let file = env.file("file", end)?;
    for (offset, len) in [
        (0, 1),
        (0, granularity),
        (0, end),
        (granularity, 2 * granularity),
        (granularity, granularity + 1),
        (3 * granularity, 100),
    ] {
        let (reservation, rest) = reserve(len + granularity)?.split(len.next_multiple_of(granularity))?;
        let address = reservation.as_ptr();
        // SAFETY: the file is this check's alone, here and below.
        let map = unsafe { Mmap::new(&file).offset(offset as u64).len(len).map_in(reservation)? };
        ensure_eq!((map.as_ptr(), map.len()), (address, len));
        ensure_pattern(&map, offset as u64)?;
        drop(map);
        is_taken(rest.as_ptr())?;
    }
    // A mapping that is shorter than the granularity releases all of it.
    is_released(|| {
        let reservation = reserve(1)?;
        let range = (reservation.as_ptr(), reservation.len());
        // SAFETY: as above.
        drop(unsafe { Mmap::new(&file).len(1).map_in(reservation)? });
        Ok(range)
    })?;
    // Up to the end of the file, writable, then closed, read-only, and opened again.
    let reservation = reserve(2 * granularity + 100)?;
    // SAFETY: as above.
    let mut map = unsafe { Mmap::new(&file).offset(granularity as u64).map_mut_in(reservation)? };
    ensure_eq!(map.len(), 2 * granularity + 100);
    map[granularity..granularity + 7].copy_from_slice(b"written");
    map[2 * granularity + 99] = b'!';
    let mut text = [0; 7];
    ensure_eq!(file.read_at(&mut text, 2 * granularity as u64)?, 7);
    ensure_eq!(text, *b"written");
    map.flush()?;
    let map = map.into_read_only()?;
    drop(file);
    ensure_eq!((&map[granularity..][..7], map.last()), (&b"written"[..], Some(&b'!')));
    map.unmap()?;
    let file = File::open(&*env.path("file"))?;
    ensure_eq!(super::map(&file, Prot::READ)?.last(), Some(&b'!'));
    Ok(())
}

fn map_copy(env: &mut Env) -> Result {
    let len = allocation_granularity() + 100;
    env.file("file", len)?;
    let file = File::open(&*env.path("file"))?;
    let request = Mmap::new(&file).flags(Flags::COW);
    // SAFETY: the file is this check's alone.
    let mut copy = unsafe { request.map_mut_in(reserve(len)?)? };
    ensure_pattern(&copy, 0)?;
    copy.fill(0xee);
    copy.flush()?;
    ensure_filled(&copy, 0xee)?;
    ensure_pattern(&map(&file, Prot::READ)?, 0)?;
    drop(copy);
    ensure_pattern(&map(&file, Prot::READ)?, 0)?;
    // Made writable later, it is a copy still.
    // SAFETY: as above.
    let mut copy = unsafe { request.map_in(reserve(len)?)? }.into_mut()?;
    copy.fill(0xee);
    ensure_pattern(&map(&file, Prot::READ)?, 0)
}

/// As others, but for pointers alone, and safe.
fn map_raw(env: &mut Env) -> Result {
    let (len, granularity) = (allocation_granularity() + 100, allocation_granularity());
    let file = env.file("file", granularity + len)?;
    let request = Mmap::new(&file).offset(granularity as u64);
    let reservation = reserve(len)?;
    let address = reservation.as_ptr();
    let map = request.map_raw_in(reservation)?;
    ensure_eq!((map.as_ptr(), map.len(), map.prot()), (address, len, Prot::READ));
    // SAFETY: the file is this check's alone.
    ensure_pattern(unsafe { core::slice::from_raw_parts(map.as_ptr(), len) }, granularity as u64)?;
    let reservation = is_refused(map.into_reservation()?, ErrorKind::InvalidInput, |reservation| {
        request.len(granularity).map_raw_in(reservation)
    })?;
    let anon = Mmap::anon(len).prot(Prot::WRITE);
    let map = anon.map_raw_in(reservation)?;
    ensure_eq!((map.as_ptr(), map.len(), map.prot()), (address, len, Prot::WRITE));
    // SAFETY: the memory is writable, and this check's alone.
    unsafe {
        ensure_eq!(map.as_ptr().add(len - 1).read(), 0);
        map.as_mut_ptr().add(len - 1).write(1);
    }
    let reservation = map.into_reservation()?;
    let reservation = is_refused(reservation, ErrorKind::InvalidInput, |reservation| {
        Mmap::anon(1).map_raw_in(reservation)
    })?;
    is_reserved(&reservation, address, 2 * granularity)
}

/// The same memory twice in a row, as for a ring buffer: what is written across its end is seen at its beginning.
fn twice_in_a_row(_: &mut Env) -> Result {
    let len = 2 * allocation_granularity();
    let file = supported(File::memory(), "no files in memory here")?;
    file.set_len(len as u64)?;
    let (first, second) = reserve(2 * len)?.split(len)?;
    let request = Mmap::new(&file).prot(Prot::WRITE);
    let (first, second) = (request.map_raw_in(first)?, request.map_raw_in(second)?);
    ensure_eq!(second.as_ptr(), first.as_ptr().wrapping_add(len));
    // SAFETY: both are mapped and writable, and this check's alone. A byte is accessed volatile by one address or the other.
    let byte = |at: usize| unsafe { first.as_mut_ptr().add(at) };
    for (at, value) in [(len - 1, 1), (len, 2), (0, 3), (2 * len - 1, 4)] {
        // SAFETY: as above.
        unsafe {
            byte(at).write_volatile(value);
            ensure_eq!(byte(at % len).read_volatile(), value);
            ensure_eq!(byte(at % len + len).read_volatile(), value);
        }
    }
    drop(first);
    // SAFETY: as above.
    ensure_eq!(unsafe { second.as_ptr().read_volatile() }, 3);
    Ok(())
}

fn every_flag(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    for flags in
        [Flags::COW, Flags::READAHEAD, Flags::POPULATE, Flags::NORESERVE, Flags::LOCKED, Flags::HUGETLB]
    {
        let reservation = match Mmap::anon(100).flags(flags).map_mut_in(reserve(1)?) {
            Err(Refused { value, error }) => {
                ensure_eq!(error.flag(), Some(flags));
                value
            }
            Ok(mut map) => {
                map.fill(1);
                map.into_reservation()?
            }
        };
        // SAFETY: the file is this check's alone.
        match unsafe { Mmap::new(&file).flags(flags).map_in(reservation) } {
            Err(refused) => ensure_eq!(refused.error.flag(), Some(flags)),
            Ok(map) => ensure_pattern(&map, 0)?,
        }
    }
    Ok(())
}

/// After every failure the reservation can be used as before.
fn refused(env: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let mut reservation = reserve(2 * granularity)?;
    let anon = Mmap::anon(2 * granularity);
    for (request, kind) in [
        (Mmap::anon(0), ErrorKind::ZeroLength),
        (Mmap::anon(1), ErrorKind::InvalidInput),
        (Mmap::anon(granularity), ErrorKind::InvalidInput),
        (Mmap::anon(2 * granularity + 1), ErrorKind::InvalidInput),
        (Mmap::anon(isize::MAX as usize), ErrorKind::InvalidInput),
        (Mmap::anon(usize::MAX), ErrorKind::TooLong),
        (anon.flags(Flags::HUGETLB), ErrorKind::Unsupported),
        (anon.flags(Flags::HUGETLB | Flags::NORESERVE), ErrorKind::Unsupported),
    ] {
        reservation = is_refused(reservation, kind, |reservation| request.map_in(reservation))?;
        reservation = is_refused(reservation, kind, |reservation| request.map_mut_in(reservation))?;
    }
    let file = env.file("file", 5 * granularity)?;
    let empty = env.file("empty", 0)?;
    let whole = Mmap::new(&file);
    for (request, kind) in [
        (whole, ErrorKind::InvalidInput),
        (whole.len(granularity), ErrorKind::InvalidInput),
        (whole.len(0), ErrorKind::InvalidInput),
        (whole.len(2 * granularity).offset(1), ErrorKind::InvalidInput),
        (whole.len(2 * granularity).offset(granularity as u64 / 2), ErrorKind::InvalidInput),
        (whole.len(2 * granularity).offset(4 * granularity as u64), ErrorKind::BeyondEnd),
        (whole.len(2 * granularity).offset(u64::MAX), ErrorKind::Overflow),
        (whole.len(usize::MAX), ErrorKind::TooLong),
        (whole.len(2 * granularity).flags(Flags::HUGETLB), ErrorKind::Unsupported),
        (Mmap::new(&empty), ErrorKind::InvalidInput),
    ] {
        // SAFETY: the file is this check's alone, here and below.
        reservation = is_refused(reservation, kind, |reservation| unsafe { request.map_in(reservation) })?;
        // SAFETY: as above.
        reservation =
            is_refused(reservation, kind, |reservation| unsafe { request.map_mut_in(reservation) })?;
    }
    if let Some(pipe) = env.pipe {
        let request = Mmap::new(pipe).len(2 * granularity);
        let map_in = |reservation| {
            // SAFETY: a pipe is not mapped.
            unsafe { request.map_in(reservation) }
        };
        reservation = is_refused(reservation, ErrorKind::NotMappable, map_in)?;
    }
    // The system refuses this one.
    let read_only = File::open(&*env.path("file"))?;
    let request = Mmap::new(&read_only).len(2 * granularity);
    let map_mut_in = |reservation| {
        // SAFETY: the file is this check's alone.
        unsafe { request.map_mut_in(reservation) }
    };
    reservation = is_refused(reservation, ErrorKind::PermissionDenied, map_mut_in)?;
    let address = reservation.as_ptr();
    let mut map = anon.map_mut_in(reservation)?;
    map.fill(1);
    ensure_eq!((map.as_ptr(), map.len()), (address, 2 * granularity));
    Ok(())
}

/// A mapping becomes a reservation again: its contents are gone, and its addresses stay.
fn into_reservation(env: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let len = granularity + 100;
    let file = env.file("file", len)?;
    let mut reservation = reserve(len)?;
    let (address, whole) = (reservation.as_ptr(), reservation.len());
    for (before, round) in [(7, 1), (1, 2), (2, 3)] {
        let mut map = Mmap::anon(len).map_mut_in(reservation)?;
        ensure_eq!(map.as_ptr(), address);
        ensure_filled(&map, 0)?;
        map.fill(0xff);
        reservation = map.into_reservation()?;
        is_reserved(&reservation, address, whole)?;
        // Only what was written to the file itself is still there.
        for (flags, expected) in [(Flags::COW, before), (Flags::empty(), before)] {
            // SAFETY: the file is this check's alone, here and below.
            let mut map = unsafe { Mmap::new(&file).flags(flags).map_mut_in(reservation)? };
            ensure_eq!((map.as_ptr(), map[7]), (address, expected));
            map[7] = round;
            reservation = map.into_reservation()?;
            is_reserved(&reservation, address, whole)?;
        }
        // SAFETY: as above.
        let map = unsafe { Mmap::new(&file).map_in(reservation)? };
        ensure_eq!((map.as_ptr(), map[7]), (address, round));
        reservation = map.into_reservation()?;
        is_reserved(&reservation, address, whole)?;
    }
    // It can be split elsewhere than before.
    let (first, second) = reservation.split(granularity)?;
    let first = Mmap::anon(1).map_in(first)?;
    let second = Mmap::anon(1).map_in(second)?;
    ensure_eq!((first[0], second[0], second.as_ptr()), (0, 0, address.wrapping_add(granularity)));
    Ok(())
}

/// So does a mapping that was made without a reservation, on systems that can; others return it as it was.
fn into_reservation_of_any_mapping(env: &mut Env) -> Result {
    drop(reserve(1)?);
    let empty = env.file("empty", 0)?;
    fails(map(&empty, Prot::READ)?.into_reservation(), ErrorKind::InvalidInput)?;
    let file = env.file("file", 100_000)?;
    let mut memory = Mmap::anon(100_000).map_mut()?;
    memory.copy_from_slice(&map(&file, Prot::READ)?);
    // SAFETY: the file is this check's alone.
    let part = unsafe { Mmap::new(&file).offset(251).len(50_000).map()? };
    for map in [memory.into_read_only()?, map(&file, Prot::WRITE)?, part] {
        let (address, len) = (map.as_ptr(), map.len());
        match map.into_reservation() {
            Ok(reservation) => {
                let start = reservation.as_ptr();
                ensure!(start <= address && address.addr() - start.addr() < allocation_granularity());
                ensure!(start.addr() + reservation.len() >= address.addr() + len);
                is_reserved(&reservation, start, reservation.len())?;
                ensure_filled(&Mmap::anon(reservation.len()).map_in(reservation)?, 0)?;
            }
            Err(Refused { value, error }) => {
                ensure_eq!(error.kind(), ErrorKind::Unsupported);
                ensure_eq!((value.as_ptr(), value.len()), (address, len));
                ensure_pattern(&value, 0)?;
            }
        }
    }
    ensure_pattern(&map(&file, Prot::READ)?, 0)
}

/// Unmapping leaves the neighbours alone, whatever they are.
fn neighbours_stay(env: &mut Env) -> Result {
    const COUNT: usize = 7;
    let granularity = allocation_granularity();
    let file = env.file("file", COUNT * granularity)?;
    let mut reservations = side_by_side::<COUNT>()?;
    let mut maps = [const { None }; COUNT];
    for (i, (map, reservation)) in maps.iter_mut().zip(&mut reservations).enumerate() {
        let (Some(reservation), len) = (reservation.take(), granularity - i) else { continue };
        *map = Some(if i % 3 == 0 {
            let mut map = Mmap::anon(len).map_mut_in(reservation)?;
            map.copy_from_slice(&super::map(&file, Prot::READ)?[..len]);
            map.into_read_only()?
        } else {
            // SAFETY: the file is this check's alone.
            unsafe { Mmap::new(&file).len(len).map_in(reservation)? }
        });
    }
    for i in [1, 0, 4, 6, 3] {
        let Some(map) = maps[i].take() else { continue };
        if i % 2 == 0 {
            drop(map);
        } else {
            reservations[i] = Some(map.into_reservation()?);
        }
        for map in maps.iter().flatten() {
            ensure_pattern(map, 0)?;
        }
        for reservation in reservations.iter().flatten() {
            is_taken(reservation.as_ptr())?;
        }
    }
    Ok(())
}

/// A reservation takes address space alone, and memory in it costs what it costs anywhere.
fn great_length(env: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let len = env.address_space;
    drop(reserve(1)?);
    let align = len.min(1 << 30);
    let reservation = Reservation::aligned(len, align)?;
    ensure_eq!((reservation.len(), reservation.as_ptr().addr() % align), (len, 0));
    let (rest, last) = reservation.split(len - granularity)?;
    let (first, middle) = rest.split(granularity)?;
    for end in [first, last] {
        Mmap::anon(granularity).map_mut_in(end)?.fill(1);
    }
    ensure_eq!(middle.len(), len - 2 * granularity);
    // Perhaps more than the system commits.
    let (address, len) = (middle.as_ptr(), middle.len());
    if let Err(Refused { value, error }) = Mmap::anon(len).map_mut_in(middle) {
        ensure_eq!(error.kind(), ErrorKind::OutOfMemory);
        is_reserved(&value, address, len)?;
    }
    Ok(())
}

fn debug_output(_: &mut Env) -> Result {
    let text = Text::<255>::new(format_args!("{:?}", reserve(1 << 20)?));
    ensure!((20..200).contains(&text.as_str().len()));
    Ok(())
}
