//! Vectors of integers close to a reference, with exceptions: what frame of reference and delta
//! have in common.
//!
//! Each vector keeps `number - reference` in the fewest bits that suit most of its numbers; those
//! that need more are patched afterwards, so that one gap in the time column does not widen 1,024
//! deltas. `T` is the word of the column's width, `V` the number of vectors:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | V | widths | u8 a vector: bits of a packed number, 0 to the bits of `T` |
//! | V | patches | u8 a vector: how many exceptions |
//! | V x size of `T` | references | `T` a vector |
//! | | bodies | one a vector, without gaps |
//!
//! A body, for a vector of `n` rows (1,024, or fewer in the last) with `p` exceptions:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | ceil(n x width / 8) | packed | the low `width` bits of `number - reference` (see `bitpack`) |
//! | 2p | positions | u16 an exception: its row within the vector, below `n` |
//! | p x size of `T` | offsets | `T` an exception: the whole of `number - reference` |
//!
//! A number is `reference + offset`, wrapping.

use super::simd::{Kernel, run};
use super::words::{Word, store_all};
use super::{DecodeError, MAX_VECTORS, bitpack, vectors};

const MAX_PATCHES: usize = u8::MAX as usize;

const SHORT: DecodeError = DecodeError { what: "packed vectors of the wrong length" };

/// How a vector is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit<T> {
    pub(super) reference: T,
    pub(super) width: u32,
    pub(super) patches: usize,
}

impl<T: Word> Fit<T> {
    /// Bytes of the body of a vector of `rows` rows.
    pub(super) fn body_len(&self, rows: usize) -> usize {
        bitpack::packed_len(rows, self.width) + self.patches * (2 + T::BYTES)
    }

    /// Bytes of the body and of its share of the headers.
    pub(super) fn len(&self, rows: usize) -> usize {
        2 + T::BYTES + self.body_len(rows)
    }
}

/// The reference and width that make `numbers` (one vector) smallest, or nearly so: numbers are
/// only counted by their length where a sample shows that some are far from all others.
pub(super) fn fit<T: Word>(numbers: &[T], signed: bool) -> Fit<T> {
    let (min, max) = extremes(numbers, signed);
    let width = max.minus(min).bit_len();
    let plain = Fit { reference: min.in_order(signed), width, patches: 0 };
    // Nothing to gain, or so little that decoding without exceptions is worth more.
    if width <= 1 {
        return plain;
    }
    let (low, high) = most_between(numbers, signed);
    let most_width = high.minus(low).bit_len();
    if most_width >= width {
        return plain;
    }
    let from_min = fit_to(numbers, plain.reference);
    if low.minus(min).bit_len() <= most_width {
        return from_min;
    }
    // Some lie far below, as the deltas of rows that arrive late do: their offsets wrap.
    let from_low = fit_to(numbers, low.in_order(signed));
    let rows = numbers.len();
    if from_low.body_len(rows) < from_min.body_len(rows) { from_low } else { from_min }
}

/// The least and the greatest number, as `in_order` has them.
fn extremes<T: Word>(numbers: &[T], signed: bool) -> (T, T) {
    run(Extremes { numbers, signed })
}

struct Extremes<'a, T> {
    numbers: &'a [T],
    signed: bool,
}

impl<T: Word> Kernel for Extremes<'_, T> {
    type Output = (T, T);

    #[inline(always)]
    fn run(self) -> (T, T) {
        let Self { numbers, signed } = self;
        let first = numbers.first().map_or(T::default(), |number| number.in_order(signed));
        // `Iterator::min` would keep the compiler from vectorizing.
        numbers.iter().fold((first, first), |(min, max), number| {
            let number = number.in_order(signed);
            (min.min(number), max.max(number))
        })
    }
}

