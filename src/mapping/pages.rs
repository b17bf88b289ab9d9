//! Operations on the pages of a mapping: flush, lock, advise, discard. `residency.rs` has the rare ones.
//!
//! A range is rounded to whole pages of the mapping, which may be huge: outwards to flush, lock and advise, inwards to
//! discard.
//!
//! A comment in a signature is for the compiler's messages: see `memmap2.rs`.

use super::Mapping;
use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::options::{Advice, Discard};
use crate::sys::contract::{self, Span};
use crate::sys::{Sys, System};
use core::ops::{Bound, Range, RangeBounds};

impl<A> Mapping<A> {
    /// Writes the changed pages of a file to the disk, and waits until they are there.
    ///
    /// That includes the metadata needed to find the data again, such as the file's length, but not the file's times;
    /// for those use [`File::sync`](crate::File::sync). For anonymous and copy-on-write memory it does nothing.
    ///
    /// It does not usually report a full disk: that raises a signal when a page is written for the first time. To get
    /// an error instead, call [`File::allocate`](crate::File::allocate) before mapping. `flush` reports failures of the
    /// device, and of file systems that need space for every change.
    ///
    /// **Platform notes**
    /// - Linux: [`msync`](https://man7.org/linux/man-pages/man2/msync.2.html) with `MS_SYNC`, as durable as `fdatasync`.
    /// - macOS: `msync` with `MS_SYNC`. The pages may still be in the drive's cache, the file's metadata may not be
    ///   written, and the kernel does not report a page that it failed to write. `File::sync` waits for the medium. A
    ///   mapping keeps no descriptor for that, as closing one would release the process's record locks.
    /// - BSD, illumos: `msync` with `MS_SYNC`. On OpenBSD [`read`](https://man7.org/linux/man-pages/man2/read.2.html)
    ///   may not return what was written to the mapping until this call.
    /// - Windows:
    ///   [`FlushViewOfFile`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-flushviewoffile),
    ///   then [`FlushFileBuffers`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers)
    ///   on a duplicate of the handle, which a shared, writable mapping keeps.
    ///
    /// # Errors
    /// - [`Io`](ErrorKind::Io), [`NoSpace`](ErrorKind::NoSpace): the disk failed or is full, and some of the data may
    ///   be lost. macOS does not report these.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-flush", std::process::id()));
    /// # std::fs::write(&path, "old").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open_rw(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody else changes the file.
    /// let mut map = unsafe { Mmap::new(&file).map_mut()? };
    /// map.copy_from_slice(b"new");
    /// map.flush()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "msync")]
    #[doc(alias = "FlushViewOfFile")]
    pub fn flush(&self) -> Result<(), Error> {
        self.flush_range(..)
    }

    /// Flushes the pages of a range, as [`flush`](Self::flush) does.
    ///
    /// # Errors
    /// As `flush`, and [`BeyondEnd`](ErrorKind::BeyondEnd) if the range is not inside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap};
    /// let map = Mmap::anon(100).map()?;
    /// map.flush_range(10..20)?;
    /// assert_eq!(map.flush_range(10..101).unwrap_err().kind(), ErrorKind::BeyondEnd);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "msync")]
    pub fn flush_range(&self, range: impl RangeBounds<usize>) -> Result<(), Error> /* flush_range(0..10) */ {
        self.flush_pages(range, true)
    }

    /// Starts to write the changed pages of a file to the disk, without waiting.
    ///
    /// If writing fails later, this call has already returned; a later [`flush`](Self::flush) may report it.
    ///
    /// **Platform notes**
    /// - Linux: [`msync`](https://man7.org/linux/man-pages/man2/msync.2.html) with `MS_ASYNC`, which does nothing: the
    ///   kernel itself writes changed pages after some seconds (`vm.dirty_*`).
    /// - Other Unix: the same call, which starts to write.
    /// - Windows: `FlushViewOfFile`, which waits for the file system but not for the disk.
    ///
    /// # Errors
    /// Any error of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// baremap::Mmap::anon(100).map()?.flush_async()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "msync")]
    #[doc(alias = "MS_ASYNC")]
    pub fn flush_async(&self) -> Result<(), Error> {
        self.flush_async_range(..)
    }

