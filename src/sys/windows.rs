//! Windows 10 and later, through kernel32, whose functions are declared here and bound by name (raw-dylib), so that no
//! import library is needed. Numbers are those of the SDK's `winnt.h`, `WinBase.h`, `fileapi.h` and `winerror.h`.

mod codes;

use super::{FileKind, FileStatus, MapError, Open, Place, Result, View, locked, undone};
use crate::error::{self, Error, ErrorKind};
use crate::options::{Advice, Discard, Flags, Prot};
pub(crate) use codes::{describe, kind, kind_of};
use core::ffi::{CStr, c_char, c_void};
use core::mem::{self, MaybeUninit};
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};

type Handle = isize;

#[repr(C)]
struct FileStandardInfo {
    allocation_size: i64,
    end_of_file: i64,
    number_of_links: u32,
    delete_pending: u8,
    directory: u8,
}

#[repr(C)]
struct FileEndOfFileInfo {
    end_of_file: i64,
}

#[repr(C)]
struct Overlapped {
    internal: usize,
    internal_high: usize,
    offset: u32,
    offset_high: u32,
    h_event: Handle,
}

#[repr(C)]
struct MemoryBasicInformation {
    _base_address: *mut c_void,
    _allocation_base: *mut c_void,
    _allocation_protect: u32,
    region_size: usize,
    _state: u32,
    _protect: u32,
    _type: u32,
}

#[repr(C)]
struct PsapiWorkingSetExInformation {
    virtual_address: *mut c_void,
    virtual_attributes: usize,
}

#[repr(C)]
struct SystemInfo {
    _processor_architecture: u32,
    dw_page_size: u32,
    _application_addresses: [usize; 2],
    _active_processor_mask: usize,
    _processors: [u32; 2],
    dw_allocation_granularity: u32,
    _processor_level: [u16; 2],
}

#[repr(C)]
struct Win32MemoryRangeEntry {
    virtual_address: *mut c_void,
    number_of_bytes: usize,
}

// On x86 kernel32 exports its functions without the decoration of `stdcall`.
#[cfg_attr(
    baremap_arch = "x86",
    link(name = "kernel32", kind = "raw-dylib", import_name_type = "undecorated")
)]
#[cfg_attr(not(baremap_arch = "x86"), link(name = "kernel32", kind = "raw-dylib"))]
unsafe extern "system" {
    fn CloseHandle(object: Handle) -> i32;
    fn CreateEventW(security: *mut c_void, manual_reset: i32, set: i32, name: *const u16) -> Handle;
    fn CreateFileMappingW(
        file: Handle,
        security: *mut c_void,
        protection: u32,
        size_high: u32,
        size_low: u32,
        name: *const u16,
    ) -> Handle;
    fn CreateFileW(
        path: *const u16,
        access: u32,
        share: u32,
        security: *mut c_void,
        disposition: u32,
        flags: u32,
        template: Handle,
    ) -> Handle;
    fn DuplicateHandle(
        source_process: Handle,
        source: Handle,
        target_process: Handle,
        target: *mut Handle,
        access: u32,
        inherit: i32,
        options: u32,
    ) -> i32;
    fn FlushFileBuffers(file: Handle) -> i32;
    fn FlushInstructionCache(process: Handle, base: *const c_void, len: usize) -> i32;
    fn FlushViewOfFile(base: *const c_void, len: usize) -> i32;
    fn FormatMessageW(
        flags: u32,
        source: *const c_void,
        message: u32,
        language: u32,
        to: *mut u16,
        len: u32,
        arguments: *mut c_void,
    ) -> u32;
    fn GetCurrentProcess() -> Handle;
    fn GetFileAttributesW(path: *const u16) -> u32;
    fn GetFileInformationByHandleEx(file: Handle, class: i32, info: *mut c_void, len: u32) -> i32;
    fn GetFileType(file: Handle) -> u32;
    fn GetFullPathNameW(path: *const u16, len: u32, to: *mut u16, file_part: *mut *mut u16) -> u32;
    fn GetLargePageMinimum() -> usize;
    fn GetLastError() -> u32;
    fn GetModuleHandleA(name: *const c_char) -> Handle;
    fn GetNamedPipeInfo(
        pipe: Handle,
        flags: *mut u32,
        out_size: *mut u32,
        in_size: *mut u32,
        max_instances: *mut u32,
    ) -> i32;
    fn GetOverlappedResult(file: Handle, overlapped: *mut Overlapped, read: *mut u32, wait: i32) -> i32;
    fn GetProcAddress(module: Handle, name: *const c_char) -> *mut c_void;
    fn GetSystemInfo(info: *mut SystemInfo);
    fn K32QueryWorkingSetEx(process: Handle, pages: *mut PsapiWorkingSetExInformation, len: u32) -> i32;
    fn MapViewOfFile(
        section: Handle,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
    ) -> *mut c_void;
    fn MultiByteToWideChar(
        code_page: u32,
        flags: u32,
        from: *const c_char,
        from_len: i32,
        to: *mut u16,
        to_len: i32,
    ) -> i32;
    fn PrefetchVirtualMemory(
        process: Handle,
        count: usize,
        ranges: *mut Win32MemoryRangeEntry,
        flags: u32,
    ) -> i32;
    fn ReadFile(file: Handle, to: *mut c_void, len: u32, read: *mut u32, overlapped: *mut Overlapped) -> i32;
    fn ReadProcessMemory(
        process: Handle,
        base: *const c_void,
        to: *mut c_void,
        len: usize,
        read: *mut usize,
    ) -> i32;
    fn SetFileInformationByHandle(file: Handle, class: i32, info: *mut c_void, len: u32) -> i32;
    fn SetFilePointerEx(file: Handle, distance: i64, position: *mut i64, from: u32) -> i32;
    fn Sleep(milliseconds: u32);
    fn UnmapViewOfFile(base: *const c_void) -> i32;
    fn VirtualAlloc(address: *mut c_void, len: usize, kind: u32, protection: u32) -> *mut c_void;
    fn VirtualFree(address: *mut c_void, len: usize, kind: u32) -> i32;
    fn VirtualLock(address: *mut c_void, len: usize) -> i32;
    fn VirtualProtect(address: *mut c_void, len: usize, protection: u32, old: *mut u32) -> i32;
    fn VirtualQuery(address: *const c_void, info: *mut MemoryBasicInformation, len: usize) -> usize;
    fn VirtualUnlock(address: *mut c_void, len: usize) -> i32;
}

type VirtualAlloc2 = unsafe extern "system" fn(
    process: Handle,
    address: *mut c_void,
    len: usize,
    kind: u32,
    protection: u32,
    parameters: *mut c_void,
    count: u32,
) -> *mut c_void;
type MapViewOfFile3 = unsafe extern "system" fn(
    section: Handle,
    process: Handle,
    address: *mut c_void,
    offset: u64,
    len: usize,
    kind: u32,
    protection: u32,
    parameters: *mut c_void,
    count: u32,
) -> *mut c_void;
type UnmapViewOfFile2 = unsafe extern "system" fn(process: Handle, base: *mut c_void, flags: u32) -> i32;

