//! The conformance suite as ordinary tests, one for each check.

mod conformance;

use conformance::{Check, Env, Failure};
use std::ffi::CString;

const IS_POSIX: bool = std::path::MAIN_SEPARATOR == '/';

/// One child serves all checks, as one of them reads the pipe. Under QEMU a process that forks while other threads run may
/// hang; here they wait for the lock.
#[cfg(feature = "std")]
static PIPE: std::sync::LazyLock<std::process::ChildStdout> = std::sync::LazyLock::new(|| {
    let (shell, switch) = if IS_POSIX { ("sh", "-c") } else { ("cmd", "/C") };
    let mut command = std::process::Command::new(shell);
    let child = command.args([switch, "echo pipe"]).stdout(std::process::Stdio::piped()).spawn();
    child.unwrap().stdout.unwrap()
});

/// Runs a check in a folder of its own, with what this system has.
fn run(check: &Check) {
    let name = check.name;
    let folder =
        std::env::temp_dir().join(format!("baremap-{}-{}", std::process::id(), name.replace("::", "-")));
    std::fs::create_dir_all(&folder).unwrap();
    let path = CString::new(format!("{}{}", folder.to_str().unwrap(), std::path::MAIN_SEPARATOR)).unwrap();
    let mut env = Env {
        folder: &path,
        #[cfg(feature = "std")]
        pipe: Some((&*PIPE).into()),
        #[cfg(not(feature = "std"))]
        pipe: None,
        zeros: IS_POSIX.then_some(c"/dev/zero"),
        reports_no_length: Some(c"/proc/version")
            .filter(|_| IS_POSIX && std::fs::exists("/proc/version").unwrap()),
        // An emulator that keeps a record of every page has less.
        set_len: None,
        arch: std::env::consts::ARCH,
        keeps_translations: std::env::var_os("BAREMAP_ADDRESS_SPACE").is_some(),
        address_space: std::env::var("BAREMAP_ADDRESS_SPACE")
            .map_or(1 << (usize::BITS * 5 / 8), |bytes| bytes.parse().unwrap()),
    };
    let result = (check.run)(&mut env);
    std::fs::remove_dir_all(&folder).unwrap();
    match result {
        Ok(()) => {}
        Err(Failure::Skipped(reason)) => println!("skipped {name}: {reason}"),
        Err(failure) => panic!("{name}: {failure}"),
    }
}

/// An open file can be renamed and removed by its name. On Windows that takes a sharing mode, and names in UTF-16.
#[test]
fn open_file_is_renamed_and_removed() {
    let path = std::env::temp_dir().join(format!("baremap-{}-ä, 日本語, 𝄞", std::process::id()));
    let name = CString::new(path.to_str().unwrap()).unwrap();
    let file = baremap::File::create(name.as_c_str()).unwrap();
    file.set_len(10).unwrap();
    let renamed = path.with_extension("renamed");
    std::fs::rename(&path, &renamed).unwrap();
    std::fs::remove_file(&renamed).unwrap();
    assert_eq!(file.len().unwrap(), 10);
}

/// A file is borrowed like std's own files, by anything that lends its descriptor.
#[cfg(feature = "std")]
#[test]
fn file_is_borrowed_like_std() {
    let path = std::env::temp_dir().join(format!("baremap-{}-lent", std::process::id()));
    std::fs::write(&path, "lent").unwrap();
    let file = baremap::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    fn len<'a>(file: impl Into<baremap::FileRef<'a>>) -> usize {
        baremap::Mmap::new(file).map_raw().unwrap().len()
    }
    assert_eq!(len(&file), 4);
    assert_eq!(len(&std::sync::Arc::new(file)), 4);
}

/// A file becomes std's and the crate's again, by its descriptor or handle.
#[cfg(feature = "std")]
#[test]
fn file_converts_to_std_and_back() {
    use std::io::Write;
    let path = std::env::temp_dir().join(format!("baremap-{}-converts", std::process::id()));
    let mut file: std::fs::File = baremap::File::create_new(&path).unwrap().into();
    file.write_all(b"written").unwrap();
    let file: baremap::File = file.into();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(file.len().unwrap(), 7);
}

/// What std takes for a path is one here, by value and by reference.
#[cfg(feature = "std")]
#[test]
fn paths_of_std() {
    use baremap::{ErrorKind, File};
    let path = std::env::temp_dir().join(format!("baremap-{}-päth", std::process::id()));
    let text = path.to_str().unwrap();
    let string = text.to_string();
    let c_string = CString::new(text).unwrap();
    File::create(text).unwrap().set_len(1).unwrap();
    let files = [
        File::open(text),
        File::open(&string),
        File::open(string),
        File::open(&path),
        File::open(path.as_path()),
        File::open(path.clone()),
        File::open(path.as_os_str()),
        File::open(path.as_os_str().to_owned()),
        File::open(c_string.as_c_str()),
        File::open(&c_string),
        File::open(c_string),
    ];
    std::fs::remove_file(&path).unwrap();
    for file in files {
        assert_eq!(file.unwrap().len().unwrap(), 1);
    }
    assert_eq!(File::open("with\0zero").unwrap_err().kind(), ErrorKind::InvalidInput);
    // Longer than any buffer.
    let long = "x/".repeat(50_000);
    assert!(File::open(long).is_err());
}
