//! FreeBSD, NetBSD, OpenBSD, DragonFly and illumos, through their C libraries: these keep their functions stable, and not the
//! numbers of system calls.
//!
//! **Nothing was run on these systems.** The backend is compiled for each of them. ci/abi compares its numbers, structs and
//! functions with the headers of FreeBSD, NetBSD and OpenBSD, and ci/bsd runs the suite over a C library that is compiled
//! with these headers and makes Linux's calls. What comments say of a kernel was read in its sources or manual pages.
//!
//! `imports.rs` has the functions and what all these systems share, `system/` what differs.
//! What a system lacks is an error of kind `Unsupported`, by the defaults of the contract.

mod calls;
mod code;
mod file;
mod files;
mod imports;
mod instructions;
#[cfg(not(baremap_backend = "illumos"))]
mod limits;
mod memory;
mod parts;
mod residency;
mod shared;
mod system;

// Other architectures have other registers.
#[cfg(all(any(baremap_arch = "aarch64", baremap_arch = "x86_64"), not(baremap_backend = "openbsd")))]
mod guard;
#[cfg(not(all(any(baremap_arch = "aarch64", baremap_arch = "x86_64"), not(baremap_backend = "openbsd"))))]
mod no_guard;
#[cfg(not(all(
    any(baremap_arch = "aarch64", baremap_arch = "x86_64"),
    not(baremap_backend = "openbsd")
)))]
use no_guard as guard;

#[cfg(feature = "std")]
pub(crate) use super::posix::std_files;

use super::contract::{
    FileKind, FilePart, FileStatus, MapFailure, Mapped, Open, Request, Result, Span, System, distance,
};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Discard, Flags, Prot};
use calls::{checked, count, off_t, uninterrupted};
use core::ffi::{CStr, c_int};
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::without_provenance_mut;
use imports::*;
use system::{AT_FREE_ADDRESS, MADV_FREE, MS_SYNC, NO_RESERVE, Stat};
use system::{EAGAIN, EINVAL, ENOMEM, ENOTSUP};

/// A file descriptor.
pub type RawFile = c_int;

/// The permissions, and what kind of memory is mapped.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    prot: Prot,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anon,
    Shared,
    Private,
}

pub(crate) enum Unix {}

impl super::contract::special::Special for Unix {}
impl super::contract::process::Process for Unix {}

impl System for Unix {
    type RawFile = RawFile;
    type Backing = Backing;

    const EMPTY: Backing = Backing { prot: Prot::READ, kind: Kind::Anon };

    fn open(path: &CStr, open: Open) -> Result<RawFile> {
        let flags = OPEN_FLAGS.of(open);
        // SAFETY: `path` ends in NUL. The umask limits the new file's mode.
        uninterrupted(Call::Open, || unsafe { imports::open(path.as_ptr(), flags, 0o666 as c_int) })
    }

    fn close(file: RawFile) {
        // Not repeated: after EINTR the descriptor may be another file's.
        // SAFETY: the caller no longer uses the descriptor.
        unsafe { close(file) };
    }

    #[expect(clippy::cast_sign_loss, reason = "a negative length would be too long to map")]
    fn stat(file: RawFile) -> Result<FileStatus> {
        let mut stat = MaybeUninit::<Stat>::uninit();
        // SAFETY: `Stat` has the layout that the function writes.
        uninterrupted(Call::Fstat, || unsafe { fstat(file, stat.as_mut_ptr()) })?;
        // SAFETY: the function succeeded, so it was written.
        let stat = unsafe { stat.assume_init() };
        let (kind, len) = match stat.st_mode & S_IFMT {
            S_IFREG => (FileKind::Regular, stat.st_size as u64),
            S_IFDIR | S_IFIFO => (FileKind::Other, 0),
            _ => (FileKind::Device, 0),
        };
        Ok(FileStatus { kind, len, block_size: 0 })
    }

