//! Address space that is held, and mappings in it.

use super::{Env, Failure, Result, ensure, fails, is_pattern, map};
use baremap::{
    Discard, Error, ErrorKind, File, Flags, Mapping, Mmap, Prot, Reservation, allocation_granularity,
};
use core::panic::Location;
use core::result::Result as Either;

/// A reservation, if the system has them.
#[track_caller]
fn reserve(len: usize) -> Either<Reservation, Failure> {
    match Reservation::new(len) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            Err(Failure::Skipped("this system has no placeholders"))
        }
        result => Ok(result?),
    }
}

/// A reservation at an address that is this check's own, or where nothing can be.
fn at(address: usize, len: usize) -> Either<Reservation, Error> {
    // SAFETY: nobody else counts on these addresses.
    unsafe { Reservation::at(address, len) }
}

/// The error alone, of what gives something back with it.
#[track_caller]
fn done<T, U>(result: Either<T, (U, Error)>) -> Either<T, Failure> {
    result.map_err(|(_, error)| error.into())
}

/// A reservation in parts of one unit.
fn units<const COUNT: usize>() -> Either<[Option<Reservation>; COUNT], Failure> {
    let unit = allocation_granularity();
    let mut parts = [const { None }; COUNT];
    let mut rest = reserve(COUNT * unit)?;
    for part in &mut parts[..COUNT - 1] {
        let (first, second) = done(rest.split(unit))?;
        *part = Some(first);
        rest = second;
    }
    parts[COUNT - 1] = Some(rest);
    Ok(parts)
}

/// Nobody else can have it. Then it is somebody's.
#[track_caller]
fn is_held(address: *const u8) -> Result {
    fails(at(address.addr(), 1), ErrorKind::Busy)
}

/// Does something that leaves addresses free, and sees that they are. Another thread may be quicker.
#[track_caller]
fn is_freed(mut act: impl FnMut() -> Either<(*const u8, usize), Failure>) -> Result {
    for _ in 0..100 {
        let (address, len) = act()?;
        match at(address.addr(), len) {
            Err(error) if error.kind() == ErrorKind::Busy => {}
            result => {
                let again = result?;
                ensure!(again.as_ptr() == address && again.len() == len);
                return Ok(());
            }
        }
    }
    Err(Failure::Broken(Location::caller(), "never free", None))
}

/// The request fails, and the reservation is as it was.
#[track_caller]
fn is_refused(
    place: Reservation,
    kind: ErrorKind,
    act: impl FnOnce(Reservation) -> Either<Mapping, (Reservation, Error)>,
) -> Either<Reservation, Failure> {
    let (address, len) = (place.as_ptr(), place.len());
    match act(place) {
        Ok(_) => Err(Failure::Broken(Location::caller(), "an error was due", None)),
        Err((place, error)) => {
            fails::<()>(Err(error), kind)?;
            ensure!(place.as_ptr() == address && place.len() == len);
            is_held(address)?;
            is_held(address.wrapping_add(len - allocation_granularity()))?;
            Ok(place)
        }
    }
}

pub fn reserves(_: &mut Env) -> Result {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Reservation>();
    ensure!(size_of::<Reservation>() == 2 * size_of::<usize>());
    let unit = allocation_granularity();
    for (len, whole) in [(1, unit), (unit, unit), (unit + 1, 2 * unit), (7 * unit - 1, 7 * unit)] {
        let place = reserve(len)?;
        ensure!(place.len() == whole && place.as_ptr().addr() % unit == 0);
        is_held(place.as_ptr())?;
        is_held(place.as_ptr().wrapping_add(whole - unit))?;
        done(place.release())?;
    }
    is_freed(|| {
        let place = reserve(3 * unit)?;
        let all = (place.as_ptr(), place.len());
        done(place.release())?;
        Ok(all)
    })
}

