//! Mapping files.

use super::*;
use baremap::{Advice, Contents, Discard, Flags, allocation_granularity, page_size};

checks! {
    mmap:
    whole_file,
    any_length,
    any_offset,
    empty,
    reports_no_length,
    beyond_end,
    overflow,
    too_long,
    beyond_4_gib,
    length_of_33_bits,
    shared,
    raw,
    copy_on_write,
    write_permission,
    outlives_file,
    directory,
    pipe,
    device,
    every_flag,
    huge_pages,
}

fn whole_file(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    let map = map(&file, Prot::READ)?;
    ensure_eq!(map.len(), 100_000);
    ensure_pattern(&map, 0)?;
    ensure_eq!(map.as_ptr().addr() % page_size(), 0);
    Ok(())
}

fn any_length(env: &mut Env) -> Result {
    let page = page_size();
    for len in [1, page - 1, page, page + 1, 3 * page, allocation_granularity() + 1, (1 << 20) + 1] {
        let file = env.file("file", len)?;
        let map = map(&file, Prot::READ)?;
        ensure_eq!(map.len(), len);
        ensure_pattern(&map, 0)?;
    }
    Ok(())
}

fn any_offset(env: &mut Env) -> Result {
    let (page, granularity) = (page_size(), allocation_granularity());
    let end = 3 * granularity + 5;
    let file = env.file("file", end)?;
    for offset in [
        1,
        page - 1,
        page,
        page + 1,
        granularity - 1,
        granularity,
        granularity + 1,
        2 * granularity + 7,
        end - 1,
    ] {
        // SAFETY: the file is this check's alone.
        let rest = unsafe { Mmap::new(&file).offset(offset as u64).map()? };
        ensure_eq!(rest.len(), end - offset);
        ensure_pattern(&rest, offset as u64)?;
        for len in [1, page, end - offset] {
            let len = len.min(end - offset);
            // SAFETY: as above.
            let part = unsafe { Mmap::new(&file).offset(offset as u64).len(len).map()? };
            ensure_eq!(part.len(), len);
            ensure_pattern(&part, offset as u64)?;
            part.unmap()?;
        }
    }
    Ok(())
}

/// Every operation on an empty mapping succeeds and does nothing.
fn empty(env: &mut Env) -> Result {
    let empty = env.file("empty", 0)?;
    let file = env.file("file", 10)?;
    let every = Flags::COW | Flags::READAHEAD | Flags::POPULATE | Flags::LOCKED;
    for request in [
        Mmap::new(&empty),
        Mmap::new(&empty).len(0),
        Mmap::new(&empty).prot(Prot::all()).flags(every),
        Mmap::new(&file).offset(10),
        Mmap::new(&file).offset(10).len(0),
        Mmap::new(&file).offset(3).len(0),
    ] {
        // SAFETY: the files are this check's alone, here and below.
        is_empty(unsafe { request.map()? })?;
        // SAFETY: as above.
        let mut map = unsafe { request.map_mut()? };
        ensure_eq!(map.bytes_mut().len(), 0);
        ensure_eq!(map.as_mut_ptr().addr() % allocation_granularity(), 0);
        map.protect(Prot::all())?;
        is_empty(map.into_read_only()?)?;
        // SAFETY: as above.
        is_empty(unsafe { request.map_mut()? }.into_exec()?)?;
        let mut map = request.map_raw()?;
        ensure_eq!((map.len(), map.as_mut_ptr().addr() % allocation_granularity()), (0, 0));
        map.flush()?;
        // SAFETY: there is no memory.
        unsafe { map.protect(Prot::READ)? };
        map.unmap()?;
    }
    Ok(())
}

