//! Advice on the use of a mapping, ways to discard its contents, and its inheritance by forked processes.

/// A hint for [`Mapping::advise`](crate::Mapping::advise).
///
/// Advice changes speed, residency and core dumps, never contents. A system ignores advice that it does not support,
/// and [`is_supported`](Self::is_supported) reports whether it does. For advice without a name here, pass its number to
/// [`Mapping::advise_raw`](crate::Mapping::advise_raw).
///
/// **Platform notes**
/// - Linux: [`madvise`](https://man7.org/linux/man-pages/man2/madvise.2.html), for all but `ZeroWiredPages`.
/// - macOS: `madvise`, for the first four and `ZeroWiredPages`.
/// - BSD, illumos: `madvise`, for the first four.
/// - Windows: [`PrefetchVirtualMemory`][prefetch], for `WillNeed`.
/// - Kernels: `custom::Backend::advise`.
///
/// [prefetch]: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-prefetchvirtualmemory
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
    /// No special treatment (`MADV_NORMAL`).
    #[doc(alias = "MADV_NORMAL")]
    Normal,
    /// Expect access in random order; read little ahead (`MADV_RANDOM`).
    #[doc(alias = "MADV_RANDOM")]
    Random,
    /// Expect access from start to end; read far ahead (`MADV_SEQUENTIAL`).
    #[doc(alias = "MADV_SEQUENTIAL")]
    Sequential,
    /// Expect access soon; start to read ahead (`MADV_WILLNEED`).
    #[doc(alias = "MADV_WILLNEED")]
    WillNeed,
    /// Expect no access soon; reclaim these pages first (`MADV_COLD`, Linux 5.4).
    #[doc(alias = "MADV_COLD")]
    Cold,
    /// Expect no access soon; reclaim these pages now (`MADV_PAGEOUT`, Linux 5.4).
    #[doc(alias = "MADV_PAGEOUT")]
    PageOut,
    /// Use transparent huge pages (`MADV_HUGEPAGE`).
    #[doc(alias = "MADV_HUGEPAGE")]
    HugePage,
    /// Use no transparent huge pages (`MADV_NOHUGEPAGE`).
    #[doc(alias = "MADV_NOHUGEPAGE")]
    NoHugePage,
    /// Replace these pages with transparent huge pages now (`MADV_COLLAPSE`, Linux 6.1).
    ///
    /// The call takes the time to copy them. It fails with [`OutOfMemory`](crate::ErrorKind::OutOfMemory) if there is
    /// no free huge page, and with [`Busy`](crate::ErrorKind::Busy) if the pages are in use.
    #[doc(alias = "MADV_COLLAPSE")]
    Collapse,
    /// Share anonymous pages with the same contents, by KSM (`MADV_MERGEABLE`).
    ///
    /// A later write copies the page, and so takes longer. Another process can measure that, and guess the contents.
    #[doc(alias = "KSM")]
    #[doc(alias = "MADV_MERGEABLE")]
    Mergeable,
    /// Do not share pages, and copy those that are shared (`MADV_UNMERGEABLE`).
    #[doc(alias = "MADV_UNMERGEABLE")]
    Unmergeable,
    /// Leave the memory out of core dumps (`MADV_DONTDUMP`).
    #[doc(alias = "MADV_DONTDUMP")]
    DontDump,
    /// Include the memory in core dumps again (`MADV_DODUMP`).
    #[doc(alias = "MADV_DODUMP")]
    DoDump,
    /// Zero locked pages when they are unmapped (`MADV_ZERO_WIRED_PAGES`).
    #[doc(alias = "MADV_ZERO_WIRED_PAGES")]
    ZeroWiredPages,
}

