//! The fault guard beside other vectored handlers. What must be fresh, or dies, runs in a child: this program, with
//! `--child` and a name. Pages of views are made inaccessible, which raises what Wine raises past the end of a truncated
//! file; a handler in front of the guard turns it into what Windows raises.

use crate::hooks::{Plan, with};
use crate::state::State;
use baremap::{ErrorKind, File, Mmap, View, guard};
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};

pub const CHECKS: &[(&str, fn())] = &[
    ("the guard is installed once", || assert!(run("once").status.success())),
    ("a view copies around missing pages", missing_pages),
    ("handlers before and after the guard", other_handlers),
    ("a view is read in another's handler", nested),
    ("pages that come and go", pages_come_and_go),
    ("a fault of others ends the process", || assert_eq!(code(&run("fault")), EXCEPTION_ACCESS_VIOLATION)),
    ("a stack overflow reaches the next handler", || assert_eq!(code(&run("overflow")), SEEN_OVERFLOW)),
    ("a view outlives truncation, a mapping does not", truncation),
];

const CHILDREN: &[(&str, fn())] =
    &[("once", once), ("fault", fault), ("overflow", overflow), ("view", view), ("mapping", mapping)];

/// Runs what is meant for a child.
pub fn child(name: &str) {
    const SEM_NOGPFAULTERRORBOX: u32 = 2;
    // SAFETY: it has no condition. Without it Wine starts a debugger.
    unsafe { SetErrorMode(SEM_NOGPFAULTERRORBOX) };
    CHILDREN.iter().find(|child| child.0 == name).unwrap().1();
}

fn run(name: &str) -> Output {
    let program = std::env::current_exe().unwrap();
    Command::new(program).args(["--child", name]).output().unwrap()
}

fn code(output: &Output) -> u32 {
    output.status.code().unwrap() as u32
}

const EXCEPTION_ACCESS_VIOLATION: u32 = 0xC0000005;
const EXCEPTION_IN_PAGE_ERROR: u32 = 0xC0000006;
const PAGE: usize = 4096;
const PAGES: usize = 37;
const PAGE_NOACCESS: u32 = 1;
const PAGE_READONLY: u32 = 2;
const PAGE_READWRITE: u32 = 4;

type Handler = unsafe extern "system" fn(*mut [*mut usize; 2]) -> i32;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn AddVectoredExceptionHandler(first: u32, handler: Handler) -> *mut c_void;
    fn ExitProcess(status: u32) -> !;
    fn RemoveVectoredExceptionHandler(handler: *mut c_void) -> u32;
    fn SetErrorMode(mode: u32) -> u32;
    fn VirtualAlloc(address: *mut c_void, len: usize, kind: u32, protection: u32) -> *mut u8;
    fn VirtualProtect(address: *const c_void, len: usize, protection: u32, old: *mut u32) -> i32;
}

fn protect(address: usize, protection: u32) {
    let mut old = 0;
    // SAFETY: a page of a check, which only views and `nested` read.
    assert_ne!(
        unsafe { VirtualProtect(std::ptr::with_exposed_provenance(address), PAGE, protection, &mut old) },
        0
    );
}

