//! macOS, through libSystem, as the system promises this library's functions and no system call numbers. Flags and codes
//! are those of xnu's `bsd/sys` headers; most differ from Linux's.

mod codes;
#[cfg(feature = "std")]
#[path = "descriptors.rs"]
mod descriptors;

use super::{FileKind, FileStatus, MapError, Open, Place, Result, View, locked};
use crate::error::{self, Error, ErrorKind};
use crate::options::{Advice, Discard, Flags, Prot};
use codes::{EINTR, EINVAL, ENOTSUP, ENOTTY};
pub(crate) use codes::{describe, kind, kind_of};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

/// With inodes of 64 bits; the only one that aarch64 has.
#[repr(C)]
struct Stat {
    st_dev: i32,
    st_mode: u16,
    st_nlink: u16,
    st_ino: u64,
    st_uid: u32,
    st_gid: u32,
    st_rdev: i32,
    _times: [i64; 8],
    st_size: i64,
    st_blocks: i64,
    st_blksize: i32,
    st_flags: u32,
    st_gen: u32,
    _spare: [i64; 2],
}

/// Apart, as some have the names of the contract's functions.
mod system {
    use super::Stat;
    use core::ffi::{c_char, c_int, c_void};

    // Variadic as in C: aarch64 passes such arguments on the stack and all others in registers.
    #[link(name = "System")]
    unsafe extern "C" {
        pub fn __error() -> *mut c_int;
        pub fn close(file: c_int) -> c_int;
        pub fn fcntl(file: c_int, command: c_int, ...) -> c_int;
        // The plain name is on x86_64 the function of before 10.5, with inodes of 32 bits.
        #[cfg_attr(baremap_arch = "x86_64", link_name = "fstat$INODE64")]
        pub fn fstat(file: c_int, stat: *mut Stat) -> c_int;
        pub fn fsync(file: c_int) -> c_int;
        pub fn ftruncate(file: c_int, len: i64) -> c_int;
        pub fn getpagesize() -> c_int;
        pub fn madvise(address: *mut c_void, len: usize, advice: c_int) -> c_int;
        pub fn mincore(address: *const c_void, len: usize, pages: *mut c_char) -> c_int;
        pub fn mlock(address: *const c_void, len: usize) -> c_int;
        pub fn mmap(
            address: *mut c_void,
            len: usize,
            prot: c_int,
            flags: c_int,
            file: c_int,
            offset: i64,
        ) -> *mut c_void;
        pub fn mprotect(address: *mut c_void, len: usize, prot: c_int) -> c_int;
        pub fn msync(address: *mut c_void, len: usize, flags: c_int) -> c_int;
        pub fn munlock(address: *const c_void, len: usize) -> c_int;
        pub fn munmap(address: *mut c_void, len: usize) -> c_int;
        pub fn open(path: *const c_char, flags: c_int, ...) -> c_int;
        pub fn pread(file: c_int, to: *mut c_void, len: usize, offset: i64) -> isize;
        pub fn read(file: c_int, to: *mut c_void, len: usize) -> isize;
        pub fn sys_icache_invalidate(start: *mut c_void, len: usize);
    }
}

/// How this system names an open file: a file descriptor.
pub type RawFile = c_int;

/// What else the system must be told about a [`Mapping`](crate::Mapping): opaque.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    pub(crate) prot: Prot,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anon,
    Superpages,
    Shared,
    Private,
}

const SUPERPAGE: usize = 2 << 20;

impl Backing {
    pub(crate) const EMPTY: Self = Self { prot: Prot::READ, kind: Kind::Anon };

