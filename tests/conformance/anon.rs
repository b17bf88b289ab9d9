//! Anonymous memory.

use super::{Env, Result, ensure, fails};
use baremap::{Discard, ErrorKind, Flags, Mmap, Prot, page_size};

pub fn is_zeroed_and_writable(_: &mut Env) -> Result {
    let mut map = Mmap::anon(1 << 20).prot(Prot::WRITE).map()?;
    ensure!(map.len() == 1 << 20);
    ensure!(map.iter().all(|&byte| byte == 0));
    map.bytes_mut()?.fill(0xa5);
    ensure!(map.iter().all(|&byte| byte == 0xa5));
    Ok(())
}

pub fn of_any_length(_: &mut Env) -> Result {
    let page = page_size();
    for len in [1, page - 1, page, page + 1, (4 << 20) + 1] {
        let mut map = Mmap::anon(len).prot(Prot::WRITE).map()?;
        ensure!(map.len() == len);
        map.bytes_mut()?[len - 1] = 1;
        ensure!(map[len - 1] == 1);
    }
    let last = Mmap::anon(1).len(2).map()?;
    ensure!(last.len() == 2);
    Ok(())
}

pub fn without_length(_: &mut Env) -> Result {
    fails(Mmap::anon(0).map(), ErrorKind::EmptyAnon)?;
    fails(Mmap::anon(1).len(0).map(), ErrorKind::EmptyAnon)
}

pub fn with_offset(_: &mut Env) -> Result {
    fails(Mmap::anon(1).offset(1).map(), ErrorKind::OffsetAnon)?;
    fails(Mmap::anon(1).offset(page_size() as u64).map(), ErrorKind::OffsetAnon)
}

pub fn too_long(_: &mut Env) -> Result {
    fails(Mmap::anon(isize::MAX as usize + 1).map(), ErrorKind::TooLong)?;
    fails(Mmap::anon(usize::MAX).map(), ErrorKind::TooLong)
}

pub fn more_than_there_is(_: &mut Env) -> Result {
    fails(Mmap::anon(isize::MAX as usize).map(), ErrorKind::OutOfMemory)
}

pub fn with_every_flag(_: &mut Env) -> Result {
    for flags in [Flags::COW, Flags::READAHEAD, Flags::POPULATE, Flags::NORESERVE, Flags::LOCKED] {
        let result = Mmap::anon(page_size()).prot(Prot::WRITE).flags(flags).map();
        match result {
            Err(error) if error.kind() == ErrorKind::Unsupported => ensure!(error.flag() == Some(flags)),
            result => {
                let mut map = result?;
                map.bytes_mut()?[0] = 1;
                ensure!(map[0] == 1 && map[1] == 0);
                map.unmap().map_err(|(_, error)| error)?;
            }
        }
    }
    Ok(())
}

/// Huge, or an error that names the flag; and all of it goes when it is unmapped.
pub fn huge_pages(_: &mut Env) -> Result {
    for len in [1, 3 * page_size(), 3 << 20] {
        match Mmap::anon(len).prot(Prot::WRITE).flags(Flags::HUGETLB).map() {
            Err(error) => ensure!(error.flag() == Some(Flags::HUGETLB)),
            Ok(mut map) => {
                ensure!(map.len() == len);
                ensure!(map.as_ptr().addr() % (1 << 20) == 0);
                map.bytes_mut()?[len - 1] = 1;
                // Of no whole huge page nothing is lost, and the rest of the last one is the mapping's own.
                map.bytes_mut()?.fill(7);
                // SAFETY: nothing relies on the contents, here and below.
                unsafe {
                    map.discard_range(page_size().min(len)..len.min(2 * page_size()), Discard::DontNeed)?
                };
                ensure!(map.iter().all(|&byte| byte == 7));
                // SAFETY: as above.
                match unsafe { map.discard(Discard::DontNeed) } {
                    Err(error) if error.kind() == ErrorKind::Unsupported => {}
                    result => {
                        result?;
                        ensure!(map.iter().all(|&byte| byte == 0));
                    }
                }
                map.bytes_mut()?[len - 1] = 1;
                map.protect(Prot::READ)?;
                ensure!(map[len - 1] == 1);
                map.unmap().map_err(|(_, error)| error)?;
            }
        }
    }
    Ok(())
}

/// Safe code must not get memory that may fault when it is touched.
pub fn huge_pages_unreserved(_: &mut Env) -> Result {
    fails(Mmap::anon(1).flags(Flags::HUGETLB | Flags::NORESERVE).map(), ErrorKind::Unsupported)
}

/// Neighbours are not touched when one goes, though the system may have merged them.
pub fn many_at_a_time(_: &mut Env) -> Result {
    const COUNT: usize = 64;
    let page = page_size();
    let mut maps = [const { None }; COUNT];
    for (i, map) in maps.iter_mut().enumerate() {
        let mut new = Mmap::anon(page + i).prot(Prot::WRITE).map()?;
        new.bytes_mut()?.fill(i as u8);
        *map = Some(new);
    }
    for map in maps.iter_mut().step_by(2) {
        *map = None;
    }
    for (i, map) in maps.iter().enumerate() {
        ensure!(map.is_some() == (i % 2 == 1));
        ensure!(map.iter().all(|map| map.len() == page + i && map.iter().all(|&byte| byte == i as u8)));
    }
    Ok(())
}
