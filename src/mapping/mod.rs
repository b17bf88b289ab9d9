//! An owned mapping: its address, its length, and what the backend needs to flush, protect and unmap it.
//!
//! One struct with one implementation. Its parameter decides how it lends the memory: as a slice, as a mutable slice,
//! or as pointers only. `pages.rs` works on pages (flush, lock, advise, discard), and `residency.rs` has the rare
//! operations on them. `protection.rs` changes the permissions, and with them the parameter. `parts.rs` divides and
//! joins mappings, `instructions.rs` is for code, `name.rs` for names.

// In the order in which rustdoc shall list the methods.
mod memory;

pub mod access;
mod protection;

mod pages;
pub(crate) mod residency;

mod instructions;
mod name;
mod parts;

use crate::sys::Backing;
use access::{Access, Raw, Read, Slice, Write};
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// Mapped memory, unmapped when it is dropped.
///
/// A `Mapping` dereferences to `[u8]`, and a [`MappingMut`] also mutably. A [`RawMapping`] lends only pointers. Each is
/// three words long, on 32-bit Windows four. The mapping of an empty file is empty: it holds no memory, and every
/// operation on it succeeds and does nothing.
///
/// # Examples
///
/// ```
/// use baremap::{Mapping, MappingMut, Mmap};
/// let mut buffer: MappingMut = Mmap::anon(100).map_mut()?;
/// buffer[99] = 7;
/// let buffer: Mapping = buffer.into_read_only()?;
/// assert_eq!(buffer.last(), Some(&7));
/// # Ok::<_, baremap::Error>(())
/// ```
#[must_use = "it is unmapped when it is dropped"]
pub struct Mapping<A = Read> {
    ptr: NonNull<u8>,
    len: usize,
    backing: Backing,
    access: PhantomData<A>,
}

/// Mapped memory that can be written: a mutable slice of bytes.
///
/// # Examples
///
/// ```
/// let mut map: baremap::MappingMut = baremap::Mmap::anon(1).map_mut()?;
/// map[0] = 1;
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "MmapMut")]
pub type MappingMut = Mapping<Write>;

/// Mapped memory that other processes may change at any time: pointers only.
///
/// It is safe to make, and each access through its pointers is `unsafe`: another process may write to the memory at the
/// same time, and access past the end of a truncated file raises a signal. The guide's page on
/// [sharing](crate::guide::sharing) has the rules for memory that several processes use.
#[doc(alias = "MmapRaw")]
pub type RawMapping = Mapping<Raw>;

const _: () = assert!(size_of::<Mapping>() <= 24, "a mapping is three words");

// SAFETY: a mapping owns its memory as a boxed slice does, and any thread may unmap it.
unsafe impl<A> Send for Mapping<A> {}
// SAFETY: through a shared reference the bytes can only be read, and the system's calls are safe in any thread.
unsafe impl<A> Sync for Mapping<A> {}

/// Unmaps the memory.
///
/// If the system refuses, the memory stays mapped; only [`Mapping::unmap`] reports that.
impl<A> Drop for Mapping<A> {
    #[inline]
    fn drop(&mut self) {
        let _ = self.unmap_once();
    }
}

/// An empty mapping.
impl<A: Access> Default for Mapping<A> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<A: Slice> Deref for Mapping<A> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

impl DerefMut for MappingMut {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes_mut()
    }
}

impl<A: Slice> AsRef<[u8]> for Mapping<A> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl AsMut<[u8]> for MappingMut {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes_mut()
    }
}

/// Shows the address, the length and the permissions, not the contents.
impl<A> fmt::Debug for Mapping<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("ptr", &self.ptr)
            .field("len", &self.len)
            .field("prot", &self.prot())
            .finish()
    }
}
