//! s390x: the stubs, the call numbers (`asm/unistd_64.h`), the structures and the instruction cache.
//!
//! `svc 0` takes the number in r1 and the arguments in r2 to r7, and returns in r2. The kernel preserves all other registers,
//! and not the condition code (syscall(2); `system_call` in arch/s390/kernel/entry.S).

mod wide;

use super::register;
pub(crate) use super::signal::Sigaction;
use super::signal::{Mask, signals};
pub(crate) use super::usual::*;
use core::arch::asm;
use core::ffi::c_int;
use core::mem::MaybeUninit;
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
pub(crate) const PRCTL: usize = 172;
pub(crate) const RT_SIGACTION: usize = 174;
pub(crate) const RT_SIGPROCMASK: usize = 175;
pub(crate) const PREAD64: usize = 180;
pub(crate) const PWRITE64: usize = 181;
pub(crate) const MINCORE: usize = 218;
pub(crate) const MADVISE: usize = 219;
pub(crate) const GETTID: usize = 236;
pub(crate) const CLOCK_GETTIME: usize = 260;
pub(crate) const OPENAT: usize = 288;
pub(crate) const UNLINKAT: usize = 294;
pub(crate) const FACCESSAT: usize = 300;
pub(crate) const FALLOCATE: usize = 314;
pub(crate) const RT_TGSIGQUEUEINFO: usize = 330;
pub(crate) const PRLIMIT64: usize = 334;
pub(crate) const MEMFD_CREATE: usize = 350;
pub(crate) const MLOCK2: usize = 374;
pub(crate) const MEMFD_SECRET: usize = 447;

pub(crate) const O_DIRECTORY: c_int = 0o200000;
/// `asm-generic/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: c_int = 0o400000;

/// A page table has 256 entries (`_SEGMENT_SIZE` in arch/s390/include/asm/pgtable.h).
pub(crate) fn huge_log2s(_: u8) -> [u8; 2] {
    [20; 2]
}

/// `struct stat` (`asm/stat.h`); the fields that are not read have no names.
#[repr(C)]
pub(crate) struct Stat {
    _dev_ino_nlink: [u64; 3],
    st_mode: u32,
    _uid_gid_pad: [u32; 3],
    _rdev: u64,
    st_size: u64,
    _times: [u64; 6],
    st_blksize: u64,
    _blocks_unused: [u64; 4],
}

impl Stat {
    /// Mode, size and block size.
    #[expect(clippy::cast_possible_truncation, reason = "a register holds 64 bits")]
    pub(crate) fn parts(&self) -> (u32, u64, usize) {
        (self.st_mode, self.st_size, self.st_blksize as usize)
    }
}

/// `struct statfs` (`asm/statfs.h`).
#[repr(C)]
pub(crate) struct Statfs {
    f_type: u32,
    f_bsize: u32,
    _rest: [u64; 6],
    _namelen_to_spare: [u32; 8],
}

impl Statfs {
    /// Type and block size.
    pub(crate) fn parts(&self) -> (u32, usize) {
        (self.f_type, self.f_bsize as usize)
    }
}

#[inline]
pub(crate) fn fstatfs(file: c_int, statfs: &mut MaybeUninit<Statfs>) -> usize {
    // SAFETY: `Statfs` has the layout that the kernel writes.
    unsafe { syscall2(FSTATFS, register(file), statfs.as_mut_ptr().expose_provenance()) }
}

/// The arguments lie in memory (`sys_old_mmap` in mm/mmap.c).
///
/// # Safety
/// With MAP_FIXED the range is the caller's, and no longer used.
#[expect(clippy::cast_possible_truncation, reason = "a register holds 64 bits")]
#[inline]
pub(crate) unsafe fn mmap(
    address: usize,
    len: usize,
    prot: usize,
    flags: usize,
    file: c_int,
    offset: u64,
) -> usize {
    let arguments = [address, len, prot, flags, register(file), offset as usize];
    // SAFETY: the kernel reads six words; the rest is the caller's promise.
    unsafe { syscall1(MMAP, (&raw const arguments).expose_provenance()) }
}

/// `_psw_t` (`asm/sigcontext.h`).
#[repr(C)]
struct Psw {
    _mask: u64,
    addr: u64,
}

/// `_s390_regs_common` (`asm/sigcontext.h`).
#[repr(C)]
struct Regs {
    psw: Psw,
    _gprs: [u64; 16],
    _acrs: [u32; 16],
}

/// `_sigregs` (`asm/sigcontext.h`).
#[repr(C)]
struct Sigregs {
    regs: Regs,
    _fpregs: [u64; 17],
}

/// `ucontext_t` (`asm/ucontext.h`).
#[repr(C)]
pub(crate) struct Ucontext {
    _uc_flags_link_stack: [u64; 5],
    uc_mcontext: Sigregs,
    uc_sigmask: Mask,
    _unused: [u64; 15],
}

impl Ucontext {
    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn program_counter(context: *mut Self) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*context).uc_mcontext.regs.psw.addr).cast() }
    }

    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn signals(context: *const Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { signals((*context).uc_sigmask) }
    }
}

/// Makes code that was written to memory visible to instruction fetch. The processors keep both coherent, and the system
/// call that made the code executable serializes this processor when it returns (z/Architecture Principles of
/// Operation, "Conceptual Sequence").
pub(crate) unsafe fn sync_instructions(_: *const u8, _: usize, _: usize) {}

/// Defines the stub for calls with that many arguments.
macro_rules! stub {
    ($name:ident $(, $argument:ident: $register:tt)*) => {
        /// # Safety
        /// As the system call `n`.
        #[inline]
        pub(crate) unsafe fn $name(n: usize, a: usize $(, $argument: usize)*) -> usize {
            let result;
            // SAFETY: these are the registers that `svc` uses; the call is the caller's responsibility.
            unsafe {
                asm!("svc 0", in("r1") n, inlateout("r2") a => result $(, in($register) $argument)*,
                    options(nostack));
            }
            result
        }
    };
}

stub!(syscall1);
stub!(syscall2, b: "r3");
stub!(syscall3, b: "r3", c: "r4");
stub!(syscall4, b: "r3", c: "r4", d: "r5");
stub!(syscall6, b: "r3", c: "r4", d: "r5", e: "r6", f: "r7");
