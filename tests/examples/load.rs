//! Loads a program and runs it in this process: `load PROGRAM ARGUMENT…`. The program is one for Linux that is linked
//! statically, position independent or not. Neither std nor libc is needed; `ci/minimal/build TARGET load` builds it,
//! far from the addresses that programs like to have.

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
use elf::Refusal;
use start::Arguments;

/// What a stack may grow to if nobody asks for more, and where this program ends even if the system sets no limit.
const STACK_LEN: usize = 8 << 20;
const MAX_STACK_LEN: usize = 1 << 30;

struct Errors;

impl Write for Errors {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        start::write(2, text.as_bytes()).ok_or(fmt::Error)
    }
}

fn main(arguments: Arguments) -> u8 {
    // SAFETY: the list ends with NULL, before which all are strings.
    let Some(path) = (unsafe { (*arguments.0).as_ref() }).map(|path| unsafe { CStr::from_ptr(path) }) else {
        let _ = writeln!(Errors, "usage: load PROGRAM ARGUMENT…");
        return 2;
    };
    let Err(refusal) = run(path, &arguments);
    let _ = Errors.write_str("load: ");
    let _ = start::write(2, path.to_bytes());
    let _ = writeln!(Errors, ": {refusal}");
    1
}

/// Runs the program, in place of this one.
fn run(path: &CStr, arguments: &Arguments) -> Result<core::convert::Infallible, Refusal> {
    let file = File::open(path)?;
    // SAFETY: nobody is to change a program that runs.
    let image = unsafe { elf::map(&file, start::MACHINE)? };
    let unit = allocation_granularity();
    let stack_len = start::stack_limit().clamp(STACK_LEN, MAX_STACK_LEN).next_multiple_of(unit);
    let (guard, stack) = Reservation::new(unit + stack_len)?.split(unit).map_err(|(_, error)| error)?;
    let stack = Mmap::anon(stack.len()).prot(image.stack).flags(Flags::NORESERVE).map_in(stack);
    let mut stack = stack.map_err(|(_, error)| error)?;
    // SAFETY: the arguments are those that this program was started with.
    let top = unsafe { initial_stack(stack.bytes_mut()?, arguments.0, path, &image) };
    let Some(top) = top else { return Err(Refusal::Malformed("more arguments than the stack has room for")) };
    drop(file);
    let entry = image.entry;
    mem::forget((image, guard, stack));
    // SAFETY: the program lies there, and its stack is as the ABI wants it.
    unsafe { start::enter(entry, top) }
}

/// Puts at a stack's end what a program finds there: the number of its arguments, these, the environment and the
/// auxiliary vector, as this program found them, but for what tells where the program lies (psABI, "Initial Process
/// Stack"). Strings stay where they are. Gives the address, a multiple of 16.
///
/// # Safety
/// `words` are this program's own, from its second argument on.
unsafe fn initial_stack(
    stack: &mut [u8],
    words: *const *const c_char,
    path: &CStr,
    image: &elf::Image,
) -> Option<*const u8> {
    // SAFETY: the caller's promise: three lists, each ended by NULL, the last of pairs.
    let (words, argument_count, auxiliary) = unsafe {
        let words = words.cast::<usize>();
        let count = |from: usize, step| (from..).step_by(step).find(|&i| *words.add(i) == 0);
        let arguments = count(0, 1)?;
        let auxiliary = count(arguments + 1, 1)? + 1;
        let end = count(auxiliary, 2)? + 2;
        (core::slice::from_raw_parts(words, end), arguments, auxiliary)
    };
    // With the number in front, and aligned.
    let len = ((words.len() + 1) * size_of::<usize>()).next_multiple_of(16);
    let from = stack.len().checked_sub(len)?;
    let place = &mut stack[from..];
    let mut put = |i: usize, word: usize| {
        let at = i * size_of::<usize>();
        place[at..at + size_of::<usize>()].copy_from_slice(&word.to_ne_bytes());
    };
    put(0, argument_count);
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
        put(i + 1, word);
        key = word;
    }
    Some(place.as_ptr())
}
