//! What can be done with a mapping.

use super::{Env, Failure, Result, ensure, fails, is_pattern, map};
use baremap::{Advice, Discard, Error, ErrorKind, File, Flags, Mapping, Mmap, Prot, page_size};
use core::ops::Bound;

pub fn is_three_words(_: &mut Env) -> Result {
    ensure!(size_of::<Mapping>() <= 24);
    Ok(())
}

pub fn is_a_slice(env: &mut Env) -> Result {
    let file = env.file("file", 300)?;
    let map = map(&file, Prot::READ)?;
    let slice: &[u8] = &map;
    let by_reference: &[u8] = map.as_ref();
    ensure!(slice == map.bytes() && by_reference == map.bytes());
    ensure!(map.as_ptr() == slice.as_ptr());
    ensure!(map.first() == Some(&0) && map.get(300).is_none());
    Ok(())
}

pub fn is_send_and_sync(_: &mut Env) -> Result {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Mapping>();
    is_send_and_sync::<File>();
    is_send_and_sync::<Error>();
    Ok(())
}

pub fn read_only_is_not_written(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    fails(map(&file, Prot::READ)?.bytes_mut(), ErrorKind::NotWritable)?;
    fails(map(&file, Prot::EXEC)?.bytes_mut(), ErrorKind::NotWritable)?;
    fails(Mmap::anon(10).map()?.bytes_mut(), ErrorKind::NotWritable)
}

pub fn flushes(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 10 * page)?;
    let mut map = map(&file, Prot::WRITE)?;
    for (i, act) in [
        Mapping::flush as fn(&Mapping) -> core::result::Result<(), Error>,
        Mapping::flush_async,
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
        map.bytes_mut()?.fill(i as u8);
        act(&map)?;
        let mut read = [0xff; 8];
        ensure!(file.read_at(&mut read, page as u64)? == 8 && read == [i as u8; 8]);
    }
    map.protect(Prot::READ)?;
    map.flush()?;
    // SAFETY: the file is this check's alone.
    unsafe { Mmap::new(&file).offset(page as u64 + 1).map()? }.flush_range(3..9)?;
    Mmap::anon(10).map()?.flush()?;
    Ok(())
}

/// No range that is not within the mapping gets through, whatever overflows.
pub fn ranges_are_checked(env: &mut Env) -> Result {
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
    ensure!(is_pattern(&map, 0));
    Ok(())
}

pub fn locks(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 2 * page)?;
    // SAFETY: the file is this check's alone.
    let view = unsafe { Mmap::new(&file).offset(page as u64 - 1).len(2).map()? };
    for map in [Mmap::anon(2 * page).map()?, view] {
        match map.lock() {
            Err(error) if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::PermissionDenied) => {
                return Err(Failure::Skipped("no memory may be locked here"));
            }
            result => result?,
        }
        map.lock()?;
        map.unlock()?;
        map.unlock()?;
    }
    Ok(())
}

pub fn takes_advice(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 3 * page)?;
    // SAFETY: the file is this check's alone.
    let view = unsafe { Mmap::new(&file).offset(5).map()? };
    let mut anon = Mmap::anon(3 * page - 5).prot(Prot::WRITE).map()?;
    anon.bytes_mut()?.copy_from_slice(&view);
    for map in [view, anon] {
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
            ensure!(is_pattern(&map, 5));
        }
        map.unmap().map_err(|(_, error)| error)?;
    }
    Ok(())
}

pub fn discards(_: &mut Env) -> Result {
    let mut map = Mmap::anon(100_000).prot(Prot::WRITE).map()?;
    map.bytes_mut()?.fill(1);
    // SAFETY: nothing relies on the contents, here and below.
    unsafe { map.discard(Discard::DontNeed)? };
    ensure!(map.iter().all(|&byte| byte == 0));
    map.bytes_mut()?.fill(2);
    // SAFETY: every byte is written before it is read.
    unsafe { map.discard(Discard::Free)? };
    map.bytes_mut()?.fill(3);
    ensure!(map.iter().all(|&byte| byte == 3));
    Ok(())
}

