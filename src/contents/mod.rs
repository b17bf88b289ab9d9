//! The whole of a file, pipe or terminal as one slice.
//!
//! A file is read into fresh memory, so that `alloc` is not needed. With a heap, short files are read to it: fresh
//! pages cost several times as much as copying to them. As in `Reader`, no reported length is trusted: it only decides
//! how much memory to start with, and a read that returns no bytes is the end.

mod read;

use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::file::borrowed::AsFileRef;
use crate::mapping::Mapping;
use crate::mmap::Mmap;
use crate::sys::{RawFile, Sys, System};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::ops::Deref;
use core::{fmt, slice};

/// Shorter files, in bytes, are not mapped where there is a heap: reading is faster.
const LARGE: usize = 64 << 10;

/// For shorter files, in bytes, the system is not queried for seals: on Linux that takes three calls, a fifth of the
/// time in which 256 KiB are read.
const SEALED: usize = 1 << 20;

/// Shorter files, in bytes, are read to the heap, if there is one. An allocator that has the memory already saves the page
/// faults; if it has not, fresh memory with huge pages saves most of them. glibc took a sixth of the time for 4 MiB again and
/// again, and twice the time for 4 MiB once (`ci/bench/run only m`).
const HEAP: usize = 8 << 20;

/// The whole of a file, pipe or terminal as one slice of bytes.
///
/// [`read`](Self::read) is safe: the bytes are a copy in memory, or a mapping that the system keeps from changing.
/// [`map`](Self::map) maps a file if it can, for callers who promise that it does not change. Both accept regular
/// files, pipes, terminals, devices, and files of `/proc`. They end where reading ends, whatever length was reported.
///
/// [`options`](Self::options) limits the length, or adds a NUL after the bytes.
///
/// # Examples
///
/// The input of a program, instead of an enum of a mapping and a vector:
///
/// ```
/// use baremap::{Contents, Error, File, FileRef};
///
/// /// Works for `prog FILE`, `prog < FILE`, `… | prog` and `prog /proc/cpuinfo` alike.
/// fn count_lines<'f>(input: impl Into<FileRef<'f>>) -> Result<usize, Error> {
///     let text = Contents::read(input)?;
///     Ok(text.iter().filter(|&&byte| byte == b'\n').count())
/// }
///
/// # let path = std::env::temp_dir().join(format!("baremap-{}-contents", std::process::id()));
/// # std::fs::write(&path, "one\ntwo\n").unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// assert_eq!(count_lines(&file)?, 2);
/// # Ok::<_, Error>(())
/// ```
#[doc(alias = "MemoryBuffer")]
#[doc(alias = "read_to_end")]
#[doc(alias = "slurp")]
#[must_use = "it is unmapped when it is dropped"]
pub struct Contents {
    memory: Memory,
    len: usize,
    /// Whether the byte after the contents is 0 and readable.
    has_nul: bool,
}

enum Memory {
    /// The file's. Or fresh memory: it is longer than the contents, as the last read found room and nothing to put there.
    Mapped(Mapping),
    #[cfg(feature = "alloc")]
    Heap(Vec<u8>),
}

impl Contents {
    const EMPTY: Self = Self { memory: Memory::Mapped(Mapping::EMPTY), len: 0, has_nul: false };

