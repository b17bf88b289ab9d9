//! What libc would do for a program: the entry point, arguments, writing and the end. The crate itself offers none of
//! these. Each system's file gives `Arguments`, each with its `text` and a way to `open` what it names, `write` to a
//! descriptor or standard handle, `exit`, and `standard_input`.

#[cfg_attr(any(target_os = "linux", target_os = "none"), path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "apple.rs")]
#[cfg_attr(target_os = "windows", path = "windows.rs")]
mod system;

pub use system::*;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(101)
}
