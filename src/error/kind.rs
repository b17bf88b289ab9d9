//! The kinds of errors, the names of calls, and the record of a failure that backends return. Knows nothing above it.
//!
//! [`Failure`] is data. `Error`, which wraps it (`error/mod.rs`), calls the backend for the kind and the text of a
//! code, so that a program that prints no error holds no table of codes.

use crate::options::Flags;

/// The reason for an [`Error`](crate::Error), the same on every system.
///
/// # Examples
///
/// ```
/// use baremap::{ErrorKind, Mmap};
/// assert_eq!(Mmap::anon(0).map().unwrap_err().kind(), ErrorKind::ZeroLength);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The path does not exist.
    NotFound,
    /// The file to create exists already.
    AlreadyExists,
    /// The system, or the mode in which the file was opened, does not permit the operation.
    PermissionDenied,
    /// An argument is not valid: an unaligned address, a malformed path, a closed descriptor.
    InvalidInput,
    /// The range starts or ends past the end of the file or mapping.
    BeyondEnd,
    /// Offset and length together exceed the range of their type.
    Overflow,
    /// The length exceeds `isize::MAX`, or the maximum of the system or file system.
    TooLong,
    /// The length is 0, of fresh memory, a reservation or shared memory.
    ///
    /// Shared memory that is opened by name has no length until its creator has set it.
    ZeroLength,
    /// The file cannot be mapped: a directory, a pipe, a terminal, or it reports no length.
    NotMappable,
    /// The file can change: it is neither sealed in memory nor protected by fs-verity.
    NotSealed,
    /// The file was truncated, and the read lies past its new end.
    Truncated,
    /// The stream has no position: a pipe, a terminal.
    NotSeekable,
    /// The system does not support the operation, or the flag that [`Error::flag`](crate::Error::flag) names.
    Unsupported,
    /// There is too little memory or address space, or the limit on locked memory is exceeded.
    OutOfMemory,
    /// The disk or the quota is full.
    NoSpace,
    /// The process or the system has too many open files.
    TooManyFiles,
    /// The file is in use in a way that excludes the operation, or the address range is in use.
    Busy,
    /// The call would block, and the file is non-blocking.
    WouldBlock,
    /// The device, the file system, or the connection to the file's server failed.
    Io,
    /// Any other reason; see [`Error::raw_os_error`](crate::Error::raw_os_error).
    Other,
}

impl ErrorKind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::PermissionDenied => "permission denied",
            Self::InvalidInput => "invalid input",
            Self::BeyondEnd => "the range reaches past the end",
            Self::Overflow => "offset and length together overflow",
            Self::TooLong => "the length is more than can be addressed",
            Self::ZeroLength => "the length is 0",
            Self::NotMappable => {
                "not mappable: a directory, a pipe, a terminal, or a file or device that reports no length"
            }
            Self::NotSealed => {
                "others may change or truncate the file: it has neither the seals F_SEAL_WRITE and F_SEAL_SHRINK nor fs-verity"
            }
            Self::Truncated => "the file was truncated",
            Self::NotSeekable => "not seekable",
            Self::Unsupported => "not supported by this system",
            Self::OutOfMemory => "out of memory",
            Self::NoSpace => "no space left",
            Self::TooManyFiles => "too many open files",
            Self::Busy => "in use",
            Self::WouldBlock => "the call would block",
            Self::Io => "input/output error",
            Self::Other => "unknown error",
        }
    }
}

macro_rules! calls {
    ($($call:ident $name:literal)*) => {
        /// A call that can fail: one of this crate, or the system's behind it.
        #[allow(dead_code, reason = "each system has some of them")]
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Call {
            $($call,)*
        }

        impl Call {
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$call => $name,)*
                }
            }
        }
    };
}

