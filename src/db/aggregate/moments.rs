//! Mean and squared deviations in floats.

use crate::db::aggregate::number::{Number, fold, lanes};

/// Deviations from the mean under way.
pub(super) trait Deviations<T>: Default + std::fmt::Debug + Send + 'static {
    /// Adds values, at least one, to the `count` that there are.
    fn add(&mut self, values: &[T], count: u64);
    /// The standard deviation of the `count` values as a sample.
    fn std(&self, count: u64) -> Option<f64>;
}

/// Mean and sum of squared deviations of some values, as distances from a pivot, which is one of
/// them: what is small beside the values themselves is not rounded away.
#[derive(Debug, Default)]
pub(super) struct Moments<T> {
    pivot: T,
    mean: f64,
    squares: f64,
}

impl<T: Number> Moments<T> {
    /// Those of a slice that is not empty, in two passes; what the first one rounded away, the
    /// second sees as the mean of the deviations.
    fn of(values: &[T]) -> Self {
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
    fn merge(&mut self, n: u64, other: &Self, other_n: u64) {
        let (n, m) = (n as f64, other_n as f64);
        let apart = other.pivot.distance(self.pivot) + other.mean - self.mean;
        self.mean += apart * (m / (n + m));
        self.squares += other.squares + apart * apart * (n * m / (n + m));
    }
}

impl<T: Number> Deviations<T> for Moments<T> {
    fn add(&mut self, values: &[T], count: u64) {
        let later = Self::of(values);
        match count {
            0 => *self = later,
            _ => self.merge(count, &later, values.len() as u64),
        }
    }

    fn std(&self, count: u64) -> Option<f64> {
        (count > 1).then(|| (self.squares / (count - 1) as f64).sqrt())
    }
}
