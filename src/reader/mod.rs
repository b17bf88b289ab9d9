//! Reads a whole file in chunks, or maps it if the caller promises that it does not change.
//!
//! Reading is the default because it is safe and, for a whole file, about as fast: memory is the limit, and a piece
//! that was just read lies in the processor's cache. No reported length is trusted: files grow and shrink, and some
//! file systems report a wrong one. Only a read that returns no bytes is the end. `load.rs` reads and maps, `trial.rs`
//! chooses between both.

mod load;
mod trial;

use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::file::FileRef;
use crate::file::borrowed::AsFileRef;
use crate::mapping::Mapping;
use crate::search::for_each_index_of;
#[cfg(feature = "std")]
use crate::sys::{Sys, System, contract::FileKind};
use alloc::vec::Vec;
use core::fmt;
use trial::Trial;

/// The length of mapped chunks in bytes, unless the caller sets another. From 4 MiB on the length made no difference
/// (`ci/bench/run curve`), and below the huge page of 2 MiB a factor of three. This leaves some room, and does not fill the
/// address space of a small machine.
const CHUNK_LEN: usize = 16 << 20;

/// Reads a whole file in chunks, with bounded memory.
///
/// It reads regular files, pipes, terminals, devices, files of `/proc`, and files opened with `O_DIRECT`. It reads
/// until there is no more, whatever length was reported: it also reads appended data, and ends earlier if the file is
/// truncated. All bytes before an error are returned before the error. [`mapped`](Self::mapped) maps large regular
/// files instead.
///
/// With feature `std` it is `Read`, `BufRead` and `Seek`, as `std::io::BufReader` is. A seek inside the current chunk
/// keeps the chunk. A seek on a pipe or terminal always fails with [`NotSeekable`](ErrorKind::NotSeekable).
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("baremap-{}-reader", std::process::id()));
/// # std::fs::write(&path, "one\ntwo\nthree").unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{Error, File, Reader};
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// let mut lines = 0;
/// let bytes = Reader::new(&file).records(b'\n', |line| {
///     lines += 1;
///     assert!(!line.contains(&b'\n'));
///     Ok::<_, Error>(())
/// })?;
/// assert_eq!((lines, bytes), (3, 13));
/// # Ok::<_, Error>(())
/// ```
pub struct Reader<'f> {
    file: FileRef<'f>,
    chunk_len: usize,
    /// Chunks are mapped up to this offset: 0 if none are, `UNASKED` if the file's length is not known yet.
    map_to: u64,
    source: Source,
    /// The offset at which the next chunk or piece starts.
    next: u64,
    /// The current chunk, if it is mapped. Otherwise the current piece is `buffer[start..][..len]`.
    mapping: Mapping,
    buffer: Buffer<'f>,
    start: usize,
    len: usize,
    /// How much of the current chunk or piece was consumed.
    consumed: usize,
    /// How much was mapped and read since the start or the last seek; pieces grow with it.
    done: u64,
    /// Whether a mapped reader goes on mapping.
    trial: Trial,
}

/// Where pieces are read to. Only the capacity is used; the vector is empty.
enum Buffer<'f> {
    Own(Vec<u8>),
    Lent(&'f mut Vec<u8>),
}

impl Buffer<'_> {
    fn vec(&self) -> &Vec<u8> {
        match self {
            Self::Own(vec) => vec,
            Self::Lent(vec) => vec,
        }
    }

    fn vec_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Own(vec) => vec,
            Self::Lent(vec) => vec,
        }
    }
}

const UNASKED: u64 = u64::MAX;

/// The greatest offset that a system takes.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// How the file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Not read yet.
    Unknown,
    /// At offsets.
    File,
    /// At the stream's position.
    Stream,
}

impl<'f> Reader<'f> {
    /// Reads a file from its start.
    ///
    /// The file is a [`&File`](crate::File), a [`FileRef`], or with feature `std` a reference to anything that lends its
    /// descriptor or handle, such as `std::fs::File` and `std::io::Stdin`. The position of a regular file is neither used
    /// nor moved; a pipe or terminal is read from where it is.
    ///
    /// It reads pieces of 64 KiB, later of up to 1 MiB, into a buffer aligned to 4096 bytes.
    ///
    /// **Platform notes**
    /// - Linux: [`pread64`](https://man7.org/linux/man-pages/man2/pread.2.html), and
    ///   [`read`](https://man7.org/linux/man-pages/man2/read.2.html) for files without offsets. A file opened with
    ///   `O_DIRECT` can be read if its block device has blocks of at most 4096 bytes.
    /// - Other Unix: `pread`, `read`.
    /// - Windows: [`ReadFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile).
    ///
    /// # Examples
    ///
    /// See [`Reader`].
    pub fn new(file: impl AsFileRef<'f>) -> Self {
        Self {
            file: file.into(),
            chunk_len: CHUNK_LEN,
            map_to: 0,
            source: Source::Unknown,
            next: 0,
            mapping: Mapping::EMPTY,
            buffer: Buffer::Own(Vec::new()),
            start: 0,
            len: 0,
            consumed: 0,
            done: 0,
            trial: Trial::NEW,
        }
    }

