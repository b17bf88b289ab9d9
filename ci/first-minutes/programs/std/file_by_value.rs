//! expects: expected `&File`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = unsafe { Mmap::new(file).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
