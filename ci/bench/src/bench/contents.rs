//! (m) The whole of a file as one slice.

use crate::compare::{Column::*, Measurement, compare, timed};
use crate::state::{self, TempDir};
use crate::work::{Goal, Result, Row, Scale, goal};
use baremap::Contents;
use std::fs::{self, File};
use std::hint::black_box;

/// Every candidate reads a byte of each page, so that pages that are mapped become resident.
fn touch(bytes: &[u8]) -> u64 {
    black_box(bytes).iter().step_by(4096).map(|&byte| u64::from(byte)).sum()
}

pub fn whole_files(scale: Scale, folder: &TempDir) -> Result<Vec<Row>> {
    let path = folder.path("whole");
    let mut rows = Vec::new();
    let text = state::text(1 << 20);
    for (len, calls) in [(4 << 10, 200), (256 << 10, 50), (scale.large / 16, 1)] {
        state::write(&path, &text, len, 1 << 20)?;
        let open = || File::open(&path).unwrap();
        let repeat = |call: &dyn Fn() -> u64| (0..calls).map(|_| call()).sum();
        let measured = compare(
            scale.short_rounds.div_ceil(3),
            vec![
                timed(Baremap, "", || repeat(&|| touch(&Contents::read(&open()).unwrap()))),
                timed(Std, "fs::read", || repeat(&|| touch(&fs::read(&path).unwrap()))),
            ],
        );
        rows.push(row(len, calls, "read", measured, vec![goal("std", &[Std], 1.0)]));
        let measured = compare(
            scale.short_rounds.div_ceil(3),
            vec![
                // SAFETY: nobody changes the file.
                timed(Baremap, "", || repeat(&|| touch(&unsafe { Contents::map(&open()) }.unwrap()))),
                timed(Memmap2, "", || {
                    // SAFETY: as above.
                    repeat(&|| touch(&unsafe { memmap2::Mmap::map(&open()) }.unwrap()))
                }),
                timed(Std, "fs::read", || repeat(&|| touch(&fs::read(&path).unwrap()))),
            ],
        );
        rows.push(row(len, calls, "map", measured, vec![goal("memmap2", &[Memmap2], 1.0)]));
    }
    fs::remove_file(&path)?;
    Ok(rows)
}

fn row(len: u64, calls: u64, how: &str, measurements: Vec<Measurement>, goals: Vec<Goal>) -> Row {
    let work = format!("{how} the whole of a file of {} KiB, as one slice", len >> 10);
    Row { letter: 'm', work, repetitions: calls, bytes: 0, measurements, goals }
}
