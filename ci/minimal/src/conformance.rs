//! The conformance suite as a program without std and libc: `conformance FOLDER/ <PIPE`, where FOLDER is there for it
//! alone, and the pipe gives the word "pipe". Prints a line per check, then the counts, and exits with 1 if one failed.

#![no_std]
#![no_main]

#[path = "../../../tests/conformance/mod.rs"]
mod conformance;
mod heap;
mod start;

use baremap::FileRef;
use conformance::{ALLOC_CHECKS, CHECKS, Env, Failure};
use core::fmt::{self, Write};
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
    // The loader for macOS has Linux's, as Wine has.
    let tells_no_length = cfg!(not(any(windows, target_vendor = "apple"))).then_some(c"/proc/version");
    // QEMU, under which this runs, notes every page.
    let address_space = 1 << if cfg!(target_arch = "aarch64") { 32 } else { usize::BITS * 5 / 8 };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, check) in CHECKS.iter().chain(ALLOC_CHECKS) {
        // SAFETY: standard input stays open.
        let pipe = Some(unsafe { FileRef::borrow_raw(start::standard_input()) });
        let mut env = Env { folder, pipe, zeros, tells_no_length, address_space };
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
