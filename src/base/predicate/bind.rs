//! A predicate typed against a table's columns.
//!
//! A comparison of a column with a value becomes a range of the column's own values: `x > 2.5` of
//! integers is `3..=max`, and a value that the type cannot hold is beyond one end of it. So integers
//! and floats compare exactly, and statistics answer all comparisons in one way. `!=` is `not ==`.

use crate::base::iso8601;
use crate::base::predicate::leaf::{ByteRange, Leaf, Set, Test};
use crate::base::predicate::{Compare, Literal, Name, Operand, Predicate};
use crate::base::schema::{DataType, TableSpec};
use crate::base::time::TimeUnit;
use crate::error::{Error, Result};

/// A column that a filter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The time column.
    Time,
    /// The value column at that position of the table, and its type.
    Value(usize, DataType),
}

impl Input {
    /// The type of its values in a column.
    pub fn stored(self) -> DataType {
        match self {
            Self::Time => DataType::I64,
            Self::Value(_, ty) => ty,
        }
    }
}

/// A predicate over columns of known types.
#[derive(Debug)]
pub struct Filter {
    pub(super) inputs: Vec<Input>,
    /// All of these have to be true.
    pub(super) tests: Vec<Test>,
}

impl Filter {
    /// `predicate` over the columns of a table.
    ///
    /// # Errors
    /// `Schema` if there is no such column, or its values do not compare with what they are
    /// compared with; `InvalidInput` if the predicate is too large.
    pub fn new(predicate: &Predicate, spec: &TableSpec) -> Result<Self> {
        predicate.check_size()?;
        let mut binder = Binder { spec, inputs: vec![] };
        let tests = match predicate {
            Predicate::And(parts) => {
                parts.iter().map(|part| binder.test(part)).collect::<Result<_>>()?
            }
            one => vec![binder.test(one)?],
        };
        Ok(Self { inputs: binder.inputs, tests })
    }

    /// The columns it reads.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// A range of time outside of which it keeps no row: the first and the last time.
    pub fn times(&self) -> (i64, i64) {
        let (mut first, mut last) = (i64::MIN, i64::MAX);
        for test in &self.tests {
            match test {
                Test::Leaf(Leaf::Signed(input, low, high)) if self.is_time(*input) => {
                    (first, last) = (first.max(*low), last.min(*high));
                }
                Test::And(parts) => parts.iter().for_each(|part| {
                    if let Test::Leaf(Leaf::Signed(input, low, high)) = part
                        && self.is_time(*input)
                    {
                        (first, last) = (first.max(*low), last.min(*high));
                    }
                }),
                _ => {}
            }
        }
        (first, last)
    }

    fn is_time(&self, input: usize) -> bool {
        self.inputs.get(input) == Some(&Input::Time)
    }
}

/// A column of the predicate: its place among the inputs, and what it is.
#[derive(Clone, Copy)]
struct Found<'a> {
    input: usize,
    ty: DataType,
    time: Option<TimeUnit>,
    name: &'a Name,
}

struct Binder<'a> {
    spec: &'a TableSpec,
    inputs: Vec<Input>,
}

