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
/// No thread can ever write and execute it by the same address, and where the system can, threads run the code in it while
/// one writes more. It is zeroed when it is made, and unmapped when it is dropped. An engine that knows the end of its
/// code before it writes needs less: fresh memory, filled, and made executable for good by
/// [`into_exec`](crate::Mapping::into_exec).
///
/// **Platform notes**
/// - Linux: a file in memory (`memfd_create`), mapped twice, executable and writable. No mapping ever becomes executable, so
///   it also works for a process that has forbidden that (`PR_SET_MDWE`). A child made by `fork` shares the memory, and what
///   either writes.
/// - macOS, aarch64: `MAP_JIT`, which `pthread_jit_write_protect_np` makes writable for the calling thread. A process with the
///   hardened runtime needs the entitlement `com.apple.security.cs.allow-jit`; it must not have
///   `com.apple.security.cs.jit-write-allowlist`, with which that function ends the process.
/// - macOS, x86_64: `MAP_JIT`, which `mprotect` makes writable or executable for all threads.
/// - iOS, tvOS, watchOS, visionOS, Mac Catalyst: unsupported. These systems execute only what was signed.
/// - FreeBSD, NetBSD, OpenBSD, DragonFly, illumos: anonymous memory, which `mprotect` makes writable or executable for all
///   threads; on x86 and aarch64. On NetBSD with `PROT_MPROTECT`, so that PaX MPROTECT allows it.
/// - Windows: a section of the paging file, mapped twice. The length counts against the commit limit. In a program for
///   arm64ec it is emulated as code of x86_64, since the memory is not marked with `MEM_EXTENDED_PARAMETER_EC_CODE`
///   ([Microsoft][ec]).
/// - Kernels: `custom::Backend::map`, and `protect` for each write.
///
/// [ec]: https://learn.microsoft.com/windows/arm/arm64ec-abi
///
/// # Running code
/// A pointer to code is used at one's own risk. Whoever makes a function of [`as_ptr`](Self::as_ptr) promises that it:
/// - contains code for this processor, with the calling convention of the function's type;
/// - is not written to while the function runs, and the memory not dropped;
/// - unless [`runs_while_written`](Self::runs_while_written), does not run while *any* code of this memory is written;
/// - on macOS, does not run in a signal handler that may have interrupted a write.
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
    /// The same memory, or empty.
    writable: RawMapping,
}

impl Code {
    /// Maps memory for `len` bytes of code.
    ///
    /// # Errors
    /// - [`ZeroLength`](ErrorKind::ZeroLength): the length is 0.
    /// - [`TooLong`](ErrorKind::TooLong): the length exceeds `isize::MAX`.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied), [`InvalidInput`](ErrorKind::InvalidInput) on macOS: a policy of the
    ///   system forbids it, as SELinux, Windows' Arbitrary Code Guard, and macOS' hardened runtime may.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory or address space.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system executes only what was signed.
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

    /// Returns the address at which the code is run.
    ///
    /// It is a multiple of the page size. The memory can be read there, never written.
    ///
    /// # Examples
    ///
    /// See [`Code`].
    pub fn as_ptr(&self) -> *const u8 {
        self.executable.as_ptr()
    }

    /// Returns the length in bytes, as requested.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.executable.len()
    }

    /// Returns what was written.
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

    /// Returns whether threads can run the code in this memory while one writes to another part of it.
    ///
    /// True on Linux, on Windows, and on macOS on aarch64; there all but the thread that writes.
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
    /// A thread that has run other code at the same addresses may still run it for a moment. To replace code, wait until every such
    /// thread was interrupted or has made a system call; Linux offers `membarrier` with
    /// `MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE` for that. Code at addresses that were never run needs no such thing.
    ///
    /// Do not call it from a signal handler: on macOS the interrupted thread may be writing itself.
    ///
    /// # Errors
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): offset and length of the code exceed the length of the memory. Nothing is written.
    /// - What else the system reports, where it changes permissions for each write. After that nothing here can be run until a
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

    /// Calls a function with the address at which a range can be written, then makes the range visible to every processor.
    ///
    /// It is for what [`write`](Self::write) cannot do, such as an atomic store to an instruction that other threads run.
    ///
    /// # Errors
    /// As `write`. If the function was called and the system then fails, its result is lost.
    ///
    /// # Safety
    /// Until the function returns:
    /// - It writes within the range.
    /// - It writes to no other `Code`, and runs no code in memory of this kind: on macOS a thread can do one thing at a time in all of it.
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

/// Code that is being written. If that panics, it is executable again.
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

/// The address and the length.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("ptr", &self.as_ptr()).field("len", &self.len()).finish()
    }
}
