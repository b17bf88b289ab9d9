//! A mapping beside what it should be.

use super::cells::{Cells, State};
use baremap::{Mapping, MappingMut, Prot, RawMapping};
use std::ops::Range;

/// A mapping of any type.
#[derive(Debug)]
pub enum Handle {
    Read(Mapping),
    Write(MappingMut),
    Raw(RawMapping),
}

/// Evaluates an expression for the mapping inside, whatever its type.
macro_rules! with {
    ($handle:expr, $map:ident => $value:expr) => {
        match $handle {
            $crate::memory::Handle::Read($map) => $value,
            $crate::memory::Handle::Write($map) => $value,
            $crate::memory::Handle::Raw($map) => $value,
        }
    };
}
pub(crate) use with;

impl From<Mapping> for Handle {
    fn from(map: Mapping) -> Self {
        Self::Read(map)
    }
}

impl From<MappingMut> for Handle {
    fn from(map: MappingMut) -> Self {
        Self::Write(map)
    }
}

impl From<RawMapping> for Handle {
    fn from(map: RawMapping) -> Self {
        Self::Raw(map)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Anon,
    /// The number of the file.
    Shared(usize),
    Copy(usize),
}

#[derive(Debug)]
pub struct Memory {
    pub handle: Handle,
    pub source: Source,
    /// Of the first byte, in the file.
    pub offset: usize,
    pub prot: Prot,
    pub is_locked: bool,
    pub cells: Cells,
}

impl Memory {
    pub fn new(
        handle: Handle,
        source: Source,
        offset: usize,
        len: usize,
        prot: Prot,
        is_locked: bool,
    ) -> Self {
        let state = if source == Source::Anon { State::Own } else { State::File };
        Self { handle, source, offset, prot, is_locked, cells: Cells::new(len, state) }
    }

    pub fn len(&self) -> usize {
        self.cells.len()
    }

    pub fn address(&self) -> usize {
        with!(&self.handle, map => map.as_ptr().addr())
    }

    pub fn file(&self) -> Option<usize> {
        match self.source {
            Source::Anon => None,
            Source::Shared(file) | Source::Copy(file) => Some(file),
        }
    }

    /// The addresses of the pages.
    pub fn pages(&self, page: usize) -> Range<usize> {
        let start = self.address();
        start & !(page - 1)..(start + self.len()).next_multiple_of(page)
    }

    /// How many bytes from the first can be accessed, if the file has `file_len` bytes: those of pages that begin before its end.
    pub fn accessible(&self, file_len: usize, page: usize) -> usize {
        match self.source {
            Source::Anon => self.len(),
            _ => file_len.next_multiple_of(page).saturating_sub(self.offset).min(self.len()),
        }
    }

    /// The whole pages inside a range. What lies before the first byte and past the last one counts, unless
    /// `is_file_changed`.
    pub fn whole_pages(&self, range: Range<usize>, page: usize, is_file_changed: bool) -> Range<usize> {
        let base = self.address();
        let mut start = (base + range.start).next_multiple_of(page).saturating_sub(base);
        let mut end = ((base + range.end) & !(page - 1)).saturating_sub(base);
        if range.start == 0 && !is_file_changed {
            start = 0;
        }
        if range.end == self.len() && !is_file_changed {
            end = self.len();
        }
        start..end.max(start)
    }

    /// The pages in which a range lies, as far as they are the mapping's.
    pub fn touched_pages(&self, range: Range<usize>, page: usize) -> Range<usize> {
        let base = self.address();
        let start = ((base + range.start) & !(page - 1)).saturating_sub(base);
        start..((base + range.end).next_multiple_of(page) - base).min(self.len())
    }
}