/// A function that kernelbase exports and kernel32 does not, by its name, which is its type's too. Windows 10 has these
/// since version 1803.
///
/// # Safety
/// `F` is the function's type.
unsafe fn find<F: Copy>(name: &CStr) -> Result<F> {
    // SAFETY: both names end in NUL. kernel32 keeps kernelbase loaded.
    let function = unsafe { GetProcAddress(GetModuleHandleA(c"kernelbase.dll".as_ptr()), name.as_ptr()) };
    if function.is_null() {
        return Err(Error::own(error::Call::Reserve, ErrorKind::Unsupported));
    }
    // SAFETY: the caller's promise; a function's address is as long as a pointer.
    Ok(unsafe { mem::transmute_copy(&function) })
}

/// How this system names an open file: a handle.
pub type RawFile = Handle;

/// What else the system must be told about a [`Mapping`](crate::Mapping): opaque.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    pub(crate) prot: Prot,
    kind: Kind,
    /// log2 of the unit that the offset was aligned to, or 0 if it was a multiple: then the address is the view's own.
    unit: u8,
    /// Whether it lies where a reservation was, with all of whose units it goes.
    placed: bool,
    /// A duplicate of the file's handle, for `flush`, or 0. Only what can be written to the file has one. Handles have
    /// 32 significant bits (Microsoft, "Interprocess Communication Between 32-bit and 64-bit Applications").
    file: u32,
}

/// What was mapped, and so what unmaps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anon,
    LargePages,
    Shared,
    Copy,
}

impl Backing {
    pub(crate) const EMPTY: Self =
        Self { prot: Prot::READ, kind: Kind::Anon, unit: 0, placed: false, file: 0 };

    fn file(&self) -> Handle {
        self.file as i32 as Handle
    }

    /// The size of the mapping's pages in bytes.
    pub(crate) fn page_size(&self) -> usize {
        if self.kind == Kind::LargePages { large_page_size() } else { page_size() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    CreateEventW,
    CreateFileMappingW,
    CreateFileW,
    DuplicateHandle,
    FlushFileBuffers,
    FlushInstructionCache,
    FlushViewOfFile,
    GetFileInformationByHandleEx,
    GetFileType,
    GetFullPathNameW,
    MapViewOfFile,
    MapViewOfFile3,
    MultiByteToWideChar,
    PrefetchVirtualMemory,
    ReadFile,
    SetFileInformationByHandle,
    SetFilePointerEx,
    UnmapViewOfFile,
    UnmapViewOfFile2,
    VirtualAlloc,
    VirtualAlloc2,
    VirtualFree,
    VirtualLock,
    VirtualProtect,
    VirtualUnlock,
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CreateEventW => "CreateEventW",
            Self::CreateFileMappingW => "CreateFileMappingW",
            Self::CreateFileW => "CreateFileW",
            Self::DuplicateHandle => "DuplicateHandle",
            Self::FlushFileBuffers => "FlushFileBuffers",
            Self::FlushInstructionCache => "FlushInstructionCache",
            Self::FlushViewOfFile => "FlushViewOfFile",
            Self::GetFileInformationByHandleEx => "GetFileInformationByHandleEx",
            Self::GetFileType => "GetFileType",
            Self::GetFullPathNameW => "GetFullPathNameW",
            Self::MapViewOfFile => "MapViewOfFile",
            Self::MapViewOfFile3 => "MapViewOfFile3",
            Self::MultiByteToWideChar => "MultiByteToWideChar",
            Self::PrefetchVirtualMemory => "PrefetchVirtualMemory",
            Self::ReadFile => "ReadFile",
            Self::SetFileInformationByHandle => "SetFileInformationByHandle",
            Self::SetFilePointerEx => "SetFilePointerEx",
            Self::UnmapViewOfFile => "UnmapViewOfFile",
            Self::UnmapViewOfFile2 => "UnmapViewOfFile2",
            Self::VirtualAlloc => "VirtualAlloc",
            Self::VirtualAlloc2 => "VirtualAlloc2",
            Self::VirtualFree => "VirtualFree",
            Self::VirtualLock => "VirtualLock",
            Self::VirtualProtect => "VirtualProtect",
            Self::VirtualUnlock => "VirtualUnlock",
        }
    }
}

fn last_error(call: Call) -> Error {
    // SAFETY: it has no condition.
    Error::system(call, unsafe { GetLastError() } as i32)
}

/// What answers with a BOOL is 0 for an error.
fn checked(call: Call, result: i32) -> Result<()> {
    if result == 0 { Err(last_error(call)) } else { Ok(()) }
}

fn process() -> Handle {
    // SAFETY: it has no condition.
    unsafe { GetCurrentProcess() }
}

/// Others may read, write and delete the file meanwhile, as on the other systems.
pub(crate) fn open(path: &CStr, open: Open) -> Result<RawFile> {
    const GENERIC_READ: u32 = 0x80000000;
    const GENERIC_WRITE: u32 = 0x40000000;
    const GENERIC_EXECUTE: u32 = 0x20000000;
    const FILE_SHARE_READ: u32 = 0x1;
    const FILE_SHARE_WRITE: u32 = 0x2;
    const FILE_SHARE_DELETE: u32 = 0x4;
    const OPEN_EXISTING: u32 = 3;
    const OPEN_ALWAYS: u32 = 4;
    const FILE_ATTRIBUTE_NORMAL: u32 = 0x80;
    // With SECURITY_ANONYMOUS, which is 0. Without it the server of a named pipe, which a path may name, may act as its
    // client (Microsoft, "Impersonating a Named Pipe Client").
    const SECURITY_SQOS_PRESENT: u32 = 0x00100000;
    const FILE_ATTRIBUTE_DIRECTORY: u32 = 0x10;
    const INVALID_FILE_ATTRIBUTES: u32 = 0xffffffff;
    const INVALID_HANDLE_VALUE: Handle = -1;
    let (access, disposition) = match open {
        Open::Read => (GENERIC_READ, OPEN_EXISTING),
        Open::ReadWrite => (GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING),
        // Not CREATE_ALWAYS, which is refused for a hidden file.
        Open::Create => (GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS),
    };
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    let (file, was_there) = with_wide(path, |path| {
        let open = |access| {
            let flags = FILE_ATTRIBUTE_NORMAL | SECURITY_SQOS_PRESENT;
            // SAFETY: `path` ends in NUL. Without security attributes no child inherits the handle.
            match unsafe { CreateFileW(path, access, share, null_mut(), disposition, flags, 0) } {
                INVALID_HANDLE_VALUE => Err(last_error(Call::CreateFileW)),
                // Of OPEN_ALWAYS the code says whether the file was there.
                file => {
                    Ok((file, last_error(Call::CreateFileW).raw_os_error() == Some(ERROR_ALREADY_EXISTS)))
                }
            }
        };
        // To map it with EXEC the handle needs this right too; not everyone has it on every file.
        let result = match open(access | GENERIC_EXECUTE) {
            Err(error) if error.raw_os_error() == Some(ERROR_ACCESS_DENIED) => open(access),
            result => result,
        };
        result.map_err(|error| {
            // SAFETY: as above.
            let attributes = unsafe { GetFileAttributesW(path) };
            let is_directory =
                attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY != 0;
            if is_directory { error.of_kind(ErrorKind::NotMappable) } else { error }
        })
    })?;
    match open {
        Open::Create if was_there => set_len(file, 0).map(|()| file).inspect_err(|_| close(file)),
        _ => Ok(file),
    }
}

