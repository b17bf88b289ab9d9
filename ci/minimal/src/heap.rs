//! The heap of a program without one.

use baremap::{Backing, Mapping, Mmap, Prot};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

/// Gives every allocation a mapping of its own, behind a header that tells how to unmap it.
struct Mappings;

#[global_allocator]
static MAPPINGS: Mappings = Mappings;

#[repr(C, align(64))]
struct Header(NonNull<u8>, usize, Backing);

// SAFETY: memory is fresh, aligned to 64 and as long as asked for, and unmapped once.
unsafe impl GlobalAlloc for Mappings {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let len = layout.size() + size_of::<Header>();
        match Mmap::anon(len).prot(Prot::WRITE).map() {
            Ok(map) if layout.align() <= align_of::<Header>() => {
                let (ptr, len, backing) = map.into_raw_parts();
                // SAFETY: the mapping begins at a page and is longer than the header.
                unsafe {
                    ptr.cast().write(Header(ptr, len, backing));
                    ptr.add(size_of::<Header>()).as_ptr()
                }
            }
            _ => null_mut(),
        }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _: Layout) {
        // SAFETY: `alloc` put the parts of the mapping there.
        unsafe {
            let Header(ptr, len, backing) = ptr.sub(size_of::<Header>()).cast::<Header>().read();
            drop(Mapping::from_raw_parts(ptr, len, backing));
        }
    }
}
