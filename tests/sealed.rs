//! Two processes share a file in memory, its descriptor passed as standard input. Neither trusts the other, and neither needs
//! `unsafe`: what is sealed is a slice, and anything else is an error.
//!
//! A test starts this binary again as the process that receives. Where the system has no seals it prints that it skips.

#![forbid(unsafe_code)]
#![cfg(feature = "std")]

use baremap::{ErrorKind, File, Mmap};
use std::process::{Command, Output, Stdio};
use std::{env, fs, io};

const CONTENTS: &[u8] = b"what the first process wrote";

/// Set in the process that receives.
const RECEIVER: &str = "BAREMAP_RECEIVER";

/// A file in memory with the contents, or `None` where there are none that can be read and written.
fn memory() -> Option<File> {
    let result = File::memory().and_then(|file| file.write_at(CONTENTS, 0).map(|_| file));
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotSeekable) => None,
        result => Some(result.unwrap()),
    }
}

/// Runs a test of this binary in a process that receives the file.
fn send(test: &str, file: File) -> Output {
    Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(RECEIVER, "")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::from(fs::File::from(file)))
        .output()
        .unwrap()
}

fn is_receiver() -> bool {
    env::var_os(RECEIVER).is_some()
}

/// The received file once more, open for writing too, where descriptors are files.
fn reopened() -> Option<File> {
    File::open_rw("/proc/self/fd/0").ok()
}

#[track_caller]
fn assert_success(output: Output) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn sealed_file_is_received_as_a_slice() {
    if is_receiver() {
        let file = io::stdin();
        let map = Mmap::new(&file).map_sealed().unwrap();
        assert_eq!(map[..], *CONTENTS);
        // This process cannot change it either.
        let file = reopened().unwrap();
        assert_eq!(file.set_len(0).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(Mmap::new(&file).map_sealed().unwrap()[..], *CONTENTS);
        assert_eq!(map[..], *CONTENTS);
        return;
    }
    let Some(file) = memory() else { return println!("skipped: no files in memory here") };
    match file.seal() {
        Err(error) if error.kind() == ErrorKind::Unsupported => return println!("skipped: {error}"),
        result => result.unwrap(),
    }
    assert_success(send("sealed_file_is_received_as_a_slice", file));
}

#[test]
fn unsealed_file_is_an_error() {
    if is_receiver() {
        let error = Mmap::new(&io::stdin()).map_sealed().unwrap_err();
        if error.kind() != ErrorKind::Unsupported {
            assert_eq!((error.kind(), error.call()), (ErrorKind::NotSealed, "map_sealed"));
            let words = "others may change or truncate the file: it has neither the seals F_SEAL_WRITE and \
                         F_SEAL_SHRINK nor fs-verity";
            assert_eq!(error.to_string(), format!("map_sealed: {words}"));
        }
        return;
    }
    let Some(file) = memory() else { return println!("skipped: no files in memory here") };
    assert_success(send("unsealed_file_is_an_error", file));
}

/// What is shared without seals is seen by both, through safe copies.
#[test]
fn memory_is_shared() {
    if is_receiver() {
        let file = reopened().unwrap();
        assert_eq!(file.len().unwrap(), CONTENTS.len() as u64);
        assert_eq!(file.write_at(b"THAT", 0).unwrap(), 4);
        return;
    }
    let Some(file) = memory() else { return println!("skipped: no files in memory here") };
    // Wine shows the files of its host, whose descriptors are its server's.
    if std::path::MAIN_SEPARATOR != '/' || !fs::exists("/proc/self/fd/0").unwrap_or(false) {
        return println!("skipped: descriptors are no files here");
    }
    let file = fs::File::from(file);
    let view = Mmap::new(&file).view().unwrap();
    assert_success(send("memory_is_shared", file.try_clone().unwrap().into()));
    let mut start = [0; 6];
    assert_eq!(view.read_at(&mut start, 0).unwrap(), 6);
    assert_eq!(&start, b"THAT t");
}