    /// The size of the mapping's pages in bytes.
    pub(crate) fn page_size(&self) -> usize {
        if self.kind == Kind::Superpages { SUPERPAGE } else { page_size() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Fcntl,
    Fstat,
    Fsync,
    Ftruncate,
    Madvise,
    Mlock,
    Mmap,
    Mprotect,
    Msync,
    Munlock,
    Munmap,
    Open,
    Pread,
    Read,
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fcntl => "fcntl",
            Self::Fstat => "fstat",
            Self::Fsync => "fsync",
            Self::Ftruncate => "ftruncate",
            Self::Madvise => "madvise",
            Self::Mlock => "mlock",
            Self::Mmap => "mmap",
            Self::Mprotect => "mprotect",
            Self::Msync => "msync",
            Self::Munlock => "munlock",
            Self::Munmap => "munmap",
            Self::Open => "open",
            Self::Pread => "pread",
            Self::Read => "read",
        }
    }
}

/// Every function here but `mmap` answers with -1 for an error, and `errno` has its code.
fn checked<T: PartialEq + From<i8>>(call: Call, result: T) -> Result<T> {
    if result == T::from(-1) { Err(last_error(call)) } else { Ok(result) }
}

fn last_error(call: Call) -> Error {
    // SAFETY: the address of this thread's `errno`, valid as long as the thread.
    Error::system(call, unsafe { *system::__error() })
}

/// Repeats what a signal interrupted.
fn uninterrupted<T: PartialEq + From<i8>>(call: Call, mut function: impl FnMut() -> T) -> Result<T> {
    loop {
        match checked(call, function()) {
            Err(error) if error.raw_os_error() == Some(EINTR) => {}
            result => return result,
        }
    }
}

pub(crate) fn open(path: &CStr, open: Open) -> Result<RawFile> {
    const O_RDONLY: c_int = 0;
    const O_RDWR: c_int = 0x2;
    const O_CREAT: c_int = 0x200;
    const O_TRUNC: c_int = 0x400;
    const O_CLOEXEC: c_int = 0x1000000;
    let flags = O_CLOEXEC
        | match open {
            Open::Read => O_RDONLY,
            Open::ReadWrite => O_RDWR,
            Open::Create => O_RDWR | O_CREAT | O_TRUNC,
        };
    // SAFETY: `path` ends in NUL. The file's mode is what the umask leaves of rw-rw-rw-.
    uninterrupted(Call::Open, || unsafe { system::open(path.as_ptr(), flags, 0o666 as c_int) })
}

pub(crate) fn close(file: RawFile) {
    // SAFETY: the caller gives the descriptor up. It is not tried again, as after EINTR the descriptor may be another's.
    unsafe { system::close(file) };
}

/// What `shm_open` made has a length and no type (`pshm_stat` in bsd/kern/posix_shm.c).
pub(crate) fn stat(file: RawFile) -> Result<FileStatus> {
    const S_IFMT: u16 = 0o170000;
    const S_IFREG: u16 = 0o100000;
    const S_IFDIR: u16 = 0o040000;
    const S_IFIFO: u16 = 0o010000;
    let mut stat = MaybeUninit::<Stat>::uninit();
    // SAFETY: `stat` has the layout that the function writes.
    uninterrupted(Call::Fstat, || unsafe { system::fstat(file, stat.as_mut_ptr()) })?;
    // SAFETY: it was written.
    let stat = unsafe { stat.assume_init() };
    let (kind, len) = match stat.st_mode & S_IFMT {
        S_IFREG | 0 => (FileKind::Regular, stat.st_size as u64),
        S_IFDIR | S_IFIFO => (FileKind::Other, 0),
        // The kernel refuses devices and sockets, so that their length is not asked for (`mmap` in bsd/kern/kern_mman.c).
        _ => (FileKind::Device, 0),
    };
    Ok(FileStatus { kind, len, block_size: 0 })
}

/// The kernel maps what a file system in user space only says is empty.
pub(crate) fn is_empty_file_mappable(file: RawFile, _: usize) -> bool {
    let mut byte = 0_u8;
    // SAFETY: `byte` is writable.
    !matches!(unsafe { read(file, &raw mut byte, 1, Some(0)) }, Ok(1))
}

pub(crate) fn set_len(file: RawFile, len: u64) -> Result<()> {
    // SAFETY: touches no memory of ours. What is mapped behind the new end is the mapper's risk.
    uninterrupted(Call::Ftruncate, || unsafe { system::ftruncate(file, len as i64) }).map(drop)
}