// This crate's, by which the methods of `custom::Backend` are called too.
calls! {
    Advise "advise" Allocate "allocate" Discard "discard" Flush "flush" Install "install"
    IntoReservation "into_reservation" Lock "lock" Map "map" MapIn "map_in" MapSealed "map_sealed" Memory "memory"
    Open "open" Protect "protect" Read "read" ReadAt "read_at" Records "records" Reserve "reserve" Seal "seal"
    Seek "seek" SetLen "set_len" Split "split" Stat "stat" Sync "sync" Unlock "unlock" Unmap "unmap"
    UnmapToReservation "unmap_to_reservation" View "view" WriteAt "write_at"
    Regions "regions" SetName "set_name" Temporary "temporary"
    AdviseRaw "advise_raw" LockLimit "lock_limit" LockOnFault "lock_on_fault" Populate "populate"
    RaiseLockLimit "raise_lock_limit" Resident "resident" SetInheritance "set_inheritance"
    Create "create" MapShared "map_shared" New "new" Remove "remove"
    Grow "grow" SyncInstructions "sync_instructions" Write "write"
    Extend "extend" IntoSlice "into_slice" Join "join" Resize "resize" SplitOff "split_off"
    // POSIX systems'.
    Fallocate "fallocate" Fcntl "fcntl" Fstat "fstat" Fstatfs "fstatfs" Fsync "fsync" Ftruncate "ftruncate" Ioctl "ioctl"
    Madvise "madvise" MemfdCreate "memfd_create" Mincore "mincore" Mlock "mlock" Mmap "mmap" Mprotect "mprotect" Mremap "mremap"
    Msync "msync" Munlock "munlock" Munmap "munmap" Openat "openat" Pread "pread" Pread64 "pread64"
    Pwrite "pwrite" Pwrite64 "pwrite64" RtSigaction "rt_sigaction" ShmOpen "shm_open" ShmUnlink "shm_unlink"
    Sigaction "sigaction"
    Flock "flock" MemfdSecret "memfd_secret" Prctl "prctl" Unlinkat "unlinkat" VmRegionRecurse64 "vm_region_recurse_64"
    Getrlimit "getrlimit" PosixFallocate "posix_fallocate" Minherit "minherit" Mlock2 "mlock2" Prlimit64 "prlimit64" Setrlimit "setrlimit"
    // Windows's.
    GetProcessWorkingSetSize "GetProcessWorkingSetSize" K32QueryWorkingSetEx "K32QueryWorkingSetEx"
    ReadProcessMemory "ReadProcessMemory" SetProcessWorkingSetSize "SetProcessWorkingSetSize"
    AddVectoredExceptionHandler "AddVectoredExceptionHandler" CreateEventW "CreateEventW" CreateFileMappingW "CreateFileMappingW" CreateFileW "CreateFileW"
    DuplicateHandle "DuplicateHandle" FlushFileBuffers "FlushFileBuffers"
    FlushInstructionCache "FlushInstructionCache" FlushViewOfFile "FlushViewOfFile"
    GetFileInformationByHandleEx "GetFileInformationByHandleEx" GetFileType "GetFileType"
    GetFullPathNameW "GetFullPathNameW" GetTempPathW "GetTempPathW" MapViewOfFile "MapViewOfFile" MapViewOfFile3 "MapViewOfFile3"
    MultiByteToWideChar "MultiByteToWideChar" PrefetchVirtualMemory "PrefetchVirtualMemory" ReadFile "ReadFile"
    SetFileInformationByHandle "SetFileInformationByHandle" SetFilePointerEx "SetFilePointerEx"
    UnmapViewOfFile "UnmapViewOfFile" UnmapViewOfFile2 "UnmapViewOfFile2" VirtualAlloc "VirtualAlloc"
    VirtualAlloc2 "VirtualAlloc2" VirtualFree "VirtualFree" VirtualLock "VirtualLock"
    OpenFileMappingW "OpenFileMappingW" VirtualQuery "VirtualQuery"
    VirtualProtect "VirtualProtect" VirtualUnlock "VirtualUnlock" WriteFile "WriteFile"
    LockFileEx "LockFileEx" UnlockFile "UnlockFile"
}

/// Which call failed, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The system's code; 0 if this crate refused the call before it asked the system.
    pub(crate) code: i32,
    /// The flag that cannot be honoured, or that the failed call was to honour.
    pub(crate) flag: Flags,
    pub(crate) call: Call,
    /// `None`: the kind that the backend derives from call and code, looked up on demand.
    pub(crate) kind: Option<ErrorKind>,
}

impl Failure {
    /// A call that this crate refuses.
    pub(crate) const fn refused(call: Call, kind: ErrorKind) -> Self {
        Self { code: 0, flag: Flags::empty(), call, kind: Some(kind) }
    }

    /// A call that the system refused.
    #[allow(dead_code, reason = "there may be no backend")]
    pub(crate) const fn of_system(call: Call, code: i32) -> Self {
        Self { code, flag: Flags::empty(), call, kind: None }
    }

    /// A flag of a request that the system cannot honour.
    pub(crate) const fn unsupported(flag: Flags) -> Self {
        Self::refused(Call::Map, ErrorKind::Unsupported).with_flag(flag)
    }

    /// The same, of another kind than call and code say.
    #[allow(dead_code, reason = "as above")]
    pub(crate) const fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The same, naming the flag in question.
    pub(crate) const fn with_flag(self, flag: Flags) -> Self {
        Self { flag, ..self }
    }
}

const _: () = assert!(size_of::<Failure>() <= 8, "a failure fits a register");
