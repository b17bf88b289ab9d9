//! macOS and the BSDs, through their C libraries, which call `main`.

use core::ffi::{c_char, c_int, c_void};

#[path = "strings.rs"]
mod strings;

pub use strings::*;

#[cfg_attr(target_os = "macos", link(name = "System"))]
#[cfg_attr(not(target_os = "macos"), link(name = "c"))]
unsafe extern "C" {
    #[link_name = "write"]
    fn write_part(file: c_int, bytes: *const c_void, len: usize) -> isize;
    #[link_name = "_exit"]
    fn exit_process(status: c_int) -> !;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    // SAFETY: the list has `count` strings, of which the first, if any, is the program's name, and a NULL.
    crate::main(Arguments(unsafe { arguments.add(usize::from(count > 0)) })).into()
}

pub fn exit(status: u8) -> ! {
    // SAFETY: it has no conditions.
    unsafe { exit_process(status.into()) }
}

/// Writes all bytes to a descriptor; `None` if that fails.
#[inline(never)]
pub fn write(descriptor: usize, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        // Fails for more than INT_MAX bytes (write(2)).
        let len = bytes.len().min(i32::MAX as usize);
        // SAFETY: the kernel reads `bytes`, and fails with EFAULT where it cannot.
        let written = unsafe { write_part(descriptor as c_int, bytes.as_ptr().cast(), len) };
        bytes = bytes.get(usize::try_from(written).ok()?..)?;
    }
    Some(())
}

#[allow(dead_code, reason = "for conformance")]
pub fn standard_input() -> baremap::RawFile {
    0
}
