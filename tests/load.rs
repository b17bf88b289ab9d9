//! Passes malformed files to the loader (`examples/elf.rs`): it must refuse them, and neither fault, panic nor leak.

#[path = "examples/elf.rs"]
mod elf;

use baremap::{ErrorKind, File, Prot, Reservation, allocation_granularity};
use elf::{Image, LoadError};
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

/// EM_X86_64. None of the programs is run, so that any processor will do.
const MACHINE: u16 = 62;

/// A PT_LOAD: flags (4 read, 2 write, 1 execute), address, length in the file and length in memory.
type Load = (u32, u64, u64, u64);

/// A program of type `kind` with these segments, whose bytes in the file are all 0x90. Offset and address of each are
/// congruent modulo the granularity.
fn program(kind: u16, loads: &[Load]) -> Vec<u8> {
    let granularity = allocation_granularity() as u64;
    let mut file = vec![0; 64 + 56 * loads.len()];
    let mut set = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    set(0, b"\x7fELF\x02\x01\x01");
    set(16, &kind.to_le_bytes());
    set(18, &MACHINE.to_le_bytes());
    set(24, &loads[0].1.to_le_bytes());
    set(32, &64_u64.to_le_bytes());
    set(54, &56_u16.to_le_bytes());
    set(56, &(loads.len() as u16).to_le_bytes());
    let mut offset = granularity;
    for (i, &(flags, address, file_len, len)) in loads.iter().enumerate() {
        let at = 64 + 56 * i;
        set(at, &1_u32.to_le_bytes());
        set(at + 4, &flags.to_le_bytes());
        for (field, number) in
            [(8, offset + address % granularity), (16, address), (32, file_len), (40, len), (48, granularity)]
        {
            set(at + field, &number.to_le_bytes());
        }
        offset += (address % granularity + file_len).next_multiple_of(granularity);
    }
    file.resize(offset as usize, 0x90);
    file
}

