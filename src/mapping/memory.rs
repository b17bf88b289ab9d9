//! The memory of a mapping: where it is, its bytes, and its end.

use super::access::Slice;
use super::{Mapping, MappingMut, RawMapping};
use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::options::Prot;
use crate::reservation::Reservation;
use crate::sys::contract::{self, MapFailure, Mapped, Span};
use crate::sys::{Backing, Sys, System};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::slice;

impl<A> Mapping<A> {
    pub(crate) const EMPTY: Self =
        Self { ptr: Span::EMPTY.ptr, len: 0, backing: Sys::EMPTY, access: PhantomData };

    #[inline(always)]
    pub(crate) fn new(Mapped { ptr, backing }: Mapped<Backing>, len: usize) -> Self {
        Self { ptr, len, backing, access: PhantomData }
    }

    /// Returns the address of the first byte.
    ///
    /// This is the address of the requested offset. It is the start of a page only if the offset is a multiple of the
    /// page size. The address of an empty mapping must not be accessed.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = baremap::Mmap::anon(1).map()?;
    /// assert_eq!(map.as_ptr().addr() % baremap::page_size(), 0);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.ptr.as_ptr()
    }

    /// Returns the requested length in bytes, not rounded up to pages.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(baremap::Mmap::anon(100).map()?.len(), 100);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the length is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(<baremap::Mapping>::default().is_empty());
    /// ```
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the permissions of the memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, Prot};
    /// assert_eq!(Mmap::anon(1).map_mut()?.prot(), Prot::WRITE);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn prot(&self) -> Prot {
        Sys::prot(&self.backing)
    }

    /// Unmaps the memory, and reports a failure, which a drop ignores.
    ///
    /// **Platform notes**
    /// - Unix: [`munmap`](https://man7.org/linux/man-pages/man2/munmap.2.html).
    /// - Windows:
    ///   [`UnmapViewOfFile`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-unmapviewoffile),
    ///   [`VirtualFree`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualfree).
    ///
    /// # Errors
    /// The error returns the mapping, unchanged.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): Linux merged this mapping with a neighbour, would have to split them
    ///   again, and the process has too many mappings (`vm.max_map_count`).
    ///
    /// # Examples
    ///
    /// ```
    /// baremap::Mmap::anon(100).map()?.unmap()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "munmap")]
    #[doc(alias = "UnmapViewOfFile")]
    pub fn unmap(self) -> Result<(), Refused<Self>> {
        let this = ManuallyDrop::new(self);
        match this.unmap_once() {
            Ok(()) => Ok(()),
            Err(failure) => Err(Refused::new(ManuallyDrop::into_inner(this), failure)),
        }
    }

    /// Called by `unmap` and `drop` alone: if it succeeds, the mapping is not used again.
    #[inline]
    pub(super) fn unmap_once(&self) -> contract::Result<()> {
        if self.len == 0 {
            return Ok(());
        }
        // SAFETY: a whole mapping of ours, which is not used again.
        unsafe { Sys::unmap(self.span(), &self.backing) }
    }

    /// Unmaps the memory, and keeps its pages as a reservation.
    ///
    /// **Platform notes**
    /// - Unix: [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html) with `PROT_NONE` and `MAP_FIXED`, for any
    ///   mapping.
    /// - macOS: [`munlock`](https://man7.org/linux/man-pages/man2/mlock.2.html) first. If `mmap` then fails, the
    ///   mapping stays unlocked. Huge pages are unsupported.
    /// - Windows: `VirtualFree` or
    ///   [`UnmapViewOfFile2`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-unmapviewoffile2),
    ///   for a mapping that [`map_in`](crate::Mmap::map_in) made. If the mapping was shortened without moving, the
    ///   reservation has its former length.
    ///
    /// # Errors
    /// The error returns the mapping, unchanged. The mapping is empty if the system unmapped it and has no memory to
    /// restore it.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the mapping is empty.
    /// - [`Unsupported`](ErrorKind::Unsupported): the mapping was not made in a reservation, on Windows; it has huge
    ///   pages, on macOS.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): as for [`unmap`](Self::unmap).
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, Reservation};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let mut map = Mmap::anon(100).map_mut_in(Reservation::new(100)?)?;
    /// map.fill(1);
    /// let reservation = map.into_reservation()?;
    /// let fresh = Mmap::anon(100).map_in(reservation)?;
    /// assert_eq!(fresh[..], [0; 100]);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn into_reservation(self) -> Result<Reservation, Refused<Self>> {
        if self.len == 0 {
            return Err(Refused::new(self, Error::new(Call::IntoReservation, ErrorKind::InvalidInput)));
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: a whole mapping of ours, which is not used again unless it is unchanged.
        match unsafe { Sys::unmap_to_reservation(this.span(), &this.backing) } {
            // SAFETY: the range was the mapping's.
            Ok(span) => Ok(unsafe { Reservation::from_span(span) }),
            Err(MapFailure { failure, is_span_lost: true }) => Err(Refused::new(Self::EMPTY, failure)),
            Err(MapFailure { failure, .. }) => Err(Refused::new(ManuallyDrop::into_inner(this), failure)),
        }
    }

    /// Returns the address, the length and the backend's data, without unmapping.
    ///
    /// The memory stays mapped until [`from_raw_parts`](Self::from_raw_parts) makes a mapping of the parts, and that is
    /// dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mapping, Mmap};
    /// let (ptr, len, backing) = Mmap::anon(100).map()?.into_raw_parts();
    /// // SAFETY: the parts are used once.
    /// let map: Mapping = unsafe { Mapping::from_raw_parts(ptr, len, backing) };
    /// assert_eq!(map.len(), 100);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[must_use = "the memory stays mapped until `from_raw_parts` takes it back"]
    pub fn into_raw_parts(self) -> (NonNull<u8>, usize, Backing) {
        let this = ManuallyDrop::new(self);
        (this.ptr, this.len, this.backing)
    }

    /// Makes a mapping of the parts that [`into_raw_parts`](Self::into_raw_parts) returned.
    ///
    /// # Safety
    /// - The parts come from one [`into_raw_parts`](Self::into_raw_parts) of the same type, unchanged, and are used once.
    /// - The memory is still mapped, with the same permissions, and nothing else refers to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, MappingMut};
    /// let (ptr, len, backing) = Mmap::anon(100).map_mut()?.into_raw_parts();
    /// // SAFETY: the parts are of a `MappingMut`, and used once.
    /// let mut map = unsafe { MappingMut::from_raw_parts(ptr, len, backing) };
    /// map[0] = 1;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub unsafe fn from_raw_parts(ptr: NonNull<u8>, len: usize, backing: Backing) -> Self {
        Self { ptr, len, backing, access: PhantomData }
    }

    pub(super) fn span(&self) -> Span {
        Span { ptr: self.ptr, len: self.len }
    }
}

