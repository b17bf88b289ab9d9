//! Windows 10 and later, through kernel32.
//!
//! VirtualAlloc makes fresh memory. A file is mapped as a view of a section, which the view keeps alive (`memory.rs`).
//! `placeholder.rs` has reservations and what replaces them, `file.rs` reading and writing, `guard.rs` the fault guard.

mod calls;
mod code;
mod codes;
mod file;
mod files;
mod guard;
mod imports;
mod memory;
mod memory_file;
mod parts;
mod path;
mod pieces;
mod placeholder;
mod process;
mod residency;
mod shared;
#[cfg(feature = "std")]
pub(crate) mod std_files;

use super::contract::{
    FilePart, FileStatus, MapFailure, Mapped, Open, Request, Result, Span, System, distance, log2,
};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Discard, Flags, Prot};
use calls::*;
use core::ffi::CStr;
use core::fmt;
use core::ptr::{NonNull, null_mut, without_provenance_mut};
use imports::*;
pub use memory::Backing;
use memory::{Kind, Place, protection};

/// On Windows: a `HANDLE`, as a number.
pub type RawFile = isize;

/// Populates and locks a new mapping if the request asks for it.
///
/// # Safety
/// Nobody else knows of the mapping.
#[inline(always)]
unsafe fn finish(mapped: Mapped<Backing>, request: Request) -> Result<Mapped<Backing>, MapFailure> {
    if request.flags.contains(Flags::POPULATE) {
        // As far as memory allows.
        let _ = memory::populate(Span { ptr: mapped.ptr, len: request.len }, &mapped.backing);
    }
    // SAFETY: the caller's promise.
    unsafe { Windows::lock_new(mapped, request) }
}

fn place(reservation: Option<Span>) -> Place {
    if reservation.is_some() { Place::Reservation } else { Place::Anywhere }
}

/// The pages of a range, for functions that widen it to small pages themselves but accept only whole large pages.
fn pages(span: Span, backing: &Backing) -> Span {
    if backing.kind == Kind::LargePages { span.widened(large_page_size()) } else { span }
}

pub(crate) enum Windows {}

impl super::contract::special::Special for Windows {}

impl System for Windows {
    type RawFile = RawFile;
    type Backing = Backing;

    const EMPTY: Backing =
        Backing { prot: Prot::READ, kind: Kind::Anon, alignment_log2: 0, place: Place::Anywhere, file: 0 };

    fn open(path: &CStr, open: Open) -> Result<RawFile> {
        file::open(path, open)
    }

    fn close(file: RawFile) {
        file::close(file);
    }

    fn stat(file: RawFile) -> Result<FileStatus> {
        file::stat(file)
    }

    fn is_empty_file_mappable(file: RawFile, _: usize) -> bool {
        file::is_empty_file_mappable(file)
    }

    fn memory_file() -> Result<RawFile> {
        memory_file::create()
    }

    fn allocate(file: RawFile, offset: u64, len: u64) -> Result<()> {
        file::allocate(file, offset, len)
    }

    fn set_len(file: RawFile, len: u64) -> Result<()> {
        file::set_len(file, len)
    }

    fn sync(file: RawFile) -> Result<()> {
        file::sync(file)
    }

    unsafe fn read(file: RawFile, buffer: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe { file::read(file, buffer, len, offset) }
    }

    fn write(file: RawFile, bytes: &[u8], offset: u64) -> Result<usize> {
        file::write(file, bytes, offset)
    }

    fn page_size() -> usize {
        page_size()
    }

    fn allocation_granularity() -> usize {
        allocation_granularity()
    }

    #[inline(always)]
    unsafe fn map_file(part: FilePart<RawFile>, request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let Request { len, prot, flags, reservation, hint, .. } = request;
        if flags.contains(Flags::HUGETLB) {
            return Err(Failure::unsupported(Flags::HUGETLB).into());
        }
        if flags.contains(Flags::PAST_END) {
            return Err(Failure::unsupported(Flags::PAST_END).into());
        }
        // A view gains no permission that it was mapped without. A copy may become writable later, so it is mapped
        // writable, and protected below.
        let (kind, view_prot) = match flags.contains(Flags::COW) {
            true if flags.contains(Flags::NORESERVE) => {
                return Err(Failure::unsupported(Flags::NORESERVE).into());
            }
            true => (Kind::Copy, prot | Prot::WRITE),
            // Not without access, which no view can be mapped with.
            false => (Kind::Shared, prot | Prot::READ),
        };
        let mut backing = Backing { prot, kind, place: place(reservation), ..Self::EMPTY };
        if part.offset != 0 {
            backing.alignment_log2 = log2(allocation_granularity());
        }
        // First, because undoing it cannot fail.
        if kind == Kind::Shared && prot.contains(Prot::WRITE) && !part.is_section {
            backing.file = file::duplicate(part.file)?;
        }
        let before = distance(part.offset, backing.offset_mask() + 1);
        let (offset, view_len) = (part.offset - before as u64, before + len);
        // SAFETY: the caller's promise; the offset in a reservation is a multiple already.
        let view = unsafe {
            let FilePart { file, is_section, .. } = part;
            memory::map_view(file, is_section, offset, view_len, view_prot, kind, hint, reservation)
        };
        // SAFETY: the view is longer than `before`.
        let ptr = unsafe { view.inspect_err(|_| backing.close_file())?.add(before) };
        let span = Span { ptr, len };
        if prot != view_prot {
            // SAFETY: nobody else knows of the view.
            if let Err(failure) = unsafe { Self::protect(span, &mut backing, prot) } {
                // SAFETY: as above.
                return Err(unsafe { Self::undo_map(Mapped { ptr, backing }, request, failure) });
            }
        }
        // SAFETY: as above.
        unsafe { finish(Mapped { ptr, backing }, request) }
    }

