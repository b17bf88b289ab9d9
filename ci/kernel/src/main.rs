//! A kernel that has memory, files in memory and nothing else. It gives these to baremap as its backend, and runs the
//! conformance suite, over the serial port.

#![no_std]
#![no_main]

#[cfg_attr(target_arch = "x86_64", path = "arch/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "arch/aarch64.rs")]
mod arch;
mod backend;
#[cfg(feature = "suite")]
#[path = "../../../tests/conformance/mod.rs"]
mod conformance;
#[cfg_attr(not(feature = "suite"), allow(dead_code, reason = "the suite looks for leaks"))]
mod disk;
#[cfg(feature = "suite")]
#[path = "../../minimal/src/heap.rs"]
mod heap;
#[cfg_attr(not(feature = "suite"), allow(dead_code, reason = "as above"))]
mod memory;
#[cfg(not(feature = "suite"))]
mod small;
#[cfg(feature = "suite")]
mod suite;

use backend::KERNEL;
use core::fmt::{self, Write};

struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        arch::write(text);
        Ok(())
    }
}

fn main() -> ! {
    let _ = KERNEL.with(|memory| memory.start());
    #[cfg(feature = "suite")]
    arch::exit(suite::run());
    #[cfg(not(feature = "suite"))]
    arch::exit(small::run());
}

/// A page fault; it returns if the page is there now.
fn fault(address: usize, write: bool, execute: bool, instruction: usize) {
    let refusal = match KERNEL.with(|memory| memory.touch(address, write, execute)) {
        Some(Ok(())) => return,
        Some(Err(refusal)) => Some(refusal),
        None => None,
    };
    let what = if write {
        "write"
    } else if execute {
        "execute"
    } else {
        "read"
    };
    fail(format_args!(
        "page fault: to {what} at {address:#x}, by the instruction at {instruction:#x}: {refusal:?}"
    ))
}

fn exception(number: usize, instruction: usize) -> ! {
    fail(format_args!("exception {number:#x}, by the instruction at {instruction:#x}"))
}

/// Ends the machine, and with it the check that runs.
fn fail(why: fmt::Arguments) -> ! {
    #[cfg(feature = "suite")]
    let _ = writeln!(Output, "FAILED {}: {why}", suite::running());
    #[cfg(not(feature = "suite"))]
    let _ = writeln!(Output, "FAILED: {why}");
    arch::exit(false)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    fail(format_args!("{info}"))
}
