//! Maps a program that is linked statically, position independent or not: the part of a loader that reads what a
//! stranger wrote. Used by `load.rs`, and by `tests/load.rs` with files that mean harm.
//!
//! Of the program headers it heeds those that Linux does (`load_elf_binary` in fs/binfmt_elf.c). PT_DYNAMIC, PT_TLS and
//! PT_GNU_RELRO are for the program itself, and PT_NOTE for nobody here. PT_GNU_PROPERTY may ask for checks of branches (BTI),
//! without which a program runs as well, but less protected.

use baremap::{Error, File, Flags, Mapping, Mmap, Prot, Reservation, allocation_granularity};
use core::fmt;

/// A program in memory; it goes when this is dropped.
pub struct Image {
    /// Where to begin.
    pub entry: usize,
    /// Where its program headers lie, for AT_PHDR, or 0 if they are not mapped; and how many these are.
    pub headers: usize,
    pub header_count: usize,
    /// What its stack may be used for.
    pub stack: Prot,
    mappings: [Option<Mapping>; 2 * SEGMENTS],
    gaps: [Option<Reservation>; SEGMENTS],
}

/// Why a file is not mapped.
#[derive(Debug)]
pub enum Refusal {
    /// What the file says cannot be meant.
    Malformed(&'static str),
    System(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::System(error) => error.fmt(f),
        }
    }
}

/// How many segments a program may have, and how long it may be in memory.
const SEGMENTS: usize = 16;
const MAX_LEN: u64 = 1 << 30;

/// What the stack that this runs on may need yet, and Linux keeps free below it (`stack_guard_gap` in mm/mmap.c, 256 pages).
const STACK_ROOM: u64 = 64 << 20;

/// Addresses end here, on both architectures.
const MAX_ADDRESS: u64 = 1 << 47;

/// What a PT_LOAD says, after it was judged.
#[derive(Clone, Copy, Default)]
struct Segment {
    address: u64,
    offset: u64,
    file_len: u64,
    len: u64,
    prot: Prot,
}

impl Segment {
    /// The units that it touches.
    fn start(&self, unit: u64) -> u64 {
        self.address & !(unit - 1)
    }

    fn end(&self, unit: u64) -> u64 {
        (self.address + self.len).next_multiple_of(unit)
    }
}

fn malformed<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Malformed(why))
}

/// Reads as much as there is room for.
fn read_exact(file: &File, mut offset: u64, mut to: &mut [u8]) -> Result<(), Refusal> {
    while !to.is_empty() {
        match file.read_at(to, offset)? {
            0 => return malformed("the file ends within a header or a segment"),
            read => {
                to = &mut to[read..];
                offset = offset.saturating_add(read as u64);
            }
        }
    }
    Ok(())
}

fn read_header<const LEN: usize>(file: &File, offset: u64) -> Result<[u8; LEN], Refusal> {
    let mut bytes = [0; LEN];
    read_exact(file, offset, &mut bytes)?;
    Ok(bytes)
}

/// A field of a header, of 2, 4 or 8 bytes.
fn field(header: &[u8], at: usize, len: usize) -> u64 {
    header[at..at + len].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Maps the program in a file, for the processor that ELF calls `machine`.
///
/// # Safety
/// Nobody changes the file while the image lives.
pub unsafe fn map(file: &File, machine: u16) -> Result<Image, Refusal> {
    let unit = allocation_granularity() as u64;
    let file_end = file.len()?;
    let header = read_header::<64>(file, 0)?;
    if header[..4] != *b"\x7fELF" {
        return malformed("not an ELF file");
    }
    // ELFCLASS64, ELFDATA2LSB, EV_CURRENT; e_machine
    if header[4..7] != [2, 1, 1] || field(&header, 18, 2) != machine.into() {
        return malformed("made for another processor");
    }
    let is_fixed = match field(&header, 16, 2) {
        2 => true,  // ET_EXEC
        3 => false, // ET_DYN
        _ => return malformed("not a program"),
    };
    let (table, header_count) = (field(&header, 32, 8), field(&header, 56, 2) as usize);
    if field(&header, 54, 2) != 56 || !(1..=64).contains(&header_count) {
        return malformed("program headers of another size, none, or too many");
    }

    let mut segments = [Segment::default(); SEGMENTS];
    let (mut count, mut align) = (0, unit);
    // Without PT_GNU_STACK too, in programs of 64 bits (`elf_read_implies_exec` in asm/elf.h).
    let mut stack = Prot::WRITE;
    for i in 0..header_count as u64 {
        let Some(at) = table.checked_add(56 * i).filter(|at| *at <= file_end) else {
            return malformed("program headers that lie behind the file");
        };
        let header = read_header::<56>(file, at)?;
        match field(&header, 0, 4) {
            1 => {} // PT_LOAD
            3 => return malformed("linked dynamically: it needs another loader"),
            // PT_GNU_STACK; PF_X
            0x6474_e551 => {
                stack = if field(&header, 4, 4) & 1 != 0 { Prot::WRITE | Prot::EXEC } else { Prot::WRITE };
                continue;
            }
            _ => continue,
        }
        let (segment, its_align) = judged(&header, file_end, unit)?;
        if segment.len == 0 {
            continue;
        }
        if count > 0 && segments[count - 1].end(unit) > segment.start(unit) {
            return malformed("segments that overlap, or are not in order");
        }
        let Some(place) = segments.get_mut(count) else { return malformed("too many segments") };
        *place = segment;
        count += 1;
        align = align.max(its_align);
    }
    let segments = &segments[..count];
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return malformed("nothing to be loaded");
    };
    let start = first.start(unit) & !(align - 1);
    let len = last.end(unit) - start;
    if len > MAX_LEN {
        return malformed("longer than a program may be here");
    }
    // The system grows a main thread's stack into whatever is free below it.
    if is_fixed && (start..start + len + STACK_ROOM).contains(&((&raw const header).addr() as u64)) {
        return malformed("at addresses into which the loader's stack may grow");
    }
    let entry = field(&header, 24, 8);
    let has_entry = |segment: &Segment| {
        segment.prot.contains(Prot::EXEC)
            && entry.checked_sub(segment.address).is_some_and(|at| at < segment.file_len)
    };
    if !segments.iter().any(has_entry) {
        return malformed("the entry is not in a segment with code");
    }
    let headers = segments.iter().find_map(|segment| {
        let at = table.checked_sub(segment.offset)?;
        (at + 56 * header_count as u64 <= segment.file_len).then_some(segment.address + at)
    });

    let place = if is_fixed {
        // SAFETY: this stack has the room that it needs, see above, and the loader no heap. That of the program, which grows by
        // `brk`, keeps off what is mapped.
        unsafe { Reservation::at(start as usize, len as usize)? }
    } else {
        Reservation::aligned(len as usize, align as usize)?
    };
    let bias = place.as_ptr().addr().wrapping_sub(start as usize);
    let mut image = Image {
        entry: bias.wrapping_add(entry as usize),
        headers: headers.map_or(0, |headers| bias.wrapping_add(headers as usize)),
        header_count,
        stack,
        mappings: [const { None }; 2 * SEGMENTS],
        gaps: [const { None }; SEGMENTS],
    };
    let mut rest = Some(place);
    let mut at = start;
    let slots = image.mappings.chunks_exact_mut(2).zip(&mut image.gaps);
    for (segment, (slots, gap)) in segments.iter().zip(slots) {
        *gap = split(&mut rest, segment.start(unit) - at)?;
        at = segment.end(unit);
        // SAFETY: the caller's promise.
        unsafe { put(file, segment, unit, &mut rest, slots)? };
    }
    Ok(image)
}

