//! Downsampling: the rows of a range in buckets of time, and what each comes to.
//!
//! `buckets` says where buckets begin, by `zone`'s clocks if there is one; `groups` tells rows apart
//! by the columns of `by`; `rows` reads and reduces, `side_by_side` does on all cores; `fill` adds
//! the buckets that have no rows, and `filler` is what stands for their nulls.

mod buckets;
mod fill;
mod filler;
mod groups;
mod rows;
mod side_by_side;
mod zone;

use std::sync::Arc;

use crate::base::batch::Column;
use crate::base::predicate::Predicate;
use crate::base::schema::DataType;
use crate::db::aggregate::{Aggregate, Input, inputs, unknown};
use crate::db::plan::{Plan, ScanColumn, ScanSpec};
use crate::db::tally::Tally;
use crate::error::{Error, Result};
use buckets::Buckets;
use fill::Filled;
use rows::Chunk;
use side_by_side::SideBySide;

/// Buckets of time, and what is wanted of the rows in each.
///
/// ```
/// use chronolite::{Aggregate, DataType, Db, DbOptions, DownsampleSpec, TableSpec};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for second in 0..120 {
///     sensor.append_row(second * 1000, &[(second as f64).into()])?;
/// }
/// let minutes = DownsampleSpec::new(60_000, [("temp", vec![Aggregate::Mean, Aggregate::Max])]);
/// let scan = sensor.downsample(minutes)?;
/// assert_eq!(scan.columns()[1].name(), "temp_mean");
/// for piece in scan.batches(1024)? {
///     let piece = piece?;
///     assert_eq!(piece[0].values::<i64>(), [0, 60_000]);
///     assert_eq!(piece[1].values::<f64>(), [29.5, 89.5]);
/// }
/// # drop((scan, sensor));
/// db.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct DownsampleSpec {
    /// The length of a bucket, in the table's unit.
    pub every: i64,
    /// Columns, and the aggregates of each: the columns of the result, in this order, after the time
    /// and `by`.
    pub aggregates: Vec<(String, Vec<Aggregate>)>,
    /// Least time of the rows, in the table's unit.
    pub start: Option<i64>,
    /// The time before which rows stop.
    pub end: Option<i64>,
    /// Value columns that tell apart groups of rows, each with a row of its own in every bucket.
    pub by: Vec<String>,
    /// Where buckets begin.
    pub origin: Origin,
    /// Name of a time zone of the IANA database. Days and weeks are then the calendar's there, and
    /// shorter buckets are counted from each midnight. The times of the result stay UTC.
    pub tz: Option<String>,
    /// What to do about buckets without rows. `None` leaves them out.
    pub fill: Option<Fill>,
    /// Only rows for which this is true count.
    pub filter: Option<Predicate>,
    /// Whether sums, means and standard deviations are rounded but once: see [`crate::AggregateSpec`].
    pub exact: bool,
}

impl DownsampleSpec {
    /// Buckets of length `every`, and aggregates by column; all rows, no groups, nothing filled.
    ///
    /// ```
    /// use chronolite::{Aggregate, DownsampleSpec};
    ///
    /// let wanted = [("temp", vec![Aggregate::Min, Aggregate::Max])];
    /// let hourly = DownsampleSpec::new(3_600_000, wanted);
    /// assert!(hourly.every == 3_600_000 && hourly.by.is_empty() && hourly.fill.is_none());
    /// ```
    pub fn new<N: Into<String>>(
        every: i64,
        aggregates: impl IntoIterator<Item = (N, Vec<Aggregate>)>,
    ) -> Self {
        let aggregates = aggregates.into_iter().map(|(name, wanted)| (name.into(), wanted));
        Self { every, aggregates: aggregates.collect(), ..Self::default() }
    }

    /// The same of the rows with `start <= time < end`.
    ///
    /// ```
    /// use chronolite::{Aggregate, DownsampleSpec};
    ///
    /// let spec = DownsampleSpec::new(1000, [("temp", vec![Aggregate::Mean])]).range(0, 60_000);
    /// assert_eq!((spec.start, spec.end), (Some(0), Some(60_000)));
    /// ```
    #[must_use]
    pub fn range(mut self, start: i64, end: i64) -> Self {
        (self.start, self.end) = (Some(start), Some(end));
        self
    }

