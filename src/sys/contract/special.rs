//! What rare requests ask for, and few systems have.

use super::{MapFailure, Mapped, Request, Result, Span, System};
use crate::error::kind::Failure;
use crate::options::Flags;
use core::ffi::CStr;

pub(crate) trait Special: System {
    /// Which of the flags `SECRET` and `SYNC` the system may honour. The functions that map are not called with another, nor
    /// with `SYNC` for what is not a shared mapping of a file.
    #[inline(always)]
    fn special_flags() -> Flags {
        Flags::empty()
    }

    /// Maps zeroed memory for a request with `SECRET` and without `HUGETLB`.
    ///
    /// # Safety
    /// The reservation, if there is one, is the caller's.
    #[allow(unused_variables, reason = "its name is part of the contract")]
    unsafe fn map_secret(request: Request) -> Result<Mapped<Self::Backing>, MapFailure> {
        Err(Failure::unsupported(Flags::SECRET).into())
    }

    /// Gives a mapping a name of at most 79 letters, or none. `Ok` if the system has no names, or not for this mapping.
    ///
    /// # Safety
    /// The mapping is the caller's.
    #[allow(unused_variables, reason = "as above")]
    unsafe fn set_name(span: Span, backing: &Self::Backing, name: Option<&CStr>) -> Result<()> {
        Ok(())
    }
}
