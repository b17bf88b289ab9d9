//! expects: change the type of the numeric literal from `u64` to `usize`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = unsafe { Mmap::new(&file).len(10u64).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
