//! Reserved address space.

use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::sys::contract::Span;
use crate::sys::{Parts, Sys, System};
use core::fmt;
use core::mem::ManuallyDrop;

/// A reserved address range without memory, in which mappings can be made later.
///
/// The range cannot be accessed, and the system maps nothing else in it. A long reservation costs no more than a short
/// one. It is released when it is dropped.
///
/// [`split`](Self::split) divides it, and [`join`](Self::join) undoes that. [`Mmap::map_in`](crate::Mmap::map_in)
/// replaces it with a mapping, and [`Mapping::into_reservation`](crate::Mapping::into_reservation) replaces a mapping
/// with a reservation. So a loader can lay out a program, and an allocator can grow, in one address range. Address and
/// length are multiples of the [`allocation_granularity`](crate::allocation_granularity).
///
/// On Linux a growing stack keeps a gap to accessible memory, but none to a reservation. A program that reserves nearly
/// all of its address space may reserve addresses beside a stack, and must not map anything there.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), baremap::Error> {
/// # let path = std::env::temp_dir().join(format!("baremap-{}-reservation", std::process::id()));
/// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{File, Mmap, Reservation, allocation_granularity};
/// let granularity = allocation_granularity();
/// # let result = Reservation::new(2 * granularity);
/// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
/// # drop(result);
/// let (first, second) = Reservation::new(2 * granularity)?.split(granularity)?;
/// let address = first.as_ptr();
///
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// // SAFETY: nobody changes the file while it is mapped.
/// let text = unsafe { Mmap::new(&file).len(9).map_in(first)? };
/// let zeros = Mmap::anon(granularity).map_mut_in(second)?;
/// assert_eq!((text.as_ptr(), &text[..]), (address, &b"[package]"[..]));
/// assert_eq!(zeros.as_ptr(), address.wrapping_add(granularity));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "PROT_NONE")]
#[doc(alias = "MEM_RESERVE")]
#[doc(alias = "placeholder")]
#[must_use = "it is released when it is dropped"]
pub struct Reservation(Span);

// SAFETY: it is a range of addresses that nothing else uses, and any thread may release it or map there.
unsafe impl Send for Reservation {}
// SAFETY: a shared reference gives its address and length, and nothing more.
unsafe impl Sync for Reservation {}

#[allow(clippy::len_without_is_empty, reason = "it is empty only if it was lost")]
impl Reservation {
    /// Reserves `len` bytes, rounded up to the allocation granularity.
    ///
    /// **Platform notes**
    /// - Unix: [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html) with `PROT_NONE`.
    /// - Windows: [`VirtualAlloc2`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc2)
    ///   with `MEM_RESERVE_PLACEHOLDER`.
    ///
    /// # Errors
    /// - [`ZeroLength`](ErrorKind::ZeroLength): `len` is 0.
    /// - [`TooLong`](ErrorKind::TooLong): `len` exceeds `isize::MAX`.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no address space, or the process has too many mappings.
    /// - [`Unsupported`](ErrorKind::Unsupported): Windows before 10, version 1803.
    ///
    /// # Examples
    ///
    /// ```
    /// # let result = baremap::Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let reservation = baremap::Reservation::new(1)?;
    /// assert_eq!(reservation.len(), baremap::allocation_granularity());
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn new(len: usize) -> Result<Self, Error> {
        Ok(Self(Sys::reserve(0, rounded(len)?)?))
    }

