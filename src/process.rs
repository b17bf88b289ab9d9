//! The map of the process: what lies where.
//!
//! # Examples
//!
//! Prints it:
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

/// Calls `visit` for each region of the process that has an address in `range`, in ascending order.
///
/// A region is what the system counts as one: adjacent mappings that do not differ may be a single region, and a mapping of
/// which a part was protected is more than one. Free addresses belong to none. If `visit` returns
/// [`Break`](ControlFlow::Break), its value is returned, and no further region is visited.
///
/// It allocates nothing, but may use 8 KiB of the stack. What is mapped or unmapped meanwhile, by `visit` or by another
/// thread, may be visited or not, and a region may be described as it was before. No address is visited twice.
///
/// **Platform notes**
/// - Linux: the file
///   [`/proc/self/maps`](https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html), by an `ioctl` with `PROCMAP_QUERY` as of
///   Linux 6.11. Before that it is read from its start, whatever the range is.
/// - macOS, Mac Catalyst: `vm_region_recurse_64`, and `proc_regionfilename` for the name.
/// - iOS, tvOS, watchOS, visionOS: `vm_region_recurse_64`. Names and offsets are left out, as no public function has them.
/// - Windows:
///   [`VirtualQuery`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualquery), and
///   `K32GetMappedFileNameW` for the name. The names are written to memory of `VirtualAlloc`, which is itself a region.
/// - Kernels: unsupported.
///
/// # Errors
/// - [`NotFound`](crate::ErrorKind::NotFound): on Linux, /proc is not mounted.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no such map.
/// - What else the system reports.
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

/// Calls `found` for the region that contains an address, and returns its value; `None` if nothing is there.
///
/// **Platform notes**: as [`regions`].
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

    /// Returns the permissions; none for addresses that are only reserved.
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

    /// Returns whether what is written here is seen by all who map the same, and not private to this process.
    ///
    /// **Platform notes**
    /// - Linux: `MAP_SHARED`.
    /// - macOS: whether children of `fork` share it, which is so of what `mmap` maps with `MAP_SHARED`.
    /// - Windows: whether it is a view of a section, and neither of a program's image nor copied on write.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the offset of the first byte in the file that is mapped; `None` if no file is, or the offset is not known.
    ///
    /// **Platform notes**
    /// - Windows: not known.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Returns the path of the file that is mapped, or what else the system calls the region; empty if it has no name, or the
    /// system fails to find it.
    ///
    /// The path is where the file was last known to be. It is text for people: a file may have been replaced by another
    /// since it was mapped.
    ///
    /// **Platform notes**
    /// - Linux: any bytes but 0. ` (deleted)` follows the path of a file that was removed. Other names are in brackets, such as
    ///   `[heap]` and `[stack]`, or `[anon:NAME]` for a mapping with a [name](crate::Mapping::set_name). A name of more
    ///   than 4095 bytes is left out. Before Linux 6.11 `\012` in a name cannot be told from a newline.
    /// - macOS: UTF-8; empty for what lies in the cache of shared libraries.
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