pub fn of_no_length(_: &mut Env) -> Result {
    for result in [Reservation::new(0), Reservation::aligned(0, 1), at(1 << 30, 0)] {
        fails(result, ErrorKind::EmptyAnon)?;
    }
    for len in [isize::MAX as usize, isize::MAX as usize + 1, usize::MAX] {
        fails(Reservation::new(len), ErrorKind::TooLong)?;
        fails(Reservation::aligned(len, 1), ErrorKind::TooLong)?;
        fails(at(1 << 30, len), ErrorKind::TooLong)?;
    }
    Ok(())
}

pub fn aligned(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    drop(reserve(1)?);
    for align in [1, 2, unit / 2, unit, 2 * unit, 8 * unit, 2 << 20, 16 << 20] {
        for len in [1, unit, 3 * unit + 1, 5 << 20] {
            let place = Reservation::aligned(len, align)?;
            ensure!(place.as_ptr().addr() % align.max(unit) == 0);
            ensure!(place.len() == len.next_multiple_of(unit));
            let (address, len) = (place.as_ptr(), place.len());
            is_held(address)?;
            is_held(address.wrapping_add(len - unit))?;
            // All of it can be used.
            let map = done(Mmap::anon(len).prot(Prot::WRITE).map_in(place))?;
            ensure!(map.as_ptr() == address && map[len - 1] == 0);
        }
    }
    for align in [0, 3, unit - 1, unit + 1, 3 * unit, usize::MAX] {
        fails(Reservation::aligned(1, align), ErrorKind::InvalidInput)?;
    }
    fails(Reservation::aligned(1, isize::MAX as usize + 1), ErrorKind::TooLong)
}

pub fn at_an_address(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let place = reserve(4 * unit)?;
    let address = place.as_ptr().addr();
    for (address, len) in
        [(0, unit), (1, unit), (address + 1, 1), (address + unit / 2, unit), (usize::MAX, 1)]
    {
        fails(at(address, len), ErrorKind::InvalidInput)?;
    }
    for (address, len) in
        [(address, unit), (address, 4 * unit), (address + 3 * unit, 1), (address + unit, unit)]
    {
        fails(at(address, len), ErrorKind::Busy)?;
    }
    // Where only a part is taken.
    let (first, rest) = done(place.split(unit))?;
    drop(first);
    fails(at(address, 2 * unit), ErrorKind::Busy)?;
    is_held(rest.as_ptr())?;
    // Where something can be seen, and is.
    let mut map = Mmap::anon(2 * unit).prot(Prot::WRITE).map()?;
    map.bytes_mut()?.fill(7);
    for at in [0, unit] {
        is_held(map.as_ptr().wrapping_add(at))?;
    }
    ensure!(map.iter().all(|&byte| byte == 7));
    map.bytes_mut()?.fill(8);
    is_freed(|| {
        let place = reserve(2 * unit)?;
        Ok((place.as_ptr(), place.len()))
    })
}

pub fn splits(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    let mut place = reserve(4 * unit)?;
    let address = place.as_ptr();
    for at in [0, 1, unit - 1, unit + 1, 4 * unit, 5 * unit, usize::MAX, usize::MAX - unit + 1] {
        let Err((back, error)) = place.split(at) else {
            return fails(Ok(()), ErrorKind::InvalidInput);
        };
        fails::<()>(Err(error), ErrorKind::InvalidInput)?;
        ensure!(back.as_ptr() == address && back.len() == 4 * unit);
        place = back;
    }
    let (first, second) = done(place.split(3 * unit))?;
    ensure!(first.as_ptr() == address && first.len() == 3 * unit);
    ensure!(second.as_ptr() == address.wrapping_add(3 * unit) && second.len() == unit);
    // Each is a reservation like any other.
    let (first, middle) = done(first.split(unit))?;
    ensure!(first.len() == unit && middle.len() == 2 * unit && middle.as_ptr() == address.wrapping_add(unit));
    Ok(())
}

