//! Writes code and calls it, twice in the same memory: `cargo run --example jit`. The memory is writable or executable,
//! never both.

use baremap::{Error, Mmap};

/// A function that returns `number`, for the processor that this runs on.
fn code(number: u16) -> Option<[u8; 8]> {
    let [low, high] = number.to_le_bytes();
    match std::env::consts::ARCH {
        // mov eax, number; ret
        "x86_64" => Some([0xb8, low, high, 0, 0, 0xc3, 0, 0]),
        // movz w0, #number; ret
        "aarch64" => {
            let [a, b, c, d] = (0x5280_0000 | u32::from(number) << 5).to_le_bytes();
            Some([a, b, c, d, 0xc0, 0x03, 0x5f, 0xd6])
        }
        _ => None,
    }
}

fn main() -> Result<(), Error> {
    let mut memory = Mmap::anon(baremap::page_size()).map_mut()?;
    for number in [1, 42] {
        let Some(code) = code(number) else {
            println!("no code for this processor");
            break;
        };
        memory[..code.len()].copy_from_slice(&code);
        // Also makes every processor see the new code.
        let executable = memory.into_exec()?;
        // SAFETY: the memory contains a function without arguments, for which Rust's calling convention is C's.
        let function: fn() -> u32 = unsafe { std::mem::transmute(executable.as_ptr()) };
        println!("{}", function());
        memory = executable.into_mut()?;
    }
    Ok(())
}
