//! libSystem's functions for files, with the results of xnu (bsd/vfs/vfs_syscalls.c, bsd/kern/kern_descrip.c,
//! bsd/kern/sys_generic.c).

use crate::errno::{EBADF, EFAULT, EFBIG, EINVAL, ENAMETOOLONG, ENOTSUP, ENOTTY, ENXIO, ESPIPE, Errno};
use crate::faults::perform;
use crate::shm;
use crate::stop;
use libc::{c_char, c_int, c_void, off_t, size_t};
use std::mem::{MaybeUninit, offset_of};

type Result<T = isize> = std::result::Result<T, Errno>;

/// Defines a variadic function of two named arguments. Darwin on aarch64 passes further arguments on the stack, 8 bytes
/// each, and x2 is undefined ("Writing ARM64 code for Apple platforms"). On x86_64 they follow as a third argument would.
#[cfg(target_arch = "aarch64")]
macro_rules! variadic {
    ($name:ident, $of_three:ident) => {
        #[unsafe(naked)]
        pub extern "C" fn $name() {
            std::arch::naked_asm!("ldr x2, [sp]", "b {}", sym $of_three)
        }
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! variadic {
    ($name:ident, $of_three:ident) => {
        pub use $of_three as $name;
    };
}
pub(crate) use variadic;

variadic!(open, open_of_three);

/// The same for three named arguments.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub extern "C" fn openat() {
    std::arch::naked_asm!("ldr x3, [sp]", "b {}", sym openat_of_four)
}
#[cfg(target_arch = "x86_64")]
pub use openat_of_four as openat;

variadic!(fcntl, fcntl_of_three);

pub extern "C" fn open_of_three(path: *const c_char, flags: c_int, mode: c_int) -> isize {
    perform("open", || try_open(libc::AT_FDCWD, path, flags, mode))
}

pub extern "C" fn openat_of_four(folder: c_int, path: *const c_char, flags: c_int, mode: c_int) -> isize {
    perform("openat", || try_open(check_folder(folder), path, flags, mode))
}

/// Darwin's AT_FDCWD is -2, and Linux's -100.
fn check_folder(folder: c_int) -> c_int {
    if folder < 0 {
        stop(format_args!("the folder {folder} is none, or AT_FDCWD, which is not implemented here"));
    }
    folder
}

pub extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> isize {
    if flags != 0 {
        stop("unlinkat: flags are not implemented here");
    }
    // SAFETY: the program's string.
    perform("unlinkat", || Errno::check(unsafe { libc::unlinkat(check_folder(folder), path, 0) } as isize))
}

pub extern "C" fn flock(file: c_int, operation: c_int) -> isize {
    const LOCK_NB: c_int = 4;
    // LOCK_SH, LOCK_EX and LOCK_UN have Linux's values.
    if ![1, 2, 8].contains(&(operation & !LOCK_NB)) {
        return perform("flock", || Err(EINVAL));
    }
    let lock = || match kind(file)? {
        // A file that is no vnode.
        0 | libc::S_IFIFO | libc::S_IFSOCK => Err(ENOTSUP),
        // SAFETY: touches no memory.
        _ => Errno::check(unsafe { libc::flock(file, operation) } as isize),
    };
    perform("flock", lock)
}

fn try_open(folder: c_int, path: *const c_char, flags: c_int, mode: c_int) -> Result {
    const O_CREAT: c_int = 0x200;
    const FLAGS: [(c_int, c_int); 9] = [
        (0x4, libc::O_NONBLOCK),
        (0x8, libc::O_APPEND),
        (0x100, libc::O_NOFOLLOW),
        (O_CREAT, libc::O_CREAT),
        (0x400, libc::O_TRUNC),
        (0x800, libc::O_EXCL),
        (0x20000, libc::O_NOCTTY),
        (0x100000, libc::O_DIRECTORY),
        (0x1000000, libc::O_CLOEXEC),
    ];
    const PATH_MAX: usize = 1024;
    // Both systems have the same access modes, and 3 is none (FFLAGS in sys/fcntl.h).
    let mut linux = flags & libc::O_ACCMODE;
    if linux == libc::O_ACCMODE {
        return Err(EINVAL);
    }
    let mut rest = flags & !libc::O_ACCMODE;
    for (from, to) in FLAGS {
        if rest & from != 0 {
            rest &= !from;
            linux |= to;
        }
    }
    if rest != 0 {
        stop(format_args!(
            "open: flags {flags:#x}: the bits {rest:#x} mean nothing, or something else, on Darwin"
        ));
    }
    // An odd mode is left over from another calling convention.
    if flags & O_CREAT != 0 && (mode & !0o7777 != 0 || mode & 0o600 != 0o600) {
        stop(format_args!("open: O_CREAT with mode {mode:#o}: declare `open` variadic, and pass a mode"));
    }
    if path.is_null() {
        return Err(EFAULT);
    }
    // SAFETY: the program's string, here and below.
    if unsafe { libc::strlen(path) } >= PATH_MAX {
        return Err(ENAMETOOLONG);
    }
    // SAFETY: as above.
    Errno::check(unsafe { libc::openat(folder, path, linux, mode) } as isize)
}

pub extern "C" fn close(file: c_int) -> isize {
    // The descriptor is closed even if the call is to fail.
    // SAFETY: the program's descriptor, here and below.
    let result = Errno::check(unsafe { libc::close(file) } as isize);
    perform("close", || result)
}

/// `struct stat` with 64-bit inode numbers (`__DARWIN_STRUCT_STAT64` in sys/stat.h).
#[repr(C)]
pub struct Stat {
    dev: i32,
    mode: u16,
    nlink: u16,
    ino: u64,
    uid: u32,
    gid: u32,
    rdev: i32,
    times: [[i64; 2]; 4],
    size: i64,
    blocks: i64,
    blksize: i32,
    flags: u32,
    gen_: u32,
    spare: [i32; 5],
}

const _: () =
    assert!(size_of::<Stat>() == 144 && offset_of!(Stat, times) == 32 && offset_of!(Stat, size) == 96);

pub fn stat(file: c_int) -> Result<libc::stat> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: `stat` is writable, and written if the call succeeds.
    unsafe {
        Errno::check(libc::fstat(file, stat.as_mut_ptr()) as isize)?;
        Ok(stat.assume_init())
    }
}

