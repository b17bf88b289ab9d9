//! The systems: which backend implements the contract, and what each leaves after a failure.
//!
//! `contract.rs` has the contract, `build.rs` chooses the backend by a cfg. To read a backend, start with its `mod.rs`;
//! `posix.rs` has what Linux, macOS and other POSIX systems share.
//!
//! # When a call fails
//! What can fail comes before what cannot be undone. The table lists what remains when one of several calls fails: nothing
//! new, and everything that was there before, unless the last column says otherwise. "!" marks a call that undoes an earlier one,
//! and must fail too. "Lost" is memory or address space to which nothing refers any more. Operations that are not
//! listed make one call. tests/faults.rs makes each call and each pair fail on Linux, ci/macho/faults on macOS, and
//! ci/windows on Windows. Those of the BSDs and of illumos are not made to fail.
//!
//! | system | operation | calls | what is left |
//! |---|---|---|---|
//! | Linux | `map_file`, `map_anon` | fstatfs, mmap, mincore (`HUGETLB`), mlock (`LOCKED`), munlock! munmap! | the mapping is lost |
//! | | … in a reservation | the same, then mremap; if that failed mmap, msync, faccessat | the reservation is whole; or lost if another thread mapped something into it, or if the last three failed too |
//! | | `map_anon` in a reservation, plain | mprotect | |
//! | | `new_object` | memfd_create, ftruncate, fcntl, fstat, close! | |
//! | | `create_object` | openat, ftruncate, fstat, unlinkat! close! | the name is left |
//! | | `is_empty_file_mappable` | mmap, munmap! | a page is lost; the file counts as not mappable |
//! | | `reserve` at an address, before Linux 4.17 | mmap, munmap! | the range is lost |
//! | | `unmap_to_reservation` | mmap; if that failed mmap, msync | the mapping is whole; or lost if the kernel unmapped it: see there |
//! | | `protect` | mprotect, mincore | `prot` is what old and new have in common |
//! | | `lock`, `lock_on_fault` | mlock or mlock2, munlock! | some pages may stay locked |
//! | | `set_inheritance` | madvise, madvise | wiped and omitted, or neither |
//! | | `raise_lock_limit` | prlimit64 to ask, to set, to set less | |
//! | | `discard` | madvise | some contents may be gone, the memory never |
//! | | `extend` | as `map_file`, `map_anon` in a reservation | the mapping is as before; the part of the reservation that was to be taken is whole or lost, as there |
//! | | `resize` to less | munmap | |
//! | | `resize` to more | mremap; where that cannot, mmap, mlock (`LOCKED`), mprotect, munmap, munmap! | the new mapping is lost, the old one as before |
//! | | `map_secret` | memfd_secret, ftruncate, as `map_anon`, close! | as `map_anon`; the descriptor is lost |
//! | | `temporary_file`, where O_TMPFILE is missing | openat three times, unlinkat, close twice! | with unlinkat an empty file; a descriptor is lost |
//! | | `regions` | openat, ioctl or read, close! | a descriptor is lost |
//! | macOS | `map_file`, `map_anon` | mmap, mlock (`LOCKED`), munmap! | the mapping is lost |
//! | | … in a reservation | mmap, mlock, munlock, mmap! | the range is lost |
//! | | `create_object` | shm_open, ftruncate, fstat, shm_unlink! close! | the name is left |
//! | | `POPULATE`, `populate` | mlock, munlock! | the pages stay locked until they are unmapped |
//! | | `raise_lock_limit` | getrlimit, setrlimit, setrlimit | |
//! | | `reserve` at an address | mmap, munmap! | the range is lost |
//! | | `unmap_to_reservation`, `discard` of fresh memory | munlock, mmap | the mapping is whole, and unlocked |
//! | | `protect` | mprotect, mincore | as on Linux |
//! | | `extend` | as `map_file`, `map_anon` in a reservation | as on Linux |
//! | | `resize` to less | munmap | |
//! | | `resize` to more | mmap, mlock (`LOCKED`), mprotect, munmap, munmap! | as on Linux |
//! | | `install_guard` | sigaction four times | SIGBUS may have the guard's handler already, which passes everything on |
//! | | `temporary_file` | open, openat, unlinkat, close twice! | as on Linux |
//! | | `regions` | vm_region_recurse_64, proc_regionfilename | if the last one fails, the region has neither name nor offset |
//! | BSDs, illumos | `map_file`, `map_anon` | mmap, mlock (`LOCKED`), munmap! | the mapping is lost |
//! | | … in a reservation | mmap or, of fresh memory, mprotect; mlock, mmap! | the range is lost; also if the first mmap fails for want of memory |
//! | | `create_object` | shm_open, ftruncate, fstat, shm_unlink! close! | the name is left |
//! | | `reserve` at an address | mmap, munmap! | the range is lost |
//! | | `unmap_to_reservation` | mmap | the mapping is whole; or lost, for want of memory |
//! | | `protect` | mprotect | `prot` is what old and new have in common |
//! | | `unlock` | munlock; if some pages are not locked, for each page | some pages may stay locked |
//! | | `raise_lock_limit`, `resize`, `extend`, `install_guard`, `temporary_file`, `map_stack` | as on macOS | as there |
//! | | `discard` of fresh memory | madvise | the contents are gone, the memory never |
//! | | `begin_writing`, `end_writing` | mprotect | the memory may not be executable, until both succeed |
//! | Windows | `open` | MultiByteToWideChar, GetFullPathNameW, VirtualAlloc (long paths), CreateFileW, VirtualFree! | 128 KiB are lost, the file is open |
//! | | `open` with `Create` | … SetFileInformationByHandle if the file existed | the file keeps its contents |
//! | | `read`, `write` | GetFileType, SetFilePointerEx, CreateEventW, ReadFile or WriteFile, GetOverlappedResult, SetFilePointerEx | if the last one fails, the position is moved, and the bytes were transferred |
//! | | `lock_file` | CreateEventW, LockFileEx, GetOverlappedResult | |
//! | | `unlock_file` | UnlockFile twice | if the last one fails, the file is unlocked, or has one lock of two |
//! | | `temporary_file` | as `open` | the file is deleted |
//! | | `regions` | VirtualAlloc, VirtualQuery, K32GetMappedFileNameW, WideCharToMultiByte, VirtualFree! | 160 KiB are lost; if K32GetMappedFileNameW or WideCharToMultiByte fails, the region has no name |
//! | | `map_file` | DuplicateHandle, CreateFileMappingW, MapViewOfFile, VirtualProtect (`COW`), VirtualLock (`LOCKED`), UnmapViewOfFile! | the view is lost |
//! | | … in a reservation | … GetProcAddress, VirtualQuery, VirtualFree, MapViewOfFile3, VirtualProtect, VirtualLock, UnmapViewOfFile2! | the reservation, as one placeholder or two, which the next use joins; with the last one the range is lost |
//! | | `new_object`, `create_object`, `open_object` | MultiByteToWideChar, CreateFileMappingW or OpenFileMappingW, MapViewOfFile, VirtualQuery, UnmapViewOfFile! | a view is lost |
//! | | `map_anon` | VirtualAlloc, VirtualLock, VirtualFree! | the memory is lost |
//! | | … in a reservation | VirtualQuery, VirtualFree, VirtualAlloc2, VirtualLock, VirtualFree! | the range is lost |
//! | | `reserve` | VirtualAlloc2, and on error 87 a probe, VirtualFree! | 64 KiB are lost |
//! | | `split`, `release` | VirtualQuery, VirtualFree | the reservation, as above |
//! | | `unmap` of a view in a reservation | UnmapViewOfFile, VirtualFree! | less than 64 KiB of address space is lost |
//! | | `unmap_to_reservation` | GetProcAddress, VirtualFree or UnmapViewOfFile2 | |
//! | | `unmap` of several pieces | VirtualQuery, VirtualFree or UnmapViewOfFile for each | if the first one fails, all; else those that failed are lost, with VirtualQuery all from there |
//! | | `unmap_to_reservation` of several | VirtualQuery, VirtualFree or UnmapViewOfFile2 for each | if the first one fails, all; else the range is lost |
//! | | `join_reservations` | VirtualFree at most five times | two reservations, as above |
//! | | `split_mapping` | VirtualQuery, DuplicateHandle | |
//! | | `extend` | VirtualQuery, VirtualAlloc, or VirtualProtect and `map_file` in the last granule, then `map_file` or `map_anon`, VirtualProtect, VirtualLock, `undo_map`! | what was mapped in the last granule stays past the mapping's end; with the last one the reservation is lost |
//! | | `shorten` | VirtualQuery, VirtualFree to decommit, then as `unmap` of several | if the first one fails, all; else pieces are lost |
//! | | `protect` | FlushInstructionCache (`EXEC`), VirtualProtect for each piece | `prot` is what old and new have in common |
//! | | `lock` | VirtualLock for each piece, VirtualUnlock! | some pages may stay locked |
//! | | `unlock` | VirtualUnlock for each piece; if some pages are not locked, for each page | some pages may stay locked |
//! | | `raise_lock_limit` | GetProcessWorkingSetSize, SetProcessWorkingSetSize, GetProcessWorkingSetSize | the limit may be raised |
//! | | `flush` | FlushViewOfFile up to ten times for each piece, FlushFileBuffers | the file system has the data, the disk may not |
//! | | `discard` of fresh memory | VirtualAlloc, VirtualProtect, VirtualProtect! | contents may be gone, the memory never; if the last one fails, the memory is writable though `prot` says no |
//! | Linux | `map_code` | memfd_create, ftruncate, mmap twice, munmap! | the executable mapping is lost |
//! | | `map_stack` | mmap, mprotect, munmap! | the stack is lost |
//! | macOS | `map_stack` | mmap, mprotect, munmap! | the stack is lost |
//! | | `begin_writing`, `end_writing` on x86_64 | mprotect | the memory may not be executable, until both succeed |
//! | Windows | `map_code` | CreateFileMappingW, MapViewOfFile twice, UnmapViewOfFile! | the executable view is lost |
//! | | `map_stack` | VirtualAlloc twice, VirtualFree! | the stack is lost |
//! | kernels | `map_stack` | reserve, map, unmap! | the range is lost |
//! | | `unmap_stack` | unmap twice! | the guard's address space is lost |
//! | kernels | … with `LOCKED`, if `map` does not lock | map, lock, unmap! or unmap_to_reservation! | the mapping is lost, or the range |
//! | | `extend` | map, join, unmap_to_reservation! | the part of the reservation that was to be taken is lost |
//! | | `resize` to less, if `split` can | split, unmap, join! | the mapping is as before, but for the kernel it is two |
//! | | `resize` otherwise | map, protect, unmap, unmap! | the new mapping is lost, the old one as before |
//! | all | `extend`, if part of a reservation is taken | split, then the system's | as the system's |
//! | all | `Reservation::aligned` | reserve, split, release twice! | the rest that was to be released is lost |