    /// Reads a file to its end, safely, whatever other processes do to the file.
    ///
    /// The file is a [`&File`](crate::File), a [`FileRef`](crate::FileRef), or with feature `std` a reference to anything
    /// that lends its descriptor or handle, such as `std::fs::File` and `std::io::Stdin`. The position of a regular file is
    /// neither used nor moved; a pipe or terminal is read from where it is, to its end.
    ///
    /// A file of 1 MiB or more is mapped instead, by [`Mmap::map_sealed`], if the system protects it from changes.
    ///
    /// With feature `alloc` a file that reports less than 8 MiB is read to the heap. Otherwise the memory is a separate
    /// mapping, with huge pages where [`Advice::HugePage`](crate::Advice::HugePage) has an effect. If no length is
    /// reported, as by a pipe, the mapping is up to twice as long as the contents; its unused pages are not resident.
    ///
    /// **Platform notes**
    /// - Linux: [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html), then
    ///   [`pread64`](https://man7.org/linux/man-pages/man2/pread.2.html), or
    ///   [`read`](https://man7.org/linux/man-pages/man2/read.2.html) for files without offsets. A file opened with
    ///   `O_DIRECT` can be read if its block device has blocks of at most 4096 bytes. A file with fs-verity is mapped,
    ///   and an error of its device raises SIGBUS.
    /// - Other Unix: `mmap`, `pread`, `read`. On macOS a [`File::memory`](crate::File::memory) cannot be read; map it.
    /// - Windows: [`VirtualAlloc`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc),
    ///   [`ReadFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile). The memory counts
    ///   against the commit limit.
    ///
    /// # Errors
    /// After a failure the bytes read so far are lost, also those of a pipe.
    /// - [`NotMappable`](ErrorKind::NotMappable): a directory.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory), [`TooLong`](ErrorKind::TooLong): the file does not fit into memory or
    ///   address space. An endless device, such as `/dev/zero`, is read until then: see
    ///   [`max_len`](ContentsOptions::max_len).
    /// - [`WouldBlock`](ErrorKind::WouldBlock): a non-blocking pipe is empty.
    /// - Other errors of reading the file.
    ///
    /// # Examples
    ///
    /// See [`Contents`].
    pub fn read<'f>(file: impl AsFileRef<'f>) -> Result<Self, Error> {
        Self::options().read(file)
    }

    /// Maps a file, or reads it where it cannot be mapped.
    ///
    /// A mapped file takes no memory of its own, and pages that are not used are not read. With feature `alloc` a file
    /// of less than 64 KiB is read nevertheless, which is faster. Otherwise it is as [`read`](Self::read).
    ///
    /// **Platform notes**
    /// As [`Mmap::map`], and as `read`.
    ///
    /// # Errors
    /// As `read`.
    ///
    /// # Safety
    /// While the contents live, as for [`Mmap::map`]:
    /// - Nothing changes or truncates the file: see [safety](crate#safety).
    /// - The file has the length that its file system reports, and the device can serve it.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-contents-map", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{Contents, File};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody changes the file while it is mapped.
    /// let contents = unsafe { Contents::map(&file)? };
    /// assert_eq!(&contents[..], b"[package]");
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub unsafe fn map<'f>(file: impl AsFileRef<'f>) -> Result<Self, Error> {
        // SAFETY: the caller's promise.
        unsafe { Self::options().map(file) }
    }

    /// Returns the default options: no limit, and no NUL.
    ///
    /// # Examples
    ///
    /// See [`ContentsOptions`].
    pub const fn options() -> ContentsOptions {
        ContentsOptions { max_len: usize::MAX, nul_terminated: false }
    }

    /// Returns the bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(baremap::Contents::default().bytes(), b"");
    /// ```
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes are mapped and readable while `self` lives. Fresh memory is ours, and was last written before
        // this was made; a file does not change by the system's or the caller's promise.
        unsafe { slice::from_raw_parts(self.as_ptr(), self.len) }
    }

    /// Returns the bytes with the NUL of [`nul_terminated`](ContentsOptions::nul_terminated), if requested.
    ///
    /// # Examples
    ///
    /// See [`nul_terminated`](ContentsOptions::nul_terminated).
    #[doc(alias = "to_bytes_with_nul")]
    pub fn bytes_with_nul(&self) -> Option<&[u8]> {
        // SAFETY: as in `bytes`; the byte after them belongs to the same mapping, and the same is promised of it.
        self.has_nul.then(|| unsafe { slice::from_raw_parts(self.as_ptr(), self.len + 1) })
    }

    /// Returns whether the bytes are a mapping of the file, and not a copy.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!baremap::Contents::default().is_mapped());
    /// ```
    pub fn is_mapped(&self) -> bool {
        matches!(&self.memory, Memory::Mapped(mapping) if self.len != 0 && self.len == mapping.len())
    }

    #[inline]
    fn as_ptr(&self) -> *const u8 {
        match &self.memory {
            Memory::Mapped(mapping) => mapping.as_ptr(),
            #[cfg(feature = "alloc")]
            Memory::Heap(vec) => vec.as_ptr(),
        }
    }
}

/// Options for reading [`Contents`].
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("baremap-{}-contents-options", std::process::id()));
/// # std::fs::write(&path, "[package]").unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{Contents, ErrorKind, File};
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// assert_eq!(Contents::options().max_len(9).read(&file)?.len(), 9);
/// assert_eq!(Contents::options().max_len(8).read(&file).unwrap_err().kind(), ErrorKind::TooLong);
/// # Ok::<_, baremap::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is read before `read` or `map`"]
pub struct ContentsOptions {
    max_len: usize,
    nul_terminated: bool,
}

