//! How functions of a C library fail.

use super::imports::errno_location;
use super::system::EINTR;

crate::sys::posix::calls!(errno_location);
