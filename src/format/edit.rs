//! The manifest's records: lists of edits (SPEC 6).
//!
//! The manifest is a base and deltas. Both are lists of edits, each framed once: a base turns the
//! empty database into the state it stands for, a delta turns the state before a commit into the
//! one after it. An edit is a tag byte, a u32 length and a payload:
//!
//! ```text
//! 1 create table   a table definition (see `spec`)
//! 2 add segment    see below
//! 3 remove segment u64 segment id
//! 4 flushed        u32 table id, u64 log number up to which its rows stand in segments
//! ```
//!
//! A segment's entry:
//!
//! ```text
//!  0 u64 id           8 u32 table        12 u32 rows
//! 16 u8  level       17 u8  order (0 by time)   18 u16 flags (bit 0: key range is known)
//! 20 u32 length of the footer
//! 24 i64 least time, i64 greatest time
//! 40 u64 least row number, u64 greatest row number
//! 56 u64 log number as of which deletes were applied to it
//! 64 u64 offset of its extent, u64 length of it, u64 offset of the footer within it
//! 88 u64 checksum of the footer's frame, which holds those of the blocks
//! 96 key range: least key, greatest key, each u32 length and bytes (see `key`)
//! ```

use crate::base::bytes::{Malformed, Reader, put_len, put_slice};
use crate::format::spec::{TableDef, TableId};

/// Kind of a manifest record that begins the manifest.
pub const KIND_BASE: u8 = 1;
/// Kind of a manifest record that changes it.
pub const KIND_DELTA: u8 = 2;

const TAG_CREATE_TABLE: u8 = 1;
const TAG_ADD_SEGMENT: u8 = 2;
const TAG_REMOVE_SEGMENT: u8 = 3;
const TAG_FLUSHED: u8 = 4;
const FLAG_KEY_RANGE: u16 = 1;

/// A segment's number, never used twice.
pub type SegmentId = u64;

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

/// One change of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A table was created.
    CreateTable(TableDef),
    /// A segment was added to a table.
    AddSegment(SegmentEntry),
    /// A segment is no longer part of its table.
    RemoveSegment(SegmentId),
    /// All rows of a table up to a log number stand in its segments.
    Flushed(TableId, u64),
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
            Edit::RemoveSegment(id) => {
                payload.extend_from_slice(&id.to_le_bytes());
                TAG_REMOVE_SEGMENT
            }
            Edit::Flushed(table, lsn) => {
                payload.extend_from_slice(&table.to_le_bytes());
                payload.extend_from_slice(&lsn.to_le_bytes());
                TAG_FLUSHED
            }
        };
        out.push(tag);
        put_slice(out, &payload);
    }
}

/// Reads a list of edits to its end.
pub fn decode_edits(bytes: &[u8]) -> Result<Vec<Edit>, Malformed> {
    let mut r = Reader::new(bytes);
    let mut edits = Vec::new();
    while r.remaining() > 0 {
        let tag = r.u8("edit")?;
        let mut p = Reader::new(r.slice("edit")?);
        edits.push(match tag {
            TAG_CREATE_TABLE => Edit::CreateTable(TableDef::decode(&mut p)?),
            TAG_ADD_SEGMENT => Edit::AddSegment(SegmentEntry::decode(&mut p)?),
            TAG_REMOVE_SEGMENT => Edit::RemoveSegment(p.u64("segment id")?),
            TAG_FLUSHED => Edit::Flushed(p.u32("table id")?, p.u64("log number")?),
            _ => return Err(r.malformed("kind of edit")),
        });
        p.finish("edit")?;
    }
    Ok(edits)
}

impl SegmentEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.table.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&[self.level, 0]);
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
        let sound = order == 0
            && rows > 0
            && min_ts <= max_ts
            && min_seq <= max_seq
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
    use crate::base::schema::{DataType, TableSpec};

    pub(crate) fn entry(id: SegmentId) -> SegmentEntry {
        SegmentEntry {
            id,
            table: 1,
            rows: 10,
            level: 0,
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
            Edit::CreateTable(TableDef { id: 1, name: "t".into(), spec }),
            Edit::AddSegment(entry(4)),
            Edit::AddSegment(SegmentEntry { key_range: None, ..entry(5) }),
            Edit::RemoveSegment(4),
            Edit::Flushed(1, 77),
        ];
        let mut bytes = vec![];
        encode_edits(&edits, &mut bytes);
        assert_eq!(decode_edits(&bytes), Ok(edits));
        for len in 1..bytes.len() {
            // A cut between two edits is a shorter list; the frame's checksum sees that one.
            if let Ok(read) = decode_edits(&bytes[..len]) {
                assert!(read.len() < 5);
            }
        }
        bytes[0] = 99;
        assert!(decode_edits(&bytes).is_err());
    }
}
