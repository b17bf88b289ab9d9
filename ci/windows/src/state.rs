//! The resources of this process, to compare: its address space and its handles.

use std::ffi::c_void;

#[repr(C)]
#[derive(Clone, Copy)]
struct MemoryBasicInformation {
    base: usize,
    allocation_base: usize,
    allocation_protect: u32,
    region_size: usize,
    state: u32,
    protect: u32,
    kind: u32,
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CloseHandle(handle: isize) -> i32;
    fn CreateEventW(security: *mut c_void, manual_reset: i32, initial_state: i32, name: *const u16) -> isize;
    fn VirtualQuery(address: *const c_void, info: *mut MemoryBasicInformation, len: usize) -> usize;
}

/// The start and length of each allocation, view and placeholder, and the handle that a new object would get: Wine gives it
/// the least that is free (`alloc_entry` in server/handle.c), so that one that is left open, or closed twice, changes it.
#[derive(PartialEq, Eq)]
pub struct State {
    allocations: Vec<(usize, usize)>,
    next_handle: isize,
}

fn query(address: usize) -> Option<MemoryBasicInformation> {
    let mut info = std::mem::MaybeUninit::uninit();
    // SAFETY: `info` has the layout and the length that the function writes.
    let len = unsafe {
        let len = size_of::<MemoryBasicInformation>();
        VirtualQuery(std::ptr::without_provenance(address), info.as_mut_ptr(), len)
    };
    // SAFETY: on success it is initialized.
    (len != 0).then(|| unsafe { info.assume_init() })
}

/// Returns the protection (PAGE_…) of the page at an address, or 0 if it is not committed.
pub fn protection(address: *const u8) -> u32 {
    const MEM_COMMIT: u32 = 0x1000;
    query(address.addr()).filter(|info| info.state == MEM_COMMIT).map_or(0, |info| info.protect)
}

impl State {
    pub fn now() -> Self {
        const MEM_FREE: u32 = 0x10000;
        let mut allocations = Vec::<(usize, usize)>::with_capacity(1 << 12);
        let mut address = 0;
        while let Some(info) = query(address) {
            address = info.base + info.region_size;
            if info.state == MEM_FREE {
                continue;
            }
            match allocations.last_mut() {
                Some((base, len)) if *base == info.allocation_base => *len += info.region_size,
                _ => allocations.push((info.allocation_base, info.region_size)),
            }
        }
        // SAFETY: a new event, closed once.
        let next_handle = unsafe {
            let event = CreateEventW(std::ptr::null_mut(), 0, 0, std::ptr::null());
            CloseHandle(event);
            event
        };
        Self { allocations, next_handle }
    }

    /// Returns the allocations that were added since `before`.
    pub fn added(&self, before: &Self) -> Vec<(usize, usize)> {
        self.allocations.iter().filter(|&of| !before.allocations.contains(of)).copied().collect()
    }

    /// Lists what was added and removed since `before`.
    pub fn changes(&self, before: &Self) -> String {
        let mut changes = String::new();
        for (sign, these, those) in [('+', self, before), ('-', before, self)] {
            for (base, len) in these.allocations.iter().filter(|&of| !those.allocations.contains(of)) {
                changes += &format!(" {sign}{base:#x}..{:#x}", base + len);
            }
        }
        if self.next_handle != before.next_handle {
            changes += &format!(" next handle {:#x} -> {:#x}", before.next_handle, self.next_handle);
        }
        changes
    }
}
