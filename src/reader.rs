//! A whole file in chunks: read, or mapped for those who promise that nobody changes it.
//!
//! Reading is the default because it is safe and, from end to end, about as fast: what costs the time is memory, and a
//! piece that was just read lies in the processor's cache. It trusts no length that was reported: files grow and shrink,
//! and some file systems lie. Only a read that returns no bytes is the end.

use crate::error::{Call, Error, ErrorKind};
use crate::file::FileRef;
use crate::mapping::Mapping;
use crate::mmap::Mmap;
use crate::sys::{self, FileKind};
use alloc::vec::Vec;
use core::{fmt, mem, slice};

/// Mapped chunks are this long, in bytes, unless the caller says otherwise. From 4 MiB on the length made no difference to
/// the speed (`ci/bench`, `curve`), and below the huge page of 2 MiB it made one of three; this leaves some room, and
/// does not fill the address space of a small machine.
const CHUNK_LEN: usize = 16 << 20;

/// A file of up to this many bytes is read even if it may be mapped: to copy so much cost less than to map it, fault it
/// in and unmap it (`ci/bench`, `curve`: a thirteenth at 4 KiB, three quarters at 1 MiB, but twice as much at 2 MiB, which
/// a huge page maps).
const SMALL: u64 = 1 << 20;

/// The first piece that is read has this many bytes, as many as a pipe holds. A small file then costs no more memory.
const FIRST_PIECE: usize = 64 << 10;

/// Pieces grow to this many bytes: reading 1 GiB in them took three quarters of the time that pieces of 256 KiB took,
/// and pieces of 2 MiB gained little more.
const PIECE: usize = 1 << 20;

/// Pieces are read to addresses that are multiples of this, from offsets and in lengths that are too: what `O_DIRECT` wants,
/// and on some processors a copy to another address takes almost twice as long.
const ALIGN: usize = 4096;

/// A whole file in chunks, with bounded address space and memory, however long it is.
///
/// It reads everything that can be read: regular files, pipes, terminals, devices, files of /proc, files opened with
/// `O_DIRECT`. It reads to the end that reading finds, whatever length was reported: what is appended meanwhile is read,
/// and if the file is truncated, the end comes earlier. An error comes after all that was read before it.
/// [`mapped`](Self::mapped) maps large regular files instead.
///
/// With feature `std` it is `Read`, `BufRead` and `Seek`, as `std::io::BufReader` is. A seek to within the current chunk
/// keeps the chunk. A seek of a pipe or terminal fails with [`NotSeekable`](ErrorKind::NotSeekable), also before the first
/// read.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), baremap::Error> {
/// use baremap::{Error, File, Reader};
/// # let path = std::env::temp_dir().join(format!("baremap-{}-reader", std::process::id()));
/// # std::fs::write(&path, "one\ntwo\nthree").unwrap();
/// # let path = &std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// let mut lines = 0;
/// let bytes = Reader::new(&file).records(b'\n', |line| {
///     lines += 1;
///     assert!(!line.contains(&b'\n'));
///     Ok::<_, Error>(())
/// })?;
/// assert_eq!((lines, bytes), (3, 13));
/// # Ok(())
/// # }
/// ```
pub struct Reader<'a> {
    file: FileRef<'a>,
    chunk_len: usize,
    /// Chunks are mapped up to this offset: 0 if none is, `UNASKED` if that is to be found out.
    map_to: u64,
    source: Source,
    /// Where the next chunk or piece starts in the file.
    next: u64,
    /// The current chunk, if it is mapped. Otherwise the current piece is `buffer[start..][..len]`.
    mapping: Mapping,
    /// Only its capacity is used.
    buffer: Vec<u8>,
    start: usize,
    len: usize,
    /// How much of the current chunk or piece was handed out.
    consumed: usize,
    /// How much was read since the start or the last seek, by which pieces grow.
    read: u64,
}

const UNASKED: u64 = u64::MAX;

/// How the file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Not read yet.
    Unknown,
    /// At an offset.
    File,
    /// At the position that the stream has.
    Stream,
}

impl<'a> Reader<'a> {
    /// Reads a file from its start.
    ///
    /// The file is a [`&File`](crate::File), a [`FileRef`], or with feature `std` a reference to anything that lends its
    /// descriptor, such as `std::fs::File` and `std::io::Stdin`. The position that the system keeps for a regular file is
    /// neither used nor moved; a pipe or terminal is read from where it is.
    ///
    /// Pieces of 64 KiB, later of up to 1 MiB, are read into a buffer that is aligned to 4096 bytes.
    ///
    /// **Platform notes**
    /// - Linux: `pread64`, and `read` of what has no offset. macOS: `pread`, `read`. Windows: `ReadFile`.
    /// - Linux: what was opened with `O_DIRECT` is read if its block device has blocks of up to 4096 bytes.
    pub fn new(file: impl Into<FileRef<'a>>) -> Self {
        Self {
            file: file.into(),
            chunk_len: CHUNK_LEN,
            map_to: 0,
            source: Source::Unknown,
            next: 0,
            mapping: Mapping::EMPTY,
            buffer: Vec::new(),
            start: 0,
            len: 0,
            consumed: 0,
            read: 0,
        }
    }

