//! A system without a backend: the crate compiles, and every call fails with `Unsupported` and the call's name.
//!
//! It asks for nothing but `core`, for addresses of any width, and with feature `std` for what std calls open files there:
//! descriptors, handles, or nothing in common (`unsupported/std_files.rs`). Nothing is ever mapped or reserved, so what
//! takes a mapping is reached with a mapping that the caller made up, or not at all. What the contract refuses by default
//! is not repeated.

use super::contract::code::{Code, Stacks};
use super::contract::files::Files;
use super::contract::parts::Parts;
use super::contract::process::Process;
use super::contract::residency::Residency;
use super::contract::shared::{NoSection, Shared};
use super::contract::special::Special;
use super::contract::{FilePart, FileStatus, MapFailure, Mapped, Open, Request, Result, Span, System};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Discard, Flags, Prot};
use core::ffi::CStr;
use core::fmt;

#[cfg(all(feature = "std", baremap_files = "descriptors"))]
#[path = "posix/descriptors.rs"]
mod descriptors;

/// What std calls open files.
#[cfg(all(feature = "std", baremap_files = "descriptors"))]
pub(crate) mod std_files {
    pub(crate) use crate::sys::unsupported::{descriptors::*, path::with_c_str};
}

#[cfg(all(feature = "std", baremap_files = "handles"))]
#[path = "windows/std_files.rs"]
pub(crate) mod std_files;

#[cfg(all(feature = "std", baremap_files = "other"))]
#[path = "unsupported/std_files.rs"]
pub(crate) mod std_files;

#[cfg(all(feature = "std", not(baremap_files = "handles")))]
mod path {
    use core::ffi::CStr;
    use std::ffi::CString;
    use std::path::Path;

    /// Calls `f` with a path, which nobody opens, in whatever encoding. `None` if it contains NUL.
    pub(crate) fn with_c_str<T>(path: &Path, f: impl FnOnce(&CStr) -> T) -> Option<T> {
        CString::new(path.as_os_str().as_encoded_bytes()).ok().map(|path| f(&path))
    }
}

/// A file descriptor, which this crate does nothing with on this system.
#[cfg(baremap_files = "descriptors")]
pub type RawFile = core::ffi::c_int;

/// A handle, which this crate does nothing with on this system.
#[cfg(baremap_files = "handles")]
pub type RawFile = isize;

/// Where files have neither descriptors nor handles, only what [`File::into_raw`](crate::File::into_raw) returned is an open
/// file.
#[cfg(baremap_files = "other")]
pub type RawFile = isize;

/// What a mapping remembers beside its address and length: nothing, as there is none.
#[derive(Clone, Copy, Debug)]
pub struct Backing(());

fn refused<T>(call: Call) -> Result<T> {
    Err(Failure::refused(call, ErrorKind::Unsupported))
}

pub(crate) enum Unsupported {}

impl Files for Unsupported {}
impl Process for Unsupported {}
impl Residency for Unsupported {}
impl Special for Unsupported {}
impl Stacks for Unsupported {}

impl Shared for Unsupported {
    type Section = NoSection;
}

impl Parts for Unsupported {
    fn is_alike(_: &Backing, _: bool, _: Flags) -> bool {
        false
    }
}

impl Code for Unsupported {
    unsafe fn sync_instructions(_: Span, _: &Backing) -> Result<()> {
        refused(Call::SyncInstructions)
    }
}

impl System for Unsupported {
    type RawFile = RawFile;
    type Backing = Backing;

    const EMPTY: Backing = Backing(());

    fn open(_: &CStr, _: Open) -> Result<RawFile> {
        refused(Call::Open)
    }

    /// Only std opens files here, and so std closes them.
    fn close(file: RawFile) {
        #[cfg(feature = "std")]
        // SAFETY: an open file, which the caller no longer uses.
        drop(unsafe { std_files::into_owned_file(file) });
        #[cfg(not(feature = "std"))]
        let _ = file;
    }

    fn stat(_: RawFile) -> Result<FileStatus> {
        refused(Call::Stat)
    }

    fn is_empty_file_mappable(_: RawFile, _: usize) -> bool {
        false
    }

    fn memory_file() -> Result<RawFile> {
        refused(Call::Memory)
    }

    fn allocate(_: RawFile, _: u64, _: u64) -> Result<()> {
        refused(Call::Allocate)
    }

    fn set_len(_: RawFile, _: u64) -> Result<()> {
        refused(Call::SetLen)
    }

    fn sync(_: RawFile) -> Result<()> {
        refused(Call::Sync)
    }

    unsafe fn read(_: RawFile, _: *mut u8, _: usize, _: Option<u64>) -> Result<usize> {
        refused(Call::ReadAt)
    }

    fn write(_: RawFile, _: &[u8], _: u64) -> Result<usize> {
        refused(Call::WriteAt)
    }

    /// As most systems have, for those that compute with it.
    fn page_size() -> usize {
        4096
    }

    fn allocation_granularity() -> usize {
        Self::page_size()
    }

    unsafe fn map_file(_: FilePart<RawFile>, _: Request) -> Result<Mapped<Backing>, MapFailure> {
        Ok(refused(Call::Map)?)
    }

    unsafe fn map_anon(_: Request) -> Result<Mapped<Backing>, MapFailure> {
        Ok(refused(Call::Map)?)
    }

    fn reserve(_: usize, _: usize) -> Result<Span> {
        refused(Call::Reserve)
    }

    unsafe fn split(_: Span, _: usize) -> Result<()> {
        refused(Call::Split)
    }

    unsafe fn release(_: Span) -> Result<()> {
        refused(Call::Unmap)
    }

    /// As of an empty mapping elsewhere.
    fn prot(_: &Backing) -> Prot {
        Prot::READ
    }

    fn page_size_of(_: &Backing) -> usize {
        Self::page_size()
    }

    unsafe fn unmap(_: Span, _: &Backing) -> Result<()> {
        refused(Call::Unmap)
    }

    unsafe fn unmap_to_reservation(_: Span, _: &Backing) -> Result<Span, MapFailure> {
        Ok(refused(Call::UnmapToReservation)?)
    }

    unsafe fn protect(_: Span, _: &mut Backing, _: Prot) -> Result<()> {
        refused(Call::Protect)
    }

    unsafe fn lock(_: Span, _: &Backing) -> Result<()> {
        refused(Call::Lock)
    }

    unsafe fn unlock(_: Span, _: &Backing) -> Result<()> {
        refused(Call::Unlock)
    }

    unsafe fn flush(_: Span, _: &Backing, _: bool) -> Result<()> {
        refused(Call::Flush)
    }

    unsafe fn advise(_: Span, _: &Backing, _: Advice) -> Result<()> {
        refused(Call::Advise)
    }

    unsafe fn discard(_: Span, _: &Backing, _: Discard) -> Result<()> {
        refused(Call::Discard)
    }

    fn install_guard() -> Result<()> {
        refused(Call::Install)
    }

    fn is_guard_installed() -> bool {
        false
    }

    fn is_guard_in_force() -> bool {
        false
    }

    /// No system reports a code.
    fn kind(_: i32) -> ErrorKind {
        ErrorKind::Other
    }

    fn kind_of_call(_: Call, _: i32) -> Option<ErrorKind> {
        None
    }

    fn describe(code: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown error ({code})")
    }
}
