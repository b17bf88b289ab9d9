//! arm (EABI): the stubs, the call numbers (`asm/unistd-common.h`), the structures and the instruction cache. Arm and
//! Thumb-2 code alike.
//!
//! `svc 0` takes the number in r7 and the arguments in r0 to r5, returns in r0, and preserves all other registers and the
//! flags (syscall(2)). LLVM keeps r7 for itself, where it is the frame pointer.

mod narrow;
mod stat64;

use super::register;
pub(crate) use super::signal::Sigaction;
use super::signal::{Mask, signals};
pub(crate) use super::usual::*;
use core::arch::asm;
use core::ffi::c_int;
pub(crate) use narrow::*;
pub(crate) use stat64::*;

pub(crate) const O_DIRECTORY: c_int = 0o40000;
/// `asm/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: c_int = 0o100000;
pub(crate) const O_LARGEFILE: c_int = 0o400000;

pub(crate) const READ: usize = 3;
pub(crate) const CLOSE: usize = 6;
pub(crate) const GETPID: usize = 20;
pub(crate) const IOCTL: usize = 54;
pub(crate) const FCNTL: usize = 55;
pub(crate) const GETRUSAGE: usize = 77;
pub(crate) const MUNMAP: usize = 91;
pub(crate) const FSYNC: usize = 118;
pub(crate) const MPROTECT: usize = 125;
pub(crate) const FLOCK: usize = 143;
pub(crate) const MSYNC: usize = 144;
pub(crate) const MLOCK: usize = 150;
pub(crate) const MUNLOCK: usize = 151;
pub(crate) const MREMAP: usize = 163;
pub(crate) const PRCTL: usize = 172;
pub(crate) const RT_SIGACTION: usize = 174;
pub(crate) const RT_SIGPROCMASK: usize = 175;
pub(crate) const PREAD64: usize = 180;
pub(crate) const PWRITE64: usize = 181;
pub(crate) const MMAP2: usize = 192;
pub(crate) const FTRUNCATE64: usize = 194;
pub(crate) const FSTAT64: usize = 197;
pub(crate) const MINCORE: usize = 219;
pub(crate) const MADVISE: usize = 220;
pub(crate) const GETTID: usize = 224;
pub(crate) const CLOCK_GETTIME: usize = 263;
pub(crate) const FSTATFS64: usize = 267;
pub(crate) const OPENAT: usize = 322;
pub(crate) const UNLINKAT: usize = 328;
pub(crate) const FACCESSAT: usize = 334;
pub(crate) const FALLOCATE: usize = 352;
pub(crate) const RT_TGSIGQUEUEINFO: usize = 363;
pub(crate) const PRLIMIT64: usize = 369;
pub(crate) const MEMFD_CREATE: usize = 385;
pub(crate) const MLOCK2: usize = 390;
pub(crate) const MEMFD_SECRET: usize = 447;

// An offset lies in an even register and the next (AAPCS32, 6.5).

#[inline]
pub(crate) fn ftruncate(file: c_int, len: u64) -> usize {
    let [first, second] = halves(len);
    // SAFETY: touches no memory. Pages mapped past the new end are the risk of whoever mapped them.
    unsafe { syscall4(FTRUNCATE64, register(file), 0, first, second) }
}

/// # Safety
/// `len` bytes at `buffer` are writable.
#[inline]
pub(crate) unsafe fn pread(file: c_int, buffer: *mut u8, len: usize, offset: u64) -> usize {
    let [first, second] = halves(offset);
    // SAFETY: the caller's promise.
    unsafe { syscall6(PREAD64, register(file), buffer.expose_provenance(), len, 0, first, second) }
}

#[inline]
pub(crate) fn pwrite(file: c_int, bytes: &[u8], offset: u64) -> usize {
    let [first, second] = halves(offset);
    let address = bytes.as_ptr().expose_provenance();
    // SAFETY: `bytes` is readable.
    unsafe { syscall6(PWRITE64, register(file), address, bytes.len(), 0, first, second) }
}

/// `asm/sigcontext.h`.
#[repr(C)]
struct Sigcontext {
    _trap_no_to_lr: [u32; 18],
    arm_pc: u32,
    _cpsr_fault_address: [u32; 2],
}

/// `ucontext_t` (`asm/ucontext.h`).
#[repr(C)]
pub(crate) struct Ucontext {
    _uc_flags_link_stack: [u32; 5],
    uc_mcontext: Sigcontext,
    uc_sigmask: Mask,
}

impl Ucontext {
    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn program_counter(context: *mut Self) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*context).uc_mcontext.arm_pc).cast() }
    }

    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn signals(context: *const Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { signals((*context).uc_sigmask) }
    }
}

/// Makes code that was written to memory visible to instruction fetch on every processor (cacheflush in
/// Documentation/arch/arm/..; `do_cache_op` in arch/arm/kernel/traps.c). A program cannot do so by itself.
pub(crate) unsafe fn sync_instructions(start: *const u8, len: usize, _: usize) {
    const CACHEFLUSH: usize = 0x0f0002;
    // SAFETY: it changes no contents.
    unsafe { syscall3(CACHEFLUSH, start.addr(), start.addr() + len, 0) };
}

/// Defines the stub for calls with that many arguments.
macro_rules! stub {
    ($name:ident $(, $argument:ident: $register:tt)*) => {
        /// # Safety
        /// As the system call `n`.
        #[inline]
        pub(crate) unsafe fn $name(n: usize, a: usize $(, $argument: usize)*) -> usize {
            let result;
            // SAFETY: these are the registers that `svc` uses, and r7 is restored; the call is the caller's responsibility.
            unsafe {
                asm!("mov {r7}, r7", "mov r7, {n}", "svc 0", "mov r7, {r7}", n = in(reg) n, r7 = out(reg) _,
                    inlateout("r0") a => result $(, in($register) $argument)*, options(nostack, preserves_flags));
            }
            result
        }
    };
}

stub!(syscall1);
stub!(syscall2, b: "r1");
stub!(syscall3, b: "r1", c: "r2");
stub!(syscall4, b: "r1", c: "r2", d: "r3");
stub!(syscall6, b: "r1", c: "r2", d: "r3", e: "r4", f: "r5");
