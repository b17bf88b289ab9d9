//! Changes of length: `extend` maps in the reservation past a mapping, and `resize` may move the mapping.
//!
//! Both check the request as `map` does, and then whether the request could have made the mapping.

use super::request::{check_flags, flags_and_size, refused_for_file};
use super::{Anon, Mmap};
use crate::error::Error;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::mapping::Mapping;
use crate::mapping::access::Access;
use crate::options::{Advice, Flags, Prot};
use crate::reservation::Reservation;
use crate::sys::contract::parts::Extension;
use crate::sys::contract::{FilePart, MapFailure, Mapped, Request, Span, distance};
use crate::sys::{Backing, Parts, RawFile, Sys, System};
use core::ptr::NonNull;

impl Anon {
    #[inline(always)]
    fn request(&self) -> Result<Request, Error> {
        self.check()?;
        let Self { len, prot, .. } = *self;
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        if flags.contains(Flags::SECRET) {
            return Err(Failure::unsupported(Flags::SECRET).into());
        }
        Ok(Request { len, prot, flags, hint: 0, reservation: None, huge_log2 })
    }

    /// Extends a mapping of fresh memory to the request's length, without moving it.
    ///
    /// The new pages are mapped at the start of a reservation that begins where the mapping's pages end. They are
    /// removed from the reservation, which stays as it is if the new length fits into the mapping's last page. So an
    /// arena or a vector grows step by step in one address range, and its address stays.
    ///
    /// Pass the request that made the mapping, with a greater length. Its permissions are ignored: the new bytes have
    /// the permissions of the mapping and its type. New pages are locked only if the request has [`Flags::LOCKED`]. An
    /// empty mapping is mapped at the start of the reservation, with the request's permissions.
    ///
    /// The new bytes are zeros, with one exception: if [`resize`](Self::resize) shortened the mapping while it was not
    /// writable, the rest of its last page keeps its old contents.
    ///
    /// **Platform notes**
    /// - Linux: [`mprotect`](https://man7.org/linux/man-pages/man2/mprotect.2.html); with `NORESERVE`, `POPULATE`,
    ///   `LOCKED` or executable memory, `mmap` and [`mremap`](https://man7.org/linux/man-pages/man2/mremap.2.html).
    /// - Other Unix: as [`map_in`](Self::map_in).
    /// - Windows: [`VirtualAlloc`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc)
    ///   in the last 64 KiB, then `VirtualAlloc2`, for mappings made in a reservation.
    /// - Kernels: `map` in the reservation, then `custom::Backend::join`.
    ///
    /// # Errors
    /// After a failure the mapping is unchanged, and so is the reservation; only its part for the new pages may be
    /// lost, as with [`Mmap::map_in`](crate::Mmap::map_in).
    ///
    /// As [`map`](Self::map), and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the length is less than the mapping's; the mapping is one of a
    ///   file; the reservation does not begin where the mapping's pages end.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): the reservation is too short.
    /// - [`Unsupported`](ErrorKind::Unsupported): huge pages, or a mapping that the system cannot extend.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{MappingMut, Mmap, Reservation};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let mut reservation = Reservation::new(1 << 30)?;
    /// let mut arena = MappingMut::default();
    /// Mmap::anon(1 << 16).extend(&mut arena, &mut reservation)?;
    /// let address = arena.as_ptr();
    /// arena.fill(7);
    /// # if Mmap::anon(1 << 20).extend(&mut arena, &mut reservation).is_err() { return Ok(()) }
    /// Mmap::anon(1 << 20).extend(&mut arena, &mut reservation)?;
    /// assert_eq!((arena.as_ptr(), arena.len()), (address, 1 << 20));
    /// assert_eq!((arena[0xffff], arena[0x10000]), (7, 0));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "grow")]
    #[doc(alias = "sbrk")]
    pub fn extend<A: Access>(
        self,
        mapping: &mut Mapping<A>,
        reservation: &mut Reservation,
    ) -> Result<(), Error> {
        let request = self.request()?;
        extend(mapping, reservation, None, request)
    }

