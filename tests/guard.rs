//! The fault guard in a program of std: beside its handlers, and with many threads. `ci/guard` has the handlers of others.

#![cfg(feature = "std")]

use baremap::{Error, ErrorKind, File, Mmap, guard, page_size};
use std::hint::black_box;
use std::process::{Command, Output};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Installs the guard, unless this system has none.
fn install() -> bool {
    match guard::install() {
        Err(error) if error.kind() == ErrorKind::Unsupported => false,
        result => {
            result.unwrap();
            true
        }
    }
}

/// A file of four pages that is removed already, all bytes 1.
fn file(name: &str) -> File {
    let path = std::env::temp_dir().join(format!("baremap-guard-{}-{name}", std::process::id()));
    std::fs::write(&path, vec![1; 4 * page_size()]).unwrap();
    let file = File::open_rw(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

/// Truncates a mapped file, where that is possible.
fn truncate(file: &File, len: usize) -> bool {
    match file.set_len(len as u64) {
        Err(error) if error.kind() == ErrorKind::Busy => false,
        result => {
            result.unwrap();
            true
        }
    }
}

const CHILD: &str = "BAREMAP_GUARD_CHILD";

/// Runs a test again in a process of its own, in which this returns `None`.
fn in_child(test: &str) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    Some(command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap())
}

/// Each thread that asks for the guard has it.
#[test]
fn is_installed_by_many_threads() {
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                assert_eq!(install(), guard::is_in_force());
            });
        }
    });
}

/// Threads share a view while its file is truncated and regrown: what never vanishes is always read, and nothing else than
/// the file's bytes and zeros.
#[test]
fn view_is_shared() {
    install();
    let (file, page) = (file("shared"), page_size());
    let view = Mmap::new(&file).view().unwrap();
    // Windows allows the length that the file has.
    if !truncate(&file, page + 1) {
        return println!("skipped: this system does not truncate mapped files");
    }
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut buffer = vec![0; 4 * page];
                while !is_done.load(Ordering::Relaxed) {
                    buffer.fill(0xff);
                    let read = view.read_at(&mut buffer, 0).unwrap();
                    assert!(read > page && buffer[..page + 1].iter().all(|&byte| byte == 1));
                    assert!(buffer[page + 1..read].iter().all(|&byte| byte <= 1));
                    match view.read_at(&mut buffer[..9], 3 * page as u64) {
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Truncated),
                        Ok(read) => assert_eq!(read, 9),
                    }
                }
            });
        }
        for i in 0..3000 {
            assert!(truncate(&file, page + 1 + i % (3 * page)));
            assert!(truncate(&file, 4 * page));
        }
        is_done.store(true, Ordering::Relaxed);
    });
}

/// A fault outside of the copy ends the process, as without the guard.
#[test]
fn other_fault_ends_the_process() {
    let Some(output) = in_child("other_fault_ends_the_process") else {
        install();
        let (file, page) = (file("fault"), page_size());
        let map = Mmap::new(&file).map_raw().unwrap();
        if truncate(&file, page) {
            // SAFETY: none, on purpose.
            black_box(unsafe { map.as_ptr().add(page).read_volatile() });
        }
        return println!("survived");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("survived") {
        return println!("skipped: this system does not truncate mapped files");
    }
    assert!(!output.status.success(), "{output:?}");
}

/// The handler of std for stack overflows still prints its message.
#[test]
fn stack_overflow_is_reported() {
    fn overflow(depth: usize) -> usize {
        let room = black_box([depth; 64]);
        if depth == usize::MAX { 0 } else { overflow(depth + 1) + room[depth % 64] }
    }
    let Some(output) = in_child("stack_overflow_is_reported") else {
        install();
        black_box(overflow(0));
        return;
    };
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("has overflowed its stack"), "{output:?}");
}

/// Errors of a view become errors of std.
#[test]
fn truncated_is_an_unexpected_end() {
    let file = file("error");
    let view = Mmap::new(&file).view().unwrap();
    if truncate(&file, 0) {
        let error: Error = view.read_at(&mut [0], 0).unwrap_err();
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::UnexpectedEof);
    }
}
