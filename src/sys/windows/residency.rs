//! What is resident, populating, the limit on locked memory.

use super::Windows;
use super::calls::*;
use super::imports::*;
use super::memory::{self, Backing, Kind};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Inheritance};
use crate::sys::contract::residency::Residency;
use crate::sys::contract::{Result, Span};

/// What of the minimum working set the system may need for itself: "a small overhead" (Microsoft, "VirtualLock function").
const OVERHEAD_PAGES: usize = 16;

impl Residency for Windows {
    unsafe fn resident(pages: Span, states: &mut [u8]) -> Result<()> {
        let mut states = states.iter_mut();
        memory::attributes(pages, |attributes| {
            if let Some(state) = states.next() {
                *state = u8::from(attributes & 1 != 0);
            }
        })
    }

    /// A page that was read can be written without more ado, unless it is copied then.
    unsafe fn populate(span: Span, backing: &Backing, for_writing: bool) -> Result<()> {
        const ERROR_PARTIAL_COPY: i32 = 299;
        if for_writing && matches!(backing.kind, Kind::Shared | Kind::Copy) {
            return Err(Failure::refused(Call::Populate, ErrorKind::Unsupported));
        }
        memory::populate(span, backing).map_err(|failure| match failure.code {
            // The memory is readable, so the file is not.
            ERROR_PARTIAL_COPY => failure.with_kind(ErrorKind::Io),
            _ => failure,
        })
    }

    fn lock_limit() -> Result<usize> {
        Ok(working_set()?.0.saturating_sub(OVERHEAD_PAGES * page_size()))
    }

    fn raise_lock_limit(bytes: usize) -> Result<usize> {
        let (minimum, maximum) = working_set()?;
        // Both as -1 would have another meaning: to empty the working set.
        let new = bytes.min(isize::MAX as usize).saturating_add(OVERHEAD_PAGES * page_size());
        if new > minimum {
            let maximum = maximum.max(new.saturating_add(OVERHEAD_PAGES * page_size()));
            // SAFETY: it has no condition.
            let result = unsafe { SetProcessWorkingSetSize(process(), new, maximum) };
            checked(Call::SetProcessWorkingSetSize, result)?;
        }
        Self::lock_limit()
    }

    fn knows(advice: Advice) -> bool {
        advice == Advice::WillNeed
    }

    /// There is no `fork`: no process inherits memory.
    unsafe fn set_inheritance(_: Span, _: &Backing, inheritance: Inheritance) -> Result<()> {
        match inheritance {
            Inheritance::Usual | Inheritance::Omit | Inheritance::Wipe => Ok(()),
            Inheritance::Share => Err(Failure::refused(Call::SetInheritance, ErrorKind::Unsupported)),
        }
    }

    fn has_huge_pages(size_log2: u8) -> bool {
        large_page_size() == 1 << size_log2
    }
}

/// Minimum and maximum, in bytes.
fn working_set() -> Result<(usize, usize)> {
    let (mut minimum, mut maximum) = (0, 0);
    // SAFETY: both are writable.
    let result = unsafe { GetProcessWorkingSetSize(process(), &raw mut minimum, &raw mut maximum) };
    checked(Call::GetProcessWorkingSetSize, result).map(|()| (minimum, maximum))
}
