//! Reservations are placeholders: reserved address space that this process can replace and restore without releasing it
//! in between. Windows 10 has them since version 1803. Their functions, in kernelbase alone, are looked up (Microsoft,
//! "VirtualAlloc2 function", "MapViewOfFile3 function", "UnmapViewOfFile2 function", "VirtualFree function").
//!
//! ```text
//! reserve                [            placeholder            ]
//! map_anon               [              memory               ]
//! map_file               [        view       ][ placeholder  ]  a view ends with a page, a reservation with 64 KiB
//! unmap_to_reservation   [    placeholder    ][ placeholder  ]  also if the view cannot be mapped
//! join, at the next use  [            placeholder            ]
//! unmap, release                                                free, with what is left past a view
//! ```

use super::calls::*;
use super::imports::*;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::sys::contract::{Result, Span};
use core::ffi::{CStr, c_void};
use core::mem;
use core::ptr::{NonNull, null_mut, without_provenance_mut};

/// Looks up a function of kernelbase by its name.
///
/// # Safety
/// `F` is the function's type.
pub(super) unsafe fn find<F: Copy>(name: &CStr) -> Result<F> {
    // SAFETY: both names end in NUL. kernel32 keeps kernelbase loaded.
    let function = unsafe { GetProcAddress(GetModuleHandleA(c"kernelbase.dll".as_ptr()), name.as_ptr()) };
    if function.is_null() {
        return Err(Failure::refused(Call::Reserve, ErrorKind::Unsupported));
    }
    // SAFETY: the caller's promise; a function pointer is as long as a pointer.
    Ok(unsafe { mem::transmute_copy(&function) })
}

/// Calls VirtualAlloc2.
///
/// # Safety
/// With MEM_REPLACE_PLACEHOLDER there is a placeholder of the caller's at the address, `len` bytes long.
pub(super) unsafe fn allocate(
    address: *mut c_void,
    len: usize,
    allocation_type: u32,
    protection: u32,
) -> Result<NonNull<u8>> {
    // SAFETY: the type is that function's.
    let allocate: VirtualAlloc2 = unsafe { find(c"VirtualAlloc2")? };
    // SAFETY: the caller's promise. Without MEM_REPLACE_PLACEHOLDER it replaces nothing.
    let base = unsafe { allocate(process(), address, len, allocation_type, protection, null_mut(), 0) };
    NonNull::new(base.cast()).ok_or_else(|| last_error(Call::VirtualAlloc2))
}

pub(super) fn reserve(address: usize, len: usize) -> Result<Span> {
    const MEM_RESERVE_PLACEHOLDER: u32 = 0x40000;
    const ERROR_INVALID_ADDRESS: i32 = 487;
    let allocation_type = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;
    // SAFETY: it replaces nothing.
    let ptr = unsafe { allocate(without_provenance_mut(address), len, allocation_type, PAGE_NOACCESS) };
    ptr.map(|ptr| Span { ptr, len }).map_err(|failure| match failure.code {
        ERROR_INVALID_ADDRESS if address != 0 => failure.with_kind(ErrorKind::Busy),
        // Either the length exceeds every address space, or VirtualAlloc2 does not support placeholders, as that of
        // Wine 8.0. Reserving 64 KiB tells which.
        ERROR_INVALID_PARAMETER => {
            let granularity = allocation_granularity();
            // SAFETY: a new reservation that nobody uses.
            let probe = || reserve(0, granularity).map(|probe| unsafe { release(probe) });
            let is_supported = (address, len) != (0, granularity) && probe().is_ok();
            failure.with_kind(if is_supported { ErrorKind::OutOfMemory } else { ErrorKind::Unsupported })
        }
        _ => failure,
    })
}

/// # Safety
/// A whole reservation of the caller's; `at` lies inside it.
pub(super) unsafe fn split(reservation: Span, at: usize) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        join(reservation)?;
        free(reservation, at, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)
    }
}

/// # Safety
/// A whole reservation of the caller's, and no longer used.
pub(super) unsafe fn release(reservation: Span) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        join(reservation)?;
        free(reservation, 0, MEM_RELEASE)
    }
}

/// Joins the placeholders that a reservation may consist of, one by one from the start. Every use of a reservation does
/// this first, so that nothing has to be joined where a failure could not be returned.
///
/// # Safety
/// A whole reservation of the caller's.
pub(super) unsafe fn join(reservation: Span) -> Result<()> {
    let mut len = region_len(reservation.ptr);
    while len < reservation.len {
        // SAFETY: the caller's promise; `len` lies inside the reservation.
        unsafe {
            len += region_len(reservation.ptr.add(len));
            free(reservation, len.min(reservation.len), MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)?;
        }
    }
    Ok(())
}

/// Replaces a reservation with a view. A view has whole pages and does not go past the end of the file, so the rest of the
/// last 64 KiB becomes a placeholder of its own.
///
/// # Safety
/// A whole reservation of the caller's, as long as `len` rounded up to the granularity.
pub(super) unsafe fn map_view(
    reservation: Span,
    section: Handle,
    offset: u64,
    len: usize,
    protection: u32,
) -> Result<NonNull<u8>> {
    // SAFETY: the type is that function's.
    let map_view: MapViewOfFile3 = unsafe { find(c"MapViewOfFile3")? };
    let base = reservation.ptr.as_ptr().cast();
    let view_len = len.next_multiple_of(page_size());
    // If the view then fails, the reservation consists of two placeholders.
    // SAFETY: the caller's promise.
    unsafe { if view_len == reservation.len { join(reservation)? } else { split(reservation, view_len)? } };
    let map = |len| {
        let kind = MEM_REPLACE_PLACEHOLDER;
        // SAFETY: replaces the placeholder of `view_len` bytes.
        let base =
            unsafe { map_view(section, process(), base, offset, len, kind, protection, null_mut(), 0) };
        NonNull::new(base.cast()).ok_or_else(|| last_error(Call::MapViewOfFile3))
    };
    // The documentation asks for whole pages, and for no more than the file has. At the end of a file both cannot hold.
    map(view_len).or_else(|failure| map(len).map_err(|_| failure))
}

/// Releases what `map_view` left of a reservation past the view. A failure is ignored: the mapping is gone, and an error
/// would return it. Then less than 64 KiB of address space leaks.
///
/// # Safety
/// The view was mapped in a reservation, and is unmapped.
pub(super) unsafe fn release_rest(view: Span) {
    let view_len = view.len.next_multiple_of(page_size());
    if view_len % allocation_granularity() != 0 {
        // SAFETY: the rest is a placeholder of the caller's.
        unsafe { VirtualFree(view.ptr.as_ptr().wrapping_add(view_len).cast(), 0, MEM_RELEASE) };
    }
}

/// Unmaps a view and leaves a placeholder.
///
/// # Safety
/// The view was mapped in a reservation, and is no longer used.
pub(super) unsafe fn unmap_view(view: Span) -> Result<()> {
    // SAFETY: the type is that function's.
    let unmap_view: UnmapViewOfFile2 = unsafe { find(c"UnmapViewOfFile2")? };
    // SAFETY: the caller's promise.
    checked(Call::UnmapViewOfFile2, unsafe {
        unmap_view(process(), view.ptr.as_ptr().cast(), MEM_PRESERVE_PLACEHOLDER)
    })
}