pub extern "C" fn fstat(file: c_int, buffer: *mut Stat) -> isize {
    let fill = || {
        let stat = stat(file)?;
        let darwin = Stat {
            dev: stat.st_dev as i32,
            // `pshm_stat` tells no type.
            mode: if shm::is_shm(file) { 0o600 } else { stat.st_mode as u16 },
            nlink: stat.st_nlink as u16,
            ino: stat.st_ino,
            uid: stat.st_uid,
            gid: stat.st_gid,
            rdev: stat.st_rdev as i32,
            times: [
                [stat.st_atime, stat.st_atime_nsec],
                [stat.st_mtime, stat.st_mtime_nsec],
                [stat.st_ctime, stat.st_ctime_nsec],
                [stat.st_ctime, stat.st_ctime_nsec],
            ],
            size: stat.st_size,
            blocks: stat.st_blocks,
            blksize: stat.st_blksize as i32,
            flags: 0,
            gen_: 0,
            spare: [0; 5],
        };
        if buffer.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: the program's buffer.
        unsafe { buffer.write(darwin) };
        Ok(0)
    };
    perform("fstat", fill)
}

pub extern "C" fn ftruncate(file: c_int, len: off_t) -> isize {
    let truncate = || match shm::is_shm(file) {
        true => shm::truncate(file, len),
        // Linux too fails with EINVAL if the file is not open for writing, or not a regular file.
        // SAFETY: as above.
        false => Errno::check(unsafe { libc::ftruncate(file, len) } as isize),
    };
    perform("ftruncate", truncate)
}

/// `O_RDONLY`, `O_WRONLY` or `O_RDWR`, which have the same values on Darwin; all bits of them for a closed descriptor.
pub fn access_mode(file: c_int) -> c_int {
    // SAFETY: as above.
    unsafe { libc::fcntl(file, libc::F_GETFL) & libc::O_ACCMODE }
}

