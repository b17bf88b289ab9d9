//! Linux, by system calls. Numbers are those of `asm-generic` (`mman-common.h`, `mman.h`, `fcntl.h`,
//! `stat.h`), which x86_64 and aarch64 share; what they do not share is in each one's file.

#[cfg(baremap_arch = "aarch64")]
mod aarch64;
mod codes;
#[cfg(feature = "std")]
#[path = "../descriptors.rs"]
mod descriptors;
#[cfg(baremap_arch = "x86_64")]
mod x86_64;

#[cfg(baremap_arch = "aarch64")]
use aarch64 as arch;
#[cfg(baremap_arch = "x86_64")]
use x86_64 as arch;

use super::{FileKind, FileStatus, MapError, Open, Place, Result, View};
use crate::error::{self, Error, ErrorKind};
use crate::options::{Advice, Discard, Flags, Prot};
use arch::{syscall1, syscall2, syscall3, syscall4, syscall6};
use codes::{EBADF, EEXIST, EFAULT, EINTR, EINVAL, ENOMEM, ENOSYS};
pub(crate) use codes::{describe, kind, kind_of};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

/// How this system names an open file: a file descriptor.
pub type RawFile = i32;

/// What else the system must be told about a [`Mapping`](crate::Mapping): opaque.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    pub(crate) prot: Prot,
    kind: Kind,
    /// log2 of the unit that the mapping's first and last byte were widened by: of the page size if the
    /// offset had to be aligned, of the huge page size if there are huge pages. 0 while it was neither:
    /// then the address is the mapping's own, and nobody had to ask for the page size.
    unit: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anon,
    Shared,
    Private,
}

impl Backing {
    pub(crate) const EMPTY: Self = Self { prot: Prot::READ, kind: Kind::Shared, unit: 0 };

    /// The size of the mapping's pages in bytes.
    pub(crate) fn page_size(&self) -> usize {
        page_size().max(1 << self.unit)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Fstat,
    Fstatfs,
    Fsync,
    Ftruncate,
    Ioctl,
    Madvise,
    Mincore,
    Mlock,
    Mmap,
    Mprotect,
    Mremap,
    Msync,
    Munlock,
    Munmap,
    Openat,
    Pread64,
    Read,
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fstat => "fstat",
            Self::Fstatfs => "fstatfs",
            Self::Fsync => "fsync",
            Self::Ftruncate => "ftruncate",
            Self::Ioctl => "ioctl",
            Self::Madvise => "madvise",
            Self::Mincore => "mincore",
            Self::Mlock => "mlock",
            Self::Mmap => "mmap",
            Self::Mprotect => "mprotect",
            Self::Mremap => "mremap",
            Self::Msync => "msync",
            Self::Munlock => "munlock",
            Self::Munmap => "munmap",
            Self::Openat => "openat",
            Self::Pread64 => "pread64",
            Self::Read => "read",
        }
    }
}

/// The kernel answers with -4095 … -1 for an error (syscall(2), `MAX_ERRNO` in `linux/err.h`).
#[inline]
fn checked(call: Call, result: usize) -> Result<usize> {
    match -(result as isize) {
        code @ 1..=4095 => Err(Error::system(call, code as i32)),
        _ => Ok(result),
    }
}

/// Repeats what a signal interrupted. Not for `close`, which frees the descriptor even then.
fn uninterrupted(call: Call, mut syscall: impl FnMut() -> usize) -> Result<usize> {
    loop {
        let result = syscall();
        if result != -EINTR as usize {
            return checked(call, result);
        }
    }
}

const AT_FDCWD: usize = -100isize as usize;

pub(crate) fn open(path: &CStr, open: Open) -> Result<RawFile> {
    const O_RDONLY: usize = 0;
    const O_RDWR: usize = 0o2;
    const O_CREAT: usize = 0o100;
    const O_TRUNC: usize = 0o1000;
    const O_CLOEXEC: usize = 0o2000000;
    let flags = O_CLOEXEC
        | match open {
            Open::Read => O_RDONLY,
            Open::ReadWrite => O_RDWR,
            Open::Create => O_RDWR | O_CREAT | O_TRUNC,
        };
    let path = path.as_ptr().expose_provenance();
    // SAFETY: `path` ends in NUL. The file's mode is what the umask leaves of rw-rw-rw-.
    let syscall = || unsafe { syscall4(arch::OPENAT, AT_FDCWD, path, flags, 0o666) };
    Ok(uninterrupted(Call::Openat, syscall)? as RawFile)
}