    /// Changes the length of a mapping of fresh memory, and moves it if necessary.
    ///
    /// The contents stay, and new bytes are zeros, as for [`extend`](Self::extend). Pass the request that made the
    /// mapping, with another length; its permissions are ignored. The system chooses the new address. Pointers into the
    /// old mapping become invalid, and must not be in use during the call; only a mapping that becomes shorter keeps
    /// its address on Unix.
    ///
    /// **Platform notes**
    /// - Linux: [`mremap`](https://man7.org/linux/man-pages/man2/mremap.2.html), which copies nothing; new pages of a
    ///   locked mapping are locked. With `POPULATE`, `LOCKED` or huge pages, or if parts of the mapping differ in
    ///   permissions, locks or advice, as on other systems. To shorten: `munmap`.
    /// - Other systems: new memory is mapped, the contents are copied, and the old memory is unmapped. All of it
    ///   becomes resident, and it is locked only with [`Flags::LOCKED`]. To shorten: `munmap` on Unix.
    ///
    /// # Errors
    /// After a failure the mapping is unchanged.
    ///
    /// As [`map`](Self::map), and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the mapping is one of a file, or has huge pages and the request does not.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): the memory must be copied, but cannot be read, or cannot
    ///   become executable again.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = baremap::Mmap::anon(100).map_mut()?;
    /// map.fill(7);
    /// baremap::Mmap::anon(1 << 20).resize(&mut map)?;
    /// assert_eq!((map[99], map[100], map.len()), (7, 0, 1 << 20));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "mremap")]
    #[doc(alias = "remap")]
    #[doc(alias = "realloc")]
    pub fn resize<A: Access>(self, mapping: &mut Mapping<A>) -> Result<(), Error> {
        let request = self.request()?;
        // SAFETY: fresh memory has no file, and the system judges whether the mapping has one.
        unsafe { resize(mapping, None, request) }
    }
}

