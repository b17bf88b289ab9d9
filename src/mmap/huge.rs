//! Huge pages: requests for one size, and the sizes of this machine.

use super::request::NO_HUGE_PAGES;
use super::{Anon, Mmap};
use crate::sys::{Residency, Sys, contract};
use core::iter::FusedIterator;

/// log2 of 64 KiB and of 16 GiB, the smallest and the largest huge pages that any system has.
const SMALLEST: u8 = 16;
const LARGEST: u8 = 34;

impl Anon {
    /// Uses huge pages of `bytes` bytes, or fails; never falls back to other sizes.
    ///
    /// As [`Flags::HUGETLB`](crate::Flags::HUGETLB), which uses the default size. [`huge_page_sizes`] returns the
    /// sizes.
    ///
    /// **Platform notes**
    /// - Linux: `MAP_HUGETLB` with the size (`MAP_HUGE_2MB`, `MAP_HUGE_1GB`, …). Each size has its own pool, in
    ///   `/sys/kernel/mm/hugepages`.
    /// - macOS: 2 MiB, on x86_64.
    /// - BSD, illumos: unsupported.
    /// - Windows: the size that
    ///   [`GetLargePageMinimum`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-getlargepageminimum)
    ///   reports.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Flags, Mmap};
    /// match Mmap::anon(100).huge_page_size(2 << 20).map() {
    ///     Ok(map) => assert_eq!(map.as_ptr().addr() % (2 << 20), 0),
    ///     // There is no such size, or the pool is empty.
    ///     Err(error) => assert_eq!(error.flag(), Some(Flags::HUGETLB)),
    /// }
    /// ```
    #[doc(alias = "with_page_size")]
    #[doc(alias = "MAP_HUGE_SHIFT")]
    #[doc(alias = "MAP_HUGE_2MB")]
    #[doc(alias = "MAP_HUGE_1GB")]
    #[inline]
    pub fn huge_page_size(mut self, bytes: usize) -> Self {
        self.huge_log2 = log2(bytes);
        self
    }
}

impl Mmap<'_> {
    /// Requires that the file has huge pages of `bytes` bytes.
    ///
    /// As [`Flags::HUGETLB`](crate::Flags::HUGETLB), which accepts any size. On Linux a file system of huge pages has
    /// one size, chosen when it is mounted. Other systems have no such files.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-huge", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{ErrorKind, File, Flags, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let error = Mmap::new(&file).huge_page_size(2 << 20).map_raw().unwrap_err();
    /// assert_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(Flags::HUGETLB)));
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub fn huge_page_size(mut self, bytes: usize) -> Self {
        self.huge_log2 = log2(bytes);
        self
    }
}

#[inline]
const fn log2(bytes: usize) -> u8 {
    let log2 = contract::log2(bytes);
    if bytes.is_power_of_two() && SMALLEST <= log2 && log2 <= LARGEST { log2 } else { NO_HUGE_PAGES }
}

/// Returns the sizes of this machine's huge pages in bytes, from small to large.
///
/// A listed size may still be unavailable: on Linux its pool may be empty, and on Windows the process may lack the
/// privilege.
///
/// **Platform notes**
/// - Linux: the folders of [`/sys/kernel/mm/hugepages`](https://docs.kernel.org/admin-guide/mm/hugetlbpage.html). Where
///   `/sys` is not mounted, it finds none.
/// - macOS: 2 MiB on x86_64; none on aarch64.
/// - Windows:
///   [`GetLargePageMinimum`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-getlargepageminimum).
/// - Other systems: none.
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
