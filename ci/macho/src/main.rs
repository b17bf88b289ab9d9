//! Runs a Mach-O program on Linux: `macho PROGRAM ARGUMENTS…`.
//!
//! It maps the segments, binds what the program imports from libSystem to shims that speak Darwin, and calls
//! `main`. No instruction is translated, so the program is for the processor that this one is built for. A
//! shim answers as Darwin would, and stops the program where Darwin would overlook that a flag is not
//! Darwin's.

mod errno;
mod faults;
mod files;
mod image;
mod memory;
mod shims;

use std::ffi::{CString, c_char, c_int};
use std::fmt::Display;
use std::os::unix::ffi::OsStringExt;
use std::ptr::null;

/// A page of Darwin's, whatever the host has (vm_page_size; arm64 macOS has 16 KiB for every process of its
/// own).
const PAGE: usize = if cfg!(target_arch = "aarch64") { 0x4000 } else { 0x1000 };

/// Ends the process, program and all, with a status that is none of the program's own.
fn stop(message: impl Display) -> ! {
    eprintln!("ci/macho: {message}");
    // SAFETY: ends the process.
    unsafe { libc::_exit(99) }
}

/// C's vector of strings, which live on.
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

    // What Rust's std has set for itself.
    for signal in [libc::SIGPIPE, libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: SIG_DFL runs nothing.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let environment = std::env::vars_os().map(|(name, value)| {
        let mut variable = name.into_vec();
        variable.push(b'=');
        variable.extend(value.into_vec());
        variable
    });
    // What the kernel tells dyld, and dyld passes on (exec_add_apple_strings in kern_exec.c).
    let apple = strings([format!("executable_path={name}").into_bytes()].into_iter());
    let (count, vector) = (arguments.len() as c_int, strings(arguments.into_iter()));
    // SAFETY: LC_MAIN says that a function with C's arguments is there.
    let main: extern "C" fn(
        c_int,
        *const *const c_char,
        *const *const c_char,
        *const *const c_char,
    ) -> c_int = unsafe { std::mem::transmute(entry) };
    files::exit(main(count, vector, strings(environment), apple));
}
