//! `Mmap`: what to map of a file, and the calls that map it.
//!
//! A comment in a signature is for the compiler's messages: see `memmap2.rs`.

use super::request::{check_flags, finish, first_page, flags_and_size, map_in, refused_for_file};
use super::{Anon, Mmap};
use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::file::FileRef;
use crate::file::borrowed::AsFileRef;
use crate::mapping::access::Access;
use crate::mapping::{Mapping, MappingMut};
use crate::options::{Flags, Prot};
use crate::reservation::Reservation;
use crate::sys::contract::{FileKind, FilePart, FileStatus, Request};
use crate::sys::{RawFile, Sys, System};

impl<'f> Mmap<'f> {
    /// Makes a request to map a file.
    ///
    /// It maps the whole file for reading; the methods below change that. The file is a `&File`, a [`FileRef`], or with
    /// feature `std` a reference to anything that lends its descriptor or handle, such as `std::fs::File`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-new", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let map = unsafe { Mmap::new(&file).map()? };
    /// assert_eq!(&map[..], b"[package]");
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn new(file: impl AsFileRef<'f>) -> Self {
        Self {
            file: file.into(),
            offset: 0,
            len: None,
            prot: Prot::READ,
            flags: Flags::empty(),
            huge_log2: 0,
            hint: 0,
        }
    }

    /// Makes a request for `len` bytes of fresh memory: zeroed and private.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = baremap::Mmap::anon(100).map_mut()?;
    /// assert_eq!(buffer[..], [0; 100]);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "map_anon")]
    #[doc(alias = "VirtualAlloc")]
    #[inline]
    pub fn anon(len: usize) -> Anon {
        Anon::new(len)
    }

    /// Sets the offset in the file at which the mapping starts, in bytes.
    ///
    /// The default is 0. The offset need not be aligned.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-offset", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let map = unsafe { Mmap::new(&file).offset(8).map()? };
    /// assert_eq!(&map[..], b"]");
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn offset(self, offset: u64) -> Self {
        Self { offset, ..self }
    }

    /// Sets the length of the mapping in bytes; by default it reaches to the end of the file.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-len", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let map = unsafe { Mmap::new(&file).len(4).map()? };
    /// assert_eq!(&map[..], b"[pac");
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn len(self, len: usize) -> Self {
        Self { len: Some(len), ..self }
    }

