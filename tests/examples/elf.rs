//! Maps a statically linked program, position independent or not. Its input is not trusted: `load.rs` runs what this
//! maps, and `tests/load.rs` passes malformed files to it.
//!
//! It honours the program headers that Linux honours (`load_elf_binary` in fs/binfmt_elf.c). PT_DYNAMIC, PT_TLS and
//! PT_GNU_RELRO are for the program itself. PT_GNU_PROPERTY is ignored: it may ask for branch protection (BTI), without
//! which a program runs as well, but less protected.

use baremap::{
    Error, File, Flags, Mapping, MappingMut, Mmap, Prot, Refused, Reservation, allocation_granularity,
};
use core::fmt;

/// A mapped program. Dropping it unmaps the program.
pub struct Image {
    /// The address of the first instruction.
    pub entry: usize,
    /// The address of its program headers, for AT_PHDR, or 0 if no segment contains them.
    pub headers: usize,
    pub header_count: usize,
    /// The permissions of its stack.
    pub stack: Prot,
    segments: [Mapped; SEGMENTS],
}

/// A segment in memory, in the order of addresses.
#[derive(Default)]
struct Mapped {
    /// The addresses between the previous segment and this one.
    gap: Option<Reservation>,
    /// Pages of the file.
    file: Option<Mapping>,
    /// Fresh memory: the end of the file's part, then zeros. One of the two, by the segment's permissions.
    tail: Option<Mapping>,
    writable_tail: Option<MappingMut>,
}

/// Why a file cannot be mapped.
#[derive(Debug)]
pub enum LoadError {
    /// The file contradicts the format, or asks for what this loader does not support.
    Malformed(&'static str),
    System(Error),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::System(error)
    }
}

impl<T> From<Refused<T>> for LoadError {
    fn from(refused: Refused<T>) -> Self {
        Self::System(refused.error)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::System(error) => error.fmt(f),
        }
    }
}

/// The most segments, and the longest address range, that a program may have.
const SEGMENTS: usize = 16;
const MAX_LEN: u64 = 1 << 30;

/// Kept free below the current stack frame: what the stack may still grow by, and the gap of 256 pages that Linux keeps
/// below it (`stack_guard_gap` in mm/mmap.c).
const STACK_RESERVE: u64 = 64 << 20;

/// User addresses end here at the latest, on every architecture.
const MAX_ADDRESS: u64 = 1 << 47;

/// A valid PT_LOAD.
#[derive(Clone, Copy, Default)]
struct Segment {
    address: u64,
    offset: u64,
    file_len: u64,
    len: u64,
    prot: Prot,
}

impl Segment {
    /// The address of its first page.
    fn start(&self, granularity: u64) -> u64 {
        self.address & !(granularity - 1)
    }

    /// The address after its last page.
    fn end(&self, granularity: u64) -> u64 {
        (self.address + self.len).next_multiple_of(granularity)
    }
}

fn malformed<T>(reason: &'static str) -> Result<T, LoadError> {
    Err(LoadError::Malformed(reason))
}

/// Fills the buffer from the file.
fn read_exact(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> Result<(), LoadError> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset)? {
            0 => return malformed("the file ends within a header or a segment"),
            read => {
                buffer = &mut buffer[read..];
                offset = offset.saturating_add(read as u64);
            }
        }
    }
    Ok(())
}

fn read_header<const LEN: usize>(file: &File, offset: u64) -> Result<[u8; LEN], LoadError> {
    let mut bytes = [0; LEN];
    read_exact(file, offset, &mut bytes)?;
    Ok(bytes)
}

