//! The result of mapping: address, length, and what the system must be told again.

use crate::error::{Call, Error, ErrorKind};
use crate::options::{Advice, Discard, Prot};
use crate::reservation::Reservation;
use crate::sys::{self, Backing};
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Bound, Deref, Range, RangeBounds};
use core::ptr::NonNull;
use core::slice;

/// Mapped memory. It is a slice of bytes, and is unmapped when it is dropped.
///
/// Three words. An empty mapping, of an empty file, holds nothing: every operation on it succeeds and does
/// nothing.
///
/// ```
/// # fn main() -> Result<(), baremap::Error> {
/// use baremap::{Mmap, Prot};
/// let mut map = Mmap::anon(100).prot(Prot::WRITE).map()?;
/// map.bytes_mut()?[99] = 7;
/// map.protect(Prot::READ)?;
/// assert_eq!(map.last(), Some(&7));
/// assert!(map.bytes_mut().is_err());
/// # Ok(())
/// # }
/// ```
#[must_use = "it is unmapped when it is dropped"]
pub struct Mapping {
    ptr: NonNull<u8>,
    len: usize,
    backing: Backing,
}

pub(crate) const ALIGNED: NonNull<u8> = NonNull::new(core::ptr::without_provenance_mut(1 << 16)).unwrap();

const _: () = assert!(size_of::<Mapping>() <= 24, "a mapping is three words");

