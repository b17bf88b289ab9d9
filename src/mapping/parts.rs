//! Dividing and joining mappings, raw mappings of slices and back.

use super::access::Slice;
use super::{Mapping, RawMapping};
use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::options::Prot;
use crate::sys::contract::{Mapped, Span};
use crate::sys::{Backing, Parts, Sys, System};
use core::mem;
use core::ops::RangeBounds;
use core::ptr::NonNull;

impl<A> Mapping<A> {
    /// Divides the mapping: keeps the first `at` bytes, and returns the rest as a second mapping.
    ///
    /// Each part can be protected, locked and unmapped on its own. To unmap the end of a mapping, split it off and drop
    /// it.
    ///
    /// The address of the cut must be a multiple of the mapping's page size, which is that of huge pages for
    /// [`Flags::HUGETLB`](crate::Flags::HUGETLB). An `at` of 0 leaves an empty mapping, and an `at` of the length
    /// returns one.
    ///
    /// **Platform notes**
    /// - Unix: no call. [`unmap`](Self::unmap) of a part may fail, as the system has to split its own record then.
    /// - Windows: possible only where mappings were [joined](Self::join), or memory was
    ///   [extended](crate::Anon::extend).
    /// - Kernels: `custom::Backend::split`.
    ///
    /// # Errors
    /// After a failure the mapping is unchanged.
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): `at` exceeds the length.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the cut is not at the start of a page.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system cannot divide mappings, or not at this address.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, page_size};
    /// let page = page_size();
    /// let mut data = Mmap::anon(2 * page).map_mut()?;
    /// data.fill(7);
    /// # if data.split_off(page).is_err() { return Ok(()) }
    /// # let mut data = Mmap::anon(2 * page).map_mut()?;
    /// # data.fill(7);
    /// let constants = data.split_off(page)?.into_read_only()?;
    /// data.fill(8);
    /// assert_eq!((data.len(), constants[0]), (page, 7));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "split_to")]
    #[doc(alias = "split")]
    pub fn split_off(&mut self, at: usize) -> Result<Self, Error> {
        if at > self.len {
            return Err(Error::new(Call::SplitOff, ErrorKind::BeyondEnd));
        }
        if at == self.len {
            return Ok(Self::EMPTY);
        }
        if at == 0 {
            return Ok(mem::replace(self, Self::EMPTY));
        }
        if (self.ptr.addr().get() + at) % Sys::page_size_of(&self.backing) != 0 {
            return Err(Error::new(Call::SplitOff, ErrorKind::InvalidInput));
        }
        // SAFETY: this mapping; `at` lies inside it, and on the border of two pages.
        let (backing, rest) = unsafe { Sys::split_mapping(self.span(), &self.backing, at)? };
        // SAFETY: `at` lies inside the mapping.
        let rest = Mapped { ptr: unsafe { self.ptr.add(at) }, backing: rest };
        let rest = Self::new(rest, self.len - at);
        (self.len, self.backing) = (at, backing);
        Ok(rest)
    }

    /// Joins this mapping with the one that begins where it ends.
    ///
    /// Both must have the same kind (fresh memory, or files, not necessarily the same file), permissions and page size.
    /// An empty mapping can be joined with any other.
    ///
    /// **Platform notes**
    /// - Unix: no call.
    /// - Windows:
    ///   [`CompareObjectHandles`](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-compareobjecthandles)
    ///   for writable mappings of files. The result can be divided only where it was joined.
    /// - Kernels: `custom::Backend::join`.
    ///
    /// # Errors
    /// The error returns `next`, and this mapping is unchanged.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): `next` does not begin where this mapping ends, or not at the start
    ///   of a page; or the two differ as above.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system cannot join mappings. Windows cannot join mappings that
    ///   were not made in a reservation, nor writable mappings of files that were opened separately, as a mapping keeps
    ///   one handle for [`flush`](Self::flush).
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, Reservation, allocation_granularity};
    /// let half = allocation_granularity();
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let (first, second) = Reservation::new(2 * half)?.split(half)?;
    /// let mut map = Mmap::anon(half).map_mut_in(first)?;
    /// let next = Mmap::anon(half).map_mut_in(second)?;
    /// # if let Err(refused) = map.join(next) { assert_eq!(refused.error.kind(), baremap::ErrorKind::Unsupported); return Ok(()) }
    /// # let next = baremap::MappingMut::default();
    /// map.join(next)?;
    /// map.fill(1); // one slice
    /// assert_eq!(map.len(), 2 * half);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "merge")]
    pub fn join(&mut self, next: Self) -> Result<(), Refused<Self>> {
        if next.is_empty() {
            return Ok(());
        }
        if self.is_empty() {
            *self = next;
            return Ok(());
        }
        if self.ptr.addr().get().wrapping_add(self.len) != next.ptr.addr().get() {
            return Err(Refused::new(next, Error::new(Call::Join, ErrorKind::InvalidInput)));
        }
        // SAFETY: two mappings of ours, of which one begins where the other ends.
        match unsafe { Sys::join_mappings(self.span(), &self.backing, next.span(), &next.backing) } {
            Ok(joined) => self.backing = joined,
            Err(failure) => return Err(Refused::new(next, failure)),
        }
        self.len += next.len;
        mem::forget(next);
        Ok(())
    }

    /// Gives up the slice, and with it the promise that nothing else changes the memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = baremap::Mmap::anon(1).map_mut()?.into_raw();
    /// // SAFETY: the byte is mapped and writable, and nobody else uses it.
    /// unsafe { map.as_mut_ptr().write(1) };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn into_raw(self) -> RawMapping {
        self.into_access()
    }

    pub(crate) fn span_and_backing(&mut self) -> (Span, &mut Backing) {
        (self.span(), &mut self.backing)
    }

    /// Sets where the mapping is, without unmapping what it was.
    pub(crate) fn set(&mut self, ptr: NonNull<u8>, len: usize) {
        (self.ptr, self.len) = (ptr, len);
    }
}

