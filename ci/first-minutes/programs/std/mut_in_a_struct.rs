//! warns: the type is `MappingMut`

use baremap::{Mmap, MmapMut};

struct Buffer {
    map: MmapMut,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut buffer = Buffer { map: Mmap::anon(4096).map_mut()? };
    buffer.map[0] = 1;
    Ok(())
}
