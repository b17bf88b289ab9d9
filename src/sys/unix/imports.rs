//! The functions of the C libraries that the backend calls, and the constants that all these systems share. The system's own
//! file has those that differ.

use super::system::{Mode, O_CLOEXEC, Stat};
use crate::sys::posix::OpenFlags;
use core::ffi::{c_char, c_int, c_void};

#[link(name = "c")]
unsafe extern "C" {
    #[cfg_attr(baremap_backend = "dragonfly", link_name = "__errno_location")]
    #[cfg_attr(baremap_backend = "freebsd", link_name = "__error")]
    #[cfg_attr(any(baremap_backend = "netbsd", baremap_backend = "openbsd"), link_name = "__errno")]
    #[cfg_attr(baremap_backend = "illumos", link_name = "___errno")]
    pub(super) fn errno_location() -> *mut c_int;
    pub(super) fn arc4random() -> u32;
    pub(super) fn close(file: c_int) -> c_int;
    pub(super) fn flock(file: c_int, operation: c_int) -> c_int;
    // NetBSD names a function anew when its structs change, and its headers choose the newest.
    #[cfg_attr(baremap_backend = "netbsd", link_name = "__fstat50")]
    pub(super) fn fstat(file: c_int, stat: *mut Stat) -> c_int;
    pub(super) fn fsync(file: c_int) -> c_int;
    pub(super) fn ftruncate(file: c_int, len: i64) -> c_int;
    pub(super) fn getpagesize() -> c_int;
    pub(super) fn madvise(address: *mut c_void, len: usize, advice: c_int) -> c_int;
    #[cfg(not(baremap_backend = "openbsd"))]
    pub(super) fn mincore(address: *mut c_void, len: usize, pages: *mut c_char) -> c_int;
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
    #[cfg_attr(baremap_backend = "netbsd", link_name = "__msync13")]
    pub(super) fn msync(address: *mut c_void, len: usize, flags: c_int) -> c_int;
    pub(super) fn munlock(address: *const c_void, len: usize) -> c_int;
    pub(super) fn munmap(address: *mut c_void, len: usize) -> c_int;
    pub(super) fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub(super) fn openat(folder: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    #[cfg(not(any(baremap_backend = "dragonfly", baremap_backend = "openbsd")))]
    pub(super) fn posix_fallocate(file: c_int, offset: i64, len: i64) -> c_int;
    pub(super) fn pread(file: c_int, buffer: *mut c_void, len: usize, offset: i64) -> isize;
    pub(super) fn pwrite(file: c_int, buffer: *const c_void, len: usize, offset: i64) -> isize;
    pub(super) fn read(file: c_int, buffer: *mut c_void, len: usize) -> isize;
    pub(super) fn shm_open(name: *const c_char, flags: c_int, mode: Mode) -> c_int;
    pub(super) fn shm_unlink(name: *const c_char) -> c_int;
    pub(super) fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int;
}

// limits.h
pub(super) const INT_MAX: usize = i32::MAX as usize;

// fcntl.h
const O_RDWR: c_int = 0x2;
#[cfg(baremap_backend = "illumos")]
const O_CREAT: c_int = 0x100;
#[cfg(not(baremap_backend = "illumos"))]
const O_CREAT: c_int = 0x200;
#[cfg(baremap_backend = "illumos")]
const O_TRUNC: c_int = 0x200;
#[cfg(not(baremap_backend = "illumos"))]
const O_TRUNC: c_int = 0x400;
#[cfg(baremap_backend = "illumos")]
const O_EXCL: c_int = 0x400;
#[cfg(not(baremap_backend = "illumos"))]
const O_EXCL: c_int = 0x800;
pub(super) const OPEN_FLAGS: OpenFlags = OpenFlags {
    read_write: O_RDWR,
    create: O_CREAT,
    exclusive: O_EXCL,
    truncate: O_TRUNC,
    close_on_exec: O_CLOEXEC,
};

// sys/stat.h
pub(super) const S_IFMT: Mode = 0o170000;
pub(super) const S_IFREG: Mode = 0o100000;
pub(super) const S_IFDIR: Mode = 0o040000;
pub(super) const S_IFIFO: Mode = 0o010000;

// sys/mman.h
pub(super) const PROT_NONE: c_int = 0;
pub(super) const MAP_SHARED: c_int = 0x1;
pub(super) const MAP_PRIVATE: c_int = 0x2;
pub(super) const MAP_FIXED: c_int = 0x10;
#[cfg(baremap_backend = "illumos")]
pub(super) const MAP_ANON: c_int = 0x100;
#[cfg(not(baremap_backend = "illumos"))]
pub(super) const MAP_ANON: c_int = 0x1000;
pub(super) const MS_ASYNC: c_int = 0x1;
pub(super) const MADV_NORMAL: c_int = 0;
pub(super) const MADV_RANDOM: c_int = 1;
pub(super) const MADV_SEQUENTIAL: c_int = 2;
pub(super) const MADV_WILLNEED: c_int = 3;
pub(super) const MADV_DONTNEED: c_int = 4;