/// Parts go in any order; those that are left stay, and in the end nothing does.
pub fn drops_in_any_order(_: &mut Env) -> Result {
    const COUNT: usize = 8;
    let unit = allocation_granularity();
    for order in [[0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0], [3, 0, 7, 4, 1, 6, 2, 5]] {
        is_freed(|| {
            let mut parts = units::<COUNT>()?;
            let address = parts[0].as_ref().map_or(core::ptr::null(), Reservation::as_ptr);
            for part in order {
                parts[part] = None;
                for part in parts.iter().flatten() {
                    is_held(part.as_ptr())?;
                }
            }
            Ok((address, COUNT * unit))
        })?;
    }
    Ok(())
}

pub fn maps_memory(_: &mut Env) -> Result {
    let unit = allocation_granularity();
    for len in [1, unit - 1, unit, 2 * unit - 5, 5 * unit] {
        let (place, rest) = done(reserve(len + unit)?.split(len.next_multiple_of(unit)))?;
        let address = place.as_ptr();
        let mut map = done(Mmap::anon(len).prot(Prot::WRITE).map_in(place))?;
        ensure!(map.as_ptr() == address && map.len() == len);
        ensure!(map.iter().all(|&byte| byte == 0));
        map.bytes_mut()?.fill(0xa5);
        map.protect(Prot::READ)?;
        fails(map.bytes_mut(), ErrorKind::NotWritable)?;
        map.protect(Prot::WRITE)?;
        map.bytes_mut()?[len - 1] = 1;
        ensure!(map[..len - 1].iter().all(|&byte| byte == 0xa5) && map[len - 1] == 1);
        // SAFETY: nothing relies on the contents.
        unsafe { map.discard(Discard::DontNeed)? };
        ensure!(map.iter().all(|&byte| byte == 0));
        map.flush()?;
        is_held(rest.as_ptr())?;
        done(map.unmap())?;
        is_held(rest.as_ptr())?;
    }
    Ok(())
}

pub fn maps_files(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let end = 3 * unit + 100;
    let file = env.file("file", end)?;
    for (offset, len) in [(0, 1), (0, unit), (0, end), (unit, 2 * unit), (unit, unit + 1), (3 * unit, 100)] {
        let (place, rest) = done(reserve(len + unit)?.split(len.next_multiple_of(unit)))?;
        let address = place.as_ptr();
        // SAFETY: the file is this check's alone, here and below.
        let map = done(unsafe { Mmap::new(&file).offset(offset as u64).len(len).map_in(place) })?;
        ensure!(map.as_ptr() == address && map.len() == len);
        ensure!(is_pattern(&map, offset as u64));
        drop(map);
        is_held(rest.as_ptr())?;
    }
    // Of a part of a unit all of it goes.
    is_freed(|| {
        let place = reserve(1)?;
        let all = (place.as_ptr(), place.len());
        // SAFETY: as above.
        drop(done(unsafe { Mmap::new(&file).len(1).map_in(place) })?);
        Ok(all)
    })?;
    // To its end, written to, read in another way, and open no longer.
    let place = reserve(2 * unit + 100)?;
    // SAFETY: as above.
    let mut map = done(unsafe { Mmap::new(&file).offset(unit as u64).prot(Prot::WRITE).map_in(place) })?;
    ensure!(map.len() == 2 * unit + 100);
    map.bytes_mut()?[unit..unit + 7].copy_from_slice(b"written");
    map.bytes_mut()?[2 * unit + 99] = b'!';
    let mut text = [0; 7];
    ensure!(file.read_at(&mut text, 2 * unit as u64)? == 7 && &text == b"written");
    map.flush()?;
    map.protect(Prot::READ)?;
    fails(map.bytes_mut(), ErrorKind::NotWritable)?;
    drop(file);
    ensure!(map[unit..].starts_with(b"written") && map.ends_with(b"!"));
    done(map.unmap())?;
    let file = env.path("file", File::open)?;
    ensure!(super::map(&file, Prot::READ)?.ends_with(b"!"));
    Ok(())
}

