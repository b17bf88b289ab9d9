//! Windows, through kernel32. The command line is split at white space outside `"`; that is not all that Windows
//! programs support, but all that is needed here.

use baremap::File;
use core::ffi::{CStr, c_char, c_void};
use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};

#[cfg_attr(
    target_arch = "x86",
    link(name = "kernel32", kind = "raw-dylib", import_name_type = "undecorated")
)]
#[cfg_attr(not(target_arch = "x86"), link(name = "kernel32", kind = "raw-dylib"))]
unsafe extern "system" {
    fn CreateFileW(
        path: *const u16,
        access: u32,
        share: u32,
        security: *mut c_void,
        disposition: u32,
        flags: u32,
        template: isize,
    ) -> isize;
    fn CreateProcessW(
        path: *const u16,
        command_line: *mut u16,
        process_security: *const c_void,
        thread_security: *const c_void,
        inherit: i32,
        flags: u32,
        environment: *const c_void,
        folder: *const u16,
        startup: *const StartupInfo,
        process: *mut [usize; 4],
    ) -> i32;
    fn ExitProcess(status: u32) -> !;
    fn GetCommandLineW() -> *mut u16;
    fn GetStdHandle(which: u32) -> isize;
    fn Sleep(milliseconds: u32);
    fn WideCharToMultiByte(
        code_page: u32,
        flags: u32,
        from: *const u16,
        from_len: i32,
        to: *mut c_char,
        to_len: i32,
        default: *const c_char,
        used_default: *mut i32,
    ) -> i32;
    fn WriteFile(
        file: isize,
        bytes: *const c_void,
        len: u32,
        written: *mut u32,
        overlapped: *mut c_void,
    ) -> i32;
}

#[repr(C)]
struct StartupInfo {
    len: u32,
    _texts: [*const u16; 3],
    _numbers: [u32; 8],
    _words: [u16; 2],
    _more: [*const c_void; 4],
}

/// The longest argument in UTF-8, with its NUL, in bytes.
const MAX_LEN: usize = 2048;

/// An argument in UTF-16, terminated by NUL, and a buffer for its text.
pub struct Argument(*const u16, *mut [u8; MAX_LEN]);

impl Argument {
    /// Valid until this is called for another argument; empty if the argument is too long.
    pub fn text(&self) -> &'static CStr {
        const CP_UTF8: u32 = 65001;
        let utf8 = self.1.cast::<c_char>();
        // SAFETY: the argument is terminated by NUL, and the buffer has the length that is passed. It lives as long as
        // the process, in the frame of the entry point.
        unsafe {
            if WideCharToMultiByte(CP_UTF8, 0, self.0, -1, utf8, MAX_LEN as i32, null(), null_mut()) == 0 {
                return c"";
            }
            CStr::from_ptr(utf8)
        }
    }

    /// Opens it by its name in UTF-16, which `File::open` would convert from UTF-8.
    #[allow(dead_code, reason = "for cat")]
    pub fn open(&self) -> Option<File> {
        const GENERIC_READ: u32 = 0x80000000;
        const FILE_SHARE_ALL: u32 = 0x1 | 0x2 | 0x4;
        const OPEN_EXISTING: u32 = 3;
        const INVALID_HANDLE_VALUE: isize = -1;
        // SAFETY: the argument is terminated by NUL, and nothing else closes the handle.
        unsafe {
            match CreateFileW(self.0, GENERIC_READ, FILE_SHARE_ALL, null_mut(), OPEN_EXISTING, 0, 0) {
                INVALID_HANDLE_VALUE => None,
                file => Some(File::from_raw(file)),
            }
        }
    }
}

/// The program's arguments, without its name. Each is terminated in place, as the command line is writable.
pub struct Arguments {
    rest: *mut u16,
    buffer: *mut [u8; MAX_LEN],
}

impl Iterator for Arguments {
    type Item = Argument;

