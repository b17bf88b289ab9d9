//! What Wine cannot be brought to do by itself: calls of the backend for Windows fail one by one and in pairs, and what is
//! left is compared with what was there; and handles that are opened for overlapped operations are read. Prints a line
//! per check, then the counts, and exits with 1 if one failed.

#[cfg(not(windows))]
fn main() {
    eprintln!("for Windows alone");
}

#[cfg(windows)]
mod faults;
#[cfg(windows)]
mod hooks;
#[cfg(windows)]
mod reading;
#[cfg(windows)]
mod state;

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    let hooks = hooks::install();
    assert!(hooks > 20, "{hooks} functions are hooked");
    let only = std::env::args().nth(1);
    let (mut passed, mut failed) = (0, 0);
    for &(name, check) in faults::CHECKS.iter().chain(reading::CHECKS) {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        // A panic has printed where and what.
        match std::panic::catch_unwind(check) {
            Ok(()) => {
                passed += 1;
                println!("ok {name}");
            }
            Err(_) => {
                failed += 1;
                println!("FAILED {name}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, 0 skipped");
    u8::from(failed > 0).into()
}
