//! The fault guard of POSIX systems: one signal handler that repairs [`fault::copy`](crate::sys::fault::copy) and passes
//! everything else on to the handler that was there before.
//!
//! The handler finds what it needs in statics that are written before it is installed, and never rewritten while it may
//! read them. It is installed once for each signal: a second time it might replace a handler that calls it, and the two
//! would call each other for ever. Each system has its own names and numbers ([`Signals`]).

use crate::error::kind::{Call, ErrorKind, Failure};
use crate::sys::contract::Result;
use crate::sys::fault;
use core::ffi::{c_int, c_void};
use core::hint::spin_loop;
use core::mem::transmute;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What to do with a signal, in every system's terms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::sys) struct Action {
    /// `SIG_DFL`, `SIG_IGN`, or a function.
    pub(in crate::sys) handler: usize,
    pub(in crate::sys) flags: usize,
    /// The signals to block meanwhile: bit `n - 1` for signal `n`.
    pub(in crate::sys) mask: u64,
}

const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;

/// The first argument of a handler, the second (`siginfo_t *`) and the third (`ucontext_t *`).
type Handler = unsafe extern "C" fn(c_int, *mut c_void, *mut c_void);
/// Without `SA_SIGINFO`.
type PlainHandler = unsafe extern "C" fn(c_int);

/// The signals of a system.
pub(in crate::sys) trait Signals {
    /// Those that an access to memory raises which is gone.
    const SIGNALS: &'static [c_int];
    const SA_SIGINFO: usize;
    const SA_ONSTACK: usize;
    const SA_RESTART: usize;
    const SA_NODEFER: usize;
    const SA_RESETHAND: usize;

    /// Sets what to do with a signal, if a new action is given, and returns what was done before.
    ///
    /// # Safety
    /// The handler can deal with what it is called for.
    unsafe fn action(signal: c_int, new: Option<Action>) -> Result<Action>;

    /// Returns the number of this process.
    fn process() -> usize;

    /// As [`AtomicUsize::swap`].
    fn swap(at: &AtomicUsize, value: usize) -> usize {
        at.swap(value, Ordering::AcqRel)
    }

    /// Sets which signals of this thread are blocked.
    fn set_mask(mask: u64);

    /// Raises a signal once more in this thread, to be delivered when its handler returns.
    ///
    /// # Safety
    /// As a handler's arguments.
    unsafe fn raise(signal: c_int, info: *mut c_void);

    /// Returns whether an instruction raised the signal, and will again. `None` if the system does not distinguish it
    /// from a signal that was sent.
    ///
    /// # Safety
    /// As a handler's second argument.
    unsafe fn is_fault(info: *const c_void) -> Option<bool>;

    /// Returns where the interrupted program counter is stored.
    ///
    /// # Safety
    /// As a handler's third argument.
    unsafe fn program_counter(context: *mut c_void) -> *mut usize;

    /// Returns which signals the interrupted code blocked.
    ///
    /// # Safety
    /// As a handler's third argument.
    unsafe fn mask(context: *const c_void) -> u64;
}

/// The action that was in force before ours.
struct Old {
    handler: AtomicUsize,
    flags: AtomicUsize,
    /// From bit 0, and from bit 32: not every processor loads 64 bits at once.
    masks: [AtomicUsize; 2],
}

impl Old {
    const fn new() -> Self {
        Self {
            handler: AtomicUsize::new(SIG_DFL),
            flags: AtomicUsize::new(0),
            masks: [const { AtomicUsize::new(0) }; 2],
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "where a word has 32 bits, the other one has the rest"
    )]
    fn store(&self, action: Action) {
        self.handler.store(action.handler, Ordering::Relaxed);
        self.flags.store(action.flags, Ordering::Relaxed);
        self.masks[0].store(action.mask as usize, Ordering::Relaxed);
        self.masks[1].store((action.mask >> 32) as usize, Ordering::Relaxed);
    }

    fn mask(&self) -> u64 {
        let [low, high] = &self.masks;
        low.load(Ordering::Relaxed) as u64 | (high.load(Ordering::Relaxed) as u64) << 32
    }
}

/// What was in force before ours: found by asking, or replaced, if another thread has just installed that.
struct Before {
    found: Old,
    replaced: Old,
    is_replaced: AtomicBool,
}

impl Before {
    const fn new() -> Self {
        Self { found: Old::new(), replaced: Old::new(), is_replaced: AtomicBool::new(false) }
    }
}

/// In the order of `Signals::SIGNALS`.
static BEFORE: [Before; 2] = [Before::new(), Before::new()];

static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// The number of this process while one of its threads installs the guard, or 0. A process that was forked meanwhile
/// finds its parent's number, and has no such thread.
static INSTALLING: AtomicUsize = AtomicUsize::new(0);

pub(in crate::sys) fn is_installed() -> bool {
    IS_INSTALLED.load(Ordering::Relaxed)
}

pub(in crate::sys) fn is_in_force<S: Signals>() -> bool {
    is_installed() && S::SIGNALS.iter().all(|&signal| current::<S>(signal).is_ok_and(is_ours::<S>))
}