    fn next(&mut self) -> Option<Argument> {
        // SAFETY: NUL terminates the command line, past which nothing is read.
        unsafe {
            while *self.rest == b' '.into() || *self.rest == b'\t'.into() {
                self.rest = self.rest.add(1);
            }
            let mut end = b' '.into();
            if *self.rest == b'"'.into() {
                end = b'"'.into();
                self.rest = self.rest.add(1);
            }
            if *self.rest == 0 {
                return None;
            }
            let start = self.rest;
            while *self.rest != 0 && *self.rest != end {
                self.rest = self.rest.add(1);
            }
            if *self.rest != 0 {
                self.rest.write(0);
                self.rest = self.rest.add(1);
            }
            Some(Argument(start, self.buffer))
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    let mut buffer = MaybeUninit::uninit();
    // SAFETY: it has no conditions.
    let mut arguments = Arguments { rest: unsafe { GetCommandLineW() }, buffer: buffer.as_mut_ptr() };
    arguments.next();
    exit(crate::main(arguments))
}

pub fn exit(status: u8) -> ! {
    // SAFETY: it has no conditions.
    unsafe { ExitProcess(status.into()) }
}

/// Writes all bytes to standard output (1) or error (2); `None` if that fails.
#[inline(never)]
pub fn write(descriptor: usize, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        let mut written = 0;
        // SAFETY: the kernel reads `bytes`, and the call fails where it cannot.
        let result = unsafe {
            let file = GetStdHandle(-10_i32 as u32 - descriptor as u32);
            let len = bytes.len().min(i32::MAX as usize) as u32;
            WriteFile(file, bytes.as_ptr().cast(), len, &mut written, null_mut())
        };
        if result == 0 {
            return None;
        }
        bytes = bytes.get(written as usize..)?;
    }
    Some(())
}

#[allow(dead_code, reason = "for conformance")]
pub fn standard_input() -> baremap::RawFile {
    // SAFETY: it has no conditions. STD_INPUT_HANDLE is -10, and output and error are -11 and -12.
    unsafe { GetStdHandle(-10_i32 as u32) }
}

/// See `set_len`.
#[allow(dead_code, reason = "for conformance")]
pub const SET_LEN: Option<fn(&CStr, u64) -> bool> = Some(set_len);

/// Runs the truncate of Wine's host, which does not know what is mapped. Windows has no such program.
fn set_len(path: &CStr, len: u64) -> bool {
    let mut program = Wide { text: [0; 512], len: 0 };
    let mut line = Wide { text: [0; 512], len: 0 };
    let _ = program.write_str(r"\\?\unix\usr\bin\truncate");
    let _ = write!(line, "truncate -s {len} {}", path.to_str().unwrap_or_default());
    // SAFETY: zeros are valid, and say nothing.
    let mut startup = unsafe { MaybeUninit::<StartupInfo>::zeroed().assume_init() };
    startup.len = size_of::<StartupInfo>() as u32;
    let mut process = [0; 4];
    // SAFETY: both texts end in NUL, and the rest has the layout that the function reads and writes.
    let is_started = unsafe {
        let (program, line) = (program.text.as_ptr(), line.text.as_mut_ptr());
        CreateProcessW(program, line, null(), null(), 0, 0, null(), null(), &startup, &mut process)
    };
    // There is no handle of a process of the host, by which to wait for its end.
    is_started != 0
        && (0..10_000).any(|_| {
            // SAFETY: it has no conditions.
            unsafe { Sleep(1) };
            File::open(path).and_then(|file| file.len()) == Ok(len)
        })
        && {
            // The host sets the length before it zeroes the rest of the last page (`truncate_setsize` in mm/truncate.c).
            // SAFETY: as above.
            unsafe { Sleep(50) };
            true
        }
}

/// Text in UTF-16 that ends in NUL. What is too long is left out.
struct Wide {
    text: [u16; 512],
    len: usize,
}

impl Write for Wide {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for unit in text.encode_utf16() {
            if self.len + 1 < self.text.len() {
                self.text[self.len] = unit;
                self.len += 1;
            }
        }
        Ok(())
    }
}
