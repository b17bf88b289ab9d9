//! Checks of the Windows backend that need what Wine does not do by itself: calls fail one by one and in pairs, and what
//! they leave is compared with what was there before; handles for overlapped operations are read and written; and the
//! fault guard works beside other handlers. Prints a line per check, then the counts, and exits with 1 if a check failed.

#[cfg(not(windows))]
fn main() {
    eprintln!("only for Windows");
}

#[cfg(windows)]
mod contents;
#[cfg(windows)]
mod faults;
#[cfg(windows)]
mod guard;
#[cfg(windows)]
mod handles;
#[cfg(windows)]
mod hooks;
#[cfg(windows)]
mod parts;
#[cfg(windows)]
mod process;
#[cfg(windows)]
mod state;

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    let hooks = hooks::install();
    assert!(hooks > 20, "only {hooks} functions are hooked");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, name] = &arguments[..]
        && option == "--child"
    {
        guard::child(name);
        return 0.into();
    }
    let only = arguments.first();
    let (mut passed, mut failed) = (0, 0);
    for &(name, check) in
        [faults::CHECKS, parts::CHECKS, process::CHECKS, contents::CHECKS, handles::CHECKS, guard::CHECKS]
            .into_iter()
            .flatten()
    {
        if only.is_some_and(|only| !name.contains(only.as_str())) {
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
