//! Errors beside std's: what `?` makes of them in a function that returns `io::Result`, and that no code of the system is
//! unknown. The codes come from strace, which makes a call fail with any; where there is none, there is nothing to see,
//! and with CI=true it must be there. That the names are those of the system's headers is for `ci/abi` to say.

#![cfg(feature = "std")]

use baremap::{Advice, Discard, Error, ErrorKind, File, FileRef, Flags, Mmap, Prot};
use std::ffi::CString;
use std::io;
use std::process::Command;

fn read(path: &str) -> io::Result<usize> {
    let path = CString::new(path).unwrap();
    Ok(File::open(&path)?.read_at(&mut [0; 4], 0)?)
}

#[test]
fn a_question_mark_keeps_code_and_kind() {
    let error = read(std::env::temp_dir().join("baremap-missing").to_str().unwrap()).unwrap_err();
    // As it happens, the same on Windows.
    assert_eq!(error.raw_os_error(), Some(2));
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn an_error_without_a_code_is_within() {
    let error = io::Error::from(Mmap::anon(0).map().unwrap_err());
    assert_eq!((error.raw_os_error(), error.kind()), (None, io::ErrorKind::InvalidInput));
    assert_eq!(error.to_string(), "map: anonymous memory needs a length over 0");
    let inner: Error = error.downcast().unwrap();
    assert_eq!((inner.call(), inner.kind()), ("map", ErrorKind::EmptyAnon));
}

/// Runs one of these tests again under strace, with a fault. Gives what it printed, or `None` without strace.
fn traced(test: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Option<String> {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60", "strace", "-f", "-qq", "-o", "/dev/null"]).args(arguments);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = command.envs(variables.iter().copied()).output();
    match output.as_ref().map(|output| output.status.code()) {
        // `timeout` and the system say so of a program that is not there.
        Ok(Some(127)) | Err(_) => {
            let is_due = std::path::MAIN_SEPARATOR == '/' && std::env::var("CI").as_deref() == Ok("true");
            assert!(!is_due, "strace is missing");
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
fn no_code_is_unknown_that_the_system_knows() {
    const PATH: &str = "/baremap-missing";
    const EINTR: i32 = 4;
    if std::env::var("BAREMAP_TRACED").is_ok() {
        let path = CString::new(PATH).unwrap();
        let error = File::open(&path).unwrap_err();
        let of_std = io::Error::from(error);
        if of_std.raw_os_error().is_none() {
            assert_ne!(error.kind(), ErrorKind::Other);
            assert_eq!(of_std.downcast::<Error>().unwrap(), error);
        } else {
            assert_eq!(of_std.raw_os_error(), error.raw_os_error());
        }
        println!("\n{error}");
        return;
    }
    // The last one that may leave the kernel is 511, and the last one that says of a result that it is a code, 4095.
    for code in (1..=150).chain([511, 4095]).filter(|&code| code != EINTR) {
        let fault = format!("inject=openat:error={code}");
        let text = traced(
            "no_code_is_unknown_that_the_system_knows",
            &["-P", PATH, "-e", &fault],
            &[("BAREMAP_TRACED", "")],
        );
        let Some(text) = text else { return };
        let line = text.lines().find_map(|line| line.strip_prefix("openat: "));
        let line = line.unwrap_or_else(|| panic!("{code}: {text}"));
        let of_system = io::Error::from_raw_os_error(code).to_string().to_lowercase();
        let is_known =
            !of_system.starts_with("unknown error") && !of_system.starts_with("no error information");
        if is_known || !line.starts_with("unknown error") {
            assert!(line.contains(" (E") && line.ends_with(&format!(", {code})")), "{line}; {of_system}");
        } else {
            assert_eq!(line, format!("unknown error ({code})"));
        }
    }
}

/// What the documentation of each method says of the conditions that the man page of its call names.
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
fn a_code_means_of_a_call_what_is_documented() {
    let test = "a_code_means_of_a_call_what_is_documented";
    if let Ok(call) = std::env::var("BAREMAP_TRACED") {
        let path = CString::new(std::env::var("BAREMAP_FILE").unwrap()).unwrap();
        println!("\nkind: {:?}", fails(&call, &path).unwrap_err().kind());
        return;
    }
    let path = std::env::temp_dir().join(format!("baremap-{test}-{}", std::process::id()));
    std::fs::write(&path, [7; 5000]).unwrap();
    let path = path.to_str().unwrap();
    for line in CODES.lines() {
        let (call, codes) = line.split_once(": ").unwrap();
        for (code, kind) in codes.split(", ").map(|code| code.split_once(' ').unwrap()) {
            let fault = format!("inject={call}:error={code}");
            // Calls of std's on other files must not fail. Some have no file.
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

/// Does what makes the call.
fn fails(call: &str, path: &CString) -> Result<(), Error> {
    let file = File::open_rw(path)?;
    let request = Mmap::new(&file).prot(Prot::WRITE);
    // SAFETY: the file is this test's alone, here and below.
    let map = |request: Mmap<FileRef>| unsafe { request.map() };
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

/// Kernels may be built without swap (EBADF), and without any advice (ENOSYS).
#[test]
fn a_hint_that_the_system_does_not_know_is_no_failure() {
    if std::env::var("BAREMAP_TRACED").is_ok() {
        return Mmap::anon(1).map().unwrap().advise(Advice::WillNeed).unwrap();
    }
    for code in ["EINVAL", "EBADF", "ENOSYS"] {
        let fault = format!("inject=madvise:error={code}");
        let test = "a_hint_that_the_system_does_not_know_is_no_failure";
        if traced(test, &["-e", &fault], &[("BAREMAP_TRACED", "")]).is_none() {
            return;
        }
    }
}

/// std takes EAGAIN for something to wait for.
#[test]
fn the_limit_on_locked_memory_is_nothing_to_wait_for() {
    if std::env::var("BAREMAP_TRACED").is_ok() {
        let error = Mmap::anon(1).flags(Flags::LOCKED).map().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        let text = "mlock with LOCKED: out of memory: resource temporarily unavailable (EAGAIN, 11)";
        assert_eq!(error.to_string(), text);
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::OutOfMemory);
        return;
    }
    traced(
        "the_limit_on_locked_memory_is_nothing_to_wait_for",
        &["-e", "inject=mlock:error=EAGAIN"],
        &[("BAREMAP_TRACED", "")],
    );
}
