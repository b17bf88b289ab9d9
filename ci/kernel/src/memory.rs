//! The address space: which range holds what, the page tables, and the page faults.
//!
//! There is one processor and there are no interrupts, so nothing else runs in here. The areas are sorted and do not
//! overlap; the page tables of a mapping exist before its first page fault, which therefore needs no frame for one.

use crate::arch;
use crate::disk::{Disk, Inode, MAX_LEN};
use crate::error::{Error, Result};
use crate::exception::Access;
use crate::frames::{Frames, PAGE_SIZE};
use crate::tables;
use baremap::custom::{Open, RawFile};
use baremap::{Discard, Flags, Prot};
use core::cmp::Ordering;
use core::ops::Range;

/// Marks an entry whose frame belongs to the mapping. Both architectures leave bit 55 to software.
const OWNED: u64 = 1 << 55;

/// Marks an entry without access, which keeps its frame. It is not valid, for which both architectures have bit 0.
const HIDDEN: u64 = 1 << 56;

fn hidden(entry: u64) -> u64 {
    entry & !1 | HIDDEN
}

fn shown(entry: u64) -> u64 {
    if entry & HIDDEN == 0 { entry } else { entry & !HIDDEN | 1 }
}

#[derive(Clone, Copy)]
pub enum Kind {
    Reserved,
    Anon,
    Shared { inode: Inode, offset: usize, writable: bool },
    Private { inode: Inode, offset: usize },
}

impl Kind {
    /// Whether another kind is what would follow after `len` bytes of this one.
    fn continues(self, len: usize, next: Self) -> bool {
        match (self, next) {
            (Self::Reserved, Self::Reserved) | (Self::Anon, Self::Anon) => true,
            (Self::Shared { inode, offset, .. }, Self::Shared { inode: other, offset: at, .. })
            | (Self::Private { inode, offset }, Self::Private { inode: other, offset: at }) => {
                (inode, offset + len) == (other, at)
            }
            _ => false,
        }
    }
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

    /// How many frames are committed to the area.
    fn committed(&self) -> usize {
        if matches!(self.kind, Kind::Anon | Kind::Private { .. }) { self.len / PAGE_SIZE } else { 0 }
    }
}

const AREAS: usize = 1024;

pub struct Memory {
    frames: Frames,
    areas: [Area; AREAS],
    count: usize,
    pub disk: Disk,
}

impl Memory {
    pub const fn new() -> Self {
        let nothing = Area { start: 0, len: 0, prot: Prot::READ, kind: Kind::Reserved };
        Self { frames: Frames::new(), areas: [nothing; AREAS], count: 0, disk: Disk::new() }
    }

    pub fn start(&mut self) {
        self.frames.start(arch::free_ram());
    }

    pub fn areas(&self) -> usize {
        self.count
    }

    pub fn available_frames(&self) -> usize {
        self.frames.available()
    }

    /// Returns the index of the area that contains an address, or where it would be inserted.
    fn find(&self, address: usize) -> Result<usize, usize> {
        self.areas[..self.count].binary_search_by(|area| {
            if area.end() <= address {
                Ordering::Less
            } else if area.start > address {
                Ordering::Greater
            } else {
                Ordering::Equal
            }
        })
    }

    fn area_at(&self, address: usize) -> Result<Area> {
        Ok(self.areas[self.find(address).map_err(|_| Error::NotMapped)?])
    }

    fn insert(&mut self, area: Area) {
        let at = self.find(area.start).unwrap_or_else(|at| at);
        self.areas.copy_within(at..self.count, at + 1);
        self.areas[at] = area;
        self.count += 1;
    }

    /// Removes a range from the area that contains it, which may leave an area on either side.
    fn remove(&mut self, start: usize, len: usize) -> Result<Area> {
        let at = self.find(start).map_err(|_| Error::NotMapped)?;
        let area = self.areas[at];
        if area.end() < start + len {
            return Err(Error::NotMapped);
        }
        let rest = usize::from(area.start < start) + usize::from(start + len < area.end());
        if self.count - 1 + rest > AREAS {
            return Err(Error::TooManyAreas);
        }
        self.areas.copy_within(at + 1..self.count, at);
        self.count -= 1;
        for (start, end) in [(area.start, start), (start + len, area.end())] {
            if start != end {
                self.insert(Area { start, len: end - start, ..area });
            }
        }
        Ok(Area { start, len, ..area })
    }

