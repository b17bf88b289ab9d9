//! Reads a file to its end: to the heap, or into fresh memory that grows.

use super::{Contents, ContentsOptions, Memory, too_long};
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::mapping::Mapping;
use crate::mmap::Mmap;
use crate::options::{Advice, Prot};
use crate::sys::{RawFile, Sys, System};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// How much memory there is for a file of unknown length at first, in bytes: a pipe's buffer.
const FIRST: usize = 64 << 10;

/// How much of a stream is read at once, in bytes. Some drivers copy through a buffer of the whole length.
const PIECE: usize = 1 << 20;

/// Offsets of reads from files that were opened with `O_DIRECT` are multiples of this.
const ALIGN: usize = 4096;

/// From this length on fresh memory may have huge pages, in bytes: 64 MiB are read into these in a quarter of the time.
const HUGE: usize = 2 << 20;

impl ContentsOptions {
    /// Reads a file that reports a length of `reported`, if that is less than `limit`. Returns `None` if reading fails, if the
    /// file is longer after all, or without a heap.
    #[cfg_attr(not(feature = "alloc"), allow(unused_variables, reason = "there is no heap"))]
    pub(super) fn read_to_heap(self, file: RawFile, reported: usize, limit: usize) -> Option<Contents> {
        #[cfg(feature = "alloc")]
        if 0 < reported && reported < limit && reported <= self.max_len {
            let mut vec = Vec::<u8>::new();
            vec.try_reserve_exact(reported + 1).ok()?;
            while vec.len() <= reported {
                let (len, start) = (vec.len(), vec.spare_capacity_mut().as_mut_ptr().cast());
                // SAFETY: there is room for `reported + 1` bytes.
                let read = unsafe { Sys::read(file, start, reported + 1 - len, Some(len as u64)) }.ok()?;
                // SAFETY: the system wrote so many bytes more.
                unsafe { vec.set_len(len + read) };
                if read == 0 {
                    vec.push(0);
                    return Some(Contents { memory: Memory::Heap(vec), len, has_nul: self.nul_terminated });
                }
            }
        }
        None
    }

    /// Reads a file that reports a length of `reported`, 0 for none.
    pub(super) fn read_to_memory(self, file: RawFile, reported: usize) -> Result<Contents, Error> {
        let Self { max_len, nul_terminated } = self;
        if reported > max_len && is_longer(file, max_len) {
            return Err(too_long());
        }
        let mut memory = match reported.min(max_len) {
            0 => fresh(FIRST)?,
            // With room for a byte that would show that the file is longer.
            len => match fresh(len.saturating_add(1)) {
                // Only a file that says so is that long. To begin with less would read as much as memory holds first.
                Err(_) if !is_longer(file, len - 1) => fresh(FIRST)?,
                result => result?,
            },
        };
        let (mut len, mut is_stream) = (0, false);
        loop {
            if len > max_len {
                return Err(too_long());
            }
            if len == memory.len() {
                Mmap::anon(memory.len().saturating_mul(2)).resize(&mut memory)?;
                advise(&memory);
            }
            let (base, room) = (memory.as_ptr().cast_mut(), memory.len());
            let read = |start: usize| {
                let (len, offset) = if is_stream {
                    ((room - start).min(PIECE), None)
                } else {
                    (room - start, Some(start as u64))
                };
                // SAFETY: fresh memory of `room` bytes, which is writable, and of which there is no slice.
                unsafe { Sys::read(file, base.add(start), len, offset) }.map_err(Error::from)
            };
            let skip = len % ALIGN;
            let read = match read(len) {
                Err(error) if error.kind() == ErrorKind::NotSeekable && !is_stream && len == 0 => {
                    is_stream = true;
                    continue;
                }
                // O_DIRECT wants the offset aligned, so the bytes before it are read again.
                Err(error) if error.kind() == ErrorKind::InvalidInput && !is_stream && skip != 0 => {
                    read(len - skip)?.saturating_sub(skip)
                }
                result => result?,
            };
            len += read;
            if read != 0 {
                continue;
            }
            if nul_terminated {
                // SAFETY: as above; there was room for the last read.
                unsafe { base.add(len).write(0) };
            } else if len == 0 {
                return Ok(Contents::EMPTY);
            }
            return Ok(Contents { memory: Memory::Mapped(memory), len, has_nul: nul_terminated });
        }
    }
}

/// Returns whether a file with offsets has a byte at `offset`.
fn is_longer(file: RawFile, offset: usize) -> bool {
    let mut byte = 0;
    // SAFETY: `byte` is writable.
    matches!(unsafe { Sys::read(file, &raw mut byte, 1, Some(offset as u64)) }, Ok(1))
}

/// Maps at least `len` bytes of fresh memory, in whole pages, as `O_DIRECT` reads no others. It is writable, but lends no
/// mutable slice: it becomes part of [`Contents`] without a call that would take that permission away.
fn fresh(len: usize) -> Result<Mapping, Error> {
    let len = len.checked_next_multiple_of(Sys::page_size()).ok_or_else(too_long)?;
    let memory = Mmap::anon(len).prot(Prot::WRITE).map()?;
    advise(&memory);
    Ok(memory)
}

/// Advises huge pages.
fn advise(memory: &Mapping) {
    if memory.len() >= HUGE {
        let _ = memory.advise(Advice::HugePage);
    }
}
