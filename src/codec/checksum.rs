//! The checksum of everything in a file: XXH3, 64 bits (Yann Collet, xxHash).

/// XXH3-64 of `bytes`.
#[inline]
pub fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// The low half of [`checksum`], for headers where four bytes are to spare.
#[inline]
pub fn checksum32(bytes: &[u8]) -> u32 {
    checksum(bytes) as u32
}
