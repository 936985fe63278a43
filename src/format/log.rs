//! The log file: its header and its records (SPEC 5).
//!
//! Header, 512 bytes, of which the first 64 are used; records follow at byte 512:
//!
//! ```text
//!  0 8 bytes "CHLLOG\r\n"     8 u32 format version   12 u32 zero
//! 16 u64 salt of the file    24 u64 epoch
//! 32 u64 generation of the slot it goes with
//! 40 u64 log number of the first record
//! 48 u64 row number of the first row
//! 56 u64 checksum of bytes 0 to 56
//! ```
//!
//! Records are frames (see `frame`) numbered without a gap. Their kinds:
//!
//! ```text
//! 1 row       u32 table, u32 columns, u64 row number, i64 time,
//!             a bit a column (1 is null), then each value that is not null:
//!             fixed width as it is, bool as a byte, text and bytes behind a u32 length
//! 2 rows      u32 table, u32 columns, u64 first row number, u32 chunks, u32 zero;
//!             a chunk: u32 rows, u32 zero, times, then each column: a u64 (1 if a validity
//!             bitmap follows), [validity bits], values as Arrow lays them out (text: u32
//!             offsets from 0, then bytes); each piece is padded to 8 bytes
//! 3 create    a table definition (see `spec`)
//! 4 segments  edits (see `edit`) whose extents were written before this record was
//! 5 delete    a delete (see `edit`), whose log number is that of the record
//! 6 column    a column that a table was given (see `edit`)
//! 7 drop      u32 table
//! ```

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use crate::base::batch::{Batch, Column, Data};
use crate::base::bytes::{Malformed, Reader, pad_to, put_len, put_slice};
use crate::base::schema::{ColumnDef, DataType};
use crate::base::value::Value;
use crate::codec::checksum::checksum;
use crate::format::slot::FORMAT_VERSION;
use crate::format::spec::TableId;

/// Where the first record begins: the header has a disk sector for itself.
pub const LOG_START: u64 = 512;
/// Bytes of the header that are used.
pub const LOG_HEADER_LEN: usize = 64;
const LOG_FILE_MAGIC: [u8; 8] = *b"CHLLOG\r\n";
const CHECKSUM_AT: usize = 56;

/// Record kinds.
pub mod kind {
    /// One row.
    pub const ROW: u8 = 1;
    /// A batch of rows.
    pub const ROWS: u8 = 2;
    /// A table was created.
    pub const CREATE_TABLE: u8 = 3;
    /// Segments were written.
    pub const SEGMENTS: u8 = 4;
    /// Rows were deleted.
    pub const DELETE: u8 = 5;
    /// A table was given a column.
    pub const ADD_COLUMN: u8 = 6;
    /// A table was dropped.
    pub const DROP_TABLE: u8 = 7;
}

/// The header of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeader {
    /// Format version.
    pub version: u32,
    /// Salt of the main file.
    pub salt: u64,
    /// Epoch: each reset of the log begins one.
    pub epoch: u64,
    /// Generation of the slot it goes with.
    pub generation: u64,
    /// Log number of the first record.
    pub first_lsn: u64,
    /// Row number of the first row.
    pub first_seq: u64,
}

impl LogHeader {
    /// The header's bytes.
    pub fn to_bytes(&self) -> [u8; LOG_HEADER_LEN] {
        let mut out = Vec::with_capacity(LOG_HEADER_LEN);
        out.extend_from_slice(&LOG_FILE_MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for field in [self.salt, self.epoch, self.generation, self.first_lsn, self.first_seq] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        let mut header = [0; LOG_HEADER_LEN];
        header.copy_from_slice(&out);
        header
    }

    /// Reads a header, or says that there is none that can be trusted.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let checked = r.clone().take(CHECKSUM_AT, "log header")?;
        if r.take(8, "log header")? != LOG_FILE_MAGIC {
            return Err(Malformed { what: "magic of the log", at: 0 });
        }
        let version = r.u32("log header")?;
        r.u32("log header")?;
        let mut next = || r.u64("log header");
        let header = Self {
            version,
            salt: next()?,
            epoch: next()?,
            generation: next()?,
            first_lsn: next()?,
            first_seq: next()?,
        };
        if r.u64("log header")? != checksum(checked) {
            return Err(Malformed { what: "checksum of the log's header", at: CHECKSUM_AT });
        }
        Ok(header)
    }

