//! A segment: sorted rows of one table as blocks of columns, with a footer (SPEC 7).
//!
//! Its extent holds the streams of all columns, each at a multiple of 64 bytes, and then the
//! footer's frame. Writing makes the whole extent in memory; reading takes the mapped extent and
//! decodes only the blocks that a range of rows of a column needs, each after its checksum. Row
//! numbers are stored relative to the least of the segment, which its entry holds, so that a batch
//! can be encoded before its rows are numbered.

use std::ops::Range;

use arrow_buffer::{
    BooleanBufferBuilder, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};

use crate::base::batch::{Column, Data};
use crate::base::bytes::{Malformed, pad_to};
use crate::base::schema::{ColumnId, DataType, StoragePolicy, TableSpec};
use crate::codec::checksum::checksum;
use crate::codec::{self, BytesBuilder, Choice, Codec, VECTOR_ROWS};
use crate::format::EXTENT_ALIGN;
use crate::format::edit::{Order, SegmentEntry, SegmentId};
use crate::format::footer::{
    BlockRef, ColumnIndex, Footer, LABEL_NUMBERS, Label, MAX_SEGMENT_ROWS, Role, SEQ_ID, Stream,
    TIME_ID,
};
use crate::format::frame::{FOOTER_MAGIC, FRAME_LEN, Frame};
use crate::format::key::{KeyColumns, MAX_KEPT_KEY};
use crate::format::rows::{RowNumbers, SortedRows};
use crate::format::spec::TableDef;
use crate::format::stats::{Lane, decode_vectors, encode_vectors, summarize};

/// Who a new segment is.
#[derive(Debug, Clone, Copy)]
pub struct NewSegment<'a> {
    /// Its number.
    pub id: SegmentId,
    /// Its table.
    pub def: &'a TableDef,
    /// The file's salt.
    pub salt: u64,
    /// Deletes up to this log number are applied to the rows; 0 if the rows have no numbers yet
    /// (see [`number`]).
    pub as_of_lsn: u64,
    /// 0 as flushed; higher as packed.
    pub level: u8,
    /// The order of the rows.
    pub order: Order,
}

/// Makes the extent of a segment of 1 to [`MAX_SEGMENT_ROWS`] rows in place of what `extent` holds,
/// and its entry, whose `offset` is left 0 for whoever places it.
pub fn build(new: NewSegment<'_>, rows: &SortedRows, extent: &mut Vec<u8>) -> SegmentEntry {
    let spec = &new.def.spec;
    let count = rows.rows();
    assert!((1..=MAX_SEGMENT_ROWS).contains(&count), "a segment of {count} rows");
    let block_shift = if spec.storage == StoragePolicy::Size { 16 } else { 14 };
    let (min_seq, max_seq) = rows.seq.range(count);
    let label = Label { min_seq, as_of_lsn: new.as_of_lsn, table: encoded(new.def) };
    let (rows_of, order) = (count as u32, new.order);
    let mut footer = Footer::new(rows_of, block_shift, order, label);
    extent.clear();
    let choice = choice(spec.storage, new.level);
    let ts = Column { data: Data::Fixed(rows.ts.inner().clone()), validity: None };
    let (min_ts, max_ts) = match new.order {
        Order::Time => (rows.ts[0], rows.ts[count - 1]),
        Order::Key => rows.ts.iter().fold((i64::MAX, i64::MIN), |(a, b), &t| (a.min(t), b.max(t))),
    };
    put_column(&mut footer, extent, (TIME_ID, DataType::I64), &ts, (spec.time_codec, choice));
    put_row_numbers(&mut footer, extent, &rows.seq, min_seq);
    for (column, def) in rows.columns.iter().zip(&spec.columns) {
        put_column(&mut footer, extent, (def.id, def.ty), column, (def.codec, choice));
    }
    let mut entry = SegmentEntry {
        id: new.id,
        table: new.def.id,
        rows: count as u32,
        level: new.level,
        order: new.order,
        min_ts,
        max_ts,
        min_seq,
        max_seq,
        as_of_lsn: new.as_of_lsn,
        offset: 0,
        len: 0,
        footer_at: 0,
        footer_len: 0,
        footer_checksum: 0,
        key_range: key_range(spec, &rows.columns, count, new.order),
    };
    seal(&mut entry, &footer, new.salt, extent);
    entry
}

