//! works

use baremap::{Error, File, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = File::open(c"data")?;
    let len = Reader::new(&file).for_each(|_| Ok::<_, Error>(()))?;
    println!("{len} bytes");
    Ok(())
}
