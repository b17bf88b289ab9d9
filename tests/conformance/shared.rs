//! Memory that is shared on purpose: without a name, with one, and with children of `fork`.

use super::*;
use baremap::{Discard, Flags, RawMapping, Reservation, SharedMemory, allocation_granularity, page_size};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

checks! {
    shared:
    mapped_twice,
    object_is_closed,
    lengths,
    lengths_refused,
    length_is_fixed,
    parts,
    kinds_of_mappings,
    in_a_reservation,
    objects_differ,
    allocated,
    taken_over,
    no_memory_is_taken_over,
    named,
    name_exists,
    name_is_removed,
    read_only,
    names,
    name_without_length,
    name_of_something_else,
    not_viewed,
    forked,
    forked_refused,
    forked_pages,
}

/// A name of this check alone: made of its folder, as other suites run on the same system. Removed at the end.
struct Name([u8; 30]);

impl Name {
    fn new(env: &Env, letter: u8) -> Self {
        let mut name = *b"baremap-0000000000000000-x\0\0\0\0";
        // FNV-1a.
        let hash =
            env.folder.to_bytes().iter().fold(0xcbf29ce484222325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x100000001b3)
            });
        for (i, digit) in name[8..24].iter_mut().enumerate() {
            *digit = b'a' + (hash >> (4 * i) & 0xf) as u8;
        }
        name[25] = letter;
        let name = Self(name);
        let _ = SharedMemory::remove(&*name);
        name
    }
}

impl Deref for Name {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = SharedMemory::remove(&**self);
    }
}

fn new(len: usize) -> Result<SharedMemory> {
    supported(SharedMemory::new(len), "no shared memory here")
}

fn create(name: &Name, len: usize) -> Result<SharedMemory> {
    supported(SharedMemory::create(&**name, len), "shared memory has no names here")
}

fn map_raw(memory: &SharedMemory) -> Result<RawMapping, Error> {
    Mmap::new(memory).prot(Prot::WRITE).map_raw()
}

/// The number at an offset.
fn number(map: &RawMapping, offset: usize) -> &AtomicU32 {
    assert!(offset & 3 == 0 && offset + 4 <= map.len() && map.prot().contains(Prot::WRITE));
    assert!(map.as_ptr().addr() & 3 == 0);
    // SAFETY: aligned, mapped and writable while `map` is borrowed. All mappings of a check are used by this function alone,
    // and nothing truncates the memory.
    unsafe { AtomicU32::from_ptr(map.as_mut_ptr().add(offset).cast()) }
}

/// One sees what was written through the other.
#[track_caller]
fn ensure_shared(one: &RawMapping, two: &RawMapping) -> Result {
    ensure_eq!(one.len(), two.len());
    ensure!(one.as_ptr() != two.as_ptr());
    let last = (one.len() - 4) & !3;
    for (from, to) in [(one, two), (two, one)] {
        for offset in [0, last] {
            let before = number(to, offset).load(Relaxed);
            ensure_eq!(number(from, offset).load(Relaxed), before);
            // For `fetch_add` on aarch64 the compiler calls functions that need a libc.
            number(from, offset).store(before + 7, Relaxed);
            ensure_eq!(number(to, offset).load(Relaxed), before + 7);
        }
    }
    Ok(())
}

fn mapped_twice(_: &mut Env) -> Result {
    let memory = new(100_000)?;
    let (one, two) = (map_raw(&memory)?, map_raw(&memory)?);
    ensure_eq!(one.len(), memory.len());
    for offset in (0..100_000).step_by(4) {
        ensure_eq!(number(&one, offset).load(Relaxed), 0);
    }
    ensure_shared(&one, &two)
}

/// The mappings stay, and still share.
fn object_is_closed(_: &mut Env) -> Result {
    let memory = new(100_000)?;
    let (one, two) = (map_raw(&memory)?, map_raw(&memory)?);
    drop(memory);
    ensure_shared(&one, &two)?;
    one.flush()?;
    drop(one);
    ensure_eq!(number(&two, 0).load(Relaxed), 14);
    Ok(two.unmap()?)
}

