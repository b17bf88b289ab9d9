//! Flags that change how memory is mapped.

bits! {
    /// Flags that change how memory is mapped.
    ///
    /// A request with a flag that the system cannot honour fails with [`Unsupported`](crate::ErrorKind::Unsupported),
    /// and [`Error::flag`](crate::Error::flag) names the flag.
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
        /// Makes a private, copy-on-write mapping of a file.
        ///
        /// Changes stay in this mapping and never reach the file; the file need only be open for reading. Anonymous
        /// memory is private already.
        ///
        /// **Platform notes**
        /// - Unix: `MAP_PRIVATE`.
        /// - Windows: `FILE_MAP_COPY`. The whole length counts against the commit limit.
        #[doc(alias = "MAP_PRIVATE")]
        #[doc(alias = "map_copy")]
        COW = 1;
        /// Uses huge pages, or fails; never falls back to small ones.
        ///
        /// The mapping occupies whole huge pages, but [`Mapping::len`](crate::Mapping::len) returns the requested
        /// length. Every page is resident when the mapping is returned, because a page that is missing later would
        /// raise a signal. [`Anon::huge_page_size`](crate::Anon::huge_page_size) chooses another size. For transparent
        /// huge pages, which are a hint, see [`Advice::HugePage`](crate::Advice::HugePage).
        ///
        /// **Platform notes**
        /// - Linux: `MAP_HUGETLB` and `MAP_POPULATE`, then
        ///   [`mincore`](https://man7.org/linux/man-pages/man2/mincore.2.html). Anonymous memory gets pages of the
        ///   second-smallest size (2 MiB on most processors with pages of 4 KiB), from the pool whose size
        ///   `/proc/sys/vm/nr_hugepages` sets. Files must be on
        ///   [hugetlbfs](https://docs.kernel.org/admin-guide/mm/hugetlbpage.html).
        /// - macOS: superpages of 2 MiB for anonymous memory, on x86_64.
        /// - BSD, illumos: unsupported.
        /// - Windows: `MEM_LARGE_PAGES` for anonymous memory, which is then always resident. The process must have
        ///   enabled `SeLockMemoryPrivilege`.
        #[doc(alias = "MAP_HUGETLB")]
        #[doc(alias = "MEM_LARGE_PAGES")]
        HUGETLB = 2;
        /// Starts to read the file's pages ahead, without waiting for them.
        ///
        /// A hint: if it fails, the file is mapped nevertheless. It does nothing for anonymous memory.
        ///
        /// **Platform notes**
        /// - Unix: `madvise(MADV_WILLNEED)` after [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html).
        /// - Windows: `PrefetchVirtualMemory`.
        #[doc(alias = "MADV_WILLNEED")]
        READAHEAD = 4;
        /// Makes every page resident before the mapping is returned, as far as memory allows.
        ///
        /// For a cached file that is read once from start to end, this is slower than page faults.
        /// [`Mapping::populate_read`](crate::Mapping::populate_read) does the same later, and reports failures.
        ///
        /// **Platform notes**
        /// - Linux: `MAP_POPULATE`.
        /// - macOS: [`mlock`](https://man7.org/linux/man-pages/man2/mlock.2.html), then `munlock`.
        /// - BSD, illumos: `madvise(MADV_WILLNEED)`, which is a hint.
        /// - Windows: `PrefetchVirtualMemory`, then
        ///   [`ReadProcessMemory`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-readprocessmemory)
        ///   of one byte of each page.
        #[doc(alias = "MAP_POPULATE")]
        POPULATE = 8;
        /// Reserves no swap space for pages that may be written later.
        ///
        /// **Platform notes**
        /// - Linux: `MAP_NORESERVE`. Unsupported together with [`HUGETLB`](Self::HUGETLB), as an access would raise a
        ///   signal when the pool is exhausted.
        /// - macOS: `MAP_NORESERVE`. The system reserves none in any case.
        /// - NetBSD, DragonFly, illumos: `MAP_NORESERVE`. FreeBSD and OpenBSD have no such flag, and it does nothing.
        /// - Windows: unsupported, except for shared mappings of files, which need none.
        #[doc(alias = "MAP_NORESERVE")]
        NORESERVE = 16;
        /// Makes every page resident and locks it, as [`Mapping::lock`](crate::Mapping::lock) does.
        ///
        /// **Platform notes**
        /// - Unix: `mlock` after `mmap`, because Linux's `MAP_LOCKED` hides a failure.
        /// - Windows:
        ///   [`VirtualLock`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtuallock).
        #[doc(alias = "MAP_LOCKED")]
        LOCKED = 32;
        /// Lets a mapping of a file reach past the file's end.
        ///
        /// The request has a length, which may exceed the file's. An access past the end raises SIGBUS, as for a
        /// truncated file. Once the file has grown, the new bytes can be accessed at the same addresses, without a
        /// call. So a growing database maps its file once. The rest of the file's last page reads as zeros.
        ///
        /// Map such a file with [`map_raw`](crate::Mmap::map_raw), and access the file's bytes through pointers. A
        /// slice covers the whole mapping, so the caller of [`map`](crate::Mmap::map) promises not to read or write
        /// past the end. A [`View`](crate::View) fails with [`Truncated`](crate::ErrorKind::Truncated) past the end,
        /// until the file has grown.
        ///
        /// Flush, advice, discarding, protection and unmapping work on the whole mapping. Locking it, also with
        /// [`LOCKED`](Self::LOCKED), fails with [`OutOfMemory`](crate::ErrorKind::OutOfMemory) while a page lies past
        /// the end. [`POPULATE`](Self::POPULATE) stops at the end. The flag does nothing for anonymous memory.
        ///
        /// **Platform notes**
        /// - Unix: `mmap`. On Linux's hugetlbfs, where a writable mapping would extend the file, it is unsupported.
        /// - Windows: unsupported. A section is never longer than its file, and making a longer one extends the file.
        /// - Kernels: if `custom::Backend::flags` contains it. The kernel decides how locking fails.
        PAST_END = 64;
        /// Makes stores to persistent memory durable by flushing the processor's caches alone.
        ///
        /// The file system writes the metadata of a page before the page can be written. So a program may flush the
        /// caches itself, with `clwb` or `dc cvap`, and needs no [`flush`](crate::Mapping::flush). The mapping is
        /// shared.
        ///
        /// **Platform notes**
        /// - Linux: `MAP_SHARED_VALIDATE | MAP_SYNC`, as of Linux 4.15, for a file on ext4 or XFS with DAX.
        /// - Other systems: unsupported.
        /// - All systems: unsupported for other files, with [`COW`](Self::COW), and for anonymous memory.
        #[doc(alias = "MAP_SYNC")]
        #[doc(alias = "DAX")]
        SYNC = 1 << 14;
        /// Maps secret memory: removed from the kernel's address space, never swapped or dumped.
        ///
        /// It is for anonymous memory. Other processes cannot read it through the kernel (`ptrace`, `/proc/PID/mem`);
        /// children of `fork` share it. The kernel copies to and from it only for system calls of this process; direct
        /// I/O and `io_uring`'s fixed buffers fail. It cannot be executed. [`Mapping::lock`](crate::Mapping::lock) and
        /// [`POPULATE`](Self::POPULATE) do nothing, as pages are locked from the first access on.
        ///
        /// **Platform notes**
        /// - Linux: [`memfd_secret`](https://man7.org/linux/man-pages/man2/memfd_secret.2.html),
        ///   [`ftruncate`](https://man7.org/linux/man-pages/man2/ftruncate.2.html), `mmap` and
        ///   [`close`](https://man7.org/linux/man-pages/man2/close.2.html), as of Linux 5.14, if it is enabled
        ///   (`secretmem.enable=1` before Linux 6.5) and the kernel can change its own mappings of single pages. The
        ///   length counts against the limit on locked memory. An access may raise a signal if no memory is left for
        ///   the page.
        /// - Android: unsupported, as its filter of system calls ends an app that makes this call.
        /// - Other systems: unsupported.
        /// - All systems: unsupported for files, and with [`HUGETLB`](Self::HUGETLB).
        #[doc(alias = "memfd_secret")]
        SECRET = 1 << 15;
    }
}
