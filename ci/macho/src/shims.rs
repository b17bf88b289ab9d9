//! The exports of this libSystem, by their symbols. libSystem.tbd lists the same.

use crate::{PAGE, errno, faults, files, memory, regions, shm, signals, stop};
use libc::{c_void, size_t};

macro_rules! shims {
    ($($(#[$on:meta])? $name:literal => $function:path,)*) => {
        /// Returns the address of a function or variable.
        pub fn find(name: &str) -> Option<usize> {
            match name {
                "_mach_task_self_" => Some((&raw const regions::TASK).addr()),
                $($(#[$on])? $name => Some($function as *const () as usize),)*
                _ => None,
            }
        }
    };
}

shims! {
    "___error" => errno::error,
    "__exit" => files::exit,
    "_close" => files::close,
    "_exit" => files::exit,
    "_fcntl" => files::fcntl,
    // On x86_64 the plain name is the function from before 2007, with 32-bit inode numbers.
    #[cfg(target_arch = "aarch64")] "_fstat" => files::fstat,
    #[cfg(target_arch = "x86_64")] "_fstat$INODE64" => files::fstat,
    "_flock" => files::flock,
    "_fsync" => files::fsync,
    "_ftruncate" => files::ftruncate,
    "_open" => files::open,
    "_openat" => files::openat,
    "_pread" => files::pread,
    "_pwrite" => files::pwrite,
    "_read" => files::read,
    "_shm_open" => shm::shm_open,
    "_shm_unlink" => shm::shm_unlink,
    "_arc4random" => shm::arc4random,
    "_unlinkat" => files::unlinkat,
    "_write" => files::write,
    "_getpagesize" => memory::getpagesize,
    "_getpid" => libc::getpid,
    "_getrlimit" => memory::getrlimit,
    "_madvise" => memory::madvise,
    "_mincore" => memory::mincore,
    "_minherit" => memory::minherit,
    "_mlock" => memory::mlock,
    "_mmap" => memory::mmap,
    "_mprotect" => memory::mprotect,
    "_msync" => memory::msync,
    "_munlock" => memory::munlock,
    "_munmap" => memory::munmap,
    "_proc_regionfilename" => regions::proc_regionfilename,
    #[cfg(target_arch = "aarch64")] "_pthread_jit_write_protect_np" => memory::pthread_jit_write_protect_np,
    "_pthread_sigmask" => signals::pthread_sigmask,
    "_raise" => signals::raise,
    "_setrlimit" => memory::setrlimit,
    "_sigaction" => signals::sigaction,
    "_sys_icache_invalidate" => sys_icache_invalidate,
    "_vm_region_recurse_64" => regions::vm_region_recurse_64,
    // macOS lacks these.
    "_macho_calls" => faults::calls,
    "_macho_fail" => faults::fail,
    "_macho_state" => faults::state,
    // The compiler inserts calls of these.
    "___bzero" => bzero,
    "_bcmp" => libc::memcmp,
    "_bzero" => bzero,
    "_memcmp" => libc::memcmp,
    "_memcpy" => libc::memcpy,
    "_memmove" => libc::memmove,
    "_memset" => libc::memset,
    "_memset_pattern16" => memset_pattern16,
    "_strlen" => libc::strlen,
    "dyld_stub_binder" => dyld_stub_binder,
}

/// Does nothing on x86_64 (libplatform). On arm64 its instructions touch every page; QEMU's emulation does not, so this reads
/// each.
pub extern "C" fn sys_icache_invalidate(start: *mut c_void, len: size_t) {
    #[cfg(target_arch = "aarch64")]
    {
        for at in (0..len).step_by(PAGE) {
            // SAFETY: the program's range.
            unsafe { start.cast::<u8>().byte_add(at).read_volatile() };
        }
        unsafe extern "C" {
            /// From libgcc.
            fn __clear_cache(start: *mut c_void, end: *mut c_void);
        }
        // SAFETY: as above.
        unsafe { __clear_cache(start, start.byte_add(len)) };
    }
    let _ = (start, len, PAGE);
}

extern "C" fn bzero(start: *mut c_void, len: size_t) {
    // SAFETY: the program's memory, here and below.
    unsafe { libc::memset(start, 0, len) };
}

extern "C" fn memset_pattern16(start: *mut u8, pattern: *const [u8; 16], len: size_t) {
    for i in 0..len {
        // SAFETY: as above.
        unsafe { *start.add(i) = (*pattern)[i % 16] };
    }
}

/// Never called: lazily bound symbols are bound before the program starts.
extern "C" fn dyld_stub_binder() {
    stop("dyld_stub_binder was called although every symbol is bound");
}
