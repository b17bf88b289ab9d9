//! expects: trait `DerefMut` is required to modify through a dereference, but it is not implemented for `Mapping`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::options().read(true).write(true).open("data")?;
    let map = unsafe { Mmap::new(&file).map()? };
    map[0] = 1;
    Ok(())
}
