//! Measures what the Reader's constants rest on: up to which length reading a file is faster than mapping it, and how long
//! a mapped chunk should be. `cargo run --release --bin curve [FOLDER]` in ci/bench prints two Markdown tables. Candidates
//! are interleaved as in `bench`: a figure is the median of the ratios in each round, with the quartiles in brackets.

use baremap::{Error, File, Mmap, Reader};
use std::hint::black_box;
use std::time::Instant;

/// Counts newlines.
fn scan(bytes: &[u8]) -> usize {
    // u8 sums become vector instructions; a block of 255 cannot overflow them.
    bytes
        .chunks(255)
        .map(|block| usize::from(block.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>()))
        .sum()
}

fn seconds(work: &mut dyn FnMut() -> usize) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

/// Runs all candidates in each round, after one round to warm up. Returns the quartiles of the ratio of each one's time to
/// the first one's in the same round, and its median time.
fn compare(rounds: usize, candidates: &mut [Box<dyn FnMut() -> usize + '_>]) -> Vec<([f64; 3], f64)> {
    let times: Vec<Vec<f64>> =
        (0..=rounds).map(|_| candidates.iter_mut().map(|work| seconds(work)).collect()).skip(1).collect();
    let quartiles = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
    };
    (0..candidates.len())
        .map(|i| {
            let ratios = quartiles(times.iter().map(|round| round[i] / round[0]).collect());
            (ratios, quartiles(times.iter().map(|round| round[i]).collect())[1])
        })
        .collect()
}

fn main() -> Result<(), Error> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let path = format!("{folder}/baremap-curve-{}", std::process::id());
    let line = b"a line of some forty bytes, or thereabouts\n";
    let text: Vec<u8> = line.iter().copied().cycle().take(64 << 20).collect();

    println!(
        "| file | pread, scan | map, scan, unmap: by pread | GB/s read | GB/s mapped |\n|---|---|---|---|---|"
    );
    for shift in 12..=24 {
        let len = 1 << shift;
        std::fs::write(&path, &text[..len]).unwrap();
        let file = File::open(path.as_str())?;
        let mut buffer = vec![0; len];
        // Repeated until it takes some milliseconds, because of the resolution of the clock.
        let files = ((16 << 20) / len).max(1);
        let results = compare(
            31,
            &mut [
                Box::new(|| {
                    let one = |_| {
                        let read = file.read_at(&mut buffer, 0).unwrap();
                        scan(&buffer[..read])
                    };
                    (0..files).map(one).sum()
                }),
                Box::new(|| {
                    // SAFETY: nobody changes the file, here and below.
                    (0..files).map(|_| scan(&unsafe { Mmap::new(&file).map() }.unwrap())).sum()
                }),
            ],
        );
        let ([low, median, high], mapped) = results[1];
        let speed = |seconds| (len * files) as f64 / seconds / 1e9;
        println!(
            "| {} KiB | 1 | {median:.2} [{low:.2}, {high:.2}] | {:.1} | {:.1} |",
            len >> 10,
            speed(results[0].1),
            speed(mapped)
        );
    }

    const LARGE: usize = 1 << 30;
    let mut large = std::fs::File::create(&path).unwrap();
    for _ in 0..LARGE / text.len() {
        std::io::Write::write_all(&mut large, &text).unwrap();
    }
    let file = File::open(path.as_str())?;
    let mut buffer = vec![0; 256 << 10];
    let chunk_lens: Vec<usize> = (16..=30).step_by(2).map(|shift| 1 << shift).collect();
    let file = &file;
    let mut candidates: Vec<Box<dyn FnMut() -> usize>> = vec![Box::new(|| {
        let (mut at, mut lines) = (0, 0);
        loop {
            match file.read_at(&mut buffer, at).unwrap() {
                0 => return lines,
                read => {
                    lines += scan(&buffer[..read]);
                    at += read as u64;
                }
            }
        }
    })];
    for &chunk_len in &chunk_lens {
        candidates.push(Box::new(move || {
            let mut lines = 0;
            let reader = unsafe { Reader::new(file).mapped() }.chunk_len(chunk_len);
            let read = reader.for_each(|chunk| {
                lines += scan(chunk);
                Ok::<_, Error>(())
            });
            assert_eq!(read, Ok(LARGE as u64));
            lines
        }));
    }
    println!("\n| 1 GiB by the Reader in chunks of | by pread in 256 KiB | GB/s |\n|---|---|---|");
    let results = compare(11, &mut candidates);
    println!("| pread in 256 KiB | 1 | {:.1} |", LARGE as f64 / results[0].1 / 1e9);
    for (chunk_len, ([low, median, high], seconds)) in chunk_lens.iter().zip(&results[1..]) {
        let speed = LARGE as f64 / seconds / 1e9;
        println!("| {} KiB | {median:.2} [{low:.2}, {high:.2}] | {speed:.1} |", chunk_len >> 10);
    }
    let _ = std::fs::remove_file(&path);
    Ok(())
}