    /// A header of the version this library writes.
    pub fn new(salt: u64, epoch: u64, generation: u64, first_lsn: u64, first_seq: u64) -> Self {
        Self { version: FORMAT_VERSION, salt, epoch, generation, first_lsn, first_seq }
    }
}

/// Appends the body of a `row` record. `values` fit the columns of the table, one each.
#[inline]
pub fn put_row(
    out: &mut Vec<u8>,
    table: TableId,
    columns: &[ColumnDef],
    seq: u64,
    ts: i64,
    values: &[Value<'_>],
) {
    out.extend_from_slice(&table.to_le_bytes());
    out.extend_from_slice(&(columns.len() as u32).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&ts.to_le_bytes());
    for chunk in values.chunks(8) {
        let bits = chunk.iter().enumerate();
        let nulls =
            |bits: u8, (i, v): (usize, &Value<'_>)| bits | (u8::from(*v == Value::Null) << i);
        out.push(bits.fold(0, nulls));
    }
    for (column, value) in columns.iter().zip(values) {
        put_cell(out, column.ty, *value);
    }
}

#[inline]
fn put_cell(out: &mut Vec<u8>, ty: DataType, value: Value<'_>) {
    match value {
        Value::Null => {}
        Value::Bool(v) => out.push(u8::from(v)),
        Value::Float(v) if ty == DataType::F32 => out.extend_from_slice(&(v as f32).to_le_bytes()),
        Value::Float(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::Int(v) => out.extend_from_slice(&v.to_le_bytes()[..ty.width().unwrap_or(8)]),
        Value::UInt(v) => out.extend_from_slice(&v.to_le_bytes()[..ty.width().unwrap_or(8)]),
        Value::Str(v) => put_slice(out, v.as_bytes()),
        Value::Bytes(v) => put_slice(out, v),
    }
}

/// The first fields of a `row` or `rows` record, which say whether a table still needs it.
pub struct RowsHead {
    /// The table.
    pub table: TableId,
    /// How many of the table's columns, the first ones, the record has.
    pub columns: usize,
    /// Number of the first row.
    pub first_seq: u64,
}

/// Reads the head of a `row` or `rows` record.
pub fn read_head(r: &mut Reader<'_>) -> Result<RowsHead, Malformed> {
    let table = r.u32("table id")?;
    let columns = r.u32("columns")? as usize;
    Ok(RowsHead { table, columns, first_seq: r.u64("row number")? })
}

/// Reads the rest of a `row` record. Columns the record does not have are null.
pub fn read_row<'a>(
    r: &mut Reader<'a>,
    columns: &[ColumnDef],
    in_record: usize,
) -> Result<(i64, Vec<Value<'a>>), Malformed> {
    if in_record > columns.len() {
        return Err(r.malformed("count of columns"));
    }
    let ts = r.i64("time")?;
    let nulls = r.take(in_record.div_ceil(8), "null bits")?;
    let mut values = Vec::with_capacity(columns.len());
    for (i, column) in columns.iter().enumerate() {
        let null = i >= in_record || nulls.get(i / 8).is_none_or(|byte| byte >> (i % 8) & 1 == 1);
        values.push(if null { Value::Null } else { read_cell(r, column.ty)? });
    }
    r.finish("row")?;
    Ok((ts, values))
}

fn read_cell<'a>(r: &mut Reader<'a>, ty: DataType) -> Result<Value<'a>, Malformed> {
    let what = "value";
    Ok(match ty {
        DataType::I8 => Value::Int(i64::from(r.u8(what)? as i8)),
        DataType::I16 => Value::Int(i64::from(r.u16(what)? as i16)),
        DataType::I32 => Value::Int(i64::from(r.u32(what)? as i32)),
        DataType::I64 => Value::Int(r.i64(what)?),
        DataType::U8 => Value::UInt(r.u8(what)?.into()),
        DataType::U16 => Value::UInt(r.u16(what)?.into()),
        DataType::U32 => Value::UInt(r.u32(what)?.into()),
        DataType::U64 => Value::UInt(r.u64(what)?),
        // Through f64 and back is exact but for the payload of a signalling NaN, which no
        // append_row can have produced: values come in as f64 there.
        DataType::F32 => Value::Float(f64::from(f32::from_bits(r.u32(what)?))),
        DataType::F64 => Value::Float(f64::from_bits(r.u64(what)?)),
        DataType::Bool => Value::Bool(r.u8(what)? != 0),
        DataType::Utf8 => Value::Str(r.text(what)?),
        DataType::Binary => Value::Bytes(r.slice(what)?),
    })
}

