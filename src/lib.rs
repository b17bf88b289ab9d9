//! Maps files and memory on Linux, macOS and Windows, without std and without dependencies.
//!
//! Linux is reached by raw system calls, which it promises to keep, macOS through libSystem, Windows through kernel32.
//!
//! ```
//! use baremap::{File, Flags, Mmap};
//!
//! # let path = std::env::temp_dir().join(format!("baremap-{}-crate", std::process::id()));
//! # std::fs::write(&path, "# baremap\n").unwrap();
//! # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
//! # let path = path.as_c_str();
//! let file = File::open(path)?;
//! # std::fs::remove_file(path.to_str().unwrap()).unwrap();
//! // SAFETY: nobody changes or truncates the file while it is mapped.
//! let map = unsafe { Mmap::new(&file).flags(Flags::READAHEAD).map()? };
//! assert!(map.starts_with(b"# baremap"));
//! map.unmap()?; // or let it drop
//!
//! let mut scratch = Mmap::anon(1 << 20).map_mut()?; // safe, zeroed, writable
//! scratch[0] = 1;
//! # Ok::<_, baremap::Error>(())
//! ```
//!
//! # Where to start
//! - [`Mmap`] says what to map: a [`File`], any other open file, or fresh memory.
//! - [`Mapping`] and [`MappingMut`] are the result: a slice of bytes, unmapped when it is dropped. [`RawMapping`] gives
//!   pointers only.
//! - [`Reservation`] is address space for mappings that must lie at certain addresses.
//! - [`SharedMemory`] is memory that several processes map.
//! - [`Code`] is memory for code that is written while the program runs, and [`Stack`] one for a thread or a coroutine.
//! - [`View`] and `Reader` (feature `alloc`) are safe, whatever others do to the file: the one copies parts of it, the other
//!   goes through it in chunks. [`guard::install`] makes views fast.
//! - [`Contents`] is the whole of a file, pipe or terminal as one slice.
//! - [Coming from](guide::coming_from) memmap2, mmap-rs, region or Go, find your names and what to write here.
//! - `custom::Backend` is what a kernel implements, where there is no operating system.
//!
//! # Features
//! `std` is on by default; with `default-features = false` the crate needs `core` alone.
//! - `alloc`: `Reader`.
//! - `std` (includes `alloc`): whatever lends a file to std can be mapped, for example `&std::fs::File`; paths are whatever
//!   std takes for one; [`File`] and [`Error`] convert from and to std's; `Reader` is `Read`, `BufRead` and `Seek`.
//!
//! # Targets
//! Where the crate has no backend for a system or its processor, it compiles and every call fails with
//! [`ErrorKind::Unsupported`]; so too on the targets for Windows 7 and UWP. It does not compile where addresses have 16 bits.
//!
//! Linux is supported as of 3.2, the oldest of std too; loongarch64 begins with 5.19. What a kernel added later is asked for and
//! never presumed. Where it is missing, the call that needs it fails with `Unsupported`: [`File::memory`], [`Code`] and
//! [`SharedMemory::new`] before 3.17, [`lock_on_fault`](Mapping::lock_on_fault) before 4.4,
//! [`populate_read`](Mapping::populate_read) and [`Flags::SECRET`] before 5.14.
//!
//! A cfg in `RUSTFLAGS` chooses the backend. Where it cannot be had, the build fails with a sentence that says so.
//! - `--cfg baremap_backend="system"`: the system's own, for programs that are no use without.
//! - `--cfg baremap_backend="custom"`: a kernel's, on any target without feature `std`. It is the default of bare targets,
//!   and of UEFI without `std`. If none is registered, linking fails with an undefined symbol whose name says so.
//! - `--cfg baremap_backend="linux"`: Linux's calls, on a bare target.
//! - `--cfg baremap_backend="unsupported"`: none, to test how a program fares then.
//!
//! In platform notes, "Unix" means Linux, Apple's systems, the BSDs and illumos, and "BSD" FreeBSD, NetBSD, OpenBSD and
//! DragonFly. "Linux" includes Android and OpenHarmony, and "macOS" Apple's other systems, unless these are named. "Kernels"
//! are programs with a custom backend.
//!
//! # Safety
//! To map a file as a slice is `unsafe`, because a slice must neither change nor vanish while it is borrowed, and a file is not
//! this process's alone. The caller promises:
//!
//! - Nobody changes the mapped part of the file while the mapping lives, except through the mapping itself. With
//!   [`Flags::COW`] this holds for the pages that were not written yet.
//! - Nobody truncates the file to less than what is mapped. Access past the new end raises SIGBUS, which ends the process.
//!   Windows refuses to truncate a mapped file, unless the file lies on another machine.
//! - The device can serve the pages that are touched: a read error, or a full disk when a hole is written, raises SIGBUS
//!   too, and `EXCEPTION_IN_PAGE_ERROR` on Windows.
//!
//! Everything else is safe: [`View`], `Reader`, [`Contents::read`], anonymous memory, [`RawMapping`], and every method that is not marked `unsafe`.
//! [The guide](guide::safety) says for each kind of access what others can and cannot do.

