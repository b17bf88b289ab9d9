//! Mappings that consist of several allocations or views, one past the other, in what was a reservation.
//!
//! Such a mapping comes of joining and extending, or of shortening one in a reservation. Its backing says
//! [`Place::Pieces`], and VirtualQuery finds where a piece ends: all pages of an allocation or view have one allocation
//! base.
//!
//! ```text
//! [ memory ][ memory       ]                   each as long as the reservation that it replaced
//! [ view   ][ view ][ view ][ placeholder ]    the placeholder is less than 64 KiB and the mapping's, as in placeholder.rs
//! [ memory      : decommitted ]                a mapping that was shortened ends at the colon; the last piece does not
//! ```

use super::calls::*;
use super::imports::*;
use super::memory::{Backing, Kind, Place};
use super::placeholder;
use crate::error::kind::{Call, Failure};
use crate::sys::contract::{MapFailure, Result, Span};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// An allocation, a view or a placeholder.
pub(super) struct Piece {
    pub(super) base: usize,
    pub(super) end: usize,
    state: u32,
}

impl Piece {
    const MEM_FREE: u32 = 0x10000;

    /// Returns the piece at an address.
    pub(super) fn at(address: *mut u8) -> Result<Self> {
        let first = query(address)?;
        let (base, state) = (first.allocation_base.addr(), first.state);
        let mut end = first.base_address.addr() + first.region_size;
        let mut is_next = state != Self::MEM_FREE;
        while is_next {
            let next = query(address.with_addr(end))?;
            is_next = next.allocation_base.addr() == base;
            if is_next {
                end = next.base_address.addr() + next.region_size;
            }
        }
        Ok(Self { base, end, state })
    }
}

fn query(address: *mut u8) -> Result<MemoryBasicInformation> {
    let mut info = MaybeUninit::<MemoryBasicInformation>::uninit();
    // SAFETY: `info` has the layout and the length that the function writes.
    let written =
        unsafe { VirtualQuery(address.cast(), info.as_mut_ptr(), size_of::<MemoryBasicInformation>()) };
    checked(Call::VirtualQuery, i32::from(written != 0))?;
    // SAFETY: on success it is initialized.
    Ok(unsafe { info.assume_init() })
}

/// Calls `f` with each part of a range that lies in one piece, up to the first failure.
#[inline]
pub(super) fn each(span: Span, backing: &Backing, mut f: impl FnMut(Span) -> Result<()>) -> Result<()> {
    if backing.place != Place::Pieces {
        return f(span);
    }
    let mut done = 0;
    while done < span.len {
        // SAFETY: in the span.
        let ptr = unsafe { span.ptr.add(done) };
        let len = (Piece::at(ptr.as_ptr())?.end - ptr.addr().get()).min(span.len - done);
        f(Span { ptr, len })?;
        done += len;
    }
    Ok(())
}

/// Calls `f` with each whole piece from `from` on that begins before the end of the mapping's last granule, and with its state.
///
/// If it fails for the first one, nothing has changed. Otherwise returns the end of the last piece, and the first failure
/// of all if there was one.
fn each_whole(
    mapping: Span,
    from: usize,
    mut f: impl FnMut(Span, u32) -> Result<()>,
) -> Result<(usize, Option<Failure>)> {
    let start = mapping.ptr.addr().get();
    let end = (start + mapping.len).next_multiple_of(allocation_granularity());
    let (mut at, mut failed) = (start + from, None);
    while at < end {
        let ptr = mapping.ptr.as_ptr().with_addr(at);
        let piece = Piece::at(ptr);
        let result = piece.and_then(|piece| {
            at = piece.end;
            // SAFETY: nothing is mapped at address 0.
            let ptr = unsafe { NonNull::new_unchecked(ptr) };
            f(Span { ptr, len: piece.end - ptr.addr().get() }, piece.state)
        });
        match result {
            Err(failure) if ptr.addr() == start + from => return Err(failure),
            Err(failure) => failed = failed.or(Some(failure)),
            Ok(()) => {}
        }
        // The query failed.
        if at == ptr.addr() {
            break;
        }
    }
    Ok((at, failed))
}

/// Unmaps a mapping from `from` on, where a piece begins, with what is left of its last granule. If the first piece can be
/// unmapped, a failure for a later one is ignored: the mapping is gone, and an error would return it. That piece leaks.
///
/// # Safety
/// The mapping consists of pieces, and is the caller's, and no longer used from there on.
pub(super) unsafe fn unmap(mapping: Span, from: usize, kind: Kind) -> Result<()> {
    let unmap = |piece: Span, state| match (state, kind) {
        (Piece::MEM_FREE, _) => Ok(()),
        // SAFETY: the caller's promise.
        (MEM_COMMIT, Kind::Shared | Kind::Copy) => unsafe {
            checked(Call::UnmapViewOfFile, UnmapViewOfFile(piece.ptr.as_ptr().cast()))
        },
        // SAFETY: as above.
        _ => unsafe { free(piece, 0, MEM_RELEASE) },
    };
    each_whole(mapping, from, unmap).map(drop)
}

/// Makes a reservation of a mapping. If it fails for another piece than the first one, the range is lost.
///
/// # Safety
/// As `unmap`.
pub(super) unsafe fn unmap_to_reservation(mapping: Span, kind: Kind) -> Result<Span, MapFailure> {
    let unmap = |piece: Span, state| match (state, kind) {
        // SAFETY: the caller's promise.
        (MEM_COMMIT, Kind::Shared | Kind::Copy) => unsafe { placeholder::unmap_view(piece) },
        // SAFETY: as above.
        (MEM_COMMIT, _) => unsafe { free(piece, piece.len, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER) },
        _ => Ok(()),
    };
    match each_whole(mapping, 0, unmap)? {
        (end, None) => {
            let len = end.next_multiple_of(allocation_granularity()) - mapping.ptr.addr().get();
            Ok(Span { len, ..mapping })
        }
        (_, Some(failure)) => Err(MapFailure { failure, is_span_lost: true }),
    }
}
