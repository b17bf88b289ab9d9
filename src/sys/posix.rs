//! What POSIX systems share: the names, words and kinds of error codes, the choice of flags for `open`, the retry of an
//! interrupted call, and with `std` the conversions of file descriptors.
//!
//! Each system has its own error codes and numbers (`linux/codes.rs`, `apple/codes.rs`, a file for each system in
//! `unix/system/`). A program holds only the entries of its own system, and none if it prints no error.

pub(super) mod files;
#[allow(dead_code, reason = "not every system and architecture has the guard")]
pub(super) mod guard;
#[allow(dead_code, reason = "not every system limits locked memory so")]
pub(super) mod residency;
pub(super) mod shared;

use super::contract::Open;
use crate::error::kind::ErrorKind;
use core::ffi::c_int;

/// The flags of `open`, which have other values on each system. O_RDONLY is 0 on all.
pub(super) struct OpenFlags {
    pub(super) read_write: c_int,
    pub(super) create: c_int,
    pub(super) exclusive: c_int,
    pub(super) truncate: c_int,
    pub(super) close_on_exec: c_int,
}

impl OpenFlags {
    #[inline]
    pub(super) const fn of(&self, open: Open) -> c_int {
        self.close_on_exec
            | match open {
                Open::Read => 0,
                Open::ReadWrite => self.read_write,
                Open::Create => self.read_write | self.create | self.truncate,
                Open::CreateNew => self.read_write | self.create | self.exclusive,
                Open::OpenOrCreate => self.read_write | self.create,
            }
    }
}

/// Repeats a call until no signal interrupts it. Not for `close`, which frees the descriptor even then.
///
/// It compares what the call returned, not a `Result` made of it: that is smaller.
#[inline]
pub(super) fn uninterrupted<T: Copy>(mut call: impl FnMut() -> T, is_interrupted: impl Fn(T) -> bool) -> T {
    loop {
        let result = call();
        if !is_interrupted(result) {
            return result;
        }
    }
}

/// Defines how the functions of a C library fail: every one but `mmap` returns -1, and sets `errno`, whose address `$errno`
/// returns.
#[allow(unused_macros, reason = "Linux is called without a library")]
macro_rules! calls {
    ($errno:path) => {
        pub(super) fn checked<T: PartialEq + From<i8>>(
            call: $crate::error::kind::Call,
            result: T,
        ) -> $crate::sys::contract::Result<T> {
            if result != T::from(-1) {
                return Ok(result);
            }
            // SAFETY: the function returns the address of this thread's `errno`.
            Err($crate::error::kind::Failure::of_system(call, unsafe { *$errno() }))
        }

        pub(super) fn uninterrupted<T: Copy + PartialEq + From<i8>>(
            call: $crate::error::kind::Call,
            mut function: impl FnMut() -> T,
        ) -> $crate::sys::contract::Result<T> {
            let is_interrupted =
                |result| matches!(result, Err($crate::error::kind::Failure { code: EINTR, .. }));
            $crate::sys::posix::uninterrupted(|| checked(call, function()), is_interrupted)
        }

        /// As `off_t`.
        #[expect(
            clippy::cast_possible_wrap,
            reason = "the contract limits offsets and lengths to `i64::MAX`"
        )]
        pub(super) fn off_t(offset: u64) -> i64 {
            offset as i64
        }

        /// The number of bytes that a function returned.
        #[expect(clippy::cast_sign_loss, reason = "only a failure is negative")]
        pub(super) fn count(result: isize) -> usize {
            result as usize
        }
    };
}
#[allow(unused_imports, reason = "Linux is called without a library")]
pub(super) use calls;

/// Name, words and kind of a code.
pub(super) type Meaning = (&'static str, &'static str, ErrorKind);

macro_rules! meanings {
    ($($name:ident $kind:ident $words:literal)*) => {
        $(
            #[allow(dead_code, reason = "a system has some of them")]
            pub(super) const $name: Meaning = (stringify!($name), $words, ErrorKind::$kind);
        )*
    };
}

