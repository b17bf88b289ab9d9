//! Errors: small, and of the same kinds and words on every system.

use super::*;
use baremap::{Flags, Refused};

checks! {
    error:
    size,
    own_words,
    system_words,
    std_error,
    refused,
}

fn text(value: impl fmt::Display) -> Text<255> {
    Text::new(format_args!("{value}"))
}

fn size(_: &mut Env) -> Result {
    fn is_copy<T: Copy + Send + Sync + 'static>() {}
    is_copy::<Error>();
    ensure!(size_of::<Error>() <= 8);
    Ok(())
}

/// What this crate itself refuses has no code.
fn own_words(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    let map = map(&file, Prot::READ)?;
    for (error, kind, words) in [
        (Mmap::anon(0).map().err(), ErrorKind::ZeroLength, "map: the length is 0"),
        (
            Mmap::anon(usize::MAX).map().err(),
            ErrorKind::TooLong,
            "map: the length is more than can be addressed",
        ),
        (
            Mmap::new(&file).offset(11).map_raw().err(),
            ErrorKind::BeyondEnd,
            "map: the range reaches past the end",
        ),
        (
            Mmap::new(&file).offset(u64::MAX).len(1).map_raw().err(),
            ErrorKind::Overflow,
            "map: offset and length together overflow",
        ),
        (map.flush_range(..11).err(), ErrorKind::BeyondEnd, "flush: the range reaches past the end"),
        (
            Mmap::anon(1).flags(Flags::HUGETLB | Flags::NORESERVE).map().err(),
            ErrorKind::Unsupported,
            "map with NORESERVE: not supported by this system",
        ),
    ] {
        let Some(error) = error else {
            return Err(Failure::broken("fails", format_args!("{words}")));
        };
        ensure_eq!(error.kind(), kind);
        ensure_eq!(error.raw_os_error(), None);
        ensure_eq!(text(error).as_str(), words);
    }
    Ok(())
}

/// The call, a colon, words, and in parentheses the code's name and number: one line, also for debugging.
fn system_words(env: &mut Env) -> Result {
    let Err(error) = File::open(&*env.path("missing")) else {
        return Err(Failure::broken("fails", format_args!("the file is missing")));
    };
    let code = error.raw_os_error().unwrap_or(0);
    ensure!(code != 0);
    let (line, number) = (text(error), text(format_args!(", {code})")));
    let words = line.as_str().strip_prefix(error.call()).and_then(|words| words.strip_prefix(": "));
    let (words, code) = words.and_then(|words| words.rsplit_once(" (")).unwrap_or_default();
    ensure!(words.len() > 8 && !words.contains("unknown"));
    let name = code.strip_suffix(number.as_str()).unwrap_or_default();
    ensure!(!name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase()));
    let debug = text(format_args!("{error:?}"));
    ensure!(debug.as_str().contains(line.as_str()) && !debug.as_str().contains(char::is_control));
    Ok(())
}

fn std_error(_: &mut Env) -> Result {
    fn is_error<T: core::error::Error>() {}
    is_error::<Error>();
    is_error::<Refused<File>>();
    Ok(())
}

/// A refusal holds the value and the error, reads as the error, and converts into it.
fn refused(_: &mut Env) -> Result {
    let Err(error) = Mmap::anon(0).map() else {
        return Err(Failure::broken("fails", format_args!("the length is 0")));
    };
    let refused = Refused { value: 7, error };
    ensure_eq!(text(&refused).as_str(), text(error).as_str());
    ensure!(text(format_args!("{refused:?}")).as_str().contains(text(error).as_str()));
    let failing = || -> Result<(), Error> { Err(refused)? };
    ensure_eq!(failing(), Err(error));
    Ok(())
}
