//! expects: `Mmap::anon(len).map_mut()`

use baremap::MmapMut;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut map = MmapMut::map_anon(4096)?;
    map[0] = 1;
    Ok(())
}
