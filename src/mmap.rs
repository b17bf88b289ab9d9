//! What to map: every request is judged here, before the system is asked for anything that it could
//! half do.

use crate::error::{Call, Error, ErrorKind};
use crate::file::FileRef;
use crate::mapping::Mapping;
use crate::options::{Advice, Flags, Prot};
use crate::reservation::Reservation;
use crate::sys::{self, FileKind, FileStatus, MapError, Place, View};
use core::mem;

/// What to map, and how.
///
/// ```
/// # fn main() -> Result<(), baremap::Error> {
/// # let path = std::env::temp_dir().join(format!("baremap-{}-mmap", std::process::id()));
/// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// use baremap::{File, Mmap};
/// let file = File::open(&path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// // SAFETY: nobody changes the file meanwhile.
/// let part = unsafe { Mmap::new(&file).offset(1).len(7).map()? };
/// assert_eq!(&part[..], b"package");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mapped before `map`"]
pub struct Mmap<S> {
    source: S,
    offset: u64,
    len: Option<usize>,
    prot: Prot,
    flags: Flags,
}

/// Fresh memory as what is to be mapped: see [`Mmap::anon`].
#[derive(Clone, Copy, Debug)]
pub struct Anon(());

impl<S> Mmap<S> {
    #[inline]
    fn of(source: S, len: Option<usize>) -> Self {
        Self { source, offset: 0, len, prot: Prot::READ, flags: Flags::NONE }
    }

    /// The offset in the file at which the mapping begins, in bytes: any, aligned or not. 0 if not given.
    #[inline]
    pub fn offset(self, offset: u64) -> Self {
        Self { offset, ..self }
    }

    /// The length of the mapping in bytes. If it is not given, a mapping of a file reaches to its end.
    #[inline]
    pub fn len(self, len: usize) -> Self {
        Self { len: Some(len), ..self }
    }

    /// What may be done to the memory; reading if not given.
    #[inline]
    pub fn prot(self, prot: Prot) -> Self {
        Self { prot, ..self }
    }

    /// How the mapping is made; with no flag if not given.
    #[inline]
    pub fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// Huge pages that nothing reserves would fault when the pool is exhausted.
    #[inline]
    fn check_flags(&self) -> Result<(), Error> {
        if self.flags.contains(Flags::HUGETLB | Flags::NORESERVE) {
            return Err(Error::unsupported(Flags::NORESERVE));
        }
        Ok(())
    }

    /// The mapping that a backend made.
    #[inline(always)]
    fn finish(&self, len: usize, (ptr, backing): View) -> Mapping {
        // SAFETY: fresh from the backend.
        let mapping = unsafe { Mapping::from_raw_parts(ptr, len, backing) };
        if self.flags.contains(Flags::READAHEAD) {
            // A hint: if the system cannot fetch ahead, the pages come when they are touched.
            let _ = mapping.advise(Advice::WillNeed);
        }
        mapping
    }

    /// Maps by `map` in a reservation, which comes back if that fails.
    fn map_in_by(
        &self,
        reservation: Reservation,
        len: Result<usize, Error>,
        map: impl FnOnce(usize, Place) -> Result<View, MapError>,
    ) -> Result<Mapping, (Reservation, Error)> {
        let view = len.map_err(MapError::from).and_then(|len| {
            let unit = sys::allocation_granularity();
            if self.flags.contains(Flags::HUGETLB) {
                return Err(Error::unsupported(Flags::HUGETLB).into());
            }
            let is_whole = len != 0 && len.checked_next_multiple_of(unit) == Some(reservation.len());
            if !is_whole || self.offset % unit as u64 != 0 {
                return Err(Error::own(Call::MapIn, ErrorKind::InvalidInput).into());
            }
            Ok((len, map(len, reservation.place())?))
        });
        match view {
            Ok((len, view)) => {
                mem::forget(reservation);
                Ok(self.finish(len, view))
            }
            Err(refused) if refused.is_place_lost => {
                mem::forget(reservation);
                Err((Reservation::EMPTY, refused.error))
            }
            Err(refused) => Err((reservation, refused.error)),
        }
    }
}

impl<'a> Mmap<FileRef<'a>> {
    /// Maps a file: a [`&File`](crate::File), a [`FileRef`], or with feature `std` a reference to anything that
    /// lends its descriptor, such as `std::fs::File`.
    #[inline]
    pub fn new(file: impl Into<FileRef<'a>>) -> Self {
        Self::of(file.into(), None)
    }

