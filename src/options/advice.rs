//! What a mapping is used for next, how its contents are destroyed, and what a forked process finds of it.

/// A hint for [`Mapping::advise`](crate::Mapping::advise).
///
/// Advice changes speed, residency and core dumps, never contents. A system ignores advice that it does not support;
/// [`is_supported`](Self::is_supported) tells. macOS supports the first four and `ZeroWiredPages`, by `madvise`; Windows
/// supports `WillNeed`, by `PrefetchVirtualMemory`. Advice that has no name here can be given by its number:
/// [`Mapping::advise_raw`](crate::Mapping::advise_raw).
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
    /// Make transparent huge pages of these pages now. Linux 6.1: `MADV_COLLAPSE`.
    ///
    /// It takes the time to copy them, and fails if there is no free huge page or if the pages are in use:
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory), [`Busy`](crate::ErrorKind::Busy).
    Collapse,
    /// Share pages of anonymous memory with others of the same contents (KSM). Linux: `MADV_MERGEABLE`.
    ///
    /// A later write copies the page, and takes longer for it. Others can measure that, and so guess the contents.
    #[doc(alias = "KSM")]
    Mergeable,
    /// Do not share pages, and copy those that are shared. Linux: `MADV_UNMERGEABLE`.
    Unmergeable,
    /// Leave the memory out of core dumps. Linux: `MADV_DONTDUMP`.
    DontDump,
    /// Include the memory in core dumps again. Linux: `MADV_DODUMP`.
    DoDump,
    /// Zero locked pages when they are unmapped. macOS: `MADV_ZERO_WIRED_PAGES`.
    ZeroWiredPages,
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
    /// - FreeBSD, NetBSD, OpenBSD, DragonFly, illumos: writable anonymous memory is zeroed, and gets `MADV_FREE`; a shared
    ///   file gets `MADV_DONTNEED`. Other memory is unsupported.
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
    /// Lets the system drop pages of anonymous memory, and counts them no longer as this process's.
    ///
    /// [`FreeReuse`](Self::FreeReuse) comes before the pages are used again.
    ///
    /// **Platform notes**
    /// - macOS: `MADV_FREE_REUSABLE`.
    /// - Linux, Windows: unsupported.
    #[doc(alias = "MADV_FREE_REUSABLE")]
    FreeReusable,
    /// Counts pages as this process's again, after [`FreeReusable`](Self::FreeReusable).
    ///
    /// **Platform notes**
    /// - macOS: `MADV_FREE_REUSE`.
    /// - Linux, Windows: unsupported.
    #[doc(alias = "MADV_FREE_REUSE")]
    FreeReuse,
}

/// What a process made by `fork` finds where the memory is: for
/// [`Mapping::set_inheritance`](crate::Mapping::set_inheritance).
///
/// # Examples
///
/// See [`Mapping::set_inheritance`](crate::Mapping::set_inheritance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Inheritance {
    /// The same as without this call: a copy of private memory, and shared files themselves.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_DOFORK`, then `MADV_KEEPONFORK`.
    /// - macOS: `VM_INHERIT_COPY`; for a shared mapping of a file `VM_INHERIT_SHARE`.
    /// - Windows: does nothing, as there is no `fork`.
    #[doc(alias = "MADV_DOFORK")]
    #[doc(alias = "MADV_KEEPONFORK")]
    Usual,
    /// Nothing: an access is a fault, until something else is mapped there.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_DONTFORK`.
    /// - macOS: `VM_INHERIT_NONE`.
    /// - Windows: does nothing, as there is no `fork`.
    #[doc(alias = "MADV_DONTFORK")]
    #[doc(alias = "VM_INHERIT_NONE")]
    Omit,
    /// Zeros, in place of the contents of anonymous memory.
    ///
    /// **Platform notes**
    /// - Linux 4.14: `MADV_WIPEONFORK`, for private anonymous memory.
    /// - macOS: unsupported.
    /// - Windows: does nothing, as there is no `fork`.
    #[doc(alias = "MADV_WIPEONFORK")]
    Wipe,
    /// The memory itself: what either process writes is seen by both.
    ///
    /// **Platform notes**
    /// - macOS: `VM_INHERIT_SHARE`, for any memory.
    /// - Linux, Windows: unsupported, except on Linux for what is shared anyway.
    #[doc(alias = "VM_INHERIT_SHARE")]
    Share,
}
