//! Runs histories in processes of their own, and makes those that fail as short as possible.

use super::operation::{Operation, to_text};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// How long shrinking may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn temporary(name: &str) -> PathBuf {
    env::temp_dir().join(format!("baremap-{}-{name}", std::process::id()))
}

/// Runs this test again with variables set. Returns its output if it fails or takes more time.
fn run(variables: &[(&str, &str)], has_guard: bool, time: Duration) -> Result<(), String> {
    let output = temporary("history-output");
    let file = File::create(&output).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "random_histories", "--nocapture"]).envs(variables.iter().copied());
    for variable in ["BAREMAP_HISTORY", "BAREMAP_HISTORY_PROGRESS", "BAREMAP_HISTORY_GUARD"] {
        if !variables.iter().any(|(name, _)| *name == variable) {
            command.env_remove(variable);
        }
    }
    command.env("RUST_BACKTRACE", "0");
    if has_guard {
        command.env("BAREMAP_HISTORY_GUARD", "1");
    }
    command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    let mut child = command.spawn().unwrap();
    let end = Instant::now() + time + Duration::from_secs(60);
    let mut pause = Duration::from_millis(1);
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > end => {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            None => thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    let text = String::from_utf8_lossy(&fs::read(&output).unwrap()).into_owned();
    fs::remove_file(&output).unwrap();
    // The name too, so that it is certain that the test ran.
    let is_passed = status.success() && text.contains("1 passed");
    if is_passed { Ok(()) } else { Err(format!("{text}{status}\n")) }
}

fn replay(history: &[Operation], has_guard: bool) -> Result<(), String> {
    run(&[("BAREMAP_HISTORY", &to_text(history))], has_guard, Duration::ZERO)
}

/// Runs histories from a seed on for some time, and returns how many histories and operations that were, or what failed and how.
pub fn run_child(seed: u64, time: Duration, has_guard: bool) -> Result<(u64, u64), String> {
    let progress = temporary("history-progress");
    let variables = [
        ("BAREMAP_HISTORY_PROGRESS", progress.to_str().unwrap()),
        ("BAREMAP_HISTORY_SEED", &seed.to_string()),
        ("BAREMAP_HISTORY_MILLISECONDS", &time.as_millis().to_string()),
    ];
    let result = run(&variables, has_guard, time);
    let text = fs::read_to_string(&progress).unwrap_or_default();
    let _ = fs::remove_file(&progress);
    let counts: Vec<u64> = text.split(' ').filter_map(|number| number.parse().ok()).collect();
    match (result, &counts[..]) {
        (Ok(()), &[_, histories, operations]) => Ok((histories, operations)),
        (Err(output), &[seed, histories, operations]) => {
            println!("failed after {operations} operations in {histories} histories:\n{output}");
            Err(shrink(Operation::history(seed), has_guard))
        }
        (result, _) => Err(format!("no history was run: {result:?}")),
    }
}

fn shrink(mut history: Vec<Operation>, has_guard: bool) -> String {
    let (start, len) = (Instant::now(), history.len());
    let mut output = match replay(&history, has_guard) {
        Err(output) => output,
        Ok(()) => return format!("it does not fail by itself: {}", to_text(&history)),
    };
    let mut attempt = |history: &mut Vec<Operation>, candidate: Vec<Operation>| {
        if start.elapsed() > PATIENCE {
            return false;
        }
        let result = replay(&candidate, has_guard);
        let is_failed = result.is_err();
        if let Err(text) = result {
            (*history, output) = (candidate, text);
        }
        is_failed
    };
    loop {
        let before = history.clone();
        let mut size = history.len() / 2;
        while size != 0 {
            let mut end = history.len();
            while end != 0 {
                let from = end.saturating_sub(size);
                let mut candidate = history.clone();
                candidate.drain(from..end);
                attempt(&mut history, candidate);
                end = from;
            }
            size /= 2;
        }
        for i in 0..history.len() {
            for j in 0..4 {
                for to in [|_| 0, |number| number / 2, |number| number - 1] as [fn(u32) -> u32; 3] {
                    while history[i].numbers[j] != 0 {
                        let mut candidate = history.clone();
                        candidate[i].numbers[j] = to(candidate[i].numbers[j]);
                        if !attempt(&mut history, candidate) {
                            break;
                        }
                    }
                }
            }
        }
        if history == before {
            break;
        }
    }
    let guard = if has_guard { "BAREMAP_HISTORY_GUARD=1 " } else { "" };
    format!(
        "{len} operations became {} in {:.1} s:\n{output}\n{guard}BAREMAP_HISTORY='{}' \
         cargo test --test history random_histories -- --nocapture",
        history.len(),
        start.elapsed().as_secs_f64(),
        to_text(&history),
    )
}