/// What was asked for, or whole pages.
fn lengths(_: &mut Env) -> Result {
    let page = page_size();
    for len in [4, 100, page - 1, page, page + 1, 1 << 20, (1 << 20) + 1] {
        let memory = new(len)?;
        ensure!(memory.len() == len || memory.len() == len.next_multiple_of(page));
        ensure_eq!(map_raw(&memory)?.len(), memory.len());
    }
    Ok(())
}

fn lengths_refused(env: &mut Env) -> Result {
    new(1)?;
    let name = Name::new(env, b'l');
    for (len, kind) in [(0, ErrorKind::ZeroLength), (isize::MAX as usize + 1, ErrorKind::TooLong)] {
        fails(SharedMemory::new(len), kind)?;
        fails(SharedMemory::create(&*name, len), kind)?;
    }
    fails(SharedMemory::new(usize::MAX), ErrorKind::TooLong)?;
    // Nothing was created.
    match SharedMemory::open(&*name) {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        result => fails(result, ErrorKind::NotFound),
    }
}

/// Nobody truncates memory without a name.
fn length_is_fixed(_: &mut Env) -> Result {
    let memory = new(100_000)?;
    let (map, len) = (map_raw(&memory)?, memory.len());
    // SAFETY: open, and given up.
    let file = unsafe { File::from_raw(memory.into_raw()) };
    if file.set_len(0).is_ok() {
        return Err(Failure::Skipped("the length is not fixed here"));
    }
    // SAFETY: as above.
    let memory = unsafe { SharedMemory::from_raw(file.into_raw())? };
    ensure_eq!(memory.len(), len);
    ensure_eq!(number(&map, 99_996).load(Relaxed), 0);
    Ok(())
}

/// Offsets, lengths and errors are those of files.
fn parts(_: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let memory = new(4 * granularity)?;
    let whole = map_raw(&memory)?;
    let request = Mmap::new(&memory).prot(Prot::WRITE);
    for (offset, len) in
        [(0, 4), (4, 100), (granularity, granularity), (granularity + 8, 8), (3 * granularity, granularity)]
    {
        let part = request.offset(offset as u64).len(len).map_raw()?;
        ensure_eq!(part.len(), len);
        number(&part, 0).store(offset as u32 + 1, Relaxed);
        ensure_eq!(number(&whole, offset).load(Relaxed), offset as u32 + 1);
    }
    let end = 4 * granularity as u64;
    ensure_eq!(request.offset(8).map_raw()?.len(), 4 * granularity - 8);
    ensure!(request.offset(end).map_raw()?.is_empty());
    ensure!(request.len(0).map_raw()?.is_empty());
    fails(request.offset(end + 1).map_raw(), ErrorKind::BeyondEnd)?;
    fails(request.len(4 * granularity + 1).map_raw(), ErrorKind::BeyondEnd)?;
    fails(request.offset(end - 1).len(2).map_raw(), ErrorKind::BeyondEnd)?;
    fails(request.offset(u64::MAX).len(2).map_raw(), ErrorKind::Overflow)
}

/// A slice, once nothing writes to it; and a copy, where the system has these.
fn kinds_of_mappings(_: &mut Env) -> Result {
    let memory = new(100_000)?;
    // SAFETY: this is the only mapping.
    let mut map = unsafe { Mmap::new(&memory).map_mut()? };
    map.fill(1);
    map.flush()?;
    drop(map);
    // SAFETY: nothing writes to the memory, here and below.
    let map = unsafe { Mmap::new(&memory).flags(Flags::POPULATE | Flags::READAHEAD).map()? };
    ensure_filled(&map, 1)?;
    // SAFETY: as above.
    if let Ok(mut copy) = unsafe { Mmap::new(&memory).flags(Flags::COW).map_mut() } {
        ensure_filled(&copy, 1)?;
        copy.fill(2);
        ensure_filled(&copy, 2)?;
    }
    ensure_filled(&map, 1)
}

