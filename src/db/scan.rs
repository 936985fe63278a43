//! A scan: rows of a table, or what they come to, as of one moment, to be read as often as wanted.

use std::sync::Arc;

use arrow_schema::SchemaRef;

use crate::arrow::OutColumn;
use crate::arrow::stream::Stream;
use crate::base::batch::Column;
use crate::db::aggregate::{self, AggregateSpec, Summary};
use crate::db::batches::TableBatches;
use crate::db::catalog::TableView;
use crate::db::core::Core;
use crate::db::digest::{Ask, Digest, Stretch};
use crate::db::downsample::{Downsample, DownsampleBatches, DownsampleSpec};
use crate::db::plan::{Plan, ScanColumn};
use crate::db::tally::{Explanation, Tally};
use crate::db::whole::Whole;
use crate::error::Result;

/// Rows of a batch of a stream, unless somebody says otherwise: enough to be worth a call, few enough
/// to stay in the cache.
///
/// ```
/// use chronolite::{STREAM_ROWS, ScanSpec};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let batches = sensor.scan(ScanSpec::default())?.stream(STREAM_ROWS, None)?;
/// assert_eq!(batches.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const STREAM_ROWS: usize = 65_536;
/// Rows of a piece of a result that is wanted as a whole.
const WHOLE_ROWS: usize = 1 << 20;
/// Rows of a piece that is reduced to aggregates.
const AGGREGATE_ROWS: usize = 65_536;
/// Rows of a piece that is read to be counted.
const EXPLAIN_ROWS: usize = 1 << 20;

/// Rows of a table, or buckets of them, as of the moment the scan was made. It can be read many
/// times, until the database is closed; it keeps the database open as its handles do.
///
/// ```
/// use chronolite::ScanSpec;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let scan = sensor.scan(ScanSpec::default().end(3000))?;
/// // It has the rows there were when it was made, each time it is read.
/// sensor.append_row(1500, &[30.0.into()])?;
/// assert_eq!(scan.count()?, 2);
/// let mut sum = 0.0;
/// for piece in scan.batches(1024)? {
///     sum += piece?[1].values::<f64>().iter().sum::<f64>();
/// }
/// assert_eq!(sum, 20.5 + 21.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scan(Rows);

#[derive(Debug, Clone)]
enum Rows {
    Table(Arc<Plan>),
    Downsample(Arc<Downsample>),
}

impl Scan {
    pub(crate) fn of_table(plan: Plan) -> Self {
        Self(Rows::Table(Arc::new(plan)))
    }

    pub(crate) fn downsample(
        table: Arc<TableView>,
        visible: u64,
        core: Arc<Core>,
        spec: DownsampleSpec,
    ) -> Result<Self> {
        let all = Plan::new(table, visible, core, &Downsample::range(&spec))?;
        Ok(Self(Rows::Downsample(Arc::new(Downsample::new(&all, spec)?))))
    }