    /// The same for each group of rows that these columns tell apart.
    ///
    /// ```
    /// use chronolite::{Aggregate, DataType, Db, DbOptions, DownsampleSpec, TableSpec};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let columns = [("site", DataType::Utf8), ("temp", DataType::F64)];
    /// let sensor = db.create_table("sensor", TableSpec::new(columns))?;
    /// for (ts, site) in [(0, "a"), (1, "b"), (2, "a")] {
    ///     sensor.append_row(ts, &[site.into(), 20.5.into()])?;
    /// }
    /// let spec = DownsampleSpec::new(60_000, [("temp", vec![Aggregate::Count])]).by(["site"]);
    /// for piece in sensor.downsample(spec)?.batches(1024)? {
    ///     let piece = piece?;
    ///     assert_eq!((piece[1].bytes_at(0), piece[1].bytes_at(1)), (&b"a"[..], &b"b"[..]));
    ///     assert_eq!(piece[2].values::<i64>(), [2, 1]);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn by<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.by = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The same with buckets that begin there.
    ///
    /// ```
    /// use chronolite::{Aggregate, DownsampleSpec, Origin};
    ///
    /// let spec = DownsampleSpec::new(60_000, [("temp", vec![Aggregate::Mean])]);
    /// let spec = spec.origin(Origin::Start);
    /// assert_eq!(spec.origin, Origin::Start);
    /// ```
    #[must_use]
    pub fn origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// The same by the clock of a zone of the IANA database.
    ///
    /// ```
    /// use chronolite::{Aggregate, DownsampleSpec};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// // 22:59 and 23:01 UTC on a day of January: before and after midnight in Berlin.
    /// for ts in [1_704_149_940_000, 1_704_150_060_000] {
    ///     sensor.append_row(ts, &[20.5.into()])?;
    /// }
    /// let days = DownsampleSpec::new(86_400_000, [("temp", vec![Aggregate::Mean])]);
    /// assert_eq!(sensor.downsample(days.clone())?.count()?, 1);
    /// assert_eq!(sensor.downsample(days.tz("Europe/Berlin"))?.count()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tz(mut self, name: impl Into<String>) -> Self {
        self.tz = Some(name.into());
        self
    }

    /// The same with something for buckets without rows.
    ///
    /// ```
    /// use chronolite::{Aggregate, DownsampleSpec, Fill};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(0, &[20.5.into()])?;
    /// sensor.append_row(120_000, &[21.5.into()])?;
    /// let minutes = DownsampleSpec::new(60_000, [("temp", vec![Aggregate::Mean])]);
    /// assert_eq!(sensor.downsample(minutes.clone())?.count()?, 2);
    /// assert_eq!(sensor.downsample(minutes.fill(Fill::Previous))?.count()?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fill(mut self, fill: Fill) -> Self {
        self.fill = Some(fill);
        self
    }

    /// The same of rows alone for which this is true.
    ///
    /// ```
    /// use chronolite::{Aggregate, DownsampleSpec, Predicate};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let seconds = DownsampleSpec::new(1000, [("temp", vec![Aggregate::Mean])]);
    /// let warm = seconds.filter(Predicate::parse("temp > 21")?);
    /// assert_eq!(sensor.downsample(warm)?.count()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: Predicate) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The same with sums, means and standard deviations rounded but once.
    ///
    /// ```
    /// use chronolite::{Aggregate, DownsampleSpec};
    ///
    /// assert!(DownsampleSpec::new(1000, [("temp", vec![Aggregate::Sum])]).exact().exact);
    /// ```
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }
}

/// A time at which a bucket begins; the others follow both ways.
///
/// ```
/// use chronolite::{Aggregate, DownsampleSpec, Origin};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for ts in [30_000, 80_000] {
///     sensor.append_row(ts, &[20.5.into()])?;
/// }
/// // By the epoch: [0, 60 s) and [60 s, 120 s). From the first row on: [30 s, 90 s).
/// let minutes = DownsampleSpec::new(60_000, [("temp", vec![Aggregate::Mean])]);
/// assert_eq!(sensor.downsample(minutes.clone())?.count()?, 2);
/// assert_eq!(sensor.downsample(minutes.clone().origin(Origin::Start))?.count()?, 1);
/// assert_eq!(sensor.downsample(minutes.origin(Origin::At(30_000)))?.count()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// 1970-01-01, or Monday 1969-12-29 for buckets of whole weeks; midnight there, given a zone.
    #[default]
    Epoch,
    /// The range's start or, if it has none, the first row's time.
    Start,
    /// This time, in the table's unit.
    At(i64),
}

