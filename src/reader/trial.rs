//! Decides whether a mapped [`Reader`](super::Reader) continues to map: by a trial, if there are many page faults.
//!
//! It depends on the page cache, and on the processor. If pages are cached in large folios, a fault maps many, and mapping
//! takes 0.7 times as long as reading. If each page is a folio of its own, as after small writes, a fault maps 16 at most,
//! and mapping took between 0.9 and 1.7 times as long as reading; on file systems that map one page a fault, it takes
//! several times as long. So the faults are counted first, which costs a call for each chunk. If there are many, some pieces
//! are read, and the CPU times decide, which unlike the time of day do not depend on the disk and on other processes.
//! They contain the work of the caller, who gets the same bytes either way.

use crate::sys::contract::Usage;
use crate::sys::{Sys, System};

/// How many bytes are mapped before they are judged: enough for a buffer of full length from the first piece on.
const MAPPED: u64 = 4 << 20;

/// How many bytes are read, after a first piece, before they are judged. With both it is a multiple of 2 MiB, so that what
/// is mapped afterwards may have pages of that length.
const READ: u64 = 3 << 20;

/// If one page fault maps at least so many bytes, in the mean, mapping is faster. A fault maps 64 KiB of folios of one page.
const FEW_FAULTS: u64 = 96 << 10;

/// For how many bytes the first decision holds. Each following one holds twice as long, so that what the trials cost stays
/// small. The parts of a file may have come into the cache in different ways: reading ahead starts with small folios.
const FIRST_DECISION: u64 = 16 << 20;

/// Positions are counts of bytes that were mapped or read, not offsets.
#[derive(Clone, Copy)]
pub(super) struct Trial {
    stage: Stage,
    /// For how many bytes the current or the next decision holds.
    decision: u64,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Nothing is known.
    New,
    /// Mapping since a position.
    Mapping(u64, Usage),
    /// Reading the first piece, which makes the buffer resident. Mapping has this cost.
    Warming(Cost),
    /// Reading since a position. Mapping has this cost.
    Reading(u64, Usage, Cost),
    /// Whether to map, decided at a position.
    Decided(u64, bool),
}

/// CPU time in nanoseconds for so many bytes.
#[derive(Clone, Copy)]
struct Cost {
    time: u64,
    bytes: u64,
}

impl Cost {
    fn is_less_than(self, other: Self) -> bool {
        u128::from(self.time) * u128::from(other.bytes) < u128::from(other.time) * u128::from(self.bytes)
    }
}

impl Trial {
    pub(super) const NEW: Self = Self { stage: Stage::New, decision: FIRST_DECISION };

    /// Returns how many bytes to map next at most, or 0 to read, after `position` bytes since the start or the last seek.
    pub(super) fn next_map(&mut self, position: u64) -> u64 {
        const ALL: u64 = u64::MAX;
        if let Stage::Decided(from, maps) = self.stage {
            if position.checked_sub(from).is_some_and(|done| done < self.decision) {
                return if maps { ALL } else { 0 };
            }
            self.decision = self.decision.saturating_mul(2);
        }
        // A system that does not tell: map, as was asked for.
        let Some(now) = Sys::usage() else { return ALL };
        // None after a seek, and if the reader was sent to another thread.
        let cost = |from, before: Usage| {
            let faults = now.faults.checked_sub(before.faults)?;
            let cost = Cost {
                time: now.nanoseconds.checked_sub(before.nanoseconds)?,
                bytes: position.checked_sub(from)?,
            };
            Some((cost, faults))
        };
        let (stage, next) = match self.stage {
            Stage::Mapping(from, before) => match cost(from, before) {
                Some((Cost { bytes: 0..MAPPED, .. }, _)) => (self.stage, ALL),
                Some((mapping, faults)) if faults > mapping.bytes / FEW_FAULTS => {
                    (Stage::Warming(mapping), 0)
                }
                Some(_) => (Stage::Mapping(position, now), ALL),
                None => (Stage::Mapping(position, now), MAPPED),
            },
            Stage::Warming(mapping) => (Stage::Reading(position, now, mapping), 0),
            Stage::Reading(from, before, mapping) => match cost(from, before) {
                Some((Cost { bytes: 0..READ, .. }, _)) => (self.stage, 0),
                Some((reading, _)) => {
                    let maps = mapping.is_less_than(reading);
                    (Stage::Decided(position, maps), if maps { ALL } else { 0 })
                }
                None => (Stage::Mapping(position, now), MAPPED),
            },
            Stage::New | Stage::Decided(..) => (Stage::Mapping(position, now), MAPPED),
        };
        self.stage = stage;
        next
    }
}