impl ContentsOptions {
    /// Sets the greatest length in bytes; a longer file fails with [`TooLong`](ErrorKind::TooLong).
    ///
    /// There is no limit by default. With a limit, an endless pipe or device fails too, after taking at most twice as
    /// much memory.
    ///
    /// # Examples
    ///
    /// See [`ContentsOptions`].
    pub const fn max_len(self, max_len: usize) -> Self {
        Self { max_len, ..self }
    }

    /// Adds a 0 byte after the contents, which is not part of them.
    ///
    /// It is for scanners and C functions that stop at a NUL: see [`Contents::bytes_with_nul`]. A file that would be
    /// mapped is read instead if its length is a multiple of the page size, as no byte follows it in the mapping then.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-contents-nul", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{Contents, File};
    /// use core::ffi::CStr;
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let contents = Contents::options().nul_terminated().read(&file)?;
    /// assert_eq!(contents.len(), 9);
    /// let text = contents.bytes_with_nul().unwrap_or_default();
    /// assert_eq!(CStr::from_bytes_with_nul(text), Ok(c"[package]"));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub const fn nul_terminated(self) -> Self {
        Self { nul_terminated: true, ..self }
    }

    /// Reads a file with these options, as [`Contents::read`] does.
    ///
    /// # Errors
    /// As `Contents::read`, and [`TooLong`](ErrorKind::TooLong): the file is longer than [`max_len`](Self::max_len).
    ///
    /// # Examples
    ///
    /// See [`ContentsOptions`].
    pub fn read<'f>(self, file: impl AsFileRef<'f>) -> Result<Contents, Error> {
        let file = file.into();
        let len = reported_len(file.raw);
        if len >= SEALED {
            // What is not sealed, or cannot be mapped, is read.
            if let Some(contents) = Mmap::new(file).map_sealed().ok().and_then(|mapping| self.mapped(mapping))
            {
                return contents;
            }
        }
        self.read_to_heap(file.raw, len, HEAP).map_or_else(|| self.read_to_memory(file.raw, len), Ok)
    }

    /// Maps a file with these options, as [`Contents::map`] does.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Safety
    /// As `Contents::map`. With [`nul_terminated`](Self::nul_terminated), nothing extends the file either, or writes
    /// past its end through a mapping.
    ///
    /// # Examples
    ///
    /// See [`Contents::map`].
    pub unsafe fn map<'f>(self, file: impl AsFileRef<'f>) -> Result<Contents, Error> {
        let file = file.into();
        let len = reported_len(file.raw);
        if let Some(contents) = self.read_to_heap(file.raw, len, LARGE) {
            return Ok(contents);
        }
        // SAFETY: the caller's promise.
        let mapping = unsafe { Mmap::new(file).map() };
        // What cannot be mapped may still be readable; if not, reading reports why.
        mapping
            .ok()
            .and_then(|mapping| self.mapped(mapping))
            .unwrap_or_else(|| self.read_to_memory(file.raw, len))
    }

    /// Returns contents that are a mapped file, or their error; or `None` if the file must be read.
    fn mapped(self, mapping: Mapping) -> Option<Result<Contents, Error>> {
        let len = mapping.len();
        if len > self.max_len {
            return Some(Err(too_long()));
        }
        let can_be_used = len != 0 && (!self.nul_terminated || has_nul(&mapping));
        let memory = Memory::Mapped(mapping);
        can_be_used.then_some(Ok(Contents { memory, len, has_nul: self.nul_terminated }))
    }
}

/// Returns the length that a file reports, in bytes; 0 if it reports none. If the query fails, reading reports why.
fn reported_len(file: RawFile) -> usize {
    Sys::stat(file).map_or(0, |status| usize::try_from(status.len).unwrap_or(usize::MAX))
}

fn too_long() -> Error {
    Error::new(Call::Read, ErrorKind::TooLong)
}

/// Returns whether a byte 0 follows a mapped file in its last page.
fn has_nul(mapping: &Mapping) -> bool {
    let end = mapping.as_ptr().wrapping_add(mapping.len());
    // SAFETY: the rest of a page is mapped too. Past the end of a file it reads as zeros, unless a process has written there
    // through a mapping of its own.
    end.addr() % Sys::page_size() != 0 && unsafe { end.read_volatile() } == 0
}

/// Returns empty contents.
impl Default for Contents {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for Contents {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

impl AsRef<[u8]> for Contents {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

/// Shows the length, and whether it is mapped, not the bytes, which may be secret.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("len", &self.len).field("is_mapped", &self.is_mapped()).finish()
    }
}
