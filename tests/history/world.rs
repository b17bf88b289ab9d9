//! Files, mappings and reservations beside the model of what they should be, and the operations on both.
//!
//! An operation that fails must be allowed to, and must have changed nothing: `check.rs` compares everything after each.

use super::cells::State;
use super::memory::{Handle, Memory, Part, Source, with};
use super::operation::{Kind, Operation};
use super::random::Random;
use baremap::{
    Advice, Discard, Error, ErrorKind, File, Flags, Mmap, Prot, Reader, Refused, Reservation, View,
    allocation_granularity, page_size,
};
use std::env::consts::OS;
use std::ops::Range;
use std::{env, fs};

const FILES: usize = 4;
const MAPPINGS: usize = 8;
const RESERVATIONS: usize = 6;
const VIEWS: usize = 4;

pub struct Opened {
    /// The same file twice, once for std, which changes its length, or `None` when it is closed.
    pub open: Option<(File, fs::File)>,
    pub contents: Vec<u8>,
}

pub struct Seen {
    pub view: View<'static>,
    pub file: usize,
    pub offset: usize,
    pub len: usize,
}

pub struct World {
    pub page: usize,
    pub granularity: usize,
    pub is_linux: bool,
    pub files: Vec<Opened>,
    pub mappings: Vec<Memory>,
    pub reservations: Vec<Reservation>,
    pub views: Vec<Seen>,
    /// Addresses that were given back in this step.
    pub free: Vec<Range<usize>>,
    pub random: Random,
    /// Whether each step is printed.
    pub is_told: bool,
}

/// Accepts an error of these kinds.
fn allow<T>(result: Result<T, Error>, kinds: &[ErrorKind]) -> Option<T> {
    match result {
        Err(error) if kinds.contains(&error.kind()) => None,
        result => Some(result.unwrap_or_else(|error| panic!("{error:?}"))),
    }
}

/// The same for a call that gives back what it consumed.
fn allow_refused<T, V>(result: Result<T, Refused<V>>, kinds: &[ErrorKind]) -> Result<T, V> {
    result.map_err(|Refused { value, error }| {
        assert!(kinds.contains(&error.kind()), "{error:?}");
        value
    })
}

const RANGE_OF_PROT: [Prot; 4] = [Prot::READ, Prot::WRITE, Prot::EXEC, Prot::WRITE.union(Prot::EXEC)];

impl World {
    pub fn new(is_told: bool) -> Self {
        let (page, granularity) = (page_size(), allocation_granularity());
        let (is_linux, random) = (OS == "linux", Random(1));
        let (files, mappings, reservations, views, free) = (vec![], vec![], vec![], vec![], vec![]);
        Self { page, granularity, is_linux, files, mappings, reservations, views, free, random, is_told }
    }

    pub fn tell(&self, text: impl FnOnce() -> String) {
        if self.is_told {
            println!("    {}", text());
        }
    }

    /// A number from 0 to `end`, most often near a multiple of a page, and `end` for a multiple of 7.
    fn point(&self, number: u32, end: usize) -> usize {
        let number = number as usize;
        let near = number / 8 * self.page;
        match number % 8 {
            _ if number != 0 && number % 7 == 0 => end,
            0..4 => near % (end + 1),
            4 => (near + 1) % (end + 1),
            5 => (near + self.page - 1) % (end + 1),
            _ => number * 977 % (end + 1),
        }
    }

    fn range(&self, start: u32, end: u32, len: usize) -> Range<usize> {
        let (one, other) = (self.point(start, len), self.point(end, len));
        one.min(other)..one.max(other)
    }

    /// A length of at least 1: a few times the granularity, more or less.
    fn len(&self, number: u32) -> usize {
        let number = number as usize;
        let whole = (1 + number % 6) * self.granularity;
        match number / 6 % 5 {
            0 | 1 => whole,
            2 => whole - 1,
            3 => whole + 1,
            _ => number * 977 % whole + 1,
        }
    }

    fn file(&self, number: u32) -> Option<usize> {
        let open: Vec<_> = (0..self.files.len()).filter(|&i| self.files[i].open.is_some()).collect();
        (!open.is_empty()).then(|| open[number as usize % open.len()])
    }

