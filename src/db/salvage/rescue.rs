//! What is left of a segment: its footer, and the blocks that are as they were written.
//!
//! A row needs its time and its number; where one of these blocks is damaged the rows of it are
//! lost. In other columns the values of a damaged block are null. Key columns of a table in which a
//! later row may replace an earlier one are needed too: a null there would make rows of different
//! keys the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use arrow_buffer::Buffer;

use crate::base::batch::Column;
use crate::base::builder::{ColumnBuilder, take};
use crate::base::schema::{ColumnId, DataType, OnConflict, TableSpec};
use crate::codec::checksum::checksum;
use crate::db::deletes::{Delete, Hidden, RowFilter};
use crate::db::segment::{Place, Segment};
use crate::db::sorted::sort;
use crate::error::{Error, ErrorKind, Result};
use crate::format::Malformed;
use crate::format::edit::{Order, SegmentEntry};
use crate::format::footer::{ColumnIndex, Footer, SEQ_ID, TIME_ID};
use crate::format::key::KeyColumns;
use crate::format::rows::SortedRows;
use crate::format::segment::{key_range, read_column, read_footer, read_seq, read_ts};
use crate::format::spec::TableDef;

/// A block that is damaged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bad {
    /// Whose it is.
    pub(super) column: ColumnId,
    /// Which of its blocks.
    pub(super) block: usize,
    /// What is wrong with it.
    pub(super) why: Malformed,
}

/// A segment of which the footer is whole.
pub(super) struct Opened {
    pub(super) entry: SegmentEntry,
    pub(super) footer: Footer,
    pub(super) extent: Buffer,
    bad: Vec<Bad>,
    /// Blocks whose rows are lost.
    lost: BTreeSet<usize>,
}

impl Opened {
    /// The copy of a segment that is whole, or the one with the least damage.
    pub(super) fn best(copies: &[SegmentEntry], def: &TableDef, at: &Place<'_>) -> Result<Self> {
        let mut best: Option<Result<Self>> = None;
        for entry in copies {
            let opened = Self::open(entry, def, at);
            if opened.as_ref().is_ok_and(Self::is_whole) {
                return opened;
            }
            let damage = |opened: &Self| opened.bad.len();
            let better = match (&best, &opened) {
                (Some(Ok(best)), Ok(opened)) => damage(opened) < damage(best),
                (Some(Ok(_)), Err(_)) => false,
                _ => true,
            };
            if better {
                best = Some(opened);
            }
        }
        best.unwrap_or_else(|| Err(Error::corruption("a segment without a place").in_file(at.path)))
    }

    /// Reads the footer and checks every block.
    pub(super) fn open(entry: &SegmentEntry, def: &TableDef, at: &Place<'_>) -> Result<Self> {
        let segment = Segment::new(entry.clone());
        let (footer, extent) = match segment.map(at) {
            Ok((footer, extent)) => ((*footer).clone(), extent),
            Err(e) if e.kind() == ErrorKind::Corruption => unpadded(entry, at).ok_or(e)?,
            Err(e) => return Err(e),
        };
        let mut bad = Vec::new();
        for column in &footer.columns {
            let fits = is_known(column, def);
            for block in 0..footer.blocks() {
                let read = match fits {
                    true => {
                        read_column(&footer, column, &extent, rows_of(&footer, block)).map(drop)
                    }
                    false => Err(Malformed { what: "type", at: entry.footer_at as usize }),
                };
                if let Err(why) = read {
                    bad.push(Bad { column: column.id, block, why });
                }
            }
        }
        let needed = needed_columns(&def.spec);
        let lost = bad.iter().filter(|bad| needed.contains(&bad.column)).map(|bad| bad.block);
        let lost = lost.collect();
        let mut opened = Self { entry: entry.clone(), footer, extent, bad, lost };
        if entry.rows > 1 && entry.min_seq == entry.max_seq {
            // A footer that was found by itself does not tell it.
            opened.entry.max_seq = opened.seqs().into_iter().max().unwrap_or(entry.max_seq);
        }
        Ok(opened)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.bad.is_empty()
    }