/// A page that is not wholly in the range keeps its contents, all of it.
pub fn discards_whole_pages_only(env: &mut Env) -> Result {
    let page = page_size();
    let len = 5 * page;
    for (start, end, gone) in [
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
        let mut map = Mmap::anon(len).prot(Prot::WRITE).map()?;
        map.bytes_mut()?.fill(1);
        // SAFETY: nothing relies on the contents.
        unsafe { map.discard_range(start..end, Discard::DontNeed)? };
        ensure!(map.iter().enumerate().all(|(i, &byte)| byte == u8::from(!gone.contains(&i))));
    }
    // The same where the mapping itself begins and ends within a page.
    let file = env.file("file", len)?;
    let request = Mmap::new(&file).offset(1).len(3 * page).prot(Prot::WRITE).flags(Flags::COW);
    // SAFETY: the file is this check's alone.
    let mut map = unsafe { request.map()? };
    map.bytes_mut()?.fill(255);
    // SAFETY: nothing relies on the contents, here and below.
    match unsafe { map.discard_range(..page, Discard::DontNeed) } {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
        result => result?,
    }
    ensure!(is_pattern(&map[..page - 1], 1) && map[page - 1..].iter().all(|&byte| byte == 255));
    // SAFETY: as above.
    unsafe { map.discard_range(page + 5.., Discard::DontNeed)? };
    ensure!(map[page - 1..2 * page - 1].iter().all(|&byte| byte == 255));
    ensure!(is_pattern(&map[2 * page - 1..], 2 * page as u64));
    Ok(())
}

pub fn discards_copy_on_write(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    // SAFETY: the file is this check's alone.
    let mut map = unsafe { Mmap::new(&file).prot(Prot::WRITE).flags(Flags::COW).map()? };
    map.bytes_mut()?.fill(255);
    // SAFETY: nothing relies on the contents.
    match unsafe { map.discard(Discard::DontNeed) } {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Err(Failure::Skipped("this system does not take copies back"));
        }
        result => result?,
    }
    ensure!(is_pattern(&map, 0));
    Ok(())
}

/// Pages of a file go and come back as they were, also for those who share the mapping.
pub fn discards_of_shared_files_change_nothing(env: &mut Env) -> Result {
    let len = 5 * page_size() + 7;
    env.file("file", len)?;
    let file = env.path("file", File::open)?;
    let shared = map(&file, Prot::READ)?;
    let (first, second) = (&shared, &shared);
    // SAFETY: of a shared file no contents change.
    unsafe { first.discard(Discard::DontNeed)? };
    // SAFETY: as above.
    unsafe { second.discard_range(page_size()..len, Discard::DontNeed)? };
    ensure!(is_pattern(&shared, 0));
    Ok(())
}

/// A hole has whole pages: of one of which a part alone is mapped, nothing goes.
pub fn removes_nothing_outside(env: &mut Env) -> Result {
    let page = page_size();
    let len = 5 * page;
    for (offset, mapped) in [(page + 100, 50), (page + 100, 2 * page), (0, 10), (page - 1, page + 2)] {
        let file = env.file("file", len)?;
        let request = Mmap::new(&file).offset(offset as u64).len(mapped).prot(Prot::WRITE);
        // SAFETY: the file is this check's alone.
        let map = unsafe { request.map()? };
        // SAFETY: nothing relies on the contents.
        match unsafe { map.discard(Discard::Remove) } {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return Err(Failure::Skipped("this file system makes no holes"));
            }
            result => result?,
        }
        drop(map);
        let whole = super::map(&file, Prot::READ)?;
        ensure!(is_pattern(&whole[..offset], 0));
        ensure!(is_pattern(&whole[offset + mapped..], (offset + mapped) as u64));
    }
    Ok(())
}

pub fn removes_from_file(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 3 * page)?;
    let map = map(&file, Prot::WRITE)?;
    // SAFETY: nothing relies on the contents.
    match unsafe { map.discard_range(page..2 * page, Discard::Remove) } {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Err(Failure::Skipped("this file system makes no holes"));
        }
        result => result?,
    }
    let mut read = [1; 2];
    ensure!(file.read_at(&mut read, page as u64)? == 2);
    if !is_pattern(&read, page as u64) {
        ensure!(read == [0, 0] && map[page..2 * page].iter().all(|&byte| byte == 0));
        ensure!(is_pattern(&map[..page], 0) && is_pattern(&map[2 * page..], 2 * page as u64));
        return Ok(());
    }
    Err(Failure::Skipped("this system says yes to a hole and makes none"))
}

