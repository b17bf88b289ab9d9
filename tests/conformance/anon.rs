//! Anonymous memory.

use super::*;
use baremap::{Discard, Flags, page_size};

checks! {
    anon:
    zeroed_and_writable,
    any_length,
    zero_length,
    too_long,
    out_of_memory,
    every_flag,
    huge_pages,
    huge_pages_unreserved,
    many_at_once,
}

fn zeroed_and_writable(_: &mut Env) -> Result {
    let mut map = Mmap::anon(1 << 20).map_mut()?;
    ensure_eq!(map.len(), 1 << 20);
    ensure_filled(&map, 0)?;
    map.fill(0xa5);
    ensure_filled(&map, 0xa5)?;
    ensure_filled(&Mmap::anon(1 << 20).map()?, 0)
}

fn any_length(_: &mut Env) -> Result {
    let page = page_size();
    for len in [1, page - 1, page, page + 1, (4 << 20) + 1] {
        let mut map = Mmap::anon(len).map_mut()?;
        ensure_eq!(map.len(), len);
        ensure_eq!(map.as_ptr().addr() % page, 0);
        map[len - 1] = 1;
        ensure_eq!(map[len - 1], 1);
    }
    Ok(())
}

fn zero_length(_: &mut Env) -> Result {
    fails(Mmap::anon(0).map(), ErrorKind::ZeroLength)?;
    fails(Mmap::anon(0).map_mut(), ErrorKind::ZeroLength)?;
    fails(Mmap::anon(0).map_raw(), ErrorKind::ZeroLength)
}

fn too_long(_: &mut Env) -> Result {
    fails(Mmap::anon(isize::MAX as usize + 1).map(), ErrorKind::TooLong)?;
    fails(Mmap::anon(usize::MAX).map(), ErrorKind::TooLong)
}

fn out_of_memory(_: &mut Env) -> Result {
    let _crowd = crowd();
    fails(Mmap::anon(isize::MAX as usize).map(), ErrorKind::OutOfMemory)
}

fn every_flag(_: &mut Env) -> Result {
    for flags in [Flags::COW, Flags::READAHEAD, Flags::POPULATE, Flags::NORESERVE, Flags::LOCKED] {
        match Mmap::anon(page_size()).flags(flags).map_mut() {
            Err(error) if error.kind() == ErrorKind::Unsupported => ensure_eq!(error.flag(), Some(flags)),
            result => {
                let mut map = result?;
                map[0] = 1;
                ensure_eq!(map[..2], [1, 0]);
                map.unmap()?;
            }
        }
    }
    Ok(())
}

/// The pages are huge, or an error names the flag. Unmapping releases whole huge pages.
fn huge_pages(_: &mut Env) -> Result {
    for len in [1, 3 * page_size(), 3 << 20] {
        let mut map = match Mmap::anon(len).flags(Flags::HUGETLB).map_mut() {
            Err(error) => {
                ensure_eq!(error.flag(), Some(Flags::HUGETLB));
                continue;
            }
            Ok(map) => map,
        };
        ensure_eq!(map.len(), len);
        ensure_eq!(map.as_ptr().addr() % (1 << 20), 0);
        map[len - 1] = 1;
        // A range that covers no whole huge page discards nothing. The end of the mapping is the end of its last page.
        map.fill(7);
        // SAFETY: nothing relies on the contents, here and below.
        unsafe { map.discard_range(page_size().min(len)..len.min(2 * page_size()), Discard::DontNeed)? };
        ensure_filled(&map, 7)?;
        // SAFETY: as above.
        match unsafe { map.discard(Discard::DontNeed) } {
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            result => {
                result?;
                ensure_filled(&map, 0)?;
            }
        }
        map[len - 1] = 1;
        let map = map.into_read_only()?;
        ensure_eq!(map[len - 1], 1);
        map.unmap()?;
    }
    Ok(())
}

/// A page that the pool lacks when it is touched would fault, in safe code.
fn huge_pages_unreserved(_: &mut Env) -> Result {
    fails(Mmap::anon(1).flags(Flags::HUGETLB | Flags::NORESERVE).map(), ErrorKind::Unsupported)
}

/// Unmapping leaves neighbours alone, though the system may have merged them.
fn many_at_once(_: &mut Env) -> Result {
    const COUNT: usize = 64;
    let page = page_size();
    let mut maps = [const { None }; COUNT];
    for (i, map) in maps.iter_mut().enumerate() {
        map.insert(Mmap::anon(page + i).map_mut()?).fill(i as u8);
    }
    for map in maps.iter_mut().step_by(2) {
        *map = None;
    }
    for (i, map) in maps.iter().enumerate() {
        ensure_eq!(map.as_ref().map(|map| map.len()), (i % 2 == 1).then_some(page + i));
        if let Some(map) = map {
            ensure_filled(map, i as u8)?;
        }
    }
    Ok(())
}
