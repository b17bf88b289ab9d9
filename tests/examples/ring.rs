//! Passes records between two threads through a ring buffer: `cargo run --release --example ring`.
//!
//! The memory is mapped twice in a row. A slice that begins near its end continues at its beginning, so no record is ever in
//! two parts:
//!
//! ```text
//! addresses:  |    first mapping    |   second mapping    |
//! memory:     | 0               len | 0               len |
//!                              [ a slice ]
//! ```

use baremap::{Error, File, Mmap, Prot, RawMapping, Reservation, allocation_granularity};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{slice, thread};

/// A queue of bytes for one thread that writes and one that reads.
pub struct Ring {
    first: RawMapping,
    _second: RawMapping,
    /// How many bytes were written and read so far, with overflow: the length is a power of two.
    written: AtomicUsize,
    read: AtomicUsize,
}

#[allow(clippy::len_without_is_empty, reason = "no ring is empty")]
impl Ring {
    /// Makes a ring of at least `len` bytes.
    pub fn new(len: usize) -> Result<Self, Error> {
        let len = len.max(allocation_granularity()).next_power_of_two();
        let file = File::memory()?;
        file.set_len(len as u64)?;
        let (first, second) = Reservation::new(2 * len)?.split(len)?;
        let request = Mmap::new(&file).len(len).prot(Prot::WRITE);
        Ok(Self {
            first: request.map_raw_in(first)?,
            _second: request.map_raw_in(second)?,
            written: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
        })
    }

    /// Returns how many bytes it holds.
    pub fn len(&self) -> usize {
        self.first.len()
    }

    /// Returns its two ends.
    pub fn ends(&mut self) -> (Writer<'_>, Reader<'_>) {
        (Writer(self), Reader(self))
    }

    /// Returns the address of the byte at this position. As many bytes as the ring is long follow it.
    fn at(&self, position: usize) -> *mut u8 {
        self.first.as_mut_ptr().wrapping_add(position & (self.len() - 1))
    }
}

/// The end for writing.
pub struct Writer<'r>(&'r Ring);

impl Writer<'_> {
    /// Returns all the space there is, to be filled from its start.
    pub fn space(&mut self) -> &mut [u8] {
        let written = self.0.written.load(Ordering::Relaxed);
        let read = self.0.read.load(Ordering::Acquire);
        let len = self.0.len() - written.wrapping_sub(read);
        // SAFETY: the bytes are mapped and writable, and the ring alone knows the file. They are the writer's, which is
        // borrowed, until `commit`: the reader has returned them, by a store that the load above acquired. Either may have used
        // the other address of a byte. So it must be read again, as after any change by another thread, and the pair of
        // store and load makes the compiler do that. The slice is not longer than the ring, so it holds no byte twice.
        unsafe { slice::from_raw_parts_mut(self.0.at(written), len) }
    }

    /// Passes the first `len` bytes of the space to the reader.
    ///
    /// # Panics
    /// If there is less space.
    pub fn commit(&mut self, len: usize) {
        assert!(len <= self.space().len());
        self.0.written.fetch_add(len, Ordering::Release);
    }
}

/// The end for reading.
pub struct Reader<'r>(&'r Ring);

impl Reader<'_> {
    /// Returns all that was written and not consumed.
    pub fn data(&self) -> &[u8] {
        let read = self.0.read.load(Ordering::Relaxed);
        let written = self.0.written.load(Ordering::Acquire);
        // SAFETY: as in `space`: they are the reader's until `consume`.
        unsafe { slice::from_raw_parts(self.0.at(read), written.wrapping_sub(read)) }
    }

    /// Returns the first `len` bytes of the data to the writer.
    ///
    /// # Panics
    /// If there is less data.
    pub fn consume(&mut self, len: usize) {
        assert!(len <= self.data().len());
        self.0.read.fetch_add(len, Ordering::Release);
    }
}

/// The length of a record, at its start.
type Len = u16;

/// Writes a record, when there is space for it.
pub fn send(writer: &mut Writer, record: &[u8]) {
    let len = size_of::<Len>() + record.len();
    while writer.space().len() < len {
        thread::yield_now();
    }
    let (head, rest) = writer.space().split_at_mut(size_of::<Len>());
    head.copy_from_slice(&(record.len() as Len).to_le_bytes());
    rest[..record.len()].copy_from_slice(record);
    writer.commit(len);
}

/// Waits for a record, passes it to `use_record`, and removes it.
pub fn receive<T>(reader: &mut Reader, use_record: impl FnOnce(&[u8]) -> T) -> T {
    let (len, record) = loop {
        // A record is committed as a whole.
        if let Some((head, rest)) = reader.data().split_first_chunk() {
            let len = usize::from(Len::from_le_bytes(*head));
            break (size_of::<Len>() + len, &rest[..len]);
        }
        thread::yield_now();
    };
    let result = use_record(record);
    reader.consume(len);
    result
}

/// Sends records of 0 to 999 bytes through the ring, and returns how many lay across its end and how many bytes they had.
pub fn transfer(ring: &mut Ring, count: usize) -> (usize, usize) {
    let record = |i: usize| [i as u8; 999].into_iter().take(i.wrapping_mul(7919) % 1000);
    let end = ring.first.as_ptr().wrapping_add(ring.len());
    let (mut writer, mut reader) = ring.ends();
    thread::scope(|scope| {
        scope.spawn(move || {
            for i in 0..count {
                send(&mut writer, &record(i).collect::<Vec<_>>());
            }
        });
        let (mut across, mut bytes) = (0, 0);
        for i in 0..count {
            receive(&mut reader, |text| {
                assert!(text.iter().copied().eq(record(i)), "record {i}");
                across += usize::from((text.as_ptr()..text.as_ptr_range().end).contains(&end));
                bytes += text.len();
            });
        }
        (across, bytes)
    })
}

fn main() -> Result<(), Error> {
    const COUNT: usize = 100_000;
    let mut ring = Ring::new(1 << 16)?;
    let (across, bytes) = transfer(&mut ring, COUNT);
    println!("{COUNT} records, {bytes} bytes, {across} records across the end of the ring");
    Ok(())
}