pub(crate) fn close(file: RawFile) {
    // SAFETY: the caller gives the descriptor up. The descriptor is free whatever the answer (close(2)),
    // and an error of earlier writes is for `sync` to tell.
    unsafe { syscall1(arch::CLOSE, file as usize) };
}

#[inline(always)]
pub(crate) fn stat(file: RawFile) -> Result<FileStatus> {
    const S_IFMT: u32 = 0o170000;
    const S_IFREG: u32 = 0o100000;
    let mut stat = MaybeUninit::<arch::Stat>::uninit();
    // SAFETY: `stat` has the layout that the kernel writes.
    uninterrupted(Call::Fstat, || unsafe {
        syscall2(arch::FSTAT, file as usize, stat.as_mut_ptr().expose_provenance())
    })?;
    // SAFETY: the kernel wrote it.
    let stat = unsafe { stat.assume_init() };
    let kind = stat.st_mode & S_IFMT;
    if kind != S_IFREG {
        return other_status(file, kind);
    }
    Ok(FileStatus { kind: FileKind::Regular, len: stat.st_size as u64, block_size: stat.st_blksize as usize })
}

#[cold]
fn other_status(file: RawFile, kind: u32) -> Result<FileStatus> {
    const S_IFBLK: u32 = 0o060000;
    const S_IFDIR: u32 = 0o040000;
    const S_IFIFO: u32 = 0o010000;
    const BLKGETSIZE64: usize = 0x80081272;
    if kind == S_IFBLK {
        // `fstat` says 0.
        let mut len = 0_u64;
        // SAFETY: a block device's driver writes 8 bytes to `len`.
        checked(Call::Ioctl, unsafe {
            syscall3(arch::IOCTL, file as usize, BLKGETSIZE64, (&raw mut len).expose_provenance())
        })?;
        return Ok(FileStatus { kind: FileKind::Regular, len, block_size: 0 });
    }
    // Devices, besides characters', are what can be mapped and tells no length: sockets of packets, and what has no type,
    // the rings of io_uring, perf and BPF.
    let kind = if matches!(kind, S_IFDIR | S_IFIFO) { FileKind::Other } else { FileKind::Device };
    Ok(FileStatus { kind, len: 0, block_size: 0 })
}

/// Files of /proc say that they are empty, and refuse to be mapped (`proc_reg_mmap` in fs/proc/inode.c, and any file
/// system without the operation). A regular file can be mapped past its end, so one block tells, which is a page or more. To
/// read a byte would take something out of files such as /proc/kmsg.
#[cold]
pub(crate) fn is_empty_file_mappable(file: RawFile, block_size: usize) -> bool {
    let (read, bits, len) = (Prot::READ.bits() as usize, MAP_PRIVATE | MAP_NORESERVE, block_size.max(1));
    // SAFETY: without MAP_FIXED the kernel chooses an address where nothing is, and nobody touches it.
    unsafe {
        let block = syscall6(arch::MMAP, 0, len, read, bits, file as usize, 0);
        // Fails like `mmap` where `mmap` did, as that address is no page's.
        syscall2(arch::MUNMAP, block, len) == 0
    }
}

pub(crate) fn set_len(file: RawFile, len: u64) -> Result<()> {
    // SAFETY: touches no memory of ours. What is mapped behind the new end is the mapper's risk.
    let syscall = || unsafe { syscall2(arch::FTRUNCATE, file as usize, len as usize) };
    uninterrupted(Call::Ftruncate, syscall).map(drop)
}

pub(crate) fn sync(file: RawFile) -> Result<()> {
    // SAFETY: touches no memory of ours.
    uninterrupted(Call::Fsync, || unsafe { syscall1(arch::FSYNC, file as usize) }).map(drop)
}

