//! A hundred thousand rounds of everything leave the process as it was. A test binary of its own, as other tests would
//! map and open things meanwhile. What the process has mapped and open is told by /proc; elsewhere there is nothing to
//! compare.

use baremap::{Error, ErrorKind, File, Flags, Mmap, Prot, Reservation, allocation_granularity};
use std::ffi::CString;
use std::fs;
use std::path::Path;

/// The process's mappings and descriptors.
fn state() -> Option<(String, usize)> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    Some((maps, fs::read_dir("/proc/self/fd").ok()?.count()))
}

fn round(file: &File, readers: &[File], missing: &CString, i: usize) -> Result<(), Error> {
    let kind = |result: Result<baremap::Mapping, Error>| result.map_err(|error| error.kind()).map(drop);
    // SAFETY: the file is this test's alone, here and below.
    let map = unsafe { Mmap::new(file).offset(i as u64 % 100_000).map()? };
    assert_eq!(map.first().copied(), Some(((i % 100_000) % 251) as u8));
    // SAFETY: as above.
    let locked = unsafe { Mmap::new(file).flags(Flags::LOCKED | Flags::POPULATE | Flags::READAHEAD).map() };
    map.unmap().map_err(|(_, error)| error)?;
    drop(locked);
    drop(Mmap::anon(1 + i % 10_000).prot(Prot::WRITE).map()?);
    let (ptr, len, backing) = Mmap::anon(100).map()?.into_raw_parts();
    // SAFETY: the parts are used once.
    drop(unsafe { baremap::Mapping::from_raw_parts(ptr, len, backing) });
    // SAFETY: as above.
    assert_eq!(kind(unsafe { Mmap::new(file).offset(1 << 40).map() }), Err(ErrorKind::BeyondEnd));
    // SAFETY: as above.
    assert_eq!(kind(unsafe { Mmap::new(file).flags(Flags::HUGETLB).map() }), Err(ErrorKind::Unsupported));
    assert_eq!(kind(Mmap::anon(isize::MAX as usize).map()), Err(ErrorKind::OutOfMemory));
    reserved(file, i)?;
    assert_eq!(readers[0].len()?, 1000);
    assert_eq!(File::open(missing).map_err(|error| error.kind()).map(drop), Err(ErrorKind::NotFound));
    #[cfg(feature = "alloc")]
    readers.iter().for_each(|file| stopped_reader(file, i));
    Ok(())
}

/// Mappings in a reservation, whose parts go one by one.
fn reserved(file: &File, i: usize) -> Result<(), Error> {
    fn alone<T, U>(result: Result<T, (U, Error)>) -> Result<T, Error> {
        result.map_err(|(_, error)| error)
    }
    let unit = allocation_granularity();
    let whole = Reservation::aligned(4 * unit, unit << (i % 5))?;
    let (first, rest) = alone(whole.split(unit))?;
    let (second, third) = alone(rest.split(unit))?;
    let mut memory = alone(Mmap::anon(unit - i % 1000).prot(Prot::WRITE).map_in(second))?;
    memory.bytes_mut()?[0] = 1;
    // SAFETY: what is there is this test's own.
    let busy = unsafe { Reservation::at(memory.as_ptr().addr(), 1) }.map_err(|error| error.kind());
    assert_eq!(busy.map(drop), Err(ErrorKind::Busy));
    // SAFETY: the file is this test's alone.
    let view = alone(unsafe { Mmap::new(file).len(2 * unit).map_in(third) })?;
    // SAFETY: as above.
    let (first, error) = unsafe { Mmap::new(file).offset(1 << 40).map_in(first) }.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BeyondEnd);
    if i % 2 == 0 {
        drop(first);
        drop(alone(view.into_reservation())?);
        return alone(memory.unmap());
    }
    drop(view);
    let again = alone(memory.into_reservation())?;
    let fresh = alone(Mmap::anon(1).map_in(again))?;
    assert_eq!(fresh[0], 0);
    alone(first.release())
}

/// A Reader that is stopped in its first or second chunk, mapped or read.
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

#[test]
fn nothing_is_left_behind() {
    let folder = std::env::temp_dir().join(format!("baremap-leaks-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let c_path = |path: &Path| CString::new(path.to_str().unwrap()).unwrap();
    let path = folder.join("file");
    fs::write(&path, (0..300_000_usize).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    // One that every Reader reads, and one that may be mapped.
    let readers = [1000, 2 << 20].map(|len| {
        let file = File::create(&c_path(&folder.join(len.to_string()))).unwrap();
        file.set_len(len).unwrap();
        file
    });
    let missing = c_path(&folder.join("missing"));
    let file = File::open(&c_path(&path)).unwrap();
    for i in 0..100 {
        round(&file, &readers, &missing, i).unwrap();
    }
    drop(state());
    let before = state();
    for i in 0..100_000 {
        round(&file, &readers, &missing, i).unwrap();
    }
    let after = state();
    drop(file);
    fs::remove_dir_all(&folder).unwrap();
    match before {
        Some(_) => assert_eq!(before, after),
        None => println!("skipped: no /proc tells here what is mapped and open"),
    }
}
