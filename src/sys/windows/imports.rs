//! What kernel32 exports, declared by hand: functions, the layouts of their arguments, and the constants that more than
//! one file uses.
//!
//! Functions are bound by name (raw-dylib), so that no import library is needed. A program does not load if an import is
//! missing, so only functions of every Windows 10 are imported. Later ones have only a type here; `placeholder.rs` looks
//! them up. Layouts and numbers are those of the SDK's `winnt.h`, `WinBase.h`, `fileapi.h` and `winerror.h`, with which
//! ci/abi compares them.

use core::ffi::{c_char, c_void};

pub(super) type Handle = isize;

pub(super) const GENERIC_READ: u32 = 0x80000000;
pub(super) const GENERIC_WRITE: u32 = 0x40000000;
pub(super) const GENERIC_EXECUTE: u32 = 0x20000000;
pub(super) const CREATE_NEW: u32 = 1;
pub(super) const FILE_MAP_WRITE: u32 = 0x2;
pub(super) const FILE_MAP_READ: u32 = 0x4;
pub(super) const FILE_MAP_EXECUTE: u32 = 0x20;
pub(super) const INVALID_HANDLE_VALUE: Handle = -1;
pub(super) const FILE_TYPE_DISK: u32 = 1;
pub(super) const MEM_COMMIT: u32 = 0x1000;
pub(super) const MEM_RESERVE: u32 = 0x2000;
pub(super) const MEM_DECOMMIT: u32 = 0x4000;
pub(super) const MEM_RELEASE: u32 = 0x8000;
pub(super) const MEM_COALESCE_PLACEHOLDERS: u32 = 0x1;
pub(super) const MEM_PRESERVE_PLACEHOLDER: u32 = 0x2;
pub(super) const MEM_REPLACE_PLACEHOLDER: u32 = 0x4000;
pub(super) const PAGE_NOACCESS: u32 = 0x01;
pub(super) const PAGE_READONLY: u32 = 0x02;
pub(super) const PAGE_READWRITE: u32 = 0x04;
pub(super) const PAGE_WRITECOPY: u32 = 0x08;
pub(super) const PAGE_EXECUTE_READ: u32 = 0x20;
pub(super) const PAGE_EXECUTE_READWRITE: u32 = 0x40;
pub(super) const PAGE_EXECUTE_WRITECOPY: u32 = 0x80;

pub(super) const ERROR_INVALID_FUNCTION: i32 = 1;
pub(super) const ERROR_ACCESS_DENIED: i32 = 5;
pub(super) const ERROR_NOT_SUPPORTED: i32 = 50;
pub(super) const ERROR_FILE_EXISTS: i32 = 80;
pub(super) const ERROR_INVALID_PARAMETER: i32 = 87;
pub(super) const ERROR_NOT_LOCKED: i32 = 158;
pub(super) const ERROR_ALREADY_EXISTS: i32 = 183;

/// A thread's registers. Each architecture has its own name for the program counter.
#[cfg(any(baremap_arch = "x86_64", baremap_arch = "arm64ec"))]
#[repr(C)]
pub(super) struct Context {
    _before: [u64; 31],
    pub(super) rip: usize,
    _after: [u64; 122],
}

#[cfg(baremap_arch = "x86")]
#[repr(C)]
pub(super) struct Context {
    _before: [u32; 46],
    pub(super) eip: usize,
    _after: [u32; 132],
}

#[cfg(baremap_arch = "aarch64")]
#[repr(C)]
pub(super) struct Context {
    _before: [u64; 33],
    pub(super) pc: usize,
    _after: [u64; 80],
}

#[repr(C)]
pub(super) struct ExceptionRecord {
    pub(super) exception_code: u32,
    _exception_flags: u32,
    _exception_record: *mut c_void,
    _exception_address: *mut c_void,
    _number_parameters: u32,
    _exception_information: [usize; 15],
}

#[repr(C)]
pub(super) struct ExceptionPointers {
    pub(super) exception_record: *mut ExceptionRecord,
    pub(super) context_record: *mut Context,
}

#[repr(C)]
pub(super) struct FileStandardInfo {
    pub(super) allocation_size: i64,
    pub(super) end_of_file: i64,
    pub(super) number_of_links: u32,
    pub(super) delete_pending: u8,
    pub(super) directory: u8,
}

#[repr(C)]
pub(super) struct FileAllocationInfo {
    pub(super) allocation_size: i64,
}

#[repr(C)]
pub(super) struct FileEndOfFileInfo {
    pub(super) end_of_file: i64,
}

#[repr(C)]
pub(super) struct Overlapped {
    pub(super) internal: usize,
    pub(super) internal_high: usize,
    pub(super) offset: u32,
    pub(super) offset_high: u32,
    pub(super) h_event: Handle,
}

