//! (k) A mapping that is extended page by page; (l) a vector that grows by `extend`, against `Vec`.

use crate::bare;
use crate::compare::{Column::*, compare, timed, timed_with};
use crate::state::{PAGE, TempDir};
use crate::work::{Result, Row, Scale};
use baremap::{Mapping, MappingMut, Mmap, Reservation};
use std::fs::File;
use std::hint::black_box;
use std::os::fd::AsRawFd;

/// (k) Extend a mapping by a page again and again.
pub fn extend(scale: Scale, folder: &TempDir) -> Result<[Row; 2]> {
    let len = scale.large as usize;
    let lens = || (PAGE..=len).step_by(PAGE);
    let path = folder.path("extended");
    let opened = File::create_new(&path)?;
    opened.set_len(scale.large)?;
    drop(opened);
    let opened = File::open(&path)?;
    let (file, raw) = (&opened, opened.as_raw_fd());
    let rounds = scale.long_rounds;
    let row = |work, measurements| Row::new(work, (len / PAGE) as u64, scale.large, measurements);
    // What is mapped is unmapped after the time was taken.
    let memory = compare(
        rounds,
        vec![
            timed_with(
                Baremap,
                "",
                || (MappingMut::default(), Reservation::new(len).unwrap()),
                |(map, reservation)| {
                    lens().for_each(|len| Mmap::anon(len).extend(map, reservation).unwrap());
                    map.len() as u64
                },
            ),
            timed_with(
                Limit,
                "mprotect",
                || Bare::new(len),
                |range| {
                    // SAFETY: in the range, of which nobody else knows, here and below.
                    lens().for_each(|len| unsafe {
                        bare::make_writable(range.0.wrapping_add(len - PAGE), PAGE)
                    });
                    len as u64
                },
            ),
            timed_with(
                Libc,
                "mprotect",
                || Bare::new(len),
                |range| {
                    for len in lens() {
                        let (page, prot) =
                            (range.0.wrapping_add(len - PAGE), libc::PROT_READ | libc::PROT_WRITE);
                        // SAFETY: as above.
                        assert_eq!(unsafe { libc::mprotect(page.cast(), PAGE, prot) }, 0);
                    }
                    len as u64
                },
            ),
            timed_with(
                Rustix,
                "mprotect",
                || Bare::new(len),
                |range| {
                    use rustix::mm::{MprotectFlags, mprotect};
                    for len in lens() {
                        let (page, prot) =
                            (range.0.wrapping_add(len - PAGE), MprotectFlags::READ | MprotectFlags::WRITE);
                        // SAFETY: as above.
                        unsafe { mprotect(page.cast(), PAGE, prot) }.unwrap();
                    }
                    len as u64
                },
            ),
            timed_with(
                Memmap2,
                "remap",
                || memmap2::MmapMut::map_anon(PAGE).unwrap(),
                |map| {
                    let options = memmap2::RemapOptions::new().may_move(true);
                    // SAFETY: nothing refers to the old addresses.
                    lens().for_each(|len| unsafe { map.remap(len, options) }.unwrap());
                    map.len() as u64
                },
            ),
        ],
    );
    let of_file = compare(
        rounds.div_ceil(3),
        vec![
            timed_with(
                Baremap,
                "",
                || (<Mapping>::default(), Reservation::new(len).unwrap()),
                |(map, reservation)| {
                    // SAFETY: nobody changes the file, here and below.
                    lens().for_each(|len| {
                        unsafe { Mmap::new(file).len(len).extend(map, reservation) }.unwrap()
                    });
                    map.len() as u64
                },
            ),
            timed_with(
                Limit,
                "fstat, mmap, mremap",
                || Bare::new(len),
                |range| {
                    for len in lens() {
                        black_box(bare::len(raw));
                        let (from, at) = (len - PAGE, range.0.wrapping_add(len - PAGE));
                        // SAFETY: as above.
                        unsafe { bare::move_to(bare::map_page(raw, PAGE, from), PAGE, at) };
                    }
                    len as u64
                },
            ),
            timed_with(
                Libc,
                "mmap with MAP_FIXED, which may lose the range",
                || Bare::new(len),
                |range| {
                    for len in lens() {
                        let (from, at) = ((len - PAGE) as libc::off_t, range.0.wrapping_add(len - PAGE));
                        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
                        // SAFETY: as above.
                        let page = unsafe { libc::mmap(at.cast(), PAGE, libc::PROT_READ, flags, raw, from) };
                        assert_eq!(page, at.cast());
                    }
                    len as u64
                },
            ),
        ],
    );
    std::fs::remove_file(&path)?;
    Ok([row("extend-memory", memory), row("extend-file", of_file)])
}

/// Address space.
struct Bare(*mut u8, usize);

impl Bare {
    fn new(len: usize) -> Self {
        Self(bare::reserve(len), len)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: it is no longer used.
        unsafe { bare::unmap(self.0, self.1) };
    }
}

/// A vector of bytes that never moves: it doubles in its reservation.
struct Growing {
    map: MappingMut,
    reservation: Reservation,
    len: usize,
}

impl Growing {
    fn new(most: usize) -> Self {
        Self { map: MappingMut::default(), reservation: Reservation::new(most).unwrap(), len: 0 }
    }

    fn extend_from_slice(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if end > self.map.len() {
            let most = self.map.len() + self.reservation.len();
            let capacity = end.max(2 * self.map.len()).min(most);
            Mmap::anon(capacity).extend(&mut self.map, &mut self.reservation).unwrap();
        }
        self.map[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }
}

/// (l) Append to a vector again and again.
pub fn vector(scale: Scale) -> Row {
    const CHUNK: usize = 1000;
    let chunk = [7; CHUNK];
    let most = scale.large as usize;
    let chunks = most / CHUNK;
    let ends = |bytes: &[u8]| {
        let bytes = black_box(bytes);
        bytes.len() as u64 + u64::from(bytes[0]) + u64::from(bytes[bytes.len() - 1])
    };
    let measurements = compare(
        scale.long_rounds.div_ceil(3),
        vec![
            timed(Baremap, "", || {
                let mut vector = Growing::new(most);
                (0..chunks).for_each(|_| vector.extend_from_slice(&chunk));
                ends(&vector.map[..vector.len])
            }),
            timed(Limit, "resident", {
                let mut memory = vec![1; most];
                move || {
                    let bytes = &mut memory[..chunks * CHUNK];
                    bytes.chunks_exact_mut(CHUNK).for_each(|bytes| bytes.copy_from_slice(&chunk));
                    ends(bytes)
                }
            }),
            timed(Std, "Vec", || {
                let mut vector = Vec::new();
                (0..chunks).for_each(|_| vector.extend_from_slice(&chunk));
                ends(&vector)
            }),
            timed(Std, "Vec with capacity", || {
                let mut vector = Vec::with_capacity(most);
                (0..chunks).for_each(|_| vector.extend_from_slice(&chunk));
                ends(&vector)
            }),
        ],
    );
    Row::new("vector", 1, (chunks * CHUNK) as u64, measurements)
}
