//! The kernel's side of the crate's contract.

use crate::memory::{Kind, Memory, PAGE, Refusal};
use baremap::custom::{Backend, Code, FileKind, Open, RawFile, Request, UNSUPPORTED};
use baremap::{Discard, ErrorKind, Flags, Prot};
use core::cell::{Cell, UnsafeCell};
use core::ffi::CStr;
use core::ptr::{self, NonNull};

pub struct Kernel {
    memory: UnsafeCell<Memory>,
    busy: Cell<bool>,
}

// SAFETY: there is one processor, and no interrupt that would come in here.
unsafe impl Sync for Kernel {}

pub static KERNEL: Kernel = Kernel { memory: UnsafeCell::new(Memory::new()), busy: Cell::new(false) };

baremap::custom_backend!(KERNEL);

impl Kernel {
    /// Lends the kernel's memory, once at a time: a fault while it is lent is the kernel's own.
    pub fn with<T>(&self, f: impl FnOnce(&mut Memory) -> T) -> Option<T> {
        if self.busy.replace(true) {
            return None;
        }
        // SAFETY: `busy` keeps others away.
        let result = f(unsafe { &mut *self.memory.get() });
        self.busy.set(false);
        Some(result)
    }

    fn answer<T>(&self, f: impl FnOnce(&mut Memory) -> Result<T, Refusal>) -> Result<T, Code> {
        match self.with(f) {
            Some(result) => result.map_err(|refusal| refusal as Code),
            None => crate::fail(format_args!("the kernel called itself")),
        }
    }
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(ptr::with_exposed_provenance_mut(address)).unwrap_or(NonNull::dangling())
}

// SAFETY: addresses come from the areas, which do not overlap, and the tables follow them.
unsafe impl Backend for Kernel {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn flags(&self) -> Flags {
        Flags::COW | Flags::POPULATE | Flags::LOCKED
    }

    unsafe fn map(&self, request: &Request) -> Result<NonNull<u8>, Code> {
        let Request { file, len, prot, flags, place, .. } = *request;
        let is_whole = |number: u64| number.is_multiple_of(PAGE as u64);
        if !is_whole(len as u64) || !file.is_none_or(|(_, offset)| is_whole(offset)) {
            crate::fail(format_args!("the crate breaks its promise: {request:?}"));
        }
        self.answer(|memory| {
            let kind = match file {
                None => Kind::Anon,
                Some((raw, offset)) => {
                    let descriptor = memory.disk.descriptor(raw)?;
                    if flags.contains(Flags::COW) {
                        Kind::Copy(descriptor.file, offset as usize)
                    } else {
                        Kind::Shared(descriptor.file, offset as usize, descriptor.write)
                    }
                }
            };
            memory.map(kind, len, prot, flags, place.map(|place| place.as_ptr().addr())).map(pointer)
        })
    }

    unsafe fn unmap(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        self.answer(|memory| memory.unmap(ptr.as_ptr().addr(), len))
    }

    unsafe fn protect(&self, ptr: NonNull<u8>, len: usize, prot: Prot) -> Result<(), Code> {
        self.answer(|memory| memory.protect(ptr.as_ptr().addr(), len, prot))
    }

    fn describe(&self, code: Code) -> (&'static str, &'static str, ErrorKind) {
        const CODES: [(Refusal, &str, &str, ErrorKind); 10] = [
            (Refusal::NoFrame, "NO_FRAME", "no frame of memory is free", ErrorKind::OutOfMemory),
            (Refusal::NoAddress, "NO_ADDRESS", "no such addresses are free", ErrorKind::OutOfMemory),
            (Refusal::TooManyAreas, "TOO_MANY_AREAS", "too many mappings", ErrorKind::OutOfMemory),
            (Refusal::Taken, "TAKEN", "something is there", ErrorKind::Busy),
            (Refusal::NotFound, "NOT_FOUND", "there is no such file", ErrorKind::NotFound),
            (Refusal::Directory, "DIRECTORY", "it is a directory", ErrorKind::NotMappable),
            (Refusal::TooManyFiles, "TOO_MANY_FILES", "too many files", ErrorKind::TooManyFiles),
            (
                Refusal::NotOpenForThis,
                "NOT_OPEN",
                "the file is not open for this",
                ErrorKind::PermissionDenied,
            ),
            (Refusal::NotMapped, "NOT_MAPPED", "no mapping is there", ErrorKind::InvalidInput),
            (Refusal::NotAllowed, "NOT_ALLOWED", "the mapping lacks the right", ErrorKind::PermissionDenied),
        ];
        match CODES.iter().find(|known| known.0 as Code == code) {
            Some(&(_, name, words, kind)) => (name, words, kind),
            None => ("?", "not a code of this kernel", ErrorKind::Other),
        }
    }

