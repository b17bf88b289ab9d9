//! Writes code and calls it, twice: `cargo run --example jit`. The page can be written to or executed, never both.

use baremap::{Error, Mapping, Mmap, Prot};

/// Code that gives back `number`, for the processor that this runs on.
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

/// Puts code into a page and calls it.
fn call(page: &mut Mapping, code: [u8; 8]) -> Result<u32, Error> {
    page.protect(Prot::WRITE)?;
    page.bytes_mut()?[..8].copy_from_slice(&code);
    // Also makes every processor see the new code.
    page.protect(Prot::EXEC)?;
    // SAFETY: a function of no arguments, in the convention that Rust shares with C for such.
    let function: fn() -> u32 = unsafe { std::mem::transmute(page.as_ptr()) };
    Ok(function())
}

fn main() -> Result<(), Error> {
    let (Some(first), Some(second)) = (code(1), code(42)) else {
        println!("no code for this processor");
        return Ok(());
    };
    let mut page = Mmap::anon(baremap::page_size()).map()?;
    println!("{}", call(&mut page, first)?);
    println!("{}", call(&mut page, second)?);
    Ok(())
}
