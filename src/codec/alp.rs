//! ALP: floats that are decimals as packed integers (see `decimal` for the numbers and the source),
//! each vector with a scale of its own, and values that are no decimals patched in. Where the numbers
//! of a vector change little from one to the next, their differences are packed instead.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | V | exponents | u8 a vector: `e`, at most 18 (f32: 10) |
//! | V | factors | u8 a vector: `f`, at most `e`; 128 more if the vector holds deltas |
//! | 2V | exceptions | u16 a vector: `x`, how many values are no decimals |
//! | | numbers | vectors of `T` as `patched` says: headers and bodies |
//! | | extras | one a vector, without gaps |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! The extras of a vector:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | size of `T` | first | the number of value 0; only in a vector of deltas |
//! | 2x | positions | u16 an exception: its row in the vector |
//! | x times size of `T` | values | the bits of each exception |
//!
//! In a vector of deltas number 0 is `first` and each other the one before plus its delta; delta 0 is
//! there but means nothing. A value is `n * 10^f * 10^-e` in f64, rounded at each step. For f64 `n`
//! is the f64 with the bits of 1.5 * 2^52 plus the number, less 1.5 * 2^52; for f32 the i32 that the
//! number is, and the result is rounded to f32.

use std::ops::Range;

use super::decimal::{self, Decimal, SAMPLE, Scale, Suits};
use super::delta::{differences, sum_up};
use super::patched::{Fit, Vectors, fit, write_body, write_headers};
use super::{DecodeError, MAX_VECTORS, VECTOR_ROWS, check_padding, pad, vectors};

const DELTAS: u8 = 1 << 7;
/// Vectors whose best scale is looked for; the others choose among those.
const SAMPLED: usize = 8;
/// Decimal places fewer that are tried before a known scale is taken to suit a vector.
const COARSER: u8 = 3;
/// Scales that a whole vector is judged by, those that suit its sample best.
const TRIED: usize = 3;

/// A vector as it will be written.
struct Vector<T> {
    scale: Scale,
    /// The first number, if the vector holds deltas.
    first: Option<T>,
    fit: Fit<T>,
    exceptions: Range<usize>,
}

/// A block as it will be written.
pub(super) struct Plan<T> {
    vectors: Vec<Vector<T>>,
    /// Numbers, or deltas, of all rows.
    numbers: Vec<T>,
    exceptions: Vec<(u16, T)>,
}

/// The scales that suit a few vectors best, each once; none if hardly any value is a decimal.
pub(super) fn scales<T: Decimal>(values: &[T]) -> Vec<Scale> {
    let stride = vectors::count(values.len()).div_ceil(SAMPLED);
    let mut found: Vec<Suits> = Vec::with_capacity(SAMPLED);
    for vector in values.chunks(VECTOR_ROWS).step_by(stride) {
        let sample = sample(vector);
        // A full search takes as long as encoding some thousand values.
        let known = found.iter().any(|known| {
            let suits = decimal::suits(&sample, known.scale);
            suits.lost == 0
                && suits.bits <= known.bits + known.bits / 4
                && !coarser_suits(&sample, suits)
        });
        if !known {
            let best = decimal::best(&sample);
            if best.lost * 2 <= SAMPLE
                && best.bits < SAMPLE * T::BITS as usize
                && found.iter().all(|known| known.scale != best.scale)
            {
                found.push(best);
            }
        }
    }
    found.iter().map(|suits| suits.scale).collect()
}

/// True if a scale of fewer decimal places takes less: most values have fewer, and those that have not
/// are cheaper as exceptions.
fn coarser_suits<T: Decimal>(sample: &[T; SAMPLE], suits: Suits) -> bool {
    let Scale { exponent, factor } = suits.scale;
    let coarser = (factor + 1..=exponent).take(usize::from(COARSER));
    let mut coarser = coarser.map(|factor| decimal::suits(sample, Scale { exponent, factor }));
    coarser.any(|coarser| coarser.bits < suits.bits)
}

/// A few values of a vector, evenly spread; those of a short one more than once.
fn sample<T: Decimal>(vector: &[T]) -> [T; SAMPLE] {
    std::array::from_fn(|i| vector[i * vector.len() / SAMPLE])
}

