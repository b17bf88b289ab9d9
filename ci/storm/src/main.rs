//! Reads files that others change all the time: see `ci/storm/run --help`. `storm FOLDER SECONDS WC` writes, starts itself as
//! the processes that read, and judges what they found.

mod readers;
mod writer;

use readers::Counts;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// The length of the whole files.
const LEN: usize = (256 << 10) + 1000;
/// The length to which they are never cut.
const KEPT: usize = (64 << 10) + 123;

/// The contents of every file; no byte is 0.
static CONTENTS: LazyLock<Vec<u8>> = LazyLock::new(|| (0..LEN).map(|i| 1 + (i % 251) as u8).collect());

/// How a file changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is cut, and written again from there on.
    Written,
    /// It is cut, to nothing as well, and has a hole from there on until it is written. Its zeros are its own.
    Hole,
    /// Another file takes its name, and it is cut.
    Replaced,
    /// It is deleted and cut, and a while later there is another one.
    Deleted,
}
use Kind::{Deleted, Hole, Replaced, Written};

const KINDS: [Kind; 4] = [Written, Hole, Replaced, Deleted];

impl Kind {
    fn path(self, folder: &Path) -> PathBuf {
        folder.join(["written", "hole", "replaced", "deleted"][self as usize])
    }

    fn kept(self) -> usize {
        if self == Hole { 0 } else { KEPT }
    }
}

/// Until when, and random numbers (xorshift64).
struct Rounds {
    end: Instant,
    state: u64,
}

impl Rounds {
    fn new(seconds: u64, seed: u64) -> Self {
        Self {
            end: Instant::now() + Duration::from_secs(seconds),
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() > self.end
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % limit as u64) as usize
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["read", folder, seconds, guard] => {
            readers::run(Path::new(folder), seconds.parse().unwrap(), guard == "guarded");
        }
        ["memmap2", folder] => readers::memmap2(Path::new(folder)),
        [folder, seconds, wc] => return storm(Path::new(folder), seconds.parse().unwrap(), wc),
        _ => panic!("see ci/storm/run --help"),
    }
    ExitCode::SUCCESS
}

fn start(arguments: &[&str]) -> Child {
    let this = std::env::current_exe().unwrap();
    Command::new(this).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn storm(folder: &Path, seconds: u64, wc: &str) -> ExitCode {
    writer::create(folder);
    let name = folder.to_str().unwrap();
    let guards = ["guarded", "unguarded"];
    let mut processes = guards.map(|guard| start(&["read", name, &seconds.to_string(), guard]));
    let (cuts, (counted, wc_failures), deaths) = thread::scope(|scope| {
        let cuts = scope.spawn(|| writer::run(folder, seconds));
        let wc = scope.spawn(|| count(folder, seconds, wc));
        let deaths = scope.spawn(|| deaths(name, seconds));
        (cuts.join().unwrap(), wc.join().unwrap(), deaths.join().unwrap())
    });
    let mut problems = wc_failures;
    for (guard, process) in guards.into_iter().zip(&mut processes) {
        let mut lines = Vec::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            println!("{line}");
            lines.push(Counts::parse(&line));
        }
        let mut errors = String::new();
        process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let status = process.wait().unwrap();
        if !status.success() || lines.is_empty() {
            problems.push(format!("{guard}: {status}: {errors}"));
        }
        problems.extend(lines.iter().flat_map(|counts| counts.problems()));
    }
    println!(
        "wc: {counted} runs, {} wrong or died",
        problems.iter().filter(|text| text.starts_with("wc")).count()
    );
    println!(
        "memmap2: died {} times, after {} ms at the median",
        deaths.len(),
        deaths.get(deaths.len() / 2).map_or(0, Duration::as_millis)
    );
    let rate = cuts / seconds;
    println!("{cuts} truncations, {rate} a second");
    if deaths.is_empty() {
        problems.push("memmap2 survived".into());
    }
    if rate < 300 {
        problems.push(format!("only {rate} truncations a second"));
    }
    problems.iter().for_each(|problem| println!("FAILED {problem}"));
    println!("{} passed, {} failed, 0 skipped", usize::from(problems.is_empty()), problems.len());
    ExitCode::from(u8::from(!problems.is_empty()))
}

/// Counts by the example `wc`. Returns how often, and what was wrong.
fn count(folder: &Path, seconds: u64, wc: &str) -> (u32, Vec<String>) {
    let (mut rounds, mut runs, mut problems) = (Rounds::new(seconds, 77), 0, Vec::new());
    while !rounds.is_over() {
        let kind = KINDS[rounds.below(4)];
        let path = kind.path(folder);
        let option = ["-lwc", "-c", "-l"][rounds.below(3)];
        let output = Command::new(wc).args([option]).arg(&path).output().unwrap();
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let number = |index: usize| text.split_whitespace().nth(index).and_then(|word| word.parse().ok());
        let bytes: Option<usize> = number(if option == "-lwc" { 2 } else { 0 });
        let is_missing = kind == Deleted && errors.contains("No such file or directory");
        let is_right = option == "-l" || bytes.is_some_and(|bytes| (kind.kept()..=LEN).contains(&bytes));
        if !(is_missing || output.status.success() && is_right) {
            problems.push(format!("wc {option} {}: {}: {text}{errors}", path.display(), output.status));
        }
        runs += 1;
        thread::sleep(Duration::from_millis(20));
    }
    (runs, problems)
}

/// Lets memmap2 die again and again. Returns how long it lived, in order.
fn deaths(folder: &str, seconds: u64) -> Vec<Duration> {
    let (rounds, mut lives) = (Rounds::new(seconds, 1), Vec::new());
    while !rounds.is_over() {
        let (start_time, mut process) = (Instant::now(), start(&["memmap2", folder]));
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                assert_eq!(status.signal(), Some(7), "SIGBUS was expected");
                lives.push(start_time.elapsed());
                break;
            }
            if rounds.is_over() {
                process.kill().unwrap();
                process.wait().unwrap();
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(250));
    }
    lives.sort_unstable();
    lives
}
