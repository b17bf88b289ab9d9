//! The interface through which a kernel lends this crate its memory and files.
//!
//! This is the backend of targets without an operating system (`*-unknown-none`, `*-unknown-uefi`), and of any target that is
//! built with `--cfg baremap_backend="custom"`. Implement [`Backend`], and register it with
//! [`custom_backend!`](crate::custom_backend). The crate itself allocates nothing and keeps no state.
//!
//! # Examples
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
//!         ("NO_FRAME", "no free page frame", ErrorKind::OutOfMemory)
//!     }
//! }
//!
//! baremap::custom_backend!(Kernel);
//!
//! let error = baremap::Mmap::anon(1).map().unwrap_err();
//! assert_eq!(error.to_string(), "map: no free page frame (NO_FRAME, 1)");
//! ```
//!
//! # Loaders and firmware
//!
//! A loader without page tables and page faults of its own, for example under UEFI, implements these methods as
//! follows:
//!
//! - [`map`](Backend::map) allocates pages and copies the file into them. The pages may have more permissions than the
//!   request; only accesses that the request permits must succeed. Files are mapped for reading, and with
//!   [`Flags::COW`] for writing.
//! - `map` returns [`UNSUPPORTED`] for a shared mapping with `WRITE`, as a store would not reach the file, and for
//!   [`Prot::NONE`], as an access would not be a fault. So do [`protect`](Backend::protect) and
//!   [`reserve`](Backend::reserve).
//! - [`flags`](Backend::flags) contains `LOCKED` and `POPULATE` if memory is always resident.
//! - A [`Code`] can be the firmware's own status, if its number is not 0.
//!
//! If another program changes the file, the copy does not change. A [`View`](crate::View) and the methods of a file
//! call [`read`](Backend::read), and return the new bytes. `ci/uefi` in the repository is such a backend, over UEFI's
//! boot services.

use crate::error::kind::ErrorKind;
use crate::options::{Advice, Discard, Flags, Prot};
use core::ffi::CStr;
use core::ptr::NonNull;

pub use crate::sys::contract::{FileKind, Open};

/// The kernel's number for an open file.
pub type RawFile = usize;

/// The reason for a failure: a number of the kernel's choice, other than [`UNSUPPORTED`].
pub type Code = i32;

/// The code of a method that the kernel does not support.
pub const UNSUPPORTED: Code = 0;

/// A request to [`Backend::map`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request {
    /// A file and an offset, a multiple of the page size; `None` for zeroed, private memory.
    ///
    /// Unless `flags` contains [`Flags::PAST_END`], the range lies within the length that [`Backend::stat`] reported,
    /// except for the rest of the last page. The file may have been truncated since. Writes to the mapping reach the
    /// file, unless `flags` contains [`Flags::COW`].
    pub file: Option<(RawFile, u64)>,
    /// The length in bytes, a multiple of the page size, and not 0.
    ///
    /// It exceeds `isize::MAX` by less than two pages.
    pub len: usize,
    /// The permissions, which include `READ` or are `NONE`.
    pub prot: Prot,
    /// The requested flags; [`Backend::flags`] contains all of them.
    pub flags: Flags,
    /// A reservation of the same length, which the mapping replaces.
    pub reservation: Option<NonNull<u8>>,
}

