//! Checks of the Windows backend that need what Wine does not do by itself: calls fail one by one and in pairs, and what
//! they leave is compared with what was there before; and handles for overlapped operations are read and written. Prints a
//! line per check, then the counts, and exits with 1 if a check failed.

#[cfg(not(windows))]
fn main() {
    eprintln!("only for Windows");
}

#[cfg(windows)]
mod faults;
#[cfg(windows)]
mod handles;
#[cfg(windows)]
mod hooks;
#[cfg(windows)]
mod state;

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    let hooks = hooks::install();
    assert!(hooks > 20, "only {hooks} functions are hooked");
    let only = std::env::args().nth(1);
    let (mut passed, mut failed) = (0, 0);
    for &(name, check) in faults::CHECKS.iter().chain(handles::CHECKS) {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        // A panic has printed its message.
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
