//! Files, and their state in the page cache: what is resident, and in folios of which length.

use memmap2::Mmap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What buffers are aligned to.
pub const PAGE: usize = 4096;

/// A directory that is removed on drop.
pub struct TempDir(pub PathBuf);

impl TempDir {
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

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The same pseudo-random numbers every time (xorshift64*, Vigna 2016).
pub struct Random(u64);

impl Random {
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

/// Returns lines of 0 to 99 letters; the last one is terminated.
pub fn text(len: usize) -> Vec<u8> {
    let mut random = Random::new();
    let mut text = Vec::with_capacity(len);
    while text.len() < len {
        let line = ((random.next() >> 32) % 100) as usize;
        text.extend((0..line).map(|i| b'a' + (i % 26) as u8));
        text.push(b'\n');
    }
    text.truncate(len);
    text[len - 1] = b'\n';
    text
}

/// Writes `text` repeatedly, `chunk_len` bytes at a time, and syncs it.
pub fn write(path: &Path, text: &[u8], len: u64, chunk_len: usize) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut written = 0;
    while written < len {
        for chunk in text.chunks(chunk_len) {
            file.write_all(chunk)?;
        }
        written += text.len() as u64;
    }
    file.set_len(len)?;
    file.sync_all()
}

/// Reads the whole file, which brings it into the page cache.
pub fn read_all(path: &Path) -> io::Result<()> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 20]);
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Defragments memory, so that large folios can be allocated. Needs root; without it, nothing happens.
pub fn compact_memory() {
    for file in ["drop_caches", "compact_memory"] {
        let _ = fs::write(Path::new("/proc/sys/vm").join(file), "1");
    }
}

/// Evicts a file from the page cache, and returns the share of it that is still resident.
pub fn evict(path: &Path) -> io::Result<f64> {
    let file = File::open(path)?;
    // SAFETY: touches no memory.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    let share = resident(&file)?;
    if share > 0.01 {
        // Needs root. Without it, the share stays as it is.
        let _ = fs::write("/proc/sys/vm/drop_caches", "1");
        return resident(&file);
    }
    Ok(share)
}

/// Returns the share of a file that is in the page cache.
fn resident(file: &File) -> io::Result<f64> {
    // SAFETY: the mapping is not read.
    let map = unsafe { Mmap::map(file)? };
    let mut pages = vec![0u8; map.len().div_ceil(baremap::page_size())];
    // SAFETY: `pages` has a byte for each page.
    if unsafe { libc::mincore(map.as_ptr() as *mut _, map.len(), pages.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(pages.iter().filter(|&&page| page & 1 == 1).count() as f64 / pages.len() as f64)
}

/// Returns the mean length in KiB of the folios of a file in the page cache. Needs root
/// (Documentation/admin-guide/mm/pagemap.rst).
pub fn folio_kib(path: &Path) -> Option<u64> {
    const COMPOUND_TAIL: u64 = 1 << 16;
    let page = baremap::page_size();
    // SAFETY: nobody changes the file.
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

/// Returns the peak resident memory of this process in KiB.
pub fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
}
