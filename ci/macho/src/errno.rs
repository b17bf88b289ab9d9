//! Error codes, with Darwin's numbers (sys/errno.h).

use libc::c_int;

/// A value of Darwin's `errno`.
#[derive(Clone, Copy)]
pub struct Errno(pub c_int);

pub const EPERM: Errno = Errno(1);
pub const ENOENT: Errno = Errno(2);
pub const EBADF: Errno = Errno(9);
pub const ENOMEM: Errno = Errno(12);
pub const EACCES: Errno = Errno(13);
pub const EFAULT: Errno = Errno(14);
pub const EEXIST: Errno = Errno(17);
pub const ENODEV: Errno = Errno(19);
pub const EINVAL: Errno = Errno(22);
pub const ENOTTY: Errno = Errno(25);
pub const EFBIG: Errno = Errno(27);
pub const ESPIPE: Errno = Errno(29);
pub const ENOTSUP: Errno = Errno(45);
pub const ENXIO: Errno = Errno(6);
pub const ENAMETOOLONG: Errno = Errno(63);

impl Errno {
    /// Translates Linux's `errno`.
    pub fn last() -> Self {
        // SAFETY: libc returns the address of this thread's `errno`.
        let code = unsafe { *libc::__errno_location() };
        Self(match code {
            // 11 is EAGAIN on Linux and EDEADLK on Darwin. All others up to 34 are the same.
            libc::EAGAIN => 35,
            1..=34 => code,
            libc::EDEADLK => 11,
            libc::ENAMETOOLONG => 63,
            libc::ENOLCK => 77,
            libc::ENOSYS => 78,
            libc::ENOTEMPTY => 66,
            libc::ELOOP => 62,
            libc::ENODATA => 96,
            libc::EPROTO => 100,
            libc::EBADMSG => 94,
            libc::EOVERFLOW => 84,
            libc::EILSEQ => 92,
            // Darwin uses ENOTSUP for files, and EOPNOTSUPP (102) for sockets.
            libc::EOPNOTSUPP => 45,
            libc::ECONNRESET => 54,
            libc::ETIMEDOUT => 60,
            libc::ESTALE => 70,
            libc::EDQUOT => 69,
            libc::ECANCELED => 89,
            _ => crate::stop(format_args!("add a translation of Linux's errno {code} to errno.rs")),
        })
    }

    /// Converts a result of libc.
    pub fn check(result: isize) -> Result<isize, Self> {
        if result == -1 { Err(Self::last()) } else { Ok(result) }
    }
}

pub static mut ERRNO: c_int = 0;

/// `int *__error(void)`, which Darwin's `errno` calls. There is one value, as programs run here have one thread.
pub extern "C" fn error() -> *mut c_int {
    &raw mut ERRNO
}