/// What stands for a null of an aggregate, whether its bucket has no rows or only nulls. Given any
/// of these, there is a row for every bucket and group: from the bucket of the range's start, or of
/// the first row if it has none, to that of its end, or of the last row. A count is never null.
///
/// ```
/// use chronolite::{Aggregate, DownsampleSpec, Fill};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// sensor.append_row(0, &[20.0.into()])?;
/// sensor.append_row(2000, &[22.0.into()])?;
/// let seconds = DownsampleSpec::new(1000, [("temp", vec![Aggregate::Mean])]).fill(Fill::Linear);
/// for piece in sensor.downsample(seconds)?.batches(1024)? {
///     assert_eq!(piece?[1].values::<f64>(), [20.0, 21.0, 22.0]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Fill {
    /// Nothing does.
    Null,
    /// The value of the bucket before; nothing before the first.
    Previous,
    /// The value on the line in time between the values before and after; nothing outside of
    /// these. Integers are rounded to the nearest.
    Linear,
    /// This integer.
    Int(i64),
    /// This float.
    Float(f64),
}

/// A downsampled range, made up but not read.
#[derive(Debug, Clone)]
pub(crate) struct Downsample {
    /// The rows: their time, the columns of `by`, what is aggregated.
    pub(crate) scan: Arc<Plan>,
    spec: DownsampleSpec,
    /// Places and types of the columns of `by`.
    by: Vec<(usize, DataType)>,
    inputs: Vec<Input>,
    pub(crate) columns: Vec<ScanColumn>,
}

impl Downsample {
    /// `all` is a scan of the table's whole range and all its columns.
    pub(crate) fn new(all: &Plan, spec: DownsampleSpec) -> Result<Self> {
        if spec.aggregates.is_empty() {
            return Err(Error::invalid("aggregates names no column"));
        }
        let time = all.columns.iter().find(|column| matches!(column, ScanColumn::Time { .. }));
        let mut read: Vec<ScanColumn> = time.cloned().into_iter().collect();
        for name in &spec.by {
            read.push(group_column(name, &read, &all.columns)?);
        }
        let mut columns = read.clone();
        let by = read.iter().enumerate().skip(1).map(|(at, column)| (at, column.stored()));
        let by = by.collect();
        let (inputs, read) = inputs(&spec.aggregates, spec.exact, &all.columns, read)?;
        for (_, output) in inputs.iter().flat_map(|input| &input.outputs) {
            if columns.iter().any(|column| column.name() == output.name()) {
                let name = output.name();
                return Err(Error::schema(format!("the result has two columns {name:?}")));
            }
            columns.push(output.clone());
        }
        let downsample = Self { scan: Arc::new(all.reading(read)), spec, by, inputs, columns };
        // What cannot be done is refused now, not when rows are read.
        downsample.buckets(Some(0))?;
        if let Some(fill) = downsample.spec.fill {
            filler::check(fill, &downsample.inputs)?;
        }
        Ok(downsample)
    }

    /// The rows that a scan of the table has for this.
    pub(crate) fn range(spec: &DownsampleSpec) -> ScanSpec {
        let (start, end, filter) = (spec.start, spec.end, spec.filter.clone());
        ScanSpec { start, end, filter, ..ScanSpec::default() }
    }

    /// The same, counting what it does.
    pub(crate) fn counted(&self, tally: &Arc<Tally>) -> Self {
        Self { scan: Arc::new(self.scan.counted(tally)), ..self.clone() }
    }

    /// The same buckets, with nothing made of them: to be counted.
    fn bare(&self) -> Self {
        let (by, inputs) = (self.by.clone(), vec![]);
        let columns = self.columns[..=by.len()].to_vec();
        let scan = Arc::new(self.scan.reading(columns.clone()));
        Self { scan, spec: self.spec.clone(), by, inputs, columns }
    }

