//! What was measured, as text.

use crate::race::{Column, Column::*, Lane, PEERS, Spread, fastest};
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
    pub fn baremap(&self) -> &Lane {
        self.lanes.iter().find(|lane| lane.column == Baremap).expect("baremap takes part in every race")
    }

    /// How many times as fast as the fastest of some columns baremap is.
    fn advantage(&self, columns: &[Column]) -> Option<(&Lane, Spread)> {
        fastest(&self.lanes, columns).map(|lane| (lane, lane.by(self.baremap())))
    }
}

/// The table for people: of each column the fastest contestant.
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
            let cell = match row.advantage(columns) {
                None => String::new(),
                Some((lane, ratio)) => {
                    let name = if columns.len() > 1 { format!(" {:?}", lane.column) } else { String::new() };
                    let name = name.replace("Memmap2Tuned", "memmap2").to_lowercase();
                    let variant =
                        if lane.name.is_empty() { String::new() } else { format!(" {}", lane.name) };
                    let separator = if name.is_empty() && variant.is_empty() { "" } else { ":" };
                    let peak = lane.peak.map_or(String::new(), |peak| format!(", peak {}", mib(peak)));
                    format!("{}{separator}{name}{variant}{peak}", spread(ratio))
                }
            };
            let _ = write!(out, " {cell} |");
        }
        let mut goals: Vec<String> = row
            .goals
            .iter()
            .filter_map(|goal| {
                let (_, ratio) = row.advantage(goal.columns)?;
                let verdict = if ratio.median >= goal.at_least { "yes" } else { "no" };
                Some(format!("{} ≥ {:.2}: {verdict}", goal.whom, goal.at_least))
            })
            .collect();
        if row.letter == 'h' && Some(&row.work) == rows.last().map(|last| &last.work) {
            goals.extend(growth(rows));
        }
        let _ = write!(out, " {} |", goals.join("; "));
    }
    out + "\n"
}

/// What the last of the growing files takes by the one before it: as much more time as it is longer, and no more memory.
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

/// Every contestant, for machines: work, column, name, seconds (median) of one piece of work, how many times as fast
/// baremap is (median, 10th and 90th percentile), peak memory.
pub fn every(rows: &[Row]) -> String {
    let mut out = String::from("work\tcolumn\tname\tseconds\tratio\tp10\tp90\tpeak KiB\n");
    for row in rows {
        for lane in &row.lanes {
            let ratio = lane.by(row.baremap());
            let _ = writeln!(
                out,
                "({}) {}\t{:?}\t{}\t{:.4e}\t{:.3}\t{:.3}\t{:.3}\t{}",
                row.letter,
                row.work,
                lane.column,
                lane.name,
                lane.time().median / row.times as f64,
                ratio.median,
                ratio.low,
                ratio.high,
                lane.peak.map_or(String::new(), |peak| peak.to_string()),
            );
        }
    }
    out
}

fn absolute(row: &Row, lane: &Lane) -> String {
    let seconds = lane.time().median;
    let each = seconds / row.times as f64;
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
    if let Some(peak) = lane.peak {
        let _ = write!(text, ", peak {}", mib(peak));
    }
    text
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

/// With the 10th and the 90th percentile in brackets.
fn spread(Spread { low, median, high }: Spread) -> String {
    format!("{median:.2} [{low:.2}–{high:.2}]")
}
