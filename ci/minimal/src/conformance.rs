//! The conformance suite as a program without std and libc: `conformance FOLDER/ <PIPE`, where FOLDER is there for it
//! alone, and the pipe gives the word "pipe". Prints a line per check, then the counts, and exits with 1 if one failed.

#![no_std]
#![no_main]

extern crate alloc;

#[path = "../../../tests/conformance/mod.rs"]
mod conformance;
mod start;

use baremap::{Backing, FileRef, Mapping, Mmap, Prot};
use conformance::{ALLOC_CHECKS, CHECKS, Env, Failure};
use core::alloc::{GlobalAlloc, Layout};
use core::fmt::{self, Write};
use core::ptr::{NonNull, null_mut};
use mem as _;
use start::Arguments;

struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        start::write(1, text.as_bytes()).ok_or(fmt::Error)
    }
}

fn main(mut arguments: Arguments) -> u8 {
    let Some(folder) = arguments.next() else {
        start::write(2, b"usage: conformance FOLDER/ <PIPE\n");
        return 2;
    };
    let folder = folder.text();
    let _ = writeln!(Output, "pages of {} bytes", baremap::page_size());
    // Wine has it, and Windows has not.
    let zeros = cfg!(not(windows)).then_some(c"/dev/zero");
    // QEMU, under which this runs, notes every page.
    let address_space = 1 << if cfg!(target_arch = "aarch64") { 32 } else { usize::BITS * 5 / 8 };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, check) in CHECKS.iter().chain(ALLOC_CHECKS) {
        // SAFETY: standard input stays open.
        let pipe = Some(unsafe { FileRef::borrow_raw(start::standard_input()) });
        let mut env = Env { folder, pipe, zeros, address_space };
        let _ = match check(&mut env) {
            Ok(()) => {
                passed += 1;
                writeln!(Output, "ok {name}")
            }
            Err(Failure::Skipped(reason)) => {
                skipped += 1;
                writeln!(Output, "skipped {name}: {reason}")
            }
            Err(Failure::Broken(location, what, error)) => {
                failed += 1;
                writeln!(Output, "FAILED {name}: {location}: {what} {error:?}")
            }
        };
    }
    let _ = writeln!(Output, "{passed} passed, {failed} failed, {skipped} skipped");
    u8::from(failed > 0)
}

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
