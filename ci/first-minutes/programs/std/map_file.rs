//! expects: Mmap::new(&file).map()

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = unsafe { Mmap::map(&file)? };
    println!("{} bytes", map.len());
    Ok(())
}
