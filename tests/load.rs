//! The loader's reader of programs (`examples/elf.rs`) against files that mean harm.

#[path = "examples/elf.rs"]
mod elf;

use baremap::{ErrorKind, File, Mapping, Prot, Reservation, allocation_granularity};
use elf::{Image, Refusal};
use std::ffi::CString;
use std::fs;
use std::path::PathBuf;

const MACHINE: u16 = 62;

/// A PT_LOAD: flags (4 read, 2 write, 1 execute), address and lengths in the file and in memory. What it has in the file
/// is the byte 0x90, behind the headers.
type Load = (u32, u64, u64, u64);

/// A program of these segments, each at an offset that is a multiple of the unit as its address is.
fn program(kind: u16, loads: &[Load]) -> Vec<u8> {
    let unit = allocation_granularity() as u64;
    let mut file = vec![0; 64 + 56 * loads.len()];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &kind.to_le_bytes());
    put(18, &MACHINE.to_le_bytes());
    put(24, &loads[0].1.to_le_bytes());
    put(32, &64_u64.to_le_bytes());
    put(54, &56_u16.to_le_bytes());
    put(56, &(loads.len() as u16).to_le_bytes());
    let mut offset = unit;
    for (i, &(flags, address, file_len, len)) in loads.iter().enumerate() {
        let at = 64 + 56 * i;
        put(at, &1_u32.to_le_bytes());
        put(at + 4, &flags.to_le_bytes());
        for (field, number) in
            [(8, offset + address % unit), (16, address), (32, file_len), (40, len), (48, unit)]
        {
            put(at + field, &number.to_le_bytes());
        }
        offset += (address % unit + file_len).next_multiple_of(unit);
    }
    file.resize(offset as usize, 0x90);
    file
}

