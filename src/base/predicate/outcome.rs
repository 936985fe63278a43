//! What could come out of a filter for rows of which only statistics are known.

use crate::base::predicate::Filter;
use crate::base::predicate::leaf::{Leaf, Set, Test};

/// What is known of a column in some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// There may be nulls.
    pub nulls: bool,
    /// There may be NaNs.
    pub nans: bool,
    /// The values that are neither.
    pub range: Range,
}

/// Values that may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// There is none.
    Empty,
    /// They are from the first to the second of these: an i64, a u64 (for booleans too) or the bits
    /// of an f64, as the type is.
    Lanes(u64, u64),
    /// Whatever the type can hold.
    Any,
}

impl Facts {
    /// Nothing is known.
    pub const NONE: Self = Self { nulls: true, nans: true, range: Range::Any };
    /// All values are null.
    pub const ALL_NULL: Self = Self { nulls: true, nans: false, range: Range::Empty };
}

/// Which outcomes there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcomes(u8);

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const UNKNOWN: u8 = 4;

impl Outcomes {
    /// No row is kept.
    pub fn none(self) -> bool {
        self.0 & TRUE == 0
    }

    /// Every row is kept.
    pub fn all(self) -> bool {
        self.0 == TRUE
    }

    fn of(truth: Option<bool>) -> Self {
        Self(match truth {
            Some(true) => TRUE,
            Some(false) => FALSE,
            None => UNKNOWN,
        })
    }

    fn not(self) -> Self {
        Self((self.0 & TRUE) << 1 | (self.0 & FALSE) >> 1 | self.0 & UNKNOWN)
    }

    fn and(self, other: Self) -> Self {
        let mut both = (self.0 | other.0) & FALSE;
        if self.0 & TRUE != 0 && other.0 & TRUE != 0 {
            both |= TRUE;
        }
        let not_false = |o: Self| o.0 & (TRUE | UNKNOWN) != 0;
        if not_false(self) && not_false(other) {
            both |= (self.0 | other.0) & UNKNOWN;
        }
        Self(both)
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

impl Filter {
    /// What could come out for rows whose columns are so. `facts` are those of the inputs.
    pub fn outcomes(&self, facts: &[Facts]) -> Outcomes {
        let all = Outcomes::of(Some(true));
        self.tests.iter().fold(all, |known, test| known.and(outcomes(test, facts)))
    }
}

fn outcomes(test: &Test, facts: &[Facts]) -> Outcomes {
    let parts = |parts: &[Test], start, join: fn(Outcomes, Outcomes) -> Outcomes| {
        let start = Outcomes::of(Some(start));
        parts.iter().fold(start, |known, part| join(known, outcomes(part, facts)))
    };
    match test {
        Test::Known(truth) => Outcomes::of(*truth),
        Test::Not(part) => outcomes(part, facts).not(),
        Test::And(all) => parts(all, true, Outcomes::and),
        Test::Or(all) => parts(all, false, Outcomes::or),
        Test::Leaf(leaf) => of_leaf(leaf, facts),
    }
}

fn of_leaf(leaf: &Leaf, facts: &[Facts]) -> Outcomes {
    let fact = |input: usize| facts.get(input).copied().unwrap_or(Facts::NONE);
    let [left, right] = leaf.inputs();
    let known = fact(left);
    let nulls = if known.nulls || fact(right).nulls { UNKNOWN } else { 0 };
    let has_values = known.range != Range::Empty;
    let by_values = |values: u8| {
        // A NaN is in no range and no set.
        Outcomes(nulls | if known.nans { FALSE } else { 0 } | if has_values { values } else { 0 })
    };
    let lanes = match known.range {
        Range::Lanes(least, greatest) => Some((least, greatest)),
        _ => None,
    };
    match leaf {
        Leaf::Null(_) => {
            let others = if has_values || known.nans { FALSE } else { 0 };
            Outcomes(others | if known.nulls { TRUE } else { 0 })
        }
        Leaf::Nan(_) => {
            Outcomes(nulls | if known.nans { TRUE } else { 0 } | if has_values { FALSE } else { 0 })
        }
        Leaf::Never(_) => by_values(FALSE),
        Leaf::Signed(_, low, high) => by_values(
            lanes.map_or(TRUE | FALSE, |(a, b)| within(&(a as i64), &(b as i64), low, high)),
        ),
        Leaf::Unsigned(_, low, high) => {
            by_values(lanes.map_or(TRUE | FALSE, |(a, b)| within(&a, &b, low, high)))
        }
        Leaf::Float(_, low, high) => by_values(lanes.map_or(TRUE | FALSE, |(a, b)| {
            within(&f64::from_bits(a), &f64::from_bits(b), low, high)
        })),
        Leaf::Bool(_, on_false, on_true) => {
            let (some_false, some_true) = lanes.map_or((true, true), |(a, b)| (a == 0, b != 0));
            let out = |there: bool, keeps: bool| match (there, keeps) {
                (false, _) => 0,
                (true, true) => TRUE,
                (true, false) => FALSE,
            };
            by_values(out(some_false, *on_false) | out(some_true, *on_true))
        }
        Leaf::Set(_, set) => by_values(lanes.map_or(TRUE | FALSE, |lanes| in_set(set, lanes))),
        Leaf::Bytes(..) => by_values(TRUE | FALSE),
        Leaf::Columns(..) => Outcomes(nulls | TRUE | FALSE),
    }
}

/// What comes out for values between `least` and `greatest`, both of which are there.
fn within<T: PartialOrd>(least: &T, greatest: &T, low: &T, high: &T) -> u8 {
    if low > high || greatest < low || least > high {
        return FALSE;
    }
    if least >= low && greatest <= high { TRUE } else { TRUE | FALSE }
}

fn in_set(set: &Set, (least, greatest): (u64, u64)) -> u8 {
    let any = |first: usize, last: usize| if first < last { TRUE | FALSE } else { FALSE };
    match set {
        Set::Floats(values) => {
            let (least, greatest) = (f64::from_bits(least), f64::from_bits(greatest));
            let first = values.partition_point(|value| *value < least);
            match (least == greatest, values.get(first) == Some(&least)) {
                (true, true) => TRUE,
                _ => any(first, values.partition_point(|value| *value <= greatest)),
            }
        }
        // Signed or not: the set does not know, so both readings of the lanes count.
        Set::Integers(values) => {
            let first = |least: i128| values.partition_point(|value| *value < least);
            let signed = (i128::from(least as i64), i128::from(greatest as i64));
            let unsigned = (i128::from(least), i128::from(greatest));
            let found = |(least, greatest): (i128, i128)| {
                least <= greatest && first(least) < first(greatest + 1)
            };
            if found(signed) || found(unsigned) { TRUE | FALSE } else { FALSE }
        }
        Set::Bytes(_) => TRUE | FALSE,
    }
}
