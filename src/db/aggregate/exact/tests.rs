//! Exact sums against an oracle that counts the ones of each binary digit: a float is right if what
//! is summed lies between the middles to its neighbours.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::db::aggregate::number::Compensated;

/// `magnitude * 2^shift`, in 2^-1074 or, of products, in 2^-2148.
#[derive(Debug, Clone, Copy)]
struct Term {
    negative: bool,
    magnitude: u128,
    shift: usize,
}

impl Term {
    /// A finite float, found by doubling it until it is whole.
    fn of(value: f64) -> Self {
        let (mut magnitude, mut shift) = (value.abs(), 1074);
        while magnitude.fract() != 0.0 {
            (magnitude, shift) = (magnitude * 2.0, shift - 1);
        }
        while magnitude > 2f64.powi(53) {
            (magnitude, shift) = (magnitude / 2.0, shift + 1);
        }
        Self { negative: value < 0.0, magnitude: magnitude as u128, shift }
    }

    /// The float, but past the greatest what would follow it.
    fn past(value: f64) -> Self {
        match value.is_infinite() {
            true => Self { negative: value < 0.0, magnitude: 1, shift: 1024 + 1074 },
            false => Self::of(value),
        }
    }

    fn times(self, factor: u128) -> Self {
        Self { magnitude: self.magnitude.checked_mul(factor).unwrap(), ..self }
    }

    fn product(self, other: Self) -> Self {
        Self {
            negative: self.negative != other.negative,
            magnitude: self.magnitude * other.magnitude,
            shift: self.shift + other.shift,
        }
    }

    fn minus(self) -> Self {
        Self { negative: !self.negative, ..self }
    }
}

/// How a sum compares to zero.
fn sign(terms: impl IntoIterator<Item = Term>) -> Ordering {
    let mut ones = vec![0i64; 4400];
    for Term { negative, magnitude, shift } in terms {
        for bit in (0..128).filter(|bit| magnitude >> bit & 1 == 1) {
            ones[shift + bit] += if negative { -1 } else { 1 };
        }
    }
    let mut carry = 0;
    for count in &mut ones {
        carry += *count;
        *count = carry & 1;
        carry >>= 1;
    }
    match carry {
        0 if ones.iter().all(|one| *one == 0) => Equal,
        0.. => Greater,
        _ => Less,
    }
}

/// True if `found` is the nearest float to the sum of the values divided by `count`.
fn is_quotient(found: f64, values: &[f64], count: u128) -> bool {
    let beside = |neighbour: f64| {
        let middle = [found, neighbour].map(|end| Term::past(end).minus().times(count));
        sign(values.iter().map(|&value| Term::of(value).times(2)).chain(middle))
    };
    // An infinity stands for everything from half a step past the greatest float on.
    (found == f64::NEG_INFINITY || is(beside(found.next_down()), Greater, found))
        && (found == f64::INFINITY || is(beside(found.next_up()), Less, found))
}

/// True for a side of the middle, and for the middle itself if that goes to `found`.
fn is(side: Ordering, wanted: Ordering, found: f64) -> bool {
    side == wanted || side == Equal && found.to_bits() & 1 == 0
}

/// True if `found` is the nearest float to the standard deviation of the values.
fn is_deviation(found: f64, values: &[f64]) -> bool {
    let count = values.len() as u128;
    let terms: Vec<Term> = values.iter().map(|&value| Term::of(value)).collect();
    // The sum of the squares times the count, less the square of the sum.
    let squares = terms.iter().map(|&term| term.product(term).times(count));
    let square = terms.iter().flat_map(|&a| terms.iter().map(move |&b| a.product(b).minus()));
    let scaled: Vec<Term> = squares.chain(square).map(|term| term.times(4)).collect();
    let beside = |neighbour: f64| {
        let (a, b) = (Term::past(found), Term::past(neighbour));
        let middle = [a.product(a), a.product(b), a.product(b), b.product(b)];
        let middle = middle.map(|term| term.minus().times(count * (count - 1)));
        sign(scaled.iter().copied().chain(middle))
    };
    (found == 0.0 || is(beside(found.next_down()), Greater, found))
        && (found == f64::INFINITY || is(beside(found.next_up()), Less, found))
}

