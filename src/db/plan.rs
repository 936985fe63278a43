//! A scan made up: which rows of which runs, which columns. `scan` makes it, `batches` follows it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::arrow::{OutColumn, OutType};
use crate::base::batch::{Column, Data};
use crate::base::predicate::{Filter, Input, Predicate};
use crate::base::schema::{ColumnDef, DataType, OnConflict};
use crate::base::time::TimeUnit;
use crate::db::catalog::TableView;
use crate::db::cells::Cells;
use crate::db::core::Core;
use crate::db::deletes::{Delete, RowFilter, may_hold, memtable_rows};
use crate::db::pick::Picker;
use crate::db::run_part::{Besides, Part, Wanted};
use crate::db::segment::{Place, Segment};
use crate::db::sorted::{Pieces, sort_pieces};
use crate::db::source::Source;
use crate::db::tally::{Counting, Tally, count};
use crate::error::{Error, Result};
use crate::format::key::{KeyColumns, KeyValue};
use crate::index::{Chunk, Span};

/// Which rows and columns to read.
///
/// ```
/// use chronolite::{Predicate, ScanSpec};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let spec = ScanSpec::default().start(1000).filter(Predicate::parse("temp < 22")?).reverse();
/// let scan = sensor.scan(spec)?;
/// for piece in scan.batches(1024)? {
///     let piece = piece?;
///     assert_eq!(piece[0].values::<i64>(), [2000, 1000]);
///     assert_eq!(piece[1].values::<f64>(), [21.5, 20.5]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ScanSpec {
    /// Least time, in the table's unit.
    pub start: Option<i64>,
    /// The time before which to stop.
    pub end: Option<i64>,
    /// Names of the columns of the result, in its order. The time is always there: first, unless
    /// it is named elsewhere. `None` is the time column and then all others.
    pub columns: Option<Vec<String>>,
    /// Most rows.
    pub limit: Option<u64>,
    /// Only rows of this key, as [`Table::key`](crate::Table::key) makes it.
    pub key: Option<Key>,
    /// Only rows for which this is true. It may be about columns that are not in the result.
    pub filter: Option<Predicate>,
    /// The newest row first: the rows of the other direction, the last of them first.
    pub reverse: bool,
}

/// One key of a table: a value for each of its key columns, as bytes that sort like keys.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, ScanSpec, TableSpec};
///
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let columns = [("site", DataType::Utf8), ("temp", DataType::F64)];
/// let sensor = db.create_table("sensor", TableSpec::new(columns).key(&["site"])?)?;
/// for (ts, site) in [(1000, "north"), (2000, "south"), (3000, "north")] {
///     sensor.append_row(ts, &[site.into(), 20.5.into()])?;
/// }
/// let north = sensor.key(&["north".into()])?;
/// assert_eq!(sensor.scan(ScanSpec::default().key(north.clone()))?.count()?, 2);
/// sensor.delete(None, None, Some(north))?;
/// assert_eq!(sensor.len()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(pub(crate) Vec<u8>);

impl ScanSpec {
    /// The rows with `start <= time <= end`. Past the last time there is nothing to stop at, so a
    /// range that ends there is open.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    ///
    /// assert_eq!(ScanSpec::closed(1000, 2000), ScanSpec::range(1000, 2001));
    /// assert_eq!(ScanSpec::closed(1000, i64::MAX), ScanSpec::default().start(1000));
    /// ```
    #[must_use]
    pub fn closed(start: i64, end: i64) -> Self {
        Self { start: Some(start), end: end.checked_add(1), ..Self::default() }
    }

