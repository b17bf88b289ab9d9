//! warns: write `into_exec()`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let map = Mmap::anon(4096).map_mut()?;
    let map = map.make_exec()?;
    println!("{} bytes", map.len());
    Ok(())
}