    /// Maps it. The mapping does not need the file to stay open.
    ///
    /// The mapping is shared, so that what is written to it is written to the file and seen by all who map it,
    /// unless [`Flags::COW`] is given. An empty file, an offset at the end of a file and a length of 0 give
    /// an empty mapping.
    ///
    /// - Linux: `fstat`, then `mmap`; where blocks have over 4096 bytes also `fstatfs`, which knows huge pages. Of an empty
    ///   file `mmap` and `munmap`, to see whether it can be mapped.
    /// - macOS: `fstat`, then `mmap`. Of an empty file `pread`.
    /// - Windows: `GetFileType`, `GetFileInformationByHandleEx`, `DuplicateHandle` for a shared, writable one, to flush it,
    ///   `CreateFileMappingW`, `MapViewOfFile` and `CloseHandle`. Of an empty file `ReadFile`.
    ///
    /// # Errors
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): offset, or offset + length, lie beyond the end of the file.
    /// - [`Overflow`](ErrorKind::Overflow), [`TooLong`](ErrorKind::TooLong): offset + length exceed `i64::MAX`,
    ///   the length exceeds `isize::MAX`.
    /// - [`NotMappable`](ErrorKind::NotMappable): a directory, a pipe, a terminal; a file that only says that it is empty,
    ///   as those of /proc; a device or another thing that has no length, if none is given.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): the file is not open for reading, or it is to be
    ///   written to and is not open for that; or the file system forbids `EXEC`. On Windows a file for `EXEC` is open
    ///   for executing too, as a [`File`](crate::File) is where that is allowed, and one of std's is not.
    /// - [`Unsupported`](ErrorKind::Unsupported): the flag that the error names cannot be honoured.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): no address space, too many mappings, or the limit on locked
    ///   memory.
    ///
    /// # Safety
    /// While the mapping lives:
    /// - Nobody changes the mapped part of the file but through this mapping: no other process, and no other mapping of
    ///   this one, which its owner may make writable by [`protect`](Mapping::protect).
    /// - Nobody truncates the file to less than what is mapped. See [safety](crate#safety).
    #[inline(always)]
    pub unsafe fn map(self) -> Result<Mapping, Error> {
        self.check_flags()?;
        let (len, block_size) = self.checked_len()?;
        if len == 0 {
            return Ok(Mapping::EMPTY);
        }
        // SAFETY: there is no place to answer for.
        let view = unsafe {
            sys::map_file(self.source.raw, block_size, self.offset, len, self.prot, self.flags, None)
        };
        Ok(self.finish(len, view.map_err(|refused| refused.error)?))
    }

    /// [`map`](Self::map) in a reservation, all of it. If that fails, the reservation comes back.
    ///
    /// It comes back empty, and the addresses are lost to it, if the system took it apart and another thread mapped
    /// something there before it could be put together again. That takes a kernel that has no memory for its own tables.
    ///
    /// The length, rounded up to [`allocation_granularity`](crate::allocation_granularity), is the reservation's, from
    /// which longer ones are [split](Reservation::split) off; and the offset is a multiple of it.
    ///
    /// Linux: `fstat`, `mmap`, then `mremap`, as `mmap` in place of something else may fail when that is gone
    /// already. macOS: as `map`, with `MAP_FIXED`. Windows: as `map`, with `MapViewOfFile3`, and `VirtualFree`.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-mmap2", std::process::id()));
    /// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// use baremap::{File, Mmap, Reservation};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let file = File::open(&path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let place = Reservation::aligned(file.len()? as usize, 1 << 20)?;
    /// // SAFETY: nobody changes the file meanwhile.
    /// let map = unsafe { Mmap::new(&file).map_in(place) }.map_err(|(_, error)| error)?;
    /// assert!(map.starts_with(b"[package]") && map.as_ptr().addr() % (1 << 20) == 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As `map`, and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): another length than the reservation's, such as that of an empty
    ///   file, or an offset that is not a multiple.
    /// - [`Unsupported`](ErrorKind::Unsupported): huge pages.
    ///
    /// # Safety
    /// As `map`.
    pub unsafe fn map_in(self, place: Reservation) -> Result<Mapping, (Reservation, Error)> {
        let mut block_size = 0;
        let len = self.check_flags().and_then(|()| self.checked_len()).map(|(len, size)| {
            block_size = size;
            len
        });
        self.map_in_by(place, len, |len, place| {
            let Self { source, offset, prot, flags, .. } = self;
            // SAFETY: a whole reservation of the right length, which is ours.
            unsafe { sys::map_file(source.raw, block_size, offset, len, prot, flags, Some(place)) }
        })
    }

    /// The length to map, if the request can be met, and the file system's block size.
    #[inline(always)]
    fn checked_len(&self) -> Result<(usize, usize), Error> {
        let fail = |kind| Err(Error::own(Call::Map, kind));
        if let Some(len) = self.len {
            if isize::try_from(len).is_err() {
                return fail(ErrorKind::TooLong);
            }
            if self.offset.checked_add(len as u64).is_none_or(|end| i64::try_from(end).is_err()) {
                return fail(ErrorKind::Overflow);
            }
        }
        let FileStatus { kind, len: end, block_size } = sys::stat(self.source.raw)?;
        let len = match (kind, self.len) {
            (FileKind::Regular, len) => {
                let Some(rest) = end.checked_sub(self.offset) else {
                    return fail(ErrorKind::BeyondEnd);
                };
                if end == 0 && !sys::is_empty_file_mappable(self.source.raw, block_size) {
                    return fail(ErrorKind::NotMappable);
                }
                match len {
                    Some(len) if len as u64 > rest => return fail(ErrorKind::BeyondEnd),
                    Some(len) => len,
                    None => match isize::try_from(rest) {
                        Ok(rest) => rest as usize,
                        Err(_) => return fail(ErrorKind::TooLong),
                    },
                }
            }
            (FileKind::Device, Some(len)) => len,
            (FileKind::Device | FileKind::Other, _) => return fail(ErrorKind::NotMappable),
        };
        Ok((len, block_size))
    }
}