/// `fsync` gives the data to the drive, which may keep them in a cache that power loss empties, and `F_BARRIERFSYNC`
/// only orders them; `F_FULLFSYNC` waits for the medium (fcntl(2)). File systems that lack it, as those of networks
/// do, get `fsync`.
pub(crate) fn sync(file: RawFile) -> Result<()> {
    const F_FULLFSYNC: c_int = 51;
    // SAFETY: touches no memory of ours.
    match uninterrupted(Call::Fcntl, || unsafe { system::fcntl(file, F_FULLFSYNC) }) {
        Err(error) if matches!(error.raw_os_error(), Some(EINVAL | ENOTTY | ENOTSUP)) => {}
        result => return result.map(drop),
    }
    // SAFETY: as above.
    uninterrupted(Call::Fsync, || unsafe { system::fsync(file) }).map(drop)
}

pub(crate) unsafe fn read(file: RawFile, to: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
    // More is EINVAL and not a shorter read (read(2)).
    let (to, len) = (to.cast(), len.min(i32::MAX as usize));
    let read = match offset {
        // SAFETY: the caller lends `len` bytes at `to`.
        None => uninterrupted(Call::Read, || unsafe { system::read(file, to, len) }),
        // SAFETY: as above.
        Some(offset) => uninterrupted(Call::Pread, || unsafe { system::pread(file, to, len, offset as i64) }),
    };
    Ok(read? as usize)
}

/// 16 KiB on aarch64 and 4 KiB on x86_64, also under Rosetta. libSystem knows it without a system call.
pub(crate) fn page_size() -> usize {
    // SAFETY: it has no condition.
    unsafe { system::getpagesize() as usize }
}

pub(crate) fn allocation_granularity() -> usize {
    page_size()
}

const MAP_PRIVATE: c_int = 0x2;
const MAP_FIXED: c_int = 0x10;
const MAP_NORESERVE: c_int = 0x40;
const MAP_ANON: c_int = 0x1000;

/// With MAP_FIXED it replaces a range in one step, unless pages of it are locked: see [`replace`]. The kernel checks
/// everything that it may refuse before it takes the old pages out. Then only the limit on the size of the address space
/// is left, which as many new ones cannot exceed (`vm_map_enter` in osfmk/vm/vm_map.c). So they are untouched on failure,
/// and where the arguments are right there is none.
///
/// # Safety
/// With MAP_FIXED the range is whole pages of the caller's, and nobody uses them.
unsafe fn mmap(
    address: *mut c_void,
    len: usize,
    prot: c_int,
    bits: c_int,
    file: c_int,
    offset: i64,
) -> Result<NonNull<u8>> {
    // SAFETY: without MAP_FIXED the kernel chooses an address where nothing is; with it, the caller's promise.
    let map = || unsafe { system::mmap(address, len, prot, bits, file, offset) };
    let mut base = null_mut();
    uninterrupted(Call::Mmap, || {
        base = map();
        // MAP_FAILED is -1.
        base.addr() as isize
    })?;
    // SAFETY: nothing is mapped at address 0, which __PAGEZERO holds.
    Ok(unsafe { NonNull::new_unchecked(base.cast()) })
}

pub(crate) unsafe fn map_file(
    file: RawFile,
    _: usize,
    offset: u64,
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    const MAP_SHARED: c_int = 0x1;
    if flags.contains(Flags::HUGETLB) {
        return Err(Error::unsupported(Flags::HUGETLB).into());
    }
    let (kind, bits) =
        if flags.contains(Flags::COW) { (Kind::Private, MAP_PRIVATE) } else { (Kind::Shared, MAP_SHARED) };
    let before = offset as usize & (page_size() - 1);
    let (offset, backing) = ((offset - before as u64) as i64, Backing { prot, kind });
    // SAFETY: the caller's promise; the mapping is longer than `before`, and nobody knows of it yet.
    unsafe {
        let base = map(before + len, backing, flags, bits, file, offset, place)?;
        locked((base.add(before), backing), len, flags, place)
    }
}

