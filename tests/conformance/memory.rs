//! Files in memory, seals, and space for files.

use super::*;
use baremap::page_size;

checks! {
    memory:
    memory_file,
    mapped_twice,
    memory_files_differ,
    seal,
    seal_while_writable,
    sealed_parts,
    not_sealed,
    allocate,
    allocate_in_parts,
    allocate_refused,
}

/// A file in memory. Skips where there are none.
fn memory(len: usize) -> Result<File> {
    let file = supported(File::memory(), "no files in memory here")?;
    ensure!(file.is_empty()?);
    file.set_len(len as u64)?;
    let real = file.len()? as usize;
    // macOS has whole pages alone.
    ensure!(real == len || real == len.next_multiple_of(page_size()));
    Ok(file)
}

/// A file in memory with the pattern.
fn filled(len: usize) -> Result<File> {
    let file = memory(len)?;
    for chunk in map_mut(&file)?.chunks_mut(251) {
        chunk.copy_from_slice(&PATTERN[..chunk.len()]);
    }
    Ok(file)
}

/// The same, sealed. Skips where there are no seals.
fn sealed(len: usize) -> Result<File> {
    let file = filled(len)?;
    supported(file.seal(), "no seals here")?;
    Ok(file)
}

fn memory_file(_: &mut Env) -> Result {
    let file = memory(100_000)?;
    let mut map = map_mut(&file)?;
    ensure_eq!(map.len() as u64, file.len()?);
    ensure_filled(&map, 0)?;
    map.fill(1);
    drop(map);
    ensure_filled(&super::map(&file, Prot::READ)?, 1)
}

/// One mapping shows what was written through the other, also after the file was closed.
fn mapped_twice(_: &mut Env) -> Result {
    let file = memory(100_000)?;
    let (one, two) =
        (Mmap::new(&file).prot(Prot::WRITE).map_raw()?, Mmap::new(&file).prot(Prot::WRITE).map_raw()?);
    ensure!(one.as_ptr() != two.as_ptr());
    let write = |at: usize, byte| {
        // SAFETY: nothing else uses the file, and it keeps its length, here and below.
        unsafe { one.as_mut_ptr().add(at).write_volatile(byte) };
    };
    // SAFETY: as above.
    let read = |at: usize| unsafe { two.as_ptr().add(at).read_volatile() };
    write(0, 1);
    write(99_999, 2);
    ensure_eq!((read(0), read(99_999)), (1, 2));
    drop(file);
    write(50_000, 3);
    ensure_eq!((read(0), read(50_000), read(99_999)), (1, 3, 2));
    Ok(())
}

fn memory_files_differ(_: &mut Env) -> Result {
    let (one, two) = (filled(1000)?, memory(1000)?);
    ensure_pattern(&map(&one, Prot::READ)?, 0)?;
    ensure_filled(&map(&two, Prot::READ)?, 0)
}

/// Nothing can be changed any more, and it is a safe slice.
fn seal(_: &mut Env) -> Result {
    let file = sealed(100_000)?;
    let map = Mmap::new(&file).map_sealed()?;
    ensure_pattern(&map, 0)?;
    fails(file.write_at(b"x", 0), ErrorKind::PermissionDenied)?;
    for len in [0, 99_999, 100_001] {
        fails(file.set_len(len), ErrorKind::PermissionDenied)?;
    }
    fails(file.allocate(0, 200_000), ErrorKind::PermissionDenied)?;
    fails(map_mut(&file), ErrorKind::PermissionDenied)?;
    fails(Mmap::new(&file).prot(Prot::WRITE).map_raw(), ErrorKind::PermissionDenied)?;
    fails(file.seal(), ErrorKind::PermissionDenied)?;
    ensure_eq!(file.len()?, 100_000);
    drop(file);
    ensure_pattern(&map, 0)?;
    // What is written stays private.
    let (file, mut map) = (sealed(100)?, map.into_mut()?);
    map.fill(1);
    let mut copy = Mmap::new(&file).prot(Prot::WRITE).map_sealed()?.into_mut()?;
    copy.fill(2);
    ensure_filled(&map, 1)?;
    ensure_pattern(&Mmap::new(&file).map_sealed()?, 0)
}

fn seal_while_writable(_: &mut Env) -> Result {
    let file = filled(100_000)?;
    let mut map = map_mut(&file)?;
    match file.seal() {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Err(Failure::Skipped("no seals here"));
        }
        result => fails(result, ErrorKind::Busy)?,
    }
    // No seal was set.
    map[0] = 7;
    ensure_eq!(file.write_at(b"x", 1)?, 1);
    fails(Mmap::new(&file).map_sealed(), ErrorKind::NotSealed)?;
    drop(map);
    // A private mapping does not count.
    // SAFETY: the file is this check's alone.
    let private = unsafe { Mmap::new(&file).flags(baremap::Flags::COW).map_mut()? };
    file.seal()?;
    ensure_eq!(private[..2], *b"\x07x");
    ensure_eq!(Mmap::new(&file).map_sealed()?[..2], *b"\x07x");
    Ok(())
}

