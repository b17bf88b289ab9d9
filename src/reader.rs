//! A whole file in chunks: mapped where that pays, read where it does not or cannot be.

use crate::error::{Call, Error, ErrorKind};
use crate::file::FileRef;
use crate::mapping::Mapping;
use crate::mmap::Mmap;
use crate::sys::{self, FileKind};
use alloc::vec::Vec;

/// Mapped chunks are this long, in bytes, unless the user says otherwise. From 4 MiB on the length made no difference to
/// the speed (`ci/bench`, `curve`), and below the huge page of 2 MiB it made one of three; this leaves some room, and
/// does not fill the address space of a small machine.
const CHUNK_LEN: usize = 16 << 20;

/// A file of up to this many bytes is read: to copy so much cost less than to map it, fault it in and unmap it
/// (`ci/bench`, `curve`: a thirteenth at 4 KiB, three quarters at 1 MiB, but twice as much at 2 MiB, which a huge page
/// maps).
const SMALL: u64 = 1 << 20;

/// What cannot be mapped is read in pieces of this many bytes: the processor's caches hold them, and a pipe
/// holds 64 KiB.
const READ_LEN: usize = 64 << 10;

/// A whole file in chunks, with bounded address space and memory, however long it is.
///
/// A large regular file is mapped chunk by chunk. What cannot be mapped (a pipe, a terminal, a file of /proc, a
/// device) or is small is read into a buffer instead, and the user of the chunks need not know. A regular file is
/// read up to the length it had at the start, unless its length then was 0 (as that of files of /proc is); all else
/// up to the end that the system reports.
///
/// ```
/// # fn main() -> Result<(), baremap::Error> {
/// use baremap::{Error, File, Reader};
/// let file = File::open(c"Cargo.toml")?;
/// let mut lines = 0;
/// // SAFETY: nobody changes Cargo.toml meanwhile.
/// let bytes = unsafe { Reader::new(&file) }.records(b'\n', |line| {
///     lines += 1;
///     assert!(!line.contains(&b'\n'));
///     Ok::<_, Error>(())
/// })?;
/// assert_eq!(bytes, file.len()?);
/// assert!(lines > 10);
/// # Ok(())
/// # }
/// ```
///
/// With feature `std` it is `Read`, `BufRead` and `Seek`.
#[derive(Debug)]
pub struct Reader<'a> {
    file: FileRef<'a>,
    chunk_len: usize,
    /// Where the next chunk starts in the file.
    next: u64,
    /// Where the file ends, if that is known.
    end: u64,
    source: Source,
    /// The current chunk is mapped here, or else lies in `buffer`.
    mapping: Mapping,
    buffer: Vec<u8>,
    /// How much of the current chunk was handed out.
    consumed: usize,
}

/// Where chunks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Unknown,
    Mapped,
    /// Read at an offset.
    File,
    /// Read at the position that the stream has.
    Stream,
}

impl<'a> Reader<'a> {
    /// Reads a file from its start: a [`&File`](crate::File), a [`FileRef`], or with feature `std` a reference to
    /// anything that lends its descriptor, such as `std::fs::File` and `std::io::Stdin`. The position that the
    /// system keeps for a regular file is neither used nor moved; a pipe or terminal is read from where it is.
    ///
    /// # Safety
    /// While a chunk is in use, nobody changes that part of the file or makes the file shorter: see
    /// [safety](crate#safety). What is read instead of mapped has no such condition.
    pub unsafe fn new(file: impl Into<FileRef<'a>>) -> Self {
        Self {
            file: file.into(),
            chunk_len: CHUNK_LEN,
            next: 0,
            end: u64::MAX,
            source: Source::Unknown,
            mapping: Mapping::EMPTY,
            buffer: Vec::new(),
            consumed: 0,
        }
    }

    /// The length of a mapped chunk in bytes, 16 MiB if not given, and the limit for one that is read. 0 counts
    /// as 1. Address space for one chunk is used at a time.
    pub fn chunk_len(self, chunk_len: usize) -> Self {
        Self { chunk_len: chunk_len.max(1), ..self }
    }

    /// The offset in the file, in bytes, at which to start. A pipe or terminal has none but 0.
    pub fn offset(self, offset: u64) -> Self {
        Self { next: offset, ..self }
    }

