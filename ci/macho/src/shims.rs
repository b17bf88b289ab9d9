//! What libSystem exports here, by the names of the linker. libSystem.tbd lists the same.

use crate::{PAGE, errno, faults, files, memory, stop};
use libc::{c_int, c_void, size_t};

macro_rules! shims {
    ($($(#[$on:meta])? $name:literal => $function:path,)*) => {
        /// The address of a function.
        pub fn find(name: &str) -> Option<usize> {
            match name {
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
    // On x86_64 the plain name is the function of 2007's struct, with inode numbers of 32 bits.
    #[cfg(target_arch = "aarch64")] "_fstat" => files::fstat,
    #[cfg(target_arch = "x86_64")] "_fstat$INODE64" => files::fstat,
    "_fsync" => files::fsync,
    "_ftruncate" => files::ftruncate,
    "_open" => files::open,
    "_pread" => files::pread,
    "_read" => files::read,
    "_write" => files::write,
    "_getpagesize" => memory::getpagesize,
    "_madvise" => memory::madvise,
    "_mincore" => memory::mincore,
    "_mlock" => memory::mlock,
    "_mmap" => memory::mmap,
    "_mprotect" => memory::mprotect,
    "_msync" => memory::msync,
    "_munlock" => memory::munlock,
    "_munmap" => memory::munmap,
    "_sys_icache_invalidate" => sys_icache_invalidate,
    // No macOS has these.
    "_macho_calls" => faults::calls,
    "_macho_fail" => faults::fail,
    "_macho_state" => faults::state,
    // What a compiler calls for Darwin.
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

/// Of arm64; on x86_64 it does nothing (libplatform). The instructions for it touch every page, which QEMU's do not.
pub extern "C" fn sys_icache_invalidate(start: *mut c_void, len: size_t) {
    #[cfg(target_arch = "aarch64")]
    {
        for at in (0..len).step_by(PAGE) {
            // SAFETY: the caller's range.
            unsafe { start.cast::<u8>().byte_add(at).read_volatile() };
        }
        unsafe extern "C" {
            /// libgcc's.
            fn __clear_cache(start: *mut c_void, end: *mut c_void);
        }
        // SAFETY: the caller's range.
        unsafe { __clear_cache(start, start.byte_add(len)) };
    }
    let _ = (start, len, PAGE);
}

extern "C" fn bzero(to: *mut c_void, len: size_t) {
    // SAFETY: the caller's, here and below.
    unsafe { libc::memset(to, 0 as c_int, len) };
}

extern "C" fn memset_pattern16(to: *mut u8, pattern: *const [u8; 16], len: size_t) {
    for i in 0..len {
        // SAFETY: as above.
        unsafe { *to.add(i) = (*pattern)[i % 16] };
    }
}

/// Lazily bound symbols are bound before the program starts, so nobody comes here.
extern "C" fn dyld_stub_binder() {
    stop("dyld_stub_binder: called though every symbol is bound");
}
