//! Memory for code: it runs what was written, and nothing else changes.

use super::*;
use baremap::{Code, page_size};
use core::mem::transmute;

checks! {
    code:
    is_run,
    is_run_after_each_write,
    contents,
    refused,
    write_with,
    two_mappings,
    sync_instructions,
    code_debug,
}

/// A function that returns `number`, for a processor that is known.
fn function(env: &Env, number: u8) -> Result<[u8; 8]> {
    let number = u32::from(number);
    let words = match env.arch {
        // mov eax, number; ret
        "x86_64" | "x86" => return Ok([0xb8, number as u8, 0, 0, 0, 0xc3, 0, 0]),
        // lghi %r2, number; br %r14
        "s390x" => return Ok([0xa7, 0x29, 0, number as u8, 0x07, 0xfe, 0, 0]),
        // movz w0, number; ret
        "aarch64" => [0x5280_0000 | number << 5, 0xd65f_03c0],
        // mov r0, #number; bx lr, as Arm code
        "arm" => [0xe3a0_0000 | number, 0xe12f_ff1e],
        // addi.w $a0, $zero, number; ret
        "loongarch64" => [0x0280_0004 | number << 10, 0x4c00_0020],
        // addi a0, zero, number; ret
        "riscv32" | "riscv64" => [0x0000_0513 | number << 20, 0x0000_8067],
        _ => return Err(Failure::Skipped("no code for this processor")),
    };
    let mut code = [0; 8];
    for (bytes, word) in code.chunks_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Ok(code)
}

/// Calls what [`function`] returned.
///
/// # Safety
/// It is there, and executable.
unsafe fn call(function: *const u8) -> u32 {
    // SAFETY: a function without arguments, and with C's calling convention.
    let function: extern "C" fn() -> u32 = unsafe { transmute(function) };
    function()
}

fn is_run(env: &mut Env) -> Result {
    let mut code = Code::new(3 * page_size())?;
    let offsets = [0, 8, 160, page_size() - 8, page_size(), 3 * page_size() - 8];
    for (number, offset) in (1..).zip(offsets) {
        code.write(offset, &function(env, number)?)?;
    }
    // Writing one leaves the others, in any order.
    for (number, offset) in (1..).zip(offsets) {
        // SAFETY: written above.
        ensure_eq!(unsafe { call(code.as_ptr().wrapping_add(offset)) }, number);
    }
    Ok(())
}

/// New code at an address where other code ran before.
fn is_run_after_each_write(env: &mut Env) -> Result {
    if env.keeps_translations {
        return Err(Failure::Skipped("an emulator that may run old code"));
    }
    let mut code = Code::new(100)?;
    for number in 0..100 {
        code.write(64, &function(env, number)?)?;
        // SAFETY: written above.
        ensure_eq!(unsafe { call(code.as_ptr().wrapping_add(64)) }, u32::from(number));
    }
    Ok(())
}

fn contents(_: &mut Env) -> Result {
    for len in [1, 100, page_size(), 100_000] {
        let mut code = Code::new(len)?;
        ensure_eq!((code.len(), code.bytes().len(), code.as_ptr().addr() % page_size()), (len, len, 0));
        ensure_filled(code.bytes(), 0)?;
        code.write(len - 1, &[7])?;
        ensure_filled(&code.bytes()[..len - 1], 0)?;
        ensure_eq!(code.bytes()[len - 1], 7);
        for at in (0..len).step_by(251) {
            code.write(at, &PATTERN[..(len - at).min(251)])?;
        }
        ensure_pattern(code.bytes(), 0)?;
    }
    Ok(())
}

