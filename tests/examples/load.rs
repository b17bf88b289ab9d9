//! Runs a program in this process: `load PROGRAM ARGUMENT…`.
//!
//! The program must be for Linux and statically linked, position independent or not. Neither std nor libc is needed:
//! `ci/minimal/build TARGET load` builds this one, at addresses that programs rarely use.

#![no_std]
#![no_main]

mod elf;
#[path = "../../ci/minimal/src/start/mod.rs"]
mod start;

use ::mem as _;
use baremap::{File, Flags, Mmap, Reservation, allocation_granularity};
use core::ffi::{CStr, c_char};
use core::fmt::{self, Write};
use core::mem;
use elf::LoadError;
use start::Arguments;

/// The length of the program's stack follows RLIMIT_STACK, between these limits.
const MIN_STACK_LEN: usize = 8 << 20;
const MAX_STACK_LEN: usize = 1 << 30;

struct StandardError;

impl Write for StandardError {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        start::write(2, text.as_bytes()).ok_or(fmt::Error)
    }
}

fn main(arguments: Arguments) -> u8 {
    // SAFETY: the list ends with NULL; before it are C strings.
    let Some(path) = (unsafe { (*arguments.0).as_ref() }).map(|path| unsafe { CStr::from_ptr(path) }) else {
        let _ = writeln!(StandardError, "usage: load PROGRAM ARGUMENT…");
        return 2;
    };
    let Err(error) = run(path, &arguments);
    let _ = StandardError.write_str("load: ");
    let _ = start::write(2, path.to_bytes());
    let _ = writeln!(StandardError, ": {error}");
    1
}

/// Replaces this program by another one.
fn run(path: &CStr, arguments: &Arguments) -> Result<core::convert::Infallible, LoadError> {
    let file = File::open(path)?;
    // SAFETY: a program is not changed while it runs; that is the user's responsibility, as for the kernel.
    let image = unsafe { elf::map(&file, start::MACHINE)? };
    let granularity = allocation_granularity();
    let limit = start::stack_limit().clamp(MIN_STACK_LEN, MAX_STACK_LEN).next_multiple_of(granularity);
    let (guard, stack) = Reservation::new(granularity + limit)?.split(granularity)?;
    let mut stack = Mmap::anon(stack.len()).prot(image.stack).flags(Flags::NORESERVE).map_mut_in(stack)?;
    // SAFETY: these are the arguments that this program was started with.
    let top = unsafe { initial_stack(&mut stack, arguments.0, path, &image) };
    let Some(top) = top else { return Err(LoadError::Malformed("the arguments do not fit on the stack")) };
    drop(file);
    let entry = image.entry;
    mem::forget((image, guard, stack));
    // SAFETY: the program is mapped at its entry point, and its stack is laid out as the ABI requires.
    unsafe { start::enter(entry, top) }
}

/// Writes the initial stack (psABI, "Initial Process Stack") to the end of `stack`, and returns its address, a multiple of
/// 16.
///
/// It is this program's own, without the first argument, and with the entries of the auxiliary vector changed that
/// describe the program. The strings are not copied.
///
/// ```text
/// argc | arguments | NULL | environment | NULL | auxiliary vector: pairs of key and value, to the key 0
/// ```
///
/// # Safety
/// `words` is this program's initial stack, from its second argument on.
unsafe fn initial_stack(
    stack: &mut [u8],
    words: *const *const c_char,
    path: &CStr,
    image: &elf::Image,
) -> Option<*const u8> {
    // SAFETY: the caller's promise: three lists, each terminated by 0, the last one of pairs.
    let (words, argument_count, auxiliary) = unsafe {
        let words = words.cast::<usize>();
        let count = |from: usize, step| (from..).step_by(step).find(|&i| *words.add(i) == 0);
        let arguments = count(0, 1)?;
        let auxiliary = count(arguments + 1, 1)? + 1;
        let end = count(auxiliary, 2)? + 2;
        (core::slice::from_raw_parts(words, end), arguments, auxiliary)
    };
    // One more word, for argc.
    let len = ((words.len() + 1) * size_of::<usize>()).next_multiple_of(16);
    let from = stack.len().checked_sub(len)?;
    let initial = &mut stack[from..];
    let mut set = |i: usize, word: usize| {
        let at = i * size_of::<usize>();
        initial[at..at + size_of::<usize>()].copy_from_slice(&word.to_ne_bytes());
    };
    set(0, argument_count);
    let mut key = 0;
    for (i, &word) in words.iter().enumerate() {
        let is_value = i > auxiliary && (i - auxiliary) % 2 == 1;
        let word = match key {
            _ if !is_value => word,
            3 => image.headers,                      // AT_PHDR
            4 => 56,                                 // AT_PHENT
            5 => image.header_count,                 // AT_PHNUM
            7 => 0,                                  // AT_BASE
            9 => image.entry,                        // AT_ENTRY
            31 => path.as_ptr().expose_provenance(), // AT_EXECFN
            _ => word,
        };
        set(i + 1, word);
        key = word;
    }
    Some(initial.as_ptr())
}
