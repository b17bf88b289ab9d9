//! The example `wc` says what coreutils' `wc` says, of real files of every kind. Where there is no coreutils to ask,
//! there is nothing to compare.

#![cfg(feature = "std")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Cargo builds the examples before it runs the tests, and lays both under one folder.
fn example() -> PathBuf {
    let target = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    target.join("examples").join("wc")
}

/// Runs coreutils' and ours alike and compares all that they say.
fn compare_commands(folder: &Path, what: &str, command: impl Fn(&Path) -> Command) {
    let version = Command::new("wc").arg("--version").output();
    if !version.is_ok_and(|output| output.stdout.starts_with(b"wc (GNU coreutils) 9.1\n")) {
        println!("skipped: no wc of coreutils 9.1 here");
        return;
    }
    let output = |program: &Path| command(program).current_dir(folder).env("LC_ALL", "C").output().unwrap();
    let (theirs, ours) = (output(Path::new("wc")), output(&example()));
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    assert_eq!(text(&theirs.stdout), text(&ours.stdout), "{what}");
    assert_eq!(text(&theirs.stderr), text(&ours.stderr), "{what}");
    assert_eq!(theirs.status, ours.status, "{what}");
}

fn compare(folder: &Path, arguments: &[&str], input: impl Fn() -> Stdio) {
    compare_commands(folder, &format!("{arguments:?}"), |program| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(input());
        command
    });
}

/// The same of a line for the shell, in which `"$wc"` is the program.
fn compare_in_shell(folder: &Path, line: &str) {
    compare_commands(folder, line, |program| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("wc", program).stdin(Stdio::null());
        command
    });
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
fn of_a_long_file() {
    let folder = folder("large");
    let mut file = File::create(folder.0.join("large")).unwrap();
    file.set_len(100 << 20).unwrap();
    for offset in [0, (16 << 20) - 3, 64 << 20, (100 << 20) - 9] {
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(b"a word\nb ").unwrap();
    }
    compare(&folder.0, &["large"], Stdio::null);
    let mut first = [0; 3];
    File::open(folder.0.join("large")).unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"a w", "the file is as it was");
}

#[test]
fn of_chosen_counts() {
    let folder = folder("chosen");
    for options in [
        &["-l"][..],
        &["-w"],
        &["-c"],
        &["-m"],
        &["-lw"],
        &["-wl"],
        &["-cl"],
        &["-w", "-c"],
        &["-cm"],
        &["--lines"],
        &["--w", "--byte"],
        &["-lwc", "--chars"],
    ] {
        for names in
            [&["long"][..], &["long", "byte"], &["empty"], &["directory"], &["missing", "page"], &["-"], &[]]
        {
            let arguments = [options, names].concat();
            compare(&folder.0, &arguments, || File::open(folder.0.join("page + 1")).unwrap().into());
            // Options may come last.
            compare(&folder.0, &[names, options].concat(), Stdio::null);
        }
    }
    compare(&folder.0, &["byte", "--", "-l", "--words"], Stdio::null);
    compare_in_shell(&folder.0, "POSIXLY_CORRECT=1 \"$wc\" byte -l");
    // A length is not always one.
    compare(&folder.0, &["-c", "/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage/enabled"], Stdio::null);
    for twice in ["-c", "-l"] {
        compare_in_shell(&folder.0, &format!("(\"$wc\" {twice}; \"$wc\" {twice}) <long"));
        compare_in_shell(&folder.0, &format!("(\"$wc\" {twice}; \"$wc\" {twice}) <page"));
    }
}

#[test]
fn of_wrong_options() {
    let folder = folder("wrong");
    for option in ["-x", "-lx", "-\n", "--foo", "--foo=bar", "--lines=3", "--a\nb"] {
        compare(&folder.0, &[option, "byte"], Stdio::null);
        compare(&folder.0, &["byte", option], Stdio::null);
    }
    for (option, start) in [("--help", "Usage: wc "), ("--version", "wc (baremap) ")] {
        let output = Command::new(example()).args(["missing", option, "-x"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.starts_with(start) && text.ends_with('\n'), "{text}");
    }
}

/// As a shell takes them back, if it has to.
#[test]
fn of_any_name() {
    let folder = folder("names");
    for name in [
        "",
        "a b",
        "a'b",
        "a'b c",
        "'",
        "''",
        "a'$b",
        "a\"b",
        "a'\"b",
        "~a",
        "a~",
        "a~'",
        "~'",
        "#a",
        "a#",
        "{",
        "{}",
        "}'",
        "=a",
        "a,b",
        "a:b",
        "a':b",
        "?",
        "a*",
        "[",
        "]",
        "a%b",
        "a+b",
        "a@b",
        "!",
        "`",
        "|",
        ";",
        "<",
        "(",
        "&",
        "^",
        "a\\\\b",
        "-",
        "a-b",
        "\\n",
        "a\\nb",
        "a'\\nb",
        "a'\\n",
        "'\\n",
        "\\n'",
        "\\n'\\n",
        "\\a\\b\\t\\v\\f\\r",
        "\\001a\\033\\177",
        "\\377",
        "a\\377\\n\\376b",
        "\\303\\244",
    ] {
        // Each once of a file that is missing and once of one that is there. A shell cuts newlines off the end of `$(…)`.
        let name = name.replace('\'', "'\\''").replace('%', "%%");
        compare_in_shell(
            &folder.0,
            &format!(
                "n=$(printf -- '{name}_') && n=${{n%_}} && \"$wc\" -- \"$n\" \"m$n\" directory
                test -n \"$n\" && cp byte \"./$n\" && \"$wc\" -l -- \"$n\" byte; rm -f \"./$n\""
            ),
        );
    }
}

/// What is not open is an error, and no other file.
#[test]
fn of_closed_descriptors() {
    let folder = folder("closed");
    for line in [
        "\"$wc\" <&-",
        "\"$wc\" - <&-",
        "\"$wc\" -c <&-",
        "\"$wc\" - byte - <&-",
        "\"$wc\" byte <&-",
        "\"$wc\" byte >&-",
        "\"$wc\" byte missing >&-",
        "\"$wc\" missing >&-",
        "\"$wc\" byte missing 2>&-",
        "\"$wc\" <&- >&-",
        "\"$wc\" byte >/dev/full",
        "\"$wc\" 1</dev/null byte",
        "\"$wc\" 0>output",
        // Not to be taken for closed.
        "\"$wc\" <>/dev/null",
        "\"$wc\" byte 1<>/dev/null",
        "\"$wc\" directory - <directory",
    ] {
        compare_in_shell(&folder.0, &format!("{line}; echo $?"));
    }
    // Its reader is gone: the shell says by which signal it died.
    compare_in_shell(&folder.0, "(sleep 0.1; \"$wc\" byte; echo $? >&2) | true");
}

/// Each count is the same if the file is mapped.
#[test]
fn maps_if_asked() {
    let folder = folder("maps");
    for name in ["long", "page", "directory", "missing"] {
        let output = |options: &[&str]| {
            let mut command = Command::new(example());
            let output = command.args(options).arg(name).current_dir(&folder.0).output().unwrap();
            (output.stdout, output.stderr, output.status)
        };
        assert_eq!(output(&["--mmap"]), output(&[]));
        assert_eq!(output(&["--mmap", "-l"]), output(&["-l"]));
    }
}
