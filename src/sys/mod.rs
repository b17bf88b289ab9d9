//! The contract: what every backend gives, each with its promise. `build.rs` chooses the backend by a cfg; the
//! lines below fail to compile where one departs from the contract.
//!
//! Of the addresses and lengths that a backend is handed, only these facts may be used: they are a part
//! of one mapping, or the whole, and they are not empty. A backend aligns them as its system needs, by
//! widening. A failed system call is reported by its name and error code. Only what a signal interrupted is
//! retried. Nothing is allocated.
//!
//! # When a call fails
//! What can fail comes before what cannot be undone. This is what is left when one of several calls fails: nothing new,
//! and what was there before, unless a line says otherwise. "!" stands for the call that must fail too, after another one
//! did, because it undoes that. What is "lost" is memory or address space that nobody knows of any more. Operations that
//! are not named make one call. tests/faults.rs makes each call and each pair fail on Linux, ci/macho/faults on macOS,
//! ci/windows on Windows.
//!
//! | system | operation | calls | what is left |
//! |---|---|---|---|
//! | Linux | map_file, map_anon | fstatfs, mmap, mincore (HUGETLB), mlock (LOCKED), munlock! munmap! | the mapping is lost |
//! | | … in a place | the same, then mremap, and mmap, msync and faccessat if that failed | the reservation is whole; or lost if another thread mapped something into it, or if looking failed too |
//! | | map_anon in a place, plain | mprotect | |
//! | | is_empty_file_mappable | mmap, munmap! | a page is lost; the file counts as not mappable |
//! | | reserve at an address, before Linux 4.17 | mmap, munmap! | the range is lost |
//! | | vacate | mmap, then mmap and msync if that failed | the mapping is whole; or lost if the kernel unmapped it; see there |
//! | | protect | mprotect, mincore | `prot` is what old and new have in common |
//! | | lock | mlock, munlock! | a part may stay locked |
//! | | discard | madvise | a part of the contents may be gone, the memory never |
//! | macOS | map_file, map_anon | mmap, mlock (LOCKED), munmap! | the mapping is lost |
//! | | … in a place | mmap, mlock, munlock, mmap! | the place is lost |
//! | | POPULATE | mlock, munlock! | it stays locked until it is unmapped |
//! | | reserve at an address | mmap, munmap! | the range is lost |
//! | | vacate, discard of fresh memory | munlock, mmap | the mapping is whole, and unlocked |
//! | | protect | mprotect, mincore | as on Linux |
//! | Windows | open | MultiByteToWideChar, GetFullPathNameW, CreateFileW, VirtualFree! | 128 KiB are lost, the file is open |
//! | | open with `Create` | … SetFileInformationByHandle if the file was there | the file keeps its contents |
//! | | read | GetFileType, SetFilePointerEx, CreateEventW, ReadFile, GetOverlappedResult, SetFilePointerEx | if the last one fails, the position is moved |
//! | | map_file | DuplicateHandle, CreateFileMappingW, MapViewOfFile, VirtualProtect (COW), VirtualLock (LOCKED), UnmapViewOfFile! | the view is lost |
//! | | … in a place | … GetProcAddress, VirtualQuery, VirtualFree, MapViewOfFile3, VirtualProtect, VirtualLock, UnmapViewOfFile2! | the reservation, as one placeholder or two, which the next use joins; with the last one the place is lost |
//! | | map_anon | VirtualAlloc, VirtualLock, VirtualFree! | the memory is lost |
//! | | … in a place | VirtualQuery, VirtualFree, VirtualAlloc2, VirtualLock, VirtualFree! | the place is lost |
//! | | reserve | VirtualAlloc2, and on error 87 a probe, VirtualFree! | 64 KiB are lost |
//! | | split, release | VirtualQuery, VirtualFree | the reservation, as above |
//! | | unmap of a view in a place | UnmapViewOfFile, VirtualFree! | less than 64 KiB of address space is lost |
//! | | vacate | GetProcAddress, VirtualFree or UnmapViewOfFile2 | |
//! | | protect | FlushInstructionCache (EXEC), VirtualProtect | `prot` is what old and new have in common |
//! | | lock | VirtualLock, VirtualUnlock! | a part may stay locked |
//! | | flush | FlushViewOfFile up to ten times, FlushFileBuffers | the file system has the data, the disk may not |
//! | | discard of fresh memory | VirtualAlloc, VirtualProtect, VirtualProtect! | contents may be gone, the memory never; if the last one fails, it can be written to though `prot` says no |
//! | kernels | … with LOCKED, if `map` does not lock | map, lock, unmap! or vacate! | the mapping is lost, or the place |
//! | all | Reservation::aligned | reserve, split, release twice! | the part that is too much is lost |

