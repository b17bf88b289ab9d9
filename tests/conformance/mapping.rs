//! Mappings.

use super::*;
use baremap::{Advice, Discard, RawMapping, page_size};
use core::ops::Bound;

checks! {
    mapping:
    size,
    slice,
    send_and_sync,
    default,
    flush,
    ranges_checked,
    lock,
    advise,
    raw_parts,
    unmap,
    leak,
    debug_output,
    page_sizes,
}

fn size(_: &mut Env) -> Result {
    ensure!(size_of::<Mapping>() <= 24);
    ensure_eq!(size_of::<MappingMut>(), size_of::<Mapping>());
    ensure_eq!(size_of::<RawMapping>(), size_of::<Mapping>());
    Ok(())
}

fn slice(env: &mut Env) -> Result {
    let file = env.file("file", 300)?;
    let mut map = map_mut(&file)?;
    AsMut::<[u8]>::as_mut(&mut map)[299] = 1;
    let map = map.into_read_only()?;
    let by_deref: &[u8] = &map;
    let by_reference: &[u8] = map.as_ref();
    ensure_eq!(by_deref, map.bytes());
    ensure_eq!(by_reference, map.bytes());
    ensure_eq!(map.as_ptr(), by_deref.as_ptr());
    ensure_eq!((map.first(), map.get(299), map.get(300)), (Some(&0), Some(&1), None));
    Ok(())
}

fn send_and_sync(_: &mut Env) -> Result {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Mapping>();
    is_send_and_sync::<MappingMut>();
    is_send_and_sync::<RawMapping>();
    is_send_and_sync::<File>();
    is_send_and_sync::<Error>();
    Ok(())
}

/// A mapping of no bytes, aligned as any other.
fn default(_: &mut Env) -> Result {
    let granularity = baremap::allocation_granularity();
    let map: Mapping = Default::default();
    ensure_eq!((map.bytes(), map.as_ptr().addr() % granularity), (&b""[..], 0));
    map.flush()?;
    map.unmap()?;
    let mut map = MappingMut::default();
    ensure_eq!((map.bytes_mut().len(), map.as_mut_ptr().addr() % granularity), (0, 0));
    map.into_read_only()?.unmap()?;
    let map = RawMapping::default();
    ensure_eq!((map.len(), map.as_mut_ptr().addr() % granularity), (0, 0));
    map.unmap()?;
    Ok(())
}

fn flush(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 10 * page)?;
    let mut map = map_mut(&file)?;
    for (i, flush) in [
        MappingMut::flush as fn(&MappingMut) -> Result<(), Error>,
        MappingMut::flush_async,
        |map| map.flush_range(1..2),
        |map| map.flush_range(page_size() - 1..=page_size()),
        |map| map.flush_range(map.len() - 1..),
        |map| map.flush_range(5..5),
        |map| map.flush_range(map.len()..),
        |map| map.flush_async_range(..page_size() + 1),
    ]
    .into_iter()
    .enumerate()
    {
        map.fill(i as u8);
        flush(&map)?;
        let mut read = [0xff; 8];
        ensure_eq!(file.read_at(&mut read, page as u64)?, 8);
        ensure_eq!(read, [i as u8; 8]);
    }
    map.into_read_only()?.flush()?;
    Mmap::new(&file).offset(page as u64 + 1).map_raw()?.flush_range(3..9)?;
    Mmap::anon(10).map()?.flush()?;
    Ok(())
}

/// A range that is not within the mapping is an error, whatever overflows.
fn ranges_checked(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    let map = map(&file, Prot::WRITE)?;
    let outside = [
        (Bound::Included(0), Bound::Included(100)),
        (Bound::Included(0), Bound::Excluded(101)),
        (Bound::Included(101), Bound::Unbounded),
        (Bound::Included(50), Bound::Excluded(49)),
        (Bound::Included(usize::MAX), Bound::Unbounded),
        (Bound::Excluded(usize::MAX), Bound::Unbounded),
        (Bound::Unbounded, Bound::Included(usize::MAX)),
        (Bound::Included(usize::MAX), Bound::Included(usize::MAX)),
        (Bound::Included(1), Bound::Excluded(usize::MAX)),
        (Bound::Included(isize::MAX as usize), Bound::Excluded(isize::MAX as usize + 1)),
    ];
    for range in outside {
        fails(map.flush_range(range), ErrorKind::BeyondEnd)?;
        fails(map.flush_async_range(range), ErrorKind::BeyondEnd)?;
        fails(map.advise_range(range, Advice::Normal), ErrorKind::BeyondEnd)?;
        // SAFETY: nothing is discarded.
        fails(unsafe { map.discard_range(range, Discard::DontNeed) }, ErrorKind::BeyondEnd)?;
    }
    for range in [
        (Bound::Unbounded, Bound::Unbounded),
        (Bound::Included(0), Bound::Included(99)),
        (Bound::Excluded(98), Bound::Excluded(100)),
        (Bound::Excluded(99), Bound::Unbounded),
        (Bound::Included(100), Bound::Excluded(100)),
    ] {
        map.flush_range(range)?;
        map.advise_range(range, Advice::Normal)?;
    }
    ensure_pattern(&map, 0)
}

