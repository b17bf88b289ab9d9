//! Interleaved measurement: every candidate runs once in each round, so that a noisy neighbour affects all alike. Two
//! candidates are compared by the ratio of their times in the same round: its median and its spread.

use std::hint::black_box;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The column of the tables in which a candidate is shown, if it is the fastest of the column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    Baremap,
    /// The lower bound: the bare system calls, or a scan of resident memory.
    Limit,
    Std,
    Memmap2,
    /// memmap2 with options or advice.
    Memmap2Tuned,
    MmapRs,
    Rustix,
    Libc,
}

static CLOCK: AtomicI32 = AtomicI32::new(libc::CLOCK_MONOTONIC);

/// Measures the CPU time of this thread from now on, which other processes disturb less. Waiting for a disk takes none.
pub fn use_cpu_time() {
    CLOCK.store(libc::CLOCK_THREAD_CPUTIME_ID, Relaxed);
}

fn seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    let result = unsafe { libc::clock_gettime(CLOCK.load(Relaxed), &mut time) };
    assert_eq!(result, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// One run of a candidate.
pub struct Sample {
    pub seconds: f64,
    /// What was counted; the same for every candidate.
    pub result: u64,
    /// The peak resident memory in KiB, if it was measured.
    pub peak: Option<u64>,
}

pub struct Candidate<'a> {
    pub column: Column,
    pub name: String,
    pub run: Box<dyn FnMut() -> Sample + 'a>,
}

/// A candidate whose `work` is timed.
pub fn timed<'a>(column: Column, name: &str, work: impl FnMut() -> u64 + 'a) -> Candidate<'a> {
    timed_after(column, name, || (), work)
}

/// A candidate whose `work` is timed. `prepare` runs before it in each round, and is not.
pub fn timed_after<'a>(
    column: Column,
    name: &str,
    mut prepare: impl FnMut() + 'a,
    mut work: impl FnMut() -> u64 + 'a,
) -> Candidate<'a> {
    let run = move || {
        prepare();
        let start = seconds();
        let result = black_box(work());
        Sample { seconds: seconds() - start, result, peak: None }
    };
    Candidate { column, name: name.to_owned(), run: Box::new(run) }
}

/// A candidate whose `work` is timed, with what `prepare` returns in each round. That is dropped after the round, so that
/// no mapping of it exists while another candidate is timed.
pub fn timed_with<'a, T>(
    column: Column,
    name: &str,
    mut prepare: impl FnMut() -> T + 'a,
    mut work: impl FnMut(&mut T) -> u64 + 'a,
) -> Candidate<'a> {
    let run = move || {
        let mut prepared = prepare();
        let start = seconds();
        let result = black_box(work(&mut prepared));
        Sample { seconds: seconds() - start, result, peak: None }
    };
    Candidate { column, name: name.to_owned(), run: Box::new(run) }
}

/// The samples of one candidate.
#[derive(Clone)]
pub struct Measurement {
    pub column: Column,
    pub name: String,
    /// In each round.
    seconds: Vec<f64>,
    pub peak: Option<u64>,
}

/// Runs all candidates in each round, after one round to warm up. Which one is first changes from round to round.
pub fn compare(rounds: usize, mut candidates: Vec<Candidate>) -> Vec<Measurement> {
    let count = candidates.len();
    let mut measurements: Vec<Measurement> = candidates
        .iter()
        .map(|one| Measurement {
            column: one.column,
            name: one.name.clone(),
            seconds: Vec::new(),
            peak: None,
        })
        .collect();
    let mut expected = None;
    for round in 0..=rounds {
        for i in (0..count).map(|i| (i + round) % count) {
            let sample = (candidates[i].run)();
            let (result, first) = expected.get_or_insert((sample.result, i));
            assert_eq!(
                sample.result,
                *result,
                "{:?} {} and {:?} {} disagree",
                measurements[i].column,
                measurements[i].name,
                measurements[*first].column,
                measurements[*first].name
            );
            measurements[i].peak = measurements[i].peak.max(sample.peak);
            if round > 0 {
                measurements[i].seconds.push(sample.seconds);
            }
        }
    }
    measurements
}

/// The 10th percentile, the median, and the 90th percentile.
#[derive(Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| values[(values.len() - 1) * percent / 100];
        Self { low: at(10), median: at(50), high: at(90) }
    }
}

impl Measurement {
    pub fn time(&self) -> Spread {
        Spread::of(self.seconds.clone())
    }

    /// The ratio of this time to the other's in the same round: how many times as fast the other one is.
    pub fn relative_to(&self, other: &Self) -> Spread {
        Spread::of(self.seconds.iter().zip(&other.seconds).map(|(this, other)| this / other).collect())
    }
}
