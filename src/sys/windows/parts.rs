//! Dividing, joining and resizing. Windows divides neither an allocation nor a view, so a mapping can be divided where
//! one piece ends (`pieces.rs`), and is extended by another one.
//!
//! A placeholder may begin with any page, and so may what replaces it (Microsoft, "MapViewOfFile3 function",
//! MEM_REPLACE_PLACEHOLDER).

use super::calls::*;
use super::imports::*;
use super::memory::{self, Backing, Kind, Place, protection};
use super::pieces::{self, Piece};
use super::{Windows, file, placeholder};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Flags, Prot};
use crate::sys::contract::parts::Extension;
use crate::sys::contract::{FilePart, MapFailure, Mapped, Request, Result, Span};
use crate::sys::{Parts, System};
use core::ops::Range;

impl Parts for Windows {
    fn is_alike(backing: &Backing, is_of_file: bool, flags: Flags) -> bool {
        let kind = match is_of_file {
            false if flags.contains(Flags::HUGETLB) => Kind::LargePages,
            false => Kind::Anon,
            true if flags.contains(Flags::COW) => Kind::Copy,
            true => Kind::Shared,
        };
        backing.kind == kind
    }

    unsafe fn join_reservations(first: Span, next: Span) -> Result<()> {
        let whole = first.len + next.len;
        // By one call at the end, so that no placeholder ever lies in both.
        // SAFETY: the caller's promise.
        unsafe {
            placeholder::join(first)?;
            placeholder::join(next)?;
            free(first, whole, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)
        }
    }

    /// Parts that are not multiples of the granularity would share placeholders.
    unsafe fn split_mapping(mapping: Span, backing: &Backing, at: usize) -> Result<(Backing, Backing)> {
        let rest = mapping.ptr.as_ptr().wrapping_add(at);
        let is_joint = backing.place == Place::Pieces
            && rest.addr() % allocation_granularity() == 0
            && Piece::at(rest)?.base == rest.addr();
        if !is_joint {
            return Err(Failure::refused(Call::SplitOff, ErrorKind::Unsupported));
        }
        let file = if backing.file == 0 { 0 } else { file::duplicate(backing.file())? };
        Ok((*backing, Backing { file, ..*backing }))
    }

    unsafe fn join_mappings(_: Span, backing: &Backing, _: Span, next: &Backing) -> Result<Backing> {
        let refused = |kind| Err(Failure::refused(Call::Join, kind));
        if (backing.kind, backing.prot) != (next.kind, next.prot) {
            return refused(ErrorKind::InvalidInput);
        }
        // There is room for one handle to flush, and only what was in reservations can be divided and unmapped in pieces.
        let is_flushed = backing.file == 0 || next.file == 0 || is_same(backing.file(), next.file());
        if backing.place == Place::Anywhere || next.place == Place::Anywhere || !is_flushed {
            return refused(ErrorKind::Unsupported);
        }
        Ok(joined(backing, next))
    }