/// Which codecs a segment of that level uses: the cold ones only when it is packed.
fn choice(storage: StoragePolicy, level: u8) -> Choice {
    match storage {
        StoragePolicy::Raw => Choice::Raw,
        StoragePolicy::Balanced if level > 0 => Choice::Balanced,
        StoragePolicy::Size if level > 0 => Choice::Least,
        _ => Choice::Smallest,
    }
}

/// Blocks after which a cold codec is tried once more.
const COLD_EVERY: usize = 8;

/// Puts the row numbers as a column without statistics: nobody looks for them by value.
fn put_row_numbers(footer: &mut Footer, extent: &mut Vec<u8>, numbers: &RowNumbers, least: u64) {
    let part = |start, len| {
        let values = numbers.relative(least, start..start + len).into_inner();
        (DataType::U64, Column { data: Data::Fixed(values), validity: None })
    };
    let streams = vec![put_stream(footer, extent, Role::Values, (None, Choice::Smallest), part)];
    footer.columns.push(ColumnIndex {
        id: SEQ_ID,
        ty: DataType::U64,
        nulls: 0,
        nans: 0,
        streams,
        summary: None,
        vectors: None,
    });
}

/// The same segment for another file, its blocks as they are.
pub fn copy(
    new: NewSegment<'_>,
    entry: &SegmentEntry,
    footer: &Footer,
    extent: &[u8],
) -> (SegmentEntry, Vec<u8>) {
    let (id, table, as_of_lsn) = (new.id, new.def.id, new.as_of_lsn);
    let mut entry = SegmentEntry { id, table, as_of_lsn, offset: 0, ..entry.clone() };
    let label = Label { min_seq: entry.min_seq, as_of_lsn, table: encoded(new.def) };
    let footer = Footer { label, ..footer.clone() };
    let mut extent = extent[..entry.footer_at as usize].to_vec();
    seal(&mut entry, &footer, new.salt, &mut extent);
    (entry, extent)
}

/// Appends the footer to the streams, and enters where it is.
fn seal(entry: &mut SegmentEntry, footer: &Footer, salt: u64, extent: &mut Vec<u8>) {
    pad_to(extent, 0, EXTENT_ALIGN as usize);
    entry.footer_at = extent.len() as u64;
    let body = footer.encode();
    let record = Frame::new(FOOTER_MAGIC, 0, entry.id, 0, salt, &body).record(&body);
    extent.extend_from_slice(&record);
    pad_to(extent, 0, EXTENT_ALIGN as usize);
    entry.len = extent.len() as u64;
    entry.footer_len = record.len() as u32;
    entry.footer_checksum = checksum(&record);
}

fn encoded(def: &TableDef) -> Vec<u8> {
    let mut bytes = Vec::new();
    def.encode(&mut bytes);
    bytes
}

/// Bytes at the start of a footer's frame that [`number`] changes.
pub const NUMBERED_LEN: usize = FRAME_LEN + LABEL_NUMBERS.end;

/// Numbers the rows of a segment that was built before they had numbers, counted from 0: in its
/// entry, and in `record`, the footer's frame, of which the first [`NUMBERED_LEN`] bytes change.
pub fn number(
    entry: &mut SegmentEntry,
    record: &mut [u8],
    first_seq: u64,
    as_of_lsn: u64,
) -> Result<(), Malformed> {
    let (frame, body) = Frame::parse_record(record, FOOTER_MAGIC)?;
    let mut body = body.to_vec();
    let numbers = body.get_mut(LABEL_NUMBERS).ok_or(Malformed { what: "footer", at: FRAME_LEN })?;
    let min_seq = entry.min_seq + first_seq;
    let (low, high) = numbers.split_at_mut(8);
    low.copy_from_slice(&min_seq.to_le_bytes());
    high.copy_from_slice(&as_of_lsn.to_le_bytes());
    let numbered = Frame::new(FOOTER_MAGIC, 0, frame.seq, 0, frame.salt, &body).record(&body);
    record.copy_from_slice(&numbered);
    (entry.min_seq, entry.max_seq) = (min_seq, entry.max_seq + first_seq);
    (entry.as_of_lsn, entry.footer_checksum) = (as_of_lsn, checksum(record));
    Ok(())
}