/// The same memory twice, one after the other, as a ring has it.
fn in_a_reservation(_: &mut Env) -> Result {
    let granularity = allocation_granularity();
    let memory = new(granularity)?;
    let reservation = supported(Reservation::new(2 * granularity), "no reservations here")?;
    let (one, two) = reservation.split(granularity)?;
    // SAFETY: no slice of the second is used while one of the first is written to.
    let (mut one, two) = unsafe { (Mmap::new(&memory).map_mut_in(one)?, Mmap::new(&memory).map_in(two)?) };
    ensure_eq!(one.as_ptr().wrapping_add(granularity), two.as_ptr());
    one.as_mut()[..3].copy_from_slice(b"abc");
    ensure_eq!(two[..3], *b"abc");
    let address = two.as_ptr();
    drop(one);
    ensure_eq!(two.into_reservation()?.as_ptr(), address);
    Ok(())
}

fn objects_differ(_: &mut Env) -> Result {
    let (one, two) = (map_raw(&new(1000)?)?, map_raw(&new(1000)?)?);
    number(&one, 0).store(1, Relaxed);
    ensure_eq!(number(&two, 0).load(Relaxed), 0);
    Ok(())
}

fn allocated(_: &mut Env) -> Result {
    let memory = new(1 << 20)?;
    let len = memory.len();
    supported(memory.allocate(), "no space can be allocated here")?;
    memory.allocate()?;
    ensure_eq!(memory.len(), len);
    ensure_shared(&map_raw(&memory)?, &map_raw(&memory)?)
}

fn taken_over(_: &mut Env) -> Result {
    let memory = new(100)?;
    let (len, map) = (memory.len(), map_raw(&memory)?);
    ensure_eq!(FileRef::from(&memory).as_raw(), memory.as_raw());
    let raw = memory.into_raw();
    // SAFETY: open, and given up.
    let memory = unsafe { SharedMemory::from_raw(raw)? };
    ensure_eq!((memory.len(), memory.as_raw()), (len, raw));
    ensure_shared(&map, &map_raw(&memory)?)
}

/// The caller keeps what is refused.
fn no_memory_is_taken_over(env: &mut Env) -> Result {
    new(1)?;
    let file = env.file("file", 0)?;
    let raw = file.into_raw();
    // SAFETY: open, and given up only if that succeeds, which it does not, here and below.
    let result = unsafe { SharedMemory::from_raw(raw) };
    // SAFETY: as above.
    let file = unsafe { File::from_raw(raw) };
    ensure!(
        result.is_err_and(|error| matches!(error.kind(), ErrorKind::ZeroLength | ErrorKind::InvalidInput))
    );
    ensure_eq!(file.len()?, 0);
    if let Some(pipe) = env.pipe {
        // SAFETY: as above.
        let result = unsafe { SharedMemory::from_raw(pipe.as_raw()) };
        ensure!(
            result
                .is_err_and(|error| matches!(error.kind(), ErrorKind::NotMappable | ErrorKind::InvalidInput))
        );
    }
    Ok(())
}

/// Both sides have the same memory, and the same length.
fn named(env: &mut Env) -> Result {
    let name = Name::new(env, b'a');
    let memory = create(&name, 100_000)?;
    ensure!(memory.len() == 100_000 || memory.len() == 100_000_usize.next_multiple_of(page_size()));
    let same = SharedMemory::open(&*name)?;
    ensure_eq!(same.len(), memory.len());
    let (one, two) = (map_raw(&memory)?, map_raw(&same)?);
    ensure_eq!(number(&two, 0).load(Relaxed), 0);
    ensure_shared(&one, &two)?;
    drop((memory, same));
    ensure_shared(&one, &two)
}

/// A name is not taken twice, and what has it stays as it is.
fn name_exists(env: &mut Env) -> Result {
    let name = Name::new(env, b'b');
    let memory = create(&name, 1000)?;
    let map = map_raw(&memory)?;
    number(&map, 0).store(1, Relaxed);
    for len in [1, 1000, 100_000] {
        fails(SharedMemory::create(&*name, len), ErrorKind::AlreadyExists)?;
    }
    let same = SharedMemory::open(&*name)?;
    ensure_eq!(same.len(), memory.len());
    ensure_eq!(number(&map_raw(&same)?, 0).load(Relaxed), 1);
    Ok(())
}

