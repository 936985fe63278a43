//! Segments in key order: the rows of each key together, by time. One key's rows are a stretch of
//! the segment, which is all that is decoded for them; rows of all keys are put into the order of
//! time when they are read.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use crate::base::batch::Column;
use crate::base::builder::{gather, take};
use crate::base::hash::Seeded;
use crate::base::schema::DataType;
use crate::codec::VECTOR_ROWS;
use crate::db::decode::Mapped;
use crate::db::run_part::Wanted;
use crate::db::source::read_wanted;
use crate::db::tally::count;
use crate::format::Malformed;
use crate::format::footer::TIME_ID;
use crate::format::gather::Rows;
use crate::format::key::{KeyColumns, KeyValue};
use crate::format::rows::{RowNumbers, SortedRows};
use crate::format::segment::read_ts;
use crate::format::stats::{Lane, decode_vectors};
use crate::index::Cover;

/// A mapped segment in key order.
pub(crate) struct Clustered<'a> {
    pub(crate) mapped: Mapped<'a>,
    pub(crate) landmarks: &'a Landmarks,
}

/// What is known of a segment in key order once it was looked into, so that the next look is short.
#[derive(Debug, Default)]
pub(crate) struct Landmarks {
    /// Least and greatest time of each vector.
    times: OnceLock<Vec<(i64, i64)>>,
    /// The key of each block's first row, and of each vector's in the blocks that were looked into.
    blocks: OnceLock<Vec<Vec<u8>>>,
    vectors: OnceLock<Vec<OnceLock<Vec<Vec<u8>>>>>,
}

