//! Linux, by system calls.
//!
//! `arch` has what differs between architectures, `calls.rs` the calls that do not. Flags are those of `asm-generic`
//! (`mman-common.h`, `mman.h`, `fcntl.h`, `stat.h`), which the supported architectures use but for what `arch` has. Huge
//! pages (`hugetlb.rs`) and reservations (`reservation.rs`) have their own rules.

mod advice;
mod arch;
mod calls;
mod code;
mod codes;
mod file;
mod files;
mod guard;
mod hugetlb;
mod irregular;
mod parts;
mod process;
mod reservation;
mod residency;
mod shared;
mod special;

use super::contract::{
    FileKind, FilePart, FileStatus, MapFailure, Mapped, Open, Request, Result, Span, System, Usage, distance,
    log2,
};
use super::posix;
#[cfg(feature = "std")]
pub(crate) use super::posix::std_files;
use crate::error::kind::{Call, ErrorKind};
use crate::options::{Advice, Discard, Flags, Prot};
use calls::{MAP_ANONYMOUS, MAP_PRIVATE, MS_ASYNC, checked, uninterrupted};
use codes::{EBADF, EINVAL, ENOSYS};
use core::ffi::CStr;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, with_exposed_provenance_mut};
use core::sync::atomic::{AtomicUsize, Ordering};

/// A file descriptor.
pub type RawFile = i32;

/// A mapping's permissions, kind and alignment.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    prot: Prot,
    kind: Kind,
    /// log2 of what the mapping's ends were widened to: the page size if its offset had to be aligned, the huge page size
    /// if its pages are huge. 0 if neither: then the address is the mapping's own, and the page size was never needed.
    alignment_log2: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anon,
    Shared,
    Private,
    /// Locked for good, and of a file that is not written to any disk: `mlock` and `msync` would fail.
    Secret,
}

const MIN_PAGE_SIZE: usize = 4096;
const MAP_SHARED: usize = 1;
const MAP_HUGETLB: usize = 0x40000;

pub(crate) enum Linux {}

impl System for Linux {
    type RawFile = RawFile;
    type Backing = Backing;

    const EMPTY: Backing = Backing { prot: Prot::READ, kind: Kind::Shared, alignment_log2: 0 };

    fn open(path: &CStr, open: Open) -> Result<RawFile> {
        file::open(path, open)
    }

    /// The kernel frees the descriptor even if it reports an error of an earlier write (close(2)), which `sync` reports too.
    fn close(file: RawFile) {
        calls::close(file);
    }

    #[inline(always)]
    fn stat(file: RawFile) -> Result<FileStatus> {
        const S_IFMT: u32 = 0o170000;
        const S_IFREG: u32 = 0o100000;
        let mut stat = MaybeUninit::uninit();
        uninterrupted(Call::Fstat, || arch::fstat(file, &mut stat))?;
        // SAFETY: the kernel wrote it.
        let stat: arch::Stat = unsafe { stat.assume_init() };
        let (mode, len, block_size) = stat.parts();
        let kind = mode & S_IFMT;
        if kind != S_IFREG {
            return irregular::stat(file, kind);
        }
        Ok(FileStatus { kind: FileKind::Regular, len, block_size })
    }

    fn is_empty_file_mappable(file: RawFile, block_size: usize) -> bool {
        irregular::is_empty_file_mappable(file, block_size)
    }

    fn memory_file() -> Result<RawFile> {
        file::in_memory()
    }

    fn allocate(file: RawFile, offset: u64, len: u64) -> Result<()> {
        file::allocate(file, offset, len)
    }

    fn seal(file: RawFile) -> Result<()> {
        file::seal(file)
    }

    fn is_sealed(file: RawFile) -> Result<bool> {
        file::is_sealed(file)
    }

    fn set_len(file: RawFile, len: u64) -> Result<()> {
        uninterrupted(Call::Ftruncate, || arch::ftruncate(file, len)).map(drop)
    }

    fn sync(file: RawFile) -> Result<()> {
        uninterrupted(Call::Fsync, || calls::fsync(file)).map(drop)
    }

