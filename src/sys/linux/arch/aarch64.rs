//! aarch64: the stubs and the instruction cache. Numbers and structures are `generic.rs`'s.
//!
//! `svc 0` takes the number in x8 and the arguments in x0 to x5, and returns in x0. The kernel preserves the other general
//! registers, the flags, V0 to V31 and, with SME, ZA and ZT0. It destroys what only SVE has: P0 to P15, FFR, and the bits
//! of Z0 to Z31 above the low 128 (syscall(2); Documentation/arch/arm64/sve.rst and sme.rst, "System call behaviour").
//! It also ends streaming mode, which is off in an ordinary function (AAPCS64, "PSTATE.SM interfaces").

mod generic;
mod resident;
mod wide;

pub(crate) use super::signal::Sigaction;
use super::signal::{Mask, signals};
pub(crate) use super::usual::*;
use core::arch::asm;
use core::ffi::c_int;
use core::sync::atomic::AtomicUsize;
pub(crate) use generic::*;
use resident::for_each_resident_page;
pub(crate) use wide::*;

pub(crate) const O_DIRECTORY: c_int = 0o40000;
/// `asm/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: i32 = 0o100000;

/// `asm/sigcontext.h`.
#[repr(C)]
struct Sigcontext {
    _fault_address: u64,
    _regs_sp: [u64; 32],
    pc: u64,
    _pstate_padding: [u64; 2],
    _reserved: [u64; 512],
}

/// `ucontext_t` (`asm/ucontext.h`). Its last part is aligned to 16 bytes.
#[repr(C)]
pub(crate) struct Ucontext {
    _uc_flags_link_stack: [u64; 5],
    uc_sigmask: Mask,
    _unused_padding: [u64; 16],
    uc_mcontext: Sigcontext,
}

impl Ucontext {
    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn program_counter(context: *mut Self) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*context).uc_mcontext.pc).cast() }
    }

    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn signals(context: *const Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { signals((*context).uc_sigmask) }
    }
}

/// As `AtomicUsize::swap`, which may call a function that needs libc ("outline atomics").
pub(crate) fn swap(at: &AtomicUsize, value: usize) -> usize {
    let old;
    // SAFETY: the address is an atomic's. A store that was not exclusive is repeated.
    unsafe {
        asm!("2: ldaxr {old}, [{at}]", "stlxr {failed:w}, {value}, [{at}]", "cbnz {failed:w}, 2b",
            at = in(reg) at.as_ptr(), value = in(reg) value, old = out(reg) old, failed = out(reg) _,
            options(nostack, preserves_flags));
    }
    old
}

/// Makes code that was written to memory visible to instruction fetch on every processor: cleans the data cache to the
/// point of unification, then invalidates the instruction cache, line by line (Arm ARM, B2.4.4). Linux lets programs
/// execute `dc cvau` and `ic ivau` and read CTR_EL0, or emulates them; either way all registers are preserved.
///
/// Only resident pages are cleaned. Cleaning another would fault it in, and a mapping may be a sparse gigabyte. A page that
/// is faulted in later is executable by then, and the kernel cleans it before it maps it (`__sync_icache_dcache` in
/// arch/arm64/mm/flush.c). `mincore` reports a page of the page cache as resident before it is mapped.
///
/// # Safety
/// The range is readable, executable and mapped, to the ends of its pages.
pub(crate) unsafe fn sync_instructions(start: *const u8, len: usize, page_size: usize) {
    let ctr: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    for_each_resident_page(start, len, page_size, |page| {
        let lines = |log2_words: usize| (page..page + page_size).step_by(4 << (log2_words & 0xf));
        for line in lines(ctr >> 16) {
            // SAFETY: the line is readable; cleaning changes no contents.
            unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
        // SAFETY: a barrier.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
        for line in lines(ctr) {
            // SAFETY: as above.
            unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
    });
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// Defines the stub for calls with that many arguments.
///
/// On a processor with SVE a system call destroys P0 to P15 and most of Z0 to Z31. `asm!` cannot name z0. It names v0, which
/// is the low part of z0, and the compiler keeps nothing in one while the other is destroyed. The clobbers do not depend on
/// `cfg(target_feature = "sve")`: a caller may have SVE by `#[target_feature(enable = "sve")]` alone, and LLVM inlines
/// this into it. Without SVE the cost is that each function that makes calls saves d8 to d15 once, as it must preserve
/// them (AAPCS64, "SIMD and Floating-Point registers"). FFR is not listed: LLVM keeps nothing in it, and warns.
macro_rules! stub {
    ($name:ident $(, $argument:ident: $register:tt)*) => {
        /// # Safety
        /// As the system call `n`.
        pub(crate) unsafe fn $name(n: usize, a: usize $(, $argument: usize)*) -> usize {
            let result;
            // SAFETY: these are the registers that `svc 0` uses and destroys; the call is the caller's responsibility.
            unsafe {
                asm!("svc 0", in("x8") n, inlateout("x0") a => result $(, in($register) $argument)*,
                    out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _,
                    out("v7") _, out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _,
                    out("v14") _, out("v15") _, out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _,
                    out("v21") _, out("v22") _, out("v23") _, out("v24") _, out("v25") _, out("v26") _, out("v27") _,
                    out("v28") _, out("v29") _, out("v30") _, out("v31") _, out("p0") _, out("p1") _, out("p2") _,
                    out("p3") _, out("p4") _, out("p5") _, out("p6") _, out("p7") _, out("p8") _, out("p9") _,
                    out("p10") _, out("p11") _, out("p12") _, out("p13") _, out("p14") _, out("p15") _,
                    options(nostack, preserves_flags));
            }
            result
        }
    };
}

stub!(syscall1);
stub!(syscall2, b: "x1");
stub!(syscall3, b: "x1", c: "x2");
stub!(syscall4, b: "x1", c: "x2", d: "x3");
stub!(syscall6, b: "x1", c: "x2", d: "x3", e: "x4", f: "x5");