    fn mapping(&self, number: u32) -> Option<usize> {
        (!self.mappings.is_empty()).then(|| number as usize % self.mappings.len())
    }

    fn reservation(&self, number: u32) -> Option<usize> {
        (!self.reservations.is_empty()).then(|| number as usize % self.reservations.len())
    }

    /// What the system may refuse to map.
    fn refusals(&self, flags: Flags, prot: Prot) -> Vec<ErrorKind> {
        let mut kinds = vec![];
        if flags.contains(Flags::LOCKED) {
            kinds.extend([ErrorKind::OutOfMemory, ErrorKind::PermissionDenied, ErrorKind::Unsupported]);
        }
        if flags.contains(Flags::NORESERVE) && !self.is_linux {
            kinds.push(ErrorKind::Unsupported);
        }
        // A file system that is mounted noexec.
        if prot.contains(Prot::EXEC) {
            kinds.push(ErrorKind::PermissionDenied);
        }
        kinds
    }

    /// Every part that maps a file.
    fn parts_of(&mut self, source: Source) -> impl Iterator<Item = &mut Part> {
        let parts = self.mappings.iter_mut().flat_map(|memory| &mut memory.parts);
        parts.filter(move |part| part.source == source)
    }

    /// A file's bytes changed. A copy of them that was not written to may show the old ones or the new ones.
    fn file_changed(&mut self, file: usize, range: Range<usize>) {
        for Part { offset, cells, .. } in self.parts_of(Source::Copy(file)) {
            let clipped = |at: usize| at.saturating_sub(*offset).min(cells.len());
            cells.change(clipped(range.start)..clipped(range.end), State::File, State::Undefined);
        }
    }

    fn fill_file(&mut self, file: usize, at: usize, bytes: &[u8]) {
        let contents = &mut self.files[file].contents;
        let old_len = contents.len();
        contents.resize(old_len.max(at + bytes.len()), 0);
        contents[at..at + bytes.len()].copy_from_slice(bytes);
        self.file_changed(file, old_len.min(at)..at + bytes.len());
    }

    pub fn run(&mut self, Operation { kind, numbers: [a, b, c, d] }: Operation) {
        match kind {
            Kind::NewFile => self.new_file(a, b),
            Kind::CloseFile => {
                if let Some(file) = self.file(a) {
                    self.files[file].open = None;
                }
            }
            Kind::WriteFile => self.write_file(a, b, c, d),
            Kind::SetLen => self.set_len(a, b),
            Kind::Allocate => self.allocate(a, b, c),
            Kind::MapFile => self.map_file(a, [b, c], d),
            Kind::MapAnon => self.map_anon(a, b),
            Kind::MapTooMuch => self.map_too_much(a),
            Kind::Write => self.write(a, b, c, d),
            Kind::Flush => self.flush(a, b, c, d),
            Kind::Advise => self.advise(a, b, c, d),
            Kind::Discard => self.discard(a, b, c, d),
            Kind::Protect => self.protect(a, b),
            Kind::Convert => self.convert(a, b),
            Kind::Lock => self.lock(a),
            Kind::Unlock => {
                if let Some(memory) = self.mapping(a) {
                    let memory = &mut self.mappings[memory];
                    with!(&memory.handle, map => map.unlock()).unwrap();
                    memory.is_locked = false;
                }
            }
            Kind::Unmap => self.unmap(a, b),
            Kind::IntoReservation => self.reserve_mapping(a),
            Kind::Reserve => self.reserve(a, b),
            Kind::ReserveAt => self.reserve_at(a),
            Kind::Split => self.split(a, b),
            Kind::Release => {
                if let Some(i) = self.reservation(a) {
                    let reservation = self.reservations.swap_remove(i);
                    self.free.push(range_of(&reservation));
                    reservation.release().unwrap();
                }
            }
            Kind::MapIn => self.map_in(a, b, c, d),
            Kind::NewView => self.new_view(a, b, c),
            Kind::DropView => {
                if !self.views.is_empty() {
                    let i = a as usize % self.views.len();
                    self.views.swap_remove(i);
                }
            }
            Kind::Read => self.read(a, b, c),
            Kind::JoinReservations => self.join_reservations(a),
            Kind::SplitOff => self.split_off(a, b),
            Kind::Join => self.join(a, b),
            Kind::Extend => self.extend(a, b, c),
            Kind::Resize => self.resize(a, b),
            Kind::ProtectRange => self.protect_range(a, b, c, d),
        }
    }