fn lock(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 2 * page)?;
    // SAFETY: the file is this check's alone.
    let part = unsafe { Mmap::new(&file).offset(page as u64 - 1).len(2).map()? };
    for map in [Mmap::anon(2 * page).map()?, part] {
        match map.lock() {
            Err(error) if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::PermissionDenied) => {
                return Err(Failure::Skipped("this process may lock no memory"));
            }
            result => result?,
        }
        map.lock()?;
        map.unlock()?;
        map.unlock()?;
    }
    Ok(())
}

/// Advice changes no contents, and what the system does not support is ignored.
fn advise(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 3 * page)?;
    // SAFETY: the file is this check's alone.
    let part = unsafe { Mmap::new(&file).offset(5).map()? };
    let mut memory = Mmap::anon(3 * page - 5).map_mut()?;
    memory.copy_from_slice(&part);
    for map in [part, memory.into_read_only()?] {
        for advice in [
            Advice::Normal,
            Advice::Random,
            Advice::Sequential,
            Advice::WillNeed,
            Advice::Cold,
            Advice::PageOut,
            Advice::HugePage,
            Advice::NoHugePage,
        ] {
            map.advise(advice)?;
            map.advise_range(page - 1..page + 1, advice)?;
            map.advise_range(7..7, advice)?;
            ensure_pattern(&map, 5)?;
        }
        map.unmap()?;
    }
    Ok(())
}

fn raw_parts(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    // SAFETY: the file is this check's alone.
    let map = unsafe { Mmap::new(&file).offset(5_001).map_mut()? };
    let address = map.as_ptr();
    let (ptr, len, backing) = map.into_raw_parts();
    ensure_eq!(ptr.as_ptr().cast_const(), address);
    ensure_eq!(len, 4_999);
    // SAFETY: still mapped, writable, and referred to by nothing else.
    unsafe { ptr.write(9) };
    // SAFETY: the parts are used once.
    let mut map = unsafe { MappingMut::from_raw_parts(ptr, len, backing) };
    ensure_eq!(map[0], 9);
    ensure_pattern(&map[1..], 5_002)?;
    map[0] = 8;
    map.unmap()?;
    Ok(())
}

fn unmap(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    for offset in [0, 1, 4_096, 9_999] {
        Mmap::new(&file).offset(offset).map_raw()?.unmap()?;
    }
    Mmap::anon(1).map()?.unmap()?;
    Mmap::anon(1).map_mut()?.unmap()?;
    Ok(())
}

/// Not of a file, as Windows does not remove a file that is mapped.
fn leak(_: &mut Env) -> Result {
    let bytes: &'static mut [u8] = Mmap::anon(10_000).map_mut()?.leak();
    bytes.fill(7);
    ensure_filled(bytes, 7)?;
    let bytes: &'static [u8] = Mmap::anon(10_000).map()?.leak();
    ensure_filled(bytes, 0)
}

/// The contents, which may be gigabytes, are not printed.
fn debug_output(_: &mut Env) -> Result {
    let text = Text::<255>::new(format_args!("{:?}", Mmap::anon(1 << 20).map()?));
    ensure!((20..200).contains(&text.as_str().len()));
    Ok(())
}

fn page_sizes(_: &mut Env) -> Result {
    let (page, granularity) = (page_size(), baremap::allocation_granularity());
    ensure!(page.is_power_of_two() && granularity.is_power_of_two());
    ensure!(page >= 4096 && granularity >= page && granularity <= 1 << 20);
    ensure_eq!(page_size(), page);
    // Where the system maps memory agrees.
    ensure_eq!(Mmap::anon(1).map()?.as_ptr().addr() % page, 0);
    Ok(())
}