    fn reserve(&self, address: usize, len: usize) -> Result<NonNull<u8>, Code> {
        self.answer(|memory| memory.reserve(address, len)).map(pointer)
    }

    unsafe fn vacate(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        self.answer(|memory| memory.vacate(ptr.as_ptr().addr(), len))
    }

    unsafe fn lock(&self, ptr: NonNull<u8>, len: usize) -> Result<(), Code> {
        self.answer(|memory| memory.lock(ptr.as_ptr().addr(), len))
    }

    unsafe fn unlock(&self, _: NonNull<u8>, _: usize) -> Result<(), Code> {
        Ok(())
    }

    /// The disk is the memory that is mapped.
    unsafe fn flush(&self, _: NonNull<u8>, _: usize, _: bool) -> Result<(), Code> {
        Ok(())
    }

    unsafe fn discard(&self, ptr: NonNull<u8>, len: usize, how: Discard) -> Result<(), Code> {
        match self.answer(|memory| memory.discard(ptr.as_ptr().addr(), len, how))? {
            true => Ok(()),
            false => Err(UNSUPPORTED),
        }
    }

    fn open(&self, path: &CStr, how: Open) -> Result<RawFile, Code> {
        let (create, write) = match how {
            Open::Read => (false, false),
            Open::ReadWrite => (false, true),
            Open::Create => (true, true),
            _ => return Err(UNSUPPORTED),
        };
        self.answer(|memory| memory.open(path.to_bytes(), create, write))
    }

    fn close(&self, file: RawFile) {
        let _ = self.answer(|memory| {
            memory.disk.close(file);
            Ok(())
        });
    }

    fn stat(&self, file: RawFile) -> Result<(FileKind, u64), Code> {
        self.answer(|memory| {
            let file = memory.disk.descriptor(file)?.file;
            Ok((FileKind::Regular, memory.disk.len(file) as u64))
        })
    }

    fn set_len(&self, file: RawFile, len: u64) -> Result<(), Code> {
        self.answer(|memory| {
            let descriptor = *memory.disk.descriptor(file)?;
            if !descriptor.write {
                return Err(Refusal::NotOpenForThis);
            }
            // What a tree of four levels holds.
            if len > 1 << 48 {
                return Err(Refusal::NoFrame);
            }
            memory.cut_off(descriptor.file, len as usize);
            Ok(())
        })
    }

    fn sync(&self, _: RawFile) -> Result<(), Code> {
        Ok(())
    }

    unsafe fn read(
        &self,
        file: RawFile,
        to: *mut u8,
        len: usize,
        offset: Option<u64>,
    ) -> Result<usize, Code> {
        let (inode, start, end) = self.answer(|memory| {
            let descriptor = *memory.disk.descriptor(file)?;
            let start = offset.unwrap_or(descriptor.position as u64);
            let end = memory.disk.len(descriptor.file) as u64;
            let end = start.saturating_add(len as u64).min(end).max(start);
            if offset.is_none() {
                memory.disk.descriptor(file)?.position = end as usize;
            }
            Ok((descriptor.file, start as usize, end as usize))
        })?;
        let mut at = start;
        while at < end {
            let part = (PAGE - at % PAGE).min(end - at);
            let frame = self.answer(|memory| Ok(memory.known_file_frame(inode, at)))?;
            // SAFETY: the caller lends `len` bytes at `to`, whose pages may fault, so that nothing is lent meanwhile.
            unsafe {
                let to = to.add(at - start);
                match frame {
                    Some(frame) => to.copy_from((frame + at % PAGE) as *const u8, part),
                    None => to.write_bytes(0, part),
                }
            }
            at += part;
        }
        Ok(end - start)
    }
}