    /// Until all succeeds, what was added to the last granule is past the mapping's end. After a failure it stays there, and
    /// is unmapped with the mapping.
    unsafe fn extend(
        mapping: Span,
        backing: &mut Backing,
        extension: Extension<Handle>,
    ) -> Result<(), MapFailure> {
        let Extension { part, len, flags, reservation } = extension;
        let page_end = |len: usize| (mapping.ptr.addr().get() + len).next_multiple_of(page_size());
        if reservation.is_none() && page_end(len) == page_end(mapping.len) {
            return Ok(());
        }
        if backing.place == Place::Anywhere {
            return Err(Failure::refused(Call::Extend, ErrorKind::Unsupported).into());
        }
        // The mapping begins with a granule.
        let whole = mapping.len.next_multiple_of(allocation_granularity());
        let in_granule = mapping.len.next_multiple_of(page_size())..len.min(whole);
        if !in_granule.is_empty() {
            // SAFETY: the caller's promise.
            unsafe { extend_in_granule(mapping, backing, part, in_granule.clone())? };
            if flags.contains(Flags::POPULATE) {
                // A hint.
                let _ = memory::populate(part_of(mapping, in_granule.start, in_granule.len()), backing);
            }
        }
        let mut next = Backing { place: Place::Pieces, ..*backing };
        let mut taken = None;
        if let Some(reservation) = reservation {
            let prot = view_prot(backing);
            let flags = flags - Flags::LOCKED;
            let request = Request {
                len: len - whole,
                prot,
                flags,
                hint: 0,
                reservation: Some(reservation),
                huge_log2: 0,
            };
            // SAFETY: the caller's reservation, as long as the request, rounded up to the granularity.
            let mut mapped = unsafe {
                match part {
                    Some(part) => {
                        Self::map_file(FilePart { offset: part.offset + whole as u64, ..part }, request)?
                    }
                    None => Self::map_anon(request)?,
                }
            };
            if prot != backing.prot {
                let new = Span { ptr: mapped.ptr, len: request.len };
                // SAFETY: nobody else knows of it.
                if let Err(failure) = unsafe { Self::protect(new, &mut mapped.backing, backing.prot) } {
                    // SAFETY: as above.
                    return Err(unsafe { Self::undo_map(mapped, request, failure) });
                }
            }
            taken = Some((mapped, request));
        }
        if flags.contains(Flags::LOCKED) {
            let new = part_of(mapping, in_granule.start, len - in_granule.start);
            // SAFETY: the new pages.
            if let Err(failure) = unsafe { Self::lock(new, &next) } {
                let failure = failure.with_flag(Flags::LOCKED);
                return Err(match taken {
                    // SAFETY: as above.
                    Some((mapped, request)) => unsafe { Self::undo_map(mapped, request, failure) },
                    None => failure.into(),
                });
            }
        }
        if let Some((mapped, _)) = taken {
            next = joined(backing, &mapped.backing);
        }
        *backing = next;
        Ok(())
    }

    unsafe fn shorten(mapping: Span, backing: &mut Backing, len: usize) -> Option<Result<Mapped<Backing>>> {
        if len > mapping.len || backing.kind == Kind::LargePages {
            return None;
        }
        // SAFETY: the caller's promise.
        let result = unsafe { shorten(mapping, backing, len) };
        Some(result.map(|backing| Mapped { ptr: mapping.ptr, backing }))
    }

    unsafe fn protect_part(part: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let mut of_part = *backing;
        // SAFETY: the caller's promise.
        let result = unsafe { Self::protect(part, &mut of_part, prot) };
        backing.prot &= of_part.prot;
        result
    }
}

/// The backing of two mappings that become one. It keeps one handle and closes the other.
fn joined(backing: &Backing, next: &Backing) -> Backing {
    let file = if backing.file == 0 {
        next.file
    } else {
        next.close_file();
        backing.file
    };
    Backing { place: Place::Pieces, file, ..*backing }
}

/// Returns whether two handles are of one open file.
fn is_same(one: Handle, other: Handle) -> bool {
    // SAFETY: the type is that function's.
    let compare = unsafe { placeholder::find::<CompareObjectHandles>(c"CompareObjectHandles") };
    // SAFETY: accesses no memory of this process.
    compare.is_ok_and(|compare| unsafe { compare(one, other) } != 0)
}

/// The permissions that a new view needs so that its pages can get any that the pages of the mapping can get.
fn view_prot(backing: &Backing) -> Prot {
    if backing.file == 0 { backing.prot } else { backing.prot | Prot::WRITE }
}

fn part_of(mapping: Span, at: usize, len: usize) -> Span {
    // SAFETY: inside the granules of the mapping.
    Span { ptr: unsafe { mapping.ptr.add(at) }, len }
}

fn protect(span: Span, backing: &Backing) -> Result<()> {
    let mut old = 0;
    let protection = protection(backing.prot, backing.kind);
    // SAFETY: the pages lie past the end of a mapping of the caller's.
    checked(Call::VirtualProtect, unsafe {
        VirtualProtect(span.ptr.as_ptr().cast(), span.len, protection, &raw mut old)
    })
}

