//! expects: a type that contains a file lends it by a method

use baremap::Mmap;
use std::path::PathBuf;

struct NamedTempFile {
    file: std::fs::File,
    path: PathBuf,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from("data");
    let file = NamedTempFile { file: std::fs::File::create(&path)?, path };
    let map = unsafe { Mmap::new(&file).map()? };
    println!("{}: {} bytes, {:?}", file.path.display(), map.len(), file.file);
    Ok(())
}