/// Whoever has the memory keeps it, and the name is free.
fn name_is_removed(env: &mut Env) -> Result {
    let name = Name::new(env, b'c');
    let memory = create(&name, 1000)?;
    let same = SharedMemory::open(&*name)?;
    supported(SharedMemory::remove(&*name), "names end by themselves here")?;
    fails(SharedMemory::open(&*name), ErrorKind::NotFound)?;
    fails(SharedMemory::remove(&*name), ErrorKind::NotFound)?;
    let (one, two) = (map_raw(&memory)?, map_raw(&same)?);
    ensure_shared(&one, &two)?;
    let other = map_raw(&create(&name, 1000)?)?;
    ensure_eq!(number(&other, 0).load(Relaxed), 0);
    ensure_shared(&one, &two)
}

fn read_only(env: &mut Env) -> Result {
    let name = Name::new(env, b'd');
    let memory = create(&name, 1000)?;
    let reader = SharedMemory::open_read_only(&*name)?;
    ensure_eq!(reader.len(), memory.len());
    number(&map_raw(&memory)?, 0).store(0x01010101, Relaxed);
    fails(map_raw(&reader), ErrorKind::PermissionDenied)?;
    // SAFETY: nothing writes to the memory.
    let map = unsafe { Mmap::new(&reader).map()? };
    ensure_eq!(map.prot(), Prot::READ);
    ensure_filled(&map[..4], 1)?;
    fails(map.into_mut(), ErrorKind::PermissionDenied)
}

fn names(env: &mut Env) -> Result {
    create(&Name::new(env, b'e'), 1)?;
    for name in [c"", c".", c"..", c"/", c"/a", c"a/b", c"a/", c"a\\b", c"\\", c"../a"] {
        fails(SharedMemory::create(name, 1), ErrorKind::InvalidInput)?;
        fails(SharedMemory::open(name), ErrorKind::InvalidInput)?;
        fails(SharedMemory::open_read_only(name), ErrorKind::InvalidInput)?;
        fails(SharedMemory::remove(name), ErrorKind::InvalidInput)?;
    }
    // Longer than any system takes.
    let mut long = [b'a'; 1000];
    for len in [500, 999] {
        long[len] = 0;
        let name = CStr::from_bytes_until_nul(&long).unwrap();
        fails(SharedMemory::create(name, 1), ErrorKind::InvalidInput)?;
        fails(SharedMemory::open(name), ErrorKind::InvalidInput)?;
        long[len] = b'a';
    }
    let missing = Name::new(env, b'f');
    fails(SharedMemory::open(&*missing), ErrorKind::NotFound)?;
    fails(SharedMemory::open_read_only(&*missing), ErrorKind::NotFound)
}

/// Makes an empty file that has the name, where names are files.
fn file_of_name(name: &Name) -> Result<File> {
    let mut path = [0; 512];
    for (to, from) in path.iter_mut().zip(b"/dev/shm/".iter().chain(name.to_bytes())) {
        *to = *from;
    }
    let path = Path(path);
    let memory = create(name, 1)?;
    if File::open(&*path).is_err() {
        return Err(Failure::Skipped("names are no files here"));
    }
    drop(memory);
    SharedMemory::remove(&**name)?;
    Ok(File::create_new(&*path)?)
}

/// Its creator has not set it yet.
fn name_without_length(env: &mut Env) -> Result {
    let name = Name::new(env, b'g');
    let file = file_of_name(&name)?;
    fails(SharedMemory::open(&*name), ErrorKind::ZeroLength)?;
    fails(SharedMemory::open_read_only(&*name), ErrorKind::ZeroLength)?;
    fails(SharedMemory::create(&*name, 1), ErrorKind::AlreadyExists)?;
    file.set_len(100)?;
    ensure_eq!(SharedMemory::open(&*name)?.len(), 100);
    Ok(())
}

