//! Makes calls of kernel32 fail. The loader wrote the addresses of all functions that this program imports into the import
//! address table. `install` replaces entries with functions that record the call, and then fail or call the original.
//! Functions that the backend looks up at run time are replaced in `GetProcAddress`, which is an import too.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Which calls fail, counted from 0, and with which code.
#[derive(Clone, Copy, Default)]
pub struct Plan {
    pub fail: [Option<usize>; 2],
    /// Every call of this function fails, too.
    pub fail_all: Option<&'static str>,
    pub code: u32,
    /// Runs before the first call of this function.
    pub before: Option<(&'static str, fn())>,
    /// MEM_RESET does nothing, which it may.
    pub keeps_contents: bool,
    /// Every page is reported as locked.
    pub locked: bool,
}

/// What happened under a plan.
#[derive(Default)]
pub struct Log {
    /// The calls in order.
    pub calls: Vec<&'static str>,
    /// The plan's code.
    pub code: u32,
    /// The flags of the last CreateFileW.
    pub open_flags: u32,
    /// How many pages ReadProcessMemory touched, which fails only as `fail_all`.
    pub pages_read: usize,
}

struct Armed {
    plan: Plan,
    log: Log,
}

thread_local! {
    /// Of this thread, while an operation runs. Other calls pass.
    static ARMED: RefCell<Option<Armed>> = const { RefCell::new(None) };
}

/// Runs `operation` under a plan.
pub fn with<T>(plan: Plan, operation: impl FnOnce() -> T) -> (T, Log) {
    let log = Log { calls: Vec::with_capacity(1 << 10), code: plan.code, ..Log::default() };
    ARMED.set(Some(Armed { plan, log }));
    let result = operation();
    let armed = ARMED.take().unwrap();
    (result, armed.log)
}

/// Records a call, and returns whether it must fail.
fn fails(name: &'static str) -> bool {
    let before = |armed: &mut Armed| armed.plan.before.take_if(|before| before.0 == name);
    if let Some((_, before)) = ARMED.with_borrow_mut(|armed| armed.as_mut().and_then(before)) {
        let armed = ARMED.take();
        before();
        ARMED.set(armed);
    }
    let fails = ARMED.with_borrow_mut(|armed| {
        let armed = armed.as_mut()?;
        let n = armed.log.calls.len();
        armed.log.calls.push(name);
        (armed.plan.fail.contains(&Some(n)) || armed.plan.fail_all == Some(name)).then_some(armed.plan.code)
    });
    if let Some(code) = fails {
        // SAFETY: it has no condition.
        unsafe { SetLastError(code) };
    }
    fails.is_some()
}

/// Defines functions that record the call, and then return the value given or call the original.
macro_rules! hooks {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $failure:expr;)*) => {
        #[allow(non_snake_case)]
        mod hook {
            use super::*;
            $(pub unsafe extern "system" fn $name($($argument: $type),*) -> $result {
                if fails(stringify!($name)) {
                    return $failure;
                }
                // SAFETY: the original has this type; the caller keeps its conditions.
                unsafe {
                    let original: unsafe extern "system" fn($($type),*) -> $result =
                        std::mem::transmute(original(stringify!($name)));
                    original($($argument),*)
                }
            })*
        }

        static HOOKS: [Hook; [$(stringify!($name)),*].len()] =
            [$((stringify!($name), AtomicUsize::new(0), || hook::$name as *const () as usize)),*];
    };
}

