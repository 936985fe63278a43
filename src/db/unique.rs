//! Tables where a second row of the same time and key is an error: whether rows may be appended.
//!
//! Rows whose times are above all there are need no look. Of others, the memtable is asked by
//! [`Recent`](crate::db::recent::Recent), and segments by a scan of the few rows around their times,
//! which applies deletes as any scan does. A batch is looked at twice: first without a lock, against
//! what is in segments; then, with the writer's lock held until it is written, against the memtable
//! and the segments that have come since. So nothing can come between the look and the write.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::base::batch::{Batch, Column};
use crate::base::builder::concat;
use crate::base::schema::{DataType, OnConflict, TableSpec};
use crate::base::value::Value;
use crate::db::batches::TableBatches;
use crate::db::catalog::TableView;
use crate::db::core::Core;
use crate::db::deletes::{key_columns, memtable_rows};
use crate::db::plan::{Key, Plan, ScanSpec};
use crate::db::segment_list::SegmentList;
use crate::db::sorted::sort;
use crate::db::write_table::WriteTable;
use crate::error::{Error, ErrorKind, Result};
use crate::format::footer::MAX_SEGMENT_ROWS;
use crate::format::key::{KeyColumns, KeyValue};
use crate::format::rows::{RowNumbers, SortedRows};
use crate::format::spec::TableDef;

/// Rows of a segment that are read rather than to look for the next place: of one in the order of
/// time, and of one in the order of keys, in which a stretch of time is nowhere together.
const READ_ON: [usize; 2] = [16_384, MAX_SEGMENT_ROWS];
/// Rows read at a time.
const PIECE_ROWS: usize = 65_536;

/// Rows that are to be appended, with nothing but their times and keys: sorted, and numbered by
/// where they stand in the batch.
pub(crate) struct Newcomers {
    rows: SortedRows,
    /// The key among their columns.
    key: KeyColumns,
    /// The table whose segments have none of them.
    seen: Option<Arc<TableView>>,
    /// It is one row, not one of a batch.
    single: bool,
}

impl Core {
    /// The first look at a batch, without a lock; `None` if the table has another rule.
    ///
    /// # Errors
    /// `Conflict` if it has a row twice, or the table's segments have one of its rows.
    pub(crate) fn newcomers(&self, def: &TableDef, batches: &[Batch]) -> Result<Option<Newcomers>> {
        let spec = &def.spec;
        if spec.on_conflict != OnConflict::Error {
            return Ok(None);
        }
        let mut new = Newcomers::of(spec, batches)?;
        let (rows, key) = (&new.rows, &new.key);
        let same = |row: &usize| {
            rows.ts[*row] == rows.ts[row + 1]
                && key.compare(&rows.columns, *row, &rows.columns, row + 1).is_eq()
        };
        if let Some(row) = (0..rows.rows().saturating_sub(1)).find(same) {
            return Err(new.twice(spec, row));
        }
        let (view, _) = self.snapshot();
        let table = view.table(def.id).ok_or_else(|| self.no_table(def.id))?;
        if let Some(row) = self.find_in_segments(table, &new)? {
            return Err(new.taken(spec, row));
        }
        new.seen = Some(Arc::clone(table));
        Ok(Some(new))
    }

    /// The second look, with the writer's lock held, just before the rows are written.
    pub(crate) fn check_newcomers(&self, table: &mut WriteTable, new: &Newcomers) -> Result<()> {
        let rows = &new.rows;
        if rows.rows() == 0 || table.is_newer(rows.ts[0]) {
            return Ok(());
        }
        let (view, _) = self.snapshot();
        let Some(now) = view.table(table.def.id) else { return Err(self.no_table(table.def.id)) };
        let found = match new.find_in_memtable(now, table) {
            None => self.find_in_segments(&new.without_seen(now), new)?,
            found => found,
        };
        found.map_or(Ok(()), |row| Err(new.taken(&now.def.spec, row)))
    }

