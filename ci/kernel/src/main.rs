//! A kernel with memory, files in memory, and nothing else. It lends both to baremap as its backend and runs the conformance
//! suite, with output on the serial port.
//!
//! Each file names only files to its left: exception, error, arch; frames, tables, disk, memory; backend; suite or small.

#![no_std]
#![no_main]
#![cfg_attr(not(feature = "suite"), allow(dead_code, reason = "the suite looks for leaks"))]

#[cfg_attr(target_arch = "x86_64", path = "arch/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "arch/aarch64.rs")]
mod arch;
mod backend;
#[cfg(feature = "suite")]
#[path = "../../../tests/conformance/mod.rs"]
mod conformance;
mod disk;
mod error;
mod exception;
mod frames;
#[cfg(feature = "suite")]
#[path = "../../minimal/src/heap.rs"]
mod heap;
mod memory;
#[cfg(not(feature = "suite"))]
#[path = "small.rs"]
mod program;
#[cfg(feature = "suite")]
#[path = "suite.rs"]
mod program;
mod tables;

use backend::KERNEL;
use baremap::guard;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use exception::Exception;

/// How many page faults the crate's guard repaired.
static REPAIRED: AtomicUsize = AtomicUsize::new(0);

/// Called by the architecture's entry point, which finds it by this name.
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    arch::handle_exceptions(handle);
    let _ = KERNEL.with(|memory| memory.start());
    arch::exit(program::run())
}

/// Returns where to continue: at the instruction, if the page is present now, or where the crate says.
fn handle(exception: Exception, instruction: usize) -> usize {
    match exception {
        Exception::PageFault { address, access } => {
            let result = KERNEL.with(|memory| memory.page_in(address, access));
            if result == Some(Ok(())) {
                return instruction;
            }
            let Some(next) = guard::fixup(instruction) else {
                fail(format_args!(
                    "page fault: {access:?} at {address:#x} by the instruction at {instruction:#x}: {result:?}"
                ));
            };
            REPAIRED.fetch_add(1, Relaxed);
            next
        }
        Exception::Other { number } => {
            fail(format_args!("exception {number:#x} by the instruction at {instruction:#x}"))
        }
    }
}

fn fail(reason: fmt::Arguments) -> ! {
    let _ = writeln!(arch::Serial, "FAILED {}: {reason}", program::running());
    arch::exit(false)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    fail(format_args!("{info}"))
}
