use std::os::fd::AsRawFd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open(std::env::args().nth(1).ok_or("which file?")?)?;
    let len = file.metadata()?.len() as usize;
    // SAFETY: nobody changes the file, and it is unmapped once.
    unsafe {
        let base =
            libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0);
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        println!("{:?}", std::slice::from_raw_parts(base.cast::<u8>(), len).first());
        libc::munmap(base, len);
    }
    Ok(())
}
