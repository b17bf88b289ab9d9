//! expects: `&[u8; 4]` is not a path

use baremap::File;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = File::open(b"data")?;
    println!("{} bytes", file.len()?);
    Ok(())
}
