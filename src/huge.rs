//! The sizes of huge pages, and which of them this machine has.

use crate::options::Flags;
use crate::sys::{Residency, Sys};
use core::iter::FusedIterator;

/// log2 of 64 KiB and of 16 GiB, the smallest and the largest huge pages that any system has.
const SMALLEST: u8 = 16;
const LARGEST: u8 = 34;

/// For what is no size of huge pages.
pub(crate) const NO_SIZE: u8 = 1;

#[inline]
pub(crate) const fn log2(bytes: usize) -> u8 {
    let log2 = bytes.trailing_zeros() as u8;
    if bytes.is_power_of_two() && SMALLEST <= log2 && log2 <= LARGEST { log2 } else { NO_SIZE }
}

/// The flags of a request and its size: a size implies `HUGETLB`, in whatever order they were set.
#[inline(always)]
pub(crate) fn flags(flags: Flags, huge_log2: u8) -> (Flags, u8) {
    (if huge_log2 == 0 { flags } else { flags | Flags::HUGETLB }, huge_log2)
}

/// Returns the sizes of huge pages that this machine has, in bytes, from small to large.
///
/// A size that is there can still lack pages: on Linux its pool may be empty, on Windows the process may lack the privilege.
///
/// **Platform notes**
/// - Linux: the folders of [`/sys/kernel/mm/hugepages`](https://docs.kernel.org/admin-guide/mm/hugetlbpage.html). Where `/sys`
///   is not mounted, none are found.
/// - macOS: 2 MiB on x86_64; none on aarch64.
/// - Windows:
///   [`GetLargePageMinimum`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-getlargepageminimum).
/// - Kernels: none.
///
/// # Examples
///
/// ```
/// use baremap::Mmap;
/// // The largest pages that there are enough of.
/// let mut map = Mmap::anon(100).map_mut()?;
/// for size in baremap::huge_page_sizes() {
///     assert!(size.is_power_of_two());
///     if let Ok(larger) = Mmap::anon(100).huge_page_size(size).map_mut() {
///         map = larger;
///     }
/// }
/// map.fill(1);
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "GetLargePageMinimum")]
#[doc(alias = "gethugepagesizes")]
#[doc(alias = "page_sizes")]
pub fn huge_page_sizes() -> HugePageSizes {
    HugePageSizes { next_log2: SMALLEST }
}

/// The sizes of huge pages, in bytes: see [`huge_page_sizes`].
#[derive(Clone, Debug)]
#[must_use = "the system is asked for each size in turn"]
pub struct HugePageSizes {
    next_log2: u8,
}

impl Iterator for HugePageSizes {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.next_log2 <= LARGEST && u32::from(self.next_log2) < usize::BITS {
            let log2 = self.next_log2;
            self.next_log2 += 1;
            if Sys::has_huge_pages(log2) {
                return Some(1 << log2);
            }
        }
        None
    }
}

impl FusedIterator for HugePageSizes {}
