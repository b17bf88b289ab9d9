//! Safe access to a file that other processes may change at any time.
//!
//! A `View` lends no slice and no pointer: it copies, and checks the copy before it returns. With the fault guard a
//! copy that meets the end of a truncated file, or a failing device, ends early instead of raising a signal. The
//! missing and the doubtful bytes are then read from the file: only `read` distinguishes data, the end of the file and
//! an error.

use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::file::{File, FileRef};
use crate::mapping::RawMapping;
use crate::mapping::residency::Resident;
use crate::mmap::Mmap;
use crate::options::{Advice, Prot};
use crate::sys::contract::FileKind;
use crate::sys::{Sys, System, fault};
use core::fmt;
use core::ops::RangeBounds;

/// No system has smaller pages.
const LEAST_PAGE_SIZE: usize = 4096;

/// A mapped file for safe access, whatever other processes do to the file.
///
/// [`read_at`](Self::read_at) has the results of reading the file: data, a short count at the end, or an error. It
/// never raises a signal. Once [`guard::install`](crate::guard::install) was called, it copies from the mapping, many
/// times faster than a system call; without the guard it reads.
///
/// [`Mmap::view`] makes one that borrows its file, [`File::into_view`] one that owns it.
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("baremap-{}-view", std::process::id()));
/// # std::fs::write(&path, "[package]").unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{ErrorKind, File, Mmap};
/// let file = File::open_rw(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// let view = Mmap::new(&file).view()?;
/// let mut start = [0; 4];
/// assert_eq!(view.read_at(&mut start, 1)?, 4);
/// assert_eq!(&start, b"pack");
///
/// # // A system that truncates no mapped file.
/// # if file.set_len(3).is_err_and(|error| error.kind() == ErrorKind::Busy) { return Ok(()) }
/// file.set_len(3)?;
/// assert_eq!(view.read_at(&mut start, 1)?, 2);
/// assert_eq!(view.read_at(&mut start, 5).unwrap_err().kind(), ErrorKind::Truncated);
/// # Ok::<_, baremap::Error>(())
/// ```
#[must_use = "it is unmapped when it is dropped"]
pub struct View<'f> {
    mapping: RawMapping,
    file: FileRef<'f>,
    /// The offset in the file of the mapping's first byte.
    offset: u64,
    /// Keeps `file` open, unless it is borrowed.
    owner: Option<File>,
}

impl<'f> Mmap<'f> {
    /// Maps the file for safe access, whatever other processes do to it.
    ///
    /// The permissions of the request are ignored: a [`View`] only reads.
    ///
    /// **Platform notes**
    /// As [`map`](Self::map).
    ///
    /// # Errors
    /// As `map`, and:
    /// - [`NotMappable`](ErrorKind::NotMappable): a device other than a block device, as its mapping and its reads may
    ///   differ.
    /// - [`Unsupported`](ErrorKind::Unsupported): on Windows, [`SharedMemory`](crate::SharedMemory), which cannot be read.
    ///
    /// # Examples
    ///
    /// See [`View`].
    #[inline]
    pub fn view(self) -> Result<View<'f>, Error> {
        let (file, offset, len) = self.source();
        if file.is_section() {
            return Err(Error::new(Call::View, ErrorKind::Unsupported));
        }
        // Without a length a device is refused anyway.
        if len.is_some() && Sys::stat(file.as_raw())?.kind != FileKind::Regular {
            return Err(Error::new(Call::View, ErrorKind::NotMappable));
        }
        Ok(View { mapping: self.prot(Prot::READ).map_raw()?, file, offset, owner: None })
    }
}

impl File {
    /// Maps the file for safe access, and keeps it open while the view lives.
    ///
    /// `request` chooses the part to map: `|mmap| mmap` maps all of it.
    ///
    /// # Errors
    /// As [`Mmap::map`]. The error returns the file.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-into-view", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, View};
    /// struct Index {
    ///     view: View<'static>,
    /// }
    /// let index = Index { view: File::open(path)?.into_view(|mmap| mmap.offset(1))? };
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// assert_eq!(index.view.len(), 8);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn into_view(
        self,
        request: impl FnOnce(Mmap<'_>) -> Mmap<'_>,
    ) -> Result<View<'static>, Refused<Self>> {
        // SAFETY: the view keeps the file open.
        let file = unsafe { FileRef::borrow_raw(self.0) };
        match request(Mmap::new(file)).view() {
            Ok(View { mapping, file, offset, .. }) => Ok(View { mapping, file, offset, owner: Some(self) }),
            Err(error) => Err(Refused::new(self, error)),
        }
    }
}

