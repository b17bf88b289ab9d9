//! Errors: [`Error`], and [`Refused`] for calls that consume their argument and return it if they fail.

pub(crate) mod kind;

pub use kind::ErrorKind;

use crate::options::Flags;
use crate::sys::{Sys, System};
use core::fmt;
use kind::{Call, Failure};

/// The error of a failed call: its name, its reason and the system's code.
///
/// The reason is an [`ErrorKind`], the same on every system. An `Error` is `Copy`, eight bytes long, and allocates
/// nothing. On Windows the text of its `Display` is the system's own, in English if that is installed. With feature
/// `std` it converts into `std::io::Error`.
///
/// # Examples
///
/// ```
/// use baremap::{ErrorKind, File};
/// let error = File::open(c"/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// # if error.call() == "openat" {
/// assert_eq!(error.to_string(), "openat: no such file or directory (ENOENT, 2)");
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Error(Failure);

impl Error {
    /// An error of this crate's, found before a system call was made.
    pub(crate) const fn new(call: Call, kind: ErrorKind) -> Self {
        Self(Failure::refused(call, kind))
    }

    /// Returns the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap};
    /// assert_eq!(Mmap::anon(usize::MAX).map().unwrap_err().kind(), ErrorKind::TooLong);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        let Failure { kind, call, code, .. } = self.0;
        kind.or_else(|| Sys::kind_of_call(call, code)).unwrap_or_else(|| Sys::kind(code))
    }

    /// Whether the code alone would say another kind.
    pub(crate) fn kind_differs(&self) -> bool {
        self.kind() != Sys::kind(self.0.code)
    }

    /// Returns the system's code: `errno`, or the result of `GetLastError`.
    ///
    /// It is `None` if this crate found the error before it made a system call.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{File, Mmap};
    /// assert!(File::open(c"/no/such/file").unwrap_err().raw_os_error().is_some());
    /// assert_eq!(Mmap::anon(0).map().unwrap_err().raw_os_error(), None);
    /// ```
    #[doc(alias = "errno")]
    #[doc(alias = "GetLastError")]
    pub fn raw_os_error(&self) -> Option<i32> {
        (self.0.code != 0).then_some(self.0.code)
    }

    /// Returns the name of the call that failed.
    ///
    /// It is a call of the system, such as `"mmap"`, or of this crate, such as `"map"`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(baremap::Mmap::anon(0).map().unwrap_err().call(), "map");
    /// ```
    pub fn call(&self) -> &'static str {
        self.0.call.name()
    }

    /// Returns the flag that could not be honoured, if that is the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{Flags, Mmap};
    /// if let Err(error) = Mmap::anon(1).flags(Flags::HUGETLB).map() {
    ///     assert_eq!(error.flag(), Some(Flags::HUGETLB));
    /// }
    /// ```
    pub fn flag(&self) -> Option<Flags> {
        (!self.0.flag.is_empty()).then_some(self.0.flag)
    }
}

impl From<Failure> for Error {
    #[inline(always)]
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

/// Shows the call, the flag if any, the reason, and the system's code if any.
///
/// For example `mmap with HUGETLB: cannot allocate memory (ENOMEM, 12)`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.call())?;
        if let Some(flag) = self.flag() {
            write!(f, " with {flag:?}")?;
        }
        f.write_str(": ")?;
        match self.raw_os_error() {
            None => f.write_str(self.kind().words()),
            Some(code) => {
                // The kind's words only where the code's own would mislead.
                if self.kind_differs() {
                    write!(f, "{}: ", self.kind().words())?;
                }
                Sys::describe(code, f)
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, \"{self}\")", self.kind())
    }
}

impl core::error::Error for Error {}

/// The error of a call that consumes its argument, and the argument.
///
/// It converts into [`Error`], so `?` works in a function that returns one; that drops the value.
///
/// # Examples
///
/// ```
/// use baremap::{Mmap, Refused};
/// let map = Mmap::anon(100).map()?;
/// if let Err(Refused { value, error }) = map.unmap() {
///     eprintln!("{value:?} is still mapped: {error}");
/// }
/// # Ok::<_, baremap::Error>(())
/// ```
#[derive(Debug)]
pub struct Refused<T> {
    /// The argument that the call consumed, as it is after the failure.
    pub value: T,
    /// The reason for the failure.
    pub error: Error,
}

impl<T> Refused<T> {
    pub(crate) fn new(value: T, error: impl Into<Error>) -> Self {
        Self { value, error: error.into() }
    }
}

impl<T> From<Refused<T>> for Error {
    fn from(refused: Refused<T>) -> Self {
        refused.error
    }
}

/// The error.
impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> core::error::Error for Refused<T> {}

const _: () = assert!(size_of::<Error>() <= 8, "an error fits a register");
