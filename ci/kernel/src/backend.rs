//! The kernel's `Backend`: what the crate asks for, done by `memory.rs` and `disk.rs`.

use crate::arch;
use crate::disk::MAX_LEN;
use crate::error::{self, Error, Result};
use crate::frames::PAGE_SIZE;
use crate::memory::{Kind, Memory};
use baremap::custom::{Backend, Code, FileKind, Open, RawFile, Request};
use baremap::{Discard, ErrorKind, Flags, Prot};
use core::cell::{Cell, UnsafeCell};
use core::ffi::CStr;
use core::ptr::{self, NonNull};

pub struct Kernel {
    memory: UnsafeCell<Memory>,
    is_borrowed: Cell<bool>,
}

// SAFETY: there is one processor, and no interrupt handler uses the kernel.
unsafe impl Sync for Kernel {}

pub static KERNEL: Kernel = Kernel { memory: UnsafeCell::new(Memory::new()), is_borrowed: Cell::new(false) };

baremap::custom_backend!(KERNEL);

impl Kernel {
    /// Calls `f` with the memory, or returns `None` if it is borrowed already: the kernel itself caused a page fault.
    pub fn with<T>(&self, f: impl FnOnce(&mut Memory) -> T) -> Option<T> {
        if self.is_borrowed.replace(true) {
            return None;
        }
        // SAFETY: `is_borrowed` makes this the only reference.
        let result = f(unsafe { &mut *self.memory.get() });
        self.is_borrowed.set(false);
        Some(result)
    }

    fn call<T>(&self, f: impl FnOnce(&mut Memory) -> Result<T>) -> Result<T, Code> {
        match self.with(f) {
            Some(result) => result.map_err(|error| error as Code),
            None => panic!("the kernel called itself"),
        }
    }
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(ptr::with_exposed_provenance_mut(address)).unwrap_or(NonNull::dangling())
}

// SAFETY: addresses come from the areas, which do not overlap, and the page tables follow them.
unsafe impl Backend for Kernel {
    fn page_size(&self) -> usize {
        PAGE_SIZE
    }

    fn flags(&self) -> Flags {
        Flags::COW | Flags::POPULATE | Flags::LOCKED | Flags::PAST_END
    }

    unsafe fn map(&self, request: &Request) -> Result<NonNull<u8>, Code> {
        let Request { file, len, prot, flags, reservation, .. } = *request;
        let is_aligned = |number: u64| number.is_multiple_of(PAGE_SIZE as u64);
        if !is_aligned(len as u64) || !file.is_none_or(|(_, offset)| is_aligned(offset)) {
            panic!("the crate breaks its promise: {request:?}");
        }
        self.call(|memory| {
            let kind = match file {
                None => Kind::Anon,
                Some((raw, offset)) => {
                    let (file, offset) = (memory.disk.file(raw)?, offset as usize);
                    if flags.contains(Flags::COW) {
                        Kind::Private { inode: file.inode, offset }
                    } else {
                        Kind::Shared { inode: file.inode, offset, writable: file.writable }
                    }
                }
            };
            let reservation = reservation.map(|ptr| ptr.as_ptr().addr());
            memory.map(kind, len, prot, flags, reservation).map(pointer)
        })
    }

    unsafe fn unmap(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        self.call(|memory| memory.unmap(ptr.as_ptr().addr(), len))
    }

    unsafe fn protect(&self, ptr: NonNull<u8>, len: usize, prot: Prot) -> Result<(), Code> {
        self.call(|memory| memory.protect(ptr.as_ptr().addr(), len, prot))
    }

    unsafe fn split(&self, ptr: NonNull<u8>, len: usize, at: usize) -> Result<(), Code> {
        self.call(|memory| memory.split(ptr.as_ptr().addr(), len, at))
    }

    unsafe fn join(&self, ptr: NonNull<u8>, len: usize, next_len: usize) -> Result<(), Code> {
        self.call(|memory| memory.join(ptr.as_ptr().addr(), len, next_len))
    }

    fn describe(&self, code: Code) -> (&'static str, &'static str, ErrorKind) {
        error::describe(code)
    }

    fn asks_fixup(&self) -> bool {
        true
    }

    fn reserve(&self, address: usize, len: usize) -> Result<NonNull<u8>, Code> {
        self.call(|memory| memory.reserve(address, len)).map(pointer)
    }

    unsafe fn unmap_to_reservation(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        self.call(|memory| memory.unmap_to_reservation(ptr.as_ptr().addr(), len))
    }