/// Appends the body of a `rows` record.
pub fn put_rows(
    out: &mut Vec<u8>,
    table: TableId,
    columns: &[ColumnDef],
    first_seq: u64,
    chunks: &[Batch],
) {
    let start = out.len();
    out.extend_from_slice(&table.to_le_bytes());
    put_len(out, columns.len());
    out.extend_from_slice(&first_seq.to_le_bytes());
    put_len(out, chunks.len());
    put_len(out, 0);
    for chunk in chunks {
        put_len(out, chunk.rows());
        put_len(out, 0);
        out.extend_from_slice(chunk.ts.inner().as_slice());
        for (column, def) in chunk.columns.iter().zip(columns) {
            put_column(out, start, column, def.ty);
        }
    }
}

fn put_column(out: &mut Vec<u8>, start: usize, column: &Column, ty: DataType) {
    out.extend_from_slice(&u64::from(column.validity.is_some()).to_le_bytes());
    if let Some(nulls) = &column.validity {
        out.extend_from_slice(nulls.inner().sliced().as_slice());
        pad_to(out, start, 8);
    }
    match &column.data {
        Data::Fixed(buffer) => out.extend_from_slice(buffer),
        Data::Bool(bits) => out.extend_from_slice(bits.sliced().as_slice()),
        Data::Bytes { offsets, values } => {
            let rows = column.len(ty);
            let (first, last) = (offsets[0], offsets[rows]);
            for offset in offsets.iter() {
                out.extend_from_slice(&(offset - first).to_le_bytes());
            }
            pad_to(out, start, 8);
            out.extend_from_slice(&values[first as usize..last as usize]);
        }
    }
    pad_to(out, start, 8);
}

/// Reads the rest of a `rows` record. Columns the record does not have are null.
pub fn read_rows(
    r: &mut Reader<'_>,
    columns: &[ColumnDef],
    in_record: usize,
) -> Result<Vec<Batch>, Malformed> {
    if in_record > columns.len() {
        return Err(r.malformed("count of columns"));
    }
    let chunks = r.count(16, "chunks")?;
    r.u32("zero")?;
    let mut batches = Vec::with_capacity(chunks);
    for _ in 0..chunks {
        let rows = r.count(8, "rows")?;
        r.u32("zero")?;
        let ts = aligned(r.take(rows * 8, "times")?);
        let mut read = Vec::with_capacity(columns.len());
        for (i, column) in columns.iter().enumerate() {
            read.push(if i < in_record {
                read_column(r, column.ty, rows)?
            } else {
                Column::nulls(column.ty, rows)
            });
        }
        batches.push(Batch { ts: ScalarBuffer::new(ts, 0, rows), columns: read });
    }
    r.finish("rows")?;
    Ok(batches)
}

fn read_column(r: &mut Reader<'_>, ty: DataType, rows: usize) -> Result<Column, Malformed> {
    let validity = match r.u64("validity flag")? {
        0 => None,
        1 => Some(NullBuffer::new(read_bits(r, rows)?)),
        _ => return Err(r.malformed("validity flag")),
    };
    let data = match ty.width() {
        Some(width) => {
            let len = rows.checked_mul(width).ok_or(r.malformed("values"))?;
            let buffer = aligned(r.take(len, "values")?);
            r.align(8, "values")?;
            Data::Fixed(buffer)
        }
        None if ty == DataType::Bool => Data::Bool(read_bits(r, rows)?),
        None => read_texts(r, ty, rows)?,
    };
    Ok(Column { data, validity: None }.with_validity(validity))
}

fn read_bits(r: &mut Reader<'_>, rows: usize) -> Result<BooleanBuffer, Malformed> {
    let bytes = r.take(rows.div_ceil(8), "bits")?;
    let bits = BooleanBuffer::new(Buffer::from(bytes), 0, rows);
    r.align(8, "bits")?;
    Ok(bits)
}