/// Two numbers between which most lie, judged by a sample, as `in_order` has them.
fn most_between<T: Word>(numbers: &[T], signed: bool) -> (T, T) {
    const SAMPLE: usize = 32;
    let mut sample = [T::default(); SAMPLE];
    let mut len = 0;
    let step = numbers.len().div_ceil(SAMPLE);
    for (to, from) in sample.iter_mut().zip(numbers.iter().step_by(step)) {
        *to = from.in_order(signed);
        len += 1;
    }
    let sample = &mut sample[..len];
    sample.sort_unstable();
    (sample[len / 8], sample[len - 1 - len / 8])
}

/// The width that makes `numbers` smallest with this reference.
fn fit_to<T: Word>(numbers: &[T], reference: T) -> Fit<T> {
    let of_len = run(Lengths { numbers, reference });
    let widest = of_len.iter().rposition(|&count| count > 0).unwrap_or(0);
    let mut best = Fit { reference, width: widest as u32, patches: 0 };
    let mut patches = 0;
    for width in (0..widest).rev() {
        patches += usize::from(of_len[width + 1]);
        if patches > MAX_PATCHES {
            break;
        }
        let fit = Fit { reference, width: width as u32, patches };
        if fit.body_len(numbers.len()) < best.body_len(numbers.len()) {
            best = fit;
        }
    }
    best
}

/// How many of the offsets from a reference are how many bits long.
struct Lengths<'a, T> {
    numbers: &'a [T],
    reference: T,
}

impl<T: Word> Kernel for Lengths<'_, T> {
    type Output = [u16; 65];

    #[inline(always)]
    fn run(self) -> [u16; 65] {
        let Self { numbers, reference } = self;
        // Counted four ways: most numbers are as long as the one before, and a count that waits
        // until the last one was stored takes five cycles.
        let mut counts = [[0; 65]; 4];
        let (fours, rest) = numbers.as_chunks::<4>();
        for four in fours {
            for (count, number) in counts.iter_mut().zip(four) {
                count[number.minus(reference).bit_len() as usize] += 1;
            }
        }
        for number in rest {
            counts[0][number.minus(reference).bit_len() as usize] += 1;
        }
        std::array::from_fn(|len| counts.iter().map(|count| count[len]).sum())
    }
}

/// Appends the headers of all vectors.
pub(super) fn write_headers<T: Word>(fits: &[Fit<T>], out: &mut Vec<u8>) {
    out.extend(fits.iter().map(|fit| fit.width as u8));
    out.extend(fits.iter().map(|fit| fit.patches as u8));
    fits.iter().for_each(|fit| fit.reference.store(out));
}

/// Appends the body of one vector.
pub(super) fn write_body<T: Word>(numbers: &[T], fit: &Fit<T>, out: &mut Vec<u8>) {
    bitpack::pack(numbers, fit.width, fit.reference, out);
    if fit.patches == 0 {
        return;
    }
    let mut patches = Vec::with_capacity(fit.patches);
    for (row, number) in numbers.iter().enumerate() {
        let offset = number.minus(fit.reference);
        if offset.bit_len() > fit.width {
            out.extend_from_slice(&(row as u16).to_le_bytes());
            patches.push(offset);
        }
    }
    debug_assert_eq!(patches.len(), fit.patches);
    store_all(&patches, out);
}

/// The headers of a block, checked, and where each body lies.
pub(super) struct Vectors<'a> {
    widths: &'a [u8],
    patches: &'a [u8],
    references: &'a [u8],
    bodies: &'a [u8],
    starts: [usize; MAX_VECTORS + 1],
}

impl<'a> Vectors<'a> {
    /// Parses what [`write_headers`] and [`write_body`] wrote for a block of `rows` rows, at most 64
    /// vectors. Behind the last body there may be up to 7 bytes of padding.
    pub(super) fn parse<T: Word>(bytes: &'a [u8], rows: usize) -> Result<Self, DecodeError> {
        let (vectors, rest) = Self::parse_first::<T>(bytes, rows)?;
        if rest.len() < 8 { Ok(vectors) } else { Err(SHORT) }
    }

