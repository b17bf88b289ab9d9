//! illumos. No headers of it are at hand, so ci/abi compares nothing: the values are those of its sources (usr/src/uts/common/sys,
//! usr/src/uts/intel/sys), and agree with the declarations of the crate `libc`.

use crate::sys::posix;
use core::ffi::c_int;

posix::codes! {
    1 EPERM 2 ENOENT 3 ESRCH 4 EINTR 5 EIO 6 ENXIO 7 E2BIG 8 ENOEXEC 9 EBADF 10 ECHILD 11 EAGAIN 12 ENOMEM
    13 EACCES 14 EFAULT 15 ENOTBLK 16 EBUSY 17 EEXIST 18 EXDEV 19 ENODEV 20 ENOTDIR 21 EISDIR 22 EINVAL
    23 ENFILE 24 EMFILE 25 ENOTTY 26 ETXTBSY 27 EFBIG 28 ENOSPC 29 ESPIPE 30 EROFS 31 EMLINK 32 EPIPE 33 EDOM
    34 ERANGE 35 ENOMSG 36 EIDRM 37 ECHRNG 38 EL2NSYNC 39 EL3HLT 40 EL3RST 41 ELNRNG 42 EUNATCH 43 ENOCSI
    44 EL2HLT 45 EDEADLK 46 ENOLCK 47 ECANCELED 48 ENOTSUP 49 EDQUOT 50 EBADE 51 EBADR 52 EXFULL 53 ENOANO
    54 EBADRQC 55 EBADSLT 56 EDEADLOCK 57 EBFONT 58 EOWNERDEAD 59 ENOTRECOVERABLE 60 ENOSTR 61 ENODATA
    62 ETIME 63 ENOSR 64 ENONET 65 ENOPKG 66 EREMOTE 67 ENOLINK 68 EADV 69 ESRMNT 70 ECOMM 71 EPROTO
    72 ELOCKUNMAPPED 73 ENOTACTIVE 74 EMULTIHOP 75 EADI 77 EBADMSG 78 ENAMETOOLONG 79 EOVERFLOW 80 ENOTUNIQ
    81 EBADFD 82 EREMCHG 83 ELIBACC 84 ELIBBAD 85 ELIBSCN 86 ELIBMAX 87 ELIBEXEC 88 EILSEQ 89 ENOSYS 90 ELOOP
    91 ERESTART 92 ESTRPIPE 93 ENOTEMPTY 94 EUSERS 95 ENOTSOCK 96 EDESTADDRREQ 97 EMSGSIZE 98 EPROTOTYPE
    99 ENOPROTOOPT 120 EPROTONOSUPPORT 121 ESOCKTNOSUPPORT 122 EOPNOTSUPP 123 EPFNOSUPPORT 124 EAFNOSUPPORT
    125 EADDRINUSE 126 EADDRNOTAVAIL 127 ENETDOWN 128 ENETUNREACH 129 ENETRESET 130 ECONNABORTED
    131 ECONNRESET 132 ENOBUFS 133 EISCONN 134 ENOTCONN 143 ESHUTDOWN 144 ETOOMANYREFS 145 ETIMEDOUT
    146 ECONNREFUSED 147 EHOSTDOWN 148 EHOSTUNREACH 149 EALREADY 150 EINPROGRESS 151 ESTALE
}

pub(crate) type Mode = u32;

pub(crate) const NO_RESERVE: c_int = 0x40;
/// The address is a hint.
pub(crate) const AT_FREE_ADDRESS: c_int = 0;
/// Any permissions may come later.
pub(crate) const LATER_PROT: c_int = 0;
pub(crate) const MADV_FREE: c_int = 5;
pub(crate) const MS_SYNC: c_int = 0x4;
pub(crate) const O_DIRECTORY: c_int = 0x1000000;
pub(crate) const O_CLOEXEC: c_int = 0x800000;

#[repr(C)]
pub(crate) struct Stat {
    _st_dev_ino: [u64; 2],
    pub(crate) st_mode: Mode,
    _st_nlink_uid_gid: [u32; 3],
    _st_rdev: u64,
    pub(crate) st_size: i64,
    _times: [u64; 6],
    _st_blksize: i32,
    _st_blocks: i64,
    _st_fstype: [u8; 16],
}

/// What the guard knows.
pub(crate) mod signals {
    use core::ffi::{c_int, c_ulong, c_void};

    #[repr(C)]
    pub(crate) struct SigAction {
        pub(crate) sa_flags: c_int,
        /// `SIG_DFL`, `SIG_IGN`, or a function.
        pub(crate) handler: usize,
        pub(crate) sa_mask: [u32; 4],
    }

    #[repr(C)]
    pub(crate) struct SigInfo {
        _si_signo: c_int,
        pub(crate) code: c_int,
    }

    /// The beginning of `ucontext_t`, a handler's third argument.
    #[repr(C)]
    pub(crate) struct Ucontext {
        _uc_flags: c_ulong,
        _uc_link: *mut c_void,
        pub(crate) uc_sigmask: [u32; 4],
        _uc_stack: [usize; 3],
        /// Padding, as `mcontext_t` is aligned to 16 bytes, and R15 to ERR.
        _registers: [i64; 18],
        pub(crate) pc: i64,
    }

    /// Codes over 0 are the kernel's (`SI_FROMKERNEL` in sys/siginfo.h), but SI_NOINFO is none.
    pub(crate) fn is_fault(code: c_int) -> Option<bool> {
        const SI_NOINFO: c_int = 32767;
        if code == SI_NOINFO { None } else { Some(code > 0) }
    }
}
