//! works

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let map = Mmap::anon(0).map_mut()?;
    println!("{} bytes", map.len());
    Ok(())
}
