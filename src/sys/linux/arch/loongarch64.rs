//! loongarch64: the stubs, `fstat` and the instruction cache. Other numbers and structures are `generic.rs`'s.
//!
//! `syscall 0` takes the number in a7 and the arguments in a0 to a5, and returns in a0. The kernel destroys t0 to t8
//! and preserves the other registers, the vector registers too (syscall(2); `handle_syscall` in
//! arch/loongarch/kernel/entry.S).

pub(crate) use super::generic::*;
use super::register;
use super::signal::{Mask, signals};
pub(crate) use super::wide::*;
use core::arch::asm;
use core::ffi::c_int;
use core::mem::MaybeUninit;

pub(crate) const O_DIRECTORY: c_int = 0o200000;
/// `asm-generic/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: c_int = 0o400000;

/// The beginning of `struct statx` (`linux/stat.h`).
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

/// There is no `fstat` before Linux 6.11.
#[inline]
pub(crate) fn fstat(file: c_int, stat: &mut MaybeUninit<Stat>) -> usize {
    const STATX: usize = 291;
    const AT_EMPTY_PATH: usize = 0x1000;
    const STATX_BASIC_STATS: usize = 0x7ff;
    let (path, stat) = (c"".as_ptr().expose_provenance(), stat.as_mut_ptr().expose_provenance());
    // SAFETY: the path ends in NUL, and `Stat` has the layout that the kernel writes.
    unsafe { syscall6(STATX, register(file), path, AT_EMPTY_PATH, STATX_BASIC_STATS, stat, 0) }
}

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
