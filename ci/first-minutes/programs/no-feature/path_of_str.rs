//! expects: without the feature `std`, write a `&CStr`, such as `c"data"`

use baremap::File;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = File::open("data")?;
    println!("{} bytes", file.len()?);
    Ok(())
}