    unsafe fn map_anon(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        const MEM_LARGE_PAGES: u32 = 0x20000000;
        let Request { mut len, prot, flags, reservation, hint, huge_log2 } = request;
        // Committed memory counts against the commit limit whether it is used or not.
        if flags.contains(Flags::NORESERVE) {
            return Err(Failure::unsupported(Flags::NORESERVE).into());
        }
        let mut backing = Backing { prot, place: place(reservation), ..Self::EMPTY };
        let mut allocation_type = MEM_RESERVE | MEM_COMMIT;
        if flags.contains(Flags::HUGETLB) {
            // 0 without large pages.
            let size = large_page_size();
            let Some(rest) = size.checked_sub(1).filter(|_| huge_log2 == 0 || size == 1 << huge_log2) else {
                return Err(Failure::unsupported(Flags::HUGETLB).into());
            };
            backing.kind = Kind::LargePages;
            len = (len + rest) & !rest;
            allocation_type |= MEM_LARGE_PAGES;
        }
        let protection = protection(prot, backing.kind);
        let allocated = match reservation {
            None => {
                // SAFETY: the system chooses a free address, or the function fails if this one is taken.
                let allocate = |address| unsafe { VirtualAlloc(address, len, allocation_type, protection) };
                let mut base = null_mut();
                if is_possible(hint, len) {
                    base = allocate(without_provenance_mut(hint));
                }
                if base.is_null() {
                    base = allocate(null_mut());
                }
                NonNull::new(base.cast()).ok_or_else(|| last_error(Call::VirtualAlloc))
            }
            // SAFETY: the caller's promise; `join` leaves one placeholder.
            Some(reservation) => unsafe {
                let (base, len) = (reservation.ptr.as_ptr().cast(), reservation.len);
                allocation_type |= MEM_REPLACE_PLACEHOLDER;
                placeholder::join(reservation)
                    .and_then(|()| placeholder::allocate(base, len, allocation_type, protection))
            },
        };
        let ptr = allocated.map_err(|failure| match failure.code {
            _ if backing.kind == Kind::LargePages => failure.with_flag(Flags::HUGETLB),
            // Every other argument is valid, so the length exceeds the address space.
            ERROR_INVALID_PARAMETER => failure.with_kind(ErrorKind::OutOfMemory),
            _ => failure,
        })?;
        // SAFETY: nobody else knows of the memory.
        unsafe { finish(Mapped { ptr, backing }, request) }
    }

    fn reserve(address: usize, len: usize) -> Result<Span> {
        placeholder::reserve(address, len)
    }

    unsafe fn split(reservation: Span, at: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { placeholder::split(reservation, at) }
    }

