//! The map of the process: /proc/self/maps, queried by `ioctl` as of Linux 6.11, before that read as text.
//!
//! A line of the text. `seq_path` escapes newlines in the name alone, so that a name that contains `\012` reads the
//! same as one with a newline (`show_map_vma` in fs/proc/task_mmu.c):
//!
//! ```text
//! 7f3a0c000000-7f3a0c021000 r-xp 00002000 fe:00 1835   /usr/lib/libc.so.6
//! start        end          prot offset   device inode  name
//! ```

use super::Linux;
use super::calls::{self, uninterrupted};
use super::codes::{E2BIG, ENAMETOOLONG, ENOENT};
use crate::error::kind::{Call, Failure};
use crate::sys::contract::process::{Process, Region, prot};
use crate::sys::contract::{Open, Result, System};
use core::ffi::c_int;

/// The limit of the kernel on paths. A longer name, which a deep mount may have, is left out.
const PATH_MAX: usize = 4096;

/// The open file of the map.
struct Maps(c_int);

impl Drop for Maps {
    fn drop(&mut self) {
        calls::close(self.0);
    }
}

impl Process for Linux {
    fn regions(from: usize, mut visit: impl FnMut(Region<'_>) -> bool) -> Result<()> {
        let maps = Maps(Self::open(c"/proc/self/maps", Open::Read)?);
        let mut name = [0; PATH_MAX];
        let mut at = from;
        loop {
            match maps.query(at, &mut name) {
                Ok(region) => {
                    at = region.end;
                    if !visit(region) {
                        return Ok(());
                    }
                }
                // The last region ends before.
                Err(Failure { code: ENOENT, .. }) => return Ok(()),
                // The kernel is older, or a sandbox forbids the call.
                Err(_) if at == from => return maps.read(from, &mut name, visit),
                Err(failure) => return Err(failure),
            }
        }
    }
}

/// `struct procmap_query` (`linux/fs.h`).
#[repr(C)]
struct ProcmapQuery {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

const PROCMAP_QUERY_VMA_READABLE: u64 = 0x01;
const PROCMAP_QUERY_VMA_WRITABLE: u64 = 0x02;
const PROCMAP_QUERY_VMA_EXECUTABLE: u64 = 0x04;
const PROCMAP_QUERY_VMA_SHARED: u64 = 0x08;

impl Maps {
    /// Asks for the region that contains an address, or else the next one.
    fn query<'n>(&self, address: usize, name: &'n mut [u8; PATH_MAX]) -> Result<Region<'n>> {
        let query = match self.try_query(address, name.as_mut_ptr(), PATH_MAX) {
            Err(Failure { code: ENAMETOOLONG | E2BIG, .. }) => {
                self.try_query(address, core::ptr::null_mut(), 0)
            }
            query => query,
        }?;
        // With the NUL that ends it.
        let name = name.get(..(query.vma_name_size as usize).saturating_sub(1)).unwrap_or_default();
        let has = |flag| query.vma_flags & flag != 0;
        Ok(Region {
            start: in_range(query.vma_start),
            end: in_range(query.vma_end),
            prot: prot(
                has(PROCMAP_QUERY_VMA_READABLE),
                has(PROCMAP_QUERY_VMA_WRITABLE),
                has(PROCMAP_QUERY_VMA_EXECUTABLE),
            ),
            is_shared: has(PROCMAP_QUERY_VMA_SHARED),
            offset: (query.inode != 0).then_some(query.vma_offset),
            name,
        })
    }

