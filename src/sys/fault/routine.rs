//! The frame of the routine: its symbol, the offsets of its parts, its declaration.

#![allow(unused_macros, unused_imports, reason = "an architecture without the routine")]

/// Where the steps start, in bytes from the start of the routine.
pub(super) const STEPS: usize = 32;
/// Where the byte loop starts.
pub(super) const BYTES: usize = 192;
/// Where the routine returns.
pub(super) const END: usize = 224;

/// Where the routine goes, so that a program without it does not contain it. ELF's linkers drop sections, COFF's only
/// COMDAT ones, and Mach-O's what is between two symbols. A kernel may have any of these formats.
#[cfg(not(any(baremap_backend = "apple", baremap_backend = "custom", baremap_backend = "windows")))]
macro_rules! section {
    () => {
        concat!(
            ".section \".text.baremap-", env!("CARGO_PKG_VERSION"), "-copy\", \"ax\"\n",
            // A call through a linker's stub would take it for a descriptor where functions have one (powerpc64).
            ".hidden \"baremap-", env!("CARGO_PKG_VERSION"), "-copy\"",
        )
    };
}
#[cfg(baremap_backend = "windows")]
macro_rules! section {
    () => {
        concat!(".section .text$baremap, \"xr\", discard, \"baremap-", env!("CARGO_PKG_VERSION"), "-copy\"")
    };
}
#[cfg(any(baremap_backend = "apple", baremap_backend = "custom"))]
macro_rules! section {
    () => {
        ".text"
    };
}
pub(super) use section;

/// Says that the symbol is one of Thumb code, so that its address has bit 0 set. LLVM would not know it on thumbv7neon, where
/// Thumb is a feature of the target. A symbol of Arm code needs nothing.
#[cfg(baremap_arch = "thumb")]
macro_rules! symbol_type {
    () => {
        ".thumb_func"
    };
}
#[cfg(not(baremap_arch = "thumb"))]
macro_rules! symbol_type {
    () => {
        ""
    };
}
pub(super) use symbol_type;

/// Defines the routine from its four parts, and declares it with its calling convention.
macro_rules! routine {
    ($abi:literal, setup: $setup:expr, steps: $steps:expr, bytes: $bytes:expr, end: $end:expr) => {
        core::arch::global_asm!(
            $crate::sys::fault::routine::section!(),
            ".p2align 5",
            concat!(".globl \"baremap-", env!("CARGO_PKG_VERSION"), "-copy\""),
            $crate::sys::fault::routine::symbol_type!(),
            concat!("\"baremap-", env!("CARGO_PKG_VERSION"), "-copy\":"),
            "7:",
            $setup,
            // With instructions that do nothing, and an error if `setup` is too long.
            ".p2align 5",
            ".org 7b + {steps}",
            $steps,
            ".org 7b + {bytes}, {padding}",
            "8:",
            $bytes,
            ".org 7b + {end}, {padding}",
            "9:",
            $end,
            ".text",
            steps = const $crate::sys::fault::routine::STEPS,
            bytes = const $crate::sys::fault::routine::BYTES,
            end = const $crate::sys::fault::routine::END,
            // Never executed; traps on x86.
            padding = const 0xcc,
        );

        unsafe extern $abi {
            // "\x01" keeps the system's own prefix away.
            #[link_name = concat!("\x01baremap-", env!("CARGO_PKG_VERSION"), "-copy")]
            pub(super) fn copy(destination: *mut u8, source: *const u8, len: usize) -> usize;
        }

        pub(super) fn start() -> Option<usize> {
            // A program counter in Thumb code has bit 0 clear.
            Some(copy as *const () as usize & !usize::from(cfg!(baremap_arch = "thumb")))
        }
    };
}
pub(super) use routine;
