//! Sums and deviations of which nothing is rounded before the end, so that they are the same in
//! whatever order values come.
//!
//! Values of a sum are taken up to 1,024 at a time, and split as in AccSum (Rump, Ogita and Oishi
//! 2008): a power of two that is large beside all of them is added to each and taken away again,
//! which cuts them off at one bit, so high that what is above it adds up without rounding. What is
//! below is split in turn. That is a few floating-point operations a value, which vectorize; where
//! values are too far apart for it, the rest goes into the limbs one by one.

use crate::db::aggregate::limbs::{Digits, Limbs};
use crate::db::aggregate::moments::Deviations;
use crate::db::aggregate::number::{Number, Sum, fold, lanes};

/// Values that are split together.
const RUN: usize = 1024;
/// Below this it is faster to add them one by one.
const SHORT: usize = 16;
/// How often a run is split in two places: that takes 86 bits, so that of values of which the least
/// is 2^-33 of the greatest nothing is left.
const ROUNDS: usize = 3;
/// The power of two that is large beside values below 1: as many as the values that are added up.
const LARGE: f64 = RUN as f64;
/// From one such power to the next: parts below the cut are at most 2^-53 of the power.
const NEXT: f64 = LARGE * (f64::EPSILON / 2.0);

/// An exact sum of floats.
#[derive(Debug, Default)]
pub(super) struct ExactSum {
    limbs: Limbs,
    /// True once there was anything but -0.0.
    not_minus_zero: bool,
    /// The sum of the values that are not finite.
    special: Option<f64>,
}

impl ExactSum {
    fn push(&mut self, value: f64) {
        self.not_minus_zero |= value.to_bits() != (-0.0f64).to_bits();
        match Digits::of_float(value) {
            Some(digits) if digits.magnitude != 0 => self.limbs.add(digits),
            Some(_) => {}
            None => self.special = Some(self.special.map_or(value, |known| known + value)),
        }
    }

    /// Adds a run by splitting it; false if it holds what is not finite, or too large for it.
    fn split<T: Copy + Into<f64>>(&mut self, values: &[T], buffer: &mut [f64; RUN]) -> bool {
        let parts = &mut buffer[..values.len().next_multiple_of(8)];
        parts[values.len()..].fill(0.0);
        for (part, &value) in parts.iter_mut().zip(values) {
            *part = value.into();
        }
        let greater = |a: f64, b: f64| if b > a { b } else { a };
        let most = fold(lanes(parts, 0.0, |most, part: f64| greater(most, part.abs())), greater);
        if most == 0.0 && parts.iter().all(|part| *part == 0.0) {
            self.not_minus_zero |= values.iter().any(|&value| value.into().is_sign_positive());
            return true;
        }
        let mut large = above(most) * LARGE;
        if !large.is_finite() {
            return false;
        }
        for _ in 0..ROUNDS {
            let (high, low, left) = cut(parts, large);
            if high.is_nan() {
                return false;
            }
            self.push(high);
            self.push(low);
            if !left {
                return true;
            }
            large *= NEXT * NEXT;
        }
        parts.iter().for_each(|part| self.push(*part));
        true
    }

    fn rounded(&self, count: u64) -> f64 {
        match self.special {
            Some(special) => special,
            None if self.not_minus_zero => self.limbs.quotient(count),
            None => -0.0,
        }
    }
}

impl<T: Copy + Into<f64>> Sum<T> for ExactSum {
    type Total = f64;

    fn add(&mut self, values: &[T]) {
        if values.len() < SHORT {
            values.iter().for_each(|&value| self.push(value.into()));
            return;
        }
        let mut buffer = [0.0; RUN];
        for run in values.chunks(RUN) {
            if !self.split(run, &mut buffer) {
                run.iter().for_each(|&value| self.push(value.into()));
            }
        }
    }

    fn add_known(&mut self, bits: u128) {
        self.push(f64::from_bits(bits as u64));
    }

    fn total(&self) -> Option<f64> {
        Some(self.rounded(1))
    }

    fn mean(&self, count: u64) -> f64 {
        self.rounded(count)
    }
}

/// A power of two above a magnitude, at most twice what is the next.
fn above(magnitude: f64) -> f64 {
    let exponent = magnitude.to_bits() & f64::INFINITY.to_bits();
    2.0 * f64::from_bits(exponent).max(f64::MIN_POSITIVE)
}

/// Cuts off what is above, and then what is above a second place, from each of the parts; the sums
/// of these, exact, and whether anything is left. A NaN makes the first NaN.
#[inline(always)]
fn cut(parts: &mut [f64], large: f64) -> (f64, f64, bool) {
    let smaller = large * NEXT;
    let (mut highs, mut lows, mut left) = ([0.0; 8], [0.0; 8], [0u64; 8]);
    for chunk in parts.as_chunks_mut::<8>().0 {
        for (lane, part) in chunk.iter_mut().enumerate() {
            let high = (large + *part) - large;
            let rest = *part - high;
            let low = (smaller + rest) - smaller;
            *part = rest - low;
            highs[lane] += high;
            lows[lane] += low;
            // But for the sign, as there may be -0.0.
            left[lane] |= part.to_bits() << 1;
        }
    }
    let add = |a: f64, b: f64| a + b;
    (fold(highs, add), fold(lows, add), fold(left, |a, b| a | b) != 0)
}

/// What an exact standard deviation is made of.
#[derive(Debug, Default)]
pub(super) struct ExactDeviations {
    sum: Limbs,
    squares: Limbs,
    /// True once there was a value that is not finite.
    special: bool,
}

impl<T: Number> Deviations<T> for ExactDeviations {
    fn add(&mut self, values: &[T], _count: u64) {
        for value in values {
            match value.digits() {
                Some(digits) => {
                    self.sum.add(digits);
                    self.squares.add(digits.squared());
                }
                None => self.special = true,
            }
        }
    }

    fn std(&self, count: u64) -> Option<f64> {
        (count > 1).then(|| match self.special {
            true => f64::NAN,
            false => Limbs::deviation(&self.sum, &self.squares, count),
        })
    }
}

#[cfg(test)]
mod tests;
