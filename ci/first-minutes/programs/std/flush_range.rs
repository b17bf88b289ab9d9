//! expects: flush_range(0..10)

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::options().read(true).write(true).open("data")?;
    let map = unsafe { Mmap::new(&file).map_mut()? };
    map.flush_range(0, 10)?;
    Ok(())
}
