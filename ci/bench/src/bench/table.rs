//! The measurements as text: a Markdown table and tab-separated values.

use crate::compare::{Column, Column::*, Measurement, PEERS, Spread, fastest};
use crate::work::Row;
use std::fmt::Write;

const COLUMNS: [(&str, &[Column]); 8] = [
    ("best peer", &PEERS),
    ("limit", &[Limit]),
    ("std", &[Std]),
    ("memmap2", &[Memmap2]),
    ("memmap2, best option", &[Memmap2Tuned]),
    ("mmap-rs", &[MmapRs]),
    ("rustix", &[Rustix]),
    ("libc", &[Libc]),
];

impl Row {
    pub fn baremap(&self) -> &Measurement {
        self.measurements
            .iter()
            .find(|measurement| measurement.column == Baremap)
            .expect("baremap is a candidate in every row")
    }

    /// How many times as fast as the fastest candidate in these columns baremap is.
    fn speedup(&self, columns: &[Column]) -> Option<(&Measurement, Spread)> {
        fastest(&self.measurements, columns)
            .map(|measurement| (measurement, measurement.relative_to(self.baremap())))
    }
}

/// The table for README: in each column the fastest candidate.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::from("| work | baremap |");
    for (title, _) in COLUMNS {
        let _ = write!(out, " {title} |");
    }
    out += " goals |\n|---|---|";
    out += &"---|".repeat(COLUMNS.len() + 1);
    for row in rows {
        let _ = write!(out, "\n| ({}) {} | {} |", row.letter, row.work, absolute(row, row.baremap()));
        for (_, columns) in COLUMNS {
            let cell = match row.speedup(columns) {
                None => String::new(),
                Some((measurement, ratio)) => {
                    let name =
                        if columns.len() > 1 { format!(" {:?}", measurement.column) } else { String::new() };
                    let name = name.replace("Memmap2Tuned", "memmap2").to_lowercase();
                    let variant = if measurement.name.is_empty() {
                        String::new()
                    } else {
                        format!(" {}", measurement.name)
                    };
                    let separator = if name.is_empty() && variant.is_empty() { "" } else { ":" };
                    let peak = measurement.peak.map_or(String::new(), |peak| format!(", peak {}", mib(peak)));
                    format!("{}{separator}{name}{variant}{peak}", spread(ratio))
                }
            };
            let _ = write!(out, " {cell} |");
        }
        let mut goals: Vec<String> = row
            .goals
            .iter()
            .filter_map(|goal| {
                let (_, ratio) = row.speedup(goal.columns)?;
                let verdict = if ratio.median >= goal.at_least { "yes" } else { "no" };
                Some(format!("{} ≥ {:.2}: {verdict}", goal.reference, goal.at_least))
            })
            .collect();
        if row.letter == 'h' && Some(&row.work) == rows.last().map(|last| &last.work) {
            goals.extend(growth(rows));
        }
        let _ = write!(out, " {} |", goals.join("; "));
    }
    out + "\n"
}

/// Compares the last of the growing files with the one before it: time must grow as the length, memory must not.
fn growth(rows: &[Row]) -> Option<String> {
    let mut growing = rows.iter().rev().filter(|row| row.letter == 'h');
    let (last, before) = (growing.next()?, growing.next()?);
    let of = |row: &Row| (row.baremap().time().median / row.bytes as f64, row.baremap().peak);
    let (time, peak) = (of(last).0 / of(before).0, of(last).1? as f64 / of(before).1? as f64);
    let verdict = if time <= 1.1 && peak <= 1.1 { "yes" } else { "no" };
    Some(format!(
        "a byte takes {time:.2} times, the peak is {peak:.2} times that of the row above, ≤ 1.10: {verdict}"
    ))
}

/// All candidates: work, column, name, median seconds of one repetition, how many times as fast baremap is (median, 10th
/// and 90th percentile), peak memory.
pub fn tsv(rows: &[Row]) -> String {
    let mut out = String::from("work\tcolumn\tname\tseconds\tratio\tp10\tp90\tpeak KiB\n");
    for row in rows {
        for measurement in &row.measurements {
            let ratio = measurement.relative_to(row.baremap());
            let _ = writeln!(
                out,
                "({}) {}\t{:?}\t{}\t{:.4e}\t{:.3}\t{:.3}\t{:.3}\t{}",
                row.letter,
                row.work,
                measurement.column,
                measurement.name,
                measurement.time().median / row.repetitions as f64,
                ratio.median,
                ratio.low,
                ratio.high,
                measurement.peak.map_or(String::new(), |peak| peak.to_string()),
            );
        }
    }
    out
}

fn absolute(row: &Row, measurement: &Measurement) -> String {
    let seconds = measurement.time().median;
    let each = seconds / row.repetitions as f64;
    let (scale, unit) = match each {
        0.0..1e-6 => (1e9, "ns"),
        1e-6..1e-3 => (1e6, "µs"),
        1e-3..1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    let mut text = format!("{:.2} {unit}", each * scale);
    if row.bytes > 0 {
        let _ = write!(text, ", {:.1} GB/s", row.bytes as f64 / seconds / 1e9);
    }
    if let Some(peak) = measurement.peak {
        let _ = write!(text, ", peak {}", mib(peak));
    }
    text
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

/// The median, with the 10th and the 90th percentile in brackets.
fn spread(Spread { low, median, high }: Spread) -> String {
    format!("{median:.2} [{low:.2}–{high:.2}]")
}
