//! Names of mappings.

use super::Mapping;
use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::sys::Sys;
use crate::sys::contract::special::Special;
use core::ffi::CStr;

impl<A> Mapping<A> {
    /// Names the memory, for people who look at the map of the process.
    ///
    /// An empty name removes the name. A system without such names does nothing. A mapping of a file keeps the file's
    /// name.
    ///
    /// **Platform notes**
    /// - Linux: [`prctl`](https://man7.org/linux/man-pages/man2/PR_SET_VMA.2const.html) with `PR_SET_VMA_ANON_NAME`, as
    ///   of Linux 5.17, if the kernel has `CONFIG_ANON_VMA_NAME`. `/proc/PID/maps`, and
    ///   [`Region::name`](crate::process::Region::name), show `[anon:NAME]`. Memory with a different name counts as a
    ///   separate mapping, and the number of these is limited.
    /// - Other systems: does nothing.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): on any system, the name is longer than 79 bytes, or has a byte that
    ///   is not printable ASCII or is one of `` [ ] \ $ ` ``.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory): the process has too many mappings.
    ///
    /// # Examples
    ///
    /// ```
    /// let arena = baremap::Mmap::anon(1 << 20).map_mut()?;
    /// arena.set_name(c"arena")?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "PR_SET_VMA_ANON_NAME")]
    #[doc(alias = "prctl")]
    pub fn set_name(&self, name: &CStr) -> Result<(), Error> {
        let is_valid = |byte: &u8| matches!(byte, b' '..=b'~') && !br"[]\$`".contains(byte);
        if name.count_bytes() > 79 || !name.to_bytes().iter().all(is_valid) {
            return Err(Error::new(Call::SetName, ErrorKind::InvalidInput));
        }
        if self.len == 0 {
            return Ok(());
        }
        let name = Some(name).filter(|name| !name.is_empty());
        // SAFETY: a mapping of ours, whose contents stay.
        unsafe { Sys::set_name(self.span(), &self.backing, name)? };
        Ok(())
    }
}