/// Offsets, lengths and errors are those of `map`.
fn sealed_parts(_: &mut Env) -> Result {
    let file = sealed(100_000)?;
    let request = Mmap::new(&file);
    for (offset, len) in [(0, 1), (1, 99_999), (4096, 10), (50_000, 50_000), (100_000, 0), (10, 0)] {
        let map = request.offset(offset).len(len).map_sealed()?;
        ensure_eq!(map.len(), len);
        ensure_pattern(&map, offset)?;
    }
    ensure_eq!(request.offset(99_000).map_sealed()?.len(), 1000);
    fails(request.offset(100_001).map_sealed(), ErrorKind::BeyondEnd)?;
    fails(request.len(100_001).map_sealed(), ErrorKind::BeyondEnd)?;
    let empty = memory(0)?;
    empty.seal()?;
    ensure!(Mmap::new(&empty).map_sealed()?.is_empty());
    Ok(())
}

fn not_sealed(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    match Mmap::new(&file).map_sealed() {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Err(Failure::Skipped("no file is sealed here"));
        }
        result => fails(result, ErrorKind::NotSealed)?,
    }
    fails(Mmap::new(&File::open(&*env.path("file"))?).map_sealed(), ErrorKind::NotSealed)?;
    fails(Mmap::new(&File::open(env.folder)?).map_sealed(), ErrorKind::NotSealed)?;
    fails(Mmap::new(&filled(100)?).map_sealed(), ErrorKind::NotSealed)?;
    if let Some(zeros) = env.zeros {
        fails(Mmap::new(&File::open(zeros)?).len(100).map_sealed(), ErrorKind::NotSealed)?;
    }
    if let Some(pipe) = env.pipe {
        fails(Mmap::new(pipe).map_sealed(), ErrorKind::NotSealed)?;
    }
    match file.seal() {
        // tmpfs has seals, and allows none.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        result => fails(result, ErrorKind::Unsupported),
    }
}

/// The file is extended with zeros, and never truncated; contents stay.
fn allocate(env: &mut Env) -> Result {
    let file = env.file("file", 1000)?;
    supported(file.allocate(0, 100_000), "no space can be allocated here")?;
    ensure_eq!(file.len()?, 100_000);
    for (offset, len) in [(0, 10), (50_000, 50_000), (99_999, 1), (7, 0), (200_000, 0)] {
        file.allocate(offset, len)?;
        ensure_eq!(file.len()?, 100_000);
    }
    let mut map = map_mut(&file)?;
    ensure_pattern(&map[..1000], 0)?;
    ensure_filled(&map[1000..], 0)?;
    map[1000..].fill(1);
    map.flush()?;
    drop(map);
    file.allocate(99_000, 2001)?;
    ensure_eq!(file.len()?, 101_001);
    let map = super::map(&file, Prot::READ)?;
    ensure_pattern(&map[..1000], 0)?;
    ensure_filled(&map[1000..100_000], 1)?;
    ensure_filled(&map[100_000..], 0)
}

/// Past a gap, and again.
fn allocate_in_parts(env: &mut Env) -> Result {
    let file = env.file("file", 0)?;
    supported(file.allocate(10_000, 1), "no space can be allocated here")?;
    ensure_eq!(file.len()?, 10_001);
    for (offset, len) in [(500_000, 1_000_000), (0, 500_000), (0, 1_500_000)] {
        file.allocate(offset, len)?;
        ensure_eq!(file.len()?, 1_500_000);
    }
    let mut map = map_mut(&file)?;
    ensure_filled(&map, 0)?;
    map.fill(1);
    Ok(())
}

fn allocate_refused(env: &mut Env) -> Result {
    let file = env.file("file", 1000)?;
    let max = i64::MAX as u64;
    for (offset, len) in [(max, 1), (1, max), (u64::MAX, 1), (u64::MAX, u64::MAX), (1 << 63, 0)] {
        fails(file.allocate(offset, len), ErrorKind::Overflow)?;
    }
    supported(env.file("other", 0)?.allocate(0, 100_000), "no space can be allocated here")?;
    let reader = File::open(&*env.path("file"))?;
    match reader.allocate(0, 100_000) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => {}
        result => fails(result, ErrorKind::PermissionDenied)?,
    }
    ensure_eq!(file.len()?, 1000);
    ensure_pattern(&map(&file, Prot::READ)?, 0)
}