impl Binder<'_> {
    fn test(&mut self, predicate: &Predicate) -> Result<Test> {
        Ok(match predicate {
            Predicate::Known(truth) => Test::Known(*truth),
            Predicate::Is(name) => {
                let column = self.column(name)?;
                if column.ty != DataType::Bool {
                    return Err(column.wrong("it is no comparison by itself: compare it"));
                }
                Test::Leaf(Leaf::Bool(column.input, false, true))
            }
            Predicate::IsNull(name) => Test::Leaf(Leaf::Null(self.column(name)?.input)),
            Predicate::IsNan(name) => {
                let column = self.column(name)?;
                match (column.ty.is_float(), column.ty.width()) {
                    (true, _) => Test::Leaf(Leaf::Nan(column.input)),
                    // As to pyarrow, which asks this of columns without knowing their types.
                    (false, Some(_)) => Test::Leaf(Leaf::Never(column.input)),
                    (false, None) => return Err(column.wrong("only numbers can be nan")),
                }
            }
            Predicate::Not(part) => Test::Not(Box::new(self.test(part)?)),
            Predicate::And(parts) => Test::And(self.tests(parts)?),
            Predicate::Or(parts) => Test::Or(self.tests(parts)?),
            Predicate::In(name, values) => self.column(name)?.any_of(values)?,
            Predicate::Compare(left, compare, right) => self.compare(left, *compare, right)?,
        })
    }

    fn tests(&mut self, parts: &[std::sync::Arc<Predicate>]) -> Result<Vec<Test>> {
        parts.iter().map(|part| self.test(part)).collect()
    }

    fn column<'a>(&mut self, name: &'a Name) -> Result<Found<'a>> {
        let (input, time) = if name.name == self.spec.time_column {
            (Input::Time, Some(self.spec.unit))
        } else {
            let place = self.spec.columns.iter().position(|column| column.name == name.name);
            let place = place.ok_or_else(|| self.unknown(name))?;
            (Input::Value(place, self.spec.columns[place].ty), None)
        };
        let at = self.inputs.iter().position(|known| *known == input).unwrap_or_else(|| {
            self.inputs.push(input);
            self.inputs.len() - 1
        });
        Ok(Found { input: at, ty: input.stored(), time, name })
    }

    #[cold]
    fn unknown(&self, name: &Name) -> Error {
        let columns = self.spec.columns.iter().map(|column| column.name.as_str());
        let has: Vec<&str> =
            std::iter::once(self.spec.time_column.as_str()).chain(columns).collect();
        let has = match has.get(..16) {
            Some(first) => format!("{} and {} more", first.join(", "), has.len() - 16),
            None => has.join(", "),
        };
        let column = &name.name;
        Error::schema(format!(
            "{}no column {column:?}: there are {has}; text stands in single quotes",
            place(name)
        ))
    }

    fn compare(&mut self, left: &Operand, compare: Compare, right: &Operand) -> Result<Test> {
        let (column, compare, value) = match (left, right) {
            (Operand::Column(left), Operand::Column(right)) => {
                let (left, right) = (self.column(left)?, self.column(right)?);
                return left.with_column(compare, right);
            }
            (Operand::Column(column), Operand::Value(value)) => (column, compare, value),
            (Operand::Value(value), Operand::Column(column)) => (column, compare.turned(), value),
            (Operand::Value(_), Operand::Value(_)) => {
                return Err(Error::invalid("where: a comparison needs a column"));
            }
        };
        self.column(column)?.with_value(compare, value)
    }
}

fn place(name: &Name) -> String {
    match name.at.0 {
        Some(at) => format!("where, character {at}: "),
        None => "where: ".into(),
    }
}

/// A number as a place among the integers: itself, or between `floor` and the next one.
#[derive(Clone, Copy)]
struct Spot {
    floor: i128,
    whole: bool,
}

/// Farther than any integer of 64 bits.
const FAR: i128 = 1 << 100;

