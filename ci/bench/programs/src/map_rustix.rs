use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open(std::env::args().nth(1).ok_or("which file?")?)?;
    let len = rustix::fs::fstat(&file).map_err(|error| error.raw_os_error().to_string())?.st_size as usize;
    // SAFETY: nobody changes the file, and it is unmapped once.
    unsafe {
        let base = mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, &file, 0)
            .map_err(|error| error.raw_os_error().to_string())?;
        println!("{:?}", std::slice::from_raw_parts(base.cast::<u8>(), len).first());
        munmap(base, len).map_err(|error| error.raw_os_error().to_string())?;
    }
    Ok(())
}
