//! Pages: sizes, protection, views of files, and what makes pages resident or discards them.

use super::calls::*;
use super::file::{close, stat};
use super::imports::*;
use super::placeholder;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Discard, Prot};
use crate::sys::contract::{FileKind, FileStatus, Result, Span};
use core::ptr::{NonNull, null, null_mut, without_provenance_mut};

/// On Windows it holds a duplicate of the file's handle, if the file is mapped writable.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    pub(super) prot: Prot,
    pub(super) kind: Kind,
    /// log2 of the granularity, or 0 if the offset is 0: a program that maps whole files never needs the granularity, and
    /// does not contain the code for it.
    pub(super) alignment_log2: u8,
    pub(super) place: Place,
    /// A duplicate of the file's handle for `flush`, or 0 if nothing can be written to the file. Handles have 32
    /// significant bits (Microsoft, "Interprocess Communication Between 32-bit and 64-bit Applications").
    pub(super) file: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Anon,
    LargePages,
    Shared,
    Copy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where the system chose.
    Anywhere,
    /// It replaced a reservation, and may become one again.
    Reservation,
    /// The same, and it may consist of several allocations or views: see `pieces.rs`.
    Pieces,
}

impl Backing {
    pub(super) fn offset_mask(&self) -> usize {
        (1 << self.alignment_log2) - 1
    }

    #[expect(clippy::cast_possible_wrap, reason = "a handle is sign-extended (as for `file`)")]
    pub(super) fn file(&self) -> Handle {
        self.file as i32 as Handle
    }

    pub(super) fn close_file(&self) {
        if self.file != 0 {
            close(self.file());
        }
    }
}

pub(super) fn protection(prot: Prot, kind: Kind) -> u32 {
    if prot.is_empty() {
        return PAGE_NOACCESS;
    }
    match (prot.contains(Prot::WRITE), prot.contains(Prot::EXEC), kind == Kind::Copy) {
        (false, false, _) => PAGE_READONLY,
        (false, true, _) => PAGE_EXECUTE_READ,
        (true, false, false) => PAGE_READWRITE,
        (true, true, false) => PAGE_EXECUTE_READWRITE,
        (true, false, true) => PAGE_WRITECOPY,
        (true, true, true) => PAGE_EXECUTE_WRITECOPY,
    }
}

/// Maps a view of a file, or of a section. The view alone keeps its section alive.
///
/// # Safety
/// The reservation, if there is one, is the caller's, and as long as `len` rounded up to the granularity. The offset is a
/// multiple of the granularity.
#[expect(clippy::too_many_arguments, reason = "a structure would be larger code")]
#[inline]
pub(super) unsafe fn map_view(
    file: Handle,
    is_section: bool,
    offset: u64,
    len: usize,
    prot: Prot,
    kind: Kind,
    hint: usize,
    reservation: Option<Span>,
) -> Result<NonNull<u8>> {
    const FILE_MAP_COPY: u32 = 0x1;
    let protection = protection(prot, kind);
    let section = match is_section {
        true => file,
        // SAFETY: accesses no memory of this process. A size of 0 stands for the file's, so the file is never extended.
        false => unsafe { CreateFileMappingW(file, null_mut(), protection, 0, 0, null()) },
    };
    if section == 0 {
        let failure = last_error(Call::CreateFileMappingW);
        return Err(match stat(file) {
            Ok(FileStatus { kind: FileKind::Regular, .. }) => failure,
            _ => failure.with_kind(ErrorKind::NotMappable),
        });
    }
    let mapped = match reservation {
        None => {
            let mut access = match kind {
                Kind::Copy => FILE_MAP_COPY,
                _ if prot.contains(Prot::WRITE) => FILE_MAP_WRITE,
                _ => FILE_MAP_READ,
            };
            if prot.contains(Prot::EXEC) {
                access |= FILE_MAP_EXECUTE;
            }
            let (high, low) = halves(offset);
            let mut base = null_mut();
            if is_possible(hint, len) {
                let address = without_provenance_mut(hint);
                // SAFETY: it fails if the address is taken.
                base = unsafe { MapViewOfFileEx(section, access, high, low, len, address) };
            }
            if base.is_null() {
                // SAFETY: the system chooses a free address.
                base = unsafe { MapViewOfFile(section, access, high, low, len) };
            }
            NonNull::new(base.cast()).ok_or_else(|| last_error(Call::MapViewOfFile))
        }
        // SAFETY: the caller's promise.
        Some(reservation) => unsafe { placeholder::map_view(reservation, section, offset, len, protection) },
    };
    if is_section {
        return mapped;
    }
    close(section);
    mapped.map_err(|failure| match failure.code {
        // The section allows every view that is mapped here. So the file was truncated meanwhile, and the view would
        // end past the end of the file (STATUS_INVALID_VIEW_SIZE).
        ERROR_ACCESS_DENIED => failure.with_kind(ErrorKind::BeyondEnd),
        _ => failure,
    })
}

