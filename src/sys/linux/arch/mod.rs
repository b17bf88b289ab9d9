//! What differs between architectures: stubs, call numbers, the kernel's structures, the instruction cache.
//!
//! `generic.rs` has the numbers and structures of `asm-generic`, which newer architectures share, `wide.rs` the calls with
//! 64-bit offsets where a register holds one, `narrow.rs` where it takes two. An architecture's own file stands before
//! these: what it defines under the same name is meant. A new architecture is a file, a stanza here and a row in `build.rs`.

#[cfg(baremap_arch = "aarch64")]
mod aarch64;
#[cfg(baremap_arch = "aarch64")]
use aarch64 as machine;

#[cfg(baremap_arch = "arm")]
mod arm;
#[cfg(baremap_arch = "arm")]
use arm as machine;

#[cfg(baremap_arch = "loongarch64")]
mod loongarch64;
#[cfg(baremap_arch = "loongarch64")]
use loongarch64 as machine;

#[cfg(baremap_arch = "powerpc64")]
mod powerpc64;
#[cfg(baremap_arch = "powerpc64")]
use powerpc64 as machine;

#[cfg(baremap_arch = "riscv64")]
mod riscv64;
#[cfg(baremap_arch = "riscv64")]
use riscv64 as machine;

#[cfg(baremap_arch = "s390x")]
mod s390x;
#[cfg(baremap_arch = "s390x")]
use s390x as machine;

#[cfg(baremap_arch = "x86")]
mod x86;
#[cfg(baremap_arch = "x86")]
use x86 as machine;

#[cfg(baremap_arch = "x86_64")]
mod x86_64;
#[cfg(baremap_arch = "x86_64")]
use x86_64 as machine;

#[allow(dead_code, reason = "an architecture may have its own")]
#[cfg(any(baremap_arch = "aarch64", baremap_arch = "loongarch64", baremap_arch = "riscv64"))]
mod generic;
#[cfg(any(baremap_arch = "arm", baremap_arch = "x86"))]
mod narrow;
#[cfg(baremap_arch = "powerpc64")]
mod resident;
#[allow(dead_code, reason = "asm-generic has no restorer")]
mod signal;
#[allow(dead_code, reason = "as above")]
#[cfg(not(any(baremap_arch = "arm", baremap_arch = "x86")))]
mod wide;

use core::ffi::c_int;
#[cfg(not(baremap_arch = "aarch64"))]
use core::sync::atomic::{AtomicUsize, Ordering};
pub(super) use machine::*;
pub(super) use signal::{Mask, mask};

/// A signed argument in a register. The kernel converts each argument to its type (`__SC_CAST` in `linux/syscalls.h`).
#[expect(clippy::cast_sign_loss, reason = "the kernel restores it")]
#[inline(always)]
pub(super) const fn register(argument: c_int) -> usize {
    argument as usize
}

/// What says in an `ioctl`'s number that it reads (`asm-generic/ioctl.h`); architectures differ.
#[cfg(not(baremap_arch = "powerpc64"))]
pub(super) const IOC_READ: usize = 2 << 30;

/// `asm-generic/mman.h`; architectures differ.
#[cfg(not(baremap_arch = "powerpc64"))]
pub(super) const MAP_NORESERVE: usize = 0x4000;

/// log2 of the sizes that huge pages one level above a page may have. A page table is a page of 8-byte entries, and maps page
/// size / 8 pages; architectures differ.
#[cfg(not(any(baremap_arch = "powerpc64", baremap_arch = "s390x", baremap_arch = "x86")))]
pub(super) fn huge_log2s(page_log2: u8) -> [u8; 2] {
    [2 * page_log2 - 3; 2]
}

#[cfg(not(baremap_arch = "aarch64"))]
pub(super) fn swap(at: &AtomicUsize, value: usize) -> usize {
    at.swap(value, Ordering::AcqRel)
}

/// `sync_instructions` does all that is needed.
#[cfg(not(any(baremap_arch = "x86", baremap_arch = "x86_64")))]
pub(super) fn serialize() {}

/// Where a signal handler returns to, and the flag that says so. Where this is null it is the vDSO.
#[allow(dead_code, reason = "as above")]
#[cfg(not(any(baremap_arch = "x86", baremap_arch = "x86_64")))]
fn restorer() -> (*const core::ffi::c_void, usize) {
    (core::ptr::null(), 0)
}