    unsafe fn read(file: RawFile, buffer: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
        match offset {
            // SAFETY: the caller's promise.
            None => uninterrupted(Call::Read, || unsafe { calls::read(file, buffer, len) }),
            Some(offset) => uninterrupted(Call::Pread64, || {
                // SAFETY: as above.
                unsafe { arch::pread(file, buffer, len, offset) }
            }),
        }
    }

    fn write(file: RawFile, bytes: &[u8], offset: u64) -> Result<usize> {
        uninterrupted(Call::Pwrite64, || arch::pwrite(file, bytes, offset))
    }

    /// Found once, by zero-length `mprotect` calls: the kernel checks that the address is aligned, and then does nothing
    /// (`do_mprotect_pkey` in mm/mprotect.c). It depends on the kernel's configuration, 4, 16 or 64 KiB on aarch64, and the
    /// kernel reports it in the auxiliary vector, which a library cannot find without libc.
    fn page_size() -> usize {
        static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
        let known = PAGE_SIZE.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let mut size = MIN_PAGE_SIZE;
        // SAFETY: the range is empty.
        while size < 65536 && unsafe { calls::mprotect(size, 0, 0) } == arch::register(-EINVAL) {
            size *= 2;
        }
        PAGE_SIZE.store(size, Ordering::Relaxed);
        size
    }

    fn allocation_granularity() -> usize {
        Self::page_size()
    }

    #[inline(always)]
    unsafe fn map_file(part: FilePart<RawFile>, request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let FilePart { file, offset, block_size, .. } = part;
        let is_hugetlb = request.flags.contains(Flags::HUGETLB);
        let (kind, mut flags) = match request.flags.contains(Flags::COW) {
            true => (Kind::Private, MAP_PRIVATE),
            false if request.flags.contains(Flags::SYNC) => (Kind::Shared, special::MAP_SHARED_SYNC),
            false => (Kind::Shared, special::MAP_SHARED),
        };
        let mut alignment_log2 = 0;
        // hugetlbfs reports its page size as the block size. Other file systems may have blocks larger than a page, too.
        if block_size > MIN_PAGE_SIZE || is_hugetlb {
            alignment_log2 = hugetlb::alignment_log2(
                file,
                request.flags,
                request.reservation.is_some(),
                request.huge_log2,
            )?;
        }
        if alignment_log2 == 0 && offset != 0 {
            alignment_log2 = log2(Self::page_size());
        }
        if is_hugetlb {
            flags |= MAP_HUGETLB;
        }
        let before = distance(offset, 1 << alignment_log2);
        let backing = Backing { prot: request.prot, kind, alignment_log2 };
        let request = Request { len: before + request.len, ..request };
        // SAFETY: the caller's promise.
        let base = unsafe { map(request, backing, flags, file, offset - before as u64)? };
        // SAFETY: the mapping is longer than `before`.
        Ok(Mapped { ptr: unsafe { base.add(before) }, backing })
    }

    #[inline]
    unsafe fn map_anon(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let Request { prot, flags: requested, reservation, .. } = request;
        let backing = Backing { prot, kind: Kind::Anon, alignment_log2: 0 };
        // A process that may not make memory executable (PR_SET_MDWE) may still map executable memory.
        let is_plain = (requested & (Flags::NORESERVE | Flags::POPULATE | Flags::LOCKED)).is_empty()
            && !prot.contains(Prot::EXEC);
        if let Some(Span { ptr, len }) = reservation.filter(|_| is_plain) {
            // A reservation is private memory already, untouched, and only lacks the permissions. If memory is short, the
            // kernel refuses these before it changes anything (`mprotect_fixup` in mm/mprotect.c).
            let address = ptr.as_ptr().expose_provenance();
            // SAFETY: the caller's reservation.
            checked(Call::Mprotect, unsafe { calls::mprotect(address, len, prot.bits() as usize) })?;
            return Ok(Mapped { ptr, backing });
        }
        if requested.contains(Flags::HUGETLB) {
            // SAFETY: the caller's promise.
            return unsafe { hugetlb::map_anon(request) };
        }
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        // SAFETY: the caller's promise.
        Ok(Mapped { ptr: unsafe { map(request, backing, flags, -1, 0)? }, backing })
    }