/// Plans a block with these scales, of which there is at least one.
pub(super) fn plan<T: Decimal>(values: &[T], scales: &[Scale]) -> Plan<T> {
    let mut numbers = vec![T::default(); values.len()];
    let (mut vectors, mut exceptions) = (vec![], vec![]);
    let mut deltas = [T::default(); VECTOR_ROWS];
    for (values, numbers) in values.chunks(VECTOR_ROWS).zip(numbers.chunks_mut(VECTOR_ROWS)) {
        let scale = choose_scale(values, scales);
        let before = exceptions.len();
        if decimal::to_numbers(values, scale, numbers) > 0 {
            take_exceptions(values, scale, numbers, &mut exceptions);
        }
        let deltas = differences(&mut deltas, numbers);
        let (near, steps) = (fit(numbers, true), fit(deltas, true));
        let (near_len, steps_len) = (near.len(values.len()), steps.len(values.len()) + T::BYTES);
        // Deltas take a little longer to decode: they are to save an eighth.
        let worth = steps_len + steps_len / 8 < near_len;
        let first = worth.then(|| numbers[0]);
        if worth {
            numbers.copy_from_slice(deltas);
        }
        let fit = if worth { steps } else { near };
        vectors.push(Vector { scale, first, fit, exceptions: before..exceptions.len() });
    }
    Plan { vectors, numbers, exceptions }
}

fn choose_scale<T: Decimal>(values: &[T], scales: &[Scale]) -> Scale {
    let [first, others @ ..] = scales else { return Scale { exponent: 0, factor: 0 } };
    if others.is_empty() {
        return *first;
    }
    let sample = sample(values);
    let mut suits: Vec<Suits> =
        scales.iter().map(|&scale| decimal::suits(&sample, scale)).collect();
    suits.sort_by_key(|suits| suits.bits);
    let whole = suits.iter().take(TRIED).map(|suits| decimal::suits(values, suits.scale));
    whole.min_by_key(|suits| suits.bits).map_or(*first, |suits| suits.scale)
}

/// Keeps the values that do not come back, and puts numbers in their place that cost nothing.
fn take_exceptions<T: Decimal>(
    values: &[T],
    scale: Scale,
    numbers: &mut [T],
    exceptions: &mut Vec<(u16, T)>,
) {
    let by = scale.multipliers();
    let good = values.iter().position(|&value| decimal::comes_back(value, &by));
    let mut last = good.map_or(T::default(), |row| numbers[row]);
    for (row, (&value, number)) in values.iter().zip(numbers).enumerate() {
        if decimal::comes_back(value, &by) {
            last = *number;
        } else {
            exceptions.push((row as u16, value));
            *number = last;
        }
    }
}

impl<T: Decimal> Plan<T> {
    /// Bytes of the payload.
    pub(super) fn len(&self) -> usize {
        let rows = self.numbers.len();
        let each = self.vectors.iter().enumerate().map(|(index, vector)| {
            let first = if vector.first.is_some() { T::BYTES } else { 0 };
            let exceptions = vector.exceptions.len() * (2 + T::BYTES);
            4 + vector.fit.len(vectors::rows_of(index, rows)) + first + exceptions
        });
        each.sum::<usize>().next_multiple_of(8)
    }

    /// Appends the payload.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.len());
        out.extend(self.vectors.iter().map(|vector| vector.scale.exponent));
        out.extend(
            self.vectors.iter().map(|vector| {
                vector.scale.factor | if vector.first.is_some() { DELTAS } else { 0 }
            }),
        );
        let counts = self.vectors.iter().map(|vector| vector.exceptions.len() as u16);
        out.extend(counts.flat_map(u16::to_le_bytes));
        let fits: Vec<Fit<T>> = self.vectors.iter().map(|vector| vector.fit).collect();
        write_headers(&fits, out);
        for (numbers, fit) in self.numbers.chunks(VECTOR_ROWS).zip(&fits) {
            write_body(numbers, fit, out);
        }
        for vector in &self.vectors {
            if let Some(first) = vector.first {
                first.store(out);
            }
            let exceptions = &self.exceptions[vector.exceptions.clone()];
            out.extend(exceptions.iter().flat_map(|(row, _)| row.to_le_bytes()));
            exceptions.iter().for_each(|(_, value)| value.store(out));
        }
        pad(out, start);
    }
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Decimal>(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    let parsed = Parsed::parse::<T>(payload, rows)?;
    vectors::decode(rows, range, out, |vector, out| parsed.decode(vector, out))
}

