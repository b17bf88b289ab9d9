//! Frames, page tables, and what is mapped where. One processor and no interrupts: nobody else is ever in here.

use crate::arch;
use crate::disk::{Disk, Inode};
use baremap::{Discard, Flags, Prot};
use core::ops::Range;

pub const PAGE: usize = 4096;

/// In an entry: the frame goes with the mapping. Bit 55 is free for such use on both architectures.
const OWNED: u64 = 1 << 55;

/// Why something was refused: the kernel's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoFrame = 1,
    NoAddress,
    TooManyAreas,
    Taken,
    NotFound,
    Directory,
    TooManyFiles,
    NotOpenForThis,
    NotMapped,
    NotAllowed,
}

/// What an area of address space is for.
#[derive(Clone, Copy)]
pub enum Kind {
    Reserved,
    Anon,
    /// A file, an offset in it, and whether it may be written to.
    Shared(Inode, usize, bool),
    Copy(Inode, usize),
}

#[derive(Clone, Copy)]
struct Area {
    start: usize,
    len: usize,
    prot: Prot,
    kind: Kind,
}

impl Area {
    fn end(&self) -> usize {
        self.start + self.len
    }
}

const AREAS: usize = 1024;

pub struct Memory {
    /// Frames that nobody had yet, and the first of those that were given back, of which each leads to the next.
    fresh: Range<usize>,
    free: usize,
    /// How many frames are neither used nor promised to a mapping.
    unpromised: usize,
    areas: [Area; AREAS],
    count: usize,
    pub disk: Disk,
}

/// One of the tables' levels, of which each is 512 entries.
type Table = [u64; 512];

impl Memory {
    pub const fn new() -> Self {
        let nothing = Area { start: 0, len: 0, prot: Prot::READ, kind: Kind::Reserved };
        Self { fresh: 0..0, free: 0, unpromised: 0, areas: [nothing; AREAS], count: 0, disk: Disk::new() }
    }

    pub fn start(&mut self) {
        self.fresh = arch::memory();
        self.unpromised = self.fresh.len() / PAGE;
    }

    /// How many areas there are, and frames that nobody has.
    pub fn state(&self) -> (usize, usize) {
        (self.count, self.unpromised)
    }

    /// A zeroed frame, of those that were promised.
    fn frame(&mut self) -> Option<usize> {
        let frame = if self.free != 0 {
            let frame = self.free;
            // SAFETY: a free frame, whose first word leads to the next.
            self.free = unsafe { *(frame as *const usize) };
            frame
        } else {
            let frame = self.fresh.start;
            if frame == self.fresh.end {
                return None;
            }
            self.fresh.start += PAGE;
            frame
        };
        // SAFETY: mapped to itself, and nobody's.
        unsafe { (frame as *mut [u8; PAGE]).write_bytes(0, 1) };
        Some(frame)
    }

    fn give_back(&mut self, frame: usize) {
        // SAFETY: nobody uses the frame any more.
        unsafe { *(frame as *mut usize) = self.free };
        self.free = frame;
    }

    /// A zeroed frame that nobody was promised.
    pub fn unpromised_frame(&mut self) -> Result<usize, Refusal> {
        self.unpromised = self.unpromised.checked_sub(1).ok_or(Refusal::NoFrame)?;
        self.frame().ok_or(Refusal::NoFrame)
    }

    pub fn drop_frame(&mut self, frame: usize) {
        self.unpromised += 1;
        self.give_back(frame);
    }

    /// The entry of a page in a tree of four levels; with `make`, the tables that lack on the way are made.
    pub fn entry(&mut self, root: *mut Table, page: usize, make: bool) -> Result<*mut u64, Refusal> {
        let mut table = root;
        for level in (1..4).rev() {
            // SAFETY: a table of ours; nothing else refers to it.
            let entry = unsafe { &raw mut (*table)[page >> (9 * level) & 511] };
            // SAFETY: as above.
            table = match arch::address_of(unsafe { *entry }) {
                Some(next) => next as *mut Table,
                None if make => {
                    let next = self.unpromised_frame()?;
                    // SAFETY: as above.
                    unsafe { *entry = arch::table(next) };
                    next as *mut Table
                }
                None => return Err(Refusal::NotMapped),
            };
        }
        // SAFETY: as above.
        Ok(unsafe { &raw mut (*table)[page & 511] })
    }

