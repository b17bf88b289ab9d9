//! Linux, by system calls through the crate's own stubs.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
use core::arch::asm;
use core::arch::global_asm;
use core::ffi::c_char;

#[allow(dead_code, unused_imports, reason = "few of the stubs and numbers are used")]
#[path = "../../../../src/sys/linux/arch/mod.rs"]
mod arch;
#[path = "strings.rs"]
mod strings;

pub use strings::*;

// The kernel leaves the arguments on the stack, whose pointer is a multiple of 16 (x86-64 psABI, 3.4.1).
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "call {}", sym start);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {}", sym start);
#[cfg(baremap_arch = "thumb")]
global_asm!(".globl _start", ".thumb_func", "_start:", "mov r0, sp", "bl {}", sym start);
#[cfg(all(target_arch = "arm", not(baremap_arch = "thumb")))]
global_asm!(".globl _start", "_start:", "mov r0, sp", "bl {}", sym start);
// The argument lies on the stack, above an address to return to, which is at a multiple of 16 less 4 (i386 psABI, 2.2.2).
#[cfg(target_arch = "x86")]
global_asm!(".globl _start", "_start:", "mov eax, esp", "sub esp, 12", "push eax", "call {}", sym start);
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
global_asm!(".globl _start", "_start:", "mv a0, sp", "call {}", sym start);
#[cfg(target_arch = "loongarch64")]
global_asm!(".globl _start", "_start:", "move $a0, $sp", "bl {}", sym start);
// The kernel leaves the arguments where the stack begins; a function has 160 bytes for its own use above (ELF ABI, 1.2.2).
#[cfg(target_arch = "s390x")]
global_asm!(".globl _start", "_start:", "lgr %r2, %r15", "aghi %r15, -160", "brasl %r14, {}", sym start);

// The kernel starts a program as if it had called it by its address in r12, from which the table of contents is found. A
// function saves registers in the first 32 bytes of its caller's stack frame (ELFv2 ABI, "Function Prologue", "The Stack
// Frame"). Before ELFv2 the entry is a descriptor: the addresses of the code and of the table.
#[cfg(all(target_arch = "powerpc64", not(all(target_endian = "big", target_env = "gnu"))))]
global_asm!(
    ".globl _start", "_start:", "addis 2, 12, .TOC. - _start@ha", "addi 2, 2, .TOC. - _start@l", "mr 3, 1",
    "stdu 1, -32(1)", "bl {}", "nop", sym start
);
#[cfg(all(target_arch = "powerpc64", target_endian = "big", target_env = "gnu"))]
global_asm!(
    ".pushsection .opd, \"aw\"", ".p2align 3", ".globl _start", "_start: .quad 2f, .TOC.@tocbase, 0", ".popsection",
    "2:", "mr 3, 1", "stdu 1, -112(1)", "bl {}", "nop", sym start
);

/// The processor's number in ELF, and the numbers of `write`, `exit_group` and `prlimit64`.
const NUMBERS: (u16, usize, usize, usize) = match () {
    () if cfg!(target_arch = "x86_64") => (62, 1, 231, 302),
    () if cfg!(target_arch = "x86") => (3, 4, 252, 340),
    () if cfg!(target_arch = "arm") => (40, 4, 248, 369),
    () if cfg!(target_arch = "s390x") => (22, 4, 248, 334),
    () if cfg!(target_arch = "powerpc64") => (21, 4, 234, 325),
    () if cfg!(target_arch = "aarch64") => (183, 64, 94, 261),
    () if cfg!(target_arch = "loongarch64") => (258, 64, 94, 261),
    () => (243, 64, 94, 261),
};

/// `e_machine`.
#[allow(dead_code, reason = "for load")]
pub const MACHINE: u16 = NUMBERS.0;

/// Starts a program as the kernel does: with its stack, and 0 for the function that it would call at its end, in rdx
/// (x86-64 psABI, 3.4.1), or where glibc expects it, in x0 or a0. The registers are named, as the compiler might otherwise
/// choose the frame pointer or the link register, which are set to 0.
///
/// # Safety
/// A program is at `entry`, and its initial stack at `stack`. Nothing of this program is dropped.
#[allow(dead_code, reason = "for load")]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
pub unsafe fn enter(entry: usize, stack: *const u8) -> ! {
    // SAFETY: the caller's promise.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov rsp, rsi", "xor ebp, ebp", "jmp rdi", in("rdx") 0, in("rsi") stack, in("rdi") entry,
            options(noreturn))
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("mov sp, x1", "mov x29, xzr", "br x2", in("x0") 0, in("x1") stack, in("x2") entry, in("x30") 0,
            options(noreturn))
    }
    // SAFETY: as above.
    #[cfg(target_arch = "riscv64")]
    unsafe {
        asm!("mv sp, a1", "mv fp, zero", "jr a2", in("a0") 0, in("a1") stack, in("a2") entry, in("ra") 0,
            options(noreturn))
    }
}

unsafe extern "C" fn start(stack: *const *const c_char) -> ! {
    // SAFETY: argc comes first, then the arguments. Before Linux 5.18 argc may be 0, without even the program's name
    // (execve(2)); the environment would follow.
    let arguments = unsafe { stack.add(1 + usize::from(stack.cast::<usize>().read() != 0)) };
    exit(crate::main(Arguments(arguments)))
}

pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { arch::syscall3(NUMBERS.2, status.into(), 0, 0) };
    }
}

/// Writes all of `bytes` to a descriptor. `None` on failure.
#[inline(never)]
pub fn write(descriptor: usize, mut bytes: &[u8]) -> Option<()> {
    const EINTR: isize = 4;
    while !bytes.is_empty() {
        // SAFETY: `bytes` is readable.
        match unsafe { arch::syscall3(NUMBERS.1, descriptor, bytes.as_ptr() as usize, bytes.len()) } as isize
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

/// How many bytes a stack may grow to: RLIMIT_STACK, or 0 if the call fails.
#[allow(dead_code, reason = "for load")]
pub fn stack_limit() -> usize {
    const RLIMIT_STACK: usize = 3;
    let mut limits = [0_u64; 2];
    // SAFETY: the kernel writes a `struct rlimit64`: the soft limit and the hard one.
    unsafe { arch::syscall4(NUMBERS.3, 0, RLIMIT_STACK, 0, (&raw mut limits).expose_provenance()) };
    limits[0].try_into().unwrap_or(usize::MAX)
}

/// How many of the first `count` pages at an address are resident.
#[allow(dead_code, reason = "for booted")]
pub fn resident_pages(start: *const u8, count: usize, page_size: usize) -> u64 {
    let mut resident = 0;
    for page in (0..count).map(|i| start.addr() + i * page_size) {
        let mut residence = 0_u8;
        // SAFETY: the kernel writes a byte.
        unsafe { arch::syscall3(arch::MINCORE, page, page_size, (&raw mut residence).expose_provenance()) };
        resident += u64::from(residence & 1);
    }
    resident
}
