//! The example `wc` says what coreutils' `wc` says, of real files of every kind. Where there is no coreutils to ask,
//! there is nothing to compare.

#![cfg(feature = "std")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Files that differ in what matters: the last byte, the length beside a page, the way they are read.
fn folder(name: &str) -> Folder {
    let folder = Folder(std::env::temp_dir().join(format!("baremap-wc-{}-{name}", std::process::id())));
    fs::create_dir_all(folder.0.join("directory")).unwrap();
    // Words, every kind of space, and bytes that are neither.
    let text: Vec<u8> =
        (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ (i % 7) as u8).collect();
    let readme = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for (name, contents) in [
        ("README.md", &readme[..]),
        ("empty", b""),
        ("byte", b"x"),
        ("newline", b"\n"),
        ("no last newline", b"one two\nthree"),
        ("page", &text[..4096]),
        ("page + 1", &text[..4097]),
        ("read", &text[..1 << 20]),
        ("mapped", &text[..(1 << 20) + 1]),
        ("long", &text),
    ] {
        fs::write(folder.0.join(name), contents).unwrap();
    }
    folder
}

/// Runs coreutils' and ours alike and compares all that they say.
fn compare(folder: &Path, arguments: &[&str], input: impl Fn() -> Stdio) {
    let output = |program: &Path| -> Option<Output> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env("LC_ALL", "C").stdin(input());
        match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            output => Some(output.unwrap()),
        }
    };
    let Some(theirs) = output(Path::new("wc")) else {
        println!("skipped: no wc here");
        return;
    };
    // Cargo builds the examples before it runs the tests, and lays both under one folder.
    let target = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    let ours = output(&target.join("examples").join("wc")).expect("cargo test builds the examples");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&theirs.stdout), text(&ours.stdout), "{arguments:?}");
    assert_eq!(text(&theirs.stderr), text(&ours.stderr), "{arguments:?}");
    assert_eq!(theirs.status.code(), ours.status.code(), "{arguments:?}");
}

#[test]
fn of_each_file() {
    let folder = folder("each");
    for name in
        fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
    {
        compare(&folder.0, &[&name], Stdio::null);
        compare(&folder.0, &["byte", &name, "byte"], Stdio::null);
        if name != "directory" {
            compare(&folder.0, &[], || File::open(folder.0.join(&name)).unwrap().into());
        }
    }
    compare(&folder.0, &["/proc/cpuinfo"], Stdio::null);
    compare(&folder.0, &["/proc/cpuinfo", "long"], Stdio::null);
}

#[test]
fn of_bad_files_among_good_ones() {
    let folder = folder("bad");
    compare(&folder.0, &["missing"], Stdio::null);
    compare(&folder.0, &["README.md", "directory", "missing", "empty", "byte"], Stdio::null);
    compare(&folder.0, &["missing", "long", "byte/byte"], Stdio::null);
    compare(&folder.0, &["--", "long", "-"], Stdio::null);
}

#[test]
fn of_standard_input() {
    let folder = folder("input");
    let at = |offset| {
        let mut file = File::open(folder.0.join("long")).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        Stdio::from(file)
    };
    for offset in [0, 1, 1_000_000, 2_999_999, 3_000_000, 4_000_000] {
        compare(&folder.0, &[], || at(offset));
        compare(&folder.0, &["-", "byte", "-"], || at(offset));
    }
    #[expect(
        clippy::zombie_processes,
        reason = "a pipe's writer ends when all is read, and at the latest with the test"
    )]
    let pipe = || {
        let mut child =
            Command::new("cat").arg(folder.0.join("long")).stdout(Stdio::piped()).spawn().unwrap();
        Stdio::from(child.stdout.take().unwrap())
    };
    compare(&folder.0, &[], pipe);
    compare(&folder.0, &["-", "byte"], pipe);
}

/// Sparse, but for words at its ends and where chunks meet.
#[test]
fn of_a_gibibyte() {
    let folder = folder("large");
    let mut file = File::create(folder.0.join("large")).unwrap();
    file.set_len(1 << 30).unwrap();
    for offset in [0, (16 << 20) - 3, 512 << 20, (1 << 30) - 9] {
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(b"a word\nb ").unwrap();
    }
    compare(&folder.0, &["large"], Stdio::null);
    let mut first = [0; 3];
    File::open(folder.0.join("large")).unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"a w", "the file is as it was");
}
