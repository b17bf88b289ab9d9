//! What several of these tests need.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;

/// A file that is removed when this is dropped.
pub struct Temporary(pub PathBuf);

impl Temporary {
    /// The names of one test differ.
    pub fn new(name: &str, contents: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("baremap-{}-{name}", std::process::id()));
        fs::write(&path, contents).unwrap();
        Self(path)
    }

    pub fn open(&self) -> File {
        File::open(&self.0).unwrap()
    }

    pub fn writable(&self) -> File {
        OpenOptions::new().write(true).open(&self.0).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A heap that fails requests over a length, in one thread.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

thread_local! {
    /// That length.
    pub static LARGEST: Cell<usize> = const { Cell::new(usize::MAX) };
}

// SAFETY: the system's allocator, or none.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST.get() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `alloc` allocated it.
        unsafe { System.dealloc(ptr, layout) }
    }
}
