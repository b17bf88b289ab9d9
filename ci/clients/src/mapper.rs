//! The memory mapping of `elf_loader`, over baremap.
//!
//! elf_loader names memory by addresses: it creates a space, and then maps, protects and unmaps parts of it. baremap names it by
//! owned values. So a table has the parts of every space by their first address, each a reservation or a mapping.
//!
//! `elf_loader.patch` makes this file a module of elf_loader too, so that its own tests map by it.

use baremap::{Advice, FileRef, Flags, Mmap, Prot, RawMapping, Refused, Reservation};
use elf_loader::error::MmapError;
use elf_loader::input::FileBacking;
use elf_loader::memory::{HostRegion, MappedRegion, VmAddr};
use elf_loader::os::{MadviseAdvice, MapFlags, Mmap as Mapper, PageSize, ProtFlags};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maps by baremap.
#[derive(Clone, Copy, Default)]
pub struct Baremap;

type Result<T = (), E = elf_loader::Error> = core::result::Result<T, E>;

/// A part of a space.
enum Part {
    Reserved(Reservation),
    Mapped(RawMapping),
}

type Parts = BTreeMap<usize, Part>;

static PARTS: Mutex<Parts> = Mutex::new(BTreeMap::new());

fn parts() -> MutexGuard<'static, Parts> {
    // Each change leaves a valid table.
    PARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// elf_loader's errors are codes, which 0 is none of.
fn code(error: baremap::Error) -> u32 {
    error.raw_os_error().unwrap_or(0).unsigned_abs()
}

fn prot(flags: ProtFlags) -> Prot {
    let mut prot = if flags.is_empty() { Prot::NONE } else { Prot::READ };
    if flags.contains(ProtFlags::PROT_WRITE) {
        prot |= Prot::WRITE;
    }
    if flags.contains(ProtFlags::PROT_EXEC) {
        prot |= Prot::EXEC;
    }
    prot
}

fn reserved(parts: &mut Parts, reservation: Reservation) {
    parts.insert(reservation.as_ptr().addr(), Part::Reserved(reservation));
}

/// Divides a reservation, which the table gets back if that fails.
fn split(parts: &mut Parts, reservation: Reservation, at: usize) -> Result<(Reservation, Reservation)> {
    reservation.split(at).map_err(|Refused { value, error }| {
        reserved(parts, value);
        MmapError::MmapFailed { code: code(error) }.into()
    })
}

/// Takes the reservation of `len` bytes at `start` out of the table; what is around it stays.
fn take(parts: &mut Parts, start: usize, len: usize) -> Result<Reservation> {
    let len = len.next_multiple_of(baremap::allocation_granularity());
    let mut before = 0;
    let fits = |(&first, part): (&usize, &Part)| match part {
        Part::Reserved(reservation) => {
            before = start - first;
            before + len <= reservation.len()
        }
        Part::Mapped(_) => false,
    };
    if !parts.range(..=start).next_back().is_some_and(fits) {
        return Err(MmapError::InvalidMappedRegionRange.into());
    }
    let Some(Part::Reserved(mut reservation)) = parts.remove(&(start - before)) else { unreachable!() };
    if before != 0 {
        let (front, rest) = split(parts, reservation, before)?;
        reserved(parts, front);
        reservation = rest;
    }
    if reservation.len() != len {
        let (front, rest) = split(parts, reservation, len)?;
        reserved(parts, rest);
        reservation = front;
    }
    Ok(reservation)
}

/// Replaces the reservation of `len` bytes at `start` by what `map` makes of it.
fn map_at(
    start: VmAddr,
    len: usize,
    map: impl FnOnce(Reservation) -> Result<RawMapping, Refused<Reservation>>,
) -> Result {
    let mut parts = parts();
    let reservation = take(&mut parts, start.get(), len)?;
    match map(reservation) {
        Ok(mapping) => {
            parts.insert(start.get(), Part::Mapped(mapping));
            Ok(())
        }
        Err(Refused { value, error }) => {
            reserved(&mut parts, value);
            Err(MmapError::MmapFailed { code: code(error) }.into())
        }
    }
}

/// Calls `f` with each mapping that has bytes in `start..start + len`, and with these bytes' range in it.
fn for_each(
    start: VmAddr,
    len: usize,
    mut f: impl FnMut(&mut RawMapping, Range<usize>) -> Result<(), MmapError>,
) -> Result {
    let (start, end) = (start.get(), start.get() + len);
    let mut parts = parts();
    let first = parts.range(..=start).next_back().map_or(start, |(&first, _)| first);
    for (&first, part) in parts.range_mut(first..end) {
        if let Part::Mapped(mapping) = part {
            let range = start.saturating_sub(first)..mapping.len().min(end - first);
            if range.start < range.end {
                f(mapping, range)?;
            }
        }
    }
    Ok(())
}