/// A segment as its header tells it, and its alignment, if they can be honoured.
fn judged(header: &[u8; 56], file_end: u64, unit: u64) -> Result<(Segment, u64), Refusal> {
    let [offset, address, file_len, len, align] = [8, 16, 32, 40, 48].map(|at| field(header, at, 8));
    let flags = field(header, 4, 4);
    let (write, execute) = (flags & 2 != 0, flags & 1 != 0);
    if write && execute {
        return malformed("a segment that can be written and executed");
    }
    if file_len > len {
        return malformed("a segment that is longer in the file than in memory");
    }
    if offset.checked_add(file_len).is_none_or(|end| end > file_end) {
        return malformed("a segment that ends behind the file");
    }
    if address.checked_add(len).is_none_or(|end| end > MAX_ADDRESS) {
        return malformed("a segment at addresses that do not exist");
    }
    let align = align.max(1);
    if !align.is_power_of_two() || align > MAX_LEN {
        return malformed("an alignment that is no power of two, or too great");
    }
    if offset & (align.max(unit) - 1) != address & (align.max(unit) - 1) {
        return malformed("a segment that is not aligned in the file as in memory, or less than a page");
    }
    let prot = if execute {
        Prot::EXEC
    } else if write {
        Prot::WRITE
    } else {
        Prot::READ
    };
    Ok((Segment { address, offset, file_len, len, prot }, align))
}

/// Takes the first `len` bytes off what is left of the reservation.
fn split(rest: &mut Option<Reservation>, len: u64) -> Result<Option<Reservation>, Refusal> {
    let Some(whole) = rest.take_if(|_| len > 0) else { return Ok(None) };
    if len == whole.len() as u64 {
        return Ok(Some(whole));
    }
    let (first, second) = whole.split(len as usize).map_err(|(_, error)| error)?;
    *rest = Some(second);
    Ok(Some(first))
}

/// Puts a segment where it belongs: what the file has of it, and zeros behind.
///
/// # Safety
/// As `map`.
unsafe fn put(
    file: &File,
    segment: &Segment,
    unit: u64,
    rest: &mut Option<Reservation>,
    slots: &mut [Option<Mapping>],
) -> Result<(), Refusal> {
    let len = segment.end(unit) - segment.start(unit);
    let before = segment.address - segment.start(unit);
    let from_file = if segment.file_len == 0 { 0 } else { before + segment.file_len };
    // Where zeros follow, the unit in which the file's part ends is not mapped but read.
    let has_tail = segment.len > segment.file_len;
    let mapped = if has_tail { from_file & !(unit - 1) } else { from_file };
    if let Some(place) = split(rest, mapped.next_multiple_of(unit))? {
        let request = Mmap::new(file).offset(segment.offset - before).len(mapped as usize);
        // SAFETY: the caller's promise.
        let map = unsafe { request.flags(Flags::COW).prot(segment.prot).map_in(place) };
        slots[0] = Some(map.map_err(|(_, error)| error)?);
    }
    if let Some(place) = split(rest, len - mapped.next_multiple_of(unit))? {
        let map = Mmap::anon(place.len()).prot(Prot::WRITE).map_in(place);
        let mut map = map.map_err(|(_, error)| error)?;
        let start = &mut map.bytes_mut()?[..(from_file - mapped) as usize];
        read_exact(file, segment.offset - before + mapped, start)?;
        map.protect(segment.prot)?;
        slots[1] = Some(map);
    }
    Ok(())
}

#[allow(dead_code, reason = "a program that is run is not looked at")]
impl Image {
    /// What was mapped, in the order of addresses.
    pub fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().flatten()
    }
}
