//! Memory for code, and memory for stacks.

use super::{Failure, Mapped, Request, Result, Span, System};
use crate::error::kind::{Call, ErrorKind};
use crate::options::{Flags, Prot};
use core::ptr::NonNull;

/// Memory for code: an executable mapping and, where the system has one, a writable mapping of the same memory.
pub(crate) struct MappedCode<B> {
    pub(crate) executable: Mapped<B>,
    pub(crate) writable: Option<Mapped<B>>,
}

/// How code is written. The default is memory that is mapped once, and is writable or executable for all threads.
pub(crate) trait Code: System {
    /// Returns whether `begin_writing` leaves the memory executable for other threads.
    fn is_written_by_thread() -> bool {
        false
    }

    /// Maps zeroed, executable memory. Unless it is mapped a second time, `begin_writing` makes it writable.
    fn map_code(len: usize) -> Result<MappedCode<Self::Backing>> {
        let request = Request {
            len,
            prot: Prot::EXEC,
            flags: Flags::empty(),
            hint: 0,
            reservation: None,
            huge_log2: 0,
        };
        // SAFETY: there is no reservation.
        let mapped = unsafe { Self::map_anon(request) };
        let executable = mapped.map_err(|refused| refused.failure)?;
        Ok(MappedCode { executable, writable: None })
    }

    /// Makes code memory that is mapped once writable for this thread, and not executable.
    ///
    /// # Safety
    /// The mapping is whole and from `map_code`, and no code runs there that would have to stop.
    unsafe fn begin_writing(code: Span, backing: &mut Self::Backing) -> Result<()> {
        // SAFETY: the caller's promise. READ stays.
        unsafe { Self::protect(code, backing, Prot::WRITE) }
    }

    /// Undoes `begin_writing`, and makes what was written visible as code. After a failure the memory may not be executable;
    /// the next pair of calls may make it so.
    ///
    /// # Safety
    /// As `begin_writing`, which came before. `written` lies in the mapping.
    #[allow(unused_variables, reason = "its name is part of the contract")]
    unsafe fn end_writing(code: Span, backing: &mut Self::Backing, written: Span) -> Result<()> {
        // SAFETY: the caller's promise. Nobody writes any more.
        unsafe { Self::protect(code, backing, Prot::EXEC) }
    }

    /// Makes code visible to instruction fetch on every processor, whichever mapping of the memory it was written through.
    ///
    /// # Safety
    /// A part of a readable mapping; nobody truncates its file during the call.
    unsafe fn sync_instructions(span: Span, backing: &Self::Backing) -> Result<()>;
}

/// Stacks: a range whose upper part is memory, and whose lower part, the guard, has no access. The default is a
/// reservation. Lengths are multiples of the page size.
pub(crate) trait Stacks: System {
    /// Reserves address space for a stack.
    fn reserve_stack(len: usize) -> Result<Span> {
        Self::reserve(0, len)
    }

    /// Makes a stack of `len` bytes, at most `stack.len()`, of what `reserve_stack` returned.
    ///
    /// # Safety
    /// The stack is new.
    unsafe fn map_stack(stack: Span, len: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { Self::grow_stack(stack, 0, len) }
    }

    /// Makes the memory of a stack longer, from `len` to `new_len` bytes. What is new is zeroed.
    ///
    /// # Safety
    /// The stack is the caller's, and `len <= new_len <= stack.len()`.
    unsafe fn grow_stack(stack: Span, len: usize, new_len: usize) -> Result<()> {
        let mut backing = Self::EMPTY;
        // SAFETY: the caller's promise. Private memory that lacks permissions only, as every reservation here.
        unsafe { Self::protect(part(stack, len, new_len), &mut backing, Prot::WRITE) }
    }

    /// Unmaps a stack whose memory is `len` bytes long.
    ///
    /// # Safety
    /// The stack is the caller's, and no longer used.
    #[allow(unused_variables, reason = "its name is part of the contract")]
    unsafe fn unmap_stack(stack: Span, len: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { Self::release(stack) }
    }
}

/// The part of a stack that is memory if its length is `new_len`, and is not if that is `len`.
pub(crate) fn part(stack: Span, len: usize, new_len: usize) -> Span {
    // SAFETY: `new_len` is at most the length of the range.
    let ptr: NonNull<u8> = unsafe { stack.ptr.add(stack.len - new_len) };
    Span { ptr, len: new_len - len }
}

/// The failure of a stack that cannot grow.
#[allow(dead_code, reason = "most systems can")]
pub(crate) const fn cannot_grow() -> Failure {
    Failure::refused(Call::Grow, ErrorKind::Unsupported)
}
