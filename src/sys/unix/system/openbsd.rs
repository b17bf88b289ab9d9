//! OpenBSD. Values are those of its `sys` headers, with which ci/abi compares every line.
//!
//! There is no guard: a shared mapping and the file's blocks are cached apart, and agree after `msync` only (mmap(2)), so that
//! a copy of mapped memory is not what `pread` returns, as a `View` promises. No memory is writable and executable at once
//! (mmap(2), ENOTSUP).

use crate::sys::posix;
use core::ffi::c_int;

posix::codes! {
    1 EPERM 2 ENOENT 3 ESRCH 4 EINTR 5 EIO 6 ENXIO 7 E2BIG 8 ENOEXEC 9 EBADF 10 ECHILD 11 EDEADLK 12 ENOMEM
    13 EACCES 14 EFAULT 15 ENOTBLK 16 EBUSY 17 EEXIST 18 EXDEV 19 ENODEV 20 ENOTDIR 21 EISDIR 22 EINVAL
    23 ENFILE 24 EMFILE 25 ENOTTY 26 ETXTBSY 27 EFBIG 28 ENOSPC 29 ESPIPE 30 EROFS 31 EMLINK 32 EPIPE 33 EDOM
    34 ERANGE 35 EAGAIN 36 EINPROGRESS 37 EALREADY 38 ENOTSOCK 39 EDESTADDRREQ 40 EMSGSIZE 41 EPROTOTYPE
    42 ENOPROTOOPT 43 EPROTONOSUPPORT 44 ESOCKTNOSUPPORT 45 EOPNOTSUPP 46 EPFNOSUPPORT 47 EAFNOSUPPORT
    48 EADDRINUSE 49 EADDRNOTAVAIL 50 ENETDOWN 51 ENETUNREACH 52 ENETRESET 53 ECONNABORTED 54 ECONNRESET
    55 ENOBUFS 56 EISCONN 57 ENOTCONN 58 ESHUTDOWN 59 ETOOMANYREFS 60 ETIMEDOUT 61 ECONNREFUSED 62 ELOOP
    63 ENAMETOOLONG 64 EHOSTDOWN 65 EHOSTUNREACH 66 ENOTEMPTY 67 EPROCLIM 68 EUSERS 69 EDQUOT 70 ESTALE
    71 EREMOTE 72 EBADRPC 73 ERPCMISMATCH 74 EPROGUNAVAIL 75 EPROGMISMATCH 76 EPROCUNAVAIL 77 ENOLCK 78 ENOSYS
    79 EFTYPE 80 EAUTH 81 ENEEDAUTH 82 EIPSEC 83 ENOATTR 84 EILSEQ 85 ENOMEDIUM 86 EMEDIUMTYPE 87 EOVERFLOW
    88 ECANCELED 89 EIDRM 90 ENOMSG 91 ENOTSUP 92 EBADMSG 93 ENOTRECOVERABLE 94 EOWNERDEAD 95 EPROTO
}

pub(crate) type Mode = u32;

/// There is no MAP_NORESERVE.
pub(crate) const NO_RESERVE: c_int = 0;
/// To map at an address where nothing is.
pub(crate) const AT_FREE_ADDRESS: c_int = 0x800 | 0x10;
/// Any permissions may come later, but not these two at once.
pub(crate) const LATER_PROT: c_int = 0;
pub(crate) const MADV_FREE: c_int = 6;
pub(crate) const MS_SYNC: c_int = 0x2;
pub(crate) const INHERIT_ZERO: c_int = 3;
pub(crate) const O_DIRECTORY: c_int = 0x20000;
pub(crate) const O_CLOEXEC: c_int = 0x10000;

#[repr(C)]
struct Time {
    _seconds: i64,
    _nanoseconds: isize,
}

#[repr(C)]
pub(crate) struct Stat {
    pub(crate) st_mode: Mode,
    _st_dev: i32,
    _st_ino: u64,
    _st_nlink_uid_gid: [u32; 3],
    _st_rdev: i32,
    _times: [Time; 3],
    pub(crate) st_size: i64,
    _st_blocks: i64,
    _st_blksize_flags_gen: [u32; 3],
    _birth: Time,
}
