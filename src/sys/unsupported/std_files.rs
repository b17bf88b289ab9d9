//! Where std has files, but no name for an open one that all of them share. What lends a file elsewhere lends nothing
//! here, so that a program compiles; it is a list of types, as there is no trait of std to ask.
//!
//! An owned file is std's own, in a box, whose address is the `RawFile`.

use super::RawFile;
pub(crate) use super::path::with_c_str;
use core::marker::PhantomData;
use core::ptr::with_exposed_provenance_mut;
use std::boxed::Box;
use std::fs::File;
use std::rc::Rc;
use std::sync::Arc;
use std::{io, net, process};

/// A type that lends its file on other systems.
pub trait AsFile {
    #[doc(hidden)]
    fn as_file(&self) -> BorrowedFile<'_> {
        BorrowedFile { raw: 0, owner: PhantomData }
    }
}

/// A file that a reference keeps open.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedFile<'f> {
    raw: RawFile,
    owner: PhantomData<&'f File>,
}

/// A file that is closed when this is dropped.
#[derive(Debug)]
pub struct OwnedFile(File);

macro_rules! lend {
    ($($type:ty)*) => {
        $(impl AsFile for $type {})*
    };
}

lend! {
    File io::Stdin io::StdinLock<'_> io::Stdout io::StdoutLock<'_> io::Stderr io::StderrLock<'_>
    process::ChildStdin process::ChildStdout process::ChildStderr net::TcpStream net::TcpListener net::UdpSocket OwnedFile
}

macro_rules! pass_on {
    ($($type:ty)*) => {
        $(
            impl<T: AsFile> AsFile for $type {
                fn as_file(&self) -> BorrowedFile<'_> {
                    (**self).as_file()
                }
            }
        )*
    };
}

pass_on! { &T &mut T Box<T> Rc<T> Arc<T> }

impl AsFile for BorrowedFile<'_> {
    fn as_file(&self) -> BorrowedFile<'_> {
        *self
    }
}

/// Implements [`AsFile`] for a type whose reference converts into a [`BorrowedFile`].
macro_rules! impl_as_file {
    ($type:ty) => {
        impl AsFile for $type {
            fn as_file(&self) -> BorrowedFile<'_> {
                self.into()
            }
        }
    };
}
pub(crate) use impl_as_file;

pub(crate) fn raw_file(file: &impl AsFile) -> RawFile {
    file.as_file().raw
}

/// # Safety
/// The file is open for `'a`.
pub(crate) unsafe fn borrow_file<'a>(file: RawFile) -> BorrowedFile<'a> {
    BorrowedFile { raw: file, owner: PhantomData }
}

/// # Safety
/// The file is open, and the caller gives it up.
pub(crate) unsafe fn into_owned_file(file: RawFile) -> OwnedFile {
    let file = with_exposed_provenance_mut::<File>(file as usize);
    // SAFETY: an open file that is owned comes from `from_owned_file` alone, and is given up once.
    OwnedFile(*unsafe { Box::from_raw(file) })
}

pub(crate) fn from_owned_file(file: OwnedFile) -> RawFile {
    Box::into_raw(Box::new(file.0)).expose_provenance() as RawFile
}

impl From<File> for OwnedFile {
    fn from(file: File) -> Self {
        Self(file)
    }
}

impl From<OwnedFile> for File {
    fn from(file: OwnedFile) -> Self {
        file.0
    }
}
