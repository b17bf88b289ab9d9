//! What differs between architectures: stubs, call numbers, the kernel's structures, the instruction cache.
//!
//! An architecture's file names the files whose contents it shares: `generic.rs` has the numbers and structures of
//! `asm-generic`, `wide.rs` the calls with 64-bit offsets where a register holds one, `narrow.rs` where it takes two,
//! `usual.rs` what few do otherwise. It stands before these: what it defines under the same name is meant. A new
//! architecture is a file, named here and in `fault/mod.rs`, and a row in `build.rs`.

#[cfg_attr(baremap_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(baremap_arch = "arm", path = "arm.rs")]
#[cfg_attr(baremap_arch = "loongarch64", path = "loongarch64.rs")]
#[cfg_attr(baremap_arch = "powerpc64", path = "powerpc64.rs")]
#[cfg_attr(baremap_arch = "riscv32", path = "riscv32.rs")]
#[cfg_attr(baremap_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(baremap_arch = "s390x", path = "s390x.rs")]
#[cfg_attr(baremap_arch = "x86", path = "x86.rs")]
#[cfg_attr(baremap_arch = "x86_64", path = "x86_64.rs")]
mod machine;
#[allow(dead_code, reason = "asm-generic has no restorer")]
mod signal;
#[allow(dead_code, reason = "an architecture may have its own")]
mod usual;

use core::ffi::c_int;
pub(super) use machine::*;
pub(super) use signal::{Mask, mask};

/// A signed argument in a register. The kernel converts each argument to its type (`__SC_CAST` in `linux/syscalls.h`).
#[expect(clippy::cast_sign_loss, reason = "the kernel restores it")]
#[inline(always)]
pub(super) const fn register(argument: c_int) -> usize {
    argument as usize
}
