//! What differs between architectures: stubs, call numbers, the kernel's structures, the instruction cache.
//!
//! `generic.rs` has the numbers and structures of `asm-generic`, which newer architectures share. A new architecture is a
//! file, a stanza here and a row in `build.rs`.

#[cfg(baremap_arch = "aarch64")]
mod aarch64;
#[cfg(baremap_arch = "aarch64")]
use aarch64 as machine;

#[cfg(baremap_arch = "riscv64")]
mod riscv64;
#[cfg(baremap_arch = "riscv64")]
use riscv64 as machine;

#[cfg(baremap_arch = "x86_64")]
mod x86_64;
#[cfg(baremap_arch = "x86_64")]
use x86_64 as machine;

#[cfg(not(baremap_arch = "x86_64"))]
mod generic;

#[cfg(not(baremap_arch = "aarch64"))]
use core::sync::atomic::{AtomicUsize, Ordering};
pub(super) use machine::*;

#[cfg(not(baremap_arch = "aarch64"))]
pub(super) fn swap(at: &AtomicUsize, value: usize) -> usize {
    at.swap(value, Ordering::AcqRel)
}

/// `sync_instructions` does all that is needed.
#[cfg(not(baremap_arch = "x86_64"))]
pub(super) fn serialize() {}