pub(crate) mod contract;
pub(crate) mod fault;

// `doc(cfg(all()))`: what every backend has is not labelled as that of one.

#[cfg(baremap_backend = "linux")]
#[cfg_attr(docsrs, doc(cfg(all())))]
mod linux;
#[cfg(baremap_backend = "linux")]
use linux::{self as backend, Linux as Chosen};

#[cfg(baremap_backend = "apple")]
#[cfg_attr(docsrs, doc(cfg(all())))]
mod apple;
#[cfg(baremap_backend = "apple")]
use apple::{self as backend, Apple as Chosen};

#[cfg(baremap_backend = "windows")]
#[cfg_attr(docsrs, doc(cfg(all())))]
mod windows;
#[cfg(baremap_backend = "windows")]
use windows::{self as backend, Windows as Chosen};

#[cfg(any(
    baremap_backend = "dragonfly",
    baremap_backend = "freebsd",
    baremap_backend = "illumos",
    baremap_backend = "netbsd",
    baremap_backend = "openbsd"
))]
#[cfg_attr(docsrs, doc(cfg(all())))]
mod unix;
#[cfg(any(
    baremap_backend = "dragonfly",
    baremap_backend = "freebsd",
    baremap_backend = "illumos",
    baremap_backend = "netbsd",
    baremap_backend = "openbsd"
))]
use unix::{self as backend, Unix as Chosen};

