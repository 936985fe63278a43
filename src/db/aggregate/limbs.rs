//! Integers of any size, for what must not be rounded before the end: as Kulisch's accumulators
//! hold a sum of floats, in fixed point, but only as many limbs as the values have asked for so far
//! (Neal 2015 surveys what there is). A sum of values of like size takes four.
//!
//! Everything is counted in the least float above zero, 2^-1074, of which every finite float is a
//! whole number, as is every integer.

/// The exponent of the unit.
const UNIT: i64 = -1074;
/// Bits of a float that are stored of its significand.
const STORED: u32 = f64::MANTISSA_DIGITS - 1;
const BITS: usize = u64::BITS as usize;

/// A number `magnitude * 2^shift` in units, or its negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    pub(super) negative: bool,
    pub(super) magnitude: u128,
    pub(super) shift: usize,
}

impl Digits {
    /// Those of a float; `None` if it is not finite.
    #[inline]
    pub(super) fn of_float(value: f64) -> Option<Self> {
        let bits = value.to_bits();
        let exponent = (bits >> STORED & 0x7FF) as usize;
        let stored = bits & ((1 << STORED) - 1);
        // A subnormal has no implicit bit, and the exponent of the least normal.
        let significand = stored | u64::from(exponent > 0) << STORED;
        (exponent < 0x7FF).then(|| Self {
            negative: value.is_sign_negative(),
            magnitude: significand.into(),
            shift: exponent.saturating_sub(1),
        })
    }

    /// Those of an integer.
    pub(super) fn of_integer(value: i128) -> Self {
        let (negative, magnitude) = (value < 0, value.unsigned_abs());
        Self { negative, magnitude, shift: -UNIT as usize }
    }

    /// The square, in squares of the unit; the magnitude is of at most 64 bits.
    pub(super) fn squared(self) -> Self {
        Self { negative: false, magnitude: self.magnitude * self.magnitude, shift: 2 * self.shift }
    }
}

/// An integer in two's complement, lowest limb first, times 2^64 to the power of `first`. The
/// highest limb, if there is one, is all zeros or all ones.
#[derive(Debug, Default)]
pub(super) struct Limbs {
    first: usize,
    limbs: Vec<u64>,
}

impl Limbs {
    /// Adds a number.
    #[inline]
    pub(super) fn add(&mut self, digits: Digits) {
        let Digits { negative, magnitude, shift } = digits;
        let (place, shift) = (shift / BITS, shift % BITS);
        let low = magnitude << shift;
        // In two steps, as a shift by 128 would be none.
        let high = magnitude >> (2 * BITS - 1 - shift) >> 1;
        self.reach(place, 3);
        let (parts, above) = self.limbs[place - self.first..].split_at_mut(3);
        let parts = parts.iter_mut().zip([low as u64, (low >> BITS) as u64, high as u64]);
        // To take away is to add to what is left to all ones.
        let flip = if negative { u64::MAX } else { 0 };
        let add = |limb: &mut u64, part, carry| {
            let (sum, carry) = (*limb ^ flip).carrying_add(part, carry);
            *limb = sum ^ flip;
            carry
        };
        let mut carry = parts.fold(false, |carry, (limb, part)| add(limb, part, carry));
        let mut above = above.iter_mut();
        while carry && let Some(limb) = above.next() {
            carry = add(limb, 0, carry);
        }
        let sign = self.limbs.last().map_or(0, |top| sign(*top));
        if self.limbs.last() != Some(&sign) {
            self.limbs.push(sign);
        }
    }

    /// Makes room for limbs from `place` on, and one above them for the sign.
    #[inline]
    fn reach(&mut self, place: usize, limbs: usize) {
        if self.limbs.is_empty() {
            self.first = place;
        }
        if place < self.first {
            self.limbs.splice(0..0, std::iter::repeat_n(0, self.first - place));
            self.first = place;
        }
        let len = place - self.first + limbs + 1;
        if self.limbs.len() < len {
            let sign = self.limbs.last().copied().unwrap_or(0);
            self.limbs.resize(len, sign);
        }
    }

    /// The number divided by `divisor`, rounded to the nearest float, a tie to the even one.
    pub(super) fn quotient(&self, divisor: u64) -> f64 {
        let quotient = Leading::of(self, &[divisor]);
        let magnitude = quotient.map_or(0.0, |leading| leading.round());
        if self.negative() { -magnitude } else { magnitude }
    }

