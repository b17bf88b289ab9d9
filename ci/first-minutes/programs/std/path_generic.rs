//! expects: write `path.as_ref()`

use baremap::{Error, File};
use std::path::Path;

fn len<P: AsRef<Path>>(path: P) -> Result<u64, Error> {
    File::open(path)?.len()
}

fn main() -> Result<(), Error> {
    println!("{} bytes", len("data")?);
    Ok(())
}
