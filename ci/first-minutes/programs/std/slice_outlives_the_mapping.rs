//! expects: returns a value referencing data owned by the current function

use baremap::{Error, Mmap};

fn contents(file: &std::fs::File) -> Result<&[u8], Error> {
    let map = unsafe { Mmap::new(file).map()? };
    Ok(&map[..])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    println!("{} bytes", contents(&file)?.len());
    Ok(())
}
