//! Segments in key order: the rows of each key together, by time. One key's rows are a stretch of
//! the segment, which is all that is decoded for them; rows of all keys are put into the order of
//! time when they are read.

use std::collections::HashMap;
use std::ops::Range;

use crate::base::batch::Column;
use crate::base::builder::take;
use crate::base::schema::DataType;
use crate::db::decode::Mapped;
use crate::db::deletes::Delete;
use crate::db::source::Wanted;
use crate::db::tally::count;
use crate::format::Malformed;
use crate::format::gather::Rows;
use crate::format::key::{KeyColumns, KeyValue};
use crate::format::rows::{RowNumbers, SortedRows};
use crate::index::Span;

/// A mapped segment in key order.
pub(crate) struct Clustered<'a>(pub(crate) Mapped<'a>);

impl Clustered<'_> {
    /// The rows with times in `[start, end)`, of one key if there is one, that the filter keeps,
    /// without what the deletes of all keys hide, in the order of time.
    pub(crate) fn read(
        &self,
        wanted: &Wanted,
        (start, end): (i64, Option<i64>),
        key: Option<&KeyValue>,
        deletes: &[Delete],
    ) -> Result<SortedRows, Malformed> {
        let (segment, tally) = (self.0, &wanted.tally);
        let rows = match key {
            Some(key) => self.rows_of(wanted, key)?,
            None => 0..segment.footer.rows as usize,
        };
        let rows = match &wanted.picker {
            Some(picker) => picker.rows(segment, rows, tally)?,
            None => Rows::runs(segment.footer, rows),
        };
        let holes: Vec<&Delete> = deletes.iter().filter(|delete| delete.key.is_none()).collect();
        let inside = |ts: i64| {
            ts >= start
                && end.is_none_or(|end| ts < end)
                && !holes.iter().any(|delete| delete.covers(ts, ts))
        };
        let ts = segment.times(&rows, tally)?;
        let each = rows.iter().flat_map(Rows::each).zip(ts.iter());
        let (kept, ts): (Vec<u32>, Vec<i64>) = each.filter(|(_, ts)| inside(**ts)).unzip();
        let rows = Rows::of(segment.footer, &kept);
        count(tally, |tally| tally.blocks_decoded.add(rows.len()));
        // Rows of equal times come in the order of keys and then of arrival, as they stand.
        let mut order: Vec<u32> = (0..ts.len() as u32).collect();
        order.sort_by_key(|&row| ts[row as usize]);
        let seq = segment.numbers(&rows, tally)?;
        let columns = segment.columns(wanted.columns.iter(), &rows, tally)?;
        let columns = columns.iter().zip(&wanted.columns);
        let columns: Vec<Column> =
            columns.map(|(column, def)| take(column, def.ty, &order)).collect();
        count(tally, |tally| {
            let sizes = columns.iter().zip(&wanted.columns).map(|(c, def)| c.byte_size(def.ty));
            tally.bytes_copied.add(sizes.sum());
        });
        Ok(SortedRows {
            ts: order.iter().map(|&row| ts[row as usize]).collect(),
            seq: RowNumbers::Each(order.iter().map(|&row| seq[row as usize]).collect()),
            columns,
        })
    }

    /// The rows of a key, found by halving.
    fn rows_of(&self, wanted: &Wanted, key: &KeyValue) -> Result<Range<usize>, Malformed> {
        let from = self.first_row(wanted, |order| order.is_lt(), key)?;
        Ok(from..self.first_row(wanted, |order| order.is_le(), key)?.max(from))
    }

    /// The first row whose key does not stand before `key`, as `before` says.
    fn first_row(
        &self,
        wanted: &Wanted,
        before: impl Fn(std::cmp::Ordering) -> bool,
        key: &KeyValue,
    ) -> Result<usize, Malformed> {
        let wanted = wanted.key_alone();
        let (mut low, mut high) = (0, self.0.footer.rows as usize);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = [Rows::Run(middle..middle + 1)];
            let row = self.0.columns(wanted.columns.iter(), &row, &wanted.tally)?;
            if before(wanted.key.compare_with(&row, 0, key)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// Rows in the order of time, put into the order of keys.
pub(crate) fn cluster(rows: &SortedRows, types: &[DataType], key: &KeyColumns) -> SortedRows {
    let ids = key_ids(rows, key);
    let count = ids.keys.len();
    // How many rows come before those of each key: a counting sort keeps the order within a key.
    let mut starts = vec![0u32; count + 1];
    for &id in &ids.of_rows {
        starts[ids.ranks[id as usize] as usize + 1] += 1;
    }
    for rank in 0..count {
        starts[rank + 1] += starts[rank];
    }
    let mut order = vec![0u32; rows.rows()];
    for (row, &id) in ids.of_rows.iter().enumerate() {
        let place = &mut starts[ids.ranks[id as usize] as usize];
        order[*place as usize] = row as u32;
        *place += 1;
    }
    let columns = rows.columns.iter().zip(types);
    SortedRows {
        ts: order.iter().map(|&row| rows.ts[row as usize]).collect(),
        seq: RowNumbers::Each(order.iter().map(|&row| rows.seq.get(row as usize)).collect()),
        columns: columns.map(|(column, ty)| take(column, *ty, &order)).collect(),
    }
}

/// The keys of rows: a number for each row, and the rank of each number among the sorted keys.
struct KeyIds {
    of_rows: Vec<u32>,
    ranks: Vec<u32>,
    keys: HashMap<Vec<u8>, u32>,
}

fn key_ids(rows: &SortedRows, key: &KeyColumns) -> KeyIds {
    let mut keys: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut of_rows = Vec::with_capacity(rows.rows());
    let mut bytes = Vec::new();
    for row in 0..rows.rows() {
        if row > 0 && key.compare(&rows.columns, row - 1, &rows.columns, row).is_eq() {
            of_rows.push(of_rows[row - 1]);
            continue;
        }
        bytes.clear();
        key.encode(&rows.columns, row, &mut bytes);
        let id = match keys.get(&bytes) {
            Some(id) => *id,
            None => {
                let id = keys.len() as u32;
                keys.insert(bytes.clone(), id);
                id
            }
        };
        of_rows.push(id);
    }
    let mut sorted: Vec<_> = keys.iter().collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, id)) in sorted.iter().enumerate() {
        ranks[**id as usize] = rank as u32;
    }
    KeyIds { of_rows, ranks, keys }
}
