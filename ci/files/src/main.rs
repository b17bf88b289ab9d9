//! Reads files that misreport their length, fail, or change meanwhile: see `ci/files/run --help`.

use baremap::{Error, ErrorKind, Mmap, Reader};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let passed = match arguments[..] {
        ["fuse", folder, cache, wc] => fuse(Path::new(folder), cache == "direct", wc),
        ["direct", folder] => direct(Path::new(folder)),
        ["truncate", folder, seconds, wc] => truncate(Path::new(folder), seconds, wc),
        // The child processes of `truncate`.
        ["write", path, seconds] => return write(path, seconds),
        ["map", path, seconds] => return map(path, seconds),
        _ => panic!("{arguments:?}: see ci/files/run --help"),
    };
    println!("{passed} passed, 0 failed, 0 skipped");
}

/// Reads to the end or to an error, and returns the number of bytes, all of which must be valid, and the error.
fn read(reader: Reader, is_valid: impl Fn(u8) -> bool) -> (u64, Result<(), Error>) {
    let mut read = 0;
    let result = reader.for_each(|chunk| {
        assert!(chunk.iter().all(|&byte| is_valid(byte)), "a byte that was never in the file");
        read += chunk.len() as u64;
        Ok::<_, Error>(())
    });
    (read, result.map(|all| assert_eq!(all, read)))
}

/// The same by std's `read`, a page at a time.
fn read_by_std(path: &Path) -> (u64, io::Result<()>) {
    let (mut file, mut buffer, mut count) = (File::open(path).unwrap(), [0; 4096], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return (count, Ok(())),
            Ok(read) => count += read as u64,
            Err(error) => return (count, Err(error)),
        }
    }
}

/// Reads each file of ci/files/served.py. The numbers are their real lengths, or where reading fails.
fn fuse(folder: &Path, direct: bool, wc: &str) -> u32 {
    let mut passed = 0;
    for (name, len) in [
        ("exact_small", 1000),
        ("exact_large", 3_000_000),
        ("reports_more_small", 600),
        ("reports_more_large", 1_000_000),
        ("reports_less_small", 5000),
        ("reports_less_large", 3_000_000),
        ("reports_zero", 5000),
        ("reports_huge", 4 << 20),
        ("eio", 1 << 20),
    ] {
        let path = folder.join(name);
        let fails = name == "eio";
        let (expected, error) = read_by_std(&path);
        assert_eq!(error.is_err(), fails);
        // When the kernel caches the file, it relies on the reported length.
        assert!(expected == len || !direct, "{name}: {expected}");
        // How much is read before the error depends on the length of each read.
        let is_right = |read: u64| read == expected || fails && (len..2 * len).contains(&read);
        for chunk_len in [16 << 20, 100_001, 4096, 7] {
            let file = File::open(&path).unwrap();
            let reader = Reader::new(&file).chunk_len(chunk_len);
            let (read, result) = read(reader, |byte| byte == b'x');
            assert!(is_right(read), "{name} in chunks of {chunk_len}: {read}, {result:?}");
            assert_eq!(result.err().map(|error| error.kind()), fails.then_some(ErrorKind::Io));
            passed += 1;
        }
        for options in [&["-lwc"][..], &["-lw"], &["-w"], &["-c"]] {
            let output = |program| {
                let mut command = Command::new(program);
                command.env("LC_ALL", "C").args(options).arg(name).current_dir(folder).output().unwrap()
            };
            let (ours, theirs) = (output(wc), output("wc"));
            if options == ["-c"] {
                // coreutils prints the reported length. The example verifies it by reading the last bytes.
                let bytes = String::from_utf8_lossy(&ours.stdout).split(' ').next().unwrap().parse().unwrap();
                assert!(fails || is_right(bytes), "{name}: {ours:?}");
                assert!(fails || ours.status.success());
            } else {
                assert!(fails || ours.stdout == theirs.stdout, "{name}: {ours:?} {theirs:?}");
                assert_eq!((ours.stderr, ours.status), (theirs.stderr, theirs.status), "{name}");
                assert_eq!(ours.status.code(), Some(i32::from(fails)));
                assert_eq!(ours.stdout.iter().filter(|&&byte| byte == b'\n').count(), 1);
            }
            passed += 1;
        }
    }
    passed
}