/// A field of a header, of 2, 4 or 8 bytes.
fn field(header: &[u8], at: usize, len: usize) -> u64 {
    header[at..at + len].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Maps a program for the processor with the ELF number `machine`.
///
/// # Safety
/// The file is not changed or truncated while the image lives.
pub unsafe fn map(file: &File, machine: u16) -> Result<Image, LoadError> {
    let granularity = allocation_granularity() as u64;
    let file_end = file.len()?;
    let header = read_header::<64>(file, 0)?;
    if header[..4] != *b"\x7fELF" {
        return malformed("not an ELF file");
    }
    // ELFCLASS64, ELFDATA2LSB, EV_CURRENT; e_machine
    if header[4..7] != [2, 1, 1] || field(&header, 18, 2) != machine.into() {
        return malformed("for another processor");
    }
    let is_fixed = match field(&header, 16, 2) {
        2 => true,  // ET_EXEC
        3 => false, // ET_DYN
        _ => return malformed("neither ET_EXEC nor ET_DYN"),
    };
    let (table, header_count) = (field(&header, 32, 8), field(&header, 56, 2) as usize);
    if field(&header, 54, 2) != 56 || !(1..=64).contains(&header_count) {
        return malformed("an unsupported size or number of program headers");
    }

    let mut segments = [Segment::default(); SEGMENTS];
    let (mut count, mut align) = (0, granularity);
    // The default of 64-bit programs without PT_GNU_STACK (`elf_read_implies_exec` in asm/elf.h).
    let mut stack = Prot::WRITE;
    for i in 0..header_count as u64 {
        let Some(at) = table.checked_add(56 * i).filter(|at| *at <= file_end) else {
            return malformed("program headers past the end of the file");
        };
        let header = read_header::<56>(file, at)?;
        match field(&header, 0, 4) {
            1 => {} // PT_LOAD
            3 => return malformed("dynamically linked: it needs an interpreter"),
            // PT_GNU_STACK; PF_X
            0x6474_e551 => {
                stack = if field(&header, 4, 4) & 1 != 0 { Prot::WRITE | Prot::EXEC } else { Prot::WRITE };
                continue;
            }
            _ => continue,
        }
        let (segment, segment_align) = parse_segment(&header, file_end, granularity)?;
        if segment.len == 0 {
            continue;
        }
        if count > 0 && segments[count - 1].end(granularity) > segment.start(granularity) {
            return malformed("segments overlap or are not in ascending order");
        }
        let Some(slot) = segments.get_mut(count) else { return malformed("too many segments") };
        *slot = segment;
        count += 1;
        align = align.max(segment_align);
    }
    let segments = &segments[..count];
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return malformed("no segment to load");
    };
    let start = first.start(granularity) & !(align - 1);
    let len = last.end(granularity) - start;
    if len > MAX_LEN {
        return malformed("longer than 1 GiB in memory");
    }
    // The stack of the main thread grows into the free addresses below it.
    if is_fixed && (start..start + len + STACK_RESERVE).contains(&((&raw const header).addr() as u64)) {
        return malformed("at addresses that the loader's stack may grow into");
    }
    let entry = field(&header, 24, 8);
    let has_entry = |segment: &Segment| {
        segment.prot.contains(Prot::EXEC)
            && entry.checked_sub(segment.address).is_some_and(|at| at < segment.file_len)
    };
    if !segments.iter().any(has_entry) {
        return malformed("the entry point is not in an executable segment");
    }
    let headers = segments.iter().find_map(|segment| {
        let at = table.checked_sub(segment.offset)?;
        (at + 56 * header_count as u64 <= segment.file_len).then_some(segment.address + at)
    });

    let reservation = if is_fixed {
        // SAFETY: nothing relies on these addresses being free: this stack keeps what it needs, see above, and the
        // loader has no heap. The program's own heap, which grows by `brk`, stops before what is mapped.
        unsafe { Reservation::at(start as usize, len as usize)? }
    } else {
        Reservation::aligned(len as usize, align as usize)?
    };
    let bias = reservation.as_ptr().addr().wrapping_sub(start as usize);
    let mut image = Image {
        entry: bias.wrapping_add(entry as usize),
        headers: headers.map_or(0, |headers| bias.wrapping_add(headers as usize)),
        header_count,
        stack,
        segments: Default::default(),
    };
    let mut rest = Some(reservation);
    let mut at = start;
    for (segment, mapped) in segments.iter().zip(&mut image.segments) {
        mapped.gap = split(&mut rest, segment.start(granularity) - at)?;
        at = segment.end(granularity);
        // SAFETY: the caller's promise.
        unsafe { map_segment(file, segment, granularity, &mut rest, mapped)? };
    }
    Ok(image)
}

