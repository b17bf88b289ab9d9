//! Page frames: the RAM that the image leaves free.
//!
//! Memory that must not run short is committed first: a commitment sets frames aside, so that a page fault in it always
//! finds one. RAM is mapped at its own addresses, so a frame is known by its address.

use crate::error::{Error, Result};
use core::ops::Range;

pub const PAGE_SIZE: usize = 4096;

pub struct Frames {
    /// RAM that was never in use.
    unused: Range<usize>,
    /// The list of frames that were freed, or 0; the first word of each is the address of the next.
    freed: usize,
    /// How many frames are neither in use nor committed.
    available: usize,
}

impl Frames {
    pub const fn new() -> Self {
        Self { unused: 0..0, freed: 0, available: 0 }
    }

    pub fn start(&mut self, ram: Range<usize>) {
        self.available = ram.len() / PAGE_SIZE;
        self.unused = ram;
    }

    pub fn available(&self) -> usize {
        self.available
    }

    pub fn commit(&mut self, count: usize) -> Result<()> {
        self.available = self.available.checked_sub(count).ok_or(Error::NoFrame)?;
        Ok(())
    }

    pub fn decommit(&mut self, count: usize) {
        self.available += count;
    }

    /// Returns a zeroed frame out of a commitment.
    pub fn allocate_committed(&mut self) -> Result<usize> {
        let frame = if self.freed != 0 {
            let frame = self.freed;
            // SAFETY: a frame of the list, whose first word is the address of the next.
            self.freed = unsafe { *(frame as *const usize) };
            frame
        } else {
            let frame = self.unused.start;
            if self.unused.is_empty() {
                return Err(Error::NoFrame);
            }
            self.unused.start += PAGE_SIZE;
            frame
        };
        // SAFETY: RAM that nothing else uses.
        unsafe { (frame as *mut [u8; PAGE_SIZE]).write_bytes(0, 1) };
        Ok(frame)
    }

    /// Frees a frame that stays committed.
    pub fn free_committed(&mut self, frame: usize) {
        // SAFETY: nothing uses the frame any more.
        unsafe { *(frame as *mut usize) = self.freed };
        self.freed = frame;
    }

    pub fn allocate(&mut self) -> Result<usize> {
        self.commit(1)?;
        self.allocate_committed()
    }

    pub fn free(&mut self, frame: usize) {
        self.free_committed(frame);
        self.decommit(1);
    }
}
