//! The smallest program: maps the files it is given and writes them to standard output. At the first one that fails it
//! prints the name to standard error and exits with 1.

#![no_std]
#![no_main]

mod start;

use baremap::Mmap;
use mem as _;
use start::{Argument, Arguments, write};

fn main(arguments: Arguments) -> u8 {
    for name in arguments {
        if cat(&name).is_none() {
            let _ = write(2, b"cat: cannot copy ");
            let _ = write(2, name.text().to_bytes());
            let _ = write(2, b"\n");
            return 1;
        }
    }
    0
}

/// Whether the system has files that report no length or cannot be mapped: /proc and /sys on Linux, /dev there and on
/// macOS. On Windows these are pipes and consoles, which are not worth a fifth of the program.
const READS: bool = cfg!(not(windows));

fn cat(name: &Argument) -> Option<()> {
    let file = name.open()?;
    // SAFETY: only the kernel reads the bytes, and fails with EFAULT where the file was truncated.
    match unsafe { Mmap::new(&file).map() } {
        Ok(map) if !READS || !map.is_empty() => return write(1, &map),
        // An empty mapping holds nothing; the code that drops it would take bytes.
        Ok(map) => core::mem::forget(map),
        Err(_) => {}
    }
    if !READS {
        return None;
    }
    let (mut buffer, mut offset) = ([0; 2048], 0);
    loop {
        match file.read_at(&mut buffer, offset).ok()? {
            0 => return Some(()),
            read => {
                write(1, buffer.get(..read)?)?;
                offset += read as u64;
            }
        }
    }
}
