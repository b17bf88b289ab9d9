//! Dividing, joining and resizing, if the kernel can.

use super::{Backing, Custom, Kind, checked, kernel, pages};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Flags, Prot};
use crate::sys::Parts;
use crate::sys::contract::{Result, Span};

impl Parts for Custom {
    fn is_alike(backing: &Backing, is_of_file: bool, flags: Flags) -> bool {
        let kind = match is_of_file {
            false => Kind::Anon,
            true if flags.contains(Flags::COW) => Kind::Copy,
            true => Kind::Shared,
        };
        backing.kind == kind
    }

    unsafe fn join_reservations(first: Span, next: Span) -> Result<()> {
        // SAFETY: two reservations of the caller's, side by side.
        checked(Call::Join, unsafe { kernel().join(first.ptr, first.len, next.len) })
    }

    unsafe fn split_mapping(mapping: Span, backing: &Backing, at: usize) -> Result<(Backing, Backing)> {
        let (first, whole) = (pages(Span { len: at, ..mapping }), pages(mapping));
        // SAFETY: a whole mapping, widened to its pages.
        checked(Call::SplitOff, unsafe { kernel().split(whole.ptr, whole.len, first.len) })?;
        Ok((*backing, *backing))
    }

    unsafe fn join_mappings(
        mapping: Span,
        backing: &Backing,
        next: Span,
        next_backing: &Backing,
    ) -> Result<Backing> {
        if (backing.kind, backing.prot) != (next_backing.kind, next_backing.prot) {
            return Err(Failure::refused(Call::Join, ErrorKind::InvalidInput));
        }
        let (first, next) = (pages(mapping), pages(next));
        // SAFETY: two whole mappings, widened to their pages, side by side.
        checked(Call::Join, unsafe { kernel().join(first.ptr, first.len, next.len) })?;
        Ok(*backing)
    }

    unsafe fn protect_part(part: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let part = pages(part);
        // SAFETY: pages of a mapping; no reference needs permissions that `prot` lacks.
        let result = checked(Call::Protect, unsafe { kernel().protect_part(part.ptr, part.len, prot) });
        backing.prot &= prot;
        result
    }
}
