//! The work, and how each candidate does it. Peers are used as their users would use them.

use crate::bare;
use crate::compare::{
    Candidate, Column, Column::*, Measurement, Sample, compare, timed, timed_after, timed_with,
};
use crate::state::{self, Random, TempDir};
use baremap::{Error, Mmap, Reader};
use memmap2::MmapOptions;
use std::ffi::CString;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Scale {
    /// Rounds of work that takes about a millisecond, and of work that takes longer.
    pub short_rounds: usize,
    pub long_rounds: usize,
    /// The length of the large files in bytes.
    pub large: u64,
    pub small_files: usize,
    pub random_reads: u64,
    /// The lengths of the growing files in bytes.
    pub growing: &'static [u64],
}

pub const FULL: Scale = Scale {
    short_rounds: 301,
    long_rounds: 21,
    large: 1 << 30,
    small_files: 20_000,
    random_reads: 1 << 20,
    growing: &[1 << 20, 32 << 20, 1 << 30, 8 << 30],
};

pub const QUICK: Scale = Scale {
    short_rounds: 11,
    long_rounds: 3,
    large: 64 << 20,
    small_files: 500,
    random_reads: 1 << 16,
    growing: &[1 << 20, 32 << 20],
};

/// What was measured of one work.
#[derive(Clone)]
pub struct Row {
    /// The key by which `ci/bench/render` knows the work, its words and its goals.
    pub work: String,
    /// What the words must say of the files, as they were found.
    pub detail: String,
    /// How often the work is done in a round.
    pub repetitions: u64,
    /// How many bytes a round goes through, or the length of the file or the memory.
    pub bytes: u64,
    pub measurements: Vec<Measurement>,
}

impl Row {
    pub fn new(
        work: impl Into<String>,
        repetitions: u64,
        bytes: u64,
        measurements: Vec<Measurement>,
    ) -> Self {
        Self { work: work.into(), detail: String::new(), repetitions, bytes, measurements }
    }
}

/// Every candidate counts newlines in this way, so that only access to the bytes differs.
fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

fn first(bytes: &[u8]) -> u64 {
    u64::from(black_box(bytes)[0])
}

/// How often calls that take microseconds are made in a round.
const CALLS: u64 = 200;

fn calls(mut call: impl FnMut() -> u64) -> u64 {
    (0..CALLS).map(|_| call()).sum()
}

