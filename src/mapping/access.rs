//! The parameter of a [`Mapping`](crate::Mapping): how it lends its memory.
//!
//! # Examples
//!
//! A function for mappings that lend a slice, mutable or not:
//!
//! ```
//! use baremap::{Mapping, Mmap, access::Slice};
//!
//! fn sum<A: Slice>(map: &Mapping<A>) -> u64 {
//!     map.iter().map(|&byte| u64::from(byte)).sum()
//! }
//!
//! assert_eq!(sum(&Mmap::anon(100).map()?), 0);
//! # Ok::<_, baremap::Error>(())
//! ```

use crate::options::Prot;

/// A slice: [`Mapping`](crate::Mapping).
#[derive(Debug)]
pub enum Read {}

/// A mutable slice: [`MappingMut`](crate::MappingMut).
#[derive(Debug)]
pub enum Write {}

/// Pointers only: [`RawMapping`](crate::RawMapping).
#[derive(Debug)]
pub enum Raw {}

/// Any of [`Read`], [`Write`] and [`Raw`].
pub trait Access: private::Sealed {
    /// The permissions that the type relies on.
    const PROT: Prot;
}

impl Access for Read {
    const PROT: Prot = Prot::READ;
}

impl Access for Write {
    const PROT: Prot = Prot::WRITE;
}

impl Access for Raw {
    const PROT: Prot = Prot::NONE;
}

/// Access that lends a slice: [`Read`] and [`Write`].
pub trait Slice: Access {}

impl Slice for Read {}
impl Slice for Write {}

impl private::Sealed for Read {}
impl private::Sealed for Write {}
impl private::Sealed for Raw {}

mod private {
    pub trait Sealed {}
}