impl Found<'_> {
    #[cold]
    fn wrong(&self, what: &str) -> Error {
        let (name, place) = (&self.name.name, place(self.name));
        let ty = if self.time.is_some() { "the time" } else { self.ty.name() };
        Error::schema(format!("{place}column {name:?} is {ty}: {what}"))
    }

    #[cold]
    fn unlike(&self, value: &Literal) -> Error {
        let kind = match value {
            Literal::Null => "null",
            Literal::Bool(_) => "a boolean",
            Literal::Int(_) => "an integer",
            Literal::Float(_) => "a float",
            Literal::Text(_) => "text",
            Literal::Bytes(_) => "bytes",
            Literal::Time(_) => "a time",
        };
        self.wrong(&format!("it does not compare with {kind}, {value}"))
    }

    fn with_column(self, compare: Compare, other: Found<'_>) -> Result<Test> {
        let kind = |found: &Self| match found.ty {
            _ if found.time.is_some() => 0,
            DataType::Bool => 1,
            ty if ty.is_bytes() => 2,
            _ => 3,
        };
        if kind(&self) != kind(&Found { name: self.name, ..other }) {
            let name = &other.name.name;
            return Err(
                self.wrong(&format!("it does not compare with column {name:?}, of {}", other.ty))
            );
        }
        Ok(Test::Leaf(Leaf::Columns(self.input, compare, other.input)))
    }

    fn with_value(self, compare: Compare, value: &Literal) -> Result<Test> {
        if *value == Literal::Null {
            return Ok(Test::Known(None));
        }
        if compare == Compare::NotEqual {
            return Ok(Test::Not(Box::new(self.with_value(Compare::Equal, value)?)));
        }
        let input = self.input;
        Ok(Test::Leaf(match self.ty {
            DataType::Bool => {
                let Literal::Bool(truth) = value else { return Err(self.unlike(value)) };
                let keeps = |bit: bool| compare.holds(bit.cmp(truth));
                Leaf::Bool(input, keeps(false), keeps(true))
            }
            DataType::F32 | DataType::F64 => {
                let (low, high) = float_range(compare, self.float(value)?);
                Leaf::Float(input, low, high)
            }
            ty if ty.is_bytes() => {
                Leaf::Bytes(input, ByteRange::new(compare, self.bytes(value)?.to_vec()))
            }
            ty => {
                let (low, high) = match self.spot(value)? {
                    Some(spot) => integer_range(compare, spot),
                    // NaN.
                    None => (1, 0),
                };
                integers(input, ty, low, high)
            }
        }))
    }

    fn any_of(self, values: &[Literal]) -> Result<Test> {
        let input = self.input;
        let known = || values.iter().filter(|value| **value != Literal::Null);
        let leaf = match self.ty {
            DataType::Bool => {
                let mut keeps = [false; 2];
                for value in known() {
                    let Literal::Bool(truth) = value else { return Err(self.unlike(value)) };
                    keeps[usize::from(*truth)] = true;
                }
                Leaf::Bool(input, keeps[0], keeps[1])
            }
            DataType::F32 | DataType::F64 => {
                let mut floats = vec![];
                for value in known() {
                    let (float, exact) = self.float(value)?;
                    floats.extend(exact.is_eq().then_some(float));
                }
                Leaf::Set(input, Set::floats(floats))
            }
            ty if ty.is_bytes() => {
                let bytes = known().map(|value| Ok(self.bytes(value)?.to_vec()));
                Leaf::Set(input, Set::bytes(bytes.collect::<Result<_>>()?))
            }
            _ => {
                let mut integers = vec![];
                for value in known() {
                    integers.extend(self.spot(value)?.filter(|spot| spot.whole).map(|s| s.floor));
                }
                Leaf::Set(input, Set::integers(integers))
            }
        };
        // With a null among the values, what is not found may be it.
        let unknown = values.contains(&Literal::Null);
        let leaf = Test::Leaf(leaf);
        Ok(if unknown { Test::Or(vec![leaf, Test::Known(None)]) } else { leaf })
    }

    /// A value beside floats, and whether it is exact: an integer may lie between two floats.
    fn float(&self, value: &Literal) -> Result<(f64, std::cmp::Ordering)> {
        match value {
            Literal::Float(float) => Ok((*float, std::cmp::Ordering::Equal)),
            Literal::Int(int) => {
                let float = *int as f64;
                // Below 2^65, so that it comes back as it is.
                Ok((float, int.cmp(&(float as i128))))
            }
            _ => Err(self.unlike(value)),
        }
    }

    fn bytes<'v>(&self, value: &'v Literal) -> Result<&'v [u8]> {
        match value {
            Literal::Text(text) => Ok(text.as_bytes()),
            Literal::Bytes(bytes) if self.ty == DataType::Binary => Ok(bytes),
            _ => Err(self.unlike(value)),
        }
    }

    /// A value beside integers or times; `None` for NaN.
    fn spot(&self, value: &Literal) -> Result<Option<Spot>> {
        let nanos = |unit: TimeUnit, nanos: i128| {
            let per = 1_000_000_000 / i128::from(unit.per_second());
            Some(Spot { floor: nanos.div_euclid(per), whole: nanos.rem_euclid(per) == 0 })
        };
        match (value, self.time) {
            (Literal::Int(int), _) => Ok(Some(Spot { floor: *int, whole: true })),
            (Literal::Float(float), None) if float.is_nan() => Ok(None),
            (Literal::Float(float), None) => {
                let floor = (float.floor() as i128).clamp(-FAR, FAR);
                Ok(Some(Spot { floor, whole: float.fract() == 0.0 }))
            }
            (Literal::Time(time), Some(unit)) => Ok(nanos(unit, *time)),
            (Literal::Text(text), Some(unit)) => {
                let time = iso8601::parse(text)
                    .map_err(|why| self.wrong(&format!("{text:?} is no ISO 8601 time: {why}")))?;
                Ok(nanos(unit, time))
            }
            _ => Err(self.unlike(value)),
        }
    }
}

