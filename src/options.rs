//! What a mapping may do ([`Prot`]), how it is made ([`Flags`]) and what is said of it later
//! ([`Advice`], [`Discard`]).

/// A set of bits with named members: the few operations that `Prot` and `Flags` share.
macro_rules! bits {
    ($(#[$outer:meta])* $name:ident: $repr:ty { $($(#[$inner:meta])* $member:ident = $value:expr;)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name($repr);

        impl $name {
            $($(#[$inner])* pub const $member: Self = Self($value);)*

            /// The set as a number.
            pub const fn bits(self) -> $repr {
                self.0
            }

            /// Whether every member of `other` is in `self`.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl core::ops::BitAnd for $name {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        /// The names of the members, joined by ` | `.
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut joint = "";
                $(if self.contains(Self::$member) {
                    f.write_str(joint)?;
                    f.write_str(stringify!($member))?;
                    joint = " | ";
                })*
                if joint.is_empty() { f.write_str("0") } else { Ok(()) }
            }
        }
    };
}

bits! {
    /// What may be done to mapped memory. `READ` is implied by the others.
    ///
    /// ```
    /// use baremap::Prot;
    /// assert!(Prot::WRITE.contains(Prot::READ));
    /// assert!(!(Prot::READ | Prot::EXEC).contains(Prot::WRITE));
    /// ```
    Prot: u8 {
        // The bits have POSIX's values, PROT_READ 1, PROT_WRITE 2 and PROT_EXEC 4.
        /// Reading.
        READ = 1;
        /// Reading and writing.
        WRITE = 1 | 2;
        /// Reading and executing.
        EXEC = 1 | 4;
    }
}

/// Reading only.
impl Default for Prot {
    fn default() -> Self {
        Self::READ
    }
}

bits! {
    /// How a mapping is made. A flag that the system cannot honour makes `map` fail with
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) and an error that names it.
    ///
    /// ```
    /// use baremap::{Flags, Mmap};
    /// let map = Mmap::anon(1 << 20).flags(Flags::POPULATE | Flags::LOCKED).map();
    /// # let _ = map;
    /// ```
    #[derive(Default)]
    Flags: u16 {
        /// A private copy on write: changes stay in this mapping and never reach the file, which needs
        /// to be open for reading only. Anonymous memory is private already.
        ///
        /// Linux, macOS: `MAP_PRIVATE`. Windows: `FILE_MAP_COPY`, which counts the whole length against the limit on
        /// commitments.
        COW = 1;
        /// Huge pages, or an error; never silently small ones. The length is rounded up to whole huge
        /// pages, though [`Mapping::len`](crate::Mapping::len) stays what was asked for.
        ///
        /// All of them are there when `map` returns, as one that was missing later would fault.
        ///
        /// Linux: `MAP_HUGETLB` and `MAP_POPULATE`, then `mincore`, with pages of one page-table level above the smallest (2 MiB where pages
        /// have 4 KiB) from the pool that `/proc/sys/vm/nr_hugepages` sets; of files, those on hugetlbfs.
        /// For transparent huge pages, which are a hint, see [`Advice::HugePage`](crate::Advice::HugePage).
        ///
        /// macOS: superpages of 2 MiB, on x86_64, of anonymous memory.
        ///
        /// Windows: `MEM_LARGE_PAGES`, of anonymous memory, which is then resident for good. The process must hold
        /// `SeLockMemoryPrivilege` and have enabled it.
        HUGETLB = 2;
        /// Starts to fetch the file's pages and does not wait for them. A hint, so a failure of it is
        /// no failure of `map`. Nothing is to be fetched for anonymous memory.
        ///
        /// Linux, macOS: `madvise(MADV_WILLNEED)` after `mmap`. Windows: `PrefetchVirtualMemory`.
        READAHEAD = 4;
        /// Makes every page present before `map` returns, as far as memory allows. For a cached file
        /// that is read once from end to end this is slower than faulting.
        ///
        /// Linux: `MAP_POPULATE`. macOS: `mlock`, then `munlock`. Windows: `PrefetchVirtualMemory`, then
        /// `ReadProcessMemory` of a byte of each page.
        POPULATE = 8;
        /// Sets no swap space aside for pages that writes may need later.
        ///
        /// Linux: `MAP_NORESERVE`; not together with [`HUGETLB`](Self::HUGETLB), as memory of an
        /// exhausted pool would fault. macOS: `MAP_NORESERVE`; the system sets none aside anyhow. Windows: unsupported
        /// but for shared mappings of files, which need none.
        NORESERVE = 16;
        /// Makes the mapping resident and locks it, as [`Mapping::lock`](crate::Mapping::lock) does.
        ///
        /// Linux, macOS: `mlock` after `mmap`; Linux's `MAP_LOCKED` hides a failure. Windows: `VirtualLock`.
        LOCKED = 32;
    }
}

impl Flags {
    pub(crate) const NONE: Self = Self(0);
}

/// A portable hint for [`Mapping::advise`](crate::Mapping::advise). It changes speed and residency, never
/// contents; a system that does not know it does nothing.
///
/// macOS knows the first four, by `madvise` too. Windows knows `WillNeed`, by `PrefetchVirtualMemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// No special treatment. Linux: `MADV_NORMAL`.
    Normal,
    /// Expect access in no order; read little ahead. Linux: `MADV_RANDOM`.
    Random,
    /// Expect access from the start to the end; read far ahead. Linux: `MADV_SEQUENTIAL`.
    Sequential,
    /// Expect access soon; start fetching, do not wait. Linux: `MADV_WILLNEED`.
    WillNeed,
    /// Expect no access soon; first to go when memory is short. Linux 5.4: `MADV_COLD`.
    Cold,
    /// Expect no access soon; write back and free now. Linux 5.4: `MADV_PAGEOUT`.
    PageOut,
    /// Use transparent huge pages. Linux: `MADV_HUGEPAGE`.
    HugePage,
    /// Use no transparent huge pages. Linux: `MADV_NOHUGEPAGE`.
    NoHugePage,
}

