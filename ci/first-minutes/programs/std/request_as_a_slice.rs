//! expects: cannot index into a value of type `Anon`

use baremap::Mmap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut map = Mmap::anon(4096);
    map[0] = 1;
    Ok(())
}
