//! Linux, by system calls, for which the crate's stubs serve here too.

use core::arch::{asm, global_asm};
use core::ffi::c_char;

#[allow(dead_code, reason = "one stub is used of many")]
#[cfg_attr(target_arch = "x86_64", path = "../../../../src/sys/linux/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "../../../../src/sys/linux/aarch64.rs")]
mod arch;

#[path = "strings.rs"]
mod strings;

pub use strings::*;

// The kernel leaves the arguments at rsp (x86-64 psABI, 3.4.1), aligned to 16; a call makes that 8 more.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "call {}", sym start);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {}", sym start);

/// What ELF calls this processor (`EM_X86_64`, `EM_AARCH64`).
#[allow(dead_code, reason = "for load")]
pub const MACHINE: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };

/// Begins a program as the kernel does: with its stack, and 0 for the function that it would call at its end (x86-64
/// psABI, 3.4.1; on aarch64 glibc asks the same of x0).
///
/// # Safety
/// A program is at `entry`, and its initial stack at `stack`. What this program has is never dropped.
#[allow(dead_code, reason = "for load")]
pub unsafe fn enter(entry: usize, stack: *const u8) -> ! {
    // SAFETY: the caller's promise.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov rsp, {}", "xor ebp, ebp", "jmp {}", in(reg) stack, in(reg) entry, in("rdx") 0, options(noreturn))
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("mov sp, {}", "mov x29, xzr", "mov x30, xzr", "br {}", in(reg) stack, in(reg) entry, in("x0") 0,
            options(noreturn))
    }
}

/// The numbers of `write` and `exit_group`.
const NUMBERS: (usize, usize) = if cfg!(target_arch = "x86_64") { (1, 231) } else { (64, 94) };

unsafe extern "C" fn start(stack: *const *const c_char) -> ! {
    // SAFETY: argc comes first, then the arguments. Before Linux 5.18 a program may be started without even its name
    // (execve(2)), and behind that would be the environment.
    let arguments = unsafe { stack.add(1 + usize::from(stack.cast::<usize>().read() != 0)) };
    exit(crate::main(Arguments(arguments)))
}

pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { arch::syscall3(NUMBERS.1, status.into(), 0, 0) };
    }
}

/// Writes all to a descriptor, or gives `None`.
#[inline(never)]
pub fn write(descriptor: usize, mut bytes: &[u8]) -> Option<()> {
    const EINTR: isize = 4;
    while !bytes.is_empty() {
        // SAFETY: `bytes` is readable, and if it is not, the kernel says so.
        match unsafe { arch::syscall3(NUMBERS.0, descriptor, bytes.as_ptr() as usize, bytes.len()) } as isize
        {
            written @ 0.. => bytes = bytes.get(written as usize..)?,
            error if error == -EINTR => {}
            _ => return None,
        }
    }
    Some(())
}

#[allow(dead_code, reason = "cat reads none")]
pub fn standard_input() -> baremap::RawFile {
    0
}

/// How many bytes the system lets a stack grow to: RLIMIT_STACK, or 0 if that cannot be asked.
#[allow(dead_code, reason = "for load")]
pub fn stack_limit() -> usize {
    const PRLIMIT64: usize = if cfg!(target_arch = "x86_64") { 302 } else { 261 };
    const RLIMIT_STACK: usize = 3;
    let mut limits = [0_usize; 2];
    // SAFETY: the kernel writes a `struct rlimit64`: the soft limit and the hard one.
    unsafe { arch::syscall4(PRLIMIT64, 0, RLIMIT_STACK, 0, (&raw mut limits).expose_provenance()) };
    limits[0]
}

/// How many of the first `count` pages at an address are resident.
#[allow(dead_code, reason = "for booted")]
pub fn resident_pages(start: *const u8, count: usize, page_size: usize) -> u64 {
    const MINCORE: usize = if cfg!(target_arch = "x86_64") { 27 } else { 232 };
    let mut resident = 0;
    for page in (0..count).map(|i| start.addr() + i * page_size) {
        let mut residence = 0_u8;
        // SAFETY: the kernel writes a byte.
        unsafe { arch::syscall3(MINCORE, page, page_size, (&raw mut residence).expose_provenance()) };
        resident += u64::from(residence & 1);
    }
    resident
}
