//! Decoding some rows of a column: those of a block at a time, into room that the caller has.
//!
//! A block is checked against its checksum once for each call that reads of it, and of a block only
//! the vectors that hold wanted rows are decoded, where its codec can do that.

use std::ops::Range;

use arrow_buffer::{
    BooleanBuffer, BooleanBufferBuilder, Buffer, MutableBuffer, OffsetBuffer, ScalarBuffer,
};

use crate::base::batch::Data;
use crate::base::bytes::Malformed;
use crate::base::schema::DataType;
use crate::codec::{self, BytesBuilder, Codec, VECTOR_ROWS};
use crate::format::footer::{BlockRef, Footer, Stream};
use crate::format::segment::checked;

/// Rows of one block, at least one, numbered as in their segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// All of these.
    Run(Range<usize>),
    /// These long runs, ascending.
    Runs(Vec<Range<usize>>),
    /// These, ascending.
    Some(Vec<u32>),
}

/// Rows from which on a run is worth a call of its own to decode it.
const LONG_RUN: usize = VECTOR_ROWS / 4;

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Run(rows) => rows.len(),
            Self::Runs(runs) => runs.iter().map(Range::len).sum(),
            Self::Some(rows) => rows.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From the first to the last of them.
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::Run(rows) => rows.clone(),
            Self::Runs(runs) => span_of(runs),
            Self::Some(rows) => {
                let ends = rows.first().zip(rows.last());
                ends.map_or(0..0, |(first, last)| *first as usize..*last as usize + 1)
            }
        }
    }

    /// Them one by one.
    pub fn each(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match self {
            Self::Run(rows) => Box::new(rows.start as u32..rows.end as u32),
            Self::Runs(runs) => {
                Box::new(runs.iter().flat_map(|run| run.start as u32..run.end as u32))
            }
            Self::Some(rows) => Box::new(rows.iter().copied()),
        }
    }

    /// Ascending rows, by block.
    pub fn of(footer: &Footer, rows: &[u32]) -> Vec<Self> {
        let shift = footer.block_shift;
        let blocks = rows.chunk_by(|a, b| a >> shift == b >> shift);
        blocks.map(|rows| Self::of_block(rows.to_vec())).collect()
    }

    /// Ascending rows of one block.
    pub fn of_block(rows: Vec<u32>) -> Self {
        let len = rows.len();
        let some = Self::Some(rows);
        let span = some.span();
        if span.len() == len { Self::Run(span) } else { some }
    }

    /// All rows of ranges of one block, which ascend.
    pub fn of_runs(ranges: impl Iterator<Item = Range<usize>>) -> Self {
        let mut runs: Vec<Range<usize>> = vec![];
        ranges.for_each(|rows| add(&mut runs, rows));
        match &runs[..] {
            [run] => Self::Run(run.clone()),
            many if span_of(many).len() >= LONG_RUN * many.len() => Self::Runs(runs),
            _ => Self::Some(runs.into_iter().flatten().map(|row| row as u32).collect()),
        }
    }

    /// All rows of ranges, which ascend, by block.
    pub fn of_ranges(footer: &Footer, ranges: &[Range<usize>]) -> Vec<Self> {
        let size = footer.block_rows();
        let mut pieces: Vec<Range<usize>> = vec![];
        for rows in ranges.iter().filter(|rows| !rows.is_empty()) {
            for block in rows.start / size..rows.end.div_ceil(size) {
                pieces.push(rows.start.max(block * size)..rows.end.min((block + 1) * size));
            }
        }
        let blocks = pieces.chunk_by(|a, b| a.start / size == b.start / size);
        blocks.map(|pieces| Self::of_runs(pieces.iter().cloned())).collect()
    }

    /// Those that are among `others` too.
    pub fn among(self, others: &Self) -> Self {
        if let Self::Run(_) = others {
            return self;
        }
        let mut others = others.each().peekable();
        let mut is_there = |row: u32| {
            while others.next_if(|other| *other < row).is_some() {}
            others.next_if_eq(&row).is_some()
        };
        let rows = self.each().filter(|row| is_there(*row)).collect();
        Self::of_block(rows)
    }

    /// The ranges that rows of blocks are, which ascend: as long as can be, also across blocks.
    pub fn ranges(all: &[Self]) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = vec![];
        for rows in all {
            match rows {
                Self::Run(rows) => add(&mut ranges, rows.clone()),
                Self::Runs(runs) => runs.iter().for_each(|run| add(&mut ranges, run.clone())),
                Self::Some(rows) => {
                    rows.iter().for_each(|&row| add(&mut ranges, row as usize..row as usize + 1));
                }
            }
        }
        ranges
    }
}

