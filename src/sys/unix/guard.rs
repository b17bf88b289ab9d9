//! These systems' side of the fault guard. `posix/guard.rs` has the rest.
//!
//! An access past the end of a file raises SIGBUS, one to memory that is not mapped SIGSEGV; which of both is not the same on
//! all of them, so each is handled.

use super::calls::checked;
use super::system::signals::{SigAction, SigInfo, Ucontext, is_fault};
use crate::error::kind::Call;
use crate::sys::contract::Result;
use crate::sys::posix::guard::{self, Action, Signals};
use core::ffi::{c_int, c_void};
use core::ptr::{from_ref, null, null_mut};

unsafe extern "C" {
    fn getpid() -> c_int;
    fn raise(signal: c_int) -> c_int;
    #[cfg_attr(baremap_backend = "netbsd", link_name = "__sigaction_siginfo")]
    fn sigaction(signal: c_int, new: *const SigAction, old: *mut SigAction) -> c_int;
    // POSIX says nothing of it in a process with threads. On these systems it is for the calling thread, and the library of
    // threads, which has `pthread_sigmask`, need not be linked.
    #[cfg_attr(baremap_backend = "netbsd", link_name = "__sigprocmask14")]
    fn sigprocmask(how: c_int, new: *const [u32; 4], old: *mut [u32; 4]) -> c_int;
}

const SIGBUS: c_int = 10;
const SIGSEGV: c_int = 11;

pub(super) fn install() -> Result<()> {
    guard::install::<super::Unix>()
}

pub(super) fn is_installed() -> bool {
    guard::is_installed()
}

pub(super) fn is_in_force() -> bool {
    guard::is_in_force::<super::Unix>()
}

/// All ones mean all signals. Otherwise those over 64 are not in the mask.
#[expect(clippy::cast_possible_truncation, reason = "each word is a part")]
fn set(mask: u64) -> [u32; 4] {
    let rest = if mask == !0 { !0 } else { 0 };
    [mask as u32, (mask >> 32) as u32, rest, rest]
}

fn mask_of(set: [u32; 4]) -> u64 {
    u64::from(set[0]) | u64::from(set[1]) << 32
}

impl Signals for super::Unix {
    const SIGNALS: &'static [c_int] = &[SIGBUS, SIGSEGV];
    #[cfg(baremap_backend = "illumos")]
    const SA_SIGINFO: usize = 0x8;
    #[cfg(not(baremap_backend = "illumos"))]
    const SA_SIGINFO: usize = 0x40;
    const SA_ONSTACK: usize = 0x1;
    #[cfg(baremap_backend = "illumos")]
    const SA_RESTART: usize = 0x4;
    #[cfg(not(baremap_backend = "illumos"))]
    const SA_RESTART: usize = 0x2;
    const SA_NODEFER: usize = 0x10;
    #[cfg(baremap_backend = "illumos")]
    const SA_RESETHAND: usize = 0x2;
    #[cfg(not(baremap_backend = "illumos"))]
    const SA_RESETHAND: usize = 0x4;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "flags are the bits of an int"
    )]
    unsafe fn action(signal: c_int, new: Option<Action>) -> Result<Action> {
        let new = new.map(|Action { handler, flags, mask }| SigAction {
            handler,
            sa_mask: set(mask),
            sa_flags: flags as c_int,
        });
        let mut old = SigAction { handler: 0, sa_mask: [0; 4], sa_flags: 0 };
        // SAFETY: the caller's promise.
        let result = unsafe { sigaction(signal, new.as_ref().map_or(null(), from_ref), &raw mut old) };
        checked(Call::Sigaction, result)?;
        Ok(Action { handler: old.handler, flags: old.sa_flags as usize, mask: mask_of(old.sa_mask) })
    }

    fn process() -> usize {
        // SAFETY: it has no conditions.
        unsafe { getpid().unsigned_abs() as usize }
    }

    fn set_mask(mask: u64) {
        const SIG_SETMASK: c_int = 3;
        // SAFETY: the mask is readable.
        unsafe { sigprocmask(SIG_SETMASK, &set(mask), null_mut()) };
    }

    unsafe fn raise(signal: c_int, _: *mut c_void) {
        // SAFETY: the caller's wish.
        unsafe { raise(signal) };
    }

    unsafe fn is_fault(info: *const c_void) -> Option<bool> {
        // SAFETY: the caller's promise.
        is_fault(unsafe { (*info.cast::<SigInfo>()).code })
    }

    unsafe fn program_counter(context: *mut c_void) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*context.cast::<Ucontext>()).pc).cast() }
    }

    unsafe fn mask(context: *const c_void) -> u64 {
        // SAFETY: the caller's promise.
        mask_of(unsafe { (*context.cast::<Ucontext>()).uc_sigmask })
    }
}
