//! Files: open, query, read, write, resize and flush.
//!
//! A handle that was opened with FILE_FLAG_OVERLAPPED returns from ReadFile and WriteFile before they end, and is signalled
//! when any of its operations ends. No function of kernel32 reports the flag. So every transfer has an OVERLAPPED and an
//! event of its own, and nothing returns while it is pending.
//!
//! On any other handle a transfer at an offset moves the file's position; no function leaves it alone. It is restored
//! afterwards, and another thread that uses it meanwhile finds it moved.

use super::calls::*;
use super::imports::*;
use super::path::with_utf16;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::sys::contract::{FileKind, FileStatus, Open, Result};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};

/// Other processes may read, write, rename and delete the file meanwhile, as on other systems.
pub(super) fn open(path: &CStr, open: Open) -> Result<Handle> {
    const FILE_SHARE_READ: u32 = 0x1;
    const FILE_SHARE_WRITE: u32 = 0x2;
    const FILE_SHARE_DELETE: u32 = 0x4;
    const OPEN_EXISTING: u32 = 3;
    const OPEN_ALWAYS: u32 = 4;
    const FILE_ATTRIBUTE_NORMAL: u32 = 0x80;
    // With SECURITY_ANONYMOUS, which is 0. Without it the server of a named pipe, which a path may name, can impersonate
    // this process (Microsoft, "Impersonating a Named Pipe Client").
    const SECURITY_SQOS_PRESENT: u32 = 0x00100000;
    const FILE_ATTRIBUTE_DIRECTORY: u32 = 0x10;
    const INVALID_FILE_ATTRIBUTES: u32 = 0xffffffff;
    let (access, disposition) = match open {
        Open::Read => (GENERIC_READ, OPEN_EXISTING),
        Open::ReadWrite => (GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING),
        // Not CREATE_ALWAYS, which fails for hidden files and system files.
        Open::Create | Open::OpenOrCreate => (GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS),
        Open::CreateNew => (GENERIC_READ | GENERIC_WRITE, CREATE_NEW),
    };
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    let (file, existed) = with_utf16(path, |path| {
        let open = |access| {
            let flags = FILE_ATTRIBUTE_NORMAL | SECURITY_SQOS_PRESENT;
            // SAFETY: `path` ends in NUL. Without security attributes child processes do not inherit the handle.
            match unsafe { CreateFileW(path, access, share, null_mut(), disposition, flags, 0) } {
                INVALID_HANDLE_VALUE => Err(last_error(Call::CreateFileW)),
                // With OPEN_ALWAYS the last error says whether the file existed.
                file => Ok((file, last_error(Call::CreateFileW).code == ERROR_ALREADY_EXISTS)),
            }
        };
        // Mapping with EXEC needs GENERIC_EXECUTE too, which is not granted for every file.
        let result = match open(access | GENERIC_EXECUTE) {
            Err(failure) if failure.code == ERROR_ACCESS_DENIED => open(access),
            result => result,
        };
        result.map_err(|failure| {
            // SAFETY: `path` ends in NUL.
            let attributes = unsafe { GetFileAttributesW(path) };
            let is_directory =
                attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY != 0;
            if is_directory && failure.code != ERROR_FILE_EXISTS {
                failure.with_kind(ErrorKind::NotMappable)
            } else {
                failure
            }
        })
    })?;
    match open {
        Open::Create if existed => set_len(file, 0).map(|()| file).inspect_err(|_| close(file)),
        _ => Ok(file),
    }
}

pub(super) fn close(file: Handle) {
    // SAFETY: the caller no longer uses the handle. `sync` reports errors of earlier writes.
    unsafe { CloseHandle(file) };
}

/// Duplicates a handle; the duplicate stays open when the caller closes the original. Returns what `Backing::file` holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a handle has 32 significant bits"
)]
pub(super) fn duplicate(file: Handle) -> Result<u32> {
    const DUPLICATE_SAME_ACCESS: u32 = 2;
    let mut duplicate: Handle = 0;
    // SAFETY: `duplicate` is writable.
    let result = unsafe {
        DuplicateHandle(process(), file, process(), &raw mut duplicate, 0, 0, DUPLICATE_SAME_ACCESS)
    };
    checked(Call::DuplicateHandle, result).map(|()| duplicate as u32)
}

pub(super) fn stat(file: Handle) -> Result<FileStatus> {
    let other = FileStatus { kind: FileKind::Other, len: 0, block_size: 0 };
    if file_type(file)? != FILE_TYPE_DISK {
        return Ok(other);
    }
    match standard_info(file) {
        Ok(info) if info.directory != 0 => Ok(other),
        Ok(info) => {
            Ok(FileStatus { kind: FileKind::Regular, len: unsigned(info.end_of_file), block_size: 0 })
        }
        // A disk or a volume: it can be read, not mapped.
        Err(Failure { code: ERROR_INVALID_FUNCTION | ERROR_INVALID_PARAMETER, .. }) => Ok(other),
        Err(failure) => Err(failure),
    }
}

