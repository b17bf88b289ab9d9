//! expects: expected `&File`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut file = std::fs::File::open("data")?;
    let map = unsafe { Mmap::new(&mut file).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
