//! Operations on address space: permissions, reservations, and what replaces them.

use super::*;

impl World {
    pub fn protect(&mut self, mapping: u32, prot: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let (old, new) = (self.mappings[i].prot, RANGE_OF_PROT[prot as usize % 4]);
        // Flushing the instruction cache may read the memory.
        if new.contains(Prot::EXEC) && !self.is_accessible(&self.mappings[i]) {
            return;
        }
        let is_raw = matches!(self.mappings[i].handle, Handle::Raw(_));
        let new = if is_raw && prot % 5 == 4 { Prot::NONE } else { new };
        self.tell(|| format!("mapping {i}: {old:?} becomes {new:?}"));
        let memory = &mut self.mappings[i];
        let mut kinds = vec![];
        if memory.kind() != Some(Source::Anon) && !(self.is_linux && new == Prot::READ) {
            kinds.push(ErrorKind::PermissionDenied);
        }
        let result = match &mut memory.handle {
            Handle::Read(map) => map.protect(new),
            Handle::Write(map) if new.contains(Prot::WRITE) || map.is_empty() => map.protect(new),
            Handle::Write(map) => {
                let kind = map.protect(new).map_err(|error| error.kind());
                assert_eq!(kind, Err(ErrorKind::InvalidInput));
                return;
            }
            // SAFETY: no pointer is in use.
            Handle::Raw(map) => unsafe { map.protect(new) },
        };
        let len = memory.len();
        if len == 0 {
            result.unwrap();
        } else if allow(result, &kinds).is_some() {
            (memory.prot, memory.is_exact) = (new, true);
            memory.prots.set(0..len, new);
        } else {
            memory.set_common(0..len, new);
        }
    }

    /// Changes the type, with the permissions that go with it, or takes the mapping apart and puts it together.
    pub fn convert(&mut self, mapping: u32, which: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let memory = self.mappings.swap_remove(i);
        let is_accessible = self.is_accessible(&memory);
        let (len, kind) = (memory.len(), memory.kind());
        let Memory { handle, prot: old, mut prots, .. } = memory;
        let mut kinds = vec![];
        if kind != Some(Source::Anon) {
            kinds.push(ErrorKind::PermissionDenied);
        }
        let refused = |new: Prot| {
            move |Refused { value, error }: Refused<_>| {
                assert!(kinds.contains(&error.kind()), "{error:?}");
                (Handle::Read(value), old & new)
            }
        };
        let is_changed = match (&handle, which % 4) {
            (Handle::Read(_), 0) | (Handle::Write(_), 1) => true,
            (Handle::Read(_) | Handle::Write(_), 2) => is_accessible,
            _ => false,
        };
        let (handle, prot) = match (handle, which % 4) {
            (Handle::Read(map), 0) => {
                map.into_mut().map(|map| (map.into(), Prot::WRITE)).unwrap_or_else(refused(Prot::WRITE))
            }
            (Handle::Write(map), 1) => {
                map.into_read_only().map(|map| (map.into(), Prot::READ)).unwrap_or_else(refused(Prot::READ))
            }
            (Handle::Read(map), 2) if is_accessible => {
                map.into_exec().map(|map| (map.into(), Prot::EXEC)).unwrap_or_else(refused(Prot::EXEC))
            }
            (Handle::Write(map), 2) if is_accessible => {
                map.into_exec().map(|map| (map.into(), Prot::EXEC)).unwrap_or_else(refused(Prot::EXEC))
            }
            (Handle::Raw(map), 3) => {
                let (ptr, len, backing) = map.into_raw_parts();
                // SAFETY: the parts are used once.
                (Handle::Raw(unsafe { baremap::RawMapping::from_raw_parts(ptr, len, backing) }), old)
            }
            (Handle::Raw(map), 0) if map.prot().contains(Prot::WRITE) => {
                // SAFETY: as for `map`.
                (Handle::Write(unsafe { map.into_slice() }.unwrap()), old)
            }
            (Handle::Raw(map), 1) if map.prot().contains(Prot::READ) => {
                // SAFETY: as for `map`.
                (Handle::Read(unsafe { map.into_slice() }.unwrap()), old)
            }
            (handle, 3) => (Handle::Raw(with!(handle, map => map.into_raw())), old),
            (handle, _) => (handle, old),
        };
        let prot = if len == 0 { Prot::READ } else { prot };
        // Whatever the pages had, except that a writable mapping becomes one without a call.
        if is_changed && (old, prot) != (Prot::WRITE, Prot::WRITE) {
            prots.set(0..len, prot);
        }
        self.tell(|| format!("mapping {i} is the last one now, {prot:?}: {handle:?}"));
        self.mappings.push(Memory { handle, prot, prots, ..memory });
    }

