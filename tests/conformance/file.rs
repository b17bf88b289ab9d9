//! Files.

use super::*;
use baremap::process;

checks! {
    file:
    create,
    create_new,
    open_or_create,
    any_name,
    missing,
    directory,
    set_len,
    set_len_read_only,
    read_at,
    write_at,
    write_at_read_only,
    sync,
    raw,
    lock,
    lock_shared,
    lock_ends,
    temporary,
    temporary_folder,
}

/// An existing file is truncated.
fn create(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    ensure_eq!(file.len()?, 100);
    ensure!(!file.is_empty()?);
    let again = File::create(&*env.path("file"))?;
    ensure_eq!(file.len()?, 0);
    ensure!(again.is_empty()?);
    Ok(())
}

fn create_new(env: &mut Env) -> Result {
    let file = supported(File::create_new(&*env.path("new")), "no create_new here")?;
    file.set_len(10)?;
    fails(File::create_new(&*env.path("new")), ErrorKind::AlreadyExists)?;
    ensure_eq!(file.len()?, 10);
    fails(File::create_new(&*env.path("missing/file")), ErrorKind::NotFound)
}

/// An existing file keeps its contents; another is created, empty, for reading and writing.
fn open_or_create(env: &mut Env) -> Result {
    env.file("file", 100)?;
    let file = supported(File::open_or_create(&*env.path("file")), "no open_or_create here")?;
    ensure_pattern(&map(&file, Prot::WRITE)?, 0)?;
    ensure_eq!(file.len()?, 100);
    let file = File::open_or_create(&*env.path("another"))?;
    ensure!(file.is_empty()?);
    file.set_len(10)?;
    ensure_eq!(File::open_or_create(&*env.path("another"))?.len()?, 10);
    fails(File::open_or_create(&*env.path("missing/file")), ErrorKind::NotFound)
}

/// Names are UTF-8. On Windows a path over 259 UTF-16 units takes another form.
fn any_name(env: &mut Env) -> Result {
    let long = [b'x'; 250];
    let long = core::str::from_utf8(&long).unwrap_or("");
    for (name, len) in ["with a space", "ä, 日本語, 𝄞", long].into_iter().zip(1..) {
        env.file(name, len)?;
    }
    for (name, len) in ["with a space", "ä, 日本語, 𝄞", long].into_iter().zip(1..) {
        ensure_eq!(File::open(&*env.path(name))?.len()?, len);
        ensure_eq!(File::open_rw(&*env.path(name))?.len()?, len);
    }
    match File::open(c"missing \xff") {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        result => fails(result, ErrorKind::NotFound),
    }
}

fn missing(env: &mut Env) -> Result {
    fails(File::open(&*env.path("missing")), ErrorKind::NotFound)?;
    fails(File::open_rw(&*env.path("missing")), ErrorKind::NotFound)?;
    fails(File::create(&*env.path("missing/file")), ErrorKind::NotFound)?;
    fails(File::open(c""), ErrorKind::NotFound)?;
    env.file("file", 1)?;
    fails(File::open(&*env.path("file/file")), ErrorKind::NotFound)
}

/// A directory opens for reading, and then everything else fails; or it does not open.
fn directory(env: &mut Env) -> Result {
    fails(File::open_rw(env.folder), ErrorKind::NotMappable)?;
    let folder = match File::open(env.folder) {
        Err(error) if error.kind() == ErrorKind::NotMappable => return Ok(()),
        result => result?,
    };
    ensure_eq!(folder.len()?, 0);
    fails(folder.read_at(&mut [0; 10], 0), ErrorKind::NotMappable)
}

/// Bytes past the old end are zeros.
fn set_len(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    file.set_len(100_000)?;
    ensure_eq!(file.len()?, 100_000);
    {
        let grown = map(&file, Prot::READ)?;
        ensure_pattern(&grown[..10], 0)?;
        ensure_filled(&grown[10..], 0)?;
    }
    file.set_len(5)?;
    ensure_eq!(file.len()?, 5);
    ensure_pattern(&map(&file, Prot::READ)?, 0)?;
    fails(file.set_len(u64::MAX), ErrorKind::TooLong)?;
    fails(file.set_len(i64::MAX as u64 + 1), ErrorKind::TooLong)?;
    ensure_eq!(file.len()?, 5);
    Ok(())
}