/// The segment that a PT_LOAD describes, and its alignment.
fn parse_segment(header: &[u8; 56], file_end: u64, granularity: u64) -> Result<(Segment, u64), LoadError> {
    let [offset, address, file_len, len, align] = [8, 16, 32, 40, 48].map(|at| field(header, at, 8));
    let flags = field(header, 4, 4);
    let (write, execute) = (flags & 2 != 0, flags & 1 != 0);
    if write && execute {
        return malformed("a segment is both writable and executable");
    }
    if file_len > len {
        return malformed("a segment is longer in the file than in memory");
    }
    if offset.checked_add(file_len).is_none_or(|end| end > file_end) {
        return malformed("a segment ends past the end of the file");
    }
    if address.checked_add(len).is_none_or(|end| end > MAX_ADDRESS) {
        return malformed("a segment ends past the address space");
    }
    let align = align.max(1);
    if !align.is_power_of_two() || align > MAX_LEN {
        return malformed("an alignment is not a power of two, or exceeds 1 GiB");
    }
    let low_bits = align.max(granularity) - 1;
    if offset & low_bits != address & low_bits {
        return malformed(
            "offset and address of a segment are not congruent modulo its alignment and the page size",
        );
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

/// Splits the first `len` bytes off the rest of the reservation; `None` if `len` is 0.
fn split(rest: &mut Option<Reservation>, len: u64) -> Result<Option<Reservation>, LoadError> {
    let Some(whole) = rest.take_if(|_| len > 0) else { return Ok(None) };
    if len == whole.len() as u64 {
        return Ok(Some(whole));
    }
    let (first, second) = whole.split(len as usize)?;
    *rest = Some(second);
    Ok(Some(first))
}

/// Maps a segment: the part that is in the file, then zeros.
///
/// # Safety
/// As of `map`.
unsafe fn map_segment(
    file: &File,
    segment: &Segment,
    granularity: u64,
    rest: &mut Option<Reservation>,
    mapped: &mut Mapped,
) -> Result<(), LoadError> {
    let len = segment.end(granularity) - segment.start(granularity);
    let before = segment.address - segment.start(granularity);
    let file_len = if segment.file_len == 0 { 0 } else { before + segment.file_len };
    // If zeros follow, the last page of the file's part is copied, not mapped.
    let has_zeros = segment.len > segment.file_len;
    let map_len = if has_zeros { file_len & !(granularity - 1) } else { file_len };
    if let Some(range) = split(rest, map_len.next_multiple_of(granularity))? {
        let request = Mmap::new(file).offset(segment.offset - before).len(map_len as usize);
        // SAFETY: the caller's promise.
        mapped.file = Some(unsafe { request.flags(Flags::COW).prot(segment.prot).map_in(range)? });
    }
    if let Some(range) = split(rest, len - map_len.next_multiple_of(granularity))? {
        let mut tail = Mmap::anon(range.len()).map_mut_in(range)?;
        let copied = &mut tail[..(file_len - map_len) as usize];
        read_exact(file, segment.offset - before + map_len, copied)?;
        match segment.prot {
            Prot::WRITE => mapped.writable_tail = Some(tail),
            Prot::EXEC => mapped.tail = Some(tail.into_exec()?),
            _ => mapped.tail = Some(tail.into_read_only()?),
        }
    }
    Ok(())
}

#[allow(dead_code, reason = "for tests/load.rs")]
impl Image {
    /// The contents of its mappings, in the order of addresses.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let parts = self.segments.iter().flat_map(|segment| {
            [segment.file.as_deref(), segment.tail.as_deref(), segment.writable_tail.as_deref()]
        });
        parts.flatten()
    }
}
