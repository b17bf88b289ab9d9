//! RISC-V of 32 and of 64 bits: the stubs, a handler's third argument, and the instruction cache.
//!
//! `ecall` takes the number in a7 and the arguments in a0 to a5, and returns in a0. The kernel preserves all other registers
//! except the vector registers: V0 to V31, vl, vtype and vstart (syscall(2); Documentation/arch/riscv/vector.rst, "Vector
//! Register State Across System Calls").

use super::super::signal::{Mask, signals};
use core::arch::asm;
use core::ffi::c_int;

pub(crate) const O_DIRECTORY: c_int = 0o200000;
/// `asm-generic/fcntl.h`; architectures differ.
pub(crate) const O_NOFOLLOW: i32 = 0o400000;

/// `asm/ptrace.h`.
#[repr(C)]
struct UserRegsStruct {
    pc: usize,
    _ra_to_t6: [usize; 31],
}

/// `asm/sigcontext.h`. It is aligned to 16 bytes.
#[repr(C, align(16))]
struct Sigcontext {
    sc_regs: UserRegsStruct,
    _sc_fpregs: [u64; 66],
}

/// `ucontext_t` (`asm/ucontext.h`).
#[repr(C)]
pub(crate) struct Ucontext {
    _uc_flags_link_stack: [usize; 5],
    uc_sigmask: Mask,
    _unused: [u8; 120],
    uc_mcontext: Sigcontext,
}

impl Ucontext {
    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn program_counter(context: *mut Self) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { &raw mut (*context).uc_mcontext.sc_regs.pc }
    }

    /// # Safety
    /// As a handler's third argument.
    pub(crate) unsafe fn signals(context: *const Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { signals((*context).uc_sigmask) }
    }
}

/// Makes code that was written to memory visible to instruction fetch on every processor on which this process runs
/// (`__riscv_flush_icache(3)`). `fence.i` covers this processor alone, and the kernel may move the thread to another.
pub(crate) unsafe fn sync_instructions(start: *const u8, len: usize, _: usize) {
    const RISCV_FLUSH_ICACHE: usize = 259;
    // SAFETY: without flags it cannot fail, and it changes no contents.
    unsafe { syscall3(RISCV_FLUSH_ICACHE, start.addr(), start.addr() + len, 0) };
}

/// Defines the stub for calls with that many arguments.
///
/// The clobbers do not depend on `cfg(target_feature = "v")`, as a caller may have vectors by `#[target_feature]` alone. They
/// cost nothing: an ordinary call preserves no vector register either. Without `preserves_flags` vl and vtype are
/// clobbered too. vstart is 0 afterwards, as code expects: the kernel destroys the registers by vector
/// instructions, and each resets it (`__riscv_v_vstate_discard` in arch/riscv/include/asm/vector.h).
macro_rules! stub {
    ($name:ident $(, $argument:ident: $register:tt)*) => {
        /// # Safety
        /// As the system call `n`.
        #[inline]
        pub(crate) unsafe fn $name(n: usize, a: usize $(, $argument: usize)*) -> usize {
            let result;
            // SAFETY: these are the registers that `ecall` uses and destroys; the call is the caller's responsibility.
            unsafe {
                asm!("ecall", in("a7") n, inlateout("a0") a => result $(, in($register) $argument)*,
                    out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _,
                    out("v7") _, out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _,
                    out("v14") _, out("v15") _, out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _,
                    out("v21") _, out("v22") _, out("v23") _, out("v24") _, out("v25") _, out("v26") _, out("v27") _,
                    out("v28") _, out("v29") _, out("v30") _, out("v31") _, options(nostack));
            }
            result
        }
    };
}

stub!(syscall1);
stub!(syscall2, b: "a1");
stub!(syscall3, b: "a1", c: "a2");
stub!(syscall4, b: "a1", c: "a2", d: "a3");
stub!(syscall6, b: "a1", c: "a2", d: "a3", e: "a4", f: "a5");
