//! Calls that fail because the program wants them to, and what it compares afterwards. Programs that test a library ask
//! for it by functions that no macOS has: `macho_fail`, `macho_calls`, `macho_state`.

use crate::errno::{ERRNO, Errno};
use libc::{c_char, c_int};
use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The calls that fail, by their number since `fail`, from 1 on; and the code of each.
static WANTED: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];
static CODE: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Names of the calls since `fail`, those that failed with a mark. One thread, so that nobody else is here.
static mut NAMES: [u8; 4096] = [0; 4096];
static mut NAMES_LEN: usize = 0;

/// `void macho_fail(unsigned, unsigned, int)`: from now on calls are counted, and those of two numbers fail with a code.
pub extern "C" fn fail(first: u32, second: u32, code: c_int) {
    WANTED[0].store(first, Relaxed);
    WANTED[1].store(second, Relaxed);
    CODE.store(code as u32, Relaxed);
    COUNT.store(0, Relaxed);
    // SAFETY: one thread, here and below.
    unsafe {
        NAMES_LEN = 0;
        NAMES = [0; 4096];
    }
}

/// `const char *macho_calls(unsigned *)`: ends that, and gives the number of calls and their names.
pub extern "C" fn calls(count: *mut u32) -> *const c_char {
    for wanted in &WANTED {
        wanted.store(0, Relaxed);
    }
    // SAFETY: the program's room; the names end in zeros.
    unsafe {
        count.write(COUNT.load(Relaxed));
        (&raw const NAMES).cast()
    }
}

/// Answers a call: as it is wanted, or by what it does.
pub fn answer(name: &str, call: impl FnOnce() -> Result<isize, Errno>) -> isize {
    let number = COUNT.fetch_add(1, Relaxed) + 1;
    let is_wanted = WANTED.iter().any(|wanted| wanted.load(Relaxed) == number);
    // SAFETY: as above.
    unsafe {
        for &byte in name.as_bytes().iter().chain(if is_wanted { "! " } else { " " }.as_bytes()) {
            if NAMES_LEN + 1 < 4096 {
                NAMES[NAMES_LEN] = byte;
                NAMES_LEN += 1;
            }
        }
    }
    let result = if is_wanted { Err(Errno(CODE.load(Relaxed) as c_int)) } else { call() };
    result.unwrap_or_else(|Errno(code)| {
        // SAFETY: as above.
        unsafe { ERRNO = code };
        -1
    })
}

static mut TEXT: [u8; 1 << 22] = [0; 1 << 22];

/// Reads a file of /proc. Nothing is allocated, which might map memory.
fn read(path: &CStr) -> &'static [u8] {
    let text = &raw mut TEXT;
    // SAFETY: one thread, so that nobody else uses `TEXT`.
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

/// `uint64_t macho_state(void)`: a number made of the descriptors that are open, the record locks, what is mapped with its
/// permissions, and natively what is locked in memory. The heap and the stack, which may grow, are left out.
pub extern "C" fn state() -> u64 {
    let mut hash = 0xcbf29ce484222325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100000001b3);
        }
    };
    for file in 0..256 {
        // SAFETY: asks.
        if unsafe { libc::fcntl(file, libc::F_GETFD) } != -1 {
            add(&file.to_le_bytes());
        }
    }
    // QEMU imitates the first only.
    let path = if cfg!(target_arch = "aarch64") { c"/proc/self/maps" } else { c"/proc/self/smaps" };
    for line in read(path).split(|&byte| byte == b'\n') {
        let is_mapping = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count() > 4
            && !line.ends_with(b"[heap]")
            && !line.ends_with(b"[stack]");
        let is_locked = line.starts_with(b"VmFlags:") && line.windows(4).any(|word| word == b" lo ");
        if is_mapping || is_locked {
            add(line);
        }
    }
    // "1: POSIX  ADVISORY  WRITE 1234 …"
    // SAFETY: asks.
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