pub fn maps_copies(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    env.file("file", unit + 100)?;
    let file = env.path("file", File::open)?;
    let request = Mmap::new(&file).prot(Prot::WRITE).flags(Flags::COW);
    // SAFETY: the file is this check's alone.
    let mut private = done(unsafe { request.map_in(reserve(unit + 100)?) })?;
    ensure!(is_pattern(&private, 0));
    private.bytes_mut()?.fill(0xee);
    private.flush()?;
    ensure!(private.iter().all(|&byte| byte == 0xee) && is_pattern(&map(&file, Prot::READ)?, 0));
    drop(private);
    ensure!(is_pattern(&map(&file, Prot::READ)?, 0));
    // Made for reading, it can be written to later, and still never to the file.
    // SAFETY: as above.
    let mut private = done(unsafe { request.prot(Prot::READ).map_in(reserve(unit + 100)?) })?;
    fails(private.bytes_mut(), ErrorKind::NotWritable)?;
    private.protect(Prot::WRITE)?;
    private.bytes_mut()?.fill(0xee);
    ensure!(is_pattern(&map(&file, Prot::READ)?, 0));
    Ok(())
}

pub fn maps_with_every_flag(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    for flags in
        [Flags::COW, Flags::READAHEAD, Flags::POPULATE, Flags::NORESERVE, Flags::LOCKED, Flags::HUGETLB]
    {
        let place = reserve(1)?;
        let place = match Mmap::anon(100).prot(Prot::WRITE).flags(flags).map_in(place) {
            Err((place, error)) => {
                ensure!(error.flag() == Some(flags));
                place
            }
            Ok(mut map) => {
                map.bytes_mut()?.fill(1);
                done(map.into_reservation())?
            }
        };
        // SAFETY: the file is this check's alone.
        match unsafe { Mmap::new(&file).flags(flags).map_in(place) } {
            Err((_, error)) => ensure!(error.flag() == Some(flags)),
            Ok(map) => ensure!(is_pattern(&map, 0)),
        }
    }
    Ok(())
}

pub fn is_given_back(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let mut place = reserve(2 * unit)?;
    let anon = Mmap::anon(2 * unit).prot(Prot::WRITE);
    let file = env.file("file", 5 * unit)?;
    let empty = env.file("empty", 0)?;
    for (request, kind) in [
        (anon.len(0), ErrorKind::EmptyAnon),
        (anon.len(1), ErrorKind::InvalidInput),
        (anon.len(unit), ErrorKind::InvalidInput),
        (anon.len(2 * unit + 1), ErrorKind::InvalidInput),
        (anon.len(isize::MAX as usize), ErrorKind::InvalidInput),
        (anon.len(usize::MAX), ErrorKind::TooLong),
        (anon.offset(unit as u64), ErrorKind::OffsetAnon),
        (anon.flags(Flags::HUGETLB), ErrorKind::Unsupported),
        (anon.flags(Flags::HUGETLB | Flags::NORESERVE), ErrorKind::Unsupported),
    ] {
        place = is_refused(place, kind, |place| request.map_in(place))?;
    }
    let whole = Mmap::new(&file);
    for (request, kind) in [
        (whole, ErrorKind::InvalidInput),
        (whole.len(unit), ErrorKind::InvalidInput),
        (whole.len(0), ErrorKind::InvalidInput),
        (whole.len(2 * unit).offset(1), ErrorKind::InvalidInput),
        (whole.len(2 * unit).offset(unit as u64 / 2), ErrorKind::InvalidInput),
        (whole.len(2 * unit).offset(4 * unit as u64), ErrorKind::BeyondEnd),
        (whole.len(2 * unit).offset(u64::MAX), ErrorKind::Overflow),
        (whole.len(usize::MAX), ErrorKind::TooLong),
        (whole.len(2 * unit).flags(Flags::HUGETLB), ErrorKind::Unsupported),
        (Mmap::new(&empty), ErrorKind::InvalidInput),
    ] {
        // SAFETY: the file is this check's alone, here and below.
        place = is_refused(place, kind, |place| unsafe { request.map_in(place) })?;
    }
    if let Some(pipe) = env.pipe {
        let request = Mmap::new(pipe).len(2 * unit);
        // SAFETY: as above.
        place = is_refused(place, ErrorKind::NotMappable, |place| unsafe { request.map_in(place) })?;
    }
    // What the system refuses.
    let read_only = env.path("file", File::open)?;
    let request = Mmap::new(&read_only).len(2 * unit).prot(Prot::WRITE);
    // SAFETY: as above.
    place = is_refused(place, ErrorKind::PermissionDenied, |place| unsafe { request.map_in(place) })?;
    // It can be used as before.
    let address = place.as_ptr();
    let mut map = done(anon.map_in(place))?;
    map.bytes_mut()?.fill(1);
    ensure!(map.as_ptr() == address && map.len() == 2 * unit);
    Ok(())
}

