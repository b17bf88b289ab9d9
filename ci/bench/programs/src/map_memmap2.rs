fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open(std::env::args().nth(1).ok_or("which file?")?)?;
    // SAFETY: nobody changes the file.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    println!("{:?}", map.first());
    Ok(())
}
