//! Fixed-width values as unsigned words of their width, and words as little-endian bytes.
//!
//! The codecs of fixed width never look at the meaning of the bits beyond "is it signed", so they
//! are written once over `u8`, `u16`, `u32` and `u64`.

use arrow_buffer::ArrowNativeType;

use super::DecodeError;

// Words are read from and viewed as the bytes of a file without swapping them.
const _: () = assert!(cfg!(target_endian = "little"), "big-endian machines are not supported");

/// An unsigned word, with arithmetic that wraps. Its methods are inlined whatever the compiler thinks
/// of it, so that a [`super::simd::Kernel`] made of them is compiled for the registers it may use.
pub(super) trait Word: ArrowNativeType + Ord {
    /// Bits of the word.
    const BITS: u32;
    /// Bytes of the word.
    const BYTES: usize;
    /// The word as it stands in a file.
    type Bytes: Copy;

    /// The words in `bytes`, what is left over behind them being passed over.
    fn chunks(bytes: &[u8]) -> &[Self::Bytes];
    fn from_chunk(chunk: Self::Bytes) -> Self;
    /// Shifts by `n` bits, fewer than the word has.
    fn left(self, n: u32) -> Self;
    fn right(self, n: u32) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: usize) -> Self;
    fn xor(self, other: Self) -> Self;
    fn widen(self) -> u64;
    /// The word as a signed number of its width.
    fn signed(self) -> i64;
    /// The low bits of `wide`.
    fn narrow(wide: u64) -> Self;
    /// Bits up to the highest one: 0 for 0, `BITS` for the greatest value.
    fn bit_len(self) -> u32;
    /// The word that stands first in `bytes`, which hold at least one.
    fn load(bytes: &[u8]) -> Self;
    fn store(self, out: &mut Vec<u8>);
    /// Maps signed order onto unsigned order and back, so that `Ord` sorts either.
    #[inline(always)]
    fn in_order(self, signed: bool) -> Self {
        if signed { self.xor(Self::narrow(1 << (Self::BITS - 1))) } else { self }
    }
}

macro_rules! word {
    ($($ty:ident)*) => {$(
        impl Word for $ty {
            const BITS: u32 = $ty::BITS;
            const BYTES: usize = size_of::<$ty>();
            type Bytes = [u8; size_of::<$ty>()];

            #[inline(always)]
            fn chunks(bytes: &[u8]) -> &[Self::Bytes] {
                bytes.as_chunks().0
            }
            #[inline(always)]
            fn from_chunk(chunk: Self::Bytes) -> Self {
                $ty::from_le_bytes(chunk)
            }
            #[inline(always)]
            fn left(self, n: u32) -> Self {
                self.wrapping_shl(n)
            }
            #[inline(always)]
            fn right(self, n: u32) -> Self {
                self.wrapping_shr(n)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn times(self, other: usize) -> Self {
                self.wrapping_mul(other as $ty)
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            fn widen(self) -> u64 {
                u64::from(self)
            }
            #[inline(always)]
            fn signed(self) -> i64 {
                i64::from(self.cast_signed())
            }
            #[inline(always)]
            fn narrow(wide: u64) -> Self {
                wide as $ty
            }
            #[inline(always)]
            fn bit_len(self) -> u32 {
                $ty::BITS - self.leading_zeros()
            }
            #[inline(always)]
            fn load(bytes: &[u8]) -> Self {
                let mut word = [0; size_of::<$ty>()];
                word.copy_from_slice(&bytes[..size_of::<$ty>()]);
                $ty::from_le_bytes(word)
            }
            #[inline(always)]
            fn store(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

word!(u8 u16 u32 u64);

/// Appends `words`.
pub(super) fn store_all<T: Word>(words: &[T], out: &mut Vec<u8>) {
    out.extend_from_slice(as_bytes(words));
}

/// The bytes of `words`.
#[allow(unsafe_code)]
pub(super) fn as_bytes<T: Word>(words: &[T]) -> &[u8] {
    // SAFETY: `T` is one of u8 to u64 (the trait is private to `codec`), which have no padding, and
    // every byte is a `u8`; bytes need no alignment, so both outer parts are empty.
    let (head, bytes, tail) = unsafe { words.align_to::<u8>() };
    debug_assert!(head.is_empty() && tail.is_empty());
    bytes
}

/// The bytes of `words`, to be written.
#[allow(unsafe_code)]
pub(super) fn as_bytes_mut<T: Word>(words: &mut [T]) -> &mut [u8] {
    // SAFETY: as above, and every pattern of bits is a value of `T`.
    let (head, bytes, tail) = unsafe { words.align_to_mut::<u8>() };
    debug_assert!(head.is_empty() && tail.is_empty());
    bytes
}

/// `bytes` as numbers, written in place. Refuses bytes that are not aligned to the word's width or
/// not a whole number of words.
#[allow(unsafe_code)]
pub(super) fn view_mut<T: ArrowNativeType>(bytes: &mut [u8]) -> Result<&mut [T], DecodeError> {
    // SAFETY: Arrow's native types are plain numbers (the trait is sealed): every pattern of bits is a
    // value.
    let (head, words, tail) = unsafe { bytes.align_to_mut::<T>() };
    if head.is_empty() && tail.is_empty() {
        Ok(words)
    } else {
        Err(DecodeError { what: "output buffer not aligned to the type's width" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_are_each_others_inverse() {
        let mut bytes = vec![];
        store_all(&[1u32, 0x8070_6050], &mut bytes);
        assert_eq!(bytes, [1, 0, 0, 0, 0x50, 0x60, 0x70, 0x80]);
        let words: Vec<u32> =
            u32::chunks(&bytes).iter().map(|&chunk| u32::from_chunk(chunk)).collect();
        assert_eq!(words, [1, 0x8070_6050]);
        let mut aligned = [0u64; 2];
        view_mut::<u64>(bytes_of(&mut aligned)).unwrap()[1] = u64::MAX;
        assert_eq!(aligned, [0, u64::MAX]);
        assert!(view_mut::<u64>(&mut bytes_of(&mut aligned)[1..9]).is_err());
        assert!(view_mut::<u64>(&mut bytes_of(&mut aligned)[..9]).is_err());
    }

    #[allow(unsafe_code)]
    fn bytes_of(words: &mut [u64]) -> &mut [u8] {
        // SAFETY: every byte of a `u64` is a `u8`, and the other way round.
        unsafe { words.align_to_mut::<u8>().1 }
    }

    #[test]
    fn signed_order_is_kept() {
        let mut words: Vec<u8> = vec![0, 127, 128, 255];
        words.sort_by_key(|word| word.in_order(true));
        assert_eq!(words.map_signed(), [-128, -1, 0, 127]);
        assert_eq!((0u16.bit_len(), 1u16.bit_len(), u16::MAX.bit_len()), (0, 1, 16));
    }

    trait Signed {
        fn map_signed(&self) -> Vec<i8>;
    }

    impl Signed for Vec<u8> {
        fn map_signed(&self) -> Vec<i8> {
            self.iter().map(|&word| word as i8).collect()
        }
    }
}