    /// Maps chunks of a large regular file instead of reading them.
    ///
    /// What cannot be mapped, is not a regular file or has up to 1 MiB is read, and so is what lies past the length that
    /// the file had when its first chunk was loaded. The caller need not know which.
    ///
    /// # Safety
    /// Until the reader is dropped or has reached the end:
    /// - nobody changes or truncates the file: see [safety](crate#safety);
    /// - the file has the length that its file system reports, and the device can serve it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Error, File, Reader};
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-mapped", std::process::id()));
    /// # std::fs::write(&path, vec![b'a'; 3 << 20]).unwrap();
    /// # let path = &std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody else knows of the file.
    /// let reader = unsafe { Reader::new(&file).mapped() };
    /// let read = reader.chunk_len(1 << 20).for_each(|chunk| {
    ///     assert_eq!(chunk.len(), 1 << 20);
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(read, 3 << 20);
    /// # Ok(())
    /// # }
    /// ```
    pub unsafe fn mapped(self) -> Self {
        Self { map_to: UNASKED, ..self }
    }

    /// Sets the greatest length of a chunk in bytes, which is 16 MiB otherwise.
    ///
    /// A mapped chunk has this length, but for the last one. A chunk that is read has up to 1 MiB, and what is there of a
    /// pipe. 0 counts as 1. Address space for one chunk is used at a time; a buffer has at least 4096 bytes.
    pub fn chunk_len(self, chunk_len: usize) -> Self {
        Self { chunk_len: chunk_len.max(1), ..self }
    }