    /// Divides an area in two.
    pub fn split(&mut self, start: usize, len: usize, at: usize) -> Result<()> {
        if self.count == AREAS {
            return Err(Error::TooManyAreas);
        }
        let area = self.mapping(start, len)?;
        let mut rest = Area { start: start + at, len: len - at, ..*area };
        area.len = at;
        if let Kind::Shared { offset, .. } | Kind::Private { offset, .. } = &mut rest.kind {
            *offset += at;
        }
        self.insert(rest);
        Ok(())
    }

    /// Makes one area of two that lie side by side. Of files it takes parts in order. Reservations may be parts of areas.
    pub fn join(&mut self, start: usize, len: usize, next_len: usize) -> Result<()> {
        let at = self.find(start).map_err(|_| Error::NotMapped)?;
        let first = self.areas[at];
        let is_reserved = matches!(first.kind, Kind::Reserved);
        if is_reserved && first.end() >= start + len + next_len {
            return Ok(());
        }
        let next = self.area_at(start + len)?;
        let is_whole = is_reserved || next.end() == start + len + next_len;
        if first.end() != start + len || !is_whole || !first.kind.continues(first.len, next.kind) {
            return Err(Error::Unsupported);
        }
        self.areas.copy_within(at + 2..self.count, at + 1);
        self.count -= 1;
        self.areas[at].len += next.len;
        Ok(())
    }

    /// Returns the lowest free range.
    fn find_free(&self, len: usize) -> Result<usize> {
        let mut start = arch::ADDRESS_SPACE.start;
        for area in &self.areas[..self.count] {
            if area.start - start >= len {
                break;
            }
            start = area.end();
        }
        if arch::ADDRESS_SPACE.end - start < len { Err(Error::NoAddress) } else { Ok(start) }
    }

    pub fn reserve(&mut self, address: usize, len: usize) -> Result<usize> {
        if self.count == AREAS {
            return Err(Error::TooManyAreas);
        }
        let start = if address == 0 { self.find_free(len)? } else { address };
        let end = start.checked_add(len).filter(|end| *end <= arch::ADDRESS_SPACE.end);
        let end = end.filter(|_| start >= arch::ADDRESS_SPACE.start).ok_or(Error::NoAddress)?;
        if self.areas[..self.count].iter().any(|area| area.start < end && start < area.end()) {
            return Err(Error::Taken);
        }
        self.insert(Area { start, len, prot: Prot::READ, kind: Kind::Reserved });
        Ok(start)
    }

    pub fn map(
        &mut self,
        kind: Kind,
        len: usize,
        prot: Prot,
        flags: Flags,
        reservation: Option<usize>,
    ) -> Result<usize> {
        if let Kind::Shared { writable: false, .. } = kind
            && prot.contains(Prot::WRITE)
        {
            return Err(Error::NotOpen);
        }
        let start = match reservation {
            Some(start) => start,
            None => self.find_free(len)?,
        };
        if self.count + 2 > AREAS {
            return Err(Error::TooManyAreas);
        }
        let area = Area { start, len, prot, kind };
        self.frames.commit(area.committed())?;
        let result = self.create_tables(area).and_then(|()| match reservation {
            Some(_) => self.remove(start, len).map(drop),
            None => Ok(()),
        });
        if let Err(error) = result {
            self.frames.decommit(area.committed());
            return Err(error);
        }
        self.insert(area);
        if (flags.contains(Flags::POPULATE) || flags.contains(Flags::LOCKED))
            && let Err(error) = self.lock(start, len)
            && flags.contains(Flags::LOCKED)
        {
            // Cannot fail: neither needs an area or a frame.
            match reservation {
                None => self.unmap(start, len)?,
                Some(_) => self.unmap_to_reservation(start, len)?,
            }
            return Err(error);
        }
        Ok(start)
    }

    fn create_tables(&mut self, area: Area) -> Result<()> {
        let last = area.end() / PAGE_SIZE - 1;
        (area.start / PAGE_SIZE..last)
            .step_by(512)
            .chain([last])
            .try_for_each(|page| tables::entry(arch::page_table(), page, Some(&mut self.frames)).map(drop))
    }

