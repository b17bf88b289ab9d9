//! macOS, through libSystem, whose start-up calls `main`.

use core::ffi::{c_char, c_int, c_void};

#[path = "strings.rs"]
mod strings;

pub use strings::*;

#[link(name = "System")]
unsafe extern "C" {
    #[link_name = "write"]
    fn write_some(file: c_int, bytes: *const c_void, len: usize) -> isize;
    #[link_name = "_exit"]
    fn end(status: c_int) -> !;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    // SAFETY: the list has `count` strings and a NULL; the first, if there is one, is the program's name.
    crate::main(Arguments(unsafe { arguments.add(usize::from(count > 0)) })).into()
}

pub fn exit(status: u8) -> ! {
    // SAFETY: ends the process.
    unsafe { end(status.into()) }
}

/// Writes all to a descriptor, or gives `None`.
#[inline(never)]
pub fn write(descriptor: usize, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        // More than INT_MAX at a time is refused (write(2)).
        let len = bytes.len().min(i32::MAX as usize);
        // SAFETY: `bytes` is readable, and if it is not, the kernel says so.
        let written = unsafe { write_some(descriptor as c_int, bytes.as_ptr().cast(), len) };
        bytes = bytes.get(usize::try_from(written).ok()?..)?;
    }
    Some(())
}

#[allow(dead_code, reason = "cat reads none")]
pub fn standard_input() -> baremap::RawFile {
    0
}
