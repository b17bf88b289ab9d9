//! `fstat64`, and the structures of 32 bits that architectures older than `asm-generic` share.

use super::super::register;
use super::{FSTAT64, syscall2};
use core::ffi::c_int;
use core::mem::MaybeUninit;

/// `struct stat64` (`asm/stat.h`); the fields that are not read have no names.
#[repr(C)]
pub(crate) struct Stat64 {
    _dev: u64,
    _pad0_ino: [u32; 2],
    st_mode: u32,
    _nlink_uid_gid: [u32; 3],
    _rdev: u64,
    _pad3: u32,
    st_size: i64,
    st_blksize: u32,
    _blocks: u64,
    _times: [u32; 6],
    _ino: u64,
}
pub(crate) use Stat64 as Stat;

impl Stat64 {
    /// Mode, size and block size.
    #[expect(clippy::cast_sign_loss, reason = "a negative length would be too long to map")]
    pub(crate) fn parts(&self) -> (u32, u64, usize) {
        (self.st_mode, self.st_size as u64, self.st_blksize as usize)
    }
}

/// `struct statfs64` (`asm-generic/statfs.h`).
#[repr(C)]
pub(crate) struct Statfs64 {
    f_type: u32,
    f_bsize: u32,
    _rest: [u32; 19],
}
pub(crate) use Statfs64 as Statfs;

impl Statfs64 {
    /// Type and block size.
    pub(crate) fn parts(&self) -> (u32, usize) {
        (self.f_type, self.f_bsize as usize)
    }
}

#[inline]
pub(crate) fn fstat(file: c_int, stat: &mut MaybeUninit<Stat64>) -> usize {
    // SAFETY: `Stat64` has the layout that the kernel writes.
    unsafe { syscall2(FSTAT64, register(file), stat.as_mut_ptr().expose_provenance()) }
}
