//! A loader that lends baremap the memory and the files of UEFI's boot services and runs the conformance suite, with output
//! on the serial port.
//!
//! Each file names only files to its left: status, file, backend, suite.

#![no_std]
#![no_main]

mod backend;
#[path = "../../../tests/conformance/mod.rs"]
mod conformance;
mod file;
mod status;
mod suite;

use core::fmt::{self, Write};
use uefi::boot;
use uefi::proto::console::serial;
use uefi::runtime::{self, ResetType};

#[uefi::entry]
fn main() -> uefi::Status {
    suite::run();
    shut_down()
}

/// The first serial port.
struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // To open it exclusively takes it from the firmware's console.
        boot::get_handle_for_protocol::<serial::Serial>()
            .and_then(boot::open_protocol_exclusive::<serial::Serial>)
            .map_err(|_| fmt::Error)?
            .write_str(text)
    }
}

/// Ends QEMU. The output says whether a check failed.
fn shut_down() -> ! {
    runtime::reset(ResetType::SHUTDOWN, uefi::Status::SUCCESS, None)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Serial, "FAILED: {info}");
    shut_down()
}
