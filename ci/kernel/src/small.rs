//! The smallest kernel that uses the crate, for ci/kernel/size. With the feature `used` it maps memory and a file in every
//! way; without, the image has the same backend, but not the crate.

use crate::backend::KERNEL;
use baremap::custom::Backend;

/// Keeps the backend in the image in either case.
#[used]
static BACKEND: &(dyn Backend + Sync) = &KERNEL;

pub fn running() -> &'static str {
    "small kernel"
}

#[cfg(not(feature = "used"))]
pub fn run() -> bool {
    true
}

#[cfg(feature = "used")]
pub fn run() -> bool {
    used().is_ok()
}

#[cfg(feature = "used")]
fn used() -> Result<(), baremap::Error> {
    use baremap::{Advice, Discard, File, Flags, Mmap, Prot, Reservation};
    let file = File::create(c"/file")?;
    file.set_len(100_000)?;
    // SAFETY: the file is this kernel's alone, here and below.
    let mut map = unsafe { Mmap::new(&file).offset(5_000).map_mut()? };
    map.bytes_mut()[0] = 7;
    map.flush_range(..9)?;
    map.advise(Advice::WillNeed)?;
    map.unmap()?;
    let mut read = [0; 9];
    file.read_at(&mut read, 4_995)?;
    file.write_at(&read, 99_000)?;
    let (first, rest) = Reservation::aligned(1 << 30, 2 << 20)?.split(1 << 20)?;
    let mut code = Mmap::anon(1 << 20).flags(Flags::POPULATE).map_mut_in(first)?;
    code.bytes_mut().copy_from_slice(&[read[5]; 1 << 20]);
    let mut code = code.into_exec()?;
    code.protect(Prot::READ)?;
    // SAFETY: nothing relies on the contents.
    unsafe { code.discard(Discard::DontNeed)? };
    code.lock()?;
    code.unlock()?;
    drop(code.into_reservation());
    drop(rest);
    file.sync()
}