    /// Sets the offset in the file, in bytes, at which to start.
    ///
    /// An offset past the end reads as the end. A pipe or terminal has none but 0; any other fails there with
    /// [`NotSeekable`](ErrorKind::NotSeekable).
    pub fn offset(self, offset: u64) -> Self {
        // What was read already, if it was, is at another offset.
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

    /// Calls `f` with one chunk after the other to the end of the file, and returns the number of bytes.
    ///
    /// The first error of `f` stops it and is returned as it is. A chunk is unmapped before the next one is mapped, and
    /// none stays mapped.
    ///
    /// # Errors
    /// - What `f` returns.
    /// - What the system reports when the file cannot be read further, after `f` had all that was read before. A
    ///   directory is [`NotMappable`](ErrorKind::NotMappable).
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): there is no memory for a buffer of 4096 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Error, File, Reader};
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-for-each", std::process::id()));
    /// # std::fs::write(&path, vec![b'a'; 12345]).unwrap();
    /// # let path = &std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let mut sum = 0;
    /// let read = Reader::new(&file).chunk_len(100).for_each(|chunk| {
    ///     assert!(chunk.len() <= 100);
    ///     sum += chunk.len() as u64;
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!((read, sum), (12345, 12345));
    /// # Ok(())
    /// # }
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

    /// Calls `f` with one record after the other, and returns the number of bytes.
    ///
    /// A record comes without the delimiter byte that ends it. A last record that no delimiter ends counts if it is not
    /// empty. A record that straddles chunks is stitched in a buffer, which grows with the longest such record.
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each), and [`OutOfMemory`](ErrorKind::OutOfMemory) for a record that memory cannot
    /// hold.
    pub fn records<E: From<Error>>(
        self,
        delimiter: u8,
        mut f: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut straddling = Vec::new();
        let keep = |straddling: &mut Vec<u8>, part: &[u8]| {
            let reserved = straddling.try_reserve(part.len());
            reserved.map_err(|_| Error::own(Call::Records, ErrorKind::OutOfMemory))?;
            straddling.extend_from_slice(part);
            Ok::<_, Error>(())
        };
        let read = self.for_each(|chunk| {
            let mut start = 0;
            for_each_index_of(delimiter, chunk, |end| {
                let part = &chunk[start..end];
                start = end + 1;
                if straddling.is_empty() {
                    return f(part);
                }
                keep(&mut straddling, part)?;
                f(&straddling)?;
                straddling.clear();
                Ok(())
            })?;
            Ok::<_, E>(keep(&mut straddling, &chunk[start..])?)
        })?;
        if !straddling.is_empty() {
            f(&straddling)?;
        }
        Ok(read)
    }

    /// Returns what is left of the current chunk, or of the next one if nothing is left; empty at the end of the file.
    pub(crate) fn fill(&mut self) -> Result<&[u8], Error> {
        if self.consumed == self.piece().len() {
            self.load()?;
        }
        let rest = &self.piece()[self.consumed..];
        Ok(&rest[..rest.len().min(self.chunk_len)])
    }

    /// Skips bytes that [`fill`](Self::fill) returned.
    pub(crate) fn consume(&mut self, len: usize) {
        self.consumed = self.piece().len().min(self.consumed.saturating_add(len));
    }

    /// Returns the offset of the first byte that was not consumed.
    pub(crate) fn position(&self) -> u64 {
        self.next - (self.piece().len() - self.consumed) as u64
    }

    /// Fails with `NotSeekable` where there are no offsets. The first time this takes a read of no bytes.
    #[cfg(feature = "std")]
    pub(crate) fn check_seekable(&mut self) -> Result<(), Error> {
        if self.source == Source::Unknown {
            // SAFETY: no byte is written.
            match unsafe { sys::read(self.file.raw, self.buffer.as_mut_ptr(), 0, Some(0)) } {
                Err(error) if error.kind() == ErrorKind::NotSeekable => self.source = Source::Stream,
                result => {
                    result?;
                    self.source = Source::File;
                }
            }
        }
        match self.source {
            Source::Stream => Err(Error::own(Call::Seek, ErrorKind::NotSeekable)),
            _ => Ok(()),
        }
    }

    /// Goes on at another offset of what is seekable; keeps the current chunk if it has that offset or ends there.
    #[cfg(feature = "std")]
    pub(crate) fn set_position(&mut self, offset: u64) -> Result<(), Error> {
        let len = self.piece().len();
        match offset.checked_sub(self.next - len as u64) {
            Some(consumed) if consumed <= len as u64 => self.consumed = consumed as usize,
            _ => {
                self.unload()?;
                self.next = offset;
                self.read = 0;
            }
        }
        Ok(())
    }

    /// Goes to a distance from the end that the file has now, and returns the offset. What was read before is not used
    /// again, as the file may have become shorter since.
    #[cfg(feature = "std")]
    pub(crate) fn set_position_from_end(&mut self, distance: i64) -> Result<u64, Error> {
        let fail = |kind| Err(Error::own(Call::Seek, kind));
        let status = sys::stat(self.file.raw)?;
        let end = match (status.kind, status.len) {
            (FileKind::Regular, len) | (FileKind::Device, len @ 1..) => len,
            _ => return fail(ErrorKind::NotSeekable),
        };
        let Some(offset) = end.checked_add_signed(distance).filter(|&offset| offset <= MAX_OFFSET) else {
            return fail(ErrorKind::InvalidInput);
        };
        self.unload()?;
        self.next = offset;
        self.read = 0;
        Ok(offset)
    }

    /// The current mapped chunk, or what was read at once.
    fn piece(&self) -> &[u8] {
        if !self.mapping.is_empty() {
            return &self.mapping;
        }
        // SAFETY: the system wrote these bytes, and the buffer was not touched since.
        unsafe { slice::from_raw_parts(self.buffer.as_ptr().add(self.start), self.len) }
    }

    /// Drops the current chunk.
    fn unload(&mut self) -> Result<(), Error> {
        let mapping = mem::replace(&mut self.mapping, Mapping::EMPTY);
        (self.start, self.len, self.consumed) = (0, 0, 0);
        mapping.unmap().map_err(|(mapping, error)| {
            // Handed out to its end, so that nothing is read twice if the caller goes on.
            self.consumed = mapping.len();
            self.mapping = mapping;
            error
        })
    }

    /// Makes the next chunk the current one.
    fn load(&mut self) -> Result<(), Error> {
        self.unload()?;
        if self.map_to == UNASKED {
            let status = sys::stat(self.file.raw)?;
            let is_large = status.kind == FileKind::Regular && status.len > SMALL;
            self.map_to = if is_large { status.len } else { 0 };
        }
        if let Some(rest @ 1..) = self.map_to.checked_sub(self.next) {
            let len = usize::try_from(rest).unwrap_or(usize::MAX).min(self.chunk_len);
            // SAFETY: promised to `mapped`, without which `map_to` is 0.
            match unsafe { Mmap::new(self.file).offset(self.next).len(len).map() } {
                Ok(mapping) => {
                    self.mapping = mapping;
                    self.next += len as u64;
                    return Ok(());
                }
                // A file that cannot be mapped, now or ever, can still be read; and if not, that error tells.
                Err(_) => self.map_to = 0,
            }
        }
        self.read()
    }

    /// Reads the next piece.
    fn read(&mut self) -> Result<(), Error> {
        let mut end = self.reserve()?;
        // The piece lies in the buffer as in the file, as seen from a multiple of `ALIGN`: after a short read and a start
        // in between the next one begins at such a multiple again.
        let mut skip = 0;
        if self.source != Source::Stream {
            skip = (self.next % ALIGN as u64) as usize;
            // Systems take offsets for signed.
            let rest = MAX_OFFSET.saturating_sub(self.next);
            if rest == 0 {
                // The end, unless there is something wrong with the file, or there are no offsets.
                // SAFETY: no byte is written.
                return unsafe { sys::read(self.file.raw, self.buffer.as_mut_ptr(), 0, Some(0)) }.map(drop);
            }
            end = end.min(skip.saturating_add(usize::try_from(rest).unwrap_or(usize::MAX)));
        }
        let (file, next) = (self.file.raw, self.next);
        let base = self.buffer.as_mut_ptr();
        let aligned = base.addr().wrapping_neg() % ALIGN;
        let read = |from: usize, offset| {
            // SAFETY: `reserve` made room for `end` bytes from `aligned` on.
            unsafe { sys::read(file, base.add(aligned + from), end - from, offset) }
        };
        let read = match self.source {
            Source::Stream => read(0, None)?,
            _ => match read(skip, Some(next)) {
                Ok(read) => {
                    self.source = Source::File;
                    read
                }
                Err(error) if error.kind() == ErrorKind::NotSeekable && next == 0 => {
                    self.source = Source::Stream;
                    read(0, None)?
                }
                // With O_DIRECT the offset must be aligned as the address is. What comes before it is read again.
                Err(error) if error.kind() == ErrorKind::InvalidInput && skip != 0 => {
                    read(0, Some(next - skip as u64))?.saturating_sub(skip)
                }
                Err(error) => return Err(error),
            },
        };
        (self.start, self.len) = (aligned + skip, read);
        self.next += read as u64;
        self.read += read as u64;
        Ok(())
    }

    /// Makes room for the next piece, from the first aligned byte of the buffer's capacity on; returns for how many bytes.
    fn reserve(&mut self) -> Result<usize, Error> {
        // A quarter of what was read, so that a file of middle length costs little memory that is touched only once.
        let grown = usize::try_from(self.read / 4).unwrap_or(usize::MAX).clamp(FIRST_PIECE, PIECE);
        let mut len = (1 << grown.ilog2()).min(self.chunk_len & !(ALIGN - 1)).max(ALIGN);
        if self.buffer.capacity() < len + ALIGN {
            // Freed first, as its contents are not needed. Where memory is short, less will do.
            self.buffer = Vec::new();
            while self.buffer.try_reserve_exact(len + ALIGN).is_err() {
                if len == ALIGN {
                    return Err(Error::own(Call::Read, ErrorKind::OutOfMemory));
                }
                len = ((len / 2) & !(ALIGN - 1)).max(ALIGN);
            }
        }
        Ok(len)
    }
}