/// (a) Map a file, read its first byte, unmap it.
pub fn map_files(scale: Scale, folder: &TempDir) -> Result<Vec<Row>> {
    const LEN: usize = 4096;
    let path = folder.path("page");
    state::write(&path, &state::text(LEN), LEN as u64, LEN)?;
    let opened = File::open(&path)?;
    let file = &opened;
    let raw = file.as_raw_fd();
    // SAFETY of all mappings here and below: nobody changes the files, and each mapping is unmapped once.
    let touch_and_unmap = |base: *mut u8, len| unsafe {
        let byte = first(std::slice::from_raw_parts(base, len));
        bare::unmap(base, len);
        byte
    };
    let by_libc = |len| unsafe {
        let base = libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, raw, 0);
        assert_ne!(base, libc::MAP_FAILED);
        let byte = first(std::slice::from_raw_parts(base.cast(), len));
        libc::munmap(base, len);
        byte
    };
    let by_rustix = |len| unsafe {
        use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
        let base = mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, file, 0).unwrap();
        let byte = first(std::slice::from_raw_parts(base.cast(), len));
        munmap(base, len).unwrap();
        byte
    };
    let by_mmap_rs =
        |len| first(&unsafe { mmap_rs::MmapOptions::new(len).unwrap().with_file(file, 0) }.map().unwrap());

    let whole = compare(
        scale.short_rounds,
        vec![
            timed(Baremap, "", || calls(|| first(&unsafe { Mmap::new(file).map() }.unwrap()))),
            timed(Limit, "bare calls", || {
                calls(|| {
                    let len = bare::len(raw);
                    touch_and_unmap(bare::map_file(raw, len), len)
                })
            }),
            timed(Memmap2, "", || calls(|| first(&unsafe { memmap2::Mmap::map(file) }.unwrap()))),
            timed(Memmap2Tuned, "populate", || {
                calls(|| first(&unsafe { MmapOptions::new().populate().map(file) }.unwrap()))
            }),
            timed(MmapRs, "", || calls(|| by_mmap_rs(file.metadata().unwrap().len() as usize))),
            timed(Rustix, "", || calls(|| by_rustix(rustix::fs::fstat(file).unwrap().st_size as usize))),
            timed(Libc, "", || {
                calls(|| unsafe {
                    let mut stat = std::mem::zeroed();
                    assert_eq!(libc::fstat(raw, &mut stat), 0);
                    by_libc(stat.st_size as usize)
                })
            }),
        ],
    );
    let with_len = compare(
        scale.short_rounds,
        vec![
            timed(Baremap, "", || calls(|| first(&unsafe { Mmap::new(file).len(LEN).map() }.unwrap()))),
            timed(Limit, "bare calls", || {
                calls(|| {
                    black_box(bare::len(raw));
                    touch_and_unmap(bare::map_file(raw, LEN), LEN)
                })
            }),
            timed(Libc, "with fstat", || {
                calls(|| unsafe {
                    let mut stat = std::mem::zeroed();
                    assert_eq!(libc::fstat(raw, &mut stat), 0);
                    by_libc(LEN)
                })
            }),
            timed(Memmap2, "", || {
                calls(|| first(&unsafe { MmapOptions::new().len(LEN).map(file) }.unwrap()))
            }),
            timed(Memmap2Tuned, "populate", || {
                calls(|| first(&unsafe { MmapOptions::new().len(LEN).populate().map(file) }.unwrap()))
            }),
            timed(MmapRs, "", || calls(|| by_mmap_rs(LEN))),
            timed(Rustix, "", || calls(|| by_rustix(LEN))),
            timed(Libc, "", || calls(|| by_libc(LEN))),
        ],
    );
    Ok(vec![
        Row::new("map-whole", CALLS, LEN as u64, whole),
        Row::new("map-length", CALLS, LEN as u64, with_len),
    ])
}

/// (b) Map fresh memory, write to its first byte, unmap it. Further page faults cost the same for every candidate and would
/// hide the difference.
pub fn map_anon(scale: Scale) -> Vec<Row> {
    let row = |len: usize, work: &str| {
        let touch = |bytes: &mut [u8]| {
            black_box(bytes)[0] = 1;
            1
        };
        let measurements = compare(
            scale.short_rounds,
            vec![
                timed(Baremap, "", || calls(|| touch(&mut Mmap::anon(len).map_mut().unwrap()))),
                timed(Limit, "bare calls", || {
                    // SAFETY: mapped here, and unmapped once.
                    calls(|| unsafe {
                        let base = bare::map_anon(len);
                        let byte = touch(std::slice::from_raw_parts_mut(base, len));
                        bare::unmap(base, len);
                        byte
                    })
                }),
                timed(Memmap2, "", || calls(|| touch(&mut MmapOptions::new().len(len).map_anon().unwrap()))),
                timed(MmapRs, "", || {
                    calls(|| touch(&mut mmap_rs::MmapOptions::new(len).unwrap().map_mut().unwrap()))
                }),
                timed(Rustix, "", || {
                    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
                    // SAFETY: as above.
                    calls(|| unsafe {
                        let prot = ProtFlags::READ | ProtFlags::WRITE;
                        let base =
                            mmap_anonymous(std::ptr::null_mut(), len, prot, MapFlags::PRIVATE).unwrap();
                        let byte = touch(std::slice::from_raw_parts_mut(base.cast(), len));
                        munmap(base, len).unwrap();
                        byte
                    })
                }),
                timed(Libc, "", || {
                    // SAFETY: as above.
                    calls(|| unsafe {
                        let prot = libc::PROT_READ | libc::PROT_WRITE;
                        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                        let base = libc::mmap(std::ptr::null_mut(), len, prot, flags, -1, 0);
                        assert_ne!(base, libc::MAP_FAILED);
                        let byte = touch(std::slice::from_raw_parts_mut(base.cast(), len));
                        libc::munmap(base, len);
                        byte
                    })
                }),
            ],
        );
        Row::new(work, CALLS, len as u64, measurements)
    };
    vec![row(64 << 10, "anon-small"), row(64 << 20, "anon-large")]
}

