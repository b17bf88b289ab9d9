//! Files: open, make in memory, seal, and allocate space.

use super::arch;
use super::calls::{self, checked, descriptor, uninterrupted};
use super::codes::{EINTR, EINVAL};
use crate::error::kind::{Call, ErrorKind};
use crate::sys::contract::{Open, Result};
use crate::sys::posix;
use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;

pub(super) const O_RDWR: c_int = 0o2;
pub(super) const O_CREAT: c_int = 0o100;
pub(super) const O_EXCL: c_int = 0o200;
const O_TRUNC: c_int = 0o1000;
pub(super) const O_CLOEXEC: c_int = 0o2000000;

pub(super) const OPEN_FLAGS: posix::OpenFlags = posix::OpenFlags {
    read_write: O_RDWR,
    create: O_CREAT,
    exclusive: O_EXCL,
    truncate: O_TRUNC,
    close_on_exec: O_CLOEXEC,
};

pub(super) fn open(path: &CStr, open: Open) -> Result<c_int> {
    let flags = OPEN_FLAGS.of(open) | arch::O_LARGEFILE;
    // The umask removes bits of the mode.
    uninterrupted(Call::Openat, || calls::open(path, flags, 0o666)).map(descriptor)
}

/// MFD_NOEXEC_SEAL, as of Linux 6.3, makes a file that cannot be started as a program. Its memory can still be mapped with
/// EXEC. A system may be configured to refuse files without it (Documentation/userspace-api/mfd_noexec.rst).
pub(super) fn in_memory() -> Result<c_int> {
    const MFD_CLOEXEC: usize = 0x1;
    const MFD_ALLOW_SEALING: usize = 0x2;
    const MFD_NOEXEC_SEAL: usize = 0x8;
    let create = |flags| {
        checked(Call::MemfdCreate, calls::memfd_create(c"baremap", flags | MFD_CLOEXEC | MFD_ALLOW_SEALING))
    };
    let file = match create(MFD_NOEXEC_SEAL) {
        // An older kernel does not know the flag.
        Err(failure) if failure.code == EINVAL => create(0),
        result => result,
    };
    file.map(descriptor)
}

/// Mode 0 of `fallocate` allocates the range and extends the file. tmpfs gives up at any signal, and then frees what it has
/// allocated (`shmem_fallocate` in mm/shmem.c), so that a fast timer would keep a long range from ever being allocated.
/// After a signal a shorter piece is tried.
pub(super) fn allocate(file: c_int, mut offset: u64, mut len: u64) -> Result<()> {
    let mut piece = len;
    while len != 0 {
        piece = piece.min(len);
        match checked(Call::Fallocate, arch::fallocate(file, 0, offset, piece)) {
            Err(failure) if failure.code == EINTR => piece = piece.div_ceil(2),
            Err(failure) => return Err(failure),
            Ok(_) => {
                offset += piece;
                len -= piece;
            }
        }
    }
    Ok(())
}

const F_SEAL_SEAL: usize = 0x1;
const F_SEAL_SHRINK: usize = 0x2;
const F_SEAL_GROW: usize = 0x4;
const F_SEAL_WRITE: usize = 0x8;

const F_ADD_SEALS: usize = 1033;

/// Fixes the length of a file in memory, which can still be written and sealed.
pub(super) fn fix_len(file: c_int) -> Result<()> {
    checked(Call::Fcntl, calls::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)).map(drop)
}

pub(super) fn seal(file: c_int) -> Result<()> {
    let seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    match checked(Call::Fcntl, calls::fcntl(file, F_ADD_SEALS, seals)) {
        // Not a file in memory.
        Err(failure) if failure.code == EINVAL => Err(failure.with_kind(ErrorKind::Unsupported)),
        result => result.map(drop),
    }
}

/// F_SEAL_FUTURE_WRITE is not enough, as mappings that were writable before stay so. F_SEAL_WRITE is refused while there is
/// one, and while a driver may write to a page (`memfd_add_seals` in mm/memfd.c).
pub(super) fn is_sealed(file: c_int) -> Result<bool> {
    const F_GET_SEALS: usize = 1034;
    match checked(Call::Fcntl, calls::fcntl(file, F_GET_SEALS, 0)) {
        // The file system has no seals.
        Err(failure) if failure.code == EINVAL => has_verity(file),
        seals => {
            let needed = F_SEAL_SHRINK | F_SEAL_WRITE;
            Ok(seals? & needed == needed)
        }
    }
}

/// Nobody can change or truncate a file with fs-verity, and what the device returns is checked against hashes
/// (Documentation/filesystems/fsverity.rst). The flag is believed only of the file systems in the kernel that have
/// fs-verity: a FUSE server may report any flags, and overlayfs those of another file than it maps.
fn has_verity(file: c_int) -> Result<bool> {
    const EXT4_SUPER_MAGIC: u32 = 0xef53;
    const F2FS_SUPER_MAGIC: u32 = 0xf2f52010;
    const BTRFS_SUPER_MAGIC: u32 = 0x9123683e;
    const FS_IOC_GETFLAGS: usize = arch::IOC_READ | size_of::<usize>() << 16 | 0x6601;
    const FS_VERITY_FL: u32 = 0x00100000;
    let mut statfs = MaybeUninit::uninit();
    uninterrupted(Call::Fstatfs, || arch::fstatfs(file, &mut statfs))?;
    // SAFETY: the kernel wrote it.
    let statfs: arch::Statfs = unsafe { statfs.assume_init() };
    if !matches!(statfs.parts().0, EXT4_SUPER_MAGIC | F2FS_SUPER_MAGIC | BTRFS_SUPER_MAGIC) {
        return Ok(false);
    }
    let mut flags = [0_u32; 2];
    // SAFETY: the number may say 8 bytes, and the kernel writes 4 (ioctl_iflags(2)).
    let result = unsafe { calls::ioctl(file, FS_IOC_GETFLAGS, (&raw mut flags).expose_provenance()) };
    checked(Call::Ioctl, result)?;
    Ok(flags[0] & FS_VERITY_FL != 0)
}
