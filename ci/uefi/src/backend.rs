//! The loader's `Backend`: memory by AllocatePages, files by `file.rs`.
//!
//! Under UEFI an address is a physical address, every page is present, and nothing faults. So a mapping is allocated pages,
//! into which a file is copied. What rests on page tables is refused rather than pretended:
//! - shared mappings for writing, as nothing carries a store to the file;
//! - reservations and `Prot::NONE`, as an access must be a fault there;
//! - `protect`. EFI_MEMORY_ATTRIBUTE_PROTOCOL could do it, but only newer firmware has it.
//!
//! A mapping for reading is made, as only what it allows must succeed: unsafe code that writes to it is not stopped.

use crate::file::File;
use crate::status::{self, Result, code};
use baremap::custom::{Backend, Code, FileKind, Open, RawFile, Request, UNSUPPORTED};
use baremap::{ErrorKind, Flags, Prot};
use core::ffi::CStr;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use uefi::boot::{self, AllocateType, MemoryType, PAGE_SIZE};

struct Loader;

baremap::custom_backend!(Loader);

/// How many pages are mapped, and files open. The suite looks for leaks.
pub static PAGES: AtomicUsize = AtomicUsize::new(0);
pub static OPEN_FILES: AtomicUsize = AtomicUsize::new(0);

/// Copies a part of the file into new memory. Zeros follow the end of the file, or are all there is without one.
///
/// # Safety
/// The memory is writable, and the file open.
unsafe fn fill(memory: NonNull<u8>, len: usize, file: Option<(RawFile, u64)>) -> Result {
    let mut at = 0;
    if let Some((file, offset)) = file {
        // SAFETY: the caller's promise, here and below.
        let file = unsafe { File::from_raw(file) };
        while at < len {
            // SAFETY: as above.
            match unsafe { file.read(memory.as_ptr().add(at), len - at, Some(offset + at as u64))? } {
                0 => break,
                read => at += read,
            }
        }
    }
    // SAFETY: as above.
    unsafe { memory.add(at).write_bytes(0, len - at) };
    Ok(())
}

// SAFETY: the firmware allocates no page twice, and all of its memory is readable and writable. There is one processor, and
// no event of the loader's uses the crate.
unsafe impl Backend for Loader {
    fn page_size(&self) -> usize {
        PAGE_SIZE
    }

    /// Memory is always resident.
    fn flags(&self) -> Flags {
        Flags::COW | Flags::POPULATE | Flags::LOCKED
    }

    /// There is never a reservation to replace, as `reserve` is not supported.
    unsafe fn map(&self, request: &Request) -> Result<NonNull<u8>, Code> {
        let Request { file, len, prot, flags, .. } = *request;
        let is_shared = file.is_some() && !flags.contains(Flags::COW);
        if prot == Prot::NONE || is_shared && prot.contains(Prot::WRITE) {
            return Err(UNSUPPORTED);
        }
        // Firmware may make memory for data not executable.
        let kind = if prot.contains(Prot::EXEC) { MemoryType::LOADER_CODE } else { MemoryType::LOADER_DATA };
        let memory = boot::allocate_pages(AllocateType::AnyPages, kind, len / PAGE_SIZE)
            .map_err(|error| code(error.status()))?;
        PAGES.fetch_add(len / PAGE_SIZE, Relaxed);
        // SAFETY: new memory; the caller's promise about the file.
        if let Err(code) = unsafe { fill(memory, len, file) } {
            // SAFETY: nobody else knows the memory.
            let _ = unsafe { self.unmap(memory, len) };
            return Err(code);
        }
        if prot.contains(Prot::EXEC) {
            sync_instructions(memory.as_ptr().addr(), len);
        }
        Ok(memory)
    }

    unsafe fn unmap(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        // SAFETY: pages that `map` allocated, which nobody uses any longer.
        unsafe { boot::free_pages(ptr, len / PAGE_SIZE) }.map_err(|error| code(error.status()))?;
        PAGES.fetch_sub(len / PAGE_SIZE, Relaxed);
        Ok(())
    }

    unsafe fn protect(&self, _: NonNull<u8>, _: usize, _: Prot) -> Result<(), Code> {
        Err(UNSUPPORTED)
    }

    /// The firmware frees parts of what it allocated; EDK II's own `AllocateAlignedPages` depends on it.
    unsafe fn split(&self, _: NonNull<u8>, _: usize, _: usize) -> Result<(), Code> {
        Ok(())
    }

    fn describe(&self, code: Code) -> (&'static str, &'static str, ErrorKind) {
        status::describe(code)
    }

    unsafe fn lock(&self, _: NonNull<u8>, _: usize) -> Result<(), Code> {
        Ok(())
    }

    unsafe fn unlock(&self, _: NonNull<u8>, _: usize) -> Result<(), Code> {
        Ok(())
    }

    /// No mapping has anything to write to a file.
    unsafe fn flush(&self, _: NonNull<u8>, _: usize, _: bool) -> Result<(), Code> {
        Ok(())
    }

    unsafe fn sync_instructions(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        sync_instructions(ptr.as_ptr().addr(), len);
        Ok(())
    }

    fn open(&self, path: &CStr, open: Open) -> Result<RawFile, Code> {
        let file = File::open(path, open)?;
        OPEN_FILES.fetch_add(1, Relaxed);
        Ok(file.into_raw())
    }

    fn close(&self, file: RawFile) {
        // SAFETY: the crate passes files that `open` returned, here and below.
        unsafe { File::from_raw(file) }.close();
        OPEN_FILES.fetch_sub(1, Relaxed);
    }

    fn stat(&self, file: RawFile) -> Result<(FileKind, u64), Code> {
        // SAFETY: as in `close`.
        Ok((FileKind::Regular, unsafe { File::from_raw(file) }.len()?))
    }

    fn set_len(&self, file: RawFile, len: u64) -> Result<(), Code> {
        // SAFETY: as in `close`.
        unsafe { File::from_raw(file) }.set_len(len)
    }

    fn sync(&self, file: RawFile) -> Result<(), Code> {
        // SAFETY: as in `close`.
        unsafe { File::from_raw(file) }.flush()
    }

    unsafe fn read(
        &self,
        file: RawFile,
        buffer: *mut u8,
        len: usize,
        offset: Option<u64>,
    ) -> Result<usize, Code> {
        // SAFETY: as in `close`; the caller's promise about the buffer.
        unsafe { File::from_raw(file).read(buffer, len, offset) }
    }

    fn write(&self, file: RawFile, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        // SAFETY: as in `close`.
        unsafe { File::from_raw(file) }.write(bytes, offset)
    }
}

/// Does nothing: instruction fetches see writes (Intel SDM 3A, "Self-Modifying Code").
#[cfg(target_arch = "x86_64")]
fn sync_instructions(_: usize, _: usize) {}

/// Cleans and invalidates by lines of 16 bytes, the shortest possible (Arm ARM, CTR_EL0).
#[cfg(target_arch = "aarch64")]
fn sync_instructions(start: usize, len: usize) {
    use core::arch::asm;
    for line in (start..start + len).step_by(16) {
        // SAFETY: writes a line of the data cache back; contents stay.
        unsafe { asm!("dc cvau, {}", in(reg) line) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish") };
    for line in (start..start + len).step_by(16) {
        // SAFETY: drops a line of the instruction cache.
        unsafe { asm!("ic ivau, {}", in(reg) line) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb") };
}
