//! riscv32: what 32 bits change of `asm-generic`. Its offsets and its time have 64 bits, and it never had calls for less
//! (`asm/unistd_32.h`). Halves of an offset lie in any two registers (RISC-V psABI, "Integer Calling Convention").

mod generic;
mod narrow;
mod riscv;
mod statx;

pub(crate) use super::usual::*;
use core::ffi::c_int;
pub(crate) use generic::*;
pub(crate) use generic::{FSTATFS as FSTATFS64, FTRUNCATE as FTRUNCATE64, MMAP as MMAP2};
pub(crate) use narrow::*;
pub(crate) use riscv::*;
pub(crate) use statx::{Stat, fstat};

/// `clock_gettime64`.
pub(crate) const CLOCK_GETTIME: usize = 403;

pub(crate) const O_LARGEFILE: c_int = 0o100000;

/// `struct __kernel_timespec` (`linux/time_types.h`).
#[repr(C)]
pub(crate) struct Timespec {
    pub(crate) tv_sec: i64,
    pub(crate) tv_nsec: i64,
}

/// `struct statfs64` (`asm-generic/statfs.h`).
#[repr(C)]
pub(crate) struct Statfs64 {
    f_type: u32,
    f_bsize: u32,
    _rest: [u64; 10],
}
pub(crate) use Statfs64 as Statfs;

impl Statfs64 {
    /// Type and block size.
    pub(crate) fn parts(&self) -> (u32, usize) {
        (self.f_type, self.f_bsize as usize)
    }
}

/// Page tables have 4-byte entries (`PGDIR_SHIFT` in arch/riscv/include/asm/pgtable-32.h).
pub(crate) fn huge_log2s(_: u8) -> [u8; 2] {
    [22; 2]
}
