//! Memory for code that is written while the program runs.

use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::mapping::RawMapping;
use crate::sys::contract::Span;
use crate::sys::contract::code::MappedCode;
use crate::sys::{Backing, Code as _, Sys};
use core::ops::{Range, RangeBounds};
use core::{fmt, slice};

/// Memory for code: written by [`write`](Self::write), run at [`as_ptr`](Self::as_ptr).
///
/// No address is ever writable and executable at once. Where the system supports it, threads run code in this memory
/// while another thread writes more. The memory is zeroed when it is made, and unmapped when it is dropped.
///
/// A program that writes all of its code before it runs any needs only fresh memory, and
/// [`into_exec`](crate::Mapping::into_exec) once it is filled.
///
/// **Platform notes**
/// - Linux: a file in memory ([`memfd_create`](https://man7.org/linux/man-pages/man2/memfd_create.2.html)), mapped
///   twice: executable, and writable. No mapping becomes executable later, so it also works for a process that has
///   forbidden that (`PR_SET_MDWE`). A child made by `fork` shares the memory.
/// - macOS, aarch64: `MAP_JIT`, made writable for the calling thread by [`pthread_jit_write_protect_np`][jit]. A
///   process with the hardened runtime needs the entitlement `com.apple.security.cs.allow-jit`. With the entitlement
///   `com.apple.security.cs.jit-write-allowlist` that function ends the process.
/// - macOS, x86_64: `MAP_JIT`, made writable or executable for all threads by
///   [`mprotect`](https://man7.org/linux/man-pages/man2/mprotect.2.html).
/// - iOS, tvOS, watchOS, visionOS, Mac Catalyst: unsupported. These systems execute only signed code.
/// - BSD, illumos, on x86_64, x86 and aarch64: anonymous memory, made writable or executable for all threads by
///   `mprotect`. On NetBSD with `PROT_MPROTECT`, so that PaX MPROTECT allows it.
/// - Windows: a section of the paging file, mapped twice. The length counts against the commit limit. In a program for
///   arm64ec the code runs as emulated x86_64, since the memory is not marked with `MEM_EXTENDED_PARAMETER_EC_CODE`
///   ([Microsoft][ec]).
/// - Kernels: `custom::Backend::map`, and `protect` for each write.
///
/// [jit]: https://developer.apple.com/documentation/apple-silicon/porting-just-in-time-compilers-to-apple-silicon
/// [ec]: https://learn.microsoft.com/windows/arm/arm64ec-abi
///
/// # Running code
/// To call code through [`as_ptr`](Self::as_ptr) is `unsafe`. The caller promises that the memory:
/// - contains code for this processor, with the calling convention of the function's type;
/// - is neither written to at the function's addresses nor dropped while the function runs;
/// - is not run while *any* part of it is written, unless [`runs_while_written`](Self::runs_while_written) returns
///   `true`;
/// - is not run, on macOS, in a signal handler that may have interrupted a write.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "std")] {
/// let code = match std::env::consts::ARCH {
///     "x86_64" => [0xb8, 42, 0, 0, 0, 0xc3, 0, 0], // mov eax, 42; ret
///     "aarch64" => [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6], // mov w0, 42; ret
///     _ => return Ok(()),
/// };
/// let mut memory = baremap::Code::new(4096)?;
/// memory.write(16, &code)?;
/// // SAFETY: the code returns 42 where C does, and is not changed any more.
/// let function: extern "C" fn() -> u32 = unsafe { std::mem::transmute(memory.as_ptr().add(16)) };
/// assert_eq!(function(), 42);
/// # }
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "MAP_JIT")]
#[doc(alias = "JIT")]
#[doc(alias = "W^X")]
#[doc(alias = "pthread_jit_write_protect_np")]
#[must_use = "it is unmapped when it is dropped"]
pub struct Code {
    executable: RawMapping,
    /// A writable mapping of the same memory, or empty.
    writable: RawMapping,
}

