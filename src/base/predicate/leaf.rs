//! The tests that a filter is made of.

use std::collections::HashSet;

use crate::base::predicate::Compare;

/// A test of a row, with three outcomes.
#[derive(Debug)]
pub(super) enum Test {
    /// The same for every row; `None` is unknown.
    Known(Option<bool>),
    Leaf(Leaf),
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
}

/// A test of one column, by its place among the inputs. But for `Null`, it is unknown where the
/// column is null.
#[derive(Debug)]
pub(super) enum Leaf {
    /// A signed integer from the first to the last of these.
    Signed(usize, i64, i64),
    Unsigned(usize, u64, u64),
    /// A float from the first to the last; none if they are the wrong way round.
    Float(usize, f64, f64),
    /// Whether false and whether true will do.
    Bool(usize, bool, bool),
    Bytes(usize, ByteRange),
    Set(usize, Set),
    /// Nothing of the type will do.
    Never(usize),
    Null(usize),
    Nan(usize),
    /// Two columns that compare so.
    Columns(usize, Compare, usize),
}

/// A range of byte strings.
#[derive(Debug)]
pub(super) struct ByteRange {
    compare: Compare,
    value: Vec<u8>,
}

impl ByteRange {
    pub(super) fn new(compare: Compare, value: Vec<u8>) -> Self {
        Self { compare, value }
    }

    pub(super) fn holds(&self, value: &[u8]) -> bool {
        match self.compare {
            // Most differ in length or in the first bytes.
            Compare::Equal => value == self.value,
            compare => compare.holds(value.cmp(&self.value)),
        }
    }
}

/// A set of values. Numbers ascend.
#[derive(Debug)]
pub(super) enum Set {
    Integers(Vec<i128>),
    Floats(Vec<f64>),
    Bytes(HashSet<Vec<u8>>),
}

impl Set {
    pub(super) fn integers(mut values: Vec<i128>) -> Self {
        values.sort_unstable();
        values.dedup();
        Self::Integers(values)
    }

    /// NaN is equal to nothing and left out.
    pub(super) fn floats(mut values: Vec<f64>) -> Self {
        values.retain(|value| !value.is_nan());
        values.sort_unstable_by(f64::total_cmp);
        // Of -0.0 and 0.0 either will do.
        values.dedup();
        Self::Floats(values)
    }

    pub(super) fn bytes(values: Vec<Vec<u8>>) -> Self {
        Self::Bytes(values.into_iter().collect())
    }

    pub(super) fn has_integer(values: &[i128], value: i128) -> bool {
        match values {
            // A scan of few is quicker than halving.
            few if few.len() <= 8 => few.contains(&value),
            many => many.binary_search(&value).is_ok(),
        }
    }

    pub(super) fn has_float(values: &[f64], value: f64) -> bool {
        let at = values.partition_point(|known| *known < value);
        values.get(at) == Some(&value)
    }
}

impl Leaf {
    /// The columns it tests.
    pub(super) fn inputs(&self) -> [usize; 2] {
        match self {
            Self::Signed(input, ..)
            | Self::Unsigned(input, ..)
            | Self::Float(input, ..)
            | Self::Bool(input, ..)
            | Self::Bytes(input, _)
            | Self::Set(input, _)
            | Self::Never(input)
            | Self::Null(input)
            | Self::Nan(input) => [*input; 2],
            Self::Columns(left, _, right) => [*left, *right],
        }
    }
}