    /// Reads a file from its start, into a buffer that later readers can use again.
    ///
    /// Otherwise it is as [`new`](Self::new), which allocates a buffer for each reader. It clears the vector and uses
    /// its capacity, which grows as the longest file requires, to little more than 1 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = |i| std::env::temp_dir().join(format!("baremap-{}-buffer-{i}", std::process::id()));
    /// # let paths: Vec<_> = (0..3).map(path).collect();
    /// # for path in &paths { std::fs::write(path, "one\ntwo\n").unwrap(); }
    /// # let paths: Vec<_> =
    /// #     paths.iter().map(|path| std::ffi::CString::new(path.to_str().unwrap()).unwrap()).collect();
    /// use baremap::{Error, File, Reader};
    /// let mut buffer = Vec::new();
    /// let mut lines = 0;
    /// for path in &paths {
    ///     let file = File::open(path.as_c_str())?;
    ///     Reader::with_buffer(&file, &mut buffer).records(b'\n', |_| {
    ///         lines += 1;
    ///         Ok::<_, Error>(())
    ///     })?;
    /// }
    /// # for path in &paths { std::fs::remove_file(path.to_str().unwrap()).unwrap(); }
    /// assert_eq!(lines, 6);
    /// # Ok::<_, Error>(())
    /// ```
    #[doc(alias = "with_capacity")]
    pub fn with_buffer(file: impl AsFileRef<'f>, buffer: &'f mut Vec<u8>) -> Self {
        buffer.clear();
        Self { buffer: Buffer::Lent(buffer), ..Self::new(file) }
    }

    /// Maps the chunks of a large regular file instead of reading them.
    ///
    /// It still reads files that cannot be mapped, are not regular, or have at most 1 MiB, and bytes appended after the
    /// first chunk was loaded.
    ///
    /// **Platform notes**
    /// - Linux: if the pages of a file came into the page cache one by one, reading is often faster. So if a chunk has
    ///   many page faults, the next 6 MiB are read, and the faster way by CPU time is used for the next part of the
    ///   file ([`getrusage`][getrusage], [`clock_gettime`][clock]).
    ///
    /// [getrusage]: https://man7.org/linux/man-pages/man2/getrusage.2.html
    /// [clock]: https://man7.org/linux/man-pages/man2/clock_gettime.2.html
    ///
    /// # Safety
    /// Until the reader is dropped or has reached the end:
    /// - Nothing changes or truncates the file: see [safety](crate#safety).
    /// - The file has the length that its file system reports, and the device can serve it.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-mapped", std::process::id()));
    /// # std::fs::write(&path, vec![b'a'; 3 << 20]).unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{Error, File, Reader};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody else knows of the file.
    /// let reader = unsafe { Reader::new(&file).mapped() };
    /// let read = reader.chunk_len(1 << 20).for_each(|chunk| {
    ///     assert_eq!(chunk.len(), 1 << 20);
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(read, 3 << 20);
    /// # Ok::<_, Error>(())
    /// ```
    #[must_use]
    pub unsafe fn mapped(self) -> Self {
        Self { map_to: UNASKED, ..self }
    }

    /// Sets the greatest length of a chunk in bytes, 16 MiB by default.
    ///
    /// A mapped chunk has this length, except for the last one. A chunk that is read has at most 1 MiB; from a pipe, it
    /// has the bytes that the pipe holds. 0 counts as 1. One chunk is mapped at a time; a buffer has at least 4096
    /// bytes.
    #[must_use]
    pub fn chunk_len(self, chunk_len: usize) -> Self {
        Self { chunk_len: chunk_len.max(1), ..self }
    }

    /// Sets the offset in the file, in bytes, at which to start.
    ///
    /// An offset past the end reads as the end. For a pipe or terminal, any offset but 0 makes the first read fail with
    /// [`NotSeekable`](ErrorKind::NotSeekable).
    #[must_use]
    pub fn offset(self, offset: u64) -> Self {
        // What was read before is at another offset.
        Self {
            next: offset,
            source: Source::Unknown,
            mapping: Mapping::EMPTY,
            start: 0,
            len: 0,
            consumed: 0,
            ..self
        }
    }

    /// Calls `f` with each chunk until the end of the file, and returns the number of bytes.
    ///
    /// Each chunk is unmapped before the next one is mapped, and the last one at the end.
    ///
    /// # Errors
    /// - The first error that `f` returns, which stops the loop.
    /// - Errors of the system if reading fails, after `f` was called with all bytes before. For a directory it is
    ///   [`NotMappable`](ErrorKind::NotMappable).
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory for a buffer of 4096 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-for-each", std::process::id()));
    /// # std::fs::write(&path, vec![b'a'; 12345]).unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{Error, File, Reader};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let mut sum = 0;
    /// let read = Reader::new(&file).chunk_len(100).for_each(|chunk| {
    ///     assert!(chunk.len() <= 100);
    ///     sum += chunk.len() as u64;
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!((read, sum), (12345, 12345));
    /// # Ok::<_, Error>(())
    /// ```
    pub fn for_each<E: From<Error>>(mut self, mut f: impl FnMut(&[u8]) -> Result<(), E>) -> Result<u64, E> {
        let mut read = 0;
        loop {
            let chunk = self.fill()?;
            if chunk.is_empty() {
                return Ok(read);
            }
            let len = chunk.len();
            f(chunk)?;
            read += len as u64;
            self.consume(len);
        }
    }

