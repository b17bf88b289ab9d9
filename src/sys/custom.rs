//! A kernel's own memory and files.
//!
//! This is the backend of targets without an operating system, and of any target with
//! `--cfg baremap_backend="custom"`. A kernel implements [`Backend`] and registers it by
//! [`custom_backend!`](crate::custom_backend). Nothing here allocates or keeps state.
//!
//! ```
//! use baremap::custom::{Backend, Code, Request};
//! use baremap::{ErrorKind, Prot};
//! use core::ptr::NonNull;
//!
//! struct Kernel;
//!
//! // SAFETY: it maps nothing.
//! unsafe impl Backend for Kernel {
//!     fn page_size(&self) -> usize {
//!         4096
//!     }
//!
//!     unsafe fn map(&self, _: &Request) -> Result<NonNull<u8>, Code> {
//!         Err(1)
//!     }
//!
//!     unsafe fn unmap(&self, _: NonNull<u8>, _: usize) -> Result<(), Code> {
//!         Err(1)
//!     }
//!
//!     unsafe fn protect(&self, _: NonNull<u8>, _: usize, _: Prot) -> Result<(), Code> {
//!         Err(1)
//!     }
//!
//!     fn describe(&self, _: Code) -> (&'static str, &'static str, ErrorKind) {
//!         ("NO_FRAME", "no frame of memory is free", ErrorKind::OutOfMemory)
//!     }
//! }
//!
//! baremap::custom_backend!(Kernel);
//!
//! let error = baremap::Mmap::anon(1).map().unwrap_err();
//! assert_eq!(error.to_string(), "map: no frame of memory is free (NO_FRAME, 1)");
//! ```

use super::{FileStatus, MapError, Place, View, locked};
use crate::error::{Error, ErrorKind};
use crate::options::{Advice, Discard, Flags, Prot};
use core::ffi::CStr;
use core::fmt;
use core::ptr::NonNull;

pub use super::{FileKind, Open};

/// The kernel's own name for an open file.
pub type RawFile = usize;

/// Why a call failed: any number of the kernel's own but [`UNSUPPORTED`].
pub type Code = i32;

/// The code of a call that the kernel does not offer.
pub const UNSUPPORTED: Code = 0;

/// What to map.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request {
    /// A file and an offset in it, a multiple of the page size; `None` for zeroed, private memory.
    ///
    /// When [`Backend::stat`] was called, the whole range lay within the file, except for the rest of the last page.
    /// Another processor may have truncated the file since. Writes to the mapping reach the file, unless `flags`
    /// contains [`Flags::COW`].
    pub file: Option<(RawFile, u64)>,
    /// The length in bytes: whole pages, at least one. It exceeds `isize::MAX` by less than two pages.
    pub len: usize,
    /// The permissions.
    pub prot: Prot,
    /// Those flags that the caller asked for. [`Backend::flags`] contains each.
    pub flags: Flags,
    /// A reservation of the same length, which the mapping replaces. If this fails, the reservation stays whole.
    pub place: Option<NonNull<u8>>,
}

/// A kernel's side of the crate.
///
/// Methods with a default are optional: without them the crate reports
/// [`Unsupported`](crate::ErrorKind::Unsupported). The crate passes addresses and lengths that are multiples of the page
/// size, and ranges that are not empty and lie within one mapping. A mapping has no other name than its address and
/// length; the kernel remembers everything else about it.
///
/// A method that fails changes nothing, unless its documentation says what it leaves.
///
/// # Safety
/// Each method keeps its promise and changes no other memory, whatever its arguments are. Safe code relies on:
///
/// - [`page_size`](Self::page_size) is a power of two, no more than 1 GiB, and always the same.
/// - [`map`](Self::map) and [`reserve`](Self::reserve) return multiples of the page size, and ranges that nothing else
///   uses until [`unmap`](Self::unmap). If a place or an address was given, they return this one.
/// - [`read`](Self::read) returns no more than its `len`, and has written as many bytes.
/// - A permission that [`protect`](Self::protect) or `map` granted stays granted, and every page is there when it is
///   touched.
#[allow(clippy::missing_safety_doc, reason = "the one condition is given here")]
#[allow(unused_variables, reason = "names that tell what is passed")]
pub unsafe trait Backend: Sync {
    /// The page size in bytes: a power of two, no more than 1 GiB, and always the same.
    fn page_size(&self) -> usize;

    /// Makes a mapping and returns its address, a multiple of the page size.
    ///
    /// The mapping lies at `request.place`, or else where nothing is. Until it is unmapped, every access that
    /// `request.prot` permits succeeds, at once or after a page fault that the kernel resolves. Pages that no longer lie
    /// within the file are an exception: an access to these is the kernel's to judge.
    ///
    /// [`Flags::POPULATE`] is a best effort. [`Flags::LOCKED`] is not: if the memory cannot be locked, `map` fails, and
    /// a reservation at `request.place` is still one.
    ///
    /// # Safety
    /// The file is open. The caller owns the reservation.
    unsafe fn map(&self, request: &Request) -> Result<NonNull<u8>, Code>;