#[cfg(baremap_backend = "custom")]
mod custom;
#[cfg(baremap_backend = "custom")]
use custom::{self as backend, Custom as Chosen};

#[cfg(baremap_backend = "unsupported")]
mod unsupported;
#[cfg(baremap_backend = "unsupported")]
use unsupported::{self as backend, Unsupported as Chosen};

#[cfg(not(any(baremap_backend = "windows", baremap_backend = "custom", baremap_backend = "unsupported")))]
mod posix;

pub(crate) use contract::System;
pub(crate) use contract::code::{Code, Stacks};
pub(crate) use contract::parts::Parts;
pub(crate) use contract::residency::Residency;
pub(crate) use contract::shared::Shared;

/// The operating system.
pub(crate) type Sys = Chosen;

/// The system's name for an open file: a descriptor, a handle.
///
/// It is `Copy` and owns nothing.
pub use backend::RawFile;

/// What the system must remember of a mapping beside its address and length.
///
/// It is opaque: [`Mapping::into_raw_parts`](crate::Mapping::into_raw_parts) returns it, and
/// [`Mapping::from_raw_parts`](crate::Mapping::from_raw_parts) takes it back.
pub use backend::Backing;

/// With std: the trait of types that lend an open file, the types of a borrowed and of an owned file, and the
/// conversions between these and a [`RawFile`].
#[cfg(feature = "std")]
pub(crate) use backend::std_files;

const _: () = assert!(size_of::<Backing>() <= 8, "a mapping is three words");
