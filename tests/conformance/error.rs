//! Errors: small, of the same kinds and words on every system.

use super::{Env, Result, ensure};
use baremap::{Error, ErrorKind, File, Flags, Mmap, Prot};
use core::fmt::Write;

/// A text of limited length.
struct Text {
    bytes: [u8; 256],
    len: usize,
}

impl Text {
    fn of(value: impl core::fmt::Display) -> Self {
        let mut text = Self { bytes: [0; 256], len: 0 };
        let _ = write!(text, "{value}");
        text
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        let to = self.bytes.get_mut(self.len..self.len + part.len()).ok_or(core::fmt::Error)?;
        to.copy_from_slice(part.as_bytes());
        self.len += part.len();
        Ok(())
    }
}

pub fn is_small(_: &mut Env) -> Result {
    fn is_copy<T: Copy + Send + Sync + 'static>() {}
    is_copy::<Error>();
    ensure!(size_of::<Error>() <= 8);
    Ok(())
}

pub fn of_this_crate_in_words(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    // SAFETY: nothing is mapped.
    let beyond = unsafe { Mmap::new(&file).offset(11).map() };
    // SAFETY: nothing is mapped.
    let overflow = unsafe { Mmap::new(&file).offset(u64::MAX).len(1).map() };
    let mut read_only = super::map(&file, Prot::READ)?;
    let flushed = read_only.flush_range(..11);
    for (error, kind, words) in [
        (Mmap::anon(0).map().err(), ErrorKind::EmptyAnon, "map: anonymous memory needs a length over 0"),
        (Mmap::anon(1).offset(1).map().err(), ErrorKind::OffsetAnon, "map: anonymous memory has no offset"),
        (
            Mmap::anon(usize::MAX).map().err(),
            ErrorKind::TooLong,
            "map: the length is more than can be addressed",
        ),
        (beyond.err(), ErrorKind::BeyondEnd, "map: the range reaches beyond the end"),
        (overflow.err(), ErrorKind::Overflow, "map: offset and length together overflow"),
        (flushed.err(), ErrorKind::BeyondEnd, "flush: the range reaches beyond the end"),
        (read_only.bytes_mut().err(), ErrorKind::NotWritable, "bytes_mut: the mapping is not writable"),
        (
            Mmap::anon(1).flags(Flags::HUGETLB | Flags::NORESERVE).map().err(),
            ErrorKind::Unsupported,
            "map with NORESERVE: not supported by this system",
        ),
    ] {
        ensure!(error.is_some_and(|error| error.kind() == kind));
        ensure!(error.is_some_and(|error| error.raw_os_error().is_none()));
        ensure!(error.is_some_and(|error| Text::of(error).as_str() == words));
    }
    Ok(())
}

/// The call, a colon, words, and in brackets the code's name and number: one line, also for debugging.
pub fn of_the_system_in_words(env: &mut Env) -> Result {
    let Err(error) = env.path("missing", File::open) else {
        ensure!(false);
        return Ok(());
    };
    let code = error.raw_os_error();
    ensure!(code.is_some_and(|code| code != 0));
    let text = Text::of(error);
    ensure!(text.as_str().starts_with(error.call()));
    ensure!(text.as_str()[error.call().len()..].starts_with(": "));
    let number = Text::of(format_args!(", {})", code.unwrap_or(0)));
    ensure!(text.as_str().ends_with(number.as_str()));
    ensure!(text.as_str().len() > error.call().len() + number.as_str().len() + 10);
    ensure!(!text.as_str().contains("unknown") && !text.as_str().contains(char::is_control));
    let name = text.as_str().rsplit_once(" (").and_then(|(_, name)| name.strip_suffix(number.as_str()));
    ensure!(name.is_some_and(|name| name.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase())));
    let debug = Text::of(format_args!("{error:?}"));
    ensure!(debug.as_str().contains(text.as_str()) && !debug.as_str().contains(char::is_control));
    Ok(())
}

pub fn is_std_error(_: &mut Env) -> Result {
    fn is_error<T: core::error::Error>(_: &T) -> bool {
        true
    }
    ensure!(Mmap::anon(0).map().is_err_and(|error| is_error(&error)));
    Ok(())
}
