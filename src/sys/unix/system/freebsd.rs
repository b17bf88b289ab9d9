//! FreeBSD, as of version 12: before, `struct stat` had 32-bit inode numbers, and `fstat` the same name. Values are those of
//! its `sys` headers, with which ci/abi compares every line. Comments name the file and the function of its kernel.

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
    79 EFTYPE 80 EAUTH 81 ENEEDAUTH 82 EIDRM 83 ENOMSG 84 EOVERFLOW 85 ECANCELED 86 EILSEQ 87 ENOATTR
    88 EDOOFUS 89 EBADMSG 90 EMULTIHOP 91 ENOLINK 92 EPROTO 93 ENOTCAPABLE 94 ECAPMODE 95 ENOTRECOVERABLE
    96 EOWNERDEAD 97 EINTEGRITY
}

/// The same as EOPNOTSUPP.
pub(crate) const ENOTSUP: i32 = 45;

pub(crate) type Mode = u16;

/// Memory without access costs no swap, and there is no MAP_NORESERVE.
pub(crate) const NO_RESERVE: c_int = 0;
/// To map at an address where nothing is.
pub(crate) const AT_FREE_ADDRESS: c_int = 0x4000 | 0x10;
/// Permissions that a mapping may get later, which `vm.imply_prot_max` would limit to its first ones.
pub(crate) const LATER_PROT: c_int = 7 << 16;
pub(crate) const MADV_FREE: c_int = 5;
pub(crate) const MS_SYNC: c_int = 0;
pub(crate) const INHERIT_ZERO: c_int = 3;
pub(crate) const O_DIRECTORY: c_int = 0x20000;
pub(crate) const O_CLOEXEC: c_int = 0x100000;

/// Times of 32 bits are followed by their upper half.
#[cfg(baremap_arch = "x86")]
type Time = [u32; 3];
#[cfg(not(baremap_arch = "x86"))]
type Time = [u64; 2];

#[repr(C)]
pub(crate) struct Stat {
    _st_dev_ino_nlink: [u64; 3],
    pub(crate) st_mode: Mode,
    _st_bsdflags: i16,
    _st_uid_gid_padding: [u32; 3],
    _st_rdev: u64,
    _times: [Time; 4],
    pub(crate) st_size: i64,
    _st_blocks: i64,
    _st_blksize_flags: [u32; 2],
    _st_gen_filerev_spare: [u64; 11],
}

/// What the guard knows.
#[cfg(any(baremap_arch = "aarch64", baremap_arch = "x86_64"))]
pub(crate) mod signals {
    use core::ffi::c_int;

    #[repr(C)]
    pub(crate) struct SigAction {
        /// `SIG_DFL`, `SIG_IGN`, or a function.
        pub(crate) handler: usize,
        pub(crate) sa_flags: c_int,
        pub(crate) sa_mask: [u32; 4],
    }

    #[repr(C)]
    pub(crate) struct SigInfo {
        _si_signo_errno: [c_int; 2],
        pub(crate) code: c_int,
    }

    /// From `mc_onstack` to `mc_err`.
    #[cfg(baremap_arch = "x86_64")]
    type BeforePc = [i64; 20];
    /// X0 to X29, LR and SP.
    #[cfg(baremap_arch = "aarch64")]
    type BeforePc = [i64; 32];

    /// The beginning of `ucontext_t`, a handler's third argument.
    #[repr(C)]
    pub(crate) struct Ucontext {
        pub(crate) uc_sigmask: [u32; 4],
        _registers: BeforePc,
        pub(crate) pc: i64,
    }

    /// Codes of signals that were sent begin at SI_USER, and 0 is of either kind.
    pub(crate) fn is_fault(code: c_int) -> Option<bool> {
        const SI_USER: c_int = 0x10001;
        if code == 0 { None } else { Some(code < SI_USER) }
    }
}