/// Calls `f` with the path in UTF-16. A path of more than MAX_PATH units is for CreateFileW one that begins with `\\?\`,
/// which must be absolute and have no `/`, `.` and `..` (Microsoft, "Maximum Path Length Limitation").
fn with_wide<T>(path: &CStr, f: impl FnOnce(*const u16) -> Result<T>) -> Result<T> {
    /// MAX_PATH is 260, NUL included, and a folder must have room for 12 more.
    const SHORT: usize = 248;
    const LONG: usize = 32768;
    /// What `\\?\UNC\server` has more than `\\server`.
    const ROOM: usize = 6;
    const SEPARATOR: u16 = b'\\' as u16;
    let convert = |to: *mut u16, len: usize| {
        const CP_UTF8: u32 = 65001;
        const MB_ERR_INVALID_CHARS: u32 = 8;
        // SAFETY: `path` ends in NUL, and `to` has room for `len` units.
        let units =
            unsafe { MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.as_ptr(), -1, to, len as i32) };
        checked(Call::MultiByteToWideChar, units)
    };
    // A path has no more units in UTF-16 than bytes in UTF-8.
    if path.count_bytes() < SHORT {
        let mut short = [MaybeUninit::<u16>::uninit(); SHORT];
        let short = short.as_mut_ptr().cast();
        convert(short, SHORT)?;
        // SAFETY: `short` ends in NUL, and nothing is written. A relative path may be long in its folder.
        if unsafe { GetFullPathNameW(short, 0, null_mut(), null_mut()) } < SHORT as u32 {
            return f(short);
        }
    }
    // Not on the stack, which may be small.
    let len = (2 * LONG + ROOM) * size_of::<u16>();
    // SAFETY: there is no place to answer for.
    let (scratch, backing) =
        unsafe { map_anon(len, Prot::WRITE, Flags::NONE, None) }.map_err(|refused| refused.error)?;
    let given = scratch.as_ptr().cast::<u16>();
    // SAFETY: within the scratch memory, which has so many units.
    let full = unsafe { given.add(LONG + ROOM) };
    let result = convert(given, LONG).and_then(|()| {
        // SAFETY: `given` ends in NUL and `full` has room for as many units as are told.
        let units = unsafe { GetFullPathNameW(given, LONG as u32, full, null_mut()) };
        if units == 0 {
            return Err(last_error(Call::GetFullPathNameW));
        }
        if units >= LONG as u32 {
            return Err(Error::system(Call::GetFullPathNameW, ERROR_FILENAME_EXCED_RANGE));
        }
        let prefix = |prefix: &[u8], at: usize| {
            for (unit, i) in prefix.iter().zip(LONG + at..) {
                // SAFETY: within the scratch memory, before or in the first units of `full`.
                unsafe { given.add(i).write((*unit).into()) };
            }
            // SAFETY: as above.
            unsafe { given.add(LONG + at) }
        };
        // SAFETY: `full` is longer than 3 units.
        let start = unsafe { full.cast::<[u16; 3]>().read_unaligned() };
        f(match start {
            // `\\?\` and `\\.\`, the names of devices.
            [SEPARATOR, SEPARATOR, 0x3f | 0x2e] => full,
            [SEPARATOR, SEPARATOR, _] => prefix(br"\\?\UNC", 0),
            _ => prefix(br"\\?\", 2),
        })
    });
    // SAFETY: the scratch memory is not used any more. Should it stay, that is no reason to lose a file that is open.
    let _ = unsafe { unmap(scratch, len, &backing) };
    result
}

pub(crate) fn close(file: RawFile) {
    // SAFETY: the caller gives the handle up. An error of earlier writes is for `sync` to tell.
    unsafe { CloseHandle(file) };
}

pub(crate) fn stat(file: RawFile) -> Result<FileStatus> {
    let other = FileStatus { kind: FileKind::Other, len: 0, block_size: 0 };
    match file_type(file)? {
        FILE_TYPE_DISK => {}
        _ => return Ok(other),
    }
    match standard_info(file) {
        Ok(info) if info.directory != 0 => Ok(other),
        Ok(info) => Ok(FileStatus { kind: FileKind::Regular, len: info.end_of_file as u64, block_size: 0 }),
        // A disk or a volume, which can only be read.
        Err(error)
            if matches!(error.raw_os_error(), Some(ERROR_INVALID_FUNCTION | ERROR_INVALID_PARAMETER)) =>
        {
            Ok(other)
        }
        Err(error) => Err(error),
    }
}

fn standard_info(file: RawFile) -> Result<FileStandardInfo> {
    const FILE_STANDARD_INFO: i32 = 1;
    let mut info = MaybeUninit::<FileStandardInfo>::uninit();
    // SAFETY: `info` has the layout and the length that the function writes.
    let result = unsafe {
        let len = size_of::<FileStandardInfo>() as u32;
        GetFileInformationByHandleEx(file, FILE_STANDARD_INFO, info.as_mut_ptr().cast(), len)
    };
    checked(Call::GetFileInformationByHandleEx, result)?;
    // SAFETY: it was written.
    Ok(unsafe { info.assume_init() })
}

const FILE_TYPE_DISK: u32 = 1;

fn file_type(file: RawFile) -> Result<u32> {
    const FILE_TYPE_UNKNOWN: u32 = 0;
    // SAFETY: touches no memory of ours.
    match unsafe { GetFileType(file) } {
        FILE_TYPE_UNKNOWN => match last_error(Call::GetFileType) {
            error if error.raw_os_error().is_some() => Err(error),
            _ => Ok(FILE_TYPE_UNKNOWN),
        },
        kind => Ok(kind),
    }
}

