//! Reading rows in order, out of segments and memtables, as of one moment.
//!
//! Runs that share no stretch of time follow each other and are handed on as they are decoded.
//! Those that do are merged, each entering the merge when its time comes, so that what is in
//! memory is a block of each run that is open at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::batch::{Column, Data};
use crate::base::builder::ColumnBuilder;
use crate::base::schema::{ColumnDef, DataType};
use crate::base::time::TimeUnit;
use crate::db::catalog::{Place, Segment, TableView};
use crate::db::core::Core;
use crate::db::sorted::{Pieces, sort_pieces};
use crate::db::source::{Part, Source, Wanted};
use crate::error::{Error, Result};
use crate::format::key::KeyColumns;
use crate::index::merge::Merge;

/// Which rows and columns to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
}

impl ScanSpec {
    /// The rows with `start <= time <= end`. Past the last time there is nothing to stop at, so a
    /// range that ends there is open.
    #[must_use]
    pub fn closed(start: i64, end: i64) -> Self {
        Self { start: Some(start), end: end.checked_add(1), ..Self::default() }
    }
}

/// A column of a scan's result.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub fn name(&self) -> &str {
        match self {
            Self::Time { name, .. } => name,
            Self::Value(def) => &def.name,
        }
    }
}

/// Rows of a table as of the moment the scan was made. It can be read many times, until the
/// database is closed; it keeps the database open as its handles do.
#[derive(Debug, Clone)]
pub struct Scan(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    table: Arc<TableView>,
    visible: u64,
    core: Arc<Core>,
    start: i64,
    end: Option<i64>,
    /// Rows to leave out at the front, and rows to give then.
    skip: u64,
    limit: u64,
    columns: Vec<ScanColumn>,
    wanted: Wanted,
    /// Where in `wanted` each column of the result is; `None` is the time.
    places: Vec<Option<usize>>,
}

impl Scan {
    pub(crate) fn new(
        table: Arc<TableView>,
        visible: u64,
        core: Arc<Core>,
        spec: &ScanSpec,
    ) -> Result<Self> {
        let columns = result_columns(&table, spec.columns.as_deref())?;
        let (wanted, places) = wanted_columns(&table, &columns);
        let start = spec.start.unwrap_or(i64::MIN);
        let (end, skip, limit) = (spec.end, 0, spec.limit.unwrap_or(u64::MAX));
        Ok(Self(Arc::new(Inner {
            table,
            visible,
            core,
            start,
            end,
            skip,
            limit,
            columns,
            wanted,
            places,
        })))
    }

    /// Rows at or past `ts`, however many the limit allows.
    pub(crate) fn count_from(&self, ts: i64) -> Result<u64> {
        self.0.count(ts)
    }

    /// The same scan from `start` on, without the first `skip` rows of it.
    pub(crate) fn starting(self, start: i64, skip: u64) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner { start, skip, ..inner })),
            Err(shared) => Self(shared),
        }
    }

    /// The columns of the result.
    pub fn columns(&self) -> &[ScanColumn] {
        &self.0.columns
    }

    /// Reads the rows, in pieces of at most `rows`.
    pub fn batches(&self, rows: usize) -> Result<Batches> {
        self.0.core.check_open()?;
        Batches::new(Arc::clone(&self.0), rows.max(1))
    }

    /// How many rows there are, without decoding more than the times at the ends of the range.
    pub fn count(&self) -> Result<u64> {
        self.0.core.check_open()?;
        let inner = &self.0;
        Ok(inner.count(inner.start)?.saturating_sub(inner.skip).min(inner.limit))
    }
}

impl Inner {
    fn place(&self) -> Place<'_> {
        self.core.place()
    }

    /// Rows from `start` to the end.
    fn count(&self, start: i64) -> Result<u64> {
        let mut count = 0;
        for (_, rows) in self.memtable_pieces(start) {
            count += rows.len() as u64;
        }
        for segment in self.segments(start) {
            count += Source::segment(segment, start, self.end).remaining(&self.place())? as u64;
        }
        Ok(count)
    }

    fn segments(&self, start: i64) -> Vec<Arc<Segment>> {
        match self.end.is_some_and(|end| end <= start) {
            true => vec![],
            false => self.table.segments.overlapping(start, self.end),
        }
    }

    fn memtable_pieces(&self, start: i64) -> Pieces {
        let mut pieces = Pieces::new();
        if self.end.is_some_and(|end| end <= start) {
            return pieces;
        }
        for chunk in &self.table.chunks {
            let rows = chunk.visible(self.visible);
            for range in chunk.in_range(rows, start, self.end) {
                pieces.push((Arc::clone(chunk), range));
            }
        }
        pieces
    }

    /// All runs with rows in the range, by least time, and which of them overlap.
    fn sources(&self) -> VecDeque<Source> {
        let segments = self.segments(self.start).into_iter();
        let mut sources: Vec<Source> =
            segments.map(|segment| Source::segment(segment, self.start, self.end)).collect();
        let pieces = self.memtable_pieces(self.start);
        if !pieces.is_empty() {
            let types = self.table.types();
            let wanted = &self.wanted;
            let rows = sort_pieces(&pieces, &types, &wanted.positions, &wanted.key);
            sources.push(Source::memtable(rows));
            sources.sort_by_key(|source| source.min_ts);
        }
        let mut reach: Option<(usize, i64)> = None;
        for index in 0..sources.len() {
            let (min_ts, max_ts) = (sources[index].min_ts, sources[index].max_ts);
            reach = match reach {
                Some((widest, max)) if min_ts <= max => {
                    sources[index].overlaps = true;
                    sources[widest].overlaps = true;
                    Some(if max_ts > max { (index, max_ts) } else { (widest, max) })
                }
                _ => Some((index, max_ts)),
            };
        }
        sources.into()
    }
}