    /// Where an area lies that contains an address, or where it would.
    fn position(&self, address: usize) -> Result<usize, usize> {
        self.areas[..self.count].binary_search_by(|area| {
            if area.end() <= address {
                core::cmp::Ordering::Less
            } else if area.start > address {
                core::cmp::Ordering::Greater
            } else {
                core::cmp::Ordering::Equal
            }
        })
    }

    fn insert(&mut self, area: Area) {
        let at = self.position(area.start).unwrap_or_else(|at| at);
        self.areas.copy_within(at..self.count, at + 1);
        self.areas[at] = area;
        self.count += 1;
    }

    fn remove(&mut self, at: usize) -> Area {
        let area = self.areas[at];
        self.areas.copy_within(at + 1..self.count, at);
        self.count -= 1;
        area
    }

    /// Takes a range out of the area that contains it.
    fn cut(&mut self, start: usize, len: usize) -> Result<Area, Refusal> {
        let at = self.position(start).map_err(|_| Refusal::NotMapped)?;
        let area = self.areas[at];
        if area.end() < start + len {
            return Err(Refusal::NotMapped);
        }
        let rest = usize::from(area.start < start) + usize::from(start + len < area.end());
        if self.count - 1 + rest > AREAS {
            return Err(Refusal::TooManyAreas);
        }
        self.remove(at);
        for (start, end) in [(area.start, start), (start + len, area.end())] {
            if start != end {
                self.insert(Area { start, len: end - start, ..area });
            }
        }
        Ok(Area { start, len, ..area })
    }

    /// The lowest address at which nothing is.
    fn gap(&self, len: usize) -> Result<usize, Refusal> {
        let mut start = arch::SPACE.start;
        for area in &self.areas[..self.count] {
            if area.start - start >= len {
                break;
            }
            start = area.end();
        }
        if arch::SPACE.end - start < len { Err(Refusal::NoAddress) } else { Ok(start) }
    }

    pub fn reserve(&mut self, address: usize, len: usize) -> Result<usize, Refusal> {
        if self.count == AREAS {
            return Err(Refusal::TooManyAreas);
        }
        let start = if address == 0 { self.gap(len)? } else { address };
        let end = start.checked_add(len).filter(|end| *end <= arch::SPACE.end).ok_or(Refusal::NoAddress)?;
        if start < arch::SPACE.start {
            return Err(Refusal::NoAddress);
        }
        if self.areas[..self.count].iter().any(|area| area.start < end && start < area.end()) {
            return Err(Refusal::Taken);
        }
        self.insert(Area { start, len, prot: Prot::READ, kind: Kind::Reserved });
        Ok(start)
    }

    /// Frames that a mapping has a right to.
    fn promised(kind: Kind, len: usize) -> usize {
        if matches!(kind, Kind::Anon | Kind::Copy(..)) { len / PAGE } else { 0 }
    }

    pub fn map(
        &mut self,
        kind: Kind,
        len: usize,
        prot: Prot,
        flags: Flags,
        place: Option<usize>,
    ) -> Result<usize, Refusal> {
        if let Kind::Shared(_, _, false) = kind
            && prot.contains(Prot::WRITE)
        {
            return Err(Refusal::NotOpenForThis);
        }
        let promised = Self::promised(kind, len);
        let rest = self.unpromised.checked_sub(promised).ok_or(Refusal::NoFrame)?;
        let start = match place {
            Some(start) => start,
            None => self.gap(len)?,
        };
        if self.count + 2 > AREAS {
            return Err(Refusal::TooManyAreas);
        }
        // The tables are there before anything needs them, so that no page fault can want one.
        self.unpromised = rest;
        let mut tables = Ok(());
        for page in (start / PAGE..(start + len) / PAGE).step_by(512).chain([(start + len) / PAGE - 1]) {
            tables = tables.and_then(|()| self.entry(arch::root(), page, true).map(drop));
        }
        if let Err(refusal) = tables {
            self.unpromised += promised;
            return Err(refusal);
        }
        if place.is_some() {
            self.cut(start, len)?;
        }
        self.insert(Area { start, len, prot, kind });
        if (flags & (Flags::POPULATE | Flags::LOCKED)) != Flags::default()
            && let Err(refusal) = self.lock(start, len)
            && flags.contains(Flags::LOCKED)
        {
            // Neither can fail: this needs no area and no frame.
            match place {
                None => self.unmap(start, len)?,
                Some(_) => self.vacate(start, len)?,
            }
            return Err(refusal);
        }
        Ok(start)
    }

