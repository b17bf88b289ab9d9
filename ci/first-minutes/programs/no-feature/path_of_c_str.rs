//! works

use baremap::{File, Mmap};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = File::open(c"data")?;
    let map = unsafe { Mmap::new(&file).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