    /// Gives everything back, which must work.
    pub fn end(&mut self) {
        while !self.mappings.is_empty() {
            self.unmap(0, 1);
            self.check();
        }
        for reservation in self.reservations.drain(..) {
            self.free.push(range_of(&reservation));
            reservation.release().unwrap();
        }
        self.check();
    }

    fn new_file(&mut self, kind: u32, len: u32) {
        if self.files.len() == FILES {
            return;
        }
        let file = if kind % 3 == 0 {
            let Some(file) = allow(File::memory(), &[ErrorKind::Unsupported]) else { return };
            file
        } else {
            let name = format!("baremap-{}-history-{}", std::process::id(), self.files.len());
            let path = env::temp_dir().join(name);
            let file = File::create(&path).unwrap();
            fs::remove_file(&path).unwrap();
            file
        };
        let len = self.len(len);
        let contents: Vec<_> = (0..len).map(|i| (i % 251) as u8).collect();
        assert_eq!(file.write_at(&contents, 0), Ok(len));
        self.tell(|| format!("file {}: {len} bytes", self.files.len()));
        let of_std = fs::File::from(file);
        let file = File::from(of_std.try_clone().unwrap());
        self.files.push(Opened { open: Some((file, of_std)), contents });
    }

    fn write_file(&mut self, file: u32, at: u32, len: u32, byte: u32) {
        let Some(i) = self.file(file) else { return };
        let at = self.point(at, 6 * self.granularity);
        let bytes = vec![byte as u8; 1 + len as usize * 13];
        self.tell(|| format!("file {i}: write {} bytes of {} at {at}", bytes.len(), byte as u8));
        let Some((file, _)) = &self.files[i].open else { return };
        assert_eq!(file.write_at(&bytes, at as u64), Ok(bytes.len()));
        self.fill_file(i, at, &bytes);
    }

    fn set_len(&mut self, file: u32, len: u32) {
        let Some(i) = self.file(file) else { return };
        let (old, new) = (self.files[i].contents.len(), self.point(len, 6 * self.granularity));
        self.tell(|| format!("file {i}: length {old} becomes {new}"));
        let Some((_, file)) = &self.files[i].open else { return };
        match file.set_len(new as u64) {
            // Windows truncates no mapped file.
            Err(_) if !self.is_linux && new < old => return,
            result => result.unwrap(),
        }
        self.files[i].contents.resize(new, 0);
        self.file_changed(i, old.min(new)..old.max(new));
        // Own bytes go with their pages.
        let page = self.page;
        for copy in self.parts_of(Source::Copy(i)) {
            let (accessible, end) = (copy.accessible(new, page), copy.cells.len());
            copy.cells.states.set(accessible..end, State::Undefined);
        }
    }

    fn allocate(&mut self, file: u32, offset: u32, len: u32) {
        let Some(i) = self.file(file) else { return };
        let (offset, len) = (self.point(offset, 4 * self.granularity), self.len(len));
        self.tell(|| format!("file {i}: allocate {len} bytes at {offset}"));
        let old = self.files[i].contents.len();
        let Some((file, _)) = &self.files[i].open else { return };
        if allow(file.allocate(offset as u64, len as u64), &[ErrorKind::Unsupported]).is_some() {
            let new = old.max(offset + len);
            self.files[i].contents.resize(new, 0);
            self.file_changed(i, old..new);
        }
    }

    /// The flags and permissions that a number stands for.
    fn how(&self, number: u32) -> (Flags, Prot) {
        let flags = [
            Flags::empty(),
            Flags::POPULATE,
            Flags::READAHEAD,
            Flags::empty(),
            Flags::NORESERVE,
            Flags::LOCKED,
            Flags::empty(),
        ];
        let copy = if number / 7 % 2 == 0 { Flags::empty() } else { Flags::COW };
        (flags[number as usize % 7] | copy, RANGE_OF_PROT[number as usize / 14 % 4])
    }