pub(crate) unsafe fn map_anon(
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    /// Taken from the argument that otherwise is the descriptor (mmap(2)).
    const VM_FLAGS_SUPERPAGE_SIZE_2MB: c_int = 2 << 16;
    let mut backing = Backing { prot, ..Backing::EMPTY };
    let mut file = -1;
    if flags.contains(Flags::HUGETLB) {
        if cfg!(baremap_arch = "aarch64") {
            return Err(Error::unsupported(Flags::HUGETLB).into());
        }
        backing.kind = Kind::Superpages;
        file = VM_FLAGS_SUPERPAGE_SIZE_2MB;
    }
    let (_, whole) = widened(NonNull::dangling(), len, &backing);
    // SAFETY: the caller's promise, and nobody knows of the mapping yet.
    unsafe {
        let base = map(whole, backing, flags, MAP_PRIVATE | MAP_ANON, file, 0, place)?;
        locked((base, backing), len, flags, place)
    }
}

/// # Safety
/// The place, if there is one, is the caller's, and as long as the mapping.
unsafe fn map(
    len: usize,
    backing: Backing,
    flags: Flags,
    mut bits: c_int,
    file: c_int,
    offset: i64,
    place: Option<Place>,
) -> Result<NonNull<u8>> {
    if flags.contains(Flags::NORESERVE) {
        bits |= MAP_NORESERVE;
    }
    let mut address = null_mut();
    if let Some((place, _)) = place {
        bits |= MAP_FIXED;
        address = place.as_ptr().cast();
    }
    // SAFETY: the caller's place.
    let mapped = unsafe { mmap(address, len, backing.prot.bits().into(), bits, file, offset) };
    if backing.kind == Kind::Superpages {
        // They are resident and wired.
        return mapped.map_err(|error| match error.raw_os_error() {
            // The processor has none, or not for these permissions, or no memory is contiguous enough.
            Some(EINVAL | ENOTSUP) => error.of_kind(ErrorKind::Unsupported).of_flag(Flags::HUGETLB),
            _ => error.of_flag(Flags::HUGETLB),
        });
    }
    let base = mapped?;
    if flags.contains(Flags::POPULATE) && !flags.contains(Flags::LOCKED) {
        // There is no MAP_POPULATE. Locked pages are present, and stay so for a while when they are unlocked; where the
        // limit on locked memory forbids it, they come when they are touched. `munlock` refuses nothing that was locked.
        let base = base.as_ptr().cast();
        // SAFETY: a mapping of ours; its contents stay.
        unsafe {
            if system::mlock(base, len) == 0 {
                system::munlock(base, len);
            }
        }
    }
    Ok(base)
}

const PROT_NONE: c_int = 0;

/// There is no MAP_FIXED_NOREPLACE: the address is a hint, which is taken if nothing is there.
pub(crate) fn reserve(address: usize, len: usize) -> Result<NonNull<u8>> {
    let hint = core::ptr::without_provenance_mut(address);
    // SAFETY: without MAP_FIXED nothing is replaced.
    let place = unsafe { mmap(hint, len, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0)? };
    if address != 0 && place.as_ptr().addr() != address {
        // SAFETY: just made.
        unsafe { release((place, len))? };
        return Err(Error::own(error::Call::Reserve, ErrorKind::Busy));
    }
    Ok(place)
}

/// To the kernel every page is one on its own.
pub(crate) unsafe fn split(_: Place, _: usize) -> Result<()> {
    Ok(())
}

pub(crate) unsafe fn release((ptr, len): Place) -> Result<()> {
    // SAFETY: a reservation, which the caller gives up.
    checked(Call::Munmap, unsafe { system::munmap(ptr.as_ptr().cast(), len) }).map(drop)
}

/// Address and length, widened to whole pages.
fn widened(ptr: NonNull<u8>, len: usize, backing: &Backing) -> (*mut c_void, usize) {
    let page = backing.page_size();
    let before = ptr.as_ptr().addr() & (page - 1);
    (ptr.as_ptr().wrapping_sub(before).cast(), (before + len + page - 1) & !(page - 1))
}

