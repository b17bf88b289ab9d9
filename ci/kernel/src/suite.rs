//! The conformance suite, each check of which must leave no mapping and no open file, and a check of the kernel's own.

use crate::arch;
use crate::backend::KERNEL;
use crate::conformance::{Check, Env, Failure, Result, ensure, run_all};
use crate::exception::Access;
use crate::frames::PAGE_SIZE;
use baremap::{Error, ErrorKind, File, Flags, Mmap, Reservation};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

const OWN_CHECKS: &[Check] =
    &[Check { name: "kernel::reservation_survives_out_of_memory", run: reservation_survives_out_of_memory }];

/// A failed `map_in` leaves the reservation whole: with LOCKED, a file for which there are not enough frames.
fn reservation_survives_out_of_memory(_: &mut Env) -> Result {
    const LEN: usize = 64 << 20;
    let file = File::create(c"/file")?;
    file.set_len(LEN as u64)?;
    let frames = KERNEL.with(|memory| memory.available_frames()).unwrap_or(0);
    let memory = Mmap::anon((frames - 2000) * PAGE_SIZE).map()?;
    let reservation = Reservation::new(LEN)?;
    let address = reservation.as_ptr().addr();
    // SAFETY: the file is this check's alone, here and below.
    let refused = match unsafe { Mmap::new(&file).flags(Flags::LOCKED).map_in(reservation) } {
        Ok(_) => return Err(Failure::broken("fails without frames", format_args!("it succeeded"))),
        Err(refused) => refused,
    };
    ensure!(refused.error.kind() == ErrorKind::OutOfMemory);
    ensure!(
        KERNEL.with(|memory| memory.page_in(address, Access::Read)).is_some_and(|result| result.is_err())
    );
    // SAFETY: as above. Pages that cannot be populated are present when they are accessed.
    let map = unsafe { Mmap::new(&file).flags(Flags::POPULATE).map_in(refused.value) };
    drop((map.map_err(Error::from)?, memory));
    Ok(())
}

static RUNNING: AtomicPtr<Check> = AtomicPtr::new(core::ptr::null_mut());

pub fn running() -> &'static str {
    // SAFETY: null, or a check of the program's.
    unsafe { RUNNING.load(Relaxed).as_ref() }.map_or("outside of the checks", |check| check.name)
}

/// Mappings and reservations, and open files.
fn in_use() -> Option<(usize, usize)> {
    KERNEL.with(|memory| (memory.areas(), memory.disk.open_files()))
}

fn run_check(check: &'static Check, env: &mut Env) -> Result {
    RUNNING.store((&raw const *check).cast_mut(), Relaxed);
    let _ = KERNEL.with(|memory| memory.clear_disk());
    let before = in_use();
    #[cfg(feature = "fault")]
    // SAFETY: it is not mapped; the kernel must report that.
    unsafe {
        (arch::ADDRESS_SPACE.start as *mut u8).write_volatile(1)
    };
    (check.run)(env)?;
    let after = in_use();
    if after != before && check.name != "mapping::leak" {
        return Err(Failure::broken("leaves nothing", format_args!("{before:?} before, {after:?} after")));
    }
    Ok(())
}

pub fn run() -> bool {
    // The kernel has neither pipes nor devices.
    let mut env =
        Env { folder: c"/", pipe: None, zeros: None, reports_no_length: None, address_space: 1 << 40 };
    run_all(&mut env, OWN_CHECKS, run_check, &mut arch::Serial).failed == 0
}