/// Makes a range past the last page accessible, in the granule in which the mapping ends. Memory is allocated there, if
/// not committed; a view leaves a placeholder.
///
/// # Safety
/// A mapping in a reservation, of the part's file.
unsafe fn extend_in_granule(
    mapping: Span,
    backing: &mut Backing,
    part: Option<FilePart<Handle>>,
    range: Range<usize>,
) -> Result<()> {
    let Some(part) = part else {
        let new = part_of(mapping, range.start, range.len());
        let protection = protection(backing.prot, backing.kind);
        // SAFETY: the pages are the mapping's. Those that are committed already keep their contents, which are zeros, and
        // get this protection (Microsoft, "VirtualAlloc function").
        let base = unsafe { VirtualAlloc(new.ptr.as_ptr().cast(), new.len, MEM_COMMIT, protection) };
        return checked(Call::VirtualAlloc, i32::from(!base.is_null()));
    };
    let last = mapping.ptr.as_ptr().wrapping_add(range.start - 1);
    let view_end = Piece::at(last)?.end - mapping.ptr.addr().get();
    if view_end > range.start {
        // A view that was longer.
        if backing.kind == Kind::Copy {
            // What was changed there must not come back.
            return Err(Failure::refused(Call::Extend, ErrorKind::Unsupported));
        }
        protect(part_of(mapping, range.start, view_end.min(range.end) - range.start), backing)?;
    }
    if view_end < range.end {
        let whole = mapping.len.next_multiple_of(allocation_granularity());
        let rest = part_of(mapping, view_end, whole - view_end);
        let (offset, len) = (part.offset + view_end as u64, range.end - view_end);
        let prot = match backing.kind {
            Kind::Copy => backing.prot | Prot::WRITE,
            _ => view_prot(backing) | Prot::READ,
        };
        // SAFETY: the placeholder past the last view.
        unsafe {
            memory::map_view(part.file, part.is_section, offset, len, prot, backing.kind, 0, Some(rest))?
        };
        backing.place = Place::Pieces;
        if prot != backing.prot {
            protect(part_of(mapping, view_end, len), backing)?;
        }
    }
    Ok(())
}

/// Makes a mapping shorter without moving it. Memory is decommitted, and whole pieces are unmapped. The piece in which
/// the mapping then ends stays, and is unmapped with it.
///
/// # Safety
/// The mapping is the caller's, and not used past `len`, which is less than its length. It has no large pages.
unsafe fn shorten(mapping: Span, backing: &Backing, len: usize) -> Result<Backing> {
    let start = mapping.ptr.addr().get();
    let page_end = |len: usize| (start + len).next_multiple_of(page_size()) - start;
    let (new_end, old_end) = (page_end(len), page_end(mapping.len));
    let is_memory = backing.kind == Kind::Anon;
    let decommit = |end| {
        let rest = part_of(mapping, new_end, end - new_end);
        if rest.len == 0 {
            return Ok(());
        }
        // SAFETY: the rest of an allocation of the caller's.
        unsafe { free(rest, rest.len, MEM_DECOMMIT) }
    };
    if backing.place == Place::Anywhere {
        return if is_memory { decommit(old_end) } else { Ok(()) }.map(|()| *backing);
    }
    let shorter = Backing { place: Place::Pieces, ..*backing };
    let whole = new_end.next_multiple_of(allocation_granularity());
    // Where the last piece ends that begins before.
    let last = mapping.ptr.as_ptr().wrapping_add(whole - 1);
    let last_end = Piece::at(last)?.end - start;
    if is_memory {
        decommit(last_end)?;
    }
    let is_changed = is_memory && new_end != last_end;
    if last_end < old_end {
        // SAFETY: the caller's promise; a piece begins there.
        let result = unsafe { pieces::unmap(mapping, last_end, backing.kind) };
        // What was decommitted does not come back, so then the piece leaks.
        if !is_changed {
            result?;
        }
    }
    Ok(shorter)
}
