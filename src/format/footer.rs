//! A segment's footer: where each block is, how it is coded, what is in it (SPEC 7.2).
//!
//! ```text
//! u32 rows, u8 log2 of the rows of a block, u8 order (as in its entry), u16 count of columns
//! u64 least row number, u64 log number as of which deletes were applied: both as in the segment's
//!   entry; the second is 0 until the rows are numbered
//! u32 length and bytes of the table's definition (see `spec`); then each column:
//!   u32 id (FFFFFFFF the time, FFFFFFFE the row numbers), u8 type, u8 count of streams, u16 zero
//!   u32 nulls, u32 NaNs
//!   each stream: u8 role (0 values, 1 validity bits), 3 zero, u32 offset within the extent in
//!     units of 64 bytes; then each block: u32 length, u8 codec, 3 zero, u64 checksum
//!   u8 count of sections; each: u8 tag, u32 length, bytes. Unknown tags are passed over.
//!     1 the column's summary, 2 the vectors' statistics (see `stats`)
//! ```
//!
//! The blocks of a stream follow each other without a gap, so that a stream of raw blocks is one
//! buffer. A column of nulls alone has no stream; one without nulls has no validity stream.
//!
//! The [`Label`] repeats what the manifest says, so that a segment can be found without it.

use std::ops::Range;
use std::sync::OnceLock;

use crate::base::bytes::{Malformed, Reader, put_slice};
use crate::base::schema::{ColumnId, DataType};
use crate::codec::{Codec, MAX_BLOCK_ROWS};
use crate::format::EXTENT_ALIGN;
use crate::format::edit::Order;
use crate::format::spec::TableDef;
use crate::format::stats::Summary;

/// Column id of the time column.
pub const TIME_ID: ColumnId = 0xFFFF_FFFF;
/// Column id of the row numbers.
pub const SEQ_ID: ColumnId = 0xFFFF_FFFE;
/// Most rows of a segment.
pub const MAX_SEGMENT_ROWS: usize = 1 << 20;

const SECTION_SUMMARY: u8 = 1;
const SECTION_VECTORS: u8 = 2;

/// What a stream of blocks holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// The values.
    Values = 0,
    /// A bit a row: 1 where the value is not null.
    Validity = 1,
}

/// One block of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// How it is coded.
    pub codec: Codec,
    /// Where it begins, within the extent.
    pub at: u64,
    /// Its length in bytes.
    pub len: u32,
    /// XXH3-64 of its bytes.
    pub checksum: u64,
}

/// The blocks of a column's values, or of its validity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// What it holds.
    pub role: Role,
    /// Where it begins, within the extent.
    pub at: u64,
    /// A block for every `block_rows` rows.
    pub blocks: Vec<BlockRef>,
}

/// A column of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnIndex {
    /// Which column of the table, or [`TIME_ID`], or [`SEQ_ID`].
    pub id: ColumnId,
    /// Its type.
    pub ty: DataType,
    /// How many of its values are null.
    pub nulls: u32,
    /// How many of its values are NaN.
    pub nans: u32,
    /// Values, and validity where some are null.
    pub streams: Vec<Stream>,
    /// Statistics of the whole column.
    pub summary: Option<Summary>,
    /// Statistics of its vectors, still packed.
    pub vectors: Option<Vec<u8>>,
}

/// What a segment tells of itself besides its blocks, for when there is no manifest to tell it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// Least row number, as in the entry.
    pub min_seq: u64,
    /// Deletes up to this log number were applied, as in the entry; 0 while the rows have no
    /// numbers: no commit and no log record names such a segment.
    pub as_of_lsn: u64,
    /// The table's definition, encoded: readers that have a manifest do not look at it.
    pub table: Vec<u8>,
}

/// Where the two numbers of the label stand in the footer.
pub const LABEL_NUMBERS: Range<usize> = 8..24;

/// A segment's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// Rows of the segment.
    pub rows: u32,
    /// Log2 of the rows of a block.
    pub block_shift: u8,
    /// The order of its rows.
    pub order: Order,
    /// Whose it is.
    pub label: Label,
    /// Its columns: the time first, then the row numbers, then values.
    pub columns: Vec<ColumnIndex>,
    /// The time at which each vector begins, once somebody asked.
    pub(super) time_starts: OnceLock<Vec<i64>>,
}

