//! The contract for memory that is shared on purpose: with children of `fork`, and through objects that hold memory, with
//! a name or without.

use super::{FileKind, FileStatus, MapFailure, Mapped, Request, Result, System};
use crate::error::kind::{Call, ErrorKind, Failure};
use core::ffi::CStr;
use core::fmt::Debug;

/// What is known of a file.
#[allow(dead_code, reason = "Windows has sections")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoSection;

/// Names are not empty, contain no separator, and are neither `.` nor `..`. Lengths are at least 1 and at most `isize::MAX`.
/// An object is closed by `close`, and mapped by `map_file`.
pub(crate) trait Shared: System {
    /// What must be known of an object that is no file, for which `stat` and `read` fail and which `FilePart::is_section`
    /// marks: its length in bytes. For a file it is the default. [`NoSection`] where every object
    /// is a file.
    type Section: Copy + Default + Debug;

    #[inline(always)]
    #[allow(unused_variables, reason = "as below")]
    fn section(len: usize) -> Self::Section {
        Self::Section::default()
    }

    /// Returns the length, or 0 for a file.
    #[inline(always)]
    #[allow(unused_variables, reason = "as below")]
    fn section_len(section: Self::Section) -> usize {
        0
    }

    /// Maps zeroed memory that children of `fork` share. `flags` lacks `HUGETLB`.
    ///
    /// # Safety
    /// There is no reservation.
    #[allow(unused_variables, reason = "its name is part of the contract, here and below")]
    unsafe fn map_anon_shared(request: Request) -> Result<Mapped<Self::Backing>, MapFailure> {
        Err(Failure::refused(Call::MapShared, ErrorKind::Unsupported).into())
    }

    /// Makes an object of zeros without a name, at least as long as `len`. Child processes do not inherit it.
    fn new_object(len: u64) -> Result<Self::RawFile> {
        let object = Self::memory_file()?;
        Self::set_len(object, len).map(|()| object).inspect_err(|_| Self::close(object))
    }

    /// Makes the same with a name that nothing has yet. Only this user may open it.
    #[allow(unused_variables, reason = "as above")]
    fn create_object(name: &CStr, len: u64) -> Result<Self::RawFile> {
        Err(Failure::refused(Call::Create, ErrorKind::Unsupported))
    }

    /// Opens an object by its name.
    #[allow(unused_variables, reason = "as above")]
    fn open_object(name: &CStr, is_writable: bool) -> Result<Self::RawFile> {
        Err(Failure::refused(Call::Open, ErrorKind::Unsupported))
    }

    /// Removes a name. The object stays for those that have it.
    #[allow(unused_variables, reason = "as above")]
    fn remove_object(name: &CStr) -> Result<()> {
        Err(Failure::refused(Call::Remove, ErrorKind::Unsupported))
    }

    /// Returns the length in bytes, the same in every process; 0 if it was not set yet.
    fn object_len(object: Self::RawFile) -> Result<u64> {
        match Self::stat(object)? {
            FileStatus { kind: FileKind::Regular, len, .. } => Ok(len),
            _ => Err(Failure::refused(Call::Open, ErrorKind::NotMappable)),
        }
    }

    /// Allocates the memory of all pages, where an access could find that there is none left.
    fn allocate_object(object: Self::RawFile, len: u64) -> Result<()> {
        Self::allocate(object, 0, len)
    }
}