impl Code {
    /// Maps memory for `len` bytes of code.
    ///
    /// # Errors
    /// - [`ZeroLength`](ErrorKind::ZeroLength): the length is 0.
    /// - [`TooLong`](ErrorKind::TooLong): the length exceeds `isize::MAX`.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied), [`InvalidInput`](ErrorKind::InvalidInput) on macOS: a
    ///   policy of the system forbids it, such as SELinux, Windows' Arbitrary Code Guard, or macOS' hardened runtime.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory or address space.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system executes only signed code, or the crate has no backend for
    ///   the processor.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(baremap::Code::new(100)?.len(), 100);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn new(len: usize) -> Result<Self, Error> {
        if len == 0 {
            return Err(Error::new(Call::Map, ErrorKind::ZeroLength));
        }
        if isize::try_from(len).is_err() {
            return Err(Error::new(Call::Map, ErrorKind::TooLong));
        }
        let MappedCode { executable, writable } = Sys::map_code(len)?;
        let writable = writable.map(|mapped| RawMapping::new(mapped, len)).unwrap_or_default();
        Ok(Self { executable: RawMapping::new(executable, len), writable })
    }

    /// Returns the address at which the code runs.
    ///
    /// It is a multiple of the page size. At this address the memory can be read, never written.
    ///
    /// # Examples
    ///
    /// See [`Code`].
    pub fn as_ptr(&self) -> *const u8 {
        self.executable.as_ptr()
    }

    /// Returns the requested length in bytes.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.executable.len()
    }

    /// Returns the contents.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut code = baremap::Code::new(100)?;
    /// code.write(98, &[1, 2])?;
    /// assert_eq!(code.bytes()[97..], [0, 1, 2]);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: it is readable whatever else it is, and only changed through an exclusive reference.
        unsafe { slice::from_raw_parts(self.as_ptr(), self.len()) }
    }

    /// Returns whether code can run while another part of the memory is written.
    ///
    /// It is `true` on Linux, on Windows, and on macOS on aarch64; there for all threads but the one that writes.
    ///
    /// # Examples
    ///
    /// ```
    /// let code = baremap::Code::new(100)?;
    /// if !code.runs_while_written() {
    ///     // Stop the threads that run it before each write.
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn runs_while_written(&self) -> bool {
        Sys::is_written_by_thread() || !self.writable.is_empty()
    }

    /// Writes code at an offset, and makes it visible to every processor.
    ///
    /// A thread that has run the old code at the same addresses may still run it for a moment. To replace code, wait
    /// until every such thread was interrupted or has made a system call; on Linux,
    /// [`membarrier`](https://man7.org/linux/man-pages/man2/membarrier.2.html) with
    /// `MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE` does that. It is not needed for addresses that never ran.
    ///
    /// Do not call it from a signal handler: on macOS it may have interrupted a write.
    ///
    /// # Errors
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): offset and length of the code exceed the length of the memory. Then
    ///   nothing is written.
    /// - Other errors of the system, where each write changes permissions. Then no code in this memory can run until a
    ///   later write succeeds.
    ///
    /// # Examples
    ///
    /// See [`Code`].
    #[doc(alias = "__clear_cache")]
    pub fn write(&mut self, offset: usize, code: &[u8]) -> Result<(), Error> {
        let range = offset..offset.saturating_add(code.len());
        // SAFETY: copies what was borrowed elsewhere, and does nothing else.
        unsafe { self.write_with(range, |to| to.copy_from_nonoverlapping(code.as_ptr(), code.len())) }
    }

    /// Writes code with a function, and makes it visible to every processor.
    ///
    /// The function receives the address at which the range can be written. Use it where [`write`](Self::write) is not
    /// enough, such as for an atomic store to an instruction that other threads run.
    ///
    /// # Errors
    /// As `write`. If the system fails after the function was called, the function's result is lost.
    ///
    /// # Safety
    /// Until the function returns:
    /// - It writes only within the range.
    /// - It neither writes to another `Code` nor runs code in any: on macOS, a thread either writes to all such memory
    ///   or runs it.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::sync::atomic::{AtomicU32, Ordering};
    /// let mut code = baremap::Code::new(100)?;
    /// // SAFETY: it writes the first four bytes, which are aligned.
    /// unsafe { code.write_with(..4, |start| (*start.cast::<AtomicU32>()).store(1, Ordering::Release))? };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "pthread_jit_write_with_callback_np")]
    pub unsafe fn write_with<R>(
        &mut self,
        range: impl RangeBounds<usize>,
        write: impl FnOnce(*mut u8) -> R,
    ) -> Result<R, Error> {
        let Range { start, end } = self.executable.checked(Call::Write, range)?;
        if start == end {
            return Ok(write(self.executable.as_mut_ptr().wrapping_add(start)));
        }
        if !self.writable.is_empty() {
            let result = write(self.writable.as_mut_ptr().wrapping_add(start));
            // SAFETY: it is readable, and nobody else knows of the file.
            unsafe { self.executable.sync(start..end)? };
            return Ok(result);
        }
        let (code, backing) = self.executable.parts_mut();
        // SAFETY: `start` lies in the mapping.
        let written = Span { ptr: unsafe { code.ptr.add(start) }, len: end - start };
        // SAFETY: the caller runs no code there.
        unsafe { Sys::begin_writing(code, backing)? };
        let mut writing = Writing { code, backing, written, is_ended: false };
        let result = write(written.ptr.as_ptr());
        writing.end()?;
        Ok(result)
    }
}

/// Code that is being written, and becomes executable again even if the writer panics.
struct Writing<'a> {
    code: Span,
    backing: &'a mut Backing,
    written: Span,
    is_ended: bool,
}

impl Writing<'_> {
    fn end(&mut self) -> Result<(), Error> {
        self.is_ended = true;
        // SAFETY: the other half of `begin_writing`; nobody writes any more.
        unsafe { Sys::end_writing(self.code, self.backing, self.written) }.map_err(Error::from)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.is_ended {
            // During a panic; the next write reports it.
            let _ = self.end();
        }
    }
}

/// Shows the address and the length.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("ptr", &self.as_ptr()).field("len", &self.len()).finish()
    }
}
