//! POSIX shared memory, with the results of xnu (bsd/kern/posix_shm.c). An object is a memfd of Linux. Seals mark it: none
//! while it has no length, then those that keep the length.

use crate::errno::{EACCES, EEXIST, EINVAL, ENAMETOOLONG, ENOENT, EPERM, Errno};
use crate::faults::perform;
use crate::files::{self, variadic};
use crate::{PAGE, stop};
use libc::{c_char, c_int, off_t};
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

type Result<T = isize> = std::result::Result<T, Errno>;

const O_CREAT: c_int = 0x200;
const O_EXCL: c_int = 0x800;

variadic!(shm_open, shm_open_of_three);

/// A name, and its object.
type Named = (Vec<u8>, OwnedFd);

fn with_names<T>(f: impl FnOnce(&mut Vec<Named>) -> T) -> T {
    static NAMES: Mutex<Vec<Named>> = Mutex::new(Vec::new());
    f(&mut NAMES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// `pshm_get_name`.
fn checked_name(name: *const c_char) -> Result<Vec<u8>> {
    const PSHMNAMLEN: usize = 31;
    // SAFETY: the program's string.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    if name.len() > PSHMNAMLEN { Err(ENAMETOOLONG) } else { Ok(name.to_vec()) }
}

pub extern "C" fn shm_open_of_three(name: *const c_char, flags: c_int, mode: c_int) -> isize {
    perform("shm_open", || try_open(name, flags, mode))
}

fn try_open(name: *const c_char, flags: c_int, mode: c_int) -> Result {
    let access = flags & !(O_CREAT | O_EXCL);
    if access != libc::O_RDWR && flags != libc::O_RDONLY {
        stop(format_args!("shm_open: flags {flags:#x} are not implemented here; O_CLOEXEC is no flag of it"));
    }
    // An odd mode is left over from another calling convention.
    if flags & O_CREAT != 0 && (mode & !0o7777 != 0 || mode & 0o600 != 0o600) {
        stop(format_args!("shm_open: O_CREAT with mode {mode:#o}: declare it variadic, and pass a mode"));
    }
    let name = checked_name(name)?;
    let object =
        with_names(|names| names.iter().find(|named| named.0 == name).map(|named| named.1.as_raw_fd()));
    match (object, flags & O_CREAT != 0, flags & O_EXCL != 0) {
        (Some(_), true, true) => return Err(EEXIST),
        (Some(object), ..) => {
            let path = CString::new(format!("/proc/self/fd/{object}")).unwrap_or_default();
            // SAFETY: the path ends in NUL.
            return Errno::check(unsafe { libc::open(path.as_ptr(), access | libc::O_CLOEXEC) } as isize);
        }
        (None, false, _) => return Err(ENOENT),
        (None, true, _) => {}
    }
    // SAFETY: the name ends in NUL.
    let file = unsafe { libc::memfd_create(c"shm".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    let file = Errno::check(file as isize)?;
    // The name keeps the object.
    // SAFETY: the descriptor is open.
    let kept = unsafe { BorrowedFd::borrow_raw(file as c_int) }.try_clone_to_owned();
    with_names(|names| names.push((name, kept.unwrap_or_else(|error| stop(error)))));
    Ok(file)
}

pub extern "C" fn shm_unlink(name: *const c_char) -> isize {
    let unlink = || {
        let name = checked_name(name).map_err(|_| EINVAL)?;
        with_names(|names| match names.iter().position(|named| named.0 == name) {
            Some(at) => {
                names.swap_remove(at);
                Ok(0)
            }
            None => Err(ENOENT),
        })
    };
    perform("shm_unlink", unlink)
}

fn seals(file: c_int) -> c_int {
    // SAFETY: touches no memory.
    unsafe { libc::fcntl(file, libc::F_GET_SEALS) }
}

/// A file on tmpfs has F_SEAL_SEAL.
pub fn is_shm(file: c_int) -> bool {
    let seals = seals(file);
    seals != -1 && seals & libc::F_SEAL_SEAL == 0
}

/// `pshm_truncate`: once, to whole pages.
pub fn truncate(file: c_int, len: off_t) -> Result {
    if seals(file) & libc::F_SEAL_GROW != 0 {
        return Err(EINVAL);
    }
    let len = (len as usize).checked_next_multiple_of(PAGE).ok_or(EINVAL)?;
    let sealed = libc::F_SEAL_GROW | libc::F_SEAL_SHRINK;
    // SAFETY: touches no memory of this process, here and below.
    Errno::check(unsafe { libc::ftruncate(file, len as off_t) } as isize)?;
    // SAFETY: as above.
    Errno::check(unsafe { libc::fcntl(file, libc::F_ADD_SEALS, sealed) } as isize)
}

/// `pshm_mmap`: shared, not executable, and nothing past the end. Returns the length.
pub fn mappable_len(file: c_int, prot: c_int, is_shared: bool, end: usize) -> Result<usize> {
    if !is_shared || seals(file) & libc::F_SEAL_GROW == 0 {
        return Err(EINVAL);
    }
    if files::access_mode(file) == libc::O_RDONLY && prot & libc::PROT_WRITE != 0 {
        return Err(EPERM);
    }
    let len = files::stat(file)?.st_size as usize;
    if end > len {
        return Err(EINVAL);
    }
    if prot & libc::PROT_EXEC != 0 { Err(EACCES) } else { Ok(len) }
}

pub extern "C" fn arc4random() -> u32 {
    let mut number = [0; 4];
    // SAFETY: `number` has 4 bytes.
    unsafe { libc::getrandom(number.as_mut_ptr().cast(), 4, 0) };
    u32::from_ne_bytes(number)
}
