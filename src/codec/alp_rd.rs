//! ALP for real doubles, "ALP-RD" (see `decimal` for the source): the high bits of a float (sign,
//! exponent and a little more) take few patterns and are codes into a list of up to eight, patterns
//! that are not in it patched; the bits below are packed as they are.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 1 | right | u8: `r`, bits of the right part: the bits of `T` less 1 to 16 |
//! | 1 | patterns | u8: `d`, how many there are, 1 to 8 |
//! | 6 | | zeros |
//! | 16 | list | u16 a pattern, those behind the `d`-th zeros |
//! | 2V | exceptions | u16 a vector: `x`, how many patterns are not in the list |
//! | | bodies | one a vector, without gaps |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! A body, for a vector of `n` rows, with `c` the least number of bits that `d - 1` fits:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | ceil(n x c / 8) | codes | packed with `T` = u16 (see `bitpack`): a place in the list, below 8 |
//! | ceil(n x r / 8) | rights | packed: the low `r` bits of each value |
//! | 2x | positions | u16 an exception: its row in the vector |
//! | 2x | patterns | u16 an exception: the bits above `r` |

use std::ops::Range;

use super::bitstream::mask;
use super::decimal::Decimal;
use super::simd::{Kernel, run};
use super::words::Word;
use super::{DecodeError, MAX_VECTORS, VECTOR_ROWS, bitpack, check_padding, pad, vectors};

const PATTERNS: usize = 8;
const HEADER: usize = 8 + 2 * PATTERNS;
/// Most bits of a pattern.
const MOST_LEFT: u32 = 16;
const SAMPLE: usize = 256;

/// Where to cut, and which patterns to list.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    right: u32,
    list: Vec<u16>,
    /// About how many bits a value takes.
    pub(super) bits: f64,
}

/// Finds the cut that makes a sample of `values` smallest.
pub(super) fn plan<T: Decimal>(values: &[T]) -> Plan {
    let len = values.len().min(SAMPLE);
    let mut sample: Vec<u64> = (0..len).map(|i| values[i * values.len() / len].widen()).collect();
    sample.sort_unstable();
    let cuts = (1..=MOST_LEFT).map(|left| cut_at(&sample, T::BITS - left));
    let best = cuts.min_by(|a, b| a.bits.total_cmp(&b.bits));
    best.unwrap_or(Plan { right: T::BITS - 1, list: vec![0], bits: f64::INFINITY })
}

/// The most frequent patterns of a sorted sample above `right` bits.
fn cut_at(sample: &[u64], right: u32) -> Plan {
    let patterns = sample.chunk_by(|a, b| a >> right == b >> right);
    let mut counts: Vec<_> = patterns.map(|same| (same.len(), (same[0] >> right) as u16)).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.truncate(PATTERNS);
    let listed: usize = counts.iter().map(|(count, _)| count).sum();
    let lost = (sample.len() - listed) as f64 / sample.len() as f64;
    let list: Vec<u16> = counts.into_iter().map(|(_, pattern)| pattern).collect();
    let bits = f64::from(right + code_width(list.len())) + lost * 32.0;
    Plan { right, list, bits }
}

/// Bits of a place in a list of `patterns`.
fn code_width(patterns: usize) -> u32 {
    (patterns as u64).saturating_sub(1).bit_len()
}

/// Bytes of the body of a vector.
fn body_len(rows: usize, right: u32, patterns: usize, exceptions: usize) -> usize {
    let codes = bitpack::packed_len(rows, code_width(patterns));
    codes + bitpack::packed_len(rows, right) + 4 * exceptions
}