fn put_column(
    footer: &mut Footer,
    extent: &mut Vec<u8>,
    (id, ty): (ColumnId, DataType),
    column: &Column,
    (asked, choice): (Option<Codec>, Choice),
) {
    let rows = footer.rows as usize;
    let nulls = column.null_count();
    let (summary, vectors) = match summarize(ty, column) {
        Some((summary, vectors)) => (Some(summary), vectors),
        None => (None, vec![]),
    };
    let lane = Lane::of(ty).filter(|_| rows > VECTOR_ROWS && nulls < rows);
    let packed = lane.map(|lane| {
        let mut bytes = Vec::new();
        encode_vectors(lane, &vectors, &mut bytes);
        bytes
    });
    let mut streams = Vec::new();
    if nulls < rows {
        let part = |start, len| (ty, column.slice(ty, start, len));
        streams.push(put_stream(footer, extent, Role::Values, (asked, choice), part));
    }
    if let Some(validity) = column.validity.as_ref().filter(|_| (1..rows).contains(&nulls)) {
        let part = |start, len| {
            let bits = validity.inner().slice(start, len);
            (DataType::Bool, Column { data: Data::Bool(bits), validity: None })
        };
        streams.push(put_stream(footer, extent, Role::Validity, (None, choice), part));
    }
    footer.columns.push(ColumnIndex {
        id,
        ty,
        nulls: nulls as u32,
        nans: summary.map_or(0, |s| s.nans as u32),
        streams,
        summary,
        vectors: packed,
    });
}

/// Puts the blocks of a stream: each by the codec that was asked for, if that can hold it.
fn put_stream(
    footer: &Footer,
    extent: &mut Vec<u8>,
    role: Role,
    (asked, choice): (Option<Codec>, Choice),
    part: impl Fn(usize, usize) -> (DataType, Column),
) -> Stream {
    pad_to(extent, 0, EXTENT_ALIGN as usize);
    let at = extent.len() as u64;
    let mut blocks = Vec::with_capacity(footer.blocks());
    for index in 0..footer.blocks() {
        let (ty, values) = part(index * footer.block_rows(), footer.rows_of(index));
        let start = extent.len();
        // Where a cold codec did not pay it will hardly pay in the next blocks.
        let tells = |block: &&BlockRef| Some(block.codec) != asked;
        let cold = blocks.last().filter(tells).is_none_or(|block| block.codec.is_cold());
        let again = cold || choice != Choice::Balanced || index % COLD_EVERY == 0;
        let choice = if again { choice } else { Choice::Smallest };
        let holds =
            |asked: &Codec| codec::encode(ty, &values, Choice::Only(*asked), extent) == *asked;
        let codec = asked.filter(holds).unwrap_or_else(|| {
            extent.truncate(start);
            codec::encode(ty, &values, choice, extent)
        });
        let bytes = &extent[start..];
        let len = u32::try_from(bytes.len()).expect("a block is below 4 GiB");
        blocks.push(BlockRef { codec, at: start as u64, len, checksum: checksum(bytes) });
    }
    Stream { role, at, blocks }
}

