//! How memory is mapped and used: [`Prot`], [`Flags`], [`Advice`], [`Discard`].

/// A set of bits with named members, and the operators of sets.
macro_rules! bits {
    ($(#[$outer:meta])* $name:ident: $repr:ty { $($(#[$inner:meta])* $member:ident = $value:expr;)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name($repr);

        impl $name {
            $($(#[$inner])* pub const $member: Self = Self($value);)*

            /// Returns the set without members.
            ///
            /// # Examples
            ///
            /// ```
            /// assert!(baremap::Flags::empty().is_empty());
            /// ```
            pub const fn empty() -> Self {
                Self(0)
            }

            /// Returns the set of all members.
            ///
            /// # Examples
            ///
            /// ```
            /// use baremap::Flags;
            /// assert!(Flags::all().contains(Flags::COW));
            /// ```
            pub const fn all() -> Self {
                Self(0 $(| $value)*)
            }

            /// Returns whether the set has no members.
            ///
            /// # Examples
            ///
            /// ```
            /// use baremap::Flags;
            /// assert!((Flags::COW - Flags::COW).is_empty());
            /// ```
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Returns the set as a number.
            ///
            /// # Examples
            ///
            /// ```
            /// use baremap::Flags;
            /// assert_ne!(Flags::COW.bits(), Flags::LOCKED.bits());
            /// ```
            pub const fn bits(self) -> $repr {
                self.0
            }

            /// Returns whether every member of `other` is in the set.
            ///
            /// # Examples
            ///
            /// ```
            /// use baremap::Flags;
            /// assert!((Flags::COW | Flags::LOCKED).contains(Flags::COW));
            /// ```
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Returns the members of both sets: the operator `|`, also for constants.
            ///
            /// # Examples
            ///
            /// ```
            /// use baremap::Flags;
            /// const FLAGS: Flags = Flags::COW.union(Flags::READAHEAD);
            /// assert_eq!(FLAGS, Flags::COW | Flags::READAHEAD);
            /// ```
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        bits!(@operators $name
            BitOr bitor BitOrAssign bitor_assign |a, b| a | b;
            BitAnd bitand BitAndAssign bitand_assign |a, b| a & b;
            BitXor bitxor BitXorAssign bitxor_assign |a, b| a ^ b;
            Sub sub SubAssign sub_assign |a, b| a & !b;
        );

        /// The members that are not in the set.
        impl core::ops::Not for $name {
            type Output = Self;

            fn not(self) -> Self {
                Self::all() - self
            }
        }

        /// The names of the members, joined by ` | `.
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut separator = "";
                $(if self.contains(Self::$member) {
                    f.write_str(separator)?;
                    f.write_str(stringify!($member))?;
                    separator = " | ";
                })*
                if separator.is_empty() { f.write_str("empty") } else { Ok(()) }
            }
        }
    };
    (@operators $name:ident $($op:ident $method:ident $assign:ident $assign_method:ident |$a:ident, $b:ident| $value:expr;)*) => {
        $(
            impl core::ops::$op for $name {
                type Output = Self;

                #[inline]
                fn $method(self, other: Self) -> Self {
                    let ($a, $b) = (self.0, other.0);
                    Self($value)
                }
            }

            impl core::ops::$assign for $name {
                #[inline]
                fn $assign_method(&mut self, other: Self) {
                    *self = core::ops::$op::$method(*self, other);
                }
            }
        )*
    };
}

bits! {
    /// The permissions of mapped memory.
    ///
    /// Mapped memory can always be read: [`READ`](Self::READ) is part of the other members, and is added to a set
    /// without members wherever memory is mapped or protected.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::Prot;
    /// assert!(Prot::WRITE.contains(Prot::READ));
    /// assert!(!(Prot::READ | Prot::EXEC).contains(Prot::WRITE));
    /// ```
    #[doc(alias = "PROT_READ")]
    #[doc(alias = "PROT_WRITE")]
    #[doc(alias = "PROT_EXEC")]
    #[doc(alias = "PROT_NONE")]
    Prot: u8 {
        // The bits are POSIX's: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4.
        /// The memory can be read.
        READ = 1;
        /// The memory can be read and written.
        WRITE = 1 | 2;
        /// The memory can be read and executed.
        EXEC = 1 | 4;
    }
}

/// [`READ`](Prot::READ).
impl Default for Prot {
    fn default() -> Self {
        Self::READ
    }
}

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
        /// would raise a signal. For transparent huge pages, which are a hint, see
        /// [`Advice::HugePage`](crate::Advice::HugePage).
        ///
        /// **Platform notes**
        /// - Linux: `MAP_HUGETLB` and `MAP_POPULATE`, then `mincore`. Anonymous memory gets pages one page-table level
        ///   above the smallest (2 MiB where pages have 4 KiB) from the pool that `/proc/sys/vm/nr_hugepages` sets.
        ///   Files must be on hugetlbfs.
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
        ///
        /// **Platform notes**
        /// - Linux: `MAP_POPULATE`.
        /// - macOS: `mlock`, then `munlock`.
        /// - Windows: `PrefetchVirtualMemory`, then `ReadProcessMemory` of one byte of each page.
        #[doc(alias = "MAP_POPULATE")]
        POPULATE = 8;
        /// Reserves no swap space for pages that may be written later.
        ///
        /// **Platform notes**
        /// - Linux: `MAP_NORESERVE`. Not together with [`HUGETLB`](Self::HUGETLB), as memory from an exhausted pool
        ///   would raise a signal.
        /// - macOS: `MAP_NORESERVE`. The system reserves none in any case.
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
    }
}

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
