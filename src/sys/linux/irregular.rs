//! What is known of files that are not regular, by their kind in `fstat`'s mode, and of those that report a length of 0.

use super::arch;
use super::calls::{self, MAP_PRIVATE, checked};
use crate::error::kind::Call;
use crate::options::Prot;
use crate::sys::contract::{FileKind, FileStatus, Result};
use core::ffi::c_int;

#[cold]
pub(super) fn stat(file: c_int, kind: u32) -> Result<FileStatus> {
    const S_IFBLK: u32 = 0o060000;
    const S_IFDIR: u32 = 0o040000;
    const S_IFIFO: u32 = 0o010000;
    const BLKGETSIZE64: usize = arch::IOC_READ | size_of::<usize>() << 16 | 0x1272;
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

/// A regular file can be mapped past its end, so a block of it, a page or more, is mapped as a test. Files of /proc, and any
/// file system without the operation, refuse that (`proc_reg_mmap` in fs/proc/inode.c). Reading a byte instead would consume
/// it in files such as /proc/kmsg.
#[cold]
pub(super) fn is_empty_file_mappable(file: c_int, block_size: usize) -> bool {
    let (read, flags, len) =
        (Prot::READ.bits() as usize, MAP_PRIVATE | arch::MAP_NORESERVE, block_size.max(1));
    // SAFETY: without MAP_FIXED the kernel chooses an unused address, and nobody touches it.
    unsafe {
        let block = arch::mmap(0, len, read, flags, file, 0);
        // Fails if `mmap` did: its error code is no page's address.
        calls::munmap(block, len) == 0
    }
}