/// Least and greatest key of `rows` rows in that order, as an entry keeps them.
pub fn key_range(
    spec: &TableSpec,
    columns: &[Column],
    rows: usize,
    order: Order,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let key = KeyColumns::of(spec);
    if key.is_empty() {
        return None;
    }
    let (mut least, mut greatest) = (0, rows - 1);
    if order == Order::Time {
        for row in 0..rows {
            if key.compare(columns, row, columns, least).is_lt() {
                least = row;
            } else if key.compare(columns, row, columns, greatest).is_gt() {
                greatest = row;
            }
        }
    }
    let encode = |row| {
        let mut bytes = Vec::new();
        key.encode(columns, row, &mut bytes);
        bytes
    };
    let (least, greatest) = (encode(least), encode(greatest));
    (least.len().max(greatest.len()) <= MAX_KEPT_KEY).then_some((least, greatest))
}

/// Reads the footer out of an extent.
pub fn read_footer(entry: &SegmentEntry, salt: u64, extent: &[u8]) -> Result<Footer, Malformed> {
    let frame = usize::try_from(entry.footer_at).ok().and_then(|at| extent.get(at..));
    let frame = frame.and_then(|rest| rest.get(..entry.footer_len as usize));
    let frame = frame.ok_or(Malformed { what: "footer of a segment", at: 0 })?;
    let place = |bad: Malformed| Malformed { at: bad.at + entry.footer_at as usize, ..bad };
    if checksum(frame) != entry.footer_checksum {
        return Err(place(Malformed { what: "checksum of a footer", at: 0 }));
    }
    let (frame, body) = Frame::parse_record(frame, FOOTER_MAGIC).map_err(place)?;
    if frame.seq != entry.id || frame.salt != salt {
        return Err(place(Malformed { what: "footer of another segment", at: 8 }));
    }
    let footer = Footer::decode(body, entry.footer_at).map_err(place)?;
    let columns = footer.columns.len();
    let lead = footer.columns.iter().take(2).map(|column| column.id);
    if footer.rows != entry.rows
        || footer.order != entry.order
        || columns < 2
        || !lead.eq([TIME_ID, SEQ_ID])
    {
        return Err(place(Malformed { what: "footer at odds with the manifest", at: 0 }));
    }
    Ok(footer)
}

/// Reads `rows` of a column. `extent` is the segment's, mapped; raw values come back as views of
/// it.
pub fn read_column(
    footer: &Footer,
    column: &ColumnIndex,
    extent: &Buffer,
    rows: Range<usize>,
) -> Result<Column, Malformed> {
    let len = rows.len();
    let Some(values) = column.stream(Role::Values) else {
        return Ok(Column::nulls(column.ty, len));
    };
    let validity = match column.stream(Role::Validity) {
        Some(stream) => Some(NullBuffer::new(read_bits(footer, stream, extent, rows.clone())?)),
        None => None,
    };
    let data = match column.ty.width() {
        Some(width) => Data::Fixed(match raw_view(footer, values, extent, &rows, width) {
            Some(view) => view?,
            None => read_fixed(footer, column.ty, width, values, extent, rows)?,
        }),
        None if column.ty == DataType::Bool => Data::Bool(read_bits(footer, values, extent, rows)?),
        None => read_bytes(footer, column.ty, values, extent, rows)?,
    };
    Ok(Column { data, validity: None }.with_validity(validity))
}

/// Reads the row numbers of `rows`.
pub fn read_seq(
    entry: &SegmentEntry,
    footer: &Footer,
    extent: &Buffer,
    rows: Range<usize>,
) -> Result<ScalarBuffer<u64>, Malformed> {
    let column = footer.column(SEQ_ID).ok_or(Malformed { what: "row numbers", at: 0 })?;
    let relative = read_column(footer, column, extent, rows)?;
    let absolute = relative.values::<u64>().iter().map(|s| s.wrapping_add(entry.min_seq));
    Ok(absolute.collect::<Vec<u64>>().into())
}

/// Reads the times of `rows`.
pub fn read_ts(
    footer: &Footer,
    extent: &Buffer,
    rows: Range<usize>,
) -> Result<ScalarBuffer<i64>, Malformed> {
    let column = footer.column(TIME_ID).ok_or(Malformed { what: "times", at: 0 })?;
    let len = rows.len();
    match read_column(footer, column, extent, rows)?.data {
        Data::Fixed(buffer) => Ok(ScalarBuffer::new(buffer, 0, len)),
        _ => Err(Malformed { what: "times", at: 0 }),
    }
}

