//! (m) The whole of a file as one slice.

use crate::compare::{Column::*, compare, timed};
use crate::state::{self, TempDir};
use crate::work::{Result, Row, Scale};
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
    for (name, len, calls) in
        [("small", 4 << 10, 200), ("medium", 256 << 10, 50), ("large", scale.large / 16, 1)]
    {
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
        rows.push(Row::new(format!("slice-read-{name}"), calls, len, measured));
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
        rows.push(Row::new(format!("slice-map-{name}"), calls, len, measured));
    }
    fs::remove_file(&path)?;
    Ok(rows)
}
