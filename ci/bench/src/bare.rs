//! The bare system calls, by the crate's own stubs of one instruction each, without a look at errors: the lower bound of
//! what mapping costs.

#[allow(dead_code, unused_imports, reason = "few of the stubs are used")]
#[path = "../../../src/sys/linux/arch/mod.rs"]
mod arch;

use arch::{Stat, syscall1, syscall2, syscall3, syscall4, syscall6};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

const PROT_READ: usize = 1;
const PROT_WRITE: usize = 2;
const MAP_SHARED: usize = 1;
const MAP_PRIVATE: usize = 2;
const MAP_ANONYMOUS: usize = 0x20;

/// Returns the length of a file, by `fstat`.
pub fn len(file: RawFd) -> usize {
    let mut stat = MaybeUninit::<Stat>::uninit();
    // SAFETY: `Stat` has the kernel's layout; the file is open, so the kernel fills it.
    unsafe {
        syscall2(arch::FSTAT, file as usize, stat.as_mut_ptr() as usize);
        (*stat.as_ptr()).parts().1 as usize
    }
}

/// Maps a file for reading.
pub fn map_file(file: RawFd, len: usize) -> *mut u8 {
    // SAFETY: the kernel chooses a free range.
    unsafe { syscall6(arch::MMAP, 0, len, PROT_READ, MAP_SHARED, file as usize, 0) as *mut u8 }
}

/// Maps memory for reading and writing.
pub fn map_anon(len: usize) -> *mut u8 {
    let (prot, flags) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    // SAFETY: the kernel chooses a free range.
    unsafe { syscall6(arch::MMAP, 0, len, prot, flags, usize::MAX, 0) as *mut u8 }
}

/// Reserves addresses, without access.
#[allow(dead_code, reason = "`rounds` does not grow, here and below")]
pub fn reserve(len: usize) -> *mut u8 {
    let (prot, flags) = (0, MAP_PRIVATE | MAP_ANONYMOUS);
    // SAFETY: the kernel chooses a free range.
    unsafe { syscall6(arch::MMAP, 0, len, prot, flags, usize::MAX, 0) as *mut u8 }
}

/// # Safety
/// It is a part of a reservation.
#[allow(dead_code, reason = "as above")]
pub unsafe fn make_writable(base: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { syscall3(arch::MPROTECT, base as usize, len, PROT_READ | PROT_WRITE) };
}

/// Maps a part of a file for reading.
#[allow(dead_code, reason = "as above")]
pub fn map_page(file: RawFd, len: usize, offset: usize) -> *mut u8 {
    // SAFETY: the kernel chooses a free range.
    unsafe { syscall6(arch::MMAP, 0, len, PROT_READ, MAP_SHARED, file as usize, offset) as *mut u8 }
}

/// Moves a mapping to an address, by `mremap` with `MREMAP_MAYMOVE` and `MREMAP_FIXED`.
///
/// # Safety
/// Both ranges are the caller's.
#[allow(dead_code, reason = "as above")]
pub unsafe fn move_to(from: *mut u8, len: usize, to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { syscall6(arch::MREMAP, from as usize, len, len, 3, to as usize, 0) };
}

/// # Safety
/// It is a mapping, and no longer used.
pub unsafe fn unmap(base: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { syscall2(arch::MUNMAP, base as usize, len) };
}

/// Flushes pages, by `msync` with `MS_SYNC`.
///
/// # Safety
/// It is a mapping, of whole pages.
#[allow(dead_code, reason = "`rounds` does not flush")]
pub unsafe fn flush(base: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { syscall3(arch::MSYNC, base as usize, len, 4) };
}

/// Reads as much of a file as the buffer holds, by `openat`, one `pread64` and `close`.
#[allow(dead_code, reason = "`rounds` does not read")]
pub fn read_file(path: &std::ffi::CStr, buffer: &mut [u8]) -> usize {
    const AT_FDCWD: usize = -100isize as usize;
    // SAFETY: `path` ends in NUL, and `buffer` is writable.
    unsafe {
        let file = syscall4(arch::OPENAT, AT_FDCWD, path.as_ptr() as usize, 0, 0);
        let read = syscall4(arch::PREAD64, file, buffer.as_mut_ptr() as usize, buffer.len(), 0);
        syscall1(arch::CLOSE, file);
        read
    }
}
