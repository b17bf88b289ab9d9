//! The measurements as charts. Bars and lines are simple enough to write SVG by hand.

use crate::compare::{Column, Column::*, Measurement};
use crate::work::Row;
use std::fmt::Write;

const STYLE: &str =
    "<style>text{font:12px sans-serif;fill:#333}.title{font-weight:bold}.axis{stroke:#ccc}</style>";

fn color(column: Column) -> &'static str {
    match column {
        Baremap => "#d1495b",
        Limit => "#bbbbbb",
        Std => "#00798c",
        Memmap2 => "#30638e",
        Memmap2Tuned => "#7a9cc6",
        _ => "#8f8f4f",
    }
}

fn label(measurement: &Measurement) -> String {
    let name = match measurement.column {
        Baremap => "baremap",
        Limit => "limit:",
        Std => "read",
        Memmap2 | Memmap2Tuned => "memmap2",
        MmapRs => "mmap-rs",
        Rustix => "rustix",
        Libc => "libc",
    };
    format!("{name} {}", measurement.name)
}

fn svg(width: usize, height: usize, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\
         {STYLE}<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn text(x: f64, y: f64, class: &str, words: &str) -> String {
    format!("<text x=\"{x:.0}\" y=\"{y:.0}\" class=\"{class}\">{words}</text>\n")
}

/// (d): a bar for each candidate in each state of the page cache.
pub fn speeds(rows: &[Row]) -> String {
    const LEFT: f64 = 170.0;
    const BAR: f64 = 16.0;
    // The rows of the Reader that reads repeat the peers.
    let is_drawn = |row: &&Row| row.letter == 'd' && !row.work.starts_with('…');
    let rows: Vec<&Row> = rows.iter().filter(is_drawn).collect();
    let speed = |row: &Row, measurement: &Measurement| row.bytes as f64 / measurement.time().median / 1e9;
    let measurements = || {
        rows.iter().flat_map(|row| row.measurements.iter().map(move |measurement| speed(row, measurement)))
    };
    let fastest = measurements().fold(1.0, f64::max);
    let (mut body, mut y) = (String::new(), 0.0);
    for row in &rows {
        y += 24.0;
        body += &text(8.0, y, "title", &format!("{}, GB/s", row.work));
        y += 6.0;
        for measurement in &row.measurements {
            let (speed, color) = (speed(row, measurement), color(measurement.column));
            let width = 480.0 * speed / fastest;
            let _ = writeln!(
                body,
                "<rect x=\"{LEFT}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{:.0}\" fill=\"{color}\"/>",
                BAR - 3.0
            );
            body += &text(8.0, y + 11.0, "", &label(measurement));
            body += &text(LEFT + width + 5.0, y + 11.0, "", &format!("{speed:.1}"));
            y += BAR;
        }
    }
    svg(720, y as usize + 12, &body)
}

/// (h): time and peak memory over the length of the file, both axes logarithmic.
pub fn growth(rows: &[Row]) -> String {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.letter == 'h').collect();
    let mut body = String::new();
    body += &panel(0.0, "time", "s", &rows, |measurement| measurement.time().median);
    body += &panel(420.0, "peak resident memory", "MiB", &rows, |measurement| {
        measurement.peak.unwrap_or(1) as f64 / 1024.0
    });
    svg(820, 320, &body)
}

fn panel(left: f64, title: &str, unit: &str, rows: &[&Row], value: impl Fn(&Measurement) -> f64) -> String {
    let values = || rows.iter().flat_map(|row| row.measurements.iter().map(&value));
    let lengths = || rows.iter().map(|row| row.bytes as f64);
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (low, high) = range(&mut values());
    let (shortest, longest) = range(&mut lengths());
    let part = |value: f64, low: f64, high: f64| (value / low).ln() / (high / low).ln().max(1e-9);
    let x = |bytes: f64| left + 60.0 + 210.0 * part(bytes, shortest, longest);
    let y = |value: f64| 280.0 - 230.0 * part(value, low, high);
    let mut out = text(left + 8.0, 20.0, "title", &format!("{title}, {unit}"));
    for power in -6..6 {
        let value = 10f64.powi(power);
        if (low..=high).contains(&value) {
            let _ = writeln!(
                out,
                "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{:.0}\" y2=\"{2:.0}\"/>",
                left + 60.0,
                left + 270.0,
                y(value)
            );
            out += &text(left + 8.0, y(value) + 4.0, "", &format!("{value}"));
        }
    }
    for bytes in lengths() {
        let name = if bytes < f64::from(1 << 30) {
            format!("{} MiB", bytes as u64 >> 20)
        } else {
            format!("{} GiB", bytes as u64 >> 30)
        };
        out += &text(x(bytes) - 18.0, 302.0, "", &name);
    }
    let Some(last) = rows.last() else { return out };
    // Labels are at the ends of the lines, one below the other where lines end at the same height.
    let mut ends: Vec<(usize, f64)> =
        last.measurements.iter().enumerate().map(|(i, measurement)| (i, y(value(measurement)))).collect();
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut floor = f64::MIN;
    for (i, end) in ends {
        let measurement = &last.measurements[i];
        let points: Vec<String> = rows
            .iter()
            .map(|row| format!("{:.0},{:.0}", x(row.bytes as f64), y(value(&row.measurements[i]))))
            .collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"{}\"/>",
            color(measurement.column),
            points.join(" ")
        );
        floor = f64::max(floor + 14.0, end + 4.0);
        let named = text(left + 275.0, floor, "", &label(measurement));
        out += &named.replace("<text", &format!("<text style=\"fill:{}\"", color(measurement.column)));
    }
    out
}
