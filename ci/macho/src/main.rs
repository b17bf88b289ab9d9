//! Runs a Mach-O program on Linux: `macho PROGRAM ARGUMENTS…`.
//!
//! It maps the segments, binds the imports from libSystem to shims, and calls `main`. It translates no instructions, so
//! the program must be for the processor that the loader is built for. A shim takes Darwin's flags, behaves as Darwin and
//! returns its error codes. It stops the program for a flag of Linux that Darwin would silently accept.

mod errno;
mod faults;
mod files;
mod image;
mod memory;
mod regions;
mod shims;
mod shm;
mod signals;

use std::ffi::{CString, c_char, c_int};
use std::fmt::Display;
use std::os::unix::ffi::OsStringExt;
use std::ptr::null;

/// Darwin's page size, also where the host's is smaller. On arm64, native processes have pages of 16 KiB.
const PAGE: usize = if cfg!(target_arch = "aarch64") { 0x4000 } else { 0x1000 };

/// Prints a message and ends the process with a status that no program uses.
fn stop(message: impl Display) -> ! {
    eprintln!("ci/macho: {message}");
    // SAFETY: ends the process.
    unsafe { libc::_exit(99) }
}

/// Returns a vector of C strings, which is never freed.
fn strings(strings: impl Iterator<Item = Vec<u8>>) -> *const *const c_char {
    let pointers = strings
        .map(|string| CString::new(string).unwrap_or_default().into_raw().cast_const())
        .chain([null()]);
    pointers.collect::<Vec<_>>().leak().as_ptr()
}

fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    let Some(path) = arguments.first() else {
        stop("usage: macho PROGRAM ARGUMENTS…");
    };
    let name = String::from_utf8_lossy(path).into_owned();
    let data = std::fs::read(&name).unwrap_or_else(|error| stop(format_args!("{name}: {error}")));
    let entry = image::load(&data).unwrap_or_else(|error| stop(format_args!("{name}: {error}")));
    drop(data);

    // Rust's std has installed handlers for these.
    for signal in [libc::SIGPIPE, libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: the default action needs no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let environment = std::env::vars_os().map(|(name, value)| {
        let mut variable = name.into_vec();
        variable.push(b'=');
        variable.extend(value.into_vec());
        variable
    });
    // The kernel's strings, which dyld passes on (`exec_add_apple_strings` in bsd/kern/kern_exec.c).
    let apple = strings([format!("executable_path={name}").into_bytes()].into_iter());
    let (count, vector) = (arguments.len() as c_int, strings(arguments.into_iter()));
    // SAFETY: LC_MAIN names a function with the arguments of C's `main`.
    let main: extern "C" fn(
        c_int,
        *const *const c_char,
        *const *const c_char,
        *const *const c_char,
    ) -> c_int = unsafe { std::mem::transmute(entry) };
    files::exit(main(count, vector, strings(environment), apple));
}
