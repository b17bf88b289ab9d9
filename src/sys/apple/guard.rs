//! macOS's side of the fault guard. `posix/guard.rs` has the rest.
//!
//! An access past the end of a file raises SIGBUS, one to memory that is not mapped SIGSEGV (`ux_exception` in
//! bsd/uxkern/ux_exception.c). A debugger, or a crash reporter that receives Mach exceptions, sees both before the signals.

use super::imports::{self, SigAction, Ucontext};
use crate::error::kind::Call;
use crate::sys::contract::Result;
use crate::sys::posix::guard::{Action, Signals};
use core::ffi::{c_int, c_void};
use core::ptr::{from_ref, null, null_mut};

const SIGBUS: c_int = 10;
const SIGSEGV: c_int = 11;

impl Signals for super::Apple {
    const SIGNALS: &'static [c_int] = &[SIGBUS, SIGSEGV];
    const SA_SIGINFO: usize = 0x40;
    const SA_ONSTACK: usize = 0x1;
    const SA_RESTART: usize = 0x2;
    const SA_NODEFER: usize = 0x10;
    const SA_RESETHAND: usize = 0x4;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "there are 32 signals, and flags are the bits of an int"
    )]
    unsafe fn action(signal: c_int, new: Option<Action>) -> Result<Action> {
        let new = new.map(|Action { handler, flags, mask }| SigAction {
            handler,
            sa_mask: mask as u32,
            sa_flags: flags as c_int,
        });
        let mut old = SigAction { handler: 0, sa_mask: 0, sa_flags: 0 };
        // SAFETY: the caller's promise.
        let result =
            unsafe { imports::sigaction(signal, new.as_ref().map_or(null(), from_ref), &raw mut old) };
        super::checked(Call::Sigaction, result)?;
        Ok(Action { handler: old.handler, flags: old.sa_flags as usize, mask: old.sa_mask.into() })
    }

    fn process() -> usize {
        // SAFETY: it has no conditions.
        unsafe { imports::getpid().unsigned_abs() as usize }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are 32 signals")]
    fn set_mask(mask: u64) {
        const SIG_SETMASK: c_int = 3;
        // SAFETY: the mask is readable.
        unsafe { imports::pthread_sigmask(SIG_SETMASK, &(mask as u32), null_mut()) };
    }

    unsafe fn raise(signal: c_int, _: *mut c_void) {
        // SAFETY: the caller's wish.
        unsafe { imports::raise(signal) };
    }

    /// Not known: of a signal that was sent, `si_code` and `si_addr` read as of a fault (`sendsig` in
    /// bsd/dev/arm/unix_signal.c).
    unsafe fn is_fault(_info: *const c_void) -> Option<bool> {
        None
    }

    unsafe fn program_counter(context: *mut c_void) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*(*context.cast::<Ucontext>()).uc_mcontext).thread.pc).cast() }
    }

    unsafe fn mask(context: *const c_void) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { (*context.cast::<Ucontext>()).uc_sigmask.into() }
    }
}
