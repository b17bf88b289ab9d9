//! No fault guard: on OpenBSD (see there), and where it is not known where the program counter is saved.

use crate::error::kind::{Call, ErrorKind, Failure};
use crate::sys::contract::Result;

pub(super) fn install() -> Result<()> {
    Err(Failure::refused(Call::Install, ErrorKind::Unsupported))
}

pub(super) fn is_installed() -> bool {
    false
}

pub(super) fn is_in_force() -> bool {
    false
}