/// The file's type; 0 for shared memory.
fn kind(file: c_int) -> Result<u32> {
    Ok(if shm::is_shm(file) { 0 } else { stat(file)?.st_mode & libc::S_IFMT })
}

pub extern "C" fn fsync(file: c_int) -> isize {
    let sync = || match kind(file)? {
        // fp_getfvp.
        0 | libc::S_IFIFO | libc::S_IFSOCK => Err(ENOTSUP),
        // SAFETY: as above.
        _ => Errno::check(unsafe { libc::fsync(file) } as isize),
    };
    perform("fsync", sync)
}

pub extern "C" fn fcntl_of_three(file: c_int, command: c_int, argument: usize) -> isize {
    perform("fcntl", || try_fcntl(file, command, argument))
}

fn try_fcntl(file: c_int, command: c_int, argument: usize) -> Result {
    const F_GETFD: c_int = 1;
    const F_SETLK: c_int = 8;
    const F_PREALLOCATE: c_int = 42;
    const F_ALLOCATEALL: u32 = 4;
    const F_PEOFPOSMODE: c_int = 3;
    const F_RDADVISE: c_int = 44;
    const F_FULLFSYNC: c_int = 51;
    const F_DUPFD_CLOEXEC: c_int = 67;
    const F_BARRIERFSYNC: c_int = 85;
    /// `fstore_t`.
    #[repr(C)]
    struct Store {
        flags: u32,
        posmode: c_int,
        offset: off_t,
        len: off_t,
        allocated: off_t,
    }
    /// `struct radvisory`.
    #[repr(C)]
    struct Advisory {
        offset: off_t,
        count: c_int,
    }
    /// `struct flock`.
    #[repr(C)]
    struct Lock {
        start: off_t,
        len: off_t,
        pid: c_int,
        kind: i16,
        whence: i16,
    }
    let kind = kind(file)?;
    match command {
        F_SETLK => {
            // SAFETY: the program's struct; Linux's consists of integers.
            let (lock, mut linux) =
                unsafe { ((argument as *const Lock).read(), std::mem::zeroed::<libc::flock>()) };
            // Darwin's 1, 2 and 3.
            linux.l_type = [libc::F_RDLCK, libc::F_UNLCK, libc::F_WRLCK][lock.kind as usize - 1] as i16;
            (linux.l_start, linux.l_len, linux.l_whence) = (lock.start, lock.len, lock.whence);
            // SAFETY: as above.
            Errno::check(unsafe { libc::fcntl(file, libc::F_SETLK, &linux) } as isize)
        }
        // SAFETY: as above.
        F_GETFD => Errno::check(unsafe { libc::fcntl(file, libc::F_GETFD) } as isize),
        F_DUPFD_CLOEXEC => {
            // Below 0 or above the limit it fails with EINVAL, as on Darwin.
            // SAFETY: as above.
            Errno::check(unsafe { libc::fcntl(file, libc::F_DUPFD_CLOEXEC, argument as c_int) } as isize)
        }
        F_FULLFSYNC | F_BARRIERFSYNC => match kind {
            0 | libc::S_IFIFO | libc::S_IFSOCK => Err(EBADF),
            // spec_ioctl.
            libc::S_IFCHR | libc::S_IFBLK => Err(ENOTTY),
            // SAFETY: as above.
            _ => Errno::check(unsafe { libc::fsync(file) } as isize),
        },
        F_PREALLOCATE => {
            if kind != libc::S_IFREG || access_mode(file) == libc::O_RDONLY {
                return Err(EBADF);
            }
            if argument < 1 << 32 || !argument.is_multiple_of(align_of::<Store>()) {
                stop(format_args!("fcntl: F_PREALLOCATE with {argument:#x}: declare `fcntl` variadic"));
            }
            // SAFETY: the program's struct.
            let store = unsafe { &mut *(argument as *mut Store) };
            if store.flags & !F_ALLOCATEALL != 0 || store.posmode != F_PEOFPOSMODE {
                stop("fcntl: F_PREALLOCATE with other flags or another position is not implemented here");
            }
            if store.offset != 0 || store.len < 0 {
                return Err(EINVAL);
            }
            let end = stat(file)?.st_size;
            let mode = libc::FALLOC_FL_KEEP_SIZE;
            // SAFETY: touches no memory of this process.
            Errno::check(unsafe { libc::fallocate(file, mode, end, store.len) } as isize)?;
            store.allocated = store.len;
            Ok(0)
        }
        F_RDADVISE => {
            if matches!(kind, 0 | libc::S_IFIFO | libc::S_IFSOCK) {
                return Err(EBADF);
            }
            // A pointer to a struct is aligned and not in __PAGEZERO.
            if argument < 1 << 32 || !argument.is_multiple_of(align_of::<Advisory>()) {
                stop(format_args!("fcntl: F_RDADVISE with {argument:#x}: declare `fcntl` variadic"));
            }
            // SAFETY: the program's struct.
            let advisory = unsafe { (argument as *const Advisory).read() };
            if advisory.offset < 0 || advisory.count < 0 {
                return Err(EINVAL);
            }
            match kind {
                // As `hfs_vnop_ioctl`; the sources of APFS are not public.
                libc::S_IFREG if advisory.offset >= stat(file)?.st_size => Err(EFBIG),
                libc::S_IFREG => {
                    let len = off_t::from(advisory.count);
                    // SAFETY: as above.
                    unsafe { libc::posix_fadvise(file, advisory.offset, len, libc::POSIX_FADV_WILLNEED) };
                    Ok(0)
                }
                libc::S_IFDIR => Err(EINVAL),
                _ => Err(ENOTTY),
            }
        }
        _ => stop(format_args!("fcntl: command {command} is not Darwin's, or not implemented here")),
    }
}

