//! Delta: integers and timestamps by the difference to the value before, bit-packed, outliers
//! patched. All arithmetic wraps, so any order and the extremes of the type come back.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 1 | form | u8: 0 arithmetic, 1 vectors, 2 lines |
//!
//! Form 0, value `i` of the block is `first + i * step`:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | size of `T` | first | `T` |
//! | size of `T` | step | `T` |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! Form 1, value 0 of a vector is its `first`, each other the one before plus its delta:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | V x size of `T` | firsts | `T` a vector |
//! | | vectors | headers and bodies, as `patched` says; number `i` is delta `i`, number 0 unused |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! Form 2, value `i` of a vector is number `i` plus `i` times its `step`, so that jitter around a
//! regular clock is not counted twice:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | V x size of `T` | steps | `T` a vector |
//! | | vectors | headers and bodies, as `patched` says |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |

use std::ops::Range;

use super::patched::{Fit, Vectors, fit, write_body, write_headers};
use super::simd::{Kernel, run};
use super::words::Word;
use super::{DecodeError, VECTOR_ROWS, check_padding, pad, vectors};

const ARITHMETIC: u8 = 0;
const VECTORS: u8 = 1;
const LINES: u8 = 2;

/// How a block is to be encoded.
pub(super) enum Plan<T> {
    Arithmetic {
        first: T,
        step: T,
    },
    Vectors(Vec<Fit<T>>),
    /// The step of each vector, and how what is left is packed.
    Lines(Vec<(T, Fit<T>)>),
}

/// The values as `first + i * step`, if they are that; there is at least one.
pub(super) fn arithmetic<T: Word>(values: &[T]) -> Option<Plan<T>> {
    let (first, step) = (values[0], values.get(1).map_or(T::default(), |v| v.minus(values[0])));
    let regular = values.windows(2).all(|pair| pair[1].minus(pair[0]) == step);
    regular.then_some(Plan::Arithmetic { first, step })
}

/// Finds the smallest encoding of `values`, of which there is at least one.
pub(super) fn plan<T: Word>(values: &[T]) -> Plan<T> {
    if let Some(regular) = arithmetic(values) {
        return regular;
    }
    let (steps, lines) = (vectors(values), lines(values));
    if lines.len(values.len()) <= steps.len(values.len()) { lines } else { steps }
}

/// Values by the difference to the one before.
pub(super) fn vectors<T: Word>(values: &[T]) -> Plan<T> {
    let mut deltas = [T::default(); VECTOR_ROWS];
    // Differences have a sign, whatever the values have.
    let fits = values.chunks(VECTOR_ROWS).map(|v| fit(differences(&mut deltas, v), true));
    Plan::Vectors(fits.collect())
}

/// Values by the difference to a line through the first and the last of their vector.
pub(super) fn lines<T: Word>(values: &[T]) -> Plan<T> {
    let mut rest = [T::default(); VECTOR_ROWS];
    let lines = values.chunks(VECTOR_ROWS).map(|values| {
        let step = slope(values);
        (step, fit(off_line(&mut rest, values, step), true))
    });
    Plan::Lines(lines.collect())
}

/// What a value grows by from row to row, on average.
fn slope<T: Word>(values: &[T]) -> T {
    let [first, .., last] = values else { return T::default() };
    let (rise, run) = (i128::from(last.minus(*first).signed()), values.len() as i128 - 1);
    T::narrow((2 * rise + run).div_euclid(2 * run) as u64)
}

/// What is left of a vector without its line.
fn off_line<'a, T: Word>(rest: &'a mut [T; VECTOR_ROWS], values: &[T], step: T) -> &'a [T] {
    let mut line = T::default();
    for (rest, value) in rest.iter_mut().zip(values) {
        *rest = value.minus(line);
        line = line.plus(step);
    }
    &rest[..values.len()]
}

