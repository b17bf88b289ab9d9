//! Files in memory: a name, a length, and a tree of frames that has holes where nothing was written.

use crate::arch;
use crate::error::{Error, Result};
use crate::frames::{Frames, PAGE_SIZE};
use crate::tables::{self, Table};
use baremap::custom::{Open, RawFile};
use core::ops::Range;

/// The index of a file.
pub type Inode = usize;

/// The length in bytes that a tree of four levels holds.
pub const MAX_LEN: u64 = 1 << 48;

const FILES: usize = 32;
const OPEN_FILES: usize = 128;
const NAME_LEN: usize = 256;

#[derive(Clone, Copy)]
struct File {
    name: [u8; NAME_LEN],
    name_len: usize,
    len: usize,
    /// The address of the tree's first table, or 0.
    root: usize,
}

#[derive(Clone, Copy)]
pub struct OpenFile {
    pub inode: Inode,
    pub writable: bool,
    pub position: u64,
}

pub struct Disk {
    files: [File; FILES],
    count: usize,
    open: [Option<OpenFile>; OPEN_FILES],
}

impl Disk {
    pub const fn new() -> Self {
        let file = File { name: [0; NAME_LEN], name_len: 0, len: 0, root: 0 };
        Self { files: [file; FILES], count: 0, open: [None; OPEN_FILES] }
    }

    /// Opens a file of the only directory, `/`. Does not truncate it.
    pub fn open(&mut self, path: &[u8], open: Open) -> Result<RawFile> {
        let name = path.strip_prefix(b"/").ok_or(Error::NotFound)?;
        if name.is_empty() {
            return Err(Error::Directory);
        }
        if name.contains(&b'/') || name.len() > NAME_LEN {
            return Err(Error::NotFound);
        }
        let raw = self.open.iter().position(Option::is_none).ok_or(Error::TooManyFiles)?;
        let known = self.files[..self.count].iter().position(|file| &file.name[..file.name_len] == name);
        let inode = match (open, known) {
            (Open::CreateNew, Some(_)) => return Err(Error::Exists),
            (Open::Read | Open::ReadWrite, None) => return Err(Error::NotFound),
            (_, Some(inode)) => inode,
            (_, None) => {
                let file = self.files.get_mut(self.count).ok_or(Error::TooManyFiles)?;
                file.name[..name.len()].copy_from_slice(name);
                file.name_len = name.len();
                self.count += 1;
                self.count - 1
            }
        };
        self.open[raw] = Some(OpenFile { inode, writable: open != Open::Read, position: 0 });
        Ok(raw)
    }

    pub fn close(&mut self, raw: RawFile) {
        if let Some(file) = self.open.get_mut(raw) {
            *file = None;
        }
    }

    pub fn file(&mut self, raw: RawFile) -> Result<&mut OpenFile> {
        self.open.get_mut(raw).and_then(Option::as_mut).ok_or(Error::NotOpen)
    }

    pub fn writable_file(&mut self, raw: RawFile) -> Result<Inode> {
        let file = self.file(raw)?;
        if file.writable { Ok(file.inode) } else { Err(Error::NotOpen) }
    }

    pub fn open_files(&self) -> usize {
        self.open.iter().flatten().count()
    }

    pub fn len(&self, inode: Inode) -> usize {
        self.files[inode].len
    }

    /// Sets the length. The bytes of the last page that are past the end become zeros.
    pub fn set_len(&mut self, inode: Inode, len: usize) {
        self.files[inode].len = len;
        if let Some(frame) = self.frame(inode, len) {
            let rest = len % PAGE_SIZE;
            // SAFETY: the rest of a frame of the file, which no mapping can rely on.
            unsafe { ((frame + rest) as *mut u8).write_bytes(0, PAGE_SIZE - rest) };
        }
    }

    /// Returns the frame at an offset, if there is one.
    pub fn frame(&self, inode: Inode, offset: usize) -> Option<usize> {
        let root = self.files[inode].root;
        if root == 0 {
            return None;
        }
        let entry = tables::entry(root as *mut Table, offset / PAGE_SIZE, None).ok()?;
        // SAFETY: an entry of the file's tree, to which no reference exists.
        arch::frame_of(unsafe { *entry })
    }

    /// Returns the frame at an offset, which is allocated in a hole.
    pub fn allocate_frame(&mut self, inode: Inode, offset: usize, frames: &mut Frames) -> Result<usize> {
        let root = &mut self.files[inode].root;
        if *root == 0 {
            *root = frames.allocate()?;
        }
        let entry = tables::entry(*root as *mut Table, offset / PAGE_SIZE, Some(frames))?;
        // SAFETY: an entry of the file's tree, to which no reference exists.
        if let Some(frame) = arch::frame_of(unsafe { *entry }) {
            return Ok(frame);
        }
        let frame = frames.allocate()?;
        // SAFETY: as above.
        unsafe { *entry = arch::page_entry(frame, false, false) };
        Ok(frame)
    }

    /// Frees the frames of a range of offsets.
    pub fn free_range(&mut self, inode: Inode, range: &Range<usize>, frames: &mut Frames) {
        let root = self.files[inode].root;
        if root != 0 {
            tables::free_range(root as *mut Table, range, frames);
        }
    }

    pub fn inodes(&self) -> Range<Inode> {
        0..self.count
    }

    /// Forgets the names of all files. Their trees stay and are used again.
    pub fn forget_names(&mut self) {
        self.count = 0;
    }
}