/// Fails for shared memory (`fo_no_read`), and for a length that Darwin does not read or write at once (`dofileread` and
/// `dofilewrite`).
fn check_len(file: c_int, len: size_t) -> Result<()> {
    if shm::is_shm(file) {
        return Err(ENXIO);
    }
    if len > c_int::MAX as usize { Err(EINVAL) } else { Ok(()) }
}

/// Fails for a file without offsets (`valid_for_random_access`).
fn check_offsets(file: c_int) -> Result<()> {
    match kind(file)? {
        0 | libc::S_IFIFO | libc::S_IFSOCK => Err(ESPIPE),
        // VISTTY.
        // SAFETY: as above.
        libc::S_IFCHR if unsafe { libc::isatty(file) } != 0 => Err(ENXIO),
        _ => Ok(()),
    }
}

pub extern "C" fn read(file: c_int, buffer: *mut c_void, len: size_t) -> isize {
    let read = || {
        check_len(file, len)?;
        // SAFETY: the program's buffer.
        Errno::check(unsafe { libc::read(file, buffer, len) })
    };
    perform("read", read)
}

pub extern "C" fn pread(file: c_int, buffer: *mut c_void, len: size_t, offset: off_t) -> isize {
    let read = || {
        check_offsets(file)?;
        check_len(file, len)?;
        // SAFETY: the program's buffer.
        Errno::check(unsafe { libc::pread(file, buffer, len, offset) })
    };
    perform("pread", read)
}

pub extern "C" fn write(file: c_int, buffer: *const c_void, len: size_t) -> isize {
    let write = || {
        check_len(file, len)?;
        // SAFETY: the program's bytes.
        Errno::check(unsafe { libc::write(file, buffer, len) })
    };
    perform("write", write)
}

pub extern "C" fn pwrite(file: c_int, buffer: *const c_void, len: size_t, offset: off_t) -> isize {
    let write = || {
        // `preparefilewrite` checks this first.
        if access_mode(file) == libc::O_RDONLY {
            return Err(EBADF);
        }
        check_offsets(file)?;
        check_len(file, len)?;
        // SAFETY: the program's bytes.
        Errno::check(unsafe { libc::pwrite(file, buffer, len, offset) })
    };
    perform("pwrite", write)
}

pub extern "C" fn exit(status: c_int) -> ! {
    // Nothing is buffered, and `atexit` has no shim.
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}