fn refused(_: &mut Env) -> Result {
    fails(Code::new(0), ErrorKind::ZeroLength)?;
    for len in [isize::MAX as usize + 1, usize::MAX] {
        fails(Code::new(len), ErrorKind::TooLong)?;
    }
    let mut code = Code::new(100)?;
    for (offset, len) in [(0, 101), (100, 1), (99, 2), (101, 0), (usize::MAX, 0), (usize::MAX, 1), (1, 100)] {
        fails(code.write(offset, &PATTERN[..len]), ErrorKind::BeyondEnd)?;
    }
    for offset in [0, 50, 100] {
        code.write(offset, &[])?;
    }
    ensure_filled(code.bytes(), 0)
}

fn write_with(env: &mut Env) -> Result {
    let mut code = Code::new(100)?;
    let new = function(env, 9)?;
    // SAFETY: it writes the eight bytes of the range.
    let at = unsafe {
        code.write_with(8..16, |start| {
            start.copy_from_nonoverlapping(new.as_ptr(), new.len());
            start.addr() % page_size()
        })
    };
    ensure_eq!(at?, 8);
    // SAFETY: just written.
    ensure_eq!(unsafe { call(code.as_ptr().wrapping_add(8)) }, 9);
    // SAFETY: it writes nothing, here and below.
    ensure_eq!(unsafe { code.write_with(100.., |_| 5) }?, 5);
    // SAFETY: as above.
    fails(unsafe { code.write_with(..101, |_| ()) }, ErrorKind::BeyondEnd)?;
    // SAFETY: as above.
    ensure_eq!(unsafe { code.write_with(.., |_| 6) }?, 6);
    // SAFETY: as before.
    ensure_eq!(unsafe { call(code.as_ptr().wrapping_add(8)) }, 9);
    Ok(())
}

/// A file in memory, mapped for writing and for execution. No mapping is both.
fn two_mappings(env: &mut Env) -> Result {
    let file = supported(File::memory(), "no files in memory here")?;
    file.set_len(page_size() as u64)?;
    let writable = Mmap::new(&file).prot(Prot::WRITE).map_raw()?;
    let executable = match Mmap::new(&file).prot(Prot::EXEC).map_raw() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(Failure::Skipped("files in memory are not executable here"));
        }
        map => map?,
    };
    ensure_eq!((writable.prot(), executable.prot()), (Prot::WRITE, Prot::EXEC));
    for (number, offset) in [(3, 24), (5, 32), (8, if env.keeps_translations { 40 } else { 24 })] {
        let code = function(env, number)?;
        // SAFETY: nothing else uses the file, and it keeps its length, here and below.
        unsafe { writable.as_mut_ptr().add(offset).copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        // SAFETY: as above.
        let synced = unsafe { executable.sync_instructions(offset..offset + 8) };
        supported(synced, "no function for the cache here")?;
        // SAFETY: just written.
        ensure_eq!(unsafe { call(executable.as_ptr().wrapping_add(offset)) }, u32::from(number));
    }
    Ok(())
}

fn sync_instructions(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let empty = env.file("empty", 0)?;
    let reason = "no function for the cache here";
    for map in [Mmap::anon(10_000).map()?, map(&file, Prot::READ)?, map(&file, Prot::EXEC)?] {
        supported(map.sync_instructions(..), reason)?;
        map.sync_instructions(5_000..5_001)?;
        map.sync_instructions(10_000..)?;
        fails(map.sync_instructions(..10_001), ErrorKind::BeyondEnd)?;
    }
    ensure_pattern(&map(&file, Prot::READ)?, 0)?;
    map(&empty, Prot::READ)?.sync_instructions(..)?;
    let raw = Mmap::new(&file).offset(5_000).map_raw()?;
    // SAFETY: the file keeps its length.
    Ok(unsafe { raw.sync_instructions(17..) }?)
}

fn code_debug(_: &mut Env) -> Result {
    let code = Code::new(100)?;
    let text = Text::<255>::new(format_args!("{code:?}"));
    ensure!(text.as_str().starts_with("Code { ptr: 0x") && text.as_str().ends_with(", len: 100 }"));
    // A property of the system.
    ensure_eq!(code.runs_while_written(), Code::new(1)?.runs_while_written());
    Ok(())
}
