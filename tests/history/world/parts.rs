//! Dividing, joining and resizing.

use super::*;
use crate::cells::Runs;

impl World {
    /// Joins a reservation and the next one, or where there is none, any other.
    pub fn join_reservations(&mut self, reservation: u32) {
        let Some(i) = self.reservation(reservation).filter(|_| self.reservations.len() > 1) else { return };
        let first = self.reservations.swap_remove(i);
        let range = range_of(&first);
        let next = self.reservations.iter().position(|next| next.as_ptr().addr() == range.end);
        let kinds: &[_] = if next.is_none() { &[ErrorKind::InvalidInput] } else { &[] };
        let next = self.reservations.swap_remove(next.unwrap_or(0));
        self.tell(|| format!("join {first:?} and {next:?}"));
        let end = range_of(&next).end;
        match allow_refused(first.join(next), kinds) {
            Ok(joined) => {
                assert_eq!(range_of(&joined), range.start..end);
                self.reservations.push(joined);
            }
            Err((first, next)) => self.reservations.extend([first, next]),
        }
    }

    pub fn split_off(&mut self, mapping: u32, at: u32) {
        let Some(i) = self.mapping(mapping).filter(|_| self.mappings.len() < MAPPINGS) else { return };
        let (page, memory) = (self.page, &self.mappings[i]);
        let len = memory.len();
        let mut at = self.point(at, len + 1);
        // Near the border of two pages.
        if at < len {
            at = at.saturating_sub((memory.address() + at) % page);
        }
        let mut kinds = vec![];
        if at > len {
            kinds.push(ErrorKind::BeyondEnd);
        } else if at != 0 && at != len {
            kinds.extend(((memory.address() + at) % page != 0).then_some(ErrorKind::InvalidInput));
            kinds.extend((OS == "windows").then_some(ErrorKind::Unsupported));
        }
        let memory = &mut self.mappings[i];
        let result = with!(&mut memory.handle, map => map.split_off(at).map(Handle::from));
        let is_split = result.is_ok();
        let Some(handle) = allow(result, &kinds) else { return };
        let rest = memory.split_off(handle, at);
        self.tell(|| format!("mapping {i}: split off at {at}: {is_split}"));
        self.push(rest);
    }

    /// Joins a mapping and the next one of the same type, or where there is none, any other of that type.
    pub fn join(&mut self, mapping: u32, other: u32) {
        let Some(mut i) = self.mapping(mapping).filter(|_| self.mappings.len() > 1) else { return };
        if mapping % 8 != 0 {
            i = self.neighbour(i, |world, end| world.mappings.iter().any(|next| next.address() == end));
        }
        let first = self.mappings.swap_remove(i);
        let end = first.address() + first.len();
        let next = self.mappings.iter().position(|next| next.address() == end && next.len() != 0);
        let j = next.unwrap_or(other as usize % self.mappings.len());
        let next = self.mappings.swap_remove(j);
        self.tell(|| format!("join {:?} and {:?}", first.handle, next.handle));
        let is_possible = first.len() == 0
            || next.len() == 0
            || (end, first.kind(), first.prot) == (next.address(), next.kind(), next.prot);
        let mut kinds = if is_possible { vec![] } else { vec![ErrorKind::InvalidInput] };
        if OS == "windows" {
            kinds.push(ErrorKind::Unsupported);
        }
        let is_next_empty = next.len() == 0;
        let (mut first, mut next) = (first, next);
        let refused = match (&mut first.handle, next.handle) {
            (Handle::Read(map), Handle::Read(next)) => {
                allow_refused(map.join(next), &kinds).err().map(Handle::from)
            }
            (Handle::Write(map), Handle::Write(next)) => {
                allow_refused(map.join(next), &kinds).err().map(Handle::from)
            }
            (Handle::Raw(map), Handle::Raw(next)) => {
                allow_refused(map.join(next), &kinds).err().map(Handle::from)
            }
            (_, handle) => Some(handle),
        };
        match refused {
            Some(handle) => {
                next.handle = handle;
                self.mappings.extend([first, next]);
            }
            None => {
                assert!(is_possible);
                if first.len() == 0 {
                    first.prot = next.prot;
                }
                first.prots.append(next.prots);
                first.parts.extend(next.parts);
                first.is_locked |= next.is_locked;
                first.is_exact &= next.is_exact;
                if !is_next_empty {
                    first.is_cut = next.is_cut;
                }
                self.push(first);
            }
        }
    }

    /// The first mapping from number `i` on at whose end, rounded up to the granularity, is what `is_there` says; or `i`.
    fn neighbour(&self, i: usize, is_there: impl Fn(&Self, usize) -> bool) -> usize {
        let end = |memory: &Memory| (memory.address() + memory.len()).next_multiple_of(self.granularity);
        let mut numbers = (i..self.mappings.len()).chain(0..i);
        numbers.find(|&i| self.mappings[i].len() != 0 && is_there(self, end(&self.mappings[i]))).unwrap_or(i)
    }

