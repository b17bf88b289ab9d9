//! Mapping files: what is seen, what is refused.

use super::{Env, Failure, Result, ensure, fails, is_pattern, map};
use baremap::{ErrorKind, File, Flags, Mmap, Prot, allocation_granularity, page_size};

pub fn whole_file(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    let seen = map(&file, Prot::READ)?;
    ensure!(seen.len() == 100_000);
    ensure!(is_pattern(&seen, 0));
    ensure!(seen.as_ptr().addr() % page_size() == 0);
    Ok(())
}

pub fn of_any_length(env: &mut Env) -> Result {
    let page = page_size();
    for len in [1, page - 1, page, page + 1, 3 * page, allocation_granularity() + 1, (1 << 20) + 1] {
        let file = env.file("file", len)?;
        let seen = map(&file, Prot::READ)?;
        ensure!(seen.len() == len && is_pattern(&seen, 0));
    }
    Ok(())
}

pub fn of_any_offset(env: &mut Env) -> Result {
    let (page, unit) = (page_size(), allocation_granularity());
    let end = 3 * unit + 5;
    let file = env.file("file", end)?;
    for offset in [1, page - 1, page, page + 1, unit - 1, unit, unit + 1, 2 * unit + 7, end - 1] {
        // SAFETY: the file is this check's alone.
        let rest = unsafe { Mmap::new(&file).offset(offset as u64).map()? };
        ensure!(rest.len() == end - offset);
        ensure!(is_pattern(&rest, offset as u64));
        for len in [1, page, end - offset] {
            let len = len.min(end - offset);
            // SAFETY: as above.
            let part = unsafe { Mmap::new(&file).offset(offset as u64).len(len).map()? };
            ensure!(part.len() == len && is_pattern(&part, offset as u64));
            part.unmap().map_err(|(_, error)| error)?;
        }
    }
    Ok(())
}

/// Of an empty mapping everything succeeds and does nothing.
pub fn of_nothing(env: &mut Env) -> Result {
    let empty = env.file("empty", 0)?;
    let file = env.file("file", 10)?;
    let every = Flags::COW | Flags::READAHEAD | Flags::POPULATE | Flags::LOCKED;
    for request in [
        Mmap::new(&empty),
        Mmap::new(&empty).len(0),
        Mmap::new(&empty).prot(Prot::WRITE | Prot::EXEC).flags(every),
        Mmap::new(&file).offset(10),
        Mmap::new(&file).offset(10).len(0),
        Mmap::new(&file).offset(3).len(0),
    ] {
        // SAFETY: the files are this check's alone.
        let mut map = unsafe { request.map()? };
        ensure!(map.is_empty() && map.bytes() == b"");
        // As any mapping's, so that a cast to a slice of other numbers finds it aligned.
        ensure!(map.as_ptr().addr() % allocation_granularity() == 0);
        ensure!(map.bytes_mut()?.is_empty());
        map.flush()?;
        map.flush_range(0..0)?;
        map.flush_async()?;
        map.lock()?;
        map.unlock()?;
        map.advise(baremap::Advice::WillNeed)?;
        // SAFETY: there are no contents.
        unsafe { map.discard(baremap::Discard::DontNeed)? };
        map.protect(Prot::WRITE)?;
        fails(map.flush_range(0..1), ErrorKind::BeyondEnd)?;
        let (ptr, len, backing) = map.into_raw_parts();
        // SAFETY: used once.
        let map = unsafe { baremap::Mapping::from_raw_parts(ptr, len, backing) };
        map.unmap().map_err(|(_, error)| error)?;
    }
    Ok(())
}

/// What only says that it is empty is no empty mapping, in which its contents would be missed.
pub fn of_a_file_that_tells_no_length(env: &mut Env) -> Result {
    let Some(path) = env.tells_no_length else {
        return Err(Failure::Skipped("no such file here"));
    };
    let file = File::open(path)?;
    ensure!(file.len()? == 0 && file.read_at(&mut [0], 0)? == 1);
    // SAFETY: nothing is mapped.
    fails(unsafe { Mmap::new(&file).map() }, ErrorKind::NotMappable)?;
    // SAFETY: as above.
    fails(unsafe { Mmap::new(&file).len(0).map() }, ErrorKind::NotMappable)
}

