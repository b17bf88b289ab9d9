//! The conformance suite as a program without std and libc: `conformance FOLDER/ <PIPE`. FOLDER exists for it alone, and
//! the word "pipe" can be read from the pipe. Prints a line for each check, then the counts, and exits with 1 if one failed.

#![no_std]
#![no_main]

#[path = "../../../tests/conformance/mod.rs"]
mod conformance;
mod heap;
mod start;

use baremap::FileRef;
use conformance::{Env, run_all};
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
    // Wine has /dev/zero, and Windows has not.
    let zeros = cfg!(not(windows)).then_some(c"/dev/zero");
    // The loader for macOS has Linux's /proc, and so has Wine.
    let reports_no_length = cfg!(not(any(windows, target_vendor = "apple"))).then_some(c"/proc/version");
    // QEMU keeps a record of every page.
    let address_space = 1 << if cfg!(target_arch = "aarch64") { 32 } else { usize::BITS * 5 / 8 };
    // SAFETY: standard input stays open.
    let pipe = Some(unsafe { FileRef::borrow_raw(start::standard_input()) });
    let keeps_translations =
        cfg!(all(target_os = "linux", not(any(target_arch = "x86_64", target_arch = "x86"))));
    // There a function's address is that of a descriptor, not of code.
    let has_descriptors = cfg!(all(target_arch = "powerpc64", target_endian = "big", target_env = "gnu"));
    let arch = if has_descriptors { "" } else { env!("ARCH") };
    let mut env = Env {
        folder,
        pipe,
        zeros,
        reports_no_length,
        set_len: start::SET_LEN,
        arch,
        keeps_translations,
        address_space,
    };
    let counts = run_all(&mut env, &[], |check, env| (check.run)(env), &mut Output);
    u8::from(counts.failed > 0)
}
