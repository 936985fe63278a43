//! Numbers of few bits, packed: whole vectors as FastLanes packs them, the rest as a bit stream.
//!
//! A whole vector of 1,024 numbers of `width` bits in lanes of `T` bits is packed in the layout of
//! FastLanes (Afroozeh and Boncz, VLDB 2023), so that plain code unpacks many lanes at a time. The
//! `1024 / T` lanes are interleaved word by word; lane `l` holds, from its lowest bit up, the numbers
//! at `order[row / 8] * 16 + (row % 8) * 128 + l` for `row` in `0..T`, with
//! `order = [0, 4, 2, 6, 1, 5, 3, 7]`. So the numbers of one row of all lanes lie side by side in the
//! vector, are in the same words and need the same shift, which need not be known when this is
//! compiled. Fewer numbers are a bit stream (see `bitstream`): they must not cost as much as 1,024.

use super::bitstream::{BitReader, BitWriter, mask};
use super::simd::{Kernel, run};
use super::words::{Word, store_all};
use super::{DecodeError, VECTOR_ROWS};

/// Bytes that `rows` numbers of `width` bits take; `rows` is at most [`VECTOR_ROWS`].
pub(super) fn packed_len(rows: usize, width: u32) -> usize {
    (rows * width as usize).div_ceil(8)
}

/// Where in a vector the numbers of row `row` of the lanes begin.
#[inline(always)]
fn place(row: u32) -> usize {
    const ORDER: [usize; 8] = [0, 4, 2, 6, 1, 5, 3, 7];
    ORDER[row as usize / 8] * 16 + row as usize % 8 * 128
}

/// How many lanes of `T` a vector has.
const fn lanes<T: Word>() -> usize {
    VECTOR_ROWS / T::BITS as usize
}

/// Appends the low `width` bits of each of `numbers`, at most [`VECTOR_ROWS`], less `reference`.
pub(super) fn pack<T: Word>(numbers: &[T], width: u32, reference: T, out: &mut Vec<u8>) {
    if let Ok(numbers) = numbers.try_into() {
        let mut words = [T::default(); VECTOR_ROWS];
        let words = &mut words[..packed_len(VECTOR_ROWS, width) / T::BYTES];
        run(Pack { numbers, width, reference, words });
        store_all(words, out);
        return;
    }
    debug_assert!(numbers.len() < VECTOR_ROWS);
    let mut writer = BitWriter::new(out);
    for number in numbers {
        writer.put(number.minus(reference).widen() & mask(width), width);
    }
    writer.finish();
}

/// Unpacks `out.len()` numbers, at most [`VECTOR_ROWS`], and puts what `map` makes of each.
#[inline(always)]
pub(super) fn unpack<T: Word>(
    packed: &[u8],
    width: u32,
    out: &mut [T],
    map: impl Fn(T) -> T,
) -> Result<(), DecodeError> {
    if width > T::BITS || packed.len() != packed_len(out.len(), width) {
        return Err(DecodeError { what: "packed numbers of the wrong length" });
    }
    if width == 0 {
        out.fill(map(T::default()));
    } else if let Ok(out) = out.try_into() {
        run(Unpack { packed, width, out, map });
    } else {
        run(UnpackStream { packed, width, out, map });
    }
    Ok(())
}

/// Lanes that are read, all of them, before any is written: else it would be asked for each row anew
/// whether what is read and what is written overlap, which takes longer than to unpack it.
const GROUP: usize = 16;

#[inline(always)]
fn groups<T>(lanes: &[T]) -> &[[T; GROUP]] {
    lanes.as_chunks().0
}

#[inline(always)]
fn groups_mut<T>(lanes: &mut [T]) -> &mut [[T; GROUP]] {
    lanes.as_chunks_mut().0
}

/// Packs a whole vector into words that are all zeros.
struct Pack<'a, T> {
    numbers: &'a [T; VECTOR_ROWS],
    width: u32,
    reference: T,
    words: &'a mut [T],
}

impl<T: Word> Kernel for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { numbers, width, reference, words } = self;
        if width == 0 {
            return;
        }
        let (lanes, mask) = (lanes::<T>(), T::narrow(mask(width)));
        for row in 0..T::BITS {
            let (word, shift) = (row * width / T::BITS, row * width % T::BITS);
            let numbers = &numbers[place(row)..][..lanes];
            let (low, high) = words[word as usize * lanes..].split_at_mut(lanes);
            for (word, number) in low.iter_mut().zip(numbers) {
                *word = word.or(number.minus(reference).and(mask).left(shift));
            }
            if shift + width > T::BITS {
                for (word, number) in high[..lanes].iter_mut().zip(numbers) {
                    *word = number.minus(reference).and(mask).right(T::BITS - shift);
                }
            }
        }
    }
}

