//! Aggregates: what a run of values comes to.
//!
//! Values are taken into a *state* (`state`, `text`) run by run, so that it does not matter where a
//! run was cut: into pieces of a scan, or into vectors whose statistics are known without decoding
//! them. `accumulate` keeps the states of a column, a slot for each row of the result; `whole` has
//! one slot for a whole scan, `db::downsample` one for each bucket and group.
//!
//! What holds of all: nulls are passed over, and nothing but nulls comes to null, except that
//! `count` is 0 then. Integers are summed exactly, and their mean is rounded once. Floats are summed
//! as the statistics of a segment are: up to 1,024 values in eight partial sums, these then with
//! compensation (Neumaier 1974), so that the error is at most about 131 * 2^-53 times the sum of
//! the magnitudes, however many values there are. (That of pairwise summation, in NumPy's blocks of
//! 128, has 18 and the binary logarithm of the number of blocks in place of 131.) So the sum that
//! statistics have of a vector takes the place of one that was added up here. The standard deviation
//! is that of a sample (n - 1): each run in two passes, runs merged as in Chan, Golub and LeVeque
//! 1979.
//!
//! If it is to be exact (`exact`, on integers of any size from `limbs`), sum, mean and standard
//! deviation are those of the values as real numbers, rounded once: then order and cuts do not
//! matter, and statistics, which were rounded, do not tell a sum of floats.

mod accumulate;
mod exact;
mod limbs;
mod moments;
mod number;
mod state;
mod text;
mod whole;

pub(crate) use accumulate::{Accumulate, Run, accumulator};
pub use whole::Summary;
pub(crate) use whole::results;

use crate::base::schema::{ColumnDef, DataType};
use crate::db::plan::ScanColumn;
use crate::error::{Error, Result};

/// What to make of the values of a column.
///
/// ```
/// use chronolite::{Aggregate, AggregateSpec, ScanSpec, Value};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let wanted = AggregateSpec::new([("temp", vec![Aggregate::Max, Aggregate::Last])]);
/// let summary = sensor.scan(ScanSpec::default())?.aggregate(&wanted)?;
/// assert_eq!(summary.get("temp", Aggregate::Max), Some(Value::Float(22.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// How many values are not null.
    Count,
    /// Their sum: an i64 of signed integers, a u64 of unsigned ones and of booleans, an f64 of
    /// floats. A sum of integers that its type cannot hold is an error.
    Sum,
    /// Their arithmetic mean, an f64.
    Mean,
    /// The least; NaN is passed over.
    Min,
    /// The greatest; NaN is passed over.
    Max,
    /// The value of the first row that has one.
    First,
    /// The value of the last row that has one.
    Last,
    /// The standard deviation of the sample, an f64; null for fewer than two values.
    Std,
}

impl Aggregate {
    /// All of them.
    ///
    /// ```
    /// use chronolite::{Aggregate, DataType};
    ///
    /// let all = Aggregate::ALL.into_iter();
    /// let of_text = all.filter(|of| of.result_type(DataType::Utf8).is_some());
    /// assert!(of_text.map(Aggregate::name).eq(["count", "min", "max", "first", "last"]));
    /// ```
    pub const ALL: [Self; 8] = [
        Self::Count,
        Self::Sum,
        Self::Mean,
        Self::Min,
        Self::Max,
        Self::First,
        Self::Last,
        Self::Std,
    ];

    /// The name in the API.
    ///
    /// ```
    /// assert_eq!(chronolite::Aggregate::Mean.name(), "mean");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Std => "std",
        }
    }

    /// The aggregate of that name.
    ///
    /// ```
    /// use chronolite::Aggregate;
    ///
    /// assert_eq!(Aggregate::from_name("std"), Some(Aggregate::Std));
    /// assert_eq!(Aggregate::from_name("median"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aggregate| aggregate.name() == name)
    }

    /// The type of the result for values of type `ty`; `None` if there is no such result.
    ///
    /// ```
    /// use chronolite::{Aggregate, DataType};
    ///
    /// assert_eq!(Aggregate::Mean.result_type(DataType::I16), Some(DataType::F64));
    /// assert_eq!(Aggregate::Mean.result_type(DataType::Utf8), None);
    /// ```
    pub fn result_type(self, ty: DataType) -> Option<DataType> {
        match self {
            Self::Count => Some(DataType::I64),
            Self::Min | Self::Max | Self::First | Self::Last => Some(ty),
            Self::Sum | Self::Mean | Self::Std if ty.is_bytes() => None,
            Self::Mean | Self::Std => Some(DataType::F64),
            Self::Sum if ty.is_float() => Some(DataType::F64),
            Self::Sum if ty.is_signed_int() => Some(DataType::I64),
            Self::Sum => Some(DataType::U64),
        }
    }

    /// The column of the result, called `name`, for a column of the input.
    fn result(self, input: &ScanColumn, name: String) -> Result<ScanColumn> {
        let (ty, shown) = match (input, self) {
            (ScanColumn::Value(def), _) => (self.result_type(def.ty), def.ty.name()),
            (ScanColumn::Time { .. }, Self::Count) => (Some(DataType::I64), ""),
            (ScanColumn::Time { .. }, Self::Sum | Self::Mean | Self::Std) => (None, "the time"),
            (ScanColumn::Time { unit, .. }, _) => {
                return Ok(ScanColumn::Time { name, unit: *unit });
            }
        };
        let Some(ty) = ty else {
            let (column, aggregate) = (input.name(), self.name());
            return Err(Error::schema(format!(
                "column {column:?} is {shown}, of which there is no {aggregate}; there are count, \
                 min, max, first and last"
            )));
        };
        Ok(ScanColumn::Value(ColumnDef { id: 0, name, ty, codec: None }))
    }
}

