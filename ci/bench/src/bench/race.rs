//! Contestants take turns, one after the other in every round, so that a noisy neighbour hits all alike; and what is
//! told of two is the ratio of their times in the same round, its median and how far it spreads.

use std::hint::black_box;
use std::time::Instant;

/// Where a contestant stands in the table. Of several in one column the fastest is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    Baremap,
    /// What no library can beat: the bare calls, or a scan of memory that is resident already.
    Limit,
    Std,
    Memmap2,
    /// The same with what its users may ask of it besides.
    Memmap2Tuned,
    MmapRs,
    Rustix,
    Libc,
}

pub const PEERS: [Column; 6] =
    [Column::Std, Column::Memmap2, Column::Memmap2Tuned, Column::MmapRs, Column::Rustix, Column::Libc];

/// What one turn took and gave.
pub struct Turn {
    pub seconds: f64,
    pub answer: u64,
    /// The most memory that was resident in KiB, if that was measured.
    pub peak: Option<u64>,
}

pub struct Contestant<'a> {
    pub column: Column,
    pub name: String,
    pub turn: Box<dyn FnMut() -> Turn + 'a>,
}

/// A contestant of which `work` is timed.
pub fn timed<'a>(column: Column, name: &str, work: impl FnMut() -> u64 + 'a) -> Contestant<'a> {
    timed_after(column, name, || (), work)
}

/// A contestant of which `work` is timed and `prepare`, which goes first in each round, is not.
pub fn timed_after<'a>(
    column: Column,
    name: &str,
    mut prepare: impl FnMut() + 'a,
    mut work: impl FnMut() -> u64 + 'a,
) -> Contestant<'a> {
    let turn = move || {
        prepare();
        let start = Instant::now();
        let answer = black_box(work());
        Turn { seconds: start.elapsed().as_secs_f64(), answer, peak: None }
    };
    Contestant { column, name: name.to_owned(), turn: Box::new(turn) }
}

/// A contestant of which `work` is timed, with what `prepare` makes for it each time. That is dropped afterwards, so that
/// nothing of it, such as a mapping, is there while another contestant is timed.
pub fn timed_with<'a, T>(
    column: Column,
    name: &str,
    mut prepare: impl FnMut() -> T + 'a,
    mut work: impl FnMut(&mut T) -> u64 + 'a,
) -> Contestant<'a> {
    let turn = move || {
        let mut prepared = prepare();
        let start = Instant::now();
        let answer = black_box(work(&mut prepared));
        Turn { seconds: start.elapsed().as_secs_f64(), answer, peak: None }
    };
    Contestant { column, name: name.to_owned(), turn: Box::new(turn) }
}

/// How one contestant did.
#[derive(Clone)]
pub struct Lane {
    pub column: Column,
    pub name: String,
    /// Of each round.
    seconds: Vec<f64>,
    pub peak: Option<u64>,
}

/// Runs all in turns, one round more than asked for, as the first one warms up. Who begins changes from round to round.
pub fn race(rounds: usize, mut contestants: Vec<Contestant>) -> Vec<Lane> {
    let count = contestants.len();
    let mut lanes: Vec<Lane> = contestants
        .iter()
        .map(|one| Lane { column: one.column, name: one.name.clone(), seconds: Vec::new(), peak: None })
        .collect();
    let mut expected = None;
    for round in 0..=rounds {
        for i in (0..count).map(|i| (i + round) % count) {
            let turn = (contestants[i].turn)();
            let (answer, first) = expected.get_or_insert((turn.answer, i));
            assert_eq!(
                turn.answer, *answer,
                "{:?} {} and {:?} {} disagree",
                lanes[i].column, lanes[i].name, lanes[*first].column, lanes[*first].name
            );
            lanes[i].peak = lanes[i].peak.max(turn.peak);
            if round > 0 {
                lanes[i].seconds.push(turn.seconds);
            }
        }
    }
    lanes
}

/// A median, with the 10th and the 90th percentile.
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

impl Lane {
    pub fn time(&self) -> Spread {
        Spread::of(self.seconds.clone())
    }

    /// This one's time by the other's in the same round: how many times as fast the other is.
    pub fn by(&self, other: &Self) -> Spread {
        Spread::of(self.seconds.iter().zip(&other.seconds).map(|(this, other)| this / other).collect())
    }
}

/// The fastest, by the median, of those in some columns.
pub fn fastest<'a>(lanes: &'a [Lane], columns: &[Column]) -> Option<&'a Lane> {
    let among = lanes.iter().filter(|lane| columns.contains(&lane.column));
    among.min_by(|a, b| a.time().median.total_cmp(&b.time().median))
}
