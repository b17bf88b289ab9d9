//! (i) Read at random places of a large resident file: a `View` without the guard and with it, `pread`, and a slice.

use crate::compare::{Candidate, Column::*, compare, timed_with};
use crate::state::{self, Random};
use crate::work::{Large, Row, Scale, resident};
use baremap::{File, View, guard};
use std::os::fd::AsRawFd;
use std::path::Path;

/// How many bytes a read has, and the part of `Scale::random_reads` that is made.
const READS: [(usize, u64); 4] = [(8, 1), (64, 1), (4096, 8), (64 << 10, 64)];

/// The guard stays installed, so what is measured without it comes first.
pub fn read_at(scale: Scale, large: &Large) -> Vec<Row> {
    let path = &large.large_folios;
    let rows = |is_guarded| READS.map(|read| row(scale, path, read, is_guarded));
    let mut all = rows(false).to_vec();
    match guard::install() {
        Ok(()) => all.extend(rows(true)),
        Err(error) => eprintln!("the guard: {error}"),
    }
    all
}

fn row(scale: Scale, path: &Path, (len, part): (usize, u64), is_guarded: bool) -> Row {
    let reads = scale.random_reads / part;
    let state = if is_guarded { "guard" } else { "no guard" };
    let candidates = vec![
        timed_with(
            Baremap,
            state,
            || view(path),
            |view| everywhere(scale, reads, len, |buffer, at| assert_eq!(view.read_at(buffer, at), Ok(len))),
        ),
        timed_with(
            Limit,
            "slice",
            || resident(path),
            |map| {
                everywhere(scale, reads, len, |buffer, at| buffer.copy_from_slice(&map[at as usize..][..len]))
            },
        ),
        pread(path, scale, reads, len),
    ];
    let work = format!("view-{len}-{}", state.replace(' ', "-"));
    Row::new(work, reads, len as u64, compare(scale.long_rounds.div_ceil(2), candidates))
}

/// Returns a view whose pages are all resident.
fn view(path: &Path) -> View<'static> {
    let file = File::open(path).unwrap();
    let view = file.into_view(|mmap| mmap).unwrap();
    // Without the guard a view reads, and touches no page of its own.
    let mut buffer = vec![0; 1 << 20];
    for at in (0..view.len() as u64).step_by(buffer.len()) {
        view.read_at(&mut buffer, at).unwrap();
    }
    view
}

fn pread(path: &Path, scale: Scale, reads: u64, len: usize) -> Candidate<'_> {
    timed_with(
        Libc,
        "pread",
        move || std::fs::File::open(path).unwrap(),
        move |file| {
            everywhere(scale, reads, len, |buffer, at| {
                // SAFETY: the buffer is writable.
                let read = unsafe {
                    libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), len, at as libc::off_t)
                };
                assert_eq!(read, len as isize);
            })
        },
    )
}

/// Reads at the same places for every candidate, into an aligned buffer. Returns a sum over some of the bytes.
fn everywhere(scale: Scale, reads: u64, len: usize, mut read: impl FnMut(&mut [u8], u64)) -> u64 {
    let mut memory = vec![0; len + state::PAGE];
    let start = memory.as_ptr().align_offset(state::PAGE);
    let buffer = &mut memory[start..start + len];
    let (mut random, mut sum) = (Random::new(), 0);
    for _ in 0..reads {
        read(buffer, (random.next() >> 16) % (scale.large - len as u64));
        sum += u64::from(buffer[0]) + u64::from(buffer[len / 2]) + u64::from(buffer[len - 1]);
    }
    sum
}
