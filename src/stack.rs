//! Stacks with a guard.

use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::sys::contract;
use crate::sys::contract::Span;
use crate::sys::{Stacks, Sys, System};
use core::fmt;
use core::mem::ManuallyDrop;

/// Memory for a stack that grows down, with a guard below that turns overflows into faults.
///
/// ```text
///       guard, no access        memory, zeroed
///     +--------------------+------------------------+
///                          ^ bottom, the lowest      ^ top, where a stack pointer starts:
///                            byte that can be used     one past the highest byte
/// ```
///
/// It is for threads, coroutines, signal handlers and interrupts. The crate does not switch to it; the example `stack`
/// does. It is unmapped when it is dropped.
///
/// # Size and growth
/// Pages become resident at their first use, so a long stack costs no more memory than a short one. But its whole
/// length counts against the commit limit on Windows, and on Linux as `vm.overcommit_memory` says. Where that matters,
/// make a short stack with a long guard, and let it [`grow`](Self::grow) into the guard.
///
/// A fault in the guard does not make the stack grow: it is an overflow. A fault handler that grows the stack needs a
/// stack of its own, and the interrupted code may hold any lock; the crate leaves that to the caller.
///
/// Linux's `MAP_GROWSDOWN`, which would grow automatically, is not offered: other mappings may be made below such a
/// stack, and then it stops growing at a length that the program cannot know.
///
/// # Depth of the guard
/// A guard stops only accesses to the guard. On x86_64, x86 and aarch64, Rust's code touches each page of a frame in
/// order, and so does C's with `-fstack-clash-protection`. For other code the guard must be longer than the largest
/// frame.
///
/// **Platform notes**
/// - Linux: [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html) with `PROT_NONE` and `MAP_STACK`, then
///   [`mprotect`](https://man7.org/linux/man-pages/man2/mprotect.2.html). Since Linux 6.8, `MAP_STACK` disables
///   transparent huge pages. An overflow raises SIGSEGV. Its handler needs another stack
///   ([`sigaltstack`](https://man7.org/linux/man-pages/man2/sigaltstack.2.html)), which can be a `Stack` too.
/// - macOS: `mmap` and `mprotect`. An overflow raises SIGBUS.
/// - BSD, illumos: `mmap` and `mprotect`. An overflow raises a signal.
/// - Windows: [`VirtualAlloc`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc),
///   which reserves all, and commits all of the memory. So there is no moving guard page, as a thread's own stack has.
///   An overflow is an access violation. Code that switches to the stack sets `StackBase` (to `top`), `StackLimit` (to
///   `bottom`) and `DeallocationStack` (to the start of the guard) in the thread's environment block, and restores them
///   on return: functions with large frames compare with the limit before they touch pages, and exceptions are handled
///   only within these bounds.
/// - Kernels: a reservation, and `custom::Backend::map` in it. The stack cannot grow.
///
/// # Examples
///
/// ```
/// use baremap::{ErrorKind, Stack};
/// let mut stack = match Stack::with_guard(64 << 10, 1 << 20) {
///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
///     stack => stack?,
/// };
/// assert_eq!(stack.top().addr() - stack.bottom().addr(), stack.len());
/// // SAFETY: it is the highest word of the stack, and nobody else uses it.
/// unsafe { stack.top().cast::<usize>().sub(1).write(1) };
/// // Reports the failure of a system that cannot.
/// let _ = stack.grow(128 << 10);
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "MAP_STACK")]
#[doc(alias = "MAP_GROWSDOWN")]
#[doc(alias = "sigaltstack")]
#[doc(alias = "coroutine")]
#[must_use = "it is unmapped when it is dropped"]
pub struct Stack {
    /// With the guard.
    whole: Span,
    len: usize,
}

// SAFETY: a range of addresses that nothing else uses, whose memory is the affair of unsafe code; any thread may unmap it.
unsafe impl Send for Stack {}
// SAFETY: a shared reference gives addresses, and nothing more.
unsafe impl Sync for Stack {}

