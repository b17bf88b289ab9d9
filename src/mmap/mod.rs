//! Requests to map: [`Mmap`] for a file, [`Anon`] for fresh memory.
//!
//! Every request is checked here, before any system call that could do half of it.

// In the order in which rustdoc shall list the methods.
mod of_file;

mod anon;
mod raw;
mod sealed;

mod grow;
mod hint;
pub(crate) mod huge;
mod request;

pub use anon::Anon;

use crate::file::FileRef;
use crate::options::{Flags, Prot};

/// A request to map a file, or a part of it.
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("baremap-{}-mmap", std::process::id()));
/// # std::fs::write(&path, "[package]").unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{File, Mmap};
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// // SAFETY: nobody changes the file while it is mapped.
/// let part = unsafe { Mmap::new(&file).offset(1).len(7).map()? };
/// assert_eq!(&part[..], b"package");
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "MmapOptions")]
#[doc(alias = "mmap")]
#[doc(alias = "MapViewOfFile")]
#[doc(alias = "CreateFileMapping")]
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mapped before `map`"]
pub struct Mmap<'f> {
    file: FileRef<'f>,
    offset: u64,
    len: Option<usize>,
    prot: Prot,
    flags: Flags,
    /// log2 of the size of huge pages, or 0.
    huge_log2: u8,
    hint: usize,
}
