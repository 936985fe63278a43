//! Scaled: integers that are all a multiple of one number away from each other (times of many stations
//! on the hour, prices in steps) as what the multiples are.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 1 | inner | u8: the codec of the multiples, FrameOfReference or Delta |
//! | 7 | | zeros |
//! | 8 | base | `T`, in the lowest bytes |
//! | 8 | divisor | `T`, in the lowest bytes |
//! | | payload | of that codec: the multiples, as unsigned `T`, a multiple of 8 bytes |
//!
//! A value is `base + divisor * multiple`, wrapping.

use std::ops::Range;

use super::simd::{Kernel, run};
use super::words::Word;
use super::{Codec, DecodeError, check_padding, delta, frame};

pub(super) const HEADER: usize = 24;

/// The least of `values` and the greatest number that all distances from it are multiples of, if
/// that is above 1.
pub(super) fn divisor<T: Word>(values: &[T], signed: bool) -> Option<(T, T)> {
    let first = values.first()?.in_order(signed);
    let mut divisor = 0;
    for value in values {
        let value = value.in_order(signed);
        let distance = value.max(first).minus(value.min(first)).widen();
        if distance == 0 || (divisor > 1 && distance.is_multiple_of(divisor)) {
            continue;
        }
        divisor = greatest_common(divisor, distance);
        // Nearly always after a few values.
        if divisor == 1 {
            return None;
        }
    }
    let least = values.iter().map(|value| value.in_order(signed)).min()?;
    (divisor > 1).then(|| (least.in_order(signed), T::narrow(divisor)))
}

fn greatest_common(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What `values` are multiples of.
pub(super) fn multiples<T: Word>(values: &[T], (base, divisor): (T, T)) -> Vec<T> {
    let divisor = divisor.widen().max(1);
    values.iter().map(|value| T::narrow(value.minus(base).widen() / divisor)).collect()
}

/// Appends what stands before the payload of the multiples.
pub(super) fn write_header<T: Word>(inner: Codec, (base, divisor): (T, T), out: &mut Vec<u8>) {
    out.extend([inner as u8, 0, 0, 0, 0, 0, 0, 0]);
    base.widen().store(out);
    divisor.widen().store(out);
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Word>(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    const SHORT: DecodeError = DecodeError { what: "scaled integers of the wrong length" };
    check_padding(payload)?;
    let (header, inner) = payload.split_at_checked(HEADER).ok_or(SHORT)?;
    let (base, divisor) = (u64::load(&header[8..]), u64::load(&header[16..]));
    match Codec::from_code(header[0]) {
        Some(Codec::FrameOfReference) => frame::decode(inner, rows, range, out)?,
        Some(Codec::Delta) => delta::decode(inner, rows, range, out)?,
        _ => return Err(DecodeError { what: "codec that multiples do not have" }),
    }
    run(Scale { base: T::narrow(base), divisor: divisor as usize, out });
    Ok(())
}

struct Scale<'a, T> {
    base: T,
    divisor: usize,
    out: &'a mut [T],
}

impl<T: Word> Kernel for Scale<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for value in self.out {
            *value = self.base.plus(value.times(self.divisor));
        }
    }
}
