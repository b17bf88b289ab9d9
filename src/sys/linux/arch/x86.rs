//! x86: the stubs, the call numbers (`asm/unistd_32.h`), the structures and the instruction cache.
//!
//! `int 0x80` takes the number in eax and the arguments in ebx, ecx, edx, esi, edi and ebp, returns in eax, and preserves all
//! other registers and the flags (syscall(2)). The faster `sysenter` belongs to the vDSO, whose address a library cannot
//! find without libc. LLVM keeps esi and ebp for itself.

mod narrow;
mod stat64;

pub(crate) use super::signal::Sigaction;
use super::signal::{Mask, signals};
pub(crate) use super::usual::*;
use core::arch::{asm, global_asm};
use core::ffi::{c_int, c_void};
pub(crate) use narrow::*;
pub(crate) use stat64::*;

pub(crate) const O_DIRECTORY: c_int = 0o200000;
/// `asm-generic/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: c_int = 0o400000;
pub(crate) const O_LARGEFILE: c_int = 0o100000;

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
pub(crate) const MINCORE: usize = 218;
pub(crate) const MADVISE: usize = 219;
pub(crate) const GETTID: usize = 224;
pub(crate) const CLOCK_GETTIME: usize = 265;
pub(crate) const FSTATFS64: usize = 269;
pub(crate) const OPENAT: usize = 295;
pub(crate) const UNLINKAT: usize = 301;
pub(crate) const FACCESSAT: usize = 307;
pub(crate) const FALLOCATE: usize = 324;
pub(crate) const RT_TGSIGQUEUEINFO: usize = 335;
pub(crate) const PRLIMIT64: usize = 340;
pub(crate) const MEMFD_CREATE: usize = 356;
pub(crate) const MLOCK2: usize = 376;
pub(crate) const MEMFD_SECRET: usize = 447;

/// 2 MiB, or 4 MiB on a kernel without PAE, whose page tables have 4-byte entries (`PMD_SHIFT` in
/// arch/x86/include/asm/pgtable-3level_types.h and -2level_types.h).
pub(crate) fn huge_log2s(_: u8) -> [u8; 2] {
    [21, 22]
}

/// `asm/sigcontext.h`.
#[repr(C)]
struct Sigcontext {
    _gs_to_err: [u32; 14],
    eip: u32,
    _cs_to_cr2: [u32; 7],
}

/// `ucontext_t` (`asm-generic/ucontext.h`).
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
        unsafe { (&raw mut (*context).uc_mcontext.eip).cast() }
    }

    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn signals(context: *const Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { signals((*context).uc_sigmask) }
    }
}

// Where a handler returns to. Unwinders know a signal's frame by these very instructions.
global_asm!(
    concat!(".section \".text.baremap-", env!("CARGO_PKG_VERSION"), "-restorer\", \"ax\""),
    "nop", // which belongs to no function: unwinders look up the byte before a return address
    concat!(".globl \"baremap-", env!("CARGO_PKG_VERSION"), "-restorer\""),
    concat!("\"baremap-", env!("CARGO_PKG_VERSION"), "-restorer\":"),
    "mov eax, 173", // rt_sigreturn
    "int 0x80",
    ".text",
);

unsafe extern "C" {
    #[link_name = concat!("baremap-", env!("CARGO_PKG_VERSION"), "-restorer")]
    fn restorer_function();
}

/// Without one a handler returns to the vDSO, which a system may lack (the kernel's parameter vdso32=0).
pub(crate) fn restorer() -> (*const c_void, usize) {
    const SA_RESTORER: usize = 0x04000000;
    ((restorer_function as *const ()).cast(), SA_RESTORER)
}

/// As on x86_64, both are coherent.
pub(crate) unsafe fn sync_instructions(_: *const u8, _: usize, _: usize) {}

/// As on x86_64. Not `cpuid`, which a processor without it would not know: `iret` serializes too, and ends each system call by
/// `int 0x80` (Intel SDM 3A, 9.3).
pub(crate) fn serialize() {
    // SAFETY: touches no memory, and ignores its argument.
    unsafe { syscall1(GETPID, 0) };
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall1(n: usize, a: usize) -> usize {
    let result;
    // SAFETY: these are the registers that `int 0x80` uses; the call is the caller's responsibility.
    unsafe { asm!("int 0x80", inlateout("eax") n => result, in("ebx") a, options(nostack, preserves_flags)) };
    result
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall2(n: usize, a: usize, b: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("int 0x80", inlateout("eax") n => result, in("ebx") a, in("ecx") b,
            options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall3(n: usize, a: usize, b: usize, c: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("int 0x80", inlateout("eax") n => result, in("ebx") a, in("ecx") b, in("edx") c,
            options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall4(n: usize, a: usize, b: usize, c: usize, d: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`; esi is restored.
    unsafe {
        asm!("xchg esi, edi", "int 0x80", "xchg esi, edi", inlateout("eax") n => result, in("ebx") a, in("ecx") b,
            in("edx") c, in("edi") d, options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall6(n: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> usize {
    let others = [n, d, f];
    let result;
    // SAFETY: as in `syscall1`; esi and ebp are restored, and `others` is readable.
    unsafe {
        asm!("push esi", "push ebp", "mov esi, [eax + 4]", "mov ebp, [eax + 8]", "mov eax, [eax]", "int 0x80",
            "pop ebp", "pop esi", inlateout("eax") &raw const others => result, in("ebx") a, in("ecx") b,
            in("edx") c, in("edi") e, options(preserves_flags));
    }
    result
}