    pub fn push(&mut self, memory: Memory) {
        self.tell(|| {
            let part = memory.parts.first().map(|part| (part.source, part.offset));
            format!("mapped {:#x} + {}, {:?}, {part:?}", memory.address(), memory.len(), memory.prot)
        });
        self.mappings.push(memory);
    }

    fn map_file(&mut self, file: u32, [offset, len]: [u32; 2], how: u32) {
        let Some(i) = self.file(file).filter(|_| self.mappings.len() < MAPPINGS) else { return };
        let (flags, prot) = self.how(how);
        let end = self.files[i].contents.len();
        let offset = self.point(offset, end + 1);
        let len = if len % 5 == 0 { end.saturating_sub(offset) } else { self.len(len) };
        let Some((file, _)) = &self.files[i].open else { return };
        let request = Mmap::new(file).offset(offset as u64).len(len).flags(flags).prot(prot);
        let (result, prot) = map(how / 56, prot, request);
        let is_beyond = offset + len > end;
        let mut kinds = self.refusals(flags, prot);
        kinds.extend(is_beyond.then_some(ErrorKind::BeyondEnd));
        self.tell(|| format!("map file {i}, offset {offset}, length {len}, {flags:?}, {prot:?}: {result:?}"));
        let Some(handle) = allow(result, &kinds) else { return };
        assert!(!is_beyond, "{offset} + {len} of {end} bytes are mapped");
        let part = Part::new(Source::of(i, flags), offset, len);
        self.push(Memory::new(handle, part, prot, flags.contains(Flags::LOCKED)));
    }

    fn map_anon(&mut self, len: u32, how: u32) {
        if self.mappings.len() == MAPPINGS {
            return;
        }
        let (flags, prot) = self.how(how);
        let (len, flags) = (self.len(len), flags - Flags::COW);
        let request = Mmap::anon(len).flags(flags).prot(prot);
        let (result, prot) = match how / 56 % 3 {
            0 => (request.map().map(Handle::from), prot),
            1 => (request.map_mut().map(Handle::from), prot | Prot::WRITE),
            _ => (request.map_raw().map(Handle::from), prot),
        };
        if let Some(handle) = allow(result, &self.refusals(flags, prot)) {
            let part = Part::new(Source::Anon, 0, len);
            self.push(Memory::new(handle, part, prot, flags.contains(Flags::LOCKED)));
        }
    }

    /// More than any address space has. Nothing may change.
    fn map_too_much(&mut self, how: u32) {
        let len = 1_usize << (usize::BITS - 2 - how % 2);
        let error = match how / 2 % 2 {
            0 => Mmap::anon(len).map_mut().err(),
            _ => Reservation::new(len).err(),
        };
        let kind = error.map(|error| error.kind());
        assert!(matches!(kind, Some(ErrorKind::OutOfMemory | ErrorKind::Unsupported)), "{kind:?}");
    }

    /// Writes to one part of a mapping, through a slice or a pointer.
    fn write(&mut self, mapping: u32, start: u32, len: u32, byte: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let (page, wanted) = (self.page, 1 + len as usize * 13);
        let start = self.point(start, self.mappings[i].len());
        let memory = &mut self.mappings[i];
        let writable: Vec<_> = memory
            .prots
            .of(start..start + wanted)
            .take_while(|(_, prot)| prot.contains(Prot::WRITE))
            .map(|(run, _)| run.end)
            .collect();
        let end = writable.last().copied().unwrap_or(start).min(memory.len());
        let is_read_only = matches!(memory.handle, Handle::Read(_));
        let pages = memory.touched_pages(start..end, page);
        let mut pieces = memory.pieces(start..end).into_iter();
        let Some((_, part, mut range)) = pieces.next().filter(|_| !is_read_only) else { return };
        let file_len = part.source.file().map_or(0, |file| self.files[file].contents.len());
        // What is written past the end of a file is nowhere.
        range.end = range.end.min(match part.source {
            Source::Anon => range.end,
            Source::Shared(_) => file_len.saturating_sub(part.offset),
            Source::Copy(_) => part.accessible(file_len, page),
        });
        if range.is_empty() {
            return;
        }
        let bytes = vec![byte as u8; range.len()];
        let source = part.source;
        match source {
            Source::Anon => part.cells.fill(range.start, bytes.iter().copied()),
            Source::Shared(file) => {
                let at = part.offset + range.start;
                self.fill_file(file, at, &bytes);
            }
            Source::Copy(file) => {
                // The system copies the pages first. Parts meet where pages do.
                let before = start - range.start;
                let copied = pages.start.saturating_sub(before)..pages.end - before;
                let states = &part.cells.states;
                let of_file: Vec<_> = states.of(copied).filter(|run| run.1 == State::File).collect();
                for (run, _) in of_file {
                    let from = part.offset + run.start..part.offset + run.end;
                    part.cells.fill(run.start, self.files[file].contents[from].iter().copied());
                }
                part.cells.fill(range.start, bytes.iter().copied());
            }
        }
        self.tell(|| format!("mapping {i}: write {} bytes of {} at {start}", bytes.len(), byte as u8));
        match &mut self.mappings[i].handle {
            Handle::Write(map) => map[start..start + bytes.len()].copy_from_slice(&bytes),
            // SAFETY: these pages are writable, the range lies before the file's end, and only this thread uses it.
            Handle::Raw(map) => unsafe {
                map.as_mut_ptr().add(start).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            },
            Handle::Read(_) => unreachable!(),
        }
    }

