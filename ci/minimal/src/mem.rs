//! What the compiler calls for copies, fills and comparisons, and libc otherwise has: small, not fast. A crate of its
//! own, as the compiler must not turn these loops into calls of themselves.

#![no_std]
#![no_builtins]
#![allow(clippy::missing_safety_doc, reason = "C's functions, with C's conditions")]

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    for i in 0..len {
        // SAFETY: the caller's, as in all of these.
        unsafe { *to.add(i) = *from.add(i) };
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= len {
        // SAFETY: no byte is written before it is read.
        return unsafe { memcpy(to, from, len) };
    }
    for i in (0..len).rev() {
        // SAFETY: the caller's.
        unsafe { *to.add(i) = *from.add(i) };
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    for i in 0..len {
        // SAFETY: the caller's.
        unsafe { *to.add(i) = byte as u8 };
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for i in 0..len {
        // SAFETY: the caller's.
        let (a, b) = unsafe { (*a.add(i), *b.add(i)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's.
    unsafe { memcmp(a, b, len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: the caller's.
    while unsafe { *string.add(len) } != 0 {
        len += 1;
    }
    len
}

/// The remainder of 64 bits, which on x86 compilers do not make themselves. It takes its arguments off the stack, and has
/// this very name.
#[cfg(all(target_arch = "x86", target_env = "msvc"))]
#[unsafe(export_name = "\x01__aullrem")]
pub extern "stdcall" fn remainder(number: u64, by: u64) -> u64 {
    let mut rest = 0_u64;
    for bit in (0..64).rev() {
        rest = rest << 1 | number >> bit & 1;
        if rest >= by {
            rest -= by;
        }
    }
    rest
}
