//! powerpc64, of both byte orders: the stubs, the call numbers (`asm/unistd_64.h`), the structures and the instruction cache.
//!
//! `sc` takes the number in r0 and the arguments in r3 to r8. It returns in r3; a failure sets the summary overflow bit of
//! cr0, and r3 is the error code, positive. The kernel preserves what a function preserves, and lr, cr1, cr5 to cr7, and
//! all floating-point and vector registers (Documentation/arch/powerpc/syscall64-abi.rst). `asm!` needs Rust 1.95 here.

mod resident;
mod wide;

pub(crate) use super::signal::Sigaction;
use super::signal::{Mask, signals};
pub(crate) use super::usual::*;
use core::arch::asm;
use core::ffi::c_int;
use resident::for_each_resident_page;
pub(crate) use wide::*;

pub(crate) const READ: usize = 3;
pub(crate) const CLOSE: usize = 6;
pub(crate) const GETPID: usize = 20;
pub(crate) const IOCTL: usize = 54;
pub(crate) const FCNTL: usize = 55;
pub(crate) const GETRUSAGE: usize = 77;
pub(crate) const MMAP: usize = 90;
pub(crate) const MUNMAP: usize = 91;
pub(crate) const FTRUNCATE: usize = 93;
pub(crate) const FSTATFS: usize = 100;
pub(crate) const FSTAT: usize = 108;
pub(crate) const FSYNC: usize = 118;
pub(crate) const MPROTECT: usize = 125;
pub(crate) const FLOCK: usize = 143;
pub(crate) const MSYNC: usize = 144;
pub(crate) const MLOCK: usize = 150;
pub(crate) const MUNLOCK: usize = 151;
pub(crate) const MREMAP: usize = 163;
pub(crate) const PRCTL: usize = 171;
pub(crate) const RT_SIGACTION: usize = 173;
pub(crate) const RT_SIGPROCMASK: usize = 174;
pub(crate) const PREAD64: usize = 179;
pub(crate) const PWRITE64: usize = 180;
pub(crate) const MADVISE: usize = 205;
pub(crate) const MINCORE: usize = 206;
pub(crate) const GETTID: usize = 207;
pub(crate) const CLOCK_GETTIME: usize = 246;
pub(crate) const OPENAT: usize = 286;
pub(crate) const UNLINKAT: usize = 292;
pub(crate) const FACCESSAT: usize = 298;
pub(crate) const FALLOCATE: usize = 309;
pub(crate) const RT_TGSIGQUEUEINFO: usize = 322;
pub(crate) const PRLIMIT64: usize = 325;
pub(crate) const MEMFD_CREATE: usize = 360;
pub(crate) const MLOCK2: usize = 378;
/// Reserved: the architecture lacks the call, and fails with ENOSYS.
pub(crate) const MEMFD_SECRET: usize = 447;

pub(crate) const O_DIRECTORY: c_int = 0o40000;
/// `asm/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: c_int = 0o100000;
/// `asm/mman.h`.
pub(crate) const MAP_NORESERVE: usize = 0x40;
/// `asm/ioctl.h`: three bits for the direction.
pub(crate) const IOC_READ: usize = 2 << 29;

/// 2 MiB with the radix page tables of POWER9 and later, 16 MiB with hashed ones, whatever the size of a page
/// (`add_huge_page_size` in arch/powerpc/mm/hugetlbpage.c).
pub(crate) fn huge_log2s(_: u8) -> [u8; 2] {
    [21, 24]
}

/// `struct stat` (`asm/stat.h`); the fields that are not read have no names.
#[repr(C)]
pub(crate) struct Stat {
    _dev_ino_nlink: [u64; 3],
    st_mode: u32,
    _uid_gid_pad: [u32; 3],
    _rdev: u64,
    st_size: i64,
    st_blksize: u64,
    _blocks_times_unused: [u64; 10],
}

impl Stat {
    /// Mode, size and block size.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a register holds 64 bits; a negative length would be too long to map"
    )]
    pub(crate) fn parts(&self) -> (u32, u64, usize) {
        (self.st_mode, self.st_size as u64, self.st_blksize as usize)
    }
}

/// `asm/sigcontext.h`.
#[repr(C)]
struct Sigcontext {
    _unused_to_regs: [u64; 8],
    /// As in `struct pt_regs` (`asm/ptrace.h`): 32 general registers, then the program counter.
    gp_regs: [u64; 48],
    _fp_regs: [u64; 33],
    _v_regs_vmx_reserve: [u64; 102],
}

/// `struct ucontext` (`asm/ucontext.h`).
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
        const PT_NIP: usize = 32;
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*context).uc_mcontext.gp_regs[PT_NIP]).cast() }
    }

    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn signals(context: *const Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { signals((*context).uc_sigmask) }
    }
}

/// Makes code that was written to memory visible to instruction fetch on every processor: stores the lines of the data
/// cache, then invalidates those of the instruction cache (Power ISA, Book II, "Instruction Storage"). Where
/// lines are larger, each is cleaned more than once: the kernel reports their size in the auxiliary vector, which a library
/// cannot find without libc.
///
/// Only resident pages, as on aarch64. One that is faulted in later is the kernel's to clean, before it maps it
/// (`set_pte_filter` in arch/powerpc/mm/pgtable.c).
///
/// # Safety
/// The range is readable, executable and mapped, to the ends of its pages.
pub(crate) unsafe fn sync_instructions(start: *const u8, len: usize, page_size: usize) {
    /// The smallest of all processors.
    const LINE: usize = 32;
    for_each_resident_page(start, len, page_size, |page| {
        let lines = (page..page + page_size).step_by(LINE);
        for line in lines.clone() {
            // SAFETY: the line is readable; its contents stay as they are.
            unsafe { asm!("dcbst 0, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
        // SAFETY: a barrier.
        unsafe { asm!("sync", options(nostack, preserves_flags)) };
        for line in lines {
            // SAFETY: as above.
            unsafe { asm!("icbi 0, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
    });
    // SAFETY: barriers.
    unsafe { asm!("sync", "isync", options(nostack, preserves_flags)) };
}

/// Defines the stub for calls with that many arguments.
macro_rules! stub {
    ($name:ident $(, $argument:ident: $register:tt)*; $($destroyed:tt)*) => {
        /// # Safety
        /// As the system call `n`.
        #[inline]
        pub(crate) unsafe fn $name(n: usize, a: usize $(, $argument: usize)*) -> usize {
            let result;
            // SAFETY: these are the registers that `sc` uses and destroys; the call is the caller's responsibility.
            unsafe {
                asm!("sc", "bns+ 2f", "neg 3, 3", "2:", inlateout("r0") n => _, inlateout("r3") a => result,
                    $(inlateout($register) $argument => _,)* $(out($destroyed) _,)* out("r9") _, out("r10") _,
                    out("r11") _, out("r12") _, out("cr0") _, out("ctr") _, out("xer") _, options(nostack));
            }
            result
        }
    };
}

stub!(syscall1; "r4" "r5" "r6" "r7" "r8");
stub!(syscall2, b: "r4"; "r5" "r6" "r7" "r8");
stub!(syscall3, b: "r4", c: "r5"; "r6" "r7" "r8");
stub!(syscall4, b: "r4", c: "r5", d: "r6"; "r7" "r8");
stub!(syscall6, b: "r4", c: "r5", d: "r6", e: "r7", f: "r8";);
