//! Finds a byte, without a dependency and without code for a processor's vectors.
//!
//! 64 bytes at a time become a set of 64 bits, from which the indices are taken one by one. Compilers turn into vectors the
//! comparison that gives each byte its bit within its group of 8. The product of such a word with 0x0101… has the sum of
//! the word's bytes, which is those bits together, in its highest byte.

/// Calls `f` with the index of each `byte`, in order, until it fails.
pub(crate) fn for_each_index_of<E>(
    byte: u8,
    bytes: &[u8],
    mut f: impl FnMut(usize) -> Result<(), E>,
) -> Result<(), E> {
    const BLOCK: usize = 64;
    let blocks = bytes.chunks_exact(BLOCK);
    let tail = blocks.remainder();
    for (i, block) in blocks.enumerate() {
        let mut bits = [0; BLOCK];
        for (j, (bit, &b)) in bits.iter_mut().zip(block).enumerate() {
            *bit = if b == byte { 1 << (j % 8) } else { 0 };
        }
        let mut words = [0; BLOCK / 8];
        for (word, bits) in words.iter_mut().zip(bits.chunks_exact(8)) {
            *word = u64::from_le_bytes(bits.try_into().unwrap_or_default());
        }
        if words.iter().fold(0, |all, word| all | word) == 0 {
            continue;
        }
        let mut set = u64::from_le_bytes(words.map(|word| (word.wrapping_mul(u64::MAX / 255) >> 56) as u8));
        while set != 0 {
            f(i * BLOCK + set.trailing_zeros() as usize)?;
            set &= set - 1;
        }
    }
    let start = bytes.len() - tail.len();
    for (i, _) in tail.iter().enumerate().filter(|&(_, &b)| b == byte) {
        f(start + i)?;
    }
    Ok(())
}
