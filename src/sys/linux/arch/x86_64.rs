//! x86_64: the stubs, the call numbers (`asm/unistd_64.h`), `struct stat` (`asm/stat.h`) and the instruction cache.
//!
//! `syscall` takes the number in rax and the arguments in rdi, rsi, rdx, r10, r8 and r9. It returns in rax, clobbers rcx
//! and r11, and restores the flags (syscall(2); x86-64 psABI, A.2.1).

mod wide;

pub(crate) use super::signal::Sigaction;
use super::signal::{Mask, signals};
pub(crate) use super::usual::*;
use core::arch::{asm, global_asm};
use core::ffi::{c_int, c_void};
pub(crate) use wide::*;

/// `asm-generic/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: i32 = 0o400000;

pub(crate) const READ: usize = 0;
pub(crate) const CLOSE: usize = 3;
pub(crate) const FSTAT: usize = 5;
pub(crate) const MMAP: usize = 9;
pub(crate) const MPROTECT: usize = 10;
pub(crate) const MUNMAP: usize = 11;
pub(crate) const RT_SIGACTION: usize = 13;
pub(crate) const RT_SIGPROCMASK: usize = 14;
pub(crate) const IOCTL: usize = 16;
pub(crate) const PREAD64: usize = 17;
pub(crate) const PWRITE64: usize = 18;
pub(crate) const MREMAP: usize = 25;
pub(crate) const MSYNC: usize = 26;
pub(crate) const MINCORE: usize = 27;
pub(crate) const MADVISE: usize = 28;
pub(crate) const GETPID: usize = 39;
pub(crate) const FCNTL: usize = 72;
pub(crate) const FLOCK: usize = 73;
pub(crate) const FSYNC: usize = 74;
pub(crate) const FTRUNCATE: usize = 77;
pub(crate) const GETRUSAGE: usize = 98;
pub(crate) const FSTATFS: usize = 138;
pub(crate) const PRCTL: usize = 157;
pub(crate) const MLOCK: usize = 149;
pub(crate) const MUNLOCK: usize = 150;
pub(crate) const GETTID: usize = 186;
pub(crate) const CLOCK_GETTIME: usize = 228;
pub(crate) const OPENAT: usize = 257;
pub(crate) const UNLINKAT: usize = 263;
pub(crate) const FACCESSAT: usize = 269;
pub(crate) const FALLOCATE: usize = 285;
pub(crate) const RT_TGSIGQUEUEINFO: usize = 297;
pub(crate) const PRLIMIT64: usize = 302;
pub(crate) const MEMFD_CREATE: usize = 319;
pub(crate) const MLOCK2: usize = 325;
pub(crate) const MEMFD_SECRET: usize = 447;

pub(crate) const O_DIRECTORY: c_int = 0o200000;

/// `struct stat`; the fields that are not read have no names.
#[repr(C)]
pub(crate) struct Stat {
    _dev_ino_nlink: [u64; 3],
    st_mode: u32,
    _uid_gid_pad: [u32; 3],
    _rdev: u64,
    st_size: i64,
    st_blksize: i64,
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
    _r8_to_rsp: [u64; 16],
    rip: u64,
    _eflags_to_reserved: [u64; 15],
}

/// `ucontext_t` (`asm/ucontext.h`).
#[repr(C)]
pub(crate) struct Ucontext {
    _uc_flags_link_stack: [u64; 5],
    uc_mcontext: Sigcontext,
    uc_sigmask: Mask,
}

impl Ucontext {
    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn program_counter(context: *mut Self) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*context).uc_mcontext.rip).cast() }
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
    "mov rax, 15", // rt_sigreturn
    "syscall",
    ".text",
);

unsafe extern "C" {
    #[link_name = concat!("baremap-", env!("CARGO_PKG_VERSION"), "-restorer")]
    fn restorer_function();
}

/// The kernel requires a restorer.
pub(crate) fn restorer() -> (*const c_void, usize) {
    const SA_RESTORER: usize = 0x04000000;
    ((restorer_function as *const ()).cast(), SA_RESTORER)
}

/// Makes code that was written to memory visible to instruction fetch. x86_64 keeps both coherent, and the system call
/// that made the code executable serializes this processor when it returns (Intel SDM 3A, 9.1.3).
pub(crate) unsafe fn sync_instructions(_: *const u8, _: usize, _: usize) {}

/// Makes this processor fetch its next instructions anew, which it need not do by itself if code was written at another
/// linear address than it is run at (Intel SDM 3A, 9.1.3, 9.3).
pub(crate) fn serialize() {
    // SAFETY: reads no memory. LLVM keeps rbx for itself.
    unsafe {
        asm!("mov {rbx}, rbx", "cpuid", "mov rbx, {rbx}", rbx = out(reg) _, inout("eax") 0 => _,
            out("ecx") _, out("edx") _, options(nostack, preserves_flags));
    }
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall1(n: usize, a: usize) -> usize {
    let result;
    // SAFETY: these are the registers that `syscall` uses; the call is the caller's responsibility.
    unsafe {
        asm!("syscall", inlateout("rax") n => result, in("rdi") a,
            lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall2(n: usize, a: usize, b: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("syscall", inlateout("rax") n => result, in("rdi") a, in("rsi") b,
            lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
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
        asm!("syscall", inlateout("rax") n => result, in("rdi") a, in("rsi") b, in("rdx") c,
            lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall4(n: usize, a: usize, b: usize, c: usize, d: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("syscall", inlateout("rax") n => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
#[inline]
pub(crate) unsafe fn syscall6(n: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("syscall", inlateout("rax") n => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
    }
    result
}
