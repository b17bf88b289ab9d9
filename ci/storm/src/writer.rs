//! Changes the files.

use crate::{CONTENTS, Deleted, Hole, KEPT, KINDS, Kind, LEN, Replaced, Rounds, Written};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

pub fn create(folder: &Path) {
    for kind in KINDS {
        fs::write(kind.path(folder), &*CONTENTS).unwrap();
    }
}

fn open(kind: Kind, folder: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(kind.path(folder)).unwrap()
}

/// Puts a whole file under the name of another.
fn replace(kind: Kind, folder: &Path) -> File {
    let new = folder.join("new");
    fs::write(&new, &*CONTENTS).unwrap();
    fs::rename(new, kind.path(folder)).unwrap();
    open(kind, folder)
}

/// Returns how often it truncated.
pub fn run(folder: &Path, seconds: u64) -> u64 {
    let mut rounds = Rounds::new(seconds, 5);
    let mut files = KINDS.map(|kind| open(kind, folder));
    let mut cuts = 0;
    while !rounds.is_over() {
        // Three of four times the first.
        let kind = KINDS[rounds.below(16).saturating_sub(12)];
        let file = &mut files[kind as usize];
        let len = match rounds.below(4) {
            // A whole page, or the last bytes of one.
            0 => (KEPT + 4096 + rounds.below(LEN - KEPT - 4096)) & !4095,
            1 => (KEPT + 4096 + rounds.below(LEN - KEPT - 4096)) & !4095 | 4088,
            _ => KEPT + rounds.below(LEN - KEPT),
        };
        let len = len.min(LEN - 1) - (KEPT - kind.kept()).min(rounds.below(2 * KEPT));
        match kind {
            Written => {
                file.set_len(len as u64).unwrap();
                file.write_all_at(&CONTENTS[len..], len as u64).unwrap();
            }
            Hole => {
                file.set_len(len as u64).unwrap();
                file.set_len((LEN - rounds.below(LEN - len)) as u64).unwrap();
                if rounds.below(2) == 0 {
                    file.write_all_at(&CONTENTS[len..], len as u64).unwrap();
                }
            }
            Replaced => {
                let old = std::mem::replace(file, replace(kind, folder));
                old.set_len(len as u64).unwrap();
            }
            Deleted => {
                fs::remove_file(kind.path(folder)).unwrap();
                file.set_len(len as u64).unwrap();
                thread::sleep(Duration::from_micros(200));
                *file = replace(kind, folder);
            }
        }
        cuts += 1;
        thread::sleep(Duration::from_micros(100));
    }
    cuts
}
