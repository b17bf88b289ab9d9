//! Memory for code, mapped once, and the instruction cache. Stacks are reservations.
//!
//! It is mapped with the permissions that it may get later, where a system wants to know them, and is never writable and
//! executable at once.

use super::imports::*;
use super::memory::{mmap, pages};
use super::system::LATER_PROT;
use super::{Backing, Kind, Unix, instructions};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::Prot;
use crate::sys::contract::code::{Code, MappedCode, Stacks};
use crate::sys::contract::{Mapped, Result, Span};
use core::ffi::c_int;
use core::ptr::null_mut;

impl Code for Unix {
    fn map_code(len: usize) -> Result<MappedCode<Backing>> {
        if !instructions::CAN_SYNC {
            return Err(Failure::refused(Call::Map, ErrorKind::Unsupported));
        }
        let prot = c_int::from(Prot::EXEC.bits()) | LATER_PROT;
        // SAFETY: without MAP_FIXED the kernel chooses a free range.
        let ptr = unsafe { mmap(null_mut(), len, prot, MAP_PRIVATE | MAP_ANON, -1, 0)? };
        let executable = Mapped { ptr, backing: Backing { prot: Prot::EXEC, kind: Kind::Anon } };
        Ok(MappedCode { executable, writable: None })
    }

    unsafe fn sync_instructions(span: Span, backing: &Backing) -> Result<()> {
        if !instructions::CAN_SYNC {
            return Err(Failure::refused(Call::SyncInstructions, ErrorKind::Unsupported));
        }
        let (base, len) = pages(span);
        // SAFETY: the caller's promise.
        unsafe { instructions::sync(base, len, backing.kind) };
        Ok(())
    }
}

impl Stacks for Unix {}
