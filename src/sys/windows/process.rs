//! The map of the process.

use super::Windows;
use super::calls::*;
use super::imports::*;
use crate::error::kind::{Call, Failure};
use crate::options::Prot;
use crate::sys::contract::Result;
use crate::sys::contract::process::{Process, Region, prot};
use core::mem::MaybeUninit;
use core::ptr::{null_mut, without_provenance};
use core::slice;

/// The greatest length of a name in UTF-16 code units.
const LONG: usize = 32768;

/// A name in UTF-16, and the same in UTF-8, with at most 3 bytes for each code unit. Too much for a stack.
struct Names {
    wide: *mut u16,
}

impl Names {
    fn new() -> Result<Self> {
        let len = LONG * size_of::<u16>() + 3 * LONG;
        // SAFETY: the system chooses a free address.
        let wide = unsafe { VirtualAlloc(null_mut(), len, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) };
        if wide.is_null() { Err(last_error(Call::VirtualAlloc)) } else { Ok(Self { wide: wide.cast() }) }
    }

    /// Returns the name of the file that is mapped at an address; empty if there is none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "LONG is small")]
    fn find(&mut self, address: usize) -> &[u8] {
        const CP_UTF8: u32 = 65001;
        // SAFETY: both buffers are as long as the functions are told, and apart. What was converted is initialized.
        unsafe {
            let utf8 = self.wide.add(LONG).cast::<u8>();
            let units = K32GetMappedFileNameW(process(), without_provenance(address), self.wide, LONG as u32);
            let (units, room) = (units.min(LONG as u32) as i32, 3 * LONG as i32);
            let len = match units {
                0 => 0,
                _ => WideCharToMultiByte(
                    CP_UTF8,
                    0,
                    self.wide,
                    units,
                    utf8.cast(),
                    room,
                    null_mut(),
                    null_mut(),
                ),
            };
            slice::from_raw_parts(utf8, usize::try_from(len).unwrap_or(0))
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`, and no longer used.
        unsafe { VirtualFree(self.wide.cast(), 0, MEM_RELEASE) };
    }
}

impl Process for Windows {
    fn regions(from: usize, mut visit: impl FnMut(Region<'_>) -> bool) -> Result<()> {
        const MEM_FREE: u32 = 0x10000;
        const MEM_PRIVATE: u32 = 0x20000;
        const MEM_MAPPED: u32 = 0x40000;
        let mut names = Names::new()?;
        let mut address = from;
        // The function describes what follows a page, and so only a part of the region that contains it.
        if let Some(info) = query(from)? {
            if info.state != MEM_FREE {
                address = info.allocation_base.addr();
            }
        }
        while let Some(info) = query(address)? {
            let start = info.base_address.addr();
            let Some(end) = start.checked_add(info.region_size) else { break };
            address = end;
            if info.state == MEM_FREE || end <= from {
                continue;
            }
            let was_copied = info.allocation_protect & (PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY) != 0;
            let region = Region {
                start,
                end,
                prot: if info.state == MEM_COMMIT { permissions(info.protect) } else { Prot::empty() },
                is_shared: info.kind == MEM_MAPPED && !was_copied,
                offset: None,
                name: if info.kind == MEM_PRIVATE { b"" } else { names.find(start) },
            };
            if !visit(region) {
                break;
            }
        }
        Ok(())
    }
}

/// Returns `None` past the highest address that a process can have, where the function fails with ERROR_INVALID_PARAMETER
/// (Microsoft, "VirtualQuery function").
fn query(address: usize) -> Result<Option<MemoryBasicInformation>> {
    let mut info = MaybeUninit::<MemoryBasicInformation>::uninit();
    // SAFETY: `info` has the layout and the length that the function writes.
    let written = unsafe {
        VirtualQuery(without_provenance(address), info.as_mut_ptr(), size_of::<MemoryBasicInformation>())
    };
    match checked(Call::VirtualQuery, i32::from(written != 0)) {
        // SAFETY: on success it is initialized.
        Ok(()) => Ok(Some(unsafe { info.assume_init() })),
        Err(Failure { code: ERROR_INVALID_PARAMETER, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn permissions(protection: u32) -> Prot {
    const PAGE_GUARD: u32 = 0x100;
    const PAGE_EXECUTE: u32 = 0x10;
    let has = |any: u32| protection & any != 0 && protection & PAGE_GUARD == 0;
    let writable = PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    let executable = PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    prot(has(PAGE_READONLY | PAGE_EXECUTE_READ | writable), has(writable), has(executable))
}
