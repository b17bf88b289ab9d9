//! Memory for code, mapped twice, and stacks.
//!
//! No mapping is writable and executable, and none becomes executable. So it works under PR_SET_MDWE, which refuses
//! both, and other threads run code while it is written (prctl(2)).

use super::calls::{MAP_ANONYMOUS, MAP_PRIVATE, checked};
use super::{Backing, Linux, RawFile, arch};
use crate::error::kind::Call;
use crate::options::{Flags, Prot};
use crate::sys::contract::code::{Code, MappedCode, Stacks};
use crate::sys::contract::{FilePart, Mapped, Request, Result, Span, System};
use core::ptr::{NonNull, with_exposed_provenance_mut};

impl Code for Linux {
    fn map_code(len: usize) -> Result<MappedCode<Backing>> {
        let file = Self::memory_file()?;
        let mapped = map_twice(file, len);
        Self::close(file);
        mapped
    }

    unsafe fn sync_instructions(Span { ptr, len }: Span, _: &Backing) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { arch::sync_instructions(ptr.as_ptr(), len, Self::page_size()) };
        arch::serialize();
        Ok(())
    }
}

fn map_twice(file: RawFile, len: usize) -> Result<MappedCode<Backing>> {
    Linux::set_len(file, len as u64)?;
    let map = |prot| {
        // Not on hugetlbfs, so its block size does not matter.
        let part = FilePart { file, offset: 0, block_size: 0, is_section: false };
        let request = Request { len, prot, flags: Flags::empty(), hint: 0, reservation: None, huge_log2: 0 };
        // SAFETY: there is no reservation.
        unsafe { Linux::map_file(part, request) }.map_err(|refused| refused.failure)
    };
    let executable: Mapped<Backing> = map(Prot::EXEC)?;
    let writable = map(Prot::WRITE).inspect_err(|_| {
        // SAFETY: nobody else knows of the mapping.
        let _ = unsafe { Linux::unmap(Span { ptr: executable.ptr, len }, &executable.backing) };
    })?;
    Ok(MappedCode { executable, writable: Some(writable) })
}

impl Stacks for Linux {
    /// As a reservation, with MAP_STACK: since Linux 6.8 such memory has no transparent huge pages (`calc_vm_flag_bits`
    /// in include/linux/mman.h); a stack would touch little of one. glibc maps the stacks of threads like this.
    fn reserve_stack(len: usize) -> Result<Span> {
        const MAP_STACK: usize = 0x20000;
        const PROT_NONE: usize = 0;
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;
        // SAFETY: without MAP_FIXED the kernel chooses an unused address.
        let address = checked(Call::Mmap, unsafe { arch::mmap(0, len, PROT_NONE, flags, -1, 0) })?;
        let ptr = NonNull::new(with_exposed_provenance_mut(address));
        // SAFETY: without MAP_FIXED the kernel does not map address 0.
        Ok(Span { ptr: unsafe { ptr.unwrap_unchecked() }, len })
    }
}
