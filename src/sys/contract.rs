//! The contract: everything a backend implements, as one trait. A backend names nothing above this file.
//!
//! [`System`] is implemented by a type without values, which `sys/mod.rs` calls `Sys`. Each function states its promise;
//! a function of the operating system that fails is reported by its name and error code. Only a call that a signal
//! interrupted is retried. A backend allocates nothing.
//!
//! What can fail comes before what cannot be undone. After a failure nothing has changed, unless the function says what
//! it leaves; the table in `sys/mod.rs` lists that for every system.

pub(crate) mod files;
pub(crate) mod parts;
pub(crate) mod process;
pub(crate) mod residency;
pub(crate) mod shared;
pub(crate) mod special;

use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Discard, Flags, Prot};
use core::ffi::CStr;
use core::fmt;
use core::ptr::{NonNull, without_provenance_mut};

pub(crate) mod code;

pub(crate) type Result<T, E = Failure> = core::result::Result<T, E>;

/// A range of addresses that is not empty, unless it is [`EMPTY`](Self::EMPTY).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) ptr: NonNull<u8>,
    /// In bytes.
    pub(crate) len: usize,
}

impl Span {
    /// No addresses. Its start is a multiple of every page size and granularity, so that an empty mapping is aligned as
    /// a slice of any type.
    pub(crate) const EMPTY: Self =
        Self { ptr: NonNull::new(without_provenance_mut(1 << 16)).unwrap(), len: 0 };

    /// The range widened to multiples of `alignment`, a power of two.
    #[inline]
    pub(crate) fn widened(self, alignment: usize) -> Self {
        let start = self.ptr.as_ptr().map_addr(|address| address & !(alignment - 1));
        // SAFETY: the bytes before are part of the page in which the range starts, and no mapping starts at address 0.
        let ptr = unsafe { NonNull::new_unchecked(start) };
        // 0 if the range ends with the address space.
        let end = self.ptr.addr().get().wrapping_add(self.len + alignment - 1) & !(alignment - 1);
        Self { ptr, len: end.wrapping_sub(start.addr()) }
    }
}

/// The distance of an offset to the multiple of `alignment`, a power of two, at or before it.
#[expect(clippy::cast_possible_truncation, reason = "it is less than the alignment")]
#[inline]
pub(crate) const fn distance(offset: u64, alignment: usize) -> usize {
    offset as usize & (alignment - 1)
}

/// log2 of a power of two. Of 0 it is the number of bits.
#[expect(clippy::cast_possible_truncation, reason = "a number has fewer than 256 bits")]
#[inline]
pub(crate) const fn log2(size: usize) -> u8 {
    size.trailing_zeros() as u8
}

/// What is known of an open file.
pub(crate) struct FileStatus {
    pub(crate) kind: FileKind,
    /// In bytes; 0 if the kind is not `Regular`.
    pub(crate) len: u64,
    /// The block size that the file system reports, in bytes, or 0. `map_file` and `is_empty_file_mappable` receive it.
    pub(crate) block_size: usize,
}

/// The kind of an open file, by how it can be mapped.
#[allow(unreachable_pub, reason = "a kernel sees it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// Its length is known, and limits what can be mapped.
    Regular,
    /// Its length is not known, and it may be mappable.
    #[allow(dead_code, reason = "not every system maps devices")]
    Device,
    /// Not mappable.
    #[allow(dead_code, reason = "a system without a backend knows no file")]
    Other,
}

/// How to open a file.
#[allow(clippy::enum_variant_names, reason = "to open or create is what it is called")]
#[allow(unreachable_pub, reason = "a kernel sees it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Open {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// For reading and writing; created if it does not exist, truncated to length 0 if it does.
    Create,
    /// For reading and writing; created, or an error of kind
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if it exists.
    CreateNew,
    /// For reading and writing; created if it does not exist, unchanged if it does.
    OpenOrCreate,
}

