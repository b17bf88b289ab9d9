//! The checks. Unless one says otherwise, a handler is installed for SIGBUS, `fault` raises it outside of the copy, and
//! `send` sends it.

use crate::signals::*;
use crate::{Check, End, End::Success};
use baremap::{ErrorKind, guard};
use libc::{
    BUS_ADRERR, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIG_DFL, SIG_IGN, SIGABRT,
    SIGBUS, SIGUSR1, c_int, c_void, siginfo_t,
};
use std::mem::{transmute, zeroed};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::Duration;

const DIES: End = End::Signal(SIGBUS);
const OVERFLOW: End = End::Words(SIGABRT, "has overflowed its stack");

macro_rules! checks {
    ($($end:expr => $name:ident,)*) => {
        pub const CHECKS: &[Check] = &[$(Check { name: stringify!($name), end: $end, run: $name },)*];
    };
}

checks! {
    Success => before,
    Success => before_with_one_argument,
    Success => before_with_mask,
    Success => before_with_nodefer,
    Success => before_with_nodefer_and_itself_masked,
    DIES => before_with_resethand_fault,
    DIES => before_with_resethand_sent,
    Success => before_with_restart,
    Success => before_without_restart,
    Success => before_without_stack,
    Success => before_with_stack,
    Success => before_restores_default,
    DIES => before_restores_default_fault,
    DIES => default_fault,
    DIES => default_fault_of_file_that_grew,
    DIES => default_sent,
    Success => ignored_sent,
    Success => ignored_sent_restarts,
    DIES => ignored_fault,
    Success => after_and_chains,
    Success => after_and_chains_with_one_argument,
    End::Status(42) => after_and_does_not_chain,
    Success => after_and_restored,
    Success => nested_in_other_signal,
    Success => nested_in_old_handler,
    DIES => nested_without_nodefer,
    Success => nested_in_chaining_handler,
    Success => on_a_small_stack,
    Success => sent_while_copying,
    Success => keeps_errno,
    Success => after_fork,
    Success => forked_while_installing,
    Success => installed_by_many_threads,
    Success => installed_beside_another,
    OVERFLOW => std_overflow,
    OVERFLOW => std_overflow_in_a_thread,
    DIES => std_fault,
    DIES => std_sent_twice,
    DIES => blocked,
}

/// The handler is called as for the kernel, once for each fault, and the guard works before and after.
fn before() {
    handle(record, SA_SIGINFO, &[]);
    install();
    for round in 1..4 {
        assert_eq!(FOUR.fault(), 0);
        assert_eq!((CODE.load(SeqCst), ADDRESS.load(SeqCst)), (BUS_ADRERR, FOUR.gone().addr()));
        assert_eq!(recorded(), (1, BUS));
        send(SIGBUS);
        assert_eq!((CODE.load(SeqCst), recorded()), (libc::SI_TKILL, (1, BUS)), "round {round}");
        assert!(!is_blocked(SIGBUS));
        assert_guarded();
    }
}

fn before_with_one_argument() {
    set(SIGBUS, &action(record_plain as *const () as usize, 0, &[]));
    install();
    assert_eq!(FOUR.fault(), 0);
    send(SIGBUS);
    assert_eq!(recorded(), (2, BUS));
    assert_guarded();
}

fn before_with_mask() {
    handle(record, SA_SIGINFO, &[SIGUSR1]);
    install();
    assert_eq!(FOUR.fault(), 0);
    assert_eq!(recorded(), (1, BUS | USR1));
    assert!(!is_blocked(SIGBUS) && !is_blocked(SIGUSR1));
    assert_guarded();
}

fn before_with_nodefer() {
    handle(record, SA_SIGINFO | SA_NODEFER, &[SIGUSR1]);
    install();
    assert_eq!(FOUR.fault(), 0);
    assert_eq!(recorded(), (1, USR1));
    assert_guarded();
}

/// The mask outweighs the flag.
fn before_with_nodefer_and_itself_masked() {
    handle(record, SA_SIGINFO | SA_NODEFER, &[SIGBUS]);
    install();
    assert_eq!(FOUR.fault(), 0);
    assert_eq!(recorded(), (1, BUS));
    assert_guarded();
}

fn before_with_resethand_fault() {
    handle(record, SA_SIGINFO | SA_RESETHAND, &[]);
    install();
    assert_eq!(FOUR.fault(), 0);
    assert_eq!(recorded().0, 1);
    assert_guarded();
    FOUR.fault();
}