    unsafe fn release(reservation: Span) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { placeholder::release(reservation) }
    }

    fn prot(backing: &Backing) -> Prot {
        backing.prot
    }

    fn page_size_of(backing: &Backing) -> usize {
        if backing.kind == Kind::LargePages { large_page_size() } else { page_size() }
    }

    #[inline]
    unsafe fn unmap(span: Span, backing: &Backing) -> Result<()> {
        if backing.place == Place::Pieces {
            // SAFETY: the caller's promise.
            return unsafe { pieces::unmap(span, 0, backing.kind) }.inspect(|()| backing.close_file());
        }
        match backing.kind {
            // SAFETY: the caller's promise.
            Kind::Anon | Kind::LargePages => unsafe { free(span, 0, MEM_RELEASE) },
            Kind::Shared | Kind::Copy => {
                // The address of a view is a multiple of the granularity.
                let before = span.ptr.addr().get() & backing.offset_mask();
                let base = span.ptr.as_ptr().wrapping_sub(before).cast();
                // SAFETY: the caller's promise.
                checked(Call::UnmapViewOfFile, unsafe { UnmapViewOfFile(base) })?;
                if backing.place == Place::Reservation {
                    // SAFETY: it is unmapped.
                    unsafe { placeholder::release_rest(span) };
                }
                backing.close_file();
                Ok(())
            }
        }
    }

    unsafe fn unmap_to_reservation(span: Span, backing: &Backing) -> Result<Span, MapFailure> {
        match backing.place {
            Place::Anywhere => {
                return Err(Failure::refused(Call::IntoReservation, ErrorKind::Unsupported).into());
            }
            // SAFETY: the caller's promise.
            Place::Pieces => unsafe {
                let result = pieces::unmap_to_reservation(span, backing.kind);
                if result.as_ref().map_or_else(|refused| refused.is_span_lost, |_| true) {
                    backing.close_file();
                }
                return result;
            },
            Place::Reservation => {}
        }
        let reservation = Span { len: span.len.next_multiple_of(allocation_granularity()), ..span };
        match backing.kind {
            // SAFETY: the caller's promise.
            Kind::Anon | Kind::LargePages => unsafe {
                free(reservation, reservation.len, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)?;
            },
            Kind::Shared | Kind::Copy => {
                // SAFETY: the caller's promise.
                unsafe { placeholder::unmap_view(span)? };
                backing.close_file();
            }
        }
        Ok(reservation)
    }

    unsafe fn protect(span: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let span = pages(span, backing);
        if prot.contains(Prot::EXEC) {
            // Before the protection changes, because it can fail: the code is written by now.
            // SAFETY: a mapping, and EXEC contains READ.
            let result = unsafe { FlushInstructionCache(process(), span.ptr.as_ptr().cast(), span.len) };
            checked(Call::FlushInstructionCache, result)?;
        }
        let result = pieces::each(span, backing, |piece| {
            let mut old = 0;
            let protection = protection(prot, backing.kind);
            // SAFETY: the caller's promise.
            checked(Call::VirtualProtect, unsafe {
                VirtualProtect(piece.ptr.as_ptr().cast(), piece.len, protection, &raw mut old)
            })
        });
        if let Err(failure) = result {
            backing.prot &= prot;
            return Err(match failure.code {
                // Every other argument is valid, so the view was mapped without a permission
                // (STATUS_SECTION_PROTECTION).
                ERROR_INVALID_PARAMETER => failure.with_kind(ErrorKind::PermissionDenied),
                _ => failure,
            });
        }
        backing.prot = prot;
        Ok(())
    }

    /// Large pages are always resident (Microsoft, "Large-Page Support").
    unsafe fn lock(span: Span, backing: &Backing) -> Result<()> {
        if backing.kind == Kind::LargePages {
            return Ok(());
        }
        let lock = |piece: Span| {
            // SAFETY: changes no contents.
            checked(Call::VirtualLock, unsafe { VirtualLock(piece.ptr.as_ptr().cast(), piece.len) })
        };
        pieces::each(span, backing, lock).inspect_err(|_| {
            // The documentation does not say that a failure leaves no page locked.
            let _ = pieces::each(span, backing, |piece| {
                // SAFETY: as above.
                unsafe { VirtualUnlock(piece.ptr.as_ptr().cast(), piece.len) };
                Ok(())
            });
        })
    }

    /// Pages that are not locked may leave the working set.
    unsafe fn unlock(span: Span, backing: &Backing) -> Result<()> {
        if backing.kind == Kind::LargePages {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        pieces::each(span, backing, |piece| unsafe { memory::unlock(piece) })
    }

    /// FlushViewOfFile passes changed pages to the file system and does not wait for the disk. FlushFileBuffers waits, and
    /// writes the metadata.
    unsafe fn flush(span: Span, backing: &Backing, wait: bool) -> Result<()> {
        if backing.file == 0 {
            return Ok(());
        }
        pieces::each(span, backing, memory::flush_view)?;
        if wait { file::sync(backing.file()) } else { Ok(()) }
    }

    /// For other advice Windows has no function that keeps contents and locks: OfferVirtualMemory discards contents, and
    /// VirtualUnlock, which removes pages from the working set, unlocks.
    unsafe fn advise(span: Span, backing: &Backing, advice: Advice) -> Result<()> {
        if advice != Advice::WillNeed || backing.kind == Kind::LargePages {
            return Ok(());
        }
        pieces::each(span, backing, prefetch)
    }

    unsafe fn discard(span: Span, backing: &Backing, discard: Discard) -> Result<()> {
        // SAFETY: the caller's promise.
        pieces::each(span, backing, |piece| unsafe { memory::discard(piece, backing, discard) })
    }

    fn install_guard() -> Result<()> {
        guard::install()
    }

    fn is_guard_installed() -> bool {
        guard::is_installed()
    }

    fn is_guard_in_force() -> bool {
        guard::is_installed()
    }

    fn kind(code: i32) -> ErrorKind {
        codes::kind(code)
    }

    fn kind_of_call(call: Call, code: i32) -> Option<ErrorKind> {
        codes::kind_of_call(call, code)
    }

    fn describe(code: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        codes::describe(code, f)
    }
}
