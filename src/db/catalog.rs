//! What readers see: an immutable view of all tables, replaced as a whole when it changes.
//!
//! A view holds the tables, their segments and the chunks of their memtables. Rows that are
//! appended to a chunk do not change the view: how far into the chunks a reader may look is told
//! by the highest row number that was published when it began. Segment lists share their leaves
//! with the lists before them, so that a commit costs the same however many segments there are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow_buffer::Buffer;

use crate::base::schema::DataType;
use crate::db::cells::Cells;
use crate::error::{Error, Result};
use crate::format::Malformed;
use crate::format::edit::{Edit, SegmentEntry};
use crate::format::footer::Footer;
use crate::format::segment::read_footer;
use crate::format::spec::{TableDef, TableId};
use crate::index::Chunk;
use crate::store::storage::File;

/// All tables at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    names: Arc<BTreeMap<String, TableId>>,
    tables: Vec<Option<Arc<TableView>>>,
}

/// One table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct TableView {
    pub(crate) def: Arc<TableDef>,
    pub(crate) segments: SegmentList,
    /// Chunks of the memtable in the order they were filled.
    pub(crate) chunks: Vec<Arc<Chunk<Cells>>>,
    /// Rows of records up to this log number stand in segments.
    pub(crate) flushed_lsn: u64,
}

/// Where segments are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a dyn File,
    pub(crate) path: &'a Path,
    pub(crate) salt: u64,
}

/// A segment, and its footer once somebody needed it.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    footer: OnceLock<Arc<Footer>>,
}

impl Segment {
    /// A segment whose footer nobody has needed yet.
    pub(crate) fn new(entry: SegmentEntry) -> Arc<Self> {
        Arc::new(Self { entry, footer: OnceLock::new() })
    }

    /// The footer and the mapped extent.
    pub(crate) fn map(&self, at: &Place<'_>) -> Result<(Arc<Footer>, Buffer)> {
        let (offset, len) = (self.entry.offset, self.entry.len as usize);
        let extent = at.file.map(offset, len).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Error::corruption("the file was cut: a segment is missing").at(at.path, offset)
            }
            _ => Error::from_io("map a segment", at.path, e),
        })?;
        if let Some(footer) = self.footer.get() {
            return Ok((Arc::clone(footer), extent));
        }
        let footer = read_footer(&self.entry, at.salt, &extent);
        let footer = Arc::new(footer.map_err(|bad| self.damage(at.path, bad))?);
        Ok((Arc::clone(self.footer.get_or_init(|| footer)), extent))
    }

    /// What is wrong in the segment, placed in the file.
    #[cold]
    pub(crate) fn damage(&self, path: &Path, bad: Malformed) -> Error {
        let message =
            format!("segment {} of table {}: {}", self.entry.id, self.entry.table, bad.what);
        Error::corruption(message).at(path, self.entry.offset + bad.at as u64)
    }
}

impl View {
    /// Number of the table of that name.
    pub(crate) fn find(&self, name: &str) -> Option<TableId> {
        self.names.get(name).copied()
    }

    /// Names of all tables, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    /// The table of that number.
    pub(crate) fn table(&self, id: TableId) -> Option<&Arc<TableView>> {
        self.tables.get(id as usize)?.as_ref()
    }

