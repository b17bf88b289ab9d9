//! Arguments as C strings, as Linux and macOS pass them.

use baremap::File;
use core::ffi::{CStr, c_char};

pub struct Argument(&'static CStr);

impl Argument {
    #[allow(dead_code, reason = "load passes all of them on")]
    pub fn text(&self) -> &CStr {
        self.0
    }

    #[allow(dead_code, reason = "for cat")]
    pub fn open(&self) -> Option<File> {
        File::open(self.0).ok()
    }
}

/// The program's arguments, without its name: a list terminated by NULL.
pub struct Arguments(pub *const *const c_char);

impl Iterator for Arguments {
    type Item = Argument;

    fn next(&mut self) -> Option<Argument> {
        // SAFETY: NULL terminates the list, past which nothing is read; the strings live as long as the process.
        unsafe {
            let argument = *self.0;
            if argument.is_null() {
                return None;
            }
            self.0 = self.0.add(1);
            Some(Argument(CStr::from_ptr(argument)))
        }
    }
}

/// These systems truncate mapped files.
#[allow(dead_code, reason = "for conformance")]
pub const SET_LEN: Option<fn(&CStr, u64) -> bool> = None;
