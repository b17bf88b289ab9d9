//! expects: `Mmap::new(&file).map_mut()`

use baremap::MmapMut;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::options().read(true).write(true).open("data")?;
    let mut map = unsafe { MmapMut::map_mut(&file)? };
    map[0] = 1;
    Ok(())
}