/// (c) Write a byte to a mapped file and flush its page.
pub fn flush(scale: Scale, folder: &TempDir) -> Result<Row> {
    const LEN: usize = 64 << 10;
    let path = folder.path("flushed");
    state::write(&path, &state::text(LEN), LEN as u64, LEN)?;
    let opened = File::options().read(true).write(true).open(&path)?;
    let file = &opened;
    // SAFETY: one mapping at a time changes the file, and none is read.
    let memmap2 = || {
        let mut map = unsafe { memmap2::MmapMut::map_mut(file) }.unwrap();
        map[0] = 1;
        map.flush().unwrap();
        map
    };
    let ours = || {
        let mut map = unsafe { Mmap::new(file).map_mut() }.unwrap();
        map[0] = 1;
        map.flush().unwrap();
        map
    };
    let mmap_rs = || {
        let map = unsafe { mmap_rs::MmapOptions::new(LEN).unwrap().with_file(file, 0) };
        let mut map = map.with_flags(mmap_rs::MmapFlags::SHARED).map_mut().unwrap();
        map[0] = 1;
        map.flush(0..LEN).unwrap();
        map
    };
    let value = std::cell::Cell::new(1u8);
    let next = || {
        value.set(value.get().wrapping_add(1));
        value.get()
    };
    let measurements = compare(
        scale.long_rounds * 5,
        vec![
            timed_with(Baremap, "", ours, |map| {
                map[0] = next();
                map.flush_range(..1).unwrap();
                0
            }),
            timed_with(Limit, "bare calls", memmap2, |map| unsafe {
                map.as_mut_ptr().write_volatile(next());
                bare::flush(map.as_mut_ptr(), 4096);
                0
            }),
            timed(Std, "write_at, sync_data", || {
                file.write_at(&[next()], 0).unwrap();
                file.sync_data().unwrap();
                0
            }),
            timed_with(Memmap2, "", memmap2, |map| {
                map[0] = next();
                map.flush_range(0, 1).unwrap();
                0
            }),
            timed_with(MmapRs, "", mmap_rs, |map| {
                map[0] = next();
                map.flush(0..1).unwrap();
                0
            }),
            timed_with(Rustix, "", memmap2, |map| unsafe {
                map.as_mut_ptr().write_volatile(next());
                let flags = rustix::mm::MsyncFlags::SYNC;
                rustix::mm::msync(map.as_mut_ptr().cast(), 4096, flags).unwrap();
                0
            }),
            timed_with(Libc, "", memmap2, |map| unsafe {
                map.as_mut_ptr().write_volatile(next());
                assert_eq!(libc::msync(map.as_mut_ptr().cast(), 4096, libc::MS_SYNC), 0);
                0
            }),
        ],
    );
    Ok(Row::new("flush", 1, 1, measurements))
}

/// The lengths of std's buffers.
const BUFFER_LENS: [usize; 5] = [64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20];

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes >> 10)
}

fn count_by_reader(reader: Reader) -> u64 {
    let mut lines = 0;
    let read = reader.for_each(|chunk| {
        lines += newlines(chunk);
        Ok::<_, Error>(())
    });
    read.unwrap();
    lines
}