    /// Calls `f` with one chunk after the other to the end of the file, and gives the number of bytes read. The
    /// first error of `f` stops it and comes back as it is. A chunk is unmapped before the next one is mapped,
    /// and none stays mapped.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{Error, File, Reader};
    /// let file = File::open(c"Cargo.toml")?;
    /// let mut sum = 0;
    /// // SAFETY: nobody changes Cargo.toml meanwhile.
    /// let read = unsafe { Reader::new(&file) }.chunk_len(100).for_each(|chunk| {
    ///     assert!(chunk.len() <= 100);
    ///     sum += chunk.len() as u64;
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(read, sum);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the closure gives, or what the system says when the file cannot be read: of a directory
    /// [`NotMappable`](ErrorKind::NotMappable).
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

    /// Calls `f` with one record after the other, each without the delimiter byte that ends it, and gives the number
    /// of bytes read. A last record that no delimiter ends counts if it is not empty. A record that straddles
    /// chunks is stitched in a buffer, which grows with the longest such record.
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

    /// What is left of the current chunk, or if that is nothing, the next one; empty at the end of the file.
    pub(crate) fn fill(&mut self) -> Result<&[u8], Error> {
        if self.consumed == self.chunk().len() {
            self.load()?;
        }
        Ok(&self.chunk()[self.consumed..])
    }

    /// Skips bytes that [`fill`](Self::fill) gave.
    pub(crate) fn consume(&mut self, len: usize) {
        self.consumed = self.chunk().len().min(self.consumed.saturating_add(len));
    }

    /// The offset of the first byte that was not consumed.
    #[cfg(feature = "std")]
    pub(crate) fn position(&self) -> u64 {
        self.next - (self.chunk().len() - self.consumed) as u64
    }

    /// Goes on at another offset.
    #[cfg(feature = "std")]
    pub(crate) fn set_position(&mut self, offset: u64) -> Result<(), Error> {
        if self.source == Source::Stream {
            return Err(Error::own(Call::Seek, ErrorKind::NotSeekable));
        }
        self.unload()?;
        self.next = offset;
        Ok(())
    }

    /// The length of a regular file.
    #[cfg(feature = "std")]
    pub(crate) fn file_len(&self) -> Result<u64, Error> {
        match sys::stat(self.file.raw)? {
            sys::FileStatus { kind: FileKind::Regular, len, .. } => Ok(len),
            _ => Err(Error::own(Call::Seek, ErrorKind::NotSeekable)),
        }
    }

    fn chunk(&self) -> &[u8] {
        if self.mapping.is_empty() { &self.buffer } else { &self.mapping }
    }

    /// Drops the current chunk.
    fn unload(&mut self) -> Result<(), Error> {
        let mapping = core::mem::replace(&mut self.mapping, Mapping::EMPTY);
        self.buffer.clear();
        self.consumed = 0;
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
        if self.source == Source::Unknown {
            (self.source, self.end) =
                match sys::stat(self.file.raw).map(|status| (status.kind, status.len))? {
                    (FileKind::Regular, 0) => (Source::File, u64::MAX),
                    (FileKind::Regular, len) if len <= SMALL => (Source::File, len),
                    (FileKind::Regular, len) => (Source::Mapped, len),
                    (FileKind::Device | FileKind::Other, _) => (Source::File, u64::MAX),
                };
        }
        let rest = self.end.saturating_sub(self.next);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(self.chunk_len);
        if len == 0 {
            return Ok(());
        }
        if self.source == Source::Mapped {
            // SAFETY: promised to `new`.
            match unsafe { Mmap::new(self.file).offset(self.next).len(len).map() } {
                Ok(mapping) => self.mapping = mapping,
                // A file that cannot be mapped, now or ever, can still be read; and if not, that error tells.
                Err(_) => self.source = Source::File,
            }
        }
        if self.source != Source::Mapped {
            self.read(len.min(READ_LEN))?;
        }
        self.next += self.chunk().len() as u64;
        Ok(())
    }

    /// Reads up to `len` bytes into the empty buffer.
    fn read(&mut self, len: usize) -> Result<(), Error> {
        let reserved = self.buffer.try_reserve(len);
        reserved.map_err(|_| Error::own(Call::Read, ErrorKind::OutOfMemory))?;
        let mut read = |offset| {
            // SAFETY: `len` bytes are reserved.
            unsafe { sys::read(self.file.raw, self.buffer.as_mut_ptr(), len, offset) }
        };
        let read = match self.source {
            Source::Stream => read(None)?,
            _ => match read(Some(self.next)) {
                Err(error) if error.kind() == ErrorKind::NotSeekable && self.next == 0 => {
                    self.source = Source::Stream;
                    read(None)?
                }
                result => result?,
            },
        };
        // SAFETY: so many bytes were written.
        unsafe { self.buffer.set_len(read) };
        Ok(())
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
