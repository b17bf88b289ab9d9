//! Why a call failed: the firmware's status, in whose numbers the crate's errors have their codes.

use baremap::ErrorKind;
use baremap::custom::Code;
use uefi::Status;

pub type Result<T = (), E = Code> = core::result::Result<T, E>;

/// No status of the firmware's: these are positive.
pub const DIRECTORY: Code = -1;
pub const EXISTS: Code = -2;

/// The number of an error, without the bit that marks it as one. A warning is a success (UEFI 2.10, appendix D).
pub fn check(status: Status) -> Result {
    if status.is_error() { Err(code(status)) } else { Ok(()) }
}

pub const fn code(error: Status) -> Code {
    error.0 as Code
}

/// Returns the name, the meaning and the kind of a code.
pub fn describe(of: Code) -> (&'static str, &'static str, ErrorKind) {
    const CODES: [(Code, &str, &str, ErrorKind); 14] = [
        (DIRECTORY, "DIRECTORY", "is a directory", ErrorKind::NotMappable),
        (EXISTS, "EXISTS", "the file exists", ErrorKind::AlreadyExists),
        (code(Status::INVALID_PARAMETER), "INVALID_PARAMETER", "invalid argument", ErrorKind::InvalidInput),
        (code(Status::UNSUPPORTED), "UNSUPPORTED", "not supported by the firmware", ErrorKind::Unsupported),
        (code(Status::BAD_BUFFER_SIZE), "BAD_BUFFER_SIZE", "wrong length", ErrorKind::InvalidInput),
        (code(Status::DEVICE_ERROR), "DEVICE_ERROR", "the device failed", ErrorKind::Io),
        (code(Status::WRITE_PROTECTED), "WRITE_PROTECTED", "read-only medium", ErrorKind::PermissionDenied),
        (code(Status::OUT_OF_RESOURCES), "OUT_OF_RESOURCES", "no free memory", ErrorKind::OutOfMemory),
        (code(Status::VOLUME_CORRUPTED), "VOLUME_CORRUPTED", "the file system is damaged", ErrorKind::Io),
        (code(Status::VOLUME_FULL), "VOLUME_FULL", "the file system is full", ErrorKind::NoSpace),
        (code(Status::NO_MEDIA), "NO_MEDIA", "no medium", ErrorKind::Io),
        (code(Status::MEDIA_CHANGED), "MEDIA_CHANGED", "the medium was changed", ErrorKind::Io),
        (code(Status::NOT_FOUND), "NOT_FOUND", "no such file", ErrorKind::NotFound),
        (code(Status::ACCESS_DENIED), "ACCESS_DENIED", "access denied", ErrorKind::PermissionDenied),
    ];
    match CODES.iter().find(|(code, ..)| *code == of) {
        Some(&(_, name, meaning, kind)) => (name, meaning, kind),
        None => ("?", "see appendix D of the UEFI specification", ErrorKind::Other),
    }
}