/// Adds a range to those before it, or makes the last of them longer.
fn add(ranges: &mut Vec<Range<usize>>, rows: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if last.end == rows.start => last.end = rows.end,
        _ => ranges.push(rows),
    }
}

fn span_of(runs: &[Range<usize>]) -> Range<usize> {
    runs.first().zip(runs.last()).map_or(0..0, |(first, last)| first.start..last.end)
}

/// A block, where it begins in the segment, and its bytes.
struct Block<'a> {
    reference: &'a BlockRef,
    first: usize,
    rows: usize,
    bytes: &'a [u8],
}

impl<'a> Block<'a> {
    fn of(
        footer: &Footer,
        stream: &'a Stream,
        extent: &'a [u8],
        rows: &Rows,
    ) -> Result<Self, Malformed> {
        let span = rows.span();
        let index = span.start / footer.block_rows();
        let reference = stream.blocks.get(index);
        let reference = reference.ok_or(Malformed { what: "block that is not there", at: 0 })?;
        let (first, bytes) = (index * footer.block_rows(), checked(reference, extent)?);
        Ok(Self { reference, first, rows: footer.rows_of(index), bytes })
    }

    fn malformed(&self, bad: codec::DecodeError) -> Malformed {
        Malformed { what: bad.what, at: self.reference.at as usize }
    }

    /// True if a vector of it is decoded alone.
    fn decodes_vectors(&self) -> bool {
        matches!(
            self.reference.codec,
            Codec::Raw
                | Codec::Constant
                | Codec::FrameOfReference
                | Codec::Delta
                | Codec::Scaled
                | Codec::Gorilla
                | Codec::Alp
                | Codec::AlpRd
                | Codec::Fsst
                | Codec::NanotsInt
        )
    }

    /// Stretches to decode for these rows, within the segment.
    fn stretches(&self, rows: &[u32]) -> Vec<Range<usize>> {
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return vec![] };
        let vector = |row: u32| (row as usize - self.first) / VECTOR_ROWS;
        let bounds = |from: usize, to: usize| {
            let end = (to + 1) * VECTOR_ROWS;
            self.first + from * VECTOR_ROWS..self.first + end.min(self.rows)
        };
        if !self.decodes_vectors() {
            return vec![bounds(vector(first), vector(last))];
        }
        let (mut stretches, mut left) = (vec![], rows);
        while let Some(&row) = left.first() {
            let stretch = bounds(vector(row), vector(row));
            left = &left[left.partition_point(|row| (*row as usize) < stretch.end)..];
            stretches.push(stretch);
        }
        stretches
    }
}

