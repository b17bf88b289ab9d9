//! Dividing, joining and resizing. The kernels accept any pages of a mapping, so that dividing and joining take no call.

use super::{Backing, Kind, Unix};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Flags, Prot};
use crate::sys::contract::{Result, Span};
use crate::sys::{Parts, System};

impl Parts for Unix {
    fn is_alike(backing: &Backing, is_of_file: bool, flags: Flags) -> bool {
        let kind = match is_of_file {
            false => Kind::Anon,
            true if flags.contains(Flags::COW) => Kind::Private,
            true => Kind::Shared,
        };
        backing.kind == kind && !flags.contains(Flags::HUGETLB)
    }

    unsafe fn join_reservations(_: Span, _: Span) -> Result<()> {
        Ok(())
    }

    unsafe fn split_mapping(_: Span, backing: &Backing, _: usize) -> Result<(Backing, Backing)> {
        Ok((*backing, *backing))
    }

    unsafe fn join_mappings(_: Span, backing: &Backing, _: Span, next: &Backing) -> Result<Backing> {
        if (backing.kind, backing.prot) != (next.kind, next.prot) {
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
