//! Many rounds of everything leave the process as it was: its mappings and its descriptors, as /proc lists them. Without
//! /proc there is nothing to compare.
//!
//! A test binary of its own, as other tests would map and open things meanwhile.

use baremap::{
    Advice, Code, Contents, Error, ErrorKind, File, Flags, Inheritance, Mapping, MappingMut, Mmap, Prot,
    Reservation, SharedMemory, Stack, allocation_granularity, huge_page_sizes, page_size, process,
};
use std::ffi::CString;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// The process's mappings and descriptors.
fn state() -> Option<(String, usize)> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    Some((maps, fs::read_dir("/proc/self/fd").ok()?.count()))
}

fn kind<T>(result: Result<T, Error>) -> Result<(), ErrorKind> {
    result.map(drop).map_err(|error| error.kind())
}

fn round(file: &File, readers: &[File], missing: &CString, i: usize) -> Result<(), Error> {
    // SAFETY: the file is this test's alone, here and below.
    let map = unsafe { Mmap::new(file).offset(i as u64 % 100_000).map()? };
    assert_eq!(map.first().copied(), Some(((i % 100_000) % 251) as u8));
    let flags = Flags::LOCKED | Flags::POPULATE | Flags::READAHEAD;
    // There may be a limit on locked memory.
    let locked = Mmap::new(file).flags(flags).map_raw();
    map.unmap()?;
    drop(locked);
    drop(Mmap::anon(1 + i % 10_000).map_mut()?.into_exec()?.into_mut()?);
    drop(Mmap::anon(1 + i % 10_000).hint((i + 1) << 30).map()?);
    // There may be none, or a limit on locked memory.
    drop(Mmap::anon(1 + i % 10_000).flags(Flags::SECRET).map_mut());
    drop(File::temporary(c"/tmp"));
    readers[0].lock()?;
    readers[0].unlock()?;
    let own = process::region_at((&raw const i).addr(), |region| region.len());
    assert!(own.is_ok_and(|len| len.is_some()));
    let (ptr, len, backing) = Mmap::anon(100).map()?.into_raw_parts();
    // SAFETY: the parts are used once.
    drop(unsafe { <Mapping>::from_raw_parts(ptr, len, backing) });
    assert_eq!(kind(Mmap::new(file).offset(1 << 40).map_raw()), Err(ErrorKind::BeyondEnd));
    assert_eq!(kind(Mmap::new(file).flags(Flags::HUGETLB).map_raw()), Err(ErrorKind::Unsupported));
    assert_eq!(kind(Mmap::anon(isize::MAX as usize).map()), Err(ErrorKind::OutOfMemory));
    in_reservation(file, i)?;
    in_parts(i)?;
    let mut code = Code::new(1 + i % 10_000)?;
    code.write(i % 10_000, &[1])?;
    let mut stack = Stack::with_guard(1 + i % 10_000, 20_000)?;
    stack.grow(10_000)?;
    if i % 2 == 0 {
        stack.unmap()?;
    }
    // What a system cannot divide, join or extend is refused beforehand.
    match parts(file, i) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => result?,
    }
    contents(file, i)?;
    shared(i)?;
    assert_eq!(readers[0].len()?, 1000);
    assert_eq!(kind(File::open(missing.as_c_str())), Err(ErrorKind::NotFound));
    #[cfg(feature = "alloc")]
    readers.iter().for_each(|file| stopped_reader(file, i));
    Ok(())
}

