//! The common parts of requests for files and for fresh memory: the check of flags, the result, and how a mapping
//! replaces a reservation.

use crate::error::kind::{Call, ErrorKind, Failure};
use crate::error::{Error, Refused};
use crate::mapping::Mapping;
use crate::options::{Advice, Flags};
use crate::reservation::Reservation;
use crate::sys::contract::special::Special;
use crate::sys::contract::{MapFailure, Mapped, Span, distance};
use crate::sys::{Backing, Sys, System};
use core::mem;

/// The log2 that stands for a number which is no size of huge pages.
pub(super) const NO_HUGE_PAGES: u8 = 1;

/// The flags of a request, and the log2 of its page size, which implies `HUGETLB`.
#[inline(always)]
pub(super) fn flags_and_size(flags: Flags, huge_log2: u8) -> (Flags, u8) {
    (if huge_log2 == 0 { flags } else { flags | Flags::HUGETLB }, huge_log2)
}

/// Checks flags. Those in `refused` make no sense for the request. Those that few systems honour fail on all others.
/// `NORESERVE` fails with huge pages, as an access would raise a signal when the pool is exhausted.
#[inline]
pub(super) fn check_flags(flags: Flags, refused: Flags, huge_log2: u8) -> Result<(), Failure> {
    if huge_log2 == NO_HUGE_PAGES {
        return Err(Failure::unsupported(Flags::HUGETLB));
    }
    let refused = flags & (refused | ((Flags::SECRET | Flags::SYNC) - Sys::special_flags()));
    if !refused.is_empty() {
        return Err(Failure::unsupported(refused));
    }
    if flags.contains(Flags::HUGETLB | Flags::NORESERVE) {
        return Err(Failure::unsupported(Flags::NORESERVE));
    }
    Ok(())
}

/// Returns the address of the first page for which the byte at an offset lies at the hint, or near it. 0 is no hint.
#[inline]
pub(super) fn first_page(hint: usize, offset: u64) -> usize {
    if hint == 0 {
        return 0;
    }
    let granularity = Sys::allocation_granularity();
    hint.saturating_sub(distance(offset, granularity)) & !(granularity - 1)
}

/// Makes a `Mapping` of the backend's mapping.
#[inline(always)]
pub(super) fn finish<A>(mapped: Mapped<Backing>, len: usize, flags: Flags) -> Mapping<A> {
    let mapping = Mapping::new(mapped, len);
    if flags.contains(Flags::READAHEAD) {
        // A hint: if it fails, the pages are read when they are touched.
        let _ = mapping.advise(Advice::WillNeed);
    }
    mapping
}

/// Replaces a reservation with a mapping made by `map`, if the request fits the reservation.
pub(super) fn map_in<A>(
    reservation: Reservation,
    len: usize,
    offset: u64,
    flags: Flags,
    map: impl FnOnce(Span) -> Result<Mapped<Backing>, MapFailure>,
) -> Result<Mapping<A>, Refused<Reservation>> {
    if flags.contains(Flags::HUGETLB) {
        return Err(Refused::new(reservation, Failure::unsupported(Flags::HUGETLB)));
    }
    let granularity = Sys::allocation_granularity();
    let is_whole = len != 0 && len.checked_next_multiple_of(granularity) == Some(reservation.len());
    if !is_whole || offset % granularity as u64 != 0 {
        return Err(Refused::new(reservation, Error::new(Call::MapIn, ErrorKind::InvalidInput)));
    }
    match map(reservation.span()) {
        Ok(mapped) => {
            mem::forget(reservation);
            Ok(finish(mapped, len, flags))
        }
        Err(MapFailure { failure, is_span_lost: true }) => {
            mem::forget(reservation);
            Err(Refused::new(Reservation::LOST, failure))
        }
        Err(MapFailure { failure, .. }) => Err(Refused::new(reservation, failure)),
    }
}

/// Returns the flags that make no sense for a file.
#[inline]
pub(super) fn refused_for_file(flags: Flags) -> Flags {
    if flags.contains(Flags::COW) { Flags::SECRET | Flags::SYNC } else { Flags::SECRET }
}
