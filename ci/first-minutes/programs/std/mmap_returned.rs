//! expects: expected `Mmap<'_>`, found `Mapping`

use baremap::Mmap;
use std::fs::File;
use std::io;
use std::path::Path;

fn open(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    Ok(unsafe { Mmap::new(&file).map()? })
}

fn main() -> io::Result<()> {
    println!("{} bytes", open(Path::new("data"))?.len());
    Ok(())
}