    /// Sets the permissions of the memory, [`Prot::READ`] by default.
    ///
    /// `READ` is always included, except for [`map_raw`](Self::map_raw) with [`Prot::NONE`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-prot", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// use baremap::{Flags, Prot};
    /// let request = Mmap::new(&file).flags(Flags::COW).prot(Prot::WRITE);
    /// # if request.map_raw().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let map = unsafe { request.map()? };
    /// assert_eq!(map.prot(), Prot::WRITE);
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
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-flags", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// use baremap::Flags;
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let mut copy = unsafe { Mmap::new(&file).flags(Flags::COW).map_mut()? };
    /// copy[0] = b'{'; // not written to the file
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// Maps the file.
    ///
    /// The mapping is shared, unless the request has [`Flags::COW`]: writes to it change the file, and every process
    /// that maps the file sees them. The file need not stay open. For an empty file, an offset at the end of the file,
    /// or a length of 0, the mapping is empty.
    ///
    /// **Platform notes**
    /// - Linux: [`fstat`](https://man7.org/linux/man-pages/man2/stat.2.html), then
    ///   [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html). On file systems with blocks of more than 4096
    ///   bytes also [`fstatfs`](https://man7.org/linux/man-pages/man2/statfs.2.html), to find huge pages. For an empty
    ///   file `mmap` and [`munmap`](https://man7.org/linux/man-pages/man2/munmap.2.html), to find whether it can be
    ///   mapped.
    /// - Other Unix: `fstat`, then `mmap`. For an empty file
    ///   [`pread`](https://man7.org/linux/man-pages/man2/pread.2.html).
    /// - Windows: [`GetFileType`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-getfiletype),
    ///   [`GetFileInformationByHandleEx`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getfileinformationbyhandleex),
    ///   [`CreateFileMappingW`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw),
    ///   [`MapViewOfFile`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffile) and
    ///   [`CloseHandle`](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-closehandle). For a
    ///   shared, writable mapping also
    ///   [`DuplicateHandle`](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle), to
    ///   flush it later. For an empty file
    ///   [`ReadFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile).
    ///
    /// # Errors
    /// - [`BeyondEnd`](ErrorKind::BeyondEnd): the offset, or offset + length, lies past the end of the file.
    /// - [`Overflow`](ErrorKind::Overflow): offset + length exceeds `i64::MAX`.
    /// - [`TooLong`](ErrorKind::TooLong): the length exceeds `isize::MAX`.
    /// - [`NotMappable`](ErrorKind::NotMappable): a directory, a pipe, a terminal; a file that reports length 0 but is
    ///   not empty, as in `/proc`; a device, or another file that reports no length, if the request has none.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): the file is not open for reading; the request has `WRITE`,
    ///   and the file is not open for writing; the file system forbids `EXEC`. On Windows `EXEC` needs a file that was
    ///   opened for executing: a [`File`](crate::File) is, where that is allowed, and a `std::fs::File` is not.
    /// - [`Unsupported`](ErrorKind::Unsupported): the flag that the error names.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no address space, the process has too many mappings, or the
    ///   limit on locked memory is exceeded.
    ///
    /// # Safety
    /// While the mapping lives:
    /// - Nothing changes the mapped part of the file except through this mapping: no other process, and no other
    ///   mapping in this process, even one that becomes writable later.
    /// - The file is not truncated to less than the mapped part. See [safety](crate#safety).
    /// - With [`Flags::PAST_END`] no byte past the end of the file is read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-map", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let map = unsafe { Mmap::new(&file).map()? };
    /// assert!(map.starts_with(b"[pack"));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline(always)]
    pub unsafe fn map(self) -> Result<Mapping, Error> /* Mmap::new(&file).map() */ {
        // SAFETY: the caller's promise.
        unsafe { self.map_with(self.prot | Prot::READ) }
    }

    /// Maps the file for writing.
    ///
    /// As [`map`](Self::map), with [`Prot::WRITE`] added.
    ///
    /// # Errors
    /// As `map`.
    ///
    /// # Safety
    /// As `map`.
    ///
    /// # Examples
    ///
    /// See [`File::create`](crate::File::create).
    #[inline(always)]
    pub unsafe fn map_mut(self) -> Result<MappingMut, Error> {
        // SAFETY: the caller's promise.
        unsafe { self.map_with(self.prot | Prot::WRITE) }
    }

    /// Maps the file in a reservation, and replaces all of it.
    ///
    /// The length, rounded up to the [`allocation_granularity`](crate::allocation_granularity), must be the
    /// reservation's, and the offset a multiple of the granularity. [Split](Reservation::split) a longer reservation
    /// first.
    ///
    /// **Platform notes**
    /// - Linux: as [`map`](Self::map), then [`mremap`](https://man7.org/linux/man-pages/man2/mremap.2.html), because
    ///   `mmap` with `MAP_FIXED` may fail after it has unmapped the reservation.
    /// - Other Unix: as `map`, with `MAP_FIXED`.
    /// - Windows: as `map`, with
    ///   [`MapViewOfFile3`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffile3), and
    ///   [`VirtualFree`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualfree).
    ///
    /// # Errors
    /// The error returns the reservation. If the kernel has no memory for its own tables, it may have unmapped the
    /// reservation and be unable to restore it: then the reservation is empty, and its addresses are lost.
    ///
    /// As `map`, and:
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the length is not the reservation's, as with an empty file, or the
    ///   offset is not aligned.
    /// - [`Unsupported`](ErrorKind::Unsupported): huge pages.
    ///
    /// # Safety
    /// As `map`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-map-in", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap, Reservation};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let reservation = Reservation::aligned(file.len()? as usize, 1 << 20)?;
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let map = unsafe { Mmap::new(&file).map_in(reservation)? };
    /// assert_eq!(map.as_ptr().addr() % (1 << 20), 0);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MAP_FIXED")]
    #[doc(alias = "MapViewOfFile3")]
    pub unsafe fn map_in(self, reservation: Reservation) -> Result<Mapping, Refused<Reservation>> {
        // SAFETY: the caller's promise.
        unsafe { self.map_in_with(reservation, self.prot | Prot::READ) }
    }