/// Only fresh memory can be freed, and only a hole in a file removes.
pub fn refuses_discards_without_meaning(env: &mut Env) -> Result {
    let len = 3 * page_size();
    let file = env.file("file", len)?;
    let shared = map(&file, Prot::WRITE)?;
    // SAFETY: the file is this check's alone.
    let copy = unsafe { Mmap::new(&file).prot(Prot::WRITE).flags(Flags::COW).map()? };
    let memory = Mmap::anon(len).prot(Prot::WRITE).map()?;
    for (map, discard) in [
        (&shared, Discard::Free),
        (&copy, Discard::Free),
        (&copy, Discard::Remove),
        (&memory, Discard::Remove),
    ] {
        // SAFETY: nothing relies on the contents.
        let result = unsafe { map.discard(discard) };
        ensure!(result.is_err_and(|error| {
            matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported)
        }));
    }
    ensure!(is_pattern(&shared, 0) && is_pattern(&copy, 0));
    Ok(())
}

pub fn protects(env: &mut Env) -> Result {
    let mut map = Mmap::anon(10_000).map()?;
    fails(map.bytes_mut(), ErrorKind::NotWritable)?;
    map.protect(Prot::WRITE)?;
    map.bytes_mut()?.fill(1);
    map.protect(Prot::EXEC)?;
    fails(map.bytes_mut(), ErrorKind::NotWritable)?;
    ensure!(map.iter().all(|&byte| byte == 1));
    map.protect(Prot::WRITE)?;
    map.bytes_mut()?[9_999] = 2;
    map.protect(Prot::READ)?;
    ensure!(map[9_998] == 1 && map[9_999] == 2);
    let file = env.file("file", 10_000)?;
    // SAFETY: the file is this check's alone.
    let mut view = unsafe { Mmap::new(&file).offset(4_095).prot(Prot::WRITE).map()? };
    view.protect(Prot::READ)?;
    fails(view.bytes_mut(), ErrorKind::NotWritable)?;
    view.protect(Prot::WRITE)?;
    view.bytes_mut()?[0] = 77;
    let mut read = [0; 1];
    ensure!(file.read_at(&mut read, 4_095)? == 1 && read == [77]);
    Ok(())
}

/// What the file's opening forbids, no later change allows.
pub fn protect_is_refused(env: &mut Env) -> Result {
    env.file("file", 10)?;
    let file = env.path("file", File::open)?;
    let mut map = map(&file, Prot::READ)?;
    fails(map.protect(Prot::WRITE), ErrorKind::PermissionDenied)?;
    fails(map.bytes_mut(), ErrorKind::NotWritable)?;
    ensure!(is_pattern(&map, 0));
    Ok(())
}

pub fn runs_at_raw_parts(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    // SAFETY: the file is this check's alone.
    let map = unsafe { Mmap::new(&file).offset(5_001).prot(Prot::WRITE).map()? };
    let address = map.as_ptr();
    let (ptr, len, backing) = map.into_raw_parts();
    ensure!(ptr.as_ptr().cast_const() == address && len == 4_999);
    // SAFETY: still mapped, writable, and referred to by nothing else.
    unsafe { ptr.write(9) };
    // SAFETY: the parts are used once.
    let mut map = unsafe { Mapping::from_raw_parts(ptr, len, backing) };
    ensure!(map[0] == 9 && is_pattern(&map[1..], 5_002));
    map.bytes_mut()?[0] = 8;
    map.unmap().map_err(|(_, error)| error)?;
    Ok(())
}

pub fn unmaps(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    for offset in [0, 1, 4_096, 9_999] {
        // SAFETY: the file is this check's alone.
        unsafe { Mmap::new(&file).offset(offset).map()? }.unmap().map_err(|(_, error)| error)?;
    }
    Mmap::anon(1).map()?.unmap().map_err(|(_, error)| error)?;
    Ok(())
}

/// Not of a file, as Windows keeps a file that is mapped from being removed.
pub fn leaks_on_purpose(_: &mut Env) -> Result {
    let mut map = Mmap::anon(10_000).prot(Prot::WRITE).map()?;
    map.bytes_mut()?.fill(7);
    let bytes: &'static [u8] = map.leak();
    ensure!(bytes == [7; 10_000]);
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
    let map = Mmap::anon(1 << 20).map()?;
    let mut count = Count(0);
    ensure!(core::fmt::write(&mut count, format_args!("{map:?}")).is_ok());
    // Not the contents, which may be gigabytes.
    ensure!((20..200).contains(&count.0));
    Ok(())
}

pub fn page_sizes(_: &mut Env) -> Result {
    let (page, unit) = (page_size(), baremap::allocation_granularity());
    ensure!(page.is_power_of_two() && unit.is_power_of_two());
    ensure!(page >= 4096 && unit >= page && unit <= 1 << 20);
    ensure!(page_size() == page);
    // The system agrees: memory begins at a page.
    ensure!(Mmap::anon(1).map()?.as_ptr().addr() % page == 0);
    Ok(())
}