    /// Makes pages present. They stay so, because nothing is ever paged out.
    pub fn lock(&mut self, start: usize, len: usize) -> Result<()> {
        (start..start + len).step_by(PAGE_SIZE).try_for_each(|page| self.page_in(page, Access::Read))
    }

    /// Resolves a page fault.
    pub fn page_in(&mut self, address: usize, access: Access) -> Result<()> {
        let area = self.area_at(address)?;
        let needed = match access {
            Access::Read => Prot::READ,
            Access::Write => Prot::WRITE,
            Access::Execute => Prot::EXEC,
        };
        if !area.prot.contains(needed) {
            return Err(Error::NotAllowed);
        }
        let page = address & !(PAGE_SIZE - 1);
        let entry = tables::entry(arch::page_table(), page / PAGE_SIZE, None)?;
        // SAFETY: an entry of a page table, to which no reference exists.
        let before = unsafe { *entry };
        // Otherwise the processor has remembered an older entry.
        if arch::frame_of(before).is_none() || before & OWNED == 0 {
            let (frame, writable, owned) = self.frame_for(area, page, access)?;
            let executable = area.prot.contains(Prot::EXEC);
            // SAFETY: as above.
            unsafe { *entry = arch::page_entry(frame, writable, executable) | owned };
            if executable {
                arch::sync_instruction_cache(frame, PAGE_SIZE);
            }
        }
        arch::invalidate_tlb(page);
        Ok(())
    }

    /// Returns the frame for a page, whether it may be written to, and `OWNED` or 0.
    fn frame_for(&mut self, area: Area, page: usize, access: Access) -> Result<(usize, bool, u64)> {
        let writable = area.prot.contains(Prot::WRITE);
        let at = |offset| offset + (page - area.start);
        match area.kind {
            Kind::Reserved => Err(Error::NotMapped),
            Kind::Anon => Ok((self.frames.allocate_committed()?, writable, OWNED)),
            Kind::Shared { inode, offset, .. } => Ok((self.frame_of_file(inode, at(offset))?, writable, 0)),
            Kind::Private { inode, offset } => {
                let original = self.frame_of_file(inode, at(offset))?;
                if access != Access::Write {
                    return Ok((original, false, 0));
                }
                let copy = self.frames.allocate_committed()?;
                // SAFETY: two frames; nothing else uses the second.
                unsafe { (copy as *mut [u8; PAGE_SIZE]).copy_from(original as *const [u8; PAGE_SIZE], 1) };
                Ok((copy, true, OWNED))
            }
        }
    }

    /// Returns the frame of a file for one of its pages. The file may have been truncated since it was mapped.
    fn frame_of_file(&mut self, inode: Inode, offset: usize) -> Result<usize> {
        if offset >= self.disk.len(inode) {
            return Err(Error::PastEnd);
        }
        self.disk.allocate_frame(inode, offset, &mut self.frames)
    }

    /// Removes pages from the page tables, and frees the frames that belong to the mapping.
    fn clear(&mut self, pages: Range<usize>) {
        for page in pages.step_by(PAGE_SIZE) {
            let Ok(entry) = tables::entry(arch::page_table(), page / PAGE_SIZE, None) else { continue };
            // SAFETY: an entry of a page table, to which no reference exists.
            let before = shown(unsafe { entry.replace(0) });
            arch::invalidate_tlb(page);
            if let Some(frame) = arch::frame_of(before)
                && before & OWNED != 0
            {
                self.frames.free_committed(frame);
            }
        }
    }

    /// Returns the area of a whole mapping.
    fn mapping(&mut self, start: usize, len: usize) -> Result<&mut Area> {
        let at = self.find(start).map_err(|_| Error::NotMapped)?;
        Some(&mut self.areas[at])
            .filter(|area| (area.start, area.len) == (start, len))
            .ok_or(Error::NotMapped)
    }

    pub fn unmap(&mut self, start: usize, len: usize) -> Result<()> {
        let area = self.remove(start, len)?;
        self.free_pages(area);
        Ok(())
    }

    fn free_pages(&mut self, area: Area) {
        if !matches!(area.kind, Kind::Reserved) {
            self.clear(area.start..area.end());
            self.frames.decommit(area.committed());
        }
    }

    pub fn unmap_to_reservation(&mut self, start: usize, len: usize) -> Result<()> {
        let area = self.mapping(start, len)?;
        let before = *area;
        area.kind = Kind::Reserved;
        self.free_pages(before);
        Ok(())
    }