#![no_std]
// Lints for the crate alone; Cargo.toml has those for tests and examples too. A cast that keeps the number says by which fact.
#![warn(
    elided_lifetimes_in_paths,
    missing_debug_implementations,
    unreachable_pub,
    clippy::alloc_instead_of_core,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::missing_errors_doc,
    clippy::return_self_not_must_use,
    clippy::std_instead_of_core
)]
// No input may panic.
#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod code;
mod contents;
#[cfg(baremap_backend = "custom")]
pub mod custom;
mod error;
mod file;
pub mod guard;
pub mod guide;
mod limits;
mod mapping;
mod memmap2;
mod mmap;
mod options;
pub mod process;
#[cfg(feature = "alloc")]
mod reader;
mod reservation;
#[cfg(feature = "alloc")]
mod search;
mod shared;
mod stack;
#[cfg(feature = "std")]
mod std_impls;
mod sys;
mod view;

pub use code::Code;
pub use contents::{Contents, ContentsOptions};
pub use error::{Error, ErrorKind, Refused};
pub use file::borrowed::AsFileRef;
pub use file::{AsPath, File, FileRef};
pub use limits::{lock_limit, raise_lock_limit};
pub use mapping::residency::Resident;
pub use mapping::{Mapping, MappingMut, RawMapping, access};
#[doc(hidden)]
#[allow(deprecated, reason = "the names exist for their warnings")]
pub use memmap2::{MmapMut, MmapOptions, MmapRaw};
pub use mmap::huge::{HugePageSizes, huge_page_sizes};
pub use mmap::{Anon, Mmap};
pub use options::{Advice, Discard, Flags, Inheritance, Prot};
#[cfg(feature = "alloc")]
pub use reader::Reader;
pub use reservation::Reservation;
pub use shared::SharedMemory;
pub use stack::Stack;
pub use sys::{Backing, RawFile};
pub use view::View;

use sys::{Sys, System};

/// Returns the page size in bytes: the granularity of protection and residency.
///
/// **Platform notes**
/// - Linux: found once, by zero-length [`mprotect`](https://man7.org/linux/man-pages/man2/mprotect.2.html) calls.
/// - Other Unix: `getpagesize`.
/// - Windows: [`GetSystemInfo`](https://learn.microsoft.com/windows/win32/api/sysinfoapi/nf-sysinfoapi-getsysteminfo),
///   once.
/// - Systems without a backend: 4096.
///
/// # Examples
///
/// ```
/// assert!(baremap::page_size().is_power_of_two());
/// ```
#[doc(alias = "getpagesize")]
#[doc(alias = "sysconf")]
pub fn page_size() -> usize {
    Sys::page_size()
}

/// Returns the allocation granularity in bytes.
///
/// The system maps at addresses and at offsets in a file that are multiples of it. [`Mmap::offset`] accepts any offset
/// and maps from the multiple before it.
///
/// **Platform notes**
/// - Unix: the page size.
/// - Windows: 64 KiB, by `GetSystemInfo`, once.
///
/// # Examples
///
/// ```
/// assert_eq!(baremap::allocation_granularity() % baremap::page_size(), 0);
/// ```
#[doc(alias = "dwAllocationGranularity")]
pub fn allocation_granularity() -> usize {
    Sys::allocation_granularity()
}

/// Code that does not compile, as it would be unsound.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../tests/compile_fail.md")]
struct CompileFail;

/// The examples of the README.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
