//! What a history consists of. An operation is a name and a few numbers, of which the world makes what is possible just
//! then: number 7 of three mappings is the second. So every part of a history is a history, which makes shrinking simple.

use super::random::Random;
use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($kind:ident $name:literal $weight:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $($kind,)*
        }

        /// Each with its name, and how often it happens beside the others.
        const KINDS: &[(Kind, &str, u64)] = &[$((Kind::$kind, $name, $weight),)*];
    };
}

kinds! {
    NewFile "file" 3,
    CloseFile "close" 1,
    WriteFile "write_file" 8,
    SetLen "set_len" 6,
    Allocate "allocate" 1,
    MapFile "map_file" 12,
    MapAnon "map_anon" 6,
    MapTooMuch "map_too_much" 1,
    Write "write" 24,
    Flush "flush" 3,
    Advise "advise" 5,
    Discard "discard" 8,
    Protect "protect" 8,
    Convert "convert" 5,
    Lock "lock" 3,
    Unlock "unlock" 2,
    Unmap "unmap" 6,
    IntoReservation "into_reservation" 5,
    Reserve "reserve" 4,
    ReserveAt "reserve_at" 1,
    Split "split" 4,
    Release "release" 2,
    MapIn "map_in" 10,
    NewView "view" 3,
    DropView "drop_view" 1,
    Read "read" 2,
    JoinReservations "join_reservations" 4,
    SplitOff "split_off" 6,
    Join "join" 12,
    Extend "extend" 10,
    Resize "resize" 8,
    ProtectRange "protect_range" 3,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub kind: Kind,
    pub numbers: [u32; 4],
}

impl Operation {
    fn random(random: &mut Random) -> Self {
        let mut left = random.below(KINDS.iter().map(|kind| kind.2).sum());
        let chosen = KINDS.iter().find(|kind| {
            let is_chosen = left < kind.2;
            left = left.wrapping_sub(kind.2);
            is_chosen
        });
        Self { kind: chosen.unwrap().0, numbers: [(); 4].map(|()| random.below(1000) as u32) }
    }

    /// The history of a seed.
    pub fn history(seed: u64) -> Vec<Self> {
        let mut random = Random(seed);
        (0..20 + random.below(200)).map(|_| Self::random(&mut random)).collect()
    }
}

/// The name and the numbers, without zeros at the end.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KINDS.iter().find(|kind| kind.0 == self.kind).unwrap().1)?;
        let len = self.numbers.iter().rposition(|&number| number != 0).map_or(0, |last| last + 1);
        self.numbers[..len].iter().try_for_each(|number| write!(f, " {number}"))
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let Some(&(kind, ..)) = KINDS.iter().find(|kind| kind.1 == name) else {
            return Err(format!("no operation is called {name:?}"));
        };
        let mut numbers = [0; 4];
        for (number, word) in numbers.iter_mut().zip(words) {
            *number = word.parse().map_err(|error| format!("{text:?}: {error}"))?;
        }
        Ok(Self { kind, numbers })
    }
}

pub fn to_text(history: &[Operation]) -> String {
    history.iter().map(|operation| operation.to_string()).collect::<Vec<_>>().join("; ")
}

pub fn from_text(text: &str) -> Result<Vec<Operation>, String> {
    text.split(';').filter(|text| !text.trim().is_empty()).map(str::parse).collect()
}
