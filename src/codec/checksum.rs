//! The checksum of everything in a file: XXH3, 64 bits (Yann Collet, xxHash).

use twox_hash::XxHash3_64;

/// XXH3-64 of `bytes`.
#[inline]
pub fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// The same with a seed.
#[inline]
pub fn checksum_with_seed(bytes: &[u8], seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

/// The low half of [`checksum`], for headers where four bytes are to spare.
#[inline]
pub fn checksum32(bytes: &[u8]) -> u32 {
    checksum(bytes) as u32
}
