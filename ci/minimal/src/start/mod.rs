//! What libc would do for a program, and the crate does not: the entry point, arguments, writing and exiting.
//!
//! Each system's file has `Arguments`, an iterator of `Argument` with `text` and `open`; `write`, to a descriptor or
//! standard handle; `exit`; and `standard_input`.

#[cfg_attr(any(target_os = "linux", target_os = "none"), path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "apple.rs")]
#[cfg_attr(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"), path = "apple.rs")]
#[cfg_attr(target_os = "windows", path = "windows.rs")]
mod system;

pub use system::*;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(101)
}
