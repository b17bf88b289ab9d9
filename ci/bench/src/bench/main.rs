//! Measures baremap against what people use today. `ci/bench/run --help` says how to call it.

#[path = "../bare.rs"]
mod bare;
mod picture;
mod race;
mod state;
mod table;
mod work;

use std::fs;
use std::time::Instant;
use work::{Extent, Row};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut extent, mut letters, mut figures) = (work::FULL, "abcdefgh".to_owned(), None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "child" => return work::child(rest.as_slice()),
            "quick" => extent = work::QUICK,
            "only" => letters = rest.next().ok_or("which letters?")?.clone(),
            "figures" => figures = Some(rest.next().ok_or("which folder?")?.clone()),
            _ => return Err(format!("{argument}? See ci/bench/run --help").into()),
        }
    }
    let rows = measure(extent, &letters)?;
    print!("{}", table::markdown(&rows));
    if let Some(figures) = figures {
        fs::write(format!("{figures}/every.tsv"), table::every(&rows))?;
        for (letter, picture) in [('d', picture::speeds(&rows)), ('h', picture::growth(&rows))] {
            if letters.contains(letter) {
                fs::write(format!("{figures}/{letter}.svg"), picture)?;
            }
        }
    }
    Ok(())
}

fn measure(extent: Extent, letters: &str) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let folder = state::Folder::new()?;
    let large =
        if letters.contains(['d', 'f', 'g']) { Some(work::Large::new(extent, &folder)?) } else { None };
    let mut all = Vec::new();
    for letter in letters.chars() {
        let start = Instant::now();
        let rows = match (letter, &large) {
            ('a', _) => work::map_files(extent, &folder)?,
            ('b', _) => work::map_anon(extent),
            ('c', _) => vec![work::flush(extent, &folder)?],
            ('d', Some(large)) => work::scan(extent, large, &folder)?,
            ('e', _) => vec![work::small_files(extent, &folder)?],
            ('f', Some(large)) => work::random_reads(extent, large),
            ('g', Some(large)) => work::records(extent, large).into(),
            ('h', _) => work::growing(extent, &folder)?,
            _ => return Err(format!("{letter}? The work is a to h").into()),
        };
        eprintln!("({letter}) took {:.0} s", start.elapsed().as_secs_f64());
        all.extend(rows);
    }
    Ok(all)
}
