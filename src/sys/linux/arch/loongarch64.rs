//! loongarch64: the stubs and the instruction cache. Numbers and structures are `generic.rs`'s, but there is no `fstat`
//! before Linux 6.11.
//!
//! `syscall 0` takes the number in a7 and the arguments in a0 to a5, and returns in a0. The kernel destroys t0 to t8 and
//! preserves the other registers, the vector registers too (syscall(2); `handle_syscall` in
//! arch/loongarch/kernel/entry.S).

mod generic;
mod statx;
mod wide;

use super::signal::{Mask, signals};
pub(crate) use super::usual::*;
use core::arch::asm;
use core::ffi::c_int;
pub(crate) use generic::*;
pub(crate) use statx::{Stat, fstat};
pub(crate) use wide::*;

pub(crate) const O_DIRECTORY: c_int = 0o200000;
/// `asm-generic/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: c_int = 0o400000;

/// `asm/sigcontext.h`. It is aligned to 16 bytes.
#[repr(C, align(16))]
struct Sigcontext {
    sc_pc: u64,
    _sc_regs: [u64; 32],
    _sc_flags: u32,
}

/// `ucontext_t` (`asm/ucontext.h`).
#[repr(C)]
pub(crate) struct Ucontext {
    _uc_flags_link_stack: [u64; 5],
    uc_sigmask: Mask,
    _unused: [u64; 15],
    uc_mcontext: Sigcontext,
}

impl Ucontext {
    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn program_counter(context: *mut Self) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*context).uc_mcontext.sc_pc).cast() }
    }

    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn signals(context: *const Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { signals((*context).uc_sigmask) }
    }
}

/// Makes code that was written to memory visible to instruction fetch. The processors keep both caches coherent, and `ibar 0`
/// waits until what was written before is seen (LoongArch Reference Manual 1, 2.2.8.2, "IBAR"). On other processors the
/// system call that made the code executable does it, by its return.
pub(crate) unsafe fn sync_instructions(_: *const u8, _: usize, _: usize) {
    // SAFETY: a barrier.
    unsafe { asm!("ibar 0", options(nostack, preserves_flags)) };
}

/// Defines the stub for calls with that many arguments.
macro_rules! stub {
    ($name:ident $(, $argument:ident: $register:tt)*) => {
        /// # Safety
        /// As the system call `n`.
        #[inline]
        pub(crate) unsafe fn $name(n: usize, a: usize $(, $argument: usize)*) -> usize {
            let result;
            // SAFETY: these are the registers that `syscall` uses and destroys; the call is the caller's responsibility.
            unsafe {
                asm!("syscall 0", in("$a7") n, inlateout("$a0") a => result $(, in($register) $argument)*,
                    lateout("$t0") _, lateout("$t1") _, lateout("$t2") _, lateout("$t3") _, lateout("$t4") _,
                    lateout("$t5") _, lateout("$t6") _, lateout("$t7") _, lateout("$t8") _,
                    options(nostack, preserves_flags));
            }
            result
        }
    };
}

stub!(syscall1);
stub!(syscall2, b: "$a1");
stub!(syscall3, b: "$a1", c: "$a2");
stub!(syscall4, b: "$a1", c: "$a2", d: "$a3");
stub!(syscall6, b: "$a1", c: "$a2", d: "$a3", e: "$a4", f: "$a5");
