//! warns: write `into_mut()`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::options().read(true).write(true).open("data")?;
    let map = unsafe { Mmap::new(&file).map()? };
    let mut map = map.make_mut()?;
    map[0] = 1;
    Ok(())
}