#[cfg(baremap_backend = "apple")]
mod apple;
#[cfg(baremap_backend = "custom")]
pub mod custom;
#[cfg(baremap_backend = "linux")]
mod linux;
#[cfg(any(baremap_backend = "linux", baremap_backend = "apple"))]
mod posix;
#[cfg(baremap_backend = "windows")]
mod windows;

#[cfg(baremap_backend = "apple")]
use apple as backend;
#[cfg(baremap_backend = "custom")]
use custom as backend;
#[cfg(baremap_backend = "linux")]
use linux as backend;
#[cfg(baremap_backend = "windows")]
use windows as backend;

use crate::error::{Error, ErrorKind};
use crate::options::{Advice, Discard, Flags, Prot};
use core::ffi::CStr;
use core::fmt;
use core::ptr::NonNull;

/// The system's own name for an open file: a descriptor, a handle. `Copy`, and owns nothing.
pub use backend::RawFile;

/// What a mapping must remember for its system beside address and length: 8 bytes or less, with a field
/// `prot: Prot` that tells what may be done now. Its `EMPTY` stands behind a mapping of no bytes.
pub use backend::Backing;

/// The system's calls, one byte, each with a `name`.
pub(crate) use backend::Call;

/// And the functions, which are declared below. With `std` also `AsFile`, the trait of what lends an open file,
/// `BorrowedFile` and `OwnedFile`, the types of a lent and of an owned one, the way from each to a [`RawFile`] and back,
/// and `impl_as_file!`, which makes a type lend its file.
pub(crate) use backend::*;

type Result<T, E = Error> = core::result::Result<T, E>;

/// What is known of an open file.
pub(crate) struct FileStatus {
    pub(crate) kind: FileKind,
    /// In bytes, where the kind is `Regular`, and 0 elsewhere.
    pub(crate) len: u64,
    /// What the file system says its blocks have, in bytes, or 0. The two functions below that map files are given it.
    pub(crate) block_size: usize,
}

/// A new mapping: the address of the byte at the offset asked for, aligned or not, and the rest.
pub(crate) type View = (NonNull<u8>, Backing);

/// Why nothing was mapped, or nothing made a reservation of.
pub(crate) struct MapError {
    pub(crate) error: Error,
    /// What was there is there no more, as undoing failed too: what is there belongs to nobody, or to others.
    pub(crate) is_place_lost: bool,
}

impl From<Error> for MapError {
    #[inline]
    fn from(error: Error) -> Self {
        Self { error, is_place_lost: false }
    }
}

/// Locks a new mapping, if the flags ask for it: for backends that cannot lock it before it takes its place.
///
/// # Safety
/// Nobody knows of the mapping yet.
#[allow(dead_code, reason = "Linux can")]
unsafe fn locked(
    (ptr, backing): View,
    len: usize,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    if !flags.contains(Flags::LOCKED) {
        return Ok((ptr, backing));
    }
    // SAFETY: the caller's mapping, and given up if that fails.
    unsafe {
        lock(ptr, len, &backing)
            .map(|()| (ptr, backing))
            .map_err(|error| undone((ptr, backing), len, place, error.of_flag(Flags::LOCKED)))
    }
}

/// Gives a new mapping up for an error, and says what is left of its place.
///
/// # Safety
/// Nobody knows of the mapping yet.
#[allow(dead_code, reason = "as above")]
unsafe fn undone((ptr, backing): View, len: usize, place: Option<Place>, error: Error) -> MapError {
    // SAFETY: the caller's mapping.
    let is_left = unsafe {
        match place {
            None => unmap(ptr, len, &backing).is_err(),
            Some(_) => vacate(ptr, len, &backing).is_err(),
        }
    };
    MapError { error, is_place_lost: place.is_some() && is_left }
}

/// A reservation: address and length, both multiples of the allocation granularity.
pub(crate) type Place = (NonNull<u8>, usize);

/// What kind of thing an open file is, as far as mapping it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// Its length is known and is the limit of what can be mapped.
    Regular,
    /// Its length is not known, and it may be mappable.
    #[allow(dead_code, reason = "not every system maps devices")]
    Device,
    /// Not mappable.
    Other,
}

/// How to open a file. On every system the file is not inherited by child processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Open {
    /// An existing one, for reading.
    Read,
    /// An existing one, for reading and writing.
    ReadWrite,
    /// For reading and writing; made if it is missing and emptied if it is not.
    Create,
}