/// The rows with times in `[start, end)`, found by the vectors' statistics and two vectors' times.
pub fn rows_between(
    entry: &SegmentEntry,
    footer: &Footer,
    extent: &Buffer,
    start: i64,
    end: Option<i64>,
) -> Result<Range<usize>, Malformed> {
    let from = if start <= entry.min_ts { 0 } else { first_at(footer, extent, start)? };
    let to = match end {
        Some(end) if end <= entry.max_ts => first_at(footer, extent, end)?,
        _ => footer.rows as usize,
    };
    Ok(from..to.max(from))
}

/// The first row whose time is at or past `ts`.
fn first_at(footer: &Footer, extent: &Buffer, ts: i64) -> Result<usize, Malformed> {
    let (rows, starts) = (footer.rows as usize, time_starts(footer)?);
    // The vector before the first one that begins at or past `ts` is where `ts` would be.
    let vector = starts.partition_point(|&start| start < ts).saturating_sub(1);
    let begin = vector * VECTOR_ROWS;
    let len = if starts.is_empty() { rows } else { VECTOR_ROWS.min(rows - begin) };
    let times = read_ts(footer, extent, begin..begin + len)?;
    Ok(begin + times.partition_point(|t| *t < ts))
}

/// The time at which each vector begins, unpacked once; none if the times have no statistics.
fn time_starts(footer: &Footer) -> Result<&[i64], Malformed> {
    if let Some(starts) = footer.time_starts.get() {
        return Ok(starts);
    }
    let column = footer.column(TIME_ID).ok_or(Malformed { what: "times", at: 0 })?;
    let vectors = match &column.vectors {
        Some(bytes) => {
            decode_vectors(Lane::Signed, (footer.rows as usize).div_ceil(VECTOR_ROWS), bytes)?
        }
        None => vec![],
    };
    let starts = vectors.iter().map(|vector| vector.min as i64).collect();
    Ok(footer.time_starts.get_or_init(|| starts))
}

/// Checks every block of the segment, and that each decodes; returns how many there are.
pub fn verify(footer: &Footer, extent: &Buffer) -> Result<u64, Malformed> {
    let mut blocks = 0;
    for column in &footer.columns {
        read_column(footer, column, extent, 0..footer.rows as usize)?;
        blocks += column.streams.iter().map(|s| s.blocks.len() as u64).sum::<u64>();
    }
    Ok(blocks)
}

/// The blocks of a stream that hold `rows`: the block, how many rows it has, which are wanted.
fn parts<'a>(
    footer: &'a Footer,
    stream: &'a Stream,
    rows: Range<usize>,
) -> impl Iterator<Item = (&'a BlockRef, usize, Range<usize>)> {
    let size = footer.block_rows();
    let blocks = rows.start / size..rows.end.div_ceil(size);
    blocks.filter_map(move |index| {
        let start = index * size;
        let wanted = rows.start.max(start) - start..rows.end.min(start + size) - start;
        let block = stream.blocks.get(index).filter(|_| !wanted.is_empty())?;
        Some((block, footer.rows_of(index), wanted))
    })
}

/// A block's bytes, checked against its checksum.
pub(super) fn checked<'a>(block: &BlockRef, extent: &'a [u8]) -> Result<&'a [u8], Malformed> {
    let at = block.at as usize;
    let bytes = extent.get(at..).and_then(|rest| rest.get(..block.len as usize));
    match bytes {
        Some(bytes) if checksum(bytes) == block.checksum => Ok(bytes),
        Some(_) => Err(Malformed { what: "checksum of a block", at }),
        None => Err(Malformed { what: "block beyond the segment", at }),
    }
}

