//! (j) Look up lines of a sorted file, as the example `look` does.

#[allow(dead_code, reason = "the example's command line is not used")]
#[path = "../../../../tests/examples/look.rs"]
mod look;

use crate::compare::{Column::*, compare, timed};
use crate::state::{Random, TempDir};
use crate::work::{Result, Row, Scale};
use baremap::{Mmap, guard};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;

const LINE_LEN: u64 = 32;

pub fn look_up(scale: Scale, folder: &TempDir) -> Result<Row> {
    let path = folder.path("sorted");
    let lines = scale.large / LINE_LEN;
    let mut output = BufWriter::with_capacity(8 << 20, File::create(&path)?);
    for i in 0..lines {
        writeln!(output, "{i:010} a line of 32 bytes..")?;
    }
    output.into_inner()?.sync_all()?;
    let opened = File::open(&path)?;
    let file = &opened;
    assert_eq!(file.metadata()?.len(), lines * LINE_LEN);
    guard::install()?;
    let look_ups = scale.random_reads / 64;
    // The sum of the lengths of the lines found.
    let everywhere = |read_at: &dyn Fn(&mut [u8], u64) -> Result<usize>| {
        let (mut random, mut found) = (Random::new(), 0);
        for _ in 0..look_ups {
            let prefix = format!("{:010}", (random.next() >> 20) % lines);
            let count = |line: &[u8]| {
                found += line.len() as u64;
                Ok(())
            };
            look::look(read_at, lines * LINE_LEN, look::Order::default(), prefix.as_bytes(), count).unwrap();
        }
        found
    };
    let measurements = compare(
        scale.long_rounds.div_ceil(3),
        vec![
            timed(Baremap, "", || {
                let view = Mmap::new(file).view().unwrap();
                everywhere(&|buffer, offset| Ok(view.read_at(buffer, offset)?))
            }),
            timed(Std, "read_at", || everywhere(&|buffer, offset| Ok(file.read_at(buffer, offset)?))),
            timed(Rustix, "pread", || {
                everywhere(&|buffer, offset| Ok(rustix::io::pread(file, buffer, offset)?))
            }),
        ],
    );
    std::fs::remove_file(&path)?;
    let mut row = Row::new("look-up", 1, scale.large, measurements);
    row.detail = format!("{look_ups} strings");
    Ok(row)
}
