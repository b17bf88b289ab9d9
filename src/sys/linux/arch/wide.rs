//! System calls with 64-bit offsets, where a register holds one, and `struct statfs` of `asm-generic` (`statfs.h`).

#![allow(dead_code, reason = "an architecture may have its own")]
#![expect(clippy::cast_possible_truncation, reason = "a register holds 64 bits")]

use super::super::register;
use super::*;
use core::ffi::c_int;
use core::mem::MaybeUninit;

/// The kernel adds the flag by itself.
pub(crate) const O_LARGEFILE: c_int = 0;

#[repr(C)]
pub(crate) struct Statfs {
    f_type: i64,
    f_bsize: i64,
    _rest: [u64; 13],
}

impl Statfs {
    /// Type and block size.
    #[expect(clippy::cast_sign_loss, reason = "a type is a number of 32 bits, and no block size is negative")]
    pub(crate) fn parts(&self) -> (u32, usize) {
        (self.f_type as u32, self.f_bsize as usize)
    }
}

#[inline]
pub(crate) fn fallocate(file: c_int, mode: usize, offset: u64, len: u64) -> usize {
    // SAFETY: touches no memory. A mode that removes contents is the risk of whoever mapped them.
    unsafe { syscall4(FALLOCATE, register(file), mode, offset as usize, len as usize) }
}

#[inline]
pub(crate) fn fstat(file: c_int, stat: &mut MaybeUninit<Stat>) -> usize {
    // SAFETY: `Stat` has the layout that the kernel writes.
    unsafe { syscall2(FSTAT, register(file), stat.as_mut_ptr().expose_provenance()) }
}

#[inline]
pub(crate) fn fstatfs(file: c_int, statfs: &mut MaybeUninit<Statfs>) -> usize {
    // SAFETY: `Statfs` has the layout that the kernel writes.
    unsafe { syscall2(FSTATFS, register(file), statfs.as_mut_ptr().expose_provenance()) }
}

#[inline]
pub(crate) fn ftruncate(file: c_int, len: u64) -> usize {
    // SAFETY: touches no memory. Pages mapped past the new end are the risk of whoever mapped them.
    unsafe { syscall2(FTRUNCATE, register(file), len as usize) }
}

/// # Safety
/// `len` bytes at `buffer` are writable.
#[inline]
pub(crate) unsafe fn pread(file: c_int, buffer: *mut u8, len: usize, offset: u64) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall4(PREAD64, register(file), buffer.expose_provenance(), len, offset as usize) }
}

#[inline]
pub(crate) fn pwrite(file: c_int, bytes: &[u8], offset: u64) -> usize {
    // SAFETY: `bytes` is readable.
    unsafe {
        syscall4(PWRITE64, register(file), bytes.as_ptr().expose_provenance(), bytes.len(), offset as usize)
    }
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
    // SAFETY: the caller's promise; without MAP_FIXED the kernel chooses an unused address.
    unsafe { syscall6(MMAP, address, len, prot, flags, register(file), offset as usize) }
}
