//! Safe slices of files that cannot change.

use super::Mmap;
use crate::error::Error;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::mapping::Mapping;
use crate::options::Flags;
use crate::sys::{Sys, System};

impl Mmap<'_> {
    /// Maps a file that the system protects from changes, without `unsafe`.
    ///
    /// No process can write to such a file or truncate it, not even the owner's or the superuser's. So the promise that
    /// the caller of [`map`](Self::map) makes is not needed, whichever process made the file.
    /// [`File::memory`](crate::File::memory) and [`File::seal`](crate::File::seal) make such a file.
    ///
    /// The mapping is as with [`map`](Self::map) and [`Flags::COW`]: writes to it, as after
    /// [`into_mut`](Mapping::into_mut), stay private.
    ///
    /// **Platform notes**
    /// - Linux: a file in memory with the seals `F_SEAL_WRITE` and `F_SEAL_SHRINK`
    ///   ([`fcntl`](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html)), or a file with
    ///   [fs-verity](https://docs.kernel.org/filesystems/fsverity.html) on ext4, f2fs or btrfs. The contents of the
    ///   latter cannot change, but are read from a device. If reading fails, or the device returns other data, the
    ///   access raises SIGBUS.
    /// - Other systems: unsupported, as none makes such a promise.
    ///
    /// # Errors
    /// As [`map`](Self::map), and:
    /// - [`Unsupported`](ErrorKind::Unsupported): [`Flags::PAST_END`], as such a file does not grow.
    /// - [`NotSealed`](ErrorKind::NotSealed): another process may change or truncate the file.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system makes no such promise.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, File, Mmap};
    /// let file = match File::memory() {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     file => file?,
    /// };
    /// file.set_len(5)?;
    /// // SAFETY: nobody else knows of the file.
    /// unsafe { Mmap::new(&file).map_mut()? }.copy_from_slice(b"hello");
    /// match file.seal() {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     result => result?,
    /// }
    /// // Now it can be passed to any process, which need not trust this one.
    /// assert_eq!(Mmap::new(&file).map_sealed()?[..], *b"hello");
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "map_if_safe")]
    #[doc(alias = "F_GET_SEALS")]
    #[doc(alias = "fs-verity")]
    pub fn map_sealed(self) -> Result<Mapping, Error> {
        if self.flags.contains(Flags::PAST_END) {
            return Err(Failure::unsupported(Flags::PAST_END).into());
        }
        // First, as what holds now holds for the length that `map` asks for, too.
        if !Sys::is_sealed(self.file.raw)? {
            return Err(Error::new(Call::MapSealed, ErrorKind::NotSealed));
        }
        // Before Linux 6.7 a sealed file that is open for writing can only be mapped private.
        let flags = self.flags | Flags::COW;
        // SAFETY: the system keeps what the caller of `map` promises.
        unsafe { self.flags(flags).map() }
    }
}