/// Of Linux's own files, as Windows sees those of its subsystem and Wine those of its host, some have contents and say that
/// they have none. A section of no bytes is refused for any file, so that only reading tells.
pub(crate) fn is_empty_file_mappable(file: RawFile, _: usize) -> bool {
    let mut byte = 0_u8;
    // SAFETY: `byte` is writable.
    !matches!(unsafe { read(file, &raw mut byte, 1, Some(0)) }, Ok(1..))
}

pub(crate) fn set_len(file: RawFile, len: u64) -> Result<()> {
    const FILE_END_OF_FILE_INFO: i32 = 6;
    let mut info = FileEndOfFileInfo { end_of_file: len as i64 };
    // SAFETY: `info` has the layout and the length that the function reads.
    let result = unsafe {
        let len = size_of::<FileEndOfFileInfo>() as u32;
        SetFileInformationByHandle(file, FILE_END_OF_FILE_INFO, (&raw mut info).cast(), len)
    };
    checked(Call::SetFileInformationByHandle, result)
}

pub(crate) fn sync(file: RawFile) -> Result<()> {
    // SAFETY: touches no memory of ours.
    checked(Call::FlushFileBuffers, unsafe { FlushFileBuffers(file) })
}

/// A handle that was opened with FILE_FLAG_OVERLAPPED, which nothing in kernel32 tells, returns while it reads, and is
/// signaled when any of its operations ends. So each read has an OVERLAPPED and an event of its own. Of any other handle a
/// read at an offset moves the position, which is set back: no call reads without moving it. Another thread that uses
/// the position meanwhile finds it moved.
pub(crate) unsafe fn read(file: RawFile, to: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
    const STATUS_PENDING: usize = 0x103;
    // A pipe or a terminal takes no notice of an offset.
    let has_offsets = file_type(file)? == FILE_TYPE_DISK;
    let (offset, position) = match offset {
        Some(_) if !has_offsets => return Err(Error::own(error::Call::ReadAt, ErrorKind::NotSeekable)),
        // Among these is FILE_USE_FILE_POINTER_POSITION.
        Some(offset) if i64::try_from(offset).is_err() => {
            return Err(Error::own(error::Call::ReadAt, ErrorKind::Overflow));
        }
        Some(offset) => (offset, position(file)?),
        None if has_offsets => (position(file)?.unwrap_or(0) as u64, None),
        None => (0, None),
    };
    if len == 0 {
        return Ok(0);
    }
    // SAFETY: touches no memory of ours.
    let event = unsafe { CreateEventW(null_mut(), 1, 0, null()) };
    if event == 0 {
        return Err(last_error(Call::CreateEventW));
    }
    let len = len.min(i32::MAX as usize) as u32;
    let (offset_high, offset) = halves(offset);
    let read = loop {
        // The lowest bit, which is no part of a handle, keeps a completion port from being sent the address of what is
        // gone then (Microsoft, "GetQueuedCompletionStatus function").
        let mut overlapped =
            Overlapped { internal: 0, internal_high: 0, offset, offset_high, h_event: event | 1 };
        let overlapped = &raw mut overlapped;
        let mut read = 0;
        // SAFETY: the caller lends `len` bytes at `to`. They and `overlapped` stay until the system is done with them.
        let done = unsafe {
            let done = ReadFile(file, to.cast(), len, &mut read, overlapped);
            if done == 0 && matches!(GetLastError() as i32, ERROR_IO_PENDING | ERROR_MORE_DATA) {
                // Whatever else happens: not before the system is done.
                while (&raw const (*overlapped).internal).read_volatile() == STATUS_PENDING {
                    GetOverlappedResult(file, overlapped, &mut read, 1);
                }
                GetOverlappedResult(file, overlapped, &mut read, 1)
            } else {
                done
            }
        };
        match checked(Call::ReadFile, done) {
            // Somebody wrote no bytes to a pipe. Of a socket it is the end.
            // SAFETY: nothing is asked for but whether it is a pipe.
            Ok(())
                if read == 0
                    && unsafe { GetNamedPipeInfo(file, null_mut(), null_mut(), null_mut(), null_mut()) }
                        != 0 => {}
            Ok(()) => break Ok(read as usize),
            Err(error) => {
                break match error.raw_os_error() {
                    // The end of a file, and of a pipe.
                    Some(ERROR_HANDLE_EOF | ERROR_BROKEN_PIPE) => Ok(0),
                    // A part of a message; a later read has the rest.
                    Some(ERROR_MORE_DATA) => Ok(read as usize),
                    // A pipe with PIPE_NOWAIT.
                    Some(ERROR_NO_DATA) => Err(error.of_kind(ErrorKind::WouldBlock)),
                    _ if standard_info(file).is_ok_and(|info| info.directory != 0) => {
                        Err(error.of_kind(ErrorKind::NotMappable))
                    }
                    _ => Err(error),
                };
            }
        }
    };
    close(event);
    if let Some(position) = position {
        const FILE_BEGIN: u32 = 0;
        // SAFETY: touches no memory of ours.
        let result = unsafe { SetFilePointerEx(file, position, null_mut(), FILE_BEGIN) };
        checked(Call::SetFilePointerEx, result)?;
    }
    read
}

/// The file's position, if it has one: of a device that was opened with FILE_FLAG_OVERLAPPED its driver is asked, which
/// need not know the question.
fn position(file: RawFile) -> Result<Option<i64>> {
    const FILE_CURRENT: u32 = 1;
    let mut position = 0;
    // SAFETY: `position` is written to.
    let result = unsafe { SetFilePointerEx(file, 0, &mut position, FILE_CURRENT) };
    match checked(Call::SetFilePointerEx, result) {
        Err(error) if matches!(error.raw_os_error(), Some(ERROR_INVALID_FUNCTION | ERROR_NOT_SUPPORTED)) => {
            Ok(None)
        }
        result => result.map(|()| Some(position)),
    }
}

/// The high and the low 32 bits.
fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

pub(crate) fn page_size() -> usize {
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    asked_once(&PAGE_SIZE, |info| info.dw_page_size)
}

pub(crate) fn allocation_granularity() -> usize {
    static GRANULARITY: AtomicUsize = AtomicUsize::new(0);
    asked_once(&GRANULARITY, |info| info.dw_allocation_granularity)
}

fn asked_once(size: &AtomicUsize, field: fn(&SystemInfo) -> u32) -> usize {
    let known = size.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let mut info = MaybeUninit::uninit();
    // SAFETY: `info` has the layout that the function writes, all of it.
    let asked = unsafe {
        GetSystemInfo(info.as_mut_ptr());
        field(info.assume_init_ref())
    };
    size.store(asked as usize, Ordering::Relaxed);
    asked as usize
}