    /// A file of /proc may only say that it is empty, and so may one of a file system in user space. So this reads a byte.
    fn is_empty_file_mappable(file: RawFile, _block_size: usize) -> bool {
        let mut byte = 0_u8;
        // SAFETY: `byte` is writable.
        !matches!(unsafe { Self::read(file, &raw mut byte, 1, Some(0)) }, Ok(1))
    }

    fn memory_file() -> Result<RawFile> {
        file::in_memory()
    }

    fn allocate(file: RawFile, offset: u64, len: u64) -> Result<()> {
        file::allocate(file, offset, len)
    }

    fn set_len(file: RawFile, len: u64) -> Result<()> {
        // SAFETY: touches no memory. Whoever maps the file promised that it is not truncated.
        uninterrupted(Call::Ftruncate, || unsafe { ftruncate(file, off_t(len)) }).map(drop)
    }

    fn sync(file: RawFile) -> Result<()> {
        // SAFETY: touches no memory.
        uninterrupted(Call::Fsync, || unsafe { fsync(file) }).map(drop)
    }

    unsafe fn read(file: RawFile, buffer: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
        // A longer read may fail with EINVAL, and not return less (read(2)); so may a longer write.
        let (buffer, len) = (buffer.cast(), len.min(INT_MAX));
        let read = match offset {
            // SAFETY: the caller promises `len` writable bytes at `buffer`.
            None => uninterrupted(Call::Read, || unsafe { read(file, buffer, len) }),
            // SAFETY: as above.
            Some(offset) => uninterrupted(Call::Pread, || unsafe { pread(file, buffer, len, off_t(offset)) }),
        };
        read.map(count)
    }

    fn write(file: RawFile, bytes: &[u8], offset: u64) -> Result<usize> {
        let (buffer, len) = (bytes.as_ptr().cast(), bytes.len().min(INT_MAX));
        // SAFETY: `bytes` is readable, and at least `len` long.
        let written = uninterrupted(Call::Pwrite, || unsafe { pwrite(file, buffer, len, off_t(offset)) });
        written.map(count)
    }

    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
    fn page_size() -> usize {
        // SAFETY: it has no condition.
        unsafe { getpagesize() as usize }
    }

    fn allocation_granularity() -> usize {
        Self::page_size()
    }

    // Inlined, as `map` is, so that constant flags remove from a program the paths that they exclude.
    #[inline(always)]
    unsafe fn map_file(part: FilePart<RawFile>, request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let is_cow = request.flags.contains(Flags::COW);
        let (kind, flags) = if is_cow { (Kind::Private, MAP_PRIVATE) } else { (Kind::Shared, MAP_SHARED) };
        let before = distance(part.offset, Self::page_size());
        let whole = Request { len: before + request.len, ..request };
        // SAFETY: the caller's promise. The mapping is longer than `before`, and nobody else knows of it yet.
        unsafe {
            let base = memory::map(whole, flags, part.file, off_t(part.offset - before as u64))?;
            let mapped = Mapped { ptr: base.add(before), backing: Backing { prot: request.prot, kind } };
            Self::lock_new(mapped, request)
        }
    }

    unsafe fn map_anon(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        // SAFETY: the caller's promise, and nobody else knows of the mapping yet.
        unsafe {
            let ptr = memory::map(request, MAP_PRIVATE | MAP_ANON, -1, 0)?;
            let backing = Backing { prot: request.prot, kind: Kind::Anon };
            Self::lock_new(Mapped { ptr, backing }, request)
        }
    }