/// A file of this test's alone, and what comes of it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("baremap-load-{name}-{}", std::process::id())))
    }

    fn map(&self, bytes: &[u8]) -> Result<Image, Refusal> {
        fs::write(&self.0, bytes).unwrap();
        let file = File::open(&CString::new(self.0.to_str().unwrap()).unwrap())?;
        // SAFETY: the file is written to when the image is gone.
        unsafe { elf::map(&file, MACHINE) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An address at which nothing is, for one test alone. The first of these is a sanitizer's own where there is one, and the other is
/// not there where addresses have less bits.
fn far(test: u64) -> u64 {
    let mut addresses = [1 << 36, 1 << 45].into_iter().map(|address: u64| address + (test << 32));
    // SAFETY: far from the stack and the heap.
    addresses.find(|&address| unsafe { Reservation::at(address as usize, 1) }.is_ok()).unwrap()
}

/// Whether a program can be mapped at all: Windows before 10 has no reservations, and a system may want code to be signed.
fn can_load(name: &str) -> bool {
    match Scratch::new(name).map(&bases(0)[0]) {
        Err(Refusal::System(error))
            if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) =>
        {
            println!("skipped load::{name}: {error}");
            false
        }
        _ => true,
    }
}

/// Sound programs; of two that do not move at once, one would find its address taken.
fn bases(far: u64) -> Vec<Vec<u8>> {
    let unit = allocation_granularity() as u64;
    vec![
        program(3, &[(5, 0, 100, 100)]),
        program(3, &[(5, 0, unit, unit), (6, 2 * unit + 8, 50, 3 * unit)]),
        program(3, &[(5, 0, 10, 10), (4, unit, unit, unit), (6, 5 * unit, 9, 9), (6, 7 * unit, 0, 2 * unit)]),
        program(2, &[(5, far, 2 * unit, 2 * unit), (6, far + 4 * unit + 100, unit + 77, 2 * unit)]),
    ]
}

#[test]
fn programs_are_mapped_as_they_say() {
    if !can_load("programs_are_mapped_as_they_say") {
        return;
    }
    let unit = allocation_granularity();
    let scratch = Scratch::new("sound");
    let bases = bases(far(1));
    let units = [&[0][..], &[0, 2], &[0, 1, 5, 7], &[0, 4, 5]];
    for (base, units) in bases.iter().zip(units) {
        let image = scratch.map(base).map_err(|refusal| refusal.to_string()).unwrap();
        let first = image.mappings().next().unwrap();
        let at = |map: &Mapping| (map.as_ptr().addr() - first.as_ptr().addr()) / unit;
        assert_eq!(image.mappings().map(at).collect::<Vec<_>>(), units);
        // None of these has its headers in a segment.
        assert!(image.headers == 0 && image.header_count <= units.len());
        assert!(first.as_ptr_range().contains(&(image.entry as *const u8)));
        assert_eq!(first.iter().filter(|&&byte| byte != 0x90).count(), 0);
    }
    // Zeros behind what is in the file, in its last unit and in those behind it.
    for (base, before, from_file, len) in [(1, 8, 50, 4 * unit), (3, 100, unit + 77, 3 * unit)] {
        let image = scratch.map(&bases[base]).map_err(|refusal| refusal.to_string()).unwrap();
        let data: Vec<u8> = image.mappings().skip(1).flat_map(|map| map.iter().copied()).collect();
        assert_eq!(data.len(), len);
        assert!(data[before..][..from_file].iter().all(|&byte| byte == 0x90));
        assert!(data[before + from_file..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    if !can_load("what_cannot_be_meant_is_refused") {
        return;
    }
    let unit = allocation_granularity() as u64;
    let scratch = Scratch::new("refused");
    let far = far(2);
    let sound = &bases(far)[1];
    let second = 64 + 56;
    for (at, bytes, why) in [
        (0, &b"\x7fELG"[..], "not an ELF file"),
        (4, &[1], "another processor"),
        (5, &[2], "another processor"),
        (18, &[183], "another processor"),
        (16, &[1], "not a program"),
        (54, &[57], "another size"),
        (56, &[0], "none"),
        (56, &[65], "too many"),
        (32, &u64::MAX.to_le_bytes(), "lie behind"),
        (64, &[3], "dynamically"),
        (64 + 4, &[7], "written and executed"),
        (64 + 40, &1_u64.to_le_bytes(), "longer in the file"),
        (64 + 8, &(u64::MAX - unit + 1).to_le_bytes(), "behind the file"),
        (64 + 8, &(1_u64 << 40).to_le_bytes(), "behind the file"),
        (second + 16, &(u64::MAX - 1).to_le_bytes(), "do not exist"),
        (second + 40, &(1_u64 << 63).to_le_bytes(), "do not exist"),
        (second + 40, &(1_u64 << 40).to_le_bytes(), "longer than"),
        (second + 48, &[3], "no power of two"),
        (second + 48, &(1_u64 << 63).to_le_bytes(), "too great"),
        (second + 8, &[9], "not aligned"),
        (second + 16, &8_u64.to_le_bytes(), "overlap"),
        (24, &(2 * unit + 8).to_le_bytes(), "entry"),
        (24, &u64::MAX.to_le_bytes(), "entry"),
    ] {
        let mut bad = sound.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        match scratch.map(&bad) {
            Ok(_) => panic!("{why}: it was mapped"),
            Err(refusal) => assert!(refusal.to_string().contains(why), "{why}: {refusal}"),
        }
    }
    // What a PT_GNU_STACK says, which here comes in place of a segment with data.
    for (flags, stack) in [(6_u32, Prot::WRITE), (7, Prot::WRITE | Prot::EXEC)] {
        let mut other = sound.clone();
        other[second..][..4].copy_from_slice(&0x6474_e551_u32.to_le_bytes());
        other[second + 4..][..4].copy_from_slice(&flags.to_le_bytes());
        assert_eq!(scratch.map(&other).map_err(|refusal| refusal.to_string()).unwrap().stack, stack);
    }
    for len in [0, 1, 63, 64, 100, 64 + 2 * 56 - 1, sound.len() / 2] {
        assert!(scratch.map(&sound[..len]).is_err(), "cut off at {len}");
    }
    let here = (&raw const second).addr() as u64 & !(unit - 1);
    for address in [here - (32 << 20), here - 2 * unit, here] {
        assert!(scratch.map(&bases(address)[3]).is_err(), "it lies below the stack or in it");
    }
    // SAFETY: nobody counts on that page.
    let _taken = unsafe { Reservation::at(far as usize, 1) }.unwrap();
    let Err(Refusal::System(error)) = scratch.map(&bases(far)[3]) else { panic!("its address was taken") };
    assert_eq!(error.kind(), ErrorKind::Busy);
}

/// Lines of a file of /proc/self, or entries of a folder, where there is such. Wine shows those of its server.
fn counts() -> [Option<usize>; 2] {
    if std::path::MAIN_SEPARATOR != '/' {
        return [None, None];
    }
    [
        fs::read_to_string("/proc/self/maps").ok().map(|maps| maps.lines().count()),
        fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
    ]
}

/// Ten thousand files, of which each was sound before some bytes changed, always the same.
#[test]
fn no_file_makes_it_fault_or_leak() {
    if !can_load("no_file_makes_it_fault_or_leak") {
        return;
    }
    let unit = allocation_granularity() as u64;
    let scratch = Scratch::new("mutated");
    let bases = bases(far(3));
    // Xorshift (Marsaglia, 2003).
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let numbers = [
        0,
        1,
        2,
        3,
        7,
        55,
        56,
        57,
        64,
        unit - 1,
        unit,
        unit + 1,
        2 * unit,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        1 << 47,
        1 << 63,
        u64::MAX - unit,
        u64::MAX - 1,
        u64::MAX,
    ];
    let mut accepted = 0;
    let mut before = [None; 2];
    for i in 0..10_000 {
        // The first half grows the heap, and so does counting.
        if [0, 5_000].contains(&i) {
            before = counts();
        }
        let mut bytes = bases[random(bases.len())].clone();
        for _ in 0..=random(3) {
            let header_count = 4;
            match random(8) {
                // A field of a header becomes a number at which something ends.
                0..=4 => {
                    let (at, len) = match random(5) {
                        0 => [(16, 2), (18, 2), (24, 8), (32, 8), (54, 2), (56, 2)][random(6)],
                        _ => {
                            let (at, len) =
                                [(0, 4), (4, 4), (8, 8), (16, 8), (32, 8), (40, 8), (48, 8)][random(7)];
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
            for map in image.mappings() {
                std::hint::black_box((map[0], map[map.len() - 1]));
            }
        }
    }
    assert!((100..9_900).contains(&accepted), "{accepted} of 10000 were accepted");
    // The files of other tests in this program come and go.
    for _ in 0..100 {
        if counts() == before {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(counts(), before);
}