fn is_empty(mut map: Mapping) -> Result {
    ensure!(map.is_empty());
    ensure_eq!(map.bytes(), b"");
    // A cast to a slice of another type finds the address aligned.
    ensure_eq!(map.as_ptr().addr() % allocation_granularity(), 0);
    map.flush()?;
    map.flush_range(0..0)?;
    map.flush_async()?;
    map.flush_async_range(..)?;
    map.lock()?;
    map.unlock()?;
    map.advise(Advice::WillNeed)?;
    map.advise_range(..0, Advice::WillNeed)?;
    for discard in [Discard::DontNeed, Discard::Free, Discard::Remove] {
        // SAFETY: there are no contents.
        unsafe { map.discard(discard)? };
        // SAFETY: as above.
        unsafe { map.discard_range(0.., discard)? };
    }
    map.protect(Prot::all())?;
    fails(map.flush_range(0..1), ErrorKind::BeyondEnd)?;
    let (ptr, len, backing) = map.into_raw_parts();
    // SAFETY: the parts are used once.
    let map: Mapping = unsafe { Mapping::from_raw_parts(ptr, len, backing) };
    let map = map.into_mut()?.into_read_only()?.into_exec()?;
    map.unmap()?;
    Ok(())
}

/// A file that has contents and reports a length of 0 is not mapped as an empty one.
fn reports_no_length(env: &mut Env) -> Result {
    let Some(path) = env.reports_no_length else {
        return Err(Failure::Skipped("no such file here"));
    };
    let file = File::open(path)?;
    ensure_eq!(file.len()?, 0);
    ensure_eq!(file.read_at(&mut [0], 0)?, 1);
    fails(Mmap::new(&file).map_raw(), ErrorKind::NotMappable)?;
    fails(Mmap::new(&file).len(0).map_raw(), ErrorKind::NotMappable)
}

fn beyond_end(env: &mut Env) -> Result {
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
        fails(request.map_raw(), ErrorKind::BeyondEnd)?;
        // SAFETY: nothing is mapped, here and below.
        fails(unsafe { request.map() }, ErrorKind::BeyondEnd)?;
        // SAFETY: as above.
        fails(unsafe { request.map_mut() }, ErrorKind::BeyondEnd)?;
    }
    Ok(())
}

fn overflow(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    for (offset, len) in [(u64::MAX, 1), (u64::MAX - 5, 10), (i64::MAX as u64, 1), (1, isize::MAX as usize)] {
        // On a system of 32 bits the last one is no overflow.
        if i64::try_from(u128::from(offset) + len as u128).is_err() {
            fails(Mmap::new(&file).offset(offset).len(len).map_raw(), ErrorKind::Overflow)?;
        }
    }
    Ok(())
}

fn too_long(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    for len in [isize::MAX as usize + 1, usize::MAX] {
        fails(Mmap::new(&file).len(len).map_raw(), ErrorKind::TooLong)?;
    }
    Ok(())
}

/// A sparse file of 6 GiB, written and read where an offset needs 33 bits.
fn beyond_4_gib(env: &mut Env) -> Result {
    const OFFSET: u64 = (4 << 30) + 12_345;
    let file = File::create(&*env.path("file"))?;
    file.set_len(6 << 30)?;
    // SAFETY: the file is this check's alone, here and below.
    let mut map = unsafe { Mmap::new(&file).offset(OFFSET).len(100_000).map_mut()? };
    ensure_filled(&map, 0)?;
    map[..5].copy_from_slice(b"above");
    map[99_999] = b'!';
    map.flush()?;
    map.unmap()?;
    let mut text = [0; 5];
    ensure_eq!(file.read_at(&mut text, OFFSET)?, 5);
    ensure_eq!(text, *b"above");
    ensure_eq!(file.read_at(&mut text, OFFSET - (4 << 30))?, 5);
    ensure_eq!(text, [0; 5]);
    if usize::BITS < 64 {
        // All of it exceeds the address space.
        return fails(super::map(&file, Prot::READ), ErrorKind::TooLong);
    }
    // SAFETY: as above.
    let end = unsafe { Mmap::new(&file).offset(OFFSET - 1).map()? };
    ensure_eq!(end.len() as u64, (6 << 30) - (OFFSET - 1));
    ensure_eq!(end[..7], *b"\0above\0");
    ensure_eq!((end[100_000], end[end.len() - 1]), (b'!', 0));
    drop(end);
    ensure_eq!(super::map(&file, Prot::READ)?.len() as u64, 6 << 30);
    Ok(())
}

