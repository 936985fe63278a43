//! A stretch of a sorted run as it was decoded, and what is wanted of it.

use std::cmp::Ordering;

use arrow_buffer::{Buffer, ScalarBuffer};

use crate::base::batch::{Column, Data};
use crate::base::builder::take;
use crate::base::schema::ColumnDef;
use crate::db::pick::Picker;
use crate::db::tally::{Counting, count};
use crate::format::key::KeyColumns;
use crate::index::merge::Head;

/// Which columns a scan reads, the key among them, and which rows.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The columns: those of the result, behind them those of the key and of the filter if they
    /// are not among these.
    pub(crate) columns: Vec<ColumnDef>,
    /// Positions of the same among the table's columns.
    pub(crate) positions: Vec<usize>,
    /// The table's key among `columns`.
    pub(crate) key: KeyColumns,
    /// How many of them the result has, and how many it and the key have.
    pub(crate) shown: usize,
    pub(crate) keyed: usize,
    /// Rows that it does not keep are left out.
    pub(crate) picker: Option<Picker>,
    pub(crate) tally: Counting,
}

impl Wanted {
    /// The key's columns and nothing else, of all rows.
    pub(crate) fn key_alone(&self) -> Self {
        let places: Vec<usize> = self.key.positions().collect();
        Self {
            columns: places.iter().map(|&place| self.columns[place].clone()).collect(),
            positions: places.iter().map(|&place| self.positions[place]).collect(),
            key: self.key.among(&places),
            shown: places.len(),
            keyed: places.len(),
            picker: None,
            tally: self.tally.clone(),
        }
    }

    /// The same of all rows: for a merge in which a row that the filter does not keep may take the
    /// place of one that it would.
    pub(crate) fn unfiltered(&self) -> Self {
        Self { keyed: self.columns.len(), picker: None, ..self.clone() }
    }

    /// The rows of a part, with all columns, that the filter keeps; `None` if that is all of them.
    pub(crate) fn picked(&self, part: &Part) -> Option<Vec<u32>> {
        let column = |def: Option<&ColumnDef>| match def {
            None => {
                let ts = part.ts.as_ref().map(|ts| ts.inner().clone());
                let data = Data::Fixed(ts.unwrap_or_else(|| Buffer::from_vec(Vec::<i64>::new())));
                Column { data, validity: None }
            }
            Some(def) => {
                let place = self.columns.iter().position(|known| known.id == def.id);
                let column = place.and_then(|place| part.columns.get(place));
                column.cloned().unwrap_or_else(|| Column::nulls(def.ty, part.rows))
            }
        };
        self.picker.as_ref()?.of_memory(part.rows, column)
    }
}

/// What of a stretch is decoded besides the wanted columns. A merge needs both.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Besides {
    pub(crate) ts: bool,
    pub(crate) seq: bool,
}

/// A stretch of a sorted run, decoded.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) rows: usize,
    /// Empty if neither the result nor a merge needs times.
    pub(crate) ts: Option<ScalarBuffer<i64>>,
    /// Only where a merge or the result needs them.
    pub(crate) seq: Option<ScalarBuffer<u64>>,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: KeyColumns,
    /// The rows descend: the last one of the run comes first.
    pub(crate) reverse: bool,
    /// Those of its rows that are given once a merge has told which rows stay; `None` for all.
    pub(crate) kept: Option<Vec<u32>>,
}

impl Part {
    /// How the time of a row stands to those of others: it never descends.
    pub(crate) fn when(&self, row: usize) -> i64 {
        order_of(self.ts.as_ref().map_or(0, |ts| ts[row]), self.reverse)
    }

    /// The same rows, the last one first.
    pub(crate) fn reversed(&self, wanted: &Wanted) -> Self {
        let rows: Vec<u32> = (0..self.rows as u32).rev().collect();
        Self { reverse: true, ..self.take(&rows, wanted) }
    }

    /// Its rows at `rows` alone.
    pub(crate) fn take(&self, rows: &[u32], wanted: &Wanted) -> Self {
        let pick = |row: &u32| *row as usize;
        let columns = self.columns.iter().zip(&wanted.columns);
        let part = Self {
            rows: rows.len(),
            ts: self.ts.as_ref().map(|ts| rows.iter().map(|row| ts[pick(row)]).collect()),
            seq: self.seq.as_ref().map(|seq| rows.iter().map(|row| seq[pick(row)]).collect()),
            columns: columns.map(|(column, def)| take(column, def.ty, rows)).collect(),
            key: self.key.clone(),
            reverse: self.reverse,
            kept: None,
        };
        count(&wanted.tally, |tally| tally.bytes_copied.add(part.bytes(wanted)));
        part
    }

    /// Of so many rows from `start` on those that are given; `None` for all.
    pub(crate) fn kept_of(&self, start: usize, len: usize) -> Option<&[u32]> {
        let kept = self.kept.as_ref()?;
        let place = |row: usize| kept.partition_point(|kept| (*kept as usize) < row);
        Some(&kept[place(start)..place(start + len)])
    }

    /// Bytes of its values.
    pub(crate) fn bytes(&self, wanted: &Wanted) -> usize {
        let columns = self.columns.iter().zip(&wanted.columns);
        let besides = usize::from(self.ts.is_some()) + usize::from(self.seq.is_some());
        columns.map(|(column, def)| column.byte_size(def.ty)).sum::<usize>()
            + besides * 8 * self.rows
    }

    /// The first row before `to`, or that, whose time comes at or past `when`; from row `from` on.
    pub(crate) fn first_at(&self, from: usize, to: usize, when: i64) -> usize {
        let times = self.times(from, to.min(self.rows) - from);
        let is_before = |t: &i64| order_of(*t, self.reverse) < when;
        // Most often all of them.
        match times.last().is_some_and(is_before) {
            true => from + times.len(),
            false => from + times.partition_point(is_before),
        }
    }

    /// Bytes of text of `len` rows from `start` on.
    pub(crate) fn text_bytes(&self, start: usize, len: usize, wanted: &Wanted) -> usize {
        let columns = self.columns.iter().zip(&wanted.columns);
        let texts = columns.filter(|(_, def)| def.ty.is_bytes());
        texts.map(|(column, _)| column.text_bytes(start, len)).sum()
    }

    /// The times of `len` rows from `start` on; none where they were not asked for.
    pub(crate) fn times(&self, start: usize, len: usize) -> &[i64] {
        self.ts.as_ref().map_or(&[], |ts| &ts[start..start + len])
    }

    /// Their row numbers, likewise.
    pub(crate) fn numbers(&self, start: usize, len: usize) -> &[u64] {
        self.seq.as_ref().map_or(&[], |seq| &seq[start..start + len])
    }
}

impl Head for Part {
    fn rows(&self) -> usize {
        self.rows
    }

    fn rank(&self, row: usize) -> i64 {
        self.when(row)
    }

    fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let seq = |part: &Self, row: usize| part.seq.as_ref().map_or(0, |seq| seq[row]);
        let by_key = self.key.compare(&self.columns, row, &other.columns, other_row);
        let order = by_key.then_with(|| seq(self, row).cmp(&seq(other, other_row)));
        if self.reverse { order.reverse() } else { order }
    }

    fn same(&self, row: usize, other: &Self, other_row: usize) -> bool {
        self.when(row) == other.when(other_row)
            && self.key.compare(&self.columns, row, &other.columns, other_row).is_eq()
    }
}

/// A time as a number that ascends in the order of reading: backwards, the latest is the least.
fn order_of(ts: i64, reverse: bool) -> i64 {
    if reverse { !ts } else { ts }
}