fn count_by_reading(path: &Path) -> u64 {
    count_by_reader(Reader::new(&File::open(path).unwrap()))
}

fn count_by_mapping(path: &Path) -> u64 {
    let file = File::open(path).unwrap();
    // SAFETY: nobody changes the file, here and below.
    count_by_reader(unsafe { Reader::new(&file).mapped() })
}

fn count_into(path: &Path, buffer: &mut Vec<u8>) -> u64 {
    count_by_reader(Reader::with_buffer(&File::open(path).unwrap(), buffer))
}

/// Makes a row for the Reader that maps and one for the Reader that reads, with the same peers.
fn both_readers(row: &Row) -> [Row; 2] {
    ["mapped", "read"].map(|name| of_baremap(row, name))
}

/// Returns the row with one of baremap's candidates, named for it.
fn of_baremap(row: &Row, name: &str) -> Row {
    let is_wanted = |one: &&Measurement| one.column != Baremap || one.name == name;
    let measurements = row.measurements.iter().filter(is_wanted).cloned().collect();
    let work = format!("{}-{}", row.work, name.replace(' ', "-"));
    Row { work, measurements, ..row.clone() }
}

fn count_by_read(path: &Path, buffer: &mut [u8]) -> u64 {
    let mut file = File::open(path).unwrap();
    let mut lines = 0;
    loop {
        match file.read(buffer).unwrap() {
            0 => return lines,
            read => lines += newlines(&buffer[..read]),
        }
    }
}

fn count_by_memmap2(path: &Path, advice: Option<memmap2::Advice>) -> u64 {
    let map = unsafe { memmap2::Mmap::map(&File::open(path).unwrap()) }.unwrap();
    if let Some(advice) = advice {
        map.advise(advice).unwrap();
    }
    newlines(&map)
}

fn count_by_memmap2_populate(path: &Path) -> u64 {
    newlines(&unsafe { MmapOptions::new().populate().map(&File::open(path).unwrap()) }.unwrap())
}

fn count_by_mmap_rs(path: &Path) -> u64 {
    let file = File::open(path).unwrap();
    let len = file.metadata().unwrap().len() as usize;
    newlines(&unsafe { mmap_rs::MmapOptions::new(len).unwrap().with_file(&file, 0) }.map().unwrap())
}

/// Returns a mapping whose pages are all resident.
pub fn resident(path: &Path) -> memmap2::Mmap {
    let map = unsafe { memmap2::Mmap::map(&File::open(path).unwrap()) }.unwrap();
    black_box(newlines(&map));
    map
}

/// The candidates of (d). `prepare` runs before each of them.
fn count<'a>(path: &'a Path, prepare: impl Fn() + Copy + 'a, limited: bool) -> Vec<Candidate<'a>> {
    let mut candidates = vec![
        timed_after(Baremap, "mapped", prepare, move || count_by_mapping(path)),
        timed_after(Baremap, "read", prepare, move || count_by_reading(path)),
    ];
    if limited {
        candidates.push(timed_with(Limit, "resident", move || resident(path), |map| newlines(map)));
    }
    for len in BUFFER_LENS {
        let mut buffer = vec![0; len];
        candidates.push(timed_after(Std, &kib(len), prepare, move || count_by_read(path, &mut buffer)));
    }
    candidates.push(timed_after(Memmap2, "", prepare, move || count_by_memmap2(path, None)));
    candidates.push(timed_after(Memmap2Tuned, "populate", prepare, move || count_by_memmap2_populate(path)));
    for (name, advice) in
        [("sequential", memmap2::Advice::Sequential), ("willneed", memmap2::Advice::WillNeed)]
    {
        candidates
            .push(timed_after(Memmap2Tuned, name, prepare, move || count_by_memmap2(path, Some(advice))));
    }
    candidates.push(timed_after(MmapRs, "", prepare, move || count_by_mmap_rs(path)));
    candidates
}

