//! The fault guard beside the signal handlers of others, each check in a process of its own: see `ci/guard/run --help`.

mod checks;
mod signals;

use checks::CHECKS;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How the process of a check ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Success,
    /// With this status, set by a handler.
    Status(u8),
    /// By this signal.
    Signal(i32),
    /// By this signal, with these words on standard error.
    Words(i32, &'static str),
}

pub struct Check {
    pub name: &'static str,
    pub end: End,
    pub run: fn(),
}

/// Two handlers that call each other would never end.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        // In a child process.
        (Some(name), Some(_)) => {
            (CHECKS.iter().find(|check| check.name == name).unwrap().run)();
            ExitCode::SUCCESS
        }
        // ci/boot names a folder.
        (only, _) => run_all(&only.filter(|only| !only.contains('/')).unwrap_or_default()),
    }
}

fn run_all(only: &str) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for check in CHECKS.iter().filter(|check| check.name.contains(only)) {
        match run(check) {
            Ok(()) => {
                println!("ok {}", check.name);
                passed += 1;
            }
            Err(found) => {
                println!("FAILED {}: {found}", check.name);
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, 0 skipped");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}

fn run(check: &Check) -> Result<(), String> {
    let mut output = signals::unnamed_file();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([check.name, "child"]).stdin(Stdio::null());
    command.stdout(output.try_clone().unwrap()).stderr(output.try_clone().unwrap());
    // SAFETY: `setrlimit` is async-signal-safe. A process that must die leaves no core.
    unsafe { command.pre_exec(signals::without_core) };
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if start.elapsed() > LIMIT => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let text = text(&mut output);
    if status.is_some_and(|status| is_due(status, check.end, &text)) {
        return Ok(());
    }
    Err(status.map_or("it does not end".into(), |status| status.to_string()) + ": " + &text)
}

fn is_due(status: ExitStatus, end: End, text: &str) -> bool {
    match end {
        End::Success => status.success(),
        End::Status(code) => status.code() == Some(code.into()),
        End::Signal(signal) => status.signal() == Some(signal) && text.is_empty(),
        End::Words(signal, words) => status.signal() == Some(signal) && text.contains(words),
    }
}

fn text(output: &mut File) -> String {
    let mut text = Vec::new();
    output.rewind().unwrap();
    output.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}