impl<A: Slice> Mapping<A> {
    /// Returns the bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(baremap::Mmap::anon(3).map()?.bytes(), [0; 3]);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes are mapped and readable while `self` lives; whoever mapped a file promised that it does not
        // change.
        unsafe { slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

impl Mapping {
    /// Keeps the memory mapped until the process ends, and returns it.
    ///
    /// # Examples
    ///
    /// ```
    /// let zeros: &'static [u8] = baremap::Mmap::anon(100).map()?.leak();
    /// assert_eq!(zeros, [0; 100]);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[must_use = "the memory stays mapped, and nothing else refers to it"]
    pub fn leak(self) -> &'static [u8] {
        let this = ManuallyDrop::new(self);
        // SAFETY: as in `bytes`, and nothing unmaps the memory.
        unsafe { slice::from_raw_parts(this.ptr.as_ptr(), this.len) }
    }
}

impl MappingMut {
    /// Returns the bytes for reading and writing.
    ///
    /// # Examples
    ///
    /// ```
    /// baremap::Mmap::anon(3).map_mut()?.bytes_mut().fill(1);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the memory is writable, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }

    /// Returns the address of the first byte, for reading and writing.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = baremap::Mmap::anon(1).map_mut()?;
    /// // SAFETY: the byte is mapped and writable.
    /// unsafe { map.as_mut_ptr().write(1) };
    /// assert_eq!(map[0], 1);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// Keeps the memory mapped until the process ends, and returns it.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer: &'static mut [u8] = baremap::Mmap::anon(100).map_mut()?.leak();
    /// buffer[0] = 1;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[must_use = "the memory stays mapped, and nothing else refers to it"]
    pub fn leak(self) -> &'static mut [u8] {
        let this = ManuallyDrop::new(self);
        // SAFETY: as in `bytes_mut`, and nothing unmaps the memory.
        unsafe { slice::from_raw_parts_mut(this.ptr.as_ptr(), this.len) }
    }
}

impl RawMapping {
    /// Returns the address of the first byte.
    ///
    /// It can be written if [`prot`](Self::prot) contains [`Prot::WRITE`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = baremap::Mmap::anon(1).prot(baremap::Prot::WRITE).map_raw()?;
    /// // SAFETY: the byte is mapped and writable, and nobody else uses it.
    /// unsafe { map.as_mut_ptr().write(1) };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }
}