fn sum<T: Copy + Into<f64>>(runs: &[&[T]]) -> f64 {
    let mut sum = ExactSum::default();
    runs.iter().for_each(|run| sum.add(run));
    Sum::<T>::total(&sum).unwrap()
}

fn mean(values: &[f64]) -> f64 {
    let mut sum = ExactSum::default();
    sum.add(values);
    Sum::<f64>::mean(&sum, values.len() as u64)
}

fn std<T: Number>(values: &[T]) -> f64 {
    let mut deviations = ExactDeviations::default();
    deviations.add(values, 0);
    Deviations::<T>::std(&deviations, values.len() as u64).unwrap()
}

/// Finite floats of all kinds; of some kinds sums lie in the middle of two floats.
fn finite() -> impl Strategy<Value = f64> {
    let powers = vec![-1074, -1073, -1022, -54, -53, -52, 0, 1, 52, 53, 54, 970, 1020];
    // In two steps, as the power of a negative exponent is taken by way of its inverse.
    let power = |power: i32| 2f64.powi(power / 2) * 2f64.powi(power - power / 2);
    let powers = select(powers).prop_map(power);
    let others = vec![0.0, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 1e308, -1e308];
    let any = any::<u64>().prop_map(f64::from_bits);
    prop_oneof![
        1 => any.prop_filter("finite", |value| value.is_finite()),
        4 => -1e6f64..1e6,
        2 => (-10_000i32..10_000).prop_map(|cents| f64::from(cents) / 100.0),
        2 => (-5i32..=5, powers).prop_map(|(few, power)| f64::from(few) * power),
        1 => (0u64..16).prop_map(f64::from_bits),
        1 => select(others),
    ]
}

/// Values of one kind or of several, of which a part may be taken away again.
fn values(most: usize) -> impl Strategy<Value = Vec<f64>> {
    let near = (-1e3f64..1e3).prop_map(|value| value.mul_add(1e-3, 20.0));
    let tiny = (0u64..1 << 54).prop_map(f64::from_bits);
    let some = prop_oneof![
        prop::collection::vec(finite(), 1..most),
        prop::collection::vec(near, 1..most),
        prop::collection::vec(tiny, 1..most),
    ];
    (some, 0..most).prop_map(|(mut values, back)| {
        let minus: Vec<f64> = values.iter().take(back).map(|value| -value).collect();
        values.extend(minus);
        values
    })
}

proptest! {
    #[test]
    fn a_sum_is_the_nearest_float(values in values(40)) {
        let found = sum(&[&values]);
        prop_assert!(is_quotient(found, &values, 1), "{found:e}");
        prop_assert!(is_quotient(mean(&values), &values, values.len() as u128));
    }

    #[test]
    fn splitting_changes_nothing(values in values(1500), at in 0.0f64..1.0) {
        let found = sum(&[&values]);
        prop_assert!(is_quotient(found, &values, 1), "{found:e}");
        let one_by_one: Vec<&[f64]> = values.chunks(1).collect();
        prop_assert_eq!(found.to_bits(), sum(&one_by_one).to_bits());
        let (left, right) = values.split_at((at * values.len() as f64) as usize);
        prop_assert_eq!(found.to_bits(), sum(&[right, left]).to_bits());
        let backwards: Vec<f64> = values.iter().rev().copied().collect();
        prop_assert_eq!(found.to_bits(), sum(&[&backwards]).to_bits());
    }

    #[test]
    fn a_deviation_is_the_nearest_float(values in prop::collection::vec(finite(), 2..8)) {
        let found = std(&values);
        prop_assert!(is_deviation(found, &values), "{found:e}");
        let backwards: Vec<f64> = values.iter().rev().copied().collect();
        prop_assert_eq!(found.to_bits(), std(&backwards).to_bits());
    }

    #[test]
    fn narrow_floats_are_summed_as_wide(values in prop::collection::vec(any::<f32>(), 0..200)) {
        let wide: Vec<f64> = values.iter().map(|&value| value.into()).collect();
        let (narrow, wide) = (sum(&[&values]), sum(&[&wide]));
        prop_assert!(narrow.to_bits() == wide.to_bits() || narrow.is_nan() && wide.is_nan());
    }
}

