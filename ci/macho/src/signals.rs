//! libSystem's functions for signals, and the delivery of faults as xnu delivers them (bsd/kern/kern_sig.c,
//! bsd/dev/arm/unix_signal.c, bsd/dev/i386/unix_signal.c). SIGBUS and SIGSEGV alone have handlers.

use crate::errno::{EINVAL, Errno};
use crate::faults::perform;
use crate::{memory, stop};
use libc::{c_int, c_void};
use std::mem::{MaybeUninit, offset_of, transmute};
use std::ptr::null_mut;

const SIGKILL: c_int = 9;
const SIGBUS: c_int = 10;
const SIGSEGV: c_int = 11;
const SIGSTOP: c_int = 17;
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;
const SA_ONSTACK: c_int = 0x1;
const SA_RESTART: c_int = 0x2;
const SA_RESETHAND: c_int = 0x4;
const SA_NODEFER: c_int = 0x10;
const SA_SIGINFO: c_int = 0x40;

/// `struct sigaction`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Action {
    handler: usize,
    mask: u32,
    flags: c_int,
}

/// `siginfo_t`.
#[repr(C)]
struct Info {
    signal: c_int,
    errno: c_int,
    code: c_int,
    pid_uid_status: [c_int; 3],
    address: usize,
    value_band_pad: [u64; 9],
}

/// `ucontext_t`.
#[repr(C)]
struct Context {
    is_on_stack: c_int,
    mask: u32,
    stack_link: [usize; 4],
    machine_len: usize,
    machine: *mut Machine,
}

#[cfg(target_arch = "x86_64")]
mod machine {
    /// `_STRUCT_MCONTEXT64`: `__es`, `__ss`, `__fs`.
    #[repr(C)]
    pub struct Machine {
        trap_cpu: [u16; 2],
        error: u32,
        address: u64,
        pub registers: [u64; 21],
        float: [u32; 131],
    }

    /// The registers of `__ss`, in their order, as Linux calls them; after `rflags` segments follow.
    pub const REGISTERS: [libc::c_int; 18] = [
        libc::REG_RAX,
        libc::REG_RBX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RDI,
        libc::REG_RSI,
        libc::REG_RBP,
        libc::REG_RSP,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
        libc::REG_RIP,
        libc::REG_EFL,
    ];

    /// The same registers of a context of Linux.
    pub fn registers(context: &mut libc::ucontext_t) -> impl Iterator<Item = &mut u64> {
        let all = (&raw mut context.uc_mcontext.gregs).cast::<u64>();
        // SAFETY: the numbers differ, and are those of elements.
        REGISTERS.iter().map(move |&register| unsafe { &mut *all.add(register as usize) })
    }

    pub const PC: usize = 16;

    pub const fn machine(address: u64) -> Machine {
        const PAGE_FAULT: u16 = 14;
        Machine { trap_cpu: [PAGE_FAULT, 0], error: 4, address, registers: [0; 21], float: [0; 131] }
    }
}

#[cfg(target_arch = "aarch64")]
mod machine {
    /// `_STRUCT_MCONTEXT64`: `__es`, `__ss`, `__ns`.
    #[repr(C, align(16))]
    pub struct Machine {
        address: u64,
        syndrome: u32,
        exception: u32,
        pub registers: [u64; 34],
        neon: [u64; 66],
    }

    /// The registers of `__ss`: x0 to x28, fp, lr, sp, pc and cpsr. Linux has them in the same order.
    pub fn registers(context: &mut libc::ucontext_t) -> impl Iterator<Item = &mut u64> {
        let machine = &mut context.uc_mcontext;
        machine.regs.iter_mut().chain([&mut machine.sp, &mut machine.pc, &mut machine.pstate])
    }

    pub const PC: usize = 32;

    pub const fn machine(address: u64) -> Machine {
        const DATA_ABORT: u32 = 0x24 << 26;
        Machine { address, syndrome: DATA_ABORT, exception: 0, registers: [0; 34], neon: [0; 66] }
    }
}
use machine::{Machine, PC, machine, registers};

const _: () = assert!(size_of::<Action>() == 16 && size_of::<Info>() == 104 && size_of::<Context>() == 56);
const _: () = assert!(offset_of!(Info, address) == 24 && offset_of!(Context, machine) == 48);
const _: () = assert!(offset_of!(Machine, registers) == 16);
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<Machine>() == 712 && 16 + PC * 8 == 144);
#[cfg(target_arch = "aarch64")]
const _: () = assert!(size_of::<Machine>() == 816 && 16 + PC * 8 == 272);

/// Those of SIGBUS and SIGSEGV. The process has one thread.
static mut ACTIONS: [Action; 2] = [Action { handler: SIG_DFL, mask: 0, flags: 0 }; 2];

/// The action of a signal; stops the program for one that has none here.
fn action(call: &str, signal: c_int) -> *mut Action {
    match signal {
        // SAFETY: both are elements.
        SIGBUS | SIGSEGV => unsafe { (&raw mut ACTIONS).cast::<Action>().add((signal - SIGBUS) as usize) },
        _ => stop(format_args!("{call}: signal {signal} is another one on Darwin, or not implemented here")),
    }
}

/// The number on Linux.
fn linux(signal: c_int) -> c_int {
    if signal == SIGBUS { libc::SIGBUS } else { libc::SIGSEGV }
}