/// A view of the mapped values where all wanted blocks are raw and lie as Arrow needs them.
pub fn raw_view(
    footer: &Footer,
    stream: &Stream,
    extent: &Buffer,
    rows: &Range<usize>,
    width: usize,
) -> Option<Result<Buffer, Malformed>> {
    // No block says that it is raw, and where raw values ended the segment may not reach.
    if rows.is_empty() {
        return None;
    }
    for (block, block_rows, _) in parts(footer, stream, rows.clone()) {
        if block.codec != Codec::Raw || block.len as usize != block_rows * width {
            return None;
        }
    }
    let start = stream.at as usize + rows.start * width;
    let first = stream.blocks.get(rows.start / footer.block_rows())?;
    let contiguous = first.at as usize
        == stream.at as usize + rows.start / footer.block_rows() * footer.block_rows() * width;
    if !contiguous || !(extent.as_ptr() as usize + start).is_multiple_of(width) {
        return None;
    }
    for (block, _, _) in parts(footer, stream, rows.clone()) {
        if let Err(bad) = checked(block, extent) {
            return Some(Err(bad));
        }
    }
    Some(Ok(extent.slice_with_length(start, rows.len() * width)))
}

fn read_fixed(
    footer: &Footer,
    ty: DataType,
    width: usize,
    stream: &Stream,
    extent: &[u8],
    rows: Range<usize>,
) -> Result<Buffer, Malformed> {
    let mut out = MutableBuffer::from_len_zeroed(rows.len() * width);
    let mut rest = out.as_slice_mut();
    for (block, block_rows, wanted) in parts(footer, stream, rows) {
        let bytes = checked(block, extent)?;
        let (part, tail) = rest.split_at_mut(wanted.len() * width);
        codec::decode_fixed(block.codec, ty, bytes, block_rows, wanted, part)
            .map_err(|bad| Malformed { what: bad.what, at: block.at as usize })?;
        rest = tail;
    }
    Ok(out.into())
}

fn read_bits(
    footer: &Footer,
    stream: &Stream,
    extent: &[u8],
    rows: Range<usize>,
) -> Result<arrow_buffer::BooleanBuffer, Malformed> {
    let mut out = BooleanBufferBuilder::new(rows.len());
    for (block, block_rows, wanted) in parts(footer, stream, rows) {
        let bytes = checked(block, extent)?;
        codec::decode_bits(block.codec, bytes, block_rows, wanted, &mut out)
            .map_err(|bad| Malformed { what: bad.what, at: block.at as usize })?;
    }
    Ok(out.finish())
}

