//! NanotsInt: floats that are all integers, as those integers: counters, bytes, times kept as floats. It
//! is named after the engine that does so (NanoTS).
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 1 | inner | u8: the codec of the integers, FrameOfReference, Delta or Scaled |
//! | 7 | | zeros |
//! | | payload | of that codec: the integers, i64 (f32: i32), a multiple of 8 bytes |
//!
//! A value is the float nearest to its integer. There are no exceptions: a block of which one value
//! does not come back (a fraction, -0.0, NaN, an infinity, what is beyond the integers) is encoded
//! otherwise.

use std::ops::Range;

use super::decimal::Decimal;
use super::simd::{Kernel, run};
use super::{Codec, DecodeError, VECTOR_ROWS, check_padding, choose, delta, frame, scaled};

const HEADER: usize = 8;
/// Values by which a block is judged before all are looked at.
const FIRST: usize = 64;

/// The integers that `values` are, if every one comes back from its own.
pub(super) fn integers<T: Decimal>(values: &[T]) -> Option<Vec<T>> {
    let mut integers = vec![T::default(); values.len()];
    let vectors = values.chunks(VECTOR_ROWS).zip(integers.chunks_mut(VECTOR_ROWS));
    for (values, integers) in vectors {
        if !run(ToIntegers { values, integers }) {
            return None;
        }
    }
    Some(integers)
}

/// Appends the payload of integers.
pub(super) fn encode<T: Decimal>(integers: &[T], out: &mut Vec<u8>) {
    let start = begin(out);
    let ruled = choose::write_ruled(integers, out);
    let inner = ruled.unwrap_or_else(|| choose::smallest_near(true, integers, usize::MAX, out));
    out[start] = inner as u8;
}

/// Appends the payload of `values` if that is clearly smaller than what Alp makes of integers, which
/// has neither of these rules: where all are regular, or multiples of a number.
pub(super) fn encode_ruled<T: Decimal>(values: &[T], out: &mut Vec<u8>) -> bool {
    // Of a vector Alp makes as little.
    if values.len() <= VECTOR_ROWS || !is_ruled(&values[..FIRST]) {
        return false;
    }
    let Some(integers) = integers(values) else { return false };
    let start = begin(out);
    match choose::write_ruled(&integers, out) {
        Some(inner) => out[start] = inner as u8,
        None => out.truncate(start),
    }
    out.len() > start
}

/// True if the values are integers that follow a rule. Most floats are told by the first few.
fn is_ruled<T: Decimal>(values: &[T]) -> bool {
    if values.iter().any(|value| value.integer().nearest() != *value) {
        return false;
    }
    let integers: Vec<T> = values.iter().map(|value| value.integer()).collect();
    delta::arithmetic(&integers).is_some() || scaled::divisor(&integers, true).is_some()
}

/// Appends a header and says where it is: its first byte is to be the codec of the integers.
fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend([0; HEADER]);
    start
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Decimal>(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    const SHORT: DecodeError = DecodeError { what: "floats as integers of the wrong length" };
    check_padding(payload)?;
    let (header, inner) = payload.split_at_checked(HEADER).ok_or(SHORT)?;
    match Codec::from_code(header[0]) {
        Some(Codec::FrameOfReference) => frame::decode(inner, rows, range, out)?,
        Some(Codec::Delta) => delta::decode(inner, rows, range, out)?,
        Some(Codec::Scaled) => scaled::decode(inner, rows, range, out)?,
        _ => return Err(DecodeError { what: "codec that floats as integers do not have" }),
    }
    run(ToFloats(out));
    Ok(())
}

/// Turns floats into integers, and says whether all come back.
struct ToIntegers<'a, T> {
    values: &'a [T],
    integers: &'a mut [T],
}

impl<T: Decimal> Kernel for ToIntegers<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut all = true;
        for (integer, value) in self.integers.iter_mut().zip(self.values) {
            *integer = value.integer();
            all &= integer.nearest() == *value;
        }
        all
    }
}

/// Turns integers into floats, in place.
struct ToFloats<'a, T>(&'a mut [T]);

impl<T: Decimal> Kernel for ToFloats<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for value in self.0 {
            *value = value.nearest();
        }
    }
}
