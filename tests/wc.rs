//! Compares the example `wc` with coreutils' `wc`: both outputs and the exit status, for files of every kind. Without
//! coreutils 9.1 these tests are skipped.
//!
//! By default they run a few command lines each; the ignored test runs all, and is slow without optimization.

#![cfg(feature = "std")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The length of the file "long".
const LONG: u64 = 1_300_000;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A folder of files that differ in what matters: the last byte, the length around a page, whether they are read or
/// mapped.
fn folder(name: &str) -> Folder {
    let folder = Folder(std::env::temp_dir().join(format!("baremap-wc-{}-{name}", std::process::id())));
    fs::create_dir_all(folder.0.join("directory")).unwrap();
    // Words, every kind of white space, and bytes that are neither.
    let text: Vec<u8> =
        (0..LONG as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ (i % 7) as u8).collect();
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

/// Cargo builds the examples before it runs the tests, into a folder beside theirs.
fn example() -> PathBuf {
    let target = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    target.join("examples").join("wc")
}

/// Runs both programs and compares what they print and how they end.
fn compare_commands(folder: &Path, what: &str, command: impl Fn(&Path) -> Command) {
    let version = Command::new("wc").arg("--version").output();
    if !version.is_ok_and(|output| output.stdout.starts_with(b"wc (GNU coreutils) 9.1\n")) {
        println!("skipped: no coreutils 9.1 here");
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

/// As [`compare`], for a line of shell in which `"$wc"` is the program.
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
    for offset in [0, 1, 1_000_000, LONG - 1, LONG, LONG + 1_000_000] {
        compare(&folder.0, &[], || at(offset));
        compare(&folder.0, &["-", "byte", "-"], || at(offset));
    }
    #[expect(
        clippy::zombie_processes,
        reason = "the writer of a pipe ends when all is read, or with the test"
    )]
    let pipe = || {
        let mut child =
            Command::new("cat").arg(folder.0.join("long")).stdout(Stdio::piped()).spawn().unwrap();
        Stdio::from(child.stdout.take().unwrap())
    };
    compare(&folder.0, &[], pipe);
    compare(&folder.0, &["-", "byte"], pipe);
}

#[test]
fn of_a_long_file() {
    long_file("read", 3 << 20);
}

#[test]
#[ignore = "reads 100 MiB byte by byte"]
fn of_a_very_long_file() {
    long_file("very long", 100 << 20);
}

