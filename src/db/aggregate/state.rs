//! What is known of a run of numbers: enough for every aggregate that is wanted of it.

use crate::db::aggregate::Aggregate;
use crate::db::aggregate::number::{Moments, Number, Sum};
use crate::db::digest::Known;

/// Which parts of a state are wanted. A part that is not is left at its default.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    sum: bool,
    min: bool,
    max: bool,
    moments: bool,
}

impl Needs {
    pub(super) fn of(aggregates: impl Iterator<Item = Aggregate> + Clone) -> Self {
        let any = |wanted: &[Aggregate]| aggregates.clone().any(|one| wanted.contains(&one));
        Self {
            sum: any(&[Aggregate::Sum, Aggregate::Mean]),
            min: any(&[Aggregate::Min]),
            max: any(&[Aggregate::Max]),
            moments: any(&[Aggregate::Std]),
        }
    }
}

/// What is known of a run of numbers, in the order of its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct State<T: Number> {
    pub(super) count: u64,
    pub(super) sum: T::Sum,
    pub(super) min: Option<T>,
    pub(super) max: Option<T>,
    /// The first and the last value.
    pub(super) ends: Option<(T, T)>,
    pub(super) moments: Moments<T>,
}

impl<T: Number> Default for State<T> {
    fn default() -> Self {
        let (sum, moments) = (T::Sum::default(), Moments::default());
        Self { count: 0, sum, min: None, max: None, ends: None, moments }
    }
}

impl<T: Number> State<T> {
    /// The state of values that are not null.
    pub(super) fn of(values: &[T], needs: Needs) -> Self {
        let ends = values.first().copied().zip(values.last().copied());
        let mut state = Self { count: values.len() as u64, ends, ..Self::default() };
        if needs.sum {
            state.sum = T::sum(values);
        }
        if needs.min {
            state.min = T::least(values);
        }
        if needs.max {
            state.max = T::greatest(values);
        }
        if needs.moments && state.count > 0 {
            state.moments = Moments::of(values);
        }
        state
    }

    /// The state of a vector by its statistics; without its ends and moments.
    pub(super) fn of_known(known: &Known) -> Self {
        let (count, summary) = (known.count, &known.summary);
        if count == 0 {
            return Self::default();
        }
        let (min, max) = match summary.count {
            0 => (None, None),
            _ => (Some(T::from_lane(summary.min)), Some(T::from_lane(summary.max))),
        };
        Self { count, sum: T::Sum::from_lane(summary.sum), min, max, ..Self::default() }
    }

    /// Takes in the state of the run that follows.
    pub(super) fn merge(&mut self, later: &Self) {
        if self.count == 0 {
            *self = *later;
            return;
        }
        if later.count == 0 {
            return;
        }
        self.sum.merge(later.sum);
        self.min = either(self.min, later.min, |a, b| if b < a { b } else { a });
        self.max = either(self.max, later.max, |a, b| if b > a { b } else { a });
        self.ends = either(self.ends, later.ends, |(first, _), (_, last)| (first, last));
        self.moments.merge(self.count, &later.moments, later.count);
        self.count += later.count;
    }

    /// The mean.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum.to_f64() / self.count as f64)
    }
}

/// `with` of both, or the one that there is.
pub(super) fn either<V>(a: Option<V>, b: Option<V>, with: impl FnOnce(V, V) -> V) -> Option<V> {
    match (a, b) {
        (Some(a), Some(b)) => Some(with(a, b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all<T: Number>(values: &[T]) -> State<T> {
        State::of(values, Needs::of(Aggregate::ALL.into_iter()))
    }

    fn close(a: Option<f64>, b: Option<f64>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_run_is_cut(
            values in prop::collection::vec(-1e6f64..1e6, 0..3000),
            at in prop::collection::vec(0.0f64..1.0, 0..5),
        ) {
            let mut cuts: Vec<usize> = at.iter().map(|at| (at * values.len() as f64) as usize).collect();
            cuts.sort_unstable();
            let (whole, mut merged, mut from) = (all(&values), State::default(), 0);
            for to in cuts.into_iter().chain([values.len()]) {
                merged.merge(&all(&values[from..to]));
                from = to;
            }
            prop_assert_eq!((whole.count, whole.min, whole.max), (merged.count, merged.min, merged.max));
            prop_assert_eq!(whole.ends, merged.ends);
            let magnitudes: f64 = values.iter().map(|value| value.abs()).sum();
            prop_assert!((whole.sum.to_f64() - merged.sum.to_f64()).abs() <= 2e-14 * magnitudes);
            prop_assert!(close(whole.moments.std(whole.count), merged.moments.std(merged.count)));
        }

        #[test]
        fn integers_are_exact(values in prop::collection::vec(any::<i64>(), 1..200)) {
            let state = all(&values);
            let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
            prop_assert_eq!(state.sum.total(), i64::try_from(sum).ok());
            prop_assert_eq!(state.min, values.iter().copied().min());
        }
    }

    #[test]
    fn small_deviations_of_large_numbers_are_seen() {
        let large = 1_700_000_000_000_000_000i64;
        let mut state = all(&[large, large + 1]);
        state.merge(&all(&[large + 2, large + 3]));
        assert_eq!(state.moments.std(4), Some((5.0f64 / 3.0).sqrt()));
        let mut state = all(&[1e9 + 4.0, 1e9 + 7.0]);
        state.merge(&all(&[1e9 + 13.0, 1e9 + 16.0]));
        assert_eq!(state.moments.std(4), Some(30f64.sqrt()));
        let ends = all(&[i64::MIN, i64::MAX]);
        assert!(close(ends.moments.std(2), Some(1.8446744073709552e19 / 2f64.sqrt())));
    }

    #[test]
    fn what_rounding_takes_is_kept() {
        let mut state = all(&[1e100f64]);
        for value in [1.0, -1e100] {
            state.merge(&all(&[value]));
        }
        assert_eq!(state.sum.total(), Some(1.0));
        assert_eq!(all(&[f64::INFINITY, 1.0]).sum.total(), Some(f64::INFINITY));
        assert!(all(&[f64::INFINITY, f64::NEG_INFINITY]).sum.to_f64().is_nan());
        assert!(all(&[-0.0f64]).sum.to_f64().is_sign_negative());
    }

    #[test]
    fn nan_is_passed_over_by_min_and_max_alone() {
        let state = all(&[f64::NAN, 2.0, 1.0, f64::NAN]);
        assert_eq!((state.min, state.max, state.count), (Some(1.0), Some(2.0), 4));
        assert!(state.mean().is_some_and(f64::is_nan));
        assert!(state.moments.std(4).is_some_and(f64::is_nan));
        let nan = all(&[f64::NAN]);
        assert_eq!((nan.min, nan.max), (None, None));
        let infinite = all(&[f64::INFINITY, f64::NAN]);
        assert_eq!((infinite.min, infinite.max), (Some(f64::INFINITY), Some(f64::INFINITY)));
    }
}