    /// The columns of the result.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let scan = sensor.scan(ScanSpec::default())?;
    /// assert!(scan.columns().iter().map(|column| column.name()).eq(["ts", "temp"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn columns(&self) -> &[ScanColumn] {
        match &self.0 {
            Rows::Table(plan) => &plan.columns,
            Rows::Downsample(downsample) => &downsample.columns,
        }
    }

    fn check_open(&self) -> Result<()> {
        match &self.0 {
            Rows::Table(plan) => plan.core.check_open(),
            Rows::Downsample(downsample) => downsample.scan.core.check_open(),
        }
    }

    /// Reads the rows, in pieces of at most `rows`.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let scan = sensor.scan(ScanSpec::default())?;
    /// let sizes: Result<Vec<_>, _> =
    ///     scan.batches(2)?.map(|piece| piece.map(|piece| piece[0].len(DataType::I64))).collect();
    /// assert_eq!(sizes?, [2, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batches(&self, rows: usize) -> Result<Batches> {
        self.check_open()?;
        let rows = rows.max(1);
        Ok(Batches(match &self.0 {
            Rows::Table(plan) => {
                Pieces::Table(Box::new(TableBatches::new(Arc::clone(plan), rows)?))
            }
            Rows::Downsample(downsample) => {
                Pieces::Downsample(DownsampleBatches::new(Arc::clone(downsample), rows)?)
            }
        }))
    }

    /// The same for a result that will be in memory as a whole, in pieces of about a million rows
    /// at most: stretches of time are read side by side, some millions of rows before the first
    /// piece is there.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let scan = sensor.scan(ScanSpec::default())?;
    /// let pieces = scan.all_batches()?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(pieces[0][1].values::<f64>(), [20.5, 21.5, 22.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn all_batches(&self) -> Result<Batches> {
        let Rows::Table(plan) = &self.0 else { return self.batches(WHOLE_ROWS) };
        let cuts = plan.cuts();
        if cuts.is_empty() {
            return self.batches(WHOLE_ROWS);
        }
        self.check_open()?;
        let whole = Whole::new(plan.cut(&cuts), plan.types(), WHOLE_ROWS);
        Ok(Batches(Pieces::Whole(Box::new(whole))))
    }

    /// The rows as Arrow record batches of at most `rows` rows: a reader that is also an iterator,
    /// and can be handed to C. `requested` is the schema that whoever reads would rather have: it
    /// gets as much of it as loses nothing.
    ///
    /// ```
    /// use chronolite::STREAM_ROWS;
    /// use chronolite::{DataType, Db, DbOptions, ScanSpec, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1, &[20.5.into()])?;
    /// for batch in sensor.scan(ScanSpec::default())?.stream(STREAM_ROWS, None)? {
    ///     assert_eq!(batch?.schema().field(1).name(), "temp");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream(&self, rows: usize, requested: Option<&SchemaRef>) -> Result<Stream> {
        let batches = Box::new(self.batches(rows)?);
        Ok(Stream::new(self.columns().iter().map(OutColumn::from).collect(), batches, requested))
    }

    /// How many rows there are. Of a table, no more than the times at the ends of the range are
    /// decoded; of buckets, all times and groups.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// assert_eq!(sensor.scan(ScanSpec::range(1500, 2500))?.count()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> Result<u64> {
        self.check_open()?;
        match &self.0 {
            Rows::Table(plan) => plan.result_rows(),
            Rows::Downsample(downsample) => downsample.count(),
        }
    }

    /// What reading it costs: reads all of it once, as [`Scan::batches`] would, throws the rows
    /// away, and tells what was looked at, skipped, decoded, answered from statistics and copied.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// db.flush()?;
    /// let explanation = sensor.scan(ScanSpec::default())?.explain()?;
    /// assert_eq!((explanation.rows, explanation.blocks_decoded), (3, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self) -> Result<Explanation> {
        self.check_open()?;
        let tally = Arc::new(Tally::default());
        let counted = match &self.0 {
            Rows::Table(plan) => Rows::Table(Arc::new(plan.counted(&tally))),
            Rows::Downsample(downsample) => Rows::Downsample(Arc::new(downsample.counted(&tally))),
        };
        let scan = Self(counted);
        for piece in scan.batches(EXPLAIN_ROWS)? {
            let first = scan.columns().first().map(ScanColumn::stored);
            tally.rows.add(first.map_or(0, |ty| piece.as_ref().map_or(0, |p| p[0].len(ty))));
            piece?;
        }
        Ok(tally.explanation())
    }

    /// The same of [`Scan::aggregate`].
    ///
    /// ```
    /// use chronolite::{Aggregate, AggregateSpec, ScanSpec};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for ts in 0..2048 {
    ///     sensor.append_row(ts, &[20.5.into()])?;
    /// }
    /// db.flush()?;
    /// let wanted = AggregateSpec::new([("temp", vec![Aggregate::Max])]);
    /// let explanation = sensor.scan(ScanSpec::default())?.explain_aggregate(&wanted)?;
    /// assert_eq!((explanation.segments_from_statistics, explanation.bytes_decoded), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain_aggregate(&self, wanted: &AggregateSpec) -> Result<Explanation> {
        self.check_open()?;
        let (scan, tally) = self.counted();
        scan.aggregate(wanted)?;
        Ok(tally.explanation())
    }

    fn counted(&self) -> (Self, Arc<Tally>) {
        let tally = Arc::new(Tally::default());
        let rows = match &self.0 {
            Rows::Table(plan) => Rows::Table(Arc::new(plan.counted(&tally))),
            Rows::Downsample(downsample) => Rows::Downsample(Arc::new(downsample.counted(&tally))),
        };
        (Self(rows), tally)
    }

    /// What the values of columns come to, over all rows of the scan. Reads these columns only.
    ///
    /// ```
    /// use chronolite::{Aggregate, AggregateSpec, DataType, Db, DbOptions};
    /// use chronolite::{ScanSpec, TableSpec, Value};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1, &[20.0.into()])?;
    /// sensor.append_row(2, &[21.0.into()])?;
    /// let wanted = AggregateSpec::new([("temp", vec![Aggregate::Mean, Aggregate::Count])]);
    /// let summary = sensor.scan(ScanSpec::default())?.aggregate(&wanted)?;
    /// assert_eq!(summary.get("temp", Aggregate::Mean), Some(Value::Float(20.5)));
    /// assert_eq!(summary.get("temp", Aggregate::Count), Some(Value::Int(2)));
    /// # drop(sensor);
    /// db.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if the scan has no such column, or there is no such aggregate of its type;
    /// `Overflow` if a sum of integers does not fit 64 bits.
    pub fn aggregate(&self, wanted: &AggregateSpec) -> Result<Summary> {
        let AggregateSpec { aggregates, exact } = wanted;
        let (inputs, read) = match &self.0 {
            Rows::Table(plan) => aggregate::inputs(aggregates, *exact, &plan.columns, vec![])?,
            Rows::Downsample(downsample) => {
                let there = &downsample.columns;
                aggregate::inputs(aggregates, *exact, there, there.clone())?
            }
        };
        if inputs.is_empty() {
            return Summary::of(&inputs, std::iter::empty());
        }
        match &self.0 {
            Rows::Table(plan) => {
                let ask = Ask::new(&inputs, &read);
                let plan = Arc::new(plan.reading(read));
                let mut pieces = TableBatches::new(plan, AGGREGATE_ROWS)?;
                let next = || pieces.next_digest(ask.as_ref(), &mut |_, _| true).transpose();
                Summary::of(&inputs, std::iter::from_fn(next))
            }
            Rows::Downsample(downsample) => {
                let first = downsample.columns.first().map(ScanColumn::stored);
                let whole = |columns: Vec<Column>| {
                    let rows = columns.first().zip(first).map_or(0, |(c, ty)| c.len(ty));
                    let stretches = vec![Stretch::Rows(0..rows)];
                    Digest { stretches, vectors: None, columns }
                };
                let pieces = self.batches(AGGREGATE_ROWS)?.map(|piece| piece.map(whole));
                Summary::of(&inputs, pieces)
            }
        }
    }
}

/// The pieces of a scan's result, in order.
///
/// ```
/// use chronolite::ScanSpec;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let mut batches = sensor.scan(ScanSpec::default())?.batches(1024)?;
/// let columns = batches.next().expect("three rows")?;
/// assert_eq!(columns[0].values::<i64>(), [1000, 2000, 3000]);
/// assert!(batches.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batches(Pieces);

#[derive(Debug)]
enum Pieces {
    Table(Box<TableBatches>),
    Whole(Box<Whole>),
    Downsample(DownsampleBatches),
}

impl Iterator for Batches {
    type Item = Result<Vec<Column>>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Pieces::Table(batches) => batches.next(),
            Pieces::Whole(batches) => batches.next(),
            Pieces::Downsample(batches) => batches.next(),
        }
    }
}
