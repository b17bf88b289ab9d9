//! Residency, and the rare operations of locking and advice.
//!
//! A range is rounded outwards to whole pages of the mapping, as in `pages.rs`.

use super::Mapping;
use crate::error::Error;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Inheritance, Prot};
use crate::sys::contract::Span;
use crate::sys::{Residency, Sys, System};
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::ops::{Range, RangeBounds};
use core::ptr::NonNull;

impl<A> Mapping<A> {
    /// Locks the pages of a range, as [`lock`](Self::lock) does.
    ///
    /// # Errors
    /// As `lock`, and [`BeyondEnd`](ErrorKind::BeyondEnd) if the range is not inside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = baremap::Mmap::anon(1 << 20).map()?;
    /// if map.lock_range(..100).is_ok() {
    ///     map.unlock_range(..100)?;
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "mlock")]
    #[doc(alias = "VirtualLock")]
    pub fn lock_range(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.on_range(Call::Lock, range, |span| {
            // SAFETY: part of this mapping.
            unsafe { Sys::lock(span, &self.backing) }
        })
    }

    /// Unlocks the pages of a range, as [`unlock`](Self::unlock) does.
    ///
    /// A page that belongs to two locked ranges is unlocked with either of them; on macOS, which counts locks, with
    /// both.
    ///
    /// # Errors
    /// As `unlock`, and [`BeyondEnd`](ErrorKind::BeyondEnd) if the range is not inside the mapping.
    ///
    /// # Examples
    ///
    /// See [`lock_range`](Self::lock_range).
    #[doc(alias = "munlock")]
    #[doc(alias = "VirtualUnlock")]
    pub fn unlock_range(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.on_range(Call::Unlock, range, |span| {
            // SAFETY: part of this mapping.
            unsafe { Sys::unlock(span, &self.backing) }
        })
    }

    /// Locks each page of a range when it becomes resident, and makes none resident.
    ///
    /// Use it instead of [`lock_range`](Self::lock_range) for a large mapping with few pages in use.
    /// [`unlock`](Self::unlock) undoes it. The whole range counts against the limit at once.
    ///
    /// **Platform notes**
    /// - Linux 4.4: [`mlock2`](https://man7.org/linux/man-pages/man2/mlock.2.html) with `MLOCK_ONFAULT`.
    /// - Other systems: unsupported.
    ///
    /// # Errors
    /// As `lock_range`, and [`Unsupported`](ErrorKind::Unsupported).
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = baremap::Mmap::anon(1 << 16).map_mut()?;
    /// if map.lock_on_fault(..).is_ok() {
    ///     map[0] = 1; // locked from now on
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "mlock2")]
    #[doc(alias = "MLOCK_ONFAULT")]
    pub fn lock_on_fault(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.on_range(Call::LockOnFault, range, |span| {
            // SAFETY: part of this mapping.
            unsafe { Sys::lock_on_fault(span, &self.backing) }
        })
    }

    /// Returns which pages of a range are resident, and how many bytes.
    ///
    /// The result may be out of date at once, as the system loads and evicts pages at any time.
    ///
    /// **Platform notes**
    /// - Linux: [`mincore`](https://man7.org/linux/man-pages/man2/mincore.2.html). A page of a file is resident if it
    ///   is in the page cache, mapped or not. Since Linux 5.2, all pages of a file count as resident if this process
    ///   neither owns it nor may write to it.
    /// - Other Unix: `mincore`. OpenBSD has none: unsupported.
    /// - Windows: [`QueryWorkingSetEx`](https://learn.microsoft.com/windows/win32/api/psapi/nf-psapi-queryworkingsetex). A page
    ///   is resident if it is in the working set of this process.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// [`BeyondEnd`](ErrorKind::BeyondEnd): the range is not inside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, page_size};
    /// let mut map = Mmap::anon(8 * page_size()).map_mut()?;
    /// map[3 * page_size()] = 1;
    /// # if map.resident(..)?.bytes().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// assert!(map.resident(..)?.bytes()? >= page_size());
    /// for pages in map.resident(..)? {
    ///     println!("{:?} is resident", pages?);
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "mincore")]
    #[doc(alias = "QueryWorkingSetEx")]
    pub fn resident(&self, range: impl RangeBounds<usize>) -> Result<Resident<'_>, Error> {
        let Range { start, end } = self.checked(Call::Resident, range)?;
        Ok(Resident {
            base: self.ptr,
            at: start,
            end,
            states: [0; STATES],
            used: 0,
            filled: 0,
            mapping: PhantomData,
        })
    }

    /// Makes the pages of a range resident for reading, or reports why an access would fail.
    ///
    /// A page that cannot be read, for which an access would raise a signal, is an error. The system may evict the
    /// pages again, unless they are locked.
    ///
    /// **Platform notes**
    /// - Linux 5.14: [`madvise`](https://man7.org/linux/man-pages/man2/madvise.2.html) with `MADV_POPULATE_READ`.
    ///   Unsupported before.
    /// - macOS: [`mlock`](https://man7.org/linux/man-pages/man2/mlock.2.html), then `munlock`; so the limit on locked
    ///   memory applies.
    /// - BSD, illumos: unsupported.
    /// - Windows:
    ///   [`PrefetchVirtualMemory`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-prefetchvirtualmemory),
    ///   then
    ///   [`ReadProcessMemory`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-readprocessmemory)
    ///   of a byte of each page.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// After a failure some pages may be resident.
    /// - [`Io`](ErrorKind::Io): the device failed, or the file was truncated; on macOS also
    ///   [`OutOfMemory`](ErrorKind::OutOfMemory).
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): the memory cannot be read.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system does not support it, or not for this kind of memory.
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): the range is not inside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap};
    /// let map = Mmap::anon(1 << 16).map()?;
    /// match map.populate_read(..) {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => {}
    ///     result => result?,
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MADV_POPULATE_READ")]
    #[doc(alias = "prefault")]
    pub fn populate_read(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.populate(range, Prot::READ)
    }

    /// Makes the pages of a range resident for writing, or reports why an access would fail.
    ///
    /// Private pages are copied, and a shared file gets its space on the disk. The contents do not change.
    ///
    /// **Platform notes**
    /// - Linux 5.14: [`madvise`](https://man7.org/linux/man-pages/man2/madvise.2.html) with `MADV_POPULATE_WRITE`.
    ///   Unsupported before.
    /// - macOS, Windows: as [`populate_read`](Self::populate_read) for anonymous memory, whose pages can then be
    ///   written; unsupported for files.
    /// - BSD, illumos: unsupported.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// As `populate_read`, and [`PermissionDenied`](ErrorKind::PermissionDenied): the memory cannot be written.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap};
    /// let mut buffer = Mmap::anon(1 << 16).map_mut()?;
    /// match buffer.populate_write(..1 << 15) {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => {}
    ///     result => result?,
    /// }
    /// buffer[..1 << 15].fill(1); // without page faults
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MADV_POPULATE_WRITE")]
    pub fn populate_write(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.populate(range, Prot::WRITE)
    }

    fn populate(&self, range: impl RangeBounds<usize>, prot: Prot) -> Result<(), Error> {
        self.on_range(Call::Populate, range, |span| {
            if !self.prot().contains(prot) {
                return Err(Failure::refused(Call::Populate, ErrorKind::PermissionDenied));
            }
            // SAFETY: part of this mapping.
            unsafe { Sys::populate(span, &self.backing, prot == Prot::WRITE) }
        })
    }

    /// Advises the system on the pages of a range, by the system's own number.
    ///
    /// Use it for advice that [`Advice`], [`Discard`](crate::Discard) and [`Inheritance`] do not name. An unknown
    /// number is an error.
    ///
    /// **Platform notes**
    /// - Unix: [`madvise`](https://man7.org/linux/man-pages/man2/madvise.2.html).
    /// - Windows, kernels: unsupported, as there is no such call.
    ///
    /// # Errors
    /// Any error of the system, [`Unsupported`](ErrorKind::Unsupported), and [`BeyondEnd`](ErrorKind::BeyondEnd) if the
    /// range is not inside the mapping.
    ///
    /// # Safety
    /// - The caller knows what the advice does on this system to memory of this kind. It may change or discard
    ///   contents, here and in child processes.
    /// - Nothing relies on contents that it changes. It applies to whole pages of the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap};
    /// const MADV_SEQUENTIAL: i32 = 2;
    /// let map = Mmap::anon(1 << 16).map()?;
    /// // SAFETY: on Linux and macOS this is a hint.
    /// match unsafe { map.advise_raw(.., MADV_SEQUENTIAL) } {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => {}
    ///     result => result?,
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "madvise")]
    #[doc(alias = "MADV_HWPOISON")]
    #[doc(alias = "MADV_DONTNEED_LOCKED")]
    pub unsafe fn advise_raw(&self, range: impl RangeBounds<usize>, advice: i32) -> Result<(), Error> {
        self.on_range(Call::AdviseRaw, range, |span| {
            // SAFETY: part of this mapping, and the caller's promise.
            unsafe { Sys::advise_raw(span, &self.backing, advice) }
        })
    }

    /// Sets how a process made by `fork` inherits the pages of a range.
    ///
    /// **Platform notes**
    /// - Linux: [`madvise`](https://man7.org/linux/man-pages/man2/madvise.2.html).
    /// - macOS, BSD: [`minherit`](https://man.freebsd.org/cgi/man.cgi?query=minherit).
    /// - illumos: unsupported.
    /// - Windows: no process inherits memory. [`Inheritance::Share`] is unsupported.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// - [`Unsupported`](ErrorKind::Unsupported): the system does not support it, or not for this kind of memory.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): the system would have to split the mapping, and the process has too
    ///   many mappings.
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): the range is not inside the mapping.
    ///
    /// # Safety
    /// - A forked process does not access omitted memory, and does not unmap it, as dropping the mapping would:
    ///   something else may be mapped there.
    /// - A forked process does not rely on the contents of wiped memory.
    /// - Neither process relies on the contents of memory that became shared, which the other may change.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Inheritance, Mmap};
    /// let mut key = Mmap::anon(32).map_mut()?;
    /// // SAFETY: a forked process makes a key of its own.
    /// match unsafe { key.set_inheritance(.., Inheritance::Wipe) } {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => {}
    ///     result => result?,
    /// }
    /// key.fill(0x5a);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "minherit")]
    #[doc(alias = "MADV_DONTFORK")]
    #[doc(alias = "MADV_WIPEONFORK")]
    pub unsafe fn set_inheritance(
        &self,
        range: impl RangeBounds<usize>,
        inheritance: Inheritance,
    ) -> Result<(), Error> {
        self.on_range(Call::SetInheritance, range, |span| {
            // SAFETY: part of this mapping, and the caller's promise.
            unsafe { Sys::set_inheritance(span, &self.backing, inheritance) }
        })
    }
}

