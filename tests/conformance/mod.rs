//! The conformance suite: every promise of the crate as a named check. It is `no_std`, knows only the public
//! interface, and asks the embedding program for nothing but an [`Env`], so that the same list runs as tests under
//! std, as a program without libc, under an emulator, inside a kernel.

// A program may use less of this than another.
#![allow(dead_code)]

mod anon;
mod error;
mod file;
mod mapping;
#[cfg(feature = "alloc")]
mod reader;
mod reservation;
mod view;

use baremap::{Error, ErrorKind, File, FileRef, Mapping, Mmap, Prot};
use core::ffi::CStr;
use core::panic::Location;

/// What a check finds around it.
pub struct Env<'a> {
    /// A folder for the check alone, ending in the separator. Whoever made it removes it with what is in it.
    pub folder: &'a CStr,
    /// The end of a pipe from which the text "pipe" and the end of the line can be read, once.
    pub pipe: Option<FileRef<'a>>,
    /// A device that gives zeros without end and can be mapped.
    pub zeros: Option<&'a CStr>,
    /// A file that has contents and says that it is empty.
    pub tells_no_length: Option<&'a CStr>,
    /// How many bytes of address space one may reserve here without regret.
    pub address_space: usize,
}

pub type Result = core::result::Result<(), Failure>;

/// Why a check did not pass.
#[derive(Debug)]
pub enum Failure {
    /// A promise does not hold: where, what, and the error if an error was the surprise.
    Broken(&'static Location<'static>, &'static str, Option<Error>),
    /// It cannot be tried here, for this reason.
    Skipped(&'static str),
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::Broken(Location::caller(), "an error", Some(error))
    }
}

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return Err($crate::conformance::Failure::Broken(
                core::panic::Location::caller(),
                stringify!($condition),
                None,
            ));
        }
    };
}
use ensure;

/// Fails the check unless the result is an error of this kind.
#[track_caller]
pub fn fails<T>(result: core::result::Result<T, Error>, kind: ErrorKind) -> Result {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Failure::Broken(Location::caller(), "another kind of error", Some(error))),
        Ok(_) => Err(Failure::Broken(Location::caller(), "an error was due", None)),
    }
}

pub type Check = fn(&mut Env) -> Result;

/// Calls a macro with the list of all checks.
#[macro_export]
macro_rules! for_all_checks {
    ($macro:ident) => {
        $macro! {
            anon {
                is_zeroed_and_writable, of_any_length, without_length, with_offset, too_long,
                more_than_there_is, with_every_flag, huge_pages, huge_pages_unreserved, many_at_a_time
            }
            error {
                is_small, of_this_crate_in_words, of_the_system_in_words, is_std_error
            }
            file {
                is_created_and_emptied, of_any_name, of_no_name, directory, length, reads_at, syncs, raw,
                written_only_if_open_for_it
            }
            view {
                whole_file, of_any_length, of_any_offset, of_nothing, of_a_file_that_tells_no_length, beyond_end, overflow, too_long,
                beyond_4_gib, shared_is_seen, cow_stays_private, write_needs_permission, outlives_file,
                directory, pipe, device, with_every_flag, huge_pages
            }
            mapping {
                is_three_words, is_a_slice, is_send_and_sync, read_only_is_not_written, flushes,
                ranges_are_checked, locks, takes_advice, discards, discards_whole_pages_only,
                discards_copy_on_write, discards_of_shared_files_change_nothing, removes_from_file,
                removes_nothing_outside, refuses_discards_without_meaning, protects, protect_is_refused,
                runs_at_raw_parts, unmaps, leaks_on_purpose, says_what_it_is, page_sizes
            }
            reservation {
                reserves, of_no_length, aligned, at_an_address, splits, drops_in_any_order, maps_memory,
                maps_files, maps_copies, maps_with_every_flag, is_given_back, is_taken_back,
                is_made_of_any_mapping, neighbours_stay, of_great_length, says_what_it_is
            }
        }
    };
}

/// The same for those that need the feature `alloc`.
#[macro_export]
macro_rules! for_all_alloc_checks {
    ($macro:ident) => {
        $macro! {
            reader {
                of_any_length, of_any_chunk_length, chunks_have_their_length, from_offset, of_growing_file,
                of_shrinking_file, stops, of_pipe, of_directory, of_device, of_records, of_records_in_chunks, of_long_record
            }
        }
    };
}

macro_rules! list {
    ($($module:ident { $($check:ident),* })*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($check)), $module::$check)),*),*]
    };
}

/// Every check, by name.
pub const CHECKS: &[(&str, Check)] = for_all_checks!(list);

#[cfg(feature = "alloc")]
pub const ALLOC_CHECKS: &[(&str, Check)] = for_all_alloc_checks!(list);
#[cfg(not(feature = "alloc"))]
pub const ALLOC_CHECKS: &[(&str, Check)] = &[];

/// Runs one check by name.
pub fn run(name: &str, env: &mut Env) -> Result {
    match CHECKS.iter().chain(ALLOC_CHECKS).find(|check| check.0 == name) {
        Some((_, check)) => check(env),
        None => Err(Failure::Skipped("there is no such check")),
    }
}

/// The byte at an offset of a file that [`Env::file`] made: no period that is a power of two.
pub fn pattern(offset: u64) -> u8 {
    (offset % 251) as u8
}

/// Whether bytes are those at an offset of a file that [`Env::file`] made.
pub fn is_pattern(bytes: &[u8], offset: u64) -> bool {
    bytes.iter().zip(offset..).all(|(&byte, i)| byte == pattern(i))
}

impl Env<'_> {
    /// Calls `f` with the path of a file in the folder.
    pub fn path<T>(&self, name: &str, f: impl FnOnce(&CStr) -> T) -> T {
        let mut path = [0; 1024];
        for (to, from) in path.iter_mut().zip(self.folder.to_bytes().iter().chain(name.as_bytes())) {
            *to = *from;
        }
        f(CStr::from_bytes_until_nul(&path).unwrap_or(c""))
    }

    /// Makes a file of `len` bytes.
    pub fn file(&self, name: &str, len: usize) -> core::result::Result<File, Error> {
        let file = self.path(name, File::create)?;
        file.set_len(len as u64)?;
        // SAFETY: the file is this check's alone.
        let mut map = unsafe { Mmap::new(&file).prot(Prot::WRITE).map()? };
        for (byte, i) in map.bytes_mut()?.iter_mut().zip(0..) {
            *byte = pattern(i);
        }
        Ok(file)
    }
}

/// Maps a whole file.
pub fn map(file: &File, prot: Prot) -> core::result::Result<Mapping, Error> {
    // SAFETY: the files of a check are its own, and it keeps their length while they are mapped.
    unsafe { Mmap::new(file).prot(prot).map() }
}
