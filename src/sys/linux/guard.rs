//! Linux's side of the fault guard: `rt_sigaction` without libc. `posix/guard.rs` has the rest.
//!
//! The kernel's `struct sigaction` is not libc's (sigaction(2)). On x86_64 a handler returns to code that the caller
//! provides (`SA_RESTORER`), elsewhere to the kernel's own.

use super::arch::{self, Sigaction, Ucontext};
use super::calls::{self, checked};
use crate::error::kind::Call;
use crate::sys::contract::Result;
use crate::sys::posix::guard::{Action, Signals};
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicUsize;

/// `siginfo_t` (`asm-generic/siginfo.h`).
#[repr(C)]
struct Siginfo {
    _si_signo_errno: [i32; 2],
    si_code: i32,
    _pad_fields: [i32; 29],
}

const SIGBUS: c_int = 7;

impl Signals for super::Linux {
    const SIGNALS: &'static [c_int] = &[SIGBUS];
    const SA_SIGINFO: usize = 0x4;
    const SA_ONSTACK: usize = 0x08000000;
    const SA_RESTART: usize = 0x10000000;
    const SA_NODEFER: usize = 0x40000000;
    const SA_RESETHAND: usize = 0x80000000;

    unsafe fn action(signal: c_int, new: Option<Action>) -> Result<Action> {
        let new = new.map(|Action { handler, flags, mask }| Sigaction::new(handler, flags, mask));
        // Two, as qemu-user 7.2 writes a word more on riscv64.
        let mut old = MaybeUninit::<[Sigaction; 2]>::uninit();
        let old = old.as_mut_ptr().cast::<Sigaction>();
        // SAFETY: the caller's promise.
        checked(Call::RtSigaction, unsafe { calls::rt_sigaction(signal, new.as_ref(), old) })?;
        // SAFETY: the kernel wrote it.
        let (handler, flags, mask) = unsafe { (*old).parts() };
        Ok(Action { handler, flags, mask })
    }

    fn process() -> usize {
        calls::getpid()
    }

    fn swap(at: &AtomicUsize, value: usize) -> usize {
        arch::swap(at, value)
    }

    fn set_mask(signals: u64) {
        const SIG_SETMASK: c_int = 2;
        calls::rt_sigprocmask(SIG_SETMASK, arch::mask(signals));
    }

    /// With the same `siginfo_t`, which a process may send to itself (rt_tgsigqueueinfo(2)).
    unsafe fn raise(signal: c_int, info: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { calls::rt_tgsigqueueinfo(signal, info) };
    }

    /// Codes over 0 are the kernel's own; others were sent (sigaction(2)). After a memory error that was found early, no
    /// instruction raises it again.
    unsafe fn is_fault(info: *const c_void) -> Option<bool> {
        const BUS_MCEERR_AO: i32 = 5;
        // SAFETY: the caller's promise.
        let code = unsafe { (*info.cast::<Siginfo>()).si_code };
        Some(code > 0 && code != BUS_MCEERR_AO)
    }

    unsafe fn program_counter(context: *mut c_void) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { Ucontext::program_counter(context.cast()) }
    }

    unsafe fn mask(context: *const c_void) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { Ucontext::signals(context.cast()) }
    }
}