impl Mmap<Anon> {
    /// Maps `len` bytes of fresh memory: zeroed, private to this process, and taking up space only page by page
    /// as it is touched.
    #[inline]
    pub fn anon(len: usize) -> Self {
        Self::of(Anon(()), Some(len))
    }

    /// Maps it.
    ///
    /// Linux, macOS: `mmap`. Windows: `VirtualAlloc`; the length counts against the limit on commitments at once.
    ///
    /// # Errors
    /// - [`EmptyAnon`](ErrorKind::EmptyAnon), [`OffsetAnon`](ErrorKind::OffsetAnon): a length of 0, an offset.
    /// - [`TooLong`](ErrorKind::TooLong): the length exceeds `isize::MAX`.
    /// - [`Unsupported`](ErrorKind::Unsupported): the flag that the error names cannot be honoured.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): no memory, no address space, too many mappings, not as many huge
    ///   pages, or the limit on locked memory.
    #[inline]
    pub fn map(self) -> Result<Mapping, Error> {
        let len = self.checked_len()?;
        // SAFETY: there is no place to answer for.
        let view = unsafe { sys::map_anon(len, self.prot, self.flags, None) };
        Ok(self.finish(len, view.map_err(|refused| refused.error)?))
    }

    /// [`map`](Self::map) in a reservation, all of it. If that fails, the reservation comes back.
    ///
    /// It comes back empty, and the addresses are lost to it, if the system took it apart and another thread mapped
    /// something there before it could be put together again. That takes a kernel that has no memory for its own tables.
    ///
    /// The length, rounded up to [`allocation_granularity`](crate::allocation_granularity), is the reservation's, from
    /// which longer ones are [split](Reservation::split) off.
    ///
    /// Linux: `mprotect`; with `NORESERVE` or `POPULATE`, `mmap` and `mremap`. macOS: `mmap` with `MAP_FIXED`. Windows:
    /// `VirtualAlloc2`.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Mmap, Prot, Reservation, allocation_granularity};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// // A stack of two units that grows down to one that nobody can touch.
    /// let unit = allocation_granularity();
    /// let (guard, place) = Reservation::new(3 * unit)?.split(unit).map_err(|(_, error)| error)?;
    /// let stack = Mmap::anon(2 * unit).prot(Prot::WRITE).map_in(place).map_err(|(_, error)| error)?;
    /// assert_eq!(guard.as_ptr().wrapping_add(unit), stack.as_ptr());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As `map`, and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): another length than the reservation's.
    /// - [`Unsupported`](ErrorKind::Unsupported): huge pages.
    pub fn map_in(self, place: Reservation) -> Result<Mapping, (Reservation, Error)> {
        self.map_in_by(place, self.checked_len(), |len, place| {
            // SAFETY: a whole reservation of the right length, which is ours.
            unsafe { sys::map_anon(len, self.prot, self.flags, Some(place)) }
        })
    }

    /// The length to map, if the request can be met.
    #[inline]
    fn checked_len(&self) -> Result<usize, Error> {
        let fail = |kind| Err(Error::own(Call::Map, kind));
        let len = self.len.unwrap_or(0);
        if self.offset != 0 {
            return fail(ErrorKind::OffsetAnon);
        }
        if len == 0 {
            return fail(ErrorKind::EmptyAnon);
        }
        if isize::try_from(len).is_err() {
            return fail(ErrorKind::TooLong);
        }
        self.check_flags()?;
        Ok(len)
    }
}
