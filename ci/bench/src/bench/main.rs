//! Measures baremap against the crates and calls that people use today. See `ci/bench/run --help`.

#[path = "../bare.rs"]
mod bare;
mod compare;
mod contents;
mod grow;
mod lookup;
mod state;
mod view;
mod work;

use compare::Column::Baremap;
use std::time::Instant;
use work::{Row, Scale};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut scale, mut letters) = (work::FULL, "abcdefghijklm".to_owned());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "child" => return work::child(rest.as_slice()),
            "cpu" => compare::use_cpu_time(),
            "quick" => scale = work::QUICK,
            "only" => letters = rest.next().ok_or("which letters?")?.clone(),
            _ => return Err(format!("{argument}? See ci/bench/run --help").into()),
        }
    }
    print!("{}", tab_separated(&measure(scale, &letters)?));
    Ok(())
}

/// All candidates: median seconds of one repetition, how many times as fast baremap is (median, 10th and 90th percentile).
fn tab_separated(rows: &[Row]) -> String {
    let mut out =
        String::from("work\tcandidate\toption\tseconds\tratio\tp10\tp90\tpeak KiB\tbytes\tdetail\n");
    for row in rows {
        let baremap = row.measurements.iter().find(|one| one.column == Baremap).expect("in every row");
        for one in &row.measurements {
            let ratio = one.relative_to(baremap);
            out += &format!(
                "{}\t{:?}\t{}\t{:.4e}\t{:.4}\t{:.4}\t{:.4}\t{}\t{}\t{}\n",
                row.work,
                one.column,
                one.name,
                one.time().median / row.repetitions as f64,
                ratio.median,
                ratio.low,
                ratio.high,
                one.peak.map_or(String::new(), |peak| peak.to_string()),
                row.bytes,
                row.detail,
            );
        }
    }
    out
}

fn measure(scale: Scale, letters: &str) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let folder = state::TempDir::new()?;
    let large =
        if letters.contains(['d', 'f', 'g', 'i']) { Some(work::Large::new(scale, &folder)?) } else { None };
    let mut all = Vec::new();
    for letter in letters.chars() {
        let start = Instant::now();
        let rows = match (letter, &large) {
            ('a', _) => work::map_files(scale, &folder)?,
            ('b', _) => work::map_anon(scale),
            ('c', _) => vec![work::flush(scale, &folder)?],
            ('d', Some(large)) => work::scan(scale, large, &folder)?,
            ('e', _) => work::small_files(scale, &folder)?,
            ('f', Some(large)) => work::random_reads(scale, large),
            ('g', Some(large)) => work::records(scale, large).into(),
            ('h', _) => work::growing(scale, &folder)?,
            ('i', Some(large)) => view::read_at(scale, large),
            ('j', _) => vec![lookup::look_up(scale, &folder)?],
            ('k', _) => grow::extend(scale, &folder)?.into(),
            ('l', _) => vec![grow::vector(scale)],
            ('m', _) => contents::whole_files(scale, &folder)?,
            _ => return Err(format!("{letter}? The work is a to m").into()),
        };
        eprintln!("({letter}) took {:.0} s", start.elapsed().as_secs_f64());
        all.extend(rows);
    }
    Ok(all)
}