#[test]
fn the_oracle_can_fail() {
    assert!(is_quotient(0.6, &[0.1, 0.2, 0.3], 1));
    assert!(!is_quotient(0.1 + 0.2 + 0.3, &[0.1, 0.2, 0.3], 1));
    // In the middle between 1 and its neighbour: to the even one.
    let half = f64::EPSILON / 2.0;
    assert!(is_quotient(1.0, &[1.0, half], 1) && !is_quotient(1.0 + 2.0 * half, &[1.0, half], 1));
    assert!(is_quotient(f64::INFINITY, &[f64::MAX, f64::MAX], 1));
    assert!(!is_quotient(f64::MAX, &[f64::MAX, f64::MAX], 1));
    assert!(!is_quotient(f64::INFINITY, &[f64::MAX, 1.0], 1));
    assert!(
        is_deviation(1.0, &[1.0, 2.0, 3.0]) && !is_deviation(1.0f64.next_up(), &[1.0, 2.0, 3.0])
    );
    assert!(is_deviation(0.0, &[0.1, 0.1]) && !is_deviation(5e-324, &[0.1, 0.1]));
}

#[test]
fn what_other_sums_lose_or_cannot_hold() {
    let hard: Vec<f64> = [1e100, 1.0, -1e100].repeat(512);
    let mut plain = Compensated::default();
    plain.add(&hard);
    assert_ne!(Sum::<f64>::total(&plain), Some(512.0));
    assert_eq!(sum(&[&hard]), 512.0);
    assert_eq!(sum(&[&[1e308, 1e308, -1e308]]), 1e308);
    assert_eq!(sum(&[&[f64::MAX; 64], &[f64::MIN; 63]]), f64::MAX);
    assert_eq!(sum(&[&[f64::MAX, f64::MAX]]), f64::INFINITY);
    assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
    assert_eq!(mean(&[f64::from_bits(1), f64::from_bits(2)]), f64::from_bits(2));
    assert_eq!(mean(&[f64::from_bits(1), 0.0]), 0.0);
    assert_eq!(std(&[1e300, -1e300, 0.0]), 1e300);
    assert_eq!(std(&[f64::MAX, f64::MIN]), f64::INFINITY);
    assert_eq!(std(&[i64::MIN, i64::MAX]), 1.3043817825332783e19);
    assert_eq!(std(&[5u8, 5, 5]), 0.0);
}

#[test]
fn zeros_have_their_sign_and_what_is_not_finite_goes_through() {
    for count in [1, 2, 100] {
        let minus = vec![-0.0; count];
        assert!(sum(&[&minus]).is_sign_negative() && mean(&minus).is_sign_negative());
        let mut both = minus.clone();
        both[count / 2] = 0.0;
        assert!(sum(&[&both]).is_sign_positive());
        let mut none = minus.clone();
        none.extend([1.5, -1.5]);
        assert!(sum(&[&none]).is_sign_positive());
        for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for other in [0.0, 1.5, f64::MAX] {
                let mut values = vec![other; count];
                values.push(special);
                let (sum, mean) = (sum(&[&values]), mean(&values));
                assert!(sum == special || sum.is_nan() && special.is_nan());
                assert!(mean == special || mean.is_nan() && special.is_nan());
                assert!(std(&values).is_nan());
            }
        }
        let mut values = vec![f64::INFINITY; count];
        values.push(f64::NEG_INFINITY);
        assert!(sum(&[&values]).is_nan());
    }
}