fn read_bytes(
    footer: &Footer,
    ty: DataType,
    stream: &Stream,
    extent: &[u8],
    rows: Range<usize>,
) -> Result<Data, Malformed> {
    let mut out = BytesBuilder { offsets: Vec::with_capacity(rows.len() + 1), values: vec![] };
    out.offsets.push(0);
    for (block, block_rows, wanted) in parts(footer, stream, rows) {
        let bytes = checked(block, extent)?;
        codec::decode_bytes(block.codec, ty, bytes, block_rows, wanted, &mut out)
            .map_err(|bad| Malformed { what: bad.what, at: block.at as usize })?;
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(out.offsets));
    Ok(Data::Bytes { offsets, values: Buffer::from_vec(out.values) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn def(storage: StoragePolicy) -> TableDef {
        let spec = TableSpec::new([("v", DataType::F64)]).storage(storage);
        TableDef { id: 1, name: "t".into(), spec: spec.into() }
    }

    fn rows(shift: f64) -> SortedRows {
        let count = 40_000;
        let values: Vec<f64> = (0..count).map(|i| f64::from(i) * 0.25 + shift).collect();
        SortedRows {
            ts: (0..i64::from(count)).collect::<Vec<i64>>().into(),
            seq: RowNumbers::Run(1),
            columns: vec![Column::from_vec(values)],
        }
    }

    #[test]
    fn a_segment_reads_back_and_finds_times() {
        let def = def(StoragePolicy::Balanced);
        let new =
            NewSegment { id: 7, def: &def, salt: 9, as_of_lsn: 3, level: 0, order: Order::Time };
        let mut extent = Vec::new();
        let entry = build(new, &rows(0.0), &mut extent);
        let extent = Buffer::from_vec(extent);
        let footer = read_footer(&entry, 9, &extent).unwrap();
        let all = rows_between(&entry, &footer, &extent, 0, None).unwrap();
        assert_eq!(all, 0..40_000);
        let some = rows_between(&entry, &footer, &extent, 1023, Some(17_000)).unwrap();
        assert_eq!(some, 1023..17_000);
        let column = footer.column(0).unwrap();
        let values = read_column(&footer, column, &extent, some).unwrap();
        assert_eq!(values.values::<f64>()[1], 1024.0 * 0.25);
        assert_eq!(read_seq(&entry, &footer, &extent, 5..6).unwrap()[0], 6);
        assert!(verify(&footer, &extent).is_ok());
    }

    #[test]
    fn no_rows_read_back_as_none_wherever_they_would_stand() {
        for storage in StoragePolicy::ALL {
            let def = def(storage);
            let order = Order::Time;
            let new = NewSegment { id: 7, def: &def, salt: 9, as_of_lsn: 3, level: 0, order };
            let mut extent = Vec::new();
            let entry = build(new, &rows(0.0), &mut extent);
            let extent = Buffer::from_vec(extent);
            let footer = read_footer(&entry, 9, &extent).unwrap();
            for at in [0, 1, 8192, 39_999, 40_000] {
                for column in &footer.columns {
                    let none = read_column(&footer, column, &extent, at..at).unwrap();
                    assert_eq!(none.len(column.ty), 0, "{} at {at}", storage.name());
                }
                assert_eq!(read_seq(&entry, &footer, &extent, at..at).unwrap().len(), 0);
            }
        }
    }

    /// After a power loss what stood in the same place before may still stand there, whole.
    #[test]
    fn another_segment_of_the_same_shape_is_not_taken_for_it() {
        for storage in StoragePolicy::ALL {
            let def = def(storage);
            let new = NewSegment {
                id: 7,
                def: &def,
                salt: 9,
                as_of_lsn: 3,
                level: 0,
                order: Order::Time,
            };
            let (mut extent, mut stale) = (Vec::new(), Vec::new());
            let entry = build(new, &rows(0.0), &mut extent);
            build(new, &rows(1.0), &mut stale);
            assert!(read_footer(&entry, 9, &extent).is_ok());
            assert!(read_footer(&entry, 9, &stale).is_err(), "{}", storage.name());
        }
    }

    #[test]
    fn rows_are_numbered_after_a_segment_was_built_and_copies_keep_them() {
        let def = def(StoragePolicy::Balanced);
        let mut sorted = rows(0.0);
        sorted.seq = (0..40_000).collect::<Vec<u64>>().into();
        let new =
            NewSegment { id: 7, def: &def, salt: 9, as_of_lsn: 0, level: 0, order: Order::Time };
        let mut extent = Vec::new();
        let mut entry = build(new, &sorted, &mut extent);
        let (at, len) = (entry.footer_at as usize, entry.footer_len as usize);
        let before = extent.clone();
        number(&mut entry, &mut extent[at..at + len], 100, 5).unwrap();
        assert_eq!(before[at + NUMBERED_LEN..], extent[at + NUMBERED_LEN..]);
        let extent = Buffer::from_vec(extent);
        let footer = read_footer(&entry, 9, &extent).unwrap();
        assert_eq!((footer.label.min_seq, footer.label.as_of_lsn), (100, 5));
        assert_eq!((entry.min_seq, entry.max_seq, entry.as_of_lsn), (100, 40_099, 5));
        assert_eq!(read_seq(&entry, &footer, &extent, 5..6).unwrap()[0], 105);

        let new =
            NewSegment { id: 3, def: &def, salt: 11, as_of_lsn: 5, level: 0, order: Order::Time };
        let (copied, bytes) = copy(new, &entry, &footer, &extent);
        let bytes = Buffer::from_vec(bytes);
        let again = read_footer(&copied, 11, &bytes).unwrap();
        assert_eq!((&again, copied.id), (&footer, 3));
        assert_eq!(bytes[..at], extent[..at]);
    }
}
