//! System calls whose arguments each fit a register on any architecture, and their errors.
//!
//! The architecture's file has those with 64-bit offsets, as 32-bit registers cannot hold them. The backend makes calls
//! and knows no number. A call returns what the kernel returned: a value, or a negative error code.

use super::arch::*;
use super::codes::EINTR;
use crate::error::kind::{Call, Failure};
use crate::sys::contract::{Result, Usage};
use crate::sys::posix;
use crate::sys::posix::residency::Rlimit;
use core::ffi::{CStr, c_int, c_void};
use core::mem::MaybeUninit;

pub(super) const MS_ASYNC: usize = 1;
pub(super) const MREMAP_MAYMOVE: usize = 1;
pub(super) const MAP_PRIVATE: usize = 2;
pub(super) const MAP_ANONYMOUS: usize = 0x20;

/// A result of -4095 to -1 is an error code (syscall(2); `MAX_ERRNO` in `linux/err.h`).
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the code is a small number")]
#[inline]
pub(super) fn checked(call: Call, result: usize) -> Result<usize> {
    match -(result as isize) {
        code @ 1..=4095 => Err(Failure::of_system(call, code as i32)),
        _ => Ok(result),
    }
}

pub(super) fn uninterrupted(call: Call, syscall: impl FnMut() -> usize) -> Result<usize> {
    checked(call, posix::uninterrupted(syscall, |result| result == register(-EINTR)))
}

/// The descriptor that a call returned.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "it is an int")]
#[inline(always)]
pub(super) const fn descriptor(result: usize) -> c_int {
    result as c_int
}

/// Opens a file relative to the working directory.
#[inline]
pub(super) fn open(path: &CStr, flags: c_int, mode: usize) -> usize {
    // SAFETY: `path` ends in NUL.
    unsafe { syscall4(OPENAT, register(AT_FDCWD), path.as_ptr().expose_provenance(), register(flags), mode) }
}

/// Opens a file relative to a folder.
#[inline]
pub(super) fn openat(folder: c_int, path: &CStr, flags: c_int, mode: usize) -> usize {
    // SAFETY: `path` ends in NUL.
    unsafe { syscall4(OPENAT, register(folder), path.as_ptr().expose_provenance(), register(flags), mode) }
}

/// Removes the name of a file that is no folder.
#[inline]
pub(super) fn unlinkat(folder: c_int, path: &CStr) -> usize {
    // SAFETY: `path` ends in NUL.
    unsafe { syscall3(UNLINKAT, register(folder), path.as_ptr().expose_provenance(), 0) }
}

pub(super) const AT_FDCWD: c_int = -100;

/// Whether a path exists that the kernel reads from an address, which need not be readable.
#[inline]
pub(super) fn access(path: usize) -> usize {
    // SAFETY: an unreadable path is EFAULT; a readable one is looked up.
    unsafe { syscall3(FACCESSAT, register(AT_FDCWD), path, 0) }
}

#[inline]
pub(super) fn close(file: c_int) -> usize {
    // SAFETY: touches no memory.
    unsafe { syscall1(CLOSE, register(file)) }
}

/// Makes a file in memory. The name is for debugging.
#[inline]
pub(super) fn memfd_create(name: &CStr, flags: usize) -> usize {
    // SAFETY: `name` ends in NUL.
    unsafe { syscall2(MEMFD_CREATE, name.as_ptr().expose_provenance(), flags) }
}

/// Makes a file of secret memory.
#[inline]
pub(super) fn memfd_secret(flags: c_int) -> usize {
    // SAFETY: touches no memory.
    unsafe { syscall1(MEMFD_SECRET, register(flags)) }
}