/// Two large files: one is in the page cache in folios of one page, because it was written page by page; the other in
/// large folios, because it was written 8 MiB at a time.
pub struct Large {
    pub small_folios: PathBuf,
    pub large_folios: PathBuf,
}

impl Large {
    pub fn new(scale: Scale, folder: &TempDir) -> Result<Self> {
        let large =
            Self { small_folios: folder.path("small-folios"), large_folios: folder.path("large-folios") };
        let text = state::text(8 << 20);
        state::compact_memory();
        state::write(&large.large_folios, &text, scale.large, text.len())?;
        state::write(&large.small_folios, &text, scale.large, 4096)?;
        Ok(large)
    }
}

/// (d) Count the newlines of a large file in each state of the page cache.
pub fn scan(scale: Scale, large: &Large, folder: &TempDir) -> Result<Vec<Row>> {
    let read_in = folder.path("read-in");
    state::write(&read_in, &state::text(8 << 20), scale.large, 8 << 20)?;
    state::evict(&read_in)?;
    state::read_all(&read_in)?;
    let mut rows = Vec::new();
    for (path, cached) in
        [(&large.large_folios, "pieces"), (&read_in, "read-in"), (&large.small_folios, "pages")]
    {
        let mut row = Row::new(
            format!("newlines-{cached}"),
            1,
            scale.large,
            compare(scale.long_rounds, count(path, || (), true)),
        );
        if let Some(kib) = state::folio_kib(path) {
            row.detail = format!("folios of {kib} KiB");
        }
        rows.extend(both_readers(&row));
    }
    let warmest = std::cell::Cell::new(0.0);
    let evict = || warmest.set(f64::max(warmest.get(), state::evict(&read_in).unwrap()));
    let measurements = compare(scale.long_rounds, count(&read_in, evict, false));
    let mut row = Row::new("newlines-uncached", 1, scale.large, measurements);
    row.detail = format!("at most {:.1} % cached", warmest.get() * 100.0);
    rows.extend(both_readers(&row));
    fs::remove_file(&read_in)?;
    Ok(rows)
}

/// (e) Count the newlines of many small files.
pub fn small_files(scale: Scale, folder: &TempDir) -> Result<Vec<Row>> {
    let mut random = Random::new();
    let text = state::text(64 << 10);
    fs::create_dir(folder.path("small"))?;
    let mut paths = Vec::new();
    let mut bytes = 0;
    for i in 0..scale.small_files {
        let len = 1024 + (random.next() >> 32) % (63 * 1024 + 1);
        let path = folder.path("small").join(i.to_string());
        fs::write(&path, &text[..len as usize])?;
        bytes += len;
        paths.push(path);
    }
    let names: Vec<CString> = paths
        .iter()
        .map(|path| CString::new(path.as_os_str().as_encoded_bytes()))
        .collect::<std::result::Result<_, _>>()?;
    let all = |count: &mut dyn FnMut(&Path) -> u64| paths.iter().map(|path| count(path)).sum();
    let mut candidates = vec![
        timed(Baremap, "one buffer", || {
            let mut buffer = Vec::new();
            all(&mut |path| count_into(path, &mut buffer))
        }),
        timed(Baremap, "a buffer for each", || all(&mut count_by_reading)),
        timed(Limit, "bare open, read, close", || {
            let mut buffer = vec![0; 64 << 10];
            let count = |name: &CString| {
                let read = bare::read_file(name, &mut buffer);
                newlines(&buffer[..read])
            };
            names.iter().map(count).sum()
        }),
        timed(Std, "fs::read", || all(&mut |path| newlines(&fs::read(path).unwrap()))),
        timed(Memmap2, "", || all(&mut |path| count_by_memmap2(path, None))),
        timed(Memmap2Tuned, "populate", || all(&mut count_by_memmap2_populate)),
        timed(MmapRs, "", || all(&mut count_by_mmap_rs)),
    ];
    for len in [8 << 10, 64 << 10, 128 << 10] {
        candidates.push(timed(Std, &kib(len), move || {
            let mut buffer = vec![0; len];
            all(&mut |path| count_by_read(path, &mut buffer))
        }));
    }
    let measurements = compare(scale.long_rounds.div_ceil(2), candidates);
    let mut row = Row::new("small-files", 1, bytes, measurements);
    row.detail = format!("{} files", scale.small_files);
    Ok(["one buffer", "a buffer for each"].map(|name| of_baremap(&row, name)).to_vec())
}

