//! NetBSD, as of version 6, with which `fstat` got the name that is imported. Values are those of its `sys`
//! headers, with which ci/abi compares every line.

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
    79 EFTYPE 80 EAUTH 81 ENEEDAUTH 82 EIDRM 83 ENOMSG 84 EOVERFLOW 85 EILSEQ 86 ENOTSUP 87 ECANCELED
    88 EBADMSG 89 ENODATA 90 ENOSR 91 ENOSTR 92 ETIME 93 ENOATTR 94 EMULTIHOP 95 ENOLINK 96 EPROTO
    97 EOWNERDEAD 98 ENOTRECOVERABLE
}

pub(crate) type Mode = u32;

pub(crate) const NO_RESERVE: c_int = 0x40;
/// To map at an address if nothing is there, even within the heap.
pub(crate) const AT_FREE_ADDRESS: c_int = 0x400;
/// Permissions that a mapping may get later: PROT_MPROTECT. Without it, where PaX MPROTECT is on, `mprotect` adds none that a
/// mapping lacked when it was made (mmap(2)).
pub(crate) const LATER_PROT: c_int = 7 << 3;
pub(crate) const MADV_FREE: c_int = 6;
pub(crate) const MS_SYNC: c_int = 0x4;
pub(crate) const INHERIT_ZERO: c_int = 4;
pub(crate) const O_DIRECTORY: c_int = 0x200000;
pub(crate) const O_CLOEXEC: c_int = 0x400000;

#[repr(C)]
struct Time {
    _seconds: i64,
    _nanoseconds: isize,
}

#[repr(C)]
pub(crate) struct Stat {
    _st_dev: u64,
    pub(crate) st_mode: Mode,
    _st_ino: u64,
    _st_nlink_uid_gid: [u32; 3],
    _st_rdev: u64,
    _times: [Time; 4],
    pub(crate) st_size: i64,
    _st_blocks: i64,
    _st_blksize_flags_gen_spare: [u32; 5],
}

/// What the guard knows.
#[cfg(any(baremap_arch = "aarch64", baremap_arch = "x86_64"))]
pub(crate) mod signals {
    use core::ffi::{c_int, c_uint, c_void};

    #[repr(C)]
    pub(crate) struct SigAction {
        /// `SIG_DFL`, `SIG_IGN`, or a function.
        pub(crate) handler: usize,
        pub(crate) sa_mask: [u32; 4],
        pub(crate) sa_flags: c_int,
    }

    #[repr(C)]
    pub(crate) struct SigInfo {
        _si_signo: c_int,
        pub(crate) code: c_int,
    }

    /// RDI to ERR.
    #[cfg(baremap_arch = "x86_64")]
    type BeforePc = [u64; 21];
    /// Padding, as `mcontext_t` is aligned to 16 bytes, X0 to X30 and SP.
    #[cfg(baremap_arch = "aarch64")]
    type BeforePc = [u64; 33];

    /// The beginning of `ucontext_t`, a handler's third argument.
    #[repr(C)]
    pub(crate) struct Ucontext {
        _uc_flags: c_uint,
        _uc_link: *mut c_void,
        pub(crate) uc_sigmask: [u32; 4],
        _uc_stack: [usize; 3],
        _registers: BeforePc,
        pub(crate) pc: u64,
    }

    /// Codes over 0 are the kernel's (siginfo(2)), but SI_NOINFO is none.
    pub(crate) fn is_fault(code: c_int) -> Option<bool> {
        const SI_NOINFO: c_int = 32767;
        if code == SI_NOINFO { None } else { Some(code > 0) }
    }
}
