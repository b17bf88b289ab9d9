//! Whether a mapped [`Reader`](super::Reader) goes on mapping: by a trial, where the page faults of its first chunk call for one.
//!
//! It depends on the page cache, and on the processor. If pages are cached in large folios, a fault maps many, and mapping
//! takes 0.7 times as long as reading. If each page is a folio of its own, as after small writes, a fault maps 16 at most,
//! and mapping took between 0.9 and 1.25 times as long as reading; on file systems that map one page a fault, it takes
//! several times as long. So the faults are counted first, which costs a call for each chunk. If there are many, some pieces
//! are read, and the CPU times decide, which unlike the time of day do not depend on the disk and on other processes.
//! They contain the work of the caller, who gets the same bytes either way.

use crate::sys::contract::Usage;
use crate::sys::{Sys, System};

/// How much is mapped or read before it is judged, in bytes. With the first piece it is a multiple of 2 MiB, so that what is
/// mapped afterwards may have pages of that length. Each [`DECISION`] costs as much in vain.
const TRIAL: u64 = 5 << 20;

/// If one page fault maps at least so many bytes, in the mean, mapping is faster. A fault maps 64 KiB of folios of one page.
const FEW_FAULTS: u64 = 96 << 10;

/// For how many bytes a decision holds. The parts of a file may have come into the cache in different ways: reading ahead
/// starts with small folios.
const DECISION: u64 = 64 << 20;

/// Where the trial is. Positions are counts of bytes that were mapped or read, not offsets.
#[derive(Clone, Copy)]
pub(super) enum Trial {
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
pub(super) struct Cost {
    time: u64,
    bytes: u64,
}

impl Cost {
    fn is_less_than(self, other: Self) -> bool {
        u128::from(self.time) * u128::from(other.bytes) < u128::from(other.time) * u128::from(self.bytes)
    }
}

impl Trial {
    /// Returns whether to map the next chunk, after `position` bytes since the start or the last seek.
    pub(super) fn maps_next(&mut self, position: u64) -> bool {
        match *self {
            Self::Decided(from, maps) if position.checked_sub(from).is_some_and(|done| done < DECISION) => {
                return maps;
            }
            _ => {}
        }
        // A system that does not tell: map, as was asked for.
        let Some(now) = Sys::usage() else { return true };
        // None after a seek, and if the reader was sent to another thread.
        let cost = |from, before: Usage| {
            let faults = now.faults.checked_sub(before.faults)?;
            let cost = Cost {
                time: now.nanoseconds.checked_sub(before.nanoseconds)?,
                bytes: position.checked_sub(from)?,
            };
            Some((cost, faults))
        };
        *self = match *self {
            Self::New | Self::Decided(..) => Self::Mapping(position, now),
            Self::Warming(mapping) => Self::Reading(position, now, mapping),
            Self::Mapping(from, before) | Self::Reading(from, before, _) => match (cost(from, before), *self)
            {
                (None, _) => Self::Mapping(position, now),
                (Some((Cost { bytes: 0..TRIAL, .. }, _)), _) => *self,
                (Some((reading, _)), Self::Reading(.., mapping)) => {
                    Self::Decided(position, !reading.is_less_than(mapping))
                }
                (Some((mapping, faults)), _) if faults > mapping.bytes / FEW_FAULTS => Self::Warming(mapping),
                _ => Self::Mapping(position, now),
            },
        };
        match *self {
            Self::New | Self::Mapping(..) => true,
            Self::Warming(..) | Self::Reading(..) => false,
            Self::Decided(_, maps) => maps,
        }
    }
}