// `Io` is a failure of the device, of the file server or of the file system itself. Block devices report the medium, the
// transport and the target as ENODATA, ENOLINK and EREMOTEIO (`blk_errors` in Linux's block/blk-core.c). File systems
// report damage as EUCLEAN and EBADMSG. Network file systems report their connection by the codes of sockets.
meanings! {
    E2BIG           InvalidInput     "argument list too long"
    EACCES          PermissionDenied "permission denied"
    EADDRINUSE      Busy             "address already in use"
    EADDRNOTAVAIL   Other            "cannot assign requested address"
    EADI            Io               "an address was corrupted"
    EADV            Io               "advertise error"
    EAFNOSUPPORT    Unsupported      "address family not supported"
    EAGAIN          WouldBlock       "resource temporarily unavailable"
    EALREADY        WouldBlock       "operation already in progress"
    EASYNC          Other            "the operation will complete later"
    EAUTH           PermissionDenied "authentication error"
    EBADARCH        Other            "bad processor type in executable"
    EBADE           Io               "invalid exchange"
    EBADEXEC        Other            "bad executable or shared library"
    EBADF           InvalidInput     "bad file descriptor, or not open for this"
    EBADFD          InvalidInput     "file descriptor in bad state"
    EBADMACHO       Other            "malformed Mach-O file"
    EBADMSG         Io               "bad message, or a bad checksum"
    EBADR           InvalidInput     "invalid request descriptor"
    EBADRPC         Io               "malformed remote procedure call"
    EBADRQC         InvalidInput     "invalid request code"
    EBADSLT         InvalidInput     "invalid slot"
    EBFONT          Other            "bad font file format"
    EBUSY           Busy             "device or resource busy"
    ECANCELED       Other            "operation canceled"
    ECAPMODE        PermissionDenied "not permitted in capability mode"
    ECHILD          Other            "no child processes"
    ECHRNG          InvalidInput     "channel number out of range"
    ECOMM           Io               "communication error on send"
    ECONNABORTED    Io               "connection aborted"
    ECONNREFUSED    Io               "connection refused"
    ECONNRESET      Io               "connection reset by peer"
    EDEADLK         Other            "resource deadlock avoided"
    EDEADLOCK       Other            "file locking deadlock"
    EDESTADDRREQ    InvalidInput     "destination address required"
    EDEVERR         Io               "device error"
    EDOM            InvalidInput     "numerical argument out of domain"
    EDOOFUS         InvalidInput     "programming error"
    EDOTDOT         Io               "remote file sharing error"
    EDQUOT          NoSpace          "disk quota exceeded"
    EEXIST          AlreadyExists    "file exists"
    EFAULT          InvalidInput     "bad address"
    EFBIG           TooLong          "file too large"
    EFTYPE          NotMappable      "wrong type of file"
    EHOSTDOWN       Io               "host is down"
    EHOSTUNREACH    Io               "no route to host"
    EHWPOISON       Io               "memory page has a hardware error"
    EIDRM           Other            "identifier removed"
    EILSEQ          Io               "illegal byte sequence"
    EINPROGRESS     WouldBlock       "operation now in progress"
    EINTEGRITY      Io               "integrity check failed: the file system is damaged"
    EINTR           Other            "interrupted system call"
    EINVAL          InvalidInput     "invalid argument"
    EIO             Io               "input/output error"
    EIPSEC          Io               "IPsec processing failure"
    EISCONN         Other            "already connected"
    EISDIR          NotMappable      "is a directory"
    EISNAM          Other            "is a named type file"
    EKEYEXPIRED     PermissionDenied "key has expired"
    EKEYREJECTED    PermissionDenied "key was rejected by service"
    EKEYREVOKED     PermissionDenied "key has been revoked"
    EL2HLT          Io               "level 2 halted"
    EL2NSYNC        Io               "level 2 not synchronized"
    EL3HLT          Io               "level 3 halted"
    EL3RST          Io               "level 3 reset"
    ELIBACC         Other            "cannot access a needed shared library"
    ELIBBAD         Other            "accessing a corrupted shared library"
    ELIBEXEC        Other            "cannot execute a shared library directly"
    ELIBMAX         Other            "too many shared libraries"
    ELIBSCN         Other            "corrupted .lib section in a.out"
    ELNRNG          InvalidInput     "link number out of range"
    ELOCKUNMAPPED   Other            "the lock was unmapped"
    ELOOP           InvalidInput     "too many levels of symbolic links"
    EMEDIUMTYPE     Io               "wrong medium type"
    EMFILE          TooManyFiles     "too many open files"
    EMLINK          Other            "too many links"
    EMSGSIZE        InvalidInput     "message too long"
    EMULTIHOP       Io               "multihop attempted"
    ENAMETOOLONG    InvalidInput     "file name too long"
    ENAVAIL         Other            "no XENIX semaphores available"
    ENEEDAUTH       PermissionDenied "authentication needed"
    ENETDOWN        Io               "network is down"
    ENETRESET       Io               "network dropped connection on reset"
    ENETUNREACH     Io               "network is unreachable"
    ENFILE          TooManyFiles     "too many open files in the system"
    ENOANO          Other            "no anode"
    ENOATTR         Other            "attribute not found"
    ENOBUFS         OutOfMemory      "no buffer space available"
    ENOCSI          Other            "no CSI structure available"
    ENODATA         Io               "no data available"
    ENODEV          NotMappable      "no such device, or the file cannot be mapped"
    ENOENT          NotFound         "no such file or directory"
    ENOEXEC         Other            "exec format error"
    ENOKEY          PermissionDenied "required key not available"
    ENOLCK          Other            "no locks available"
    ENOLINK         Io               "link has been severed"
    ENOMEDIUM       Io               "no medium found"
    ENOMEM          OutOfMemory      "cannot allocate memory"
    ENOMSG          Other            "no message of desired type"
    ENONET          Io               "machine is not on the network"
    ENOPKG          Unsupported      "package not installed"
    ENOPOLICY       Other            "no such policy registered"
    ENOPROTOOPT     Unsupported      "protocol not available"
    ENOSPC          NoSpace          "no space left on device"
    ENOSR           OutOfMemory      "out of streams resources"
    ENOSTR          InvalidInput     "device not a stream"
    ENOSYS          Unsupported      "function not implemented"
    ENOTACTIVE      Other            "the facility is not active"
    ENOTBLK         InvalidInput     "block device required"
    ENOTCAPABLE     PermissionDenied "capabilities insufficient"
    ENOTCONN        Io               "transport endpoint is not connected"
    ENOTDIR         NotFound         "a component of the path is not a directory"
    ENOTEMPTY       Other            "directory not empty"
    ENOTNAM         Other            "not a XENIX named type file"
    ENOTRECOVERABLE Other            "state not recoverable"
    ENOTSOCK        InvalidInput     "socket operation on non-socket"
    ENOTSUP         Unsupported      "operation not supported"
    ENOTTY          Unsupported      "inappropriate ioctl for device"
    ENOTUNIQ        Other            "name not unique on network"
    ENXIO           NotMappable      "no such device or address"
    EOPNOTSUPP      Unsupported      "operation not supported"
    EOVERFLOW       Overflow         "value too large for its type"
    EOWNERDEAD      Other            "owner died"
    EPERM           PermissionDenied "operation not permitted"
    EPFNOSUPPORT    Unsupported      "protocol family not supported"
    EPIPE           Other            "broken pipe"
    EPROCLIM        Other            "too many processes"
    EPROCUNAVAIL    Io               "bad procedure for program"
    EPROGMISMATCH   Io               "program version wrong"
    EPROGUNAVAIL    Io               "remote program not available"
    EPROTO          Io               "protocol error"
    EPROTONOSUPPORT Unsupported      "protocol not supported"
    EPROTOTYPE      InvalidInput     "protocol wrong type for socket"
    EPWROFF         Io               "device power is off"
    EQFULL          Io               "interface output queue is full"
    ERANGE          InvalidInput     "numerical result out of range"
    EREMCHG         Io               "remote address changed"
    EREMOTE         Other            "object is remote"
    EREMOTEIO       Io               "remote input/output error"
    ERESTART        Other            "interrupted system call should be restarted"
    ERFKILL         Other            "operation not possible due to RF-kill"
    EROFS           PermissionDenied "read-only file system"
    ERPCMISMATCH    Io               "version of remote procedure calls wrong"
    ESHLIBVERS      Other            "shared library version mismatch"
    ESHUTDOWN       Io               "cannot send after shutdown"
    ESOCKTNOSUPPORT Unsupported      "socket type not supported"
    ESPIPE          NotSeekable      "illegal seek"
    ESRCH           Other            "no such process"
    ESRMNT          Io               "srmount error"
    ESTALE          Io               "stale file handle"
    ESTRPIPE        Other            "streams pipe error"
    ETIME           Io               "timer expired"
    ETIMEDOUT       Io               "timed out"
    ETOOMANYREFS    Other            "too many references: cannot splice"
    ETXTBSY         Busy             "text file busy"
    EUCLEAN         Io               "structure needs cleaning: the file system is damaged"
    EUNATCH         Io               "protocol driver not attached"
    EUSERS          Other            "too many users"
    EXDEV           Other            "cross-device link"
    EXFULL          Other            "exchange full"
}