fn standard_info(file: Handle) -> Result<FileStandardInfo> {
    const FILE_STANDARD_INFO: i32 = 1;
    let mut info = MaybeUninit::<FileStandardInfo>::uninit();
    // SAFETY: `info` has the layout and the length that the function writes.
    let result = unsafe {
        let len = size_of_u32::<FileStandardInfo>();
        GetFileInformationByHandleEx(file, FILE_STANDARD_INFO, info.as_mut_ptr().cast(), len)
    };
    checked(Call::GetFileInformationByHandleEx, result)?;
    // SAFETY: on success it is initialized.
    Ok(unsafe { info.assume_init() })
}

fn file_type(file: Handle) -> Result<u32> {
    const FILE_TYPE_UNKNOWN: u32 = 0;
    // SAFETY: accesses no memory of this process.
    match unsafe { GetFileType(file) } {
        // A type, or a failure: only the last error tells.
        FILE_TYPE_UNKNOWN => match last_error(Call::GetFileType) {
            failure if failure.code != 0 => Err(failure),
            _ => Ok(FILE_TYPE_UNKNOWN),
        },
        file_type => Ok(file_type),
    }
}

/// Linux's own files, which the Windows Subsystem for Linux and Wine show, may have contents although they report a
/// length of 0. No section can be created for a length of 0, so only a read finds out.
pub(super) fn is_empty_file_mappable(file: Handle) -> bool {
    let mut byte = 0_u8;
    // SAFETY: `byte` is writable.
    !matches!(unsafe { read(file, &raw mut byte, 1, Some(0)) }, Ok(1..))
}

pub(super) fn set_len(file: Handle, len: u64) -> Result<()> {
    const FILE_END_OF_FILE_INFO: i32 = 6;
    let mut info = FileEndOfFileInfo { end_of_file: large_integer(len) };
    // SAFETY: `info` has the layout and the length that the function reads.
    let result = unsafe {
        let len = size_of_u32::<FileEndOfFileInfo>();
        SetFileInformationByHandle(file, FILE_END_OF_FILE_INFO, (&raw mut info).cast(), len)
    };
    checked(Call::SetFileInformationByHandle, result)
}

/// An allocation that is shorter than the file would truncate it (Microsoft, "FILE_ALLOCATION_INFO structure").
pub(super) fn allocate(file: Handle, offset: u64, len: u64) -> Result<()> {
    const FILE_ALLOCATION_INFO: i32 = 5;
    let FileStandardInfo { allocation_size, end_of_file, .. } = standard_info(file)?;
    let end = offset + len;
    if end > unsigned(allocation_size.max(end_of_file)) {
        let mut info = FileAllocationInfo { allocation_size: large_integer(end) };
        // SAFETY: `info` has the layout and the length that the function reads.
        let result = unsafe {
            let len = size_of_u32::<FileAllocationInfo>();
            SetFileInformationByHandle(file, FILE_ALLOCATION_INFO, (&raw mut info).cast(), len)
        };
        checked(Call::SetFileInformationByHandle, result)?;
    }
    if end > unsigned(end_of_file) { set_len(file, end) } else { Ok(()) }
}

pub(super) fn sync(file: Handle) -> Result<()> {
    // SAFETY: accesses no memory of this process.
    checked(Call::FlushFileBuffers, unsafe { FlushFileBuffers(file) })
}

/// # Safety
/// `len` bytes at `buffer` are writable.
pub(super) unsafe fn read(file: Handle, buffer: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
    const ERROR_HANDLE_EOF: i32 = 38;
    const ERROR_BROKEN_PIPE: i32 = 109;
    const ERROR_NO_DATA: i32 = 232;
    let (offset, position) = start(file, offset, Call::ReadAt)?;
    if len == 0 {
        return Ok(0);
    }
    let result = loop {
        let (result, count) = transfer(file, offset, Call::ReadFile, |count, overlapped| {
            // SAFETY: the caller's buffer, which `transfer` keeps until the system is done with it.
            unsafe { ReadFile(file, buffer.cast(), clamp(len), count, overlapped) }
        });
        break match result {
            // A write of no bytes to a pipe. On a socket this is the end.
            Ok(())
                if count == 0
                    // SAFETY: null pointers ask for nothing.
                    && unsafe { GetNamedPipeInfo(file, null_mut(), null_mut(), null_mut(), null_mut()) }
                        != 0 =>
            {
                continue;
            }
            // The end of a file, or of a pipe.
            Err(Failure { code: ERROR_HANDLE_EOF | ERROR_BROKEN_PIPE, .. }) => Ok(0),
            // A message longer than the buffer; the next read returns the rest.
            Ok(()) | Err(Failure { code: ERROR_MORE_DATA, .. }) => Ok(count as usize),
            // A pipe with PIPE_NOWAIT.
            Err(failure) if failure.code == ERROR_NO_DATA => Err(failure.with_kind(ErrorKind::WouldBlock)),
            Err(failure) if standard_info(file).is_ok_and(|info| info.directory != 0) => {
                Err(failure.with_kind(ErrorKind::NotMappable))
            }
            Err(failure) => Err(failure),
        };
    };
    restore(file, position)?;
    result
}

