//! The conformance suite as ordinary tests, one for each check.

#[macro_use]
mod conformance;

use conformance::{Env, Failure};
use std::ffi::CString;

const IS_POSIX: bool = std::path::MAIN_SEPARATOR == '/';

/// Of one child for all checks, of which one reads it: QEMU may hang a process that forks while its other threads run,
/// and these wait here.
#[cfg(feature = "std")]
static PIPE: std::sync::LazyLock<std::process::ChildStdout> = std::sync::LazyLock::new(|| {
    let (shell, switch) = if IS_POSIX { ("sh", "-c") } else { ("cmd", "/C") };
    let mut command = std::process::Command::new(shell);
    let child = command.args([switch, "echo pipe"]).stdout(std::process::Stdio::piped()).spawn();
    child.unwrap().stdout.unwrap()
});

/// Runs one check in a folder of its own. What it needs of the system is offered where it is found.
fn run(name: &str) {
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
        tells_no_length: Some(c"/proc/version")
            .filter(|_| IS_POSIX && std::fs::exists("/proc/version").unwrap()),
        // Emulators that note every page want less.
        address_space: std::env::var("BAREMAP_ADDRESS_SPACE")
            .map_or(1 << (usize::BITS * 5 / 8), |bytes| bytes.parse().unwrap()),
    };
    let result = conformance::run(name, &mut env);
    std::fs::remove_dir_all(&folder).unwrap();
    match result {
        Ok(()) => {}
        Err(Failure::Skipped(reason)) => println!("skipped {name}: {reason}"),
        Err(Failure::Broken(location, what, error)) => panic!("{name}: {location}: {what} {error:?}"),
    }
}

/// While a file is open here others find it by its name, and can rename and remove it; on Windows that takes a sharing
/// mode, and names in UTF-16.
#[test]
fn open_file_is_renamed_and_removed() {
    let path = std::env::temp_dir().join(format!("baremap-{}-ä, 日本語, 𝄞", std::process::id()));
    let name = CString::new(path.to_str().unwrap()).unwrap();
    let file = baremap::File::create(&name).unwrap();
    file.set_len(10).unwrap();
    let renamed = path.with_extension("renamed");
    std::fs::rename(&path, &renamed).unwrap();
    std::fs::remove_file(&renamed).unwrap();
    assert_eq!(file.len().unwrap(), 10);
}

/// A file is lent to std as std's own are, and so are its pipes and sockets to the crate.
#[cfg(feature = "std")]
#[test]
fn file_is_lent_to_std_and_back() {
    let path = std::env::temp_dir().join(format!("baremap-{}-lent", std::process::id()));
    std::fs::write(&path, "lent").unwrap();
    let file = baremap::File::open(&CString::new(path.to_str().unwrap()).unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    fn len<'a>(file: impl Into<baremap::FileRef<'a>>) -> usize {
        // SAFETY: the file is this test's alone.
        unsafe { baremap::Mmap::new(file).map() }.unwrap().len()
    }
    assert_eq!(len(&file), 4);
    let by_reference = &file;
    assert_eq!(len(by_reference), 4);
    assert_eq!(len(&std::sync::Arc::new(file)), 4);
}

macro_rules! tests {
    ($($module:ident { $($check:ident),* })*) => {
        $(mod $module {
            $(#[test]
            fn $check() {
                crate::run(concat!(stringify!($module), "::", stringify!($check)));
            })*
        })*
    };
}

for_all_checks!(tests);
#[cfg(feature = "alloc")]
for_all_alloc_checks!(tests);
