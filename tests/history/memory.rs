//! A mapping beside what it should be.

use super::cells::{Cells, Runs, State};
use baremap::{Flags, Mapping, MappingMut, Prot, RawMapping};
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

impl Source {
    pub fn of(file: usize, flags: Flags) -> Self {
        if flags.contains(Flags::COW) { Self::Copy(file) } else { Self::Shared(file) }
    }

    pub fn file(self) -> Option<usize> {
        match self {
            Self::Anon => None,
            Self::Shared(file) | Self::Copy(file) => Some(file),
        }
    }

    /// The same for any file.
    pub fn kind(self) -> Self {
        match self {
            Self::Anon => Self::Anon,
            Self::Shared(_) => Self::Shared(0),
            Self::Copy(_) => Self::Copy(0),
        }
    }
}

/// A part of a mapping that is mapped of one thing.
#[derive(Debug)]
pub struct Part {
    pub source: Source,
    /// Of the first byte, in the file.
    pub offset: usize,
    pub cells: Cells,
}

impl Part {
    pub fn new(source: Source, offset: usize, len: usize) -> Self {
        let state = if source == Source::Anon { State::Own } else { State::File };
        Self { source, offset, cells: Cells::new(len, state) }
    }

    /// How many bytes from the first can be accessed, if the file has `file_len` bytes: those of pages that begin before its
    /// end.
    pub fn accessible(&self, file_len: usize, page: usize) -> usize {
        match self.source {
            Source::Anon => self.cells.len(),
            _ => file_len.next_multiple_of(page).saturating_sub(self.offset).min(self.cells.len()),
        }
    }
}

#[derive(Debug)]
pub struct Memory {
    pub handle: Handle,
    /// What the mapping says.
    pub prot: Prot,
    /// What is in force.
    pub prots: Runs<Prot>,
    /// Whether no more is in force.
    pub is_exact: bool,
    pub is_locked: bool,
    pub parts: Vec<Part>,
    /// Whether the rest of the last page may contain what was cut off.
    pub is_cut: bool,
}

impl Memory {
    pub fn new(handle: Handle, part: Part, prot: Prot, is_locked: bool) -> Self {
        let len = part.cells.len();
        let parts = if len == 0 { vec![] } else { vec![part] };
        // An empty mapping remembers nothing.
        let prot = if len == 0 { Prot::READ } else { prot };
        Self { handle, prot, prots: Runs::new(len, prot), is_exact: true, is_locked, parts, is_cut: false }
    }

    pub fn len(&self) -> usize {
        self.prots.len()
    }

    pub fn address(&self) -> usize {
        with!(&self.handle, map => map.as_ptr().addr())
    }

    /// Notes permissions of a range that the system may not have set everywhere.
    pub fn set_common(&mut self, range: Range<usize>, prot: Prot) {
        self.prot &= prot;
        let runs: Vec<_> = self.prots.of(range).collect();
        runs.into_iter().for_each(|(run, old)| self.prots.set(run, old & prot));
    }

    /// The kind, of the first part as of all. An empty mapping has none.
    pub fn kind(&self) -> Option<Source> {
        self.parts.first().map(|part| part.source.kind())
    }

    /// The pieces of a range: where each begins in the mapping, the part, and the range in it.
    pub fn pieces(&mut self, range: Range<usize>) -> Vec<(usize, &mut Part, Range<usize>)> {
        let (mut pieces, mut start) = (vec![], 0);
        for part in &mut self.parts {
            let end = start + part.cells.len();
            let clipped = range.start.max(start)..range.end.min(end);
            if !clipped.is_empty() {
                pieces.push((clipped.start, part, clipped.start - start..clipped.end - start));
            }
            start = end;
        }
        pieces
    }

    /// The file and the offset, if all of the mapping is one range of one file.
    pub fn file_range(&self) -> Option<(usize, usize)> {
        let first = self.parts.first()?;
        let mut end = first.offset;
        for part in &self.parts {
            if part.offset != end || part.source != first.source {
                return None;
            }
            end += part.cells.len();
        }
        Some((first.source.file()?, first.offset))
    }

    /// The addresses of the pages.
    pub fn pages(&self, page: usize) -> Range<usize> {
        let start = self.address();
        start & !(page - 1)..(start + self.len()).next_multiple_of(page)
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
