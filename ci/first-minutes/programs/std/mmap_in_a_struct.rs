//! expects: expected named lifetime parameter

use baremap::Mmap;

struct Data {
    map: Mmap,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let data = Data { map: unsafe { Mmap::new(&file).map()? } };
    println!("{:?}", &data.map[..8]);
    Ok(())
}
