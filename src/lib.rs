//! Maps files and memory on Linux, macOS and Windows, without std and without dependencies.
//!
//! It makes Linux's system calls itself, and calls libSystem on macOS and kernel32 on Windows: no libc crate, no
//! windows-sys. It is for programs and kernels that cannot bring these along, and for reading a file that another
//! process may truncate, safely and at the speed of memory:
//!
//! ```
//! use baremap::{File, Mmap, guard};
//!
//! # let path = std::env::temp_dir().join(format!("baremap-{}-crate-safe", std::process::id()));
//! # std::fs::write(&path, "# baremap\n").unwrap();
//! # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
//! # let path = path.as_c_str();
//! let _ = guard::install(); // once, in main: makes views fast where the system can
//! let file = File::open(path)?; // or std::fs::File
//! # std::fs::remove_file(path.to_str().unwrap()).unwrap();
//! let view = Mmap::new(&file).view()?;
//! let mut name = [0; 7];
//! view.read_at(&mut name, 2)?; // data, or an error; never a signal
//! assert_eq!(&name, b"baremap");
//! # Ok::<_, baremap::Error>(())
//! ```
//!
//! A slice over the file costs nothing for each access, and a promise:
//!
//! ```
//! use baremap::{File, Mmap};
//!
//! # let path = std::env::temp_dir().join(format!("baremap-{}-crate", std::process::id()));
//! # std::fs::write(&path, "# baremap\n").unwrap();
//! # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
//! # let path = path.as_c_str();
//! let file = File::open(path)?;
//! # std::fs::remove_file(path.to_str().unwrap()).unwrap();
//! // SAFETY: nobody changes or truncates the file while it is mapped.
//! let map = unsafe { Mmap::new(&file).map()? };
//! assert!(map.starts_with(b"# baremap"));
//!
//! let mut scratch = Mmap::anon(1 << 20).map_mut()?; // safe, zeroed, writable
//! scratch[0] = map[0];
//! # Ok::<_, baremap::Error>(())
//! ```
//!
//! # Where to start
//!
//! | I want to … | |
//! |---|---|
//! | **Read a file** | |
//! | from start to end, or its lines | [`Reader`] |
//! | the whole of it, as one slice | [`Contents`] |
//! | parts of it in any order, whatever happens to it | [`View`], with [`guard::install`] |
//! | as a slice that nobody else changes | [`Mmap::map`], which is `unsafe`, or [`Mmap::map_sealed`] |
//! | **Write** | |
//! | to a file, through memory | [`Mmap::map_mut`], then [`flush`](Mapping::flush) |
//! | to a private copy of it | [`Flags::COW`] |
//! | to a file that grows | [`Flags::PAST_END`], [`Mmap::extend`], [`Mmap::resize`] |
//! | with the space for it allocated first | [`File::allocate`] |
//! | **Have memory** | |
//! | fresh, zeroed | [`Mmap::anon`] |
//! | of huge pages; locked; secret | [`Flags::HUGETLB`], [`Flags::LOCKED`], [`Flags::SECRET`] |
//! | that grows without moving | [`Anon::extend`] in a [`Reservation`] |
//! | at addresses of my choice | [`Reservation`], [`Mmap::map_in`] |
//! | that other processes use too | [`SharedMemory`], [`Mmap::map_raw`] |
//! | for code that I generate | [`Code`], [`Mapping::into_exec`] |
//! | for the stack of a coroutine | [`Stack`] |
//! | **Control it** | |
//! | change permissions | [`protect`](Mapping::protect), [`into_mut`](Mapping::into_mut), [`into_read_only`](MappingMut::into_read_only) |
//! | advise, prefetch, lock, discard | [`advise`](Mapping::advise), [`populate_read`](Mapping::populate_read), [`lock`](Mapping::lock), [`discard`](Mapping::discard) |
//! | divide and join mappings | [`split_off`](Mapping::split_off), [`join`](Mapping::join) |
//! | see what is resident, what lies where | [`resident`](Mapping::resident), [`process::regions`] |
//! | be the operating system | [`custom`]'s `Backend`, [`guard::fixup`] |
//!
//! [`Mmap`] and [`Anon`] say what to map. The result is a [`Mapping`], a slice of bytes; a [`MappingMut`], a mutable one;
//! or a [`RawMapping`], which gives pointers alone and needs no `unsafe` to make. Each is unmapped when it is dropped.
//!
//! # The guide
//! - [Safety](guide::safety): what another process can do to a file, and what happens then
//! - [Performance](guide::performance): what costs what, and when mapping loses
//! - [Platforms](guide::platforms): what each system offers, and how a missing feature is reported
//! - [Kernels and loaders](guide::kernels): the crate without an operating system
//! - [Sharing](guide::sharing): memory that several processes use
//! - [Coming from](guide::coming_from) memmap2, mmap-rs, region or Go: your names, and what to write here
//!
//! # Features
//! With `default-features = false` the crate needs `core` alone, and no allocator.
//!
//! | Feature | Adds |
//! |---|---|
//! | `std`, by default; includes `alloc` | files of std can be mapped, paths are std's, [`File`] and [`Error`] convert, [`Reader`] is `Read`, `BufRead` and `Seek` |
//! | `alloc` | [`Reader`]; contents of any file in [`Contents`] |
//!
//! # Targets
//! The suite of checks runs for Linux on each of its architectures, for Windows, macOS, three BSDs, UEFI and a kernel,
//! much of it emulated. [Platforms](guide::platforms) says how, what the least versions are, and for which systems the crate
//! is only compiled. Where there is no backend, every call fails with [`ErrorKind::Unsupported`].
//!
//! A cfg in `RUSTFLAGS` chooses another [backend](guide::platforms#choosing-the-backend): `--cfg baremap_backend="system"`
//! fails to build where the system has none, `"custom"` is a kernel's, `"linux"` makes Linux's calls on a bare target, and
//! `"unsupported"` fails every call.
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
//! Everything else is safe: [`View`], [`Reader`], [`Contents::read`], anonymous memory, [`RawMapping`], and every method that is
//! not marked `unsafe`. [The guide](guide::safety) says for each kind of access what another process can and cannot do.
//!

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Links to what only some builds have: they work in all, and on docs.rs stay on the same version.
#![cfg_attr(docsrs, doc = "[`custom`]: crate::custom")]
#![cfg_attr(not(docsrs), doc = "[`custom`]: https://docs.rs/baremap/latest/baremap/custom/")]
#![cfg_attr(
    not(feature = "alloc"),
    doc = "[`Reader`]: https://docs.rs/baremap/latest/baremap/struct.Reader.html"
)]
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
#[cfg(any(docsrs, baremap_backend = "custom"))]
#[cfg_attr(docsrs, doc(cfg(baremap_backend = "custom")))]
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