    /// The rows with `start <= time < end`.
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
    /// assert_eq!(sensor.scan(ScanSpec::range(1000, 3000))?.count()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn range(start: i64, end: i64) -> Self {
        Self::default().start(start).end(end)
    }

    /// The same from this time on.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    ///
    /// assert_eq!(ScanSpec::default().start(1000).start, Some(1000));
    /// ```
    #[must_use]
    pub fn start(mut self, time: i64) -> Self {
        self.start = Some(time);
        self
    }

    /// The same up to this time, which is not in it.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    ///
    /// assert_eq!(ScanSpec::default().start(1000).end(2000), ScanSpec::range(1000, 2000));
    /// ```
    #[must_use]
    pub fn end(mut self, time: i64) -> Self {
        self.end = Some(time);
        self
    }

    /// The same with these columns alone.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, ScanSpec, TableSpec};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let columns = [("temp", DataType::F64), ("humidity", DataType::F64)];
    /// let sensor = db.create_table("sensor", TableSpec::new(columns))?;
    /// let scan = sensor.scan(ScanSpec::default().columns(["humidity"]))?;
    /// assert!(scan.columns().iter().map(|column| column.name()).eq(["ts", "humidity"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn columns<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The same with so many rows at most.
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
    /// assert_eq!(sensor.scan(ScanSpec::default().limit(2))?.count()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The same of one key.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, ScanSpec, TableSpec};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let columns = [("site", DataType::Utf8), ("temp", DataType::F64)];
    /// let sensor = db.create_table("sensor", TableSpec::new(columns).key(&["site"])?)?;
    /// for (ts, site) in [(1000, "north"), (2000, "south"), (3000, "north")] {
    ///     sensor.append_row(ts, &[site.into(), 20.5.into()])?;
    /// }
    /// let south = sensor.key(&["south".into()])?;
    /// assert_eq!(sensor.scan(ScanSpec::default().key(south))?.count()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// The same with rows alone for which this is true.
    ///
    /// ```
    /// use chronolite::{Predicate, ScanSpec};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let warm = ScanSpec::default().filter(Predicate::parse("temp > 22")?);
    /// assert_eq!(sensor.scan(warm)?.count()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: Predicate) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The same, the newest row first.
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
    /// for piece in sensor.scan(ScanSpec::default().reverse())?.batches(1024)? {
    ///     assert_eq!(piece?[0].values::<i64>(), [3000, 2000, 1000]);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }
}

/// A column of a scan's result.
///
/// ```
/// use chronolite::{ScanColumn, ScanSpec};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// let scan = sensor.scan(ScanSpec::default())?;
/// let [ScanColumn::Time { unit, .. }, ScanColumn::Value(temp)] = scan.columns() else {
///     panic!("the time and one value column");
/// };
/// assert_eq!((unit.name(), temp.ty), ("ms", DataType::F64));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanColumn {
    /// The time column.
    Time {
        /// Its name.
        name: String,
        /// Its unit.
        unit: TimeUnit,
    },
    /// A value column.
    Value(ColumnDef),
}

impl ScanColumn {
    /// Its name.
    ///
    /// ```
    /// use chronolite::ScanSpec;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// assert_eq!(sensor.scan(ScanSpec::default())?.columns()[0].name(), "ts");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> &str {
        match self {
            Self::Time { name, .. } => name,
            Self::Value(def) => &def.name,
        }
    }

    /// The type of its values in a [`Column`].
    ///
    /// ```
    /// use chronolite::ScanSpec;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let scan = sensor.scan(ScanSpec::default())?;
    /// let types: Vec<_> = scan.columns().iter().map(|column| column.stored()).collect();
    /// assert_eq!(types, [DataType::I64, DataType::F64]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stored(&self) -> DataType {
        match self {
            Self::Time { .. } => DataType::I64,
            Self::Value(def) => def.ty,
        }
    }
}

impl From<&ScanColumn> for OutColumn {
    fn from(column: &ScanColumn) -> Self {
        let ty = match column {
            ScanColumn::Time { unit, .. } => OutType::Time(*unit),
            ScanColumn::Value(def) => OutType::Value(def.ty),
        };
        Self { name: column.name().to_owned(), ty }
    }
}

/// Where a column of the result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Time,
    RowNumber,
    /// The column at that place among those wanted.
    Value(usize),
}

/// Rows and columns to read, and the moment as of which.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    table: Arc<TableView>,
    visible: u64,
    pub(crate) core: Arc<Core>,
    start: i64,
    end: Option<i64>,
    key: Option<Arc<KeyValue>>,
    filter: Option<Arc<Filter>>,
    reverse: bool,
    tally: Counting,
    /// Rows to leave out at the front, and rows to give then.
    pub(crate) skip: u64,
    pub(crate) limit: u64,
    pub(crate) columns: Vec<ScanColumn>,
    pub(crate) wanted: Arc<Wanted>,
    /// What runs that are merged are read for: where rows may take the place of others, the filter
    /// comes after that.
    pub(crate) merged: Arc<Wanted>,
    /// What each column of a piece is: those of the result, and what was asked for besides.
    pub(crate) fields: Vec<Field>,
}

