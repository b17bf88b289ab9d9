//! Two processes lock one file. A test starts this binary again as the process that has the lock.

#![forbid(unsafe_code)]
#![cfg(feature = "std")]

use baremap::{ErrorKind, File};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// The path of the file, set in the process that has the lock.
const HOLDER: &str = "BAREMAP_LOCK_HOLDER";

/// The lock excludes this process until the other one ends, which unlocks.
#[test]
fn lock_excludes_another_process() {
    if let Ok(path) = env::var(HOLDER) {
        let file = File::open_rw(path).unwrap();
        file.lock().unwrap();
        println!("\nlocked");
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let path = env::temp_dir().join(format!("baremap-{}-held", std::process::id()));
    let file = File::create(&path).unwrap();
    let mut holder = Command::new(env::current_exe().unwrap())
        .args(["lock_excludes_another_process", "--exact", "--nocapture"])
        .env(HOLDER, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().trim_end() == "locked"));
    for result in [file.try_lock(), file.try_lock_shared()] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    // It ends when it has read everything.
    drop(holder.stdin.take());
    file.lock().unwrap();
    lines.for_each(drop);
    assert!(holder.wait().unwrap().success());
    drop(file);
    fs::remove_file(&path).unwrap();
}