    /// The same, with whatever stands behind the last body.
    pub(super) fn parse_first<T: Word>(
        bytes: &'a [u8],
        rows: usize,
    ) -> Result<(Self, &'a [u8]), DecodeError> {
        let vectors = vectors::count(rows);
        let (widths, rest) = bytes.split_at_checked(vectors).ok_or(SHORT)?;
        let (patches, rest) = rest.split_at_checked(vectors).ok_or(SHORT)?;
        let (references, bodies) = rest.split_at_checked(vectors * T::BYTES).ok_or(SHORT)?;
        let mut starts = [0; MAX_VECTORS + 1];
        let mut end = 0;
        for vector in 0..vectors {
            let (width, patches) = (u32::from(widths[vector]), usize::from(patches[vector]));
            if width > T::BITS {
                return Err(DecodeError { what: "packed numbers wider than their type" });
            }
            let fit = Fit { reference: T::default(), width, patches };
            end += fit.body_len(vectors::rows_of(vector, rows));
            starts[vector + 1] = end;
        }
        let (bodies, rest) = bodies.split_at_checked(end).ok_or(SHORT)?;
        Ok((Self { widths, patches, references, bodies, starts }, rest))
    }

    /// Decodes vector `vector` into `out`, which has as many places as it has rows.
    pub(super) fn decode<T: Word>(&self, vector: usize, out: &mut [T]) -> Result<(), DecodeError> {
        self.decode_as(vector, out, |number| number)
    }

    /// The same, with what `map` makes of each number.
    #[inline(always)]
    pub(super) fn decode_as<T: Word>(
        &self,
        vector: usize,
        out: &mut [T],
        map: impl Fn(T) -> T + Copy,
    ) -> Result<(), DecodeError> {
        let body = &self.bodies[self.starts[vector]..self.starts[vector + 1]];
        let reference = T::load(&self.references[vector * T::BYTES..]);
        let width = u32::from(self.widths[vector]);
        let (packed, patches) = body.split_at(bitpack::packed_len(out.len(), width));
        // With what it needs in it, not behind references that would be read for each number.
        let number = move |offset: T| map(offset.plus(reference));
        bitpack::unpack(packed, width, out, number)?;
        let (rows, offsets) = patches.split_at(usize::from(self.patches[vector]) * 2);
        for (row, offset) in rows.chunks_exact(2).zip(offsets.chunks_exact(T::BYTES)) {
            let row = usize::from(u16::load(row));
            let place = out.get_mut(row).ok_or(DecodeError { what: "patch outside its vector" })?;
            *place = number(T::load(offset));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_numbers_far_off_on_either_side_are_patched() {
        let mut numbers: Vec<u64> = (0..1024).map(|i| 1_000 + i % 8).collect();
        assert_eq!(fit(&numbers, true), Fit { reference: 1_000, width: 3, patches: 0 });
        (numbers[7], numbers[900]) = (u64::MAX << 63, 1 << 40);
        let fit = fit(&numbers, true);
        assert_eq!((fit.width, fit.patches), (3, 2));
        let mut out = vec![];
        write_headers(&[fit], &mut out);
        write_body(&numbers, &fit, &mut out);
        assert_eq!(out.len(), fit.len(1024));
        let mut back = vec![0u64; 1024];
        Vectors::parse::<u64>(&out, 1024).unwrap().decode(0, &mut back).unwrap();
        assert_eq!(back, numbers);
    }

    #[test]
    fn a_patch_outside_its_vector_is_refused() {
        let fit = Fit { reference: 0u32, width: 0, patches: 1 };
        let mut out = vec![];
        write_headers(&[fit], &mut out);
        out.extend([10, 0, 1, 1, 1, 1]);
        let mut back = vec![0u32; 10];
        let vectors = Vectors::parse::<u32>(&out, 10).unwrap();
        assert!(vectors.decode(0, &mut back).is_err());
    }
}
