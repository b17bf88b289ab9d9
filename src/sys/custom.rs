//! A kernel's own memory and files, for targets without an operating system, and with
//! `--cfg baremap_backend="custom"` for any: a kernel implements [`Backend`] and registers it by
//! [`custom_backend!`](crate::custom_backend). Nothing here allocates or keeps a state.
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

/// Why the kernel cannot do something, by a number of its own other than [`UNSUPPORTED`].
pub type Code = i32;

/// The code of what a kernel does not offer.
pub const UNSUPPORTED: Code = 0;

/// What is to be mapped.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// A file and an offset in it, a multiple of the page size, that lies within it as all of the mapping does, but for
    /// the rest of the last page; or zeroed, private memory. What is written to the mapping is written to the file,
    /// unless `flags` has [`Flags::COW`].
    pub file: Option<(RawFile, u64)>,
    /// In bytes: whole pages, over 0, and up to `isize::MAX` before it was rounded up.
    pub len: usize,
    /// What may be done there.
    pub prot: Prot,
    /// Those of [`Backend::flags`] that were asked for.
    pub flags: Flags,
    /// A reservation, as long as the mapping, whose place the mapping takes. On failure it is a reservation still.
    pub place: Option<NonNull<u8>>,
}

/// What a kernel gives. Without what has a default the crate works, and says "unsupported" where that is asked for.
///
/// Every address and every length is a multiple of the page size, and every range lies within one mapping. Nothing but
/// the address and the length names a mapping: what else is known of it the kernel keeps.
///
/// # Safety
/// Each function keeps its promise, and does nothing to memory but that, whatever is asked. Safe code relies on it.
#[allow(clippy::missing_safety_doc, reason = "the one condition is given here")]
#[allow(unused_variables, reason = "names that tell what is passed")]
pub unsafe trait Backend: Sync {
    /// In bytes; a power of two, and always the same.
    fn page_size(&self) -> usize;

    /// Makes a mapping where nothing is; gives its address, which is not 0. Until it is unmapped, what `prot` allows
    /// works there, now or by a page fault that the kernel resolves.
    ///
    /// # Safety
    /// The file is open, and the reservation the caller's.
    unsafe fn map(&self, request: &Request) -> Result<NonNull<u8>, Code>;

