//! macOS and Apple's other systems, through libSystem: Apple keeps its functions stable, and not the numbers of system calls.
//!
//! The imports, with their structs and constants, are in `imports.rs`, error codes in `codes.rs`. Comments name the file and
//! function of xnu, the kernel, on which the code rests.

mod calls;
mod code;
mod codes;
mod file;
mod files;
mod guard;
mod imports;
mod instructions;
mod parts;
mod process;
mod residency;
mod shared;

use super::contract::residency::Residency;
use super::contract::{
    FileKind, FilePart, FileStatus, MapFailure, Mapped, Open, Request, Result, Span, System, distance,
};
use super::posix;
#[cfg(feature = "std")]
pub(crate) use super::posix::std_files;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Discard, Flags, Prot};
use calls::{checked, count, off_t, uninterrupted};
use codes::{EINVAL, ENOTSUP};
use core::ffi::{CStr, c_int, c_void};
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut, without_provenance_mut};
use imports::*;

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
    Superpages,
    Shared,
    Private,
}

pub(crate) enum Apple {}

impl super::contract::special::Special for Apple {}

impl System for Apple {
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
            // POSIX shared memory has a length and no type (`pshm_stat` in bsd/kern/posix_shm.c).
            S_IFREG | 0 => (FileKind::Regular, stat.st_size as u64),
            S_IFDIR | S_IFIFO => (FileKind::Other, 0),
            // The kernel refuses to map devices and sockets (`mmap` in bsd/kern/kern_mman.c).
            _ => (FileKind::Device, 0),
        };
        Ok(FileStatus { kind, len, block_size: 0 })
    }

    /// The kernel also maps files of user-space file systems that only report that they are empty, so this reads a byte.
    fn is_empty_file_mappable(file: RawFile, _block_size: usize) -> bool {
        let mut byte = 0_u8;
        // SAFETY: `byte` is writable.
        !matches!(unsafe { Self::read(file, &raw mut byte, 1, Some(0)) }, Ok(1))
    }

    fn memory_file() -> Result<RawFile> {
        file::in_memory()
    }

    fn allocate(file: RawFile, offset: u64, len: u64) -> Result<()> {
        let (old, end) = (Self::stat(file)?.len, offset + len);
        if end <= old {
            return Ok(());
        }
        file::allocate_past_end(file, end - old)?;
        Self::set_len(file, end)
    }

    fn set_len(file: RawFile, len: u64) -> Result<()> {
        // SAFETY: touches no memory. Whoever maps the file promised that it is not truncated.
        uninterrupted(Call::Ftruncate, || unsafe { ftruncate(file, off_t(len)) }).map(drop)
    }

    fn sync(file: RawFile) -> Result<()> {
        file::sync(file)
    }

    unsafe fn read(file: RawFile, buffer: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
        // A longer read fails with EINVAL, and does not return less (read(2)); so does a longer write.
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

    /// 16 KiB on aarch64 and 4 KiB on x86_64, also under Rosetta. libSystem knows it without a system call.
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
        if request.flags.contains(Flags::HUGETLB) {
            return Err(Failure::unsupported(Flags::HUGETLB).into());
        }
        let is_cow = request.flags.contains(Flags::COW);
        let (kind, flags) = if is_cow { (Kind::Private, MAP_PRIVATE) } else { (Kind::Shared, MAP_SHARED) };
        let before = distance(part.offset, Self::page_size());
        let whole = Request { len: before + request.len, ..request };
        // SAFETY: the caller's promise. The mapping is longer than `before`, and nobody else knows of it yet.
        unsafe {
            let base = map(whole, kind, flags, part.file, off_t(part.offset - before as u64))?;
            let mapped = Mapped { ptr: base.add(before), backing: Backing { prot: request.prot, kind } };
            Self::lock_new(mapped, request)
        }
    }

    unsafe fn map_anon(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let (mut whole, mut kind, mut file) = (request, Kind::Anon, -1);
        if request.flags.contains(Flags::HUGETLB) {
            let has_size = request.huge_log2 == 0 || Self::has_huge_pages(request.huge_log2);
            if cfg!(baremap_arch = "aarch64") || !has_size {
                return Err(Failure::unsupported(Flags::HUGETLB).into());
            }
            (kind, file) = (Kind::Superpages, VM_FLAGS_SUPERPAGE_SIZE_2MB);
            whole.len = request.len.next_multiple_of(SUPERPAGE);
        }
        // SAFETY: the caller's promise, and nobody else knows of the mapping yet.
        unsafe {
            let ptr = map(whole, kind, MAP_PRIVATE | MAP_ANON, file, 0)?;
            Self::lock_new(Mapped { ptr, backing: Backing { prot: request.prot, kind } }, request)
        }
    }

    /// There is no MAP_FIXED_NOREPLACE: the kernel takes the address as a hint, and uses it if nothing is there.
    fn reserve(address: usize, len: usize) -> Result<Span> {
        let hint = without_provenance_mut(address);
        // SAFETY: without MAP_FIXED nothing is replaced.
        let ptr = unsafe { mmap(hint, len, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0)? };
        let reservation = Span { ptr, len };
        if address != 0 && ptr.addr().get() != address {
            // SAFETY: just made.
            unsafe { Self::release(reservation)? };
            return Err(Failure::refused(Call::Reserve, ErrorKind::Busy));
        }
        Ok(reservation)
    }

    /// The kernel accepts any pages of a mapping, so there is nothing to do.
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
    fn page_size_of(backing: &Backing) -> usize {
        if backing.kind == Kind::Superpages { SUPERPAGE } else { Self::page_size() }
    }

    #[inline]
    unsafe fn unmap(span: Span, backing: &Backing) -> Result<()> {
        let (base, len) = pages(span, backing);
        // SAFETY: a whole mapping of the caller's, no longer used.
        checked(Call::Munmap, unsafe { munmap(base, len) }).map(drop)
    }

    unsafe fn unmap_to_reservation(span: Span, backing: &Backing) -> Result<Span, MapFailure> {
        if backing.kind == Kind::Superpages {
            // They are wired for good, so the kernel does not replace them in one step.
            return Err(Failure::refused(Call::IntoReservation, ErrorKind::Unsupported).into());
        }
        let span = span.widened(Self::page_size());
        // SAFETY: a whole mapping of the caller's, no longer used.
        unsafe { replace(span.ptr.as_ptr().cast(), span.len, PROT_NONE, MAP_NORESERVE)? };
        Ok(span)
    }

    unsafe fn protect(span: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let (base, len) = pages(span, backing);
        // SAFETY: a mapping of the caller's, who holds no reference that needs more permissions.
        let result = unsafe { mprotect(base, len, prot.bits().into()) };
        if let Err(failure) = checked(Call::Mprotect, result) {
            // Some pages may have changed before it failed.
            backing.prot &= prot;
            return Err(failure);
        }
        backing.prot = prot;
        if prot.contains(Prot::EXEC) && cfg!(baremap_arch = "aarch64") {
            // SAFETY: whole pages of a mapping, readable as `EXEC` contains `READ`.
            unsafe { instructions::sync(base, len) };
        }
        Ok(())
    }

    /// If it fails, the kernel unlocks what it has locked (`vm_map_wire_nested` in osfmk/vm/vm_map.c). Superpages are wired
    /// for good, and `munlock` fails for them.
    unsafe fn lock(span: Span, backing: &Backing) -> Result<()> {
        if backing.kind == Kind::Superpages {
            return Ok(());
        }
        let (base, len) = pages(span, backing);
        // SAFETY: locking a mapping changes no contents.
        checked(Call::Mlock, unsafe { mlock(base, len) }).map(drop)
    }

    unsafe fn unlock(span: Span, backing: &Backing) -> Result<()> {
        if backing.kind == Kind::Superpages {
            return Ok(());
        }
        let (base, len) = pages(span, backing);
        // SAFETY: as in `lock`.
        checked(Call::Munlock, unsafe { munlock(base, len) }).map(drop)
    }

    /// `MS_SYNC` does not wait for the medium. F_FULLFSYNC would, but needs a descriptor of the file, and no mapping keeps
    /// one: closing any descriptor of a file drops the process's record locks on it (fcntl(2)).
    unsafe fn flush(span: Span, backing: &Backing, wait: bool) -> Result<()> {
        if backing.kind != Kind::Shared {
            return Ok(());
        }
        let (base, len) = pages(span, backing);
        let flags = if wait { MS_SYNC } else { MS_ASYNC };
        // SAFETY: writing a mapping back changes no contents.
        uninterrupted(Call::Msync, || unsafe { msync(base, len, flags) }).map(drop)
    }

    unsafe fn advise(span: Span, backing: &Backing, advice: Advice) -> Result<()> {
        let advice = match advice {
            Advice::Normal => MADV_NORMAL,
            Advice::Random => MADV_RANDOM,
            Advice::Sequential => MADV_SEQUENTIAL,
            Advice::WillNeed => MADV_WILLNEED,
            Advice::ZeroWiredPages => MADV_ZERO_WIRED_PAGES,
            // Only the kernel may use MADV_PAGEOUT, and there are neither transparent huge pages nor merged ones.
            _ => return Ok(()),
        };
        // SAFETY: these hints change no contents.
        match unsafe { advise_pages(span, backing, advice) } {
            // The address is aligned and mapped, so the kernel rejects the advice.
            Err(Failure { code: EINVAL, .. }) => Ok(()),
            result => result,
        }
    }

    unsafe fn discard(span: Span, backing: &Backing, discard: Discard) -> Result<()> {
        let refused = |kind| Err(Failure::refused(Call::Discard, kind));
        match (discard, backing.kind) {
            // MADV_DONTNEED keeps the contents on this system, so fresh memory replaces the pages.
            // SAFETY: whole pages of a mapping, on whose contents nobody relies.
            (Discard::DontNeed, Kind::Anon) => unsafe {
                let (base, len) = pages(span, backing);
                replace(base, len, backing.prot.bits().into(), 0)
            },
            // SAFETY: the file keeps the contents.
            (Discard::DontNeed, Kind::Shared) => unsafe { advise_pages(span, backing, MADV_DONTNEED) },
            // SAFETY: nobody relies on the contents.
            (Discard::Free, Kind::Anon) => unsafe { advise_pages(span, backing, MADV_FREE) },
            // SAFETY: as above.
            (Discard::FreeReusable, Kind::Anon) => unsafe { advise_pages(span, backing, MADV_FREE_REUSABLE) },
            // SAFETY: as above.
            (Discard::FreeReuse, Kind::Anon) => unsafe { advise_pages(span, backing, MADV_FREE_REUSE) },
            // To map private pages anew or to punch a hole takes the file and the offset, which no mapping keeps.
            (Discard::DontNeed, Kind::Private | Kind::Superpages) | (Discard::Remove, Kind::Shared) => {
                refused(ErrorKind::Unsupported)
            }
            (Discard::Free | Discard::FreeReusable | Discard::FreeReuse | Discard::Remove, _) => {
                refused(ErrorKind::InvalidInput)
            }
        }
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

/// Address and length, widened to whole pages of the mapping.
fn pages(span: Span, backing: &Backing) -> (*mut c_void, usize) {
    let Span { ptr, len } = span.widened(Apple::page_size_of(backing));
    (ptr.as_ptr().cast(), len)
}

/// With MAP_FIXED the kernel replaces a range in one step, unless pages of it are locked: see [`replace`]. It checks the
/// arguments before it removes the old pages. Only the limit on the size of the address space is checked later, and
/// replacing pages by as many cannot exceed it (`vm_map_enter` in osfmk/vm/vm_map.c). So after a failure the range is
/// unchanged.
///
/// # Safety
/// With MAP_FIXED the range is whole pages of the caller's, and no longer used.
#[expect(clippy::cast_possible_wrap, reason = "-1 is a failure, and every other number an address")]
unsafe fn mmap(
    address: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> Result<NonNull<u8>> {
    let mut base = null_mut();
    uninterrupted(Call::Mmap, || {
        // SAFETY: without MAP_FIXED the kernel chooses a free range; with it, the caller's promise.
        base = unsafe { imports::mmap(address, len, prot, flags, file, offset) };
        // MAP_FAILED is -1.
        base.addr() as isize
    })?;
    // SAFETY: nothing is mapped at address 0, as __PAGEZERO covers it.
    Ok(unsafe { NonNull::new_unchecked(base.cast()) })
}

/// # Safety
/// The reservation, if there is one, is the caller's, and as long as the request.
#[inline(always)]
unsafe fn map(request: Request, kind: Kind, flags: c_int, file: c_int, offset: i64) -> Result<NonNull<u8>> {
    let Request { len, prot, flags: requested, reservation, hint, .. } = request;
    let no_reserve = if requested.contains(Flags::NORESERVE) { MAP_NORESERVE } else { 0 };
    let replaced = reservation.map(|span| (span.ptr.as_ptr().cast(), MAP_FIXED));
    let (address, fixed) = replaced.unwrap_or((without_provenance_mut(hint), 0));
    // SAFETY: the caller's reservation.
    let mapped = unsafe { mmap(address, len, prot.bits().into(), flags | no_reserve | fixed, file, offset) };
    if kind == Kind::Superpages {
        // They are resident and wired.
        return mapped.map_err(|failure| match failure.with_flag(Flags::HUGETLB) {
            // The processor has none, or not with these permissions, or memory is too fragmented.
            failure @ Failure { code: EINVAL | ENOTSUP, .. } => failure.with_kind(ErrorKind::Unsupported),
            failure => failure,
        });
    }
    let base = mapped?;
    if requested.contains(Flags::POPULATE) && !requested.contains(Flags::LOCKED) {
        // There is no MAP_POPULATE. `mlock` makes the pages resident, and after `munlock` they stay for a while. If the limit
        // on locked memory forbids it, the pages are fetched on access. `munlock` does not fail for locked pages.
        let base = base.as_ptr().cast();
        // SAFETY: locking the new mapping changes no contents.
        unsafe {
            if mlock(base, len) == 0 {
                munlock(base, len);
            }
        }
    }
    Ok(base)
}

/// Replaces a mapping's pages with fresh memory.
///
/// The kernel removes locked pages piece by piece, and another thread may map something in the gap (`vm_map_delete` in
/// osfmk/vm/vm_map.c). So they are unlocked first, and stay unlocked if `mmap` fails, which it does not. This undoes one
/// lock; the risk remains for pages that were locked more than once.
///
/// # Safety
/// The range is whole pages of a mapping, on whose contents nobody relies.
unsafe fn replace(base: *mut c_void, len: usize, prot: c_int, flags: c_int) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        munlock(base, len);
        mmap(base, len, prot, MAP_PRIVATE | MAP_ANON | MAP_FIXED | flags, -1, 0).map(drop)
    }
}

/// # Safety
/// As the advice requires.
unsafe fn advise_pages(span: Span, backing: &Backing, advice: c_int) -> Result<()> {
    let (base, len) = pages(span, backing);
    // SAFETY: the caller's promise.
    checked(Call::Madvise, unsafe { madvise(base, len, advice) }).map(drop)
}
