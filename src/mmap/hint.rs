//! Where a mapping should lie, if that is free.

use super::Mmap;

impl Mmap<'_> {
    /// Sets the address at which the mapping should begin, if nothing is there.
    ///
    /// A hint, which never replaces anything: the mapping may lie elsewhere. To insist on an address, make a
    /// [`Reservation::at`](crate::Reservation::at) it. A mapping begins at a multiple of the
    /// [`allocation_granularity`](crate::allocation_granularity), plus what its offset in the file exceeds one by; another
    /// address is rounded down. 0 is no hint. In a reservation a hint is ignored.
    ///
    /// **Platform notes**
    /// - Linux, macOS: the first argument of `mmap`. If the range is not free, Linux chooses as without a hint, and macOS the
    ///   next free one after it.
    /// - Windows: `VirtualAlloc` or `MapViewOfFileEx` with the address, and if that fails, for whatever reason, without.
    /// - Kernels: ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::Mmap;
    /// let first = Mmap::anon(1 << 16).hint(1 << 34).map()?;
    /// // Here the address is taken.
    /// let second = Mmap::anon(1 << 16).hint(first.as_ptr().addr()).map()?;
    /// assert_ne!(first.as_ptr(), second.as_ptr());
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "MapViewOfFileEx")]
    #[inline]
    pub fn hint(self, address: usize) -> Self {
        Self { hint: address, ..self }
    }
}