    /// Gives a mapping back, or a part or the whole of a reservation. Gone on success, untouched on failure.
    ///
    /// # Safety
    /// The caller gives it up, and nobody uses it.
    unsafe fn unmap(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code>;

    /// Changes what may be done with a whole mapping; in force on return, on every processor, whose instruction caches
    /// then see what was written there if `prot` has `EXEC`. On failure each page has its old rights or the new ones.
    /// Writing to a file that is not open for it is refused, unless the mapping is a copy on write.
    ///
    /// # Safety
    /// Nobody needs rights that `prot` lacks.
    unsafe fn protect(&self, ptr: NonNull<u8>, len: usize, prot: Prot) -> Result<(), Code>;

    /// The name of a code of this kernel's, its meaning in words, and its kind.
    fn describe(&self, code: Code) -> (&'static str, &'static str, ErrorKind);

    /// Those of `COW`, `POPULATE` and `NORESERVE` that [`map`](Self::map) honours.
    fn flags(&self) -> Flags {
        Flags::default()
    }

    /// Holds address space: at an address, where nothing is, or else the code's kind is `Busy`; at 0, where it likes.
    /// Access to it is a fault.
    fn reserve(&self, address: usize, len: usize) -> Result<NonNull<u8>, Code> {
        Err(UNSUPPORTED)
    }

    /// Makes a reservation of a mapping, at once. Untouched on failure.
    ///
    /// # Safety
    /// As [`unmap`](Self::unmap).
    unsafe fn vacate(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Keeps it in memory until it is unlocked or unmapped, however often it was locked.
    ///
    /// # Safety
    /// It is mapped, as in what follows.
    unsafe fn lock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// See [`lock`](Self::lock). To unlock what is not locked is no failure.
    ///
    /// # Safety
    /// As `lock`.
    unsafe fn unlock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Writes what was changed to the disk: it is there on return, or with `wait` false, the writing has begun. Of
    /// memory without a file it does nothing.
    ///
    /// # Safety
    /// As `lock`.
    unsafe fn flush(&self, ptr: NonNull<u8>, len: usize, wait: bool) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// A hint, which a kernel that does not know it does not fail for.
    ///
    /// # Safety
    /// As `lock`.
    unsafe fn advise(&self, ptr: NonNull<u8>, len: usize, advice: Advice) -> Result<(), Code> {
        Ok(())
    }

    /// Destroys contents, as [`Discard`] tells.
    ///
    /// # Safety
    /// As `lock`, and nobody relies on the contents.
    unsafe fn discard(&self, ptr: NonNull<u8>, len: usize, discard: Discard) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Opens a file.
    fn open(&self, path: &CStr, how: Open) -> Result<RawFile, Code> {
        Err(UNSUPPORTED)
    }

    /// Closes one that [`open`](Self::open) gave. What is mapped stays so.
    fn close(&self, file: RawFile) {}

    /// Its kind, and its length in bytes if it is a regular one.
    fn stat(&self, file: RawFile) -> Result<(FileKind, u64), Code> {
        Err(UNSUPPORTED)
    }

    /// Cuts a file off, or extends it with zeros.
    fn set_len(&self, file: RawFile, len: u64) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Contents and metadata of a file are on the disk on return.
    fn sync(&self, file: RawFile) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Reads from an offset, or from where the last such read ended; gives the number of bytes, 0 only at the end or
    /// for a `len` of 0.
    ///
    /// # Safety
    /// `len` bytes at `to` are writable.
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

pub(crate) fn is_empty_file_mappable(_: RawFile) -> bool {
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
    // SAFETY: the mapping is longer than `before`, and nobody knows of it yet.
    unsafe { locked((base.add(before as usize), backing), len, flags, place) }
}

pub(crate) unsafe fn map_anon(
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    // SAFETY: the caller's promise, and nobody knows of the mapping yet.
    unsafe { locked(map(None, len, prot, flags, place)?, len, flags, place) }
}

/// # Safety
/// As those two.
unsafe fn map(
    file: Option<(RawFile, u64)>,
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View> {
    let mut honoured = Flags::NONE;
    for flag in [Flags::HUGETLB, Flags::COW, Flags::POPULATE, Flags::NORESERVE] {
        // Memory without a file is private anyway.
        if flags.contains(flag) && (flag != Flags::COW || file.is_some()) {
            // The units of such mappings would differ from the pages that the contract speaks of.
            if flag == Flags::HUGETLB || !kernel().flags().contains(flag) {
                return Err(Error::unsupported(flag));
            }
            honoured = honoured | flag;
        }
    }
    let len = len.next_multiple_of(page_size());
    let request = Request { file, len, prot, flags: honoured, place: place.map(|place| place.0) };
    // SAFETY: the caller's promise.
    let base = checked(Call::Map, unsafe { kernel().map(&request) })?;
    Ok((base, Backing { prot }))
}

pub(crate) fn reserve(address: usize, len: usize) -> Result<NonNull<u8>> {
    checked(Call::Reserve, kernel().reserve(address, len))
}

/// Every page is one on its own.
pub(crate) unsafe fn split(_: Place, _: usize) -> Result<()> {
    Ok(())
}

pub(crate) unsafe fn release((ptr, len): Place) -> Result<()> {
    // SAFETY: a reservation, which the caller gives up.
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

pub(crate) unsafe fn vacate(ptr: NonNull<u8>, len: usize, _: &Backing) -> Result<Place> {
    let (base, len) = pages(ptr, len);
    // SAFETY: as in `unmap`.
    checked(Call::Vacate, unsafe { kernel().vacate(base, len) })?;
    Ok((base, len))
}

pub(crate) unsafe fn protect(ptr: NonNull<u8>, len: usize, backing: &mut Backing, prot: Prot) -> Result<()> {
    let (base, len) = pages(ptr, len);
    // SAFETY: a whole mapping; the caller holds no reference that needs more rights.
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