pub(crate) unsafe fn unmap(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    let (base, len) = widened(ptr, len, backing);
    // SAFETY: a whole mapping of ours, which the caller gives up.
    checked(Call::Munmap, unsafe { system::munmap(base, len) }).map(drop)
}

pub(crate) unsafe fn vacate(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<Place, MapError> {
    let (base, len) = widened(ptr, len, backing);
    if backing.kind == Kind::Superpages {
        // They are locked for good, and so not replaced in one step.
        return Err(Error::own(error::Call::IntoReservation, ErrorKind::Unsupported).into());
    }
    // SAFETY: a whole mapping of ours, which the caller gives up.
    Ok((unsafe { replace(base, len, PROT_NONE, MAP_NORESERVE)? }, len))
}

/// Puts fresh memory in the place of a mapping's pages. The kernel takes locked ones out piece by piece, and another
/// thread may map something in the gap (`vm_map_delete`). So they are unlocked first, and stay so if `mmap` fails, which
/// it does not. That undoes one lock; pages that were locked more often keep the risk.
///
/// # Safety
/// Whole pages of a mapping of ours, whose contents the caller gives up.
unsafe fn replace(base: *mut c_void, len: usize, prot: c_int, bits: c_int) -> Result<NonNull<u8>> {
    // SAFETY: the caller's promise.
    unsafe {
        system::munlock(base, len);
        mmap(base, len, prot, MAP_PRIVATE | MAP_ANON | MAP_FIXED | bits, -1, 0)
    }
}

pub(crate) unsafe fn protect(ptr: NonNull<u8>, len: usize, backing: &mut Backing, prot: Prot) -> Result<()> {
    let (base, len) = widened(ptr, len, backing);
    // SAFETY: a mapping of ours; the caller holds no reference that needs more permissions.
    let result = unsafe { system::mprotect(base, len, prot.bits().into()) };
    if let Err(error) = checked(Call::Mprotect, result) {
        // Some pages may have changed before it failed.
        backing.prot = backing.prot & prot;
        return Err(error);
    }
    backing.prot = prot;
    if prot.contains(Prot::EXEC) && cfg!(baremap_arch = "aarch64") {
        // SAFETY: a mapping of ours, in whole pages.
        unsafe { sync_instructions(base, len) };
    }
    Ok(())
}

/// Of the pages that are present alone. The walk would fetch the others, and raise SIGBUS past the end of a file. When
/// an access maps them, the kernel makes those executable that it has seen clean (`vm_fault_enter_set_mapped` in
/// osfmk/vm/vm_fault.c).
///
/// # Safety
/// Whole pages of a mapping that is readable.
unsafe fn sync_instructions(mut base: *mut c_void, mut len: usize) {
    const MINCORE_INCORE: c_char = 1;
    let page = page_size();
    let mut pages = [0; 256];
    while len != 0 {
        let part = len.min(page * pages.len());
        // SAFETY: within the mapping; there is a byte for each page.
        let is_known = unsafe { system::mincore(base, part, pages.as_mut_ptr()) } == 0;
        len -= part;
        let end = base.wrapping_byte_add(part);
        for state in pages {
            if base == end {
                break;
            }
            if !is_known || state & MINCORE_INCORE != 0 {
                // SAFETY: as above, and it is readable.
                unsafe { system::sys_icache_invalidate(base, page) };
            }
            base = base.wrapping_byte_add(page);
        }
    }
}

/// On failure the kernel undoes what it locked (`vm_map_wire_nested` in osfmk/vm/vm_map.c). Superpages are locked for
/// good, and `munlock` refuses them.
pub(crate) unsafe fn lock(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    if backing.kind == Kind::Superpages {
        return Ok(());
    }
    let (base, len) = widened(ptr, len, backing);
    // SAFETY: a mapping of ours; its contents stay.
    checked(Call::Mlock, unsafe { system::mlock(base, len) }).map(drop)
}

pub(crate) unsafe fn unlock(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    if backing.kind == Kind::Superpages {
        return Ok(());
    }
    let (base, len) = widened(ptr, len, backing);
    // SAFETY: as in `lock`.
    checked(Call::Munlock, unsafe { system::munlock(base, len) }).map(drop)
}

/// To wait for the medium would take F_FULLFSYNC on a descriptor of the file. No mapping keeps one: closing any
/// descriptor of a file drops the process's record locks on it (fcntl(2)).
pub(crate) unsafe fn flush(ptr: NonNull<u8>, len: usize, backing: &Backing, wait: bool) -> Result<()> {
    const MS_ASYNC: c_int = 0x1;
    const MS_SYNC: c_int = 0x10;
    if backing.kind != Kind::Shared {
        return Ok(());
    }
    let (base, len) = widened(ptr, len, backing);
    let how = if wait { MS_SYNC } else { MS_ASYNC };
    // SAFETY: a mapping of ours; its contents stay.
    uninterrupted(Call::Msync, || unsafe { system::msync(base, len, how) }).map(drop)
}

pub(crate) unsafe fn advise(ptr: NonNull<u8>, len: usize, backing: &Backing, advice: Advice) -> Result<()> {
    let advice = match advice {
        Advice::Normal => MADV_NORMAL,
        Advice::Random => MADV_RANDOM,
        Advice::Sequential => MADV_SEQUENTIAL,
        Advice::WillNeed => MADV_WILLNEED,
        // MADV_PAGEOUT is the kernel's own, and there are no transparent huge pages.
        Advice::Cold | Advice::PageOut | Advice::HugePage | Advice::NoHugePage => return Ok(()),
    };
    // SAFETY: a mapping of ours; these hints change no contents.
    match unsafe { advise_by(ptr, len, backing, advice) } {
        // The address is aligned and mapped, so this speaks of the advice.
        Err(error) if error.raw_os_error() == Some(EINVAL) => Ok(()),
        result => result,
    }
}

const MADV_NORMAL: c_int = 0;
const MADV_RANDOM: c_int = 1;
const MADV_SEQUENTIAL: c_int = 2;
const MADV_WILLNEED: c_int = 3;
const MADV_DONTNEED: c_int = 4;
const MADV_FREE: c_int = 5;

pub(crate) unsafe fn discard(
    ptr: NonNull<u8>,
    len: usize,
    backing: &Backing,
    discard: Discard,
) -> Result<()> {
    let refused = |kind| Err(Error::own(error::Call::Discard, kind));
    match (discard, backing.kind) {
        (Discard::DontNeed, Kind::Anon) => {
            // MADV_DONTNEED keeps the contents here; fresh memory in the place of the old has none.
            let (base, len) = widened(ptr, len, backing);
            // SAFETY: whole pages of a mapping of ours, whose contents the caller gives up.
            unsafe { replace(base, len, backing.prot.bits().into(), 0) }.map(drop)
        }
        // SAFETY: a mapping of ours; of a file the contents stay, and others the caller lets go.
        (Discard::DontNeed, Kind::Shared) => unsafe { advise_by(ptr, len, backing, MADV_DONTNEED) },
        // SAFETY: as above.
        (Discard::Free, Kind::Anon) => unsafe { advise_by(ptr, len, backing, MADV_FREE) },
        // Private pages become the file's again only by mapping it anew, and a hole needs the offset in the file; the
        // mapping knows neither.
        (Discard::DontNeed, Kind::Private | Kind::Superpages) | (Discard::Remove, Kind::Shared) => {
            refused(ErrorKind::Unsupported)
        }
        (Discard::Free | Discard::Remove, _) => refused(ErrorKind::InvalidInput),
    }
}

/// # Safety
/// As the advice.
unsafe fn advise_by(ptr: NonNull<u8>, len: usize, backing: &Backing, advice: c_int) -> Result<()> {
    let (base, len) = widened(ptr, len, backing);
    // SAFETY: the caller answers for the advice.
    checked(Call::Madvise, unsafe { system::madvise(base, len, advice) }).map(drop)
}

#[cfg(feature = "std")]
pub(crate) use descriptors::*;