impl Baremap {
    /// Makes the mapper.
    pub const fn new() -> Self {
        Self
    }
}

impl Mapper for Baremap {
    type Region = HostRegion;

    fn page_size(&self) -> PageSize {
        PageSize::new(baremap::page_size()).unwrap_or_default()
    }

    fn file_backing(&self, backing: FileBacking) -> Result<Option<FileBacking>> {
        Ok(backing.offset.is_multiple_of(baremap::allocation_granularity()).then_some(backing))
    }

    unsafe fn create_space(
        &self,
        addr: Option<VmAddr>,
        len: usize,
        flags: ProtFlags,
        populate_later: bool,
    ) -> Result<MappedRegion<HostRegion>> {
        let failed = |error| MmapError::MmapAnonymousFailed { code: code(error) };
        // SAFETY: the caller's promise; what is mapped there already is not replaced.
        let preferred = addr.and_then(|addr| unsafe { Reservation::at(addr.get(), len) }.ok());
        let reservation = preferred.map_or_else(|| Reservation::new(len), Ok).map_err(failed)?;
        let start = reservation.as_ptr();
        let part = if populate_later {
            Part::Reserved(reservation)
        } else {
            let mapping = Mmap::anon(len).prot(prot(flags)).map_raw_in(reservation);
            Part::Mapped(mapping.map_err(|refused| failed(refused.error))?)
        };
        parts().insert(start.addr(), part);
        // SAFETY: the region is the space, and `munmap` releases it.
        Ok(unsafe { MappedRegion::local(start.cast_mut().cast(), len, *self) })
    }

    unsafe fn alias_space(&self, addr: VmAddr, len: usize) -> Result<MappedRegion<HostRegion>> {
        // SAFETY: the caller's promise.
        Ok(unsafe { MappedRegion::local_alias(addr.as_mut_ptr(), len, *self) })
    }

    unsafe fn map_file_at(
        &self,
        addr: VmAddr,
        len: usize,
        flags: ProtFlags,
        _: MapFlags,
        offset: usize,
        fd: isize,
    ) -> Result {
        // SAFETY: the file is open during this call.
        let file = unsafe { FileRef::borrow_raw(fd as i32) };
        // The length is rounded up to pages, and so may reach past the end of the file.
        let request = Mmap::new(file).offset(offset as u64).len(len).flags(Flags::COW | Flags::PAST_END);
        map_at(addr, len, |reservation| request.prot(prot(flags)).map_raw_in(reservation))
    }

    unsafe fn map_zero_at(&self, addr: VmAddr, len: usize, flags: ProtFlags, _: MapFlags) -> Result {
        map_at(addr, len, |reservation| Mmap::anon(len).prot(prot(flags)).map_raw_in(reservation))
    }

    unsafe fn munmap(&self, addr: VmAddr, len: usize) -> Result {
        let mut parts = parts();
        let range = addr.get()..addr.get() + len;
        while let Some((&first, _)) = parts.range(range.clone()).next() {
            let result = match parts.remove(&first) {
                Some(Part::Mapped(mapping)) => mapping.unmap().map_err(|refused| refused.error),
                Some(Part::Reserved(reservation)) => reservation.release().map_err(|refused| refused.error),
                None => Ok(()),
            };
            result.map_err(|error| MmapError::MunmapFailed { code: code(error) })?;
        }
        Ok(())
    }

    unsafe fn madvise(&self, addr: VmAddr, len: usize, behavior: MadviseAdvice) -> Result {
        let advice = match behavior {
            MadviseAdvice::Normal => Advice::Normal,
            MadviseAdvice::Random => Advice::Random,
            MadviseAdvice::Sequential => Advice::Sequential,
            MadviseAdvice::WillNeed => Advice::WillNeed,
            MadviseAdvice::HugePage => Advice::HugePage,
            // EINVAL, as of a kernel that does not know it.
            _ => return Err(MmapError::Madvise { code: 22 }.into()),
        };
        for_each(addr, len, |mapping, range| {
            mapping.advise_range(range, advice).map_err(|error| MmapError::Madvise { code: code(error) })
        })
    }

    unsafe fn mprotect(&self, addr: VmAddr, len: usize, flags: ProtFlags) -> Result {
        for_each(addr, len, |mapping, range| {
            // SAFETY: the caller's promise.
            unsafe { mapping.protect_range(range, prot(flags)) }
                .map_err(|error| MmapError::Mprotect { code: code(error) })
        })
    }
}
