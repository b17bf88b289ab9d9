//! The system calls of Linux on aarch64: the stubs, the numbers and the layout of `stat`
//! (`asm-generic/unistd.h` and `asm-generic/stat.h`), and the instruction cache.
//!
//! `svc 0` takes the number in x8 and the arguments in x0 to x5; it answers in x0 and keeps all else
//! (syscall(2)).

use core::arch::asm;

pub(crate) const IOCTL: usize = 29;
pub(crate) const FSTATFS: usize = 44;
pub(crate) const FTRUNCATE: usize = 46;
pub(crate) const FACCESSAT: usize = 48;
pub(crate) const OPENAT: usize = 56;
pub(crate) const CLOSE: usize = 57;
pub(crate) const READ: usize = 63;
pub(crate) const PREAD64: usize = 67;
pub(crate) const FSTAT: usize = 80;
pub(crate) const FSYNC: usize = 82;
pub(crate) const MUNMAP: usize = 215;
pub(crate) const MREMAP: usize = 216;
pub(crate) const MMAP: usize = 222;
pub(crate) const MPROTECT: usize = 226;
pub(crate) const MSYNC: usize = 227;
pub(crate) const MLOCK: usize = 228;
pub(crate) const MUNLOCK: usize = 229;
pub(crate) const MINCORE: usize = 232;
pub(crate) const MADVISE: usize = 233;

/// `struct stat`; what lies between the fields that are read is not named.
#[repr(C)]
pub(crate) struct Stat {
    _dev_ino: [u64; 2],
    pub(crate) st_mode: u32,
    _nlink_uid_gid: [u32; 3],
    _rdev_pad: [u64; 2],
    pub(crate) st_size: i64,
    pub(crate) st_blksize: i32,
    _pad2: i32,
    _blocks_times_unused: [u64; 8],
}

/// Makes code that was written to memory visible to instruction fetch: cleans the data cache to the point
/// of unification, then invalidates the instruction cache, line by line, and waits for all processors
/// (Arm ARM, B2.4.4). Linux lets programs execute `dc cvau` and `ic ivau` and read CTR_EL0, or emulates them.
///
/// # Safety
/// The range is readable.
pub(crate) unsafe fn sync_instructions(start: *const u8, len: usize) {
    let ctr: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let lines = |log2_words: usize| {
        let size = 4usize << (log2_words & 0xf);
        (start.addr() & !(size - 1)..start.addr() + len).step_by(size)
    };
    for line in lines(ctr >> 16) {
        // SAFETY: the line holds a readable byte; cleaning changes no contents.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for line in lines(ctr) {
        // SAFETY: as above.
        unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// # Safety
/// As the system call `n`.
pub(crate) unsafe fn syscall1(n: usize, a: usize) -> usize {
    let result;
    // SAFETY: the registers are those that `svc 0` uses; the caller answers for the call.
    unsafe { asm!("svc 0", in("x8") n, inlateout("x0") a => result, options(nostack, preserves_flags)) };
    result
}

/// # Safety
/// As the system call `n`.
pub(crate) unsafe fn syscall2(n: usize, a: usize, b: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("svc 0", in("x8") n, inlateout("x0") a => result, in("x1") b, options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
pub(crate) unsafe fn syscall3(n: usize, a: usize, b: usize, c: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("svc 0", in("x8") n, inlateout("x0") a => result, in("x1") b, in("x2") c,
            options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
pub(crate) unsafe fn syscall4(n: usize, a: usize, b: usize, c: usize, d: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("svc 0", in("x8") n, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") d,
            options(nostack, preserves_flags));
    }
    result
}

/// # Safety
/// As the system call `n`.
pub(crate) unsafe fn syscall6(n: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> usize {
    let result;
    // SAFETY: as in `syscall1`.
    unsafe {
        asm!("svc 0", in("x8") n, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") d,
            in("x4") e, in("x5") f, options(nostack, preserves_flags));
    }
    result
}