    unsafe fn lock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        self.call(|memory| memory.lock(ptr.as_ptr().addr(), len))
    }

    unsafe fn unlock(&self, _: NonNull<u8>, _: usize) -> Result<(), Code> {
        Ok(())
    }

    /// The pages of a file are its only storage.
    unsafe fn flush(&self, _: NonNull<u8>, _: usize, _: bool) -> Result<(), Code> {
        Ok(())
    }

    unsafe fn discard(&self, ptr: NonNull<u8>, len: usize, discard: Discard) -> Result<(), Code> {
        self.call(|memory| memory.discard(ptr.as_ptr().addr(), len, discard))
    }

    /// A page that is not present yet is faulted in by it.
    unsafe fn sync_instructions(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        arch::sync_instruction_cache(ptr.as_ptr().addr(), len);
        Ok(())
    }

    fn open(&self, path: &CStr, open: Open) -> Result<RawFile, Code> {
        self.call(|memory| memory.open(path.to_bytes(), open))
    }

    /// Under a name that nobody else uses. It is a file until the names of all files are forgotten.
    fn memory_file(&self) -> Result<RawFile, Code> {
        self.call(|memory| {
            let name = [b'/', 0xff, memory.disk.inodes().end as u8];
            memory.open(&name, Open::CreateNew)
        })
    }

    fn close(&self, file: RawFile) {
        let _ = self.call(|memory| {
            memory.disk.close(file);
            Ok(())
        });
    }

    fn stat(&self, file: RawFile) -> Result<(FileKind, u64), Code> {
        self.call(|memory| {
            let inode = memory.disk.file(file)?.inode;
            Ok((FileKind::Regular, memory.disk.len(inode) as u64))
        })
    }

    fn set_len(&self, file: RawFile, len: u64) -> Result<(), Code> {
        self.call(|memory| memory.set_len(file, len))
    }

    fn allocate(&self, file: RawFile, offset: u64, len: u64) -> Result<(), Code> {
        if offset + len > MAX_LEN {
            return Err(Error::TooLong as Code);
        }
        let (start, end) = (offset as usize, (offset + len) as usize);
        self.call(|memory| {
            let inode = memory.disk.writable_file(file)?;
            for at in (start & !(PAGE_SIZE - 1)..end).step_by(PAGE_SIZE) {
                memory.frame_to_write(inode, at, PAGE_SIZE.min(end - at))?;
            }
            Ok(())
        })
    }

    fn sync(&self, _: RawFile) -> Result<(), Code> {
        Ok(())
    }

    unsafe fn read(
        &self,
        file: RawFile,
        buffer: *mut u8,
        len: usize,
        offset: Option<u64>,
    ) -> Result<usize, Code> {
        let (inode, start, end) = self.call(|memory| {
            let file = *memory.disk.file(file)?;
            let start = offset.unwrap_or(file.position);
            let len_of_file = memory.disk.len(file.inode) as u64;
            Ok((
                file.inode,
                start as usize,
                start.saturating_add(len as u64).min(len_of_file).max(start) as usize,
            ))
        })?;
        let mut at = start;
        while at < end {
            let len = (PAGE_SIZE - at % PAGE_SIZE).min(end - at);
            let frame = self.call(|memory| Ok(memory.disk.frame(inode, at)))?;
            // SAFETY: `len` bytes of the buffer, which may fault, so that nothing is borrowed meanwhile.
            unsafe {
                let buffer = buffer.add(at - start);
                match frame {
                    Some(frame) => buffer.copy_from((frame + at % PAGE_SIZE) as *const u8, len),
                    None => buffer.write_bytes(0, len),
                }
            }
            at += len;
        }
        if offset.is_none() {
            self.call(|memory| memory.disk.file(file).map(|file| file.position = end as u64))?;
        }
        Ok(end - start)
    }

    fn write(&self, file: RawFile, bytes: &[u8], offset: u64) -> Result<usize, Code> {
        let inode = self.call(|memory| memory.disk.writable_file(file))?;
        if offset + bytes.len() as u64 > MAX_LEN {
            return Err(Error::TooLong as Code);
        }
        let mut at = offset as usize;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(PAGE_SIZE - at % PAGE_SIZE));
            match self.call(|memory| memory.frame_to_write(inode, at, part.len())) {
                // SAFETY: a part of a frame of the file. The bytes may fault, so that nothing is borrowed meanwhile.
                Ok(frame) => unsafe {
                    ((frame + at % PAGE_SIZE) as *mut u8).copy_from(part.as_ptr(), part.len());
                },
                Err(code) if rest.len() == bytes.len() => return Err(code),
                Err(_) => break,
            }
            at += part.len();
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }
}
