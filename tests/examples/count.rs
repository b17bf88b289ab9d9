//! Two processes count to a total, in memory that both map: `cargo run --example count`. Prints the total.
//!
//! The memory has no name. The second process, this program again, receives it as its standard input.

use baremap::{Error, FileRef, Mmap, Prot, RawMapping, SharedMemory};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

const EACH: u64 = 1_000_000;

/// What the memory contains.
#[repr(C)]
struct Shared {
    count: AtomicU64,
    /// 0, then 1.
    has_second_begun: AtomicU64,
}

/// The memory, mapped. Whoever has it accesses it by this type alone.
struct Mapped(RawMapping);

impl Mapped {
    /// The memory was made by `SharedMemory::new`, so that its length is fixed.
    fn of(memory: &SharedMemory) -> Result<Self, Error> {
        Ok(Self(Mmap::new(memory).len(size_of::<Shared>()).prot(Prot::WRITE).map_raw()?))
    }

    fn get(&self) -> &Shared {
        // SAFETY: so many bytes are mapped, for reading and writing, as long as `self` is borrowed. They start a page, and so
        // are aligned. They are zeros at first, and every value is valid for an integer. Each process accesses them as these
        // atomics, which are of the same size in all, and no process can truncate the memory.
        unsafe { &*self.0.as_ptr().cast() }
    }
}

fn count(shared: &Shared) {
    for _ in 0..EACH {
        shared.count.fetch_add(1, Ordering::Relaxed);
    }
}

fn first() -> Result<bool, Box<dyn std::error::Error>> {
    let memory = SharedMemory::new(size_of::<Shared>())?;
    let mapped = Mapped::of(&memory)?;
    let shared = mapped.get();
    let program = std::env::current_exe()?;
    let mut second = Command::new(program).arg("second").stdin(Stdio::from(memory)).spawn()?;
    // So that both count at the same time.
    while shared.has_second_begun.load(Ordering::Relaxed) == 0 && second.try_wait()?.is_none() {
        std::thread::yield_now();
    }
    count(shared);
    // All that a process did comes before its end, for which the system makes this one wait.
    let has_succeeded = second.wait()?.success();
    let total = shared.count.load(Ordering::Relaxed);
    println!("{total}");
    Ok(has_succeeded && total == 2 * EACH)
}

fn second() -> Result<bool, Box<dyn std::error::Error>> {
    let stdin = FileRef::from(&std::io::stdin()).as_raw();
    // SAFETY: it is open, and nothing else in this process uses it.
    let memory = unsafe { SharedMemory::from_raw(stdin)? };
    let mapped = Mapped::of(&memory)?;
    mapped.get().has_second_begun.store(1, Ordering::Relaxed);
    count(mapped.get());
    Ok(true)
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let is_second = std::env::args().nth(1).is_some_and(|argument| argument == "second");
    let has_succeeded = if is_second { second()? } else { first()? };
    Ok(if has_succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
