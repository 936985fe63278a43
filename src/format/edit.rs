//! The manifest's records: lists of edits (SPEC 6).
//!
//! The manifest is a base and deltas. Both are lists of edits, each framed once: a base turns the
//! empty database into the state it stands for, a delta turns the state before a commit into the
//! one after it. An edit is a tag byte, a u32 length and a payload:
//!
//! ```text
//! 1 create table   a table definition (see `spec`)
//! 2 add segment    see below
//! 3 remove segment u32 table id, u64 segment id, i64 least time of it
//! 4 flushed        u32 table id, u64 log number up to which its rows stand in segments
//! 5 add column     u32 table id, a column (see `spec`)
//! 6 drop table     u32 table id; of the next number that no table has yet: it was used up
//! 7 delete         u32 table id, u64 log number, i64 start, i64 end (excluded), u8 flags (bit 0:
//!                  of one key; bit 1: no end), bytes: the key, see `key`
//! 8 forget delete  u32 table id, u64 log number
//! ```
//!
//! A segment's entry:
//!
//! ```text
//!  0 u64 id           8 u32 table        12 u32 rows
//! 16 u8  level       17 u8  order (0 by time, 1 by key)   18 u16 flags (bit 0: key range is known)
//! 20 u32 length of the footer
//! 24 i64 least time, i64 greatest time
//! 40 u64 least row number, u64 greatest row number
//! 56 u64 log number as of which deletes were applied to it
//! 64 u64 offset of its extent, u64 length of it, u64 offset of the footer within it
//! 88 u64 checksum of the footer's frame, which holds those of the blocks
//! 96 key range: least key, greatest key, each u32 length and bytes (see `key`)
//! ```

use crate::base::bytes::{Malformed, Reader, put_len, put_slice};
use crate::base::schema::ColumnDef;
use crate::format::slot::COUNTER_END;
use crate::format::spec::{TableDef, TableId, put_column, read_column};

/// Kind of a manifest record that begins the manifest.
pub const KIND_BASE: u8 = 1;
/// Kind of a manifest record that changes it.
pub const KIND_DELTA: u8 = 2;

const TAG_CREATE_TABLE: u8 = 1;
const TAG_ADD_SEGMENT: u8 = 2;
const TAG_REMOVE_SEGMENT: u8 = 3;
const TAG_FLUSHED: u8 = 4;
const TAG_ADD_COLUMN: u8 = 5;
const TAG_DROP_TABLE: u8 = 6;
const TAG_DELETE: u8 = 7;
const TAG_FORGET_DELETE: u8 = 8;
/// Bytes of an edit that adds a segment without a key range.
const ADD_SEGMENT_LEN: usize = 5 + 104;
const FLAG_KEY_RANGE: u16 = 1;
const FLAG_OF_ONE_KEY: u8 = 1;
const FLAG_NO_END: u8 = 2;

/// A segment's number, never used twice.
pub type SegmentId = u64;

/// In which order a segment has its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By time, key, row number: as they are read.
    Time,
    /// By key, time, row number: the rows of a key are together.
    Key,
}

impl Order {
    /// The order that a byte stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Time),
            1 => Some(Self::Key),
            _ => None,
        }
    }
}

/// What the manifest knows of a segment: enough to decide whether a read needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its number.
    pub id: SegmentId,
    /// The table it belongs to.
    pub table: TableId,
    /// Rows in it.
    pub rows: u32,
    /// 0 as flushed; higher as packed.
    pub level: u8,
    /// The order of its rows.
    pub order: Order,
    /// Least time in it.
    pub min_ts: i64,
    /// Greatest time in it.
    pub max_ts: i64,
    /// Least row number in it.
    pub min_seq: u64,
    /// Greatest row number in it.
    pub max_seq: u64,
    /// Deletes up to this log number were applied when it was written; later ones hide all of its
    /// rows in their range, as all of them are older.
    pub as_of_lsn: u64,
    /// Where its extent begins in the file.
    pub offset: u64,
    /// Bytes of its extent.
    pub len: u64,
    /// Where its footer begins, within the extent.
    pub footer_at: u64,
    /// Bytes of the footer's frame.
    pub footer_len: u32,
    /// Checksum of the footer's frame, which holds those of the blocks: what stood in the same
    /// place before is not taken for it.
    pub footer_checksum: u64,
    /// Least and greatest key in it, as `key` encodes them.
    pub key_range: Option<(Vec<u8>, Vec<u8>)>,
}

/// A delete: rows of records before it are hidden, in its range and of its key, and none after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteEntry {
    /// The table.
    pub table: TableId,
    /// Its log number.
    pub lsn: u64,
    /// The first time.
    pub start: i64,
    /// The time before which it ends; `None` where it does not.
    pub end: Option<i64>,
    /// The key; `None` for those of all keys.
    pub key: Option<Vec<u8>>,
}

/// A column that a table was given after it was created: older rows are null in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedColumn {
    /// The table.
    pub table: TableId,
    /// The column, which stands behind those that were there.
    pub column: ColumnDef,
}