/// Contents go and the address space stays, for others.
pub fn is_taken_back(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let len = unit + 100;
    let file = env.file("file", len)?;
    let mut place = reserve(len)?;
    let (address, whole) = (place.as_ptr(), place.len());
    for (before, round) in [(7, 1), (1, 2), (2, 3)] {
        let mut map = done(Mmap::anon(len).prot(Prot::WRITE).map_in(place))?;
        ensure!(map.as_ptr() == address && map.iter().all(|&byte| byte == 0));
        map.bytes_mut()?.fill(0xff);
        place = done(map.into_reservation())?;
        ensure!(place.as_ptr() == address && place.len() == whole);
        is_held(address)?;
        is_held(address.wrapping_add(unit))?;
        for (flags, prot) in
            [(Flags::COW, Prot::WRITE), (Flags::default(), Prot::WRITE), (Flags::default(), Prot::READ)]
        {
            let request = Mmap::new(&file).prot(prot).flags(flags);
            // SAFETY: the file is this check's alone.
            let mut map = done(unsafe { request.map_in(place) })?;
            // Only what was not a copy is still there.
            ensure!(map.as_ptr() == address && map[7] == if prot == Prot::READ { round } else { before });
            if prot == Prot::WRITE {
                map.bytes_mut()?[7] = round;
            }
            place = done(map.into_reservation())?;
            ensure!(place.as_ptr() == address && place.len() == whole);
            is_held(address)?;
            is_held(address.wrapping_add(unit))?;
        }
    }
    // In other parts than before.
    let (first, second) = done(place.split(unit))?;
    let first = done(Mmap::anon(1).map_in(first))?;
    let second = done(Mmap::anon(1).map_in(second))?;
    ensure!(first[0] == 0 && second[0] == 0 && second.as_ptr() == address.wrapping_add(unit));
    Ok(())
}

/// Also what was mapped without a reservation, on systems that can; on others it comes back as it was.
pub fn is_made_of_any_mapping(env: &mut Env) -> Result {
    drop(reserve(1)?);
    let empty = env.file("empty", 0)?;
    let Err((_, error)) = map(&empty, Prot::READ)?.into_reservation() else {
        return fails(Ok(()), ErrorKind::InvalidInput);
    };
    fails::<()>(Err(error), ErrorKind::InvalidInput)?;
    let file = env.file("file", 100_000)?;
    let mut anon = Mmap::anon(100_000).prot(Prot::WRITE).map()?;
    anon.bytes_mut()?.copy_from_slice(&map(&file, Prot::READ)?);
    // SAFETY: the file is this check's alone.
    let part = unsafe { Mmap::new(&file).offset(251).len(50_000).map()? };
    for map in [anon, map(&file, Prot::WRITE)?, part] {
        let (address, len) = (map.as_ptr(), map.len());
        match map.into_reservation() {
            Ok(place) => {
                ensure!(
                    place.as_ptr() <= address
                        && address.addr() - place.as_ptr().addr() < allocation_granularity()
                );
                ensure!(place.as_ptr().addr() + place.len() >= address.addr() + len);
                is_held(place.as_ptr())?;
                let request = Mmap::anon(place.len()).prot(Prot::WRITE);
                ensure!(done(request.map_in(place))?.iter().all(|&byte| byte == 0));
            }
            Err((map, error)) => {
                fails::<()>(Err(error), ErrorKind::Unsupported)?;
                ensure!(map.as_ptr() == address && map.len() == len && is_pattern(&map, 0));
            }
        }
    }
    ensure!(is_pattern(&map(&file, Prot::READ)?, 0));
    Ok(())
}