    fn reserve(address: usize, len: usize) -> Result<Span> {
        reservation::reserve(address, len)
    }

    /// Nothing to do: the kernel unmaps any pages of a mapping on their own.
    unsafe fn split(_: Span, _: usize) -> Result<()> {
        Ok(())
    }

    unsafe fn release(Span { ptr, len }: Span) -> Result<()> {
        // SAFETY: the caller's promise.
        checked(Call::Munmap, unsafe { calls::munmap(ptr.as_ptr().expose_provenance(), len) }).map(drop)
    }

    fn prot(backing: &Backing) -> Prot {
        backing.prot
    }

    fn page_size_of(backing: &Backing) -> usize {
        Self::page_size().max(1 << backing.alignment_log2)
    }

    #[inline]
    unsafe fn unmap(span: Span, backing: &Backing) -> Result<()> {
        // At 0 the address is aligned, and the kernel rounds the length up itself (munmap(2)).
        let span = match backing.alignment_log2 {
            0 => span,
            log2 => span.widened(1 << log2),
        };
        // SAFETY: the caller's promise.
        unsafe { Self::release(span) }
    }

    unsafe fn unmap_to_reservation(span: Span, backing: &Backing) -> Result<Span, MapFailure> {
        let (address, len) = pages(span, backing);
        // SAFETY: the caller's promise.
        unsafe { reservation::replace(address, len) }
    }

    unsafe fn protect(span: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let (address, len) = pages(span, backing);
        // SAFETY: the caller's promise.
        let result = unsafe { calls::mprotect(address, len, prot.bits() as usize) };
        if let Err(failure) = checked(Call::Mprotect, result) {
            // Some pages may have changed before the failure (mprotect(2)).
            backing.prot &= prot;
            return Err(failure);
        }
        backing.prot = prot;
        if prot.contains(Prot::EXEC) {
            // SAFETY: `EXEC` contains `READ`.
            unsafe { arch::sync_instructions(span.ptr.as_ptr(), span.len, Self::page_size()) };
        }
        Ok(())
    }

    unsafe fn lock(span: Span, backing: &Backing) -> Result<()> {
        if backing.kind == Kind::Secret {
            return Ok(());
        }
        let (address, len) = pages(span, backing);
        checked(Call::Mlock, calls::mlock(address, len)).map(drop).inspect_err(|_| {
            // The kernel marks the range as locked before it makes pages resident, and keeps the mark if that fails
            // (`do_mlock` in mm/mlock.c).
            calls::munlock(address, len);
        })
    }

    unsafe fn unlock(span: Span, backing: &Backing) -> Result<()> {
        let (address, len) = pages(span, backing);
        checked(Call::Munlock, calls::munlock(address, len)).map(drop)
    }

    /// `MS_SYNC` writes the range as `fdatasync` does: contents, size and block map are durable, times need not be
    /// (mm/msync.c calls `vfs_fsync_range` with `datasync`). `MS_ASYNC` does nothing since Linux 2.6.19: the kernel tracks
    /// dirty pages and writes them in any case (msync(2)).
    unsafe fn flush(span: Span, backing: &Backing, wait: bool) -> Result<()> {
        const MS_SYNC: usize = 4;
        if backing.kind == Kind::Secret {
            return Ok(());
        }
        let (address, len) = pages(span, backing);
        let flags = if wait { MS_SYNC } else { MS_ASYNC };
        uninterrupted(Call::Msync, || calls::msync(address, len, flags)).map(drop)
    }

    unsafe fn advise(span: Span, backing: &Backing, advice: Advice) -> Result<()> {
        let Some(advice) = advice::number(advice) else { return Ok(()) };
        // SAFETY: these hints change no contents.
        match unsafe { madvise(span, backing, advice) } {
            // The address is aligned and mapped, so the kernel lacks this advice, or this advice for such a mapping (ENOSYS: it
            // lacks all; EBADF: WILLNEED of memory without swap; madvise(2)).
            Err(failure) if matches!(failure.code, EINVAL | EBADF | ENOSYS) => Ok(()),
            result => result,
        }
    }

