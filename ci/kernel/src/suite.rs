//! The conformance suite, check by check, and a check of the kernel's own.

use crate::conformance::{ALLOC_CHECKS, CHECKS, Check, Env, Failure, Result};
use crate::{KERNEL, Output};
use baremap::{ErrorKind, File, Flags, Mmap, Reservation};
use core::fmt::Write;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static RUNNING: AtomicUsize = AtomicUsize::new(0);

const OWN_CHECKS: &[(&str, Check)] = &[("kernel::comes_back_when_no_frame_is_free", comes_back)];

fn checks() -> impl Iterator<Item = &'static (&'static str, Check)> {
    CHECKS.iter().chain(ALLOC_CHECKS).chain(OWN_CHECKS)
}

/// A reservation is one still when the file that takes its place has no frames, and not all of it is locked.
fn comes_back(_: &mut Env) -> Result {
    const LEN: usize = 64 << 20;
    let broken = |what| Failure::Broken(core::panic::Location::caller(), what, None);
    // Which clears the disk.
    let frames = state().map_or(0, |state| state.1);
    let file = File::create(c"/file")?;
    file.set_len(LEN as u64)?;
    let all = Mmap::anon((frames - 2000) * crate::memory::PAGE).map()?;
    let place = Reservation::new(LEN)?;
    let ptr = place.as_ptr();
    // SAFETY: the file is this check's alone, here and below.
    let (place, error) = match unsafe { Mmap::new(&file).flags(Flags::LOCKED).map_in(place) } {
        Ok(_) => return Err(broken("locked without frames")),
        Err(back) => back,
    };
    let is_reserved =
        || KERNEL.with(|memory| memory.touch(ptr.addr(), false, false)).is_some_and(|r| r.is_err());
    if error.kind() != ErrorKind::OutOfMemory || !is_reserved() {
        return Err(Failure::Broken(
            core::panic::Location::caller(),
            "another error, or memory that is left",
            Some(error),
        ));
    }
    // SAFETY: as above. What cannot be fetched ahead comes when it is touched.
    let map = unsafe { Mmap::new(&file).flags(Flags::POPULATE).map_in(place) }.map_err(|(_, error)| error)?;
    drop((map, all));
    Ok(())
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
        let mut env =
            Env { folder: c"/", pipe: None, zeros: None, tells_no_length: None, address_space: 1 << 40 };
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
