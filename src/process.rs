//! The map of the process: its mapped address ranges.
//!
//! # Examples
//!
//! Prints the map:
//!
//! ```
//! use baremap::process;
//! use core::ops::ControlFlow;
//! # let result = process::regions(.., |_| ControlFlow::Break(()));
//! # if result.is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
//! process::regions(.., |region| {
//!     println!("{region:?}");
//!     ControlFlow::<()>::Continue(())
//! })?;
//! # Ok::<_, baremap::Error>(())
//! ```

use crate::error::Error;
use crate::options::Prot;
use crate::sys::Sys;
use crate::sys::contract::process::Process;
pub use crate::sys::contract::process::Region;
use core::fmt;
use core::ops::{Bound, ControlFlow, Range, RangeBounds};

/// Calls `visit` for each region of the process in a range of addresses, in order.
///
/// A region is an entry of the system's own map. Adjacent mappings with the same properties may be one region, and a
/// mapping with a protected part is several. Free addresses belong to no region. If `visit` returns
/// [`Break`](ControlFlow::Break), its value is returned, and no further region is visited.
///
/// It allocates nothing, but may use 8 KiB of the stack. If memory is mapped or unmapped during the call, by `visit` or
/// by another thread, it may be visited or not, or with its previous properties. No address is visited twice.
///
/// **Platform notes**
/// - Linux: the file [`/proc/self/maps`](https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html), queried by an
///   [`ioctl`](https://man7.org/linux/man-pages/man2/ioctl.2.html) with `PROCMAP_QUERY` as of Linux 6.11. Before, it is
///   read from its start, whatever the range is.
/// - macOS, Mac Catalyst: `vm_region_recurse_64`, and `proc_regionfilename` for the name.
/// - iOS, tvOS, watchOS, visionOS: `vm_region_recurse_64`. There are no names and offsets, as no public function
///   returns them.
/// - Windows: [`VirtualQuery`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualquery), and
///   [`K32GetMappedFileNameW`](https://learn.microsoft.com/windows/win32/api/psapi/nf-psapi-getmappedfilenamew) for the
///   name. The names are written to memory from
///   [`VirtualAlloc`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc), which is
///   itself a region.
/// - BSD, illumos: unsupported.
/// - Kernels: unsupported.
///
/// # Errors
/// - [`NotFound`](crate::ErrorKind::NotFound): on Linux, /proc is not mounted.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no such map.
/// - Other errors of the system.
///
/// # Examples
///
/// How many bytes are mapped below 4 GiB:
///
/// ```
/// use baremap::{ErrorKind, process};
/// use core::ops::ControlFlow;
/// let mut len = 0;
/// let result = process::regions(..1 << 32, |region| {
///     len += region.len();
///     ControlFlow::<()>::Continue(())
/// });
/// # let _ = len;
/// # if result.is_err_and(|error| error.kind() == ErrorKind::Unsupported) { return Ok(()) }
/// # result?;
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "query_range")]
#[doc(alias = "/proc/self/maps")]
#[doc(alias = "PROCMAP_QUERY")]
#[doc(alias = "mach_vm_region")]
#[doc(alias = "VirtualQuery")]
pub fn regions<B>(
    range: impl RangeBounds<usize>,
    mut visit: impl FnMut(Region<'_>) -> ControlFlow<B>,
) -> Result<Option<B>, Error> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    // Nothing is mapped at the very last address.
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => usize::MAX,
    };
    let (mut value, mut visited) = (None, 0_usize);
    if start < end {
        Sys::regions(start, |mut region| {
            if region.start >= end {
                return false;
            }
            // It may have grown meanwhile, and begin in what was visited.
            let before = visited.saturating_sub(region.start);
            if before >= region.len() {
                return true;
            }
            region.start += before;
            region.offset = region.offset.map(|offset| offset + before as u64);
            visited = region.end;
            match visit(region) {
                ControlFlow::Continue(()) => true,
                ControlFlow::Break(found) => {
                    value = Some(found);
                    false
                }
            }
        })?;
    }
    Ok(value)
}

/// Calls `found` with the region that contains an address, and returns its result.
///
/// It returns `None` if the address is free.
///
/// **Platform notes**
/// As [`regions`].
///
/// # Errors
/// As `regions`.
///
/// # Examples
///
/// ```
/// use baremap::{ErrorKind, Mmap, Prot, process};
/// let map = Mmap::anon(1).map()?;
/// let prot = match process::region_at(map.as_ptr().addr(), |region| region.prot()) {
///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
///     prot => prot?,
/// };
/// assert_eq!(prot, Some(Prot::READ));
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "query")]
pub fn region_at<T>(address: usize, found: impl FnOnce(Region<'_>) -> T) -> Result<Option<T>, Error> {
    let mut found = Some(found);
    regions(address..=address, |region| match found.take() {
        Some(found) => ControlFlow::Break(found(region)),
        None => ControlFlow::Continue(()),
    })
}

impl<'a> Region<'a> {
    /// Returns the addresses.
    ///
    /// # Examples
    ///
    /// See [`region_at`].
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Returns the length in bytes.
    ///
    /// # Examples
    ///
    /// See [`regions`].
    #[allow(clippy::len_without_is_empty, reason = "no region is empty")]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Returns the permissions, none for addresses that are only reserved.
    ///
    /// Memory that can be executed but not read, or written but not read, has `Prot::EXEC - Prot::READ` or
    /// `Prot::WRITE - Prot::READ`.
    ///
    /// **Platform notes**
    /// - Windows: a guard page (`PAGE_GUARD`) has no permissions, as the first access to it raises an exception.
    ///
    /// # Examples
    ///
    /// See [`region_at`].
    pub fn prot(&self) -> Prot {
        self.prot
    }

    /// Returns whether every process that maps the same memory sees writes to it.
    ///
    /// **Platform notes**
    /// - Linux: `MAP_SHARED`.
    /// - macOS: children of `fork` share it, as with `MAP_SHARED`.
    /// - Windows: a view of a section, but not of a program's image, and not copy-on-write.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the offset of the first byte in the mapped file, if known.
    ///
    /// **Platform notes**
    /// - Windows, iOS, tvOS, watchOS, visionOS: never known.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Returns the path of the mapped file, or another name that the system has for the region.
    ///
    /// It is empty if the region has no name, or the system fails to find it. The path is that under which the system
    /// last knew the file. It is text for people: another file may have replaced the mapped one since.
    ///
    /// **Platform notes**
    /// - Linux: any bytes but 0. ` (deleted)` follows the path of a removed file. Other names are in brackets, such as
    ///   `[heap]` and `[stack]`, or `[anon:NAME]` for a mapping with a [name](crate::Mapping::set_name). A name of more
    ///   than 4095 bytes is omitted. Before Linux 6.11, `\012` in a name may stand for a newline.
    /// - macOS: UTF-8; empty for regions in the cache of shared libraries.
    /// - Windows: UTF-8, beginning with the name of the device, such as `\Device\HarddiskVolume1\`.
    pub fn name(&self) -> &'a [u8] {
        self.name
    }
}

impl fmt::Debug for Region<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("range", &format_args!("{:#x}..{:#x}", self.start, self.end))
            .field("prot", &self.prot)
            .field("is_shared", &self.is_shared)
            .field("offset", &self.offset)
            .field("name", &format_args!("\"{}\"", self.name.escape_ascii()))
            .finish()
    }
}
