//! Floats as integers times a power of ten, where they come back to the bit: the numbers of ALP
//! (Afroozeh, Kuffo, Boncz, "ALP: Adaptive Lossless floating-Point Compression", SIGMOD 2024).
//!
//! With an exponent `e` and a factor `f`, both powers of ten, a value is written as
//! `n = round(value * 10^e * 10^-f)` and read as `n * 10^f * 10^-e`, from left to right, each step
//! rounded as f64. `10^-k` is the f64 nearest to it. A high exponent makes the error of the
//! multiplication vanish; the factor takes the zeros off again that it adds.
//!
//! Rounding, and turning integers into floats, is done by adding and taking off 1.5 * 2^52, whose
//! lowest bit counts ones: machines without instructions for it on 64-bit lanes do it as fast.

use super::simd::{Kernel, run};
use super::words::Word;

/// Powers of ten, and the nearest to their inverses.
const UP: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];
const DOWN: [f64; 19] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15, 1e-16, 1e-17, 1e-18,
];

/// 1.5 * 2^52.
const MAGIC: f64 = 6_755_399_441_055_744.0;

/// Which power of ten the numbers of a vector count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    pub(super) exponent: u8,
    pub(super) factor: u8,
}

/// The four multipliers of a scale.
#[derive(Clone, Copy)]
pub(super) struct Multipliers {
    up: f64,
    shrink: f64,
    grow: f64,
    down: f64,
}

impl Scale {
    /// The scale of these exponents, if there is one for floats of the width of `T`.
    pub(super) fn new<T: Decimal>(exponent: u8, factor: u8) -> Option<Self> {
        (exponent <= T::MAX_EXPONENT && factor <= exponent).then_some(Self { exponent, factor })
    }

    #[inline(always)]
    pub(super) fn multipliers(self) -> Multipliers {
        let (e, f) = (usize::from(self.exponent), usize::from(self.factor));
        Multipliers { up: UP[e], shrink: DOWN[f], grow: UP[f], down: DOWN[e] }
    }
}

/// A float, held as the word of its bits.
pub(super) trait Decimal: Word {
    /// More decimals than this a float of this width does not have.
    const MAX_EXPONENT: u8;

    /// The number nearest to the value, and whether there is one at all.
    fn number(self, by: &Multipliers) -> (Self, bool);
    /// The value of a number.
    fn value(self, by: &Multipliers) -> Self;
    /// The integer, signed and as wide, that the value is without its fraction; the nearest there is.
    fn integer(self) -> Self;
    /// The value nearest to a signed integer.
    fn nearest(self) -> Self;
}

impl Decimal for u64 {
    const MAX_EXPONENT: u8 = 18;

    #[inline(always)]
    fn number(self, by: &Multipliers) -> (Self, bool) {
        let x = f64::from_bits(self) * by.up * by.shrink;
        let number = (x + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits());
        (number, x.abs() < (1u64 << 51) as f64)
    }
    #[inline(always)]
    fn value(self, by: &Multipliers) -> Self {
        let number = f64::from_bits(self.wrapping_add(MAGIC.to_bits())) - MAGIC;
        (number * by.grow * by.down).to_bits()
    }
    #[inline(always)]
    fn integer(self) -> Self {
        (f64::from_bits(self) as i64).cast_unsigned()
    }
    #[inline(always)]
    fn nearest(self) -> Self {
        (self.cast_signed() as f64).to_bits()
    }
}

impl Decimal for u32 {
    const MAX_EXPONENT: u8 = 10;

    #[inline(always)]
    fn number(self, by: &Multipliers) -> (Self, bool) {
        let x = f64::from(f32::from_bits(self)) * by.up * by.shrink;
        // The lower half of MAGIC is zeros.
        ((x + MAGIC).to_bits() as u32, x.abs() < f64::from(1u32 << 31))
    }
    #[inline(always)]
    fn value(self, by: &Multipliers) -> Self {
        ((f64::from(self as i32) * by.grow * by.down) as f32).to_bits()
    }
    #[inline(always)]
    fn integer(self) -> Self {
        (f32::from_bits(self) as i32).cast_unsigned()
    }
    #[inline(always)]
    fn nearest(self) -> Self {
        (self.cast_signed() as f32).to_bits()
    }
}

/// Writes the number of each value, and says how many of them do not come back.
pub(super) fn to_numbers<T: Decimal>(values: &[T], scale: Scale, numbers: &mut [T]) -> usize {
    run(ToNumbers { values, by: scale.multipliers(), numbers })
}

struct ToNumbers<'a, T> {
    values: &'a [T],
    by: Multipliers,
    numbers: &'a mut [T],
}

