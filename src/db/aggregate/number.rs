//! Reducing slices of numbers: sums, least and greatest. The loops run over eight lanes without
//! branches, for the compiler to vectorize.

use arrow_buffer::ArrowNativeType;

use crate::db::aggregate::exact::ExactSum;
use crate::db::aggregate::limbs::{Digits, Limbs};

/// Values of a sum that are added without compensation: a vector, as in a segment's statistics.
const PLAIN: usize = 1024;

/// A type whose values can be added up.
pub(super) trait Number: ArrowNativeType {
    /// What they are added up in.
    type Sum: Sum<Self>;
    /// What they are added up in if nothing may be rounded before the end.
    type ExactSum: Sum<Self>;
    /// The least value but NaN.
    fn least(values: &[Self]) -> Option<Self>;
    /// The greatest value but NaN.
    fn greatest(values: &[Self]) -> Option<Self>;
    /// The value that statistics have in a lane.
    fn from_lane(bits: u64) -> Self;
    /// How far this is from `pivot`.
    fn distance(self, pivot: Self) -> f64;
    /// The value in digits; `None` if it is not finite.
    fn digits(self) -> Option<Digits>;
}

/// A sum under way.
pub(super) trait Sum<T>: Default + std::fmt::Debug + Send + 'static {
    /// The type of the result.
    type Total: ArrowNativeType;
    /// Adds values.
    fn add(&mut self, values: &[T]);
    /// Adds the sum that statistics have of other values.
    fn add_known(&mut self, bits: u128);
    /// The result; `None` if its type cannot hold it.
    fn total(&self) -> Option<Self::Total>;
    /// The mean, if the sum is that of `count` values, which is not 0.
    fn mean(&self, count: u64) -> f64;
}

/// An exact sum of integers, its result a `T`.
#[derive(Debug, Default)]
pub(super) struct IntegerSum<T>(i128, std::marker::PhantomData<T>);

/// A sum of floats, and what rounding took from it.
#[derive(Debug)]
pub(super) struct Compensated {
    sum: f64,
    lost: f64,
}

impl Default for Compensated {
    fn default() -> Self {
        // Adding to -0.0 leaves every value as it is, -0.0 too.
        Self { sum: -0.0, lost: 0.0 }
    }
}

impl Compensated {
    fn push(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost += match self.sum.abs() >= value.abs() {
            true => (self.sum - sum) + value,
            false => (value - sum) + self.sum,
        };
        self.sum = sum;
    }

    fn to_f64(&self) -> f64 {
        // Of an infinite sum nothing was lost, but the subtractions above made a NaN of it.
        let exact = self.lost == 0.0 || !self.sum.is_finite();
        if exact { self.sum } else { self.sum + self.lost }
    }
}

impl<T: Copy + Into<f64>> Sum<T> for Compensated {
    type Total = f64;

    fn add(&mut self, values: &[T]) {
        for part in values.chunks(PLAIN) {
            let part = lanes(part, -0.0, |sum, value: T| sum + value.into());
            self.push(fold(part, |a, b| a + b));
        }
    }

    fn add_known(&mut self, bits: u128) {
        self.push(f64::from_bits(bits as u64));
    }

    fn total(&self) -> Option<f64> {
        Some(self.to_f64())
    }

    fn mean(&self, count: u64) -> f64 {
        self.to_f64() / count as f64
    }
}

