//! The instruction caches, for code that was written without a change of permissions.

use super::access::Slice;
use super::{Mapping, RawMapping};
use crate::error::Error;
use crate::error::kind::Call;
use crate::sys::contract::Span;
use crate::sys::{Backing, Code, Sys};
use core::ops::RangeBounds;

impl<A: Slice> Mapping<A> {
    /// Makes code in a range visible to every processor, whichever mapping it was written to.
    ///
    /// [`protect`](Self::protect) and [`into_exec`](Self::into_exec) do this themselves. Call it for memory that is
    /// executable already and is written through a second mapping of its file. After the call, this thread runs the new
    /// code. So does another thread that learns of the code from this one, unless its processor has run the old code.
    ///
    /// **Platform notes**
    /// - Linux: on aarch64 `dc cvau` and `ic ivau` for each line of a resident page; on RISC-V the call
    ///   [`riscv_flush_icache`](https://man7.org/linux/man-pages/man2/riscv_flush_icache.2.html); on x86_64 only
    ///   `cpuid`, as the caches are coherent there.
    /// - macOS: `sys_icache_invalidate` for each resident page, on aarch64.
    /// - BSD, illumos: the same instructions as on Linux, on aarch64; nothing on x86. On other processors unsupported.
    /// - Windows: [`FlushInstructionCache`][fic].
    /// - Kernels: `custom::Backend::sync_instructions`.
    ///
    /// [fic]: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-flushinstructioncache
    ///
    /// # Errors
    /// - [`BeyondEnd`](crate::ErrorKind::BeyondEnd): the range is not inside the mapping.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the kernel has no such function.
    ///
    /// # Examples
    ///
    /// See [`RawMapping::sync_instructions`], and [`Code`](crate::Code), which calls it after each write.
    #[doc(alias = "__clear_cache")]
    #[doc(alias = "sys_icache_invalidate")]
    #[doc(alias = "FlushInstructionCache")]
    pub fn sync_instructions(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        // SAFETY: a slice is readable, and whoever mapped a file promised that it is not truncated.
        unsafe { self.sync(range) }
    }
}

impl RawMapping {
    /// Makes code in a range visible to every processor.
    ///
    /// As [`Mapping::sync_instructions`].
    ///
    /// # Errors
    /// As `Mapping::sync_instructions`.
    ///
    /// # Safety
    /// - The memory is readable.
    /// - Nobody truncates the file during the call, as flushing an instruction cache reads the memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, File, Mmap, Prot, page_size};
    /// let file = match File::memory() {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     file => file?,
    /// };
    /// file.set_len(page_size() as u64)?;
    /// let writable = Mmap::new(&file).prot(Prot::WRITE).map_raw()?;
    /// let executable = match Mmap::new(&file).prot(Prot::EXEC).map_raw() {
    ///     // macOS: its objects of shared memory cannot be executed.
    ///     Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
    ///     map => map?,
    /// };
    /// // SAFETY: the memory is writable, and nobody else uses it.
    /// unsafe { writable.as_mut_ptr().write(0xc3) }; // a return, on x86_64
    /// // SAFETY: the file keeps its length.
    /// unsafe { executable.sync_instructions(..1)? };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub unsafe fn sync_instructions(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        unsafe { self.sync(range) }
    }

    /// Returns what the backend needs to change the mapping.
    pub(crate) fn parts_mut(&mut self) -> (Span, &mut Backing) {
        (self.span(), &mut self.backing)
    }
}

impl<A> Mapping<A> {
    /// # Safety
    /// The memory is readable, and nobody truncates its file during the call.
    pub(crate) unsafe fn sync(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.on_range(Call::SyncInstructions, range, |span| {
            // SAFETY: part of this mapping, and the caller's promise.
            unsafe { Sys::sync_instructions(span, &self.backing) }
        })
    }
}
