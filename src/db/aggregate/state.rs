//! What is known of a run of numbers: enough for every aggregate that is wanted of it.

use crate::db::aggregate::Aggregate;
use crate::db::aggregate::moments::Deviations;
use crate::db::aggregate::number::{Number, Sum};
use crate::db::digest::Known;

/// Which parts of a state are wanted. A part that is not is left at its default.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    sum: bool,
    min: bool,
    max: bool,
    deviations: bool,
}

impl Needs {
    pub(super) fn of(aggregates: impl Iterator<Item = Aggregate> + Clone) -> Self {
        let any = |wanted: &[Aggregate]| aggregates.clone().any(|one| wanted.contains(&one));
        Self {
            sum: any(&[Aggregate::Sum, Aggregate::Mean]),
            min: any(&[Aggregate::Min]),
            max: any(&[Aggregate::Max]),
            deviations: any(&[Aggregate::Std]),
        }
    }
}

/// What is known of a run of numbers, in the order of its rows. `S` and `D` say how they are added
/// up.
#[derive(Debug)]
pub(super) struct State<T, S, D> {
    pub(super) count: u64,
    pub(super) sum: S,
    pub(super) min: Option<T>,
    pub(super) max: Option<T>,
    /// The first and the last value.
    pub(super) ends: Option<(T, T)>,
    pub(super) deviations: D,
}

impl<T, S: Default, D: Default> Default for State<T, S, D> {
    fn default() -> Self {
        let (sum, deviations) = (S::default(), D::default());
        Self { count: 0, sum, min: None, max: None, ends: None, deviations }
    }
}

impl<T: Number, S: Sum<T>, D: Deviations<T>> State<T, S, D> {
    /// Takes in the values that follow, none of them null.
    pub(super) fn add(&mut self, values: &[T], needs: Needs) {
        let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return };
        if needs.sum {
            self.sum.add(values);
        }
        if needs.min {
            self.min = either(self.min, T::least(values), less);
        }
        if needs.max {
            self.max = either(self.max, T::greatest(values), greater);
        }
        if needs.deviations {
            self.deviations.add(values, self.count);
        }
        self.ends = Some((self.ends.map_or(first, |ends| ends.0), last));
        self.count += values.len() as u64;
    }

    /// Takes in the vector that follows, by its statistics, which have neither ends nor deviations.
    pub(super) fn add_known(&mut self, known: &Known, needs: Needs) {
        let (count, summary) = (known.count, &known.summary);
        if count == 0 {
            return;
        }
        if needs.sum {
            self.sum.add_known(summary.sum);
        }
        if summary.count > 0 {
            self.min = either(self.min, Some(T::from_lane(summary.min)), less);
            self.max = either(self.max, Some(T::from_lane(summary.max)), greater);
        }
        self.count += count;
    }

    /// The sum; the outer `None` if its type cannot hold it.
    pub(super) fn total(&self) -> Option<Option<S::Total>> {
        (self.count > 0).then(|| self.sum.total()).map_or(Some(None), |total| total.map(Some))
    }

    /// The mean.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum.mean(self.count))
    }

    /// The standard deviation.
    pub(super) fn std(&self) -> Option<f64> {
        self.deviations.std(self.count)
    }
}

fn less<T: PartialOrd>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

fn greater<T: PartialOrd>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// `with` of both, or the one that there is.
fn either<V>(a: Option<V>, b: Option<V>, with: impl FnOnce(V, V) -> V) -> Option<V> {
    match (a, b) {
        (Some(a), Some(b)) => Some(with(a, b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::aggregate::moments::Moments;
    use proptest::prelude::*;

    type Plain<T> = State<T, <T as Number>::Sum, Moments<T>>;

    /// The state of runs that follow each other.
    fn runs<T: Number>(runs: &[&[T]]) -> Plain<T> {
        let mut state = State::default();
        for run in runs {
            state.add(run, Needs::of(Aggregate::ALL.into_iter()));
        }
        state
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
            values in prop::collection::vec(-1e6f64..1e6, 1..3000),
            at in prop::collection::vec(0.0f64..1.0, 0..5),
        ) {
            let place = |at: &f64| (at * values.len() as f64) as usize;
            let mut cuts: Vec<usize> = at.iter().map(place).collect();
            cuts.sort_unstable();
            let whole = runs(&[&values]);
            let ends = cuts.iter().copied().chain([values.len()]);
            let parts = [0].into_iter().chain(cuts.iter().copied()).zip(ends);
            let cut = runs(&parts.map(|(from, to)| &values[from..to]).collect::<Vec<_>>());
            prop_assert_eq!((whole.count, whole.min, whole.max), (cut.count, cut.min, cut.max));
            prop_assert_eq!(whole.ends, cut.ends);
            let magnitudes: f64 = values.iter().map(|value| value.abs()).sum();
            let apart = whole.total().unwrap().unwrap() - cut.total().unwrap().unwrap();
            prop_assert!(apart.abs() <= 2e-14 * magnitudes);
            prop_assert!(close(whole.std(), cut.std()));
        }

        #[test]
        fn integers_are_exact(values in prop::collection::vec(any::<i64>(), 1..200)) {
            let state = runs(&[&values]);
            let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
            prop_assert_eq!(state.total(), i64::try_from(sum).ok().map(Some));
            prop_assert_eq!(state.min, values.iter().copied().min());
        }
    }

    #[test]
    fn small_deviations_of_large_numbers_are_seen() {
        let large = 1_700_000_000_000_000_000i64;
        let state = runs(&[&[large, large + 1], &[large + 2, large + 3]]);
        assert_eq!(state.std(), Some((5.0f64 / 3.0).sqrt()));
        let state = runs(&[&[1e9 + 4.0, 1e9 + 7.0], &[1e9 + 13.0, 1e9 + 16.0]]);
        assert_eq!(state.std(), Some(30f64.sqrt()));
        let ends = runs(&[&[i64::MIN, i64::MAX]]);
        assert!(close(ends.std(), Some(1.8446744073709552e19 / 2f64.sqrt())));
    }

    #[test]
    fn what_rounding_takes_is_kept() {
        let sum = |values: &[&[f64]]| runs(values).total().unwrap().unwrap();
        assert_eq!(sum(&[&[1e100], &[1.0], &[-1e100]]), 1.0);
        assert_eq!(sum(&[&[f64::INFINITY, 1.0]]), f64::INFINITY);
        assert!(sum(&[&[f64::INFINITY, f64::NEG_INFINITY]]).is_nan());
        assert!(sum(&[&[-0.0]]).is_sign_negative());
    }

    #[test]
    fn nan_is_passed_over_by_min_and_max_alone() {
        let state = runs(&[&[f64::NAN, 2.0, 1.0, f64::NAN]]);
        assert_eq!((state.min, state.max, state.count), (Some(1.0), Some(2.0), 4));
        assert!(state.mean().is_some_and(f64::is_nan));
        assert!(state.std().is_some_and(f64::is_nan));
        let nan = runs(&[&[f64::NAN]]);
        assert_eq!((nan.min, nan.max), (None, None));
        let infinite = runs(&[&[f64::INFINITY, f64::NAN]]);
        assert_eq!((infinite.min, infinite.max), (Some(f64::INFINITY), Some(f64::INFINITY)));
    }
}