    pub fn protect(&mut self, start: usize, len: usize, prot: Prot) -> Result<()> {
        let area = self.mapping(start, len)?;
        let (writable, executable) = (prot.contains(Prot::WRITE), prot.contains(Prot::EXEC));
        if let Kind::Shared { writable: false, .. } = area.kind
            && writable
        {
            return Err(Error::NotOpen);
        }
        area.prot = prot;
        let is_private = matches!(area.kind, Kind::Private { .. });
        for page in (start..start + len).step_by(PAGE_SIZE) {
            let entry = tables::entry(arch::page_table(), page / PAGE_SIZE, None)?;
            // SAFETY: an entry of a page table, to which no reference exists.
            let before = shown(unsafe { *entry });
            if let Some(frame) = arch::frame_of(before) {
                // A frame of the file under a private mapping is copied at the first write.
                let writable = writable && !(is_private && before & OWNED == 0);
                let after = arch::page_entry(frame, writable, executable) | before & OWNED;
                // SAFETY: as above.
                unsafe { *entry = if prot.is_empty() { hidden(after) } else { after } };
                arch::invalidate_tlb(page);
                if executable {
                    arch::sync_instruction_cache(frame, PAGE_SIZE);
                }
            }
        }
        Ok(())
    }

    pub fn discard(&mut self, start: usize, len: usize, discard: Discard) -> Result<()> {
        let area = self.area_at(start)?;
        match (discard, area.kind) {
            (Discard::DontNeed, _) | (Discard::Free, Kind::Anon) => self.clear(start..start + len),
            (Discard::Remove, Kind::Shared { inode, offset, writable: true }) => {
                let first = offset + (start - area.start);
                self.remove_from_file(inode, first..first + len);
            }
            _ => return Err(Error::Unsupported),
        }
        Ok(())
    }

    pub fn open(&mut self, path: &[u8], open: Open) -> Result<RawFile> {
        let file = self.disk.open(path, open)?;
        if open == Open::Create {
            self.set_len(file, 0)?;
        }
        Ok(file)
    }

    pub fn set_len(&mut self, file: RawFile, len: u64) -> Result<()> {
        let inode = self.disk.writable_file(file)?;
        if len > MAX_LEN {
            return Err(Error::TooLong);
        }
        self.set_len_of(inode, len as usize);
        Ok(())
    }

    fn set_len_of(&mut self, inode: Inode, len: usize) {
        let before = self.disk.len(inode);
        if len < before {
            self.remove_from_file(inode, len.next_multiple_of(PAGE_SIZE)..before.next_multiple_of(PAGE_SIZE));
        }
        self.disk.set_len(inode, len);
    }

    /// Returns the frame of a file in which `len` bytes at an offset are to be written. The file then contains them.
    pub fn frame_to_write(&mut self, inode: Inode, offset: usize, len: usize) -> Result<usize> {
        let frame = self.disk.allocate_frame(inode, offset, &mut self.frames)?;
        if self.disk.len(inode) < offset + len {
            self.disk.set_len(inode, offset + len);
        }
        Ok(frame)
    }

    /// Removes pages from a file and from its mappings.
    fn remove_from_file(&mut self, file: Inode, range: Range<usize>) {
        for at in 0..self.count {
            let area = self.areas[at];
            if let Kind::Shared { inode, offset, .. } | Kind::Private { inode, offset } = area.kind
                && inode == file
            {
                for page in (area.start..area.end()).step_by(PAGE_SIZE) {
                    let is_owned = |entry: *mut u64| {
                        // SAFETY: an entry of a page table, to which no reference exists.
                        unsafe { *entry & OWNED != 0 }
                    };
                    if range.contains(&(offset + (page - area.start)))
                        && !tables::entry(arch::page_table(), page / PAGE_SIZE, None).is_ok_and(is_owned)
                    {
                        self.clear(page..page + PAGE_SIZE);
                    }
                }
            }
        }
        self.disk.free_range(file, &range, &mut self.frames);
    }

    /// Removes all files.
    pub fn clear_disk(&mut self) {
        for inode in self.disk.inodes() {
            self.set_len_of(inode, 0);
        }
        self.disk.forget_names();
    }
}
