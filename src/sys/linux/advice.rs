//! The kernel's numbers of advice (`asm-generic/mman-common.h`).

use crate::options::Advice;

/// `None`: advice of another system.
pub(super) const fn number(advice: Advice) -> Option<usize> {
    Some(match advice {
        Advice::Normal => 0,
        Advice::Random => 1,
        Advice::Sequential => 2,
        Advice::WillNeed => 3,
        Advice::Mergeable => 12,
        Advice::Unmergeable => 13,
        Advice::HugePage => 14,
        Advice::NoHugePage => 15,
        Advice::DontDump => 16,
        Advice::DoDump => 17,
        Advice::Cold => 20,
        Advice::PageOut => 21,
        Advice::Collapse => 25,
        Advice::ZeroWiredPages => return None,
    })
}