#[repr(C)]
pub(super) struct MemoryBasicInformation {
    pub(super) base_address: *mut c_void,
    pub(super) allocation_base: *mut c_void,
    pub(super) allocation_protect: u32,
    pub(super) region_size: usize,
    pub(super) state: u32,
    pub(super) protect: u32,
    pub(super) kind: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct PsapiWorkingSetExInformation {
    pub(super) virtual_address: *mut c_void,
    pub(super) virtual_attributes: usize,
}

#[repr(C)]
pub(super) struct SystemInfo {
    _processor_architecture: u32,
    pub(super) dw_page_size: u32,
    _lp_minimum_application_address: *mut c_void,
    pub(super) lp_maximum_application_address: *mut c_void,
    _active_processor_mask: usize,
    _processors: [u32; 2],
    pub(super) dw_allocation_granularity: u32,
    _processor_level: [u16; 2],
}

#[repr(C)]
pub(super) struct Win32MemoryRangeEntry {
    pub(super) virtual_address: *mut c_void,
    pub(super) number_of_bytes: usize,
}

// On x86 kernel32 exports names without the decoration of stdcall.
#[cfg_attr(
    baremap_arch = "x86",
    link(name = "kernel32", kind = "raw-dylib", import_name_type = "undecorated")
)]
#[cfg_attr(not(baremap_arch = "x86"), link(name = "kernel32", kind = "raw-dylib"))]
unsafe extern "system" {
    pub(super) fn AddVectoredExceptionHandler(
        first: u32,
        handler: unsafe extern "system" fn(exception: *mut ExceptionPointers) -> i32,
    ) -> *mut c_void;
    pub(super) fn CloseHandle(object: Handle) -> i32;
    pub(super) fn CreateEventW(
        security: *mut c_void,
        manual_reset: i32,
        set: i32,
        name: *const u16,
    ) -> Handle;
    pub(super) fn CreateFileMappingW(
        file: Handle,
        security: *mut c_void,
        protection: u32,
        size_high: u32,
        size_low: u32,
        name: *const u16,
    ) -> Handle;
    pub(super) fn CreateFileW(
        path: *const u16,
        access: u32,
        share: u32,
        security: *mut c_void,
        disposition: u32,
        flags: u32,
        template: Handle,
    ) -> Handle;
    pub(super) fn DuplicateHandle(
        source_process: Handle,
        source: Handle,
        target_process: Handle,
        target: *mut Handle,
        access: u32,
        inherit: i32,
        options: u32,
    ) -> i32;
    pub(super) fn FlushFileBuffers(file: Handle) -> i32;
    pub(super) fn FlushInstructionCache(process: Handle, base: *const c_void, len: usize) -> i32;
    pub(super) fn FlushViewOfFile(base: *const c_void, len: usize) -> i32;
    pub(super) fn FormatMessageW(
        flags: u32,
        source: *const c_void,
        message: u32,
        language: u32,
        buffer: *mut u16,
        len: u32,
        arguments: *mut c_void,
    ) -> u32;
    pub(super) fn GetCurrentProcess() -> Handle;
    pub(super) fn GetCurrentProcessId() -> u32;
    pub(super) fn GetFileAttributesW(path: *const u16) -> u32;
    pub(super) fn GetFileInformationByHandleEx(file: Handle, class: i32, info: *mut c_void, len: u32) -> i32;
    pub(super) fn GetFileType(file: Handle) -> u32;
    pub(super) fn GetFullPathNameW(
        path: *const u16,
        len: u32,
        buffer: *mut u16,
        file_part: *mut *mut u16,
    ) -> u32;
    pub(super) fn GetLargePageMinimum() -> usize;
    pub(super) fn GetLastError() -> u32;
    pub(super) fn GetModuleHandleA(name: *const c_char) -> Handle;
    pub(super) fn GetNamedPipeInfo(
        pipe: Handle,
        flags: *mut u32,
        out_size: *mut u32,
        in_size: *mut u32,
        max_instances: *mut u32,
    ) -> i32;
    pub(super) fn GetOverlappedResult(
        file: Handle,
        overlapped: *mut Overlapped,
        count: *mut u32,
        wait: i32,
    ) -> i32;
    pub(super) fn GetProcAddress(module: Handle, name: *const c_char) -> *mut c_void;
    pub(super) fn GetProcessWorkingSetSize(process: Handle, minimum: *mut usize, maximum: *mut usize) -> i32;
    pub(super) fn GetSystemInfo(info: *mut SystemInfo);
    pub(super) fn GetTempPathW(len: u32, buffer: *mut u16) -> u32;
    pub(super) fn K32GetMappedFileNameW(
        process: Handle,
        address: *const c_void,
        name: *mut u16,
        len: u32,
    ) -> u32;
    pub(super) fn K32QueryWorkingSetEx(
        process: Handle,
        pages: *mut PsapiWorkingSetExInformation,
        len: u32,
    ) -> i32;
    pub(super) fn LockFileEx(
        file: Handle,
        flags: u32,
        reserved: u32,
        len_low: u32,
        len_high: u32,
        overlapped: *mut Overlapped,
    ) -> i32;
    pub(super) fn MapViewOfFile(
        section: Handle,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
    ) -> *mut c_void;
    pub(super) fn MapViewOfFileEx(
        section: Handle,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
        address: *mut c_void,
    ) -> *mut c_void;
    pub(super) fn MultiByteToWideChar(
        code_page: u32,
        flags: u32,
        text: *const c_char,
        text_len: i32,
        buffer: *mut u16,
        len: i32,
    ) -> i32;
    pub(super) fn OpenFileMappingW(access: u32, inherit: i32, name: *const u16) -> Handle;
    pub(super) fn PrefetchVirtualMemory(
        process: Handle,
        count: usize,
        ranges: *mut Win32MemoryRangeEntry,
        flags: u32,
    ) -> i32;
    pub(super) fn QueryPerformanceCounter(count: *mut i64) -> i32;
    pub(super) fn ReadFile(
        file: Handle,
        buffer: *mut c_void,
        len: u32,
        read: *mut u32,
        overlapped: *mut Overlapped,
    ) -> i32;
    pub(super) fn ReadProcessMemory(
        process: Handle,
        base: *const c_void,
        buffer: *mut c_void,
        len: usize,
        read: *mut usize,
    ) -> i32;
    pub(super) fn RemoveVectoredExceptionHandler(handler: *mut c_void) -> u32;
    pub(super) fn SetFileInformationByHandle(file: Handle, class: i32, info: *mut c_void, len: u32) -> i32;
    pub(super) fn SetFilePointerEx(file: Handle, distance: i64, position: *mut i64, origin: u32) -> i32;
    pub(super) fn SetProcessWorkingSetSize(process: Handle, minimum: usize, maximum: usize) -> i32;
    pub(super) fn Sleep(milliseconds: u32);
    pub(super) fn UnlockFile(
        file: Handle,
        offset_low: u32,
        offset_high: u32,
        len_low: u32,
        len_high: u32,
    ) -> i32;
    pub(super) fn UnmapViewOfFile(base: *const c_void) -> i32;
    pub(super) fn VirtualAlloc(
        address: *mut c_void,
        len: usize,
        allocation_type: u32,
        protection: u32,
    ) -> *mut c_void;
    pub(super) fn VirtualFree(address: *mut c_void, len: usize, free_type: u32) -> i32;
    pub(super) fn VirtualLock(address: *mut c_void, len: usize) -> i32;
    pub(super) fn VirtualProtect(address: *mut c_void, len: usize, protection: u32, old: *mut u32) -> i32;
    pub(super) fn VirtualQuery(
        address: *const c_void,
        info: *mut MemoryBasicInformation,
        len: usize,
    ) -> usize;
    pub(super) fn VirtualUnlock(address: *mut c_void, len: usize) -> i32;
    pub(super) fn WideCharToMultiByte(
        code_page: u32,
        flags: u32,
        text: *const u16,
        text_len: i32,
        buffer: *mut c_char,
        len: i32,
        default: *const c_char,
        used_default: *mut i32,
    ) -> i32;
    pub(super) fn WriteFile(
        file: Handle,
        buffer: *const c_void,
        len: u32,
        written: *mut u32,
        overlapped: *mut Overlapped,
    ) -> i32;
}

pub(super) type VirtualAlloc2 = unsafe extern "system" fn(
    process: Handle,
    address: *mut c_void,
    len: usize,
    allocation_type: u32,
    protection: u32,
    parameters: *mut c_void,
    count: u32,
) -> *mut c_void;
pub(super) type CompareObjectHandles = unsafe extern "system" fn(one: Handle, other: Handle) -> i32;
pub(super) type MapViewOfFile3 = unsafe extern "system" fn(
    section: Handle,
    process: Handle,
    address: *mut c_void,
    offset: u64,
    len: usize,
    allocation_type: u32,
    protection: u32,
    parameters: *mut c_void,
    count: u32,
) -> *mut c_void;
pub(super) type UnmapViewOfFile2 =
    unsafe extern "system" fn(process: Handle, base: *mut c_void, flags: u32) -> i32;
