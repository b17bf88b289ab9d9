//! The map of the process, of Linux's: `vm_map_region_recurse_64` in osfmk/vm/vm_map.c, libproc's `proc_regionfilename`.

use crate::faults::perform;
use crate::stop;
use libc::{c_int, c_uint, c_void};

/// The name of the task's port, which means nothing here.
pub static TASK: c_uint = 0x203;

/// `vm_region_submap_short_info_64`.
#[repr(C, packed(4))]
pub struct ShortInfo {
    protection: c_int,
    max_protection: c_int,
    inheritance: c_uint,
    offset: u64,
    rest: [u32; 7],
}

const _: () = assert!(size_of::<ShortInfo>() == 48);

struct Line {
    start: usize,
    end: usize,
    protection: c_int,
    is_shared: bool,
    offset: u64,
    path: Vec<u8>,
}

/// Finds the region that contains an address, or else the next one.
fn find(address: usize) -> Option<Line> {
    let text = std::fs::read("/proc/self/maps").unwrap_or_else(|error| stop(error));
    let mut lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
        let mut fields =
            line.splitn(6, |&byte| byte == b' ').map(|field| str::from_utf8(field).unwrap_or(""));
        let mut field = || fields.next().unwrap_or("");
        let hex = |digits: &str| u64::from_str_radix(digits, 16).unwrap_or_else(|error| stop(error));
        let (range, permissions, offset) = (field(), field(), hex(field()));
        let (start, end) = range.split_once('-').unwrap_or_else(|| stop("a line of /proc/self/maps"));
        // VM_PROT_READ, WRITE and EXECUTE.
        let bits = [(0, b'r', 1), (1, b'w', 2), (2, b'x', 4)];
        let has = |at: usize, letter| permissions.as_bytes().get(at) == Some(&letter);
        let protection = bits.iter().filter(|bit| has(bit.0, bit.1)).map(|bit| bit.2).sum();
        let rest = line.splitn(6, |&byte| byte == b' ').nth(5).unwrap_or(b"");
        // What has no path is in brackets.
        let path = &rest[rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len())..];
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        Line {
            start: hex(start) as usize,
            end: hex(end) as usize,
            protection,
            is_shared: has(3, b's'),
            offset,
            path: String::from_utf8_lossy(path).replace(r"\012", "\n").into_bytes(),
        }
    });
    // The kernel's page of x86_64 is no region of the process.
    lines.find(|line| line.end > address && line.end < 1 << 56)
}

pub extern "C" fn vm_region_recurse_64(
    task: c_uint,
    address: *mut usize,
    len: *mut usize,
    depth: *mut c_uint,
    info: *mut ShortInfo,
    count: *mut c_uint,
) -> c_int {
    const KERN_INVALID_ADDRESS: isize = 1;
    const KERN_FAILURE: c_int = 5;
    const VM_INHERIT_SHARE: c_uint = 0;
    const VM_INHERIT_COPY: c_uint = 1;
    // SAFETY: the program's, here and below.
    if task != TASK || unsafe { *count } != size_of::<ShortInfo>() as c_uint / 4 {
        stop(
            "vm_region_recurse_64: another task, or a count that is not VM_REGION_SUBMAP_SHORT_INFO_COUNT_64",
        );
    }
    let query = || {
        // SAFETY: as above.
        let Some(line) = find(unsafe { *address }) else { return Ok(KERN_INVALID_ADDRESS) };
        // SAFETY: as above.
        unsafe {
            (*address, *len, *depth) = (line.start, line.end - line.start, 0);
            info.write(ShortInfo {
                protection: line.protection,
                max_protection: 7,
                inheritance: if line.is_shared { VM_INHERIT_SHARE } else { VM_INHERIT_COPY },
                offset: line.offset,
                rest: [0; 7],
            });
        }
        Ok(0)
    };
    // It returns no code of `errno`.
    match perform("vm_region_recurse_64", query) {
        -1 => KERN_FAILURE,
        code => code as c_int,
    }
}

pub extern "C" fn proc_regionfilename(pid: c_int, address: u64, buffer: *mut c_void, len: u32) -> c_int {
    const MAXPATHLEN: u32 = 1024;
    // SAFETY: touches nothing.
    if pid != unsafe { libc::getpid() } || len < MAXPATHLEN {
        stop("proc_regionfilename: another process, or a buffer that is shorter than MAXPATHLEN");
    }
    let name = || match find(address as usize) {
        // POSIX shared memory has no path.
        Some(line) if !line.path.starts_with(b"/dev/shm/") && line.path.len() < MAXPATHLEN as usize => {
            // SAFETY: the program's buffer, which is longer.
            unsafe { buffer.cast::<u8>().copy_from_nonoverlapping(line.path.as_ptr(), line.path.len()) };
            Ok(line.path.len() as isize)
        }
        _ => Ok(0),
    };
    // It returns 0 if it fails.
    perform("proc_regionfilename", name).max(0) as c_int
}
