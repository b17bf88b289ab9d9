//! What is known of files that are not regular, by their kind in `fstat`'s mode.

use super::calls::{self, checked};
use crate::error::kind::Call;
use crate::sys::contract::{FileKind, FileStatus, Result};
use core::ffi::c_int;

#[cold]
pub(super) fn stat(file: c_int, kind: u32) -> Result<FileStatus> {
    const S_IFBLK: u32 = 0o060000;
    const S_IFDIR: u32 = 0o040000;
    const S_IFIFO: u32 = 0o010000;
    const BLKGETSIZE64: usize = 0x80081272;
    if kind == S_IFBLK {
        // `fstat` reports 0.
        let mut len = 0_u64;
        // SAFETY: the driver writes 8 bytes to `len`.
        let result = unsafe { calls::ioctl(file, BLKGETSIZE64, (&raw mut len).expose_provenance()) };
        checked(Call::Ioctl, result)?;
        return Ok(FileStatus { kind: FileKind::Regular, len, block_size: 0 });
    }
    // Beside character devices, packet sockets can be mapped, and files without a type: the rings of io_uring, perf and BPF.
    let kind = if matches!(kind, S_IFDIR | S_IFIFO) { FileKind::Other } else { FileKind::Device };
    Ok(FileStatus { kind, len: 0, block_size: 0 })
}
