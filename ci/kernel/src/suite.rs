//! The conformance suite, check by check.

use crate::conformance::{ALLOC_CHECKS, CHECKS, Check, Env, Failure};
use crate::{KERNEL, Output};
use core::fmt::Write;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static RUNNING: AtomicUsize = AtomicUsize::new(0);

fn checks() -> impl Iterator<Item = &'static (&'static str, Check)> {
    CHECKS.iter().chain(ALLOC_CHECKS)
}

/// The check that runs now.
pub fn running() -> &'static str {
    checks().nth(RUNNING.load(Relaxed)).map_or("none", |check| check.0)
}

/// Areas, free frames and open files.
fn state() -> Option<(usize, usize, usize)> {
    KERNEL.with(|memory| {
        memory.clear_disk();
        let (areas, frames) = memory.state();
        (areas, frames, memory.disk.open_files())
    })
}

pub fn run() -> bool {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (i, (name, check)) in checks().enumerate() {
        RUNNING.store(i, Relaxed);
        let before = state();
        // Neither pipes nor devices are offered.
        let mut env = Env { folder: c"/", pipe: None, zeros: None, address_space: 1 << 40 };
        let result = check(&mut env);
        #[cfg(feature = "fault")]
        if *name == "mapping::unmaps" {
            // SAFETY: it is not, which is to be seen.
            unsafe { (crate::arch::SPACE.start as *mut u8).write_volatile(1) };
        }
        let after = state();
        let is_leak =
            before.zip(after).is_none_or(|(before, after)| before.0 != after.0 || before.2 != after.2)
                && *name != "mapping::leaks_on_purpose";
        let _ = match result {
            Ok(()) if is_leak => {
                failed += 1;
                writeln!(Output, "FAILED {name}: it leaves something: {before:?}, {after:?}")
            }
            Ok(()) => {
                passed += 1;
                writeln!(Output, "ok {name}")
            }
            Err(Failure::Skipped(reason)) => {
                skipped += 1;
                writeln!(Output, "skipped {name}: {reason}")
            }
            Err(Failure::Broken(location, what, error)) => {
                failed += 1;
                writeln!(Output, "FAILED {name}: {location}: {what} {error:?}")
            }
        };
    }
    let _ = writeln!(Output, "{passed} passed, {failed} failed, {skipped} skipped");
    failed == 0
}
