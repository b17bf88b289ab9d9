//! The conformance suite: every promise of the crate as a named check. It is `no_std`, knows only the public
//! interface, and asks the program around it for nothing but an [`Env`]. So the same list runs as tests under std, as
//! a program without libc, under an emulator, inside a kernel.
//!
//! To add a check, write a function and name it in the `checks!` at the top of its file. To add a file, name it in
//! [`FILES`]. What is forgotten there is dead code, which is an error here.

#![deny(dead_code)]

mod anon;
mod code;
mod contents;
mod discard;
mod error;
mod failure;
mod file;
mod mapping;
mod memory;
mod mmap;
mod options;
mod parts;
mod past_end;
mod process;
mod protect;
#[cfg(feature = "alloc")]
mod reader;
mod reservation;
mod residency;
mod shared;
mod special;
mod stack;
mod view;

use baremap::{Error, ErrorKind, File, FileRef, Mapping, MappingMut, Mmap, Prot, Refused, Reservation};
use core::ffi::CStr;
use core::fmt::{self, Debug, Write};
use core::ops::Deref;
pub use failure::*;

#[allow(dead_code, reason = "tests run each check by itself")]
pub const FILES: &[&[Check]] = &[
    anon::CHECKS,
    error::CHECKS,
    file::CHECKS,
    options::CHECKS,
    mmap::CHECKS,
    mapping::CHECKS,
    memory::CHECKS,
    protect::CHECKS,
    process::CHECKS,
    discard::CHECKS,
    contents::CHECKS,
    reservation::CHECKS,
    residency::CHECKS,
    code::CHECKS,
    stack::CHECKS,
    parts::CHECKS,
    special::CHECKS,
    view::CHECKS,
    past_end::CHECKS,
    shared::CHECKS,
    #[cfg(feature = "alloc")]
    reader::CHECKS,
];

/// One promise. `run` fails if it is not kept.
pub struct Check {
    pub name: &'static str,
    pub run: fn(&mut Env) -> Result,
}

/// Makes `CHECKS` of the functions of a file, and where there are tests one `#[test]` for each, which calls `crate::run`.
macro_rules! checks {
    ($file:ident: $($check:ident),* $(,)?) => {
        pub const CHECKS: &[Check] = &[$(checks!(= $file $check)),*];

        #[cfg(test)]
        mod test {
            use super::*;
            $(#[test]
            fn $check() {
                crate::run(&checks!(= $file $check));
            })*
        }
    };
    (= $file:ident $check:ident) => {
        Check { name: concat!(stringify!($file), "::", stringify!($check)), run: super::$file::$check }
    };
}
use checks;

/// What a check finds around it.
pub struct Env<'a> {
    /// A directory for the checks alone, ending in the separator. The program removes it with its files.
    pub folder: &'a CStr,
    /// The end of a pipe from which the text "pipe" and the end of the line can be read, once.
    pub pipe: Option<FileRef<'a>>,
    /// A device that reads as zeros without end and can be mapped.
    pub zeros: Option<&'a CStr>,
    /// A file that has contents and reports a length of 0.
    pub reports_no_length: Option<&'a CStr>,
    /// Sets the length of a file by its path, for a system that does not truncate mapped files; others may: the host of Wine,
    /// the server of a network drive. Returns whether that was possible.
    pub set_len: Option<fn(&CStr, u64) -> bool>,
    /// The processor, as std names it, for code that a check writes.
    pub arch: &'static str,
    /// Whether old code may run where new code was written through another mapping: QEMU keeps what it translated of a user's
    /// program until the page is written by its own address, on aarch64 before 8.1.
    pub keeps_translations: bool,
    /// How many bytes of address space a check may reserve.
    pub address_space: usize,
}

pub type Result<T = (), E = Failure> = core::result::Result<T, E>;

/// How many checks ended how.
#[allow(dead_code, reason = "as above")]
#[derive(Default)]
pub struct Counts {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

/// Runs every check, then the program's `own`. Prints a line for each, then the counts.
///
/// `run` is `|check, env| (check.run)(env)`, or does that and looks for what the check leaves behind.
#[allow(dead_code, reason = "as above")]
pub fn run_all(
    env: &mut Env,
    own: &'static [Check],
    run: fn(&'static Check, &mut Env) -> Result,
    output: &mut dyn Write,
) -> Counts {
    let mut counts = Counts::default();
    for check in FILES.iter().copied().chain([own]).flatten() {
        let result = run(check, env);
        let (word, count) = match result {
            Ok(()) => ("ok", &mut counts.passed),
            Err(Failure::Broken { .. }) => ("FAILED", &mut counts.failed),
            Err(Failure::Skipped(_)) => ("skipped", &mut counts.skipped),
        };
        *count += 1;
        // If the output fails, the caller still has the counts.
        let _ = match result {
            Ok(()) => writeln!(output, "{word} {}", check.name),
            Err(failure) => writeln!(output, "{word} {}: {failure}", check.name),
        };
        // Of ci/faults. Not an argument, as it has to reach kernels, too.
        if counts.failed > 0 && option_env!("STOP_AT_FAILURE").is_some() {
            break;
        }
    }
    let Counts { passed, failed, skipped } = counts;
    let _ = writeln!(output, "{passed} passed, {failed} failed, {skipped} skipped");
    counts
}

/// A path, and zeros.
pub struct Path([u8; 512]);

impl Deref for Path {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

impl Env<'_> {
    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> Path {
        let mut path = [0; 512];
        for (to, from) in path.iter_mut().zip(self.folder.to_bytes().iter().chain(name.as_bytes())) {
            *to = *from;
        }
        Path(path)
    }

    /// Makes a file of `len` bytes.
    pub fn file(&self, name: &str, len: usize) -> Result<File, Error> {
        let file = File::create(&*self.path(name))?;
        file.set_len(len as u64)?;
        let fill = |bytes: &mut [u8]| {
            for chunk in bytes.chunks_mut(251) {
                chunk.copy_from_slice(&PATTERN[..chunk.len()]);
            }
        };
        match map_mut(&file) {
            // Firmware carries no store to a file.
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let mut bytes = Mmap::anon(len).map_mut()?;
                fill(&mut bytes);
                file.write_at(&bytes, 0)?;
            }
            map => fill(&mut map?),
        }
        Ok(file)
    }
}

/// Takes so much address space that `isize::MAX` bytes more cannot be had. Where an address has 64 bits there never are as many.
pub fn crowd() -> Option<Reservation> {
    Reservation::new(isize::MAX as usize & !0xffff).ok()
}

/// Maps a whole file.
pub fn map(file: &File, prot: Prot) -> Result<Mapping, Error> {
    // SAFETY: the files of a check are its own, and it keeps their length while they are mapped.
    unsafe { Mmap::new(file).prot(prot).map() }
}

/// The same, for writing.
pub fn map_mut(file: &File) -> Result<MappingMut, Error> {
    // SAFETY: as above.
    unsafe { Mmap::new(file).map_mut() }
}