pub(crate) unsafe fn read(file: RawFile, to: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
    let (file, to) = (file as usize, to.expose_provenance());
    match offset {
        // SAFETY: the caller lends `len` bytes at `to`.
        None => uninterrupted(Call::Read, || unsafe { syscall3(arch::READ, file, to, len) }),
        Some(offset) => {
            // SAFETY: as above.
            let syscall = || unsafe { syscall4(arch::PREAD64, file, to, len, offset as usize) };
            uninterrupted(Call::Pread64, syscall)
        }
    }
}

const MIN_PAGE_SIZE: usize = 4096;

/// On aarch64 a kernel has pages of 4, 16 or 64 KiB and says which in the auxiliary vector, which needs libc
/// or the initial stack. `mprotect` of no bytes tells too: it checks that the address is aligned, and then
/// does nothing (`do_mprotect_pkey` in mm/mprotect.c).
pub(crate) fn page_size() -> usize {
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    let known = PAGE_SIZE.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let mut size = MIN_PAGE_SIZE;
    // SAFETY: a length of 0 changes nothing.
    while size < 65536 && unsafe { syscall3(arch::MPROTECT, size, 0, 0) } == -EINVAL as usize {
        size *= 2;
    }
    PAGE_SIZE.store(size, Ordering::Relaxed);
    size
}

pub(crate) fn allocation_granularity() -> usize {
    page_size()
}

const MAP_HUGETLB: usize = 0x40000;

#[inline(always)]
pub(crate) unsafe fn map_file(
    file: RawFile,
    block_size: usize,
    offset: u64,
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    const MAP_SHARED: usize = 1;
    let (kind, mut bits) =
        if flags.contains(Flags::COW) { (Kind::Private, MAP_PRIVATE) } else { (Kind::Shared, MAP_SHARED) };
    let mut unit = if offset != 0 { page_size().trailing_zeros() } else { 0 };
    // hugetlbfs tells its pages' size as that of blocks, and other file systems have larger blocks than this too.
    if block_size > MIN_PAGE_SIZE || flags.contains(Flags::HUGETLB) {
        match huge_page_size_of(file)? {
            // They would reach past the end of the place.
            Some(_) if place.is_some() => return Err(Error::unsupported(Flags::HUGETLB).into()),
            // Pages that nothing sets aside would fault when the pool is exhausted.
            Some(_) if flags.contains(Flags::NORESERVE) => {
                return Err(Error::unsupported(Flags::NORESERVE).into());
            }
            Some(size) => unit = size.trailing_zeros(),
            None if flags.contains(Flags::HUGETLB) => return Err(Error::unsupported(Flags::HUGETLB).into()),
            None => {}
        }
    }
    if flags.contains(Flags::HUGETLB) {
        bits |= MAP_HUGETLB;
    }
    let before = offset as usize & ((1 << unit) - 1);
    let backing = Backing { prot, kind, unit: unit as u8 };
    // SAFETY: the caller's promise.
    let base = unsafe { map(before + len, backing, flags, bits, file, offset as usize - before, place)? };
    // SAFETY: the mapping is longer than `before`.
    Ok((unsafe { base.add(before) }, backing))
}

#[inline]
pub(crate) unsafe fn map_anon(
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    const MAP_HUGE_SHIFT: u32 = 26;
    let mut backing = Backing { prot, kind: Kind::Anon, unit: 0 };
    // A process that forbids itself to make memory executable (PR_SET_MDWE) may still map such memory.
    let is_plain = flags & (Flags::NORESERVE | Flags::POPULATE | Flags::LOCKED) == Flags::NONE
        && !prot.contains(Prot::EXEC);
    if let Some((ptr, len)) = place.filter(|_| is_plain) {
        // A reservation is such memory, untouched, and lacks the permissions alone. The kernel refuses these where memory
        // is short, before it changes anything (`mprotect_fixup` in mm/mprotect.c).
        let address = ptr.as_ptr().expose_provenance();
        // SAFETY: the caller's place.
        checked(Call::Mprotect, unsafe { syscall3(arch::MPROTECT, address, len, prot.bits() as usize) })?;
        return Ok((ptr, backing));
    }
    let mut bits = MAP_PRIVATE | MAP_ANONYMOUS;
    if flags.contains(Flags::HUGETLB) {
        // An entry of a page table is 8 bytes and a table is a page, so one level above a page are
        // page size / 8 pages. Asking for this size by name keeps it known for `unmap`.
        let unit = 2 * page_size().trailing_zeros() - 3;
        backing.unit = unit as u8;
        bits |= MAP_HUGETLB | (unit as usize) << MAP_HUGE_SHIFT;
    }
    // SAFETY: the caller's promise.
    Ok((unsafe { map(len, backing, flags, bits, -1, 0, place)? }, backing))
}