    /// The request of which a mapping could be made, with another length, and what may be refused about it. `None` if no
    /// request can name what it is, as its file is closed or not one.
    fn request(&self, memory: &Memory, len: usize) -> Option<(Option<Mmap<'_>>, Vec<ErrorKind>)> {
        if memory.kind().is_none_or(|kind| kind == Source::Anon) {
            return Some((None, vec![]));
        }
        let (file, offset) = memory.file_range()?;
        let Opened { open: Some((open, _)), contents } = &self.files[file] else { return None };
        let flags = if memory.kind() == Some(Source::Copy(0)) { Flags::COW } else { Flags::empty() };
        let is_beyond = offset + len > contents.len();
        let kinds = is_beyond.then_some(ErrorKind::BeyondEnd).into_iter().collect();
        Some((Some(Mmap::new(open).offset(offset as u64).len(len).flags(flags)), kinds))
    }

    pub fn extend(&mut self, mapping: u32, reservation: u32, len: u32) {
        let Some((mut i, j)) = self.mapping(mapping).zip(self.reservation(reservation)) else { return };
        if mapping % 8 != 0 {
            i = self
                .neighbour(i, |world, end| world.reservations.iter().any(|next| next.as_ptr().addr() == end));
        }
        let mut memory = self.mappings.swap_remove(i);
        let (old_len, mut start) = (memory.len(), memory.address());
        let mut end = (start + old_len).next_multiple_of(self.granularity);
        let next = self.reservations.iter().position(|next| next.as_ptr().addr() == end);
        let mut reservation = self.reservations.swap_remove(next.unwrap_or(j));
        let before = range_of(&reservation);
        if old_len == 0 {
            (start, end) = (before.start, before.start);
        }
        let new_len = match len % 9 {
            0 => self.point(len, old_len),
            1 => old_len + self.len(len),
            _ => old_len + self.len(len).min(before.len() + (end - start - old_len)),
        };
        let taken = (start + new_len).saturating_sub(end).next_multiple_of(self.granularity);
        if let Some((request, mut kinds)) = self.request(&memory, new_len) {
            if new_len < old_len || taken != 0 && before.start != end {
                kinds.push(ErrorKind::InvalidInput);
            }
            if taken > before.len() {
                kinds.push(ErrorKind::OutOfMemory);
            }
            if new_len == 0 && request.is_none() {
                kinds.push(ErrorKind::ZeroLength);
            }
            // Nothing is asked of the reservation.
            let is_possible = kinds.is_empty() || new_len == old_len && kinds[0] == ErrorKind::InvalidInput;
            if OS == "windows" {
                kinds.push(ErrorKind::Unsupported);
            }
            let result = with!(&mut memory.handle, map => match request {
                None => Mmap::anon(new_len).extend(map, &mut reservation),
                // SAFETY: of these the mapping was made; what may change or vanish is only accessed in between.
                Some(request) => unsafe { request.extend(map, &mut reservation) },
            });
            let (address, file) = (memory.address(), memory.file_range());
            self.tell(|| {
                format!("extend {address:#x} + {old_len} to {new_len}, {file:x?}, {before:x?}: {result:?}")
            });
            if allow(result, &kinds).is_some() {
                assert!(is_possible);
                if new_len != old_len {
                    assert_eq!(
                        (memory.address(), range_of(&reservation)),
                        (start, before.start + taken..before.end)
                    );
                    memory.grow(new_len, end - start, self.page);
                }
            } else {
                assert_eq!(range_of(&reservation), before);
            }
        }
        self.mappings.push(memory);
        if reservation.len() != 0 {
            self.reservations.push(reservation);
        }
    }

    pub fn resize(&mut self, mapping: u32, len: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let mut memory = self.mappings.swap_remove(i);
        let (old_len, old_pages, address) = (memory.len(), memory.pages(self.page), memory.address());
        let kind = memory.kind();
        let new_len = match len % 4 {
            0 => self.point(len / 4, old_len),
            3 if len % 7 == 0 && kind == Some(Source::Anon) => 1 << (usize::BITS - 2),
            _ => self.len(len / 4),
        };
        if let Some((request, mut kinds)) = self.request(&memory, new_len) {
            if new_len == 0 && request.is_none() {
                kinds.push(ErrorKind::ZeroLength);
            } else if new_len > 1 << 40 {
                kinds.push(ErrorKind::OutOfMemory);
            }
            let mut allowed = kinds.clone();
            // It may have to be copied.
            if kind != Some(Source::Shared(0)) && !memory.prot.contains(Prot::READ) {
                allowed.push(ErrorKind::PermissionDenied);
            }
            if OS == "windows" {
                allowed.extend([ErrorKind::Unsupported, ErrorKind::PermissionDenied]);
            }
            let result = with!(&mut memory.handle, map => match request {
                None => Mmap::anon(new_len).resize(map),
                // SAFETY: as in `extend`.
                Some(request) => unsafe { request.resize(map) },
            });
            let file = memory.file_range();
            self.tell(|| format!("resize {address:#x} + {old_len} to {new_len}, {file:x?}: {result:?}"));
            if allow(result, &allowed).is_some() && new_len != old_len {
                assert!(kinds.is_empty());
                if new_len < old_len {
                    memory.shrink(new_len, self.page);
                } else {
                    // What was protected in parts may be made anew.
                    let prot = memory.prot;
                    if memory.prots.of(0..old_len).any(|run| run.1 != prot) {
                        memory.is_exact = false;
                        memory.prots = Runs::new(old_len, prot);
                    }
                    let end = old_pages.end - address;
                    memory.grow(new_len, end, self.page);
                }
                let pages = memory.pages(self.page);
                if new_len == 0 || pages.start >= old_pages.end || pages.end <= old_pages.start {
                    self.free.push(old_pages);
                } else if pages.end < old_pages.end {
                    assert_eq!(pages.start, old_pages.start);
                    self.free.push(pages.end..old_pages.end);
                }
            }
        }
        self.mappings.push(memory);
    }

