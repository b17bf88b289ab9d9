//! What a booted kernel shows and qemu-user does not, for aarch64 with SVE: `booted FOLDER/`.
//!
//! A system call of Linux destroys SVE's registers. So loops that keep a count there, whatever the rest is built for, count
//! lines between such calls. And sparse memory stays sparse when it is made executable. QEMU cleans no cache and so touches
//! no page; hence ci/faults has the crate read the memory there.
//!
//! Prints a line for each, then the counts, and exits with 1 if one is wrong.

#![no_std]
#![no_main]

mod heap;
mod start;

use baremap::{Advice, Error, File, Mmap, Prot, Reader, page_size};
use core::fmt::{self, Write};
use mem as _;
use start::Arguments;

struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        start::write(1, text.as_bytes()).ok_or(fmt::Error)
    }
}

const LINE: usize = 64;
const LINES: u64 = 16384;
const PIECE: usize = 1 << 16;
const LEN: usize = LINE * LINES as usize;

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}

#[target_feature(enable = "sve")]
fn windows(file: &File) -> Result<u64, Error> {
    let mut count = 0;
    for offset in (0..LEN).step_by(PIECE) {
        // SAFETY: the file is this program's alone.
        let map = unsafe { Mmap::new(file).offset(offset as u64).len(PIECE).map()? };
        count += newlines(&map);
    }
    Ok(count)
}

#[target_feature(enable = "sve")]
fn reads(file: &File) -> Result<u64, Error> {
    let (mut buffer, mut offset, mut count) = ([0; 4096], 0, 0);
    loop {
        match file.read_at(&mut buffer, offset)? {
            0 => return Ok(count),
            read => {
                count += newlines(&buffer[..read]);
                offset += read as u64;
            }
        }
    }
}

#[target_feature(enable = "sve")]
fn chunks(file: &File) -> Result<u64, Error> {
    let mut count = 0;
    // SAFETY: as above.
    let reader = unsafe { Reader::new(file).mapped() };
    reader.chunk_len(PIECE).for_each(|chunk| {
        count += newlines(chunk);
        Ok::<_, Error>(())
    })?;
    Ok(count)
}

#[target_feature(enable = "sve")]
fn records(file: &File) -> Result<u64, Error> {
    let mut count = 0;
    Reader::new(file).chunk_len(PIECE).records(b'\n', |record| {
        count +=
            u64::from(record.iter().map(|&byte| u64::from(byte == b'a')).sum::<u64>() == LINE as u64 - 1);
        Ok::<_, Error>(())
    })?;
    Ok(count)
}

/// The other calls on a mapping.
#[target_feature(enable = "sve")]
fn between_calls(file: &File) -> Result<u64, Error> {
    // SAFETY: as above.
    let mut map = unsafe { Mmap::new(file).map()? };
    let mut count = 0;
    for start in (0..LEN).step_by(PIECE) {
        map.advise(Advice::WillNeed)?;
        map.flush()?;
        count += newlines(&map[start..start + PIECE / 2]);
        map.lock()?;
        map.unlock()?;
        map.protect(Prot::READ)?;
        count += newlines(&map[start + PIECE / 2..start + PIECE]);
        file.sync()?;
    }
    Ok(count)
}

/// Writes to one of `LINES` pages, and counts that one and the pages that are not resident.
fn sparse() -> Result<u64, Error> {
    let mut map = Mmap::anon(LINES as usize * page_size()).map_mut()?;
    map.advise(Advice::NoHugePage)?;
    map[1000 * page_size()] = 1;
    let map = map.into_exec()?;
    Ok(LINES + 1 - start::resident_pages(map.as_ptr(), LINES as usize, page_size()))
}

fn write_lines(file: &File) -> Result<(), Error> {
    file.set_len(LEN as u64)?;
    // SAFETY: as above.
    let mut map = unsafe { Mmap::new(file).map_mut()? };
    for line in map.chunks_exact_mut(LINE) {
        line.fill(b'a');
        line[LINE - 1] = b'\n';
    }
    Ok(())
}

fn main(mut arguments: Arguments) -> u8 {
    let Some(folder) = arguments.next() else { return 2 };
    let mut path = [0; 256];
    for (to, from) in path.iter_mut().zip(folder.text().to_bytes().iter().chain(b"lines")) {
        *to = *from;
    }
    let Ok(path) = core::ffi::CStr::from_bytes_until_nul(&path) else { return 2 };
    let Ok(file) = File::create(path) else { return 2 };
    if let Err(error) = write_lines(&file) {
        let _ = writeln!(Output, "FAILED {error}");
        return 1;
    }
    // SAFETY: the program runs on processors with SVE alone.
    let counts = unsafe {
        [
            ("windows", windows(&file)),
            ("reads", reads(&file)),
            ("chunks", chunks(&file)),
            ("records", records(&file)),
            ("between calls", between_calls(&file)),
            ("sparse", sparse()),
        ]
    };
    let (mut passed, mut failed) = (0, 0);
    for (name, count) in counts {
        let is_right = count == Ok(LINES);
        let word = if is_right { "ok" } else { "FAILED" };
        let _ = writeln!(Output, "{word} {name}: {count:?} of {LINES}");
        if is_right { passed += 1 } else { failed += 1 }
    }
    let _ = writeln!(Output, "{passed} passed, {failed} failed, 0 skipped");
    u8::from(failed > 0)
}