    /// Calls `f` with each record, and returns the number of bytes read.
    ///
    /// A record is passed without its delimiter. Bytes after the last delimiter are a record too. A record that spans
    /// chunks is copied to a buffer, which grows with the longest such record.
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each), and [`OutOfMemory`](ErrorKind::OutOfMemory) for a record that does not fit into memory.
    ///
    /// # Examples
    ///
    /// See [`Reader`].
    #[doc(alias = "lines")]
    #[doc(alias = "split")]
    pub fn records<E: From<Error>>(
        self,
        delimiter: u8,
        mut f: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut spanning = Vec::new();
        let append = |spanning: &mut Vec<u8>, part: &[u8]| {
            let reserved = spanning.try_reserve(part.len());
            reserved.map_err(|_| Error::new(Call::Records, ErrorKind::OutOfMemory))?;
            spanning.extend_from_slice(part);
            Ok::<_, Error>(())
        };
        let read = self.for_each(|chunk| {
            let mut start = 0;
            for_each_index_of(delimiter, chunk, |end| {
                let part = chunk.get(start..end).unwrap_or_default();
                start = end + 1;
                if spanning.is_empty() {
                    return f(part);
                }
                append(&mut spanning, part)?;
                f(&spanning)?;
                spanning.clear();
                Ok(())
            })?;
            Ok::<_, E>(append(&mut spanning, chunk.get(start..).unwrap_or_default())?)
        })?;
        if !spanning.is_empty() {
            f(&spanning)?;
        }
        Ok(read)
    }

    /// Returns the rest of the current chunk, or the next one if nothing is left; it is empty at the end of the file.
    pub(crate) fn fill(&mut self) -> Result<&[u8], Error> {
        if self.consumed == self.piece().len() {
            self.load()?;
        }
        let rest = self.piece().get(self.consumed..).unwrap_or_default();
        Ok(rest.get(..self.chunk_len).unwrap_or(rest))
    }

    /// Skips bytes that [`fill`](Self::fill) returned.
    pub(crate) fn consume(&mut self, len: usize) {
        self.consumed = self.piece().len().min(self.consumed.saturating_add(len));
    }

    /// Returns the offset of the first byte that was not consumed.
    pub(crate) fn position(&self) -> u64 {
        self.next - (self.piece().len() - self.consumed) as u64
    }

    /// Fails with `NotSeekable` if the file has no offsets, as found once by a read of no bytes.
    #[cfg(feature = "std")]
    pub(crate) fn check_seekable(&mut self) -> Result<(), Error> {
        if self.source == Source::Unknown {
            // SAFETY: no byte is written.
            let result = unsafe { Sys::read(self.file.raw, self.buffer.vec_mut().as_mut_ptr(), 0, Some(0)) };
            self.source = match result.map_err(Error::from) {
                Ok(_) => Source::File,
                Err(error) if error.kind() == ErrorKind::NotSeekable => Source::Stream,
                Err(error) => return Err(error),
            };
        }
        match self.source {
            Source::Stream => Err(Error::new(Call::Seek, ErrorKind::NotSeekable)),
            _ => Ok(()),
        }
    }

    /// Continues at another offset of a seekable file; keeps the current chunk if it contains that offset or ends there.
    #[cfg(feature = "std")]
    pub(crate) fn set_position(&mut self, offset: u64) -> Result<(), Error> {
        let len = self.piece().len();
        match offset.checked_sub(self.next - len as u64).map(usize::try_from) {
            Some(Ok(consumed)) if consumed <= len => self.consumed = consumed,
            _ => {
                self.unload()?;
                self.next = offset;
                self.done = 0;
            }
        }
        Ok(())
    }

    /// Continues at a distance from the file's present end, and returns the offset. The current chunk is dropped, as
    /// the file may have been truncated since.
    #[cfg(feature = "std")]
    pub(crate) fn set_position_from_end(&mut self, distance: i64) -> Result<u64, Error> {
        let fail = |kind| Err(Error::new(Call::Seek, kind));
        let status = Sys::stat(self.file.raw)?;
        let end = match (status.kind, status.len) {
            (FileKind::Regular, len) | (FileKind::Device, len @ 1..) => len,
            _ => return fail(ErrorKind::NotSeekable),
        };
        let Some(offset) = end.checked_add_signed(distance).filter(|&offset| offset <= MAX_OFFSET) else {
            return fail(ErrorKind::InvalidInput);
        };
        self.unload()?;
        self.next = offset;
        self.done = 0;
        Ok(offset)
    }
}

/// Shows the file, the position and the chunk length, not the contents, which may be secret.
impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("file", &self.file)
            .field("position", &self.position())
            .field("chunk_len", &self.chunk_len)
            .finish_non_exhaustive()
    }
}