impl View<'_> {
    /// Reads at most `buffer.len()` bytes at `offset` in the view, and returns how many were read.
    ///
    /// It returns 0 only at the end of the view, whose length is fixed when it is made. If the file was truncated
    /// since, a read that reaches the file's end is short, and a read past the end fails. If an error occurs after some
    /// bytes, the call returns these, and the next call reports the error.
    ///
    /// If a page is truncated and written again during the read, some of its bytes may read as zeros; `read` has the
    /// same race. With the guard, the rest of the file's last page counts as data if a process has written to it
    /// through a mapping, past the end of the file.
    ///
    /// **Platform notes**
    /// - With the guard installed no call is made, unless memory is missing, or the copy ends in zeros at the end of a
    ///   page, which may be the rest of the last page of a truncated file.
    /// - Otherwise as [`File::read_at`]. On Linux, reads of a file opened with `O_DIRECT` must then be aligned as it
    ///   requires, or they fail with [`InvalidInput`](ErrorKind::InvalidInput).
    ///
    /// # Errors
    /// - [`Truncated`](ErrorKind::Truncated): the file ends at or before the offset.
    /// - Other errors of reading the file, such as [`Io`](ErrorKind::Io).
    ///
    /// # Examples
    ///
    /// See [`View`].
    #[doc(alias = "pread")]
    #[inline]
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let Some(start) = usize::try_from(offset).ok().filter(|&start| start < self.len()) else {
            return Ok(0);
        };
        let len = buffer.len().min(self.len() - start);
        let mut copied = 0;
        if Sys::is_guard_installed() {
            let source = self.address(start);
            // SAFETY: `buffer` is writable, and the source lies in the mapping.
            copied = unsafe { fault::copy(buffer.as_mut_ptr(), source, len) };
            // As `certain` says, for a copy within one page. Most end here, which is twice as fast.
            let last = copied.wrapping_sub(1);
            let is_in_page = source.addr() ^ source.addr().wrapping_add(last) < LEAST_PAGE_SIZE;
            if copied == len && is_in_page && buffer.get(last).is_some_and(|&byte| byte != 0) {
                return Ok(len);
            }
        }
        self.complete(buffer, start, len, copied)
    }

    /// Reads the bytes of a copy from `start` that are not certain.
    #[cold]
    fn complete(&self, buffer: &mut [u8], start: usize, len: usize, copied: usize) -> Result<usize, Error> {
        let done = self.certain(buffer.get(..copied).unwrap_or_default(), start);
        if done == len {
            return Ok(len);
        }
        // SAFETY: the rest of `buffer` is writable. The offset is one of the file's, which were checked when it was mapped.
        let read = unsafe {
            let offset = self.offset + (start + done) as u64;
            Sys::read(self.file.as_raw(), buffer.as_mut_ptr().add(done), len - done, Some(offset))
        };
        match read {
            Ok(0) if done == 0 => Err(Error::new(Call::ReadAt, ErrorKind::Truncated)),
            Ok(read) => Ok(done + read),
            // As of `read`, what came before the error comes first.
            Err(_) if done != 0 => Ok(done),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Returns how many bytes of a copy from `start` are certain: all before the zeros at the end of a file's last
    /// page.
    ///
    /// Such zeros reach to the end of their page. So a page whose last byte is not 0 has none.
    fn certain(&self, copied: &[u8], start: usize) -> usize {
        let page_size = Sys::page_size();
        let mut done = 0;
        while done < copied.len() {
            let page_end = done + page_size - (self.address(start + done).addr() & (page_size - 1));
            let mut end = copied.len().min(page_end);
            let is_zero_before = |end| copied.get(end - 1) == Some(&0);
            if is_zero_before(end) && self.is_zero(self.address(start + page_end - 1)) {
                while end > done && is_zero_before(end) {
                    end -= 1;
                }
                return end;
            }
            done = end;
        }
        done
    }

    /// Returns whether a byte of the mapping's pages is 0 or gone.
    fn is_zero(&self, address: *const u8) -> bool {
        let mut byte = 0;
        // SAFETY: `byte` is writable, and a mapping has whole pages.
        unsafe { fault::copy(&raw mut byte, address, 1) };
        byte == 0
    }

    fn address(&self, offset: usize) -> *const u8 {
        self.mapping.as_ptr().wrapping_add(offset)
    }

    /// Returns the length in bytes, which does not change.
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Returns whether the length is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Advises the system how the file will be read.
    ///
    /// **Platform notes**
    /// As [`Mapping::advise`](crate::Mapping::advise).
    ///
    /// # Errors
    /// Any error of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-view-advise", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{Advice, File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// Mmap::new(&file).view()?.advise(Advice::Random)?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn advise(&self, advice: Advice) -> Result<(), Error> {
        self.mapping.advise(advice)
    }

    /// Makes every page resident and locks it, until the view is dropped or the file truncated.
    ///
    /// **Platform notes**
    /// As [`Mapping::lock`](crate::Mapping::lock).
    ///
    /// # Errors
    /// As [`Mapping::lock`](crate::Mapping::lock).
    ///
    /// # Examples
    ///
    /// See [`Mapping::lock`](crate::Mapping::lock).
    pub fn lock(&self) -> Result<(), Error> {
        self.mapping.lock()
    }

    /// Unlocks the pages, so that the system may evict them.
    ///
    /// # Errors
    /// As [`Mapping::unlock`](crate::Mapping::unlock).
    ///
    /// # Examples
    ///
    /// See [`Mapping::unlock`](crate::Mapping::unlock).
    pub fn unlock(&self) -> Result<(), Error> {
        self.mapping.unlock()
    }

    /// Returns which pages of a range are resident, and how many bytes.
    ///
    /// # Errors
    /// As [`Mapping::resident`](crate::Mapping::resident).
    ///
    /// # Examples
    ///
    /// See [`Mapping::resident`](crate::Mapping::resident).
    pub fn resident(&self, range: impl RangeBounds<usize>) -> Result<Resident<'_>, Error> {
        self.mapping.resident(range)
    }

    /// Makes the pages of a range resident, or reports why they cannot be.
    ///
    /// # Errors
    /// As [`Mapping::populate_read`](crate::Mapping::populate_read).
    ///
    /// # Examples
    ///
    /// See [`Mapping::populate_read`](crate::Mapping::populate_read).
    pub fn populate_read(&self, range: impl RangeBounds<usize>) -> Result<(), Error> {
        self.mapping.populate_read(range)
    }
}

/// Shows the file, the offset and the length, not the contents.
impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("file", &self.file)
            .field("offset", &self.offset)
            .field("len", &self.len())
            .field("is_owned", &self.owner.is_some())
            .finish()
    }
}