/// The functions that a kernel implements.
///
/// Methods with a default are optional. Without them the crate fails with
/// [`Unsupported`](crate::ErrorKind::Unsupported). Addresses and lengths are multiples of the page size; ranges are not
/// empty and lie within one mapping. A mapping is identified by its address and length; the kernel remembers everything
/// else about it.
///
/// # Errors
/// A method fails with a code that [`describe`](Self::describe) knows, or with [`UNSUPPORTED`]. After a failure nothing
/// has changed, unless the method's documentation says otherwise.
///
/// # Safety
/// An implementation keeps the promise of each method and changes no other memory. Safe code relies on these:
///
/// - [`page_size`](Self::page_size) returns a power of two of at most 1 GiB, and always the same.
/// - [`map`](Self::map) and [`reserve`](Self::reserve) return multiples of the page size, and ranges that nothing else
///   uses until [`unmap`](Self::unmap). If they receive a reservation or an address, they return it.
/// - [`read`](Self::read) returns at most `len`, and has written as many bytes as it returns.
/// - Permissions granted by `map` or [`protect`](Self::protect) stay granted, and an access that they allow succeeds.
/// - If [`asks_fixup`](Self::asks_fixup) returns `true`, the page-fault handler calls
///   [`guard::fixup`](crate::guard::fixup).
#[allow(clippy::missing_safety_doc, reason = "the trait's # Safety is what an implementer promises")]
#[allow(unused_variables, reason = "default methods name their arguments for the documentation")]
pub unsafe trait Backend: Sync {
    /// Returns the page size in bytes.
    ///
    /// It is a power of two of at most 1 GiB, and always the same.
    fn page_size(&self) -> usize;

    /// Makes a mapping and returns its address, a multiple of the page size.
    ///
    /// The mapping replaces `request.reservation`; without one, the kernel chooses a free range. Until it is unmapped,
    /// every access that `request.prot` allows succeeds, at once or after a page fault that the kernel resolves. The
    /// exception is pages past the end of the file: the kernel decides the effect of an access to them.
    ///
    /// # Errors
    /// Fails if [`Flags::LOCKED`] is set and the memory cannot be locked. A failure of [`Flags::POPULATE`] is ignored.
    /// After a failure the reservation is unchanged.
    ///
    /// # Safety
    /// - The file is open.
    /// - The reservation is the caller's.
    unsafe fn map(&self, request: &Request) -> Result<NonNull<u8>, Code>;