fn before_with_resethand_sent() {
    handle(record, SA_SIGINFO | SA_RESETHAND, &[]);
    install();
    send(SIGBUS);
    assert_eq!(recorded().0, 1);
    assert_guarded();
    send(SIGBUS);
}

/// Whether a signal that arrives while this thread reads a pipe lets it go on reading.
fn read_is_restarted() -> bool {
    let mut pipe = [0; 2];
    // SAFETY: there is room for both descriptors.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    // SAFETY: it has no conditions.
    let this = unsafe { libc::pthread_self() };
    let sender = thread::spawn(move || {
        block(SIGBUS);
        thread::sleep(Duration::from_millis(100));
        // SAFETY: the other thread waits for this one.
        assert_eq!(unsafe { libc::pthread_kill(this, SIGBUS) }, 0);
        thread::sleep(Duration::from_millis(100));
        // SAFETY: the byte is readable.
        assert_eq!(unsafe { libc::write(pipe[1], c"x".as_ptr().cast(), 1) }, 1);
    });
    let mut byte = 0_u8;
    // SAFETY: the byte is writable.
    let read = unsafe { libc::read(pipe[0], (&raw mut byte).cast(), 1) };
    sender.join().unwrap();
    read == 1
}

fn before_with_restart() {
    handle(record, SA_SIGINFO | SA_RESTART, &[]);
    install();
    assert!(read_is_restarted());
    assert_eq!(recorded().0, 1);
}

fn before_without_restart() {
    handle(record, SA_SIGINFO, &[]);
    install();
    assert!(!read_is_restarted());
    assert_eq!(recorded().0, 1);
}

/// Runs on a thread for which std has set up an alternate stack, or which has one from here.
fn with_alternate_stack(run: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut memory = vec![0_u8; 64 << 10];
            let stack =
                libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
            // SAFETY: the memory lives as long as the stack is in use.
            assert_eq!(unsafe { libc::sigaltstack(&stack, null_mut()) }, 0);
            run();
            let none = libc::stack_t { ss_flags: libc::SS_DISABLE, ..stack };
            // SAFETY: as above.
            assert_eq!(unsafe { libc::sigaltstack(&none, null_mut()) }, 0);
        });
    });
}

fn before_without_stack() {
    handle(record, SA_SIGINFO, &[]);
    install();
    with_alternate_stack(|| {
        assert_eq!(FOUR.fault(), 0);
        assert_eq!(recorded(), (1, BUS));
        assert_guarded();
    });
}

fn before_with_stack() {
    handle(record, SA_SIGINFO | SA_ONSTACK, &[]);
    install();
    with_alternate_stack(|| {
        assert_eq!(FOUR.fault(), 0);
        assert_eq!(recorded(), (1, BUS | ALTERNATE));
        assert_guarded();
    });
}

/// As std's, which expects that the fault is raised again.
extern "C" fn restore_default(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    CALLS.fetch_add(1, SeqCst);
    set_plain(SIG_DFL);
    FOUR.regrow();
}

/// If the instruction succeeds by then, or the signal was sent, the process goes on, and needs the guard.
fn before_restores_default() {
    handle(restore_default, SA_SIGINFO, &[]);
    install();
    assert_eq!(FOUR.fault(), 0);
    assert_eq!(CALLS.load(SeqCst), 1);
    assert_guarded();
}

fn before_restores_default_fault() {
    before_restores_default();
    FOUR.fault();
}

fn default_fault() {
    set_plain(SIG_DFL);
    install();
    FOUR.fault();
}

/// The file grows again for ever, so that the instruction may succeed when it is repeated: the process must die of the
/// first fault.
fn default_fault_of_file_that_grew() {
    set_plain(SIG_DFL);
    install();
    thread::spawn(|| {
        loop {
            FOUR.regrow();
        }
    });
    for _ in 0..1_000_000 {
        FOUR.fault();
    }
}

fn default_sent() {
    set_plain(SIG_DFL);
    install();
    send(SIGBUS);
}

fn ignored_sent() {
    set_plain(SIG_IGN);
    install();
    send(SIGBUS);
    assert_guarded();
}

fn ignored_sent_restarts() {
    set_plain(SIG_IGN);
    install();
    assert!(read_is_restarted());
}

fn ignored_fault() {
    set_plain(SIG_IGN);
    install();
    FOUR.fault();
}