/// The greatest offset that a system takes.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// Not the contents, which may be secret.
impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("file", &self.file)
            .field("position", &self.position())
            .field("chunk_len", &self.chunk_len)
            .finish_non_exhaustive()
    }
}

/// Calls `f` with the index of each `byte`, in order. 64 bytes at a time become a set of 64 bits, from which the
/// indices are taken one by one. Comparing them and giving each its bit within its group of 8 is what compilers make
/// vectors of; and the product of a word with 0x01… has the sum of the word's bytes, which is those bits together, in
/// its highest byte.
fn for_each_index_of<E>(byte: u8, bytes: &[u8], mut f: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
    const BLOCK: usize = 64;
    let blocks = bytes.chunks_exact(BLOCK);
    let tail = blocks.remainder();
    for (i, block) in blocks.enumerate() {
        let mut bits = [0; BLOCK];
        for (j, (bit, &b)) in bits.iter_mut().zip(block).enumerate() {
            *bit = if b == byte { 1 << (j % 8) } else { 0 };
        }
        let mut words = [0; BLOCK / 8];
        for (word, bits) in words.iter_mut().zip(bits.chunks_exact(8)) {
            *word = u64::from_le_bytes(bits.try_into().unwrap_or_default());
        }
        if words.iter().fold(0, |all, word| all | word) == 0 {
            continue;
        }
        let mut set = u64::from_le_bytes(words.map(|word| (word.wrapping_mul(u64::MAX / 255) >> 56) as u8));
        while set != 0 {
            f(i * BLOCK + set.trailing_zeros() as usize)?;
            set &= set - 1;
        }
    }
    let start = bytes.len() - tail.len();
    for (i, _) in tail.iter().enumerate().filter(|&(_, &b)| b == byte) {
        f(start + i)?;
    }
    Ok(())
}
