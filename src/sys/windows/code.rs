//! Memory for code: two views of a section of the paging file. Stacks: reserved memory, committed from its upper end.

use super::Windows;
use super::calls::*;
use super::imports::*;
use super::memory::{Backing, Kind, protection};
use crate::error::kind::{Call, ErrorKind};
use crate::options::Prot;
use crate::sys::contract::code::{Code, MappedCode, Stacks, part};
use crate::sys::contract::{Mapped, Result, Span, System};
use core::ptr::{NonNull, null, null_mut};

impl Code for Windows {
    fn map_code(len: usize) -> Result<MappedCode<Backing>> {
        let protection = protection(Prot::WRITE | Prot::EXEC, Kind::Shared);
        let (file, (high, low)) = (INVALID_HANDLE_VALUE, halves(len as u64));
        // SAFETY: accesses no memory of this process.
        let section = unsafe { CreateFileMappingW(file, null_mut(), protection, high, low, null()) };
        if section == 0 {
            return Err(last_error(Call::CreateFileMappingW));
        }
        // The views alone keep the section alive.
        let mapped = map_twice(section, len);
        // SAFETY: just made.
        unsafe { CloseHandle(section) };
        mapped
    }

    unsafe fn sync_instructions(span: Span, _: &Backing) -> Result<()> {
        // SAFETY: the caller's promise.
        let result = unsafe { FlushInstructionCache(process(), span.ptr.as_ptr().cast(), span.len) };
        checked(Call::FlushInstructionCache, result)
    }
}

fn map_twice(section: Handle, len: usize) -> Result<MappedCode<Backing>> {
    const ERROR_DYNAMIC_CODE_BLOCKED: i32 = 1655;
    let map = |prot, access| {
        // SAFETY: the system chooses a free address.
        let ptr = NonNull::new(unsafe { MapViewOfFile(section, access, 0, 0, len) }.cast());
        let ptr = ptr.ok_or_else(|| match last_error(Call::MapViewOfFile) {
            // The process has forbidden itself code that is not a file's (SetProcessMitigationPolicy).
            failure if failure.code == ERROR_DYNAMIC_CODE_BLOCKED => {
                failure.with_kind(ErrorKind::PermissionDenied)
            }
            failure => failure,
        })?;
        let backing = Backing { prot, kind: Kind::Shared, ..Windows::EMPTY };
        Ok(Mapped { ptr, backing })
    };
    let executable = map(Prot::EXEC, FILE_MAP_READ | FILE_MAP_EXECUTE)?;
    let writable = map(Prot::WRITE, FILE_MAP_WRITE).inspect_err(|_| {
        // SAFETY: nobody else knows of the view.
        let _ = unsafe { Windows::unmap(Span { ptr: executable.ptr, len }, &executable.backing) };
    })?;
    Ok(MappedCode { executable, writable: Some(writable) })
}

impl Stacks for Windows {
    /// Not a placeholder, so that parts of it can be committed.
    fn reserve_stack(len: usize) -> Result<Span> {
        // SAFETY: the system chooses a free address.
        let base = unsafe { VirtualAlloc(null_mut(), len, MEM_RESERVE, PAGE_NOACCESS) };
        let ptr = NonNull::new(base.cast()).ok_or_else(|| {
            match last_error(Call::VirtualAlloc) {
                // Every other argument is valid, so the length exceeds the address space.
                failure if failure.code == ERROR_INVALID_PARAMETER => {
                    failure.with_kind(ErrorKind::OutOfMemory)
                }
                failure => failure,
            }
        })?;
        Ok(Span { ptr, len })
    }

    unsafe fn grow_stack(stack: Span, len: usize, new_len: usize) -> Result<()> {
        let Span { ptr, len } = part(stack, len, new_len);
        // SAFETY: the caller's reserved pages.
        let base = unsafe { VirtualAlloc(ptr.as_ptr().cast(), len, MEM_COMMIT, PAGE_READWRITE) };
        if base.is_null() { Err(last_error(Call::VirtualAlloc)) } else { Ok(()) }
    }

    unsafe fn unmap_stack(stack: Span, _: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { free(stack, 0, MEM_RELEASE) }
    }
}