static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// Sees to faults at `FOUR.gone()` that are its own, and passes others on.
extern "C" fn chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    CALLS.fetch_add(1, SeqCst);
    if IS_MINE.swap(false, SeqCst) {
        return FOUR.regrow();
    }
    let previous = PREVIOUS.get().unwrap();
    assert_ne!(previous.sa_flags & SA_SIGINFO, 0);
    // SAFETY: it is the guard's.
    unsafe { transmute::<usize, Handler>(previous.sa_sigaction)(signal, info, context) };
}

static IS_MINE: AtomicBool = AtomicBool::new(false);

/// The guard works, and cannot know it: `Busy` keeps the two from calling each other for ever.
fn after_and_chains() {
    handle(record, SA_SIGINFO, &[]);
    install();
    PREVIOUS.set(handle(chain, SA_SIGINFO, &[])).unwrap();
    assert!(!guard::is_in_force());
    for _ in 0..2 {
        assert_eq!(guard::install().map_err(|error| error.kind()), Err(ErrorKind::Busy));
        assert_exact(&FOUR.view());
        assert_ne!(CALLS.swap(0, SeqCst), 0);
        IS_MINE.store(true, SeqCst);
        FOUR.fault();
        assert_eq!(CALLS.swap(0, SeqCst), 1);
        // Through all three.
        FOUR.fault();
        assert_eq!((CALLS.swap(0, SeqCst), CODE.swap(0, SeqCst)), (2, BUS_ADRERR));
    }
}

/// A handler of one argument cannot pass the context on, but may ask `sigaction` for the guard, put it back, and let the
/// fault be raised again.
extern "C" fn chain_by_restoring(_: c_int) {
    CALLS.fetch_add(1, SeqCst);
    set(SIGBUS, PREVIOUS.get().unwrap());
}

fn after_and_chains_with_one_argument() {
    set_plain(SIG_DFL);
    install();
    PREVIOUS.set(set(SIGBUS, &action(chain_by_restoring as *const () as usize, 0, &[]))).unwrap();
    let view = FOUR.view();
    assert_exact(&view);
    assert_eq!(CALLS.load(SeqCst), 1);
    assert_guarded();
}

extern "C" fn exit(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: it has no conditions.
    unsafe { libc::_exit(42) };
}

fn after_and_does_not_chain() {
    set_plain(SIG_DFL);
    install();
    handle(exit, SA_SIGINFO, &[]);
    assert!(!guard::is_in_force());
    assert_eq!(guard::install().map_err(|error| error.kind()), Err(ErrorKind::Busy));
    let _ = FOUR.view().read_at(&mut [0; 8], 2 * FOUR.page as u64);
}

fn after_and_restored() {
    set_plain(SIG_DFL);
    install();
    let old = handle(exit, SA_SIGINFO, &[]);
    assert!(!guard::is_in_force());
    set(SIGBUS, &old);
    assert_guarded();
    guard::install().unwrap();
}

extern "C" fn use_view(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    CALLS.fetch_add(1, SeqCst);
    assert_works(VIEW.get().unwrap());
}

static VIEW: OnceLock<baremap::View> = OnceLock::new();

/// Signals arrive while this thread copies; the handler copies too.
fn nested_in_other_signal() {
    install();
    let _ = VIEW.set(FOUR.view());
    set(SIGUSR1, &action(use_view as *const () as usize, SA_SIGINFO, &[]));
    let copies = copy_while_sending(SIGUSR1);
    assert!(copies > 10 && CALLS.load(SeqCst) > 10, "{copies} copies, {CALLS:?} signals");
}

/// Copies for a second, with faults and without, while another thread sends signals to this one.
fn copy_while_sending(signal: c_int) -> usize {
    let view = VIEW.get().unwrap();
    // SAFETY: it has no conditions.
    let this = unsafe { libc::pthread_self() };
    let (is_done, mut copies) = (AtomicBool::new(false), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..1000 {
                // SAFETY: the scope keeps this thread alive.
                assert_eq!(unsafe { libc::pthread_kill(this, signal) }, 0);
                thread::sleep(Duration::from_micros(500));
            }
            is_done.store(true, SeqCst);
        });
        let mut buffer = vec![0; 2 * FOUR.page];
        while !is_done.load(SeqCst) {
            assert_exact(view);
            for _ in 0..20 {
                buffer.fill(0);
                assert_eq!(view.read_at(&mut buffer, 0), Ok(2 * FOUR.page));
                assert!(buffer.iter().all(|&byte| byte == 1));
            }
            copies += 1;
        }
    });
    copies
}