/// What destroys contents, for [`Mapping::discard`](crate::Mapping::discard).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Drops the pages now: anonymous memory reads as zeros again, a copy on write as the file, and a
    /// shared file as before.
    ///
    /// - Linux: `MADV_DONTNEED`. Huge pages are kept, and zeroed if they can be written to.
    /// - macOS: anonymous memory is unlocked and mapped anew; a shared file gets `MADV_DONTNEED`.
    /// - Windows: anonymous memory is zeroed and given back by `VirtualAlloc` with `MEM_RESET`, and `VirtualUnlock`, which
    ///   takes time for untouched pages too. To decommit and commit it again would be quicker, and could lose it. Large
    ///   pages that can be written to are zeroed. Pages of a shared file leave the working set unless they are locked. A
    ///   mapping in a [`Reservation`](crate::Reservation) is renewed at once by
    ///   [`into_reservation`](crate::Mapping::into_reservation) and [`map_in`](crate::Mmap::map_in).
    ///
    /// What a system cannot do is [`Unsupported`](crate::ErrorKind::Unsupported): macOS and Windows take no copy on write
    /// back, and macOS gives no huge pages back.
    DontNeed,
    /// Lets the system drop pages of anonymous memory when it needs them. Until a page is written again
    /// it reads as before or as zeros, and may change from one to the other between two reads.
    /// Linux, macOS: `MADV_FREE`. Windows: `MEM_RESET`.
    Free,
    /// Drops the pages and what lies behind them: the file has a hole there, which reads as zeros. Pages that are mapped in
    /// part stay.
    /// Linux: `MADV_REMOVE`, on a shared, writable mapping. macOS, Windows: unsupported.
    Remove,
}