// SAFETY: a mapping owns its memory as a boxed slice does, and any thread may unmap it.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference the bytes are read, and the system's calls are safe in any thread.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Its address is a multiple of every page size and granularity, so that what looks at it as a slice of other
    /// numbers finds it aligned.
    pub(crate) const EMPTY: Self = Self { ptr: ALIGNED, len: 0, backing: Backing::EMPTY };

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes are mapped and readable for as long as `self` lives, since READ is part of
        // every `Prot`; that nobody changes a file's is promised by who mapped it.
        unsafe { slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// The bytes, to be written to.
    ///
    /// # Errors
    /// [`NotWritable`](ErrorKind::NotWritable) unless the mapping was made with [`Prot::WRITE`], or given it
    /// by [`protect`](Self::protect).
    #[inline]
    pub fn bytes_mut(&mut self) -> Result<&mut [u8], Error> {
        if self.len != 0 && !self.backing.prot.contains(Prot::WRITE) {
            return Err(Error::own(Call::BytesMut, ErrorKind::NotWritable));
        }
        // SAFETY: as in `bytes`; the memory is writable, and `self` is borrowed alone.
        Ok(unsafe { slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) })
    }

    /// The address of the first byte. It lies at the offset asked for, and so at the start of a page only if
    /// the offset does. Of an empty mapping it must not be used.
    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.ptr.as_ptr()
    }

    /// The length in bytes: what was asked for, not rounded to pages.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the length is 0.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Waits until what was written to a file's mapping is on the disk, with the metadata that it takes to find
    /// it there again, the file's length for one. For its times as well use [`File::sync`](crate::File::sync).
    ///
    /// Anonymous and copy-on-write memory has no place on a disk; there it does nothing.
    ///
    /// Linux: `msync` with `MS_SYNC`, which is as durable as `fdatasync`.
    ///
    /// macOS: `msync` with `MS_SYNC`. On return the pages were given to the drive. Its cache may still hold them, the file's
    /// metadata may not be written, and the kernel does not report a page that it failed to write. For the medium call
    /// [`File::sync`](crate::File::sync). A mapping keeps no descriptor for that: closing one would drop the process's
    /// record locks on the file.
    ///
    /// Windows: `FlushViewOfFile`, then `FlushFileBuffers`, on a duplicate of the handle that a shared, writable mapping
    /// keeps. The first gives the pages to the file system and the second waits for the disk.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io), [`NoSpace`](ErrorKind::NoSpace): the disk failed or is full, and some of what was
    /// written may be lost. Not on macOS.
    pub fn flush(&self) -> Result<(), Error> {
        self.flush_range(..)
    }

    /// [`flush`](Self::flush) of a part, in bytes from the start of the mapping, and of the rest of the pages in
    /// which it lies.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// # use baremap::{ErrorKind, Mmap, Prot};
    /// let map = Mmap::anon(100).map()?;
    /// map.flush_range(10..20)?;
    /// assert_eq!(map.flush_range(10..101).unwrap_err().kind(), ErrorKind::BeyondEnd);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As `flush`, and [`BeyondEnd`](ErrorKind::BeyondEnd) if the range is not within the mapping or ends before
    /// it starts.
    pub fn flush_range(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.flush_part(range, true)
    }

    /// Asks the system to start writing to the disk, and does not wait. A later failure is not told, unless to a
    /// later [`flush`](Self::flush).
    ///
    /// Linux: `msync` with `MS_ASYNC`. The kernel writes changed pages after some seconds (`vm.dirty_*`) by
    /// itself and is not hurried by it. macOS: the same call, which starts to write. Windows: `FlushViewOfFile`, which
    /// waits for the file system, not for the disk.
    pub fn flush_async(&self) -> Result<(), Error> {
        self.flush_async_range(..)
    }

    /// [`flush_async`](Self::flush_async) of a part, as in [`flush_range`](Self::flush_range).
    pub fn flush_async_range(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.flush_part(range, false)
    }

    fn flush_part(&self, range: impl RangeBounds<usize>, wait: bool) -> Result<(), Error> {
        self.on_part(Call::Flush, range, |ptr, len, backing| {
            // SAFETY: a part of this mapping.
            unsafe { sys::flush(ptr, len, backing, wait) }
        })
    }

    /// Makes every page resident, and keeps it so until [`unlock`](Self::unlock) or until it is unmapped.
    ///
    /// After a failure nothing is locked.
    ///
    /// - Linux: `mlock`; the limit is `RLIMIT_MEMLOCK`. Locks do not add up: one `unlock` undoes any number of them.
    /// - macOS: `mlock`; `vm.user_wire_limit` is a limit too. Locks are counted. On aarch64 executable memory is refused.
    ///   Huge pages are always locked.
    /// - Windows: `VirtualLock`; the limit is the minimum of the working set, some 200 KiB if `SetProcessWorkingSetSize`
    ///   did not raise it. Locks do not add up. Large pages are always locked.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Mmap, Prot};
    /// let mut secret = Mmap::anon(32).prot(Prot::WRITE).map()?;
    /// if let Err(error) = secret.lock() {
    ///     eprintln!("may be swapped: {error}");
    /// }
    /// secret.bytes_mut()?.fill(0x5a);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) or [`PermissionDenied`](ErrorKind::PermissionDenied): the
    /// limit on locked memory.
    pub fn lock(&self) -> Result<(), Error> {
        self.on_part(Call::Map, .., |ptr, len, backing| {
            // SAFETY: this mapping.
            unsafe { sys::lock(ptr, len, backing) }
        })
    }

    /// Lets the system evict pages again.
    ///
    /// Linux, macOS: `munlock`. Windows: `VirtualUnlock`; that the memory is not locked is no error.
    pub fn unlock(&self) -> Result<(), Error> {
        self.on_part(Call::Map, .., |ptr, len, backing| {
            // SAFETY: this mapping.
            unsafe { sys::unlock(ptr, len, backing) }
        })
    }

    /// Tells the system how the memory will be used. Contents stay as they are.
    ///
    /// Linux, macOS: `madvise`. Windows: `PrefetchVirtualMemory`. Advice that the system does not know, or not for
    /// this kind of mapping, does nothing.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-mapping", std::process::id()));
    /// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// use baremap::{Advice, File, Mmap};
    /// let file = File::open(&path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody changes the file meanwhile.
    /// let map = unsafe { Mmap::new(&file).map()? };
    /// map.advise(Advice::Random)?;
    /// map.advise_range(..100, Advice::WillNeed)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn advise(&self, advice: Advice) -> Result<(), Error> {
        self.advise_range(.., advice)
    }

    /// [`advise`](Self::advise) of a part, in bytes from the start of the mapping, and of the rest of the pages
    /// in which it lies.
    ///
    /// # Errors
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): the range is not within the mapping, or ends before it starts.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): the system would have to split a mapping, and the process has too many.
    pub fn advise_range(&self, range: impl RangeBounds<usize>, advice: Advice) -> Result<(), Error> {
        self.on_part(Call::Advise, range, |ptr, len, backing| {
            // SAFETY: a part of this mapping.
            unsafe { sys::advise(ptr, len, backing, advice) }
        })
    }

    /// Gives the contents up: see [`Discard`].
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Discard, Mmap, Prot};
    /// let mut map = Mmap::anon(1 << 16).prot(Prot::WRITE).map()?;
    /// map.bytes_mut()?.fill(1);
    /// // SAFETY: nothing relies on the contents.
    /// unsafe { map.discard(Discard::DontNeed)? };
    /// assert_eq!(map[0], 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput) where it has no meaning for this kind of mapping.
    /// - [`Unsupported`](ErrorKind::Unsupported) where it has one that this system cannot give it.
    ///
    /// # Safety
    /// - Nothing relies on the contents, also not by other mappings of the file, and no reference to them is in use.
    ///   [`Discard::DontNeed`] of a shared mapping of a file changes none, and so needs no such promise.
    /// - After [`Discard::Free`] every byte is written before it is read.
    pub unsafe fn discard(&self, discard: Discard) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        unsafe { self.discard_range(.., discard) }
    }

    /// [`discard`](Self::discard) of the whole pages within a part, which are huge if the mapping's are. The rest of a
    /// page in which the part starts or ends keeps its contents, unless the mapping itself starts or ends there and the
    /// file does not change.
    ///
    /// # Errors
    /// As `discard`, and [`BeyondEnd`](ErrorKind::BeyondEnd) if the range is not within the mapping or ends before
    /// it starts.
    ///
    /// # Safety
    /// As `discard`.
    pub unsafe fn discard_range(
        &self,
        range: impl RangeBounds<usize>,
        discard: Discard,
    ) -> Result<(), Error> {
        let Range { mut start, mut end } = self.checked(Call::Discard, range)?;
        let page = self.backing.page_size();
        // The rest of a page in which the mapping itself starts or ends is nobody's, but in the file it is others'.
        let is_file_changed = discard == Discard::Remove;
        if start != 0 || is_file_changed {
            start += self.ptr.as_ptr().wrapping_add(start).align_offset(page);
        }
        if end != self.len || is_file_changed {
            end = end.saturating_sub(self.ptr.as_ptr().wrapping_add(end).addr() % page);
        }
        if start >= end {
            return Ok(());
        }
        self.on_part(Call::Discard, start..end, |ptr, len, backing| {
            // SAFETY: a part of this mapping, whose contents the caller lets go.
            unsafe { sys::discard(ptr, len, backing, discard) }
        })
    }

    /// Changes what may be done to the memory. Code that was written to it can be run when it has returned.
    ///
    /// After a failure the mapping has only the rights that it had before and should have had.
    ///
    /// Linux, macOS: `mprotect`, and the instruction cache is flushed on aarch64. Windows: `VirtualProtect`,
    /// `FlushInstructionCache`.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Mmap, Prot};
    /// let mut map = Mmap::anon(4096).prot(Prot::WRITE).map()?;
    /// map.bytes_mut()?[0] = 0xc3; // a return, on x86_64
    /// map.protect(Prot::EXEC)?; // never writable and executable at once
    /// assert!(map.bytes_mut().is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PermissionDenied`](ErrorKind::PermissionDenied):
    /// - A shared mapping of a file that is not open for writing cannot become writable; on Windows none can that was
    ///   made without [`Prot::WRITE`].
    /// - On Windows no mapping of a file can become executable that was made without [`Prot::EXEC`].
    /// - On macOS a process with the hardened runtime cannot execute what was writable, unless it has the entitlement
    ///   `com.apple.security.cs.allow-unsigned-executable-memory`; and on aarch64 no process has memory that is
    ///   writable and executable at once. Both would take `MAP_JIT`, which changes rights thread by thread.
    pub fn protect(&mut self, prot: Prot) -> Result<(), Error> {
        if self.len == 0 {
            return Ok(());
        }
        // SAFETY: this mapping, borrowed alone, so that no slice of it exists.
        unsafe { sys::protect(self.ptr, self.len, &mut self.backing, prot) }
    }

    /// Unmaps the memory and tells whether that worked; a drop has nobody to tell. On failure the mapping comes
    /// back, unchanged.
    ///
    /// Linux, macOS: `munmap`. Windows: `UnmapViewOfFile`, `VirtualFree`.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::Mmap;
    /// let map = Mmap::anon(100).map()?;
    /// if let Err((map, error)) = map.unmap() {
    ///     eprintln!("{map:?} is still there: {error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OutOfMemory`](ErrorKind::OutOfMemory): Linux would have to split a neighbouring mapping with which it
    /// merged this one, and the process has too many (`vm.max_map_count`).
    pub fn unmap(self) -> Result<(), (Self, Error)> {
        let this = ManuallyDrop::new(self);
        match this.release() {
            Ok(()) => Ok(()),
            Err(error) => Err((ManuallyDrop::into_inner(this), error)),
        }
    }

    /// Gives the contents up and keeps the address space: the pages in which the mapping lies. On failure the mapping
    /// comes back, unchanged; or empty, if the system took it apart and has no memory to put it together again.
    ///
    /// - Linux: `mmap` with `PROT_NONE` and `MAP_FIXED`, of any mapping.
    /// - macOS: `munlock`, then the same; of any mapping but one of huge pages. If `mmap` fails, the mapping is unlocked.
    /// - Windows: `VirtualFree`, `UnmapViewOfFile2`, of a mapping that was made by [`map_in`](crate::Mmap::map_in).
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Mmap, Prot, Reservation};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let request = Mmap::anon(100).prot(Prot::WRITE);
    /// let mut map = request.map_in(Reservation::new(100)?).map_err(|(_, error)| error)?;
    /// map.bytes_mut()?.fill(1);
    /// let place = map.into_reservation().map_err(|(_, error)| error)?;
    /// let again = request.map_in(place).map_err(|(_, error)| error)?;
    /// assert_eq!(again[..], [0; 100]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): an empty mapping has no address.
    /// - [`Unsupported`](ErrorKind::Unsupported): on Windows, a mapping that was made otherwise; on macOS, huge pages.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): as of [`unmap`](Self::unmap).
    pub fn into_reservation(self) -> Result<Reservation, (Self, Error)> {
        if self.len == 0 {
            return Err((self, Error::own(Call::IntoReservation, ErrorKind::InvalidInput)));
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: the whole mapping, which is given up here.
        match unsafe { sys::vacate(this.ptr, this.len, &this.backing) } {
            // SAFETY: it was the mapping's.
            Ok(place) => Ok(unsafe { Reservation::from_place(place) }),
            Err(refused) if refused.is_place_lost => Err((Self::EMPTY, refused.error)),
            Err(refused) => Err((ManuallyDrop::into_inner(this), refused.error)),
        }
    }

    /// To be called once, if it succeeds, and the mapping not used after that.
    #[inline]
    fn release(&self) -> Result<(), Error> {
        self.on_part(Call::Map, .., |ptr, len, backing| {
            // SAFETY: the whole mapping, which its owner gives up: `unmap` and `drop` are the only callers.
            unsafe { sys::unmap(ptr, len, backing) }
        })
    }

    /// Address, length in bytes, and what else the system needs to know of the mapping, which stays until
    /// [`from_raw_parts`](Self::from_raw_parts) takes it back.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Mapping, Mmap};
    /// let (ptr, len, backing) = Mmap::anon(100).map()?.into_raw_parts();
    /// // SAFETY: the parts are used once.
    /// let map = unsafe { Mapping::from_raw_parts(ptr, len, backing) };
    /// assert_eq!(map.len(), 100);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "the memory stays mapped until `from_raw_parts` takes it back"]
    pub fn into_raw_parts(self) -> (NonNull<u8>, usize, Backing) {
        let this = ManuallyDrop::new(self);
        (this.ptr, this.len, this.backing)
    }

    /// Takes a mapping back that was taken apart.
    ///
    /// # Safety
    /// The parts come from one [`into_raw_parts`](Self::into_raw_parts), unchanged, and are used once. The memory is
    /// still mapped, with the same rights, and nothing else refers to it.
    #[inline]
    pub unsafe fn from_raw_parts(ptr: NonNull<u8>, len: usize, backing: Backing) -> Self {
        Self { ptr, len, backing }
    }

    /// Keeps the memory mapped for as long as the process runs.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// let zeros: &'static [u8] = baremap::Mmap::anon(100).map()?.leak();
    /// assert_eq!(zeros, [0; 100]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "the memory stays mapped and nothing else leads to it"]
    pub fn leak(self) -> &'static [u8] {
        let this = ManuallyDrop::new(self);
        // SAFETY: as in `bytes`, and nobody unmaps it any more.
        unsafe { slice::from_raw_parts(this.ptr.as_ptr(), this.len) }
    }

    /// Does something to a part, which is checked, and nothing to an empty one.
    #[inline]
    fn on_part(
        &self,
        call: Call,
        range: impl RangeBounds<usize>,
        act: impl FnOnce(NonNull<u8>, usize, &Backing) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Range { start, end } = self.checked(call, range)?;
        if start == end {
            return Ok(());
        }
        // SAFETY: `start` is within the mapping.
        act(unsafe { self.ptr.add(start) }, end - start, &self.backing)
    }

    /// The range as start and end, `0 <= start <= end <= len`.
    #[inline]
    fn checked(&self, call: Call, range: impl RangeBounds<usize>) -> Result<Range<usize>, Error> {
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
            _ => Err(Error::own(call, ErrorKind::BeyondEnd)),
        }
    }
}

/// Unmaps the memory. If the system refuses, which [`Mapping::unmap`] tells, the memory stays mapped.
impl Drop for Mapping {
    #[inline]
    fn drop(&mut self) {
        let _ = self.release();
    }
}

impl Deref for Mapping {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

impl AsRef<[u8]> for Mapping {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

/// Address, length and rights; not the contents.
impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("ptr", &self.ptr)
            .field("len", &self.len)
            .field("prot", &self.backing.prot)
            .finish()
    }
}