/// The protection of pages, which for a copy on write says so.
fn protection(prot: Prot, kind: Kind) -> u32 {
    const PAGE_READONLY: u32 = 0x02;
    const PAGE_READWRITE: u32 = 0x04;
    const PAGE_WRITECOPY: u32 = 0x08;
    const PAGE_EXECUTE_READ: u32 = 0x20;
    const PAGE_EXECUTE_READWRITE: u32 = 0x40;
    const PAGE_EXECUTE_WRITECOPY: u32 = 0x80;
    match (prot.contains(Prot::WRITE), prot.contains(Prot::EXEC), kind == Kind::Copy) {
        (false, false, _) => PAGE_READONLY,
        (false, true, _) => PAGE_EXECUTE_READ,
        (true, false, false) => PAGE_READWRITE,
        (true, true, false) => PAGE_EXECUTE_READWRITE,
        (true, false, true) => PAGE_WRITECOPY,
        (true, true, true) => PAGE_EXECUTE_WRITECOPY,
    }
}

pub(crate) unsafe fn map_file(
    file: RawFile,
    _: usize,
    offset: u64,
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    const FILE_MAP_COPY: u32 = 0x1;
    const FILE_MAP_WRITE: u32 = 0x2;
    const FILE_MAP_READ: u32 = 0x4;
    const FILE_MAP_EXECUTE: u32 = 0x20;
    if flags.contains(Flags::HUGETLB) {
        return Err(Error::unsupported(Flags::HUGETLB).into());
    }
    // A copy could become writable later, so it is made writable, and the right is taken away below.
    let (kind, most, mut access) = match flags.contains(Flags::COW) {
        true if flags.contains(Flags::NORESERVE) => return Err(Error::unsupported(Flags::NORESERVE).into()),
        true => (Kind::Copy, prot | Prot::WRITE, FILE_MAP_COPY),
        false if prot.contains(Prot::WRITE) => (Kind::Shared, prot, FILE_MAP_WRITE),
        false => (Kind::Shared, prot, FILE_MAP_READ),
    };
    if prot.contains(Prot::EXEC) {
        access |= FILE_MAP_EXECUTE;
    }
    let mut backing = Backing { prot, kind, placed: place.is_some(), ..Backing::EMPTY };
    if offset != 0 {
        backing.unit = allocation_granularity().trailing_zeros() as u8;
    }
    let before = offset as usize & ((1 << backing.unit) - 1);
    // First what can fail and needs no undoing but to close a handle.
    if kind == Kind::Shared && prot.contains(Prot::WRITE) {
        backing.file = duplicate(file)? as u32;
    }
    // SAFETY: the caller's promise.
    let mapped = unsafe {
        map_section(file, offset - before as u64, before + len, protection(most, kind), access, place)
    };
    // SAFETY: the view is longer than `before`.
    let ptr = unsafe { mapped.inspect_err(|_| close_duplicate(&backing))?.add(before) };
    if prot != most {
        // SAFETY: the view is not known to anyone yet.
        if let Err(error) = unsafe { protect(ptr, len, &mut backing, prot) } {
            // SAFETY: as above.
            return Err(unsafe { undone((ptr, backing), len, place, error) });
        }
    }
    if flags.contains(Flags::POPULATE) {
        populate(ptr, len, &backing);
    }
    // SAFETY: nobody knows of the mapping yet.
    unsafe { locked((ptr, backing), len, flags, place) }
}

/// A view of a file, by a section that only the view keeps.
///
/// # Safety
/// As `map_file`; the offset is a multiple of the granularity.
unsafe fn map_section(
    file: RawFile,
    offset: u64,
    len: usize,
    protection: u32,
    access: u32,
    place: Option<Place>,
) -> Result<NonNull<u8>> {
    // SAFETY: touches no memory of ours. A size of 0 is the file's, which is never extended so.
    let section = unsafe { CreateFileMappingW(file, null_mut(), protection, 0, 0, null()) };
    if section == 0 {
        let error = last_error(Call::CreateFileMappingW);
        return Err(match stat(file) {
            Ok(FileStatus { kind: FileKind::Regular, .. }) => error,
            _ => error.of_kind(ErrorKind::NotMappable),
        });
    }
    let mapped = match place {
        None => {
            let (offset_high, offset_low) = halves(offset);
            // SAFETY: the system chooses an address where nothing is.
            let base = unsafe { MapViewOfFile(section, access, offset_high, offset_low, len) };
            NonNull::new(base.cast::<u8>()).ok_or_else(|| last_error(Call::MapViewOfFile))
        }
        // SAFETY: the caller's promise.
        Some(place) => unsafe { view_in(place, section, offset, len, protection) },
    };
    close(section);
    mapped.map_err(|error| match error.raw_os_error() {
        // The section allows each view that is asked for here. So the file was truncated meanwhile, and the view would
        // reach beyond it (STATUS_INVALID_VIEW_SIZE).
        Some(ERROR_ACCESS_DENIED) => error.of_kind(ErrorKind::BeyondEnd),
        _ => error,
    })
}

/// A view in place of a placeholder. It has whole pages, and no more of them than the file, so what is left of the last
/// unit stays a placeholder on its own.
///
/// # Safety
/// The placeholder is the caller's, and as long as `len` in whole units.
unsafe fn view_in(
    place: Place,
    section: Handle,
    offset: u64,
    len: usize,
    protection: u32,
) -> Result<NonNull<u8>> {
    // SAFETY: the type of that name.
    let map_view: MapViewOfFile3 = unsafe { find(c"MapViewOfFile3")? };
    let (to, view_len) = (place.0.as_ptr().cast(), len.next_multiple_of(page_size()));
    // SAFETY: the caller's promise, here and below. If the view cannot be mapped, two placeholders are left.
    unsafe { if view_len == place.1 { join(place)? } else { split(place, view_len)? } };
    let map = |len| {
        let how = MEM_REPLACE_PLACEHOLDER;
        // SAFETY: as above.
        let base = unsafe { map_view(section, process(), to, offset, len, how, protection, null_mut(), 0) };
        NonNull::new(base.cast()).ok_or_else(|| last_error(Call::MapViewOfFile3))
    };
    // The length should be one of whole pages, and must not reach beyond the file; at its end it cannot be both.
    map(view_len).or_else(|error| map(len).map_err(|_| error))
}

