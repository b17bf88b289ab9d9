//! Files, and what of them the page cache holds and in which form.

use memmap2::Mmap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder that goes when this does.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> io::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let path = std::env::temp_dir().join(format!("baremap-bench-{}-{now}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The same numbers every time (xorshift64*, Vigna 2016).
pub struct Numbers(u64);

impl Numbers {
    pub fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Lines of 0 to 99 letters; the last one ends.
pub fn text(len: usize) -> Vec<u8> {
    let mut numbers = Numbers::new();
    let mut text = Vec::with_capacity(len);
    while text.len() < len {
        let line = ((numbers.next() >> 32) % 100) as usize;
        text.extend((0..line).map(|i| b'a' + (i % 26) as u8));
        text.push(b'\n');
    }
    text.truncate(len);
    text[len - 1] = b'\n';
    text
}

/// Writes `text` over and over, in pieces of `piece` bytes, and leaves nothing dirty.
pub fn write(path: &Path, text: &[u8], len: u64, piece: usize) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut written = 0;
    while written < len {
        for piece in text.chunks(piece) {
            file.write_all(piece)?;
        }
        written += text.len() as u64;
    }
    file.set_len(len)?;
    file.sync_all()
}

/// Reads it all, so that the page cache holds it.
pub fn warm(path: &Path) -> io::Result<()> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 20]);
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Makes room in memory for large folios, as far as the user may: a memory in pieces has none.
pub fn make_room() {
    for how in ["drop_caches", "compact_memory"] {
        let _ = fs::write(Path::new("/proc/sys/vm").join(how), "1");
    }
}

/// Takes the file out of the page cache, and gives the share of it that is in there nevertheless.
pub fn cool(path: &Path) -> io::Result<f64> {
    let file = File::open(path)?;
    // SAFETY: touches no memory.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    let share = resident(&file)?;
    if share > 0.01 {
        // For root only; whoever may not will see it from the share.
        let _ = fs::write("/proc/sys/vm/drop_caches", "1");
        return resident(&file);
    }
    Ok(share)
}

/// The share of a file that the page cache holds.
fn resident(file: &File) -> io::Result<f64> {
    // SAFETY: the file is ours; it is not even touched.
    let map = unsafe { Mmap::map(file)? };
    let mut pages = vec![0u8; map.len().div_ceil(baremap::page_size())];
    // SAFETY: `pages` has a byte for each page.
    if unsafe { libc::mincore(map.as_ptr() as *mut _, map.len(), pages.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(pages.iter().filter(|&&page| page & 1 == 1).count() as f64 / pages.len() as f64)
}

/// The mean length in KiB of the folios in which the page cache holds a file, if the kernel tells, which it does to root
/// (Documentation/admin-guide/mm/pagemap.rst).
pub fn folio_kib(path: &Path) -> Option<u64> {
    const COMPOUND_TAIL: u64 = 1 << 16;
    let page = baremap::page_size();
    // SAFETY: the file is ours.
    let map = unsafe { Mmap::map(&File::open(path).ok()?).ok()? };
    let (pagemap, flags) = (File::open("/proc/self/pagemap").ok()?, File::open("/proc/kpageflags").ok()?);
    let entry = |file: &File, index: u64| {
        let mut entry = [0; 8];
        file.read_exact_at(&mut entry, index * 8).ok()?;
        Some(u64::from_ne_bytes(entry))
    };
    let mut folios = 0;
    for at in (0..map.len()).step_by(page) {
        std::hint::black_box(map[at]);
        let frame = entry(&pagemap, (map.as_ptr() as usize + at) as u64 / page as u64)? & ((1 << 55) - 1);
        folios += u64::from(frame != 0 && entry(&flags, frame)? & COMPOUND_TAIL == 0);
    }
    (folios > 0).then(|| (map.len() as u64 / folios) >> 10)
}

/// The most memory that was resident in this process, in KiB.
pub fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
}