macro_rules! integers {
    ($($t:ty => $total:ty),*) => {$(
        impl Sum<$t> for IntegerSum<$total> {
            type Total = $total;

            fn add(&mut self, values: &[$t]) {
                for part in values.chunks(PLAIN) {
                    // 1,024 values of up to 32 bits fit 64, which is what vectorizes.
                    self.0 += match size_of::<$t>() {
                        8 => part.iter().map(|&value| value as i128).sum::<i128>(),
                        _ => i128::from(part.iter().map(|&value| value as i64).sum::<i64>()),
                    };
                }
            }

            fn add_known(&mut self, bits: u128) {
                // 2^64 values of 64 bits, at most; statistics that are wrong do no more than count
                // wrong.
                self.0 = self.0.wrapping_add(bits as i128);
            }

            fn total(&self) -> Option<$total> {
                <$total>::try_from(self.0).ok()
            }

            fn mean(&self, count: u64) -> f64 {
                mean(self.0, count)
            }
        }

        impl Number for $t {
            type Sum = IntegerSum<$total>;
            type ExactSum = Self::Sum;

            fn least(values: &[Self]) -> Option<Self> {
                values.iter().copied().min()
            }

            fn greatest(values: &[Self]) -> Option<Self> {
                values.iter().copied().max()
            }

            fn from_lane(bits: u64) -> Self {
                bits as $t
            }

            fn distance(self, pivot: Self) -> f64 {
                match self >= pivot {
                    true => self.abs_diff(pivot) as f64,
                    false => -(self.abs_diff(pivot) as f64),
                }
            }

            fn digits(self) -> Option<Digits> {
                Some(Digits::of_integer(self as i128))
            }
        }
    )*};
}
integers!(
    i8 => i64, i16 => i64, i32 => i64, i64 => i64, u8 => u64, u16 => u64, u32 => u64, u64 => u64
);

/// A sum of integers divided by how many there are, rounded once.
fn mean(sum: i128, count: u64) -> f64 {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    if sum.unsigned_abs() <= u128::from(EXACT) && count <= EXACT {
        return sum as f64 / count as f64;
    }
    let mut digits = Limbs::default();
    digits.add(Digits::of_integer(sum));
    digits.quotient(count)
}

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Sum = Compensated;
            type ExactSum = ExactSum;

            // NaN is neither less nor greater than anything, so it never gets into a lane. If the
            // neutral element comes out, there may have been nothing but NaN.
            fn least(values: &[Self]) -> Option<Self> {
                let less = |a: $t, b: $t| if b < a { b } else { a };
                let least = fold(lanes(values, <$t>::INFINITY, less), less);
                (least != <$t>::INFINITY || values.contains(&least)).then_some(least)
            }

            fn greatest(values: &[Self]) -> Option<Self> {
                let more = |a: $t, b: $t| if b > a { b } else { a };
                let greatest = fold(lanes(values, <$t>::NEG_INFINITY, more), more);
                (greatest != <$t>::NEG_INFINITY || values.contains(&greatest)).then_some(greatest)
            }

            fn from_lane(bits: u64) -> Self {
                f64::from_bits(bits) as $t
            }

            fn distance(self, pivot: Self) -> f64 {
                f64::from(self) - f64::from(pivot)
            }

            fn digits(self) -> Option<Digits> {
                Digits::of_float(self.into())
            }
        }
    )*};
}
floats!(f32, f64);

/// Every eighth value of a slice put together, from each of the first eight on.
#[inline(always)]
pub(super) fn lanes<T: Copy, A: Copy>(values: &[T], start: A, with: impl Fn(A, T) -> A) -> [A; 8] {
    let mut lanes = [start; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = with(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = with(*lane, value);
    }
    lanes
}

#[inline(always)]
pub(super) fn fold<A: Copy>(p: [A; 8], with: impl Fn(A, A) -> A) -> A {
    let quarters = [with(p[0], p[4]), with(p[1], p[5]), with(p[2], p[6]), with(p[3], p[7])];
    with(with(quarters[0], quarters[2]), with(quarters[1], quarters[3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_integers_is_rounded_once() {
        // Rounded to a float first, the sum would come to 1.0939095123554726e18.
        assert_eq!(mean(530_546_113_492_404_196_731, 485), 1.0939095123554725e18);
        assert_eq!(mean(-(1 << 53), 1 << 53), -1.0);
        assert_eq!(mean((1 << 53) + 1, 1), 9_007_199_254_740_992.0);
        assert_eq!(mean((1 << 53) + 3, 1), 9_007_199_254_740_996.0);
        assert_eq!(mean(i128::MIN, 1), -(2f64.powi(127)));
        assert_eq!(mean(0, u64::MAX), 0.0);
    }
}
