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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let checks =
        [faults::CHECKS, parts::CHECKS, process::CHECKS, contents::CHECKS, handles::CHECKS, guard::CHECKS];
    let mut checks = checks.into_iter().flatten();
    match arguments[..] {
        ["--child", name] => {
            hooks::install();
            guard::child(name);
            0.into()
        }
        ["--check", name] => {
            let hooks = hooks::install();
            assert!(hooks > 20, "only {hooks} functions are hooked");
            let (_, check) = checks.find(|check| check.0 == name).unwrap();
            check();
            0.into()
        }
        _ => run_all(
            checks.map(|check| check.0).filter(|name| arguments.iter().all(|only| name.contains(only))),
        ),
    }
}

/// Each in a process of its own, as what one loses slows the next one down, which looks at the whole address space.
#[cfg(windows)]
fn run_all(names: impl Iterator<Item = &'static str>) -> std::process::ExitCode {
    let program = std::env::current_exe().unwrap();
    let (mut passed, mut failed) = (0, 0);
    for name in names {
        // A panic has printed its message.
        let status = std::process::Command::new(&program).args(["--check", name]).status().unwrap();
        let (word, count) = if status.success() { ("ok", &mut passed) } else { ("FAILED", &mut failed) };
        *count += 1;
        println!("{word} {name}");
    }
    println!("{passed} passed, {failed} failed, 0 skipped");
    u8::from(failed > 0).into()
}