fn result_columns(table: &TableView, names: Option<&[String]>) -> Result<Vec<ScanColumn>> {
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

fn wanted_columns(table: &TableView, columns: &[ScanColumn]) -> (Wanted, Vec<Option<usize>>) {
    let spec = &table.def.spec;
    let (mut positions, mut places) = (Vec::new(), Vec::new());
    for column in columns {
        places.push(match column {
            ScanColumn::Time { .. } => None,
            ScanColumn::Value(def) => {
                positions.extend(spec.columns.iter().position(|c| c.id == def.id));
                Some(positions.len() - 1)
            }
        });
    }
    let key = KeyColumns::of(spec);
    for position in key.positions() {
        if !positions.contains(&position) {
            positions.push(position);
        }
    }
    let key = key.among(&positions);
    let columns = positions.iter().map(|&position| spec.columns[position].clone()).collect();
    (Wanted { columns, positions, key }, places)
}

/// Rows decoded at a time for each run of a merge.
const MERGE_ROWS: usize = 16_384;
/// Most text of a piece of the result.
const MAX_PIECE_TEXT: usize = 512 << 20;

/// The pieces of a scan's result, in order.
#[derive(Debug)]
pub struct Batches {
    inner: Arc<Inner>,
    rows: usize,
    pending: VecDeque<Source>,
    merge: Merge<Part>,
    /// The runs that take part in the merge, by their heads.
    open: Vec<Source>,
    /// A run that nothing overlaps and whose turn it is.
    alone: Option<Source>,
    out: Vec<ColumnBuilder>,
    out_rows: usize,
    skip: u64,
    left: u64,
    failed: bool,
}

impl Batches {
    fn new(inner: Arc<Inner>, rows: usize) -> Result<Self> {
        let pending = inner.sources();
        let (skip, left) = (inner.skip, inner.limit);
        let (merge, open) = (Merge::new(Vec::new()), Vec::new());
        let (alone, out, out_rows, failed) = (None, Vec::new(), 0, false);
        Ok(Self { inner, rows, pending, merge, open, alone, out, out_rows, skip, left, failed })
    }

    /// The next piece, or what is left of the last one.
    fn advance(&mut self) -> Result<Option<Vec<Column>>> {
        while self.left > 0 {
            let piece = match self.next_alone()? {
                Some(piece) => piece,
                None if self.merge_some()? => {
                    if self.is_full() {
                        return Ok(self.flush_out());
                    }
                    continue;
                }
                None if self.pending.is_empty() => break,
                None => continue,
            };
            let rows = piece.0;
            // Large pieces are handed on as they are, small ones put together.
            if self.out_rows == 0 && rows >= self.rows / 4 {
                return Ok(Some(piece.1));
            }
            let types = self.types();
            self.collect(&piece.1, &types, 0, rows);
            if self.is_full() {
                return Ok(self.flush_out());
            }
        }
        Ok(self.flush_out())
    }

    fn types(&self) -> Vec<DataType> {
        let columns = self.inner.columns.iter().map(|column| match column {
            ScanColumn::Time { .. } => DataType::I64,
            ScanColumn::Value(def) => def.ty,
        });
        columns.collect()
    }

    fn is_full(&self) -> bool {
        let text: usize = self.out.iter().map(ColumnBuilder::text_bytes).sum();
        self.out_rows >= self.rows || text > MAX_PIECE_TEXT
    }

    fn flush_out(&mut self) -> Option<Vec<Column>> {
        if self.out_rows == 0 {
            return None;
        }
        self.out_rows = 0;
        Some(std::mem::take(&mut self.out).into_iter().map(ColumnBuilder::finish).collect())
    }

    /// Rows of a run that nothing overlaps, if it is such a run's turn.
    fn next_alone(&mut self) -> Result<Option<(usize, Vec<Column>)>> {
        loop {
            if self.alone.is_none() {
                let next = self.pending.front().filter(|source| !source.overlaps);
                if next.is_none() || self.merge.peek().is_some() {
                    return Ok(None);
                }
                self.alone = self.pending.pop_front();
            }
            let Some(source) = &mut self.alone else { return Ok(None) };
            let with_ts = self.inner.places.contains(&None);
            let most = self.rows - self.out_rows.min(self.rows - 1);
            let Some(part) = source.next(most, &self.inner.wanted, with_ts, &self.inner.place())?
            else {
                self.alone = None;
                continue;
            };
            if let Some((start, len)) = self.count_in(part.rows) {
                return Ok(Some((len, self.inner.project(&part, start, len))));
            }
        }
    }

    /// Of `rows` rows that come next, which count: where they begin and how many they are.
    fn count_in(&mut self, rows: usize) -> Option<(usize, usize)> {
        let skipped = self.skip.min(rows as u64);
        self.skip -= skipped;
        let len = (rows as u64 - skipped).min(self.left);
        self.left -= len;
        (len > 0).then_some((skipped as usize, len as usize))
    }

    /// Merges one stretch of rows; `false` if no merge is under way and none begins here.
    fn merge_some(&mut self) -> Result<bool> {
        let Some(bound) = self.open_due()? else { return Ok(false) };
        let room = self.rows.saturating_sub(self.out_rows).max(1);
        let most = match (self.merge.peek(), bound) {
            (None, _) => return Ok(true),
            (Some((part, row)), Some(bound)) => part.first_at(row, bound) - row,
            (Some((part, row)), None) => part.rows - row,
        };
        let Some(stretch) = self.merge.next(most.min(room)) else { return Ok(true) };
        if let Some((skipped, len)) = self.count_in(stretch.len) {
            let part = self.merge.head(stretch.head);
            let piece = self.inner.project(part, stretch.start + skipped, len);
            let types = self.types();
            self.collect(&piece, &types, 0, len);
        }
        if self.merge.is_used_up(stretch.head)
            && let Some(part) = self.open[stretch.head].next(
                MERGE_ROWS,
                &self.inner.wanted,
                true,
                &self.inner.place(),
            )?
        {
            self.merge.refill(stretch.head, part);
        }
        Ok(true)
    }

    /// Lets all runs into the merge whose time has come. `None` if there is nothing to merge;
    /// else the time at which the next run is due.
    fn open_due(&mut self) -> Result<Option<Option<i64>>> {
        loop {
            let due = self.pending.front().map(|source| (source.min_ts, source.overlaps));
            let now = self.merge.peek().map(|(part, row)| part.ts.as_ref().map_or(0, |ts| ts[row]));
            let enter = match (due, now) {
                (None, None) => return Ok(None),
                (None, Some(_)) => return Ok(Some(None)),
                (Some((_, overlaps)), None) if !overlaps => return Ok(None),
                (Some(_), None) => true,
                (Some((min_ts, _)), Some(now)) if min_ts > now => return Ok(Some(Some(min_ts))),
                (Some(_), Some(_)) => true,
            };
            if enter && let Some(mut source) = self.pending.pop_front() {
                if self.merge.peek().is_none() {
                    self.merge = Merge::new(Vec::new());
                    self.open.clear();
                }
                let place = self.inner.place();
                if let Some(part) = source.next(MERGE_ROWS, &self.inner.wanted, true, &place)? {
                    self.merge.add(part);
                    self.open.push(source);
                }
            }
        }
    }

    fn collect(&mut self, columns: &[Column], types: &[DataType], start: usize, len: usize) {
        if self.out.is_empty() {
            self.out =
                types.iter().map(|ty| ColumnBuilder::new(*ty, self.rows.min(65_536))).collect();
        }
        for (out, column) in self.out.iter_mut().zip(columns) {
            out.extend(column, start, len);
        }
        self.out_rows += len;
    }
}

impl Inner {
    /// The columns of the result for `len` rows of a part.
    fn project(&self, part: &Part, start: usize, len: usize) -> Vec<Column> {
        let column = |place: &Option<usize>| match place {
            Some(place) => part.columns[*place].slice(self.wanted.columns[*place].ty, start, len),
            None => {
                let ts = part.ts.as_ref().map(|ts| ts.slice(start, len).into_inner());
                let none = || arrow_buffer::Buffer::from_vec(Vec::<i64>::new());
                Column { data: Data::Fixed(ts.unwrap_or_else(none)), validity: None }
            }
        };
        self.places.iter().map(column).collect()
    }
}

impl Iterator for Batches {
    type Item = Result<Vec<Column>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.inner.core.check_open().and_then(|()| self.advance());
        self.failed = next.is_err();
        next.transpose()
    }
}