/// The old handler uses a View. It must not block the signal, as without the guard.
fn nested_in_old_handler() {
    handle(use_view_and_regrow, SA_SIGINFO | SA_NODEFER, &[]);
    install();
    let _ = VIEW.set(FOUR.view());
    for round in 1..4 {
        FOUR.fault();
        assert_eq!(CALLS.load(SeqCst), round);
    }
    assert_guarded();
}

extern "C" fn use_view_and_regrow(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    CALLS.fetch_add(1, SeqCst);
    assert_exact(VIEW.get().unwrap());
    FOUR.regrow();
}

fn nested_without_nodefer() {
    handle(use_view_and_regrow, SA_SIGINFO, &[]);
    install();
    let _ = VIEW.set(FOUR.view());
    FOUR.fault();
}

/// A handler installed later that itself uses a View before it passes the signal on.
fn nested_in_chaining_handler() {
    handle(record, SA_SIGINFO, &[]);
    install();
    let _ = VIEW.set(FOUR.view());
    PREVIOUS.set(handle(use_view_and_chain, SA_SIGINFO | SA_NODEFER, &[])).unwrap();
    assert_exact(VIEW.get().unwrap());
    FOUR.fault();
    assert_eq!(CODE.load(SeqCst), BUS_ADRERR);
    assert_exact(&FOUR.view());
}

extern "C" fn use_view_and_chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    static DEPTH: AtomicUsize = AtomicUsize::new(0);
    if DEPTH.fetch_add(1, SeqCst) == 0 {
        assert_works(VIEW.get().unwrap());
    }
    DEPTH.fetch_sub(1, SeqCst);
    // SAFETY: it is the guard's.
    unsafe { transmute::<usize, Handler>(PREVIOUS.get().unwrap().sa_sigaction)(signal, info, context) };
}

/// With an alternate stack the handler needs nothing of a thread's own: here the fault comes where that has no more room
/// than the copy needs.
fn on_a_small_stack() {
    set_plain(SIG_DFL);
    install();
    let view = FOUR.view();
    with_alternate_stack(|| {
        // SAFETY: the memory is as long as the stack is used, and starts with a page that cannot be touched.
        unsafe {
            let (page, len) = (FOUR.page, 4 * FOUR.page);
            let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let memory = libc::mmap(null_mut(), len, prot, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(memory, page, libc::PROT_NONE), 0);
            on_stack(memory.byte_add(page + 3072), &mut |_| {
                let read = view.read_at(&mut [0; 16], 2 * FOUR.page as u64 - 8);
                RESULT.store(read.unwrap_or(usize::MAX), SeqCst);
            });
        }
    });
    assert_eq!(RESULT.load(SeqCst), 8);
}

static RESULT: AtomicUsize = AtomicUsize::new(0);

/// Calls a function on a stack that ends at `top`, by means of a context of libc.
///
/// # Safety
/// There is enough of it.
unsafe fn on_stack(top: *mut c_void, run: &mut dyn FnMut(())) {
    type Run<'a> = &'a mut dyn FnMut(());
    extern "C" fn start(low: u32, high: u32) {
        let address = (u64::from(high) << 32 | u64::from(low)) as usize as *mut Run;
        // SAFETY: `on_stack` waits.
        unsafe { (*address)(()) };
    }
    let mut run: Run = run;
    let address = (&raw mut run).addr() as u64;
    // SAFETY: contexts may be zero before `getcontext` writes them; the rest is the caller's promise.
    unsafe {
        let (mut here, mut there): (libc::ucontext_t, libc::ucontext_t) = (zeroed(), zeroed());
        assert_eq!(libc::getcontext(&mut there), 0);
        (there.uc_stack.ss_sp, there.uc_stack.ss_size) = (top.byte_sub(3072), 3072);
        there.uc_link = &mut here;
        let start = transmute::<extern "C" fn(u32, u32), extern "C" fn()>(start);
        libc::makecontext(&mut there, start, 2, address as u32, (address >> 32) as u32);
        assert_eq!(libc::swapcontext(&mut here, &there), 0);
    }
}

/// A sent signal that meets the copy is passed on, and the copy goes on.
fn sent_while_copying() {
    handle(record_sent, SA_SIGINFO, &[]);
    install();
    let _ = VIEW.set(FOUR.view());
    let copies = copy_while_sending(SIGBUS);
    assert!(copies > 10 && CALLS.load(SeqCst) > 100, "{copies} copies, {CALLS:?} signals");
}

