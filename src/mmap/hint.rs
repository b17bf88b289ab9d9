//! The address that a mapping should have, if it is free.

use super::Mmap;

impl Mmap<'_> {
    /// Sets the address at which the mapping should begin, if it is free.
    ///
    /// A hint never replaces anything: if the range is not free, the mapping lies elsewhere. To require an address, map
    /// in a [`Reservation::at`](crate::Reservation::at) it. The address of a mapping and its offset in the file have
    /// the same remainder modulo the [`allocation_granularity`](crate::allocation_granularity); a hint is rounded down
    /// to such an address. 0 is no hint. In a reservation a hint is ignored.
    ///
    /// **Platform notes**
    /// - Unix: the first argument of [`mmap`](https://man7.org/linux/man-pages/man2/mmap.2.html). If the range is not
    ///   free, Linux chooses as without a hint, and macOS chooses the next free range above.
    /// - Windows: `VirtualAlloc` or
    ///   [`MapViewOfFileEx`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffileex) with
    ///   the address; if that fails for any reason, without.
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
