//! works

use baremap::Mmap;
use std::thread;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = Mmap::new(&file).map_raw()?;
    let thread = thread::spawn(move || println!("{} bytes at {:?}", map.len(), map.as_ptr()));
    thread.join().unwrap();
    Ok(())
}