// Files. A `RawFile` is open for as long as the caller says, or the call fails.
const _: fn(&CStr, Open) -> Result<RawFile> = open;
/// The file is closed and the name free for another, whatever the system answers.
const _: fn(RawFile) = close;
const _: fn(RawFile) -> Result<FileStatus> = stat;
/// Of a regular file that says that it is empty, and its block size: whether it is one, as those that only say so cannot be
/// mapped.
const _: fn(RawFile, usize) -> bool = is_empty_file_mappable;
/// Sets the length, in bytes, up to `i64::MAX`.
const _: fn(RawFile, u64) -> Result<()> = set_len;
/// Contents and all metadata are on the disk on return.
const _: fn(RawFile) -> Result<()> = sync;
/// Reads at most `len` bytes to `to`, which are writable: from an offset, without the file's position, or
/// from the file's position (`None`). Returns the number of bytes read, 0 only at the end (or for a `len`
/// of 0). Of what has no offsets, an offset is an error of the kind `NotSeekable`, before anything is read and also for a
/// `len` of 0.
const _: unsafe fn(RawFile, *mut u8, usize, Option<u64>) -> Result<usize> = read;

// Sizes, in bytes; powers of two, asked of the system once.
/// The smallest unit of protection and residency.
const _: fn() -> usize = page_size;
/// A file's offset in a mapping, and a mapping's address, are multiples of this.
const _: fn() -> usize = allocation_granularity;

// Making mappings. The length is over 0, and offset + length no more than `i64::MAX`. A flag that cannot
// be honoured is an error that names it; only `READAHEAD` is not the backend's matter.
//
// With a place the mapping takes a reservation's, all of it, which nobody else uses or knows of. That is as long as
// the mapping, rounded up to the allocation granularity; the offset is a multiple of that, and `HUGETLB` is not among
// the flags. What can fail comes first. On failure nothing of the mapping is left, and the place is a reservation
// still, or the error says that it is lost.
/// Of a file, with the block size that `stat` told.
#[allow(clippy::type_complexity, reason = "the names would say no more")]
const _: unsafe fn(RawFile, usize, u64, usize, Prot, Flags, Option<Place>) -> Result<View, MapError> =
    map_file;
/// Zeroed, private memory.
const _: unsafe fn(usize, Prot, Flags, Option<Place>) -> Result<View, MapError> = map_anon;

// Address space with no access and no memory behind it.
/// At an address, where nothing is, or else it is an error of the kind `Busy`; at 0, where the system likes.
const _: fn(usize, usize) -> Result<NonNull<u8>> = reserve;
/// Makes two of a whole one, the first of this length. On failure it is whole.
const _: unsafe fn(Place, usize) -> Result<()> = split;
/// Gone on success, untouched on failure.
const _: unsafe fn(Place) -> Result<()> = release;

// On a whole mapping.
/// Gone on success, untouched on failure. Nothing may use the memory from the call on.
const _: unsafe fn(NonNull<u8>, usize, &Backing) -> Result<()> = unmap;
/// The mapping is a reservation on success, and untouched on failure, as of a mapping of which the system cannot make
/// one; or it is lost, as the error says. Nothing may use the memory from the call on.
const _: unsafe fn(NonNull<u8>, usize, &Backing) -> Result<Place, MapError> = vacate;
/// `prot` is in force on return, also for the instruction caches of every processor. On failure the pages
/// have the old or the new rights, and `Backing::prot` is what both allow. No reference may exist that
/// needs rights that `prot` lacks.
const _: unsafe fn(NonNull<u8>, usize, &mut Backing, Prot) -> Result<()> = protect;
/// Resident on return, and until `unlock`. Not locked on failure.
const _: unsafe fn(NonNull<u8>, usize, &Backing) -> Result<()> = lock;
const _: unsafe fn(NonNull<u8>, usize, &Backing) -> Result<()> = unlock;

// On a part of a mapping.
/// With `true`: what was written is on the disk on return, with what it takes to find it there again.
/// With `false`: the system was told to start writing.
const _: unsafe fn(NonNull<u8>, usize, &Backing, bool) -> Result<()> = flush;
/// A hint that the system does not know, or not for this mapping, is no error.
const _: unsafe fn(NonNull<u8>, usize, &Backing, Advice) -> Result<()> = advise;
/// Destroys contents, so nothing may rely on them.
const _: unsafe fn(NonNull<u8>, usize, &Backing, Discard) -> Result<()> = discard;

// Errors.
/// The kind of a code.
const _: fn(i32) -> ErrorKind = kind;
/// What it means of this call, if that is another kind.
const _: fn(Call, i32) -> Option<ErrorKind> = kind_of;
/// Writes the code's meaning in words, without the kind's, and in brackets its name if it has one, and its number.
const _: fn(i32, &mut fmt::Formatter<'_>) -> fmt::Result = describe;

const _: () = assert!(size_of::<Backing>() <= 8, "a mapping is three words");
