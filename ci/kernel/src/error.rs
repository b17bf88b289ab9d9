//! The reasons why a request fails, and the codes that stand for them.

use baremap::ErrorKind;
use baremap::custom::UNSUPPORTED;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    Unsupported = UNSUPPORTED as isize,
    NoFrame,
    NoAddress,
    TooManyAreas,
    Taken,
    NotFound,
    Exists,
    Directory,
    TooManyFiles,
    TooLong,
    NotOpen,
    NotMapped,
    NotAllowed,
    PastEnd,
}

pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Returns the name, the meaning and the kind of a code.
pub fn describe(code: i32) -> (&'static str, &'static str, ErrorKind) {
    const ERRORS: [(Error, &str, &str, ErrorKind); 13] = [
        (Error::NoFrame, "NO_FRAME", "no free page frame", ErrorKind::OutOfMemory),
        (Error::NoAddress, "NO_ADDRESS", "no free range of addresses", ErrorKind::OutOfMemory),
        (Error::TooManyAreas, "TOO_MANY_AREAS", "too many mappings", ErrorKind::OutOfMemory),
        (Error::Taken, "TAKEN", "the range is in use", ErrorKind::Busy),
        (Error::NotFound, "NOT_FOUND", "no such file", ErrorKind::NotFound),
        (Error::Exists, "EXISTS", "the file exists", ErrorKind::AlreadyExists),
        (Error::Directory, "DIRECTORY", "is a directory", ErrorKind::NotMappable),
        (Error::TooManyFiles, "TOO_MANY_FILES", "too many files", ErrorKind::TooManyFiles),
        (Error::TooLong, "TOO_LONG", "file too large", ErrorKind::TooLong),
        (Error::NotOpen, "NOT_OPEN", "the file is not open for this", ErrorKind::PermissionDenied),
        (Error::NotMapped, "NOT_MAPPED", "nothing is mapped there", ErrorKind::InvalidInput),
        (Error::NotAllowed, "NOT_ALLOWED", "the permissions do not allow it", ErrorKind::PermissionDenied),
        (Error::PastEnd, "PAST_END", "the file ends before the page", ErrorKind::Truncated),
    ];
    match ERRORS.iter().find(|error| error.0 as i32 == code) {
        Some(&(_, name, meaning, kind)) => (name, meaning, kind),
        None => ("?", "unknown code", ErrorKind::Other),
    }
}