pub(super) fn write(file: Handle, bytes: &[u8], offset: u64) -> Result<usize> {
    let (offset, position) = start(file, Some(offset), Call::WriteAt)?;
    if bytes.is_empty() {
        return Ok(0);
    }
    let (result, count) = transfer(file, offset, Call::WriteFile, |count, overlapped| {
        // SAFETY: `bytes` is readable, and `transfer` keeps it until the system is done with it.
        unsafe { WriteFile(file, bytes.as_ptr().cast(), clamp(bytes.len()), count, overlapped) }
    });
    restore(file, position)?;
    result.map(|()| count as usize)
}

/// Returns where a transfer starts, and the position to restore after it. `call` names the function of this crate.
fn start(file: Handle, offset: Option<u64>, call: Call) -> Result<(u64, Option<i64>)> {
    // Pipes and terminals ignore an offset.
    let has_offsets = file_type(file)? == FILE_TYPE_DISK;
    match offset {
        Some(_) if !has_offsets => Err(Failure::refused(call, ErrorKind::NotSeekable)),
        // Two of these are FILE_USE_FILE_POINTER_POSITION and FILE_WRITE_TO_END_OF_FILE.
        Some(offset) if i64::try_from(offset).is_err() => Err(Failure::refused(call, ErrorKind::Overflow)),
        Some(offset) => Ok((offset, position(file)?)),
        None if has_offsets => Ok((position(file)?.map_or(0, unsigned), None)),
        None => Ok((0, None)),
    }
}

/// A length or a position.
#[expect(clippy::cast_sign_loss, reason = "a negative length would be too long to map")]
const fn unsigned(number: i64) -> u64 {
    number as u64
}

/// A length, as the functions take it.
#[expect(clippy::cast_possible_wrap, reason = "the contract limits lengths to `i64::MAX`")]
const fn large_integer(number: u64) -> i64 {
    number as i64
}

/// How many of `len` bytes one call transfers.
#[expect(clippy::cast_possible_truncation, reason = "i32::MAX at most")]
fn clamp(len: usize) -> u32 {
    len.min(i32::MAX as usize) as u32
}

const ERROR_MORE_DATA: i32 = 234;

/// Calls `io`, which passes its arguments to ReadFile, WriteFile or LockFileEx, and waits until the transfer has ended. Returns its
/// result and the number of bytes.
pub(super) fn transfer(
    file: Handle,
    offset: u64,
    call: Call,
    io: impl FnOnce(*mut u32, *mut Overlapped) -> i32,
) -> (Result<()>, u32) {
    const STATUS_PENDING: usize = 0x103;
    const ERROR_IO_PENDING: i32 = 997;
    // SAFETY: neither pointer is needed.
    let event = unsafe { CreateEventW(null_mut(), 1, 0, null()) };
    if event == 0 {
        return (Err(last_error(Call::CreateEventW)), 0);
    }
    let (offset_high, offset) = halves(offset);
    let mut overlapped = Overlapped {
        internal: 0,
        internal_high: 0,
        offset,
        offset_high,
        // The lowest bit, which is no part of a handle, keeps the system from queueing the address of this variable to a
        // completion port (Microsoft, "GetQueuedCompletionStatus function").
        h_event: event | 1,
    };
    let overlapped = &raw mut overlapped;
    let mut count = 0;
    let mut done = io(&raw mut count, overlapped);
    // SAFETY: `overlapped` and `count` outlive the transfer, for which the loop waits whatever else fails.
    unsafe {
        if done == 0 && matches!(last_code(), ERROR_IO_PENDING | ERROR_MORE_DATA) {
            while (&raw const (*overlapped).internal).read_volatile() == STATUS_PENDING {
                GetOverlappedResult(file, overlapped, &raw mut count, 1);
            }
            done = GetOverlappedResult(file, overlapped, &raw mut count, 1);
        }
    }
    let result = checked(call, done);
    close(event);
    (result, count)
}

/// Returns the file's position, or `None` if it has none. For a device that was opened with FILE_FLAG_OVERLAPPED the driver
/// must know the position, and some do not support that.
fn position(file: Handle) -> Result<Option<i64>> {
    const FILE_CURRENT: u32 = 1;
    let mut position = 0;
    // SAFETY: `position` is writable.
    let result = unsafe { SetFilePointerEx(file, 0, &raw mut position, FILE_CURRENT) };
    match checked(Call::SetFilePointerEx, result) {
        Err(Failure { code: ERROR_INVALID_FUNCTION | ERROR_NOT_SUPPORTED, .. }) => Ok(None),
        result => result.map(|()| Some(position)),
    }
}

fn restore(file: Handle, position: Option<i64>) -> Result<()> {
    const FILE_BEGIN: u32 = 0;
    let Some(position) = position else { return Ok(()) };
    // SAFETY: accesses no memory of this process.
    let result = unsafe { SetFilePointerEx(file, position, null_mut(), FILE_BEGIN) };
    checked(Call::SetFilePointerEx, result)
}
