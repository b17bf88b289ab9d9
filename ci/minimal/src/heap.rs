//! The heap of a program without one.

use baremap::{Backing, MappingMut, Mmap};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

/// Each allocation is a mapping of its own. A header before it holds what is needed to unmap it.
struct Mappings;

#[global_allocator]
static MAPPINGS: Mappings = Mappings;

#[repr(C, align(64))]
struct Header(NonNull<u8>, usize, Backing);

// SAFETY: each allocation is fresh memory, aligned to 64, as long as its layout, and unmapped once.
unsafe impl GlobalAlloc for Mappings {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let len = layout.size() + size_of::<Header>();
        match Mmap::anon(len).map_mut() {
            Ok(map) if layout.align() <= align_of::<Header>() => {
                let (ptr, len, backing) = map.into_raw_parts();
                // SAFETY: the mapping starts at a page and is longer than the header.
                unsafe {
                    ptr.cast().write(Header(ptr, len, backing));
                    ptr.add(size_of::<Header>()).as_ptr()
                }
            }
            _ => null_mut(),
        }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _: Layout) {
        // SAFETY: `alloc` wrote the header, and its parts are used once.
        unsafe {
            let Header(ptr, len, backing) = ptr.sub(size_of::<Header>()).cast::<Header>().read();
            drop(MappingMut::from_raw_parts(ptr, len, backing));
        }
    }
}