    fn reserve(address: usize, len: usize) -> Result<Span> {
        let at = if address == 0 { 0 } else { AT_FREE_ADDRESS };
        let flags = MAP_PRIVATE | MAP_ANON | NO_RESERVE | at;
        // SAFETY: nothing is replaced: MAP_FIXED comes with a flag that forbids it, if at all.
        let mapped = unsafe { memory::mmap(without_provenance_mut(address), len, PROT_NONE, flags, -1, 0) };
        let busy = Failure::refused(Call::Reserve, ErrorKind::Busy);
        let ptr = mapped.map_err(|failure| match failure.code {
            // What these flags add: something is there, or it is no address for a program.
            ENOMEM | EINVAL if at & MAP_FIXED != 0 => busy,
            _ => failure,
        })?;
        let reservation = Span { ptr, len };
        if address != 0 && ptr.addr().get() != address {
            // SAFETY: just made.
            unsafe { Self::release(reservation)? };
            return Err(busy);
        }
        Ok(reservation)
    }

    /// The kernels accept any pages of a mapping, so there is nothing to do.
    unsafe fn split(_reservation: Span, _at: usize) -> Result<()> {
        Ok(())
    }

    unsafe fn release(reservation: Span) -> Result<()> {
        // SAFETY: the caller's reservation, no longer used.
        unsafe { Self::unmap(reservation, &Self::EMPTY) }
    }

    #[inline]
    fn prot(backing: &Backing) -> Prot {
        backing.prot
    }

    #[inline]
    fn page_size_of(_backing: &Backing) -> usize {
        Self::page_size()
    }

    #[inline]
    unsafe fn unmap(span: Span, _backing: &Backing) -> Result<()> {
        let (base, len) = memory::pages(span);
        // SAFETY: a whole mapping of the caller's, no longer used.
        checked(Call::Munmap, unsafe { munmap(base, len) }).map(drop)
    }

    unsafe fn unmap_to_reservation(span: Span, _backing: &Backing) -> Result<Span, MapFailure> {
        let span = span.widened(Self::page_size());
        let request = Request {
            len: span.len,
            prot: Prot::NONE,
            flags: Flags::NORESERVE,
            hint: 0,
            reservation: Some(span),
            huge_log2: 0,
        };
        // SAFETY: a whole mapping of the caller's, no longer used.
        unsafe { memory::map(request, MAP_PRIVATE | MAP_ANON, -1, 0)? };
        Ok(span)
    }

    unsafe fn protect(span: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let adds_code = prot.contains(Prot::EXEC);
        if adds_code && !instructions::CAN_SYNC {
            return Err(Failure::refused(Call::Protect, ErrorKind::Unsupported));
        }
        let (base, len) = memory::pages(span);
        // SAFETY: a mapping of the caller's, who holds no reference that needs more permissions.
        let result = unsafe { mprotect(base, len, prot.bits().into()) };
        if let Err(failure) = checked(Call::Mprotect, result) {
            // Some pages may have changed before it failed.
            backing.prot &= prot;
            return Err(failure);
        }
        backing.prot = prot;
        if adds_code {
            // SAFETY: whole pages of a mapping, readable as `EXEC` contains `READ`.
            unsafe { instructions::sync(base, len, backing.kind) };
        }
        Ok(())
    }

    unsafe fn lock(span: Span, _backing: &Backing) -> Result<()> {
        let (base, len) = memory::pages(span);
        // SAFETY: locking a mapping changes no contents.
        checked(Call::Mlock, unsafe { mlock(base, len) }).map(drop)
    }

    /// DragonFly's kernel, and older ones of FreeBSD, unlock nothing if some pages are not locked, and report ENOMEM, as
    /// if they were not mapped (sys/vm/vm_map.c). So each page is unlocked then.
    unsafe fn unlock(span: Span, _backing: &Backing) -> Result<()> {
        let (base, len) = memory::pages(span);
        // SAFETY: as in `lock`.
        let unlock = |base, len| match checked(Call::Munlock, unsafe { munlock(base, len) }) {
            Err(failure) if !matches!(failure.code, ENOMEM | EINVAL) => Err(failure),
            result => Ok(result.is_ok()),
        };
        if unlock(base, len)? {
            return Ok(());
        }
        let page = Self::page_size();
        (0..len).step_by(page).try_for_each(|at| unlock(base.wrapping_byte_add(at), page).map(drop))
    }

