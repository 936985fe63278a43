//! Reducing slices of numbers: sums, least and greatest, moments. The loops run over eight lanes
//! without branches, for the compiler to vectorize.

use arrow_buffer::ArrowNativeType;

/// Values of a sum that are added without compensation: a vector, as in a segment's statistics.
const PLAIN: usize = 1024;

/// A type whose values can be added up.
pub(super) trait Number: ArrowNativeType {
    /// What they are added up in.
    type Sum: Sum;
    /// The sum of a slice.
    fn sum(values: &[Self]) -> Self::Sum;
    /// The least value but NaN.
    fn least(values: &[Self]) -> Option<Self>;
    /// The greatest value but NaN.
    fn greatest(values: &[Self]) -> Option<Self>;
    /// The value that statistics have in a lane.
    fn from_lane(bits: u64) -> Self;
    /// How far this is from `pivot`.
    fn distance(self, pivot: Self) -> f64;
}

/// A sum under way.
pub(super) trait Sum: Copy + Default + std::fmt::Debug + Send + 'static {
    /// The type of the result.
    type Total: ArrowNativeType;
    /// The sum that statistics have.
    fn from_lane(bits: u128) -> Self;
    /// Adds the sum of other values.
    fn merge(&mut self, other: Self);
    /// The result; `None` if its type cannot hold it.
    fn total(self) -> Option<Self::Total>;
    /// The result as a float.
    fn to_f64(self) -> f64;
}

/// An exact sum of integers, its result a `T`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exact<T>(i128, std::marker::PhantomData<T>);

impl<T: ArrowNativeType + TryFrom<i128>> Sum for Exact<T> {
    type Total = T;

    fn from_lane(bits: u128) -> Self {
        Self(bits as i128, std::marker::PhantomData)
    }

    fn merge(&mut self, other: Self) {
        // 2^64 values of 64 bits, at most; statistics that are wrong do no more than count wrong.
        self.0 = self.0.wrapping_add(other.0);
    }

    fn total(self) -> Option<T> {
        T::try_from(self.0).ok()
    }

    fn to_f64(self) -> f64 {
        self.0 as f64
    }
}

/// A sum of floats, and what rounding took from it.
#[derive(Debug, Clone, Copy)]
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

impl Sum for Compensated {
    type Total = f64;

    fn from_lane(bits: u128) -> Self {
        Self { sum: f64::from_bits(bits as u64), lost: 0.0 }
    }

    fn merge(&mut self, other: Self) {
        let sum = self.sum + other.sum;
        let lost = match self.sum.abs() >= other.sum.abs() {
            true => (self.sum - sum) + other.sum,
            false => (other.sum - sum) + self.sum,
        };
        *self = Self { sum, lost: self.lost + other.lost + lost };
    }

    fn total(self) -> Option<f64> {
        Some(self.to_f64())
    }

    fn to_f64(self) -> f64 {
        // Of an infinite sum nothing was lost, but the subtractions above made a NaN of it.
        let exact = self.lost == 0.0 || !self.sum.is_finite();
        if exact { self.sum } else { self.sum + self.lost }
    }
}

macro_rules! integers {
    ($($t:ty => $total:ty),*) => {$(
        impl Number for $t {
            type Sum = Exact<$total>;

            fn sum(values: &[Self]) -> Self::Sum {
                let mut sum = 0i128;
                for part in values.chunks(PLAIN) {
                    // 1,024 values of up to 32 bits fit 64, which is what vectorizes.
                    sum += match size_of::<$t>() {
                        8 => part.iter().map(|&value| value as i128).sum::<i128>(),
                        _ => i128::from(part.iter().map(|&value| value as i64).sum::<i64>()),
                    };
                }
                Exact(sum, std::marker::PhantomData)
            }

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
        }
    )*};
}
integers!(
    i8 => i64, i16 => i64, i32 => i64, i64 => i64, u8 => u64, u16 => u64, u32 => u64, u64 => u64
);

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Sum = Compensated;

            fn sum(values: &[Self]) -> Self::Sum {
                let mut sum = Compensated::default();
                for part in values.chunks(PLAIN) {
                    let part = lanes(part, -0.0, |sum, value| sum + f64::from(value));
                    sum.merge(Compensated { sum: fold(part, |a, b| a + b), lost: 0.0 });
                }
                sum
            }

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
        }
    )*};
}
floats!(f32, f64);

/// Every eighth value of a slice put together, from each of the first eight on.
#[inline(always)]
fn lanes<T: Copy, A: Copy>(values: &[T], start: A, with: impl Fn(A, T) -> A) -> [A; 8] {
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
fn fold<A: Copy>(p: [A; 8], with: impl Fn(A, A) -> A) -> A {
    let quarters = [with(p[0], p[4]), with(p[1], p[5]), with(p[2], p[6]), with(p[3], p[7])];
    with(with(quarters[0], quarters[2]), with(quarters[1], quarters[3]))
}

/// Mean and sum of squared deviations of some values, as distances from a pivot, which is one of
/// them: what is small beside the values themselves is not rounded away.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments<T> {
    pivot: T,
    mean: f64,
    squares: f64,
}

impl<T: Number> Moments<T> {
    /// Those of a slice that is not empty, in two passes; what the first one rounded away, the
    /// second sees as the mean of the deviations.
    pub(super) fn of(values: &[T]) -> Self {
        let (pivot, n) = (values[0], values.len() as f64);
        let add = |a: f64, b: f64| a + b;
        let sum = lanes(values, 0.0, |sum, value: T| sum + value.distance(pivot));
        let mean = fold(sum, add) / n;
        let both = lanes(values, (0.0, 0.0), |(sum, squares), value: T| {
            let deviation = value.distance(pivot) - mean;
            (sum + deviation, squares + deviation * deviation)
        });
        let (rest, squares) = fold(both, |a, b| (a.0 + b.0, a.1 + b.1));
        // Not `max(0.0)`, which would make 0 of a NaN.
        let exact = squares - rest * rest / n;
        Self { pivot, mean: mean + rest / n, squares: if exact < 0.0 { 0.0 } else { exact } }
    }

    /// Merges `n` values described here with `other_n` others; both are at least 1.
    pub(super) fn merge(&mut self, n: u64, other: &Self, other_n: u64) {
        let (n, m) = (n as f64, other_n as f64);
        let apart = other.pivot.distance(self.pivot) + other.mean - self.mean;
        self.mean += apart * (m / (n + m));
        self.squares += other.squares + apart * apart * (n * m / (n + m));
    }

    /// The standard deviation of `n` values as a sample.
    pub(super) fn std(&self, n: u64) -> Option<f64> {
        (n > 1).then(|| (self.squares / (n - 1) as f64).sqrt())
    }
}
