//! The cat of ci/minimal, with std and memmap2.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    for name in std::env::args_os().skip(1) {
        if cat(&name).is_err() {
            let mut error = io::stderr();
            let _ = error.write_all(b"cat: cannot copy ");
            let _ = error.write_all(name.as_encoded_bytes());
            let _ = error.write_all(b"\n");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn cat(name: &std::ffi::OsStr) -> io::Result<()> {
    let mut file = File::open(name)?;
    let mut out = io::stdout();
    // SAFETY: nobody changes the file.
    if let Ok(map) = unsafe { memmap2::Mmap::map(&file) }
        && !map.is_empty()
    {
        return out.write_all(&map);
    }
    let mut buffer = [0; 2048];
    loop {
        match file.read(&mut buffer)? {
            0 => return out.flush(),
            read => out.write_all(&buffer[..read])?,
        }
    }
}