/// The name, the address of the original, and the address of the replacement.
type Hook = (&'static str, AtomicUsize, fn() -> usize);

type Handle = isize;
type Ptr = *mut c_void;

hooks! {
    AddVectoredExceptionHandler(a: u32, b: Ptr) -> Ptr = std::ptr::null_mut();
    CreateEventW(a: Ptr, b: i32, c: i32, d: *const u16) -> Handle = 0;
    CreateFileMappingW(a: Handle, b: Ptr, c: u32, d: u32, e: u32, f: *const u16) -> Handle = 0;
    DuplicateHandle(a: Handle, b: Handle, c: Handle, d: *mut Handle, e: u32, f: i32, g: u32) -> i32 = 0;
    FlushFileBuffers(a: Handle) -> i32 = 0;
    FlushInstructionCache(a: Handle, b: Ptr, c: usize) -> i32 = 0;
    FlushViewOfFile(a: Ptr, b: usize) -> i32 = 0;
    GetFileInformationByHandleEx(a: Handle, b: i32, c: Ptr, d: u32) -> i32 = 0;
    GetFileType(a: Handle) -> u32 = 0;
    GetFullPathNameW(a: *const u16, b: u32, c: *mut u16, d: Ptr) -> u32 = 0;
    GetOverlappedResult(a: Handle, b: Ptr, c: *mut u32, d: i32) -> i32 = 0;
    GetProcessWorkingSetSize(a: Handle, b: *mut usize, c: *mut usize) -> i32 = 0;
    GetTempPathW(a: u32, b: *mut u16) -> u32 = 0;
    K32GetMappedFileNameW(a: Handle, b: Ptr, c: *mut u16, d: u32) -> u32 = 0;
    LockFileEx(a: Handle, b: u32, c: u32, d: u32, e: u32, f: Ptr) -> i32 = 0;
    MapViewOfFile(a: Handle, b: u32, c: u32, d: u32, e: usize) -> Ptr = std::ptr::null_mut();
    MapViewOfFile3(a: Handle, b: Handle, c: Ptr, d: u64, e: usize, f: u32, g: u32, h: Ptr, i: u32) -> Ptr = std::ptr::null_mut();
    MapViewOfFileEx(a: Handle, b: u32, c: u32, d: u32, e: usize, f: Ptr) -> Ptr = std::ptr::null_mut();
    MultiByteToWideChar(a: u32, b: u32, c: Ptr, d: i32, e: Ptr, f: i32) -> i32 = 0;
    OpenFileMappingW(a: u32, b: i32, c: *const u16) -> Handle = 0;
    PrefetchVirtualMemory(a: Handle, b: usize, c: Ptr, d: u32) -> i32 = 0;
    ReadFile(a: Handle, b: Ptr, c: u32, d: *mut u32, e: Ptr) -> i32 = 0;
    RemoveVectoredExceptionHandler(a: Ptr) -> u32 = 0;
    SetFilePointerEx(a: Handle, b: i64, c: *mut i64, d: u32) -> i32 = 0;
    SetProcessWorkingSetSize(a: Handle, b: usize, c: usize) -> i32 = 0;
    UnlockFile(a: Handle, b: u32, c: u32, d: u32, e: u32) -> i32 = 0;
    UnmapViewOfFile(a: Ptr) -> i32 = 0;
    UnmapViewOfFile2(a: Handle, b: Ptr, c: u32) -> i32 = 0;
    VirtualAlloc2(a: Handle, b: Ptr, c: usize, d: u32, e: u32, f: Ptr, g: u32) -> Ptr = std::ptr::null_mut();
    VirtualFree(a: Ptr, b: usize, c: u32) -> i32 = 0;
    VirtualLock(a: Ptr, b: usize) -> i32 = 0;
    VirtualProtect(a: Ptr, b: usize, c: u32, d: *mut u32) -> i32 = 0;
    VirtualQuery(a: Ptr, b: Ptr, c: usize) -> usize = 0;
    VirtualUnlock(a: Ptr, b: usize) -> i32 = 0;
    WideCharToMultiByte(a: u32, b: u32, c: *const u16, d: i32, e: Ptr, f: i32, g: Ptr, h: Ptr) -> i32 = 0;
    WriteFile(a: Handle, b: Ptr, c: u32, d: *mut u32, e: Ptr) -> i32 = 0;
}

/// Functions with a replacement of their own.
static SPECIAL: [Hook; 6] = [
    ("CreateFileW", AtomicUsize::new(0), || create_file as *const () as usize),
    ("GetProcAddress", AtomicUsize::new(0), || get_proc_address as *const () as usize),
    ("K32QueryWorkingSetEx", AtomicUsize::new(0), || query_working_set as *const () as usize),
    ("ReadProcessMemory", AtomicUsize::new(0), || read_memory as *const () as usize),
    ("SetFileInformationByHandle", AtomicUsize::new(0), || set_information as *const () as usize),
    ("VirtualAlloc", AtomicUsize::new(0), || virtual_alloc as *const () as usize),
];

unsafe extern "system" fn create_file(
    path: *const u16,
    access: u32,
    share: u32,
    security: Ptr,
    disposition: u32,
    flags: u32,
    template: Handle,
) -> Handle {
    ARMED.with_borrow_mut(|armed| {
        if let Some(armed) = armed {
            armed.log.open_flags = flags;
        }
    });
    if fails("CreateFileW") {
        return -1;
    }
    type CreateFileW = unsafe extern "system" fn(*const u16, u32, u32, Ptr, u32, u32, Handle) -> Handle;
    // SAFETY: the original has this type; the caller keeps its conditions.
    unsafe {
        let original: CreateFileW = std::mem::transmute(original("CreateFileW"));
        original(path, access, share, security, disposition, flags, template)
    }
}

fn planned(what: fn(&Plan) -> bool) -> bool {
    ARMED.with_borrow(|armed| armed.as_ref().is_some_and(|armed| what(&armed.plan)))
}

unsafe extern "system" fn virtual_alloc(address: Ptr, len: usize, kind: u32, protection: u32) -> Ptr {
    const MEM_RESET: u32 = 0x80000;
    if fails("VirtualAlloc") {
        return std::ptr::null_mut();
    }
    if kind == MEM_RESET && planned(|plan| plan.keeps_contents) {
        return address;
    }
    type VirtualAlloc = unsafe extern "system" fn(Ptr, usize, u32, u32) -> Ptr;
    // SAFETY: the original has this type; the caller keeps its conditions.
    unsafe {
        let original: VirtualAlloc = std::mem::transmute(original("VirtualAlloc"));
        original(address, len, kind, protection)
    }
}

unsafe extern "system" fn read_memory(
    process: Handle,
    from: Ptr,
    to: Ptr,
    len: usize,
    read: *mut usize,
) -> i32 {
    ARMED.with_borrow_mut(|armed| {
        if let Some(armed) = armed {
            armed.log.pages_read += 1;
        }
    });
    if planned(|plan| plan.fail_all == Some("ReadProcessMemory")) && fails("ReadProcessMemory") {
        return 0;
    }
    type ReadMemory = unsafe extern "system" fn(Handle, Ptr, Ptr, usize, *mut usize) -> i32;
    // SAFETY: the original has this type; the caller keeps its conditions.
    unsafe {
        let original: ReadMemory = std::mem::transmute(original("ReadProcessMemory"));
        original(process, from, to, len, read)
    }
}

/// Wine allocates no space for files.
unsafe extern "system" fn set_information(file: Handle, class: i32, info: Ptr, len: u32) -> i32 {
    const FILE_ALLOCATION_INFO: i32 = 5;
    if fails("SetFileInformationByHandle") {
        return 0;
    }
    if class == FILE_ALLOCATION_INFO {
        return 1;
    }
    type SetInformation = unsafe extern "system" fn(Handle, i32, Ptr, u32) -> i32;
    // SAFETY: the original has this type; the caller keeps its conditions.
    unsafe {
        let original: SetInformation = std::mem::transmute(original("SetFileInformationByHandle"));
        original(file, class, info, len)
    }
}

/// Wine reports no page as locked.
unsafe extern "system" fn query_working_set(process: Handle, pages: *mut [usize; 2], len: u32) -> i32 {
    const LOCKED: usize = 1 << 22;
    if fails("K32QueryWorkingSetEx") {
        return 0;
    }
    type QueryWorkingSet = unsafe extern "system" fn(Handle, *mut [usize; 2], u32) -> i32;
    // SAFETY: the original has this type; the caller keeps its conditions, and `pages` has `len` bytes.
    unsafe {
        let original: QueryWorkingSet = std::mem::transmute(original("K32QueryWorkingSetEx"));
        let result = original(process, pages, len);
        if planned(|plan| plan.locked) {
            for i in 0..len as usize / size_of::<[usize; 2]>() {
                (*pages.add(i))[1] |= LOCKED;
            }
        }
        result
    }
}

unsafe extern "system" fn get_proc_address(module: Handle, name: *const c_char) -> usize {
    if fails("GetProcAddress") {
        return 0;
    }
    type GetProcAddress = unsafe extern "system" fn(Handle, *const c_char) -> usize;
    // SAFETY: the original has this type; the caller keeps its conditions. A name up to 0xffff is an ordinal.
    unsafe {
        let original: GetProcAddress = std::mem::transmute(original("GetProcAddress"));
        let found = original(module, name);
        if found == 0 || name.addr() < 1 << 16 || ARMED.with_borrow(Option::is_none) {
            return found;
        }
        match HOOKS.iter().find(|hook| CStr::from_ptr(name).to_bytes() == hook.0.as_bytes()) {
            Some((_, original, hook)) => {
                original.store(found, Relaxed);
                hook()
            }
            None => found,
        }
    }
}

fn original(name: &str) -> usize {
    HOOKS.iter().chain(&SPECIAL).find(|hook| hook.0 == name).unwrap().1.load(Relaxed)
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleA(name: *const c_char) -> *const u8;
    fn SetLastError(code: u32);
    fn VirtualProtect(address: *const c_void, len: usize, protection: u32, old: *mut u32) -> i32;
}

/// Replaces entries of the import address table, and returns how many.
pub fn install() -> usize {
    const PAGE_READWRITE: u32 = 4;
    const IMPORT_DIRECTORY: usize = 0x90;
    let mut count = 0;
    // SAFETY: the loader mapped the headers of this program (Microsoft, "PE Format"). The offset of the PE header is at 0x3c.
    // In that of PE32+, the address of the import directory is at 0x90. An entry of the directory has 20 bytes; words 0,
    // 3 and 4 are the addresses of the library's import lookup table, name and import address table.
    unsafe {
        let image = GetModuleHandleA(std::ptr::null());
        let word = |at: usize| image.add(at).cast::<u32>().read_unaligned() as usize;
        let mut library = word(word(0x3c) + IMPORT_DIRECTORY);
        while word(library + 16) != 0 {
            let dll = CStr::from_ptr(image.add(word(library + 12)).cast());
            let (names, addresses) = (word(library), word(library + 16));
            library += 20;
            if !dll.to_bytes().eq_ignore_ascii_case(b"kernel32.dll") {
                continue;
            }
            for i in (0..).step_by(8) {
                let name = image.add(names + i).cast::<u64>().read() as usize;
                if name == 0 {
                    break;
                }
                if name >> 63 != 0 {
                    continue;
                }
                let name = CStr::from_ptr(image.add(name + 2).cast());
                let hook = HOOKS.iter().chain(&SPECIAL).find(|hook| hook.0.as_bytes() == name.to_bytes());
                if let Some((_, original, hook)) = hook {
                    let entry = image.add(addresses + i).cast_mut().cast::<usize>();
                    let mut old = 0;
                    assert_ne!(VirtualProtect(entry.cast(), 8, PAGE_READWRITE, &mut old), 0);
                    if entry.read() != hook() {
                        original.store(entry.read(), Relaxed);
                        entry.write(hook());
                        count += 1;
                    }
                    assert_ne!(VirtualProtect(entry.cast(), 8, old, &mut old), 0);
                }
            }
        }
    }
    count
}