/// A file that only one test uses.
struct Scratch {
    path: PathBuf,
    file: File,
}

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("baremap-load-{name}-{}", std::process::id()));
        let file = File::create(&*c_string(&path)).unwrap();
        Self { path, file }
    }

    /// Maps a program of these bytes. The file is not truncated to 0 and written anew, which ext4 would flush to the
    /// disk.
    fn map(&self, mut bytes: &[u8]) -> Result<Image, LoadError> {
        self.file.set_len(bytes.len() as u64)?;
        let mut offset = 0;
        while !bytes.is_empty() {
            let written = self.file.write_at(bytes, offset)?;
            bytes = &bytes[written..];
            offset += written as u64;
        }
        let file = File::open(&*c_string(&self.path))?;
        // SAFETY: no other test uses the file, and this one writes to it only after the image was dropped.
        unsafe { elf::map(&file, MACHINE) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Without the feature `std` a path is a C string.
fn c_string(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

/// A free address that only one test uses. The first candidate is taken where a sanitizer uses it, and the second does
/// not exist where addresses have fewer bits.
fn free_address(test: u64) -> u64 {
    let mut addresses = [1 << 36, 1 << 45].into_iter().map(|address: u64| address + (test << 32));
    // SAFETY: nothing relies on these addresses being free, as stack and heap are far away.
    addresses.find(|&address| unsafe { Reservation::at(address as usize, 1) }.is_ok()).unwrap()
}

/// Whether programs can be mapped: Windows before 10 has no reservations, and a system may require signed code.
fn can_load(name: &str) -> bool {
    match Scratch::new(name).map(&bases(0)[0]) {
        Err(LoadError::System(error))
            if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) =>
        {
            println!("skipped load::{name}: {error}");
            false
        }
        _ => true,
    }
}

/// Valid programs. The last one must be at `address`, which it cannot be twice at a time.
fn bases(address: u64) -> Vec<Vec<u8>> {
    let granularity = allocation_granularity() as u64;
    vec![
        program(3, &[(5, 0, 100, 100)]),
        program(3, &[(5, 0, granularity, granularity), (6, 2 * granularity + 8, 50, 3 * granularity)]),
        program(
            3,
            &[
                (5, 0, 10, 10),
                (4, granularity, granularity, granularity),
                (6, 5 * granularity, 9, 9),
                (6, 7 * granularity, 0, 2 * granularity),
            ],
        ),
        program(
            2,
            &[
                (5, address, 2 * granularity, 2 * granularity),
                (6, address + 4 * granularity + 100, granularity + 77, 2 * granularity),
            ],
        ),
    ]
}

#[test]
fn maps_valid_programs() {
    if !can_load("maps_valid_programs") {
        return;
    }
    let granularity = allocation_granularity();
    let scratch = Scratch::new("valid");
    let bases = bases(free_address(1));
    let expected = [&[0][..], &[0, 2], &[0, 1, 5, 7], &[0, 4, 5]];
    for (base, expected) in bases.iter().zip(expected) {
        let image = scratch.map(base).map_err(|error| error.to_string()).unwrap();
        let first = image.contents().next().unwrap();
        let index = |bytes: &[u8]| (bytes.as_ptr().addr() - first.as_ptr().addr()) / granularity;
        assert_eq!(image.contents().map(index).collect::<Vec<_>>(), expected);
        // None of these has its headers in a segment.
        assert!(image.headers == 0 && image.header_count <= expected.len());
        assert!(first.as_ptr_range().contains(&(image.entry as *const u8)));
        assert!(first.iter().all(|&byte| byte == 0x90));
    }
    // Zeros after the file's part, in its last page and in the pages after that.
    for (base, before, from_file, len) in
        [(1, 8, 50, 4 * granularity), (3, 100, granularity + 77, 3 * granularity)]
    {
        let image = scratch.map(&bases[base]).map_err(|error| error.to_string()).unwrap();
        let data = image.contents().skip(1).collect::<Vec<_>>().concat();
        assert_eq!(data.len(), len);
        assert!(data[before..][..from_file].iter().all(|&byte| byte == 0x90));
        assert!(data[before + from_file..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn refuses_malformed_programs() {
    if !can_load("refuses_malformed_programs") {
        return;
    }
    let granularity = allocation_granularity() as u64;
    let scratch = Scratch::new("refused");
    let address = free_address(2);
    let valid = &bases(address)[1];
    let second = 64 + 56;
    for (at, bytes, reason) in [
        (0, &b"\x7fELG"[..], "not an ELF file"),
        (4, &[1], "for another processor"),
        (5, &[2], "for another processor"),
        (18, &[183], "for another processor"),
        (16, &[1], "neither ET_EXEC"),
        (54, &[57], "size or number"),
        (56, &[0], "size or number"),
        (56, &[65], "size or number"),
        (32, &u64::MAX.to_le_bytes(), "headers past the end"),
        (64, &[3], "dynamically linked"),
        (64 + 4, &[7], "writable and executable"),
        (64 + 40, &1_u64.to_le_bytes(), "longer in the file"),
        (64 + 8, &(u64::MAX - granularity + 1).to_le_bytes(), "ends past the end of the file"),
        (64 + 8, &(1_u64 << 40).to_le_bytes(), "ends past the end of the file"),
        (second + 16, &(u64::MAX - 1).to_le_bytes(), "past the address space"),
        (second + 40, &(1_u64 << 63).to_le_bytes(), "past the address space"),
        (second + 40, &(1_u64 << 40).to_le_bytes(), "longer than 1 GiB"),
        (second + 48, &[3], "not a power of two"),
        (second + 48, &(1_u64 << 63).to_le_bytes(), "exceeds 1 GiB"),
        (second + 8, &[9], "not congruent"),
        (second + 16, &8_u64.to_le_bytes(), "overlap"),
        (24, &(2 * granularity + 8).to_le_bytes(), "entry point"),
        (24, &u64::MAX.to_le_bytes(), "entry point"),
    ] {
        let mut bad = valid.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        match scratch.map(&bad) {
            Ok(_) => panic!("{reason}: it was mapped"),
            Err(error) => assert!(error.to_string().contains(reason), "{reason}: {error}"),
        }
    }
    // A PT_GNU_STACK, in place of the data segment.
    for (flags, stack) in [(6_u32, Prot::WRITE), (7, Prot::WRITE | Prot::EXEC)] {
        let mut other = valid.clone();
        other[second..][..4].copy_from_slice(&0x6474_e551_u32.to_le_bytes());
        other[second + 4..][..4].copy_from_slice(&flags.to_le_bytes());
        assert_eq!(scratch.map(&other).map_err(|error| error.to_string()).unwrap().stack, stack);
    }
    for len in [0, 1, 63, 64, 100, 64 + 2 * 56 - 1, valid.len() / 2] {
        assert!(scratch.map(&valid[..len]).is_err(), "truncated to {len}");
    }
    let here = (&raw const second).addr() as u64 & !(granularity - 1);
    for address in [here - (32 << 20), here - 2 * granularity, here] {
        assert!(scratch.map(&bases(address)[3]).is_err(), "it is in the stack or below it");
    }
    // SAFETY: nothing relies on that page being free.
    let _taken = unsafe { Reservation::at(address as usize, 1) }.unwrap();
    let Err(LoadError::System(error)) = scratch.map(&bases(address)[3]) else {
        panic!("its address was taken")
    };
    assert_eq!(error.kind(), ErrorKind::Busy);
}

/// How many mappings and descriptors the process has, as far as /proc tells. A program under Wine sees the host's.
fn counts() -> [Option<usize>; 2] {
    if std::path::MAIN_SEPARATOR != '/' {
        return [None, None];
    }
    [
        fs::read_to_string("/proc/self/maps").ok().map(|maps| maps.lines().count()),
        fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
    ]
}

/// Ten thousand files that were valid before some of their bytes changed; the same in each run.
#[test]
fn survives_mutated_programs() {
    const COUNT: usize = 10_000;
    if !can_load("survives_mutated_programs") {
        return;
    }
    let granularity = allocation_granularity() as u64;
    let scratch = Scratch::new("mutated");
    let bases = bases(free_address(3));
    // Xorshift (Marsaglia, 2003).
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    // Numbers at which something ends, and their neighbours.
    let ends = [1, 56, granularity, 1 << 32, u64::MAX - granularity, u64::MAX];
    let neighbours = ends.into_iter().flat_map(|end| [end.wrapping_sub(1), end, end.wrapping_add(1)]);
    let numbers: Vec<_> = neighbours.chain([7, 64, 2 * granularity, 1 << 31, 1 << 47, 1 << 63]).collect();
    let (mut accepted, mut before) = (0, [None; 2]);
    for i in 0..COUNT {
        // The first half grows the heap, and so does counting.
        if i == 0 || i == COUNT / 2 {
            before = counts();
        }
        let mut bytes = bases[random(bases.len())].clone();
        for _ in 0..=random(3) {
            let header_count = 4;
            match random(8) {
                0..=4 => {
                    let (at, len) = match random(5) {
                        0 => [(16, 2), (18, 2), (24, 8), (32, 8), (54, 2), (56, 2)][random(6)],
                        _ => {
                            let fields = [(0, 4), (4, 4), (8, 8), (16, 8), (32, 8), (40, 8), (48, 8)];
                            let (at, len) = fields[random(fields.len())];
                            (64 + 56 * random(header_count) + at, len)
                        }
                    };
                    let number = numbers[random(numbers.len())].to_le_bytes();
                    bytes[at..at + len].copy_from_slice(&number[..len]);
                }
                5 | 6 => {
                    let at = random(64 + 56 * header_count);
                    bytes[at] = random(256) as u8;
                }
                _ => bytes.truncate(random(bytes.len()).max(64 + 56 * header_count)),
            }
        }
        if let Ok(image) = scratch.map(&bytes) {
            accepted += 1;
            for bytes in image.contents() {
                std::hint::black_box((bytes[0], bytes[bytes.len() - 1]));
            }
        }
    }
    assert!((100..COUNT - 100).contains(&accepted), "{accepted} of {COUNT} were accepted");
    // Other tests of this program open and map files meanwhile.
    for _ in 0..100 {
        if counts() == before {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(counts(), before);
}
