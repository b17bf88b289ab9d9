fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open(std::env::args().nth(1).ok_or("which file?")?)?;
    let len = file.metadata()?.len() as usize;
    // SAFETY: nobody changes the file.
    let map = unsafe { mmap_rs::MmapOptions::new(len)?.with_file(&file, 0) }.map()?;
    println!("{:?}", map.first());
    Ok(())
}
