//! The one error type: which call failed, for which reason, in eight bytes and without an allocation.

use crate::options::Flags;
use crate::sys;
use core::fmt;

/// What was tried: a call of this crate, or the system's call behind it. The nested enum makes one
/// byte of both.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Map,
    MapIn,
    BytesMut,
    Flush,
    Advise,
    Discard,
    SetLen,
    Reserve,
    Split,
    IntoReservation,
    #[allow(dead_code, reason = "not every backend judges it itself")]
    Protect,
    ReadAt,
    #[cfg(feature = "alloc")]
    Read,
    #[cfg(feature = "alloc")]
    Records,
    #[cfg(feature = "std")]
    Seek,
    System(sys::Call),
}

/// Why a call of this crate failed.
///
/// It tells which call that was, the reason as an [`ErrorKind`] that is the same on every system, and the
/// system's own code where there is one. Its `Display` is one line:
///
/// ```
/// use baremap::{ErrorKind, File};
/// let error = File::open(c"/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// # if error.call() == "openat" {
/// assert_eq!(error.to_string(), "openat: no such file or directory (ENOENT, 2)");
/// # }
/// ```
///
/// On Windows the words are the system's own, in English where that is installed. With feature `std` it converts into
/// `std::io::Error`, which says what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// The system's code; 0 for an error that this crate found itself.
    code: i32,
    /// The flag that cannot be honoured, or that the failed call was to honour.
    flag: Flags,
    call: Call,
    /// `None`: as the call and the code say, looked up when somebody asks.
    kind: Option<ErrorKind>,
}

/// The reason of an [`Error`], the same on every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The path leads nowhere.
    NotFound,
    /// The system's rules, or the way in which the file was opened, forbid it.
    PermissionDenied,
    /// An argument that cannot be meant, such as an unaligned address, a path that is too long, a closed descriptor.
    InvalidInput,
    /// A range that ends beyond the end of the file or of the mapping, or an offset that lies there.
    BeyondEnd,
    /// Offset and length together exceed the range of their type.
    Overflow,
    /// A length over `isize::MAX`, or a file size that the system cannot express.
    TooLong,
    /// Anonymous memory of length 0, or a reservation.
    EmptyAnon,
    /// Anonymous memory with an offset.
    OffsetAnon,
    /// Not a file that can be mapped: a directory, a pipe, a terminal, or a file or device that tells no length.
    NotMappable,
    /// The mapping was made without [`Prot::WRITE`](crate::Prot::WRITE).
    NotWritable,
    /// The stream has no position: a pipe, a terminal.
    NotSeekable,
    /// The system cannot do it; [`Error::flag`] names the flag in question.
    Unsupported,
    /// No memory, no address space, or none that may be locked.
    OutOfMemory,
    /// The disk or the quota is full.
    NoSpace,
    /// The process or the system has too many open files.
    TooManyFiles,
    /// The file is in use in a way that excludes this one, or something is at the address already.
    Busy,
    /// It would have to wait, and was told not to.
    WouldBlock,
    /// The device, the file system, or the connection to the server of the file failed.
    Io,
    /// Anything else; see [`Error::raw_os_error`].
    Other,
}

impl ErrorKind {
    fn words(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::PermissionDenied => "permission denied",
            Self::InvalidInput => "invalid input",
            Self::BeyondEnd => "the range reaches beyond the end",
            Self::Overflow => "offset and length together overflow",
            Self::TooLong => "the length is more than can be addressed",
            Self::EmptyAnon => "anonymous memory needs a length over 0",
            Self::OffsetAnon => "anonymous memory has no offset",
            Self::NotMappable => {
                "not mappable: a directory, a pipe, a terminal, or a file or device that tells no length"
            }
            Self::NotWritable => "the mapping is not writable",
            Self::NotSeekable => "not seekable",
            Self::Unsupported => "not supported by this system",
            Self::OutOfMemory => "out of memory",
            Self::NoSpace => "no space left",
            Self::TooManyFiles => "too many open files",
            Self::Busy => "in use",
            Self::WouldBlock => "it would have to wait",
            Self::Io => "input/output error",
            Self::Other => "unknown error",
        }
    }
}

impl Error {
    /// An error that this crate found itself.
    pub(crate) const fn own(call: Call, kind: ErrorKind) -> Self {
        Self { code: 0, flag: Flags::NONE, call, kind: Some(kind) }
    }

    /// An error that the system reported.
    pub(crate) const fn system(call: sys::Call, code: i32) -> Self {
        Self { code, flag: Flags::NONE, call: Call::System(call), kind: None }
    }

    /// The same, of another kind than the code alone says.
    pub(crate) const fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The same, naming the flag in question.
    pub(crate) const fn of_flag(self, flag: Flags) -> Self {
        Self { flag, ..self }
    }

    /// A flag of a request that the system cannot honour.
    pub(crate) const fn unsupported(flag: Flags) -> Self {
        Self::own(Call::Map, ErrorKind::Unsupported).of_flag(flag)
    }

    /// The reason.
    pub fn kind(&self) -> ErrorKind {
        let of_call = || match self.call {
            Call::System(call) => sys::kind_of(call, self.code),
            _ => None,
        };
        self.kind.or_else(of_call).unwrap_or_else(|| sys::kind(self.code))
    }

    /// Whether the code alone would say another kind.
    pub(crate) fn kind_differs(&self) -> bool {
        self.kind() != sys::kind(self.code)
    }

    /// The system's code (`errno`, `GetLastError`), or `None` if this crate found the error before it
    /// asked the system.
    pub fn raw_os_error(&self) -> Option<i32> {
        (self.code != 0).then_some(self.code)
    }

    /// The call that failed: the system's, such as `"mmap"`, or this crate's, such as `"map"`.
    pub fn call(&self) -> &'static str {
        match self.call {
            Call::Map => "map",
            Call::MapIn => "map_in",
            Call::BytesMut => "bytes_mut",
            Call::Flush => "flush",
            Call::Advise => "advise",
            Call::Discard => "discard",
            Call::SetLen => "set_len",
            Call::Reserve => "reserve",
            Call::Split => "split",
            Call::IntoReservation => "into_reservation",
            Call::Protect => "protect",
            Call::ReadAt => "read_at",
            #[cfg(feature = "alloc")]
            Call::Read => "read",
            #[cfg(feature = "alloc")]
            Call::Records => "records",
            #[cfg(feature = "std")]
            Call::Seek => "seek",
            Call::System(call) => call.name(),
        }
    }

    /// The flag that could not be honoured, if it was a flag.
    ///
    /// ```
    /// use baremap::{ErrorKind, Flags, Mmap};
    /// if let Err(error) = Mmap::anon(1).flags(Flags::HUGETLB).map() {
    ///     assert_eq!(error.flag(), Some(Flags::HUGETLB));
    /// }
    /// ```
    pub fn flag(&self) -> Option<Flags> {
        (self.flag != Flags::NONE).then_some(self.flag)
    }
}

/// `mmap with HUGETLB: cannot allocate memory (ENOMEM, 12)`: the call, the flag in question if any, the
/// reason, and the system's code if any.
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
                // Said by us only where the code's own words would mislead.
                if self.kind_differs() {
                    write!(f, "{}: ", self.kind().words())?;
                }
                sys::describe(code, f)
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

const _: () = assert!(size_of::<Error>() <= 8, "an error fits a register");
