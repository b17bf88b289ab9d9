//! `fstat` by `statx`, for architectures where Linux has, or had at first, no other.

use super::super::register;
use super::syscall6;
use core::ffi::c_int;
use core::mem::MaybeUninit;

/// `struct statx` (`linux/stat.h`), as far as it is read.
#[repr(C)]
pub(crate) struct Stat {
    _stx_mask: u32,
    stx_blksize: u32,
    _attributes_nlink_uid_gid: [u32; 5],
    stx_mode: u16,
    _spare0: u16,
    _ino: u64,
    stx_size: u64,
    _blocks_to_spare3: [u64; 26],
}

impl Stat {
    /// Mode, size and block size.
    pub(crate) fn parts(&self) -> (u32, u64, usize) {
        (self.stx_mode.into(), self.stx_size, self.stx_blksize as usize)
    }
}

#[inline]
pub(crate) fn fstat(file: c_int, stat: &mut MaybeUninit<Stat>) -> usize {
    const STATX: usize = 291;
    const AT_EMPTY_PATH: usize = 0x1000;
    const STATX_BASIC_STATS: usize = 0x7ff;
    let (path, stat) = (c"".as_ptr().expose_provenance(), stat.as_mut_ptr().expose_provenance());
    // SAFETY: the path ends in NUL, and `Stat` has the layout that the kernel writes.
    unsafe { syscall6(STATX, register(file), path, AT_EMPTY_PATH, STATX_BASIC_STATS, stat, 0) }
}