    pub(super) fn damage(&self) -> &[Bad] {
        &self.bad
    }

    /// The name of a column, for messages.
    pub(super) fn column_name(&self, def: &TableDef, id: ColumnId) -> String {
        match id {
            TIME_ID => format!("time column {:?}", def.spec.time_column),
            SEQ_ID => "the row numbers".into(),
            id => match def.spec.columns.iter().find(|column| column.id == id) {
                Some(column) => format!("column {:?}", column.name),
                None => format!("column number {id}"),
            },
        }
    }

    /// Blocks whose rows are left, and the rows of each.
    fn blocks(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let left = (0..self.footer.blocks()).filter(|block| !self.lost.contains(block));
        left.map(|block| (block, rows_of(&self.footer, block)))
    }

    /// Numbers of the rows that are left, in the order of the segment.
    pub(super) fn seqs(&self) -> Vec<u64> {
        let read = |rows| read_seq(&self.entry, &self.footer, &self.extent, rows);
        let blocks = self.blocks().filter_map(|(_, rows)| read(rows).ok());
        blocks.flat_map(|seqs| seqs.to_vec()).collect()
    }

    /// How many rows are lost.
    pub(super) fn lost_rows(&self) -> u64 {
        self.lost.iter().map(|block| self.footer.rows_of(*block) as u64).sum()
    }

    /// How many values of rows that are left are lost, by column.
    pub(super) fn lost_values(&self, def: &TableDef) -> BTreeMap<String, u64> {
        let mut lost = BTreeMap::new();
        for bad in self.bad.iter().filter(|bad| !self.lost.contains(&bad.block)) {
            if let Some(column) = def.spec.columns.iter().find(|column| column.id == bad.column) {
                *lost.entry(column.name.clone()).or_default() +=
                    self.footer.rows_of(bad.block) as u64;
            }
        }
        lost
    }

    /// The rows that are left and whose numbers are not among `taken`, which is sorted.
    pub(super) fn rows(&self, def: &TableDef, taken: &[u64]) -> Option<SortedRows> {
        let (mut ts, mut seq) = (Vec::new(), Vec::new());
        for (_, rows) in self.blocks() {
            ts.extend_from_slice(&read_ts(&self.footer, &self.extent, rows.clone()).ok()?);
            seq.extend_from_slice(&read_seq(&self.entry, &self.footer, &self.extent, rows).ok()?);
        }
        let columns = def.spec.columns.iter().map(|def| self.column(def.id, def.ty));
        let rows = SortedRows { ts: ts.into(), seq: seq.into(), columns: columns.collect() };
        let keys = KeyColumns::of(&def.spec);
        let mut keys = keys.positions().filter_map(|position| def.spec.columns.get(position));
        let keys_are_whole = keys.all(|key| self.bad.iter().all(|bad| bad.column != key.id));
        let in_order = keys_are_whole && self.entry.order == Order::Time;
        let rows = if in_order { rows } else { ordered(&rows, def) };
        Some(missing_from(rows, taken, def))
    }

    /// A column of the rows that are left, null where a block is damaged or the segment has none.
    fn column(&self, id: ColumnId, ty: DataType) -> Column {
        let index = self.footer.column(id).filter(|column| column.ty == ty);
        let mut out = ColumnBuilder::new(ty, self.footer.rows as usize);
        for (_, rows) in self.blocks() {
            let len = rows.len();
            let read = index.map(|column| read_column(&self.footer, column, &self.extent, rows));
            match read {
                Some(Ok(values)) => out.extend(&values, 0, len),
                _ => out.extend(&Column::nulls(ty, len), 0, len),
            }
        }
        out.finish()
    }

