//! Compares the example `look` with a plain filter over all lines, for each order and both ways to read.

#![cfg(feature = "std")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Cargo builds the examples before it runs the tests, into a folder beside theirs.
fn example() -> PathBuf {
    let target = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    target.join("examples").join(format!("look{}", std::env::consts::EXE_SUFFIX))
}

/// The bytes of a line that count under `-d` and `-f`, as they count.
fn key(line: &[u8], options: &str) -> Vec<u8> {
    let counts = |byte: &u8| !options.contains('d') || byte.is_ascii_alphanumeric() || b" \t".contains(byte);
    let folded = |byte: u8| if options.contains('f') { byte.to_ascii_lowercase() } else { byte };
    line.iter().copied().filter(counts).map(folded).collect()
}

#[test]
fn finds_what_a_filter_finds() {
    let path = std::env::temp_dir().join(format!("baremap-look-{}", std::process::id()));
    // Lines of 0 to 11 bytes, many with a common start, and one that is longer than a page.
    let mut lines: Vec<Vec<u8>> = (0..5000_u32)
        .map(|i| {
            let mut state = i.wrapping_mul(2_654_435_761);
            let len = state >> 28;
            let byte = |_| {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
                b"aabBcC -.\xe9"[(state >> 16) as usize % 10]
            };
            (0..len.min(11)).map(byte).collect()
        })
        .collect();
    lines.push(vec![b'b'; 5000]);
    for (options, ends) in ["", "-d", "-f", "-df"].into_iter().zip([&b"\n"[..], b"", b"\n", b"\n"]) {
        lines.sort_by_key(|line| key(line, options));
        fs::write(&path, [&lines.join(&b'\n')[..], ends].concat()).unwrap();
        for prefix in ["", "a", "ab", "b-", "B.c", "bbbbbbbbbbbbb", "C", "zz", " "] {
            let start = key(prefix.as_bytes(), options);
            let found: Vec<_> = lines.iter().filter(|line| key(line, options).starts_with(&start)).collect();
            let expected: Vec<u8> = found.iter().flat_map(|line| [&line[..], b"\n"].concat()).collect();
            for way in [&[][..], &["--pread"]] {
                let mut command = Command::new(example());
                command.args(way).args(Some(options).filter(|options| !options.is_empty()));
                let output = command.arg(prefix).arg(&path).output().unwrap();
                assert_eq!(output.stdout, expected, "{options} {prefix:?} {way:?}");
                assert_eq!(output.status.code(), Some(i32::from(found.is_empty())), "{options} {prefix:?}");
            }
        }
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn stops_at_the_terminator() {
    let path = std::env::temp_dir().join(format!("baremap-look-terminator-{}", std::process::id()));
    fs::write(&path, "a:1\na:2\nb:1\n").unwrap();
    for options in [&["-t", ":"][..], &["-t:x"], &["-dft:"], &["--terminate=:"], &["--term", ":"]] {
        let options = options.iter().copied();
        let output = Command::new(example()).args(options.chain(["a:9"])).arg(&path).output().unwrap();
        assert_eq!(output.stdout, b"a:1\na:2\n");
    }
    fs::remove_file(&path).unwrap();
}

/// Runs the example in the C locale; returns its output, its messages and its status.
fn run(arguments: &[&str]) -> (String, String, Option<i32>) {
    run_program(&example(), arguments)
}

fn run_program(program: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(program);
    let output = command.args(arguments).env("LC_ALL", "C").env_remove("WORDLIST").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// The messages are those of `look` in util-linux, whose status for an error is the one for "not found", 1.
#[test]
fn reports_errors_as_util_linux_does() {
    let has_theirs = Command::new("look").arg("--version").output();
    let has_theirs = has_theirs.is_ok_and(|output| output.stdout.starts_with(b"look from util-linux 2.38"));
    if !has_theirs {
        println!("skipped: no look of util-linux 2.38 here");
    }
    for (arguments, message) in [
        (&["a", "/no/such/file"][..], None),
        (&[], Some("bad usage")),
        (&["a", "b", "c"], Some("bad usage")),
        (&["-x", "a"], Some("invalid option -- 'x'")),
        (&["-dx", "a"], Some("invalid option -- 'x'")),
        (&["-t"], Some("option requires an argument -- 't'")),
        (&["--terminate"], Some("option '--terminate' requires an argument")),
        (&["--foo=bar"], Some("unrecognized option '--foo=bar'")),
        (&["--alphanum=3"], Some("option '--alphanum' doesn't allow an argument")),
        (&["--al", "a"], Some("option '--al' is ambiguous; possibilities: '--alternative' '--alphanum'")),
        (&["a"], None),
        (&["-a", "a"], None),
    ] {
        let ours = run(arguments);
        if ours.2 != Some(2) {
            continue; // it has a dictionary
        }
        if let Some(message) = message {
            let expected = format!("look: {message}\nTry 'look --help' for more information.\n");
            assert_eq!(ours.1, expected, "{arguments:?}");
        }
        assert!(ours.1.starts_with("look: ") && ours.0.is_empty(), "{ours:?}");
        if has_theirs {
            let theirs = run_program(Path::new("look"), arguments);
            assert_eq!((&ours.0, &ours.1), (&theirs.0, &theirs.1), "{arguments:?}");
        }
    }
}

#[test]
fn prints_help_and_version() {
    let help = run(&["--help"]);
    assert!(help.0.starts_with("Usage:\n look ") && help.1.is_empty() && help.2 == Some(0), "{help:?}");
    // The first of several counts, and what follows it is not judged.
    assert_eq!(run(&["-dh", "-x"]), help);
    assert_eq!(run(&["--he", "a", "b", "c"]), help);
    let version = format!("look from baremap {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["-V", "--help"]), (version, String::new(), Some(0)));
}

/// The dictionary of the variable is searched as without a file; a file goes before it.
#[test]
fn searches_the_list_of_words() {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("baremap-look-words-{}", std::process::id()));
    fs::write(&path, "a'b\nA.bc\nb\n").unwrap();
    let output = Command::new(example()).arg("AB").env("WORDLIST", &path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a'b\nA.bc\n");
    let output =
        Command::new(example()).arg("b").arg(&path).env("WORDLIST", "/no/such/file").output().unwrap();
    assert_eq!(output.stdout, b"b\n");
    fs::remove_file(&path).unwrap();
}

/// A reader that is gone, as `head`, is no reason for a message; a full disk is.
#[test]
fn reports_what_cannot_be_written() {
    let path = std::env::temp_dir().join(format!("baremap-look-pipe-{}", std::process::id()));
    fs::write(&path, "a line\n".repeat(100_000)).unwrap();
    let mut command = Command::new(example());
    let mut child =
        command.arg("a").arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && output.stderr.is_empty(), "{output:?}");
    if let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") {
        let output = Command::new(example()).arg("a").arg(&path).stdout(full).output().unwrap();
        assert!(output.stderr.starts_with(b"look: write error: "), "{output:?}");
        assert_eq!(output.status.code(), Some(2));
    }
    fs::remove_file(&path).unwrap();
}

/// Another process truncates the file between the steps of a search.
#[test]
fn survives_a_truncation() {
    let path = std::env::temp_dir().join(format!("baremap-look-truncation-{}", std::process::id()));
    let lines: String = (0..300_000).map(|i| format!("{i:09}\n")).collect();
    let truncated = std::sync::atomic::AtomicBool::new(false);
    fs::write(&path, &lines).unwrap();
    let outputs: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            while !truncated.load(std::sync::atomic::Ordering::Relaxed) {
                // Windows refuses while the file is mapped.
                let _ = file.set_len(1000);
                let _ = file.set_len(lines.len() as u64);
            }
        });
        let ways = [&[][..], &["--pread"]].into_iter().cycle().take(100);
        let run = |way| Command::new(example()).args(way).arg("000000").arg(&path).output();
        // Judged when the writer has ended, as a panic would wait for it for ever.
        let outputs = ways.map(run).collect();
        truncated.store(true, std::sync::atomic::Ordering::Relaxed);
        outputs
    });
    fs::remove_file(&path).unwrap();
    for output in outputs {
        let output = output.unwrap();
        assert!(output.status.code().is_some(), "{output:?}");
    }
}
