//! The part of the contract that divides, joins and resizes mappings and reservations.
//!
//! A cut lies on a border of the mapping's pages (`page_size_of`). What a backend cannot do fails before anything changes;
//! the defaults refuse, except for `extend` and `resize`, which are made of other calls.
//!
//! ```text
//! split_mapping  [      mapping      ]               [ mapping ][ next ]
//! join_mappings  [ mapping ][ next ]                 [     mapping     ]
//! extend         [ mapping ][ reservation ]          [         mapping         ]   its address stays
//! resize         [ mapping ]                         [ mapping      ] anywhere, or its front
//! ```

use super::{FilePart, MapFailure, Mapped, Request, Result, Span, System};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Flags, Prot};

/// A request to extend a mapping without moving it.
#[derive(Clone, Copy)]
pub(crate) struct Extension<F> {
    /// The file and the offset of the mapping's first byte; `None` for fresh memory. The file reached to the new end
    /// when its length was read. Offset and address are equal modulo the granularity.
    pub(crate) part: Option<FilePart<F>>,
    /// The new length in bytes, more than the old one.
    pub(crate) len: usize,
    pub(crate) flags: Flags,
    /// A whole reservation. It begins where the mapping's last page ends, rounded up to the granularity, and ends where the
    /// longer mapping does, rounded up as well. `None` if these are the same.
    pub(crate) reservation: Option<Span>,
}

/// A system on which mappings and reservations can be divided, joined and resized.
pub(crate) trait Parts: System {
    /// Returns whether the mapping is of the kind that a request makes: fresh memory, or of a file, which is shared, or
    /// private with `COW`; with huge pages or without. Safe code relies on it: nobody promised anything about a file's
    /// contents to a request for fresh memory.
    fn is_alike(backing: &Self::Backing, is_of_file: bool, flags: Flags) -> bool;

    /// Makes one reservation of two; `next` begins where `first` ends. After a failure they are two, as before.
    ///
    /// # Safety
    /// Both are whole reservations of the caller's.
    #[allow(unused_variables, reason = "their names are part of the contract")]
    unsafe fn join_reservations(first: Span, next: Span) -> Result<()> {
        Err(Failure::refused(Call::Join, ErrorKind::Unsupported))
    }

    /// Divides a mapping into its first `at` bytes and the rest. Each is a whole mapping then, and can be unmapped,
    /// protected, divided and joined on its own. After a failure the mapping is whole.
    ///
    /// `at` lies inside the mapping, and the address there is a multiple of `page_size_of`.
    ///
    /// # Safety
    /// The mapping is the caller's.
    #[allow(unused_variables, reason = "as above")]
    unsafe fn split_mapping(
        mapping: Span,
        backing: &Self::Backing,
        at: usize,
    ) -> Result<(Self::Backing, Self::Backing)> {
        Err(Failure::refused(Call::SplitOff, ErrorKind::Unsupported))
    }

    /// Makes one mapping of two; `next` begins where the first one's last page ends. It fails with `InvalidInput` if
    /// their kind, the size of their pages, or their permissions differ, and otherwise only where the system cannot
    /// join them. After a failure they are two, as before.
    ///
    /// # Safety
    /// Both mappings are the caller's.
    #[allow(unused_variables, reason = "as above")]
    unsafe fn join_mappings(
        mapping: Span,
        backing: &Self::Backing,
        next: Span,
        next_backing: &Self::Backing,
    ) -> Result<Self::Backing> {
        Err(Failure::refused(Call::Join, ErrorKind::Unsupported))
    }

    /// Makes a mapping longer, without moving it: what lies past its end is mapped in the reservation, with the mapping's
    /// permissions, and joined. The rest of its last page, and of its last granule, becomes part of it.
    ///
    /// After a failure the mapping is as before, and the reservation is whole, or lost.
    ///
    /// # Safety
    /// - The mapping and the reservation are the caller's.
    /// - `is_alike` returns true for the mapping and `extension`.
    unsafe fn extend(
        mapping: Span,
        backing: &mut Self::Backing,
        extension: Extension<Self::RawFile>,
    ) -> Result<(), MapFailure> {
        // SAFETY: the caller's mapping, and the new one, which nobody else knows of.
        unsafe {
            let Some((mapped, request)) = Self::map_next(mapping, backing, extension)? else { return Ok(()) };
            let next = Span { ptr: mapped.ptr, len: request.len };
            match Self::join_mappings(mapping, backing, next, &mapped.backing) {
                Ok(joined) => *backing = joined,
                Err(failure) => return Err(Self::undo_map(mapped, request, failure)),
            }
        }
        Ok(())
    }

    /// Maps what an extension adds in its reservation, if it has one, and does not join it. Returns it and its request.
    ///
    /// # Safety
    /// As `extend`.
    #[allow(clippy::type_complexity, reason = "it is used once")]
    #[inline]
    unsafe fn map_next(
        mapping: Span,
        backing: &Self::Backing,
        extension: Extension<Self::RawFile>,
    ) -> Result<Option<(Mapped<Self::Backing>, Request)>, MapFailure> {
        let Extension { part, len, flags, reservation } = extension;
        let Some(Span { ptr, .. }) = reservation else { return Ok(None) };
        let at = ptr.addr().get() - mapping.ptr.addr().get();
        let request =
            Request { len: len - at, prot: Self::prot(backing), flags, hint: 0, reservation, huge_log2: 0 };
        // SAFETY: the caller's reservation, as long as the request, rounded up to the granularity.
        let mapped = unsafe {
            match part {
                Some(part) => Self::map_file(FilePart { offset: part.offset + at as u64, ..part }, request)?,
                None => Self::map_anon(request)?,
            }
        };
        Ok(Some((mapped, request)))
    }