/// Declares a system's codes: a constant for each, and the contract's `kind` and `describe`.
macro_rules! codes {
    ($($(#[$cfg:meta])? $number:literal $name:ident)*) => {
        $(
            $(#[$cfg])?
            #[allow(dead_code, reason = "printed, but not compared with")]
            pub(crate) const $name: i32 = $number;
        )*

        pub(crate) fn kind(code: i32) -> $crate::error::kind::ErrorKind {
            match code {
                $($(#[$cfg])? $number => $crate::sys::posix::$name.2,)*
                _ => $crate::error::kind::ErrorKind::Other,
            }
        }

        pub(crate) fn describe(code: i32, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            let (name, words, _) = match code {
                $($(#[$cfg])? $number => $crate::sys::posix::$name,)*
                _ => return write!(f, "unknown error ({code})"),
            };
            write!(f, "{words} ({name}, {code})")
        }
    };
}
pub(super) use codes;

#[cfg(feature = "std")]
mod descriptors;

/// What std calls open files where they are descriptors.
#[cfg(feature = "std")]
pub(crate) mod std_files {
    pub(crate) use crate::sys::posix::descriptors::*;
    use core::ffi::CStr;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    /// Calls `f` with the path as the system takes it. `None` if the path contains NUL.
    pub(crate) fn with_c_str<T>(path: &Path, f: impl FnOnce(&CStr) -> T) -> Option<T> {
        CString::new(path.as_os_str().as_bytes()).ok().map(|path| f(&path))
    }
}
