//! Reads files that misreport their length, fail, or change meanwhile: see `ci/files/run --help`.

use baremap::{Contents, Error, ErrorKind, Flags, Mmap, Reader, guard};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let passed = match arguments[..] {
        ["fuse", folder, options, wc] => fuse(Path::new(folder), options == "direct", wc),
        ["hang", folder, server, wc] => hang(Path::new(folder), server, wc),
        ["direct", folder] => direct(Path::new(folder)),
        ["truncate", folder, seconds, wc] => {
            truncate(Path::new(folder), seconds, wc) + replaced(Path::new(folder))
        }
        // Child processes.
        ["read", path, how] => return read_to_error(Path::new(path), how),
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

/// The files of ci/files/served.py: their reported and their real lengths, or where reading fails and how.
const SERVED: [(&str, u64, u64, Option<i32>); 12] = [
    ("exact_small", 1000, 1000, None),
    ("exact_large", 3_000_000, 3_000_000, None),
    ("reports_more_small", 1000, 600, None),
    ("reports_more_large", 3_000_000, 1_000_000, None),
    ("reports_less_small", 1000, 5000, None),
    ("reports_less_large", 2_000_000, 3_000_000, None),
    ("reports_zero", 0, 5000, None),
    ("reports_huge", 1 << 62, 4 << 20, None),
    ("short", 3_000_000, 3_000_000, None),
    ("eio", 3_000_000, 1 << 20, Some(5)),
    ("estale", 3_000_000, 1 << 20, Some(116)),
    ("etimedout", 3_000_000, 1 << 20, Some(110)),
];

fn fuse(folder: &Path, direct: bool, wc: &str) -> u32 {
    let mut passed = 0;
    for (name, _, len, code) in SERVED {
        if name == "short" && !direct {
            continue;
        }
        let path = folder.join(name);
        let (expected, error) = read_by_std(&path);
        assert_eq!(error.err().and_then(|error| error.raw_os_error()), code, "{name}");
        // When the kernel caches the file, it relies on the reported length.
        assert!(expected == len || !direct, "{name}: {expected}");
        // A read that fails fails as a whole, and the kernel asks for at most 128 KiB at once.
        let is_right = |read: u64| {
            read == expected || code.is_some() && direct && (len - (128 << 10)..len).contains(&read)
        };
        for chunk_len in [16 << 20, 100_001, 4096, 7] {
            let file = File::open(&path).unwrap();
            let reader = Reader::new(&file).chunk_len(chunk_len);
            let (read, result) = read(reader, |byte| byte == b'x');
            assert!(is_right(read), "{name} in chunks of {chunk_len}: {read}, {result:?}");
            assert_eq!(result.err().and_then(|error| error.raw_os_error()), code, "{name}: {result:?}");
            assert!(name != "eio" || result.is_err_and(|error| error.kind() == ErrorKind::Io));
            passed += 1;
        }
        match Contents::options().nul_terminated().read(&File::open(&path).unwrap()) {
            Ok(contents) => {
                assert!(code.is_none() && contents.len() as u64 == expected, "{name}: {contents:?}");
                assert!(contents.iter().all(|&byte| byte == b'x'), "{name}");
            }
            Err(error) => assert!(code.is_some() && error.raw_os_error() == code, "{name}: {error}"),
        }
        passed += 1;
        for options in [&["-lwc"][..], &["-lw"], &["-w"], &["-c"]] {
            let output = |program| {
                let mut command = Command::new(program);
                command.env("LC_ALL", "C").args(options).arg(name).current_dir(folder).output().unwrap()
            };
            let (ours, theirs) = (output(wc), output("wc"));
            if options == ["-c"] {
                // coreutils prints the reported length. The example verifies it by reading the last bytes.
                let bytes = String::from_utf8_lossy(&ours.stdout).split(' ').next().unwrap().parse().unwrap();
                assert!(code.is_some() || is_right(bytes), "{name}: {ours:?}");
                assert!(code.is_some() || ours.status.success());
            } else {
                assert!(code.is_some() || ours.stdout == theirs.stdout, "{name}: {ours:?} {theirs:?}");
                assert_eq!((ours.stderr, ours.status), (theirs.stderr, theirs.status), "{name}");
                assert_eq!(ours.status.code(), Some(i32::from(code.is_some())));
                assert_eq!(ours.stdout.iter().filter(|&&byte| byte == b'\n').count(), 1);
            }
            passed += 1;
        }
    }
    passed += views(folder, direct);
    guard::install().unwrap();
    passed + views(folder, direct)
}

/// Reads each file through views, at the places where something changes, and compares with `pread`.
fn views(folder: &Path, direct: bool) -> u32 {
    let mut passed = 0;
    for (name, reported, len, code) in SERVED.into_iter().filter(|served| served.0 != "short") {
        for flags in [Flags::empty(), Flags::COW] {
            let view_len = reported.min(8 << 20);
            // Opening drops what the kernel has cached.
            let file = File::open(folder.join(name)).unwrap();
            let request = || Mmap::new(&file).flags(flags);
            if reported == 1 << 62 {
                assert_eq!(request().view().unwrap_err().kind(), ErrorKind::OutOfMemory);
            }
            let view = match request().len(view_len as usize).view() {
                // FUSE refuses to share memory that it does not cache.
                Err(error) if direct && flags.is_empty() && error.kind() == ErrorKind::NotMappable => {
                    continue;
                }
                // Not empty, as reading finds out.
                Err(error) if reported == 0 && error.kind() == ErrorKind::NotMappable => continue,
                view => view.unwrap_or_else(|error| panic!("{name}: {error}")),
            };
            for (from, wanted) in [0, 599, 600, 999, 4095, len - 9, len, len + 1, view_len.saturating_sub(9)]
                .into_iter()
                .filter(|&from| from < view_len)
                .flat_map(|from| [1, 8, 5000, 300_000].map(|wanted| (from, wanted)))
            {
                let what = || format!("{name}, {flags:?}, {wanted} bytes at {from}");
                let (mut ours, mut theirs) = (vec![b'-'; wanted], vec![b'-'; wanted]);
                let read = view.read_at(&mut ours, from);
                let due = wanted.min((view_len - from) as usize);
                match file.read_at(&mut theirs[..due], from) {
                    // A read that fails fails as a whole, while the mapping has the pages before.
                    theirs if direct && code.is_some() && from < len => match read {
                        Ok(read) => assert!(ours[..read].iter().all(|&byte| byte == b'x'), "{}", what()),
                        Err(error) => {
                            assert!(theirs.is_err());
                            assert_eq!(error.raw_os_error(), code, "{}", what());
                        }
                    },
                    Ok(0) => assert_eq!(read.unwrap_err().kind(), ErrorKind::Truncated, "{}", what()),
                    Ok(count) => {
                        assert_eq!(read, Ok(count), "{}", what());
                        assert!(ours[..count] == theirs[..count], "{}", what());
                        assert!(ours[due..].iter().all(|&byte| byte == b'-'), "{}", what());
                    }
                    Err(error) => {
                        assert_eq!(error.raw_os_error(), code, "{}", what());
                        assert_eq!(read.unwrap_err().raw_os_error(), code, "{}: {read:?}", what());
                    }
                }
                passed += 1;
            }
        }
    }
    passed
}

/// While the server hangs, whoever reads waits. When it dies, they get an error.
fn hang(folder: &Path, server: &str, wc: &str) -> u32 {
    let this = std::env::current_exe().unwrap();
    let start = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    const SIGBUS: i32 = 7;
    let mut readers = [
        start(Path::new(wc), &["hangs_0"]),
        start(&this, &["read", "hangs_1", "by a Reader"]),
        start(&this, &["read", "hangs_2", "through a View"]),
        start(&this, &["read", "hangs_3", "through a View with the guard"]),
        start(&this, &["read", "hangs_4", "through a slice"]),
    ];
    std::thread::sleep(Duration::from_secs(1));
    for reader in &mut readers {
        assert_eq!(reader.try_wait().unwrap(), None);
    }
    assert!(Command::new("kill").args(["-9", server]).status().unwrap().success());
    let [wc, others @ .., slice] = readers.map(|reader| reader.wait_with_output().unwrap());
    assert_eq!(wc.status.code(), Some(1), "{wc:?}");
    assert_eq!(String::from_utf8_lossy(&wc.stdout), "      0       1 1048576 hangs_0\n");
    // The first for the read that waits, the second for one that begins when the server is dead.
    let words = [
        "wc: hangs_0: Software caused connection abort\n",
        "wc: hangs_0: Transport endpoint is not connected\n",
    ];
    assert!(words.iter().any(|words| words.as_bytes() == wc.stderr), "{wc:?}");
    for output in &others {
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(slice.status.signal(), Some(SIGBUS), "{slice:?}");
    2 + others.len() as u32
}

/// Reads until an error, which must be that the server died.
fn read_to_error(path: &Path, how: &str) {
    const ECONNABORTED: i32 = 103;
    const ENOTCONN: i32 = 107;
    let file = File::open(path).unwrap();
    // Not shared, so that a file can be mapped that the kernel does not cache.
    let request = Mmap::new(&file).flags(Flags::COW);
    let error = match how {
        "by a Reader" => read(Reader::new(&file), |byte| byte == b'x').1.unwrap_err(),
        "through a slice" => {
            // SAFETY: none. SIGBUS, which ends this process, is what the check expects.
            let map = unsafe { request.map().unwrap() };
            panic!("read {}", map[2_000_000]);
        }
        _ => {
            if how == "through a View with the guard" {
                guard::install().unwrap();
            }
            let view = request.view().unwrap();
            let mut bytes = [0; 1000];
            assert_eq!(view.read_at(&mut bytes, 0), Ok(1000));
            view.read_at(&mut bytes, 2_000_000).unwrap_err()
        }
    };
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!([ECONNABORTED, ENOTCONN].map(Some).contains(&error.raw_os_error()), "{error}");
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
        for options in [Contents::options(), Contents::options().max_len(len).nul_terminated()] {
            assert!(options.read(&file).unwrap()[..] == contents[..], "{len} bytes as contents");
            passed += 1;
        }
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

/// A file that is renamed over, or deleted, remains for those who have it open.
fn replaced(folder: &Path) -> u32 {
    let (path, other) = (folder.join("file"), folder.join("other"));
    for install in [|| {}, || guard::install().unwrap()] {
        install();
        fs::write(&path, vec![b'x'; LEN]).unwrap();
        let file = File::open(&path).unwrap();
        let view = Mmap::new(&file).view().unwrap();
        fs::write(&other, "other").unwrap();
        for change in [
            |path: &Path, other: &Path| fs::rename(other, path),
            |path: &Path, _: &Path| fs::remove_file(path),
        ] {
            change(&path, &other).unwrap();
            let mut bytes = vec![0; LEN];
            assert_eq!(view.read_at(&mut bytes, 0), Ok(LEN));
            assert!(bytes.iter().all(|&byte| byte == b'x'));
            assert_eq!(read(Reader::new(&file), |byte| byte == b'x'), (LEN as u64, Ok(())));
        }
    }
    4
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
