//! What a mapping is used for next, and how its contents are destroyed.

/// A hint for [`Mapping::advise`](crate::Mapping::advise).
///
/// Advice changes speed and residency, never contents. A system ignores advice that it does not support: macOS
/// supports the first four, by `madvise`; Windows supports `WillNeed`, by `PrefetchVirtualMemory`.
///
/// # Examples
///
/// ```
/// use baremap::{Advice, Mmap};
/// Mmap::anon(1 << 21).map()?.advise(Advice::HugePage)?;
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "madvise")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// No special treatment. Linux: `MADV_NORMAL`.
    Normal,
    /// Expect access in random order; read little ahead. Linux: `MADV_RANDOM`.
    Random,
    /// Expect access from start to end; read far ahead. Linux: `MADV_SEQUENTIAL`.
    Sequential,
    /// Expect access soon; start to read ahead. Linux: `MADV_WILLNEED`.
    WillNeed,
    /// Expect no access soon; reclaim these pages first. Linux 5.4: `MADV_COLD`.
    Cold,
    /// Expect no access soon; reclaim these pages now. Linux 5.4: `MADV_PAGEOUT`.
    PageOut,
    /// Use transparent huge pages. Linux: `MADV_HUGEPAGE`.
    HugePage,
    /// Use no transparent huge pages. Linux: `MADV_NOHUGEPAGE`.
    NoHugePage,
}

/// How [`Mapping::discard`](crate::Mapping::discard) destroys contents.
///
/// Where a discard has a meaning that the system cannot give it, it fails with
/// [`Unsupported`](crate::ErrorKind::Unsupported).
///
/// # Examples
///
/// ```
/// use baremap::{Discard, Mmap};
/// let mut map = Mmap::anon(1 << 16).map_mut()?;
/// map.fill(1);
/// // SAFETY: nothing relies on the contents.
/// unsafe { map.discard(Discard::DontNeed)? };
/// assert_eq!(map[0], 0);
/// # Ok::<_, baremap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Drops the pages now.
    ///
    /// Anonymous memory then reads as zeros, a copy on write as the file, and a shared file as before.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_DONTNEED`. Anonymous huge pages are kept, and zeroed if they are writable.
    /// - macOS: anonymous memory is unlocked and replaced with fresh memory; a shared file gets `MADV_DONTNEED`. A copy on
    ///   write and huge pages are unsupported.
    /// - Windows: anonymous memory is zeroed, then given back by `VirtualAlloc` with `MEM_RESET` and by `VirtualUnlock`,
    ///   which takes time for untouched pages too; to decommit and commit it again would be faster, but could
    ///   lose it. Large pages are zeroed if they are writable. Pages of a shared file leave the working set unless they
    ///   are locked. A copy on write is unsupported. A mapping in a [`Reservation`](crate::Reservation) is renewed at
    ///   once by [`into_reservation`](crate::Mapping::into_reservation) and [`map_in`](crate::Mmap::map_in).
    #[doc(alias = "MADV_DONTNEED")]
    DontNeed,
    /// Lets the system drop pages of anonymous memory when it needs them.
    ///
    /// Until a page is written again it reads as before or as zeros, and may change from one to the other between two
    /// reads.
    ///
    /// **Platform notes**
    /// - Linux, macOS: `MADV_FREE`.
    /// - Windows: `MEM_RESET`.
    #[doc(alias = "MADV_FREE")]
    #[doc(alias = "MEM_RESET")]
    Free,
    /// Drops the pages and deallocates their part of the file, which reads as zeros from then on.
    ///
    /// Pages that are mapped in part stay.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_REMOVE`, for a shared, writable mapping.
    /// - macOS, Windows: unsupported.
    #[doc(alias = "MADV_REMOVE")]
    Remove,
}