/// A view of a file without zeros, whose address is known.
struct Viewed {
    view: View<'static>,
    address: usize,
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Viewed {
    fn new(name: &str) -> Self {
        Self::in_folder(&std::env::temp_dir(), name)
    }

    fn in_folder(folder: &Path, name: &str) -> Self {
        let bytes: Vec<u8> = (0..PAGES * PAGE - 100).map(|i| (i % 251) as u8 + 1).collect();
        let path = folder.join(format!("baremap-guard-{}-{name}", std::process::id()));
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        let before = State::now();
        let view = file.into_view(|mmap| mmap).unwrap();
        let added = State::now().added(&before);
        let address = added.into_iter().find(|&(_, len)| len == PAGES * PAGE).unwrap().0;
        Self { view, address, bytes, path }
    }

    fn protect(&self, page: usize, protection: u32) {
        protect(self.address + page * PAGE, protection);
    }

    fn ensure_reads(&self, start: usize, len: usize) {
        let mut bytes = vec![0; len];
        assert_eq!(self.view.read_at(&mut bytes, start as u64).unwrap(), len, "at {start}");
        assert!(bytes == self.bytes[start..start + len], "other bytes at {start}");
    }
}

impl Drop for Viewed {
    fn drop(&mut self) {
        // The view keeps its handle, which allows that.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn once() {
    let fails = Plan { fail_all: Some("AddVectoredExceptionHandler"), code: 8, ..Plan::default() };
    let error = with(fails, guard::install).0.unwrap_err();
    assert_eq!((error.call(), error.kind()), ("AddVectoredExceptionHandler", ErrorKind::OutOfMemory));
    assert!(!guard::is_in_force());
    Viewed::new("once").ensure_reads(1, 10_000);
    const THREADS: usize = 16;
    let start = Barrier::new(THREADS);
    let calls: Vec<&str> = std::thread::scope(|scope| {
        let install = || {
            start.wait();
            let (result, log) = with(Plan::default(), guard::install);
            result.unwrap();
            assert!(guard::is_in_force());
            log.calls
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(install)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let count = |name| calls.iter().filter(|&&call| call == name).count();
    let (added, removed) = (count("AddVectoredExceptionHandler"), count("RemoveVectoredExceptionHandler"));
    assert_eq!(added - removed, 1, "{added} added");
    let (again, log) = with(Plan::default(), guard::install);
    assert!(again.is_ok() && log.calls.is_empty());
}

/// Any range around pages that are gone is complete: the rest is read from the file.
fn missing_pages() {
    guard::install().unwrap();
    let viewed = Viewed::new("missing");
    for page in [0, 3, 4, 36] {
        viewed.protect(page, PAGE_NOACCESS);
    }
    for page in [0, 3, 4, 5, 36] {
        for start in (page * PAGE).saturating_sub(70)..page * PAGE + 3 {
            for len in 0..=80 {
                viewed.ensure_reads(start, len);
            }
        }
    }
    viewed.ensure_reads(0, PAGES * PAGE - 100);
}

static SEEN: AtomicUsize = AtomicUsize::new(0);
/// The code that the next handlers find, unless 0.
static REPORTED: AtomicU32 = AtomicU32::new(0);

/// Counts exceptions of memory, and does nothing about them.
unsafe extern "system" fn watch(exception: *mut [*mut usize; 2]) -> i32 {
    // SAFETY: the exception's record begins with its code.
    let code = unsafe { &mut *(*exception)[0].cast::<u32>() };
    if matches!(*code, EXCEPTION_ACCESS_VIOLATION | EXCEPTION_IN_PAGE_ERROR) {
        SEEN.fetch_add(1, Relaxed);
        if REPORTED.load(Relaxed) != 0 {
            *code = REPORTED.load(Relaxed);
        }
    }
    0
}

/// Adds a handler while `operation` runs.
fn beside(first: u32, handler: Handler, operation: impl FnOnce()) {
    // SAFETY: the handlers here can deal with any exception, and each is removed once.
    unsafe {
        let added = AddVectoredExceptionHandler(first, handler);
        assert!(!added.is_null());
        operation();
        assert_ne!(RemoveVectoredExceptionHandler(added), 0);
    }
}

fn other_handlers() {
    guard::install().unwrap();
    let viewed = Viewed::new("handlers");
    viewed.protect(1, PAGE_NOACCESS);
    let seen = |first| {
        SEEN.store(0, Relaxed);
        beside(first, watch, || {
            viewed.ensure_reads(0, 3 * PAGE);
            assert!(guard::is_in_force());
        });
        SEEN.load(Relaxed)
    };
    // In the loop over words, and in the one over bytes.
    assert_eq!(seen(1), 2, "in front of the guard");
    assert_eq!(seen(0), 0, "behind it");
    for reported in [EXCEPTION_IN_PAGE_ERROR, EXCEPTION_ACCESS_VIOLATION] {
        REPORTED.store(reported, Relaxed);
        assert_eq!(seen(1), 2);
    }
    REPORTED.store(0, Relaxed);
}

/// The page that `repair` makes accessible.
static BROKEN: AtomicUsize = AtomicUsize::new(0);
static NESTED: OnceLock<Viewed> = OnceLock::new();

unsafe extern "system" fn repair(exception: *mut [*mut usize; 2]) -> i32 {
    // SAFETY: on 64 bits, words 4 and 5 of the record are the first parameters; the second one is the address.
    let (code, address) = unsafe { (*(*exception)[0] as u32, *(*exception)[0].add(5)) };
    if code != EXCEPTION_ACCESS_VIOLATION || address != BROKEN.load(Relaxed) {
        return 0;
    }
    NESTED.get().unwrap().ensure_reads(10, 3 * PAGE);
    protect(address, PAGE_READWRITE);
    -1
}

fn nested() {
    const MEM_RESERVE_COMMIT: u32 = 0x3000;
    guard::install().unwrap();
    let viewed = NESTED.get_or_init(|| Viewed::new("nested"));
    viewed.protect(1, PAGE_NOACCESS);
    for first in [0, 1] {
        beside(first, repair, || {
            // SAFETY: fresh memory, which `repair` makes accessible.
            let byte = unsafe {
                let page = VirtualAlloc(std::ptr::null_mut(), PAGE, MEM_RESERVE_COMMIT, PAGE_NOACCESS);
                BROKEN.store(page.expose_provenance(), Relaxed);
                page.read_volatile()
            };
            assert_eq!(byte, 0);
        });
    }
}

/// Threads read while pages vanish and return.
fn pages_come_and_go() {
    guard::install().unwrap();
    let viewed = Viewed::new("storm");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let (viewed, is_over) = (&viewed, &is_over);
            scope.spawn(move || {
                let mut at = thread;
                while !is_over.load(Relaxed) {
                    at = at * 7919 % (PAGES * PAGE - 100 - 20_000);
                    viewed.ensure_reads(at, [8, 64, 5000, 20_000][at % 4]);
                }
            });
        }
        let end = Instant::now() + Duration::from_secs(3);
        for page in (0..PAGES).cycle() {
            viewed.protect(page, PAGE_NOACCESS);
            viewed.protect((page + PAGES - 5) % PAGES, PAGE_READONLY);
            if Instant::now() > end {
                break;
            }
        }
        is_over.store(true, Relaxed);
    });
}

fn fault() {
    guard::install().unwrap();
    // SAFETY: none; the process ends.
    unsafe { std::ptr::without_provenance::<u8>(8).read_volatile() };
}

const STATUS_STACK_OVERFLOW: u32 = 0xC00000FD;
const SEEN_OVERFLOW: u32 = 77;

/// Ends the process, as Wine leaves a handler of a stack overflow less than a page.
unsafe extern "system" fn exit_on_overflow(exception: *mut [*mut usize; 2]) -> i32 {
    // SAFETY: the exception's record begins with its code; ExitProcess has no condition.
    unsafe {
        if *(*exception)[0] as u32 == STATUS_STACK_OVERFLOW {
            ExitProcess(SEEN_OVERFLOW);
        }
    }
    0
}

/// In a thread, as Wine ends a process at once when its first thread's stack overflows.
fn overflow() {
    fn deeper(n: u64) -> u64 {
        if std::hint::black_box(n) == 0 { 0 } else { deeper(n + 1) + 1 }
    }
    // SAFETY: the handler can deal with any exception.
    unsafe { AddVectoredExceptionHandler(1, exit_on_overflow) };
    guard::install().unwrap();
    let _ = std::thread::spawn(|| deeper(1)).join();
}

/// Where Wine shows the host's files by their own names.
const HOST: &str = "Z:/tmp";

/// Truncates the file to a page by a program of Wine's host, as Windows does not truncate mapped files.
fn truncate(viewed: &Viewed) {
    let unix = viewed.path.to_str().unwrap().replace('\\', "/").replace("Z:", "");
    // The host's process has no handle, so that this may be an error.
    let _ = Command::new(r"\\?\unix\usr\bin\truncate").args(["-s", "4096", &unix]).spawn();
    let end = Instant::now() + Duration::from_secs(10);
    while std::fs::metadata(&viewed.path).unwrap().len() != PAGE as u64 {
        assert!(Instant::now() < end, "{unix} was not truncated");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn view() {
    guard::install().unwrap();
    let viewed = Viewed::in_folder(HOST.as_ref(), "truncated");
    truncate(&viewed);
    let mut bytes = [0; 100];
    assert_eq!(viewed.view.read_at(&mut bytes, PAGE as u64 - 50), Ok(50));
    assert_eq!(bytes[..50], viewed.bytes[PAGE - 50..PAGE]);
    let error = viewed.view.read_at(&mut bytes, PAGE as u64).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
}

fn mapping() {
    guard::install().unwrap();
    let viewed = Viewed::in_folder(HOST.as_ref(), "mapped");
    let file = File::open(&viewed.path).unwrap();
    // SAFETY: none; the process ends.
    let map = unsafe { Mmap::new(&file).map() }.unwrap();
    truncate(&viewed);
    println!("{}", map[PAGE]);
}

fn truncation() {
    assert!(run("view").status.success());
    let code = code(&run("mapping"));
    assert!(matches!(code, EXCEPTION_ACCESS_VIOLATION | EXCEPTION_IN_PAGE_ERROR), "{code:#x}");
}
