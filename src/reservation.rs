//! Address space that is held and not yet used.

use crate::error::{Call, Error, ErrorKind};
use crate::sys::{self, Place};
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

/// Address space that is held: nobody else gets it, nothing can be read or written there, and no memory lies behind it,
/// so that a long one costs no more than a short one. It is released when it is dropped.
///
/// Parts are [split](Self::split) off, and [`Mmap::map_in`](crate::Mmap::map_in) puts a mapping in the place of a part,
/// which makes a part of it the mapping's own. [`Mapping::into_reservation`](crate::Mapping::into_reservation) takes it
/// back. So a loader lays out a program, and an allocator grows, in one piece of address space.
///
/// On Linux a stack that grows keeps a gap to memory that can be accessed and none to a reservation. A program that
/// reserves nearly all of its address space may so get addresses beside a stack, and must not map anything there.
///
/// Length and address are multiples of [`allocation_granularity`](crate::allocation_granularity).
///
/// ```
/// # fn main() -> Result<(), baremap::Error> {
/// # let path = std::env::temp_dir().join(format!("baremap-{}-reservation", std::process::id()));
/// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// use baremap::{File, Mmap, Prot, Reservation, allocation_granularity};
/// let unit = allocation_granularity();
/// # let result = Reservation::new(2 * unit);
/// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
/// # drop(result);
/// let whole = Reservation::new(2 * unit)?;
/// let address = whole.as_ptr();
/// let (first, second) = whole.split(unit).map_err(|(_, error)| error)?;
///
/// let file = File::open(&path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// // SAFETY: nobody changes the file meanwhile.
/// let text = unsafe { Mmap::new(&file).len(9).map_in(first) }.map_err(|(_, error)| error)?;
/// let zeros = Mmap::anon(unit).prot(Prot::WRITE).map_in(second).map_err(|(_, error)| error)?;
/// assert_eq!((text.as_ptr(), &text[..]), (address, &b"[package]"[..]));
/// assert_eq!(zeros.as_ptr(), address.wrapping_add(unit));
/// # Ok(())
/// # }
/// ```
#[must_use = "it is released when it is dropped"]
pub struct Reservation {
    ptr: NonNull<u8>,
    len: usize,
}

// SAFETY: it is a range of numbers, which any thread may release or map to, and which nobody else has.
unsafe impl Send for Reservation {}
// SAFETY: through a shared reference nothing can be done to it.
unsafe impl Sync for Reservation {}

#[allow(clippy::len_without_is_empty, reason = "it is not, unless it was lost")]
impl Reservation {
    /// Reserves `len` bytes, rounded up to whole units.
    ///
    /// Linux, macOS: `mmap` with `PROT_NONE`. Windows: `VirtualAlloc2`, with a placeholder.
    ///
    /// # Errors
    /// - [`EmptyAnon`](ErrorKind::EmptyAnon), [`TooLong`](ErrorKind::TooLong): a length of 0, or over `isize::MAX`.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): no address space, or too many mappings.
    /// - [`Unsupported`](ErrorKind::Unsupported): Windows before 10, version 1803.
    pub fn new(len: usize) -> Result<Self, Error> {
        Self::of(0, rounded(len)?)
    }

    /// [`new`](Self::new) at an address that is a multiple of `align`, a power of two.
    ///
    /// It reserves as much more as that may take and releases what is too much: on Linux and macOS by `munmap`, on
    /// Windows by `VirtualFree`.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// # let result = baremap::Reservation::aligned(1, 2 << 20);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let huge_page = baremap::Reservation::aligned(2 << 20, 2 << 20)?;
    /// assert_eq!(huge_page.as_ptr().addr() % (2 << 20), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As `new`, and [`InvalidInput`](ErrorKind::InvalidInput) if `align` is not a power of two.
    pub fn aligned(len: usize, align: usize) -> Result<Self, Error> {
        if !align.is_power_of_two() {
            return Err(Error::own(Call::Reserve, ErrorKind::InvalidInput));
        }
        let len = rounded(len)?;
        let more = align.saturating_sub(sys::allocation_granularity());
        let mut place = Self::of(0, rounded(len.saturating_add(more))?)?;
        let before = place.ptr.as_ptr().addr().wrapping_neg() & (align - 1);
        if before != 0 {
            let (rest, aligned) = place.split(before).map_err(|(_, error)| error)?;
            place = aligned;
            rest.release().map_err(|(_, error)| error)?;
        }
        if place.len != len {
            let (exact, rest) = place.split(len).map_err(|(_, error)| error)?;
            place = exact;
            rest.release().map_err(|(_, error)| error)?;
        }
        Ok(place)
    }

