//! Numbers of few bits, packed: whole vectors as FastLanes packs them, the rest as a bit stream.
//!
//! A whole vector of 1,024 numbers of `width` bits in lanes of `T` bits is packed in the layout of
//! FastLanes (Afroozeh and Boncz, VLDB 2023) as the crate `fastlanes` orders it, so that plain code
//! unpacks it many lanes at a time. The `1024 / T` lanes are interleaved word by word; lane `l`
//! holds, from its lowest bit up, the numbers at
//! `order[row / 8] * 16 + (row % 8) * 128 + l` for `row` in `0..T`, with
//! `order = [0, 4, 2, 6, 1, 5, 3, 7]`. Fewer numbers are a bit stream (see `bitstream`): they must
//! not cost as much as 1,024.

use super::bitstream::{BitReader, BitWriter, mask};
use super::words::{Word, load_all, store_all};
use super::{DecodeError, VECTOR_ROWS};

/// Bytes that `rows` numbers of `width` bits take; `rows` is at most [`VECTOR_ROWS`].
pub(super) fn packed_len(rows: usize, width: u32) -> usize {
    (rows * width as usize).div_ceil(8)
}

/// Appends the low `width` bits of each of `numbers`, at most [`VECTOR_ROWS`].
pub(super) fn pack<T: Word>(numbers: &[T], width: u32, out: &mut Vec<u8>) {
    if let Ok(vector) = numbers.try_into() {
        let mut words = [T::default(); VECTOR_ROWS];
        let words = &mut words[..packed_len(VECTOR_ROWS, width) / T::BYTES];
        pack_vector(width, vector, words);
        store_all(words, out);
        return;
    }
    debug_assert!(numbers.len() < VECTOR_ROWS);
    let mut writer = BitWriter::new(out);
    for number in numbers {
        writer.put(number.widen() & mask(width), width);
    }
    writer.finish();
}

/// Unpacks `out.len()` numbers, at most [`VECTOR_ROWS`], and adds `reference` to each.
pub(super) fn unpack<T: Word>(
    packed: &[u8],
    width: u32,
    reference: T,
    out: &mut [T],
) -> Result<(), DecodeError> {
    if width > T::BITS || packed.len() != packed_len(out.len(), width) {
        return Err(DecodeError { what: "packed numbers of the wrong length" });
    }
    if width == 0 {
        out.fill(reference);
    } else if let Ok(vector) = out.try_into() {
        // FastLanes wants aligned words, and a payload may lie anywhere.
        let mut words = [T::default(); VECTOR_ROWS];
        let words = &mut words[..packed.len() / T::BYTES];
        load_all(packed, words);
        unpack_vector(width, words, reference, vector);
    } else {
        let mut reader = BitReader::new(packed);
        for number in out {
            *number = T::narrow(reader.take(width)).plus(reference);
        }
    }
    Ok(())
}

#[allow(unsafe_code)]
fn pack_vector<T: Word>(width: u32, numbers: &[T; VECTOR_ROWS], words: &mut [T]) {
    assert!(width <= T::BITS && words.len() == VECTOR_ROWS * width as usize / T::BITS as usize);
    // SAFETY: there are 1,024 numbers, and room for exactly the packed words (asserted above).
    unsafe { T::unchecked_pack(width as usize, numbers, words) }
}

#[allow(unsafe_code)]
fn unpack_vector<T: Word>(width: u32, words: &[T], reference: T, out: &mut [T; VECTOR_ROWS]) {
    assert!(width <= T::BITS && words.len() == VECTOR_ROWS * width as usize / T::BITS as usize);
    // SAFETY: there are exactly the packed words (asserted above), and room for 1,024 numbers.
    unsafe { T::unchecked_unfor_pack(width as usize, words, reference, out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Word>() {
        for width in 0..=T::BITS {
            for rows in [1, 7, 8, 1023, 1024] {
                let mix = |i: usize| T::narrow((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let numbers: Vec<T> =
                    (0..rows).map(|i| T::narrow(mix(i).widen() & mask(width))).collect();
                let mut packed = vec![];
                pack(&numbers, width, &mut packed);
                assert_eq!(packed.len(), packed_len(rows, width));
                let mut back = vec![T::default(); rows];
                unpack(&packed, width, T::narrow(3), &mut back).unwrap();
                let minus: Vec<T> = back.iter().map(|word| word.minus(T::narrow(3))).collect();
                assert_eq!(minus, numbers, "width {width}, {rows} rows");
                packed.push(0);
                assert!(unpack(&packed, width, T::narrow(3), &mut back).is_err());
            }
        }
        let mut out = vec![T::default(); 1024];
        assert!(unpack(&vec![0; 128 * 65], T::BITS + 1, T::narrow(0), &mut out).is_err());
    }

    #[test]
    fn every_width_of_every_lane_comes_back() {
        round_trip::<u8>();
        round_trip::<u16>();
        round_trip::<u32>();
        round_trip::<u64>();
    }

    /// The order is part of the file format: an upgrade of the crate must not change it.
    #[test]
    fn the_order_of_lanes_is_as_specified() {
        let order = [0, 4, 2, 6, 1, 5, 3, 7];
        let numbers: [u16; 1024] = std::array::from_fn(|i| i as u16 & 7);
        let mut packed = vec![];
        pack(&numbers, 3, &mut packed);
        let mut words = [0u16; 64 * 3];
        load_all(&packed, &mut words);
        for lane in 0..64 {
            for row in 0..16 {
                let (bit, at) = (row * 3, order[row / 8] * 16 + (row % 8) * 128 + lane);
                let stream = (0..3).fold(0u64, |all, word| {
                    all | u64::from(words[word * 64 + lane]) << (word * 16)
                });
                assert_eq!(stream >> bit & 7, u64::from(numbers[at]));
            }
        }
    }
}
