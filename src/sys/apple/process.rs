//! The map of the process. The kernel's side is `vm_map_region_recurse_64` of osfmk/vm/vm_map.c.

use super::Apple;
use super::imports::*;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::sys::contract::Result;
use crate::sys::contract::process::{Process, Region, prot};
use core::ffi::{c_int, c_uint};
use core::mem::MaybeUninit;

impl Process for Apple {
    fn regions(from: usize, mut visit: impl FnMut(Region<'_>) -> bool) -> Result<()> {
        let mut name = [0_u8; MAXPATHLEN];
        let mut address = from;
        loop {
            let mut info = MaybeUninit::<VmRegionSubmapShortInfo64>::uninit();
            let (mut len, mut count) = (0, VM_REGION_SUBMAP_SHORT_INFO_COUNT_64);
            // Into every submap, so that its regions are found, and not the submap.
            let mut depth = c_uint::MAX;
            // SAFETY: the pointers are writable, and `info` has the layout and the length that the function writes.
            let code = unsafe {
                let info = info.as_mut_ptr().cast();
                vm_region_recurse_64(
                    mach_task_self_,
                    &raw mut address,
                    &raw mut len,
                    &raw mut depth,
                    info,
                    &raw mut count,
                )
            };
            match code {
                KERN_SUCCESS => {}
                // The last region ends before.
                KERN_INVALID_ADDRESS => return Ok(()),
                // Its codes are not those of `errno`.
                _ => return Err(Failure::refused(Call::VmRegionRecurse64, ErrorKind::Other)),
            }
            // SAFETY: on success it is initialized.
            let info = unsafe { info.assume_init() };
            let name_len = file_name(address, &mut name);
            let name = name.get(..usize::try_from(name_len).unwrap_or(0)).unwrap_or(b"");
            let has = |bit| info.protection & bit != 0;
            let region = Region {
                start: address,
                end: address + len,
                prot: prot(has(VM_PROT_READ), has(VM_PROT_WRITE), has(VM_PROT_EXECUTE)),
                is_shared: info.inheritance == VM_INHERIT_SHARE as c_uint,
                offset: (!name.is_empty()).then_some(info.offset),
                name,
            };
            address = region.end;
            if !visit(region) {
                return Ok(());
            }
        }
    }
}

/// Writes the name of the file that is mapped, and returns its length: 0 if there is none.
#[cfg(any(baremap_backend = "macos", baremap_backend = "macabi"))]
#[expect(clippy::cast_possible_truncation, reason = "MAXPATHLEN is 1024")]
fn file_name(address: usize, name: &mut [u8; MAXPATHLEN]) -> c_int {
    // SAFETY: `name` is as long as the function is told.
    unsafe { proc_regionfilename(getpid(), address as u64, name.as_mut_ptr().cast(), MAXPATHLEN as u32) }
}

/// Apple's other systems keep the functions of libproc.h to themselves: an app that imports one may be rejected.
#[cfg(not(any(baremap_backend = "macos", baremap_backend = "macabi")))]
fn file_name(_: usize, _: &mut [u8; MAXPATHLEN]) -> c_int {
    0
}
