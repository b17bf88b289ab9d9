//! The conformance suite, each check of which must leave no mapping and no open file, and checks of the kernel's own.

use crate::backend::KERNEL;
use crate::conformance::{Check, Env, Failure, Result, ensure, ensure_eq, ensure_filled, run_all};
use crate::exception::Access;
use crate::frames::PAGE_SIZE;
use crate::{REPAIRED, arch};
use baremap::{Error, ErrorKind, File, Flags, Mmap, Reservation, guard};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

const OWN_CHECKS: &[Check] = &[
    Check { name: "kernel::reservation_survives_out_of_memory", run: reservation_survives_out_of_memory },
    Check { name: "kernel::page_faults_are_repaired", run: page_faults_are_repaired },
];

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

/// A view of a truncated file reads to the end exactly, from every alignment, and by page faults that the guard repairs.
fn page_faults_are_repaired(_: &mut Env) -> Result {
    const LEN: usize = 3 * PAGE_SIZE;
    guard::install()?;
    ensure!(guard::is_in_force());
    let file = File::create(c"/file")?;
    ensure_eq!(file.write_at(&[7; LEN], 0)?, LEN);
    let view = Mmap::new(&file).view()?;
    for left in [2 * PAGE_SIZE, 2 * PAGE_SIZE - 1, PAGE_SIZE + 1, PAGE_SIZE] {
        file.set_len(left as u64)?;
        let before = REPAIRED.load(Relaxed);
        let mut reads = 0;
        for start in left - 70..left {
            for len in left - start + 1..left - start + 70 {
                // A page that is present ends in zeros, and a page that is gone in a fault.
                let mut buffer = [9; 140];
                ensure_eq!(view.read_at(&mut buffer[..len], start as u64)?, left - start);
                ensure_filled(&buffer[..left - start], 7)?;
                ensure!(buffer[len..].iter().all(|&byte| byte == 9));
                reads += usize::from(left % PAGE_SIZE == 0);
            }
        }
        let mut byte = [0];
        let error = view.read_at(&mut byte, left as u64).err().map(|error| error.kind());
        ensure_eq!(error, Some(ErrorKind::Truncated));
        ensure!(REPAIRED.load(Relaxed) - before >= reads);
    }
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
    let mut env = Env {
        folder: c"/",
        pipe: None,
        zeros: None,
        reports_no_length: None,
        set_len: None,
        arch: if cfg!(target_arch = "x86_64") { "x86_64" } else { "aarch64" },
        keeps_translations: false,
        address_space: 1 << 40,
    };
    run_all(&mut env, OWN_CHECKS, run_check, &mut arch::Serial).failed == 0
}
