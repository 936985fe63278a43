//! A scan made up: which rows of which runs, which columns. `scan` makes it, `batches` follows it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::batch::{Column, Data};
use crate::base::schema::{ColumnDef, DataType};
use crate::base::time::TimeUnit;
use crate::db::catalog::TableView;
use crate::db::core::Core;
use crate::db::segment::{Place, Segment};
use crate::db::sorted::{Pieces, sort_pieces};
use crate::db::source::{Part, Source, Wanted};
use crate::error::{Error, Result};
use crate::format::key::KeyColumns;

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

    /// The type of its values in a [`Column`].
    pub fn stored(&self) -> DataType {
        match self {
            Self::Time { .. } => DataType::I64,
            Self::Value(def) => def.ty,
        }
    }
}

/// Rows and columns to read, and the moment as of which.
#[derive(Debug)]
pub(crate) struct Plan {
    table: Arc<TableView>,
    visible: u64,
    pub(crate) core: Arc<Core>,
    start: i64,
    end: Option<i64>,
    /// Rows to leave out at the front, and rows to give then.
    pub(crate) skip: u64,
    pub(crate) limit: u64,
    pub(crate) columns: Vec<ScanColumn>,
    pub(crate) wanted: Wanted,
    /// Where in `wanted` each column of the result is; `None` is the time.
    pub(crate) places: Vec<Option<usize>>,
}

impl Plan {
    pub(crate) fn new(
        table: Arc<TableView>,
        visible: u64,
        core: Arc<Core>,
        spec: &ScanSpec,
    ) -> Result<Self> {
        let columns = result_columns(&table, spec.columns.as_deref())?;
        let (wanted, places) = wanted_columns(&table, &columns);
        Ok(Self {
            table,
            visible,
            core,
            start: spec.start.unwrap_or(i64::MIN),
            end: spec.end,
            skip: 0,
            limit: spec.limit.unwrap_or(u64::MAX),
            columns,
            wanted,
            places,
        })
    }

    /// The same plan from `start` on, without the first `skip` rows of it.
    pub(crate) fn starting(self, start: i64, skip: u64) -> Self {
        Self { start, skip, ..self }
    }

    /// The same rows, with these columns of the table.
    pub(crate) fn reading(&self, columns: Vec<ScanColumn>) -> Self {
        let (wanted, places) = wanted_columns(&self.table, &columns);
        let (table, core) = (Arc::clone(&self.table), Arc::clone(&self.core));
        let Self { visible, start, end, skip, limit, .. } = *self;
        Self { table, visible, core, start, end, skip, limit, columns, wanted, places }
    }

    /// How many rows the result has.
    pub(crate) fn result_rows(&self) -> Result<u64> {
        Ok(self.count(self.start)?.saturating_sub(self.skip).min(self.limit))
    }

    pub(crate) fn place(&self) -> Place<'_> {
        self.core.place()
    }

    /// Rows from `start` to the end.
    pub(crate) fn count(&self, start: i64) -> Result<u64> {
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
    pub(crate) fn sources(&self) -> VecDeque<Source> {
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

impl Plan {
    /// The columns of the result for `len` rows of a part.
    pub(crate) fn project(&self, part: &Part, start: usize, len: usize) -> Vec<Column> {
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