/// A mapping whose parts differ in what the system notes of them.
fn in_parts(i: usize) -> Result<(), Error> {
    let page = page_size();
    let map = Mmap::anon(9 * page).map_mut()?;
    let part = i % 8 * page + 5..;
    // There may be a limit on locked memory, and systems lack some of it.
    let _ = (map.lock_range(part.clone()), map.lock_on_fault(..part.start), map.unlock_range(page..2 * page));
    let _ = (map.populate_read(..page), map.populate_write(part.clone()), map.resident(..)?.count());
    map.advise_range(part.clone(), Advice::DontDump)?;
    // SAFETY: nothing is forked.
    let _ = unsafe { map.set_inheritance(3 * page..4 * page, Inheritance::Omit) };
    let _ = Mmap::anon(1).huge_page_size(huge_page_sizes().next().unwrap_or(1)).map();
    Ok(map.unmap()?)
}
/// Memory that could be shared, with a name and without.
fn shared(i: usize) -> Result<(), Error> {
    let name = CString::new(format!("baremap-leaks-{}", std::process::id())).unwrap();
    let name = name.as_c_str();
    let memory = SharedMemory::new(1 + i % 100_000)?;
    drop(Mmap::new(&memory).map_raw()?);
    assert_eq!(kind(SharedMemory::new(0)), Err(ErrorKind::ZeroLength));
    // SAFETY: open, and given up.
    drop(unsafe { SharedMemory::from_raw(memory.into_raw())? });
    let memory = SharedMemory::create(name, 1 + i % 100_000)?;
    assert_eq!(kind(SharedMemory::create(name, 1)), Err(ErrorKind::AlreadyExists));
    let map = Mmap::new(&SharedMemory::open(name)?).prot(Prot::WRITE).map_raw()?;
    assert_eq!(map.len(), memory.len());
    match kind(SharedMemory::remove(name)) {
        Ok(()) => assert_eq!(kind(SharedMemory::open(name)), Err(ErrorKind::NotFound)),
        result => assert_eq!(result, Err(ErrorKind::Unsupported)),
    }
    // Not every system forks.
    drop(Mmap::anon(1 + i % 10_000).map_shared());
    Ok(())
}

/// Mappings in a reservation whose parts are released one by one.
fn in_reservation(file: &File, i: usize) -> Result<(), Error> {
    let granularity = allocation_granularity();
    let whole = Reservation::aligned(4 * granularity, granularity << (i % 5))?;
    let (first, rest) = whole.split(granularity)?;
    let (second, third) = rest.split(granularity)?;
    let mut memory = Mmap::anon(granularity - i % 1000).map_mut_in(second)?;
    memory[0] = 1;
    // SAFETY: nothing is reserved, as `memory` is there.
    let busy = unsafe { Reservation::at(memory.as_ptr().addr(), 1) };
    assert_eq!(kind(busy), Err(ErrorKind::Busy));
    // SAFETY: the file is this test's alone, here and below.
    let map = unsafe { Mmap::new(file).len(2 * granularity).map_in(third)? };
    // SAFETY: as above.
    let refused = unsafe { Mmap::new(file).offset(1 << 40).map_in(first) }.unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::BeyondEnd);
    if i % 2 == 0 {
        drop(refused);
        drop(map.into_reservation()?);
        return Ok(memory.unmap()?);
    }
    drop(map);
    let fresh = Mmap::anon(1).map_in(memory.into_reservation()?)?;
    assert_eq!(fresh[0], 0);
    let raw = Mmap::new(file).len(1).map_raw_in(refused.value)?;
    Ok(raw.into_reservation()?.release()?)
}