extern "C" fn record_sent(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the system's.
    assert_eq!(unsafe { (*info).si_code }, libc::SI_TKILL);
    CALLS.fetch_add(1, SeqCst);
}

fn keeps_errno() {
    install();
    let view = FOUR.view();
    // SAFETY: it is this thread's.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { *errno = libc::EXDEV };
    assert_eq!(view.read_at(&mut [0; 16], 2 * FOUR.page as u64 - 8), Ok(8));
    // SAFETY: as above.
    assert_eq!(unsafe { *errno }, libc::EXDEV);
}

/// Runs in a child process, and returns how that ended.
fn forked(run: impl FnOnce()) -> c_int {
    // SAFETY: the child makes no use of what other threads may have locked.
    let child = unsafe { libc::fork() };
    assert_ne!(child, -1);
    if child == 0 {
        run();
        // SAFETY: it has no conditions.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the status is writable.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    status
}

fn after_fork() {
    handle(record, SA_SIGINFO, &[]);
    install();
    let view = FOUR.view();
    let status = forked(|| {
        assert!(guard::is_in_force());
        assert_exact(&view);
        assert_eq!((FOUR.fault(), recorded()), (0, (1, BUS)));
        guard::install().unwrap();
        assert_guarded();
    });
    assert_eq!(status, 0);
    assert_guarded();
}

/// A process is forked while a thread installs the guard. Nobody goes on with that in the child, where `install` does not
/// wait for it. `Busy` if Linux copied the handlers before the guard's, and the memory after (`copy_process`).
fn forked_while_installing() {
    FOUR.truncate();
    for _ in 0..300 {
        let status = forked(|| {
            set_plain(SIG_DFL);
            let barrier = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    barrier.wait();
                    guard::install().unwrap();
                });
                barrier.wait();
                let status = forked(|| match guard::install() {
                    Ok(()) => assert_guarded(),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Busy),
                });
                assert_eq!(status, 0);
            });
            assert_guarded();
        });
        assert_eq!(status, 0);
    }
}

fn installed_by_many_threads() {
    FOUR.truncate();
    for _ in 0..200 {
        let status = forked(|| {
            handle(record, SA_SIGINFO, &[]);
            let (view, barrier) = (FOUR.view(), Barrier::new(8));
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        barrier.wait();
                        guard::install().unwrap();
                        assert!(guard::is_in_force());
                        assert_works(&view);
                    });
                }
            });
            assert_eq!((FOUR.fault(), recorded()), (0, (1, BUS)));
        });
        assert_eq!(status, 0);
    }
}

/// Another thread installs a handler at the same moment, which chains. In either order the fault reaches it once, and what
/// was there before it.
fn installed_beside_another() {
    for round in 0..500 {
        let status = forked(|| {
            handle(record, SA_SIGINFO, &[]);
            let barrier = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    barrier.wait();
                    (0..round % 50).for_each(|_| std::hint::spin_loop());
                    PREVIOUS.set(handle(chain, SA_SIGINFO, &[])).unwrap();
                });
                barrier.wait();
                guard::install().unwrap();
            });
            assert_works(&FOUR.view());
            CALLS.store(0, SeqCst);
            assert_eq!(FOUR.fault(), 0);
            assert_eq!((CALLS.load(SeqCst), CODE.load(SeqCst)), (2, BUS_ADRERR));
        });
        assert_eq!(status, 0);
    }
}

fn overflow(depth: usize) -> usize {
    let room = std::hint::black_box([depth; 64]);
    if depth == usize::MAX { 0 } else { overflow(depth + 1) + room[depth % 64] }
}

fn std_overflow() {
    install();
    overflow(0);
}

fn std_overflow_in_a_thread() {
    install();
    thread::spawn(|| overflow(0)).join().unwrap();
}

fn std_fault() {
    install();
    FOUR.fault();
}

/// std ignores a sent signal, and then leaves the default.
fn std_sent_twice() {
    install();
    send(SIGBUS);
    assert_guarded();
    send(SIGBUS);
}

/// What the guard cannot help: the kernel kills a thread that blocks the signal.
fn blocked() {
    install();
    block(SIGBUS);
    let _ = FOUR.view().read_at(&mut [0; 16], 2 * FOUR.page as u64);
}