/// Decodes rows of fixed width into `out`, which has room for exactly these, aligned.
pub fn fixed(
    footer: &Footer,
    (ty, width): (DataType, usize),
    stream: &Stream,
    extent: &[u8],
    rows: &Rows,
    out: &mut [u8],
) -> Result<(), Malformed> {
    let block = Block::of(footer, stream, extent, rows)?;
    let decode = |stretch: Range<usize>, out: &mut [u8]| {
        let within = stretch.start - block.first..stretch.end - block.first;
        codec::decode_fixed(block.reference.codec, ty, block.bytes, block.rows, within, out)
            .map_err(|bad| block.malformed(bad))
    };
    let mut scratch = MutableBuffer::new(0);
    let some = match rows {
        Rows::Run(run) => return decode(run.clone(), out),
        Rows::Runs(runs) => {
            let (alone, span) = (block.decodes_vectors(), rows.span());
            if !alone {
                scratch.resize(span.len() * width, 0);
                decode(span.clone(), scratch.as_slice_mut())?;
            }
            let mut rest = out;
            for run in runs {
                let (now, later) = rest.split_at_mut((run.len() * width).min(rest.len()));
                match alone {
                    true => decode(run.clone(), now)?,
                    false => {
                        let from = (run.start - span.start) * width;
                        now.copy_from_slice(&scratch.as_slice()[from..from + now.len()]);
                    }
                }
                rest = later;
            }
            return Ok(());
        }
        Rows::Some(some) => some,
    };
    let (mut left, mut out) = (&some[..], out);
    for stretch in block.stretches(some) {
        let (now, later) = left.split_at(left.partition_point(|row| (*row as usize) < stretch.end));
        let (room, rest) = out.split_at_mut((now.len() * width).min(out.len()));
        (left, out) = (later, rest);
        // A filter mostly keeps all of a vector or little of it.
        if now.len() == stretch.len() {
            decode(stretch, room)?;
            continue;
        }
        scratch.resize(stretch.len() * width, 0);
        decode(stretch.clone(), scratch.as_slice_mut())?;
        match width {
            1 => pick::<1>(now, stretch.start, scratch.as_slice(), room),
            2 => pick::<2>(now, stretch.start, scratch.as_slice(), room),
            4 => pick::<4>(now, stretch.start, scratch.as_slice(), room),
            _ => pick::<8>(now, stretch.start, scratch.as_slice(), room),
        }
    }
    Ok(())
}

/// Copies the values at `rows`, of which the first is `first`.
fn pick<const W: usize>(rows: &[u32], first: usize, values: &[u8], out: &mut [u8]) {
    let (values, out) = (values.as_chunks::<W>().0, out.as_chunks_mut::<W>().0);
    for (out, row) in out.iter_mut().zip(rows) {
        *out = values[*row as usize - first];
    }
}

/// Decodes rows of a bool column, or of validity.
pub fn bits(
    footer: &Footer,
    stream: &Stream,
    extent: &[u8],
    rows: &[Rows],
) -> Result<BooleanBuffer, Malformed> {
    let mut out = BooleanBufferBuilder::new(rows.iter().map(Rows::len).sum());
    for rows in rows {
        let block = Block::of(footer, stream, extent, rows)?;
        let decode = |stretch: Range<usize>, out: &mut BooleanBufferBuilder| {
            let within = stretch.start - block.first..stretch.end - block.first;
            codec::decode_bits(block.reference.codec, block.bytes, block.rows, within, out)
                .map_err(|bad| block.malformed(bad))
        };
        let span = rows.span();
        match rows {
            Rows::Run(run) => decode(run.clone(), &mut out)?,
            Rows::Runs(_) | Rows::Some(_) => {
                let mut all = BooleanBufferBuilder::new(span.len());
                decode(span.clone(), &mut all)?;
                for row in rows.each() {
                    out.append(all.get_bit(row as usize - span.start));
                }
            }
        }
    }
    Ok(out.finish())
}

