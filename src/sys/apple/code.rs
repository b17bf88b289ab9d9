//! Memory for code, by MAP_JIT, and the instruction cache. Stacks are reservations.
//!
//! A process with the hardened runtime runs no code that it wrote itself, except in memory that was mapped with MAP_JIT, for
//! which it needs an entitlement. On aarch64 such memory is writable or executable for each thread by itself, and its pages
//! are mapped with all permissions (`vm_map_enter` in osfmk/vm/vm_map.c). On x86_64 the permissions are those of all threads,
//! and `mprotect` changes them.
//!
//! On Apple's other systems no program can get that entitlement, and `pthread_jit_write_protect_np` does not exist
//! (pthread.h); nor does it for Mac Catalyst. Nothing is executed there but what was signed.

use super::imports::*;
use super::{Apple, Backing, Kind, instructions, map, pages};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Flags, Prot};
use crate::sys::contract::code::{Code, MappedCode, Stacks};
use crate::sys::contract::{Mapped, Request, Result, Span};

impl Code for Apple {
    fn is_written_by_thread() -> bool {
        cfg!(all(baremap_backend = "macos", baremap_arch = "aarch64"))
    }

    fn map_code(len: usize) -> Result<MappedCode<Backing>> {
        if cfg!(not(baremap_backend = "macos")) {
            return Err(Failure::refused(Call::Map, ErrorKind::Unsupported));
        }
        let prot = if Self::is_written_by_thread() { Prot::WRITE | Prot::EXEC } else { Prot::EXEC };
        let request = Request { len, prot, flags: Flags::empty(), hint: 0, reservation: None, huge_log2: 0 };
        // SAFETY: there is no reservation.
        let ptr = unsafe { map(request, Kind::Anon, MAP_PRIVATE | MAP_ANON | MAP_JIT, -1, 0)? };
        let executable = Mapped { ptr, backing: Backing { prot, kind: Kind::Anon } };
        Ok(MappedCode { executable, writable: None })
    }

    #[cfg(all(baremap_backend = "macos", baremap_arch = "aarch64"))]
    unsafe fn begin_writing(_: Span, _: &mut Backing) -> Result<()> {
        // SAFETY: this thread runs no code in such memory until `end_writing`.
        unsafe { pthread_jit_write_protect_np(0) };
        Ok(())
    }

    #[cfg(all(baremap_backend = "macos", baremap_arch = "aarch64"))]
    unsafe fn end_writing(_: Span, _: &mut Backing, written: Span) -> Result<()> {
        // SAFETY: this thread no longer writes. The range is resident, as it was written.
        unsafe {
            pthread_jit_write_protect_np(1);
            sys_icache_invalidate(written.ptr.as_ptr().cast(), written.len);
        }
        Ok(())
    }

    unsafe fn sync_instructions(span: Span, backing: &Backing) -> Result<()> {
        if cfg!(baremap_arch = "aarch64") {
            let (base, len) = pages(span, backing);
            // SAFETY: the caller's promise.
            unsafe { instructions::sync(base, len) };
        }
        Ok(())
    }
}

impl Stacks for Apple {}