impl Clustered<'_> {
    /// The rows with times in `[start, end)`, of one key if there is one, that the filter keeps,
    /// without what stands in holes, in the order of time.
    pub(crate) fn read(
        &self,
        wanted: &Wanted,
        (start, end): (i64, Option<i64>),
        key: Option<&KeyValue>,
        holes: &Cover,
    ) -> Result<SortedRows, Malformed> {
        let (segment, tally) = (self.mapped, &wanted.tally);
        let rows = match key {
            Some(key) => self.rows_of(wanted, key)?,
            None => 0..segment.footer.rows as usize,
        };
        let rows = self.stretches(rows, start, end)?;
        let rows = match &wanted.picker {
            Some(picker) => picker.rows(segment, &rows, tally)?,
            None => Rows::of_ranges(segment.footer, &rows),
        };
        let mut near = 0;
        let mut inside =
            |ts: i64| ts >= start && end.is_none_or(|end| ts < end) && holes.at(ts, &mut near) == 0;
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
        // One after the other, so that no more than one stands there twice.
        let columns = columns.into_iter().zip(&wanted.columns);
        let columns: Vec<Column> =
            columns.map(|(column, def)| take(&column, def.ty, &order)).collect();
        count(tally, |tally| {
            let sizes = columns.iter().zip(&wanted.columns).map(|(c, def)| c.byte_size(def.ty));
            tally.bytes_copied.add(sizes.sum());
        });
        Ok(SortedRows {
            ts: gather(&ts, &order).into(),
            seq: RowNumbers::Each(gather(&seq, &order).into()),
            columns,
        })
    }

    /// The `n` greatest times before `end`, or some more; of one key, if there is one.
    pub(crate) fn last_times(
        &self,
        n: usize,
        end: Option<i64>,
        key: Option<(&KeyValue, &Wanted)>,
    ) -> Result<Vec<i64>, Malformed> {
        let rows = match key {
            Some((key, wanted)) => self.rows_of(wanted, key)?,
            None => 0..self.mapped.footer.rows as usize,
        };
        let bounds = self.times()?;
        let mut vectors: Vec<_> = self.stretches_of_vectors(rows, i64::MIN, end)?.collect();
        vectors.sort_unstable_by_key(|(vector, _)| std::cmp::Reverse(bounds[*vector].1));
        let mut found: Vec<i64> = Vec::new();
        for (vector, rows) in vectors {
            // All that the others hold is older than the n-th of those found so far.
            if found.len() >= n {
                found.sort_unstable_by(|a, b| b.cmp(a));
                found.truncate(n);
                if found.last().is_none_or(|least| bounds[vector].1 <= *least) {
                    break;
                }
            }
            let times = read_ts(self.mapped.footer, self.mapped.extent, rows)?;
            found.extend(times.iter().copied().filter(|&ts| end.is_none_or(|end| ts < end)));
        }
        Ok(found)
    }

    /// The stretches of `rows` that may have times in `[start, end)`.
    fn stretches(
        &self,
        rows: Range<usize>,
        start: i64,
        end: Option<i64>,
    ) -> Result<Vec<Range<usize>>, Malformed> {
        let mut all: Vec<Range<usize>> = Vec::new();
        for (_, rows) in self.stretches_of_vectors(rows, start, end)? {
            match all.last_mut() {
                Some(last) if last.end == rows.start => last.end = rows.end,
                _ => all.push(rows),
            }
        }
        Ok(all)
    }

    /// Those of each vector, and its number.
    fn stretches_of_vectors(
        &self,
        rows: Range<usize>,
        start: i64,
        end: Option<i64>,
    ) -> Result<impl Iterator<Item = (usize, Range<usize>)> + use<'_>, Malformed> {
        let bounds = self.times()?;
        let vectors = rows.start / VECTOR_ROWS..rows.end.div_ceil(VECTOR_ROWS);
        let near = move |&vector: &usize| {
            let (min, max) = bounds[vector];
            max >= start && end.is_none_or(|end| min < end)
        };
        Ok(vectors.filter(near).map(move |vector| {
            let (from, to) = (vector * VECTOR_ROWS, (vector + 1) * VECTOR_ROWS);
            (vector, from.max(rows.start)..to.min(rows.end))
        }))
    }

    /// Least and greatest time of each vector.
    fn times(&self) -> Result<&[(i64, i64)], Malformed> {
        let known = &self.landmarks.times;
        if let Some(times) = known.get() {
            return Ok(times);
        }
        let entry = self.mapped.entry;
        let count = (self.mapped.footer.rows as usize).div_ceil(VECTOR_ROWS);
        let times = match self.mapped.footer.column(TIME_ID).and_then(|c| c.vectors.as_ref()) {
            Some(bytes) => {
                let vectors = decode_vectors(Lane::Signed, count, bytes)?;
                vectors.iter().map(|vector| (vector.min as i64, vector.max as i64)).collect()
            }
            None => vec![(entry.min_ts, entry.max_ts); count],
        };
        Ok(known.get_or_init(|| times))
    }

    /// The rows of a key, found by halving.
    fn rows_of(&self, wanted: &Wanted, key: &KeyValue) -> Result<Range<usize>, Malformed> {
        let wanted = wanted.key_alone();
        let from = self.first_row(&wanted, Ordering::is_lt, key)?;
        Ok(from..self.first_row(&wanted, Ordering::is_le, key)?.max(from))
    }

    /// The first row whose key does not stand before `key`, as `before` says: in the last vector
    /// that begins before it, or behind that one.
    fn first_row(
        &self,
        wanted: &Wanted,
        before: impl Fn(Ordering) -> bool,
        key: &KeyValue,
    ) -> Result<usize, Malformed> {
        let later = |firsts: &[Vec<u8>]| {
            firsts.partition_point(|first| before(first.as_slice().cmp(key.bytes())))
        };
        let Some(block) = later(self.first_keys(wanted)?).checked_sub(1) else { return Ok(0) };
        let Some(vector) = later(self.first_keys_in(wanted, block)?).checked_sub(1) else {
            return Ok(block * self.mapped.footer.block_rows());
        };
        let from = block * self.mapped.footer.block_rows() + vector * VECTOR_ROWS;
        let to = (from + VECTOR_ROWS).min(self.mapped.footer.rows as usize);
        let keys = read_wanted(self.mapped.footer, self.mapped.extent, wanted, from..to)?;
        let is_before = |row: usize| before(wanted.key.compare_with(&keys, row, key));
        let (mut low, mut high) = (0, to - from);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(middle) { low = middle + 1 } else { high = middle }
        }
        Ok(from + low)
    }

    /// The keys of the blocks' first rows.
    fn first_keys(&self, wanted: &Wanted) -> Result<&[Vec<u8>], Malformed> {
        let known = &self.landmarks.blocks;
        if known.get().is_none() {
            let rows =
                (0..self.mapped.footer.rows as usize).step_by(self.mapped.footer.block_rows());
            let keys = self.keys_at(wanted, rows)?;
            return Ok(known.get_or_init(|| keys));
        }
        Ok(known.get().map_or(&[], Vec::as_slice))
    }

    /// The keys of the first rows of a block's vectors.
    fn first_keys_in(&self, wanted: &Wanted, block: usize) -> Result<&[Vec<u8>], Malformed> {
        let blocks = self
            .landmarks
            .vectors
            .get_or_init(|| (0..self.mapped.footer.blocks()).map(|_| OnceLock::new()).collect());
        let Some(known) = blocks.get(block) else { return Ok(&[]) };
        if known.get().is_none() {
            let first = block * self.mapped.footer.block_rows();
            let rows = (first..first + self.mapped.footer.rows_of(block)).step_by(VECTOR_ROWS);
            let keys = self.keys_at(wanted, rows)?;
            return Ok(known.get_or_init(|| keys));
        }
        Ok(known.get().map_or(&[], Vec::as_slice))
    }

    fn keys_at(
        &self,
        wanted: &Wanted,
        rows: impl Iterator<Item = usize>,
    ) -> Result<Vec<Vec<u8>>, Malformed> {
        let key = |row: usize| {
            let columns =
                read_wanted(self.mapped.footer, self.mapped.extent, wanted, row..row + 1)?;
            let mut bytes = Vec::new();
            wanted.key.encode(&columns, 0, &mut bytes);
            Ok(bytes)
        };
        rows.map(key).collect()
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
        ts: gather(&rows.ts, &order).into(),
        seq: rows.seq.take(&order),
        columns: columns.map(|(column, ty)| take(column, *ty, &order)).collect(),
    }
}

