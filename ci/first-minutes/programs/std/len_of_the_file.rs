//! expects: try_into()

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let len = file.metadata()?.len();
    let map = unsafe { Mmap::new(&file).len(len).map()? };
    println!("{} bytes", map.len());
    Ok(())
}
