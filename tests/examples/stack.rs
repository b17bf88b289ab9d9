//! Runs a deep recursion on a stack of its own: `cargo run --example stack`. With the argument "overflow" the recursion has no
//! end, and the guard ends the process before other memory is changed.

use baremap::{Error, Stack};
use std::hint::black_box;
use std::process::Command;

/// Calls `function` on a stack, whose top is `top`, and returns when it does. C's calling convention says which registers it
/// preserves; one of these holds the old stack pointer meanwhile.
///
/// # Safety
/// Nothing else uses the stack, and the function neither unwinds nor needs more of it.
#[cfg(target_arch = "x86_64")]
unsafe fn on_stack(top: *mut u8, function: extern "sysv64" fn(*mut Task), task: *mut Task) {
    // SAFETY: the caller's promise. A call pushes the return address, so it starts at a multiple of 16 bytes.
    unsafe {
        std::arch::asm!("xchg rsp, r12", "call {function}", "mov rsp, r12",
            function = in(reg) function, inout("r12") top => _, in("rdi") task, clobber_abi("sysv64"));
    }
}

/// As above.
///
/// # Safety
/// As above.
#[cfg(target_arch = "aarch64")]
unsafe fn on_stack(top: *mut u8, function: extern "C" fn(*mut Task), task: *mut Task) {
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("mov x20, sp", "mov sp, {top}", "blr {function}", "mov sp, x20",
            top = in(reg) top, function = in(reg) function, out("x20") _, in("x0") task, clobber_abi("C"));
    }
}

/// As above.
///
/// # Safety
/// As above.
#[cfg(target_arch = "riscv64")]
unsafe fn on_stack(top: *mut u8, function: extern "C" fn(*mut Task), task: *mut Task) {
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("mv s2, sp", "mv sp, {top}", "jalr {function}", "mv sp, s2",
            top = in(reg) top, function = in(reg) function, out("s2") _, in("a0") task, clobber_abi("C"));
    }
}

/// As above.
///
/// # Safety
/// None.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
unsafe fn on_stack(_: *mut u8, _: extern "C" fn(*mut Task), _: *mut Task) {
    println!("no code for this processor");
    std::process::exit(0);
}

/// Windows keeps the bounds of the current stack in the thread's environment block, and relies on them where a function has
/// a large frame, and when it handles an exception. Exchanges them: base, limit, and the lowest address of the reservation.
#[cfg(target_arch = "x86_64")]
fn exchange_bounds(bounds: &mut [usize; 3]) {
    if std::env::consts::OS != "windows" {
        return;
    }
    let [base, limit, lowest] = bounds;
    // SAFETY: the fields of the block (`NT_TIB` in winnt.h), which only this thread uses.
    unsafe {
        std::arch::asm!(
            "xchg {base}, gs:[0x8]",
            "xchg {limit}, gs:[0x10]",
            "xchg {lowest}, gs:[0x1478]",
            base = inout(reg) * base,
            limit = inout(reg) * limit,
            lowest = inout(reg) * lowest,
            options(nostack),
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn exchange_bounds(_: &mut [usize; 3]) {}

/// What runs on the stack, and what it found.
struct Task {
    depth: u64,
    sum: u64,
    /// The lowest address of a frame.
    lowest: usize,
}

macro_rules! task {
    ($abi:literal) => {
        extern $abi fn run(task: *mut Task) {
            // SAFETY: `main` waits for the end of this call.
            let task = unsafe { &mut *task };
            task.sum = sum(task.depth, &mut task.lowest);
        }
    };
}

#[cfg(target_arch = "x86_64")]
task!("sysv64");
#[cfg(not(target_arch = "x86_64"))]
task!("C");

/// The sum of the numbers up to `depth`, by a call for each.
#[inline(never)]
fn sum(depth: u64, lowest: &mut usize) -> u64 {
    let frame = black_box([depth; 8]);
    *lowest = (*lowest).min(frame.as_ptr().addr());
    match depth {
        0 => 0,
        _ => frame[7] + black_box(sum(black_box(depth - 1), lowest)),
    }
}

/// What a process says before it overflows its stack.
const BEGIN: &str = "without end";

fn main() -> Result<(), Error> {
    let is_overflow = std::env::args().any(|argument| argument == "overflow");
    if is_overflow {
        println!("{BEGIN}");
    }
    // More than there is room for, or never enough.
    let depth = if is_overflow { u64::MAX } else { 100_000 };
    let mut stack = Stack::with_guard(1 << 20, 64 << 20)?;
    // A frame has some 200 bytes. Without optimization it may have more.
    stack.grow(60 << 20)?;
    let mut task = Task { depth, sum: 0, lowest: usize::MAX };
    let mut bounds = [stack.top().addr(), stack.bottom().addr(), stack.bottom().addr() - stack.guard_len()];
    exchange_bounds(&mut bounds);
    // SAFETY: the stack is new, and the task does not unwind. If it needs more, the guard ends the process.
    unsafe { on_stack(stack.top(), run, &raw mut task) };
    exchange_bounds(&mut bounds);
    assert!((stack.bottom().addr()..stack.top().addr()).contains(&task.lowest));
    println!("the sum of the numbers to {depth}: {}", task.sum);
    stack.unmap()?;

    // An emulator may not be able to start this program again.
    let program = std::env::current_exe().ok();
    match program.map(|program| Command::new(program).arg("overflow").output()) {
        Some(Ok(output)) if output.stdout.starts_with(BEGIN.as_bytes()) => {
            assert!(
                !output.status.success() && output.stdout.trim_ascii_end() == BEGIN.as_bytes(),
                "{output:?}"
            );
            println!("an overflow: {}", output.status);
        }
        _ => println!("an overflow: not tried"),
    }
    Ok(())
}