pub fn beyond_end(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    let empty = env.file("empty", 0)?;
    for request in [
        Mmap::new(&file).offset(11),
        Mmap::new(&file).offset(11).len(0),
        Mmap::new(&file).len(11),
        Mmap::new(&file).offset(5).len(6),
        Mmap::new(&file).offset(10).len(1),
        Mmap::new(&file).offset(u64::MAX),
        Mmap::new(&empty).len(1),
        Mmap::new(&empty).offset(1),
    ] {
        // SAFETY: the files are this check's alone.
        fails(unsafe { request.map() }, ErrorKind::BeyondEnd)?;
    }
    Ok(())
}

pub fn overflow(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    for (offset, len) in [(u64::MAX, 1), (u64::MAX - 5, 10), (i64::MAX as u64, 1), (1, isize::MAX as usize)] {
        // On a system of 32 bits the last one is no overflow.
        if i64::try_from(u128::from(offset) + len as u128).is_err() {
            // SAFETY: the file is this check's alone.
            fails(unsafe { Mmap::new(&file).offset(offset).len(len).map() }, ErrorKind::Overflow)?;
        }
    }
    Ok(())
}

pub fn too_long(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    for len in [isize::MAX as usize + 1, usize::MAX] {
        // SAFETY: the file is this check's alone.
        fails(unsafe { Mmap::new(&file).len(len).map() }, ErrorKind::TooLong)?;
    }
    Ok(())
}

/// A sparse file of 6 GiB, written and read where an offset needs 33 bits.
pub fn beyond_4_gib(env: &mut Env) -> Result {
    const OFFSET: u64 = (4 << 30) + 12_345;
    let file = env.path("file", File::create)?;
    file.set_len(6 << 30)?;
    // SAFETY: the file is this check's alone, as in what follows.
    let mut map = unsafe { Mmap::new(&file).offset(OFFSET).len(100_000).prot(Prot::WRITE).map()? };
    ensure!(map.iter().all(|&byte| byte == 0));
    map.bytes_mut()?[..5].copy_from_slice(b"above");
    map.bytes_mut()?[99_999] = b'!';
    map.flush()?;
    map.unmap().map_err(|(_, error)| error)?;
    let mut text = [0; 5];
    ensure!(file.read_at(&mut text, OFFSET)? == 5 && &text == b"above");
    ensure!(file.read_at(&mut text, OFFSET - (4 << 30))? == 5 && text == [0; 5]);
    if usize::BITS < 64 {
        // There are no addresses for all of it.
        return fails(super::map(&file, Prot::READ), ErrorKind::TooLong);
    }
    // SAFETY: as above.
    let end = unsafe { Mmap::new(&file).offset(OFFSET - 1).map()? };
    ensure!(end.len() as u64 == (6 << 30) - (OFFSET - 1));
    ensure!(end.starts_with(b"\0above\0"));
    ensure!(end[100_000] == b'!' && end[end.len() - 1] == 0);
    drop(end);
    ensure!(super::map(&file, Prot::READ)?.len() as u64 == 6 << 30);
    Ok(())
}

pub fn shared_is_seen(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let mut writer = map(&file, Prot::WRITE)?;
    writer.bytes_mut()?[5_000..5_007].copy_from_slice(b"written");
    let mut text = [0; 7];
    ensure!(file.read_at(&mut text, 5_000)? == 7 && &text == b"written");
    drop(writer);
    // SAFETY: the file is this check's alone.
    let reader = unsafe { Mmap::new(&file).offset(5_000).len(7).map()? };
    ensure!(&reader[..] == b"written");
    Ok(())
}