    /// Unmaps a whole mapping, or releases a reservation or a part of one.
    ///
    /// # Safety
    /// The caller owns the range and no longer uses it.
    unsafe fn unmap(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code>;

    /// Changes the permissions of a whole mapping.
    ///
    /// On return they are in force on every processor. If `prot` contains `EXEC`, the instruction caches of every
    /// processor see what was written. A shared mapping of a file that is not open for writing cannot become writable.
    /// If this fails, each page has the old or the new permissions.
    ///
    /// # Safety
    /// Nobody relies on permissions that `prot` lacks.
    unsafe fn protect(&self, ptr: NonNull<u8>, len: usize, prot: Prot) -> Result<(), Code>;

    /// Describes a code: its name, its meaning in words, and its kind.
    fn describe(&self, code: Code) -> (&'static str, &'static str, ErrorKind);

    /// Returns those of `COW`, `POPULATE`, `NORESERVE` and `LOCKED` that [`map`](Self::map) honours.
    ///
    /// A request with another flag fails before `map` is called. Without `LOCKED` the crate calls [`lock`](Self::lock)
    /// after `map`; if that fails, it calls [`unmap`](Self::unmap) or [`vacate`](Self::vacate), and if this fails too, the
    /// reservation is lost.
    fn flags(&self) -> Flags {
        Flags::default()
    }

    /// Reserves address space and returns its address.
    ///
    /// If `address` is 0, the kernel chooses. Otherwise it reserves exactly this range, or fails with a code of kind
    /// [`Busy`](crate::ErrorKind::Busy) if something is there. An access to a reservation is a fault.
    fn reserve(&self, address: usize, len: usize) -> Result<NonNull<u8>, Code> {
        Err(UNSUPPORTED)
    }

    /// Replaces a whole mapping by a reservation, in one step.
    ///
    /// # Safety
    /// As [`unmap`](Self::unmap).
    unsafe fn vacate(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Makes the pages resident, and keeps them so until [`unlock`](Self::unlock) or [`unmap`](Self::unmap).
    ///
    /// Locks do not add up. If this fails, no page is locked that was not locked before.
    ///
    /// # Safety
    /// The range is mapped.
    unsafe fn lock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Undoes [`lock`](Self::lock), however often it was called. Memory that is not locked is no error.
    ///
    /// # Safety
    /// The range is mapped.
    unsafe fn unlock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Writes changed pages of a file to the disk.
    ///
    /// With `wait` they are there on return, with the metadata to find them. Without, writing has begun. Memory without a
    /// file needs nothing. If this fails, some pages may have been written.
    ///
    /// # Safety
    /// The range is mapped.
    unsafe fn flush(&self, ptr: NonNull<u8>, len: usize, wait: bool) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Takes a hint. Return `Ok` for advice that the kernel does not know.
    ///
    /// # Safety
    /// The range is mapped.
    unsafe fn advise(&self, ptr: NonNull<u8>, len: usize, advice: Advice) -> Result<(), Code> {
        Ok(())
    }

    /// Destroys contents, as [`Discard`] says. Return [`UNSUPPORTED`] for a member that the kernel does not know.
    ///
    /// The pages stay mapped, also if this fails; contents may be lost then.
    ///
    /// # Safety
    /// The range is mapped. Nobody relies on its contents.
    unsafe fn discard(&self, ptr: NonNull<u8>, len: usize, discard: Discard) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Opens a file. Return [`UNSUPPORTED`] for an `Open` that the kernel does not know.
    fn open(&self, path: &CStr, how: Open) -> Result<RawFile, Code> {
        Err(UNSUPPORTED)
    }

    /// Closes a file that [`open`](Self::open) returned. Mappings of it stay.
    fn close(&self, file: RawFile) {}

    /// Returns the kind of a file, and the length in bytes of a regular one.
    fn stat(&self, file: RawFile) -> Result<(FileKind, u64), Code> {
        Err(UNSUPPORTED)
    }

    /// Truncates a file, or extends it with zeros. `len` is at most `i64::MAX`.
    fn set_len(&self, file: RawFile, len: u64) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Writes contents and metadata of a file to the disk. They are there on return.
    fn sync(&self, file: RawFile) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Reads at most `len` bytes and returns how many it has written to `to`: never more than `len`, and 0 only at the
    /// end of the file or if `len` is 0.
    ///
    /// It reads at `offset`, which may be past the end and have any value. With `None` it reads where the last such read
    /// ended.
    ///
    /// # Safety
    /// `len` bytes at `to` are writable. They need not be initialized.
    unsafe fn read(
        &self,
        file: RawFile,
        to: *mut u8,
        len: usize,
        offset: Option<u64>,
    ) -> Result<usize, Code> {
        Err(UNSUPPORTED)
    }
}

/// Registers a kernel's backend: a constant or static whose type implements [`Backend`](crate::custom::Backend).
///
/// A program registers one for each version of this crate in it. If it registers none, linking fails with an undefined
/// symbol whose name says so and begins with the version; if two, with a duplicate symbol.
#[macro_export]
macro_rules! custom_backend {
    ($backend:expr) => {
        const _: () = {
            // A name of its own, which makes the linker take this object from a library although the other name is defined
            // already; so a second registration is never dropped silently.
            #[used]
            static KEPT: () = ();
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static baremap_0_1_0_backend_that_the_macro_custom_backend_registers:
                &dyn $crate::custom::Backend = &$backend;
        };
    };
}

/// The registered backend, by the symbol of [`custom_backend!`](crate::custom_backend). The macro expands where
/// CARGO_PKG_VERSION is the user's, so that the name holds this crate's version as a literal.
macro_rules! registered {
    ($symbol:ident) => {
        const _: () = assert!(
            has_version(stringify!($symbol)),
            "the symbol, here and in the macro, has another version"
        );

        fn kernel() -> &'static dyn Backend {
            unsafe extern "Rust" {
                safe static $symbol: &'static dyn Backend;
            }
            $symbol
        }
    };
}

registered!(baremap_0_1_0_backend_that_the_macro_custom_backend_registers);

/// Whether a symbol is `baremap_`, this crate's version with what is no letter or digit as `_`, and more.
const fn has_version(symbol: &str) -> bool {
    let (symbol, version) = (symbol.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes());
    let start = "baremap_".len();
    let mut at = 0;
    while at < version.len() {
        let byte = if version[at].is_ascii_alphanumeric() { version[at] } else { b'_' };
        if symbol[start + at] != byte {
            return false;
        }
        at += 1;
    }
    symbol[start + at] == b'_'
}

type Result<T, E = Error> = core::result::Result<T, E>;

macro_rules! calls {
    ($($call:ident $name:literal)*) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Call {
            $($call,)*
        }

        impl Call {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$call => $name,)*
                }
            }
        }
    };
}