/// Mappings that grow, shrink, are divided and joined.
fn parts(file: &File, i: usize) -> Result<(), Error> {
    let unit = allocation_granularity();
    let (len, more) = (1 + i % 50_000, 50_001 + i % 200_000);
    let mut memory = Mmap::anon(len).map_mut()?;
    memory[len - 1] = 1;
    for len in [more, len, more + i % 7, 2 * len] {
        Mmap::anon(len).resize(&mut memory)?;
        assert_eq!(memory.len(), len);
    }
    assert_eq!(memory[len - 1], 1);
    // SAFETY: the file is this test's alone, here and below.
    let mut map = unsafe { Mmap::new(file).len(len).map()? };
    // SAFETY: as above.
    unsafe { Mmap::new(file).len(more).resize(&mut map)? };
    // SAFETY: as above.
    let past_end = unsafe { Mmap::new(file).len(1 << 40).resize(&mut map) };
    assert_eq!(kind(past_end), Err(ErrorKind::BeyondEnd));
    let mut reservation = Reservation::new(50_000)?;
    let mut map: Mapping = Mapping::default();
    // SAFETY: as above.
    unsafe { Mmap::new(file).len(len).extend(&mut map, &mut reservation)? };
    drop(map);
    let (mut memory, mut reservation) = (MappingMut::default(), Reservation::new(8 * unit)?);
    for units in [1, 2, 2 + i % 6] {
        Mmap::anon(units * unit).extend(&mut memory, &mut reservation)?;
    }
    memory.fill(1);
    let too_long = Mmap::anon(9 * unit).extend(&mut memory, &mut reservation);
    assert_eq!(kind(too_long), Err(ErrorKind::OutOfMemory));
    let rest = memory.split_off(unit)?;
    if i % 2 == 0 {
        drop(rest);
        return Ok(memory.unmap()?);
    }
    memory.join(rest)?;
    let mut raw = memory.into_raw();
    // SAFETY: no pointer is in use.
    unsafe { raw.protect_range(..unit, Prot::NONE)? };
    let whole = raw.into_reservation()?;
    let len = whole.len();
    let (first, rest) = whole.split(unit)?;
    assert_eq!(first.join(rest)?.len(), len);
    Ok(())
}
/// Contents that are in fresh memory or mapped, and some that grow and fail. The heap is std's, and so are short ones.
fn contents(file: &File, i: usize) -> Result<(), Error> {
    let options = if i % 2 == 0 { Contents::options() } else { Contents::options().nul_terminated() };
    // SAFETY: the file is this test's alone.
    let mapped = unsafe { options.map(file)? };
    assert!(mapped.is_mapped() && mapped.len() == 300_000);
    if let Ok(zeros) = File::open(c"/dev/zero") {
        assert_eq!(kind(options.max_len(100_000).read(&zeros)), Err(ErrorKind::TooLong));
        // A file that reports no length is never read to the heap.
        if let Ok(maps) = File::open(c"/proc/self/maps") {
            assert!(!options.read(&maps)?.is_empty());
        }
    }
    Ok(())
}

/// Readers, one that reads and one that maps, that stop in their first or second chunk.
#[cfg(feature = "alloc")]
fn stopped_reader(file: &File, i: usize) {
    use baremap::Reader;
    struct Stop;
    impl From<Error> for Stop {
        fn from(error: Error) -> Self {
            panic!("{error}")
        }
    }
    // SAFETY: the file is the test's alone.
    for reader in [Reader::new(file), unsafe { Reader::new(file).mapped() }] {
        let mut chunks = 0;
        let result = reader.chunk_len(500).for_each(|_| {
            chunks += 1;
            if chunks > i % 2 { Err(Stop) } else { Ok(()) }
        });
        assert!(result.is_err());
    }
}

fn leaves_nothing(rounds: usize) {
    // The other test would map and open things meanwhile.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock();
    let folder = std::env::temp_dir().join(format!("baremap-leaks-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let c_path = |path: &Path| CString::new(path.to_str().unwrap()).unwrap();
    let path = folder.join("file");
    fs::write(&path, (0..300_000_usize).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    // One that every Reader reads, and one that may be mapped.
    let readers = [1000, 2 << 20].map(|len| {
        let file = File::create(c_path(&folder.join(len.to_string())).as_c_str()).unwrap();
        file.set_len(len).unwrap();
        file
    });
    let missing = c_path(&folder.join("missing"));
    let file = File::open(c_path(&path).as_c_str()).unwrap();
    for i in 0..100 {
        round(&file, &readers, &missing, i).unwrap();
    }
    drop(state());
    let before = state();
    for i in 0..rounds {
        round(&file, &readers, &missing, i).unwrap();
    }
    let after = state();
    drop((file, readers));
    fs::remove_dir_all(&folder).unwrap();
    match before {
        Some(_) => assert_eq!(before, after),
        None => println!("skipped: there is no /proc that lists mappings and descriptors"),
    }
}

#[test]
fn a_thousand_rounds_leave_nothing() {
    leaves_nothing(1_000);
}

#[test]
#[ignore = "takes half a minute"]
fn a_hundred_thousand_rounds_leave_nothing() {
    leaves_nothing(100_000);
}