const MAP_PRIVATE: usize = 2;
const MAP_ANONYMOUS: usize = 0x20;
const MAP_NORESERVE: usize = 0x4000;

#[inline(always)]
unsafe fn map(
    len: usize,
    backing: Backing,
    flags: Flags,
    mut bits: usize,
    file: RawFile,
    offset: usize,
    place: Option<Place>,
) -> Result<NonNull<u8>, MapError> {
    const MAP_POPULATE: usize = 0x8000;
    if flags.contains(Flags::NORESERVE) {
        bits |= MAP_NORESERVE;
    }
    if flags.contains(Flags::POPULATE) || flags.contains(Flags::HUGETLB) {
        bits |= MAP_POPULATE;
    }
    let prot = backing.prot.bits() as usize;
    // SAFETY: without MAP_FIXED the kernel chooses an address where nothing is.
    let result = unsafe { syscall6(arch::MMAP, 0, len, prot, bits, file as usize, offset) };
    let address = match checked(Call::Mmap, result) {
        Err(error) if flags.contains(Flags::HUGETLB) => return Err(without_huge_pages(error).into()),
        Err(error) => return Err(error.into()),
        Ok(address) => address,
    };
    // SAFETY: without MAP_FIXED the kernel does not map address 0 (mmap_min_addr, get_unmapped_area).
    let base = unsafe { NonNull::new(core::ptr::with_exposed_provenance_mut(address)).unwrap_unchecked() };
    if place.is_none() && flags & (Flags::LOCKED | Flags::HUGETLB) == Flags::NONE {
        return Ok(base);
    }
    // SAFETY: fresh, and the caller's promise.
    unsafe { finish(base, len, &backing, flags, place) }.inspect_err(|_| {
        // SAFETY: the fresh mapping, which nobody knows of.
        let _ = unsafe { unmap(base, len, &backing) };
    })
}

/// What can fail after `mmap`, before anyone knows of the mapping, and at the end of which it takes its place.
///
/// # Safety
/// The mapping is fresh and the caller's, and unmapped on failure.
#[cold]
unsafe fn finish(
    base: NonNull<u8>,
    len: usize,
    backing: &Backing,
    flags: Flags,
    place: Option<Place>,
) -> Result<NonNull<u8>, MapError> {
    if flags.contains(Flags::HUGETLB) {
        check_huge_pages(base, len, backing.page_size())?;
    }
    if flags.contains(Flags::LOCKED) {
        // SAFETY: a mapping of ours. The lock goes with it to its place (`copy_vma` in mm/vma.c keeps VM_LOCKED).
        unsafe { lock(base, len, backing) }.map_err(|error| error.of_flag(Flags::LOCKED))?;
    }
    match place {
        // SAFETY: the caller's promise.
        Some(place) => unsafe { move_to(place, base) },
        None => Ok(base),
    }
}

/// MAP_POPULATE does not tell that a page is missing: one that the pool has and a limit of the control group refuses
/// raises SIGBUS when it is touched (Documentation/admin-guide/cgroup-v1/hugetlb.rst).
fn check_huge_pages(base: NonNull<u8>, len: usize, huge_page: usize) -> Result<()> {
    let address = base.as_ptr().expose_provenance();
    for at in (address..address + len).step_by(huge_page) {
        let mut is_resident = 0_u8;
        // SAFETY: of one page the kernel writes one byte.
        checked(Call::Mincore, unsafe {
            syscall3(arch::MINCORE, at, 1, (&raw mut is_resident).expose_provenance())
        })?;
        if is_resident & 1 == 0 {
            return Err(Error::own(error::Call::Map, ErrorKind::OutOfMemory).of_flag(Flags::HUGETLB));
        }
    }
    Ok(())
}