    /// Unmaps a whole mapping, or releases a reservation or a part of one.
    ///
    /// # Errors
    /// Fails if nothing is mapped or reserved there.
    ///
    /// # Safety
    /// - The range is the caller's, and no longer used.
    unsafe fn unmap(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code>;

    /// Changes the permissions of a whole mapping.
    ///
    /// `prot` contains `READ`, or is [`Prot::NONE`]: then every access is a fault, and the contents stay. On return the
    /// permissions hold on every processor. With `EXEC` every processor sees the code that was written before.
    ///
    /// # Errors
    /// Fails if `prot` contains `WRITE` and this is a shared mapping of a file that is not open for writing. After a
    /// failure each page has the old or the new permissions.
    ///
    /// # Safety
    /// - Nothing relies on permissions that `prot` lacks.
    unsafe fn protect(&self, ptr: NonNull<u8>, len: usize, prot: Prot) -> Result<(), Code>;

    /// Changes the permissions of some pages of a mapping, as [`protect`](Self::protect) does.
    ///
    /// # Errors
    /// As `protect`.
    ///
    /// # Safety
    /// - Nothing relies on permissions that `prot` lacks.
    unsafe fn protect_part(&self, ptr: NonNull<u8>, len: usize, prot: Prot) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Divides a whole mapping into two: its first `at` bytes, and the rest.
    ///
    /// # Errors
    /// Fails if there is no memory for the kernel's record.
    ///
    /// # Safety
    /// - The mapping is the caller's.
    unsafe fn split(&self, ptr: NonNull<u8>, len: usize, at: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Joins two whole mappings, or two reservations, side by side.
    ///
    /// The first has `len` bytes, the second `next_len`. They are one then. Both mappings have the same permissions,
    /// and are both of files or both of fresh memory; the files may differ.
    ///
    /// # Errors
    /// Return [`UNSUPPORTED`] for ranges that the kernel cannot join.
    ///
    /// # Safety
    /// - Both ranges are the caller's.
    unsafe fn join(&self, ptr: NonNull<u8>, len: usize, next_len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Describes a code: its name, its meaning in words, and its kind.
    fn describe(&self, code: Code) -> (&'static str, &'static str, ErrorKind);

    /// Returns the flags that [`map`](Self::map) supports.
    ///
    /// They can be `COW`, `POPULATE`, `NORESERVE`, `LOCKED` and `PAST_END`. With `PAST_END`, the new part of a file
    /// that grows becomes accessible in mappings that reach past its end.
    ///
    /// A request with another flag fails before `map` is called. Without `LOCKED` the crate calls [`lock`](Self::lock)
    /// after `map`. If that fails, it calls [`unmap`](Self::unmap) or
    /// [`unmap_to_reservation`](Self::unmap_to_reservation); if this fails too, the mapping or the reservation is leaked.
    fn flags(&self) -> Flags {
        Flags::empty()
    }

    /// Returns whether the kernel's page-fault handler calls [`guard::fixup`](crate::guard::fixup).
    ///
    /// With `true` a [`View`](crate::View) copies from its mapping instead of calling [`read`](Self::read), and
    /// [`guard::install`](crate::guard::install) has nothing to do. The handler calls `fixup` if a page cannot be made
    /// present, because the file was truncated or its device failed. If `fixup` returns an address, it sets the program
    /// counter of the interrupted context to it, and returns. The result of this method is always the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use baremap::guard;
    /// # struct Context { program_counter: usize }
    /// # fn make_present(address: usize) -> bool { address != 0 }
    /// /// Called with the registers of the interrupted code, which are restored on return.
    /// fn page_fault(address: usize, context: &mut Context) {
    ///     if make_present(address) {
    ///         return; // The instruction runs again.
    ///     }
    ///     match guard::fixup(context.program_counter) {
    ///         Some(next) => context.program_counter = next,
    ///         None => panic!("page fault at {address:#x}"),
    ///     }
    /// }
    /// # page_fault(1, &mut Context { program_counter: 0 });
    /// ```
    fn asks_fixup(&self) -> bool {
        false
    }

    /// Reserves address space and returns its address.
    ///
    /// With an `address` of 0 the kernel chooses one; otherwise it reserves exactly this range. An access to reserved
    /// memory is a fault.
    ///
    /// # Errors
    /// Fails with a code of kind [`Busy`](crate::ErrorKind::Busy) if anything is mapped in the range.
    fn reserve(&self, address: usize, len: usize) -> Result<NonNull<u8>, Code> {
        Err(UNSUPPORTED)
    }

    /// Replaces a whole mapping with a reservation, in one step.
    ///
    /// # Errors
    /// As [`unmap`](Self::unmap).
    ///
    /// # Safety
    /// - The range is the caller's, and no longer used.
    unsafe fn unmap_to_reservation(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Makes pages resident and locks them until [`unlock`](Self::unlock) or [`unmap`](Self::unmap).
    ///
    /// Locks are not counted.
    ///
    /// # Errors
    /// After a failure only pages are locked that were locked before.
    ///
    /// # Safety
    /// - The range is mapped.
    unsafe fn lock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Unlocks pages, however often they were locked.
    ///
    /// # Errors
    /// Memory that is not locked is not an error.
    ///
    /// # Safety
    /// - The range is mapped.
    unsafe fn unlock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Writes dirty pages of a file to the disk.
    ///
    /// With `wait` they are on the disk on return, with the metadata needed to find them. Without, writing has begun.
    /// For memory without a file there is nothing to do.
    ///
    /// # Errors
    /// After a failure some pages may have been written.
    ///
    /// # Safety
    /// - The range is mapped.
    unsafe fn flush(&self, ptr: NonNull<u8>, len: usize, wait: bool) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Accepts a hint on how memory will be used.
    ///
    /// # Errors
    /// Return `Ok` for advice that the kernel does not support.
    ///
    /// # Safety
    /// - The range is mapped.
    unsafe fn advise(&self, ptr: NonNull<u8>, len: usize, advice: Advice) -> Result<(), Code> {
        Ok(())
    }

    /// Discards contents as [`Discard`] describes; the pages stay mapped.
    ///
    /// # Errors
    /// Return [`UNSUPPORTED`] for a `Discard` that the kernel does not support. After a failure some contents may be lost.
    ///
    /// # Safety
    /// - The range is mapped.
    /// - Nothing relies on its contents.
    unsafe fn discard(&self, ptr: NonNull<u8>, len: usize, discard: Discard) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Makes code visible to every processor, whichever mapping it was written to.
    ///
    /// # Errors
    /// Fails if the kernel cannot do this alone.
    ///
    /// # Safety
    /// - The range is mapped.
    unsafe fn sync_instructions(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// Return [`UNSUPPORTED`] for an `Open` that the kernel does not support.
    fn open(&self, path: &CStr, open: Open) -> Result<RawFile, Code> {
        Err(UNSUPPORTED)
    }

    /// Makes an empty file in memory without a name, for reading and writing.
    ///
    /// # Errors
    /// Fails if there is no memory.
    fn memory_file(&self) -> Result<RawFile, Code> {
        Err(UNSUPPORTED)
    }

    /// Closes a file that [`open`](Self::open) or [`memory_file`](Self::memory_file) returned; its mappings stay.
    fn close(&self, file: RawFile) {}

    /// Returns the kind of a file, and the length in bytes of a regular one.
    ///
    /// # Errors
    /// Fails if the file is not open.
    fn stat(&self, file: RawFile) -> Result<(FileKind, u64), Code> {
        Err(UNSUPPORTED)
    }

    /// Truncates a file, or extends it with zeros, to `len` bytes, at most `i64::MAX`.
    ///
    /// # Errors
    /// Fails if the file is not open for writing, or cannot be that long.
    fn set_len(&self, file: RawFile, len: u64) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Allocates space for `len` bytes at `offset`, so that writes to them need none.
    ///
    /// The file is extended with zeros if it is shorter. `len` is not 0, and `offset` and `len` together are at most
    /// `i64::MAX`.
    ///
    /// # Errors
    /// Fails with a code of kind [`NoSpace`](crate::ErrorKind::NoSpace) if the disk is full. After a failure part of the space
    /// may be allocated.
    fn allocate(&self, file: RawFile, offset: u64, len: u64) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Writes contents and metadata of a file to the disk, and waits for it.
    ///
    /// # Errors
    /// After a failure some of them may have been written.
    fn sync(&self, file: RawFile) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// Reads into `buffer` and returns how many bytes were read.
    ///
    /// It returns at most `len`, and 0 only at the end of the file or if `len` is 0. The read starts at `offset`, which
    /// may have any value, also past the end. With `None` it starts where the last such read ended.
    ///
    /// # Errors
    /// Fails with a code of kind [`NotSeekable`](crate::ErrorKind::NotSeekable) if `offset` is not `None` and the file
    /// has no offsets, also for a `len` of 0.
    ///
    /// # Safety
    /// - `len` bytes at `buffer` are writable. They need not be initialized.
    unsafe fn read(
        &self,
        file: RawFile,
        buffer: *mut u8,
        len: usize,
        offset: Option<u64>,
    ) -> Result<usize, Code> {
        Err(UNSUPPORTED)
    }

    /// Writes `bytes` at `offset` and returns how many bytes were written, at most all.
    ///
    /// The file grows if it is shorter than what is written. `offset` and the length together are at most `i64::MAX`.
    ///
    /// # Errors
    /// Fails if the file is not open for writing, or if no byte could be written.
    fn write(&self, file: RawFile, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        Err(UNSUPPORTED)
    }
}

/// Registers a kernel's backend.
///
/// The argument is a `const` or `static` whose type implements [`Backend`](crate::custom::Backend). A program registers
/// one backend for each version of this crate that it contains. Without one, linking fails with an undefined symbol
/// whose name says so and begins with the version. With two, linking fails with a duplicate symbol. The page of
/// [`custom`](crate::custom) has an example.
#[macro_export]
#[cfg_attr(docsrs, doc(cfg(baremap_backend = "custom")))]
macro_rules! custom_backend {
    ($backend:expr) => {
        const _: () = {
            // A linker takes an object from a library only if it defines a symbol that is still missing. This one makes
            // it take a second registration too, and fail, instead of ignoring it.
            #[used]
            static KEPT: () = ();
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static baremap_0_1_0_backend_that_the_macro_custom_backend_registers:
                &dyn $crate::custom::Backend = &$backend;
        };
    };
}