    pub fn unmap(&mut self, mapping: u32, how: u32) {
        let Some(i) = self.mapping(mapping) else { return };
        let memory = self.mappings.swap_remove(i);
        self.tell(|| format!("mapping {i}: unmap"));
        if memory.len() != 0 {
            self.free.push(memory.pages(self.page));
        }
        with!(memory.handle, map => match how % 2 {
            0 => drop(map),
            _ => map.unmap().unwrap(),
        });
    }

    pub fn reserve_mapping(&mut self, mapping: u32) {
        let Some(i) = self.mapping(mapping).filter(|_| self.reservations.len() < RESERVATIONS) else {
            return;
        };
        let memory = self.mappings.swap_remove(i);
        let pages = memory.pages(self.page);
        let mut kinds = vec![];
        if memory.len() == 0 {
            kinds.push(ErrorKind::InvalidInput);
        } else if OS == "windows" {
            kinds.push(ErrorKind::Unsupported);
        }
        let Memory { handle, .. } = memory;
        let result = match handle {
            Handle::Read(map) => allow_refused(map.into_reservation(), &kinds).map_err(Handle::from),
            Handle::Write(map) => allow_refused(map.into_reservation(), &kinds).map_err(Handle::from),
            Handle::Raw(map) => allow_refused(map.into_reservation(), &kinds).map_err(Handle::from),
        };
        self.tell(|| format!("mapping {i} into a reservation: {result:?}"));
        match result {
            Ok(reservation) => {
                assert!(!pages.is_empty());
                let end = pages.end.next_multiple_of(self.granularity);
                let range = range_of(&reservation);
                // On Windows a mapping that was shortened becomes what it was.
                assert_eq!((range.start, range.end.min(end)), (pages.start, end));
                assert!(range.end == end || OS == "windows");
                self.reservations.push(reservation);
            }
            Err(handle) => self.mappings.push(Memory { handle, ..memory }),
        }
    }

    pub fn reserve(&mut self, len: u32, align: u32) {
        if self.reservations.len() == RESERVATIONS {
            return;
        }
        let (len, align) = (self.len(len), self.granularity << (align % 4));
        let result = match align == self.granularity {
            true => Reservation::new(len),
            false => Reservation::aligned(len, align),
        };
        let kinds: &[_] = if OS == "windows" { &[ErrorKind::Unsupported] } else { &[] };
        let Some(reservation) = allow(result, kinds) else { return };
        self.tell(|| format!("{reservation:?}, aligned to {align}"));
        assert_eq!(reservation.len(), len.next_multiple_of(self.granularity));
        assert_eq!(reservation.as_ptr().addr() % align, 0);
        self.reservations.push(reservation);
    }

    /// Where something is.
    pub fn reserve_at(&mut self, mapping: u32) {
        let Some(memory) = self.mapping(mapping).map(|i| &self.mappings[i]) else { return };
        let address = memory.address() & !(self.granularity - 1);
        if memory.len() != 0 {
            // SAFETY: nothing is reserved, as the mapping is there.
            let kind = unsafe { Reservation::at(address, 1) }.map_err(|error| error.kind()).map(drop);
            assert!(matches!(kind, Err(ErrorKind::Busy | ErrorKind::Unsupported)), "{kind:?}");
        }
    }