/// Moves a fresh mapping to where a reservation is, and returns its address there.
///
/// To map there at once, with MAP_FIXED, takes one call. But the kernel then unmaps the reservation before it asks the file
/// system, and before it sees whether there is memory for what is private (`mmap_region` in mm/mmap.c); if these refuse,
/// the address range is free, and another thread's mapping may lie there the next moment. Here that is settled before the
/// reservation is touched.
///
/// # Safety
/// The mapping is the caller's, is as long as the reservation, and has no huge pages.
unsafe fn move_to((to, len): Place, from: NonNull<u8>) -> Result<NonNull<u8>, MapError> {
    const MREMAP_MAYMOVE: usize = 1;
    const MREMAP_FIXED: usize = 2;
    let (flags, to_address) = (MREMAP_MAYMOVE | MREMAP_FIXED, to.as_ptr().expose_provenance());
    let from = from.as_ptr().expose_provenance();
    // SAFETY: replaces the reservation, which is the caller's.
    let result = unsafe { syscall6(arch::MREMAP, from, len, len, flags, to_address, 0) };
    match checked(Call::Mremap, result) {
        Ok(_) => Ok(to),
        Err(error) => Err(MapError { error, is_place_lost: !is_reserved(to_address, len) }),
    }
}

/// `mremap` unmaps what is at its destination before it allocates the kernel's own record of the mapping
/// (`mremap_to` in mm/mremap.c). If it failed for want of that, nothing is there, and is taken again, unless another
/// thread was quicker: its memory can be accessed, a reservation cannot.
fn is_reserved(address: usize, len: usize) -> bool {
    if reserve(address, len).is_ok() {
        return true;
    }
    // SAFETY: a path that cannot be read is EFAULT, and one that can be is looked up and no more.
    let access = unsafe { syscall3(arch::FACCESSAT, AT_FDCWD, address, 0) };
    is_mapped(address, len) && access == -EFAULT as usize
}

/// Whether all of a range is mapped.
fn is_mapped(address: usize, len: usize) -> bool {
    // SAFETY: MS_ASYNC does nothing but look.
    unsafe { syscall3(arch::MSYNC, address, len, MS_ASYNC) == 0 }
}

const MS_ASYNC: usize = 1;

#[cold]
fn without_huge_pages(error: Error) -> Error {
    match error.raw_os_error() {
        // The kernel knows no huge pages of this size, or the pool has not as many.
        Some(EINVAL) => error.of_kind(ErrorKind::Unsupported).of_flag(Flags::HUGETLB),
        Some(ENOMEM) => error.of_flag(Flags::HUGETLB),
        _ => error,
    }
}

/// The page size of the hugetlbfs that holds the file, if one does.
#[cold]
fn huge_page_size_of(file: RawFile) -> Result<Option<usize>> {
    const HUGETLBFS_MAGIC: i64 = 0x958458f6;
    /// `struct statfs` of 64-bit systems (`asm-generic/statfs.h`).
    #[repr(C)]
    struct Statfs {
        f_type: i64,
        f_bsize: i64,
        _rest: [u64; 13],
    }
    let mut statfs = MaybeUninit::<Statfs>::uninit();
    // SAFETY: `statfs` has the layout that the kernel writes.
    uninterrupted(Call::Fstatfs, || unsafe {
        syscall2(arch::FSTATFS, file as usize, statfs.as_mut_ptr().expose_provenance())
    })?;
    // SAFETY: the kernel wrote it.
    let statfs = unsafe { statfs.assume_init() };
    Ok((statfs.f_type == HUGETLBFS_MAGIC).then_some(statfs.f_bsize as usize))
}

pub(crate) fn reserve(address: usize, len: usize) -> Result<NonNull<u8>> {
    const MAP_FIXED_NOREPLACE: usize = 0x100000;
    // SAFETY: where nothing is, and there is nothing to touch.
    let result = unsafe { mmap_none(address, len, if address == 0 { 0 } else { MAP_FIXED_NOREPLACE }) };
    let place = result.map_err(|error| match error.raw_os_error() {
        Some(EEXIST) => error.of_kind(ErrorKind::Busy),
        _ => error,
    })?;
    if address != 0 && place.as_ptr().addr() != address {
        // To a kernel before 4.17 the address is a hint.
        // SAFETY: just made.
        unsafe { release((place, len))? };
        return Err(Error::own(error::Call::Reserve, ErrorKind::Busy));
    }
    Ok(place)
}