/// A mapping goes alone, whatever its neighbours are.
pub fn neighbours_stay(env: &mut Env) -> Result {
    const COUNT: usize = 7;
    let unit = allocation_granularity();
    let file = env.file("file", COUNT * unit)?;
    let mut places = units::<COUNT>()?;
    let mut maps = [const { None }; COUNT];
    for (i, (map, place)) in maps.iter_mut().zip(&mut places).enumerate() {
        let (Some(place), len) = (place.take(), unit - i) else { continue };
        *map = Some(if i % 3 == 0 {
            let mut map = done(Mmap::anon(len).prot(Prot::WRITE).map_in(place))?;
            map.bytes_mut()?.copy_from_slice(&super::map(&file, Prot::READ)?[..len]);
            map
        } else {
            // SAFETY: the file is this check's alone.
            done(unsafe { Mmap::new(&file).offset(0).len(len).map_in(place) })?
        });
    }
    for i in [1, 0, 4, 6, 3] {
        let Some(map) = maps[i].take() else { continue };
        if i % 2 == 0 {
            drop(map);
        } else {
            places[i] = Some(done(map.into_reservation())?);
        }
        ensure!(maps.iter().flatten().all(|map| is_pattern(map, 0)));
        for place in places.iter().flatten() {
            is_held(place.as_ptr())?;
        }
    }
    Ok(())
}

/// Address space costs nothing, and memory in it what it costs anywhere.
pub fn of_great_length(env: &mut Env) -> Result {
    let unit = allocation_granularity();
    let len = env.address_space;
    drop(reserve(1)?);
    let align = len.min(1 << 30);
    let place = Reservation::aligned(len, align)?;
    ensure!(place.len() == len && place.as_ptr().addr() % align == 0);
    let (place, last) = done(place.split(len - unit))?;
    let (first, place) = done(place.split(unit))?;
    for place in [first, last] {
        let mut map = done(Mmap::anon(unit).prot(Prot::WRITE).map_in(place))?;
        map.bytes_mut()?.fill(1);
    }
    ensure!(place.len() == len - 2 * unit);
    // More than there is, perhaps.
    let (address, len) = (place.as_ptr(), place.len());
    match Mmap::anon(len).prot(Prot::WRITE).map_in(place) {
        Ok(map) => drop(map),
        Err((place, error)) => {
            fails::<()>(Err(error), ErrorKind::OutOfMemory)?;
            ensure!(place.as_ptr() == address && place.len() == len);
            is_held(address)?;
            is_held(address.wrapping_add(len - unit))?;
        }
    }
    Ok(())
}

pub fn says_what_it_is(_: &mut Env) -> Result {
    struct Count(usize);
    impl core::fmt::Write for Count {
        fn write_str(&mut self, part: &str) -> core::fmt::Result {
            self.0 += part.len();
            Ok(())
        }
    }
    let place = reserve(1 << 20)?;
    let mut count = Count(0);
    ensure!(core::fmt::write(&mut count, format_args!("{place:?}")).is_ok());
    ensure!((20..200).contains(&count.0));
    Ok(())
}