impl Advice {
    /// Returns whether this system knows the advice.
    ///
    /// [`Mapping::advise`] ignores other advice. Advice that the system knows may still have no effect on some kinds of
    /// mappings.
    ///
    /// **Platform notes**
    /// - Linux: found by zero-length `madvise` calls. QEMU's user mode claims to know every advice.
    /// - Other systems: a fixed list, without a call.
    /// - Kernels: always `false`, as the crate does not know.
    ///
    /// # Examples
    ///
    /// ```
    /// if !baremap::Advice::DontDump.is_supported() {
    ///     println!("secrets may show in core dumps");
    /// }
    /// ```
    pub fn is_supported(self) -> bool {
        Sys::knows(self)
    }
}

/// The number of pages for each call of the system.
const STATES: usize = 128;

/// The resident parts of a mapping, from start to end: see [`Mapping::resident`].
///
/// Each item is a range of bytes in the mapping, as long as possible within the requested range. The iterator holds the
/// state of a few pages and calls the system for each group of them. After an error it ends.
#[must_use = "the system is asked for some pages at a time"]
pub struct Resident<'m> {
    base: NonNull<u8>,
    /// Of the next byte to judge in the mapping.
    at: usize,
    end: usize,
    /// Of pages from that of `at` on: those from `used` to `filled`.
    states: [u8; STATES],
    used: u8,
    filled: u8,
    mapping: PhantomData<&'m ()>,
}