/// The keys of rows: a number for each row, and the rank of each number among the sorted keys.
struct KeyIds {
    of_rows: Vec<u32>,
    ranks: Vec<u32>,
    keys: HashMap<Vec<u8>, u32, Seeded>,
}

fn key_ids(rows: &SortedRows, key: &KeyColumns) -> KeyIds {
    let mut keys: HashMap<Vec<u8>, u32, Seeded> = HashMap::default();
    let mut of_rows: Vec<u32> = Vec::with_capacity(rows.rows());
    // The first row of each key, and which key came after it last time. Sources report in turns, or
    // one does for a while: mostly the next key is that one, and to see so is less than to look it up.
    let (mut first_rows, mut followers): (Vec<usize>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    for row in 0..rows.rows() {
        let last = of_rows.last().map(|&last| last as usize);
        let guess = last.map(|last| followers[last]).filter(|&id| {
            let first_row = first_rows[id as usize];
            key.compare(&rows.columns, first_row, &rows.columns, row).is_eq()
        });
        let id = guess.unwrap_or_else(|| {
            bytes.clear();
            key.encode(&rows.columns, row, &mut bytes);
            keys.get(&bytes).copied().unwrap_or_else(|| {
                let id = keys.len() as u32;
                keys.insert(bytes.clone(), id);
                first_rows.push(row);
                followers.push(id);
                id
            })
        });
        if let Some(last) = last {
            followers[last] = id;
        }
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
