//! Memory that two processes share: passed as standard input, opened by name, and left behind by one that is killed.
//!
//! A test starts this binary again as the second process.

#![cfg(feature = "std")]

use baremap::{ErrorKind, FileRef, Mmap, Prot, RawMapping, SharedMemory};
use std::path::{MAIN_SEPARATOR, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{env, fs, io};

/// Set in the second process, to the name of the memory.
const SECOND: &str = "BAREMAP_SECOND";

const LEN: usize = 100_000;
const EACH: u64 = 200_000;

/// A process runs one test, or several one after the other.
fn name(of: &str) -> String {
    let name = format!("baremap-{}-{of}", std::process::id());
    let _ = SharedMemory::remove(&name);
    name
}

/// This binary, to run a test of it as the second process.
fn second(test: &str, name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(SECOND, name).env("RUST_BACKTRACE", "0");
    command
}

#[track_caller]
fn assert_success(output: Output) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Memory as the first process makes it, which nobody truncates.
struct Mapped(RawMapping);

impl Mapped {
    fn of(memory: &SharedMemory) -> Self {
        assert!(memory.len() == LEN || memory.len() == LEN.next_multiple_of(baremap::page_size()));
        Self(Mmap::new(memory).prot(Prot::WRITE).map_raw().unwrap())
    }

    /// The number at an index.
    fn number(&self, i: usize) -> &AtomicU64 {
        assert!(i < LEN / 8);
        // SAFETY: `LEN` bytes are mapped and writable, from the start of a page on, and are accessed by this function alone.
        unsafe { AtomicU64::from_ptr(self.0.as_mut_ptr().cast::<u64>().add(i)) }
    }

    /// Counts in the first number and in the last.
    fn count(&self) {
        for _ in 0..EACH {
            self.number(0).fetch_add(1, Relaxed);
            self.number(LEN / 8 - 1).fetch_sub(1, Relaxed);
        }
    }

    /// What the second process does: waits for the first, and counts too.
    fn count_second(&self) {
        self.number(1).store(1, Relaxed);
        self.count();
    }

    /// What the first does while the second runs.
    fn count_with(&self, mut second: Command) {
        let mut child = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while self.number(1).load(Relaxed) == 0 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        self.count();
        assert_success(child.wait_with_output().unwrap());
        assert_eq!(self.number(0).load(Relaxed), 2 * EACH);
        assert_eq!(self.number(LEN / 8 - 1).load(Relaxed), (2 * EACH).wrapping_neg());
    }
}

#[test]
fn passed_as_standard_input() {
    if env::var_os(SECOND).is_some() {
        let stdin = FileRef::from(&io::stdin()).as_raw();
        // SAFETY: it is open, and nothing else here uses it.
        let memory = unsafe { SharedMemory::from_raw(stdin) }.unwrap();
        return Mapped::of(&memory).count_second();
    }
    let memory = SharedMemory::new(LEN).unwrap();
    let mapped = Mapped::of(&memory);
    let mut second = second("passed_as_standard_input", "");
    second.stdin(Stdio::from(memory));
    mapped.count_with(second);
}

#[test]
fn opened_by_name() {
    if let Ok(name) = env::var(SECOND) {
        let memory = SharedMemory::open(&name).unwrap();
        let reader = SharedMemory::open_read_only(&name).unwrap();
        let mapped = Mapped::of(&memory);
        // SAFETY: nothing else is mapped by it, and nothing writes to a slice of no bytes.
        assert!(unsafe { Mmap::new(&reader).len(0).map() }.unwrap().is_empty());
        let error = Mmap::new(&reader).prot(Prot::WRITE).map_raw().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let error = SharedMemory::create(&name, LEN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        return mapped.count_second();
    }
    let name = name("named");
    let memory = SharedMemory::create(&name, LEN).unwrap();
    Mapped::of(&memory).count_with(second("opened_by_name", &name));
    // The second process has ended, and the memory is still there, under its name.
    assert_eq!(SharedMemory::open(&name).unwrap().len(), memory.len());
    match SharedMemory::remove(&name) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => result.unwrap(),
    }
}

/// A name outlives the process that made it, where names do not end by themselves; and only where it is needed.
#[test]
fn creator_is_killed() {
    if let Ok(name) = env::var(SECOND) {
        let memory = SharedMemory::create(&name, LEN).unwrap();
        Mapped::of(&memory).number(0).store(7, Relaxed);
        let nameless = SharedMemory::new(LEN).unwrap();
        Mapped::of(&nameless).number(0).store(7, Relaxed);
        // Nothing is dropped.
        std::process::abort();
    }
    let name = name("killed");
    let output = second("creator_is_killed", &name).output().unwrap();
    assert!(!output.status.success());
    let names = |text: &str| {
        let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().contains(text)).count()
    };
    match SharedMemory::open(&name) {
        Ok(memory) => {
            assert_eq!(Mapped::of(&memory).number(0).load(Relaxed), 7);
            SharedMemory::remove(&name).unwrap();
            assert_eq!(SharedMemory::open(&name).unwrap_err().kind(), ErrorKind::NotFound);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(SharedMemory::remove(&name).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
    assert_eq!(names(&name), 0);
}

/// Where a name is a file, nobody else may open it, whatever the umask.
#[test]
fn only_the_user_may_open_a_name() {
    if let Ok(name) = env::var(SECOND) {
        drop(SharedMemory::create(&name, LEN).unwrap());
        return;
    }
    if MAIN_SEPARATOR != '/' || !fs::exists("/dev/shm").unwrap_or(false) {
        return println!("skipped: names are no files here");
    }
    let name = name("mode");
    let exe = env::current_exe().unwrap();
    let script = "umask 0 && exec \"$0\" only_the_user_may_open_a_name --exact --nocapture";
    let output = Command::new("sh").args(["-c", script]).arg(exe).env(SECOND, &name).output().unwrap();
    assert_success(output);
    let path = format!("/dev/shm/{name}");
    let output = Command::new("stat").args(["-c", "%a %s %F"]).arg(&path).output().unwrap();
    SharedMemory::remove(&name).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("600 {LEN} regular file"));
    assert!(!fs::exists(&path).unwrap());
}

/// A link that somebody left in the folder of the names is not followed, and a pipe does not make anybody wait.
#[test]
fn traps_are_errors() {
    if MAIN_SEPARATOR != '/' || !fs::exists("/dev/shm").unwrap_or(false) {
        return println!("skipped: names are no files here");
    }
    let name = name("trap");
    let path = format!("/dev/shm/{name}");
    let target = env::temp_dir().join(&name);
    fs::write(&target, "target").unwrap();
    let make = |program: &str, arguments: &[&str]| {
        assert!(Command::new(program).args(arguments).arg(&path).status().unwrap().success());
    };
    let kinds = || {
        let create = SharedMemory::create(&name, LEN).unwrap_err().kind();
        let open = SharedMemory::open(&name).unwrap_err().kind();
        let read_only = SharedMemory::open_read_only(&name).unwrap_err().kind();
        SharedMemory::remove(&name).unwrap();
        (create, open, read_only)
    };
    make("ln", &["-s", target.to_str().unwrap()]);
    let link = kinds();
    make("mkfifo", &[]);
    let pipe = kinds();
    let contents = fs::read(&target).unwrap();
    fs::remove_file(&target).unwrap();
    assert_eq!(link, (ErrorKind::AlreadyExists, ErrorKind::InvalidInput, ErrorKind::InvalidInput));
    assert_eq!(pipe, (ErrorKind::AlreadyExists, ErrorKind::NotMappable, ErrorKind::NotMappable));
    assert_eq!(contents, b"target");
}

/// Cargo builds the examples before it runs the tests, into a folder beside theirs.
fn example() -> PathBuf {
    let target = env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    target.join("examples").join(format!("count{}", env::consts::EXE_SUFFIX))
}

#[test]
fn example_counts_in_two_processes() {
    if !example().exists() {
        return println!("skipped: the example is not built");
    }
    let output = Command::new(example()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "2000000");
}
