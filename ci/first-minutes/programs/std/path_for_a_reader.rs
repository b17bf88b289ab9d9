//! expects: open a path first: `&File::open(path)?`

use baremap::{Error, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let len = Reader::new("data").for_each(|_| Ok::<_, Error>(()))?;
    println!("{len} bytes");
    Ok(())
}
