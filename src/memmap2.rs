//! Names of memmap2 for which the compiler finds no name of this crate by itself.
//!
//! A warning says what to write instead. Where the name exists here and is called otherwise, as `Mmap::map`, a comment in its
//! signature says how: the compiler quotes that line. `ci/first-minutes` holds the messages.

use crate::error::Refused;
use crate::mapping::access::Slice;
use crate::mapping::{Mapping, MappingMut, RawMapping};
use crate::mmap::Mmap;

#[doc(hidden)]
#[deprecated = "write `Mmap::new(&file)`, or `Mmap::anon(len)` for fresh memory; see `baremap::guide::coming_from`"]
pub type MmapOptions<'f> = Mmap<'f>;

#[doc(hidden)]
#[deprecated = "the type is `MappingMut`; `Mmap::new(&file).map_mut()` and `Mmap::anon(len).map_mut()` make one"]
pub type MmapMut = MappingMut;

#[doc(hidden)]
#[deprecated = "the type is `RawMapping`; `Mmap::new(&file).map_raw()` makes one"]
pub type MmapRaw = RawMapping;

impl Mapping {
    #[doc(hidden)]
    #[deprecated = "write `into_mut()`"]
    pub fn make_mut(self) -> Result<MappingMut, Refused<Self>> {
        self.into_mut()
    }
}

impl<A: Slice> Mapping<A> {
    #[doc(hidden)]
    #[deprecated = "write `into_exec()`"]
    pub fn make_exec(self) -> Result<Mapping, Refused<Mapping>> {
        self.into_exec()
    }
}