impl ColumnIndex {
    /// The stream of that role.
    pub fn stream(&self, role: Role) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.role == role)
    }
}

impl Footer {
    /// One without columns yet.
    pub(super) fn new(rows: u32, block_shift: u8, order: Order, label: Label) -> Self {
        Self { rows, block_shift, order, label, columns: vec![], time_starts: OnceLock::new() }
    }

    /// Rows of a block; the last one may have fewer.
    pub fn block_rows(&self) -> usize {
        1 << self.block_shift
    }

    /// Rows of block `index`.
    pub fn rows_of(&self, index: usize) -> usize {
        self.block_rows().min(self.rows as usize - index * self.block_rows())
    }

    /// How many blocks a stream has.
    pub fn blocks(&self) -> usize {
        (self.rows as usize).div_ceil(self.block_rows())
    }

    /// The column of that id, if the segment has it.
    pub fn column(&self, id: ColumnId) -> Option<&ColumnIndex> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The definition of its table, as it was when the segment was written.
    pub fn table(&self) -> Option<TableDef> {
        let mut r = Reader::new(&self.label.table);
        let def = TableDef::decode(&mut r).ok()?;
        r.finish("table definition").ok().map(|()| def)
    }

    /// Where the last block ends, within the extent.
    pub fn streams_end(&self) -> u64 {
        let blocks = self.columns.iter().flat_map(|c| &c.streams).flat_map(|s| &s.blocks);
        blocks.map(|block| block.at + u64::from(block.len)).max().unwrap_or(0)
    }

    /// The footer's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&[self.block_shift, self.order as u8]);
        out.extend_from_slice(&(self.columns.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.label.min_seq.to_le_bytes());
        out.extend_from_slice(&self.label.as_of_lsn.to_le_bytes());
        put_slice(&mut out, &self.label.table);
        for column in &self.columns {
            column.encode(&mut out);
        }
        out
    }

    /// Reads a footer of a segment whose blocks end before byte `limit` of its extent.
    pub fn decode(bytes: &[u8], limit: u64) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let rows = r.u32("rows")?;
        let block_shift = r.u8("rows of a block")?;
        let order = Order::from_byte(r.u8("order")?).ok_or(r.malformed("order"))?;
        let columns = r.u16("columns")?;
        let sound = (10..=MAX_BLOCK_ROWS.ilog2() as u8).contains(&block_shift)
            && (1..=MAX_SEGMENT_ROWS as u32).contains(&rows);
        if !sound {
            return Err(r.malformed("rows of a segment"));
        }
        let (min_seq, as_of_lsn) = (r.u64("least row")?, r.u64("log number")?);
        let label = Label { min_seq, as_of_lsn, table: r.slice("table definition")?.to_vec() };
        let mut footer = Self::new(rows, block_shift, order, label);
        for _ in 0..columns {
            footer.columns.push(ColumnIndex::decode(&mut r, &footer, limit)?);
        }
        r.finish("footer")?;
        Ok(footer)
    }
}