#[allow(clippy::len_without_is_empty, reason = "it is never empty")]
impl Stack {
    /// Maps a stack of `len` bytes with a guard of one page, each rounded up to pages.
    ///
    /// # Errors
    /// - [`ZeroLength`](ErrorKind::ZeroLength): the length is 0.
    /// - [`TooLong`](ErrorKind::TooLong): the length with the guard exceeds `isize::MAX`.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory or address space, or the process has too many mappings.
    /// - [`Unsupported`](ErrorKind::Unsupported): the kernel has no reservations.
    ///
    /// # Examples
    ///
    /// ```
    /// # if baremap::Stack::new(1).is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// let stack = baremap::Stack::new(1 << 20)?;
    /// assert_eq!((stack.len(), stack.guard_len()), (1 << 20, baremap::page_size()));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn new(len: usize) -> Result<Self, Error> {
        Self::with_guard(len, 1)
    }

    /// Maps a stack of `len` bytes with a guard of `guard` bytes, each rounded up to pages.
    ///
    /// # Errors
    /// As [`new`](Self::new); a guard of 0 bytes is of kind [`ZeroLength`](ErrorKind::ZeroLength).
    ///
    /// # Examples
    ///
    /// See [`Stack`].
    pub fn with_guard(len: usize, guard: usize) -> Result<Self, Error> {
        if len == 0 || guard == 0 {
            return Err(Error::new(Call::Map, ErrorKind::ZeroLength));
        }
        let page = Sys::page_size();
        let rounded = |len: usize| len.checked_next_multiple_of(page);
        let whole = rounded(len).and_then(|len| Some((len, rounded(guard)?.checked_add(len)?)));
        let Some((len, whole)) = whole.filter(|&(_, whole)| isize::try_from(whole).is_ok()) else {
            return Err(Error::new(Call::Map, ErrorKind::TooLong));
        };
        let whole = Sys::reserve_stack(whole)?;
        // SAFETY: it is new, and longer than `len`.
        if let Err(failure) = unsafe { Sys::map_stack(whole, len) } {
            // SAFETY: it is a reservation still.
            let _ = unsafe { Sys::unmap_stack(whole, 0) };
            return Err(failure.into());
        }
        Ok(Self { whole, len })
    }

    /// Returns the address past the highest byte, at which a stack pointer starts.
    ///
    /// It is a multiple of the page size.
    ///
    /// # Examples
    ///
    /// See [`Stack`].
    pub fn top(&self) -> *mut u8 {
        self.whole.ptr.as_ptr().wrapping_add(self.whole.len)
    }

    /// Returns the address of the lowest byte.
    ///
    /// The guard is below it.
    ///
    /// # Examples
    ///
    /// See [`Stack`].
    pub fn bottom(&self) -> *mut u8 {
        self.whole.ptr.as_ptr().wrapping_add(self.guard_len())
    }

    /// Returns the length of the memory in bytes.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the length of the guard in bytes.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn guard_len(&self) -> usize {
        self.whole.len - self.len
    }

    /// Extends the stack to `len` bytes, rounded up to pages, into the guard.
    ///
    /// The upper part of the guard becomes memory. Existing addresses stay, so a stack can grow while it is in use. If
    /// it is long enough already, nothing happens.
    ///
    /// **Platform notes**
    /// - Unix: [`mprotect`](https://man7.org/linux/man-pages/man2/mprotect.2.html).
    /// - Windows: `VirtualAlloc` with `MEM_COMMIT`. Code that runs on the stack sets `StackLimit` again.
    ///
    /// # Errors
    /// After a failure the stack is unchanged.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): less than a page of the guard would remain.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory, or the process has too many mappings.
    /// - [`Unsupported`](ErrorKind::Unsupported): in kernels.
    ///
    /// # Examples
    ///
    /// See [`Stack`].
    pub fn grow(&mut self, len: usize) -> Result<(), Error> {
        let most = self.whole.len - Sys::page_size();
        let Some(len) = len.checked_next_multiple_of(Sys::page_size()).filter(|&len| len <= most) else {
            return Err(Error::new(Call::Grow, ErrorKind::InvalidInput));
        };
        if len > self.len {
            // SAFETY: our stack, which is longer than `len`.
            unsafe { Sys::grow_stack(self.whole, self.len, len)? };
            self.len = len;
        }
        Ok(())
    }

    /// Unmaps the stack, and reports a failure, which a drop ignores.
    ///
    /// **Platform notes**
    /// - Unix: [`munmap`](https://man7.org/linux/man-pages/man2/munmap.2.html).
    /// - Windows: [`VirtualFree`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualfree).
    ///
    /// # Errors
    /// The error returns the stack, unchanged.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): Linux merged this mapping with a neighbour, would have to split them
    ///   again, and the process has too many mappings (`vm.max_map_count`).
    ///
    /// # Examples
    ///
    /// ```
    /// # if baremap::Stack::new(1).is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// baremap::Stack::new(1 << 20)?.unmap()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn unmap(self) -> Result<(), Refused<Self>> {
        let this = ManuallyDrop::new(self);
        match this.unmap_once() {
            Ok(()) => Ok(()),
            Err(failure) => Err(Refused::new(ManuallyDrop::into_inner(this), failure)),
        }
    }

    /// Called by `unmap` and `drop` alone: if it succeeds, the stack is not used again.
    fn unmap_once(&self) -> contract::Result<()> {
        // SAFETY: a stack of ours, which is not used again.
        unsafe { Sys::unmap_stack(self.whole, self.len) }
    }
}

/// Unmaps the stack.
///
/// If the system refuses, the stack stays mapped; only [`Stack::unmap`] reports that.
impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.unmap_once();
    }
}

/// Shows the lowest address, the length, and the length of the guard.
impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("bottom", &self.bottom())
            .field("len", &self.len)
            .field("guard_len", &self.guard_len())
            .finish()
    }
}
