//! Permissions, and the types that depend on them.

use super::*;

checks! {
    protect:
    memory,
    file,
    needs_permission,
    keeps_write,
    into_mut,
    into_read_only,
    into_exec,
    refused,
}

/// Contents stay, whatever the permissions.
fn memory(_: &mut Env) -> Result {
    let mut map = Mmap::anon(10_000).map_mut()?;
    map.fill(1);
    map.protect(Prot::WRITE)?;
    map[9_999] = 2;
    let mut map = map.into_read_only()?;
    for prot in [Prot::READ, Prot::EXEC, Prot::WRITE, Prot::READ] {
        map.protect(prot)?;
        ensure_eq!(map.prot(), prot);
        ensure_filled(&map[..9_999], 1)?;
        ensure_eq!(map[9_999], 2);
    }
    Ok(())
}

fn file(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    // SAFETY: the file is this check's alone.
    let map = unsafe { Mmap::new(&file).offset(4_095).map_mut()? };
    let mut map = map.into_read_only()?;
    map.protect(Prot::WRITE)?;
    ensure_eq!(map.prot(), Prot::WRITE);
    map.protect(Prot::READ)?;
    ensure_eq!(map.prot(), Prot::READ);
    ensure_pattern(&map, 4_095)
}

/// How the file was opened limits every later change.
fn needs_permission(env: &mut Env) -> Result {
    env.file("file", 10)?;
    let file = File::open(&*env.path("file"))?;
    let mut map = map(&file, Prot::READ)?;
    fails(map.protect(Prot::WRITE), ErrorKind::PermissionDenied)?;
    ensure_eq!(map.prot(), Prot::READ);
    ensure_pattern(&map, 0)
}

/// A `MappingMut` stays writable.
fn keeps_write(_: &mut Env) -> Result {
    let mut map = Mmap::anon(100).map_mut()?;
    for prot in [Prot::empty(), Prot::READ, Prot::EXEC] {
        fails(map.protect(prot), ErrorKind::InvalidInput)?;
        ensure_eq!(map.prot(), Prot::WRITE);
        map[99] += 1;
    }
    ensure_eq!(map[99], 3);
    Ok(())
}

/// A shared mapping writes to the file again.
fn into_mut(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let mut map = map(&file, Prot::WRITE)?;
    let address = map.as_ptr();
    // Windows makes no mapping writable that was made without this permission.
    for _ in 0..2 {
        map.protect(Prot::READ)?;
        let mut writable: MappingMut = map.into_mut()?;
        ensure_eq!((writable.as_ptr(), writable.prot()), (address, Prot::WRITE));
        ensure_pattern(&writable[1..], 1)?;
        writable[0] += 1;
        map = writable.into_read_only()?;
    }
    let mut read = [0];
    ensure_eq!(file.read_at(&mut read, 0)?, 1);
    ensure_eq!(read, [2]);
    // What was executable is not, and what was writable need not change.
    for prot in [Prot::EXEC, Prot::WRITE] {
        let mut map = Mmap::anon(10).prot(prot).map()?.into_mut()?;
        ensure_eq!(map.prot(), Prot::WRITE);
        map[9] = 1;
    }
    Ok(())
}

fn into_read_only(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let mut map = map_mut(&file)?;
    map[0] = 1;
    let address = map.as_ptr();
    let map: Mapping = map.into_read_only()?;
    ensure_eq!((map.as_ptr(), map.prot(), map[0]), (address, Prot::READ, 1));
    ensure_pattern(&map[1..], 1)
}

fn into_exec(env: &mut Env) -> Result {
    let mut memory = Mmap::anon(10).map_mut()?;
    memory.fill(1);
    let file = env.file("file", 10)?;
    for (map, first) in [
        (memory.into_exec()?, 1),
        (Mmap::anon(10).map()?.into_exec()?, 0),
        (map(&file, Prot::EXEC)?.into_exec()?, 0),
    ] {
        let map: Mapping = map;
        ensure_eq!((map.prot(), map[0]), (Prot::EXEC, first));
        map.unmap()?;
    }
    Ok(())
}

/// A conversion that fails returns the mapping as it was.
fn refused(env: &mut Env) -> Result {
    env.file("file", 10_000)?;
    let file = File::open(&*env.path("file"))?;
    let map = map(&file, Prot::READ)?;
    let address = map.as_ptr();
    let Err(Refused { value, error }) = map.into_mut() else {
        return Err(Failure::broken("fails", format_args!("the file is open for reading only")));
    };
    ensure_eq!(error.kind(), ErrorKind::PermissionDenied);
    ensure_eq!((value.as_ptr(), value.len(), value.prot()), (address, 10_000, Prot::READ));
    ensure_pattern(&value, 0)?;
    fails(value.into_mut(), ErrorKind::PermissionDenied)
}