/// Makes one placeholder of a reservation, which may be two: what fills a part of it was unmapped, or could not be mapped.
/// Whatever uses a reservation does this first, so that nothing need be joined again where it could fail unheard.
///
/// # Safety
/// The place is a reservation of ours.
unsafe fn join((ptr, len): Place) -> Result<()> {
    const MEM_COALESCE_PLACEHOLDERS: u32 = 0x1;
    let mut info = MaybeUninit::<MemoryBasicInformation>::uninit();
    let base = ptr.as_ptr().cast();
    // SAFETY: `info` has the layout and the length that the function writes.
    let written = unsafe { VirtualQuery(base, info.as_mut_ptr(), size_of::<MemoryBasicInformation>()) };
    // SAFETY: it was written.
    if written == 0 || unsafe { info.assume_init_ref() }.region_size >= len {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    checked(Call::VirtualFree, unsafe { VirtualFree(base, len, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS) })
}

/// By VirtualAlloc2.
///
/// # Safety
/// As what is done there.
unsafe fn allocate_at(address: *mut c_void, len: usize, how: u32, protection: u32) -> Result<NonNull<u8>> {
    // SAFETY: the type of that name.
    let allocate: VirtualAlloc2 = unsafe { find(c"VirtualAlloc2")? };
    // SAFETY: the caller's promise.
    let base = unsafe { allocate(process(), address, len, how, protection, null_mut(), 0) };
    NonNull::new(base.cast()).ok_or_else(|| last_error(Call::VirtualAlloc2))
}

pub(crate) fn reserve(address: usize, len: usize) -> Result<NonNull<u8>> {
    const MEM_RESERVE_PLACEHOLDER: u32 = 0x40000;
    const PAGE_NOACCESS: u32 = 0x01;
    let how = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;
    // SAFETY: where nothing is.
    let place = unsafe { allocate_at(core::ptr::without_provenance_mut(address), len, how, PAGE_NOACCESS) };
    place.map_err(|error| match error.raw_os_error() {
        Some(ERROR_INVALID_ADDRESS) if address != 0 => error.of_kind(ErrorKind::Busy),
        // Either no address space has as much, or this flag means nothing here, as to Wine 8.0, which has the function.
        Some(ERROR_INVALID_PARAMETER) => {
            let unit = allocation_granularity();
            // SAFETY: just made, and given up.
            let one = || reserve(0, unit).map(|one| unsafe { release((one, unit)) });
            let known = (address, len) != (0, unit) && one().is_ok();
            error.of_kind(if known { ErrorKind::OutOfMemory } else { ErrorKind::Unsupported })
        }
        _ => error,
    })
}

pub(crate) unsafe fn split(place: Place, at: usize) -> Result<()> {
    // SAFETY: a part of a reservation of ours.
    let result = unsafe {
        join(place)?;
        VirtualFree(place.0.as_ptr().cast(), at, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)
    };
    checked(Call::VirtualFree, result)
}

pub(crate) unsafe fn release(place: Place) -> Result<()> {
    // SAFETY: a whole reservation, which the caller gives up.
    let result = unsafe {
        join(place)?;
        VirtualFree(place.0.as_ptr().cast(), 0, MEM_RELEASE)
    };
    checked(Call::VirtualFree, result)
}

fn duplicate(file: Handle) -> Result<Handle> {
    const DUPLICATE_SAME_ACCESS: u32 = 2;
    let mut duplicate = 0;
    // SAFETY: `duplicate` is written to.
    checked(Call::DuplicateHandle, unsafe {
        DuplicateHandle(process(), file, process(), &mut duplicate, 0, 0, DUPLICATE_SAME_ACCESS)
    })?;
    Ok(duplicate)
}

const MEM_COMMIT: u32 = 0x1000;
const MEM_RESERVE: u32 = 0x2000;
const MEM_RELEASE: u32 = 0x8000;
const MEM_PRESERVE_PLACEHOLDER: u32 = 0x2;
const MEM_REPLACE_PLACEHOLDER: u32 = 0x4000;

pub(crate) unsafe fn map_anon(
    len: usize,
    prot: Prot,
    flags: Flags,
    place: Option<Place>,
) -> Result<View, MapError> {
    const MEM_LARGE_PAGES: u32 = 0x20000000;
    // Memory that can be touched counts against the limit on commitments, touched or not.
    if flags.contains(Flags::NORESERVE) {
        return Err(Error::unsupported(Flags::NORESERVE).into());
    }
    let mut backing = Backing { prot, placed: place.is_some(), ..Backing::EMPTY };
    let mut whole = len;
    let mut how = MEM_RESERVE | MEM_COMMIT;
    if flags.contains(Flags::HUGETLB) {
        let Some(rest) = large_page_size().checked_sub(1) else {
            return Err(Error::unsupported(Flags::HUGETLB).into());
        };
        backing.kind = Kind::LargePages;
        whole = (len + rest) & !rest;
        how |= MEM_LARGE_PAGES;
    }
    let protection = protection(prot, backing.kind);
    let allocated = match place {
        None => {
            // SAFETY: the system chooses an address where nothing is.
            let base = unsafe { VirtualAlloc(null_mut(), whole, how, protection) };
            NonNull::new(base.cast()).ok_or_else(|| last_error(Call::VirtualAlloc))
        }
        Some((to, whole)) => {
            how |= MEM_REPLACE_PLACEHOLDER;
            // SAFETY: the caller's promise.
            unsafe {
                join((to, whole)).and_then(|()| allocate_at(to.as_ptr().cast(), whole, how, protection))
            }
        }
    };
    let ptr = allocated.map_err(|error| match error.raw_os_error() {
        _ if backing.kind == Kind::LargePages => error.of_flag(Flags::HUGETLB),
        // All is as it should be but the length, which no address space has.
        Some(ERROR_INVALID_PARAMETER) => error.of_kind(ErrorKind::OutOfMemory),
        _ => error,
    })?;
    if flags.contains(Flags::POPULATE) {
        populate(ptr, len, &backing);
    }
    // SAFETY: nobody knows of the mapping yet.
    unsafe { locked((ptr, backing), len, flags, place) }
}

/// 0 if the processor has none.
fn large_page_size() -> usize {
    // SAFETY: it has no condition.
    unsafe { GetLargePageMinimum() }
}

/// Makes each page present, and stops where that fails. A page is touched by the kernel, which says so when the disk
/// cannot serve it; a fault of our own would end the process.
fn populate(ptr: NonNull<u8>, len: usize, backing: &Backing) {
    if backing.kind == Kind::LargePages {
        return;
    }
    // SAFETY: a mapping of ours. It reads in large pieces what page faults would read in small ones.
    let _ = unsafe { advise(ptr, len, backing, Advice::WillNeed) };
    let before = ptr.as_ptr().addr() % page_size();
    for at in (0..before + len).step_by(page_size()) {
        let mut byte = 0_u8;
        let from = ptr.as_ptr().wrapping_sub(before).wrapping_add(at).cast();
        // SAFETY: one byte is written to `byte`, of a page that has a part of the mapping.
        let result = unsafe { ReadProcessMemory(process(), from, (&raw mut byte).cast(), 1, null_mut()) };
        if result == 0 {
            return;
        }
    }
}

pub(crate) unsafe fn unmap(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    let ptr = ptr.as_ptr();
    match backing.kind {
        Kind::Anon | Kind::LargePages => {
            // SAFETY: a whole mapping of ours, which the caller gives up.
            checked(Call::VirtualFree, unsafe { VirtualFree(ptr.cast(), 0, MEM_RELEASE) })
        }
        Kind::Shared | Kind::Copy => {
            let before = ptr.addr() & ((1 << backing.unit) - 1);
            // SAFETY: as above; the view's address is a multiple of the granularity.
            let result = unsafe { UnmapViewOfFile(ptr.wrapping_sub(before).cast()) };
            checked(Call::UnmapViewOfFile, result)?;
            let view_len = len.next_multiple_of(page_size());
            if backing.placed && view_len % allocation_granularity() != 0 {
                // SAFETY: the placeholder that `view_in` left behind the view. Should it stay, the mapping is gone all the
                // same, and no error may give it back.
                unsafe { VirtualFree(ptr.wrapping_add(view_len).cast(), 0, MEM_RELEASE) };
            }
            close_duplicate(backing);
            Ok(())
        }
    }
}

fn close_duplicate(backing: &Backing) {
    if backing.file != 0 {
        close(backing.file());
    }
}

pub(crate) unsafe fn vacate(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<Place, MapError> {
    if !backing.placed {
        return Err(Error::own(error::Call::IntoReservation, ErrorKind::Unsupported).into());
    }
    let place = (ptr, len.next_multiple_of(allocation_granularity()));
    let base = ptr.as_ptr().cast();
    match backing.kind {
        Kind::Anon | Kind::LargePages => {
            // SAFETY: a whole mapping of ours, which the caller gives up.
            let result = unsafe { VirtualFree(base, place.1, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER) };
            checked(Call::VirtualFree, result)?;
        }
        Kind::Shared | Kind::Copy => {
            // SAFETY: the type of that name.
            let unmap_view: UnmapViewOfFile2 = unsafe { find(c"UnmapViewOfFile2")? };
            // SAFETY: as above.
            let result = unsafe { unmap_view(process(), base, MEM_PRESERVE_PLACEHOLDER) };
            checked(Call::UnmapViewOfFile2, result)?;
            close_duplicate(backing);
        }
    }
    Ok(place)
}

/// Address and length for functions that work on the pages in which these bytes lie; of large pages only on whole ones.
fn pages(ptr: NonNull<u8>, len: usize, backing: &Backing) -> (*mut c_void, usize) {
    if backing.kind != Kind::LargePages {
        return (ptr.as_ptr().cast(), len);
    }
    let rest = large_page_size() - 1;
    let before = ptr.as_ptr().addr() & rest;
    (ptr.as_ptr().wrapping_sub(before).cast(), (before + len + rest) & !rest)
}

pub(crate) unsafe fn protect(ptr: NonNull<u8>, len: usize, backing: &mut Backing, prot: Prot) -> Result<()> {
    let (base, pages_len) = pages(ptr, len, backing);
    if prot.contains(Prot::EXEC) {
        // First, as it can be refused and changes nothing: what is written is written by now.
        // SAFETY: a mapping of ours, and READ is part of every `Prot`.
        let result = unsafe { FlushInstructionCache(process(), ptr.as_ptr().cast(), len) };
        checked(Call::FlushInstructionCache, result)?;
    }
    let mut old = 0;
    // SAFETY: a mapping of ours; the caller holds no reference that needs more rights.
    let result = unsafe { VirtualProtect(base, pages_len, protection(prot, backing.kind), &mut old) };
    if let Err(error) = checked(Call::VirtualProtect, result) {
        backing.prot = backing.prot & prot;
        return Err(match error.raw_os_error() {
            // All is as it should be but the rights, which must be among those that the view was mapped with
            // (STATUS_SECTION_PROTECTION).
            Some(ERROR_INVALID_PARAMETER) => error.of_kind(ErrorKind::PermissionDenied),
            _ => error,
        });
    }
    backing.prot = prot;
    Ok(())
}

/// Large pages are always resident (Microsoft, "Large-Page Support").
pub(crate) unsafe fn lock(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    if backing.kind == Kind::LargePages {
        return Ok(());
    }
    // SAFETY: a mapping of ours; its contents stay.
    checked(Call::VirtualLock, unsafe { VirtualLock(ptr.as_ptr().cast(), len) }).inspect_err(|_| {
        // Nothing says that none of the pages is locked then.
        // SAFETY: as above.
        unsafe { VirtualUnlock(ptr.as_ptr().cast(), len) };
    })
}

/// Of pages that are not locked this takes away that they are resident.
pub(crate) unsafe fn unlock(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    if backing.kind == Kind::LargePages {
        return Ok(());
    }
    // SAFETY: as in `lock`.
    match checked(Call::VirtualUnlock, unsafe { VirtualUnlock(ptr.as_ptr().cast(), len) }) {
        Err(error) if error.raw_os_error() == Some(ERROR_NOT_LOCKED) => Ok(()),
        result => result,
    }
}

/// FlushViewOfFile gives changed pages to the file system and does not wait for the disk; FlushFileBuffers does, and
/// brings the metadata there.
pub(crate) unsafe fn flush(ptr: NonNull<u8>, len: usize, backing: &Backing, wait: bool) -> Result<()> {
    if backing.file == 0 {
        return Ok(());
    }
    // While the system writes the same pages, the call now and then fails with ERROR_LOCK_VIOLATION, as the runtimes of
    // .NET and Java found, which try it again too. All pauses together are half a second.
    for pause in (0..10).map(|n| (1 << n) - 1) {
        // SAFETY: a part of a view of ours; its contents stay.
        match checked(Call::FlushViewOfFile, unsafe { FlushViewOfFile(ptr.as_ptr().cast(), len) }) {
            // SAFETY: it has no condition.
            Err(error) if error.raw_os_error() == Some(ERROR_LOCK_VIOLATION) && pause < 500 => unsafe {
                Sleep(pause)
            },
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    if wait { sync(backing.file()) } else { Ok(()) }
}

/// Of the other advice Windows has none that keeps both contents and locks: OfferVirtualMemory lets contents go, and
/// VirtualUnlock, which takes pages out of the working set, unlocks.
pub(crate) unsafe fn advise(ptr: NonNull<u8>, len: usize, backing: &Backing, advice: Advice) -> Result<()> {
    if advice != Advice::WillNeed || backing.kind == Kind::LargePages {
        return Ok(());
    }
    let mut range = Win32MemoryRangeEntry { virtual_address: ptr.as_ptr().cast(), number_of_bytes: len };
    // SAFETY: a part of a mapping of ours; its contents stay.
    checked(Call::PrefetchVirtualMemory, unsafe { PrefetchVirtualMemory(process(), 1, &mut range, 0) })
}

pub(crate) unsafe fn discard(
    ptr: NonNull<u8>,
    len: usize,
    backing: &Backing,
    discard: Discard,
) -> Result<()> {
    let refused = |kind| Err(Error::own(error::Call::Discard, kind));
    match (discard, backing.kind) {
        // SAFETY: the caller's promise.
        (Discard::DontNeed, Kind::Anon) => unsafe { zero(ptr, len, backing) },
        // Large pages are never given back in part.
        (Discard::DontNeed, Kind::LargePages) if backing.prot.contains(Prot::WRITE) => {
            // SAFETY: the caller's promise; they can be written to.
            unsafe { ptr.write_bytes(0, len) };
            Ok(())
        }
        // SAFETY: a part of a view of ours, whose contents are the file's.
        (Discard::DontNeed, Kind::Shared) if !is_locked(ptr) => unsafe { unlock(ptr, len, backing) },
        // They stay resident, as was promised.
        (Discard::DontNeed, Kind::Shared) => Ok(()),
        // Contents may be kept or become zeros. DiscardVirtualMemory does the same at once, but not every Windows has
        // it, and OfferVirtualMemory wants the memory reclaimed before it is written to.
        // SAFETY: as above.
        (Discard::Free, Kind::Anon) => unsafe { reset(ptr, len) },
        // Private pages become the file's again only by mapping it anew, and a hole needs the offset in the file; the
        // mapping knows neither.
        (Discard::DontNeed, Kind::Copy | Kind::LargePages) | (Discard::Remove, Kind::Shared) => {
            refused(ErrorKind::Unsupported)
        }
        (Discard::Free | Discard::Remove, _) => refused(ErrorKind::InvalidInput),
    }
}

/// Makes zeros of a part of fresh memory, and gives its pages back. MEM_DECOMMIT and MEM_COMMIT would do the same without
/// touching a page; but others may take the commitment in between, or a job's limit forbid it, and then the memory is
/// gone. Here it is always there.
///
/// # Safety
/// As `discard`.
unsafe fn zero(ptr: NonNull<u8>, len: usize, backing: &Backing) -> Result<()> {
    /// So much is resident at a time.
    const PIECE: usize = 1 << 20;
    // First, so that nothing is read from the paging file to be written to.
    // SAFETY: the caller's promise, here and below.
    unsafe { reset(ptr, len)? };
    let is_writable = backing.prot.contains(Prot::WRITE);
    let protect = |prot| {
        let mut old = 0;
        // SAFETY: as above. Who runs what lies there does not let its contents go.
        checked(Call::VirtualProtect, unsafe {
            VirtualProtect(ptr.as_ptr().cast(), len, protection(prot, backing.kind), &mut old)
        })
    };
    if !is_writable {
        protect(Prot::WRITE)?;
    }
    let is_locked = is_locked(ptr);
    for at in (0..len).step_by(PIECE) {
        let piece = PIECE.min(len - at);
        // SAFETY: as above. That the pages are given back is not essential. Reset pages keep their contents or become
        // zeros, which is the same here (Microsoft, "VirtualAlloc function", MEM_RESET_UNDO).
        unsafe {
            let ptr = ptr.add(at);
            ptr.write_bytes(0, piece);
            if reset(ptr, piece).is_ok() && !is_locked {
                let _ = unlock(ptr, piece, backing);
            }
        }
    }
    if is_writable { Ok(()) } else { protect(backing.prot) }
}

/// The pages need not be read from or written to the paging file.
///
/// # Safety
/// A part of fresh memory of ours, whose contents the caller lets go.
unsafe fn reset(ptr: NonNull<u8>, len: usize) -> Result<()> {
    const MEM_RESET: u32 = 0x80000;
    // SAFETY: the caller's promise. The protection is not looked at.
    let result =
        unsafe { VirtualAlloc(ptr.as_ptr().cast(), len, MEM_RESET, protection(Prot::READ, Kind::Anon)) };
    if result.is_null() { Err(last_error(Call::VirtualAlloc)) } else { Ok(()) }
}

/// Whether a page is locked, as all of a mapping or none are; it is taken for locked if that cannot be known.
fn is_locked(ptr: NonNull<u8>) -> bool {
    const LOCKED: usize = 1 << 22;
    let mut page =
        PsapiWorkingSetExInformation { virtual_address: ptr.as_ptr().cast(), virtual_attributes: 0 };
    let len = size_of::<PsapiWorkingSetExInformation>() as u32;
    // SAFETY: `page` is written to.
    let result = unsafe { K32QueryWorkingSetEx(process(), &mut page, len) };
    result == 0 || page.virtual_attributes & LOCKED != 0
}

const ERROR_INVALID_FUNCTION: i32 = 1;
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_LOCK_VIOLATION: i32 = 33;
const ERROR_HANDLE_EOF: i32 = 38;
const ERROR_NOT_SUPPORTED: i32 = 50;
const ERROR_INVALID_PARAMETER: i32 = 87;
const ERROR_BROKEN_PIPE: i32 = 109;
const ERROR_NOT_LOCKED: i32 = 158;
const ERROR_ALREADY_EXISTS: i32 = 183;
const ERROR_FILENAME_EXCED_RANGE: i32 = 206;
const ERROR_NO_DATA: i32 = 232;
const ERROR_MORE_DATA: i32 = 234;
const ERROR_INVALID_ADDRESS: i32 = 487;
const ERROR_IO_PENDING: i32 = 997;

#[cfg(feature = "std")]
pub(crate) use with_std::*;

#[cfg(feature = "std")]
mod with_std {
    use super::RawFile;
    pub(crate) use std::os::windows::io::{
        AsHandle as AsFile, BorrowedHandle as BorrowedFile, OwnedHandle as OwnedFile,
    };
    use std::os::windows::io::{AsRawHandle, FromRawHandle, IntoRawHandle, RawHandle};

    #[inline]
    pub(crate) fn raw_file(file: &impl AsFile) -> RawFile {
        file.as_handle().as_raw_handle() as RawFile
    }

    /// Implements the trait of what lends an open file, for a type whose reference converts into a lent one.
    macro_rules! impl_as_file {
        ($type:ty) => {
            impl std::os::windows::io::AsHandle for $type {
                #[inline]
                fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
                    self.into()
                }
            }
        };
    }
    pub(crate) use impl_as_file;

    /// # Safety
    /// The file is open for `'a`.
    #[inline]
    pub(crate) unsafe fn borrow_file<'a>(file: RawFile) -> BorrowedFile<'a> {
        // SAFETY: the caller's promise.
        unsafe { BorrowedFile::borrow_raw(file as RawHandle) }
    }

    /// # Safety
    /// The file is open, and the caller gives it up.
    pub(crate) unsafe fn into_owned_file(file: RawFile) -> OwnedFile {
        // SAFETY: the caller's promise.
        unsafe { OwnedFile::from_raw_handle(file as RawHandle) }
    }

    pub(crate) fn from_owned_file(file: OwnedFile) -> RawFile {
        file.into_raw_handle() as RawFile
    }
}
