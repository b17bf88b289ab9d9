//! Files.

use super::{Env, Failure, Result, ensure, fails, is_pattern, map};
use baremap::{ErrorKind, File, FileRef, Prot};

pub fn is_created_and_emptied(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    ensure!(file.len()? == 100);
    ensure!(!file.is_empty()?);
    let again = env.path("file", File::create)?;
    ensure!(file.len()? == 0 && again.is_empty()?);
    Ok(())
}

/// Names are UTF-8. On Windows a path of more than 259 units is told to the system in another way.
pub fn of_any_name(env: &mut Env) -> Result {
    let long = [b'x'; 250];
    let long = core::str::from_utf8(&long).unwrap_or("");
    for (name, len) in ["with a space", "ä, 日本語, 𝄞", long].into_iter().zip(1..) {
        env.file(name, len)?;
    }
    for (name, len) in ["with a space", "ä, 日本語, 𝄞", long].into_iter().zip(1..) {
        ensure!(env.path(name, File::open)?.len()? == len);
        ensure!(env.path(name, File::open_rw)?.len()? == len);
    }
    match File::open(c"missing \xff") {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        result => fails(result, ErrorKind::NotFound),
    }
}

pub fn of_no_name(env: &mut Env) -> Result {
    fails(env.path("missing", File::open), ErrorKind::NotFound)?;
    fails(env.path("missing", File::open_rw), ErrorKind::NotFound)?;
    fails(env.path("missing/file", File::create), ErrorKind::NotFound)?;
    fails(File::open(c""), ErrorKind::NotFound)?;
    env.file("file", 1)?;
    fails(env.path("file/file", File::open), ErrorKind::NotFound)
}

/// A directory is opened for reading and no more can be done with it, or it is not opened.
pub fn directory(env: &mut Env) -> Result {
    fails(File::open_rw(env.folder), ErrorKind::NotMappable)?;
    let folder = match File::open(env.folder) {
        Err(error) if error.kind() == ErrorKind::NotMappable => return Ok(()),
        result => result?,
    };
    ensure!(folder.len()? == 0);
    fails(folder.read_at(&mut [0; 10], 0), ErrorKind::NotMappable)
}

pub fn length(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    file.set_len(100_000)?;
    ensure!(file.len()? == 100_000);
    {
        let grown = map(&file, Prot::READ)?;
        ensure!(is_pattern(&grown[..10], 0));
        ensure!(grown[10..].iter().all(|&byte| byte == 0));
    }
    file.set_len(5)?;
    ensure!(file.len()? == 5);
    ensure!(is_pattern(&map(&file, Prot::READ)?, 0));
    fails(file.set_len(u64::MAX), ErrorKind::TooLong)?;
    fails(file.set_len(i64::MAX as u64 + 1), ErrorKind::TooLong)?;
    ensure!(file.len()? == 5);
    Ok(())
}

pub fn reads_at(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    let mut to = [0xff; 60];
    ensure!(file.read_at(&mut to, 0)? == 60 && is_pattern(&to, 0));
    ensure!(file.read_at(&mut to, 7)? == 60 && is_pattern(&to, 7));
    ensure!(file.read_at(&mut to, 90)? == 10 && is_pattern(&to[..10], 90) && is_pattern(&to[10..], 17));
    ensure!(file.read_at(&mut to, 100)? == 0);
    ensure!(file.read_at(&mut to, 1 << 40)? == 0);
    // As far as an offset goes, and farther.
    ensure!(file.read_at(&mut to, i64::MAX as u64 - 60)? == 0);
    for offset in [i64::MAX as u64 - 59, 1 << 63, u64::MAX - 1, u64::MAX] {
        fails(file.read_at(&mut to, offset), ErrorKind::Overflow)?;
    }
    ensure!(file.read_at(&mut [], 0)? == 0);
    Ok(())
}

pub fn syncs(env: &mut Env) -> Result {
    let file = env.file("file", 100)?;
    file.sync()?;
    Ok(())
}

pub fn raw(env: &mut Env) -> Result {
    let raw = env.file("file", 100)?.into_raw();
    // SAFETY: `raw` is open until `from_raw` takes it over.
    let lent = unsafe { FileRef::borrow_raw(raw) };
    ensure!(lent.as_raw() == raw);
    // SAFETY: the file is this check's alone.
    let seen = unsafe { baremap::Mmap::new(lent).map()? };
    ensure!(is_pattern(&seen, 0));
    // SAFETY: `raw` was given up by `into_raw`.
    let file = unsafe { File::from_raw(raw) };
    ensure!(file.len()? == 100);
    Ok(())
}

pub fn written_only_if_open_for_it(env: &mut Env) -> Result {
    env.file("file", 100)?;
    let file = env.path("file", File::open)?;
    match file.set_len(1) {
        Ok(()) => {
            return Err(Failure::Skipped("this system lets a file be cut off that is open for reading"));
        }
        Err(error) => ensure!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::PermissionDenied)),
    }
    ensure!(file.len()? == 100);
    ensure!(env.path("file", File::open_rw)?.set_len(1).is_ok());
    Ok(())
}