/// A length is not shortened to the bits of an address.
fn length_of_33_bits(env: &mut Env) -> Result {
    const LEN: u64 = (4 << 30) + 10;
    let file = env.file("file", 10)?;
    let mut part = map_mut(&file)?;
    file.set_len(LEN)?;
    let whole = Mmap::new(&file);
    // SAFETY: the file is this check's alone.
    let lengths = unsafe {
        [
            whole.map().map(|map| map.len()),
            whole.map_mut().map(|map| map.len()),
            whole.map_raw().map(|map| map.len()),
            whole.view().map(|view| view.len()),
            whole.resize(&mut part).map(|()| part.len()),
        ]
    };
    for len in lengths {
        match (len, usize::try_from(LEN)) {
            (len, Err(_)) => fails(len, ErrorKind::TooLong)?,
            // Of a small machine.
            (Err(error), Ok(_)) if error.kind() == ErrorKind::OutOfMemory => {}
            (len, Ok(all)) => ensure_eq!(len?, all),
        }
    }
    if usize::BITS < 64 {
        fails(Contents::read(&file), ErrorKind::TooLong)?;
    }
    Ok(())
}

/// What is written to a mapping is read from the file and from other mappings.
fn shared(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let mut writer = map_mut(&file)?;
    writer[5_000..5_007].copy_from_slice(b"written");
    let mut text = [0; 7];
    ensure_eq!(file.read_at(&mut text, 5_000)?, 7);
    ensure_eq!(text, *b"written");
    drop(writer);
    // SAFETY: the file is this check's alone.
    let reader = unsafe { Mmap::new(&file).offset(5_000).len(7).map()? };
    ensure_eq!(reader[..], *b"written");
    Ok(())
}

/// Pointers to a file see what another mapping writes, and write to it.
fn raw(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let mut writer = Mmap::new(&file).offset(4_999).prot(Prot::WRITE).map_raw()?;
    let reader = Mmap::new(&file).map_raw()?;
    ensure_eq!((writer.len(), reader.len()), (5_001, 10_000));
    ensure_eq!((writer.prot(), reader.prot()), (Prot::WRITE, Prot::READ));
    // SAFETY: both are mapped, and no reference to them exists, here and below.
    let byte = |i| unsafe { reader.as_ptr().add(i).read_volatile() };
    ensure_eq!(byte(4_999), period(4_999)[0]);
    for value in [0xff, 0xfe] {
        // SAFETY: as above; the mapping is writable.
        unsafe { writer.as_mut_ptr().add(1).write_volatile(value) };
        ensure_eq!(byte(5_000), value);
        let mut read = [0];
        ensure_eq!(file.read_at(&mut read, 5_000)?, 1);
        ensure_eq!(read, [value]);
    }
    writer.flush_range(..2)?;
    // SAFETY: as above.
    unsafe { writer.protect(Prot::READ)? };
    ensure_eq!(writer.prot(), Prot::READ);
    // SAFETY: as above.
    unsafe { writer.protect(Prot::WRITE)? };
    // SAFETY: as above.
    unsafe { writer.as_mut_ptr().write_volatile(7) };
    ensure_eq!(byte(4_999), 7);
    writer.unmap()?;
    let memory = Mmap::anon(100).prot(Prot::WRITE).map_raw()?;
    // SAFETY: mapped, writable, and referred to by nothing else.
    unsafe { memory.as_mut_ptr().write(1) };
    // SAFETY: as above.
    ensure_eq!(unsafe { memory.as_ptr().read() }, 1);
    Ok(())
}