calls! {
    Advise "advise" Discard "discard" Flush "flush" Lock "lock" Map "map" Open "open" Protect "protect" Read "read"
    Reserve "reserve" SetLen "set_len" Stat "stat" Sync "sync" Unlock "unlock" Unmap "unmap" Vacate "vacate"
}

fn checked<T>(call: Call, result: Result<T, Code>) -> Result<T> {
    result.map_err(|code| match Error::system(call, code) {
        error if code == UNSUPPORTED => error.of_kind(ErrorKind::Unsupported),
        error => error,
    })
}

/// What a mapping remembers beside address and length.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    pub(crate) prot: Prot,
}

impl Backing {
    pub(crate) const EMPTY: Self = Self { prot: Prot::WRITE };

    /// The size of the mapping's pages in bytes.
    pub(crate) fn page_size(&self) -> usize {
        page_size()
    }
}

pub(crate) fn open(path: &CStr, how: Open) -> Result<RawFile> {
    checked(Call::Open, kernel().open(path, how))
}

pub(crate) fn close(file: RawFile) {
    kernel().close(file);
}

pub(crate) fn stat(file: RawFile) -> Result<FileStatus> {
    let (kind, len) = checked(Call::Stat, kernel().stat(file))?;
    let len = if kind == FileKind::Regular { len } else { 0 };
    Ok(FileStatus { kind, len, block_size: 0 })
}

pub(crate) fn is_empty_file_mappable(_: RawFile, _: usize) -> bool {
    true
}

pub(crate) fn set_len(file: RawFile, len: u64) -> Result<()> {
    checked(Call::SetLen, kernel().set_len(file, len))
}

pub(crate) fn sync(file: RawFile) -> Result<()> {
    checked(Call::Sync, kernel().sync(file))
}

pub(crate) unsafe fn read(file: RawFile, to: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
    // SAFETY: the caller lends `len` bytes at `to`.
    checked(Call::Read, unsafe { kernel().read(file, to, len, offset) })
}

pub(crate) fn page_size() -> usize {
    let size = kernel().page_size();
    // SAFETY: the kernel's promise. A division by it then has no way to fail.
    unsafe { core::hint::assert_unchecked(size.is_power_of_two()) };
    size
}

pub(crate) fn allocation_granularity() -> usize {
    page_size()
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
    let before = offset % page_size() as u64;
    // SAFETY: the caller's promise.
    let (base, backing) =
        unsafe { map(Some((file, offset - before)), before as usize + len, prot, flags, place)? };
    // SAFETY: the mapping is longer than `before`.
    Ok((unsafe { base.add(before as usize) }, backing))
}