/// Columns, and what is wanted of each.
///
/// ```
/// use chronolite::{Aggregate, AggregateSpec, DataType, Db, DbOptions, ScanSpec, TableSpec, Value};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let sensor = db.create_table("sensor", TableSpec::new([("flow", DataType::F64)]))?;
/// for (ts, flow) in [(1, 0.1), (2, 0.2), (3, 0.3)] {
///     sensor.append_row(ts, &[flow.into()])?;
/// }
/// let sum = AggregateSpec::new([("flow", vec![Aggregate::Sum])]);
/// let exact = sum.clone().exact();
/// let scan = sensor.scan(ScanSpec::default())?;
/// let (sum, exact) = (scan.aggregate(&sum)?, scan.aggregate(&exact)?);
/// assert_eq!(sum.get("flow", Aggregate::Sum), Some(Value::Float(0.1 + 0.2 + 0.3)));
/// assert_eq!(exact.get("flow", Aggregate::Sum), Some(Value::Float(0.6)));
/// # drop((scan, sensor));
/// db.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AggregateSpec {
    /// Columns, and the aggregates of each.
    pub aggregates: Vec<(String, Vec<Aggregate>)>,
    /// Whether a sum, mean or standard deviation is the true one of the values, rounded once,
    /// whatever their order. Statistics then do not answer sums and means of floats.
    pub exact: bool,
}

impl AggregateSpec {
    /// Aggregates by column, sums of floats rounded as they go.
    ///
    /// ```
    /// use chronolite::{Aggregate, AggregateSpec};
    ///
    /// let wanted = AggregateSpec::new([
    ///     ("temp", vec![Aggregate::Mean, Aggregate::Std]),
    ///     ("ts", vec![Aggregate::Max]),
    /// ]);
    /// assert!(wanted.aggregates.len() == 2 && !wanted.exact);
    /// ```
    pub fn new<N: Into<String>>(aggregates: impl IntoIterator<Item = (N, Vec<Aggregate>)>) -> Self {
        let aggregates = aggregates.into_iter().map(|(name, wanted)| (name.into(), wanted));
        Self { aggregates: aggregates.collect(), exact: false }
    }

    /// The same with sums, means and standard deviations rounded but once.
    ///
    /// ```
    /// use chronolite::{Aggregate, AggregateSpec};
    ///
    /// assert!(AggregateSpec::new([("temp", vec![Aggregate::Sum])]).exact().exact);
    /// ```
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }
}

/// Aggregates of one column: where it stands among the columns read, and what comes of it.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) place: usize,
    pub(crate) ty: DataType,
    /// Whether sums and deviations are rounded but once.
    pub(crate) exact: bool,
    /// Each aggregate, and the column of the result.
    pub(crate) outputs: Vec<(Aggregate, ScanColumn)>,
}

/// `wanted`, aggregates by column, `exact` or not, checked against the columns there are. The places
/// are those among the columns that are read, which come back too: `first`, then what else is
/// wanted.
pub(crate) fn inputs(
    wanted: &[(String, Vec<Aggregate>)],
    exact: bool,
    there: &[ScanColumn],
    first: Vec<ScanColumn>,
) -> Result<(Vec<Input>, Vec<ScanColumn>)> {
    let (mut inputs, mut read) = (Vec::with_capacity(wanted.len()), first);
    for (name, aggregates) in wanted {
        let column = there.iter().find(|column| column.name() == name);
        let column = column.ok_or_else(|| unknown(name, there))?;
        if aggregates.is_empty() {
            return Err(Error::invalid(format!("no aggregate is named for column {name:?}")));
        }
        let place = read.iter().position(|known| known == column).unwrap_or_else(|| {
            read.push(column.clone());
            read.len() - 1
        });
        let output = |&aggregate: &Aggregate| {
            let output = aggregate.result(column, format!("{name}_{}", aggregate.name()))?;
            Ok((aggregate, output))
        };
        let outputs = aggregates.iter().map(output).collect::<Result<_>>()?;
        inputs.push(Input { place, ty: column.stored(), exact, outputs });
    }
    Ok((inputs, read))
}

#[cold]
pub(crate) fn unknown(name: &str, there: &[ScanColumn]) -> Error {
    let has: Vec<_> = there.iter().map(ScanColumn::name).collect();
    Error::schema(format!("no column {name:?}; there are {}", has.join(", ")))
}
