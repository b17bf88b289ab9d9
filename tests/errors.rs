//! Errors compared with std's: what `?` makes of them in a function that returns `io::Result`, and that the crate knows
//! every code that the system knows.
//!
//! strace makes a system call fail with any code. Without strace these tests are skipped; with CI=true that is a
//! failure. `ci/abi` compares the codes' names with the system's headers.

#![cfg(feature = "std")]

use baremap::{Advice, Discard, Error, ErrorKind, File, Flags, Mapping, Mmap};
use std::io;
use std::process::Command;

fn read(path: &str) -> io::Result<usize> {
    Ok(File::open(path)?.read_at(&mut [0; 4], 0)?)
}

#[test]
fn question_mark_keeps_code_and_kind() {
    let error = read(std::env::temp_dir().join("baremap-missing").to_str().unwrap()).unwrap_err();
    // ENOENT, and ERROR_FILE_NOT_FOUND on Windows.
    assert_eq!(error.raw_os_error(), Some(2));
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn question_mark_drops_what_was_refused() {
    fn map() -> io::Result<()> {
        let mut map = Mmap::anon(1).map()?.into_mut()?;
        map[0] = 1;
        map.unmap()?;
        Ok(<Mapping>::default().into_reservation().map(drop)?)
    }
    assert_eq!(map().unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn error_without_code_is_wrapped() {
    let error = io::Error::from(Mmap::anon(0).map().unwrap_err());
    assert_eq!((error.raw_os_error(), error.kind()), (None, io::ErrorKind::InvalidInput));
    assert_eq!(error.to_string(), "map: the length is 0");
    let inner: Error = error.downcast().unwrap();
    assert_eq!((inner.call(), inner.kind()), ("map", ErrorKind::ZeroLength));
}

/// Runs a test of this program under strace. Returns what it printed, or `None` without strace.
fn traced(test: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Option<String> {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60", "strace", "-f", "-qq", "-o", "/dev/null"]).args(arguments);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--include-ignored", "--nocapture"]);
    let output = command.envs(variables.iter().copied()).output();
    match output.as_ref().map(|output| output.status.code()) {
        // `timeout` is missing, or says that strace is.
        Ok(Some(127)) | Err(_) => {
            let is_required =
                std::path::MAIN_SEPARATOR == '/' && std::env::var("CI").as_deref() == Ok("true");
            assert!(!is_required, "strace is missing");
            println!("skipped {test}: no strace here");
            None
        }
        Ok(_) => {
            let output = output.unwrap();
            let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{arguments:?}: {text}");
            Some(text.into_owned())
        }
    }
}

#[test]
fn knows_some_codes() {
    knows_codes("knows_some_codes", [1, 2, 13, 36, 95, 122, 133, 134, 150, 511, 4095]);
}

/// The kernel returns codes up to 511 to programs, and takes results down to -4095 for codes.
#[test]
#[ignore = "runs strace 151 times"]
fn knows_every_code_that_the_system_knows() {
    const EINTR: i32 = 4;
    let codes = (1..=150).chain([511, 4095]).filter(|&code| code != EINTR);
    knows_codes("knows_every_code_that_the_system_knows", codes);
}

fn knows_codes(test: &str, codes: impl IntoIterator<Item = i32>) {
    const PATH: &str = "/baremap-missing";
    if std::env::var("BAREMAP_TRACED").is_ok() {
        let error = File::open(PATH).unwrap_err();
        let io = io::Error::from(error);
        if io.raw_os_error().is_none() {
            assert_ne!(error.kind(), ErrorKind::Other);
            assert_eq!(io.downcast::<Error>().unwrap(), error);
        } else {
            assert_eq!(io.raw_os_error(), error.raw_os_error());
        }
        println!("\n{error}");
        return;
    }
    for code in codes {
        let fault = format!("inject=openat:error={code}");
        let arguments = ["-P", PATH, "-e", &fault];
        let Some(text) = traced(test, &arguments, &[("BAREMAP_TRACED", "")]) else { return };
        let line = text.lines().find_map(|line| line.strip_prefix("openat: "));
        let line = line.unwrap_or_else(|| panic!("{code}: {text}"));
        let words = io::Error::from_raw_os_error(code).to_string().to_lowercase();
        let is_known = !words.starts_with("unknown error") && !words.starts_with("no error information");
        if is_known || !line.starts_with("unknown error") {
            assert!(line.contains(" (E") && line.ends_with(&format!(", {code})")), "{line}; {words}");
        } else {
            assert_eq!(line, format!("unknown error ({code})"));
        }
    }
}

/// For each call, the codes that its man page names and the kinds that the documentation of the methods promises.
const CODES: &str = "\
openat: ENOENT NotFound, ENOTDIR NotFound, EACCES PermissionDenied, EROFS PermissionDenied, EISDIR NotMappable
openat: ENXIO NotMappable, EMFILE TooManyFiles, ENFILE TooManyFiles, ETXTBSY Busy, EDQUOT NoSpace, EUCLEAN Io
openat: EOVERFLOW TooLong, EILSEQ InvalidInput, ENAMETOOLONG InvalidInput
fstat: EOVERFLOW TooLong, ESTALE Io, ENOMEM OutOfMemory
mmap: EACCES PermissionDenied, EPERM PermissionDenied, EAGAIN OutOfMemory, ENOMEM OutOfMemory, ENFILE TooManyFiles
mmap: ENODEV NotMappable, ENXIO NotMappable, ETXTBSY Busy, EOVERFLOW Overflow
mlock: EAGAIN OutOfMemory, ENOMEM OutOfMemory, EPERM PermissionDenied
msync: EIO Io, ENOSPC NoSpace, EDQUOT NoSpace, ETIMEDOUT Io
madvise: EINVAL InvalidInput, EOPNOTSUPP Unsupported, ENOSYS Unsupported
pread64: ESPIPE NotSeekable, EISDIR NotMappable, EIO Io, EBADMSG Io
ftruncate: EFBIG TooLong, EPERM PermissionDenied, ENOSPC NoSpace, EIO Io
fsync: EIO Io, ENOSPC NoSpace, EDQUOT NoSpace, ENOTCONN Io";

#[test]
fn codes_have_the_documented_kinds() {
    let test = "codes_have_the_documented_kinds";
    if let Ok(call) = std::env::var("BAREMAP_TRACED") {
        let path = std::env::var("BAREMAP_FILE").unwrap();
        println!("\nkind: {:?}", make_call(&call, &path).unwrap_err().kind());
        return;
    }
    let path = std::env::temp_dir().join(format!("baremap-{test}-{}", std::process::id()));
    std::fs::write(&path, [7; 5000]).unwrap();
    let path = path.to_str().unwrap();
    for line in CODES.lines() {
        let (call, codes) = line.split_once(": ").unwrap();
        for (code, kind) in codes.split(", ").map(|code| code.split_once(' ').unwrap()) {
            let fault = format!("inject={call}:error={code}");
            // Only calls on this file may fail, not std's own. The first three have no file.
            let arguments = match call {
                "mlock" | "msync" | "madvise" => &["-e", &fault][..],
                _ => &["-e", &fault, "-P", path],
            };
            let text = traced(test, arguments, &[("BAREMAP_TRACED", call), ("BAREMAP_FILE", path)]);
            let Some(text) = text else { return drop(std::fs::remove_file(path)) };
            assert!(text.contains(&format!("kind: {kind}\n")), "{fault}: {kind}, but {text}");
        }
    }
    std::fs::remove_file(path).unwrap();
}

/// Makes the system call, and returns its error.
fn make_call(call: &str, path: &str) -> Result<(), Error> {
    let file = File::open_rw(path)?;
    let request = Mmap::new(&file);
    // SAFETY: no other process knows the file.
    let map = |request: Mmap| unsafe { request.map_mut() };
    match call {
        "mlock" => map(request.flags(Flags::LOCKED)).map(drop),
        "msync" => map(request)?.flush(),
        // SAFETY: nothing relies on the contents.
        "madvise" => unsafe { map(request)?.discard(Discard::DontNeed) },
        "pread64" => file.read_at(&mut [0], 0).map(drop),
        "ftruncate" => file.set_len(6000),
        "fsync" => file.sync(),
        _ => map(request).map(drop),
    }
}

/// Kernels can be built without swap (EBADF), and without `madvise` (ENOSYS).
#[test]
fn unsupported_advice_is_no_error() {
    if std::env::var("BAREMAP_TRACED").is_ok() {
        return Mmap::anon(1).map().unwrap().advise(Advice::WillNeed).unwrap();
    }
    for code in ["EINVAL", "EBADF", "ENOSYS"] {
        let fault = format!("inject=madvise:error={code}");
        traced("unsupported_advice_is_no_error", &["-e", &fault], &[("BAREMAP_TRACED", "")]);
    }
}

/// For std, EAGAIN means that the call would block.
#[test]
fn limit_on_locked_memory_is_out_of_memory() {
    if std::env::var("BAREMAP_TRACED").is_ok() {
        let error = Mmap::anon(1).flags(Flags::LOCKED).map().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        let text = "mlock with LOCKED: out of memory: resource temporarily unavailable (EAGAIN, 11)";
        assert_eq!(error.to_string(), text);
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::OutOfMemory);
        return;
    }
    traced(
        "limit_on_locked_memory_is_out_of_memory",
        &["-e", "inject=mlock:error=EAGAIN"],
        &[("BAREMAP_TRACED", "")],
    );
}