/// What to map, of a file or of fresh memory.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    /// In bytes, at least 1.
    pub(crate) len: usize,
    /// Contains `READ`, or is `NONE`.
    pub(crate) prot: Prot,
    /// A flag that cannot be honoured is a failure that names it. The backend ignores `READAHEAD`.
    pub(crate) flags: Flags,
    /// The address to map at if nothing is there, a multiple of the allocation granularity; 0 if there is no such wish, or
    /// if there is a reservation.
    #[allow(dead_code, reason = "kernels have no hints")]
    pub(crate) hint: usize,
    /// The reservation that the mapping replaces, all of it; nobody else uses it. It is as long as the mapping, rounded
    /// up to the allocation granularity; the offset is a multiple of that, and `flags` lacks `HUGETLB`.
    ///
    /// After a failure nothing of the mapping is left, and the range is a reservation still, or it is lost.
    pub(crate) reservation: Option<Span>,
    /// log2 of the size of huge pages, or 0 for the usual one. If not 0, `flags` contains `HUGETLB`.
    #[allow(dead_code, reason = "kernels have no huge pages")]
    pub(crate) huge_log2: u8,
}

/// The part of a file to map. Offset and length together are at most `i64::MAX`.
#[derive(Clone, Copy)]
pub(crate) struct FilePart<F> {
    #[allow(dead_code, reason = "a system without a backend maps none")]
    pub(crate) file: F,
    /// In bytes, aligned or not.
    pub(crate) offset: u64,
    /// As `stat` reported it.
    #[allow(dead_code, reason = "Linux alone uses it")]
    pub(crate) block_size: usize,
    /// Whether it is no file, but a section: see `Shared::Section`.
    #[allow(dead_code, reason = "Windows alone uses it")]
    pub(crate) is_section: bool,
}

/// A new mapping: the address of the byte at the requested offset, and what the system must remember of it.
#[derive(Clone, Copy)]
pub(crate) struct Mapped<B> {
    pub(crate) ptr: NonNull<u8>,
    pub(crate) backing: B,
}

/// Why nothing was mapped, or no reservation made of a mapping.
pub(crate) struct MapFailure {
    pub(crate) failure: Failure,
    /// Whether the range is lost: undoing failed too, and what lies there is nobody's or another's.
    pub(crate) is_span_lost: bool,
}

impl From<Failure> for MapFailure {
    #[inline]
    fn from(failure: Failure) -> Self {
        Self { failure, is_span_lost: false }
    }
}

/// What a thread has used since it began.
#[allow(dead_code, reason = "for the Reader, which needs alloc")]
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// CPU time, in user space and for system calls and page faults.
    pub(crate) nanoseconds: u64,
    pub(crate) faults: u64,
}

/// An operating system.
///
/// A `Span` together with a `Backing` is a whole mapping, or a part of one where the function says so: its first byte
/// and its length as the caller of the crate sees them, aligned or not. A backend widens it to what its system needs.
pub(crate) trait System {
    /// How the system names an open file: a descriptor, a handle. Owns nothing.
    type RawFile: Copy;
    /// What a mapping must remember beside its address and length, in at most 8 bytes.
    type Backing: Copy;

    /// The backing of a mapping of no bytes.
    const EMPTY: Self::Backing;

    // Files. A `RawFile` is open for as long as the caller says, or the call fails.

    /// Opens a file that child processes do not inherit.
    fn open(path: &CStr, open: Open) -> Result<Self::RawFile>;

    /// Closes a file. It is closed even if the system reports a failure.
    fn close(file: Self::RawFile);

    fn stat(file: Self::RawFile) -> Result<FileStatus>;

    /// Returns whether a regular file that reports a length of 0 is empty. A file that only says so, as those of /proc do,
    /// cannot be mapped.
    fn is_empty_file_mappable(file: Self::RawFile, block_size: usize) -> bool;

    /// Makes a file in memory that has no name and a length of 0, open for reading and writing. Child processes do not
    /// inherit it.
    fn memory_file() -> Result<Self::RawFile>;

    /// Allocates disk space for a range that is not empty and ends at most at `i64::MAX`. Extends a shorter file to the
    /// end of the range. After a failure part of the space may be allocated, and the file may be longer.
    fn allocate(file: Self::RawFile, offset: u64, len: u64) -> Result<()>;

    /// Sets the length in bytes, at most `i64::MAX`.
    fn set_len(file: Self::RawFile, len: u64) -> Result<()>;