/// A way to [discard](crate::Mapping::discard) contents.
///
/// On a system that cannot do it, the call fails with [`Unsupported`](crate::ErrorKind::Unsupported).
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
    /// Anonymous memory then reads as zeros, a copy-on-write mapping as the file, and a shared file as before.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_DONTNEED`. Anonymous huge pages are kept, and zeroed if they are writable.
    /// - macOS: anonymous memory is unlocked and replaced with fresh memory; a shared file gets `MADV_DONTNEED`.
    ///   Copy-on-write mappings and huge pages are unsupported.
    /// - BSD, illumos: writable anonymous memory is zeroed, and gets `MADV_FREE`; a shared file gets `MADV_DONTNEED`.
    ///   Other memory is unsupported.
    /// - Windows: anonymous memory is zeroed, then released by
    ///   [`VirtualAlloc`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc) with
    ///   `MEM_RESET` and by
    ///   [`VirtualUnlock`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualunlock). That
    ///   takes time for untouched pages too. To decommit and commit the memory again would be faster, but could lose
    ///   it: for a mapping in a [`Reservation`](crate::Reservation), use
    ///   [`into_reservation`](crate::Mapping::into_reservation) and [`map_in`](crate::Mmap::map_in) instead. Large
    ///   pages are zeroed if they are writable. Pages of a shared file leave the working set unless they are locked.
    ///   Copy-on-write mappings are unsupported.
    #[doc(alias = "MADV_DONTNEED")]
    DontNeed,
    /// Lets the system drop pages of anonymous memory when it needs them.
    ///
    /// Until a page is written again, it reads as before or as zeros, and may change from the first to the second
    /// between two reads.
    ///
    /// **Platform notes**
    /// - Unix: `MADV_FREE`. Before Linux 4.5 it fails with [`InvalidInput`](crate::ErrorKind::InvalidInput).
    /// - Windows: `MEM_RESET`.
    #[doc(alias = "MADV_FREE")]
    #[doc(alias = "MEM_RESET")]
    Free,
    /// Drops the pages and deallocates their part of the file, which then reads as zeros.
    ///
    /// Pages that are only partly mapped stay.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_REMOVE`, for a shared, writable mapping.
    /// - Other systems: unsupported.
    #[doc(alias = "MADV_REMOVE")]
    Remove,
    /// Lets the system drop pages of anonymous memory, and stops counting them as this process's.
    ///
    /// Use [`FreeReuse`](Self::FreeReuse) before the pages are used again.
    ///
    /// **Platform notes**
    /// - macOS: `MADV_FREE_REUSABLE`.
    /// - Other systems: unsupported.
    #[doc(alias = "MADV_FREE_REUSABLE")]
    FreeReusable,
    /// Counts the pages as this process's again, after [`FreeReusable`](Self::FreeReusable).
    ///
    /// **Platform notes**
    /// - macOS: `MADV_FREE_REUSE`.
    /// - Other systems: unsupported.
    #[doc(alias = "MADV_FREE_REUSE")]
    FreeReuse,
}

/// How a process made by `fork` inherits the memory.
///
/// # Examples
///
/// See [`Mapping::set_inheritance`](crate::Mapping::set_inheritance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Inheritance {
    /// As without this call: private memory is copied, and shared files stay shared.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_DOFORK`, then `MADV_KEEPONFORK`.
    /// - macOS: `VM_INHERIT_COPY`; for a shared mapping of a file `VM_INHERIT_SHARE`. BSD: the same, without `VM_`.
    /// - Windows: does nothing, as there is no `fork`.
    #[doc(alias = "MADV_DOFORK")]
    #[doc(alias = "MADV_KEEPONFORK")]
    Usual,
    /// The memory is not mapped: an access is a fault, until something else is mapped there.
    ///
    /// **Platform notes**
    /// - Linux: `MADV_DONTFORK`.
    /// - macOS: `VM_INHERIT_NONE`. BSD: `INHERIT_NONE`.
    /// - Windows: does nothing, as there is no `fork`.
    #[doc(alias = "MADV_DONTFORK")]
    #[doc(alias = "VM_INHERIT_NONE")]
    Omit,
    /// Anonymous memory reads as zeros.
    ///
    /// **Platform notes**
    /// - Linux 4.14: `MADV_WIPEONFORK`, for private anonymous memory.
    /// - FreeBSD, NetBSD, OpenBSD: `INHERIT_ZERO`, for private anonymous memory.
    /// - macOS, DragonFly: unsupported.
    /// - Windows: does nothing, as there is no `fork`.
    #[doc(alias = "MADV_WIPEONFORK")]
    Wipe,
    /// The memory is shared: each process sees what the other writes.
    ///
    /// **Platform notes**
    /// - macOS: `VM_INHERIT_SHARE`, for any memory. BSD: `INHERIT_SHARE`, likewise.
    /// - Linux: as [`Usual`](Self::Usual) for memory that is shared already; otherwise unsupported.
    /// - Windows: unsupported.
    #[doc(alias = "VM_INHERIT_SHARE")]
    Share,
}