fn set_len_read_only(env: &mut Env) -> Result {
    env.file("file", 100)?;
    let file = File::open(&*env.path("file"))?;
    match file.set_len(1) {
        Ok(()) => return Err(Failure::Skipped("this system truncates a file that is open for reading only")),
        result => is_read_only(result)?,
    }
    ensure_eq!(file.len()?, 100);
    File::open_rw(&*env.path("file"))?.set_len(1)?;
    Ok(())
}

/// What systems report of a file that is not open for writing.
#[track_caller]
fn is_read_only<T>(result: Result<T, Error>) -> Result {
    match result {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        Err(error) if error.kind() == ErrorKind::Unsupported => Err(Failure::Skipped("no write_at here")),
        result => fails(result, ErrorKind::PermissionDenied),
    }
}

fn read_at(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    let mut buffer = [0xff; 60];
    for offset in [0, 7] {
        ensure_eq!(file.read_at(&mut buffer, offset)?, 60);
        ensure_pattern(&buffer, offset)?;
    }
    // A short read leaves the rest of the buffer as it was.
    ensure_eq!(file.read_at(&mut buffer, 90)?, 10);
    ensure_pattern(&buffer[..10], 90)?;
    ensure_pattern(&buffer[10..], 17)?;
    ensure_eq!(file.read_at(&mut [], 0)?, 0);
    for offset in [100, 1 << 40, i64::MAX as u64 - 60] {
        ensure_eq!(file.read_at(&mut buffer, offset)?, 0);
    }
    for offset in [i64::MAX as u64 - 59, 1 << 63, u64::MAX - 1, u64::MAX] {
        fails(file.read_at(&mut buffer, offset), ErrorKind::Overflow)?;
    }
    Ok(())
}

/// Past the end the file grows, with zeros between.
fn write_at(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    ensure_eq!(supported(file.write_at(b"written", 0), "no write_at here")?, 7);
    ensure_eq!(file.write_at(b"written", 50)?, 7);
    ensure_eq!(file.write_at(b"", 99)?, 0);
    ensure_eq!(file.len()?, 100);
    let map = map(&file, Prot::READ)?;
    ensure_eq!(map[..7], *b"written");
    ensure_pattern(&map[7..50], 7)?;
    ensure_eq!(map[50..57], *b"written");
    ensure_pattern(&map[57..], 57)?;
    drop(map);
    ensure_eq!(file.write_at(b"past", 98)?, 4);
    ensure_eq!(file.len()?, 102);
    ensure_eq!(file.write_at(b"end", 10_000)?, 3);
    ensure_eq!(file.len()?, 10_003);
    let map = super::map(&file, Prot::READ)?;
    ensure_eq!(map[98..102], *b"past");
    ensure_filled(&map[102..10_000], 0)?;
    ensure_eq!(map[10_000..], *b"end");
    for offset in [i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX] {
        fails(file.write_at(b"x", offset), ErrorKind::Overflow)?;
    }
    ensure_eq!(file.len()?, 10_003);
    Ok(())
}

fn write_at_read_only(env: &mut Env) -> Result {
    env.file("file", 100)?;
    let file = File::open(&*env.path("file"))?;
    is_read_only(file.write_at(b"written", 0))?;
    ensure_pattern(&map(&file, Prot::READ)?, 0)
}

fn sync(env: &mut Env) -> Result {
    env.file("file", 100)?.sync()?;
    Ok(())
}

fn raw(env: &mut Env) -> Result {
    let raw = env.file("file", 100)?.into_raw();
    // SAFETY: `raw` is open until `from_raw` owns it.
    let lent = unsafe { FileRef::borrow_raw(raw) };
    ensure_eq!(lent.as_raw(), raw);
    // It has the methods of `File`.
    let mut byte = [0];
    ensure_eq!((lent.len()?, lent.read_at(&mut byte, 99)?), (100, 1));
    ensure_pattern(&byte, 99)?;
    // SAFETY: the file is this check's alone.
    ensure_pattern(&unsafe { Mmap::new(lent).map()? }, 0)?;
    // SAFETY: `into_raw` gave up `raw`.
    let file = unsafe { File::from_raw(raw) };
    ensure_eq!(file.len()?, 100);
    Ok(())
}