/// Makes every page resident, and fails at the first that cannot be. ReadProcessMemory touches the pages in the kernel and
/// returns an error if the disk cannot be read, where a page fault would end this process.
pub(super) fn populate(span: Span, backing: &Backing) -> Result<()> {
    if backing.kind == Kind::LargePages {
        return Ok(());
    }
    // Prefetching reads large pieces from the disk where page faults read small ones.
    let _ = prefetch(span);
    let pages = span.widened(page_size());
    for at in (0..pages.len).step_by(page_size()) {
        let mut byte = 0_u8;
        let page = pages.ptr.as_ptr().wrapping_add(at).cast();
        // SAFETY: `byte` is writable. The kernel checks the address that it reads from.
        let result = unsafe { ReadProcessMemory(process(), page, (&raw mut byte).cast(), 1, null_mut()) };
        checked(Call::ReadProcessMemory, result)?;
    }
    Ok(())
}

/// Zeroes a part of fresh memory and frees its pages. MEM_DECOMMIT and MEM_COMMIT would do so without touching a page, but
/// the memory is lost if committing fails: other processes may take the commitment in between, and a job may limit it.
///
/// # Safety
/// A part of fresh memory, and nobody relies on the contents.
pub(super) unsafe fn zero(span: Span, backing: &Backing) -> Result<()> {
    // First, so that zeroing reads nothing from the paging file.
    // SAFETY: the caller's promise, here and below.
    unsafe { reset(span)? };
    if backing.prot.contains(Prot::WRITE) {
        // SAFETY: all pages are writable.
        unsafe { zero_writable(span) };
        return Ok(());
    }
    let mut done = 0;
    while done < span.len {
        // SAFETY: in the span.
        let ptr = unsafe { span.ptr.add(done) };
        // Pages may differ in their permissions, of which the backing knows what they have in common.
        let region = Span { ptr, len: region_len(ptr).min(span.len - done) };
        let protect = |protection| {
            let mut old = 0;
            // SAFETY: no code runs there, as its contents are discarded.
            let result = unsafe { VirtualProtect(ptr.as_ptr().cast(), region.len, protection, &raw mut old) };
            checked(Call::VirtualProtect, result).map(|()| old)
        };
        let old = protect(PAGE_READWRITE)?;
        // SAFETY: the pages are writable now.
        unsafe { zero_writable(region) };
        protect(old)?;
        done += region.len;
    }
    Ok(())
}

/// # Safety
/// As `zero`, and the pages are writable.
unsafe fn zero_writable(span: Span) {
    /// At most this much is resident at a time.
    const PIECE: usize = 1 << 20;
    let is_locked = is_locked(span);
    for at in (0..span.len).step_by(PIECE) {
        // SAFETY: in the span. Pages that cannot be freed are zeroed all the same, and so are reset pages, which keep
        // their contents or become zeros (Microsoft, "VirtualAlloc function", MEM_RESET_UNDO).
        unsafe {
            let piece = Span { ptr: span.ptr.add(at), len: PIECE.min(span.len - at) };
            piece.ptr.write_bytes(0, piece.len);
            if reset(piece).is_ok() && !is_locked {
                let _ = trim(piece);
            }
        }
    }
}

/// Lets the system drop pages instead of writing them to the paging file.
///
/// # Safety
/// A part of fresh memory, and nobody relies on the contents.
pub(super) unsafe fn reset(span: Span) -> Result<()> {
    const MEM_RESET: u32 = 0x80000;
    // SAFETY: the caller's promise. The protection must be valid, and is ignored.
    let result = unsafe { VirtualAlloc(span.ptr.as_ptr().cast(), span.len, MEM_RESET, PAGE_READWRITE) };
    if result.is_null() { Err(last_error(Call::VirtualAlloc)) } else { Ok(()) }
}

/// Returns whether any page is locked. If the query fails, the pages count as locked.
pub(super) fn is_locked(span: Span) -> bool {
    const LOCKED: usize = 1 << 22;
    let mut is_locked = false;
    let pages = span.widened(page_size());
    attributes(pages, |attributes| is_locked |= attributes & LOCKED != 0).is_err() || is_locked
}

