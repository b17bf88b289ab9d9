//! What is compared after each step: every byte that is defined, every permission, every address.

use super::cells::State;
use super::memory::{Memory, Part, Source, with};
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
        let mut start = 0;
        for part in &memory.parts {
            self.check_part(i, memory, start, part);
            start += part.cells.len();
        }
    }

    fn check_part(&self, i: usize, memory: &Memory, start: usize, Part { source, offset, cells }: &Part) {
        let contents = source.file().map_or(&[][..], |file| &self.files[file].contents);
        let of_file = contents.get(*offset..).unwrap_or_default();
        let accessible = match source {
            Source::Anon => cells.len(),
            _ => contents.len().next_multiple_of(self.page).saturating_sub(*offset).min(cells.len()),
        };
        let readable = memory.prots.of(start..start + accessible).filter(|run| run.1.contains(Prot::READ));
        for readable in readable.map(|(run, _)| run.start - start..run.end - start) {
            for (run, state) in cells.states.of(readable) {
                let (run, expected) = match state {
                    State::Undefined => continue,
                    State::Own => (run.clone(), cells.bytes(run)),
                    State::File => {
                        let run = run.start.min(of_file.len())..run.end.min(of_file.len());
                        (run.clone(), &of_file[run])
                    }
                };
                let at = start + run.start;
                let address = with!(&memory.handle, map => map.as_ptr()).wrapping_add(at);
                // SAFETY: these bytes are mapped and readable, their pages begin before the end of the file, and nothing changes
                // them during the comparison.
                let actual = unsafe { std::slice::from_raw_parts(address, run.len()) };
                assert_same(actual, expected, || format!("mapping {i} ({source:?})"), at);
            }
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
            let is_used_again = held.iter().any(|(range, _)| overlap(range, &free));
            assert!(left.is_none() || is_used_again, "{free:x?} is still mapped");
        }
        let Some(regions) = regions else { return };
        for (range, memory) in &held {
            let Some(memory) = memory else {
                check_permissions(&regions, range.clone(), "---p", true);
                continue;
            };
            let (base, is_shared) = (memory.address(), memory.kind() == Some(Source::Shared(0)));
            for (run, prot) in memory.prots.of(0..memory.len()) {
                let run = (base + run.start) & !(self.page - 1)..(base + run.end).next_multiple_of(self.page);
                let expected = permissions(prot, is_shared);
                check_permissions(&regions, run, &expected, memory.is_exact);
            }
        }
    }
}

fn check_permissions(regions: &[Region], range: Range<usize>, expected: &str, is_exact: bool) {
    let mut end = range.start;
    for region in regions.iter().filter(|region| overlap(&region.range, &range)) {
        assert!(region.range.start <= end, "{range:x?} has a hole at {end:x}");
        let has_more = |(actual, expected)| actual == expected || !is_exact && expected == '-';
        let is_right = region.permissions.chars().zip(expected.chars()).all(has_more);
        assert!(is_right, "{range:x?} is {} at {end:x} instead of {expected}", region.permissions);
        end = region.range.end;
    }
    assert!(end >= range.end, "{range:x?} has a hole at {end:x}");
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// As /proc/self/maps has them.
fn permissions(prot: Prot, is_shared: bool) -> String {
    let letters = [(Prot::READ, 'r'), (Prot::WRITE, 'w'), (Prot::EXEC, 'x')];
    let letters = letters.map(|(member, letter)| if prot.contains(member) { letter } else { '-' });
    letters.into_iter().chain([if is_shared { 's' } else { 'p' }]).collect()
}

#[track_caller]
fn assert_same(actual: &[u8], expected: &[u8], what: impl Fn() -> String, at: usize) {
    assert_eq!(actual.len(), expected.len(), "the length of {}", what());
    if actual != expected {
        let i = actual.iter().zip(expected).position(|(one, other)| one != other).unwrap();
        panic!("{}: byte {} is {} instead of {}", what(), at + i, actual[i], expected[i]);
    }
}