impl Plan {
    pub(crate) fn new(
        table: Arc<TableView>,
        visible: u64,
        core: Arc<Core>,
        spec: &ScanSpec,
    ) -> Result<Self> {
        let columns = result_columns(&table, spec.columns.as_deref())?;
        let filter = spec.filter.as_ref().map(|filter| Filter::new(filter, &table.def.spec));
        let filter = filter.transpose()?.map(Arc::new);
        let (first, last) = filter.as_ref().map_or((i64::MIN, i64::MAX), |filter| filter.times());
        let (start, end) = (spec.start.unwrap_or(i64::MIN).max(first), last.checked_add(1));
        let end = spec.end.map_or(end, |given| Some(end.map_or(given, |end| end.min(given))));
        let (wanted, fields) = wanted_columns(&table, &columns, filter.as_ref(), &None);
        let wanted = Arc::new(wanted);
        let merged = merged_of(&table, &wanted);
        let key = spec.key.as_ref().map(|key| KeyColumns::of(&table.def.spec).decode(&key.0));
        let key = key.transpose().map_err(|_| Error::invalid("the key is of another table"))?;
        Ok(Self {
            table,
            visible,
            core,
            start,
            end,
            key: key.map(Arc::new),
            filter,
            reverse: spec.reverse,
            tally: None,
            skip: 0,
            limit: spec.limit.unwrap_or(u64::MAX),
            columns,
            wanted,
            merged,
            fields,
        })
    }

    /// The same plan with each row's number in a column behind those of the result.
    pub(crate) fn with_row_numbers(mut self) -> Self {
        self.fields.push(Field::RowNumber);
        self
    }

    /// What has to be decoded besides the wanted columns: times, row numbers.
    pub(crate) fn besides(&self) -> Besides {
        Besides {
            ts: self.fields.contains(&Field::Time),
            seq: self.fields.contains(&Field::RowNumber),
        }
    }

    /// The types of a piece's columns.
    pub(crate) fn types(&self) -> Vec<DataType> {
        let types = self.fields.iter().map(|field| match field {
            Field::Time => DataType::I64,
            Field::RowNumber => DataType::U64,
            Field::Value(place) => self.wanted.columns[*place].ty,
        });
        types.collect()
    }

    /// The same plan from `start` on, without the first `skip` rows of it.
    pub(crate) fn starting(self, start: i64, skip: u64) -> Self {
        Self { start, skip, ..self }
    }

    /// The same rows, with these columns of the table.
    pub(crate) fn reading(&self, columns: Vec<ScanColumn>) -> Self {
        let (wanted, fields) = self.wanted_of(&columns);
        let wanted = Arc::new(wanted);
        let merged = merged_of(&self.table, &wanted);
        Self { columns, wanted, merged, fields, ..self.clone() }
    }

    fn wanted_of(&self, columns: &[ScanColumn]) -> (Wanted, Vec<Field>) {
        wanted_columns(&self.table, columns, self.filter.as_ref(), &self.tally)
    }

    /// The same, counting what it does.
    pub(crate) fn counted(&self, tally: &Arc<Tally>) -> Self {
        let tally = Some(Arc::clone(tally));
        let wanted = Arc::new(Wanted { tally: tally.clone(), ..(*self.wanted).clone() });
        let merged = merged_of(&self.table, &wanted);
        Self { tally, wanted, merged, ..self.clone() }
    }

    /// The same rows in the order of time, with their times alone.
    pub(crate) fn times(&self) -> Self {
        let spec = &self.table.def.spec;
        let time = ScanColumn::Time { name: spec.time_column.clone(), unit: spec.unit };
        Self { reverse: false, ..self.reading(vec![time]) }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        let place = self.core.place();
        Place { pin: self.table.pin.as_ref().or(place.pin), ..place }
    }

    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    pub(crate) fn end(&self) -> Option<i64> {
        self.end
    }

    /// True if the newest row comes first.
    pub(crate) fn is_reverse(&self) -> bool {
        self.reverse
    }

    /// True if it counts what it does.
    pub(crate) fn is_counted(&self) -> bool {
        self.tally.is_some()
    }

    /// The segments with rows in the range, by least time.
    pub(crate) fn segments_between(&self) -> Vec<Arc<Segment>> {
        match self.end.is_some_and(|end| end <= self.start) {
            true => vec![],
            false => self.table.segments.overlapping(self.start, self.end),
        }
    }

    /// Which of the rows stay that have equal times and keys.
    pub(crate) fn rule(&self) -> OnConflict {
        self.table.def.spec.on_conflict
    }

    /// Which of them stay in the order of reading: backwards, the first is the last.
    pub(crate) fn rule_of_reading(&self) -> OnConflict {
        match self.reverse {
            true => self.rule().backwards(),
            false => self.rule(),
        }
    }