/// (f) Read 64 bytes at random offsets.
pub fn random_reads(scale: Scale, large: &Large) -> Vec<Row> {
    let row = |path: &Path, work| {
        let opened = File::open(path).unwrap();
        let file = &opened;
        let everywhere = |read: &mut dyn FnMut(u64) -> u64| {
            let mut random = Random::new();
            (0..scale.random_reads)
                .map(|_| read((random.next() >> 20) % (scale.large - 63)))
                .fold(0, u64::wrapping_add)
        };
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        let in_map = |map: &[u8]| everywhere(&mut |at| sum(&map[at as usize..][..64]));
        let measurements = compare(
            scale.long_rounds.div_ceil(3),
            vec![
                timed(Baremap, "", || in_map(&unsafe { Mmap::new(file).map() }.unwrap())),
                timed_with(Limit, "resident", || resident(path), |map| in_map(map)),
                timed(Std, "read_at", || {
                    everywhere(&mut |at| {
                        let mut buffer = [0; 64];
                        file.read_exact_at(&mut buffer, at).unwrap();
                        sum(&buffer)
                    })
                }),
                timed(Memmap2, "", || in_map(&unsafe { memmap2::Mmap::map(file) }.unwrap())),
                timed(Memmap2Tuned, "random", || {
                    let map = unsafe { memmap2::Mmap::map(file) }.unwrap();
                    map.advise(memmap2::Advice::Random).unwrap();
                    in_map(&map)
                }),
                timed(Memmap2Tuned, "populate", || {
                    in_map(&unsafe { MmapOptions::new().populate().map(file) }.unwrap())
                }),
                timed(MmapRs, "", || {
                    let len = file.metadata().unwrap().len() as usize;
                    let map = unsafe { mmap_rs::MmapOptions::new(len).unwrap().with_file(file, 0) };
                    in_map(&map.map().unwrap())
                }),
                timed(Rustix, "pread", || {
                    everywhere(&mut |at| {
                        let mut buffer = [0; 64];
                        assert_eq!(rustix::io::pread(file, &mut buffer, at).unwrap(), 64);
                        sum(&buffer)
                    })
                }),
            ],
        );
        Row::new(work, 1, scale.large, measurements)
    };
    vec![row(&large.large_folios, "random-large-folios"), row(&large.small_folios, "random-small-folios")]
}