    /// All tables, by number.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<TableView>> {
        self.tables.iter().flatten()
    }

    /// The number the next table gets.
    pub(crate) fn next_table(&self) -> TableId {
        self.tables.len().max(1) as TableId
    }

    /// Adds a table. `false` if its number or name is taken, or its number is beyond the next one.
    pub(crate) fn add_table(&mut self, def: TableDef) -> bool {
        let id = def.id;
        if id != self.next_table() || self.names.contains_key(&def.name) {
            return false;
        }
        self.tables.resize(id as usize, None);
        Arc::make_mut(&mut self.names).insert(def.name.clone(), id);
        self.tables.push(Some(Arc::new(TableView {
            def: Arc::new(def),
            segments: SegmentList::default(),
            chunks: Vec::new(),
            flushed_lsn: 0,
        })));
        true
    }

    /// The table of that number, to change.
    pub(crate) fn table_mut(&mut self, id: TableId) -> Option<&mut TableView> {
        self.tables.get_mut(id as usize)?.as_mut().map(Arc::make_mut)
    }

    /// Adds a chunk to a table's memtable.
    pub(crate) fn add_chunk(&mut self, id: TableId, chunk: Arc<Chunk<Cells>>) {
        if let Some(table) = self.table_mut(id) {
            table.chunks.push(chunk);
        }
    }

    /// Applies an edit of the manifest; `false` if it makes no sense here.
    pub(crate) fn apply(&mut self, edit: &Edit) -> bool {
        match edit {
            Edit::CreateTable(def) => self.add_table(def.clone()),
            Edit::AddSegment(entry) => {
                let table = self.table_mut(entry.table);
                table.map(|table| table.segments.insert(Segment::new(entry.clone()))).is_some()
            }
            Edit::RemoveSegment(id) => (0..self.tables.len() as TableId)
                .any(|table| self.table_mut(table).is_some_and(|table| table.segments.remove(*id))),
            Edit::Flushed(id, lsn) => {
                self.table_mut(*id).map(|table| table.flushed_lsn = *lsn).is_some()
            }
        }
    }

    /// Edits that make this catalog out of nothing.
    pub(crate) fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for table in self.tables() {
            edits.push(Edit::CreateTable((*table.def).clone()));
            edits.extend(table.segments.iter().map(|s| Edit::AddSegment(s.entry.clone())));
            edits.push(Edit::Flushed(table.def.id, table.flushed_lsn));
        }
        edits
    }
}

impl TableView {
    /// Types of the value columns.
    pub(crate) fn types(&self) -> Vec<DataType> {
        self.def.spec.columns.iter().map(|column| column.ty).collect()
    }

    /// Least and greatest time of all rows with numbers up to `visible`.
    pub(crate) fn time_range(&self, visible: u64) -> Option<(i64, i64)> {
        let mut range = self.segments.min_ts().zip(self.segments.max_ts());
        for chunk in &self.chunks {
            let times = chunk.ts(chunk.visible(visible));
            let ends = match chunk.is_ascending() {
                true => times.first().copied().zip(times.last().copied()),
                false => times.iter().copied().min().zip(times.iter().copied().max()),
            };
            if let Some((least, greatest)) = ends {
                let (min, max) = range.unwrap_or((least, greatest));
                range = Some((min.min(least), max.max(greatest)));
            }
        }
        range
    }

    /// Rows in the memtable with numbers up to `visible`.
    pub(crate) fn memtable_rows(&self, visible: u64) -> u64 {
        self.chunks.iter().map(|chunk| chunk.visible(visible) as u64).sum()
    }
}

/// Most segments of a leaf.
const LEAF: usize = 128;

/// The segments of a table by least time, in leaves that are shared between versions.
#[derive(Debug, Clone, Default)]
pub(crate) struct SegmentList {
    leaves: Vec<Arc<Leaf>>,
    rows: u64,
}

#[derive(Debug, Clone)]
struct Leaf {
    segments: Vec<Arc<Segment>>,
    max_ts: i64,
}

impl Leaf {
    fn min_ts(&self) -> i64 {
        self.segments.first().map_or(i64::MAX, |s| s.entry.min_ts)
    }
}

fn place(segment: &Segment) -> (i64, u64) {
    (segment.entry.min_ts, segment.entry.id)
}

impl SegmentList {
    /// Adds a segment.
    pub(crate) fn insert(&mut self, segment: Arc<Segment>) {
        self.rows += u64::from(segment.entry.rows);
        let (ts, at) = (segment.entry.max_ts, place(&segment));
        // The last leaf that begins at or before the segment, else the first.
        let after = self
            .leaves
            .partition_point(|leaf| leaf.segments.first().is_some_and(|first| place(first) <= at));
        let index = after.saturating_sub(1);
        let Some(leaf) = self.leaves.get_mut(index) else {
            self.leaves.push(Arc::new(Leaf { segments: vec![segment], max_ts: ts }));
            return;
        };
        let leaf = Arc::make_mut(leaf);
        let position = leaf.segments.partition_point(|s| place(s) <= at);
        leaf.segments.insert(position, segment);
        leaf.max_ts = leaf.max_ts.max(ts);
        if leaf.segments.len() > LEAF {
            // In-order data fills leaves to the end; halves serve the rest.
            let cut = if position == LEAF { LEAF } else { LEAF / 2 };
            let tail = leaf.segments.split_off(cut);
            leaf.max_ts = greatest(&leaf.segments);
            let max_ts = greatest(&tail);
            self.leaves.insert(index + 1, Arc::new(Leaf { segments: tail, max_ts }));
        }
    }