    /// The same columns of all rows of the table with times in `[start, end)` and, if the plan has
    /// one, of its key.
    pub(crate) fn between(&self, start: i64, end: Option<i64>) -> Self {
        Self { start, end, skip: 0, limit: u64::MAX, ..self.clone() }
    }

    /// Rows from `start` to the end of all runs together: those that are read, where no two runs have
    /// rows of the same time and key or both are kept.
    pub(crate) fn count_runs(&self, start: i64) -> Result<u64> {
        let pieces = self.memtable_pieces(start);
        let (mut count, mut sources) = (0, self.segment_sources(start));
        let wanted = self.keys_alone();
        match (&self.key, &self.filter) {
            (None, None) if !self.rule().keeps_one() || distinct(&pieces) => {
                count += pieces.iter().map(|(_, rows)| rows.len() as u64).sum::<u64>();
            }
            _ => sources.extend(self.memtable_source(&pieces, &wanted)),
        }
        for mut source in sources {
            count += source.count(&wanted, &self.place())?;
        }
        Ok(count)
    }

    /// The key that is asked for, and what has to be read to find it.
    pub(crate) fn key_wanted(&self) -> Option<(Arc<KeyValue>, Wanted)> {
        self.key.as_ref().map(|key| (Arc::clone(key), self.keys_alone()))
    }

    /// What counting has to read: nothing but the columns that rows are told apart by.
    fn keys_alone(&self) -> Wanted {
        self.wanted_of(&[]).0
    }

    /// Segments with rows in the range that may be wanted, and the deletes that concern each.
    pub(crate) fn segments(&self, start: i64) -> Vec<(Arc<Segment>, Vec<Delete>)> {
        if self.end.is_some_and(|end| end <= start) {
            return vec![];
        }
        let mut segments = self.table.segments.overlapping(start, self.end);
        if let Some(key) = &self.key {
            segments.retain(|segment| may_hold(&segment.entry, key));
        }
        let with_deletes = segments.into_iter().filter_map(|segment| {
            let (min_ts, max_ts) = (segment.entry.min_ts, segment.entry.max_ts);
            let deletes: Vec<_> = self.table.deletes_of(&segment.entry).cloned().collect();
            let gone = deletes.iter().any(|d| d.key.is_none() && d.covers(min_ts, max_ts));
            (!gone).then_some((segment, deletes))
        });
        with_deletes.collect()
    }

    pub(crate) fn memtable_pieces(&self, start: i64) -> Pieces {
        match self.end.is_some_and(|end| end <= start) {
            true => Pieces::new(),
            false => memtable_rows(&self.table, self.visible, start, self.end),
        }
    }

    fn segment_sources(&self, start: i64) -> Vec<Source> {
        let segments = self.segments(start).into_iter();
        let source =
            |(segment, deletes)| Source::segment(segment, start, self.end, deletes, self.filter());
        segments.map(source).collect()
    }

    fn memtable_source(&self, pieces: &Pieces, wanted: &Wanted) -> Option<Source> {
        if pieces.is_empty() {
            return None;
        }
        let types = self.table.types();
        count(&self.tally, |tally| {
            tally.memory_rows.add(pieces.iter().map(|(_, rows)| rows.len()).sum());
        });
        let rows = sort_pieces(pieces, &types, &wanted.positions, &wanted.key, self.rule());
        Some(Source::memtable(rows, self.filter()))
    }

    fn filter(&self) -> RowFilter {
        RowFilter { key: self.key.clone(), ..RowFilter::default() }
    }

    /// All runs with rows in the range, in the order of reading, and which of them overlap.
    pub(crate) fn sources(&self) -> VecDeque<Source> {
        count(&self.tally, |tally| tally.segments.add(self.table.segments.len()));
        let mut sources = self.segment_sources(self.start);
        sources.extend(self.memtable_source(&self.memtable_pieces(self.start), &self.wanted));
        if self.reverse {
            sources = sources.into_iter().map(Source::backwards).collect();
        }
        sources.sort_by_key(|source| source.begin);
        let mut reach: Option<(usize, i64)> = None;
        for index in 0..sources.len() {
            let (begin, end) = (sources[index].begin, sources[index].end);
            reach = match reach {
                Some((widest, last)) if begin <= last => {
                    sources[index].overlaps = true;
                    sources[widest].overlaps = true;
                    Some(if end > last { (index, end) } else { (widest, last) })
                }
                _ => Some((index, end)),
            };
        }
        sources.into()
    }
}