/// A file that a name stands for has a length like any, which may be huge.
fn name_of_something_else(env: &mut Env) -> Result {
    let name = Name::new(env, b'h');
    let file = file_of_name(&name)?;
    file.set_len(i64::MAX as u64 & !0xfff)?;
    if usize::BITS < 64 {
        return fails(SharedMemory::open(&*name), ErrorKind::TooLong);
    }
    let memory = SharedMemory::open(&*name)?;
    ensure_eq!(memory.len() as u64, i64::MAX as u64 & !0xfff);
    fails(Mmap::new(&memory).map_raw(), ErrorKind::OutOfMemory)?;
    ensure_eq!(Mmap::new(&memory).offset(1 << 40).len(10).map_raw()?.len(), 10);
    Ok(())
}

/// Where the memory is no file.
fn not_viewed(_: &mut Env) -> Result {
    let memory = new(100)?;
    match Mmap::new(&memory).view() {
        Err(error) => fails(Err::<(), _>(error), ErrorKind::Unsupported),
        Ok(view) => {
            ensure_eq!(view.len(), memory.len());
            Ok(())
        }
    }
}

fn map_shared(len: usize, flags: Flags) -> Result<RawMapping> {
    let result = Mmap::anon(len).prot(Prot::WRITE).flags(flags).map_shared();
    supported(result, "no process is forked here")
}

/// As any mapping; that a child has it too is for a test that can fork.
fn forked(_: &mut Env) -> Result {
    let map = map_shared(100_000, Flags::POPULATE | Flags::READAHEAD | Flags::PAST_END)?;
    ensure_eq!((map.len(), map.prot()), (100_000, Prot::WRITE));
    for offset in (0..100_000).step_by(4) {
        ensure_eq!(number(&map, offset).load(Relaxed), 0);
        number(&map, offset).store(1, Relaxed);
    }
    map.flush()?;
    ensure_eq!(number(&map, 99_996).load(Relaxed), 1);
    let other = map_shared(100_000, Flags::empty())?;
    ensure_eq!(number(&other, 0).load(Relaxed), 0);
    ensure_eq!(Mmap::anon(1).map_shared()?.prot(), Prot::READ);
    match Mmap::anon(1000).prot(Prot::WRITE).flags(Flags::LOCKED).map_shared() {
        // The limit on locked memory.
        Err(error) if error.flag() == Some(Flags::LOCKED) => {}
        result => drop(result?),
    }
    Ok(map.unmap()?)
}

fn forked_refused(_: &mut Env) -> Result {
    drop(map_shared(1, Flags::empty())?);
    let _crowd = crowd();
    fails(Mmap::anon(0).map_shared(), ErrorKind::ZeroLength)?;
    fails(Mmap::anon(usize::MAX).map_shared(), ErrorKind::TooLong)?;
    fails(Mmap::anon(isize::MAX as usize).map_shared(), ErrorKind::OutOfMemory)?;
    for flag in [Flags::COW, Flags::HUGETLB] {
        let error = Mmap::anon(1 << 21).flags(flag).map_shared().unwrap_err();
        ensure_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(flag)));
    }
    Ok(())
}

/// Others have the contents, so that dropping the pages keeps them.
fn forked_pages(_: &mut Env) -> Result {
    let map = map_shared(100_000, Flags::empty())?;
    number(&map, 0).store(1, Relaxed);
    // SAFETY: nothing relies on the contents, here and below.
    unsafe { map.discard(Discard::DontNeed)? };
    ensure_eq!(number(&map, 0).load(Relaxed), 1);
    // SAFETY: as above.
    fails(unsafe { map.discard(Discard::Free) }, ErrorKind::InvalidInput)?;
    // SAFETY: as above.
    match unsafe { map.discard(Discard::Remove) } {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => result?,
    }
    // An emulator may do nothing.
    ensure!(number(&map, 0).load(Relaxed) <= 1);
    number(&map, 0).store(2, Relaxed);
    ensure_eq!(number(&map, 0).load(Relaxed), 2);
    Ok(map.into_reservation().map(drop)?)
}
