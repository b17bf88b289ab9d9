//! Random histories: operations on files, mappings and reservations, and after each of them everything that is defined is
//! compared with a model in memory.
//!
//! Each history follows from a number. Child processes run them, as a fault may end the process. When one fails, operations
//! and numbers are removed from it as long as it still fails, and what is left is printed as text that can be replayed:
//!
//! - `BAREMAP_HISTORY_SECONDS=600 cargo test --test history -- --nocapture` runs for ten minutes.
//! - `BAREMAP_HISTORY_SEED=7` repeats the histories of a run.
//! - `BAREMAP_HISTORY='file; map_file'` replays a history, and says what each step does.

#![cfg(feature = "std")]

mod cells;
mod check;
mod memory;
mod operation;
mod random;
mod shrink;
mod world;

use baremap::guard;
use operation::{Operation, from_text, to_text};
use random::Random;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};
use world::World;

/// How long a child runs, with the fault guard or without.
const CHILD: Duration = Duration::from_secs(4);

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[test]
fn random_histories() {
    if let Ok(text) = env::var("BAREMAP_HISTORY") {
        return run(&from_text(&text).unwrap(), true);
    }
    if let Ok(progress) = env::var("BAREMAP_HISTORY_PROGRESS") {
        return child(&progress);
    }
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = number("BAREMAP_HISTORY_SEED").unwrap_or(time.as_millis() as u64 % 1_000_000);
    let seconds = number("BAREMAP_HISTORY_SECONDS").unwrap_or(2);
    println!("BAREMAP_HISTORY_SEED={seed}");
    let (start, end) = (Instant::now(), Duration::from_secs(seconds));
    let (mut histories, mut operations) = (0, 0);
    let mut children = 0;
    while start.elapsed() < end {
        let time = CHILD
            .min(end - start.elapsed())
            .max(Duration::from_millis(end.as_millis() as u64 / 2).min(CHILD));
        // Far from those of other runs.
        let first = seed + (children << 32);
        match shrink::run_child(first, time, children % 2 == 1) {
            Ok(counts) => {
                histories += counts.0;
                operations += counts.1;
            }
            Err(failure) => panic!("{failure}"),
        }
        children += 1;
    }
    println!("{operations} operations in {histories} histories, {:.1} s", start.elapsed().as_secs_f64());
}

/// Runs histories until the time is over. The file tells the parent how far it came: the present seed, and the counts.
fn child(progress: &str) {
    let seed = number("BAREMAP_HISTORY_SEED").unwrap();
    let end = Instant::now() + Duration::from_millis(number("BAREMAP_HISTORY_MILLISECONDS").unwrap());
    let (mut histories, mut operations) = (0, 0);
    while Instant::now() < end {
        let seed = Random(seed + histories).next();
        fs::write(progress, format!("{seed} {histories} {operations}")).unwrap();
        let history = Operation::history(seed);
        run(&history, env::var_os("BAREMAP_HISTORY_TELL").is_some());
        histories += 1;
        operations += history.len() as u64;
    }
    fs::write(progress, format!("0 {histories} {operations}")).unwrap();
}

fn run(history: &[Operation], is_told: bool) {
    if env::var_os("BAREMAP_HISTORY_GUARD").is_some() {
        // Where there is no guard, views read.
        let _ = guard::install();
    }
    let mut world = World::new(is_told);
    for operation in history {
        if is_told {
            println!("{operation}");
        }
        world.run(*operation);
        world.check();
    }
    world.end();
}

/// The text of a history is the history.
#[test]
fn a_history_is_text() {
    let history = Operation::history(1);
    assert!(from_text(&to_text(&history)).unwrap() == history);
}