impl<T: Decimal> Kernel for ToNumbers<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let mut lost = T::default();
        for (number, value) in self.numbers.iter_mut().zip(self.values) {
            let (near, is_near) = value.number(&self.by);
            *number = near;
            let back = is_near & (near.value(&self.by) == *value);
            lost = lost.plus(T::narrow(u64::from(!back)));
        }
        lost.widen() as usize
    }
}

/// True if a value comes back from its number.
pub(super) fn comes_back<T: Decimal>(value: T, by: &Multipliers) -> bool {
    let (number, is_near) = value.number(by);
    is_near && number.value(by) == value
}

/// Turns numbers into values, in place.
pub(super) fn to_values<T: Decimal>(numbers: &mut [T], scale: Scale) {
    run(ToValues { numbers, by: scale.multipliers() });
}

struct ToValues<'a, T> {
    numbers: &'a mut [T],
    by: Multipliers,
}

impl<T: Decimal> Kernel for ToValues<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for number in self.numbers {
            *number = number.value(&self.by);
        }
    }
}

/// Values that are looked at to judge a scale.
pub(super) const SAMPLE: usize = 32;

/// How a scale suits some values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suits {
    pub(super) scale: Scale,
    /// Values that do not come back.
    pub(super) lost: usize,
    /// Bits that they take: numbers by their distance from the least, and what is lost.
    pub(super) bits: usize,
}

/// How a scale suits a sample, or a vector.
pub(super) fn suits<T: Decimal>(values: &[T], scale: Scale) -> Suits {
    run(Judge { values, scale })
}

struct Judge<'a, T> {
    values: &'a [T],
    scale: Scale,
}

impl<T: Decimal> Kernel for Judge<'_, T> {
    type Output = Suits;

    #[inline(always)]
    fn run(self) -> Suits {
        judge(self.values, self.scale)
    }
}

#[inline(always)]
fn judge<T: Decimal>(values: &[T], scale: Scale) -> Suits {
    let by = scale.multipliers();
    let (mut lost, mut min, mut max) = (T::default(), T::narrow(u64::MAX), T::default());
    for value in values {
        let (number, is_near) = value.number(&by);
        let back = is_near & (number.value(&by) == *value);
        let number = number.in_order(true);
        lost = lost.plus(T::narrow(u64::from(!back)));
        min = if back { min.min(number) } else { min };
        max = if back { max.max(number) } else { max };
    }
    let lost = lost.widen() as usize;
    let width = if lost == values.len() { 0 } else { max.minus(min).bit_len() };
    let bits = width as usize * values.len() + lost * (16 + T::BITS as usize);
    Suits { scale, lost, bits }
}

/// The scale that suits a sample best.
pub(super) fn best<T: Decimal>(sample: &[T; SAMPLE]) -> Suits {
    run(Best { sample })
}

struct Best<'a, T> {
    sample: &'a [T; SAMPLE],
}

impl<T: Decimal> Kernel for Best<'_, T> {
    type Output = Suits;

    #[inline(always)]
    fn run(self) -> Suits {
        let mut best = judge(self.sample, Scale { exponent: 0, factor: 0 });
        for exponent in 0..=T::MAX_EXPONENT {
            for factor in 0..=exponent {
                let suits = judge(self.sample, Scale { exponent, factor });
                if suits.bits < best.bits {
                    best = suits;
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_back_and_others_are_told_apart() {
        let values: Vec<u64> = (0..1000).map(|i| (f64::from(i - 300) / 100.0).to_bits()).collect();
        let sample = std::array::from_fn(|i| values[i * 31]);
        let found = best(&sample);
        assert_eq!(found.lost, 0);
        assert!(found.bits <= 10 * SAMPLE);
        let mut numbers = vec![0; values.len()];
        assert_eq!(to_numbers(&values, found.scale, &mut numbers), 0);
        assert_eq!(numbers[0] as i64, -300);
        to_values(&mut numbers, found.scale);
        assert_eq!(numbers, values);
        let odd = [-0.0, f64::NAN, f64::INFINITY, 1e300, f64::MIN_POSITIVE / 3.0, 1.0 / 3.0];
        let by = found.scale.multipliers();
        assert!(odd.iter().all(|value| !comes_back(value.to_bits(), &by)));
        assert_eq!(to_numbers(&odd.map(f64::to_bits), found.scale, &mut [0; 6]), 6);
    }

    #[test]
    fn short_floats_use_all_their_digits() {
        let values: Vec<u32> = (0..1000).map(|i| (9_000.125f32 + i as f32).to_bits()).collect();
        let sample = std::array::from_fn(|i| values[i * 31]);
        assert_eq!(best(&sample).lost, 0);
        assert!(Scale::new::<u32>(11, 0).is_none() && Scale::new::<u64>(3, 4).is_none());
    }
}