/// What is written to a copy never reaches the file, which need only be open for reading.
fn copy_on_write(env: &mut Env) -> Result {
    env.file("file", 10_000)?;
    let file = File::open(&*env.path("file"))?;
    // SAFETY: the file is this check's alone.
    let mut copy = unsafe { Mmap::new(&file).flags(Flags::COW).map_mut()? };
    ensure_pattern(&copy, 0)?;
    copy.fill(0xee);
    copy.flush()?;
    ensure_filled(&copy, 0xee)?;
    ensure_pattern(&map(&file, Prot::READ)?, 0)?;
    drop(copy);
    ensure_pattern(&map(&file, Prot::READ)?, 0)
}

fn write_permission(env: &mut Env) -> Result {
    env.file("file", 10)?;
    let file = File::open(&*env.path("file"))?;
    fails(map_mut(&file), ErrorKind::PermissionDenied)?;
    fails(map(&file, Prot::WRITE), ErrorKind::PermissionDenied)?;
    fails(map(&file, Prot::WRITE | Prot::EXEC), ErrorKind::PermissionDenied)?;
    let file = File::open_rw(&*env.path("file"))?;
    map_mut(&file)?.unmap()?;
    Ok(())
}

fn outlives_file(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let map = map(&file, Prot::READ)?;
    drop(file);
    ensure_pattern(&map, 0)
}

fn directory(env: &mut Env) -> Result {
    let folder = match File::open(env.folder) {
        // Then there is nothing to map.
        Err(error) if error.kind() == ErrorKind::NotMappable => return Ok(()),
        result => result?,
    };
    for request in [Mmap::new(&folder), Mmap::new(&folder).len(1), Mmap::new(&folder).offset(1).len(0)] {
        fails(request.map_raw(), ErrorKind::NotMappable)?;
    }
    Ok(())
}

fn pipe(env: &mut Env) -> Result {
    let Some(pipe) = env.pipe else {
        return Err(Failure::Skipped("no pipe here"));
    };
    fails(Mmap::new(pipe).map_raw(), ErrorKind::NotMappable)?;
    fails(Mmap::new(pipe).len(4).map_raw(), ErrorKind::NotMappable)
}

/// A device reports no length, so the caller says how much to map.
fn device(env: &mut Env) -> Result {
    let Some(zeros) = env.zeros else {
        return Err(Failure::Skipped("no such device here"));
    };
    let zeros = File::open(zeros)?;
    ensure_eq!(zeros.len()?, 0);
    fails(Mmap::new(&zeros).map_raw(), ErrorKind::NotMappable)?;
    // SAFETY: the device's contents are always zeros.
    let map = match unsafe { Mmap::new(&zeros).len(10_000).map() } {
        Err(error) if error.kind() == ErrorKind::NotMappable && error.raw_os_error().is_some() => {
            return Err(Failure::Skipped("this system does not map such a device"));
        }
        result => result?,
    };
    ensure_eq!(map.len(), 10_000);
    ensure_filled(&map, 0)
}

fn every_flag(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    for flags in [Flags::COW, Flags::READAHEAD, Flags::POPULATE, Flags::NORESERVE, Flags::LOCKED] {
        // SAFETY: the file is this check's alone.
        match unsafe { Mmap::new(&file).offset(7).flags(flags).map() } {
            Err(error) if error.kind() == ErrorKind::Unsupported => ensure_eq!(error.flag(), Some(flags)),
            result => ensure_pattern(&result?, 7)?,
        }
    }
    Ok(())
}

/// An ordinary file has no huge pages.
fn huge_pages(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    let result = Mmap::new(&file).flags(Flags::HUGETLB).map_raw();
    ensure_eq!(result.as_ref().err().and_then(Error::flag), Some(Flags::HUGETLB));
    fails(result, ErrorKind::Unsupported)
}
