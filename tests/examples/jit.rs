//! Writes code and calls it, twice, in each way that the system has: `cargo run --example jit`. No thread
//! can ever write and execute the memory by the same address.

use baremap::{Code, Error, ErrorKind, File, Mmap, Prot, page_size};

/// A function that returns `number`, for the processor that this runs on.
fn code(number: u16) -> Option<[u8; 8]> {
    let number = u32::from(number);
    let words = match std::env::consts::ARCH {
        // mov eax, number; ret
        "x86_64" | "x86" => {
            let [low, high, ..] = number.to_le_bytes();
            return Some([0xb8, low, high, 0, 0, 0xc3, 0, 0]);
        }
        // lghi %r2, number, which has 15 bits; br %r14
        "s390x" => {
            let [.., high, low] = number.to_be_bytes();
            return Some([0xa7, 0x29, high, low, 0x07, 0xfe, 0, 0]);
        }
        // movz w0, number; ret
        "aarch64" => [0x5280_0000 | number << 5, 0xd65f_03c0],
        // mov r0, #number, which has 8 bits; bx lr, as Arm code
        "arm" => [0xe3a0_0000 | number, 0xe12f_ff1e],
        // addi.w $a0, $zero, number, which has 11 bits; ret
        "loongarch64" => [0x0280_0004 | number << 10, 0x4c00_0020],
        // li r3, number, which has 15 bits; blr. In big-endian programs a function's pointer is that of its descriptor.
        "powerpc64" if u16::from_ne_bytes([1, 0]) == 1 => [0x3860_0000 | number, 0x4e80_0020],
        // addi a0, zero, number, which has 11 bits; ret
        "riscv32" | "riscv64" => [0x0000_0513 | number << 20, 0x0000_8067],
        _ => return None,
    };
    let mut code = [0; 8];
    for (bytes, word) in code.chunks_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Some(code)
}

/// Calls a function that [`code`] wrote.
///
/// # Safety
/// It is there, executable, and stays.
unsafe fn call(function: *const u8) -> u32 {
    // SAFETY: the function has no arguments, and C's calling convention.
    let function: extern "C" fn() -> u32 = unsafe { std::mem::transmute(function) };
    function()
}

/// The way for most: the type knows what the system needs.
fn with_code(codes: [[u8; 8]; 2]) -> Result<[u32; 2], Error> {
    let mut memory = Code::new(page_size())?;
    let mut results = [0; 2];
    for (i, code) in codes.iter().enumerate() {
        memory.write(64 * i, code)?;
        // SAFETY: the code was just written.
        results[i] = unsafe { call(memory.as_ptr().add(64 * i)) };
    }
    Ok(results)
}

/// Memory whose permissions change: no thread can run any of it meanwhile. On macOS not for a process with the hardened
/// runtime.
fn with_permissions(codes: [[u8; 8]; 2]) -> Result<[u32; 2], Error> {
    let mut memory = Mmap::anon(page_size()).map_mut()?;
    let mut results = [0; 2];
    for (code, result) in codes.iter().zip(&mut results) {
        memory[..code.len()].copy_from_slice(code);
        // Also makes every processor see the new code.
        let executable = memory.into_exec()?;
        // SAFETY: the code was just written.
        *result = unsafe { call(executable.as_ptr()) };
        memory = executable.into_mut()?;
    }
    Ok(results)
}

/// Two mappings of one file in memory, of which another process could have one.
fn with_two_mappings(codes: [[u8; 8]; 2]) -> Result<[u32; 2], Error> {
    let file = File::memory()?;
    file.set_len(page_size() as u64)?;
    let executable = Mmap::new(&file).prot(Prot::EXEC).map_raw()?;
    let writable = Mmap::new(&file).prot(Prot::WRITE).map_raw()?;
    let mut results = [0; 2];
    for (i, code) in codes.iter().enumerate() {
        // SAFETY: nobody else uses the file, which keeps its length, here and below.
        unsafe { writable.as_mut_ptr().add(64 * i).copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        // SAFETY: as above; and the code was just written.
        results[i] = unsafe {
            executable.sync_instructions(64 * i..64 * i + code.len())?;
            call(executable.as_ptr().add(64 * i))
        };
    }
    Ok(results)
}

fn main() -> Result<(), Error> {
    let (Some(one), Some(two)) = (code(1), code(42)) else {
        println!("no code for this processor");
        return Ok(());
    };
    println!("Code: {:?}", with_code([one, two])?);
    println!("permissions: {:?}", with_permissions([one, two])?);
    match with_two_mappings([one, two]) {
        // macOS: its objects of shared memory are never executable.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => println!("two mappings: {error}"),
        results => println!("two mappings: {:?}", results?),
    }
    Ok(())
}
