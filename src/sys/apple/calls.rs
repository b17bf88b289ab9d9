//! How functions of libSystem fail.

use super::codes::EINTR;
use super::imports::__error;

crate::sys::posix::calls!(__error);
