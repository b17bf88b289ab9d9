//! Signals by libc, and a file whose end can be faulted past.

use baremap::{Error, ErrorKind, File, Mmap, RawMapping, View, guard};
use libc::{c_int, c_void, siginfo_t};
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::FromRawFd;
use std::ptr::{null, null_mut};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

pub type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

fn checked(result: c_int) -> c_int {
    assert!(result != -1, "{}", io::Error::last_os_error());
    result
}

fn memory_file() -> c_int {
    // SAFETY: the name ends in NUL.
    checked(unsafe { libc::memfd_create(c"guard".as_ptr(), libc::MFD_CLOEXEC) })
}

pub fn unnamed_file() -> std::fs::File {
    // SAFETY: the descriptor is new.
    unsafe { std::fs::File::from_raw_fd(memory_file()) }
}

pub fn without_core() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is readable.
    match unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A file of four pages, all bytes 1.
pub struct Four {
    pub file: File,
    pub map: RawMapping,
    pub page: usize,
}

pub static FOUR: LazyLock<Four> = LazyLock::new(|| {
    // SAFETY: the descriptor is new.
    let file = unsafe { File::from_raw(memory_file()) };
    let page = baremap::page_size();
    file.set_len(4 * page as u64).unwrap();
    let map = Mmap::new(&file).map_raw().unwrap();
    Four { file, map, page }.filled()
});

impl Four {
    fn filled(self) -> Self {
        self.file.write_at(&vec![1; 4 * self.page], 0).unwrap();
        self
    }

    pub fn truncate(&self) {
        self.file.set_len(2 * self.page as u64).unwrap();
    }

    pub fn regrow(&self) {
        self.file.set_len(4 * self.page as u64).unwrap();
    }

    /// The first byte that is gone.
    pub fn gone(&self) -> *const u8 {
        self.map.as_ptr().wrapping_add(2 * self.page)
    }

    /// Faults outside of the copy. A handler that returns has seen to the memory.
    pub fn fault(&self) -> u8 {
        self.truncate();
        // SAFETY: none, on purpose.
        unsafe { self.gone().read_volatile() }
    }

    pub fn view(&self) -> View<'_> {
        self.regrow();
        let view = Mmap::new(&self.file).view().unwrap();
        self.truncate();
        view
    }
}

/// Faults in the copy, for a number of lengths.
pub fn assert_exact(view: &View) {
    let end = 2 * FOUR.page;
    let mut buffer = [0; 64];
    for len in 1..64 {
        for start in [end - 1, end - 7, end - 8, end - 9, end - 40] {
            let read = view.read_at(&mut buffer[..len], start as u64);
            assert_eq!(read, Ok(len.min(end - start)), "{len} bytes from {start}");
        }
        let error = view.read_at(&mut buffer[..len], end as u64).map_err(|error: Error| error.kind());
        assert_eq!(error, Err(ErrorKind::Truncated));
    }
}

/// Faults twice in the copy.
pub fn assert_works(view: &View) {
    assert_eq!(view.read_at(&mut [0; 40], 2 * FOUR.page as u64 - 9), Ok(9));
}

/// The guard is in force, and works.
pub fn assert_guarded() {
    assert!(guard::is_in_force());
    assert_exact(&FOUR.view());
}

pub fn install() {
    guard::install().unwrap();
    assert_guarded();
}

pub fn action(handler: usize, flags: c_int, blocked: &[c_int]) -> libc::sigaction {
    // SAFETY: all of it may be zero.
    let mut action: libc::sigaction = unsafe { zeroed() };
    (action.sa_sigaction, action.sa_flags) = (handler, flags);
    for &signal in blocked {
        // SAFETY: the set is ours.
        checked(unsafe { libc::sigaddset(&mut action.sa_mask, signal) });
    }
    action
}

/// Sets what is done for a signal, and returns what was done before.
pub fn set(signal: c_int, new: &libc::sigaction) -> libc::sigaction {
    let mut old = MaybeUninit::uninit();
    // SAFETY: the handlers of these checks may be called at any time.
    checked(unsafe { libc::sigaction(signal, new, old.as_mut_ptr()) });
    // SAFETY: it was written.
    unsafe { old.assume_init() }
}

/// Installs a handler for SIGBUS.
pub fn handle(handler: Handler, flags: c_int, blocked: &[c_int]) -> libc::sigaction {
    set(libc::SIGBUS, &action(handler as usize, flags, blocked))
}

/// Before the guard: `SIG_DFL` or `SIG_IGN`, as std's runtime has its own.
pub fn set_plain(handler: usize) {
    set(libc::SIGBUS, &action(handler, 0, &[]));
}

/// Sends a signal to this thread, which is delivered at once.
pub fn send(signal: c_int) {
    // SAFETY: it does what the check wants.
    checked(unsafe { libc::raise(signal) });
}

pub fn is_blocked(signal: c_int) -> bool {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the set is written, and then read.
    unsafe {
        checked(libc::pthread_sigmask(libc::SIG_BLOCK, null(), set.as_mut_ptr()));
        libc::sigismember(set.as_ptr(), signal) == 1
    }
}

pub fn block(signal: c_int) {
    let set = action(0, 0, &[signal]).sa_mask;
    // SAFETY: the set is readable.
    checked(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, null_mut()) });
}

/// What `record` saw last, and how often it was called.
pub static CALLS: AtomicUsize = AtomicUsize::new(0);
pub static CODE: AtomicI32 = AtomicI32::new(0);
pub static ADDRESS: AtomicUsize = AtomicUsize::new(0);
/// Bit 0: SIGBUS is blocked, bit 1: SIGUSR1 is, bit 2: it runs on the alternate stack.
pub static STATE: AtomicUsize = AtomicUsize::new(0);

pub const BUS: usize = 1;
pub const USR1: usize = 2;
pub const ALTERNATE: usize = 4;

fn record_state() {
    // SAFETY: it may be zero, and is written.
    let mut stack: libc::stack_t = unsafe { zeroed() };
    // SAFETY: as above.
    checked(unsafe { libc::sigaltstack(null(), &mut stack) });
    let is_alternate = stack.ss_flags & libc::SS_ONSTACK != 0;
    let state = [is_blocked(libc::SIGBUS), is_blocked(libc::SIGUSR1), is_alternate];
    STATE.store((0..3).map(|bit| usize::from(state[bit]) << bit).sum(), SeqCst);
    CALLS.fetch_add(1, SeqCst);
}

/// A handler that returns, so that the instruction succeeds.
pub extern "C" fn record(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    assert!(signal == libc::SIGBUS && !context.is_null());
    // SAFETY: the system's.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    CODE.store(code, SeqCst);
    ADDRESS.store(address, SeqCst);
    record_state();
    FOUR.regrow();
}

/// The same in the form of one argument.
pub extern "C" fn record_plain(signal: c_int) {
    assert_eq!(signal, libc::SIGBUS);
    record_state();
    FOUR.regrow();
}

/// Takes what was recorded.
pub fn recorded() -> (usize, usize) {
    (CALLS.swap(0, SeqCst), STATE.swap(0, SeqCst))
}
