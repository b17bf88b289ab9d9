//! Paths: from UTF-8 to UTF-16, and long ones to the form that CreateFileW accepts.
//!
//! A path of more than MAX_PATH code units must begin with `\\?\`, be absolute and contain no `/`, `.` or `..` (Microsoft,
//! "Maximum Path Length Limitation").

use super::calls::*;
use super::imports::*;
use crate::error::kind::{Call, Failure};
use crate::sys::contract::Result;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

/// Calls `f` with the path in UTF-16, ending in NUL.
pub(super) fn with_utf16<T>(path: &CStr, f: impl FnOnce(*const u16) -> Result<T>) -> Result<T> {
    with_utf16_and(path, b"", f)
}

/// The same, with ASCII letters after the path.
pub(super) fn with_utf16_and<T>(
    path: &CStr,
    end: &[u8],
    f: impl FnOnce(*const u16) -> Result<T>,
) -> Result<T> {
    /// MAX_PATH is 260 with the NUL, and a directory's path must leave 12 code units for a file name.
    const SHORT: usize = 248;
    // No path has more units in UTF-16 than bytes in UTF-8.
    if path.count_bytes() + end.len() < SHORT {
        let mut short = [MaybeUninit::<u16>::uninit(); SHORT];
        let short = short.as_mut_ptr().cast();
        // SAFETY: `short` has as many units.
        unsafe { convert(path, end, short, SHORT)? };
        // The absolute form of a short relative path may be long.
        // SAFETY: `short` ends in NUL, and nothing is written to a buffer of length 0.
        if (unsafe { GetFullPathNameW(short, 0, null_mut(), null_mut()) } as usize) < SHORT {
            return f(short);
        }
    }
    with_long(path, end, f)
}

/// Calls `f` with the absolute path in UTF-16, in the form for long paths. The buffer:
///
/// ```text
/// | path as given | for the prefix | absolute path |
/// |  LONG units   |   ROOM units   |  LONG units   |
/// ```
///
/// The prefix ends where the absolute path starts. For `\\server` it is `\\?\UNC`, which replaces the first `\`.
#[expect(clippy::cast_possible_truncation, reason = "LONG is small")]
fn with_long<T>(path: &CStr, end: &[u8], f: impl FnOnce(*const u16) -> Result<T>) -> Result<T> {
    const LONG: usize = 32768;
    /// By how much `\\?\UNC\server` is longer than `\\server`.
    const ROOM: usize = 6;
    const SEPARATOR: u16 = b'\\' as u16;
    const ERROR_FILENAME_EXCED_RANGE: i32 = 206;
    let len = (2 * LONG + ROOM) * size_of::<u16>();
    // 128 KiB would be too much for a small stack.
    // SAFETY: the system chooses a free address.
    let memory = unsafe { VirtualAlloc(null_mut(), len, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) };
    if memory.is_null() {
        return Err(last_error(Call::VirtualAlloc));
    }
    let given = memory.cast::<u16>();
    // SAFETY: the buffer is longer.
    let full = unsafe { given.add(LONG + ROOM) };
    // SAFETY: `given` has room for LONG units.
    let result = unsafe { convert(path, end, given, LONG) }.and_then(|()| {
        // SAFETY: `given` ends in NUL, and `full` has room for LONG units.
        let units = unsafe { GetFullPathNameW(given, LONG as u32, full, null_mut()) };
        if units == 0 {
            return Err(last_error(Call::GetFullPathNameW));
        }
        if units as usize >= LONG {
            return Err(Failure::of_system(Call::GetFullPathNameW, ERROR_FILENAME_EXCED_RANGE));
        }
        let with_prefix = |prefix: &[u8], at: usize| {
            for (unit, i) in prefix.iter().zip(LONG + at..) {
                // SAFETY: in ROOM or the first units of `full`.
                unsafe { given.add(i).write((*unit).into()) };
            }
            // SAFETY: in ROOM.
            unsafe { given.add(LONG + at) }
        };
        // SAFETY: `full` has room for more than 3 units, and VirtualAlloc zeroed it.
        let start = unsafe { full.cast::<[u16; 3]>().read_unaligned() };
        f(match start {
            // `\\?\` and `\\.\`, the names of devices.
            [SEPARATOR, SEPARATOR, 0x3f | 0x2e] => full,
            [SEPARATOR, SEPARATOR, _] => with_prefix(br"\\?\UNC", 0),
            _ => with_prefix(br"\\?\", 2),
        })
    });
    // If this fails, the buffer leaks. An error would lose a file that is open by now.
    // SAFETY: allocated above, and no longer used.
    unsafe { VirtualFree(memory, 0, MEM_RELEASE) };
    result
}

/// Converts the path, appends letters, and ends it with NUL.
///
/// # Safety
/// `buffer` has room for `len` code units, which are more than the letters.
pub(super) unsafe fn convert(path: &CStr, end: &[u8], buffer: *mut u16, len: usize) -> Result<()> {
    const CP_UTF8: u32 = 65001;
    const MB_ERR_INVALID_CHARS: u32 = 8;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "no path has more than 32768 units"
    )]
    let room = (len - end.len()) as i32;
    // SAFETY: `path` ends in NUL; the caller's buffer.
    let units =
        unsafe { MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.as_ptr(), -1, buffer, room) };
    checked(Call::MultiByteToWideChar, units)?;
    for (letter, at) in end.iter().chain(&[0]).zip(units.unsigned_abs() as usize - 1..) {
        // SAFETY: from the NUL on, in the room that was left.
        unsafe { buffer.add(at).write((*letter).into()) };
    }
    Ok(())
}
