//! works

use baremap::{Mapping, Mmap};
use std::thread;

struct Data {
    map: Mapping,
}

fn main() -> std::io::Result<()> {
    let file = std::fs::File::open("data")?;
    let data = Data { map: unsafe { Mmap::new(&file).map()? } };
    drop(file);
    let lines = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').count();
    println!("{} lines, {:?}", lines(&data.map), std::str::from_utf8(&data.map));
    let thread = thread::spawn(move || data.map.iter().filter(|&&byte| byte == 0).count());
    println!("{} zeros", thread.join().unwrap());
    Ok(())
}