/// Decodes rows of text or bytes.
pub fn bytes(
    footer: &Footer,
    ty: DataType,
    stream: &Stream,
    extent: &[u8],
    rows: &[Rows],
) -> Result<Data, Malformed> {
    let count = rows.iter().map(Rows::len).sum::<usize>();
    let mut out = BytesBuilder { offsets: Vec::with_capacity(count + 1), values: vec![] };
    out.offsets.push(0);
    for rows in rows {
        let block = Block::of(footer, stream, extent, rows)?;
        let decode = |stretch: Range<usize>, out: &mut BytesBuilder| {
            let within = stretch.start - block.first..stretch.end - block.first;
            codec::decode_bytes(block.reference.codec, ty, block.bytes, block.rows, within, out)
                .map_err(|bad| block.malformed(bad))
        };
        let listed: Vec<u32>;
        let some = match rows {
            Rows::Run(run) => {
                decode(run.clone(), &mut out)?;
                continue;
            }
            Rows::Runs(runs) if block.decodes_vectors() => {
                runs.iter().try_for_each(|run| decode(run.clone(), &mut out))?;
                continue;
            }
            Rows::Runs(_) => {
                listed = rows.each().collect();
                &listed
            }
            Rows::Some(some) => some,
        };
        let (mut left, mut all) = (&some[..], BytesBuilder::default());
        for stretch in block.stretches(some) {
            let (now, later) =
                left.split_at(left.partition_point(|&row| (row as usize) < stretch.end));
            left = later;
            let (Some(&first), Some(&last)) = (now.first(), now.last()) else { continue };
            all.offsets.truncate(1);
            all.values.clear();
            decode(first as usize..last as usize + 1, &mut all)?;
            for row in now {
                let at = (row - first) as usize;
                let value = all.offsets[at] as usize..all.offsets[at + 1] as usize;
                out.values.extend_from_slice(&all.values[value]);
                let end = i32::try_from(out.values.len());
                out.offsets.push(end.map_err(|_| Malformed { what: "2 GiB of text", at: 0 })?);
            }
        }
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(out.offsets));
    Ok(Data::Bytes { offsets, values: Buffer::from_vec(out.values) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::batch::Column;
    use crate::base::schema::{StoragePolicy, TableSpec};
    use crate::format::edit::Order;
    use crate::format::footer::Role;
    use crate::format::rows::{RowNumbers, SortedRows};
    use crate::format::segment::{NewSegment, build, read_column, read_footer};
    use crate::format::spec::TableDef;
    use proptest::prelude::*;

    const ROWS: usize = 20_000;

    fn segment(storage: StoragePolicy) -> (Footer, Buffer) {
        let kinds = [DataType::F64, DataType::I16, DataType::Bool, DataType::Utf8, DataType::Utf8];
        let names = ["f", "i", "b", "s", "line"];
        let spec = TableSpec::new(names.into_iter().zip(kinds)).storage(storage);
        let def = TableDef { id: 1, name: "t".into(), spec: spec.into() };
        let mix = |row: usize| row.wrapping_mul(0x9E37_79B9) >> 7;
        let columns = vec![
            Column::from_vec((0..ROWS).map(|row| (mix(row) % 1000) as f64 / 4.0).collect()),
            Column::from_vec((0..ROWS).map(|row| (mix(row) % 300) as i16).collect::<Vec<i16>>()),
            Column {
                data: Data::Bool((0..ROWS).map(|row| mix(row).is_multiple_of(3)).collect()),
                validity: None,
            },
            Column::from_texts((0..ROWS).map(|row| format!("row {}", mix(row) % 50))),
            Column::from_texts((0..ROWS).map(|row| format!("line {row} of {}", mix(row)))),
        ];
        let ts: Vec<i64> = (0..ROWS as i64).collect();
        let rows = SortedRows { ts: ts.into(), seq: RowNumbers::Run(1), columns };
        let new =
            NewSegment { id: 1, def: &def, salt: 1, as_of_lsn: 1, level: 0, order: Order::Time };
        let mut extent = vec![];
        let entry = build(new, &rows, &mut extent);
        let extent = Buffer::from_vec(extent);
        (read_footer(&entry, 1, &extent).unwrap(), extent)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn ranges_by_block_are_their_rows(
            cuts in prop::collection::btree_set(0usize..ROWS, 0..40),
            dense in any::<bool>(),
        ) {
            let (footer, _) = segment(StoragePolicy::Balanced);
            let cuts: Vec<usize> = cuts.into_iter().collect();
            let ranges: Vec<Range<usize>> = cuts
                .windows(2)
                .enumerate()
                .filter(|(at, _)| dense || at % 2 == 0)
                .map(|(_, ends)| ends[0]..ends[1])
                .collect();
            let all: Vec<u32> = ranges.iter().cloned().flatten().map(|row| row as u32).collect();
            let rows = Rows::of_ranges(&footer, &ranges);
            prop_assert_eq!(rows.iter().flat_map(Rows::each).collect::<Vec<_>>(), all.clone());
            prop_assert_eq!(rows.iter().map(Rows::len).sum::<usize>(), all.len());
            let (spans, each) = (|rows: &[Rows]| rows.iter().map(Rows::span).collect::<Vec<_>>(), Rows::of(&footer, &all));
            prop_assert_eq!(spans(&rows), spans(&each));
            let again = Rows::ranges(&rows);
            prop_assert!(again.windows(2).all(|two| two[0].end < two[1].start));
            prop_assert_eq!(again.into_iter().flatten().collect::<Vec<_>>(),
                all.iter().map(|row| *row as usize).collect::<Vec<_>>());
        }

        #[test]
        fn rows_of_a_block_among_others(ours in prop::collection::btree_set(0u32..60, 0..60), others in prop::collection::btree_set(0u32..60, 0..60)) {
            let both: Vec<u32> = ours.intersection(&others).copied().collect();
            let of = |rows: std::collections::BTreeSet<u32>| Rows::of_block(rows.into_iter().collect());
            let runs = others.iter().map(|&row| row as usize..row as usize + 1);
            for others in [Rows::Runs(runs.collect()), Rows::Some(others.iter().copied().collect())] {
                let found = of(ours.clone()).among(&others);
                prop_assert_eq!(found.each().collect::<Vec<_>>(), both.clone());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn some_rows_are_those_of_the_column(
            picked in prop::collection::btree_set(0u32..ROWS as u32, 1..300),
            from in 0usize..ROWS,
            raw in any::<bool>(),
            long in any::<bool>(),
        ) {
            let (footer, extent) =
                segment(if raw { StoragePolicy::Raw } else { StoragePolicy::Balanced });
            let mut picked: Vec<u32> = picked.into_iter().collect();
            if long {
                let ends = picked.iter().map(|row| row / 800 * 800);
                picked = ends.flat_map(|row| row..(row + 700).min(ROWS as u32)).collect();
            }
            picked.extend(from as u32..(from + 1500).min(ROWS) as u32);
            picked.sort_unstable();
            picked.dedup();
            let runs: Vec<_> = picked.iter().map(|&row| row as usize..row as usize + 1).collect();
            let rows = if long { Rows::of_ranges(&footer, &runs) } else { Rows::of(&footer, &picked) };
            prop_assert_eq!(rows.iter().flat_map(Rows::each).collect::<Vec<_>>(), picked.clone());
            let line = footer.columns[6].stream(Role::Values).unwrap();
            prop_assert!(raw || line.blocks.iter().all(|block| block.codec == Codec::Fsst));
            for column in &footer.columns[2..] {
                let all = read_column(&footer, column, &extent, 0..ROWS).unwrap();
                let wanted = crate::base::builder::take(&all, column.ty, &picked);
                let stream = column.stream(Role::Values).unwrap();
                let data = match column.ty.width() {
                    Some(width) => {
                        let mut out = MutableBuffer::from_len_zeroed(picked.len() * width);
                        let mut rest = out.as_slice_mut();
                        for rows in &rows {
                            let (now, later) = rest.split_at_mut(rows.len() * width);
                            fixed(&footer, (column.ty, width), stream, &extent, rows, now).unwrap();
                            rest = later;
                        }
                        Data::Fixed(out.into())
                    }
                    None if column.ty == DataType::Bool => {
                        Data::Bool(bits(&footer, stream, &extent, &rows).unwrap())
                    }
                    None => bytes(&footer, column.ty, stream, &extent, &rows).unwrap(),
                };
                let found = Column { data, validity: None };
                prop_assert!(found.same_as(&wanted, column.ty), "{}", column.ty);
            }
        }
    }
}
