//! expects: `Mmap::new(&file).map_raw()`

use baremap::MmapRaw;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = MmapRaw::map_raw(&file)?;
    println!("{} bytes", map.len());
    Ok(())
}