impl Mmap<'_> {
    fn request(&self) -> Result<(FilePart<RawFile>, Request), Error> {
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        check_flags(flags, refused_for_file(flags), huge_log2)?;
        let (part, len) = self.checked()?;
        Ok((part, Request { len, prot: self.prot, flags, hint: 0, reservation: None, huge_log2 }))
    }

    /// Extends a mapping of a file to the request's length, without moving it.
    ///
    /// As [`Anon::extend`], for the file and the offset that the mapping was made with. Without a length it extends to
    /// the end of the file. So the mapping of a log or a database that grows keeps its address.
    ///
    /// The new bytes are the file's. In a copy-on-write mapping, the rest of the last page is as it was when that page
    /// was copied.
    ///
    /// **Platform notes**
    /// - Unix: as [`map_in`](Self::map_in).
    /// - Windows: as `map_in`, once for the last 64 KiB and once for the rest, for mappings made in a reservation.
    ///
    /// # Errors
    /// As [`Anon::extend`] and [`map`](Self::map), and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the request could not have made the mapping: it is fresh memory, or
    ///   differs in copy-on-write or in the alignment of the offset.
    ///
    /// # Safety
    /// - File and offset are those that the mapping was made with.
    /// - As [`map`](Self::map), for the new bytes, unless the mapping is a [`RawMapping`](crate::RawMapping).
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-extend", std::process::id()));
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mapping, Mmap, Reservation};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let log = File::create(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let mut reservation = Reservation::new(1 << 30)?;
    /// let mut map: Mapping = Mapping::default(); // of the empty file
    /// for line in [b"first\n", b"other\n"] {
    ///     log.write_at(line, map.len() as u64)?;
    ///     // SAFETY: nobody changes what is mapped of the file.
    /// #   if unsafe { Mmap::new(&log).extend(&mut map, &mut reservation) }.is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// #   if map.ends_with(line) { continue }
    ///     unsafe { Mmap::new(&log).extend(&mut map, &mut reservation)? };
    /// }
    /// assert_eq!(&map[..], b"first\nother\n");
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub unsafe fn extend<A: Access>(
        self,
        mapping: &mut Mapping<A>,
        reservation: &mut Reservation,
    ) -> Result<(), Error> {
        let (part, request) = self.request()?;
        extend(mapping, reservation, Some(part), request)
    }

    /// Changes the length of a mapping of a file, and moves it if necessary.
    ///
    /// As [`Anon::resize`], for the file and the offset that the mapping was made with. Without a length the mapping
    /// then reaches to the end of the file; it must not reach past it. The file keeps its length: extend it before, or
    /// truncate it afterwards, with [`File::set_len`](crate::File::set_len).
    ///
    /// A copy-on-write mapping keeps its changes.
    ///
    /// **Platform notes**
    /// - Linux: `fstat`, then as [`Anon::resize`].
    /// - Other systems: the file is mapped again, then the old mapping is unmapped. A copy-on-write mapping is copied,
    ///   and no longer shows changes of the file.
    ///
    /// # Errors
    /// As [`Anon::resize`] and [`map`](Self::map), and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the request could not have made the mapping: it is fresh memory, or
    ///   differs in copy-on-write.
    ///
    /// # Safety
    /// - File and offset are those that the mapping was made with.
    /// - As [`map`](Self::map), unless the mapping is a [`RawMapping`](crate::RawMapping).
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-resize", std::process::id()));
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::create(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// file.set_len(100)?;
    /// // SAFETY: nobody else changes the file, here and below.
    /// let mut map = unsafe { Mmap::new(&file).map_mut()? };
    /// file.set_len(1 << 20)?;
    /// unsafe { Mmap::new(&file).resize(&mut map)? };
    /// map[(1 << 20) - 1] = 1;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "mremap")]
    pub unsafe fn resize<A: Access>(self, mapping: &mut Mapping<A>) -> Result<(), Error> {
        let (part, request) = self.request()?;
        // SAFETY: the caller's promise.
        unsafe { resize(mapping, Some(part), request) }
    }
}

fn extend<A: Access>(
    mapping: &mut Mapping<A>,
    reservation: &mut Reservation,
    part: Option<FilePart<RawFile>>,
    request: Request,
) -> Result<(), Error> {
    let request = Request { prot: request.prot | A::PROT, ..request };
    let (span, backing) = mapping.span_and_backing();
    // SAFETY: this mapping.
    let ptr = unsafe { extended(span, backing, reservation, part.as_ref(), &request)? };
    finish(mapping, ptr, &request);
    Ok(())
}

/// Extends the mapping, and returns its address. It takes references, as copies cost a tenth of the system call.
///
/// # Safety
/// Span and backing are a mapping of the caller's, or empty. If they are of the part's file, so it is for `Mmap::extend`.
unsafe fn extended(
    span: Span,
    backing: &mut Backing,
    reservation: &mut Reservation,
    part: Option<&FilePart<RawFile>>,
    request: &Request,
) -> Result<NonNull<u8>, Error> {
    let Request { len, flags, .. } = *request;
    let fail = |kind| Err(Error::new(Call::Extend, kind));
    if len == span.len {
        return Ok(span.ptr);
    }
    let granularity = Sys::allocation_granularity();
    // The address, and how many bytes from there on need no reservation. An empty mapping has no place yet.
    let (start, room) = match span.len {
        0 => (reservation.as_ptr().addr(), 0),
        _ => {
            let (start, unit) = (span.ptr.addr().get(), granularity.max(Sys::page_size_of(backing)));
            let before = start & (unit - 1);
            (start, rounded_up(before + span.len, unit) - before)
        }
    };
    let is_alike = span.len == 0 || Sys::is_alike(backing, part.is_some(), flags);
    let is_aligned =
        part.is_none_or(|part| distance(part.offset.wrapping_sub(start as u64), granularity) == 0);
    if len < span.len || !is_alike || !is_aligned {
        return fail(ErrorKind::InvalidInput);
    }
    // Of the reservation. No sum overflows, as a length fits an `isize`, and a page is 1 GiB at most.
    let taken = rounded_up(len.saturating_sub(room), granularity);
    let whole = reservation.span();
    if taken > whole.len {
        return fail(ErrorKind::OutOfMemory);
    }
    if taken != 0 {
        if flags.contains(Flags::HUGETLB) {
            return Err(Failure::unsupported(Flags::HUGETLB).into());
        }
        if whole.ptr.addr().get() != start.wrapping_add(room) {
            return fail(ErrorKind::InvalidInput);
        }
        if taken != whole.len {
            // SAFETY: a whole reservation of ours, and `taken` lies inside it.
            unsafe { Sys::split(whole, taken)? };
        }
    }
    let front = Some(Span { len: taken, ..whole }).filter(|_| taken != 0);
    let result = if span.len == 0 {
        // SAFETY: a whole reservation of ours, as long as the request, rounded up to the granularity.
        unsafe { map(part.copied(), Request { reservation: front, ..*request }) }.map(|mapped| {
            *backing = mapped.backing;
            mapped.ptr
        })
    } else {
        let extension = Extension { part: part.copied(), len, flags, reservation: front };
        // SAFETY: the caller's mapping, which is like the request, and the reservation.
        unsafe { Sys::extend(span, backing, extension) }.map(|()| span.ptr)
    };
    match result {
        Ok(ptr) => {
            reservation.give_up_front(taken);
            Ok(ptr)
        }
        Err(MapFailure { failure, is_span_lost }) => {
            if is_span_lost {
                reservation.give_up_front(taken);
            }
            Err(failure.into())
        }
    }
}

/// # Safety
/// If the mapping is of the part's file, so it is for `Mmap::resize`.
unsafe fn resize<A: Access>(
    mapping: &mut Mapping<A>,
    part: Option<FilePart<RawFile>>,
    request: Request,
) -> Result<(), Error> {
    let request = Request { prot: request.prot | A::PROT, ..request };
    let (span, backing) = mapping.span_and_backing();
    // SAFETY: this mapping, and the caller's promise.
    let mapped = unsafe { resized(span, backing, part, request)? };
    *backing = mapped.backing;
    finish(mapping, mapped.ptr, &request);
    Ok(())
}

/// Returns the resized mapping.
///
/// # Safety
/// As `extended`; the old mapping is not used after a success.
unsafe fn resized(
    span: Span,
    backing: &mut Backing,
    part: Option<FilePart<RawFile>>,
    request: Request,
) -> Result<Mapped<Backing>, Error> {
    let Request { len, flags, .. } = request;
    if len == span.len {
        return Ok(Mapped { ptr: span.ptr, backing: *backing });
    }
    if span.len == 0 {
        // SAFETY: there is no reservation.
        return unsafe { map(part, request) }.map_err(|refused| refused.failure.into());
    }
    if !Sys::is_alike(backing, part.is_some(), flags) {
        return Err(Error::new(Call::Resize, ErrorKind::InvalidInput));
    }
    if len == 0 {
        // SAFETY: the caller's mapping.
        unsafe { Sys::unmap(span, backing)? };
        return Ok(Mapped { ptr: Span::EMPTY.ptr, backing: Sys::EMPTY });
    }
    let request = Request { prot: Sys::prot(backing), ..request };
    // SAFETY: the caller's mapping, which is like the request.
    let mapped = unsafe { Sys::resize(span, backing, part, request)? };
    if part.is_none() && len < span.len && request.prot.contains(Prot::WRITE) {
        let rest = mapped.ptr.as_ptr().wrapping_add(len);
        let rest_len = rest.addr().wrapping_neg() & (Sys::page_size_of(&mapped.backing) - 1);
        // What is cut off inside the last page must not come back when the mapping is extended.
        // SAFETY: the rest of a page of ours, which is writable.
        unsafe { rest.write_bytes(0, rest_len.min(span.len - len)) };
    }
    Ok(mapped)
}

/// # Safety
/// The reservation, if there is one, is the caller's.
unsafe fn map(part: Option<FilePart<RawFile>>, request: Request) -> Result<Mapped<Backing>, MapFailure> {
    // SAFETY: the caller's promise.
    unsafe {
        match part {
            Some(part) => Sys::map_file(part, request),
            None => Sys::map_anon(request),
        }
    }
}

/// Sets where the mapping is now, and how long.
fn finish<A>(mapping: &mut Mapping<A>, ptr: NonNull<u8>, &Request { len, flags, .. }: &Request) {
    let old_len = mapping.len();
    mapping.set(ptr, len);
    if flags.contains(Flags::READAHEAD) && len > old_len {
        // A hint: if it fails, the pages are read when they are touched.
        let _ = mapping.advise_range(old_len.., Advice::WillNeed);
    }
}

/// The least multiple of a power of two that is not less.
fn rounded_up(number: usize, unit: usize) -> usize {
    (number + (unit - 1)) & !(unit - 1)
}
