//! The ring buffer of the example `ring`: the same memory, mapped twice in a row.

#[allow(dead_code, reason = "its `main`")]
#[path = "examples/ring.rs"]
mod ring;

use baremap::{ErrorKind, allocation_granularity};
use ring::Ring;
use std::collections::VecDeque;

/// A ring, where the system has files in memory and reservations.
fn ring(name: &str, len: usize) -> Option<Ring> {
    match Ring::new(len) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            println!("skipped ring::{name}: {error}");
            None
        }
        ring => Some(ring.unwrap()),
    }
}

/// What is written in a slice across the end is read at the beginning, and all of it in one slice.
#[test]
fn continues_at_its_beginning() {
    let Some(mut ring) = ring("continues_at_its_beginning", 1) else { return };
    let len = ring.len();
    assert_eq!(len % allocation_granularity(), 0);
    let (mut writer, mut reader) = ring.ends();
    assert_eq!((writer.space().len(), reader.data()), (len, &b""[..]));
    let start = writer.space().as_ptr();
    writer.commit(len - 2);
    assert_eq!(writer.space().len(), 2);
    reader.consume(len - 2);
    assert_eq!(writer.space().as_ptr(), start.wrapping_add(len - 2));
    writer.space()[..4].copy_from_slice(b"ring");
    writer.commit(4);
    assert_eq!(reader.data(), b"ring");
    reader.consume(2);
    assert_eq!((reader.data(), reader.data().as_ptr()), (&b"ng"[..], start));
    // Full, from the third byte to the third byte.
    let rest = writer.space();
    assert_eq!(rest.len(), len - 2);
    rest.fill(7);
    writer.commit(len - 2);
    assert!(writer.space().is_empty());
    assert_eq!(reader.data(), [b"ng", &vec![7; len - 2][..]].concat());
}

/// Steps of any length leave in it what they leave in a queue.
#[test]
fn is_a_queue() {
    let Some(mut ring) = ring("is_a_queue", 1) else { return };
    let len = ring.len();
    let (mut writer, mut reader) = ring.ends();
    let mut queue = VecDeque::new();
    let mut state = 1_u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        (state >> 8) as usize % below
    };
    for _ in 0..2000 {
        let (to_write, to_read, byte) = (random(len), random(len), random(256) as u8);
        let space = writer.space();
        assert_eq!(space.len(), len - queue.len());
        let count = to_write.min(space.len());
        for (i, place) in space[..count].iter_mut().enumerate() {
            *place = byte.wrapping_add(i as u8);
            queue.push_back(*place);
        }
        writer.commit(count);
        let count = to_read.min(queue.len());
        assert!(reader.data().iter().eq(&queue));
        reader.consume(count);
        queue.drain(..count);
    }
}

#[test]
fn passes_records_between_threads() {
    let Some(mut ring) = ring("passes_records_between_threads", 1 << 16) else { return };
    let (across, bytes) = ring::transfer(&mut ring, 5000);
    // Their lengths are 0 to 999, each five times, after 2 bytes for the length.
    assert_eq!(bytes, 5 * (0..1000).sum::<usize>());
    assert!((1..=(bytes + 10_000) / ring.len()).contains(&across), "{across} across the end");
}