    /// Writes contents and metadata to the disk; they are there on return.
    fn sync(file: Self::RawFile) -> Result<()>;

    /// Reads at most `len` bytes at an offset, or with `None` at the file's position. Returns how many were read, 0 only
    /// at the end of the file or for a `len` of 0.
    ///
    /// An offset fails with `NotSeekable` if the file has no offsets, before anything is read, also for a `len` of 0.
    ///
    /// # Safety
    /// `len` bytes at `buffer` are writable. They need not be initialized.
    unsafe fn read(file: Self::RawFile, buffer: *mut u8, len: usize, offset: Option<u64>) -> Result<usize>;

    /// Writes at most all of `bytes` at an offset, and returns how many were written. Offset and length together are at
    /// most `i64::MAX`.
    fn write(file: Self::RawFile, bytes: &[u8], offset: u64) -> Result<usize>;

    // Sizes in bytes, powers of two, asked of the system once.

    /// The granularity of protection and residency.
    fn page_size() -> usize;

    /// Offsets in files and addresses of mappings are multiples of this.
    fn allocation_granularity() -> usize;

    // Making mappings.

    /// Maps a part of a file: shared, or private with `COW`.
    ///
    /// # Safety
    /// The reservation, if there is one, is the caller's.
    unsafe fn map_file(
        part: FilePart<Self::RawFile>,
        request: Request,
    ) -> Result<Mapped<Self::Backing>, MapFailure>;

    /// Maps zeroed, private memory.
    ///
    /// # Safety
    /// The reservation, if there is one, is the caller's.
    unsafe fn map_anon(request: Request) -> Result<Mapped<Self::Backing>, MapFailure>;

    // Reservations: address space without access, without memory. Addresses and lengths are multiples of the
    // allocation granularity.

    /// Reserves address space at `address`, or fails with `Busy` if anything is there; at 0 the system chooses.
    fn reserve(address: usize, len: usize) -> Result<Span>;

    /// Divides a whole reservation at `at`, which lies inside it. After a failure it is whole.
    ///
    /// # Safety
    /// The reservation is the caller's.
    unsafe fn split(reservation: Span, at: usize) -> Result<()>;

    /// Releases a whole reservation.
    ///
    /// # Safety
    /// The reservation is the caller's, and no longer used.
    unsafe fn release(reservation: Span) -> Result<()>;

    // Whole mappings.

    /// Returns the permissions that the mapping has now.
    fn prot(backing: &Self::Backing) -> Prot;

    /// Returns the size of the mapping's pages in bytes: `page_size`, unless they are huge.
    fn page_size_of(backing: &Self::Backing) -> usize;

    /// Unmaps a mapping.
    ///
    /// # Safety
    /// The mapping is the caller's, and no longer used.
    unsafe fn unmap(span: Span, backing: &Self::Backing) -> Result<()>;

    /// Replaces a mapping with a reservation of its pages. After a failure it is unchanged, or it is lost.
    ///
    /// # Safety
    /// The mapping is the caller's, and no longer used.
    unsafe fn unmap_to_reservation(span: Span, backing: &Self::Backing) -> Result<Span, MapFailure>;

    /// Changes the permissions to `prot`, which contains `READ` or is `NONE`. They are in force on return, and with
    /// `EXEC` the instruction caches of every processor see what was written. After a failure each page has the old or
    /// the new permissions, and `prot` returns those that both allow.
    ///
    /// # Safety
    /// The mapping is the caller's, and no reference exists that needs permissions which `prot` lacks.
    unsafe fn protect(span: Span, backing: &mut Self::Backing, prot: Prot) -> Result<()>;

    // Parts of mappings.

    /// Makes the pages resident and keeps them so. After a failure only pages are locked that were locked before, or none.
    ///
    /// # Safety
    /// The mapping is the caller's, here and in what follows.
    unsafe fn lock(span: Span, backing: &Self::Backing) -> Result<()>;

    /// Undoes `lock`. Pages that are not locked are no error.
    ///
    /// # Safety
    /// As `lock`.
    unsafe fn unlock(span: Span, backing: &Self::Backing) -> Result<()>;

