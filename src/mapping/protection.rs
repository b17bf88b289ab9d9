//! The permissions of a mapping, and its type, which depends on some of them.

use super::access::{Slice, Write};
use super::{Mapping, MappingMut, RawMapping};
use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::options::Prot;
use crate::sys::{Sys, System};

impl<A: Slice> Mapping<A> {
    /// Changes the permissions; those that the type relies on cannot be removed.
    ///
    /// [`READ`](Prot::READ) is always included, and a [`MappingMut`] keeps [`WRITE`](Prot::WRITE): [`into_read_only`]
    /// and [`into_exec`] remove it and change the type. When memory becomes executable, the code in it is visible to
    /// every processor.
    ///
    /// **Platform notes**
    /// - Unix: [`mprotect`](https://man7.org/linux/man-pages/man2/mprotect.2.html). Where caches are not coherent, the
    ///   instruction caches are flushed too, as by [`sync_instructions`](Self::sync_instructions).
    /// - Windows:
    ///   [`VirtualProtect`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualprotect),
    ///   [`FlushInstructionCache`](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-flushinstructioncache).
    ///
    /// # Errors
    /// After a failure only the permissions common to the old and the new protection can be relied on.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): `prot` lacks `WRITE`, and the mapping is a `MappingMut`.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied):
    ///   - A shared mapping of a file that is not open for writing cannot become writable. On Windows, neither can one
    ///     that was made without [`Prot::WRITE`].
    ///   - On Windows a mapping of a file that was made without [`Prot::EXEC`] cannot become executable.
    ///   - On OpenBSD no memory is writable and executable at once. On NetBSD with PaX MPROTECT, memory cannot become
    ///     executable if it was mapped without [`Prot::EXEC`], or was ever writable; use [`Code`](crate::Code) there.
    ///   - On macOS a process with the hardened runtime cannot execute memory that was writable, unless it has the
    ///     entitlement `com.apple.security.cs.allow-unsigned-executable-memory`. On aarch64 no memory is writable and
    ///     executable at once. Use [`Code`](crate::Code) in both cases.
    ///   - iOS, tvOS, watchOS and visionOS execute only signed code. The system may refuse the permission, or end the
    ///     process that runs the code.
    /// - [`Unsupported`](ErrorKind::Unsupported): `EXEC` on BSD and illumos, on processors other than x86 and aarch64.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap, Prot};
    /// let mut map = Mmap::anon(4096).map_mut()?;
    /// map.protect(Prot::WRITE)?;
    /// assert_eq!(map.protect(Prot::READ).unwrap_err().kind(), ErrorKind::InvalidInput);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    ///
    /// [`into_read_only`]: MappingMut::into_read_only
    /// [`into_exec`]: Mapping::into_exec
    #[doc(alias = "mprotect")]
    #[doc(alias = "VirtualProtect")]
    pub fn protect(&mut self, prot: Prot) -> Result<(), Error> {
        let prot = prot | Prot::READ;
        if !prot.contains(A::PROT) && !self.is_empty() {
            return Err(Error::new(Call::Protect, ErrorKind::InvalidInput));
        }
        // SAFETY: the permissions of every slice stay, and `self` is borrowed exclusively.
        unsafe { self.set_prot(prot) }
    }

    /// Makes the memory executable, and no longer writable.
    ///
    /// Every processor can run the code that was written to it. The memory is never writable and executable at once.
    ///
    /// **Platform notes**
    /// As [`protect`](Self::protect).
    ///
    /// # Errors
    /// As `protect`. The error returns the mapping, with the type that allows only reading.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut code = baremap::Mmap::anon(4096).map_mut()?;
    /// code[0] = 0xc3; // a return, on x86_64
    /// let code = code.into_exec()?;
    /// assert!(code.prot().contains(baremap::Prot::EXEC));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "PROT_EXEC")]
    #[doc(alias = "make_exec")]
    pub fn into_exec(self) -> Result<Mapping, Refused<Mapping>> {
        // SAFETY: a `Mapping` relies on READ alone.
        unsafe { self.with_prot(Prot::EXEC) }
    }
}