pub fn cow_stays_private(env: &mut Env) -> Result {
    env.file("file", 10_000)?;
    let file = env.path("file", File::open)?;
    // SAFETY: the file is this check's alone.
    let mut private = unsafe { Mmap::new(&file).prot(Prot::WRITE).flags(Flags::COW).map()? };
    ensure!(is_pattern(&private, 0));
    private.bytes_mut()?.fill(0xee);
    private.flush()?;
    ensure!(private.iter().all(|&byte| byte == 0xee));
    ensure!(is_pattern(&map(&file, Prot::READ)?, 0));
    drop(private);
    ensure!(is_pattern(&map(&file, Prot::READ)?, 0));
    Ok(())
}

pub fn write_needs_permission(env: &mut Env) -> Result {
    env.file("file", 10)?;
    let file = env.path("file", File::open)?;
    fails(map(&file, Prot::WRITE), ErrorKind::PermissionDenied)?;
    fails(map(&file, Prot::WRITE | Prot::EXEC), ErrorKind::PermissionDenied)?;
    let file = env.path("file", File::open_rw)?;
    ensure!(map(&file, Prot::WRITE).is_ok());
    Ok(())
}

pub fn outlives_file(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let seen = map(&file, Prot::READ)?;
    drop(file);
    ensure!(is_pattern(&seen, 0));
    Ok(())
}

pub fn directory(env: &mut Env) -> Result {
    let folder = match File::open(env.folder) {
        // There is nothing to map then.
        Err(error) if error.kind() == ErrorKind::NotMappable => return Ok(()),
        result => result?,
    };
    for request in [Mmap::new(&folder), Mmap::new(&folder).len(1), Mmap::new(&folder).offset(1).len(0)] {
        // SAFETY: nothing is mapped.
        fails(unsafe { request.map() }, ErrorKind::NotMappable)?;
    }
    Ok(())
}

pub fn pipe(env: &mut Env) -> Result {
    let Some(pipe) = env.pipe else {
        return Err(Failure::Skipped("no pipe here"));
    };
    // SAFETY: nothing is mapped.
    fails(unsafe { Mmap::new(pipe).map() }, ErrorKind::NotMappable)?;
    // SAFETY: nothing is mapped.
    fails(unsafe { Mmap::new(pipe).len(4).map() }, ErrorKind::NotMappable)
}

pub fn device(env: &mut Env) -> Result {
    let Some(zeros) = env.zeros else {
        return Err(Failure::Skipped("no such device here"));
    };
    let zeros = File::open(zeros)?;
    ensure!(zeros.len()? == 0);
    // SAFETY: nothing is mapped.
    fails(unsafe { Mmap::new(&zeros).map() }, ErrorKind::NotMappable)?;
    // SAFETY: the device's contents are zeros for good.
    let seen = match unsafe { Mmap::new(&zeros).len(10_000).map() } {
        Err(error) if error.kind() == ErrorKind::NotMappable && error.raw_os_error().is_some() => {
            return Err(Failure::Skipped("this system does not map such a device"));
        }
        result => result?,
    };
    ensure!(seen.len() == 10_000 && seen.iter().all(|&byte| byte == 0));
    Ok(())
}

pub fn with_every_flag(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    for flags in [Flags::COW, Flags::READAHEAD, Flags::POPULATE, Flags::NORESERVE, Flags::LOCKED] {
        // SAFETY: the file is this check's alone.
        match unsafe { Mmap::new(&file).offset(7).flags(flags).map() } {
            Err(error) if error.kind() == ErrorKind::Unsupported => ensure!(error.flag() == Some(flags)),
            result => ensure!(is_pattern(&result?, 7)),
        }
    }
    Ok(())
}

/// An ordinary file has no huge pages to give.
pub fn huge_pages(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    // SAFETY: the file is this check's alone.
    let result = unsafe { Mmap::new(&file).flags(Flags::HUGETLB).map() };
    ensure!(result.as_ref().is_err_and(|error| error.flag() == Some(Flags::HUGETLB)));
    fails(result, ErrorKind::Unsupported)
}
