//! Memory that processes share: sections that the paging file backs. They are no files, and live as long as a handle or a
//! view; their names end with the last handle.

use super::calls::*;
use super::file::close;
use super::imports::*;
use super::path::convert;
use super::{RawFile, Windows};
use crate::error::kind::{Call, ErrorKind};
use crate::sys::contract::Result;
use crate::sys::contract::shared::Shared;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};

const ERROR_INVALID_HANDLE: i32 = 6;

impl Shared for Windows {
    type Section = usize;

    fn section(len: usize) -> usize {
        len
    }

    #[inline(always)]
    fn section_len(section: usize) -> usize {
        section
    }

    fn new_object(len: u64) -> Result<RawFile> {
        create(null(), len)
    }

    fn create_object(name: &CStr, len: u64) -> Result<RawFile> {
        with_name(name, |name| create(name, len))
    }

    fn open_object(name: &CStr, is_writable: bool) -> Result<RawFile> {
        let access = if is_writable { FILE_MAP_READ | FILE_MAP_WRITE } else { FILE_MAP_READ };
        // SAFETY: the name ends in NUL.
        with_name(name, |name| match unsafe { OpenFileMappingW(access, 0, name) } {
            0 => Err(match last_error(Call::OpenFileMappingW) {
                // An event, a mutex or another object has this name.
                failure if failure.code == ERROR_INVALID_HANDLE => failure.with_kind(ErrorKind::NotMappable),
                failure => failure,
            }),
            section => Ok(section),
        })
    }

    /// No function of kernel32 reports the length of a section. So all of it is mapped for an instant. A view has whole
    /// pages, and so has the section.
    fn object_len(section: RawFile) -> Result<u64> {
        // SAFETY: the system chooses a free address.
        let view = unsafe { MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0) };
        if view.is_null() {
            return Err(last_error(Call::MapViewOfFile));
        }
        let mut info = MaybeUninit::<MemoryBasicInformation>::uninit();
        // SAFETY: `info` has the layout and the length that the function writes, on success.
        let len = unsafe {
            match VirtualQuery(view, info.as_mut_ptr(), size_of::<MemoryBasicInformation>()) {
                0 => Err(last_error(Call::VirtualQuery)),
                _ => Ok(info.assume_init_ref().region_size as u64),
            }
        };
        // SAFETY: mapped above, and no longer used.
        unsafe { UnmapViewOfFile(view) };
        len
    }

    /// The memory is committed when the section is made.
    fn allocate_object(_: RawFile, _: u64) -> Result<()> {
        Ok(())
    }
}

/// Without security attributes child processes do not inherit the handle, and the token's default decides who may open the
/// name: this user and the system.
fn create(name: *const u16, len: u64) -> Result<Handle> {
    let (high, low) = halves(len);
    // SAFETY: the name is null or ends in NUL.
    let section =
        unsafe { CreateFileMappingW(INVALID_HANDLE_VALUE, null_mut(), PAGE_READWRITE, high, low, name) };
    let failure = last_error(Call::CreateFileMappingW);
    match (section, failure.code) {
        // Another kind of object has the name.
        (0, ERROR_INVALID_HANDLE) if !name.is_null() => Err(failure.with_kind(ErrorKind::AlreadyExists)),
        // Every other argument is valid, so the length exceeds what the system can address.
        (0, ERROR_INVALID_PARAMETER) => Err(failure.with_kind(ErrorKind::OutOfMemory)),
        (0, _) => Err(failure),
        // The function opens what has the name already.
        (_, ERROR_ALREADY_EXISTS) if !name.is_null() => {
            close(section);
            Err(failure)
        }
        _ => Ok(section),
    }
}

/// Calls `f` with the name in UTF-16, in the namespace of the session.
fn with_name(name: &CStr, f: impl FnOnce(*const u16) -> Result<Handle>) -> Result<Handle> {
    const MAX_PATH: usize = 260;
    const NAMESPACE: &[u8] = br"Local\";
    let mut units = [0; NAMESPACE.len() + MAX_PATH];
    for (unit, letter) in units.iter_mut().zip(NAMESPACE) {
        *unit = u16::from(*letter);
    }
    // SAFETY: that many units follow the namespace.
    unsafe { convert(name, &[], units.as_mut_ptr().add(NAMESPACE.len()), MAX_PATH)? };
    f(units.as_ptr())
}