    /// With `MS_SYNC` all of them write the pages before they return (msync(2)). Whether they survive a power failure
    /// depends on the file system. On OpenBSD this also makes writes visible to `read`.
    unsafe fn flush(span: Span, backing: &Backing, wait: bool) -> Result<()> {
        if backing.kind != Kind::Shared {
            return Ok(());
        }
        let (base, len) = memory::pages(span);
        let flags = if wait { MS_SYNC } else { MS_ASYNC };
        // SAFETY: writing a mapping back changes no contents.
        uninterrupted(Call::Msync, || unsafe { msync(base, len, flags) }).map(drop)
    }

    unsafe fn advise(span: Span, _backing: &Backing, advice: Advice) -> Result<()> {
        let advice = match advice {
            Advice::Normal => MADV_NORMAL,
            Advice::Random => MADV_RANDOM,
            Advice::Sequential => MADV_SEQUENTIAL,
            Advice::WillNeed => MADV_WILLNEED,
            _ => return Ok(()),
        };
        // SAFETY: these hints change no contents.
        match unsafe { memory::advise_pages(span, advice) } {
            // The address is aligned and mapped, so the kernel rejects the advice.
            Err(Failure { code: EINVAL, .. }) => Ok(()),
            result => result,
        }
    }

    unsafe fn discard(span: Span, backing: &Backing, discard: Discard) -> Result<()> {
        let refused = |kind| Err(Failure::refused(Call::Discard, kind));
        match (discard, backing.kind) {
            // MADV_DONTNEED keeps the contents on these systems, and fresh memory in their place might fail when they are
            // gone. So they are zeroed before the kernel may take them.
            (Discard::DontNeed, Kind::Anon) if backing.prot.contains(Prot::WRITE) => {
                let (base, len) = memory::pages(span);
                // SAFETY: whole pages of a writable mapping, on whose contents nobody relies.
                unsafe {
                    base.cast::<u8>().write_bytes(0, len);
                    memory::advise_pages(span, MADV_FREE)
                }
            }
            // SAFETY: the file keeps the contents.
            (Discard::DontNeed, Kind::Shared) => unsafe { memory::advise_pages(span, MADV_DONTNEED) },
            // SAFETY: nobody relies on the contents.
            (Discard::Free, Kind::Anon) => unsafe { memory::advise_pages(span, MADV_FREE) },
            // The file and the offset of private pages are not known any more, nor are those of a hole.
            (Discard::DontNeed, _) | (Discard::Remove, Kind::Shared) => refused(ErrorKind::Unsupported),
            (Discard::FreeReusable | Discard::FreeReuse, _) => refused(ErrorKind::Unsupported),
            (Discard::Free | Discard::Remove, _) => refused(ErrorKind::InvalidInput),
        }
    }

    fn install_guard() -> Result<()> {
        guard::install()
    }

    fn is_guard_installed() -> bool {
        guard::is_installed()
    }

    fn is_guard_in_force() -> bool {
        guard::is_in_force()
    }

    fn kind(code: i32) -> ErrorKind {
        system::kind(code)
    }

    fn kind_of_call(call: Call, code: i32) -> Option<ErrorKind> {
        match (call, code) {
            // The limit of the process or the system on locked memory, which waiting does not raise (mmap(2), mlock(2)).
            (Call::Mmap | Call::Mlock, EAGAIN) => Some(ErrorKind::OutOfMemory),
            // The combination of permissions, such as to write and to execute (mmap(2), mprotect(2)).
            (Call::Mmap | Call::Mprotect, ENOTSUP) => Some(ErrorKind::PermissionDenied),
            // A file system without it (posix_fallocate(2)).
            (Call::PosixFallocate, EINVAL) => Some(ErrorKind::Unsupported),
            _ => None,
        }
    }

    fn describe(code: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        system::describe(code, f)
    }
}
