//! expects: `Mmap::anon(len)` for fresh memory

use baremap::MmapOptions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let map = MmapOptions::new(4096)?.map_mut()?;
    println!("{} bytes", map.len());
    Ok(())
}
