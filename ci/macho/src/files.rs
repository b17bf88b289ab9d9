//! libSystem's calls on files, as xnu answers them (bsd/vfs/vfs_syscalls.c, bsd/kern/kern_descrip.c,
//! bsd/kern/sys_generic.c).

use crate::errno::{EBADF, EFAULT, EFBIG, EINVAL, ENAMETOOLONG, ENOTSUP, ENOTTY, ENXIO, ESPIPE, Errno};
use crate::faults::answer;
use crate::stop;
use libc::{c_char, c_int, c_void, off_t, size_t};
use std::mem::{MaybeUninit, offset_of};

type Answer = Result<isize, Errno>;

/// A variadic function of two named arguments. arm64 Darwin passes what follows them on the stack, 8 bytes
/// each, and x2 holds anything ("Writing ARM64 code for Apple platforms"); on x86_64 it goes where a third
/// argument would.
#[cfg(target_arch = "aarch64")]
macro_rules! variadic {
    ($name:ident, $with:ident) => {
        #[unsafe(naked)]
        pub extern "C" fn $name() {
            std::arch::naked_asm!("ldr x2, [sp]", "b {}", sym $with)
        }
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! variadic {
    ($name:ident, $with:ident) => {
        pub use $with as $name;
    };
}

variadic!(open, open_with);
variadic!(fcntl, fcntl_with);

pub extern "C" fn open_with(path: *const c_char, flags: c_int, mode: c_int) -> isize {
    answer("open", || try_open(path, flags, mode))
}

fn try_open(path: *const c_char, flags: c_int, mode: c_int) -> Answer {
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
    // The same values on both; 3 is neither reading nor writing (FFLAGS in sys/fcntl.h).
    let mut linux = flags & libc::O_ACCMODE;
    if linux == libc::O_ACCMODE {
        return Err(EINVAL);
    }
    let mut rest = flags & !libc::O_ACCMODE;
    for (darwin, flag) in FLAGS {
        if rest & darwin != 0 {
            rest &= !darwin;
            linux |= flag;
        }
    }
    if rest != 0 {
        stop(format_args!(
            "open: flags {flags:#x}: Darwin gives the bits {rest:#x} no meaning, or another one"
        ));
    }
    // A mode that nobody means is what another calling convention left there.
    if flags & O_CREAT != 0 && (mode & !0o7777 != 0 || mode & 0o600 != 0o600) {
        stop(format_args!(
            "open: O_CREAT with mode {mode:#o}: is `open` declared variadic, and a mode given?"
        ));
    }
    if path.is_null() {
        return Err(EFAULT);
    }
    // SAFETY: the program's string, here and below.
    if unsafe { libc::strlen(path) } >= PATH_MAX {
        return Err(ENAMETOOLONG);
    }
    // SAFETY: as above.
    Errno::check(unsafe { libc::open(path, linux, mode) } as isize)
}

pub extern "C" fn close(file: c_int) -> isize {
    // It is closed whatever the answer is.
    // SAFETY: the program's file, here and below.
    let result = Errno::check(unsafe { libc::close(file) } as isize);
    answer("close", || result)
}

/// `struct stat` with inode numbers of 64 bits (`__DARWIN_STRUCT_STAT64` in sys/stat.h).
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

pub fn stat(file: c_int) -> Result<libc::stat, Errno> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: `stat` is room for the answer, and holds it unless there is an error.
    unsafe {
        Errno::check(libc::fstat(file, stat.as_mut_ptr()) as isize)?;
        Ok(stat.assume_init())
    }
}

pub extern "C" fn fstat(file: c_int, to: *mut Stat) -> isize {
    let fill = || {
        let stat = stat(file)?;
        let darwin = Stat {
            dev: stat.st_dev as i32,
            mode: stat.st_mode as u16,
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
        if to.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: the program's room.
        unsafe { to.write(darwin) };
        Ok(0)
    };
    answer("fstat", fill)
}

pub extern "C" fn ftruncate(file: c_int, len: off_t) -> isize {
    // SAFETY: as above. Linux too says EINVAL of a file that is not open for writing, or is none.
    answer("ftruncate", || Errno::check(unsafe { libc::ftruncate(file, len) } as isize))
}

fn kind(file: c_int) -> Result<u32, Errno> {
    Ok(stat(file)?.st_mode & libc::S_IFMT)
}

pub extern "C" fn fsync(file: c_int) -> isize {
    let sync = || match kind(file)? {
        // fp_getfvp.
        libc::S_IFIFO | libc::S_IFSOCK => Err(ENOTSUP),
        // SAFETY: as above.
        _ => Errno::check(unsafe { libc::fsync(file) } as isize),
    };
    answer("fsync", sync)
}

pub extern "C" fn fcntl_with(file: c_int, command: c_int, argument: usize) -> isize {
    answer("fcntl", || try_fcntl(file, command, argument))
}

fn try_fcntl(file: c_int, command: c_int, argument: usize) -> Answer {
    const F_GETFD: c_int = 1;
    const F_SETLK: c_int = 8;
    const F_RDADVISE: c_int = 44;
    const F_FULLFSYNC: c_int = 51;
    const F_DUPFD_CLOEXEC: c_int = 67;
    const F_BARRIERFSYNC: c_int = 85;
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
            // SAFETY: the program's struct; Linux's is made of integers.
            let (lock, mut linux) =
                unsafe { ((argument as *const Lock).read(), std::mem::zeroed::<libc::flock>()) };
            // F_RDLCK, F_UNLCK and F_WRLCK.
            linux.l_type = [libc::F_RDLCK, libc::F_UNLCK, libc::F_WRLCK][lock.kind as usize - 1] as i16;
            (linux.l_start, linux.l_len, linux.l_whence) = (lock.start, lock.len, lock.whence);
            // SAFETY: as above.
            Errno::check(unsafe { libc::fcntl(file, libc::F_SETLK, &linux) } as isize)
        }
        // SAFETY: as above.
        F_GETFD => Errno::check(unsafe { libc::fcntl(file, libc::F_GETFD) } as isize),
        F_DUPFD_CLOEXEC => {
            // SAFETY: as above. EINVAL of what is below 0 or above the limit, as on Darwin.
            Errno::check(unsafe { libc::fcntl(file, libc::F_DUPFD_CLOEXEC, argument as c_int) } as isize)
        }
        F_FULLFSYNC | F_BARRIERFSYNC => match kind {
            libc::S_IFIFO | libc::S_IFSOCK => Err(EBADF),
            // spec_ioctl.
            libc::S_IFCHR | libc::S_IFBLK => Err(ENOTTY),
            // SAFETY: as above.
            _ => Errno::check(unsafe { libc::fsync(file) } as isize),
        },
        F_RDADVISE => {
            if matches!(kind, libc::S_IFIFO | libc::S_IFSOCK) {
                return Err(EBADF);
            }
            // A pointer to a struct on the stack or in data: neither is in __PAGEZERO, nor is it odd.
            if argument < 1 << 32 || !argument.is_multiple_of(align_of::<Advisory>()) {
                stop(format_args!("fcntl: F_RDADVISE with {argument:#x}: is `fcntl` declared variadic?"));
            }
            // SAFETY: the program's struct.
            let advisory = unsafe { (argument as *const Advisory).read() };
            if advisory.offset < 0 || advisory.count < 0 {
                return Err(EINVAL);
            }
            match kind {
                // hfs_vnop_ioctl; apfs does as hfs.
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
        _ => stop(format_args!("fcntl: command {command} is none of Darwin's, or is not imitated")),
    }
}

/// Darwin refuses to read or write more at a time (`dofileread` and `dofilewrite`).
fn length(len: size_t) -> Result<(), Errno> {
    if len > c_int::MAX as usize { Err(EINVAL) } else { Ok(()) }
}

pub extern "C" fn read(file: c_int, to: *mut c_void, len: size_t) -> isize {
    // SAFETY: the program's room.
    answer("read", || length(len).and_then(|()| Errno::check(unsafe { libc::read(file, to, len) })))
}

pub extern "C" fn pread(file: c_int, to: *mut c_void, len: size_t, offset: off_t) -> isize {
    let read = || {
        match kind(file)? {
            libc::S_IFIFO | libc::S_IFSOCK => return Err(ESPIPE),
            // preparefileread (VISTTY).
            // SAFETY: asks.
            libc::S_IFCHR if unsafe { libc::isatty(file) } != 0 => return Err(ENXIO),
            _ => {}
        }
        length(len)?;
        // SAFETY: the program's room.
        Errno::check(unsafe { libc::pread(file, to, len, offset) })
    };
    answer("pread", read)
}

pub extern "C" fn write(file: c_int, from: *const c_void, len: size_t) -> isize {
    // SAFETY: the program's bytes.
    answer("write", || length(len).and_then(|()| Errno::check(unsafe { libc::write(file, from, len) })))
}

pub extern "C" fn exit(status: c_int) -> ! {
    // SAFETY: ends the process. Nothing is buffered, and atexit has no shim.
    unsafe { libc::_exit(status) }
}
