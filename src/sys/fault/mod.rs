//! A copy from memory that may be gone, whose faults are repaired.
//!
//! A file can be truncated while it is mapped, or its device can fail; access to the mapping then raises SIGBUS or an
//! exception. Only code that the handler knows can be repaired, so the copy is a routine in assembly, one for each
//! architecture, whose parts lie at fixed offsets:
//!
//! ```text
//! setup  +0    addresses of the ends of source and destination, and a negative index from there
//! steps  +32   pieces of many bytes; a fault continues at bytes
//! bytes  +192  byte by byte; a fault continues at end
//! end    +224  returns how many bytes were not copied
//! ```
//!
//! Each step loads, stores, and only then changes one register: the index. So the registers fit together at every
//! instruction, and the byte loop finds the very byte at which memory ends. A copy that was interrupted anywhere can
//! continue there too, which macOS needs, as it does not distinguish a signal that was sent from a fault. Nothing else
//! is needed: no state for each thread, no registry, no lock. Kernels repair their own faults in user memory the same
//! way (`__ex_table` in Linux). Inline `asm!` would not do, as the compiler may duplicate it.
//!
//! The routine uses general registers only, which kernels save, and its symbol carries the crate's version.

mod routine;

#[cfg_attr(baremap_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(baremap_arch = "arm", path = "arm.rs")]
#[cfg_attr(baremap_arch = "loongarch64", path = "loongarch64.rs")]
#[cfg_attr(baremap_arch = "powerpc64", path = "powerpc64.rs")]
#[cfg_attr(baremap_arch = "riscv32", path = "riscv.rs")]
#[cfg_attr(baremap_arch = "riscv64", path = "riscv.rs")]
#[cfg_attr(baremap_arch = "s390x", path = "s390x.rs")]
#[cfg_attr(baremap_arch = "x86", path = "x86.rs")]
#[cfg_attr(baremap_arch = "x86_64", path = "x86_64.rs")]
mod machine;

use routine::{BYTES, END, STEPS};

/// Copies `len` bytes and returns how many were copied: fewer if the source cannot be read, and the fault is repaired.
///
/// # Safety
/// `len` bytes at `destination` are writable. The source is mapped memory, which may be gone if the handler of faults
/// calls [`fixup`].
pub(crate) unsafe fn copy(destination: *mut u8, source: *const u8, len: usize) -> usize {
    // SAFETY: the caller's promise.
    len - unsafe { machine::copy(destination, source, len) }
}

/// Returns whether the architecture has a routine. Otherwise `copy` copies nothing.
#[allow(dead_code, reason = "systems with an architecture each know")]
pub(crate) fn is_supported() -> bool {
    machine::start().is_some()
}

/// Returns where to continue after a fault at `pc`, if it is in the copy.
pub(crate) fn fixup(pc: usize) -> Option<usize> {
    let start = machine::start()?;
    match pc.checked_sub(start)? {
        STEPS..BYTES => Some(start + BYTES),
        BYTES..END => Some(start + END),
        _ => None,
    }
}