impl Mapping {
    /// Makes the memory writable, and not executable.
    ///
    /// No system call is made if the mapping was made with [`Prot::WRITE`].
    ///
    /// **Platform notes**
    /// As [`protect`](Self::protect).
    ///
    /// # Errors
    /// As `protect`. The error returns the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = baremap::Mmap::anon(4096).map()?.into_mut()?;
    /// map[0] = 1;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "make_mut")]
    pub fn into_mut(self) -> Result<MappingMut, Refused<Self>> {
        if self.prot() == Prot::WRITE {
            return Ok(self.into_access());
        }
        // SAFETY: no slice exists, and a `MappingMut` relies on what was set.
        unsafe { self.with_prot::<Write>(Prot::WRITE) }
    }
}

impl MappingMut {
    /// Makes the memory read-only: neither writable nor executable.
    ///
    /// **Platform notes**
    /// As [`protect`](Self::protect).
    ///
    /// # Errors
    /// As `protect`. The error returns the mapping with the type that allows only reading, as some pages may be
    /// read-only already; [`into_mut`](Mapping::into_mut) makes them writable again.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = baremap::Mmap::anon(4096).map_mut()?;
    /// map[0] = 1;
    /// let map = map.into_read_only()?;
    /// assert_eq!(map[0], 1);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "make_read_only")]
    pub fn into_read_only(self) -> Result<Mapping, Refused<Mapping>> {
        // SAFETY: a `Mapping` relies on READ alone.
        unsafe { self.with_prot(Prot::READ) }
    }
}

impl RawMapping {
    /// Changes the permissions, also to none.
    ///
    /// With [`Prot::NONE`] the memory cannot be accessed, and keeps its contents.
    ///
    /// **Platform notes**
    /// As [`Mapping::protect`].
    ///
    /// # Errors
    /// As [`Mapping::protect`], except for `InvalidInput`.
    ///
    /// # Safety
    /// - No pointer is used for an access that `prot` does not allow.
    /// - If `prot` contains `EXEC`, the file is not truncated during the call, as flushing an instruction cache reads
    ///   the memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = baremap::Mmap::anon(4096).map_raw()?;
    /// // SAFETY: no pointer is in use.
    /// unsafe { map.protect(baremap::Prot::WRITE)? };
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub unsafe fn protect(&mut self, prot: Prot) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        unsafe { self.set_prot(prot.normalized()) }
    }
}

impl<A> Mapping<A> {
    /// # Safety
    /// No reference exists that needs permissions which `prot` lacks, nor will one of type `A`.
    unsafe fn set_prot(&mut self, prot: Prot) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        // SAFETY: this mapping, and the caller's promise.
        unsafe { Sys::protect(self.span(), &mut self.backing, prot) }.map_err(Error::from)
    }

    /// Sets the permissions and changes the type; after a failure to the one that relies on READ alone.
    ///
    /// # Safety
    /// `B` relies on no permission that `prot` lacks.
    unsafe fn with_prot<B>(self, prot: Prot) -> Result<Mapping<B>, Refused<Mapping>> {
        let mut mapping: RawMapping = self.into_access();
        // SAFETY: no reference exists, as the mapping is owned.
        match unsafe { mapping.set_prot(prot) } {
            Ok(()) => Ok(mapping.into_access()),
            Err(error) => Err(Refused::new(mapping.into_access(), error)),
        }
    }

    /// Changes the type; the caller is responsible for the permissions.
    pub(super) fn into_access<B>(self) -> Mapping<B> {
        let (ptr, len, backing) = self.into_raw_parts();
        // SAFETY: the parts of this mapping, used once.
        unsafe { Mapping::from_raw_parts(ptr, len, backing) }
    }
}