    pub fn split(&mut self, reservation: u32, at: u32) {
        let Some(i) = self.reservation(reservation).filter(|_| self.reservations.len() < RESERVATIONS) else {
            return;
        };
        let reservation = self.reservations.swap_remove(i);
        let (len, at) = (reservation.len(), self.point(at, reservation.len()));
        self.tell(|| format!("{reservation:?}: split at {at}"));
        let is_possible = at != 0 && at != len && at % self.granularity == 0;
        match allow_refused(reservation.split(at), if is_possible { &[] } else { &[ErrorKind::InvalidInput] })
        {
            Ok((first, rest)) => {
                assert_eq!((first.len(), rest.len(), is_possible), (at, len - at, true));
                self.reservations.extend([first, rest]);
            }
            Err(reservation) => self.reservations.push(reservation),
        }
    }

    /// Maps a file, or every third time memory, in the front of a reservation.
    pub fn map_in(&mut self, reservation: u32, file: u32, len: u32, how: u32) {
        if self.mappings.len() == MAPPINGS || self.reservations.len() == RESERVATIONS {
            return;
        }
        let Some(i) = self.reservation(reservation) else { return };
        let (flags, prot) = self.how(how);
        let mut reservation = self.reservations.swap_remove(i);
        let mut len = self.len(len).min(reservation.len());
        let whole = len.next_multiple_of(self.granularity);
        if whole < reservation.len() {
            let (first, rest) = reservation.split(whole).unwrap();
            self.reservations.push(rest);
            reservation = first;
        }
        let address = reservation.as_ptr().addr();
        let file = self.file(file).filter(|_| file % 3 != 0);
        let mut kinds = self.refusals(flags, prot);
        let (result, memory) = match file {
            None => {
                let flags = flags - Flags::COW;
                let request = Mmap::anon(len).flags(flags).prot(prot);
                let (result, prot) = match how / 56 % 2 {
                    0 => (request.map_in(reservation).map(Handle::from), prot),
                    _ => (request.map_mut_in(reservation).map(Handle::from), prot | Prot::WRITE),
                };
                (result, (Source::Anon, 0, prot))
            }
            Some(i) => {
                let end = self.files[i].contents.len();
                let offset = how as usize % (end / self.granularity + 1) * self.granularity;
                if whole == len && end > offset && how % 2 == 0 {
                    // To the end of the file, if the reservation allows that.
                    let rest = (end - offset).min(len);
                    len = if rest.next_multiple_of(self.granularity) == whole { rest } else { len };
                }
                let Some((file, _)) = &self.files[i].open else { unreachable!() };
                let request = Mmap::new(file).offset(offset as u64).len(len).flags(flags).prot(prot);
                // SAFETY: as for `map`.
                let (result, prot) = unsafe {
                    match how / 56 % 2 {
                        0 => (request.map_in(reservation).map(Handle::from), prot),
                        _ => (request.map_mut_in(reservation).map(Handle::from), prot | Prot::WRITE),
                    }
                };
                if offset + len > end {
                    assert!(result.is_err(), "{offset} + {len} of {end} bytes are mapped");
                    kinds.push(ErrorKind::BeyondEnd);
                }
                (result, (Source::of(i, flags), offset, prot))
            }
        };
        self.tell(|| format!("map in a reservation, {flags:?}: {result:?}"));
        match allow_refused(result, &kinds) {
            Ok(handle) => {
                let (source, offset, prot) = memory;
                let part = Part::new(source, offset, len);
                let memory = Memory::new(handle, part, prot, flags.contains(Flags::LOCKED));
                assert_eq!(memory.address(), address);
                self.push(memory);
            }
            Err(reservation) => {
                assert_eq!((reservation.as_ptr().addr(), reservation.len()), (address, whole));
                self.reservations.push(reservation);
            }
        }
    }
}