    /// Both looks at one row, with the writer's lock held.
    #[inline]
    pub(crate) fn check_row(
        &self,
        table: &mut WriteTable,
        ts: i64,
        values: &[Value<'_>],
    ) -> Result<()> {
        match table.def.spec.on_conflict == OnConflict::Error && !table.is_newer(ts) {
            true => self.check_late_row(table, ts, values),
            false => Ok(()),
        }
    }

    #[cold]
    fn check_late_row(&self, table: &mut WriteTable, ts: i64, values: &[Value<'_>]) -> Result<()> {
        let new = Newcomers::single(&table.def.spec, ts, values)?;
        self.check_newcomers(table, &new)
    }

    /// The first of the rows, in their order, that a segment of the table has and nothing hides.
    fn find_in_segments(&self, table: &Arc<TableView>, new: &Newcomers) -> Result<Option<usize>> {
        let ends = table.segments.min_ts().zip(table.segments.max_ts());
        let Some((oldest, newest)) = ends.filter(|(_, newest)| new.rows.ts[0] <= *newest) else {
            return Ok(None);
        };
        let spec = &table.def.spec;
        let columns = spec.key.iter().map(|&position| spec.columns[position].name.clone());
        let of_one = new.one_key().map(Key);
        let read_on = READ_ON[usize::from(!spec.key.is_empty() && of_one.is_none())];
        let wanted =
            ScanSpec { columns: Some(columns.collect()), key: of_one, ..ScanSpec::default() };
        let segments = TableView { chunks: Vec::new(), ..(**table).clone() };
        let plan = Plan::new(Arc::new(segments), u64::MAX, self.arc()?, &wanted)?;
        let span = (i128::from(newest) - i128::from(oldest) + 1) as f64;
        let gap = read_on as f64 * span / table.segments.rows().max(1) as f64;
        let (mut row, ts) = (0, &new.rows.ts);
        while row < ts.len() && ts[row] <= newest {
            // Rows so near to each other that reading on costs no more than looking anew.
            let far = |pair: &[i64]| pair[1].abs_diff(pair[0]) as f64 > gap;
            let end = ts[row..].windows(2).position(far).map_or(ts.len(), |at| row + at + 1);
            let (first, last) = (ts[row], ts[end - 1]);
            if table.segments.any(first, last, |_| true) {
                let plan = plan.between(first, last.checked_add(1));
                let found = new.find_among(row, TableBatches::new(Arc::new(plan), PIECE_ROWS)?)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            row = end;
        }
        Ok(None)
    }
}

impl Newcomers {
    fn of(spec: &TableSpec, batches: &[Batch]) -> Result<Self> {
        let key = KeyColumns::of(spec);
        let positions: Vec<usize> = key.positions().collect();
        let types: Vec<DataType> = positions.iter().map(|&p| spec.columns[p].ty).collect();
        let column = |(&position, &ty): (&usize, &DataType)| {
            let pieces: Vec<Column> = batches.iter().map(|b| b.columns[position].clone()).collect();
            concat(ty, &pieces)
        };
        let columns = positions.iter().zip(&types).map(column).collect::<Result<_>>()?;
        let ts: ScalarBuffer<i64> = match batches {
            [one] => one.ts.clone(),
            many => many.iter().flat_map(|batch| batch.ts.iter().copied()).collect(),
        };
        let (key, rows) =
            (key.among(&positions), SortedRows { ts, seq: RowNumbers::Run(0), columns });
        let rows = sort(rows, &types, &key, OnConflict::All);
        Ok(Self { rows, key, seen: None, single: false })
    }

    fn single(spec: &TableSpec, ts: i64, values: &[Value<'_>]) -> Result<Self> {
        let key = KeyColumns::of(spec);
        let positions: Vec<usize> = key.positions().collect();
        let given: Vec<Value<'_>> = positions.iter().map(|&p| values[p]).collect();
        let mut bytes = Vec::new();
        key.encode_values(&given, &mut bytes);
        let value = key.decode(&bytes).map_err(|_| Error::invalid("a key that has no order"))?;
        let columns = value.into_columns();
        let rows = SortedRows { ts: vec![ts].into(), seq: RowNumbers::Run(0), columns };
        Ok(Self { rows, key: key.among(&positions), seen: None, single: true })
    }

    /// The key that all rows have, if it is one.
    fn one_key(&self) -> Option<Vec<u8>> {
        let columns = &self.rows.columns;
        let same = |row| self.key.compare(columns, 0, columns, row).is_eq();
        let one = !self.key.is_empty() && (1..self.rows.rows()).all(same);
        one.then(|| self.key_of(0))
    }

    fn key_of(&self, row: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.key.encode(&self.rows.columns, row, &mut bytes);
        bytes
    }

    /// The table with the segments alone that have come since the first look.
    fn without_seen(&self, now: &Arc<TableView>) -> Arc<TableView> {
        let Some(seen) = &self.seen else { return Arc::clone(now) };
        let (first, last) = (self.rows.ts[0], self.rows.ts[self.rows.rows() - 1]);
        let mut segments = SegmentList::default();
        for segment in now.segments.overlapping(first, last.checked_add(1)) {
            if !seen.segments.has(segment.entry.min_ts, segment.entry.id) {
                segments.insert(segment);
            }
        }
        Arc::new(TableView { segments, ..(**now).clone() })
    }

    /// The first row, from row `from` on, that is among those that a scan gives.
    fn find_among(&self, from: usize, scan: TableBatches) -> Result<Option<usize>> {
        let (rows, mut row) = (&self.rows, from);
        for piece in scan {
            let piece = piece?;
            let (Some(times), Some(keys)) = (piece.first(), piece.get(1..)) else { continue };
            let (ts, mut at) = (times.values::<i64>(), 0);
            while at < ts.len() {
                if row == rows.rows() {
                    return Ok(None);
                }
                let order = rows.ts[row].cmp(&ts[at]);
                match order.then_with(|| self.key.compare(&rows.columns, row, keys, at)) {
                    std::cmp::Ordering::Equal => return Ok(Some(row)),
                    std::cmp::Ordering::Less => row += 1,
                    std::cmp::Ordering::Greater if order.is_eq() => at += 1,
                    std::cmp::Ordering::Greater => {
                        at += ts[at..].partition_point(|there| *there < rows.ts[row]);
                    }
                }
            }
        }
        Ok(None)
    }

    /// A row that the memtable has and nothing hides. Few rows are looked for there; of many, those
    /// that are there are looked for among them.
    fn find_in_memtable(&self, now: &TableView, table: &mut WriteTable) -> Option<usize> {
        let late = self.rows.ts.partition_point(|ts| !table.is_newer(*ts));
        let there = now.memtable_rows(u64::MAX);
        if there == 0 {
            return None;
        }
        if late as u64 > there / 4 {
            return self.find_memtable_among(now);
        }
        table.recent.refresh(now);
        for row in 0..late {
            let (ts, key) = (self.rows.ts[row], self.key_of(row));
            let Some(seq) = table.recent.find(ts, &key) else { continue };
            let of_key = |value: &KeyValue| value.bytes() == key;
            let mut later = now.deletes.touching(ts, ts).filter(|delete| delete.seq > seq);
            if !later.any(|delete| delete.key.as_deref().is_none_or(of_key)) {
                return Some(row);
            }
        }
        None
    }

    fn find_memtable_among(&self, now: &TableView) -> Option<usize> {
        let rows = &self.rows;
        let (first, last) = (rows.ts[0], rows.ts[rows.rows() - 1]);
        let key = KeyColumns::of(&now.def.spec);
        let positions: Vec<usize> = key.positions().collect();
        for (chunk, range) in memtable_rows(now, u64::MAX, first, last.checked_add(1)) {
            let keys = key_columns(&chunk, now, range.clone(), &positions);
            for (at, ts) in chunk.ts(range.end)[range].iter().enumerate() {
                let mut row = rows.ts.partition_point(|new| new < ts);
                while row < rows.rows() && rows.ts[row] == *ts {
                    match self.key.compare(&rows.columns, row, &keys, at) {
                        std::cmp::Ordering::Equal => return Some(row),
                        std::cmp::Ordering::Less => row += 1,
                        std::cmp::Ordering::Greater => break,
                    }
                }
            }
        }
        None
    }

    #[cold]
    fn twice(&self, spec: &TableSpec, row: usize) -> Error {
        let (first, second) = (self.rows.seq.get(row), self.rows.seq.get(row + 1));
        let what = format!("{} is in row {first} already", self.tell(spec, row));
        conflict(spec, Some(second), &what)
    }

    #[cold]
    fn taken(&self, spec: &TableSpec, row: usize) -> Error {
        let what = format!("{} is there already", self.tell(spec, row));
        conflict(spec, (!self.single).then(|| self.rows.seq.get(row)), &what)
    }

    /// The time and key of a row, in words.
    fn tell(&self, spec: &TableSpec, row: usize) -> String {
        let mut told = format!("{} {}", self.rows.ts[row], spec.unit);
        for (column, &position) in self.rows.columns.iter().zip(&spec.key) {
            told += &format!(", {}", shown(column, spec.columns[position].ty, row));
        }
        told
    }
}

fn shown(column: &Column, ty: DataType, row: usize) -> String {
    match column.value(ty, row) {
        Value::Null => "null".into(),
        Value::Bool(bit) => bit.to_string(),
        Value::Int(int) => int.to_string(),
        Value::UInt(int) => int.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Str(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
    }
}

#[cold]
fn conflict(spec: &TableSpec, row: Option<u64>, what: &str) -> Error {
    let names = spec.key.iter().map(|&position| &spec.columns[position].name);
    let names: Vec<_> =
        std::iter::once(&spec.time_column).chain(names).map(|name| format!("{name:?}")).collect();
    let columns = if names.len() == 1 { "column" } else { "columns" };
    let row = row.map_or(String::new(), |row| format!(", row {row}"));
    let message = format!(
        "{columns} {}{row}: {what}, and on_conflict is \"error\"; nothing was appended",
        names.join(", ")
    );
    Error::new(ErrorKind::Conflict, message)
}
