//! What POSIX systems say alike: the names of error codes, their words and kinds. Each stands here once, by name; which
//! number it has, and whether it has one, is the system's own affair (`linux/codes.rs`, `apple/codes.rs`). Of what a
//! system lacks nothing is left in a program, and neither are the words if nothing prints an error.

use crate::error::ErrorKind;

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

// What a file system reports for its device, its server and its own damage is `Io`: block devices speak of the medium, the
// transport and the target by ENODATA, ENOLINK and EREMOTEIO (`blk_errors` in Linux's block/blk-core.c), file systems of
// damage by EUCLEAN and EBADMSG, and those of networks of their connection by the codes of sockets.
meanings! {
    E2BIG           InvalidInput     "argument list too long"
    EACCES          PermissionDenied "permission denied"
    EADDRINUSE      Busy             "address already in use"
    EADDRNOTAVAIL   Other            "cannot assign requested address"
    EADV            Io               "advertise error"
    EAFNOSUPPORT    Unsupported      "address family not supported"
    EAGAIN          WouldBlock       "resource temporarily unavailable"
    EALREADY        WouldBlock       "operation already in progress"
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
    ECHILD          Other            "no child processes"
    ECHRNG          InvalidInput     "channel number out of range"
    ECOMM           Io               "communication error on send"
    ECONNABORTED    Io               "connection aborted"
    ECONNREFUSED    Io               "connection refused"
    ECONNRESET      Io               "connection reset by peer"
    EDEADLK         Other            "resource deadlock avoided"
    EDESTADDRREQ    InvalidInput     "destination address required"
    EDEVERR         Io               "device error"
    EDOM            InvalidInput     "numerical argument out of domain"
    EDOTDOT         Io               "remote file sharing error"
    EDQUOT          NoSpace          "disk quota exceeded"
    EEXIST          Other            "file exists"
    EFAULT          InvalidInput     "bad address"
    EFBIG           TooLong          "file too large"
    EFTYPE          NotMappable      "wrong type of file"
    EHOSTDOWN       Io               "host is down"
    EHOSTUNREACH    Io               "no route to host"
    EHWPOISON       Io               "memory page has a hardware error"
    EIDRM           Other            "identifier removed"
    EILSEQ          Io               "illegal byte sequence"
    EINPROGRESS     WouldBlock       "operation now in progress"
    EINTR           Other            "interrupted system call"
    EINVAL          InvalidInput     "invalid argument"
    EIO             Io               "input/output error"
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

/// A system's codes: a constant for each, which its calls compare with, and the contract's `kind` and `describe`.
macro_rules! codes {
    ($($number:literal $name:ident)*) => {
        $(
            #[allow(dead_code, reason = "printed, but not compared with")]
            pub(super) const $name: i32 = $number;
        )*

        pub(crate) fn kind(code: i32) -> ErrorKind {
            match code {
                $($number => posix::$name.2,)*
                _ => ErrorKind::Other,
            }
        }

        pub(crate) fn describe(code: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (name, words, _) = match code {
                $($number => posix::$name,)*
                _ => return write!(f, "unknown error ({code})"),
            };
            write!(f, "{words} ({name}, {code})")
        }
    };
}
pub(super) use codes;
