//! What libc would do for a program: the entry point, arguments, writing and the end. One arm per system and
//! architecture, as the crate itself offers none of these.

use core::arch::{asm, global_asm};
use core::ffi::{CStr, c_char};

#[cfg(target_arch = "x86_64")]
mod system {
    use super::*;

    // The kernel leaves the arguments at rsp (x86-64 psABI, 3.4.1), aligned to 16; a call makes that 8 more.
    global_asm!(".globl _start", "_start:", "mov rdi, rsp", "call {}", sym super::start);

    pub(super) const WRITE: usize = 1;
    pub(super) const EXIT_GROUP: usize = 231;

    pub(super) unsafe fn syscall3(n: usize, a: usize, b: usize, c: usize) -> isize {
        let result;
        unsafe {
            asm!("syscall", inlateout("rax") n => result, in("rdi") a, in("rsi") b, in("rdx") c,
                lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags))
        };
        result
    }
}

#[cfg(target_arch = "aarch64")]
mod system {
    use super::*;

    global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {}", sym super::start);

    pub(super) const WRITE: usize = 64;
    pub(super) const EXIT_GROUP: usize = 94;

    pub(super) unsafe fn syscall3(n: usize, a: usize, b: usize, c: usize) -> isize {
        let result;
        unsafe {
            asm!("svc 0", in("x8") n, inlateout("x0") a => result, in("x1") b, in("x2") c,
                options(nostack, preserves_flags))
        };
        result
    }
}

/// The program's arguments, without its name.
pub struct Arguments(*const *const c_char);

impl Iterator for Arguments {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        // SAFETY: a NULL ends the list, behind which nothing is read; strings live as long as the process.
        unsafe {
            let argument = *self.0;
            if argument.is_null() {
                return None;
            }
            self.0 = self.0.add(1);
            Some(CStr::from_ptr(argument))
        }
    }
}

unsafe extern "C" fn start(stack: *const *const c_char) -> ! {
    // SAFETY: argc and argv[0] come first; a program without even its name is not started (execve(2), Linux 5.18).
    exit(crate::main(Arguments(unsafe { stack.add(2) })))
}

fn exit(status: u8) -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { system::syscall3(system::EXIT_GROUP, status.into(), 0, 0) };
    }
}

/// Writes all to a descriptor, or gives `None`.
#[inline(never)]
pub fn write(descriptor: usize, mut bytes: &[u8]) -> Option<()> {
    const EINTR: isize = 4;
    while !bytes.is_empty() {
        // SAFETY: `bytes` is readable, and if it is not, the kernel says so.
        match unsafe { system::syscall3(system::WRITE, descriptor, bytes.as_ptr() as usize, bytes.len()) } {
            written @ 0.. => bytes = bytes.get(written as usize..)?,
            error if error == -EINTR => {}
            _ => return None,
        }
    }
    Some(())
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(101)
}
