//! Files in memory: names, lengths, and a tree of frames each, which has holes where nothing was written.

use crate::memory::{Memory, PAGE, Refusal};

/// Which file.
pub type Inode = usize;

const FILES: usize = 32;
const OPEN: usize = 128;
const NAME: usize = 256;

#[derive(Clone, Copy)]
struct File {
    name: [u8; NAME],
    name_len: usize,
    len: usize,
    root: usize,
}

/// What a program has open.
#[derive(Clone, Copy)]
pub struct Descriptor {
    pub file: Inode,
    pub write: bool,
    pub position: usize,
}

pub struct Disk {
    files: [File; FILES],
    count: usize,
    open: [Option<Descriptor>; OPEN],
}

impl Disk {
    pub const fn new() -> Self {
        let file = File { name: [0; NAME], name_len: 0, len: 0, root: 0 };
        Self { files: [file; FILES], count: 0, open: [None; OPEN] }
    }

    pub fn root(&self, file: Inode) -> usize {
        self.files[file].root
    }

    pub fn set_root(&mut self, file: Inode, root: usize) {
        self.files[file].root = root;
    }

    pub fn len(&self, file: Inode) -> usize {
        self.files[file].len
    }

    pub fn descriptor(&mut self, raw: usize) -> Result<&mut Descriptor, Refusal> {
        self.open.get_mut(raw).and_then(Option::as_mut).ok_or(Refusal::NotOpenForThis)
    }

    pub fn close(&mut self, raw: usize) {
        if let Some(descriptor) = self.open.get_mut(raw) {
            *descriptor = None;
        }
    }

    pub fn open_files(&self) -> usize {
        self.open.iter().flatten().count()
    }
}

impl Memory {
    /// There is one folder, `/`.
    pub fn open(&mut self, path: &[u8], create: bool, write: bool) -> Result<usize, Refusal> {
        let name = path.strip_prefix(b"/").ok_or(Refusal::NotFound)?;
        if name.is_empty() {
            return Err(Refusal::Directory);
        }
        if name.contains(&b'/') || name.len() > NAME {
            return Err(Refusal::NotFound);
        }
        let raw = self.disk.open.iter().position(Option::is_none).ok_or(Refusal::TooManyFiles)?;
        let files = &mut self.disk.files[..self.disk.count];
        let file = match files.iter().position(|file| &file.name[..file.name_len] == name) {
            Some(file) => file,
            None if !create => return Err(Refusal::NotFound),
            None => {
                let file = self.disk.count;
                let new = self.disk.files.get_mut(file).ok_or(Refusal::TooManyFiles)?;
                new.name[..name.len()].copy_from_slice(name);
                new.name_len = name.len();
                self.disk.count += 1;
                file
            }
        };
        if create {
            self.cut_off(file, 0);
        }
        self.disk.open[raw] = Some(Descriptor { file, write, position: 0 });
        Ok(raw)
    }

    /// Sets a file's length.
    pub fn cut_off(&mut self, file: Inode, len: usize) {
        let before = self.disk.files[file].len;
        self.disk.files[file].len = len;
        if len < before {
            self.remove_pages(file, len.next_multiple_of(PAGE)..before.next_multiple_of(PAGE));
            if let Some(frame) = self.known_file_frame(file, len)
                && !len.is_multiple_of(PAGE)
            {
                // SAFETY: the rest of the frame, which no mapping can rely on.
                unsafe { ((frame + len % PAGE) as *mut u8).write_bytes(0, PAGE - len % PAGE) };
            }
        }
    }

    /// Forgets all files. Their trees stay, to be used again.
    pub fn clear_disk(&mut self) {
        for file in 0..self.disk.count {
            self.cut_off(file, 0);
            self.disk.files[file].name_len = 0;
        }
        self.disk.count = 0;
    }
}
