//! The functions that the compiler calls for copies, fills and comparisons, otherwise part of libc: small, not fast. They
//! are a crate of their own, as `no_builtins` keeps the compiler from turning these loops into calls of themselves.

#![no_std]
#![no_builtins]
#![allow(clippy::missing_safety_doc, reason = "C's functions, with C's conditions")]

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    for i in 0..len {
        // SAFETY: the caller's promise, as in all of these.
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
        // SAFETY: the caller's promise.
        unsafe { *to.add(i) = *from.add(i) };
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    for i in 0..len {
        // SAFETY: the caller's promise.
        unsafe { *to.add(i) = byte as u8 };
    }
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for i in 0..len {
        // SAFETY: the caller's promise.
        let (a, b) = unsafe { (*a.add(i), *b.add(i)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(a, b, len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: the caller's promise.
    while unsafe { *string.add(len) } != 0 {
        len += 1;
    }
    len
}

/// 64-bit division for x86, bit by bit: the quotient and the remainder.
#[cfg(all(target_arch = "x86", target_env = "msvc"))]
fn divide(number: u64, by: u64) -> (u64, u64) {
    let (mut quotient, mut rest) = (0, 0);
    for bit in (0..64).rev() {
        rest = rest << 1 | number >> bit & 1;
        if rest >= by {
            rest -= by;
            quotient |= 1 << bit;
        }
    }
    (quotient, rest)
}

// Compilers for x86 call these two, which remove their arguments from the stack and have exactly these names.

#[cfg(all(target_arch = "x86", target_env = "msvc"))]
#[unsafe(export_name = "\x01__aulldiv")]
pub extern "stdcall" fn quotient(number: u64, by: u64) -> u64 {
    divide(number, by).0
}

#[cfg(all(target_arch = "x86", target_env = "msvc"))]
#[unsafe(export_name = "\x01__aullrem")]
pub extern "stdcall" fn remainder(number: u64, by: u64) -> u64 {
    divide(number, by).1
}