    /// Removes a segment; `false` if it is not there.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let found = self.leaves.iter().enumerate().find_map(|(i, leaf)| {
            leaf.segments.iter().position(|s| s.entry.id == id).map(|p| (i, p))
        });
        let Some((index, position)) = found else { return false };
        let leaf = Arc::make_mut(&mut self.leaves[index]);
        let removed = leaf.segments.remove(position);
        self.rows -= u64::from(removed.entry.rows);
        leaf.max_ts = greatest(&leaf.segments);
        if leaf.segments.is_empty() {
            self.leaves.remove(index);
        }
        true
    }

    /// All segments, by least time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.leaves.iter().flat_map(|leaf| &leaf.segments)
    }

    /// Segments with rows in `[start, end)`, by least time.
    pub(crate) fn overlapping(&self, start: i64, end: Option<i64>) -> Vec<Arc<Segment>> {
        let before_end = |ts: i64| end.is_none_or(|end| ts < end);
        let leaves = self.leaves.iter().take_while(|leaf| before_end(leaf.min_ts()));
        let inside = |s: &&Arc<Segment>| s.entry.max_ts >= start && before_end(s.entry.min_ts);
        let leaves = leaves.filter(|leaf| leaf.max_ts >= start);
        leaves.flat_map(|leaf| leaf.segments.iter().filter(inside)).cloned().collect()
    }

    /// Segments whose greatest time is at or past what `least` says, which may rise as the caller
    /// learns more; the last ones first.
    pub(crate) fn latest(&self, mut visit: impl FnMut(&Arc<Segment>), least: impl Fn() -> i64) {
        for leaf in self.leaves.iter().rev().filter(|leaf| leaf.max_ts >= least()) {
            for segment in leaf.segments.iter().rev() {
                if segment.entry.max_ts >= least() {
                    visit(segment);
                }
            }
        }
    }

    /// How many segments.
    pub(crate) fn len(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.segments.len()).sum()
    }

    /// Rows of all segments.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Least time of all rows.
    pub(crate) fn min_ts(&self) -> Option<i64> {
        self.leaves.first().map(|leaf| leaf.min_ts())
    }

    /// Greatest time of all rows.
    pub(crate) fn max_ts(&self) -> Option<i64> {
        self.leaves.iter().map(|leaf| leaf.max_ts).max()
    }
}

fn greatest(segments: &[Arc<Segment>]) -> i64 {
    segments.iter().map(|s| s.entry.max_ts).max().unwrap_or(i64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(id: u64, min_ts: i64, max_ts: i64) -> Arc<Segment> {
        let entry = SegmentEntry {
            id,
            table: 1,
            rows: 1,
            level: 0,
            min_ts,
            max_ts,
            min_seq: id,
            max_seq: id,
            as_of_lsn: 0,
            offset: 0,
            len: 0,
            footer_at: 0,
            footer_len: 0,
            key_range: None,
        };
        Segment::new(entry)
    }

    proptest! {
        #[test]
        fn a_list_finds_what_overlaps(
            spans in prop::collection::vec((0i64..1000, 0i64..50), 1..600),
            removed in prop::collection::vec(0usize..600, 0..50),
            start in -10i64..1000,
            len in 0i64..200,
        ) {
            let mut list = SegmentList::default();
            for (id, (min, len)) in spans.iter().enumerate() {
                list.insert(segment(id as u64, *min, min + len));
            }
            let mut kept: Vec<usize> = (0..spans.len()).collect();
            for id in removed {
                let there = kept.contains(&id);
                prop_assert_eq!(list.remove(id as u64), there);
                kept.retain(|k| *k != id);
            }
            prop_assert_eq!((list.len(), list.rows()), (kept.len(), kept.len() as u64));
            let end = start + len;
            let mut expected: Vec<_> = kept
                .iter()
                .filter(|id| spans[**id].0 + spans[**id].1 >= start && spans[**id].0 < end)
                .map(|id| (spans[*id].0, *id as u64))
                .collect();
            expected.sort_unstable();
            let found: Vec<_> = list.overlapping(start, Some(end)).iter().map(|s| place(s)).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(list.min_ts(), kept.iter().map(|id| spans[*id].0).min());
            prop_assert_eq!(list.max_ts(), kept.iter().map(|id| spans[*id].0 + spans[*id].1).max());
        }
    }
}
