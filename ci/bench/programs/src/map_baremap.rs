fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open(std::env::args().nth(1).ok_or("which file?")?)?;
    // SAFETY: nobody changes the file.
    let map = unsafe { baremap::Mmap::new(&file).map()? };
    println!("{:?}", map.first());
    Ok(())
}
