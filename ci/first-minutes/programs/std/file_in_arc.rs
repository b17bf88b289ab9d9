//! works

use baremap::Mmap;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = Arc::new(std::fs::File::open("data")?);
    let map = unsafe { Mmap::new(&file).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