pub(crate) unsafe fn map_anon(
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    // SAFETY: the caller's promise.
    unsafe { map(None, len, prot, flags, place) }
}

/// # Safety
/// As those two.
unsafe fn map(
    file: Option<(RawFile, u64)>,
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    let offered = kernel().flags();
    // What `map` does not lock is locked when it is there.
    let mut honoured = flags & offered & Flags::LOCKED;
    for flag in [Flags::HUGETLB, Flags::COW, Flags::POPULATE, Flags::NORESERVE] {
        // Memory without a file is private anyway.
        if flags.contains(flag) && (flag != Flags::COW || file.is_some()) {
            // Huge pages would differ from the pages that the trait speaks of.
            if flag == Flags::HUGETLB || !offered.contains(flag) {
                return Err(Error::unsupported(flag).into());
            }
            honoured = honoured | flag;
        }
    }
    let len = len.next_multiple_of(page_size());
    let request = Request { file, len, prot, flags: honoured, place: place.map(|place| place.0) };
    // SAFETY: the caller's promise.
    let base = checked(Call::Map, unsafe { kernel().map(&request) })?;
    let view = (base, Backing { prot });
    if honoured.contains(Flags::LOCKED) {
        return Ok(view);
    }
    // SAFETY: nobody knows of the mapping yet.
    unsafe { locked(view, len, flags, place) }
}

pub(crate) fn reserve(address: usize, len: usize) -> Result<NonNull<u8>> {
    checked(Call::Reserve, kernel().reserve(address, len))
}

/// Every page is one on its own.
pub(crate) unsafe fn split(_: Place, _: usize) -> Result<()> {
    Ok(())
}

pub(crate) unsafe fn release((ptr, len): Place) -> Result<()> {
    // SAFETY: the caller's reservation, or a part of it, which it gives up.
    checked(Call::Unmap, unsafe { kernel().unmap(ptr, len) })
}

/// Address and length, widened to whole pages.
fn pages(ptr: NonNull<u8>, len: usize) -> Place {
    let before = ptr.as_ptr().addr() & (page_size() - 1);
    // SAFETY: a mapping begins with a whole page.
    (unsafe { ptr.sub(before) }, (before + len).next_multiple_of(page_size()))
}

pub(crate) unsafe fn unmap(ptr: NonNull<u8>, len: usize, _: &Backing) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: a whole mapping, which the caller gives up.
    checked(Call::Unmap, unsafe { kernel().unmap(base, len) })
}

pub(crate) unsafe fn vacate(ptr: NonNull<u8>, len: usize, _: &Backing) -> Result<Place, MapError> {
    let (base, len) = pages(ptr, len);
    // SAFETY: as in `unmap`.
    checked(Call::Vacate, unsafe { kernel().vacate(base, len) })?;
    Ok((base, len))
}

pub(crate) unsafe fn protect(ptr: NonNull<u8>, len: usize, backing: &mut Backing, prot: Prot) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: a whole mapping; the caller holds no reference that needs more permissions.
    let result = checked(Call::Protect, unsafe { kernel().protect(base, len, prot) });
    backing.prot = if result.is_ok() { prot } else { backing.prot & prot };
    result
}

pub(crate) unsafe fn lock(ptr: NonNull<u8>, len: usize, _: &Backing) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: it is mapped, as in what follows.
    checked(Call::Lock, unsafe { kernel().lock(base, len) })
}

pub(crate) unsafe fn unlock(ptr: NonNull<u8>, len: usize, _: &Backing) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: as above.
    checked(Call::Unlock, unsafe { kernel().unlock(base, len) })
}

pub(crate) unsafe fn flush(ptr: NonNull<u8>, len: usize, _: &Backing, wait: bool) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: as above.
    checked(Call::Flush, unsafe { kernel().flush(base, len, wait) })
}

pub(crate) unsafe fn advise(ptr: NonNull<u8>, len: usize, _: &Backing, advice: Advice) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: as above.
    checked(Call::Advise, unsafe { kernel().advise(base, len, advice) })
}

pub(crate) unsafe fn discard(ptr: NonNull<u8>, len: usize, _: &Backing, discard: Discard) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: as above, and the caller lets the contents go.
    checked(Call::Discard, unsafe { kernel().discard(base, len, discard) })
}

pub(crate) fn kind(code: Code) -> ErrorKind {
    kernel().describe(code).2
}

/// A kernel gives each reason a code of its own.
pub(crate) fn kind_of(_: Call, _: Code) -> Option<ErrorKind> {
    None
}

pub(crate) fn describe(code: Code, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (name, words, _) = kernel().describe(code);
    write!(f, "{words} ({name}, {code})")
}