/// The integers that compare so; the first above the last if there is none.
fn integer_range(compare: Compare, spot: Spot) -> (i128, i128) {
    let Spot { floor, whole } = spot;
    let next = floor + 1;
    match compare {
        Compare::Equal | Compare::NotEqual if whole => (floor, floor),
        Compare::Equal | Compare::NotEqual => (1, 0),
        Compare::Less => (-FAR, if whole { floor - 1 } else { floor }),
        Compare::LessEqual => (-FAR, floor),
        Compare::Greater => (next, FAR),
        Compare::GreaterEqual => (if whole { floor } else { next }, FAR),
    }
}

/// A range as a test of a type, cut at its ends.
fn integers(input: usize, ty: DataType, low: i128, high: i128) -> Leaf {
    if ty.is_signed_int() {
        let (low, high) = (low.max(i64::MIN.into()), high.min(i64::MAX.into()));
        match low <= high {
            true => Leaf::Signed(input, low as i64, high as i64),
            false => Leaf::Never(input),
        }
    } else {
        let (low, high) = (low.max(0), high.min(u64::MAX.into()));
        match low <= high {
            true => Leaf::Unsigned(input, low as u64, high as u64),
            false => Leaf::Never(input),
        }
    }
}

/// The floats that compare so with a number, as the least and the greatest; NaN is in no range. The
/// number is `float` or, if it is none, just below or above it.
fn float_range(compare: Compare, (float, exact): (f64, std::cmp::Ordering)) -> (f64, f64) {
    const NONE: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);
    let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
    if float.is_nan() {
        return NONE;
    }
    // The greatest float at or below the number, the least at or above it, and whether it is one.
    let below = if exact.is_lt() { float.next_down() } else { float };
    let above = if exact.is_gt() { float.next_up() } else { float };
    match compare {
        Compare::Equal | Compare::NotEqual if exact.is_eq() => (float, float),
        Compare::Equal | Compare::NotEqual => NONE,
        Compare::LessEqual => (least, below),
        Compare::GreaterEqual => (above, most),
        Compare::Less if !exact.is_eq() => (least, below),
        Compare::Greater if !exact.is_eq() => (above, most),
        Compare::Less if float == least => NONE,
        Compare::Greater if float == most => NONE,
        Compare::Less => (least, float.next_down()),
        Compare::Greater => (float.next_up(), most),
    }
}

impl Compare {
    /// Whether sides that stand so to each other compare so.
    pub(super) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }
    }
}