/// The deltas of a vector. The unused first one is like the second, so that it costs nothing.
pub(super) fn differences<'a, T: Word>(deltas: &'a mut [T; VECTOR_ROWS], values: &[T]) -> &'a [T] {
    let after = values.get(1..).unwrap_or_default();
    for ((delta, before), after) in deltas[1..].iter_mut().zip(values).zip(after) {
        *delta = after.minus(*before);
    }
    deltas[0] = if values.len() > 1 { deltas[1] } else { T::default() };
    &deltas[..values.len()]
}

impl<T: Word> Plan<T> {
    /// Bytes of the payload.
    pub(super) fn len(&self, rows: usize) -> usize {
        let len = match self {
            Self::Arithmetic { .. } => 2 * T::BYTES,
            Self::Vectors(fits) => {
                let fits = fits.iter().enumerate();
                fits.map(|(i, fit)| T::BYTES + fit.len(vectors::rows_of(i, rows))).sum()
            }
            Self::Lines(lines) => {
                let fits = lines.iter().enumerate();
                fits.map(|(i, (_, fit))| T::BYTES + fit.len(vectors::rows_of(i, rows))).sum()
            }
        };
        (1 + len).next_multiple_of(8)
    }

    /// Appends the payload of the values it was made for.
    pub(super) fn write(&self, values: &[T], out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.len(values.len()));
        match self {
            Self::Arithmetic { first, step } => {
                out.push(ARITHMETIC);
                first.store(out);
                step.store(out);
            }
            Self::Vectors(fits) => {
                out.push(VECTORS);
                values.chunks(VECTOR_ROWS).for_each(|vector| vector[0].store(out));
                write_headers(fits, out);
                let mut deltas = [T::default(); VECTOR_ROWS];
                for (vector, fit) in values.chunks(VECTOR_ROWS).zip(fits) {
                    write_body(differences(&mut deltas, vector), fit, out);
                }
            }
            Self::Lines(lines) => {
                out.push(LINES);
                lines.iter().for_each(|(step, _)| step.store(out));
                let fits: Vec<Fit<T>> = lines.iter().map(|(_, fit)| *fit).collect();
                write_headers(&fits, out);
                let mut rest = [T::default(); VECTOR_ROWS];
                for (vector, (step, fit)) in values.chunks(VECTOR_ROWS).zip(lines) {
                    write_body(off_line(&mut rest, vector, *step), fit, out);
                }
            }
        }
        pad(out, start);
    }
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Word>(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    const SHORT: DecodeError = DecodeError { what: "deltas of the wrong length" };
    check_padding(payload)?;
    let (&form, rest) = payload.split_first().ok_or(SHORT)?;
    match form {
        ARITHMETIC => {
            if payload.len() != (1 + 2 * T::BYTES).next_multiple_of(8) {
                return Err(SHORT);
            }
            let (first, step) = (T::load(rest), T::load(&rest[T::BYTES..]));
            let mut value = first.plus(step.times(range.start));
            for place in out {
                *place = value;
                value = value.plus(step);
            }
            Ok(())
        }
        VECTORS | LINES => {
            let heads_len = vectors::count(rows) * T::BYTES;
            let (heads, rest) = rest.split_at_checked(heads_len).ok_or(SHORT)?;
            let vectors = Vectors::parse::<T>(rest, rows)?;
            vectors::decode(rows, range, out, |vector, out| {
                vectors.decode(vector, out)?;
                let head = T::load(&heads[vector * T::BYTES..]);
                match form {
                    VECTORS => sum_up(head, out),
                    _ => run(AddLine { step: head, out }),
                }
                Ok(())
            })
        }
        _ => Err(DecodeError { what: "unknown form of deltas" }),
    }
}

/// Turns deltas into values, in place.
#[inline]
pub(super) fn sum_up<T: Word>(first: T, deltas: &mut [T]) {
    let Some((start, deltas)) = deltas.split_first_mut() else { return };
    *start = first;
    let mut value = first;
    for place in deltas {
        value = value.plus(*place);
        *place = value;
    }
}

/// Adds a line to what is left of a vector without it.
struct AddLine<'a, T> {
    step: T,
    out: &'a mut [T],
}

impl<T: Word> Kernel for AddLine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut line = T::default();
        for value in self.out {
            *value = value.plus(line);
            line = line.plus(self.step);
        }
    }
}
