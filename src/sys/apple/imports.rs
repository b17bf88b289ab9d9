//! The functions of libSystem that the backend calls, with the structs and the constants that they take.
//!
//! Values are those of xnu's `bsd/sys` and `osfmk/mach` headers; most differ from Linux's. ci/abi compares every line
//! with these headers.

use crate::sys::posix::OpenFlags;
use crate::sys::posix::residency::Rlimit;
use core::ffi::{c_char, c_int, c_uint, c_void};

// `open`, `openat`, `shm_open` and `fcntl` are variadic as in C: aarch64 passes variadic arguments on the stack and all others in registers.
#[link(name = "System")]
unsafe extern "C" {
    pub(super) fn __error() -> *mut c_int;
    pub(super) fn arc4random() -> u32;
    pub(super) fn close(file: c_int) -> c_int;
    pub(super) fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    pub(super) fn flock(file: c_int, operation: c_int) -> c_int;
    // On x86_64 the plain name is the function from before macOS 10.5, with 32-bit inode numbers. Simulators never had that
    // (`__DARWIN_ONLY_64_BIT_INO_T` in sys/cdefs.h).
    #[cfg_attr(
        all(baremap_arch = "x86_64", any(baremap_backend = "macos", baremap_backend = "macabi")),
        link_name = "fstat$INODE64"
    )]
    pub(super) fn fstat(file: c_int, stat: *mut Stat) -> c_int;
    pub(super) fn fsync(file: c_int) -> c_int;
    pub(super) fn ftruncate(file: c_int, len: i64) -> c_int;
    pub(super) fn getpagesize() -> c_int;
    pub(super) fn getpid() -> c_int;
    pub(super) fn getrlimit(resource: c_int, limit: *mut Rlimit) -> c_int;
    pub(super) fn madvise(address: *mut c_void, len: usize, advice: c_int) -> c_int;
    pub(super) fn mincore(address: *const c_void, len: usize, pages: *mut c_char) -> c_int;
    pub(super) fn minherit(address: *mut c_void, len: usize, inherit: c_int) -> c_int;
    pub(super) fn mlock(address: *const c_void, len: usize) -> c_int;
    pub(super) fn mmap(
        address: *mut c_void,
        len: usize,
        prot: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
    pub(super) fn mprotect(address: *mut c_void, len: usize, prot: c_int) -> c_int;
    pub(super) fn msync(address: *mut c_void, len: usize, flags: c_int) -> c_int;
    pub(super) fn munlock(address: *const c_void, len: usize) -> c_int;
    pub(super) fn munmap(address: *mut c_void, len: usize) -> c_int;
    pub(super) fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub(super) fn openat(folder: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    pub(super) fn pread(file: c_int, buffer: *mut c_void, len: usize, offset: i64) -> isize;
    #[cfg(any(baremap_backend = "macos", baremap_backend = "macabi"))]
    pub(super) fn proc_regionfilename(pid: c_int, address: u64, buffer: *mut c_void, len: u32) -> c_int;
    // Without effect on x86_64.
    #[cfg(all(baremap_backend = "macos", baremap_arch = "aarch64"))]
    pub(super) fn pthread_jit_write_protect_np(enabled: c_int);
    // `sigprocmask` is for processes with one thread (POSIX).
    pub(super) fn pthread_sigmask(how: c_int, new: *const u32, old: *mut u32) -> c_int;
    pub(super) fn pwrite(file: c_int, buffer: *const c_void, len: usize, offset: i64) -> isize;
    pub(super) fn raise(signal: c_int) -> c_int;
    pub(super) fn read(file: c_int, buffer: *mut c_void, len: usize) -> isize;
    pub(super) fn setrlimit(resource: c_int, limit: *const Rlimit) -> c_int;
    pub(super) fn sigaction(signal: c_int, new: *const SigAction, old: *mut SigAction) -> c_int;
    pub(super) fn shm_open(name: *const c_char, flags: c_int, ...) -> c_int;
    pub(super) fn shm_unlink(name: *const c_char) -> c_int;
    pub(super) fn sys_icache_invalidate(start: *mut c_void, len: usize);
    pub(super) fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int;
    pub(super) static mach_task_self_: c_uint;
    pub(super) fn vm_region_recurse_64(
        task: c_uint,
        address: *mut usize,
        len: *mut usize,
        depth: *mut c_uint,
        info: *mut c_int,
        count: *mut c_uint,
    ) -> c_int;
}

/// The variant with 64-bit inode numbers, the only one that aarch64 has.
#[repr(C)]
pub(super) struct Stat {
    st_dev: i32,
    pub(super) st_mode: u16,
    st_nlink: u16,
    st_ino: u64,
    st_uid: u32,
    st_gid: u32,
    st_rdev: i32,
    _times: [i64; 8],
    pub(super) st_size: i64,
    st_blocks: i64,
    st_blksize: i32,
    st_flags: u32,
    st_gen: u32,
    _spare: [i64; 2],
}

#[repr(C)]
pub(super) struct SigAction {
    /// `SIG_DFL`, `SIG_IGN`, or a function.
    pub(super) handler: usize,
    pub(super) sa_mask: u32,
    pub(super) sa_flags: c_int,
}

#[cfg(baremap_arch = "x86_64")]
#[repr(C)]
pub(super) struct ThreadState {
    _rax_to_r15: [u64; 16],
    pub(super) pc: u64,
    _rflags_to_gs: [u64; 4],
}

#[cfg(baremap_arch = "x86_64")]
type FloatState = [u32; 131];

#[cfg(baremap_arch = "aarch64")]
#[repr(C)]
pub(super) struct ThreadState {
    _x0_to_sp: [u64; 32],
    pub(super) pc: u64,
    _cpsr_flags: [u32; 2],
}

#[cfg(baremap_arch = "aarch64")]
type FloatState = [u64; 66];

/// `_STRUCT_MCONTEXT64`.
#[repr(C)]
pub(super) struct Mcontext {
    _exception: [u64; 2],
    pub(super) thread: ThreadState,
    _float: FloatState,
}

/// `ucontext_t`, a handler's third argument.
#[repr(C)]
pub(super) struct Ucontext {
    _onstack: i32,
    pub(super) uc_sigmask: u32,
    _stack_link_mcsize: [u64; 5],
    pub(super) uc_mcontext: *mut Mcontext,
}

/// What F_PREALLOCATE takes, `fstore_t`.
#[repr(C)]
pub(super) struct Fstore {
    pub(super) fst_flags: c_uint,
    pub(super) fst_posmode: c_int,
    pub(super) fst_offset: i64,
    pub(super) fst_length: i64,
    pub(super) fst_bytesalloc: i64,
}

/// What `vm_region_recurse_64` writes if the count is that of this struct (mach/vm_region.h).
#[repr(C, packed(4))]
pub(super) struct VmRegionSubmapShortInfo64 {
    pub(super) protection: c_int,
    _max_protection: c_int,
    pub(super) inheritance: c_uint,
    pub(super) offset: u64,
    _user_tag_to_object_id: [u32; 6],
    _user_wired_count_flags: [u16; 2],
}

// mach/vm_region.h, mach/kern_return.h, mach/vm_prot.h, mach/vm_inherit.h
#[expect(clippy::cast_possible_truncation, reason = "the structure is small")]
pub(super) const VM_REGION_SUBMAP_SHORT_INFO_COUNT_64: c_uint =
    (size_of::<VmRegionSubmapShortInfo64>() / size_of::<c_uint>()) as c_uint;
pub(super) const KERN_SUCCESS: c_int = 0;
pub(super) const KERN_INVALID_ADDRESS: c_int = 1;
pub(super) const VM_PROT_READ: c_int = 1;
pub(super) const VM_PROT_WRITE: c_int = 2;
pub(super) const VM_PROT_EXECUTE: c_int = 4;

// sys/param.h
pub(super) const MAXPATHLEN: usize = 1024;

// limits.h
pub(super) const INT_MAX: usize = i32::MAX as usize;

// sys/fcntl.h
const O_RDWR: c_int = 0x2;
const O_CREAT: c_int = 0x200;
const O_TRUNC: c_int = 0x400;
const O_EXCL: c_int = 0x800;
pub(super) const O_DIRECTORY: c_int = 0x100000;
pub(super) const O_CLOEXEC: c_int = 0x1000000;
pub(super) const OPEN_FLAGS: OpenFlags = OpenFlags {
    read_write: O_RDWR,
    create: O_CREAT,
    exclusive: O_EXCL,
    truncate: O_TRUNC,
    close_on_exec: O_CLOEXEC,
};
pub(super) const F_PREALLOCATE: c_int = 42;
pub(super) const F_ALLOCATEALL: c_uint = 0x4;
pub(super) const F_PEOFPOSMODE: c_int = 3;
pub(super) const F_FULLFSYNC: c_int = 51;

// sys/stat.h
pub(super) const S_IFMT: u16 = 0o170000;
pub(super) const S_IFREG: u16 = 0o100000;
pub(super) const S_IFDIR: u16 = 0o040000;
pub(super) const S_IFIFO: u16 = 0o010000;

// sys/mman.h
pub(super) const PROT_NONE: c_int = 0;
pub(super) const MAP_SHARED: c_int = 0x1;
pub(super) const MAP_PRIVATE: c_int = 0x2;
pub(super) const MAP_FIXED: c_int = 0x10;
pub(super) const MAP_NORESERVE: c_int = 0x40;
pub(super) const MAP_JIT: c_int = 0x800;
pub(super) const MAP_ANON: c_int = 0x1000;
pub(super) const MS_ASYNC: c_int = 0x1;
pub(super) const MS_SYNC: c_int = 0x10;
pub(super) const MADV_NORMAL: c_int = 0;
pub(super) const MADV_RANDOM: c_int = 1;
pub(super) const MADV_SEQUENTIAL: c_int = 2;
pub(super) const MADV_WILLNEED: c_int = 3;
pub(super) const MADV_DONTNEED: c_int = 4;
pub(super) const MADV_FREE: c_int = 5;
pub(super) const MADV_ZERO_WIRED_PAGES: c_int = 6;
pub(super) const MADV_FREE_REUSABLE: c_int = 7;
pub(super) const MADV_FREE_REUSE: c_int = 8;
pub(super) const MINCORE_INCORE: c_char = 1;

// mach/vm_inherit.h
pub(super) const VM_INHERIT_SHARE: c_int = 0;
pub(super) const VM_INHERIT_COPY: c_int = 1;
pub(super) const VM_INHERIT_NONE: c_int = 2;

// sys/resource.h
pub(super) const RLIMIT_MEMLOCK: c_int = 6;
pub(super) const RLIM_INFINITY: u64 = (1 << 63) - 1;

/// `mmap` reads it from the descriptor's argument if the flags contain `MAP_ANON` (mach/vm_statistics.h).
pub(super) const VM_FLAGS_SUPERPAGE_SIZE_2MB: c_int = 2 << 16;
pub(super) const SUPERPAGE: usize = 2 << 20;