impl RawMapping {
    /// Changes the permissions of the pages of a range, as [`protect`](Self::protect) does.
    ///
    /// With [`Prot::NONE`] the pages cannot be accessed, and keep their contents.
    ///
    /// [`prot`](Self::prot) then returns the permissions common to its previous result and `prot`, or `prot` itself if
    /// the range is the whole mapping. New pages get these permissions: those of [`extend`](crate::Anon::extend) and
    /// [`resize`](crate::Anon::resize), and on macOS those that replace [discarded](Self::discard) pages.
    ///
    /// **Platform notes**
    /// - Unix, Windows: as [`Mapping::protect`].
    /// - Kernels: `custom::Backend::protect_part`.
    ///
    /// # Errors
    /// Only the permissions common to the old and the new protection can be relied on.
    ///
    /// As [`protect`](Self::protect), and:
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): the range is not inside the mapping.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): the system would have to split the mapping, and the process has too
    ///   many mappings.
    /// - [`Unsupported`](ErrorKind::Unsupported): the kernel protects only whole mappings.
    ///
    /// # Safety
    /// As [`protect`](Self::protect), for these pages.
    ///
    /// # Examples
    ///
    /// A guard page past the end of a buffer:
    ///
    /// ```
    /// use baremap::{Mmap, Prot, page_size};
    /// let page = page_size();
    /// let mut map = Mmap::anon(2 * page).prot(Prot::WRITE).map_raw()?;
    /// # if unsafe { map.protect_range(page.., Prot::NONE) }.is_err() { return Ok(()) }
    /// // SAFETY: no pointer is in use.
    /// unsafe { map.protect_range(page.., Prot::NONE)? };
    /// // SAFETY: the first page is writable still.
    /// unsafe { map.as_mut_ptr().add(page - 1).write(1) };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "mprotect")]
    pub unsafe fn protect_range(&mut self, range: impl RangeBounds<usize>, prot: Prot) -> Result<(), Error> {
        let range = self.checked(Call::Protect, range)?;
        if range.is_empty() {
            return Ok(());
        }
        if range.len() == self.len {
            // SAFETY: the caller's promise.
            return unsafe { self.protect(prot) };
        }
        // SAFETY: `start` is inside the mapping.
        let part = Span { ptr: unsafe { self.ptr.add(range.start) }, len: range.len() };
        // SAFETY: part of this mapping, and the caller's promise.
        unsafe { Sys::protect_part(part, &mut self.backing, prot.normalized()) }.map_err(Error::from)
    }

    /// Converts to a mapping that lends a slice: a [`Mapping`] or a [`MappingMut`](crate::MappingMut).
    ///
    /// # Errors
    /// The error returns the mapping.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): [`prot`](Self::prot) lacks permissions that the slice needs.
    ///
    /// # Safety
    /// - Nothing changes the memory while the new mapping lives, except through it.
    /// - If it maps a file, as [`Mmap::map`](crate::Mmap::map).
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{MappingMut, Mmap};
    /// let raw = Mmap::anon(100).map_mut()?.into_raw();
    /// // SAFETY: nobody else uses the memory.
    /// let mut map: MappingMut = unsafe { raw.into_slice()? };
    /// map.fill(1);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub unsafe fn into_slice<A: Slice>(self) -> Result<Mapping<A>, Refused<Self>> {
        if !self.is_empty() && !self.prot().contains(A::PROT) {
            return Err(Refused::new(self, Error::new(Call::IntoSlice, ErrorKind::InvalidInput)));
        }
        Ok(self.into_access())
    }
}
