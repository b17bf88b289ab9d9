//! Fresh memory: zeroed, private, without a file.

use super::request::{check_flags, finish, first_page, flags_and_size, map_in};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::error::{Error, Refused};
use crate::mapping::access::Access;
use crate::mapping::{Mapping, MappingMut, RawMapping};
use crate::options::{Flags, Prot};
use crate::reservation::Reservation;
use crate::sys::contract::special::Special;
use crate::sys::contract::{MapFailure, Mapped, Request};
use crate::sys::{Backing, Shared, Sys, System};

/// A request for fresh memory: see [`Mmap::anon`](crate::Mmap::anon).
///
/// # Examples
///
/// ```
/// let mut buffer = baremap::Mmap::anon(1 << 20).map_mut()?;
/// assert!(buffer.iter().all(|&byte| byte == 0));
/// buffer[..5].copy_from_slice(b"hello");
/// # Ok::<_, baremap::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mapped before `map`"]
pub struct Anon {
    pub(super) len: usize,
    pub(super) prot: Prot,
    pub(super) flags: Flags,
    /// log2 of the size of huge pages, or 0.
    pub(super) huge_log2: u8,
    pub(super) hint: usize,
}

impl Anon {
    #[inline]
    pub(super) fn new(len: usize) -> Self {
        Self { len, prot: Prot::READ, flags: Flags::empty(), huge_log2: 0, hint: 0 }
    }