/// Unpacks a whole vector of at least one bit a number.
struct Unpack<'a, T, F> {
    packed: &'a [u8],
    width: u32,
    out: &'a mut [T; VECTOR_ROWS],
    map: F,
}

impl<T: Word, F: Fn(T) -> T> Kernel for Unpack<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { packed, width, out, map } = self;
        let (lanes, mask, words) = (lanes::<T>(), T::narrow(mask(width)), T::chunks(packed));
        for row in 0..T::BITS {
            let (word, shift) = (row * width / T::BITS, row * width % T::BITS);
            let out = groups_mut(&mut out[place(row)..][..lanes]);
            let words = &words[word as usize * lanes..];
            let low = groups(&words[..lanes]);
            if shift + width <= T::BITS {
                for (out, low) in out.iter_mut().zip(low) {
                    *out = low.map(|low| T::from_chunk(low).right(shift).and(mask)).map(&map);
                }
            } else {
                for ((out, low), high) in
                    out.iter_mut().zip(low).zip(groups(&words[lanes..][..lanes]))
                {
                    let number = |lane: usize| {
                        let low = T::from_chunk(low[lane]).right(shift);
                        low.or(T::from_chunk(high[lane]).left(T::BITS - shift)).and(mask)
                    };
                    *out = std::array::from_fn(number).map(&map);
                }
            }
        }
    }
}

/// Unpacks a stream of numbers of at least one bit.
struct UnpackStream<'a, T, F> {
    packed: &'a [u8],
    width: u32,
    out: &'a mut [T],
    map: F,
}

impl<T: Word, F: Fn(T) -> T> Kernel for UnpackStream<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { packed, width, out, map } = self;
        // Most numbers lie within the eight bytes from the one they begin in, each found without
        // those before it.
        let (near, rest) = out.split_at_mut(within_words(packed.len(), width).min(out.len()));
        for (row, number) in near.iter_mut().enumerate() {
            let bit = row * width as usize;
            let word = u64::load(&packed[bit / 8..][..8]) >> (bit % 8);
            *number = map(T::narrow(word & mask(width)));
        }
        let mut reader = BitReader::new(packed);
        reader.skip(near.len() as u32 * width);
        for number in rest {
            *number = map(T::narrow(reader.take(width)));
        }
    }
}

/// How many numbers of a stream lie within the eight bytes from the one they begin in.
fn within_words(len: usize, width: u32) -> usize {
    // One that begins with the last bit of a byte has 57 bits there.
    let last = len.checked_sub(8).filter(|_| width <= 57);
    last.map_or(0, |last| last * 8 / width as usize + 1)
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
                pack(&numbers, width, T::default(), &mut packed);
                assert_eq!(packed.len(), packed_len(rows, width));
                let mut back = vec![T::default(); rows];
                unpack(&packed, width, &mut back, |number| number.plus(T::narrow(3))).unwrap();
                let minus: Vec<T> = back.iter().map(|word| word.minus(T::narrow(3))).collect();
                assert_eq!(minus, numbers, "width {width}, {rows} rows");
                packed.push(0);
                assert!(unpack(&packed, width, &mut back, |number| number).is_err());
            }
        }
        let mut out = vec![T::default(); 1024];
        assert!(unpack(&vec![0; 128 * 65], T::BITS + 1, &mut out, |number| number).is_err());
    }

    #[test]
    fn every_width_of_every_lane_comes_back() {
        round_trip::<u8>();
        round_trip::<u16>();
        round_trip::<u32>();
        round_trip::<u64>();
    }

    /// The order is part of the file format.
    #[test]
    fn the_order_of_lanes_is_as_specified() {
        let order = [0, 4, 2, 6, 1, 5, 3, 7];
        let numbers: [u16; 1024] = std::array::from_fn(|i| i as u16 & 7);
        let mut packed = vec![];
        pack(&numbers, 3, 0, &mut packed);
        let words: Vec<u16> = u16::chunks(&packed).iter().map(|&c| u16::from_chunk(c)).collect();
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