pub extern "C" fn sigaction(signal: c_int, new: *const Action, old: *mut Action) -> isize {
    const KNOWN: c_int = SA_ONSTACK | SA_RESTART | SA_RESETHAND | SA_NODEFER | SA_SIGINFO;
    let set = || {
        if !(1..32).contains(&signal) || (signal == SIGKILL || signal == SIGSTOP) && !new.is_null() {
            return Err(EINVAL);
        }
        let action = action("sigaction", signal);
        // SAFETY: the program's structures.
        unsafe {
            let before = *action;
            if !new.is_null() {
                let new = *new;
                if new.flags & !KNOWN != 0 {
                    stop(format_args!("sigaction: flags {:#x}: unknown, or not implemented here", new.flags));
                }
                *action = new;
                receive();
            }
            if !old.is_null() {
                *old = before;
            }
        }
        Ok(0)
    };
    perform("sigaction", set)
}

/// Lets Linux call `deliver`: for both signals, as some of Linux's SIGSEGV are Darwin's SIGBUS.
fn receive() {
    for signal in [libc::SIGBUS, libc::SIGSEGV] {
        // SAFETY: `deliver` is a handler of this form. What it blocks it says itself.
        unsafe {
            let mut linux = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            linux.sa_sigaction = deliver as *const () as usize;
            linux.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            libc::sigaction(signal, &linux, null_mut());
        }
    }
}

/// A set of Linux's signals; those that have the same numbers on both systems, and the two with handlers.
fn linux_set(mask: u32) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initializes it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in 1..32 {
            if mask & 1 << (signal - 1) == 0 {
                continue;
            }
            match signal {
                SIGBUS | SIGSEGV => libc::sigaddset(set.as_mut_ptr(), linux(signal)),
                1..=6 | 8 | 9 | 13..=15 | 21 | 22 | 24..=28 => libc::sigaddset(set.as_mut_ptr(), signal),
                // SIGEMT, SIGSYS, SIGURG, SIGSTOP, SIGTSTP, SIGCONT, SIGCHLD, SIGIO, SIGINFO, SIGUSR1, SIGUSR2: none
                // is sent here.
                _ => 0,
            };
        }
        set.assume_init()
    }
}

pub extern "C" fn pthread_sigmask(how: c_int, new: *const u32, old: *mut u32) -> c_int {
    const HOW: [c_int; 3] = [libc::SIG_BLOCK, libc::SIG_UNBLOCK, libc::SIG_SETMASK];
    if !old.is_null() {
        stop("pthread_sigmask: the old mask is not implemented here");
    }
    // As POSIX says, it returns its error, and has nothing to do with `errno`.
    if new.is_null() {
        return 0;
    }
    let Some(&how) = HOW.get(how.wrapping_sub(1) as usize) else { return EINVAL.0 };
    // SAFETY: the program's mask.
    unsafe { libc::pthread_sigmask(how, &linux_set(*new), null_mut()) }
}

pub extern "C" fn raise(signal: c_int) -> isize {
    action("raise", signal);
    // SAFETY: the signal has a handler, or ends the process.
    perform("raise", || Errno::check(unsafe { libc::raise(linux(signal)) } as isize))
}

/// Calls the program's handler with Darwin's structures, and continues with the registers that it leaves.
extern "C" fn deliver(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: Linux's structures, here and below.
    let (code, address, context) =
        unsafe { ((*info).si_code, (*info).si_addr() as usize, &mut *context.cast::<libc::ucontext_t>()) };
    let is_fault = code > 0;
    if is_fault && number == libc::SIGBUS && memory::has_zeros(address) {
        return;
    }
    // Memory that is there, and does not permit the access (KERN_PROTECTION_FAILURE), is a SIGBUS (`ux_exception`).
    const SEGV_ACCERR: c_int = 2;
    let is_bus = number == libc::SIGBUS || is_fault && code == SEGV_ACCERR;
    let signal = if is_bus { SIGBUS } else { SIGSEGV };
    let entry = action("", signal);
    // SAFETY: the entry is one of `ACTIONS`.
    let Action { handler, mut mask, flags } = unsafe { *entry };
    match handler {
        // SAFETY: ends the process, when this returns.
        SIG_DFL => unsafe {
            libc::signal(linux(signal), SIG_DFL);
            libc::raise(linux(signal));
            return;
        },
        // The instruction would be repeated for ever (`threadsignal`).
        SIG_IGN if is_fault => stop(format_args!("a fault at {address:#x} whose signal is ignored")),
        SIG_IGN => return,
        _ => {}
    }
    if flags & SA_RESETHAND != 0 {
        // SAFETY: as above.
        unsafe { (*entry).handler = SIG_DFL };
    }
    if flags & SA_NODEFER == 0 {
        mask |= 1 << (signal - 1);
    }
    // Of a signal that was sent, xnu reports as much as of a fault.
    const BUS_ADRALN: c_int = 1;
    const SEGV_ACCERR_OF_DARWIN: c_int = 2;
    let code = if signal == SIGBUS { BUS_ADRALN } else { SEGV_ACCERR_OF_DARWIN };
    let mut machine = machine(address as u64);
    for (to, from) in machine.registers.iter_mut().zip(registers(context)) {
        *to = *from;
    }
    let mut info = Info { signal, errno: 0, code, pid_uid_status: [0; 3], address, value_band_pad: [0; 9] };
    let mut darwin = Context {
        is_on_stack: 0,
        mask: 0,
        stack_link: [0; 4],
        machine_len: size_of::<Machine>(),
        machine: &mut machine,
    };
    // SAFETY: the program registered a handler of this form. Linux restores the mask of before.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &linux_set(mask), null_mut());
        if flags & SA_SIGINFO != 0 {
            type Handler = extern "C" fn(c_int, *mut Info, *mut Context);
            transmute::<usize, Handler>(handler)(signal, &mut info, &mut darwin);
        } else {
            transmute::<usize, extern "C" fn(c_int)>(handler)(signal);
        }
    }
    for (from, to) in machine.registers.iter().zip(registers(context)) {
        *to = *from;
    }
}