    /// How many rows the result has. Reads times and groups only.
    pub(crate) fn count(&self) -> Result<u64> {
        let mut rows = 0;
        for piece in DownsampleBatches::new(Arc::new(self.bare()), usize::MAX)? {
            rows += piece?[0].len(DataType::I64) as u64;
        }
        Ok(rows)
    }

    /// What divides time into buckets; `None` if that waits for the first row's time.
    fn buckets(&self, first: Option<i64>) -> Result<Option<Buckets>> {
        let origin = match self.spec.origin {
            Origin::Epoch => None,
            Origin::At(ts) => Some(ts),
            Origin::Start => match self.spec.start.or(first) {
                None => return Ok(None),
                start => start,
            },
        };
        let unit = match self.columns.first() {
            Some(ScanColumn::Time { unit, .. }) => *unit,
            _ => return Err(Error::schema("a scan without its time is not downsampled")),
        };
        Buckets::new(self.spec.every, origin, self.spec.tz.as_deref(), unit).map(Some)
    }

    /// The columns of the result.
    fn dress(&self, chunk: Chunk, groups: &groups::Groups) -> Result<Vec<Column>> {
        let mut columns = vec![Column::from_vec(chunk.starts)];
        columns.extend(groups.columns(&chunk.groups)?);
        columns.extend(chunk.values);
        Ok(columns)
    }
}

fn group_column(name: &str, read: &[ScanColumn], there: &[ScanColumn]) -> Result<ScanColumn> {
    let column = there.iter().find(|column| column.name() == name);
    let column = column.ok_or_else(|| unknown(name, there))?;
    if matches!(column, ScanColumn::Time { .. }) || column.stored().is_float() {
        let what = if column.stored().is_float() { column.stored().name() } else { "the time" };
        return Err(Error::schema(format!(
            "by: column {name:?} is {what}; groups are made by text, bytes, bool or integers"
        )));
    }
    if read.contains(column) {
        return Err(Error::schema(format!("by: column {name:?} is named twice")));
    }
    Ok(column.clone())
}

/// The pieces of a downsampled range, in order.
#[derive(Debug)]
pub(crate) struct DownsampleBatches {
    plan: Arc<Downsample>,
    source: Source,
    rows: usize,
    /// What was made and not yet handed on, and its rows from where on.
    pending: Option<(Vec<Column>, usize)>,
    failed: bool,
}

#[derive(Debug)]
enum Source {
    Rows(Box<SideBySide>),
    Filled(Box<Filled>),
}

impl DownsampleBatches {
    pub(crate) fn new(plan: Arc<Downsample>, rows: usize) -> Result<Self> {
        let source = match plan.spec.fill {
            None => Source::Rows(Box::new(SideBySide::new(Arc::clone(&plan))?)),
            Some(fill) => Source::Filled(Box::new(Filled::new(Arc::clone(&plan), fill)?)),
        };
        Ok(Self { plan, source, rows, pending: None, failed: false })
    }

    fn advance(&mut self) -> Result<Option<Vec<Column>>> {
        self.plan.scan.core.check_open()?;
        let (columns, from) = match self.pending.take() {
            Some(pending) => pending,
            None => match &mut self.source {
                Source::Rows(rows) => match rows.next()? {
                    Some(chunk) => (self.plan.dress(chunk, rows.groups())?, 0),
                    None => return Ok(None),
                },
                Source::Filled(filled) => match filled.next()? {
                    Some(chunk) => (self.plan.dress(chunk, filled.groups())?, 0),
                    None => return Ok(None),
                },
            },
        };
        let all = columns[0].len(DataType::I64);
        let len = (all - from).min(self.rows);
        if len == all {
            return Ok(Some(columns));
        }
        let defs = columns.iter().zip(&self.plan.columns);
        let piece = defs.map(|(column, def)| column.slice(def.stored(), from, len)).collect();
        if from + len < all {
            self.pending = Some((columns, from + len));
        }
        Ok(Some(piece))
    }
}

impl Iterator for DownsampleBatches {
    type Item = Result<Vec<Column>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        self.failed = next.is_err();
        next.transpose()
    }
}