    /// Least and greatest key of a whole segment, as its entry keeps them.
    pub(super) fn key_range(&self, def: &TableDef) -> Option<(Vec<u8>, Vec<u8>)> {
        let key: BTreeSet<usize> = KeyColumns::of(&def.spec).positions().collect();
        let columns = def.spec.columns.iter().enumerate().map(|(position, def)| {
            if key.contains(&position) {
                self.column(def.id, def.ty)
            } else {
                Column::nulls(def.ty, 0)
            }
        });
        key_range(&def.spec, &columns.collect::<Vec<_>>(), self.footer.rows as usize, Order::Time)
    }
}

/// The rows whose numbers are not among `taken`, which is sorted.
pub(super) fn missing_from(rows: SortedRows, taken: &[u64], def: &TableDef) -> SortedRows {
    let all = 0..rows.rows() as u32;
    let left = all.filter(|row| taken.binary_search(&rows.seq.get(*row as usize)).is_err());
    let left: Vec<u32> = left.collect();
    if left.len() == rows.rows() { rows } else { pick(&rows, &left, def) }
}

/// The rows that no delete hides.
pub(super) fn without_deleted(
    rows: SortedRows,
    deletes: Vec<Delete>,
    def: &TableDef,
) -> SortedRows {
    let hidden = Hidden::of_older(deletes.iter()).into();
    let filter = RowFilter { key: None, hidden };
    match filter.keep(&rows.ts, &rows.columns, &KeyColumns::of(&def.spec)) {
        Some(left) => pick(&rows, &left, def),
        None => rows,
    }
}

/// The same rows in the order they are read: they stood by key, or keys that became null moved them.
fn ordered(rows: &SortedRows, def: &TableDef) -> SortedRows {
    let mut arrival: Vec<u32> = (0..rows.rows() as u32).collect();
    arrival.sort_by_key(|row| rows.seq.get(*row as usize));
    let types: Vec<DataType> = def.spec.columns.iter().map(|column| column.ty).collect();
    sort(pick(rows, &arrival, def), &types, &KeyColumns::of(&def.spec), def.spec.on_conflict)
}

fn pick(rows: &SortedRows, order: &[u32], def: &TableDef) -> SortedRows {
    let columns = rows.columns.iter().zip(&def.spec.columns);
    SortedRows {
        ts: order.iter().map(|row| rows.ts[*row as usize]).collect::<Vec<i64>>().into(),
        seq: order.iter().map(|row| rows.seq.get(*row as usize)).collect::<Vec<u64>>().into(),
        columns: columns.map(|(column, def)| take(column, def.ty, order)).collect(),
    }
}

/// The columns without which a row is nothing.
fn needed_columns(spec: &TableSpec) -> Vec<ColumnId> {
    let mut needed = vec![TIME_ID, SEQ_ID];
    if spec.on_conflict != OnConflict::All {
        let keys = KeyColumns::of(spec);
        needed.extend(keys.positions().filter_map(|p| spec.columns.get(p)).map(|c| c.id));
    }
    needed
}

/// True unless the table has the column with another type.
fn is_known(column: &ColumnIndex, def: &TableDef) -> bool {
    let known = def.spec.columns.iter().find(|known| known.id == column.id);
    known.is_none_or(|known| known.ty == column.ty)
}

fn rows_of(footer: &Footer, block: usize) -> Range<usize> {
    let start = block * footer.block_rows();
    start..start + footer.rows_of(block)
}

/// The footer where only the padding behind it is damaged, which the entry's checksum covers.
fn unpadded(entry: &SegmentEntry, at: &Place<'_>) -> Option<(Footer, Buffer)> {
    let extent = at.file.map(entry.offset, usize::try_from(entry.len).ok()?).ok()?;
    let record = extent.get(usize::try_from(entry.footer_at).ok()?..)?;
    let footer_checksum = checksum(record.get(..entry.footer_len as usize)?);
    let as_it_is = SegmentEntry { footer_checksum, ..entry.clone() };
    let footer = read_footer(&as_it_is, at.salt, &extent).ok()?;
    let numbers = (footer.label.min_seq, footer.label.as_of_lsn);
    let same = numbers == (entry.min_seq, entry.as_of_lsn)
        && footer.table().is_some_and(|def| def.id == entry.table);
    same.then_some((footer, extent))
}
