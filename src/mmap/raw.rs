//! Mappings of files for pointers only.

use super::Mmap;
use crate::error::{Error, Refused};
use crate::mapping::RawMapping;
use crate::reservation::Reservation;

impl Mmap<'_> {
    /// Maps the file for access by pointers only.
    ///
    /// This is safe, as each access through a pointer is `unsafe`: another process may change the file at any time. To
    /// write, add [`Prot::WRITE`](crate::Prot::WRITE). Otherwise it is as [`map`](Self::map).
    ///
    /// The guide's page on [sharing](crate::guide::sharing) has the rules for memory that several processes use.
    ///
    /// # Errors
    /// As `map`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-raw", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// let map = Mmap::new(&file).map_raw()?;
    /// // SAFETY: nobody truncates the file meanwhile; if another process changes it, an old or a new byte is read.
    /// assert_eq!(unsafe { map.as_ptr().read_volatile() }, b'[');
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MmapRaw")]
    pub fn map_raw(self) -> Result<RawMapping, Error> {
        // SAFETY: it lends no slice.
        unsafe { self.map_with(self.prot) }
    }

    /// Maps the file in a reservation, for access by pointers only.
    ///
    /// As [`map_in`](Self::map_in), and safe as [`map_raw`](Self::map_raw) is.
    ///
    /// # Errors
    /// As `map_in`.
    ///
    /// # Examples
    ///
    /// A ring buffer: the same memory is mapped twice in a row, so that a record may reach across its end.
    ///
    /// ```
    /// use baremap::{ErrorKind, File, Mmap, Prot, Reservation, allocation_granularity};
    /// # let result = Reservation::new(1);
    /// # if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported) { return Ok(()) }
    /// # drop(result);
    /// let file = match File::memory() {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     file => file?,
    /// };
    /// let len = allocation_granularity();
    /// file.set_len(len as u64)?;
    /// let (first, second) = Reservation::new(2 * len)?.split(len)?;
    /// let request = Mmap::new(&file).prot(Prot::WRITE);
    /// let (first, _second) = (request.map_raw_in(first)?, request.map_raw_in(second)?);
    /// // SAFETY: the addresses are mapped twice in a row, and nothing else uses the memory.
    /// unsafe {
    ///     first.as_mut_ptr().add(len - 2).cast::<[u8; 4]>().write_volatile(*b"ring");
    ///     assert_eq!(first.as_ptr().cast::<[u8; 2]>().read_volatile(), *b"ng");
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "ring buffer")]
    #[doc(alias = "magic ring buffer")]
    pub fn map_raw_in(self, reservation: Reservation) -> Result<RawMapping, Refused<Reservation>> {
        // SAFETY: it lends no slice.
        unsafe { self.map_in_with(reservation, self.prot) }
    }
}
