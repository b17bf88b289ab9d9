//! Maps files and memory on Linux, macOS and Windows, with no dependency and no std: by raw system calls on Linux, which
//! promises them, through libSystem on macOS and kernel32 on Windows.
//!
//! ```
//! use baremap::{File, Flags, Mmap, Prot};
//!
//! # fn main() -> Result<(), baremap::Error> {
//! # let path = std::env::temp_dir().join(format!("baremap-{}-crate", std::process::id()));
//! # std::fs::write(&path, "# baremap\n").unwrap();
//! # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
//! let file = File::open(&path)?;
//! # std::fs::remove_file(path.to_str().unwrap()).unwrap();
//! // SAFETY: nobody changes the file while it is mapped.
//! let map = unsafe { Mmap::new(&file).flags(Flags::READAHEAD).map()? };
//! assert!(map.starts_with(b"# baremap"));
//! map.unmap().map_err(|(_, error)| error)?; // or let it drop
//!
//! let mut scratch = Mmap::anon(1 << 20).prot(Prot::WRITE).map()?; // safe
//! scratch.bytes_mut()?[0] = 1;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to start
//! - [`Mmap`] says what to map: a [`File`], a [`FileRef`] to one that is open already, or fresh memory.
//! - [`Mapping`] is what comes of it: a slice of bytes that is unmapped when it is dropped.
//! - [`Reservation`] is address space for mappings that are to lie at certain addresses.
//! - `custom::Backend`, where there is no operating system, or with `--cfg baremap_backend="custom"`, is what a kernel
//!   gives in its place.
//! - `Reader` (feature `alloc`) goes through a whole file in chunks: read, or mapped for those who may.
//!
//! # Features
//! `std` is on by default; with `default-features = false` the crate needs `core` alone.
//! - `alloc`: `Reader`.
//! - `std` (and `alloc`): everything that lends a file to std can be mapped, `&std::fs::File` for one;
//!   `File` and `Error` convert from and to std's; `Reader` is `Read`, `BufRead` and `Seek`.
//!
//! # Safety
//! Mapping a file is `unsafe`, because a file is not this process's alone, and a Rust slice must not change
//! or vanish while it is borrowed. The caller answers for what no library can prevent:
//!
//! - Nobody changes the mapped part of the file while the mapping lives, unless it is mapped for writing
//!   and the change is made through the mapping. With [`Flags::COW`] the same holds for pages that were
//!   not yet written to.
//! - Nobody shortens the file to less than what is mapped. Access behind the new end raises SIGBUS, which
//!   ends the process. Windows lets nobody do it, unless the file lies on another machine.
//! - The disk can serve the pages that are touched: a read error, or no space for a hole that is
//!   written to, raises SIGBUS too, and `EXCEPTION_IN_PAGE_ERROR` on Windows.
//!
//! Everything else is safe: anonymous memory, and every method of a [`Mapping`] but those that are marked.

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod error;
mod file;
mod mapping;
mod mmap;
mod options;
#[cfg(feature = "alloc")]
mod reader;
mod reservation;
#[cfg(feature = "std")]
mod std_impls;
mod sys;

pub use error::{Error, ErrorKind};
pub use file::{File, FileRef};
pub use mapping::Mapping;
pub use mmap::{Anon, Mmap};
pub use options::{Advice, Discard, Flags, Prot};
#[cfg(feature = "alloc")]
pub use reader::Reader;
pub use reservation::Reservation;
#[cfg(baremap_backend = "custom")]
pub use sys::custom;
pub use sys::{Backing, RawFile};

/// The size of a page in bytes: the unit of protection and residency.
///
/// Linux: asked by `mprotect` of no bytes, once. macOS: `getpagesize`. Windows: `GetSystemInfo`, once.
///
/// ```
/// assert!(baremap::page_size().is_power_of_two());
/// ```
pub fn page_size() -> usize {
    sys::page_size()
}

/// The unit, in bytes, at whose multiples a file's offset can begin a mapping. [`Mmap::offset`] takes any
/// offset and aligns it inside; to know the unit helps to choose offsets that waste nothing.
///
/// Linux, macOS: the page size. Windows: 64 KiB, by `GetSystemInfo`, once.
///
/// ```
/// assert_eq!(baremap::allocation_granularity() % baremap::page_size(), 0);
/// ```
pub fn allocation_granularity() -> usize {
    sys::allocation_granularity()
}

/// What safe code cannot do.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../tests/compile_fail.md")]
struct CompileFail;

/// The examples of the README.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