    fn flush(&mut self, mapping: u32, start: u32, end: u32, how: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let range = self.range(start, end, self.mappings[i].len());
        self.tell(|| format!("mapping {i}: flush {range:?}"));
        with!(&self.mappings[i].handle, map => match how % 3 {
            0 => map.flush_async_range(range),
            1 => map.flush_range(range),
            _ => map.flush(),
        })
        .unwrap();
    }

    fn advise(&mut self, mapping: u32, start: u32, end: u32, which: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let all = [
            Advice::Normal,
            Advice::Random,
            Advice::Sequential,
            Advice::WillNeed,
            Advice::Cold,
            Advice::PageOut,
            Advice::HugePage,
            Advice::NoHugePage,
        ];
        let (range, advice) =
            (self.range(start, end, self.mappings[i].len()), all[which as usize % all.len()]);
        self.tell(|| format!("mapping {i}: advise {advice:?} for {range:?}"));
        with!(&self.mappings[i].handle, map => map.advise_range(range, advice)).unwrap();
    }

    fn discard(&mut self, mapping: u32, start: u32, end: u32, which: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let discard = [Discard::DontNeed, Discard::Free, Discard::Remove][which as usize % 3];
        let range = self.range(start, end, self.mappings[i].len());
        self.tell(|| format!("mapping {i}: discard {range:?}, {discard:?}"));
        let memory = &mut self.mappings[i];
        if memory.is_locked && discard == Discard::Remove {
            // The system refuses locked pages, perhaps after it removed others.
            return;
        }
        // SAFETY: no reference exists, and what the discard destroys counts as destroyed below.
        let result = with!(&memory.handle, map => unsafe { map.discard_range(range.clone(), discard) });
        let pages = memory.whole_pages(range, self.page, discard == Discard::Remove);
        let kind = memory.kind();
        let mut kinds = vec![];
        if !self.is_linux || discard == Discard::Remove {
            kinds.push(ErrorKind::Unsupported);
        }
        let is_senseless = match discard {
            Discard::Free => kind != Some(Source::Anon),
            Discard::Remove => kind != Some(Source::Shared(0)),
            _ => false,
        };
        if is_senseless || memory.is_locked {
            kinds.push(ErrorKind::InvalidInput);
        }
        let is_refused = allow(result, &kinds).is_none();
        let is_done = !is_refused && !pages.is_empty();
        assert!(!is_senseless || !is_done, "{discard:?} of {kind:?}");
        if is_refused && memory.is_locked && !is_senseless {
            // What lies before the locked pages may be gone.
            for (_, Part { source, cells, .. }, pages) in memory.pieces(pages.clone()) {
                if !matches!(source, Source::Shared(_)) {
                    cells.states.set(pages, State::Undefined);
                }
            }
        }
        let (mut removed, files) = (vec![], &self.files);
        for (_, part, pages) in memory.pieces(pages).into_iter().filter(|_| is_done) {
            let Part { source, offset, cells } = part;
            let end = source.file().map_or(0, |file| files[file].contents.len()).saturating_sub(*offset);
            match (discard, *source) {
                (Discard::DontNeed, Source::Anon) => cells.fill(pages.start, vec![0; pages.len()]),
                (Discard::DontNeed, Source::Copy(_)) => {
                    cells.states.set(pages.clone(), State::File);
                    cells.states.set(pages.start.max(end)..pages.end, State::Undefined);
                }
                (Discard::Free, _) => cells.states.set(pages, State::Undefined),
                (Discard::Remove, Source::Shared(file)) if pages.start < end => {
                    removed.push((file, *offset + pages.start, pages.end.min(end) - pages.start));
                }
                _ => {}
            }
        }
        removed.into_iter().for_each(|(file, at, len)| self.fill_file(file, at, &vec![0; len]));
    }