pub(in crate::sys) fn install<S: Signals>() -> Result<()> {
    let process = S::process();
    while S::swap(&INSTALLING, process) == process {
        spin_loop();
    }
    let result = if !is_installed() {
        let mut signals = S::SIGNALS.iter().zip(&BEFORE);
        let result = signals.try_for_each(|(&signal, before)| install_for::<S>(signal, before));
        IS_INSTALLED.store(result.is_ok(), Ordering::Relaxed);
        result
    } else if is_in_force::<S>() {
        Ok(())
    } else {
        Err(Failure::refused(Call::Install, ErrorKind::Busy))
    };
    INSTALLING.store(0, Ordering::Release);
    result
}

fn install_for<S: Signals>(signal: c_int, before: &Before) -> Result<()> {
    let found = current::<S>(signal)?;
    // Of a first signal, when the second one failed earlier; of both, when the process was forked meanwhile.
    if is_ours::<S>(found) {
        return Ok(());
    }
    before.found.store(found);
    // On the stack that the old handler expects. Without one, a thread may have a small stack, and calls are restarted.
    let inherited = if found.handler > SIG_IGN { found.flags } else { !0 };
    let replaced = set::<S>(signal, inherited)?;
    if replaced != found {
        before.replaced.store(replaced);
        before.is_replaced.store(true, Ordering::Release);
    }
    Ok(())
}

fn current<S: Signals>(signal: c_int) -> Result<Action> {
    // SAFETY: nothing is set.
    unsafe { S::action(signal, None) }
}

/// Installs our handler and returns what it replaced.
fn set<S: Signals>(signal: c_int, inherited: usize) -> Result<Action> {
    let flags = S::SA_SIGINFO | (S::SA_ONSTACK | S::SA_RESTART) & inherited;
    // All signals are blocked meanwhile. The handler of another one might use a `View`, and would do so on the alternate
    // stack, which may have no room for that.
    let ours = Action { handler: handler::<S>(), flags, mask: !0 };
    // SAFETY: it passes on what is not its own.
    unsafe { S::action(signal, Some(ours)) }
}

fn is_ours<S: Signals>(action: Action) -> bool {
    action.handler == handler::<S>()
}

fn handler<S: Signals>() -> usize {
    handle::<S> as Handler as usize
}

/// Makes no call but for what is not its own, and so keeps `errno`.
unsafe extern "C" fn handle<S: Signals>(signal: c_int, info: *mut c_void, context: *mut c_void) {
    // SAFETY: the system called this with a handler's arguments, here and below.
    unsafe {
        let is_fault = S::is_fault(info);
        let pc = S::program_counter(context);
        match fault::fixup(*pc) {
            // A copy that was only interrupted can continue there as well.
            Some(next) if is_fault != Some(false) => *pc = next,
            _ => pass_on::<S>(signal, info, context, is_fault),
        }
    }
}

/// Does what the system would have done without us.
///
/// # Safety
/// As a handler.
#[cold]
unsafe fn pass_on<S: Signals>(
    signal: c_int,
    info: *mut c_void,
    context: *mut c_void,
    is_fault: Option<bool>,
) {
    let Some((_, before)) = S::SIGNALS.iter().zip(&BEFORE).find(|&(&known, _)| known == signal) else {
        return;
    };
    let old = if before.is_replaced.load(Ordering::Acquire) { &before.replaced } else { &before.found };
    let (mask, flags) = (old.mask(), old.flags.load(Ordering::Relaxed));
    let mut function = old.handler.load(Ordering::Relaxed);
    if function > SIG_IGN && flags & S::SA_RESETHAND != 0 {
        function = S::swap(&old.handler, SIG_DFL);
    }
    match function {
        // macOS ignores a fault too, and repeats the instruction (`threadsignal` in bsd/kern/kern_sig.c).
        SIG_IGN if is_fault != Some(true) => return,
        // On Linux a fault that is ignored ends the process (`force_sig_info_to_task` in kernel/signal.c). It is raised as
        // well, as its instruction may succeed by now.
        SIG_DFL | SIG_IGN => {
            // SAFETY: the process ends.
            let _ = unsafe { S::action(signal, Some(Action { handler: SIG_DFL, flags: 0, mask: 0 })) };
            // SAFETY: the caller's promise.
            return unsafe { S::raise(signal, info) };
        }
        _ => {}
    }
    let this = if flags & S::SA_NODEFER != 0 { 0 } else { 1 << (signal - 1) };
    // What the interrupted code blocked is restored when the handler returns.
    // SAFETY: the caller's promise.
    S::set_mask(unsafe { S::mask(context) } | mask | this);
    // SAFETY: it was registered as a handler of this form, for this signal.
    unsafe {
        if flags & S::SA_SIGINFO != 0 {
            transmute::<usize, Handler>(function)(signal, info, context);
        } else {
            transmute::<usize, PlainHandler>(function)(signal);
        }
    }
    // The handler of Rust's std restores the default action and returns, so that a fault ends the process when its
    // instruction raises it again. If that succeeds by now, or the signal was sent, the guard is needed further on.
    if current::<S>(signal).is_ok_and(|action| action.handler == SIG_DFL) {
        old.handler.store(SIG_DFL, Ordering::Relaxed);
        let _ = set::<S>(signal, !0);
    }
}