/// A payload, checked but for the positions of exceptions.
struct Parsed<'a> {
    exponents: &'a [u8],
    factors: &'a [u8],
    numbers: Vectors<'a>,
    extras: &'a [u8],
    starts: [usize; MAX_VECTORS + 1],
}

impl<'a> Parsed<'a> {
    fn parse<T: Decimal>(payload: &'a [u8], rows: usize) -> Result<Self, DecodeError> {
        const SHORT: DecodeError = DecodeError { what: "decimals of the wrong length" };
        check_padding(payload)?;
        let count = vectors::count(rows);
        let (exponents, rest) = payload.split_at_checked(count).ok_or(SHORT)?;
        let (factors, rest) = rest.split_at_checked(count).ok_or(SHORT)?;
        let (counts, rest) = rest.split_at_checked(2 * count).ok_or(SHORT)?;
        let (numbers, extras) = Vectors::parse_first::<T>(rest, rows)?;
        let mut starts = [0; MAX_VECTORS + 1];
        for (vector, exceptions) in counts.as_chunks().0.iter().enumerate() {
            let (exceptions, factor) = (u16::from_le_bytes(*exceptions), factors[vector]);
            if Scale::new::<T>(exponents[vector], factor & !DELTAS).is_none() {
                return Err(DecodeError { what: "impossible scale of decimals" });
            }
            let first = if factor & DELTAS == 0 { 0 } else { T::BYTES };
            starts[vector + 1] = starts[vector] + first + usize::from(exceptions) * (2 + T::BYTES);
        }
        let end = starts[count];
        if extras.len() < end || extras.len() - end >= 8 {
            return Err(SHORT);
        }
        Ok(Self { exponents, factors, numbers, extras, starts })
    }

    fn decode<T: Decimal>(&self, vector: usize, out: &mut [T]) -> Result<(), DecodeError> {
        let factor = self.factors[vector];
        let scale = Scale { exponent: self.exponents[vector], factor: factor & !DELTAS };
        let mut extras = &self.extras[self.starts[vector]..self.starts[vector + 1]];
        if factor & DELTAS == 0 {
            let by = scale.multipliers();
            self.numbers.decode_as(vector, out, move |number: T| number.value(&by))?;
        } else {
            self.numbers.decode(vector, out)?;
            sum_up(T::load(extras), out);
            decimal::to_values(out, scale);
            extras = &extras[T::BYTES..];
        }
        let (positions, values) = extras.split_at(extras.len() / (2 + T::BYTES) * 2);
        for (position, value) in positions.as_chunks().0.iter().zip(T::chunks(values)) {
            let place = out.get_mut(usize::from(u16::from_le_bytes(*position)));
            *place.ok_or(DecodeError { what: "exception outside its vector" })? =
                T::from_chunk(*value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_values_of_more_places_are_exceptions() {
        let fine = (0..1024).map(|i| f64::from(i * 7 % 1000) / 100.0);
        let coarse = (0..7 * 1024).map(|i| f64::from(i * 7 % 10) + f64::from(i % 100 / 99) / 4.0);
        let values: Vec<u64> = fine.chain(coarse).map(f64::to_bits).collect();
        let scales = scales(&values);
        assert_eq!(scales.len(), 2);
        let plan = plan(&values, &scales);
        // Ten bits in the first vector; four in each other, and ten exceptions of ten bytes.
        assert!(plan.len() < 6500, "{}", plan.len());
        let mut out = vec![];
        plan.write(&mut out);
        let mut back = vec![0; values.len()];
        decode(&out, values.len(), 0..values.len(), &mut back).unwrap();
        assert_eq!(back, values);
    }
}