    /// Sets the permissions of the memory, [`Prot::READ`] by default.
    ///
    /// `READ` is always included, except for [`map_raw`](Self::map_raw) with [`Prot::NONE`].
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, Prot};
    /// let map = Mmap::anon(1).prot(Prot::EXEC).map()?;
    /// assert!(map.prot().contains(Prot::EXEC));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn prot(self, prot: Prot) -> Self {
        Self { prot: prot.normalized(), ..self }
    }

    /// Sets the flags of the mapping, none by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Flags, Mmap};
    /// let map = Mmap::anon(1 << 16).flags(Flags::POPULATE).map()?; // resident
    /// # assert_eq!(map[0], 0);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// Sets the address at which the mapping should begin, if it is free.
    ///
    /// As [`Mmap::hint`](crate::Mmap::hint).
    ///
    /// # Examples
    ///
    /// See [`Mmap::hint`](crate::Mmap::hint).
    #[inline]
    pub fn hint(self, address: usize) -> Self {
        Self { hint: address, ..self }
    }

    /// Maps the memory.
    ///
    /// **Platform notes**
    /// - Unix: [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html).
    /// - Windows: [`VirtualAlloc`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc).
    ///   The whole length counts against the commit limit at once.
    ///
    /// # Errors
    /// - [`ZeroLength`](ErrorKind::ZeroLength): the length is 0.
    /// - [`TooLong`](ErrorKind::TooLong): the length exceeds `isize::MAX`.
    /// - [`Unsupported`](ErrorKind::Unsupported): the flag that the error names.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory or address space, the process has too many
    ///   mappings, there are too few huge pages, or the limit on locked memory is exceeded.
    ///
    /// # Examples
    ///
    /// ```
    /// let zeros = baremap::Mmap::anon(100).map()?;
    /// assert_eq!(zeros[..], [0; 100]);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn map(self) -> Result<Mapping, Error> {
        self.map_with(self.prot | Prot::READ)
    }

    /// Maps the memory for writing.
    ///
    /// As [`map`](Self::map), with [`Prot::WRITE`] added.
    ///
    /// # Errors
    /// As `map`.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = baremap::Mmap::anon(100).map_mut()?;
    /// buffer.fill(7);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn map_mut(self) -> Result<MappingMut, Error> {
        self.map_with(self.prot | Prot::WRITE)
    }

    /// Maps the memory for access by pointers only.
    ///
    /// As [`map`](Self::map) otherwise.
    ///
    /// # Errors
    /// As `map`.
    ///
    /// # Examples
    ///
    /// ```
    /// let counter = baremap::Mmap::anon(8).prot(baremap::Prot::WRITE).map_raw()?;
    /// // SAFETY: the memory is writable, and only this thread uses it.
    /// unsafe { counter.as_mut_ptr().cast::<u64>().write(1) };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn map_raw(self) -> Result<RawMapping, Error> {
        self.map_with(self.prot)
    }

    /// Maps memory that is shared with child processes.
    ///
    /// Each process sees the writes of the others. The child of a `fork` inherits the mapping, at the same address. A
    /// process that was not forked, or that has started another program, does not have it; use
    /// [`SharedMemory`](crate::SharedMemory) for these.
    ///
    /// The guide's page on [sharing](crate::guide::sharing) has the rules for memory that several processes use.
    ///
    /// **Platform notes**
    /// - Unix: [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html) with `MAP_SHARED | MAP_ANONYMOUS`.
    /// - Windows, kernels: unsupported. Windows has no `fork`.
    ///
    /// # Errors
    /// As [`map`](Self::map), and [`Unsupported`](ErrorKind::Unsupported): the system has no `fork`, or the request has
    /// [`Flags::COW`] or [`Flags::HUGETLB`].
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap, Prot};
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// let memory = match Mmap::anon(4096).prot(Prot::WRITE).map_shared() {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     memory => memory?,
    /// };
    /// // SAFETY: the start of a page is aligned, and every process uses these bytes by atomics of this type alone.
    /// let counter = unsafe { AtomicU64::from_ptr(memory.as_mut_ptr().cast()) };
    /// // After a fork both processes count.
    /// assert_eq!(counter.fetch_add(1, Ordering::Relaxed), 0);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MAP_ANONYMOUS")]
    #[doc(alias = "MAP_SHARED")]
    pub fn map_shared(self) -> Result<RawMapping, Error> {
        self.check()?;
        let Self { len, prot, .. } = self;
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        for flag in [Flags::COW, Flags::HUGETLB, Flags::SECRET] {
            if flags.contains(flag) {
                return Err(Failure::unsupported(flag).into());
            }
        }
        // SAFETY: there is no reservation.
        let mapped = unsafe {
            Sys::map_anon_shared(Request { len, prot, flags, hint: 0, reservation: None, huge_log2 })
        };
        Ok(finish(mapped.map_err(|refused| refused.failure)?, len, flags))
    }

    /// Maps the memory in a reservation, and replaces all of it.
    ///
    /// The length, rounded up to the [`allocation_granularity`](crate::allocation_granularity), must be the
    /// reservation's. [Split](Reservation::split) a longer reservation first.
    ///
    /// **Platform notes**
    /// - Linux: [`mprotect`](https://man7.org/linux/man-pages/man2/mprotect.2.html); with `NORESERVE`, `POPULATE`,
    ///   `LOCKED` or `EXEC`, `mmap` and [`mremap`](https://man7.org/linux/man-pages/man2/mremap.2.html).
    /// - macOS, illumos: `mmap` with `MAP_FIXED`.
    /// - BSD: `mprotect`; with `EXEC`, `mmap` with `MAP_FIXED`.
    /// - Windows:
    ///   [`VirtualAlloc2`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc2).
    ///
    /// # Errors
    /// The error returns the reservation, which may have lost its addresses, as with
    /// [`Mmap::map_in`](crate::Mmap::map_in).
    ///
    /// As [`map`](Self::map), and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the length is not the reservation's.
    /// - [`Unsupported`](ErrorKind::Unsupported): huge pages.
    ///
    /// # Examples
    ///
    /// See [`map_mut_in`](Self::map_mut_in).
    pub fn map_in(self, reservation: Reservation) -> Result<Mapping, Refused<Reservation>> {
        self.map_in_with(reservation, self.prot | Prot::READ)
    }

    /// Maps the memory for writing in a reservation.
    ///
    /// As [`map_in`](Self::map_in), with [`Prot::WRITE`] added.
    ///
    /// # Errors
    /// As `map_in`.
    ///
    /// # Examples
    ///
    /// A stack that grows down to a guard page:
    ///
    /// ```
    /// use baremap::{Mmap, Reservation, allocation_granularity};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let granularity = allocation_granularity();
    /// let (guard, reservation) = Reservation::new(3 * granularity)?.split(granularity)?;
    /// let stack = Mmap::anon(2 * granularity).map_mut_in(reservation)?;
    /// assert_eq!(guard.as_ptr().wrapping_add(granularity), stack.as_ptr());
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn map_mut_in(self, reservation: Reservation) -> Result<MappingMut, Refused<Reservation>> {
        self.map_in_with(reservation, self.prot | Prot::WRITE)
    }

    /// Maps the memory in a reservation, for access by pointers only.
    ///
    /// As [`map_in`](Self::map_in) otherwise.
    ///
    /// # Errors
    /// As `map_in`.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, Prot, Reservation};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let memory = Mmap::anon(100).prot(Prot::WRITE).map_raw_in(Reservation::aligned(100, 1 << 20)?)?;
    /// // SAFETY: the memory is writable, and only this thread uses it.
    /// unsafe { memory.as_mut_ptr().write(1) };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn map_raw_in(self, reservation: Reservation) -> Result<RawMapping, Refused<Reservation>> {
        self.map_in_with(reservation, self.prot)
    }

    #[inline]
    fn map_with<A: Access>(self, prot: Prot) -> Result<Mapping<A>, Error> {
        self.check()?;
        let Self { len, .. } = self;
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        let hint = first_page(self.hint, 0);
        // SAFETY: there is no reservation.
        let mapped = unsafe { map(Request { len, prot, flags, hint, reservation: None, huge_log2 }) };
        Ok(finish(mapped.map_err(|refused| refused.failure)?, len, flags))
    }

    fn map_in_with<A: Access>(
        self,
        reservation: Reservation,
        prot: Prot,
    ) -> Result<Mapping<A>, Refused<Reservation>> {
        if let Err(failure) = self.check() {
            return Err(Refused::new(reservation, failure));
        }
        let Self { len, .. } = self;
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        map_in(reservation, len, 0, flags, |span| {
            // SAFETY: a whole reservation of ours, of the right length.
            unsafe { map(Request { len, prot, flags, hint: 0, reservation: Some(span), huge_log2 }) }
        })
    }

    #[inline]
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.len == 0 {
            return Err(Failure::refused(Call::Map, ErrorKind::ZeroLength));
        }
        if isize::try_from(self.len).is_err() {
            return Err(Failure::refused(Call::Map, ErrorKind::TooLong));
        }
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        let secret = if flags.contains(Flags::HUGETLB) { Flags::SECRET } else { Flags::empty() };
        check_flags(flags, secret | Flags::SYNC, huge_log2)
    }
}

/// # Safety
/// As `map_anon`.
#[inline]
unsafe fn map(request: Request) -> Result<Mapped<Backing>, MapFailure> {
    // SAFETY: the caller's promise.
    unsafe {
        if request.flags.contains(Flags::SECRET) { Sys::map_secret(request) } else { Sys::map_anon(request) }
    }
}