/// Reads with O_DIRECT, which requires aligned addresses, offsets and lengths, from any offset and in chunks of any
/// length.
fn direct(folder: &Path) -> u32 {
    const O_DIRECT: i32 = if cfg!(target_arch = "aarch64") { 0o200000 } else { 0o40000 };
    let path = folder.join("direct");
    let mut passed = 0;
    for len in [0, 1, 511, 1000, 4096, 4097, 65_536, 100_000, 1_048_576, 3_000_001] {
        let contents: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &contents).unwrap();
        let file = OpenOptions::new().read(true).custom_flags(O_DIRECT).open(&path).unwrap();
        for chunk_len in [16 << 20, 100_001, 65_536, 5000, 999, 1] {
            if chunk_len == 1 && len > 65_536 {
                continue;
            }
            for offset in [0, 1, 512, 4095, 4096, 70_000, len as u64, 5_000_000] {
                let mut read = Vec::new();
                let reader = Reader::new(&file).chunk_len(chunk_len).offset(offset);
                let result = reader.for_each(|chunk| {
                    read.extend_from_slice(chunk);
                    Ok::<_, Error>(())
                });
                let expected = contents.get(offset as usize..).unwrap_or_default();
                assert!(read == expected, "{len} bytes, from {offset}, in chunks of {chunk_len}: {result:?}");
                assert_eq!(result, Ok(expected.len() as u64));
                passed += 1;
            }
        }
    }
    fs::remove_file(&path).unwrap();
    passed
}

const LEN: usize = 8 << 20;

/// While another process truncates and extends the file, a Reader and `wc` survive, and SIGBUS kills a process that
/// maps it.
fn truncate(folder: &Path, seconds: &str, wc: &str) -> u32 {
    let path = folder.join("file");
    fs::write(&path, vec![b'x'; LEN]).unwrap();
    let path = path.to_str().unwrap();
    let this = std::env::current_exe().unwrap();
    let mut writer = Command::new(&this).args(["write", path, seconds]).spawn().unwrap();
    let mut mapper = Command::new(&this).args(["map", path, seconds]).spawn().unwrap();
    let (mut rounds, mut short) = (0, 0);
    while writer.try_wait().unwrap().is_none() {
        let file = File::open(path).unwrap();
        let (len, result) = read(Reader::new(&file), |byte| byte == b'x' || byte == 0);
        assert_eq!(result, Ok(()));
        assert!(len <= LEN as u64);
        rounds += 1;
        short += u32::from(len < LEN as u64);
        if rounds % 8 == 0 {
            for option in ["-lwc", "-c"] {
                let output = Command::new(wc).args([option, path]).output().unwrap();
                assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            }
        }
    }
    let signal = mapper.wait().unwrap().signal();
    println!(
        "{}: read {rounds} times, {short} times truncated; the process that maps ended by signal {signal:?}",
        folder.display()
    );
    assert!(writer.wait().unwrap().success() && short > 0);
    assert_eq!(signal, Some(7), "SIGBUS was expected");
    fs::remove_file(path).unwrap();
    3
}

/// Counts until the time is over.
fn rounds(seconds: &str) -> impl Iterator<Item = u32> {
    let (start, seconds) = (Instant::now(), Duration::from_secs(seconds.parse().unwrap()));
    (0..).take_while(move |_| start.elapsed() < seconds)
}

fn write(path: &str, seconds: &str) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    for i in rounds(seconds) {
        file.set_len(u64::from(i % 3) * 1_000_000).unwrap();
        file.set_len(LEN as u64).unwrap();
        if i % 4 == 0 {
            io::Seek::rewind(&mut file).unwrap();
            file.write_all(&[b'x'; 1 << 20]).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn map(path: &str, seconds: &str) {
    let file = File::open(path).unwrap();
    for _ in rounds(seconds) {
        // SAFETY: none. SIGBUS, which ends this process, is what the check expects.
        if let Ok(map) = unsafe { Mmap::new(&file).map() } {
            std::hint::black_box(map.iter().map(|&byte| u64::from(byte)).sum::<u64>());
        }
    }
}