/// # Safety
/// As the bits.
unsafe fn mmap_none(address: usize, len: usize, bits: usize) -> Result<NonNull<u8>> {
    const PROT_NONE: usize = 0;
    const NO_FILE: RawFile = -1;
    let bits = MAP_PRIVATE | MAP_ANONYMOUS | bits;
    // SAFETY: the caller's promise.
    let result = unsafe { syscall6(arch::MMAP, address, len, PROT_NONE, bits, NO_FILE as usize, 0) };
    let base = NonNull::new(core::ptr::with_exposed_provenance_mut(checked(Call::Mmap, result)?));
    // SAFETY: nobody asks for address 0, and the kernel does not choose it.
    Ok(unsafe { base.unwrap_unchecked() })
}

/// To the kernel every page is one on its own.
pub(crate) unsafe fn split(_: Place, _: usize) -> Result<()> {
    Ok(())
}

pub(crate) unsafe fn release((ptr, len): Place) -> Result<()> {
    // SAFETY: a reservation, which the caller gives up.
    checked(Call::Munmap, unsafe { syscall2(arch::MUNMAP, ptr.as_ptr().expose_provenance(), len) }).map(drop)
}

/// Address and length, widened to multiples of `unit`.
#[inline]
fn widened(ptr: NonNull<u8>, len: usize, unit: usize) -> (usize, usize) {
    let address = ptr.as_ptr().expose_provenance();
    let base = address & !(unit - 1);
    (base, (address - base + len + unit - 1) & !(unit - 1))
}

/// The same to whole pages, which are huge if the mapping's are.
fn pages(ptr: NonNull<u8>, len: usize, backing: &Backing) -> (usize, usize) {
    widened(ptr, len, backing.page_size())
}

#[inline]
pub(crate) unsafe fn unmap(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    // The kernel rounds the length of other mappings up itself.
    let (base, len) = match backing.unit {
        0 => (ptr.as_ptr().expose_provenance(), len),
        unit => widened(ptr, len, 1 << unit),
    };
    // SAFETY: a whole mapping of ours, which the caller gives up.
    checked(Call::Munmap, unsafe { syscall2(arch::MUNMAP, base, len) }).map(drop)
}