    /// The standard deviation of `count` values, at least two, as a sample, by their sum and that of
    /// their squares; rounded as a quotient is.
    pub(super) fn deviation(sum: &Self, squares: &Self, count: u64) -> f64 {
        let mut scaled = Self::default();
        scaled.add_product(false, squares, &Self { first: 0, limbs: vec![count, 0] });
        scaled.add_product(true, sum, sum);
        let variance = Leading::of(&scaled, &[count, count - 1]);
        variance.map_or(0.0, |leading| leading.root().round())
    }

    /// Adds, or takes away, the product of two magnitudes.
    fn add_product(&mut self, negative: bool, a: &Self, b: &Self) {
        let b_limbs = b.magnitude();
        for (i, x) in a.magnitude().into_iter().enumerate() {
            for (j, &y) in b_limbs.iter().enumerate() {
                let magnitude = u128::from(x) * u128::from(y);
                self.add(Digits { negative, magnitude, shift: (a.first + i + b.first + j) * BITS });
            }
        }
    }

    fn negative(&self) -> bool {
        self.limbs.last().is_some_and(|top| sign(*top) != 0)
    }

    fn magnitude(&self) -> Vec<u64> {
        let mut limbs = self.limbs.clone();
        if self.negative() {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).carrying_add(0, carry);
            }
        }
        limbs
    }
}

/// What a limb goes on with above.
fn sign(limb: u64) -> u64 {
    (limb as i64 >> (BITS - 1)) as u64
}

/// The highest bits of a magnitude, `bits * 2^exponent` units; the first of them is set.
#[derive(Debug)]
struct Leading {
    bits: u128,
    exponent: i64,
    /// True if that is not all.
    more: bool,
}

impl Leading {
    /// Those of a number's magnitude divided by all of at most two divisors; `None` if it is 0.
    fn of(number: &Limbs, divisors: &[u64]) -> Option<Self> {
        // As many bits behind the point as the divisors may take, and as many as are wanted.
        const BEHIND: usize = 4;
        let mut limbs = vec![0; BEHIND];
        limbs.extend(number.magnitude());
        let mut more = false;
        for &divisor in divisors.iter().filter(|divisor| **divisor != 1) {
            let mut rest = 0;
            for limb in limbs.iter_mut().rev() {
                let digits = u128::from(rest) << BITS | u128::from(*limb);
                *limb = (digits / u128::from(divisor)) as u64;
                rest = (digits % u128::from(divisor)) as u64;
            }
            more |= rest != 0;
        }
        let top = limbs.iter().rposition(|limb| *limb != 0)?;
        let (below, three) = limbs[..=top].split_at(top - 2);
        let shift = three[2].leading_zeros();
        let high = u128::from(three[2]) << BITS | u128::from(three[1]);
        more |= three[0] << shift != 0 || below.iter().any(|limb| *limb != 0);
        Some(Self {
            bits: high << shift | u128::from(three[0] >> (BITS as u32 - 1 - shift) >> 1),
            exponent: ((number.first + top) * BITS) as i64
                - ((BEHIND + 1) * BITS) as i64
                - i64::from(shift),
            more,
        })
    }

    /// The square root of what is in squares of the unit.
    fn root(self) -> Self {
        let odd = self.exponent & 1;
        let square = self.bits >> odd;
        let root = square.isqrt();
        let more = self.more || square << odd != self.bits || root * root != square;
        Self { bits: root << BITS, exponent: (self.exponent + odd) / 2 - BITS as i64, more }
    }

    /// The nearest float, of two the even one; past the greatest it is infinite.
    fn round(&self) -> f64 {
        const GREATEST: i64 = f64::MAX_EXP as i64 - 1;
        let exponent = self.exponent + UNIT;
        // The place of the result's last bit, and how many bits there are below it.
        let last = (exponent + i64::from(u128::BITS - f64::MANTISSA_DIGITS)).max(UNIT);
        let below = last - exponent;
        if below > i64::from(u128::BITS) {
            return 0.0;
        }
        let kept = self.bits.checked_shr(below as u32).unwrap_or(0);
        let half = 1 << (below - 1);
        let rest = self.bits & (half - 1);
        let up = self.bits & half != 0 && (rest != 0 || self.more || kept & 1 == 1);
        (kept + u128::from(up)) as f64 * power_of_two(last.min(GREATEST))
    }
}

/// `2^exponent`, which is a float.
fn power_of_two(exponent: i64) -> f64 {
    let normal = exponent - i64::from(f64::MIN_EXP - 1);
    f64::from_bits(match normal {
        0.. => (normal as u64 + 1) << STORED,
        _ => 1 << (exponent - UNIT),
    })
}
