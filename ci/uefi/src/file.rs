//! Files of the volume that the loader was started from, by EFI_FILE_PROTOCOL (UEFI 2.10, 13.5).

use crate::status::{DIRECTORY, EXISTS, Result, check, code};
use baremap::custom::{Open, RawFile, UNSUPPORTED};
use core::ffi::CStr;
use core::ptr;
use uefi::{Status, boot};
use uefi_raw::protocol::file_system::{
    FileAttribute, FileInfo, FileMode, FileProtocolV1, SimpleFileSystemProtocol,
};

/// An open file. The crate's number for it is its address.
#[derive(Clone, Copy)]
pub struct File(*mut FileProtocolV1);

/// The firmware writes the name after the rest, whether it is wanted or not.
#[repr(C)]
struct NamedInfo {
    info: FileInfo,
    name: [u16; 256],
}

impl File {
    /// # Safety
    /// `into_raw` returned this, and the file is not closed.
    pub unsafe fn from_raw(raw: RawFile) -> Self {
        Self(ptr::with_exposed_provenance_mut(raw))
    }

    pub fn into_raw(self) -> RawFile {
        self.0.expose_provenance()
    }

    /// Opens a file by its path from the root of the volume, with slashes.
    pub fn open(path: &CStr, open: Open) -> Result<Self> {
        const WRITE: FileMode = FileMode::READ.union(FileMode::WRITE);
        const CREATE: FileMode = WRITE.union(FileMode::CREATE);
        let path = name_of(path)?;
        match open {
            Open::Read => open_mode(&path, FileMode::READ),
            Open::ReadWrite => open_mode(&path, WRITE),
            Open::OpenOrCreate => open_mode(&path, CREATE),
            Open::Create => {
                let file = open_mode(&path, CREATE)?;
                file.set_len(0).inspect_err(|_| file.close())?;
                Ok(file)
            }
            // The firmware has no such mode; but nothing else runs between the two calls.
            Open::CreateNew => match open_mode(&path, FileMode::READ) {
                Ok(existing) => {
                    existing.close();
                    Err(EXISTS)
                }
                Err(DIRECTORY) => Err(EXISTS),
                Err(_) => open_mode(&path, CREATE),
            },
            _ => Err(UNSUPPORTED),
        }
    }

    pub fn close(self) {
        // SAFETY: an open file, here and below. Closing always succeeds.
        let _ = unsafe { ((*self.0).close)(self.0) };
    }

    pub fn len(self) -> Result<u64> {
        Ok(self.info()?.info.file_size)
    }

    pub fn set_len(self, len: u64) -> Result {
        let mut info = self.info()?;
        info.info.file_size = len;
        // SAFETY: as above; the info is as long as it says.
        check(unsafe {
            ((*self.0).set_info)(self.0, &FileInfo::ID, info.info.size as usize, (&raw const info).cast())
        })
    }

    pub fn flush(self) -> Result {
        // SAFETY: as above.
        check(unsafe { ((*self.0).flush)(self.0) })
    }

    /// Reads at an offset, or where the last read without one ended.
    ///
    /// # Safety
    /// `len` bytes at `buffer` are writable.
    pub unsafe fn read(self, buffer: *mut u8, mut len: usize, offset: Option<u64>) -> Result<usize> {
        let position = self.position()?;
        let start = offset.unwrap_or(position);
        // The firmware's read fails past the end.
        if start >= self.len()? {
            return Ok(0);
        }
        self.seek(start)?;
        // SAFETY: as above, and the caller's promise.
        let result = check(unsafe { ((*self.0).read)(self.0, &mut len, buffer.cast()) });
        if offset.is_some() {
            self.seek(position)?;
        }
        result.map(|()| len)
    }

    pub fn write(self, bytes: &[u8], offset: u64) -> Result<usize> {
        let (position, mut len) = (self.position()?, bytes.len());
        self.seek(offset)?;
        // SAFETY: as above; `len` bytes are readable.
        let result = check(unsafe { ((*self.0).write)(self.0, &mut len, bytes.as_ptr().cast()) });
        self.seek(position)?;
        result.map(|()| len)
    }

    fn position(self) -> Result<u64> {
        let mut position = 0;
        // SAFETY: as above.
        check(unsafe { ((*self.0).get_position)(self.0, &mut position) })?;
        Ok(position)
    }

    fn seek(self, position: u64) -> Result {
        // SAFETY: as above.
        check(unsafe { ((*self.0).set_position)(self.0, position) })
    }

    fn info(self) -> Result<NamedInfo> {
        let mut len = size_of::<NamedInfo>();
        // SAFETY: integers, for which zeros are values.
        let mut info: NamedInfo = unsafe { core::mem::zeroed() };
        // SAFETY: as above; `len` bytes are writable.
        check(unsafe { ((*self.0).get_info)(self.0, &FileInfo::ID, &mut len, (&raw mut info).cast()) })?;
        Ok(info)
    }
}

/// The firmware's form of a path: UTF-16, with backslashes.
fn name_of(path: &CStr) -> Result<[u16; 512]> {
    let mut name = [0; 512];
    let path = path.to_str().map_err(|_| code(Status::INVALID_PARAMETER))?;
    // Of an empty path the firmware opens the root.
    if path.is_empty() {
        return Err(code(Status::NOT_FOUND));
    }
    if path.len() >= name.len() {
        return Err(code(Status::INVALID_PARAMETER));
    }
    for (to, from) in name.iter_mut().zip(path.encode_utf16()) {
        *to = if from == u16::from(b'/') { u16::from(b'\\') } else { from };
    }
    Ok(name)
}

fn open_mode(name: &[u16; 512], mode: FileMode) -> Result<File> {
    let mut volume =
        boot::get_image_file_system(boot::image_handle()).map_err(|error| code(error.status()))?;
    let volume: *mut SimpleFileSystemProtocol = (&raw mut *volume).cast();
    let (mut root, mut file) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the wrapper is `repr(transparent)`; and the name ends in a zero.
    unsafe {
        check(((*volume).open_volume)(volume, &mut root))?;
        let result = check(((*root).open)(root, &mut file, name.as_ptr(), mode, FileAttribute::empty()));
        File(root).close();
        result?;
    }
    let file = File(file);
    match file.info() {
        Ok(info) if !info.info.attribute.contains(FileAttribute::DIRECTORY) => Ok(file),
        result => {
            file.close();
            Err(result.err().unwrap_or(DIRECTORY))
        }
    }
}
