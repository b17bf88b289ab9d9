//! The call numbers and structures of `asm-generic` (`unistd.h`, `stat.h`, `signal.h`), which newer architectures share.

#![allow(dead_code, reason = "an architecture may have its own")]

use super::super::signal::{Mask, mask, signals};
use core::ffi::c_void;
use core::ptr::with_exposed_provenance;

pub(crate) const FCNTL: usize = 25;
pub(crate) const IOCTL: usize = 29;
pub(crate) const FLOCK: usize = 32;
pub(crate) const UNLINKAT: usize = 35;
pub(crate) const FSTATFS: usize = 44;
pub(crate) const FTRUNCATE: usize = 46;
pub(crate) const FALLOCATE: usize = 47;
pub(crate) const FACCESSAT: usize = 48;
pub(crate) const OPENAT: usize = 56;
pub(crate) const CLOSE: usize = 57;
pub(crate) const READ: usize = 63;
pub(crate) const PREAD64: usize = 67;
pub(crate) const PWRITE64: usize = 68;
pub(crate) const FSTAT: usize = 80;
pub(crate) const FSYNC: usize = 82;
pub(crate) const CLOCK_GETTIME: usize = 113;
pub(crate) const RT_SIGACTION: usize = 134;
pub(crate) const RT_SIGPROCMASK: usize = 135;
pub(crate) const GETRUSAGE: usize = 165;
pub(crate) const PRCTL: usize = 167;
pub(crate) const GETPID: usize = 172;
pub(crate) const GETTID: usize = 178;
pub(crate) const MUNMAP: usize = 215;
pub(crate) const MREMAP: usize = 216;
pub(crate) const MMAP: usize = 222;
pub(crate) const MPROTECT: usize = 226;
pub(crate) const MSYNC: usize = 227;
pub(crate) const MLOCK: usize = 228;
pub(crate) const MUNLOCK: usize = 229;
pub(crate) const MINCORE: usize = 232;
pub(crate) const MADVISE: usize = 233;
pub(crate) const RT_TGSIGQUEUEINFO: usize = 240;
pub(crate) const PRLIMIT64: usize = 261;
pub(crate) const MEMFD_CREATE: usize = 279;
pub(crate) const MLOCK2: usize = 284;
pub(crate) const MEMFD_SECRET: usize = 447;

/// `struct stat`; the fields that are not read have no names.
#[repr(C)]
pub(crate) struct Stat {
    _dev_ino: [u64; 2],
    st_mode: u32,
    _nlink_uid_gid: [u32; 3],
    _rdev_pad: [u64; 2],
    st_size: i64,
    st_blksize: i32,
    _pad2: i32,
    _blocks_times_unused: [u64; 8],
}

impl Stat {
    /// Mode, size and block size.
    #[expect(clippy::cast_sign_loss, reason = "a negative length would be too long to map")]
    pub(crate) fn parts(&self) -> (u32, u64, usize) {
        (self.st_mode, self.st_size as u64, self.st_blksize as usize)
    }
}

/// The kernel's `struct sigaction`. A handler returns to the vDSO.
#[repr(C)]
pub(crate) struct Sigaction {
    sa_handler: *const c_void,
    sa_flags: usize,
    sa_mask: Mask,
}

impl Sigaction {
    pub(crate) fn new(handler: usize, flags: usize, signals: u64) -> Self {
        Self { sa_handler: with_exposed_provenance(handler), sa_flags: flags, sa_mask: mask(signals) }
    }

    /// Handler, flags and the signals of the mask.
    pub(crate) fn parts(&self) -> (usize, usize, u64) {
        (self.sa_handler.expose_provenance(), self.sa_flags, signals(self.sa_mask))
    }
}