/// Sets the name of mapped pages.
pub(super) fn set_vma_name(address: usize, len: usize, name: Option<&CStr>) -> usize {
    const PR_SET_VMA: usize = 0x53564d41;
    const PR_SET_VMA_ANON_NAME: usize = 0;
    let name = name.map_or(0, |name| name.as_ptr().expose_provenance());
    // SAFETY: the name ends in NUL, and contents stay as they are. The call takes five arguments.
    unsafe { syscall6(PRCTL, PR_SET_VMA, PR_SET_VMA_ANON_NAME, address, len, name, 0) }
}

/// `fcntl` for commands whose argument is a number.
#[inline]
pub(super) fn fcntl(file: c_int, command: usize, argument: usize) -> usize {
    // SAFETY: touches no memory.
    unsafe { syscall3(FCNTL, register(file), command, argument) }
}

/// # Safety
/// As the request.
#[inline]
pub(super) unsafe fn ioctl(file: c_int, request: usize, argument: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall3(IOCTL, register(file), request, argument) }
}

#[inline]
pub(super) fn flock(file: c_int, operation: c_int) -> usize {
    // SAFETY: touches no memory.
    unsafe { syscall2(FLOCK, register(file), register(operation)) }
}

#[inline]
pub(super) fn fsync(file: c_int) -> usize {
    // SAFETY: touches no memory.
    unsafe { syscall1(FSYNC, register(file)) }
}

/// # Safety
/// `len` bytes at `buffer` are writable.
#[inline]
pub(super) unsafe fn read(file: c_int, buffer: *mut u8, len: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall3(READ, register(file), buffer.expose_provenance(), len) }
}

/// # Safety
/// The range is the caller's, and no longer used.
#[inline]
pub(super) unsafe fn munmap(address: usize, len: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall2(MUNMAP, address, len) }
}

/// Moves a mapping, or changes its length; `to` is for `MREMAP_FIXED`.
///
/// # Safety
/// Both ranges are the caller's, and no longer used.
#[inline]
pub(super) unsafe fn mremap(from: usize, len: usize, new_len: usize, flags: usize, to: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall6(MREMAP, from, len, new_len, flags, to, 0) }
}

/// # Safety
/// The range is empty, or the caller's, who holds no reference that needs other permissions.
#[inline]
pub(super) unsafe fn mprotect(address: usize, len: usize, prot: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall3(MPROTECT, address, len, prot) }
}

/// # Safety
/// As the advice.
#[inline]
pub(super) unsafe fn madvise(address: usize, len: usize, advice: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall3(MADVISE, address, len, advice) }
}

#[inline]
pub(super) fn msync(address: usize, len: usize, flags: usize) -> usize {
    // SAFETY: contents stay as they are.
    unsafe { syscall3(MSYNC, address, len, flags) }
}

#[inline]
pub(super) fn mlock(address: usize, len: usize) -> usize {
    // SAFETY: contents stay as they are.
    unsafe { syscall2(MLOCK, address, len) }
}

#[inline]
pub(super) fn munlock(address: usize, len: usize) -> usize {
    // SAFETY: contents stay as they are.
    unsafe { syscall2(MUNLOCK, address, len) }
}

#[inline]
pub(super) fn mlock2(address: usize, len: usize, flags: usize) -> usize {
    // SAFETY: contents stay as they are.
    unsafe { syscall3(MLOCK2, address, len, flags) }
}

/// Reports whether pages are resident, in the lowest bit of a byte for each.
///
/// # Safety
/// `states` has a byte for each page.
#[inline]
pub(super) unsafe fn mincore(address: usize, len: usize, states: &mut [u8]) -> usize {
    // SAFETY: the caller's promise.
    unsafe { syscall3(MINCORE, address, len, states.as_mut_ptr().expose_provenance()) }
}

/// Reads and sets a limit of this process.
///
/// # Safety
/// `old` is null or writable.
pub(super) unsafe fn prlimit64(resource: usize, new: *const Rlimit, old: *mut Rlimit) -> usize {
    // SAFETY: the structures have the kernel's layout.
    unsafe { syscall4(PRLIMIT64, 0, resource, new.expose_provenance(), old.expose_provenance()) }
}

