//! System calls with 64-bit offsets where it takes two registers to hold one, and the structures of these calls.
//!
//! The halves of an offset come in the order in which they lie in memory. Some architectures pass them in an even register
//! and the next, and so have a `pair` of three arguments: one that is ignored before them.

use super::machine::*;
use super::register;
use core::ffi::c_int;
use core::mem::MaybeUninit;

pub(super) fn halves(number: u64) -> [usize; 2] {
    // SAFETY: both are plain numbers of 64 bits.
    unsafe { core::mem::transmute(number) }
}

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

#[inline]
pub(crate) fn fstatfs(file: c_int, statfs: &mut MaybeUninit<Statfs64>) -> usize {
    let statfs = statfs.as_mut_ptr().expose_provenance();
    // SAFETY: `Statfs64` has the layout that the kernel writes.
    unsafe { syscall3(FSTATFS64, register(file), size_of::<Statfs64>(), statfs) }
}

#[inline]
pub(crate) fn fallocate(file: c_int, mode: usize, offset: u64, len: u64) -> usize {
    let ([first, second], [third, fourth]) = (halves(offset), halves(len));
    // SAFETY: touches no memory. A mode that removes contents is the risk of whoever mapped them.
    unsafe { syscall6(FALLOCATE, register(file), mode, first, second, third, fourth) }
}

/// # Safety
/// With MAP_FIXED the range is the caller's, and no longer used.
#[inline]
pub(crate) unsafe fn mmap(
    address: usize,
    len: usize,
    prot: usize,
    flags: usize,
    file: c_int,
    offset: u64,
) -> usize {
    /// `mmap2` counts in pages of this size, whatever the kernel's are (mmap2(2)).
    const UNIT: u64 = 4096;
    const EOVERFLOW: c_int = 75;
    let Ok(unit) = usize::try_from(offset / UNIT) else { return register(-EOVERFLOW) };
    // SAFETY: the caller's promise; without MAP_FIXED the kernel chooses an unused address.
    unsafe { syscall6(MMAP2, address, len, prot, flags, register(file), unit) }
}
