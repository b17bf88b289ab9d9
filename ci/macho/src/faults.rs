//! Calls that fail on request, and a fingerprint of what the process has open and mapped. A test program controls this by
//! functions that macOS lacks: `macho_fail`, `macho_calls`, `macho_state`.

use crate::errno::{ERRNO, Errno};
use libc::{c_char, c_int};
use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The numbers of the calls that fail, counted from 1 since `fail`, and their error code.
static FAILING: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];
static CODE: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The names of the calls since `fail`; a "!" marks those that failed. The process has one thread.
static mut NAMES: [u8; 4096] = [0; 4096];
static mut NAMES_LEN: usize = 0;

/// `void macho_fail(unsigned first, unsigned second, int code)`: counts calls from now on, and lets the two of these numbers
/// fail with this code.
pub extern "C" fn fail(first: u32, second: u32, code: c_int) {
    FAILING[0].store(first, Relaxed);
    FAILING[1].store(second, Relaxed);
    CODE.store(code as u32, Relaxed);
    COUNT.store(0, Relaxed);
    // SAFETY: the process has one thread, here and below.
    unsafe {
        NAMES_LEN = 0;
        NAMES = [0; 4096];
    }
}

/// `const char *macho_calls(unsigned *count)`: ends this, and returns the number of calls and their names.
pub extern "C" fn calls(count: *mut u32) -> *const c_char {
    for number in &FAILING {
        number.store(0, Relaxed);
    }
    // SAFETY: `count` is the program's; NUL follows the names.
    unsafe {
        count.write(COUNT.load(Relaxed));
        (&raw const NAMES).cast()
    }
}

/// Performs a call unless it is to fail, and returns its result as libSystem does.
pub fn perform(name: &str, call: impl FnOnce() -> Result<isize, Errno>) -> isize {
    let number = COUNT.fetch_add(1, Relaxed) + 1;
    let is_failing = FAILING.iter().any(|failing| failing.load(Relaxed) == number);
    // SAFETY: as above.
    unsafe {
        for &byte in name.as_bytes().iter().chain(if is_failing { "! " } else { " " }.as_bytes()) {
            if NAMES_LEN + 1 < 4096 {
                NAMES[NAMES_LEN] = byte;
                NAMES_LEN += 1;
            }
        }
    }
    let result = if is_failing { Err(Errno(CODE.load(Relaxed) as c_int)) } else { call() };
    result.unwrap_or_else(|Errno(code)| {
        // SAFETY: as above.
        unsafe { ERRNO = code };
        -1
    })
}

static mut TEXT: [u8; 1 << 22] = [0; 1 << 22];

/// Reads a file of /proc, without an allocation, which might map memory.
fn read(path: &CStr) -> &'static [u8] {
    let text = &raw mut TEXT;
    // SAFETY: the process has one thread, and `text` is not used after the next call.
    unsafe {
        let (file, text) = (libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC), &mut *text);
        let mut len = 0;
        loop {
            match libc::read(file, text[len..].as_mut_ptr().cast(), text.len() - len) {
                0 => break,
                read @ 1.. if len + (read as usize) < text.len() => len += read as usize,
                _ => crate::stop("macho_state: /proc cannot be read"),
            }
        }
        libc::close(file);
        &text[..len]
    }
}

/// `uint64_t macho_state(void)`: returns a hash of the open descriptors, the locks of files, the mappings with their
/// permissions and, natively, which of them are locked, and of how many files are in the folder that is the program's last
/// argument. It ignores the heap and the stack, as they may grow.
pub extern "C" fn state() -> u64 {
    let mut hash = 0xcbf29ce484222325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100000001b3);
        }
    };
    for file in 0..256 {
        // SAFETY: touches no memory.
        if unsafe { libc::fcntl(file, libc::F_GETFD) } != -1 {
            add(&file.to_le_bytes());
        }
    }
    // QEMU emulates the first alone. It splits a mapping where its own memory ends beside it, so what continues is one.
    let path = if cfg!(target_arch = "aarch64") { c"/proc/self/maps" } else { c"/proc/self/smaps" };
    let mut last: [&[u8]; 3] = [&[]; 3];
    for line in read(path).split(|&byte| byte == b'\n') {
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        let mut word = || words.next().unwrap_or_default();
        let (mut range, permissions, path) =
            (word().split(|&byte| byte == b'-'), word(), words.nth(3).unwrap_or_default());
        let (start, end) = (range.next().unwrap_or_default(), range.next().unwrap_or_default());
        if !end.is_empty() && !matches!(path, b"[heap]" | b"[stack]") {
            if last != [start, permissions, path] {
                [last[0], start, permissions, path].into_iter().for_each(&mut add);
            }
            last = [end, permissions, path];
        }
        if line.starts_with(b"VmFlags:") && line.windows(4).any(|word| word == b" lo ") {
            add(b"locked");
        }
    }
    last.into_iter().for_each(&mut add);
    let folder = std::env::args_os().next_back().unwrap_or_default();
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| crate::stop(error)).count();
    add(&files.to_le_bytes());
    // A line reads "1: POSIX  ADVISORY  WRITE 1234 …".
    // SAFETY: touches no memory.
    let own = unsafe { libc::getpid() }.unsigned_abs();
    for line in read(c"/proc/locks").split(|&byte| byte == b'\n') {
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).skip(1);
        let is_own = |word: &[u8]| word.iter().fold(0, |n, &digit| n * 10 + u32::from(digit & 15)) == own;
        if words.nth(3).is_some_and(is_own) {
            line.split(|&byte| byte == b':').skip(1).for_each(&mut add);
        }
    }
    hash
}
