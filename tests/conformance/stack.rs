//! Stacks: memory with a guard below. tests/stack.rs has what a guard is for, as that ends a process.

use super::*;
use baremap::{Reservation, Stack, page_size};

checks! {
    stack:
    memory_of_stack,
    grow,
    refused_stacks,
    out_of_memory,
    unmap_stack,
    stack_debug,
}

fn new(len: usize, guard: usize) -> Result<Stack> {
    supported(Stack::with_guard(len, guard), "no reservations here")
}

/// Ensures that the memory from `start` on, to the top, is zeroed or has this byte, and gives it another.
fn replace(stack: &Stack, old: u8, new: u8) -> Result {
    for at in (0..stack.len()).step_by(page_size() / 2).chain([stack.len() - 1]) {
        // SAFETY: within the stack, which nothing else uses.
        unsafe {
            let byte = stack.bottom().add(at);
            ensure_eq!((at, byte.read()), (at, old));
            byte.write(new);
        }
    }
    Ok(())
}

fn memory_of_stack(_: &mut Env) -> Result {
    let page = page_size();
    for (len, guard) in [(1, 1), (page, page), (page + 1, 2 * page), (1 << 20, 1 << 20)] {
        let stack = new(len, guard)?;
        ensure_eq!(stack.len(), len.next_multiple_of(page));
        ensure_eq!(stack.guard_len(), guard.next_multiple_of(page));
        ensure_eq!(stack.top().addr() - stack.bottom().addr(), stack.len());
        ensure_eq!(stack.top().addr() % page, 0);
        replace(&stack, 0, 1)?;
        replace(&stack, 1, 2)?;
    }
    ensure_eq!(supported(Stack::new(1), "no reservations here")?.guard_len(), page);
    Ok(())
}

/// What is there stays where it is, what is new is zeroed, and a page of the guard remains.
fn grow(_: &mut Env) -> Result {
    let page = page_size();
    let mut stack = new(page, 4 * page)?;
    let (top, lowest) = (stack.top(), stack.bottom().wrapping_sub(4 * page));
    replace(&stack, 0, 1)?;
    supported(stack.grow(2 * page), "stacks do not grow here")?;
    for (asked, len) in [(0, 2), (page, 2), (2 * page, 2), (2 * page + 1, 3), (4 * page, 4)] {
        stack.grow(asked)?;
        let len = len * page;
        ensure_eq!((stack.top(), stack.len(), stack.guard_len()), (top, len, 5 * page - len));
        ensure_eq!(stack.bottom(), top.wrapping_sub(len));
        // SAFETY: within the stack, which nothing else uses.
        unsafe {
            ensure_eq!(top.sub(page).read(), 1);
            ensure_eq!((stack.bottom().read(), top.sub(page + 1).read()), (0, 0));
        }
    }
    for len in [4 * page + 1, 5 * page, usize::MAX, usize::MAX - page] {
        fails(stack.grow(len), ErrorKind::InvalidInput)?;
        ensure_eq!((stack.len(), stack.guard_len()), (4 * page, page));
    }
    let address = lowest.addr() & !(baremap::allocation_granularity() - 1);
    // SAFETY: nothing is reserved, as the guard is there.
    match unsafe { Reservation::at(address, 1) } {
        // Windows before placeholders.
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        result => fails(result, ErrorKind::Busy),
    }
}

fn refused_stacks(_: &mut Env) -> Result {
    fails(Stack::new(0), ErrorKind::ZeroLength)?;
    fails(Stack::with_guard(1, 0), ErrorKind::ZeroLength)?;
    let most = isize::MAX as usize;
    for (len, guard) in [(most, 1), (1, most), (most, most), (usize::MAX, 1), (1, usize::MAX)] {
        fails(Stack::with_guard(len, guard), ErrorKind::TooLong)?;
    }
    Ok(())
}

fn out_of_memory(_: &mut Env) -> Result {
    drop(new(1, 1)?);
    let _crowd = crowd();
    fails(Stack::new(isize::MAX as usize - 2 * page_size()), ErrorKind::OutOfMemory)
}

fn unmap_stack(_: &mut Env) -> Result {
    for _ in 0..3 {
        let mut stack = new(100_000, 100_000)?;
        replace(&stack, 0, 1)?;
        match stack.grow(150_000) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            result => result?,
        }
        stack.unmap()?;
    }
    Ok(())
}

fn stack_debug(_: &mut Env) -> Result {
    let text = Text::<255>::new(format_args!("{:?}", new(1, 1)?));
    ensure!(text.as_str().starts_with("Stack { bottom: 0x"));
    Ok(())
}
