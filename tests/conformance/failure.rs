//! How a check fails: with the location, the promise, and the values that were found. There may be no allocator.

use super::Result;
use baremap::{Error, ErrorKind, Refused};
use core::fmt::{self, Debug, Write};
use core::panic::Location;

/// Why a check did not pass.
pub enum Failure {
    /// A promise does not hold: where, which, and the values or the error that were found.
    Broken { location: &'static Location<'static>, promise: &'static str, found: Text<88> },
    /// It cannot be tried here, for this reason.
    Skipped(&'static str),
}

impl Failure {
    /// A promise that does not hold, with what was found instead.
    #[track_caller]
    pub fn broken(promise: &'static str, found: fmt::Arguments) -> Self {
        Self::Broken { location: Location::caller(), promise, found: Text::new(found) }
    }

    /// Two values that should be equal. A long one leaves room for the other.
    #[track_caller]
    pub fn differ(promise: &'static str, left: &dyn Debug, right: &dyn Debug) -> Self {
        let left = Text::<42>::new(format_args!("{left:?}"));
        Self::broken(promise, format_args!("{} != {right:?}", left.as_str()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Broken { location, promise, found } => {
                write!(f, "{location}: {promise}: {}", found.as_str())
            }
            Self::Skipped(reason) => f.write_str(reason),
        }
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::broken("succeeds", format_args!("{error}"))
    }
}

impl<T> From<Refused<T>> for Failure {
    #[track_caller]
    fn from(refused: Refused<T>) -> Self {
        refused.error.into()
    }
}

/// Text of limited length; what does not fit is left out.
pub struct Text<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
}

impl<const SIZE: usize> Text<SIZE> {
    pub fn new(text: fmt::Arguments) -> Self {
        let mut new = Self { bytes: [0; SIZE], len: 0 };
        // An error means that the text does not fit.
        let _ = new.write_fmt(text);
        new
    }

    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl<const SIZE: usize> Write for Text<SIZE> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let mut len = part.len().min(SIZE - self.len);
        while !part.is_char_boundary(len) {
            len -= 1;
        }
        self.bytes[self.len..][..len].copy_from_slice(&part.as_bytes()[..len]);
        self.len += len;
        if len == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return Err($crate::conformance::Failure::broken(stringify!($condition), format_args!("false")));
        }
    };
}
pub(crate) use ensure;

/// Fails the check unless two values are equal, and prints both.
macro_rules! ensure_eq {
    ($left:expr, $right:expr) => {
        match (&$left, &$right) {
            (left, right) if *left == *right => {}
            (left, right) => {
                let promise = concat!(stringify!($left), " == ", stringify!($right));
                return Err($crate::conformance::Failure::differ(promise, &left, &right));
            }
        }
    };
}
pub(crate) use ensure_eq;

/// Fails the check unless the result is an error of this kind.
#[track_caller]
pub fn fails<T, E>(result: Result<T, E>, kind: ErrorKind) -> Result
where
    Error: From<E>,
{
    match result.map_err(Error::from) {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Failure::broken("the kind of the error", format_args!("not {kind:?}: {error}"))),
        Ok(_) => Err(Failure::broken("fails", format_args!("{kind:?} was due"))),
    }
}

/// Skips the check, for this reason, if the system does not support the call.
#[track_caller]
pub fn supported<T, E>(result: Result<T, E>, reason: &'static str) -> Result<T>
where
    Error: From<E>,
{
    match result.map_err(Error::from) {
        Err(error) if error.kind() == ErrorKind::Unsupported => Err(Failure::Skipped(reason)),
        result => Ok(result?),
    }
}

/// Two periods of what [`Env::file`] writes. A period is 251 bytes, which divides no power of two.
pub const PATTERN: [u8; 502] = {
    let mut bytes = [0; 502];
    let mut i = 0;
    while i < bytes.len() {
        bytes[i] = (i % 251) as u8;
        i += 1;
    }
    bytes
};

/// A period from an offset on.
pub fn period(offset: u64) -> &'static [u8] {
    &PATTERN[(offset % 251) as usize..][..251]
}

/// Where the bytes are not the period again and again. Compares many at once, as tests are not optimized.
fn first_difference(bytes: &[u8], period: &[u8]) -> Option<usize> {
    let is_different = |(_, chunk): &(usize, &[u8])| *chunk != &period[..chunk.len()];
    let (i, chunk) = bytes.chunks(period.len()).enumerate().find(is_different)?;
    let at = chunk.iter().zip(period).position(|(byte, expected)| byte != expected)?;
    Some(i * period.len() + at)
}

/// Whether the bytes are those at an offset of a file that [`Env::file`] made.
pub fn is_pattern(bytes: &[u8], offset: u64) -> bool {
    first_difference(bytes, period(offset)).is_none()
}

/// Fails the check unless the bytes are those at an offset of a file that [`Env::file`] made.
#[track_caller]
pub fn ensure_pattern(bytes: &[u8], offset: u64) -> Result {
    ensure_repeated(bytes, period(offset))
}

/// Fails the check unless every byte is this one.
#[track_caller]
pub fn ensure_filled(bytes: &[u8], byte: u8) -> Result {
    ensure_repeated(bytes, &[byte; 512])
}

#[track_caller]
fn ensure_repeated(bytes: &[u8], period: &[u8]) -> Result {
    let Some(i) = first_difference(bytes, period) else { return Ok(()) };
    let (len, byte, expected) = (bytes.len(), bytes[i], period[i % period.len()]);
    Err(Failure::broken("contents", format_args!("byte {i} of {len} is {byte}, not {expected}")))
}
