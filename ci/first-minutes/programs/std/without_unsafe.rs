//! expects: requires unsafe

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = Mmap::new(&file).map()?;
    println!("{} bytes", map.len());
    Ok(())
}
