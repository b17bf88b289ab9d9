//! The cat of ci/minimal, with rustix, without std and libc.

#![no_std]
#![no_main]

use core::arch::global_asm;
use core::ffi::{CStr, c_char};
use mem as _;
use rustix::fs::{Mode, OFlags};
use rustix::mm::{MapFlags, ProtFlags};

// The entry point is as in ci/minimal/src/start/linux.rs.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "call {}", sym start);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {}", sym start);

unsafe extern "C" fn start(stack: *const *const c_char) -> ! {
    // SAFETY: argc and argv[0] come first, and a NULL ends the list.
    unsafe {
        let mut argument = stack.add(2);
        while !(*argument).is_null() {
            let name = CStr::from_ptr(*argument);
            if cat(name).is_none() {
                let error = rustix::stdio::stderr();
                let _ = write(error, b"cat: cannot copy ");
                let _ = write(error, name.to_bytes());
                let _ = write(error, b"\n");
                exit(1);
            }
            argument = argument.add(1);
        }
    }
    exit(0)
}

fn cat(name: &CStr) -> Option<()> {
    let out = unsafe { rustix::stdio::stdout() };
    let file = rustix::fs::open(name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let len = rustix::fs::fstat(&file).ok()?.st_size as usize;
    // SAFETY: the bytes are only handed to the kernel, which fails with EFAULT past the end of a truncated file.
    unsafe {
        if let Ok(base) =
            rustix::mm::mmap(core::ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, &file, 0)
        {
            let written = write(out, core::slice::from_raw_parts(base.cast(), len));
            let _ = rustix::mm::munmap(base, len);
            return written;
        }
    }
    let mut buffer = [0; 2048];
    loop {
        match rustix::io::read(&file, &mut buffer).ok()? {
            0 => return Some(()),
            read => write(out, buffer.get(..read)?)?,
        }
    }
}

#[inline(never)]
fn write(file: rustix::fd::BorrowedFd, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(written) => bytes = bytes.get(written..)?,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}

fn exit(status: usize) -> ! {
    const EXIT_GROUP: usize = if cfg!(target_arch = "x86_64") { 231 } else { 94 };
    loop {
        // SAFETY: ends the process. rustix offers this only in its unstable feature `runtime`.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            core::arch::asm!("syscall", in("rax") EXIT_GROUP, in("rdi") status);
            #[cfg(target_arch = "aarch64")]
            core::arch::asm!("svc 0", in("x8") EXIT_GROUP, in("x0") status);
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(101)
}