/// # Safety
/// The new handler can deal with the signal, and the old one can be written.
pub(super) unsafe fn rt_sigaction(signal: c_int, new: Option<&Sigaction>, old: *mut Sigaction) -> usize {
    let new = new.map_or(0, |new| (&raw const *new).expose_provenance());
    // SAFETY: the structures have the kernel's layout; the rest is the caller's promise.
    unsafe { syscall4(RT_SIGACTION, register(signal), new, old.expose_provenance(), SIGSET_LEN) }
}

const SIGSET_LEN: usize = size_of::<u64>();

/// Changes which signals this thread blocks.
pub(super) fn rt_sigprocmask(how: c_int, mask: Mask) -> usize {
    // SAFETY: the kernel reads `mask`.
    unsafe { syscall4(RT_SIGPROCMASK, register(how), (&raw const mask).expose_provenance(), 0, SIGSET_LEN) }
}

/// Sends a signal to this thread.
///
/// # Safety
/// `info` points to a `siginfo_t`.
pub(super) unsafe fn rt_tgsigqueueinfo(signal: c_int, info: *mut c_void) -> usize {
    // SAFETY: the kernel reads `info`; GETTID ignores its argument.
    unsafe {
        syscall4(RT_TGSIGQUEUEINFO, getpid(), syscall1(GETTID, 0), register(signal), info.expose_provenance())
    }
}

pub(super) fn getpid() -> usize {
    // SAFETY: touches no memory, and ignores its argument.
    unsafe { syscall1(GETPID, 0) }
}

/// Returns a number that no other thread has, now: the time and the thread.
#[expect(clippy::cast_sign_loss, reason = "any bits will do")]
pub(super) fn unique_number() -> u64 {
    const CLOCK_MONOTONIC: usize = 1;
    let mut time = Timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure has the layout that the kernel writes; GETTID ignores its argument.
    let thread = unsafe {
        syscall2(CLOCK_GETTIME, CLOCK_MONOTONIC, (&raw mut time).expose_provenance());
        syscall1(GETTID, 0)
    };
    (time.tv_sec as u64) << 30 ^ time.tv_nsec as u64 ^ (thread as u64).rotate_right(24)
}

/// `linux/resource.h`.
#[repr(C)]
struct Rusage {
    _ru_utime_stime: [usize; 4],
    _ru_maxrss_to_isrss: [usize; 4],
    ru_minflt: isize,
    ru_majflt: isize,
    _ru_nswap_to_nivcsw: [usize; 8],
}

/// Asks for the CPU time and the page faults of this thread (clock_gettime(2), getrusage(2)). The times of `getrusage` are
/// older, by up to a tick.
#[expect(clippy::cast_sign_loss, reason = "times and counts are not negative")]
#[allow(dead_code, reason = "for the Reader, which needs alloc")]
pub(super) fn thread_usage() -> Option<Usage> {
    const CLOCK_THREAD_CPUTIME_ID: usize = 3;
    const RUSAGE_THREAD: usize = 1;
    let mut time = MaybeUninit::<Timespec>::uninit();
    let mut usage = MaybeUninit::<Rusage>::uninit();
    // SAFETY: both structures have the layout that the kernel writes.
    unsafe {
        let result = syscall2(CLOCK_GETTIME, CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr().expose_provenance())
            | syscall2(GETRUSAGE, RUSAGE_THREAD, usage.as_mut_ptr().expose_provenance());
        if result != 0 {
            return None;
        }
        let (Timespec { tv_sec, tv_nsec }, usage) = (time.assume_init(), usage.assume_init());
        Some(Usage {
            nanoseconds: tv_sec as u64 * 1_000_000_000 + tv_nsec as u64,
            faults: (usage.ru_minflt + usage.ru_majflt) as u64,
        })
    }
}
