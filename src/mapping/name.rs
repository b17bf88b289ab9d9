//! Names of mappings.

use super::Mapping;
use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::sys::Sys;
use crate::sys::contract::special::Special;
use core::ffi::CStr;

impl<A> Mapping<A> {
    /// Gives the memory a name, for people who look at the map of the process. An empty name removes it.
    ///
    /// A hint: where the system has no names it does nothing. A mapping of a file keeps the file's.
    ///
    /// **Platform notes**
    /// - Linux:
    ///   [`prctl`](https://man7.org/linux/man-pages/man2/PR_SET_VMA.2const.html) with `PR_SET_VMA_ANON_NAME`, as of Linux 5.17 if
    ///   it is configured with `CONFIG_ANON_VMA_NAME`. `/proc/PID/maps`, and [`Region::name`](crate::process::Region::name),
    ///   show `[anon:NAME]`. Memory of another name is a mapping of its own, of which a process has a limited number.
    /// - macOS, Windows, kernels: nothing.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): more than 79 bytes, or other bytes than printable ASCII without
    ///   `` [ ] \ $ ` ``, on any system.
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