    /// Reserves `len` bytes at an address that is a multiple of `align`, a power of two.
    ///
    /// It reserves more than `len`, and releases the rest.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`InvalidInput`](ErrorKind::InvalidInput) if `align` is not a power of two.
    ///
    /// # Examples
    ///
    /// ```
    /// # let result = baremap::Reservation::aligned(1, 2 << 20);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let huge_page = baremap::Reservation::aligned(2 << 20, 2 << 20)?;
    /// assert_eq!(huge_page.as_ptr().addr() % (2 << 20), 0);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn aligned(len: usize, align: usize) -> Result<Self, Error> {
        if !align.is_power_of_two() {
            return Err(Error::new(Call::Reserve, ErrorKind::InvalidInput));
        }
        let len = rounded(len)?;
        let slack = align.saturating_sub(Sys::allocation_granularity());
        let mut reservation = Self::new(len.saturating_add(slack))?;
        let before = reservation.as_ptr().addr().wrapping_neg() & (align - 1);
        if before != 0 {
            let (rest, aligned) = reservation.split(before)?;
            reservation = aligned;
            rest.release()?;
        }
        if reservation.len() != len {
            let (exact, rest) = reservation.split(len)?;
            reservation = exact;
            rest.release()?;
        }
        Ok(reservation)
    }

    /// Reserves `len` bytes at `address`, if nothing is mapped there.
    ///
    /// **Platform notes**
    /// - Linux: `mmap` with `MAP_FIXED_NOREPLACE`. Before Linux 4.17, and on macOS, DragonFly and illumos: `mmap` with
    ///   the address as a hint, and [`munmap`](https://man7.org/linux/man-pages/man2/munmap.2.html) if the result
    ///   differs.
    /// - FreeBSD: `mmap` with `MAP_FIXED | MAP_EXCL`; OpenBSD: with `MAP_FIXED | __MAP_NOREPLACE`; NetBSD: with
    ///   `MAP_TRYFIXED`.
    /// - Windows: as [`new`](Self::new).
    ///
    /// # Errors
    /// As `new`, and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the address is 0, or not a multiple of the granularity.
    /// - [`Busy`](ErrorKind::Busy): something is mapped in the range.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied), [`OutOfMemory`](ErrorKind::OutOfMemory): the system
    ///   reserves these addresses for itself, or does not have them.
    ///
    /// # Safety
    /// Nothing else relies on these addresses, mapped or not:
    /// - On Linux the main thread's stack grows down into unmapped addresses, up to its limit (`RLIMIT_STACK`). These
    ///   belong to the stack.
    /// - An allocator that uses `brk` relies on the addresses past the heap's end.
    ///
    /// # Examples
    ///
    /// ```
    /// # let result = baremap::Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let address = baremap::Mmap::anon(1).map()?.as_ptr().addr();
    /// // SAFETY: the system gave this address for a mapping, which is gone; it is no stack's.
    /// let reservation = unsafe { baremap::Reservation::at(address, 1) };
    /// # let _ = reservation;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MAP_FIXED")]
    #[doc(alias = "MAP_FIXED_NOREPLACE")]
    pub unsafe fn at(address: usize, len: usize) -> Result<Self, Error> {
        let len = rounded(len)?;
        let is_aligned = address % Sys::allocation_granularity() == 0;
        if address == 0 || !is_aligned || address.checked_add(len).is_none() {
            return Err(Error::new(Call::Reserve, ErrorKind::InvalidInput));
        }
        Ok(Self(Sys::reserve(address, len)?))
    }

    /// Returns the address of the first byte.
    ///
    /// # Examples
    ///
    /// ```
    /// # let result = baremap::Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let reservation = baremap::Reservation::new(1)?;
    /// assert!(!reservation.as_ptr().is_null());
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn as_ptr(&self) -> *const u8 {
        self.0.ptr.as_ptr()
    }

    /// Returns the length in bytes.
    ///
    /// It is 0 only if the addresses were lost, see [`Mmap::map_in`](crate::Mmap::map_in), or if a mapping was
    /// [extended](crate::Anon::extend) over all of them.
    ///
    /// # Examples
    ///
    /// ```
    /// # let result = baremap::Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// assert!(baremap::Reservation::new(100)?.len() >= 100);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Divides the reservation into its first `at` bytes and the rest.
    ///
    /// **Platform notes**
    /// - Unix: no call.
    /// - Windows: [`VirtualFree`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualfree).
    ///
    /// # Errors
    /// The error returns the reservation, undivided.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): `at` is 0, not less than the length, or not a multiple of the granularity.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Reservation, allocation_granularity};
    /// let granularity = allocation_granularity();
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let (guard, rest) = Reservation::new(3 * granularity)?.split(granularity)?;
    /// assert_eq!((guard.len(), rest.len()), (granularity, 2 * granularity));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MEM_PRESERVE_PLACEHOLDER")]
    pub fn split(self, at: usize) -> Result<(Self, Self), Refused<Self>> {
        if at == 0 || at >= self.len() || at % Sys::allocation_granularity() != 0 {
            return Err(Refused::new(self, Error::new(Call::Split, ErrorKind::InvalidInput)));
        }
        // SAFETY: a whole reservation of ours, and `at` lies inside it.
        if let Err(failure) = unsafe { Sys::split(self.0, at) } {
            return Err(Refused::new(self, failure));
        }
        let Span { ptr, len } = self.into_span();
        // SAFETY: `at` lies inside the reservation.
        let rest = unsafe { ptr.add(at) };
        Ok((Self(Span { ptr, len: at }), Self(Span { ptr: rest, len: len - at })))
    }

    /// Joins this reservation with the one that begins where it ends.
    ///
    /// **Platform notes**
    /// - Unix: no call.
    /// - Windows: `VirtualFree` with `MEM_COALESCE_PLACEHOLDERS`.
    /// - Kernels: `custom::Backend::join`.
    ///
    /// # Errors
    /// The error returns both reservations.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): `next` does not begin where this reservation ends.
    /// - [`Unsupported`](ErrorKind::Unsupported): the kernel cannot join reservations.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Reservation, allocation_granularity};
    /// let granularity = allocation_granularity();
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let (first, next) = Reservation::new(3 * granularity)?.split(granularity)?;
    /// # if first.as_ptr().is_null() { return Ok(()) }
    /// let whole = first.join(next)?;
    /// assert_eq!(whole.len(), 3 * granularity);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MEM_COALESCE_PLACEHOLDERS")]
    pub fn join(self, next: Self) -> Result<Self, Refused<(Self, Self)>> {
        let end = self.as_ptr().addr().wrapping_add(self.len());
        if self.len() == 0 || next.len() == 0 || next.as_ptr().addr() != end {
            return Err(Refused::new((self, next), Error::new(Call::Join, ErrorKind::InvalidInput)));
        }
        // SAFETY: two whole reservations of ours, side by side.
        if let Err(failure) = unsafe { Sys::join_reservations(self.0, next.0) } {
            return Err(Refused::new((self, next), failure));
        }
        let (Span { ptr, len }, next) = (self.into_span(), next.into_span());
        Ok(Self(Span { ptr, len: len + next.len }))
    }

    /// Releases the reservation, and reports a failure, which a drop ignores.
    ///
    /// **Platform notes**
    /// - Unix: [`munmap`](https://man7.org/linux/man-pages/man2/munmap.2.html).
    /// - Windows: `VirtualFree`.
    ///
    /// # Errors
    /// The error returns the reservation.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): Linux merged this reservation with a neighbour, would have to split
    ///   them again, and the process has too many mappings (`vm.max_map_count`).
    ///
    /// # Examples
    ///
    /// ```
    /// # let result = baremap::Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// baremap::Reservation::new(1 << 20)?.release()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn release(self) -> Result<(), Refused<Self>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: it is forgotten, unless it is still there.
        match unsafe { this.release_once() } {
            Ok(()) => Ok(()),
            Err(error) => Err(Refused::new(ManuallyDrop::into_inner(this), error)),
        }
    }

    /// # Safety
    /// If it succeeds, the reservation is not used again.
    unsafe fn release_once(&self) -> Result<(), Error> {
        if self.len() != 0 {
            // SAFETY: a whole reservation of ours, which is not used again.
            unsafe { Sys::release(self.0)? };
        }
        Ok(())
    }

    /// The empty reservation that replaces one whose addresses were lost.
    pub(crate) const LOST: Self = Self(Span::EMPTY);

    pub(crate) fn span(&self) -> Span {
        self.0
    }

    /// Gives up the first `len` bytes without releasing them. They were split off, or are all.
    pub(crate) fn give_up_front(&mut self, len: usize) {
        // SAFETY: `len` is at most the reservation's.
        self.0 = Span { ptr: unsafe { self.0.ptr.add(len) }, len: self.0.len - len };
    }

    /// Gives up the range without releasing it.
    pub(crate) fn into_span(self) -> Span {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    /// The range is a reservation, and nothing else uses it.
    pub(crate) unsafe fn from_span(span: Span) -> Self {
        Self(span)
    }
}

/// Returns the length rounded up to the allocation granularity, if it can be reserved.
fn rounded(len: usize) -> Result<usize, Error> {
    if len == 0 {
        return Err(Error::new(Call::Reserve, ErrorKind::ZeroLength));
    }
    match len.checked_next_multiple_of(Sys::allocation_granularity()) {
        Some(len) if isize::try_from(len).is_ok() => Ok(len),
        _ => Err(Error::new(Call::Reserve, ErrorKind::TooLong)),
    }
}

/// Releases the address range.
///
/// If the system refuses, the range stays reserved; only [`Reservation::release`] reports that.
impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        let _ = unsafe { self.release_once() };
    }
}

/// Shows the address and the length.
impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("ptr", &self.0.ptr).field("len", &self.0.len).finish()
    }
}