    unsafe fn discard(span: Span, backing: &Backing, discard: Discard) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { advice::discard(span, backing, discard) }
    }

    fn install_guard() -> Result<()> {
        posix::guard::install::<Self>()
    }

    fn is_guard_installed() -> bool {
        posix::guard::is_installed()
    }

    fn is_guard_in_force() -> bool {
        posix::guard::is_in_force::<Self>()
    }

    fn usage() -> Option<Usage> {
        calls::thread_usage()
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

/// The pages of a range, huge ones if the mapping's are: address and length.
fn pages(span: Span, backing: &Backing) -> (usize, usize) {
    let Span { ptr, len } = span.widened(Linux::page_size_of(backing));
    (ptr.as_ptr().expose_provenance(), len)
}

/// # Safety
/// The reservation, if there is one, is the caller's.
#[inline(always)]
unsafe fn map(
    request: Request,
    backing: Backing,
    mut flags: usize,
    file: RawFile,
    offset: u64,
) -> Result<NonNull<u8>, MapFailure> {
    const MAP_POPULATE: usize = 0x8000;
    let Request { len, prot, flags: requested, reservation, hint, .. } = request;
    if requested.contains(Flags::NORESERVE) {
        flags |= arch::MAP_NORESERVE;
    }
    if requested.contains(Flags::POPULATE) || requested.contains(Flags::HUGETLB) {
        flags |= MAP_POPULATE;
    }
    // SAFETY: without MAP_FIXED the kernel chooses an unused address.
    let result = unsafe { arch::mmap(hint, len, prot.bits() as usize, flags, file, offset) };
    let address = match checked(Call::Mmap, result) {
        Err(failure) if requested.contains(Flags::HUGETLB) => return Err(hugetlb::refined(failure).into()),
        Err(failure) if requested.contains(Flags::SYNC) => return Err(special::refined(failure).into()),
        Err(failure) => return Err(failure.into()),
        Ok(address) => address,
    };
    // SAFETY: without MAP_FIXED the kernel does not map address 0 (mmap_min_addr, get_unmapped_area).
    let base = unsafe { NonNull::new(with_exposed_provenance_mut(address)).unwrap_unchecked() };
    if reservation.is_none() && (requested & (Flags::LOCKED | Flags::HUGETLB)).is_empty() {
        return Ok(base);
    }
    // SAFETY: the mapping is new; the reservation is the caller's promise.
    unsafe { finish(base, request, &backing) }.inspect_err(|_| {
        // SAFETY: nobody else knows of the mapping yet.
        let _ = unsafe { Linux::unmap(Span { ptr: base, len }, &backing) };
    })
}

/// Does what can fail after `mmap`, and last moves the mapping into its reservation. Returns its address.
///
/// # Safety
/// The mapping is new, and the caller unmaps it on failure. The reservation is the caller's.
#[cold]
unsafe fn finish(base: NonNull<u8>, request: Request, backing: &Backing) -> Result<NonNull<u8>, MapFailure> {
    let span = Span { ptr: base, len: request.len };
    if request.flags.contains(Flags::HUGETLB) {
        hugetlb::check_resident(span, Linux::page_size_of(backing))?;
    }
    if request.flags.contains(Flags::LOCKED) {
        // SAFETY: the caller's mapping. The lock moves with it (`copy_vma` in mm/vma.c keeps VM_LOCKED).
        unsafe { Linux::lock(span, backing) }.map_err(|failure| failure.with_flag(Flags::LOCKED))?;
    }
    match request.reservation {
        // SAFETY: the caller's promise.
        Some(reservation) => unsafe { reservation::move_into(reservation, base) },
        None => Ok(base),
    }
}

/// # Safety
/// As the advice.
unsafe fn madvise(span: Span, backing: &Backing, advice: usize) -> Result<()> {
    let (address, len) = pages(span, backing);
    // SAFETY: the caller's promise.
    uninterrupted(Call::Madvise, || unsafe { calls::madvise(address, len, advice) }).map(drop)
}
