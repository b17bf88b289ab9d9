//! Contents of pipes, terminals, and files that change while they are read, compared with what std reads.

#![cfg(feature = "std")]

mod common;

use baremap::{Contents, ErrorKind};
use common::{LARGEST, Temporary};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{env, thread};

const IS_POSIX: bool = std::path::MAIN_SEPARATOR == '/';

/// Letters, as a shell may change other bytes.
fn letters(len: usize) -> Vec<u8> {
    (0..len).map(|i| b'a' + (i % 23) as u8).collect()
}

/// A process that writes a file to a pipe.
fn pipe_of(file: &Temporary) -> Child {
    let mut command = Command::new(if IS_POSIX { "cat" } else { "cmd" });
    command.args(if IS_POSIX { &[][..] } else { &["/C", "type"] });
    command.arg(&file.0).stdout(Stdio::piped()).spawn().unwrap()
}

/// Its memory grows with it.
#[test]
fn pipe_of_any_length() {
    for len in [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000, 3_000_001] {
        let expected = letters(len);
        let file = Temporary::new(&format!("pipe-{len}"), &expected);
        for nul_terminated in [false, true] {
            let mut child = pipe_of(&file);
            let pipe = child.stdout.take().unwrap();
            let options =
                if nul_terminated { Contents::options().nul_terminated() } else { Contents::options() };
            let contents = options.max_len(len).read(&pipe).unwrap();
            assert!(child.wait().unwrap().success());
            assert!(contents[..] == expected[..], "{len}");
            assert_eq!(contents.bytes_with_nul().map(|bytes| bytes[len]), nul_terminated.then_some(0));
            assert!(!contents.is_mapped());
        }
    }
}

#[test]
fn pipe_longer_than_the_limit() {
    let file = Temporary::new("long-pipe", &letters(200_000));
    for max_len in [0, 1, 65_535, 65_536, 199_999] {
        let mut child = pipe_of(&file);
        let pipe = child.stdout.take().unwrap();
        // SAFETY: a pipe is not mapped.
        let error = unsafe { Contents::options().max_len(max_len).map(&pipe) }.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLong);
        drop(pipe);
        let _ = child.wait();
    }
}

/// The position of a file is neither used nor moved.
#[test]
fn position_stays() {
    let expected = letters(100_000);
    let file = Temporary::new("position", &expected);
    let mut opened = file.open();
    opened.read_exact(&mut [0; 10]).unwrap();
    assert!(Contents::read(&opened).unwrap()[..] == expected[..]);
    let mut byte = [0];
    opened.read_exact(&mut byte).unwrap();
    assert_eq!(byte[0], expected[10]);
}

/// A terminal is read to the end of the input. This test starts itself on one.
#[test]
fn terminal() {
    if env::var_os("BAREMAP_TERMINAL").is_some() {
        let contents = Contents::read(&std::io::stdin()).unwrap();
        println!("read {:?}", String::from_utf8_lossy(&contents));
        return;
    }
    let this = env::current_exe().unwrap();
    let mut list = Command::new(&this);
    if !list.arg("--list").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("skipped terminal: an emulator starts no other program of this architecture");
        return;
    }
    let mut command = Command::new("script");
    let started = command
        .args(["-qec", &format!("'{}' --exact terminal --nocapture", this.display()), "/dev/null"])
        .env("BAREMAP_TERMINAL", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        println!("skipped terminal: script is not installed");
        return;
    };
    child.stdin.take().unwrap().write_all(b"two\nlines\n\x04").unwrap();
    let output = child.wait_with_output().unwrap();
    let output = String::from_utf8_lossy(&output.stdout);
    assert!(output.contains(r#"read "two\nlines\n""#), "{output}");
}

/// Files of /proc are made by reading them.
#[test]
fn files_of_proc() {
    for path in [
        "/proc/cpuinfo",
        "/proc/self/maps",
        "/proc/filesystems",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        let Ok(file) = File::open(path) else {
            println!("skipped files_of_proc: there is no {path}");
            continue;
        };
        let contents = Contents::read(&file).unwrap();
        assert_eq!(contents.iter().filter(|&&byte| byte == 0).count(), 0, "{path}");
        assert!(contents.len() > 10 && contents.ends_with(b"\n"), "{path}");
    }
}

/// What is read of a file that grows and shrinks is a beginning of it, of whatever length.
#[test]
fn file_that_changes_meanwhile() {
    let longest = letters(12_000_000);
    let file = Temporary::new("changes", &longest);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = file.writable();
            for len in [10_000_000, 1_000, 70_000, 3_000_000, 0, 8 << 20].into_iter().cycle() {
                writer.set_len(len).unwrap();
                writer.seek(SeekFrom::Start(len)).unwrap();
                let end = longest.len().min(len as usize + 1_500_000);
                writer.write_all(&longest[len as usize..end]).unwrap();
                if is_done.load(Relaxed) {
                    break;
                }
            }
        });
        let opened = file.open();
        for _ in 0..100 {
            let contents = Contents::options().nul_terminated().read(&opened).unwrap();
            // A byte that is gone and comes again may be 0 meanwhile.
            let is_right = |(&found, &expected)| found == expected || found == 0;
            assert!(contents.len() <= longest.len() && contents.iter().zip(&longest).all(is_right));
        }
        is_done.store(true, Relaxed);
    });
}

#[test]
fn debug_prints_no_contents() {
    for len in [2_000, 9_000_000] {
        let file = Temporary::new(&format!("debug-{len}"), &vec![b'a'; len]);
        let text = format!("{:?}", Contents::read(&file.open()).unwrap());
        assert_eq!(text, format!("Contents {{ len: {len}, is_mapped: false }}"));
    }
}

/// Without a heap, a short file lies in memory of its own.
#[test]
fn no_heap_is_no_error() {
    for len in [1_000, 1_000_000] {
        let expected = letters(len);
        let file = Temporary::new(&format!("heap-{len}"), &expected);
        let opened = file.open();
        LARGEST.set(100);
        let contents = Contents::read(&opened);
        LARGEST.set(usize::MAX);
        assert!(contents.unwrap()[..] == expected[..]);
    }
}
