//! Measures baremap against the crates and calls that people use today. See `ci/bench/run --help`.

#[path = "../bare.rs"]
mod bare;
mod chart;
mod compare;
mod contents;
mod grow;
mod lookup;
mod state;
mod table;
mod view;
mod work;

use std::fs;
use std::time::Instant;
use work::{Row, Scale};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut scale, mut letters, mut figures) = (work::FULL, "abcdefghijklm".to_owned(), None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "child" => return work::child(rest.as_slice()),
            "cpu" => compare::use_cpu_time(),
            "quick" => scale = work::QUICK,
            "only" => letters = rest.next().ok_or("which letters?")?.clone(),
            "figures" => figures = Some(rest.next().ok_or("which folder?")?.clone()),
            _ => return Err(format!("{argument}? See ci/bench/run --help").into()),
        }
    }
    let rows = measure(scale, &letters)?;
    print!("{}", table::markdown(&rows));
    if let Some(figures) = figures {
        fs::write(format!("{figures}/every.tsv"), table::tsv(&rows))?;
        for (letter, chart) in [('d', chart::speeds(&rows)), ('h', chart::growth(&rows))] {
            if letters.contains(letter) {
                fs::write(format!("{figures}/{letter}.svg"), chart)?;
            }
        }
    }
    Ok(())
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