/// One change of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A table was created.
    CreateTable(TableDef),
    /// A segment was added to a table.
    AddSegment(SegmentEntry),
    /// A segment is no longer part of its table.
    RemoveSegment {
        /// The table.
        table: TableId,
        /// The segment.
        id: SegmentId,
        /// The least time in it, by which it is found.
        min_ts: i64,
    },
    /// All rows of a table up to a log number stand in its segments.
    Flushed(TableId, u64),
    /// A table was given a column.
    AddColumn(AddedColumn),
    /// A table is gone, with all that was in it; its number is not given again.
    DropTable(TableId),
    /// Rows were deleted, some of which stand in segments.
    Delete(DeleteEntry),
    /// No segment holds a row any more that the delete of that log number hides.
    ForgetDelete(TableId, u64),
}

/// Appends the bytes of `edits`.
pub fn encode_edits<'a>(edits: impl IntoIterator<Item = &'a Edit>, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    for edit in edits {
        payload.clear();
        let tag = match edit {
            Edit::CreateTable(def) => {
                def.encode(&mut payload);
                TAG_CREATE_TABLE
            }
            Edit::AddSegment(entry) => {
                entry.encode(&mut payload);
                TAG_ADD_SEGMENT
            }
            Edit::RemoveSegment { table, id, min_ts } => {
                payload.extend_from_slice(&table.to_le_bytes());
                payload.extend_from_slice(&id.to_le_bytes());
                payload.extend_from_slice(&min_ts.to_le_bytes());
                TAG_REMOVE_SEGMENT
            }
            Edit::Flushed(table, lsn) => {
                payload.extend_from_slice(&table.to_le_bytes());
                payload.extend_from_slice(&lsn.to_le_bytes());
                TAG_FLUSHED
            }
            Edit::AddColumn(added) => {
                added.encode(&mut payload);
                TAG_ADD_COLUMN
            }
            Edit::DropTable(table) => {
                payload.extend_from_slice(&table.to_le_bytes());
                TAG_DROP_TABLE
            }
            Edit::Delete(entry) => {
                entry.encode(&mut payload);
                TAG_DELETE
            }
            Edit::ForgetDelete(table, lsn) => {
                payload.extend_from_slice(&table.to_le_bytes());
                payload.extend_from_slice(&lsn.to_le_bytes());
                TAG_FORGET_DELETE
            }
        };
        out.push(tag);
        put_slice(out, &payload);
    }
}

/// Reads a list of edits to its end.
pub fn decode_edits(bytes: &[u8]) -> Result<Vec<Edit>, Malformed> {
    let mut r = Reader::new(bytes);
    // Most of them add segments.
    let mut edits = Vec::with_capacity(bytes.len() / ADD_SEGMENT_LEN);
    while r.remaining() > 0 {
        let tag = r.u8("edit")?;
        let mut p = Reader::new(r.slice("edit")?);
        edits.push(match tag {
            TAG_CREATE_TABLE => Edit::CreateTable(TableDef::decode(&mut p)?),
            TAG_ADD_SEGMENT => Edit::AddSegment(SegmentEntry::decode(&mut p)?),
            TAG_REMOVE_SEGMENT => {
                let (table, id) = (p.u32("table id")?, p.u64("segment id")?);
                Edit::RemoveSegment { table, id, min_ts: p.i64("least time")? }
            }
            TAG_FLUSHED => Edit::Flushed(p.u32("table id")?, p.u64("log number")?),
            TAG_ADD_COLUMN => Edit::AddColumn(AddedColumn::decode(&mut p)?),
            TAG_DROP_TABLE => Edit::DropTable(p.u32("table id")?),
            TAG_DELETE => Edit::Delete(DeleteEntry::decode(&mut p)?),
            TAG_FORGET_DELETE => Edit::ForgetDelete(p.u32("table id")?, p.u64("log number")?),
            _ => return Err(r.malformed("kind of edit")),
        });
        p.finish("edit")?;
    }
    Ok(edits)
}

impl AddedColumn {
    /// Appends its bytes: the payload of an edit, and the body of a log record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.table.to_le_bytes());
        put_column(out, &self.column);
    }

    /// Reads one.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { table: r.u32("table id")?, column: read_column(r)? })
    }
}

impl DeleteEntry {
    /// Appends its bytes: the payload of an edit, and the body of a log record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.table.to_le_bytes());
        out.extend_from_slice(&self.lsn.to_le_bytes());
        out.extend_from_slice(&self.start.to_le_bytes());
        out.extend_from_slice(&self.end.unwrap_or(i64::MAX).to_le_bytes());
        let of_one_key = if self.key.is_some() { FLAG_OF_ONE_KEY } else { 0 };
        out.push(of_one_key | if self.end.is_none() { FLAG_NO_END } else { 0 });
        put_slice(out, self.key.as_deref().unwrap_or_default());
    }

    /// Reads one.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (table, lsn) = (r.u32("table id")?, r.u64("log number")?);
        let (start, end) = (r.i64("start")?, r.i64("end")?);
        let flags = r.u8("flags")?;
        let key = r.slice("key")?.to_vec();
        let end = (flags & FLAG_NO_END == 0).then_some(end);
        if end.is_some_and(|end| end <= start) || flags & !(FLAG_OF_ONE_KEY | FLAG_NO_END) != 0 {
            return Err(r.malformed("delete"));
        }
        let key = (flags & FLAG_OF_ONE_KEY != 0).then_some(key);
        Ok(Self { table, lsn, start, end, key })
    }
}