    /// Whether every page of a mapping begins before the end of its file.
    pub fn is_accessible(&self, memory: &Memory) -> bool {
        memory.parts.iter().all(|part| {
            let file_len = part.source.file().map_or(0, |file| self.files[file].contents.len());
            part.accessible(file_len, self.page) == part.cells.len()
        })
    }

    fn lock(&mut self, mapping: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let memory = &self.mappings[i];
        let is_protected = memory.prots.of(0..memory.len()).any(|run| run.1.is_empty());
        let is_accessible = self.is_accessible(memory) && !is_protected;
        let result = with!(&memory.handle, map => map.lock());
        self.tell(|| format!("mapping {i}: lock: {result:?}"));
        match result {
            Ok(()) => self.mappings[i].is_locked = true,
            // It is unlocked.
            Err(error) => {
                let limits = [ErrorKind::OutOfMemory, ErrorKind::PermissionDenied, ErrorKind::Unsupported];
                assert!(!is_accessible || limits.contains(&error.kind()), "{error:?}");
            }
        }
    }

    fn new_view(&mut self, file: u32, offset: u32, len: u32) {
        let Some(i) = self.file(file).filter(|_| self.views.len() < VIEWS) else { return };
        let end = self.files[i].contents.len();
        let offset = self.point(offset, end);
        let len = if len % 3 == 0 { end - offset } else { self.point(len, end - offset) };
        let Some((_, file)) = &self.files[i].open else { return };
        let file = File::from(file.try_clone().unwrap());
        let view = file.into_view(|mmap| mmap.offset(offset as u64).len(len)).unwrap();
        self.tell(|| format!("view {} of file {i}: offset {offset}, length {len}", self.views.len()));
        self.views.push(Seen { view, file: i, offset, len });
    }

    fn read(&mut self, file: u32, offset: u32, how: u32) {
        let Some(i) = self.file(file) else { return };
        let Opened { open: Some((file, _)), contents } = &self.files[i] else { return };
        let offset = self.point(offset, contents.len() + 1);
        let rest = contents.get(offset..).unwrap_or_default();
        let reader = Reader::new(file).offset(offset as u64).chunk_len(1 + how as usize * 31);
        // SAFETY: nothing changes the file meanwhile.
        let reader = if how % 2 == 0 { reader } else { unsafe { reader.mapped() } };
        let mut read = vec![];
        let result = reader.for_each(|chunk| {
            read.extend_from_slice(chunk);
            Ok::<_, Error>(())
        });
        assert_eq!(result, Ok(rest.len() as u64));
        assert!(read == rest, "a reader of file {i} from {offset} on read something else");
    }
}

/// Maps a file by the method that a number stands for. Returns the permissions with the result.
fn map(which: u32, prot: Prot, request: Mmap<'_>) -> (Result<Handle, Error>, Prot) {
    // SAFETY: what may change or vanish is only accessed in between, and no reference to it stays.
    unsafe {
        match which % 4 {
            0 => (request.map().map(Handle::from), prot),
            1 => (request.map_mut().map(Handle::from), prot | Prot::WRITE),
            _ => (request.map_raw().map(Handle::from), prot),
        }
    }
}

pub fn range_of(reservation: &Reservation) -> Range<usize> {
    let start = reservation.as_ptr().addr();
    start..start + reservation.len()
}

mod parts;
mod space;