/// (g) Read a large file line by line.
pub fn records(scale: Scale, large: &Large) -> [Row; 2] {
    let path = &large.large_folios;
    // Little work for each line, so that finding it dominates.
    let weigh = |line: &[u8]| 1 + (line.len() as u64) * line.first().map_or(1, |&byte| u64::from(byte));
    let read_until = |mut reader: Box<dyn BufRead>| {
        let (mut line, mut sum) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut line).unwrap() > 0 {
            sum += weigh(line.strip_suffix(b"\n").unwrap_or(&line));
            line.clear();
        }
        sum
    };
    let by_memchr = |map: &[u8]| {
        let (mut start, mut sum) = (0, 0);
        for end in memchr::memchr_iter(b'\n', map) {
            sum += weigh(&map[start..end]);
            start = end + 1;
        }
        sum
    };
    let open = || File::open(path).unwrap();
    let by_records = |reader: Reader| {
        let mut sum = 0;
        let read = reader.records(b'\n', |line| {
            sum += weigh(line);
            Ok::<_, Error>(())
        });
        read.unwrap();
        sum
    };
    let measurements = compare(
        scale.long_rounds.div_ceil(2),
        vec![
            timed(Baremap, "mapped", || {
                let file = open();
                by_records(unsafe { Reader::new(&file).mapped() })
            }),
            timed(Baremap, "read", || by_records(Reader::new(&open()))),
            timed(Std, "lines", || {
                BufReader::new(open()).lines().map(|line| weigh(line.unwrap().as_bytes())).sum()
            }),
            timed(Std, "read_until", || read_until(Box::new(BufReader::new(open())))),
            timed(Std, "read_until, 256 KiB", || {
                read_until(Box::new(BufReader::with_capacity(256 << 10, open())))
            }),
            timed(Memmap2, "memchr", || by_memchr(&unsafe { memmap2::Mmap::map(&open()) }.unwrap())),
            timed(MmapRs, "memchr", || {
                let file = open();
                let map =
                    unsafe { mmap_rs::MmapOptions::new(scale.large as usize).unwrap().with_file(&file, 0) };
                let map = map.map().unwrap();
                by_memchr(&map)
            }),
        ],
    );
    both_readers(&Row::new("lines", 1, scale.large, measurements))
}

/// (h) Count the newlines of larger and larger files, each in its own process, whose peak memory is measured.
pub fn growing(scale: Scale, folder: &TempDir) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &len in scale.growing {
        let path = folder.path("growing");
        File::create(&path)?.set_len(len)?;
        state::read_all(&path)?;
        let candidates = CHILDREN
            .iter()
            .map(|&(column, name)| {
                let path = &path;
                let run = Box::new(move || in_child(column, name, path).unwrap());
                Candidate { column, name: name.to_owned(), run }
            })
            .collect();
        let rounds = if len >= 1 << 30 { scale.long_rounds.div_ceil(3) } else { scale.long_rounds };
        let work = format!("growing-{}-MiB", len >> 20);
        rows.push(Row::new(work, 1, len, compare(rounds, candidates)));
        fs::remove_file(&path)?;
    }
    Ok(rows)
}

const CHILDREN: [(Column, &str); 6] = [
    (Baremap, "mapped"),
    (Baremap, "read"),
    (Std, "256 KiB"),
    (Memmap2, ""),
    (Memmap2Tuned, "populate"),
    (MmapRs, ""),
];

fn in_child(column: Column, name: &str, path: &Path) -> Result<Sample> {
    let output = Command::new(std::env::current_exe()?)
        .args(["child", &format!("{column:?}"), name])
        .arg(path)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [seconds, result, peak] = fields[..] else {
        return Err(format!("{column:?} {name}: {}", String::from_utf8_lossy(&output.stderr)).into());
    };
    Ok(Sample { seconds: seconds.parse()?, result: result.parse()?, peak: peak.parse().ok() })
}

/// The process of a candidate of (h): prints seconds, newlines and peak memory.
pub fn child(arguments: &[String]) -> Result<()> {
    let [column, name, path] = arguments else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
    };
    let path = PathBuf::from(path);
    let mut candidate = match (column.as_str(), name.as_str()) {
        ("Baremap", "mapped") => timed(Baremap, "", || count_by_mapping(&path)),
        ("Baremap", _) => timed(Baremap, "", || count_by_reading(&path)),
        ("Std", _) => timed(Std, "", || count_by_read(&path, &mut vec![0; 256 << 10])),
        ("Memmap2", _) => timed(Memmap2, "", || count_by_memmap2(&path, None)),
        ("Memmap2Tuned", _) => timed(Memmap2Tuned, "", || count_by_memmap2_populate(&path)),
        _ => timed(MmapRs, "", || count_by_mmap_rs(&path)),
    };
    let sample = (candidate.run)();
    println!("{} {} {}", sample.seconds, sample.result, state::peak_kib().unwrap_or(0));
    Ok(())
}
