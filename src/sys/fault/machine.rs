//! An architecture without a routine: nothing is copied, so that everything is read.

pub(super) unsafe fn copy(_: *mut u8, _: *const u8, len: usize) -> usize {
    len
}

pub(super) fn start() -> Option<usize> {
    None
}
