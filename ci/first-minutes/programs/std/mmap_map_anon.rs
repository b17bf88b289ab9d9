//! expects: Mmap::anon(4096)

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let map = Mmap::map_anon(4096)?;
    println!("{} bytes", map.len());
    Ok(())
}
