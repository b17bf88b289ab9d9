//! The map of the process.

use super::{Result, System};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::Prot;

/// A range of addresses that the process has mapped or reserved, with the same properties throughout.
///
/// [`regions`](crate::process::regions) and [`region_at`](crate::process::region_at) find them.
#[derive(Clone, Copy)]
pub struct Region<'a> {
    pub(crate) start: usize,
    /// One past the last address.
    pub(crate) end: usize,
    pub(crate) prot: Prot,
    pub(crate) is_shared: bool,
    pub(crate) offset: Option<u64>,
    pub(crate) name: &'a [u8],
}

pub(crate) trait Process: System {
    /// Calls `visit` with each region that ends after `from`, in the order of addresses, until it returns `false`. What
    /// other threads map or unmap meanwhile may be missing or not.
    #[allow(unused_variables, reason = "their names are part of the contract")]
    fn regions(from: usize, visit: impl FnMut(Region<'_>) -> bool) -> Result<()> {
        Err(Failure::refused(Call::Regions, ErrorKind::Unsupported))
    }
}

/// The permissions of a region, which may lack `READ`.
#[allow(dead_code, reason = "not every system has the map")]
pub(crate) fn prot(is_readable: bool, is_writable: bool, is_executable: bool) -> Prot {
    let mut prot = if is_readable { Prot::READ } else { Prot::empty() };
    if is_writable {
        prot |= Prot::WRITE - Prot::READ;
    }
    if is_executable {
        prot |= Prot::EXEC - Prot::READ;
    }
    prot
}