    /// Makes pages present. They stay so, as nothing is ever written out.
    pub fn lock(&mut self, start: usize, len: usize) -> Result<(), Refusal> {
        (start..start + len).step_by(PAGE).try_for_each(|page| self.touch(page, false, false))
    }

    /// What a page fault asks for.
    pub fn touch(&mut self, address: usize, write: bool, execute: bool) -> Result<(), Refusal> {
        let area = self.areas[self.position(address).map_err(|_| Refusal::NotMapped)?];
        let allowed = |prot| area.prot.contains(prot);
        if write && !allowed(Prot::WRITE) || execute && !allowed(Prot::EXEC) {
            return Err(Refusal::NotAllowed);
        }
        let page = address & !(PAGE - 1);
        let entry = self.entry(arch::root(), page / PAGE, false)?;
        // SAFETY: an entry of a table, to which nothing else refers.
        let before = unsafe { *entry };
        let (frame, writable, owned) = match area.kind {
            Kind::Reserved => return Err(Refusal::NotMapped),
            Kind::Anon => (self.frame().ok_or(Refusal::NoFrame)?, allowed(Prot::WRITE), OWNED),
            Kind::Shared(file, offset, _) => {
                (self.file_frame(file, offset + (page - area.start))?, allowed(Prot::WRITE), 0)
            }
            Kind::Copy(file, offset) => {
                let from = self.file_frame(file, offset + (page - area.start))?;
                if write {
                    let to = self.frame().ok_or(Refusal::NoFrame)?;
                    // SAFETY: two frames, of which nobody has the second.
                    unsafe { (to as *mut [u8; PAGE]).copy_from(from as *const [u8; PAGE], 1) };
                    (to, true, OWNED)
                } else {
                    (from, false, 0)
                }
            }
        };
        if arch::address_of(before).is_some() && before & OWNED != 0 {
            // Present, owned and allowed: the processor remembered what was before.
            if owned != 0 {
                self.give_back(frame);
            }
        } else {
            // SAFETY: as above.
            unsafe { *entry = arch::page(frame, writable, allowed(Prot::EXEC)) | owned };
            if allowed(Prot::EXEC) {
                arch::sync_instructions(frame, PAGE);
            }
        }
        arch::invalidate(page);
        Ok(())
    }

    /// Takes pages out of the tables, and gives back those that go with the mapping.
    fn clear(&mut self, pages: Range<usize>) {
        for page in pages.step_by(PAGE) {
            let Ok(entry) = self.entry(arch::root(), page / PAGE, false) else { continue };
            // SAFETY: an entry of a table, to which nothing else refers.
            let before = unsafe { entry.replace(0) };
            arch::invalidate(page);
            if let Some(frame) = arch::address_of(before)
                && before & OWNED != 0
            {
                self.give_back(frame);
            }
        }
    }

    /// The area of a mapping, all of it.
    fn mapping(&mut self, start: usize, len: usize) -> Result<&mut Area, Refusal> {
        let at = self.position(start).map_err(|_| Refusal::NotMapped)?;
        Some(&mut self.areas[at])
            .filter(|area| (area.start, area.len) == (start, len))
            .ok_or(Refusal::NotMapped)
    }

    pub fn unmap(&mut self, start: usize, len: usize) -> Result<(), Refusal> {
        let area = self.cut(start, len)?;
        self.empty(area);
        Ok(())
    }

    fn empty(&mut self, area: Area) {
        if !matches!(area.kind, Kind::Reserved) {
            self.clear(area.start..area.end());
            self.unpromised += Self::promised(area.kind, area.len);
        }
    }

    pub fn vacate(&mut self, start: usize, len: usize) -> Result<(), Refusal> {
        let area = self.mapping(start, len)?;
        let before = *area;
        area.kind = Kind::Reserved;
        self.empty(before);
        Ok(())
    }

