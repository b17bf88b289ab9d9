//! What is compared after each step: every byte that is defined, every permission, every address.

use super::cells::State;
use super::memory::{Memory, with};
use super::world::{Seen, World, range_of};
use baremap::{ErrorKind, Prot};
use std::env::consts::OS;
use std::fs;
use std::ops::Range;

/// A line of /proc/self/maps.
struct Region {
    range: Range<usize>,
    permissions: String,
}

/// The regions of this process, in ascending order, or `None` where the system does not list them.
fn regions() -> Option<Vec<Region>> {
    // Under Wine the file is there too, and another one.
    let text = fs::read_to_string("/proc/self/maps").ok().filter(|_| OS == "linux")?;
    let region = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |digits| usize::from_str_radix(digits, 16).ok();
        Some(Region { range: address(start)?..address(end)?, permissions: rest.get(..4)?.into() })
    };
    text.lines().map(region).collect()
}

impl World {
    pub fn check(&mut self) {
        for i in 0..self.files.len() {
            self.check_file(i);
        }
        for i in 0..self.mappings.len() {
            self.check_memory(i, &self.mappings[i]);
        }
        for i in 0..self.views.len() {
            let numbers = [(); 4].map(|()| self.random.next() as usize);
            self.check_view(&self.views[i], numbers);
        }
        self.check_addresses();
    }

    fn check_file(&self, i: usize) {
        let file = &self.files[i];
        let Some((open, _)) = &file.open else { return };
        assert_eq!(open.len(), Ok(file.contents.len() as u64), "the length of file {i}");
        let mut read = vec![0; file.contents.len()];
        assert_eq!(open.read_at(&mut read, 0), Ok(read.len()), "reading file {i}");
        assert_same(&read, &file.contents, || format!("file {i}"), 0);
    }

    fn check_memory(&self, i: usize, memory: &Memory) {
        let (len, prot) = with!(&memory.handle, map => (map.len(), map.prot()));
        assert_eq!((len, prot), (memory.len(), memory.prot), "of mapping {i}");
        if !prot.contains(Prot::READ) {
            return;
        }
        let contents = memory.file().map_or(&[][..], |file| &self.files[file].contents);
        let accessible = memory.accessible(contents.len(), self.page);
        for (run, state) in memory.cells.runs(0..accessible) {
            let (run, expected) = match state {
                State::Undefined => continue,
                State::Own => (run.clone(), memory.cells.bytes(run)),
                State::File => {
                    let end = contents.len().saturating_sub(memory.offset).min(run.end);
                    let run = run.start.min(end)..end;
                    let of_file = contents.get(memory.offset..).unwrap_or_default();
                    (run.clone(), &of_file[run])
                }
            };
            let start = with!(&memory.handle, map => map.as_ptr()).wrapping_add(run.start);
            // SAFETY: the mapping is readable, these pages begin before the end of the file, and nothing changes them during the
            // comparison.
            let actual = unsafe { std::slice::from_raw_parts(start, run.len()) };
            assert_same(actual, expected, || format!("mapping {i} ({:?})", memory.source), run.start);
        }
    }

    /// Reads all of the view, and a part.
    fn check_view(&self, seen: &Seen, [at, len, ..]: [usize; 4]) {
        let Seen { view, file, offset, len: view_len } = seen;
        assert_eq!(view.len(), *view_len);
        let contents = &self.files[*file].contents;
        let end = contents.len().saturating_sub(*offset).min(*view_len);
        for (at, len) in [(0, view_len + 1), (at % (view_len + 2), len % (2 * self.page))] {
            let mut buffer = vec![0xee; len];
            let read = view.read_at(&mut buffer, at as u64).map_err(|error| error.kind());
            let expected = match at {
                _ if at >= *view_len || len == 0 => Ok(0),
                _ if at >= end => Err(ErrorKind::Truncated),
                _ => Ok(len.min(end - at)),
            };
            assert_eq!(
                read,
                expected,
                "{view:?} read {len} bytes at {at} of a file of {} bytes",
                contents.len()
            );
            if let Ok(read @ 1..) = read {
                assert_same(&buffer[..read], &contents[offset + at..][..read], || format!("{view:?}"), at);
            }
        }
    }

    /// Nothing overlaps, everything has its permissions, and what was given back is gone.
    fn check_addresses(&mut self) {
        let regions = regions();
        let mapped = self.mappings.iter().filter(|memory| memory.len() != 0);
        let mut held: Vec<_> = mapped
            .map(|memory| (memory.pages(self.page), Some(memory)))
            .chain(self.reservations.iter().map(|reservation| (range_of(reservation), None)))
            .collect();
        held.sort_by_key(|(range, _)| range.start);
        for pair in held.windows(2) {
            assert!(pair[0].0.end <= pair[1].0.start, "{:x?} and {:x?} overlap", pair[0].0, pair[1].0);
        }
        for free in self.free.drain(..) {
            let left = regions.iter().flatten().find(|region| overlap(&region.range, &free));
            assert!(left.is_none_or(|left| is_elsewhere(left, &held, &free)), "{free:x?} is still mapped");
        }
        let Some(regions) = regions else { return };
        for (range, memory) in &held {
            let expected = match memory {
                None => String::from("---p"),
                Some(memory) => permissions(memory),
            };
            let mut end = range.start;
            for region in regions.iter().filter(|region| overlap(&region.range, range)) {
                assert!(region.range.start <= end, "{range:x?} has a hole at {end:x}");
                assert_eq!(region.permissions, expected, "the permissions of {range:x?} at {end:x}");
                end = region.range.end;
            }
            assert!(end >= range.end, "{range:x?} has a hole at {end:x}");
        }
    }
}

/// Whether the addresses belong to something else by now.
fn is_elsewhere(_left: &Region, held: &[(Range<usize>, Option<&Memory>)], free: &Range<usize>) -> bool {
    held.iter().any(|(range, _)| overlap(range, free))
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// As /proc/self/maps has them.
fn permissions(memory: &Memory) -> String {
    let letters = [(Prot::READ, 'r'), (Prot::WRITE, 'w'), (Prot::EXEC, 'x')];
    let mut text: String =
        letters.map(|(prot, letter)| if memory.prot.contains(prot) { letter } else { '-' }).iter().collect();
    text.push(if matches!(memory.source, super::memory::Source::Shared(_)) { 's' } else { 'p' });
    text
}

#[track_caller]
fn assert_same(actual: &[u8], expected: &[u8], what: impl Fn() -> String, at: usize) {
    assert_eq!(actual.len(), expected.len(), "the length of {}", what());
    if actual != expected {
        let i = actual.iter().zip(expected).position(|(one, other)| one != other).unwrap();
        panic!("{}: byte {} is {} instead of {}", what(), at + i, actual[i], expected[i]);
    }
}
