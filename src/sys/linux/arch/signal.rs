//! Signals: the kernel's `struct sigaction` of architectures that have a restorer, and masks.

use core::ffi::c_void;
use core::ptr::with_exposed_provenance;

/// A mask of 64 signals in words of the machine, the lowest signals first.
pub(crate) type Mask = [usize; size_of::<u64>() / size_of::<usize>()];

#[expect(clippy::cast_possible_truncation, reason = "each word is a part")]
pub(crate) fn mask(signals: u64) -> Mask {
    core::array::from_fn(|word| (signals >> (word * usize::BITS as usize)) as usize)
}

pub(crate) fn signals(mask: Mask) -> u64 {
    let words = mask.into_iter().enumerate();
    words.fold(0, |signals, (word, bits)| signals | (bits as u64) << (word * usize::BITS as usize))
}

/// `asm/signal.h`. Without `SA_RESTORER` a handler returns to the vDSO.
#[repr(C)]
pub(crate) struct Sigaction {
    sa_handler: *const c_void,
    sa_flags: usize,
    sa_restorer: *const c_void,
    sa_mask: Mask,
}

impl Sigaction {
    pub(crate) fn new(handler: usize, flags: usize, signals: u64) -> Self {
        let (restorer, flag) = super::restorer();
        Self {
            sa_handler: with_exposed_provenance(handler),
            sa_flags: flags | flag,
            sa_restorer: restorer,
            sa_mask: mask(signals),
        }
    }

    /// Handler, flags and the signals of the mask.
    pub(crate) fn parts(&self) -> (usize, usize, u64) {
        (self.sa_handler.expose_provenance(), self.sa_flags, signals(self.sa_mask))
    }
}