    /// Maps the file for writing in a reservation.
    ///
    /// As [`map_in`](Self::map_in), with [`Prot::WRITE`] added.
    ///
    /// # Errors
    /// As `map_in`.
    ///
    /// # Safety
    /// As [`map`](Self::map).
    ///
    /// # Examples
    ///
    /// See [`map_in`](Self::map_in).
    pub unsafe fn map_mut_in(self, reservation: Reservation) -> Result<MappingMut, Refused<Reservation>> {
        // SAFETY: the caller's promise.
        unsafe { self.map_in_with(reservation, self.prot | Prot::WRITE) }
    }

    pub(crate) fn source(&self) -> (FileRef<'f>, u64, Option<usize>) {
        (self.file, self.offset, self.len)
    }

    /// # Safety
    /// If `A` lends a slice, as [`map`](Self::map).
    #[inline(always)]
    pub(super) unsafe fn map_with<A: Access>(self, prot: Prot) -> Result<Mapping<A>, Error> {
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        check_flags(flags, refused_for_file(flags), huge_log2)?;
        let (part, len) = self.checked()?;
        if len == 0 {
            return Ok(Mapping::EMPTY);
        }
        let hint = first_page(self.hint, self.offset);
        // SAFETY: there is no reservation.
        let mapped =
            unsafe { Sys::map_file(part, Request { len, prot, flags, hint, reservation: None, huge_log2 }) };
        Ok(finish(mapped.map_err(|refused| refused.failure)?, len, flags))
    }

    /// # Safety
    /// As `map_with`.
    pub(super) unsafe fn map_in_with<A: Access>(
        self,
        reservation: Reservation,
        prot: Prot,
    ) -> Result<Mapping<A>, Refused<Reservation>> {
        let Self { offset, .. } = self;
        let (flags, huge_log2) = flags_and_size(self.flags, self.huge_log2);
        let checked = check_flags(flags, refused_for_file(flags), huge_log2)
            .map_err(Error::from)
            .and_then(|()| self.checked());
        let (part, len) = match checked {
            Ok(checked) => checked,
            Err(error) => return Err(Refused::new(reservation, error)),
        };
        map_in(reservation, len, offset, flags, |span| {
            let request = Request { len, prot, flags, hint: 0, reservation: Some(span), huge_log2 };
            // SAFETY: a whole reservation of ours, of the right length.
            unsafe { Sys::map_file(part, request) }
        })
    }

    /// Returns the part of the file to map and its length, if the request is valid.
    #[inline(always)]
    pub(super) fn checked(&self) -> Result<(FilePart<RawFile>, usize), Error> {
        let fail = |kind| Err(Error::new(Call::Map, kind));
        if let Some(len) = self.len {
            if isize::try_from(len).is_err() {
                return fail(ErrorKind::TooLong);
            }
            if self.offset.checked_add(len as u64).is_none_or(|end| i64::try_from(end).is_err()) {
                return fail(ErrorKind::Overflow);
            }
        }
        let file = self.file.raw;
        let FileStatus { kind, len: end, block_size } = self.file.status()?;
        let len = match (kind, self.len) {
            (FileKind::Regular, len) => {
                let reaches_past_end = self.flags.contains(Flags::PAST_END) && len.is_some();
                let Some(rest) = (if reaches_past_end { u64::MAX } else { end }).checked_sub(self.offset)
                else {
                    return fail(ErrorKind::BeyondEnd);
                };
                if end == 0 && !Sys::is_empty_file_mappable(file, block_size) {
                    return fail(ErrorKind::NotMappable);
                }
                match len {
                    Some(len) if len as u64 > rest => return fail(ErrorKind::BeyondEnd),
                    Some(len) => len,
                    None => match usize::try_from(rest) {
                        Ok(rest) if rest <= isize::MAX as usize => rest,
                        _ => return fail(ErrorKind::TooLong),
                    },
                }
            }
            (FileKind::Device, Some(len)) => len,
            (FileKind::Device | FileKind::Other, _) => return fail(ErrorKind::NotMappable),
        };
        Ok((FilePart { file, offset: self.offset, block_size, is_section: self.file.is_section() }, len))
    }
}
