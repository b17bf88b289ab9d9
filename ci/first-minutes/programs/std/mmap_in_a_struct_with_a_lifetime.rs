//! expects: expected `Mmap<'_>`, found `Mapping`

use baremap::Mmap;

struct Data<'f> {
    map: Mmap<'f>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let data = Data { map: unsafe { Mmap::new(&file).map()? } };
    println!("{:?}", &data.map[..8]);
    Ok(())
}
