//! The error codes that the calls of this backend can answer with (`asm-generic/errno-base.h` and
//! `errno.h`, the same on x86_64 and aarch64), in words.

use crate::error::ErrorKind;

pub(super) const EINTR: i32 = 4;
pub(super) const EAGAIN: i32 = 11;
pub(super) const ENOMEM: i32 = 12;
pub(super) const EFAULT: i32 = 14;
pub(super) const EEXIST: i32 = 17;
pub(super) const EINVAL: i32 = 22;

pub(crate) fn describe(code: i32) -> (&'static str, &'static str, ErrorKind) {
    use ErrorKind::*;
    match code {
        1 => ("EPERM", "operation not permitted", PermissionDenied),
        2 => ("ENOENT", "no such file or directory", NotFound),
        EINTR => ("EINTR", "interrupted system call", Other),
        5 => ("EIO", "input/output error", Io),
        6 => ("ENXIO", "no such device or address", NotFound),
        9 => ("EBADF", "bad file descriptor, or not open for this", InvalidInput),
        EAGAIN => ("EAGAIN", "resource temporarily unavailable", WouldBlock),
        ENOMEM => ("ENOMEM", "cannot allocate memory", OutOfMemory),
        13 => ("EACCES", "permission denied", PermissionDenied),
        EFAULT => ("EFAULT", "bad address", InvalidInput),
        16 => ("EBUSY", "device or resource busy", Busy),
        EEXIST => ("EEXIST", "file exists", Other),
        19 => ("ENODEV", "no such device, or the file cannot be mapped", NotMappable),
        20 => ("ENOTDIR", "a component of the path is not a directory", NotFound),
        21 => ("EISDIR", "is a directory", NotMappable),
        EINVAL => ("EINVAL", "invalid argument", InvalidInput),
        23 => ("ENFILE", "too many open files in the system", TooManyFiles),
        24 => ("EMFILE", "too many open files", TooManyFiles),
        26 => ("ETXTBSY", "text file busy", Busy),
        27 => ("EFBIG", "file too large", TooLong),
        28 => ("ENOSPC", "no space left on device", NoSpace),
        29 => ("ESPIPE", "illegal seek", NotSeekable),
        30 => ("EROFS", "read-only file system", PermissionDenied),
        36 => ("ENAMETOOLONG", "file name too long", InvalidInput),
        38 => ("ENOSYS", "function not implemented", Unsupported),
        40 => ("ELOOP", "too many levels of symbolic links", InvalidInput),
        75 => ("EOVERFLOW", "value too large for its type", Overflow),
        95 => ("EOPNOTSUPP", "operation not supported", Unsupported),
        116 => ("ESTALE", "stale file handle", Io),
        122 => ("EDQUOT", "disk quota exceeded", NoSpace),
        _ => ("unknown code", "unknown error", Other),
    }
}
