//! expects: write `Mmap::new(&file)`

use baremap::MmapOptions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = unsafe { MmapOptions::new().offset(4).map(&file)? };
    println!("{} bytes", map.len());
    Ok(())
}
