//! Sets of options: [`Prot`] is here, [`Flags`], [`Advice`] and [`Discard`] are in files of their own.

/// Defines a set of bits with named members, and the operators of sets.
macro_rules! bits {
    ($(#[$outer:meta])* $name:ident: $repr:ty { $($(#[$inner:meta])* $member:ident = $value:expr;)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name($repr);

        impl $name {
            $($(#[$inner])* pub const $member: Self = Self($value);)*

            /// Returns the empty set.
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
            #[must_use]
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

        /// Returns the members that are not in the set.
        impl core::ops::Not for $name {
            type Output = Self;

            fn not(self) -> Self {
                Self::all() - self
            }
        }

        /// Shows the names of the members, joined by ` | `.
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

mod advice;
mod flags;

pub use advice::{Advice, Discard, Inheritance};
pub use flags::Flags;

bits! {
    /// The permissions of mapped memory.
    ///
    /// A slice can always be read. So the other members contain [`READ`](Self::READ), and the empty set means `READ`
    /// wherever a [`Mapping`](crate::Mapping) or a [`MappingMut`](crate::MappingMut) is made or protected. Only a
    /// [`RawMapping`](crate::RawMapping) can have no permissions.
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
    Prot: u8 {
        // The bits are POSIX's: PROT_NONE 0, PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4.
        /// The memory can be read.
        READ = 1;
        /// The memory can be read and written.
        WRITE = 1 | 2;
        /// The memory can be read and executed.
        EXEC = 1 | 4;
    }
}

impl Prot {
    /// The memory cannot be accessed, and keeps its contents: the empty set.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Mmap, Prot};
    /// let mut map = Mmap::anon(100).prot(Prot::WRITE).map_raw()?;
    /// // SAFETY: the byte is writable, here and below, and no pointer is in use while the permissions change.
    /// unsafe { map.as_mut_ptr().write(7) };
    /// # if unsafe { map.protect(Prot::NONE) }.is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
    /// unsafe { map.protect(Prot::NONE)? };
    /// unsafe { map.protect(Prot::READ)? };
    /// assert_eq!(unsafe { map.as_ptr().read() }, 7);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "PROT_NONE")]
    #[doc(alias = "PAGE_NOACCESS")]
    pub const NONE: Self = Self(0);

    /// With `READ`, unless it is `NONE`.
    #[inline]
    pub(crate) fn normalized(self) -> Self {
        if self.is_empty() { self } else { self | Self::READ }
    }
}

/// [`READ`](Prot::READ).
impl Default for Prot {
    fn default() -> Self {
        Self::READ
    }
}
