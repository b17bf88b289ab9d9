//! works

use baremap::File;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = File::open(PathBuf::from("data"))?;
    println!("{} bytes", file.len()?);
    Ok(())
}