    /// Starts to write the pages of a range, as [`flush_async`](Self::flush_async) does.
    ///
    /// # Errors
    /// As `flush_async`, and [`BeyondEnd`](ErrorKind::BeyondEnd) if the range is not inside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// baremap::Mmap::anon(100).map()?.flush_async_range(..10)?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn flush_async_range(&self, range: impl RangeBounds<usize>) -> Result<(), Error> /* 0..10 */ {
        self.flush_pages(range, false)
    }

    fn flush_pages(&self, range: impl RangeBounds<usize>, wait: bool) -> Result<(), Error> {
        self.on_range(Call::Flush, range, |span| {
            // SAFETY: part of this mapping.
            unsafe { Sys::flush(span, &self.backing, wait) }
        })
    }

    /// Makes every page resident and locks it, until [`unlock`](Self::unlock) or until it is unmapped.
    ///
    /// [`lock_limit`](crate::lock_limit) returns how much can be locked, and
    /// [`raise_lock_limit`](crate::raise_lock_limit) raises it.
    ///
    /// **Platform notes**
    /// - Linux: [`mlock`](https://man7.org/linux/man-pages/man2/mlock.2.html); the limit is `RLIMIT_MEMLOCK`. Locks are
    ///   not counted: one `unlock` undoes any number of them.
    /// - macOS: `mlock`; `vm.user_wire_limit` is a limit too. Locks are counted. On aarch64 executable memory cannot be
    ///   locked. Huge pages are always locked.
    /// - BSD, illumos: `mlock`, limited as [`lock_limit`](crate::lock_limit) says. Locks are not counted.
    /// - Windows: [`VirtualLock`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtuallock);
    ///   the limit is the minimum of the working set, some 200 KiB unless raised. Locks are not counted. Large pages
    ///   are always locked.
    ///
    /// # Errors
    /// After a failure only pages that were locked before may still be locked. On Linux, none is.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory), [`PermissionDenied`](ErrorKind::PermissionDenied): the limit on
    ///   locked memory is exceeded.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut secret = baremap::Mmap::anon(32).map_mut()?;
    /// if let Err(error) = secret.lock() {
    ///     eprintln!("may be swapped: {error}");
    /// }
    /// secret.fill(0x5a);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "mlock")]
    #[doc(alias = "VirtualLock")]
    pub fn lock(&self) -> Result<(), Error> {
        self.lock_range(..)
    }

    /// Unlocks the pages, so that the system may evict them.
    ///
    /// **Platform notes**
    /// - Unix: [`munlock`](https://man7.org/linux/man-pages/man2/mlock.2.html).
    /// - Windows:
    ///   [`VirtualUnlock`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualunlock), once
    ///   for each page if not all of them are locked, which is no error.
    ///
    /// # Errors
    /// Any error of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = baremap::Mmap::anon(32).map()?;
    /// if map.lock().is_ok() {
    ///     map.unlock()?;
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "munlock")]
    #[doc(alias = "VirtualUnlock")]
    pub fn unlock(&self) -> Result<(), Error> {
        self.unlock_range(..)
    }

    /// Advises the system how the memory will be used; contents stay as they are.
    ///
    /// The system ignores advice that it does not support, or not for this kind of mapping.
    ///
    /// **Platform notes**
    /// - Unix: [`madvise`](https://man7.org/linux/man-pages/man2/madvise.2.html).
    /// - Windows:
    ///   [`PrefetchVirtualMemory`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-prefetchvirtualmemory)
    ///   for [`Advice::WillNeed`]; nothing for other advice.
    ///
    /// # Errors
    /// Any error of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Advice, Mmap};
    /// let map = Mmap::anon(1 << 20).map()?;
    /// map.advise(Advice::Random)?;
    /// map.advise_range(..100, Advice::WillNeed)?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "madvise")]
    #[doc(alias = "PrefetchVirtualMemory")]
    pub fn advise(&self, advice: Advice) -> Result<(), Error> {
        self.advise_range(.., advice)
    }

    /// Advises the system on the pages of a range, as [`advise`](Self::advise) does.
    ///
    /// # Errors
    /// As `advise`, and:
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): the range is not inside the mapping.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): the system would have to split the mapping, and the process has too
    ///   many mappings.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Advice, Mmap};
    /// let map = Mmap::anon(1 << 20).map()?;
    /// map.advise_range(..1 << 16, Advice::WillNeed)?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "madvise")]
    pub fn advise_range(&self, range: impl RangeBounds<usize>, advice: Advice) -> Result<(), Error> {
        self.on_range(Call::Advise, range, |span| {
            // SAFETY: part of this mapping.
            unsafe { Sys::advise(span, &self.backing, advice) }
        })
    }

    /// Discards the contents of the pages, in one of the ways of [`Discard`].
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the discard has no meaning for this kind of mapping.
    /// - [`Unsupported`](ErrorKind::Unsupported): this system cannot do it.
    ///
    /// # Safety
    /// - Nothing relies on the contents, including other mappings of the file, and no reference to them is in use.
    ///   [`Discard::DontNeed`] of a shared mapping of a file changes none, and needs no such promise.
    /// - After [`Discard::Free`] every byte is written before it is read.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Discard, Mmap};
    /// let mut map = Mmap::anon(1 << 16).map_mut()?;
    /// map.fill(1);
    /// // SAFETY: nothing relies on the contents.
    /// unsafe { map.discard(Discard::DontNeed)? };
    /// assert_eq!(map[0], 0);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MADV_DONTNEED")]
    pub unsafe fn discard(&self, discard: Discard) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        unsafe { self.discard_range(.., discard) }
    }

    /// Discards the whole pages inside a range, as [`discard`](Self::discard) does.
    ///
    /// A page that lies only partly in the range keeps its contents. The exception is the first or last page of the
    /// mapping: it is discarded if the range reaches the mapping's start or end, unless that would change the file.
    ///
    /// # Errors
    /// As `discard`, and [`BeyondEnd`](ErrorKind::BeyondEnd) if the range is not inside the mapping.
    ///
    /// # Safety
    /// As `discard`.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Discard, Mmap, page_size};
    /// let page = page_size();
    /// let mut map = Mmap::anon(3 * page).map_mut()?;
    /// map.fill(1);
    /// // SAFETY: nothing relies on the contents.
    /// unsafe { map.discard_range(1..2 * page + 1, Discard::DontNeed)? };
    /// assert_eq!((map[page - 1], map[page], map[2 * page]), (1, 0, 1));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub unsafe fn discard_range(
        &self,
        range: impl RangeBounds<usize>,
        discard: Discard,
    ) -> Result<(), Error> {
        let Range { mut start, mut end } = self.checked(Call::Discard, range)?;
        let page = Sys::page_size_of(&self.backing);
        // The rest of a page in which the mapping starts or ends is unused memory; in the file it is others' data.
        let is_file_changed = discard == Discard::Remove;
        if start != 0 || is_file_changed {
            start += self.as_ptr().wrapping_add(start).align_offset(page);
        }
        if end != self.len || is_file_changed {
            end = end.saturating_sub(self.as_ptr().wrapping_add(end).addr() % page);
        }
        if start >= end {
            return Ok(());
        }
        self.on_range(Call::Discard, start..end, |span| {
            // SAFETY: part of this mapping, and the caller's promise.
            unsafe { Sys::discard(span, &self.backing, discard) }
        })
    }

    /// Calls `operation` with the addresses of a range, unless it is empty.
    #[inline]
    pub(super) fn on_range(
        &self,
        call: Call,
        range: impl RangeBounds<usize>,
        operation: impl FnOnce(Span) -> contract::Result<()>,
    ) -> Result<(), Error> {
        let Range { start, end } = self.checked(call, range)?;
        if start == end {
            return Ok(());
        }
        // SAFETY: `start` is inside the mapping.
        operation(Span { ptr: unsafe { self.ptr.add(start) }, len: end - start }).map_err(Error::from)
    }

    /// Returns start and end of a range, `0 <= start <= end <= len`, or fails with `BeyondEnd`.
    #[inline]
    pub(crate) fn checked(&self, call: Call, range: impl RangeBounds<usize>) -> Result<Range<usize>, Error> {
        let start = match range.start_bound() {
            Bound::Included(&start) => Some(start),
            Bound::Excluded(&start) => start.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let end = match range.end_bound() {
            Bound::Included(&end) => end.checked_add(1),
            Bound::Excluded(&end) => Some(end),
            Bound::Unbounded => Some(self.len),
        };
        match (start, end) {
            (Some(start), Some(end)) if start <= end && end <= self.len => Ok(start..end),
            _ => Err(Error::new(call, ErrorKind::BeyondEnd)),
        }
    }
}
