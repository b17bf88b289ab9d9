//! The fault guard of Windows: a vectored exception handler that repairs [`fault::copy`](crate::sys::fault::copy).
//!
//! Access to a view whose file cannot be read raises EXCEPTION_IN_PAGE_ERROR (Microsoft, "Reading and Writing From a
//! File View"). Past the end of a file that its host truncated, Wine raises EXCEPTION_ACCESS_VIOLATION on x86, and
//! EXCEPTION_DATATYPE_MISALIGNMENT on aarch64. The system itself keeps the list of handlers, and calls the next one if
//! a handler returns EXCEPTION_CONTINUE_SEARCH. So there is nothing to store and to pass on, and no handler can replace
//! another.
//!
//! On arm64ec the context is that of x86_64, whose `Rip` is the program counter of either kind of code (`ARM64EC_NT_CONTEXT`
//! in winnt.h). There is no routine to repair, so that the guard is unsupported.

use super::imports::*;
use super::{ErrorKind, Failure, Result};
use crate::error::kind::Call;
use crate::sys::fault;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

/// What the system calls our handler; null before that is installed.
static HANDLER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

pub(super) fn is_installed() -> bool {
    !HANDLER.load(Ordering::Relaxed).is_null()
}

pub(super) fn install() -> Result<()> {
    if is_installed() {
        return Ok(());
    }
    if !fault::is_supported() {
        return Err(Failure::refused(Call::Install, ErrorKind::Unsupported));
    }
    // First in the list, so that a handler that reports every access violation does not report ours.
    // SAFETY: `handle` can deal with any exception.
    let handler = unsafe { AddVectoredExceptionHandler(1, handle) };
    if handler.is_null() {
        // It allocates, and sets no error code.
        return Err(Failure::refused(Call::AddVectoredExceptionHandler, ErrorKind::OutOfMemory));
    }
    if HANDLER.compare_exchange(null_mut(), handler, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        // Another thread installed it in between.
        // SAFETY: the handler was added above.
        unsafe { RemoveVectoredExceptionHandler(handler) };
    }
    Ok(())
}

/// Runs on the stack of the faulting thread, makes no call, and so is right wherever the exception was raised.
unsafe extern "system" fn handle(exception: *mut ExceptionPointers) -> i32 {
    const EXCEPTION_DATATYPE_MISALIGNMENT: u32 = 0x80000002;
    const EXCEPTION_ACCESS_VIOLATION: u32 = 0xC0000005;
    const EXCEPTION_IN_PAGE_ERROR: u32 = 0xC0000006;
    const EXCEPTION_CONTINUE_EXECUTION: i32 = -1;
    const EXCEPTION_CONTINUE_SEARCH: i32 = 0;
    // SAFETY: the system passes the exception and the context in which it was raised; both are writable.
    let (code, context) =
        unsafe { ((*(*exception).exception_record).exception_code, (*exception).context_record) };
    // SAFETY: as above.
    #[cfg(any(baremap_arch = "x86_64", baremap_arch = "arm64ec"))]
    let pc = unsafe { &mut (*context).rip };
    // SAFETY: as above.
    #[cfg(baremap_arch = "x86")]
    let pc = unsafe { &mut (*context).eip };
    // SAFETY: as above.
    #[cfg(baremap_arch = "aarch64")]
    let pc = unsafe { &mut (*context).pc };
    let is_fault = matches!(
        code,
        EXCEPTION_IN_PAGE_ERROR | EXCEPTION_ACCESS_VIOLATION | EXCEPTION_DATATYPE_MISALIGNMENT
    );
    match fault::fixup(*pc) {
        Some(next) if is_fault => {
            *pc = next;
            EXCEPTION_CONTINUE_EXECUTION
        }
        _ => EXCEPTION_CONTINUE_SEARCH,
    }
}