    /// The name has `name_size` bytes of room.
    #[expect(clippy::cast_possible_truncation, reason = "PATH_MAX bytes at most")]
    fn try_query(&self, address: usize, name: *mut u8, name_size: usize) -> Result<ProcmapQuery> {
        const PROCMAP_QUERY: usize = 0xc0686611;
        const PROCMAP_QUERY_COVERING_OR_NEXT_VMA: u64 = 0x10;
        let size = size_of::<ProcmapQuery>() as u64;
        let (query_addr, query_flags) = (address as u64, PROCMAP_QUERY_COVERING_OR_NEXT_VMA);
        let (vma_name_addr, vma_name_size) = (name.expose_provenance() as u64, name_size as u32);
        // SAFETY: the structure consists of numbers.
        let zeros: ProcmapQuery = unsafe { core::mem::zeroed() };
        let mut query = ProcmapQuery { size, query_flags, query_addr, vma_name_size, vma_name_addr, ..zeros };
        uninterrupted(Call::Ioctl, || {
            let query = (&raw mut query).expose_provenance();
            // SAFETY: the kernel writes to the structure, whose size it knows, and to the name's bytes.
            unsafe { calls::ioctl(self.0, PROCMAP_QUERY, query) }
        })?;
        Ok(query)
    }

    /// Reads the text, from the start of the file.
    fn read(
        &self,
        from: usize,
        name: &mut [u8; PATH_MAX],
        mut visit: impl FnMut(Region<'_>) -> bool,
    ) -> Result<()> {
        let mut line = Line { numbers: [0; 6], field: 0, name, name_len: 0 };
        let mut text = [0; 1024];
        loop {
            // SAFETY: `text` is writable.
            let len = unsafe { Linux::read(self.0, text.as_mut_ptr(), text.len(), None)? };
            if len == 0 {
                return Ok(());
            }
            for &byte in text.iter().take(len) {
                if byte != b'\n' {
                    line.push(byte);
                    continue;
                }
                let region = line.region();
                if region.end > from && !visit(region) {
                    return Ok(());
                }
                line.clear();
            }
        }
    }
}

/// An address, or the highest one for the end of the address space: where an aarch64 kernel has pages of 64 KiB, the last
/// region of a 32-bit program ends there (`TASK_SIZE_32` in arch/arm64/include/asm/processor.h).
fn in_range(number: u64) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

/// The beginning of a line of the text. A line may be longer than any buffer.
struct Line<'n> {
    /// The fields before the name. Of the permissions a bit for each letter.
    numbers: [u64; 6],
    /// Which field is being read.
    field: usize,
    name: &'n mut [u8; PATH_MAX],
    /// More than `PATH_MAX` if the name is longer.
    name_len: usize,
}

impl Line<'_> {
    fn clear(&mut self) {
        (self.numbers, self.field, self.name_len) = ([0; 6], 0, 0);
    }

    fn push(&mut self, byte: u8) {
        let Some(number) = self.numbers.get_mut(self.field) else {
            // Spaces align the names.
            return if self.name_len != 0 || byte != b' ' {
                self.push_name(byte);
            };
        };
        if byte == b' ' || (self.field, byte) == (0, b'-') {
            self.field += 1;
            return;
        }
        *number = match char::from(byte).to_digit(16) {
            // The inode is decimal, and only compared with 0.
            Some(digit) => *number << 4 | u64::from(digit),
            None => *number << 1 | u64::from(b"rwxs".contains(&byte)),
        };
    }

    fn push_name(&mut self, byte: u8) {
        let newline = br"\012";
        if let Some(at) = self.name.get_mut(self.name_len) {
            *at = byte;
        }
        self.name_len += 1;
        if self.name.get(..self.name_len).is_some_and(|name| name.ends_with(newline)) {
            self.name_len -= newline.len();
            self.push_name(b'\n');
        }
    }

    fn region(&self) -> Region<'_> {
        let [start, end, permissions, offset, _device, inode] = self.numbers;
        let has = |bit: u32| permissions >> bit & 1 != 0;
        Region {
            start: in_range(start),
            end: in_range(end),
            prot: prot(has(3), has(2), has(1)),
            is_shared: has(0),
            offset: (inode != 0).then_some(offset),
            name: self.name.get(..self.name_len).unwrap_or(b""),
        }
    }
}