impl SegmentEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.table.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&[self.level, self.order as u8]);
        let flags = if self.key_range.is_some() { FLAG_KEY_RANGE } else { 0 };
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&self.footer_len.to_le_bytes());
        for ts in [self.min_ts, self.max_ts] {
            out.extend_from_slice(&ts.to_le_bytes());
        }
        let rest = [
            self.min_seq,
            self.max_seq,
            self.as_of_lsn,
            self.offset,
            self.len,
            self.footer_at,
            self.footer_checksum,
        ];
        for field in rest {
            out.extend_from_slice(&field.to_le_bytes());
        }
        match &self.key_range {
            Some((least, greatest)) => {
                put_slice(out, least);
                put_slice(out, greatest);
            }
            None => {
                put_len(out, 0);
                put_len(out, 0);
            }
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (id, table, rows) = (r.u64("segment id")?, r.u32("table id")?, r.u32("rows")?);
        let (level, order) = (r.u8("level")?, r.u8("order")?);
        let flags = r.u16("flags")?;
        let footer_len = r.u32("footer length")?;
        let (min_ts, max_ts) = (r.i64("least time")?, r.i64("greatest time")?);
        let (min_seq, max_seq) = (r.u64("least row")?, r.u64("greatest row")?);
        let as_of_lsn = r.u64("log number")?;
        let (offset, len) = (r.u64("extent")?, r.u64("extent length")?);
        let (footer_at, footer_checksum) = (r.u64("footer")?, r.u64("footer checksum")?);
        let (least, greatest) = (r.slice("least key")?.to_vec(), r.slice("greatest key")?.to_vec());
        let key_range = (flags & FLAG_KEY_RANGE != 0).then_some((least, greatest));
        let footer_end = footer_at.checked_add(u64::from(footer_len));
        let order = Order::from_byte(order).ok_or(r.malformed("order of a segment"))?;
        let sound = rows > 0
            && min_ts <= max_ts
            && min_seq <= max_seq
            && [id, max_seq, as_of_lsn].iter().all(|&n| n < COUNTER_END)
            && offset.checked_add(len).is_some()
            && footer_end.is_some_and(|end| end <= len);
        if !sound {
            return Err(r.malformed("segment entry"));
        }
        Ok(Self {
            id,
            table,
            rows,
            level,
            order,
            min_ts,
            max_ts,
            min_seq,
            max_seq,
            as_of_lsn,
            offset,
            len,
            footer_at,
            footer_len,
            footer_checksum,
            key_range,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::codec::Codec;
    use crate::base::schema::{DataType, TableSpec};

    pub(crate) fn entry(id: SegmentId) -> SegmentEntry {
        SegmentEntry {
            id,
            table: 1,
            rows: 10,
            level: 0,
            order: Order::Key,
            min_ts: -5,
            max_ts: 5,
            min_seq: 1,
            max_seq: 10,
            as_of_lsn: 3,
            offset: 16384,
            len: 640,
            footer_at: 512,
            footer_len: 128,
            footer_checksum: 7,
            key_range: Some((b"a".to_vec(), b"b".to_vec())),
        }
    }

    #[test]
    fn edits_survive_and_prefixes_are_refused() {
        let spec = TableSpec::new([("v", DataType::F64)]);
        let edits = vec![
            Edit::CreateTable(TableDef { id: 1, name: "t".into(), spec: spec.into() }),
            Edit::AddSegment(entry(4)),
            Edit::AddSegment(SegmentEntry { key_range: None, ..entry(5) }),
            Edit::RemoveSegment { table: 1, id: 4, min_ts: -5 },
            Edit::AddColumn(AddedColumn {
                table: 1,
                column: ColumnDef {
                    id: 1,
                    name: "new".into(),
                    ty: DataType::Utf8,
                    codec: Some(Codec::Dictionary),
                },
            }),
            Edit::DropTable(2),
            Edit::Flushed(1, 77),
            Edit::Delete(DeleteEntry { table: 1, lsn: 78, start: -3, end: Some(9), key: None }),
            Edit::Delete(DeleteEntry {
                table: 1,
                lsn: 79,
                start: i64::MIN,
                end: None,
                key: Some(vec![1, 2]),
            }),
            Edit::ForgetDelete(1, 78),
        ];
        let mut bytes = vec![];
        encode_edits(&edits, &mut bytes);
        assert_eq!(decode_edits(&bytes).as_ref(), Ok(&edits));
        for len in 1..bytes.len() {
            // A cut between two edits is a shorter list; the frame's checksum sees that one.
            if let Ok(read) = decode_edits(&bytes[..len]) {
                assert!(read.len() < edits.len());
            }
        }
        bytes[0] = 99;
        assert!(decode_edits(&bytes).is_err());
    }
}