// SAFETY: it only asks for the state of pages, as any thread may.
unsafe impl Send for Resident<'_> {}
// SAFETY: as above.
unsafe impl Sync for Resident<'_> {}

impl Resident<'_> {
    /// Returns how many bytes are resident in the ranges that are left.
    ///
    /// # Errors
    /// Any error of the system, and [`Unsupported`](ErrorKind::Unsupported).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = baremap::Mmap::anon(1 << 20).map()?;
    /// if let Ok(bytes) = map.resident(..)?.bytes() {
    ///     assert!(bytes <= 1 << 20);
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn bytes(self) -> Result<usize, Error> {
        let mut bytes = 0;
        for pages in self {
            bytes += pages?.len();
        }
        Ok(bytes)
    }

    /// Returns whether the page of `at` is resident.
    fn is_resident(&mut self) -> Result<bool, Error> {
        if self.used == self.filled {
            let page_size = Sys::page_size();
            // SAFETY: the mapping is longer than `at`.
            let ptr = unsafe { self.base.add(self.at) };
            let rest = Span { ptr, len: self.end - self.at }.widened(page_size);
            let count = self.states.len().min(rest.len / page_size);
            let pages = Span { len: count * page_size, ..rest };
            // SAFETY: pages of the mapping, which is borrowed.
            unsafe { Sys::resident(pages, self.states.get_mut(..count).unwrap_or_default())? };
            #[expect(clippy::cast_possible_truncation, reason = "STATES at most")]
            let filled = count as u8;
            (self.used, self.filled) = (0, filled);
        }
        Ok(self.states.get(usize::from(self.used)).is_some_and(|state| state & 1 != 0))
    }
}

impl Iterator for Resident<'_> {
    type Item = Result<Range<usize>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut run: Option<Range<usize>> = None;
        while self.at < self.end {
            let is_resident = match self.is_resident() {
                Ok(is_resident) => is_resident,
                // The next call asks again.
                Err(_) if run.is_some() => break,
                Err(error) => {
                    self.at = self.end;
                    return Some(Err(error));
                }
            };
            if !is_resident && run.is_some() {
                break;
            }
            let (at, page_size) = (self.at, Sys::page_size());
            let in_page = self.base.as_ptr().wrapping_add(at).addr() & (page_size - 1);
            self.at = self.end.min(at + page_size - in_page);
            self.used += 1;
            if is_resident {
                run.get_or_insert(at..at).end = self.at;
            }
        }
        run.map(Ok)
    }
}

impl FusedIterator for Resident<'_> {}

/// Shows the range that is left.
impl fmt::Debug for Resident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resident").field("at", &self.at).field("end", &self.end).finish_non_exhaustive()
    }
}