    /// Changes the length of a mapping, which may move. The contents within both lengths stay; the rest is zeroed, or
    /// the file's. `request` has the new length, not 0 and not the old one, and the mapping's permissions, but no
    /// reservation. `part` is as in [`Extension`].
    ///
    /// A shorter mapping may keep the rest of its last page as it was. After a failure the mapping is as before, though its
    /// backing may be another one; or it is two, if they could not be joined again.
    ///
    /// # Safety
    /// - The mapping is the caller's, and not used after a success.
    /// - `is_alike` returns true for the mapping and the request.
    unsafe fn resize(
        mapping: Span,
        backing: &mut Self::Backing,
        part: Option<FilePart<Self::RawFile>>,
        request: Request,
    ) -> Result<Mapped<Self::Backing>> {
        // SAFETY: the caller's promise.
        match unsafe { Self::shorten(mapping, backing, request.len) } {
            Some(shortened) => shortened,
            // A system that cannot divide mappings can map a shorter one.
            // SAFETY: as above.
            None => unsafe { Self::map_anew(mapping, backing, part, request) },
        }
    }

    /// Unmaps the pages past a new length, by `split_mapping`. Returns `None` if the mapping is not to become shorter, or if
    /// it cannot be divided there.
    ///
    /// # Safety
    /// As `resize`.
    unsafe fn shorten(
        mapping: Span,
        backing: &mut Self::Backing,
        len: usize,
    ) -> Option<Result<Mapped<Self::Backing>>> {
        if len > mapping.len {
            return None;
        }
        // `len` rounded up to whole pages, as the mapping lies.
        let page = Self::page_size_of(backing);
        let before = mapping.ptr.addr().get() & (page - 1);
        let at = (before + len).next_multiple_of(page) - before;
        if at >= mapping.len {
            return Some(Ok(Mapped { ptr: mapping.ptr, backing: *backing }));
        }
        // SAFETY: the caller's mapping; `at` lies inside it, and on the border of two pages.
        unsafe {
            let (first, rest) = Self::split_mapping(mapping, backing, at).ok()?;
            let tail = Span { ptr: mapping.ptr.add(at), len: mapping.len - at };
            let Err(failure) = Self::unmap(tail, &rest) else {
                return Some(Ok(Mapped { ptr: mapping.ptr, backing: first }));
            };
            if let Ok(joined) = Self::join_mappings(Span { len: at, ..mapping }, &first, tail, &rest) {
                *backing = joined;
            }
            Some(Err(failure))
        }
    }

    /// Does what `resize` does by mapping, copying what is private, and unmapping. All that is copied becomes resident.
    ///
    /// # Safety
    /// As `resize`.
    unsafe fn map_anew(
        mapping: Span,
        backing: &Self::Backing,
        part: Option<FilePart<Self::RawFile>>,
        request: Request,
    ) -> Result<Mapped<Self::Backing>> {
        let is_private = part.is_none() || request.flags.contains(Flags::COW);
        if is_private && !request.prot.contains(Prot::READ) {
            return Err(Failure::refused(Call::Resize, ErrorKind::PermissionDenied));
        }
        let first = Request { prot: if is_private { Prot::WRITE } else { request.prot }, ..request };
        // SAFETY: there is no reservation.
        let mapped = unsafe {
            match part {
                Some(part) => Self::map_file(part, first),
                None => Self::map_anon(first),
            }
        };
        let mut mapped = mapped.map_err(|refused| refused.failure)?;
        let new = Span { ptr: mapped.ptr, len: request.len };
        // SAFETY: the old mapping is readable, the new one writable, and nobody else knows of it. Each is unmapped once.
        unsafe {
            if is_private {
                new.ptr.copy_from_nonoverlapping(mapping.ptr, new.len.min(mapping.len));
            }
            let is_protected = first.prot == request.prot;
            let protected =
                if is_protected { Ok(()) } else { Self::protect(new, &mut mapped.backing, request.prot) };
            // If the old mapping stays, it alone stays.
            protected.and_then(|()| Self::unmap(mapping, backing)).inspect_err(|_| {
                let _ = Self::unmap(new, &mapped.backing);
            })?;
        }
        Ok(mapped)
    }

    /// Changes the permissions of the pages in which a part of the mapping lies, as `protect` does for all of it. On return
    /// `prot` returns those that it returned before and `prot` have in common.
    ///
    /// # Safety
    /// As `protect`.
    #[allow(unused_variables, reason = "as above")]
    unsafe fn protect_part(part: Span, backing: &mut Self::Backing, prot: Prot) -> Result<()> {
        Err(Failure::refused(Call::Protect, ErrorKind::Unsupported))
    }
}