/// Calls `f` with the attributes of each page: bit 0, and many others, are set if it is in the working set.
pub(super) fn attributes(pages: Span, mut f: impl FnMut(usize)) -> Result<()> {
    const COUNT: usize = 64;
    let page_size = page_size();
    let mut infos =
        [PsapiWorkingSetExInformation { virtual_address: null_mut(), virtual_attributes: 0 }; COUNT];
    for start in (0..pages.len).step_by(COUNT * page_size) {
        let count = COUNT.min((pages.len - start) / page_size);
        for (i, info) in infos.iter_mut().take(count).enumerate() {
            info.virtual_address = pages.ptr.as_ptr().wrapping_add(start + i * page_size).cast();
        }
        #[expect(clippy::cast_possible_truncation, reason = "COUNT structures at most")]
        let len = (count * size_of::<PsapiWorkingSetExInformation>()) as u32;
        // SAFETY: `infos` is writable, and at least `len` bytes long.
        checked(Call::K32QueryWorkingSetEx, unsafe {
            K32QueryWorkingSetEx(process(), infos.as_mut_ptr(), len)
        })?;
        infos.iter().take(count).for_each(|info| f(info.virtual_attributes));
    }
    Ok(())
}

/// Unlocks pages, locked or not.
///
/// If some are not, VirtualUnlock may leave the others locked (Microsoft, "VirtualUnlock function": all must be locked). Then
/// each is unlocked by itself.
///
/// # Safety
/// A part of a mapping.
pub(super) unsafe fn unlock(span: Span) -> Result<()> {
    let unlock = |span: Span| {
        // SAFETY: changes no contents.
        checked(Call::VirtualUnlock, unsafe { VirtualUnlock(span.ptr.as_ptr().cast(), span.len) })
    };
    match unlock(span) {
        Err(failure) if failure.code == ERROR_NOT_LOCKED => {}
        result => return result,
    }
    let pages = span.widened(page_size());
    for at in (0..pages.len).step_by(page_size()) {
        // SAFETY: inside the pages.
        match unlock(Span { ptr: unsafe { pages.ptr.add(at) }, len: 1 }) {
            Err(failure) if failure.code != ERROR_NOT_LOCKED => return Err(failure),
            _ => {}
        }
    }
    Ok(())
}

/// Destroys contents.
///
/// # Safety
/// A part of one allocation or view, and nobody relies on the contents.
pub(super) unsafe fn discard(span: Span, backing: &Backing, discard: Discard) -> Result<()> {
    let refused = |kind| Err(Failure::refused(Call::Discard, kind));
    match (discard, backing.kind) {
        // SAFETY: the caller's promise.
        (Discard::DontNeed, Kind::Anon) => unsafe { zero(span, backing) },
        // The system frees large pages only with the mapping.
        (Discard::DontNeed, Kind::LargePages) if backing.prot.contains(Prot::WRITE) => {
            // SAFETY: the caller's promise; the pages are writable.
            unsafe { span.ptr.write_bytes(0, span.len) };
            Ok(())
        }
        // Locked pages stay resident.
        (Discard::DontNeed, Kind::Shared) if is_locked(span) => Ok(()),
        // SAFETY: changes no contents: they are the file's.
        (Discard::DontNeed, Kind::Shared) => unsafe { trim(span) },
        // DiscardVirtualMemory frees the pages at once, but not every Windows has it. OfferVirtualMemory requires
        // that the memory is reclaimed before it is written.
        // SAFETY: the caller's promise.
        (Discard::Free, Kind::Anon) => unsafe { reset(span) },
        // Private pages become the file's again only when it is mapped anew, and a hole needs the offset in the file;
        // the backing holds neither.
        (Discard::DontNeed, Kind::Copy | Kind::LargePages) | (Discard::Remove, Kind::Shared) => {
            refused(ErrorKind::Unsupported)
        }
        (Discard::Free | Discard::Remove, _) => refused(ErrorKind::InvalidInput),
        (Discard::FreeReusable | Discard::FreeReuse, _) => refused(ErrorKind::Unsupported),
    }
}

/// Passes changed pages to the file system.
pub(super) fn flush_view(span: Span) -> Result<()> {
    const ERROR_LOCK_VIOLATION: i32 = 33;
    // While the system writes the same pages, FlushViewOfFile sometimes fails with ERROR_LOCK_VIOLATION. The runtimes
    // of .NET and Java retry it, too. The pauses add up to half a second.
    for pause in (0..10).map(|n| (1 << n) - 1) {
        // SAFETY: changes no contents.
        let result = unsafe { FlushViewOfFile(span.ptr.as_ptr().cast(), span.len) };
        match checked(Call::FlushViewOfFile, result) {
            // SAFETY: it has no condition.
            Err(failure) if failure.code == ERROR_LOCK_VIOLATION && pause < 500 => unsafe {
                Sleep(pause);
            },
            result => return result,
        }
    }
    Ok(())
}