fn read_texts(r: &mut Reader<'_>, ty: DataType, rows: usize) -> Result<Data, Malformed> {
    let bad = r.malformed("text");
    let len = rows.checked_add(1).and_then(|n| n.checked_mul(4)).ok_or(bad)?;
    let raw = r.take(len, "offsets")?;
    r.align(8, "offsets")?;
    let offsets: Vec<i32> =
        raw.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
    let ordered = offsets.first() == Some(&0) && offsets.is_sorted();
    let total = offsets.last().and_then(|last| usize::try_from(*last).ok());
    let values = r.take(total.filter(|_| ordered).ok_or(bad)?, "text")?;
    r.align(8, "text")?;
    if ty == DataType::Utf8 {
        let text = std::str::from_utf8(values).map_err(|_| bad)?;
        if !offsets.iter().all(|&at| text.is_char_boundary(at as usize)) {
            return Err(bad);
        }
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Data::Bytes { offsets, values: Buffer::from(values) })
}

/// A copy that is aligned for any width.
fn aligned(bytes: &[u8]) -> Buffer {
    Buffer::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::schema::TableSpec;
    use std::slice::from_ref;

    fn all_types() -> TableSpec {
        TableSpec::new(DataType::ALL.map(|ty| (ty.name(), ty)))
    }

    #[test]
    fn a_row_of_every_type_survives_and_prefixes_are_refused() {
        let spec = all_types();
        let values = [
            Value::Int(-8),
            Value::Int(-300),
            Value::Null,
            Value::Int(i64::MIN),
            Value::UInt(200),
            Value::UInt(60_000),
            Value::UInt(4_000_000_000),
            Value::UInt(u64::MAX),
            Value::Float(1.5),
            Value::Float(-0.3),
            Value::Bool(true),
            Value::Str("håll"),
            Value::Bytes(&[0, 255]),
        ];
        let mut body = vec![];
        put_row(&mut body, 4, &spec.columns, 77, -5, &values);
        let mut r = Reader::new(&body);
        let head = read_head(&mut r).unwrap();
        assert_eq!((head.table, head.columns, head.first_seq), (4, 13, 77));
        assert_eq!(read_row(&mut r, &spec.columns, 13).unwrap(), (-5, values.to_vec()));
        for len in 0..body.len() {
            let mut r = Reader::new(&body[..len]);
            let read = read_head(&mut r).and_then(|h| read_row(&mut r, &spec.columns, h.columns));
            assert!(read.is_err(), "prefix of {len}");
        }
    }

    #[test]
    fn rows_survive_slices_nulls_and_new_columns() {
        let spec = TableSpec::new([
            ("b", DataType::Bool),
            ("s", DataType::Utf8),
            ("x", DataType::I16),
            ("new", DataType::F64),
        ]);
        let old = &spec.columns[..3];
        let types: Vec<_> = old.iter().map(|c| c.ty).collect();
        let nulls = NullBuffer::from(vec![true, false, true, true, false]);
        let bits = BooleanBuffer::from(vec![true, false, true, true, false]);
        let batch = Batch {
            ts: ScalarBuffer::from(vec![1i64, 2, 3, 4, 5]),
            columns: vec![
                Column { data: Data::Bool(bits), validity: None },
                Column::from_texts(["a", "", "ccc", "dd", "e"]).with_validity(Some(nulls)),
                Column::from_vec(vec![1i16, 2, 3, 4, 5]),
            ],
        };
        let part = batch.slice(&types, 1, 3);
        let mut body = vec![];
        put_rows(&mut body, 1, old, 10, from_ref(&part));
        let mut r = Reader::new(&body);
        let head = read_head(&mut r).unwrap();
        let read = read_rows(&mut r, &spec.columns, head.columns).unwrap();
        assert_eq!(&read[0].ts[..], &[2, 3, 4]);
        assert_eq!(read[0].columns[1].bytes_at(1), b"ccc");
        assert!(!read[0].columns[1].is_valid(0));
        assert_eq!(read[0].columns[2].values::<i16>(), &[2, 3, 4]);
        assert_eq!(read[0].columns[3].null_count(), 3);
        for len in 0..body.len() {
            let mut r = Reader::new(&body[..len]);
            let read = read_head(&mut r).and_then(|h| read_rows(&mut r, &spec.columns, h.columns));
            assert!(read.is_err(), "prefix of {len}");
        }
    }

    #[test]
    fn a_header_survives_and_any_flipped_bit_shows() {
        let header = LogHeader::new(1, 2, 3, 4, 5);
        let bytes = header.to_bytes();
        assert_eq!(LogHeader::parse(&bytes), Ok(header));
        for bit in 0..LOG_HEADER_LEN * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(LogHeader::parse(&damaged).is_err());
        }
    }
}