fn merged_of(table: &TableView, wanted: &Arc<Wanted>) -> Arc<Wanted> {
    match wanted.picker.is_some() && table.def.spec.on_conflict.keeps_one() {
        true => Arc::new(wanted.unfiltered()),
        false => Arc::clone(wanted),
    }
}

/// True if each time is above the one before it, so that no two rows can be the same.
fn distinct(pieces: &Pieces) -> bool {
    let follows = |pair: &[(Arc<Chunk<Cells>>, Range<usize>)]| match pair {
        [(a, before), (b, after)] => {
            let ends = a.ts(before.end).last().zip(b.ts(after.end).get(after.start));
            ends.is_none_or(|(last, first)| last < first)
        }
        _ => true,
    };
    let within = |(chunk, rows): &(Arc<Chunk<Cells>>, Range<usize>)| {
        chunk.is_distinct() || chunk.ts(rows.end)[rows.clone()].is_sorted_by(|a, b| a < b)
    };
    pieces.iter().all(within) && pieces.windows(2).all(follows)
}

pub(crate) fn result_columns(
    table: &TableView,
    names: Option<&[String]>,
) -> Result<Vec<ScanColumn>> {
    let spec = &table.def.spec;
    let time = || ScanColumn::Time { name: spec.time_column.clone(), unit: spec.unit };
    let Some(names) = names else {
        let values = spec.columns.iter().cloned().map(ScanColumn::Value);
        return Ok(std::iter::once(time()).chain(values).collect());
    };
    let mut columns: Vec<ScanColumn> = Vec::with_capacity(names.len() + 1);
    if !names.contains(&spec.time_column) {
        columns.push(time());
    }
    for name in names {
        if columns.iter().any(|column| column.name() == name) {
            return Err(Error::schema(format!("column {name:?} is asked for twice")));
        }
        columns.push(match *name == spec.time_column {
            true => time(),
            false => ScanColumn::Value(spec.columns[spec.position(name)?].clone()),
        });
    }
    Ok(columns)
}

pub(crate) fn wanted_columns(
    table: &TableView,
    columns: &[ScanColumn],
    filter: Option<&Arc<Filter>>,
    tally: &Counting,
) -> (Wanted, Vec<Field>) {
    let spec = &table.def.spec;
    let (mut positions, mut fields) = (Vec::new(), Vec::new());
    for column in columns {
        fields.push(match column {
            ScanColumn::Time { .. } => Field::Time,
            ScanColumn::Value(def) => {
                positions.extend(spec.columns.iter().position(|c| c.id == def.id));
                Field::Value(positions.len() - 1)
            }
        });
    }
    let (key, shown) = (KeyColumns::of(spec), positions.len());
    let mut also = |more: &mut dyn Iterator<Item = usize>| {
        for position in more {
            if !positions.contains(&position) {
                positions.push(position);
            }
        }
        positions.len()
    };
    let keyed = also(&mut key.positions());
    let picker = filter.map(|filter| Picker::new(Arc::clone(filter), &spec.columns));
    also(&mut filter.iter().flat_map(|filter| filter.inputs()).filter_map(|input| match input {
        Input::Time => None,
        Input::Value(position, _) => Some(*position),
    }));
    let key = key.among(&positions);
    let columns = positions.iter().map(|&position| spec.columns[position].clone()).collect();
    let tally = tally.clone();
    (Wanted { columns, positions, key, shown, keyed, picker, tally }, fields)
}

impl Plan {
    /// The columns of the result for `len` rows of a part.
    pub(crate) fn project(&self, part: &Part, start: usize, len: usize) -> Vec<Column> {
        let none = || arrow_buffer::Buffer::from_vec(Vec::<i64>::new());
        let fixed = |buffer| Column { data: Data::Fixed(buffer), validity: None };
        let column = |field: &Field| match field {
            Field::Value(place) => {
                part.columns[*place].slice(self.wanted.columns[*place].ty, start, len)
            }
            Field::Time => {
                let ts = part.ts.as_ref().map(|ts| ts.slice(start, len).into_inner());
                fixed(ts.unwrap_or_else(none))
            }
            Field::RowNumber => {
                let seq = part.seq.as_ref().map(|seq| seq.slice(start, len).into_inner());
                fixed(seq.unwrap_or_else(none))
            }
        };
        self.fields.iter().map(column).collect()
    }
}