    pub fn protect(&mut self, start: usize, len: usize, prot: Prot) -> Result<(), Refusal> {
        let area = self.mapping(start, len)?;
        if let Kind::Shared(_, _, false) = area.kind
            && prot.contains(Prot::WRITE)
        {
            return Err(Refusal::NotOpenForThis);
        }
        area.prot = prot;
        let is_copy = matches!(area.kind, Kind::Copy(..));
        for page in (start..start + len).step_by(PAGE) {
            let entry = self.entry(arch::root(), page / PAGE, false)?;
            // SAFETY: an entry of a table, to which nothing else refers.
            let before = unsafe { *entry };
            if let Some(frame) = arch::address_of(before) {
                let write = prot.contains(Prot::WRITE) && !(is_copy && before & OWNED == 0);
                // SAFETY: as above.
                unsafe { *entry = arch::page(frame, write, prot.contains(Prot::EXEC)) | before & OWNED };
                arch::invalidate(page);
                if prot.contains(Prot::EXEC) {
                    arch::sync_instructions(frame, PAGE);
                }
            }
        }
        Ok(())
    }

    pub fn discard(&mut self, start: usize, len: usize, how: Discard) -> Result<bool, Refusal> {
        let area = self.areas[self.position(start).map_err(|_| Refusal::NotMapped)?];
        match (how, area.kind) {
            (Discard::DontNeed, _) | (Discard::Free, Kind::Anon) => self.clear(start..start + len),
            (Discard::Remove, Kind::Shared(file, offset, true)) => {
                let from = offset + (start - area.start);
                self.remove_pages(file, from..from + len);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The frame of a page of a file, which has one from now on.
    pub fn file_frame(&mut self, file: Inode, offset: usize) -> Result<usize, Refusal> {
        let root = match self.disk.root(file) {
            0 => {
                let root = self.unpromised_frame()?;
                self.disk.set_root(file, root);
                root
            }
            root => root,
        };
        let entry = self.entry(root as *mut Table, offset / PAGE, true)?;
        // SAFETY: an entry of the file's tree, to which nothing else refers.
        if let Some(frame) = arch::address_of(unsafe { *entry }) {
            return Ok(frame);
        }
        let frame = self.unpromised_frame()?;
        // SAFETY: as above.
        unsafe { *entry = arch::page(frame, false, false) };
        Ok(frame)
    }

    /// The frame of a page of a file, if it has one.
    pub fn known_file_frame(&mut self, file: Inode, offset: usize) -> Option<usize> {
        let root = self.disk.root(file);
        if root == 0 {
            return None;
        }
        let entry = self.entry(root as *mut Table, offset / PAGE, false).ok()?;
        // SAFETY: an entry of the file's tree, to which nothing else refers.
        arch::address_of(unsafe { *entry })
    }

    /// Takes pages from a file, and from every mapping of it.
    pub fn remove_pages(&mut self, file: Inode, range: Range<usize>) {
        for at in 0..self.count {
            let area = self.areas[at];
            if let Kind::Shared(inode, offset, _) | Kind::Copy(inode, offset) = area.kind
                && inode == file
            {
                for page in (area.start..area.end()).step_by(PAGE) {
                    let is_owned = |entry: *mut u64| {
                        // SAFETY: an entry of a table, to which nothing else refers.
                        unsafe { *entry & OWNED != 0 }
                    };
                    if range.contains(&(offset + (page - area.start)))
                        && !self.entry(arch::root(), page / PAGE, false).is_ok_and(is_owned)
                    {
                        self.clear(page..page + PAGE);
                    }
                }
            }
        }
        let root = self.disk.root(file);
        if root != 0 {
            self.prune(root as *mut Table, 3, 0, &range);
        }
    }

    /// Gives back the frames of a file's tree that lie in a range of offsets; the tables stay.
    fn prune(&mut self, table: *mut Table, level: usize, from: usize, range: &Range<usize>) {
        let span = PAGE << (9 * level);
        for i in 0..512 {
            let start = from + i * span;
            // SAFETY: a table of ours, to which nothing else refers.
            let entry = unsafe { &raw mut (*table)[i] };
            // SAFETY: as above.
            let Some(next) = arch::address_of(unsafe { *entry }) else { continue };
            if start >= range.end || start + span <= range.start {
                continue;
            }
            if level > 0 {
                self.prune(next as *mut Table, level - 1, start, range);
            } else {
                // SAFETY: as above.
                unsafe { *entry = 0 };
                self.drop_frame(next);
            }
        }
    }
}