/// Appends the payload.
pub(super) fn encode<T: Decimal>(values: &[T], plan: &Plan, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([plan.right as u8, plan.list.len() as u8, 0, 0, 0, 0, 0, 0]);
    for place in 0..PATTERNS {
        plan.list.get(place).copied().unwrap_or_default().store(out);
    }
    let counts = out.len();
    out.resize(counts + 2 * vectors::count(values.len()), 0);
    let mut codes = [0u16; VECTOR_ROWS];
    for (index, values) in values.chunks(VECTOR_ROWS).enumerate() {
        let codes = &mut codes[..values.len()];
        let mut exceptions: Vec<(u16, u16)> = vec![];
        for (row, (code, value)) in codes.iter_mut().zip(values).enumerate() {
            let pattern = (value.widen() >> plan.right) as u16;
            let place = plan.list.iter().position(|&listed| listed == pattern);
            if place.is_none() {
                exceptions.push((row as u16, pattern));
            }
            *code = place.unwrap_or_default() as u16;
        }
        bitpack::pack(codes, code_width(plan.list.len()), 0, out);
        bitpack::pack(values, plan.right, T::default(), out);
        exceptions.iter().for_each(|(row, _)| row.store(out));
        exceptions.iter().for_each(|(_, pattern)| pattern.store(out));
        let count = (exceptions.len() as u16).to_le_bytes();
        out[counts + 2 * index..][..2].copy_from_slice(&count);
    }
    pad(out, start);
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Decimal>(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    let parsed = Parsed::<T>::parse(payload, rows)?;
    vectors::decode(rows, range, out, |vector, out| parsed.decode(vector, out))
}

/// A payload, checked but for the positions of exceptions.
struct Parsed<'a, T> {
    right: u32,
    code_width: u32,
    /// The patterns where they belong in a value.
    list: [T; PATTERNS],
    bodies: &'a [u8],
    starts: [usize; MAX_VECTORS + 1],
}

impl<'a, T: Decimal> Parsed<'a, T> {
    fn parse(payload: &'a [u8], rows: usize) -> Result<Self, DecodeError> {
        const SHORT: DecodeError = DecodeError { what: "cut floats of the wrong length" };
        check_padding(payload)?;
        let (header, rest) = payload.split_at_checked(HEADER).ok_or(SHORT)?;
        let (counts, bodies) = rest.split_at_checked(2 * vectors::count(rows)).ok_or(SHORT)?;
        let (right, patterns) = (u32::from(header[0]), usize::from(header[1]));
        let left = T::BITS.checked_sub(right).filter(|left| (1..=MOST_LEFT).contains(left));
        if left.is_none() || !(1..=PATTERNS).contains(&patterns) {
            return Err(DecodeError { what: "impossible cut of floats" });
        }
        let mut list = [T::default(); PATTERNS];
        for (place, pattern) in list.iter_mut().zip(header[8..].as_chunks().0) {
            *place = T::narrow(u64::from(u16::from_le_bytes(*pattern)) << right);
        }
        let mut starts = [0; MAX_VECTORS + 1];
        for (vector, count) in counts.as_chunks().0.iter().enumerate() {
            let exceptions = usize::from(u16::from_le_bytes(*count));
            let rows = vectors::rows_of(vector, rows);
            starts[vector + 1] = starts[vector] + body_len(rows, right, patterns, exceptions);
        }
        let end = starts[vectors::count(rows)];
        if bodies.len() < end || bodies.len() - end >= 8 {
            return Err(SHORT);
        }
        Ok(Self { right, code_width: code_width(patterns), list, bodies, starts })
    }

    fn decode(&self, vector: usize, out: &mut [T]) -> Result<(), DecodeError> {
        let body = &self.bodies[self.starts[vector]..self.starts[vector + 1]];
        let (codes, rest) = body.split_at(bitpack::packed_len(out.len(), self.code_width));
        let (rights, exceptions) = rest.split_at(bitpack::packed_len(out.len(), self.right));
        let mut buffer = [0u16; VECTOR_ROWS];
        let buffer = &mut buffer[..out.len()];
        bitpack::unpack(codes, self.code_width, buffer, |code| code)?;
        bitpack::unpack(rights, self.right, out, |right| right)?;
        run(Glue { list: &self.list, codes: buffer, out: &mut *out });
        let (positions, patterns) = exceptions.split_at(exceptions.len() / 2);
        let positions = positions.as_chunks().0.iter().map(|row| u16::from_le_bytes(*row));
        for (row, pattern) in positions.zip(u16::chunks(patterns)) {
            let place = out.get_mut(usize::from(row));
            let place = place.ok_or(DecodeError { what: "exception outside its vector" })?;
            let left = T::narrow(u64::from(u16::from_le_bytes(*pattern)) << self.right);
            *place = place.and(T::narrow(mask(self.right))).or(left);
        }
        Ok(())
    }
}

/// Puts the patterns above the right parts.
struct Glue<'a, T> {
    list: &'a [T; PATTERNS],
    codes: &'a [u16],
    out: &'a mut [T],
}

impl<T: Word> Kernel for Glue<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (right, code) in self.out.iter_mut().zip(self.codes) {
            *right = right.or(self.list[usize::from(*code) % PATTERNS]);
        }
    }
}