    pub fn protect_range(&mut self, mapping: u32, start: u32, end: u32, prot: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let range = self.range(start, end, self.mappings[i].len());
        let is_accessible = self.is_accessible(&self.mappings[i]);
        let new = if prot % 5 == 4 { Prot::NONE } else { RANGE_OF_PROT[prot as usize % 4] };
        let memory = &mut self.mappings[i];
        let Handle::Raw(map) = &mut memory.handle else { return };
        if new.contains(Prot::EXEC) && !is_accessible {
            return;
        }
        let kinds: &[_] =
            if OS == "linux" { &[] } else { &[ErrorKind::PermissionDenied, ErrorKind::Unsupported] };
        // SAFETY: no pointer is in use.
        let result = unsafe { map.protect_range(range.clone(), new) };
        let (pages, len) = (memory.touched_pages(range.clone(), self.page), memory.len());
        if allow(result, kinds).is_none() {
            memory.set_common(pages, new);
        } else if range.len() == len && len != 0 {
            memory.prot = new;
            memory.prots.set(0..len, new);
        } else if !range.is_empty() {
            memory.prot &= new;
            memory.prots.set(pages, new);
        }
        self.tell(|| format!("mapping {i}: {range:?} becomes {new:?}"));
    }
}

impl Memory {
    fn split_off(&mut self, handle: Handle, at: usize) -> Self {
        let len = self.len();
        let (mut first, mut rest, mut start) = (vec![], vec![], 0);
        for mut part in self.parts.drain(..) {
            let end = start + part.cells.len();
            if start < at && at < end {
                let cells = part.cells.split_off(at - start);
                rest.push(Part { offset: part.offset + at - start, cells, ..part });
                first.push(part);
            } else if end <= at {
                first.push(part);
            } else {
                rest.push(part);
            }
            start = end;
        }
        let prots = self.prots.split_off(at);
        self.parts = first;
        let prot = if at == len { Prot::READ } else { self.prot };
        let memory = Self { handle, prot, prots, parts: rest, ..*self };
        if at == 0 {
            self.prot = Prot::READ;
        }
        memory
    }

    /// Notes a greater length. New pages begin at `end` at the latest.
    fn grow(&mut self, new_len: usize, end: usize, page: usize) {
        let (old_len, page_end) = (self.len(), self.pages(page).end - self.address());
        let Some(last) = self.parts.last_mut() else {
            // An empty mapping becomes one of fresh memory.
            let prot = with!(&self.handle, map => map.prot());
            (self.prot, self.prots) = (prot, Runs::new(new_len, prot));
            self.parts.push(Part::new(Source::Anon, 0, new_len));
            return;
        };
        let of_page = page_end.min(new_len) - old_len;
        let (in_page, past_page) = match last.source {
            Source::Anon if self.is_cut => (State::Undefined, State::Own),
            Source::Anon => (State::Own, State::Own),
            Source::Shared(_) => (State::File, State::File),
            // If the page was copied, as it was then.
            Source::Copy(_) => (State::Undefined, State::File),
        };
        last.cells.push(of_page, in_page);
        let prot = self.prots.of(old_len - 1..old_len).next().unwrap().1;
        self.prots.push(of_page, prot);
        last.cells.push(end.min(new_len).saturating_sub(page_end), past_page);
        if new_len > end {
            let offset = last.offset + last.cells.len();
            let part = Part::new(last.source, offset, new_len - end);
            self.parts.push(part);
        }
        self.prots.push(new_len - old_len - of_page, self.prot);
        self.is_cut &= new_len < page_end;
    }

    fn shrink(&mut self, new_len: usize, page: usize) {
        // What a writable mapping loses inside a page is zeroed.
        self.is_cut |= !self.prot.contains(Prot::WRITE) && (self.address() + new_len) % page != 0;
        let mut start = 0;
        for part in &mut self.parts {
            let end = start + part.cells.len();
            part.cells.split_off(new_len.clamp(start, end) - start);
            start = end;
        }
        self.parts.retain(|part| part.cells.len() != 0);
        self.prots.split_off(new_len);
        if new_len == 0 {
            self.prot = Prot::READ;
        }
    }
}