/// Two open files, of which one excludes the other.
fn lock(env: &mut Env) -> Result {
    let one = env.file("file", 100)?;
    let two = File::open_rw(&*env.path("file"))?;
    supported(one.unlock(), "no locks here")?;
    one.lock()?;
    fails(two.try_lock(), ErrorKind::WouldBlock)?;
    fails(two.try_lock_shared(), ErrorKind::WouldBlock)?;
    two.unlock()?;
    fails(two.try_lock(), ErrorKind::WouldBlock)?;
    one.unlock()?;
    one.unlock()?;
    two.try_lock()?;
    fails(one.try_lock_shared(), ErrorKind::WouldBlock)?;
    two.unlock()?;
    one.lock()?;
    // A mapping is not affected.
    ensure_pattern(&map(&two, Prot::READ)?, 0)
}

fn lock_shared(env: &mut Env) -> Result {
    let one = env.file("file", 100)?;
    // A lock needs no permission to write.
    let [two, three] = [(); 2].map(|()| File::open(&*env.path("file")));
    let (two, three) = (two?, three?);
    supported(one.unlock(), "no locks here")?;
    one.lock_shared()?;
    two.lock_shared()?;
    three.try_lock_shared()?;
    one.unlock()?;
    fails(one.try_lock(), ErrorKind::WouldBlock)?;
    ensure_eq!(one.read_at(&mut [0; 9], 0)?, 9);
    two.unlock()?;
    three.unlock()?;
    two.lock()?;
    fails(one.try_lock_shared(), ErrorKind::WouldBlock)?;
    two.unlock()?;
    one.lock()?;
    Ok(())
}

/// Closing unlocks.
fn lock_ends(env: &mut Env) -> Result {
    let one = env.file("file", 100)?;
    let two = File::open(&*env.path("file"))?;
    supported(one.unlock(), "no locks here")?;
    one.lock()?;
    fails(two.try_lock(), ErrorKind::WouldBlock)?;
    drop(one);
    two.lock()?;
    Ok(())
}

/// The path that the map of the process has for a mapping does not lead to the file. It may have none.
fn is_nowhere(env: &Env, map: &[u8]) -> Result {
    let path = process::region_at(map.as_ptr().addr(), |region| {
        let name = region.name();
        let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
        // As in `Env::path`.
        name.strip_prefix(env.folder.to_bytes())
            .and_then(|name| core::str::from_utf8(name).ok())
            .map(|name| env.path(name))
    });
    let Ok(Some(Some(path))) = path else { return Ok(()) };
    fails(File::open(&*path), ErrorKind::NotFound)
}

/// A file of its own each time, that can do what any can.
fn temporary(env: &mut Env) -> Result {
    let one = supported(File::temporary(env.folder), "no files without a name here")?;
    let two = File::temporary(env.folder)?;
    ensure!(one.is_empty()?);
    one.set_len(100_000)?;
    ensure!(two.is_empty()?);
    ensure_eq!(two.write_at(b"contents", 10)?, 8);
    let mut map = map_mut(&one)?;
    ensure_filled(&map, 0)?;
    is_nowhere(env, &map)?;
    map.fill(1);
    map.flush()?;
    one.sync()?;
    let mut start = [0; 18];
    ensure_eq!(two.read_at(&mut start, 0)?, 18);
    ensure_eq!(start, *b"\0\0\0\0\0\0\0\0\0\0contents");
    let mut byte = [0];
    ensure_eq!(one.read_at(&mut byte, 99_999)?, 1);
    ensure_eq!(byte, [1]);
    Ok(())
}

fn temporary_folder(env: &mut Env) -> Result {
    drop(supported(File::temporary(env.folder), "no files without a name here")?);
    fails(File::temporary(&*env.path("missing")), ErrorKind::NotFound)?;
    fails(File::temporary(c""), ErrorKind::NotFound)?;
    drop(env.file("file", 1)?);
    fails(File::temporary(&*env.path("file")), ErrorKind::NotFound)
}
