//! How a [`Reader`] gets its next chunk: by mapping, or by reading into an aligned buffer.

use super::{MAX_OFFSET, Reader, Source, UNASKED};
use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::mmap::Mmap;
use crate::sys::contract::{FileKind, distance};
use crate::sys::{Sys, System};
use alloc::vec::Vec;
use core::{mem, slice};

/// A file of at most this many bytes is read even if it may be mapped: copying costs less than to map, fault and unmap it.
/// `ci/bench/run curve` measured a thirteenth at 4 KiB and three quarters at 1 MiB, but twice as much at 2 MiB, which one
/// huge page maps.
const SMALL: u64 = 1 << 20;

/// The length of the first piece, which is that of a pipe's buffer. A small file costs no more memory.
const FIRST_PIECE: usize = 64 << 10;

/// The greatest length of a piece. Reading 1 GiB in such pieces took three quarters of the time of pieces of 256 KiB, and
/// pieces of 2 MiB gained little more.
const PIECE: usize = 1 << 20;

/// Addresses, offsets and lengths of reads are multiples of this, as `O_DIRECT` requires. On some processors a copy to
/// another address takes almost twice as long.
const ALIGN: usize = 4096;

impl Reader<'_> {
    /// Returns the current chunk, if it is mapped, or the current piece.
    pub(super) fn piece(&self) -> &[u8] {
        if !self.mapping.is_empty() {
            return &self.mapping;
        }
        // SAFETY: the system wrote these bytes, and the buffer was not touched since.
        unsafe { slice::from_raw_parts(self.buffer.vec().as_ptr().add(self.start), self.len) }
    }

    /// Drops the current chunk.
    pub(super) fn unload(&mut self) -> Result<(), Error> {
        let mapping = mem::take(&mut self.mapping);
        (self.start, self.len, self.consumed) = (0, 0, 0);
        mapping.unmap().map_err(|Refused { value, error }| {
            // Consumed to its end, so that nothing is read twice if the caller goes on.
            self.consumed = value.len();
            self.mapping = value;
            error
        })
    }

    /// Makes the next chunk the current one.
    pub(super) fn load(&mut self) -> Result<(), Error> {
        self.unload()?;
        if self.map_to == UNASKED {
            let status = Sys::stat(self.file.raw)?;
            let is_large = status.kind == FileKind::Regular && status.len > SMALL;
            self.map_to = if is_large { status.len } else { 0 };
        }
        let rest = self.map_to.saturating_sub(self.next);
        let map = if rest == 0 { 0 } else { rest.min(self.trial.next_map(self.done)) };
        if map != 0 {
            let len = usize::try_from(map).unwrap_or(usize::MAX).min(self.chunk_len);
            // SAFETY: promised to `mapped`, without which `map_to` is 0.
            match unsafe { Mmap::new(self.file).offset(self.next).len(len).map() } {
                Ok(mapping) => {
                    self.mapping = mapping;
                    self.next += len as u64;
                    self.done += len as u64;
                    return Ok(());
                }
                // A file that cannot be mapped may still be readable; if not, reading reports why.
                Err(_) => self.map_to = 0,
            }
        }
        self.read()
    }

    /// Reads the next piece.
    fn read(&mut self) -> Result<(), Error> {
        let mut end = self.reserve()?;
        // The piece keeps its offset's distance to a multiple of `ALIGN`, so that after a short read, or a start in
        // between, the next piece starts at such a multiple again.
        let mut skip = 0;
        if self.source != Source::Stream {
            skip = distance(self.next, ALIGN);
            let rest = MAX_OFFSET.saturating_sub(self.next);
            if rest == 0 {
                // The end, unless the file has an error to report, or no offsets.
                // SAFETY: no byte is written.
                unsafe { Sys::read(self.file.raw, self.buffer.vec_mut().as_mut_ptr(), 0, Some(0))? };
                return Ok(());
            }
            end = end.min(skip.saturating_add(usize::try_from(rest).unwrap_or(usize::MAX)));
        }
        let (file, next) = (self.file.raw, self.next);
        let base = self.buffer.vec_mut().as_mut_ptr();
        let aligned = base.addr().wrapping_neg() % ALIGN;
        let read = |start: usize, offset| {
            // SAFETY: `reserve` made room for `end` bytes from `aligned` on.
            unsafe { Sys::read(file, base.add(aligned + start), end - start, offset) }.map_err(Error::from)
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
                // O_DIRECT wants the offset aligned too, so the bytes before it are read again.
                Err(error) if error.kind() == ErrorKind::InvalidInput && skip != 0 => {
                    read(0, Some(next - skip as u64))?.saturating_sub(skip)
                }
                Err(error) => return Err(error),
            },
        };
        (self.start, self.len) = (aligned + skip, read);
        self.next += read as u64;
        self.done += read as u64;
        Ok(())
    }

    /// Makes room for the next piece, from the buffer's first aligned byte on, and returns its length.
    fn reserve(&mut self) -> Result<usize, Error> {
        // A quarter of what was read, so that a file of medium length touches little memory only once; or all of it, if the
        // buffer is that long already.
        let buffer = self.buffer.vec_mut();
        let done = usize::try_from(self.done).unwrap_or(usize::MAX);
        let grown = done.min(buffer.capacity()).max(done / 4).clamp(FIRST_PIECE, PIECE);
        let mut len = (1 << grown.ilog2()).min(self.chunk_len & !(ALIGN - 1)).max(ALIGN);
        if buffer.capacity() < len + ALIGN {
            // Freed first, as its contents are not needed. Where memory is short, a shorter piece will do.
            *buffer = Vec::new();
            while buffer.try_reserve_exact(len + ALIGN).is_err() {
                if len == ALIGN {
                    return Err(Error::new(Call::Read, ErrorKind::OutOfMemory));
                }
                len = ((len / 2) & !(ALIGN - 1)).max(ALIGN);
            }
        }
        Ok(len)
    }
}