    /// Writes changed pages to the disk. With `wait` they are there on return, with the metadata to find them; without,
    /// writing has begun.
    ///
    /// # Safety
    /// As `lock`.
    unsafe fn flush(span: Span, backing: &Self::Backing, wait: bool) -> Result<()>;

    /// Passes a hint on. `Ok` if the system does not support it, or not for this mapping.
    ///
    /// # Safety
    /// As `lock`.
    unsafe fn advise(span: Span, backing: &Self::Backing, advice: Advice) -> Result<()>;

    /// Destroys contents.
    ///
    /// # Safety
    /// As `lock`, and nobody relies on the contents.
    unsafe fn discard(span: Span, backing: &Self::Backing, discard: Discard) -> Result<()>;

    // The fault guard, which repairs `fault::copy` by `fault::fixup`.

    /// Installs the guard in this process; again is no error.
    fn install_guard() -> Result<()>;

    /// Returns whether the guard was installed, at the cost of a load.
    fn is_guard_installed() -> bool;

    /// Returns whether the guard was installed and nothing has replaced it.
    fn is_guard_in_force() -> bool;

    /// Returns the CPU time and the page faults of this thread until now; `None` if the system does not report them.
    #[allow(dead_code, reason = "for the Reader, which needs alloc")]
    fn usage() -> Option<Usage> {
        None
    }

    // Errors.

    /// Returns the kind of a code, whatever call reported it.
    fn kind(code: i32) -> ErrorKind;

    /// Returns the kind of a code if this call gives it another meaning.
    fn kind_of_call(call: Call, code: i32) -> Option<ErrorKind>;

    /// Writes what a code means, then in parentheses its name, if it has one, and its number.
    fn describe(code: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    // Provided for systems that make no promise about the contents of a file.

    /// Makes the system promise that contents and length never change again. Fails with `Busy` while anything can write.
    #[allow(unused_variables, reason = "its name is part of the contract")]
    fn seal(file: Self::RawFile) -> Result<()> {
        Err(Failure::refused(Call::Seal, ErrorKind::Unsupported))
    }

    /// Returns whether the system promises that contents never change and the file is never truncated. A promise that
    /// was found lasts as long as the file.
    #[allow(unused_variables, reason = "as above")]
    fn is_sealed(file: Self::RawFile) -> Result<bool> {
        Err(Failure::refused(Call::MapSealed, ErrorKind::Unsupported))
    }

    // Provided for systems that cannot lock a mapping before it is in its place.

    /// Locks a new mapping if the request asks for it.
    ///
    /// # Safety
    /// Nobody else knows of the mapping yet.
    #[allow(dead_code, reason = "Linux can")]
    #[inline(always)]
    unsafe fn lock_new(
        mapped: Mapped<Self::Backing>,
        request: Request,
    ) -> Result<Mapped<Self::Backing>, MapFailure> {
        if !request.flags.contains(Flags::LOCKED) {
            return Ok(mapped);
        }
        // SAFETY: the caller's mapping.
        match unsafe { Self::lock(Span { ptr: mapped.ptr, len: request.len }, &mapped.backing) } {
            Ok(()) => Ok(mapped),
            // SAFETY: as above.
            Err(failure) => Err(unsafe { Self::undo_map(mapped, request, failure.with_flag(Flags::LOCKED)) }),
        }
    }

    /// Gives a new mapping up because of a failure; its reservation is restored or lost.
    ///
    /// # Safety
    /// Nobody else knows of the mapping yet.
    #[allow(dead_code, reason = "Linux has no use for it")]
    unsafe fn undo_map(mapped: Mapped<Self::Backing>, request: Request, failure: Failure) -> MapFailure {
        let span = Span { ptr: mapped.ptr, len: request.len };
        // SAFETY: the caller's mapping.
        let is_span_lost = unsafe {
            match request.reservation {
                None => {
                    let _ = Self::unmap(span, &mapped.backing);
                    false
                }
                Some(_) => Self::unmap_to_reservation(span, &mapped.backing).is_err(),
            }
        };
        MapFailure { failure, is_span_lost }
    }
}