    /// [`new`](Self::new) at this address. What is there already is not touched.
    ///
    /// Linux: `mmap` with `MAP_FIXED_NOREPLACE`. macOS, and Linux before 4.17: `mmap` with the address as a hint, and
    /// `munmap` if it was not taken. Windows: as `new`.
    ///
    /// # Errors
    /// As `new`, and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): 0, or not a multiple of the granularity.
    /// - [`Busy`](ErrorKind::Busy): something is there.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied), [`OutOfMemory`](ErrorKind::OutOfMemory): the system keeps
    ///   these addresses to itself, or does not have them.
    ///
    /// # Safety
    /// Nothing else counts on these addresses, mapped or not. On Linux the main thread's stack grows down into addresses
    /// where nothing is mapped until it needs them, and over what is mapped there: those within its limit
    /// (`RLIMIT_STACK`) below it are its own. So are the addresses behind the heap's end, for an allocator that uses `brk`.
    pub unsafe fn at(address: usize, len: usize) -> Result<Self, Error> {
        let len = rounded(len)?;
        if address == 0 || address % sys::allocation_granularity() != 0 || address.checked_add(len).is_none()
        {
            return Err(Error::own(Call::Reserve, ErrorKind::InvalidInput));
        }
        Self::of(address, len)
    }

    fn of(address: usize, len: usize) -> Result<Self, Error> {
        Ok(Self { ptr: sys::reserve(address, len)?, len })
    }

    /// The address.
    pub fn as_ptr(&self) -> *const u8 {
        self.ptr.as_ptr()
    }

    /// The length in bytes. Not 0, unless the system lost the addresses: see [`Mmap::map_in`](crate::Mmap::map_in).
    pub fn len(&self) -> usize {
        self.len
    }

    /// The first `at` bytes, and the rest.
    ///
    /// Linux, macOS: no call. Windows: `VirtualFree`.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) unless `at` is a multiple of the granularity, over 0 and less than
    /// the length. The reservation comes back whole.
    pub fn split(self, at: usize) -> Result<(Self, Self), (Self, Error)> {
        if at == 0 || at >= self.len || at % sys::allocation_granularity() != 0 {
            return Err((self, Error::own(Call::Split, ErrorKind::InvalidInput)));
        }
        // SAFETY: the whole of it, and `at` is within.
        match unsafe { sys::split(self.place(), at) } {
            Err(error) => Err((self, error)),
            Ok(()) => {
                let (ptr, len) = self.into_place();
                // SAFETY: within the reservation.
                let rest = unsafe { ptr.add(at) };
                Ok((Self { ptr, len: at }, Self { ptr: rest, len: len - at }))
            }
        }
    }

    /// Releases it and tells whether that worked; a drop has nobody to tell. On failure it comes back.
    ///
    /// Linux, macOS: `munmap`. Windows: `VirtualFree`.
    ///
    /// # Errors
    /// [`OutOfMemory`](ErrorKind::OutOfMemory): Linux would have to split a neighbouring mapping with which it
    /// merged this one, and the process has too many (`vm.max_map_count`).
    pub fn release(self) -> Result<(), (Self, Error)> {
        let this = ManuallyDrop::new(self);
        // SAFETY: it is not used any more.
        match unsafe { this.give_up() } {
            Ok(()) => Ok(()),
            Err(error) => Err((ManuallyDrop::into_inner(this), error)),
        }
    }

    /// # Safety
    /// To be called once, if it succeeds, and the reservation not used after that.
    unsafe fn give_up(&self) -> Result<(), Error> {
        // SAFETY: the whole of it, which its owner gives up.
        if self.len == 0 { Ok(()) } else { unsafe { sys::release(self.place()) } }
    }

    /// What is left where the system lost the addresses: none.
    pub(crate) const EMPTY: Self = Self { ptr: crate::mapping::ALIGNED, len: 0 };

    pub(crate) fn place(&self) -> Place {
        (self.ptr, self.len)
    }

    /// To be given back to `from_place`, or to what is mapped there.
    pub(crate) fn into_place(self) -> Place {
        ManuallyDrop::new(self).place()
    }

    /// # Safety
    /// The address space is nobody else's.
    pub(crate) unsafe fn from_place((ptr, len): Place) -> Self {
        Self { ptr, len }
    }
}

/// In whole units, if that can be had.
fn rounded(len: usize) -> Result<usize, Error> {
    if len == 0 {
        return Err(Error::own(Call::Reserve, ErrorKind::EmptyAnon));
    }
    match len.checked_next_multiple_of(sys::allocation_granularity()) {
        Some(len) if isize::try_from(len).is_ok() => Ok(len),
        _ => Err(Error::own(Call::Reserve, ErrorKind::TooLong)),
    }
}

/// Releases it. If the system refuses, which [`Reservation::release`] tells, it stays reserved.
impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        let _ = unsafe { self.give_up() };
    }
}

/// Address and length.
impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("ptr", &self.ptr).field("len", &self.len).finish()
    }
}