impl ColumnIndex {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&[self.ty as u8, self.streams.len() as u8, 0, 0]);
        out.extend_from_slice(&self.nulls.to_le_bytes());
        out.extend_from_slice(&self.nans.to_le_bytes());
        for stream in &self.streams {
            out.extend_from_slice(&u32::from(stream.role as u8).to_le_bytes());
            let units =
                u32::try_from(stream.at / EXTENT_ALIGN).expect("an extent is below 256 GiB");
            out.extend_from_slice(&units.to_le_bytes());
            for block in &stream.blocks {
                out.extend_from_slice(&block.len.to_le_bytes());
                out.extend_from_slice(&u32::from(block.codec as u8).to_le_bytes());
                out.extend_from_slice(&block.checksum.to_le_bytes());
            }
        }
        let mut sections = Vec::new();
        if let Some(summary) = &self.summary {
            let mut bytes = Vec::new();
            summary.encode(&mut bytes);
            sections.push((SECTION_SUMMARY, bytes));
        }
        if let Some(vectors) = &self.vectors {
            sections.push((SECTION_VECTORS, vectors.clone()));
        }
        out.push(sections.len() as u8);
        for (tag, bytes) in sections {
            out.push(tag);
            put_slice(out, &bytes);
        }
    }

    fn decode(r: &mut Reader<'_>, footer: &Footer, limit: u64) -> Result<Self, Malformed> {
        let id = r.u32("column id")?;
        let code = r.u8("column type")?;
        let ty = DataType::from_code(code).ok_or(r.malformed("column type"))?;
        let count = r.u8("streams")?;
        r.u16("zero")?;
        let (nulls, nans) = (r.u32("nulls")?, r.u32("NaNs")?);
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(Stream::decode(r, footer.blocks(), limit)?);
        }
        let mut column = Self { id, ty, nulls, nans, streams, summary: None, vectors: None };
        for _ in 0..r.u8("sections")? {
            let tag = r.u8("section")?;
            let bytes = r.slice("section")?;
            match tag {
                SECTION_SUMMARY => column.summary = Some(Summary::decode(&mut Reader::new(bytes))?),
                SECTION_VECTORS => column.vectors = Some(bytes.to_vec()),
                _ => {}
            }
        }
        column.check(footer.rows).then_some(column).ok_or(r.malformed("streams of a column"))
    }

    /// The streams are those that the null count calls for.
    fn check(&self, rows: u32) -> bool {
        let values = self.stream(Role::Values).is_some();
        let validity = self.stream(Role::Validity).is_some();
        let expected = usize::from(values) + usize::from(validity);
        self.nulls <= rows
            && self.streams.len() == expected
            && values == (self.nulls < rows)
            && validity == (self.nulls > 0 && self.nulls < rows)
            && (self.id < SEQ_ID || (self.nulls == 0 && self.ty.width() == Some(8)))
    }
}

impl Stream {
    fn decode(r: &mut Reader<'_>, blocks: usize, limit: u64) -> Result<Self, Malformed> {
        let role = match r.u32("role of a stream")? {
            0 => Role::Values,
            1 => Role::Validity,
            _ => return Err(r.malformed("role of a stream")),
        };
        let start = u64::from(r.u32("offset of a stream")?) * EXTENT_ALIGN;
        if r.remaining() < blocks * 16 {
            return Err(r.malformed("blocks"));
        }
        let (mut at, mut refs) = (start, Vec::with_capacity(blocks));
        for _ in 0..blocks {
            let (len, code) = (r.u32("block length")?, r.u32("codec")?);
            let codec = u8::try_from(code).ok().and_then(Codec::from_code);
            let codec = codec.ok_or(r.malformed("codec"))?;
            refs.push(BlockRef { codec, at, len, checksum: r.u64("block checksum")? });
            at += u64::from(len);
        }
        if at > limit {
            return Err(r.malformed("blocks beyond the segment"));
        }
        Ok(Self { role, at: start, blocks: refs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_survives_and_prefixes_are_refused() {
        let block = |at, len| BlockRef { codec: Codec::Raw, at, len, checksum: 9 };
        let column = |id, ty, nulls, streams| ColumnIndex {
            id,
            ty,
            nulls,
            nans: 0,
            streams,
            summary: Some(Summary::default()),
            vectors: Some(vec![1, 2, 3]),
        };
        let values = Stream { role: Role::Values, at: 0, blocks: vec![block(0, 80), block(80, 8)] };
        let validity = Stream { role: Role::Validity, at: 128, blocks: vec![block(128, 8); 2] };
        let mut validity_of = validity.clone();
        validity_of.blocks[1].at = 136;
        let footer = Footer {
            rows: 1025,
            block_shift: 10,
            order: Order::Time,
            label: Label { min_seq: 7, as_of_lsn: 9, table: vec![1, 2] },
            columns: vec![
                column(TIME_ID, DataType::I64, 0, vec![values.clone()]),
                column(1, DataType::F64, 5, vec![values, validity_of]),
                column(2, DataType::Utf8, 1025, vec![]),
            ],
            time_starts: OnceLock::new(),
        };
        let bytes = footer.encode();
        assert_eq!(Footer::decode(&bytes, 144).as_ref(), Ok(&footer));
        assert!(Footer::decode(&bytes, 143).is_err());
        for len in 0..bytes.len() {
            assert!(Footer::decode(&bytes[..len], 144).is_err(), "prefix of {len}");
        }
    }
}
