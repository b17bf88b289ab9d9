//! How a mapping is made.

bits! {
    /// How a mapping is made.
    ///
    /// A flag that the system cannot honour makes the request fail with
    /// [`Unsupported`](crate::ErrorKind::Unsupported), and [`Error::flag`](crate::Error::flag) names it.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Flags, Mmap};
    /// let flags = Flags::POPULATE | Flags::LOCKED;
    /// match Mmap::anon(1 << 16).flags(flags).map() {
    ///     Ok(map) => assert_eq!(map.len(), 1 << 16),
    ///     Err(error) if error.flag() == Some(Flags::LOCKED) => eprintln!("too much to lock: {error}"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[derive(Default)]
    Flags: u16 {
        /// Makes a private copy on write of a file.
        ///
        /// Changes stay in this mapping and never reach the file; the file need only be open for reading. Anonymous
        /// memory is private already.
        ///
        /// **Platform notes**
        /// - Linux, macOS: `MAP_PRIVATE`.
        /// - Windows: `FILE_MAP_COPY`. The whole length counts against the commit limit.
        #[doc(alias = "MAP_PRIVATE")]
        COW = 1;
        /// Uses huge pages, or fails; never falls back to small ones.
        ///
        /// The mapping occupies whole huge pages, though [`Mapping::len`](crate::Mapping::len) is the length that was
        /// requested. Every page is resident when the mapping is returned, because one that was missing later
        /// would raise a signal. [`Anon::huge_page_size`](crate::Anon::huge_page_size) chooses another size. For transparent
        /// huge pages, which are a hint, see [`Advice::HugePage`](crate::Advice::HugePage).
        ///
        /// **Platform notes**
        /// - Linux: `MAP_HUGETLB` and `MAP_POPULATE`, then `mincore`. Anonymous memory gets pages one page-table level
        ///   above the smallest (on most processors 2 MiB where pages have 4 KiB) from the pool that
        ///   `/proc/sys/vm/nr_hugepages` sets. Files must be on hugetlbfs.
        /// - macOS: superpages of 2 MiB for anonymous memory, on x86_64.
        /// - Windows: `MEM_LARGE_PAGES` for anonymous memory, which is then resident for good. The process must have
        ///   enabled `SeLockMemoryPrivilege`.
        #[doc(alias = "MAP_HUGETLB")]
        #[doc(alias = "MEM_LARGE_PAGES")]
        HUGETLB = 2;
        /// Starts to read the file's pages ahead, and does not wait for them.
        ///
        /// A hint: if it fails, the mapping is made all the same. It does nothing for anonymous memory.
        ///
        /// **Platform notes**
        /// - Linux, macOS: `madvise(MADV_WILLNEED)` after `mmap`.
        /// - Windows: `PrefetchVirtualMemory`.
        #[doc(alias = "MADV_WILLNEED")]
        READAHEAD = 4;
        /// Makes every page resident before the mapping is returned, as far as memory allows.
        ///
        /// For a cached file that is read once from end to end this is slower than faulting.
        /// [`Mapping::populate_read`](crate::Mapping::populate_read) does it later, and reports failures.
        ///
        /// **Platform notes**
        /// - Linux: `MAP_POPULATE`.
        /// - macOS: `mlock`, then `munlock`.
        /// - FreeBSD, NetBSD, OpenBSD, DragonFly, illumos: `madvise(MADV_WILLNEED)`, which is a hint.
        /// - Windows: `PrefetchVirtualMemory`, then `ReadProcessMemory` of one byte of each page.
        #[doc(alias = "MAP_POPULATE")]
        POPULATE = 8;
        /// Reserves no swap space for pages that may be written later.
        ///
        /// **Platform notes**
        /// - Linux: `MAP_NORESERVE`. Not together with [`HUGETLB`](Self::HUGETLB), as memory from an exhausted pool
        ///   would raise a signal.
        /// - macOS: `MAP_NORESERVE`. The system reserves none in any case.
        /// - NetBSD, DragonFly, illumos: `MAP_NORESERVE`. FreeBSD and OpenBSD have no such flag, and it does nothing.
        /// - Windows: unsupported, except for shared mappings of files, which need none.
        #[doc(alias = "MAP_NORESERVE")]
        NORESERVE = 16;
        /// Makes every page resident and locks it, as [`Mapping::lock`](crate::Mapping::lock) does.
        ///
        /// **Platform notes**
        /// - Linux, macOS: `mlock` after `mmap`, because Linux's `MAP_LOCKED` hides a failure.
        /// - Windows: `VirtualLock`.
        #[doc(alias = "MAP_LOCKED")]
        LOCKED = 32;
        /// Lets a mapping of a file reach past the file's end.
        ///
        /// The request names a length, which the file need not have. What lies past the end cannot be accessed: it raises
        /// SIGBUS, as for a file that was truncated. Once the file has grown, it can, at the same addresses; no call is
        /// needed. So a database that grows maps its file once. The rest of the file's last page reads as zeros.
        ///
        /// Map such a file by [`map_raw`](crate::Mmap::map_raw), and access what the file has by pointers. A slice covers
        /// all of the mapping, so the caller of [`map`](crate::Mmap::map) promises to read or write nothing past the end.
        /// A [`View`](crate::View) fails with [`Truncated`](crate::ErrorKind::Truncated) past the end, until the file has
        /// grown.
        ///
        /// Flush, advice, discarding, protection and unmapping work on the whole mapping. To lock it, and
        /// [`LOCKED`](Self::LOCKED), fail with [`OutOfMemory`](crate::ErrorKind::OutOfMemory) while a page lies past the
        /// end. [`POPULATE`](Self::POPULATE) stops there. It does nothing for anonymous memory.
        ///
        /// **Platform notes**
        /// - Linux, macOS: `mmap`. On hugetlbfs, where a writable mapping would extend the file, it is unsupported.
        /// - Windows: unsupported. A section is never longer than its file, and to make a longer one extends the file.
        /// - Kernels: if `custom::Backend::flags` contains it. How locking fails is the kernel's affair.
        PAST_END = 64;
        /// Makes a file's pages on persistent memory durable as soon as the processor's caches are written back.
        ///
        /// The file system writes the metadata of a page before it can be written. So a program may flush the caches by itself,
        /// with `clwb` or `dc cvap`, and needs no [`flush`](crate::Mapping::flush). The mapping is shared.
        ///
        /// **Platform notes**
        /// - Linux: `MAP_SHARED_VALIDATE | MAP_SYNC`, as of Linux 4.15, for a file on ext4 or XFS with DAX.
        /// - macOS, Windows, kernels: unsupported.
        /// - All: unsupported for any other file, for [`COW`](Self::COW) and for anonymous memory.
        #[doc(alias = "MAP_SYNC")]
        #[doc(alias = "DAX")]
        SYNC = 1 << 14;
        /// Keeps anonymous memory secret: it is removed from the kernel's own address space, and never swapped or dumped.
        ///
        /// Other processes cannot read it by the kernel (`ptrace`, `/proc/PID/mem`), except for children of `fork`, which
        /// share it. The kernel itself copies to and from it only for system calls of this process; direct I/O and
        /// `io_uring`'s fixed buffers fail. It cannot be executed. [`Mapping::lock`](crate::Mapping::lock) and
        /// [`POPULATE`](Self::POPULATE) do nothing, as pages are locked from the first access on.
        ///
        /// **Platform notes**
        /// - Linux: [`memfd_secret`](https://man7.org/linux/man-pages/man2/memfd_secret.2.html), `ftruncate`, `mmap` and `close`, as of
        ///   Linux 5.14, where it is enabled (`secretmem.enable=1` before Linux 6.5) and the kernel can change its own
        ///   mappings of single pages. The length counts against the limit on locked memory. If no memory is left for a page
        ///   that is touched, a signal may be raised.
        /// - Android: unsupported. Its filter of system calls ends an app that makes this one.
        /// - macOS, Windows, kernels: unsupported.
        /// - All: unsupported for files, and with [`HUGETLB`](Self::HUGETLB).
        #[doc(alias = "memfd_secret")]
        SECRET = 1 << 15;
    }
}
