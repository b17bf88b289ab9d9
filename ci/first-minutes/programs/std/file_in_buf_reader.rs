//! expects: `reader.get_ref()`

use baremap::Mmap;
use std::io::BufReader;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = BufReader::new(std::fs::File::open("data")?);
    let map = unsafe { Mmap::new(&file).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
