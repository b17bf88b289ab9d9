//! System calls with 64-bit offsets where it takes two registers to hold one.
//!
//! The halves of an offset come in the order in which they lie in memory, in the next two registers. An architecture where
//! the first is an even one has functions of its own for those that it would leave out.

#![allow(dead_code, reason = "an architecture may have its own")]

use super::super::register;
use super::*;
use core::ffi::c_int;
use core::mem::MaybeUninit;

pub(super) fn halves(number: u64) -> [usize; 2] {
    // SAFETY: both are plain numbers of 64 bits.
    unsafe { core::mem::transmute(number) }
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

#[inline]
pub(crate) fn ftruncate(file: c_int, len: u64) -> usize {
    let [first, second] = halves(len);
    // SAFETY: touches no memory. Pages mapped past the new end are the risk of whoever mapped them.
    unsafe { syscall3(FTRUNCATE64, register(file), first, second) }
}

/// # Safety
/// `len` bytes at `buffer` are writable.
#[inline]
pub(crate) unsafe fn pread(file: c_int, buffer: *mut u8, len: usize, offset: u64) -> usize {
    let [first, second] = halves(offset);
    // SAFETY: the caller's promise.
    unsafe { syscall6(PREAD64, register(file), buffer.expose_provenance(), len, first, second, 0) }
}

#[inline]
pub(crate) fn pwrite(file: c_int, bytes: &[u8], offset: u64) -> usize {
    let [first, second] = halves(offset);
    let address = bytes.as_ptr().expose_provenance();
    // SAFETY: `bytes` is readable.
    unsafe { syscall6(PWRITE64, register(file), address, bytes.len(), first, second, 0) }
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
