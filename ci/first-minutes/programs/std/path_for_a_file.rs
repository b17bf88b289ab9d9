//! expects: open a path first: `&File::open(path)?`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let map = unsafe { Mmap::new("data").map()? };
    println!("{} bytes", map.len());
    Ok(())
}
