//! works

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = Box::new(std::fs::File::open("data")?);
    let map = unsafe { Mmap::new(&file).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
