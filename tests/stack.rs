//! The guard of a stack ends the process that touches it, and nothing else does.

use baremap::{ErrorKind, Stack, page_size};
use std::process::Command;

const CHILD: &str = "BAREMAP_STACK_CHILD";

/// A stack of 4 pages, of which one has grown, with 3 of guard. `None` if there are none here.
fn stack() -> Option<Stack> {
    match Stack::with_guard(3 * page_size(), 4 * page_size()) {
        Err(error) if error.kind() == ErrorKind::Unsupported => None,
        stack => {
            let mut stack = stack.unwrap();
            stack.grow(4 * page_size()).unwrap();
            Some(stack)
        }
    }
}

/// Each byte of the memory can be written, and the first and the last of the guard cannot.
#[test]
fn guard_ends_the_process() {
    if let Ok(offset) = std::env::var(CHILD) {
        let stack = stack().unwrap();
        let address = stack.bottom().wrapping_offset(offset.parse().unwrap());
        // SAFETY: an address of the stack, or of its guard, where it ends the process.
        unsafe { address.write_volatile(1) };
        std::process::exit(42);
    }
    let page = page_size() as isize;
    if stack().is_none() {
        println!("skipped: no stacks here");
        return;
    }
    for (offset, is_guard) in
        [(0, false), (4 * page - 1, false), (-1, true), (-page, true), (-3 * page, true)]
    {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "guard_ends_the_process"]).env(CHILD, offset.to_string());
        let status = command.output().unwrap().status;
        assert_eq!(status.code() != Some(42), is_guard, "{offset}: {status}");
        // A panic of the test harness would be this.
        assert_ne!(status.code(), Some(101), "{offset}");
    }
}
