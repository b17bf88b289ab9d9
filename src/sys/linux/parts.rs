//! Dividing, joining and resizing. The kernel treats any pages of a mapping on their own, so that dividing and joining take
//! no call.

use super::{Backing, Kind, Linux};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Flags, Prot};
use crate::sys::contract::{Result, Span};
use crate::sys::{Parts, System};

impl Parts for Linux {
    fn is_alike(backing: &Backing, is_of_file: bool, flags: Flags) -> bool {
        let kind = match is_of_file {
            false => Kind::Anon,
            true if flags.contains(Flags::COW) => Kind::Private,
            true => Kind::Shared,
        };
        // A file on hugetlbfs has huge pages without being asked.
        let is_huge = Self::page_size_of(backing) != Self::page_size();
        backing.kind == kind && (is_of_file || is_huge == flags.contains(Flags::HUGETLB))
    }

    unsafe fn join_reservations(_: Span, _: Span) -> Result<()> {
        Ok(())
    }

    unsafe fn split_mapping(_: Span, backing: &Backing, _: usize) -> Result<(Backing, Backing)> {
        Ok((*backing, *backing))
    }

    unsafe fn join_mappings(_: Span, backing: &Backing, _: Span, next: &Backing) -> Result<Backing> {
        let of = |backing: &Backing| (backing.kind, backing.prot, Self::page_size_of(backing));
        if of(backing) != of(next) {
            return Err(Failure::refused(Call::Join, ErrorKind::InvalidInput));
        }
        Ok(*backing)
    }

    unsafe fn protect_part(part: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let mut of_part = *backing;
        // SAFETY: the caller's promise.
        let result = unsafe { Self::protect(part, &mut of_part, prot) };
        backing.prot &= of_part.prot;
        result
    }
}