/// Sparse, except for words at its ends and where chunks of the Reader meet.
fn long_file(name: &str, len: u64) {
    let folder = folder(name);
    let mut file = File::create(folder.0.join("large")).unwrap();
    file.set_len(len).unwrap();
    for offset in [0, (1 << 20) - 3, (16 << 20) - 3, len - 9].into_iter().filter(|&offset| offset < len) {
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
    chosen_counts(
        &folder.0,
        &[&["-l"], &["-cm"], &["--w", "--byte"], &["-L"], &["-Lw"]],
        &[&["page + 1", "byte"], &["-"], &["page"]],
    );
    compare(&folder.0, &["byte", "--", "-l", "--words"], Stdio::null);
    compare_in_shell(&folder.0, "POSIXLY_CORRECT=1 \"$wc\" byte -l");
    // Files whose reported length is not theirs.
    compare(&folder.0, &["-c", "/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage/enabled"], Stdio::null);
    for twice in ["-c", "-l"] {
        compare_in_shell(&folder.0, &format!("(\"$wc\" {twice}; \"$wc\" {twice}) <read"));
        compare_in_shell(&folder.0, &format!("(\"$wc\" {twice}; \"$wc\" {twice}) <page"));
    }
}

#[test]
fn of_columns() {
    let folder = folder("columns");
    let lines: [&[u8]; 8] = [
        b"a\tb\n1234567\t9\n12345678\t\n",
        b"a\x0bb\x07\x7f\xff c\nab",
        b"abc\rabcd\x0cabcde\nabcdef",
        b"no newline at the end, and longer than the line before: \tx",
        b"\t\t",
        b"\n\n",
        b"\0\0\0",
        b"",
    ];
    for line in lines {
        fs::write(folder.0.join("lines"), line).unwrap();
        compare(&folder.0, &["-L", "lines"], Stdio::null);
        compare(&folder.0, &["-lL", "lines", "byte"], Stdio::null);
    }
}

/// Names from a file, from a pipe, from standard input, and what is wrong with each.
#[test]
fn of_listed_names() {
    let folder = folder("listed");
    let lists: [&[u8]; 9] = [
        b"",
        b"\0",
        b"byte",
        b"byte\0",
        b"byte\0long\0",
        b"byte\0\0missing\0long",
        b"no last newline\0-\0byte\0",
        b"directory\0\0\0",
        b"-",
    ];
    for list in lists {
        fs::write(folder.0.join("list"), list).unwrap();
        compare(&folder.0, &["--files0-from=list"], Stdio::null);
        compare(&folder.0, &["-l", "--files0-from", "list"], Stdio::null);
        for option in ["--files0-from=-", "-c --files0-from=-", "--files0-from=/dev/stdin"] {
            compare_in_shell(&folder.0, &format!("\"$wc\" {option} <list"));
            compare_in_shell(&folder.0, &format!("cat list | \"$wc\" {option}"));
        }
    }
    fs::copy(folder.0.join("list"), folder.0.join("a list")).unwrap();
    let wrong = [
        &["--files0-from=missing"][..],
        &["--files0-from=a list", "byte"],
        &["--files0-from=list", "a'b"],
        &["--files0-from=directory"],
        &["--files0-from=a list"],
        &["--files0-from"],
        &["--f="],
    ];
    for arguments in wrong {
        compare(&folder.0, arguments, Stdio::null);
    }
    compare_in_shell(&folder.0, "\"$wc\" --files0-from=- <&-; echo $?");
}

#[test]
#[ignore = "runs both programs 210 times"]
fn of_all_counts() {
    let folder = folder("all");
    let options = [
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
        &["-L"],
        &["-cL"],
        &["--max-line-length", "-lw"],
    ];
    let names =
        [&["long"][..], &["long", "byte"], &["empty"], &["directory"], &["missing", "page"], &["-"], &[]];
    chosen_counts(&folder.0, &options, &names);
}

fn chosen_counts(folder: &Path, options: &[&[&str]], names: &[&[&str]]) {
    for (options, names) in
        options.iter().flat_map(|options| names.iter().map(move |names| (*options, *names)))
    {
        compare(folder, &[options, names].concat(), || File::open(folder.join("page + 1")).unwrap().into());
        // Options may follow the names.
        compare(folder, &[names, options].concat(), Stdio::null);
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

/// Names are quoted in messages as a shell needs them.
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
        // Once for a missing file and once for an existing one. The shell strips newlines from the end of `$(…)`.
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

/// A descriptor that is not open is an error, and must not be another file.
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
        "\"$wc\" --help >&-",
        "\"$wc\" --version >/dev/full",
        "\"$wc\" 1</dev/null byte",
        "\"$wc\" 0>output",
        // These are open.
        "\"$wc\" <>/dev/null",
        "\"$wc\" byte 1<>/dev/null",
        "\"$wc\" directory - <directory",
    ] {
        compare_in_shell(&folder.0, &format!("{line}; echo $?"));
    }
    // SIGPIPE: its reader is gone.
    compare_in_shell(&folder.0, "(sleep 0.1; \"$wc\" byte; echo $? >&2) | true");
}

/// Progress is one line, shorter than the terminal is wide, and erased before anything else is printed.
#[test]
fn of_a_terminal() {
    let folder = folder("terminal");
    let line = "stty cols 30; { sleep 1; printf 'a b\\n'; } | \"$wc\" byte - missing; : | \"$wc\" 'a
\u{e4}' /dev/stdin; { sleep 1; echo; sleep 1; echo; } | \"$wc\" -l; \"$wc\" byte 2>output; cat output";
    let mut command = Command::new("script");
    command.args(["-qec", line, "/dev/null"]).current_dir(&folder.0).env("wc", example());
    // No name of Windows contains a newline, and the `script` of macOS has other options.
    let has_file = fs::write(folder.0.join("a\n\u{e4}"), "c d\n").is_ok();
    let version = Command::new("script").arg("--version").output();
    let is_known =
        version.is_ok_and(|output| output.stdout.starts_with(b"script from util-linux")) && has_file;
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output();
    let Some(output) = output.ok().filter(|_| is_known) else {
        println!("skipped: no script of util-linux here");
        return;
    };
    let expected = "      0       1       1 byte\r
\rwc: 0 MiB, file 2 of 3: stand\x1b[K\r\x1b[K      1       2       4 -\r
wc: missing: No such file or directory\r
      1       3       5 total\r
      1       2       4 'a'$'\\n\\303\\244'\r
      0       0       0 /dev/stdin\r
      1       2       4 total\r
\rwc: 0 MiB: standard input\x1b[K\rwc: 0 MiB: standard input\x1b[K\r\x1b[K2\r
0 1 1 byte\r
";
    assert_eq!(output.stdout.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string());
}

/// With `--mmap` each count is the same.
#[test]
fn of_mapped_files() {
    let folder = folder("maps");
    for name in ["mapped", "page", "directory", "missing"] {
        let output = |options: &[&str]| {
            let mut command = Command::new(example());
            let output = command.args(options).arg(name).current_dir(&folder.0).output().unwrap();
            (output.stdout, output.stderr, output.status)
        };
        assert_eq!(output(&["--mmap"]), output(&[]));
        assert_eq!(output(&["--mmap", "-l"]), output(&["-l"]));
    }
}
