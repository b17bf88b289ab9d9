//! Compares the example `look` with a plain filter over all lines, for each order and both ways to read.

#![cfg(feature = "std")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

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
    for options in [&["-t", ":"][..], &["-t:x"], &["-dft:"], &["--terminate=:"], &["--terminate", ":"]] {
        let options = options.iter().copied();
        let output = Command::new(example()).args(options.chain(["a:9"])).arg(&path).output().unwrap();
        assert_eq!(output.stdout, b"a:1\na:2\n");
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn reports_a_missing_file() {
    let output = Command::new(example()).args(["a", "/no/such/file"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.starts_with(b"look: /no/such/file: "));
    for wrong in [&[][..], &["-x", "a"], &["a", "b", "c"], &["-t"], &["--terminate=a"]] {
        let output = Command::new(example()).args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stderr.starts_with(b"Usage: look "), "{wrong:?}");
    }
}

/// Another process truncates the file between the steps of a search.
#[test]
fn survives_a_truncation() {
    let path = std::env::temp_dir().join(format!("baremap-look-truncation-{}", std::process::id()));
    let lines: String = (0..300_000).map(|i| format!("{i:09}\n")).collect();
    let truncated = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        fs::write(&path, &lines).unwrap();
        let writer = scope.spawn(|| {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            while !truncated.load(std::sync::atomic::Ordering::Relaxed) {
                // Windows refuses while the file is mapped.
                let _ = file.set_len(1000);
                let _ = file.set_len(lines.len() as u64);
            }
        });
        for way in [&[][..], &["--pread"]].into_iter().cycle().take(100) {
            let output = Command::new(example()).args(way).arg("000000").arg(&path).output().unwrap();
            assert!(output.status.code().is_some(), "{output:?}");
        }
        truncated.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().unwrap();
    });
    fs::remove_file(&path).unwrap();
}