/// With MAP_FIXED the kernel checks what it may refuse before it unmaps what is there. Before Linux 6.12 it then allocates
/// its own record of the new mapping, and does not put the old one back if that fails (`mmap_region` in mm/mmap.c). Such
/// small allocations wait for memory instead of failing, but for a control group's limit. Should one fail, the hole is
/// taken again, which is all that was wanted. If another thread was quicker, what it mapped there cannot be told from what
/// was there before: that is the one case that is left.
pub(crate) unsafe fn vacate(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<Place, MapError> {
    const MAP_FIXED: usize = 0x10;
    let (base, len) = pages(ptr, len, backing);
    // SAFETY: a whole mapping of ours, which the caller gives up.
    match unsafe { mmap_none(base, len, MAP_FIXED) } {
        Ok(place) => Ok((place, len)),
        Err(error) => match reserve(base, len) {
            Ok(place) => Ok((place, len)),
            Err(_) => Err(MapError { error, is_place_lost: !is_mapped(base, len) }),
        },
    }
}

pub(crate) unsafe fn protect(ptr: NonNull<u8>, len: usize, backing: &mut Backing, prot: Prot) -> Result<()> {
    let (base, pages_len) = pages(ptr, len, backing);
    // SAFETY: a mapping of ours; the caller holds no reference that needs more rights.
    let result = unsafe { syscall3(arch::MPROTECT, base, pages_len, prot.bits() as usize) };
    if let Err(error) = checked(Call::Mprotect, result) {
        // The kernel may have changed some pages before it failed (mprotect(2)).
        backing.prot = backing.prot & prot;
        return Err(error);
    }
    backing.prot = prot;
    if prot.contains(Prot::EXEC) {
        // SAFETY: READ is part of every `Prot`.
        unsafe { arch::sync_instructions(ptr.as_ptr(), len, page_size()) };
    }
    Ok(())
}

pub(crate) unsafe fn lock(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    let (base, len) = pages(ptr, len, backing);
    // SAFETY: a mapping of ours; its contents stay.
    let result = checked(Call::Mlock, unsafe { syscall2(arch::MLOCK, base, len) });
    result.map(drop).inspect_err(|_| {
        // The kernel marks the range as locked before it makes the pages resident, and leaves the mark if that fails
        // (`do_mlock` in mm/mlock.c).
        // SAFETY: as above.
        unsafe { syscall2(arch::MUNLOCK, base, len) };
    })
}

pub(crate) unsafe fn unlock(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    let (base, len) = pages(ptr, len, backing);
    // SAFETY: as in `lock`.
    checked(Call::Munlock, unsafe { syscall2(arch::MUNLOCK, base, len) }).map(drop)
}

/// `MS_SYNC` writes the range and does what `fdatasync` does (mm/msync.c: `vfs_fsync_range` with
/// `datasync`): contents, size and block map are durable, times need not be. `MS_ASYNC` has done nothing
/// since Linux 2.6.19, as the kernel tracks dirty pages and writes them anyway (msync(2)).
pub(crate) unsafe fn flush(ptr: NonNull<u8>, len: usize, backing: &Backing, wait: bool) -> Result<()> {
    const MS_SYNC: usize = 4;
    let (base, len) = pages(ptr, len, backing);
    let how = if wait { MS_SYNC } else { MS_ASYNC };
    // SAFETY: a mapping of ours; its contents stay.
    uninterrupted(Call::Msync, || unsafe { syscall3(arch::MSYNC, base, len, how) }).map(drop)
}

pub(crate) unsafe fn advise(ptr: NonNull<u8>, len: usize, backing: &Backing, advice: Advice) -> Result<()> {
    let advice = match advice {
        Advice::Normal => 0,
        Advice::Random => 1,
        Advice::Sequential => 2,
        Advice::WillNeed => 3,
        Advice::Cold => 20,
        Advice::PageOut => 21,
        Advice::HugePage => 14,
        Advice::NoHugePage => 15,
    };
    // SAFETY: a mapping of ours; these hints change no contents.
    match unsafe { madvise(ptr, len, backing, advice) } {
        // The address is aligned and mapped, so this speaks of the advice: a kernel that is older or was built
        // without it (ENOSYS: without any), or a mapping that is not of its kind (EBADF: without swap, memory for
        // WILLNEED; madvise(2)).
        Err(error) if matches!(error.raw_os_error(), Some(EINVAL | EBADF | ENOSYS)) => Ok(()),
        result => result,
    }
}

pub(crate) unsafe fn discard(
    ptr: NonNull<u8>,
    len: usize,
    backing: &Backing,
    discard: Discard,
) -> Result<()> {
    let refused = |kind| Err(Error::own(error::Call::Discard, kind));
    let is_huge = backing.page_size() > page_size();
    let advice = match (discard, backing.kind) {
        // Pages that were given back to the pool may be missing when they are touched again, which raises SIGBUS.
        (Discard::DontNeed, Kind::Anon) if is_huge => {
            if !backing.prot.contains(Prot::WRITE) {
                return refused(ErrorKind::Unsupported);
            }
            // SAFETY: a writable part of a mapping of ours, whose contents the caller lets go.
            unsafe { ptr.write_bytes(0, len) };
            return Ok(());
        }
        (Discard::DontNeed, Kind::Private) if is_huge => return refused(ErrorKind::Unsupported),
        (Discard::DontNeed, _) => 4,
        (Discard::Free, Kind::Anon) => 8,
        (Discard::Remove, Kind::Shared) => 9,
        // Emulators say yes to anything, and the kernel's EACCES would mean a file that is not open for writing.
        (Discard::Free | Discard::Remove, _) => return refused(ErrorKind::InvalidInput),
    };
    // SAFETY: a mapping of ours; the caller lets its contents go.
    unsafe { madvise(ptr, len, backing, advice) }
}

/// # Safety
/// As the advice.
unsafe fn madvise(ptr: NonNull<u8>, len: usize, backing: &Backing, advice: usize) -> Result<()> {
    let (base, len) = pages(ptr, len, backing);
    // SAFETY: the caller answers for the advice.
    let result = uninterrupted(Call::Madvise, || unsafe { syscall3(arch::MADVISE, base, len, advice) });
    result.map(drop)
}

#[cfg(feature = "std")]
pub(crate) use descriptors::*;
