//! The kernel's numbers of advice (`asm-generic/mman-common.h`), and how contents are destroyed.

use super::{Backing, Kind, Linux, madvise};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Discard, Prot};
use crate::sys::contract::{Result, Span, System};

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

/// # Safety
/// As `System::discard`.
pub(super) unsafe fn discard(span: Span, backing: &Backing, discard: Discard) -> Result<()> {
    let is_huge = Linux::page_size_of(backing) > Linux::page_size() || backing.kind == Kind::Secret;
    let advice = match (discard, backing.kind) {
        // Huge pages that are returned to the pool may be missing when they are touched again, so fresh memory is zeroed
        // in place, as secret memory is, which is locked. A private mapping would have to show the file's contents again.
        (Discard::DontNeed, Kind::Anon | Kind::Secret) if is_huge && backing.prot.contains(Prot::WRITE) => {
            // SAFETY: the range is writable, and the contents are the caller's to destroy.
            unsafe { span.ptr.write_bytes(0, span.len) };
            return Ok(());
        }
        (Discard::DontNeed, Kind::Anon | Kind::Private | Kind::Secret) if is_huge => {
            return Err(Failure::refused(Call::Discard, ErrorKind::Unsupported));
        }
        (Discard::DontNeed, _) => 4,
        (Discard::Free, Kind::Anon) => 8,
        (Discard::Remove, Kind::Shared) => 9,
        // Not left to the kernel: its EACCES would mean a file not open for writing, and emulators accept anything.
        (Discard::Free | Discard::Remove, _) => {
            return Err(Failure::refused(Call::Discard, ErrorKind::InvalidInput));
        }
        (Discard::FreeReusable | Discard::FreeReuse, _) => {
            return Err(Failure::refused(Call::Discard, ErrorKind::Unsupported));
        }
    };
    // SAFETY: the caller's promise.
    unsafe { madvise(span, backing, advice) }
}
