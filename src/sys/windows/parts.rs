//! Dividing, joining and resizing.

use super::Windows;
use super::memory::{Backing, Kind};
use crate::options::Flags;
use crate::sys::Parts;

impl Parts for Windows {
    fn is_alike(backing: &Backing, is_of_file: bool, flags: Flags) -> bool {
        let kind = match is_of_file {
            false if flags.contains(Flags::HUGETLB) => Kind::LargePages,
            false => Kind::Anon,
            true if flags.contains(Flags::COW) => Kind::Copy,
            true => Kind::Shared,
        };
        backing.kind == kind
    }
}
