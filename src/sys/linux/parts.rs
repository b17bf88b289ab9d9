//! Dividing, joining and resizing. The kernel treats any pages of a mapping on their own, so that dividing and joining take
//! no call.

use super::calls::{self, MREMAP_MAYMOVE, checked};
use super::codes::{EFAULT, EINVAL};
use super::{Backing, Kind, Linux, RawFile, pages};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Flags, Prot};
use crate::sys::contract::parts::Extension;
use crate::sys::contract::{FilePart, MapFailure, Mapped, Request, Result, Span};
use crate::sys::{Parts, System};
use core::ptr::{NonNull, with_exposed_provenance_mut};

impl Parts for Linux {
    fn is_alike(backing: &Backing, is_of_file: bool, flags: Flags) -> bool {
        let kind = match is_of_file {
            false => Kind::Anon,
            true if flags.contains(Flags::COW) => Kind::Private,
            true => Kind::Shared,
        };
        // A file on hugetlbfs has huge pages without being asked; fresh memory is aligned to nothing else.
        let is_huge = backing.alignment_log2 != 0;
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

    /// What is mapped in a reservation never has huge pages, and permissions and kind are the mapping's.
    #[inline]
    unsafe fn extend(
        mapping: Span,
        backing: &mut Backing,
        extension: Extension<RawFile>,
    ) -> Result<(), MapFailure> {
        // SAFETY: the caller's promise.
        unsafe { Self::map_next(mapping, backing, extension).map(drop) }
    }

    /// `mremap` keeps contents, permissions, locks and advice. It does not lengthen a range for which the kernel has
    /// several records (EFAULT, mremap(2)), as after joining different mappings, or if parts are locked or advised
    /// differently. Nor does it make new huge pages resident. Such mappings are mapped anew.
    unsafe fn resize(
        mapping: Span,
        backing: &mut Backing,
        part: Option<FilePart<RawFile>>,
        request: Request,
    ) -> Result<Mapped<Backing>> {
        // SAFETY: the caller's promise.
        if let Some(shortened) = unsafe { Self::shorten(mapping, backing, request.len) } {
            return shortened;
        }
        let is_huge = Self::page_size_of(backing) != Self::page_size();
        if (request.flags & (Flags::LOCKED | Flags::POPULATE)).is_empty() && !is_huge {
            let (address, len) = pages(mapping, backing);
            let (_, new_len) = pages(Span { len: request.len, ..mapping }, backing);
            if new_len == len {
                return Ok(Mapped { ptr: mapping.ptr, backing: *backing });
            }
            let before = mapping.ptr.addr().get() - address;
            // SAFETY: a mapping of the caller's.
            let result = unsafe { calls::mremap(address, len, new_len, MREMAP_MAYMOVE, 0) };
            match checked(Call::Mremap, result) {
                Ok(address) => {
                    // SAFETY: nothing is mapped at address 0.
                    let ptr =
                        unsafe { NonNull::new_unchecked(with_exposed_provenance_mut(address + before)) };
                    return Ok(Mapped { ptr, backing: *backing });
                }
                Err(Failure { code: EFAULT | EINVAL, .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        // SAFETY: the caller's promise.
        unsafe { Self::map_anew(mapping, backing, part, request) }
    }

    unsafe fn protect_part(part: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let mut of_part = *backing;
        // SAFETY: the caller's promise.
        let result = unsafe { Self::protect(part, &mut of_part, prot) };
        backing.prot &= of_part.prot;
        result
    }
}
