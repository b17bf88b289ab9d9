//! Maps, touches and unmaps NUMBER times and does nothing else, for ci/bench/instructions.
//! `rounds WORK CANDIDATE NUMBER FILE`

mod bare;

use std::hint::black_box;

fn touch(bytes: &[u8]) {
    black_box(bytes[0]);
}

fn touch_mut(bytes: &mut [u8]) {
    black_box(bytes)[0] = 1;
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, work, candidate, number, path] = &arguments[..] else {
        panic!("rounds WORK CANDIDATE NUMBER FILE")
    };
    let opened = baremap::File::open(path.as_str()).unwrap();
    let opened_by_std = std::fs::File::open(path).unwrap();
    let (ours, file) = (&opened, &opened_by_std);
    let raw = baremap::FileRef::from(ours).as_raw();
    let len = black_box(4096);
    let anon = if work == "anon-64-mib" { 64 << 20 } else { 64 << 10 };
    // SAFETY of all mappings: nobody changes the file, and each mapping is unmapped once.
    let once: &dyn Fn() = match (work.as_str(), candidate.as_str()) {
        ("whole", "baremap") => &|| touch(&unsafe { baremap::Mmap::new(ours).map() }.unwrap()),
        ("whole", "memmap2") => &|| touch(&unsafe { memmap2::Mmap::map(file) }.unwrap()),
        ("whole", "bare") => &|| unsafe {
            let len = bare::len(raw);
            let base = bare::map_file(raw, len);
            black_box(base.read());
            bare::unmap(base, len);
        },
        ("length", "baremap") => &|| touch(&unsafe { baremap::Mmap::new(ours).len(len).map() }.unwrap()),
        ("length", "memmap2") => {
            &|| touch(&unsafe { memmap2::MmapOptions::new().len(len).map(file) }.unwrap())
        }
        ("length", "bare") => &|| unsafe {
            black_box(bare::len(raw));
            let base = bare::map_file(raw, len);
            black_box(base.read());
            bare::unmap(base, len);
        },
        ("anon-64-kib" | "anon-64-mib", "baremap") => &|| {
            let mut map = baremap::Mmap::anon(anon).map_mut().unwrap();
            touch_mut(map.bytes_mut());
        },
        ("anon-64-kib" | "anon-64-mib", "memmap2") => {
            &|| touch_mut(&mut memmap2::MmapOptions::new().len(anon).map_anon().unwrap())
        }
        ("anon-64-kib" | "anon-64-mib", "bare") => &|| unsafe {
            let base = bare::map_anon(anon);
            black_box(base).write(1);
            bare::unmap(base, anon);
        },
        _ => panic!("unknown: {work} {candidate}"),
    };
    for _ in 0..number.parse().unwrap() {
        once();
    }
}
