//! Run-length: where each run of bit-equal values ends, and its value, both coded once more.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 4 | runs | u32: `n`, 1 to the rows of the block |
//! | 1 | ends | u8: the codec of the ends |
//! | 1 | values | u8: the codec of the values |
//! | 2 | | zeros |
//! | 4 | ends | u32: bytes of the payload of the ends |
//! | 4 | values | u32: bytes of the payload of the values |
//! | | ends | payload of `n` u32: the row behind each run, ascending, the last the rows of the block |
//! | | values | payload of `n` values of the column's type |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! Neither codec is itself RunLength. Texts of more than `MAX_EXPANDED` bytes in all rows together
//! are not encoded so.

use std::ops::Range;

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

use super::text::{BytesBuilder, check_expanded};
use super::words::{Word, view_mut};
use super::{
    Codec, DecodeError, check_padding, decode_bits, decode_bytes, decode_fixed, fill, pad,
};
use crate::base::{Column, DataType};

const HEADER: usize = 16;

/// How many runs of bit-equal values there are.
pub(super) fn count<T: Word>(values: &[T]) -> usize {
    let after = values.get(1..).unwrap_or_default();
    1 + values.iter().zip(after).filter(|(a, b)| a != b).count()
}

/// The value of each run, and the row behind it.
pub(super) fn runs<T: Word>(values: &[T]) -> (Vec<T>, Vec<u32>) {
    let (mut firsts, mut ends, mut end) = (vec![], vec![], 0);
    for run in values.chunk_by(|a, b| a == b) {
        end += run.len() as u32;
        firsts.push(run[0]);
        ends.push(end);
    }
    (firsts, ends)
}

/// The bit of each run, and the row behind it.
pub(super) fn bit_runs(bits: &BooleanBuffer) -> (Vec<bool>, Vec<u32>) {
    let (mut firsts, mut ends, mut at) = (vec![], vec![], 0);
    for (start, end) in bits.set_slices() {
        if start > at {
            firsts.push(false);
            ends.push(start as u32);
        }
        firsts.push(true);
        ends.push(end as u32);
        at = end;
    }
    if at < bits.len() {
        firsts.push(false);
        ends.push(bits.len() as u32);
    }
    (firsts, ends)
}

/// The text of each run, and the row behind it; `None` if there are more than `most` runs. A null
/// goes on with the run that it stands in.
pub(super) fn text_runs(
    column: &Column,
    rows: usize,
    most: usize,
) -> Option<(Vec<&[u8]>, Vec<u32>)> {
    let (mut firsts, mut ends) = (vec![], vec![]);
    for (row, text) in (0..).zip(fill::texts(column, rows)) {
        let Some(text) = text else { continue };
        match firsts.last() {
            Some(last) if *last == text => continue,
            Some(_) => ends.push(row),
            None => {}
        }
        if firsts.len() == most {
            return None;
        }
        firsts.push(text);
    }
    if firsts.is_empty() {
        firsts.push(&[][..]);
    }
    ends.push(rows as u32);
    Some((firsts, ends))
}

/// Appends the payload: `ends` and `values` append theirs and say which codec it is.
pub(super) fn write(
    runs: usize,
    out: &mut Vec<u8>,
    ends: impl FnOnce(&mut Vec<u8>) -> Codec,
    values: impl FnOnce(&mut Vec<u8>) -> Codec,
) {
    let start = out.len();
    (runs as u32).store(out);
    out.extend([0; HEADER - 4]);
    let ends_codec = ends(out);
    let middle = out.len();
    let values_codec = values(out);
    let end = out.len();
    out[start + 4..][..2].copy_from_slice(&[ends_codec as u8, values_codec as u8]);
    let lens = [middle - start - HEADER, end - middle];
    for (place, len) in out[start + 8..].chunks_exact_mut(4).zip(lens) {
        place.copy_from_slice(&(len as u32).to_le_bytes());
    }
    pad(out, start);
}

/// A payload, its ends decoded and checked.
struct Parsed<'a> {
    ends: Vec<u32>,
    codec: Codec,
    values: &'a [u8],
}

fn parse(payload: &[u8], rows: usize) -> Result<Parsed<'_>, DecodeError> {
    const SHORT: DecodeError = DecodeError { what: "runs of the wrong length" };
    check_padding(payload)?;
    let (header, rest) = payload.split_at_checked(HEADER).ok_or(SHORT)?;
    let runs = u32::load(header) as usize;
    let codecs = Codec::from_code(header[4]).zip(Codec::from_code(header[5]));
    let simple = |codec: Codec| codec != Codec::RunLength;
    let codecs = codecs.filter(|(ends, values)| simple(*ends) && simple(*values));
    let Some((ends_codec, codec)) = codecs.filter(|_| (1..=rows).contains(&runs)) else {
        return Err(DecodeError { what: "impossible header of runs" });
    };
    let (ends_len, values_len) = (u32::load(&header[8..]), u32::load(&header[12..]));
    let (ends_bytes, rest) = rest.split_at_checked(ends_len as usize).ok_or(SHORT)?;
    let (values, rest) = rest.split_at_checked(values_len as usize).ok_or(SHORT)?;
    if rest.len() >= 8 {
        return Err(SHORT);
    }
    let mut ends = vec![0u32; runs];
    decode_words_of(ends_codec, DataType::U32, ends_bytes, &mut ends)?;
    let ascending = ends[0] > 0 && ends.is_sorted_by(|a, b| a < b);
    if !ascending || ends[runs - 1] as usize != rows {
        return Err(DecodeError { what: "runs that are not in order" });
    }
    Ok(Parsed { ends, codec, values })
}

fn decode_words_of<T: Word>(
    codec: Codec,
    ty: DataType,
    payload: &[u8],
    out: &mut [T],
) -> Result<(), DecodeError> {
    let rows = out.len();
    decode_fixed(codec, ty, payload, rows, 0..rows, super::words::as_bytes_mut(out))
}

impl Parsed<'_> {
    /// Calls `each` with each run that has rows in `range`, and with those.
    fn for_each(&self, range: Range<usize>, mut each: impl FnMut(usize, Range<usize>)) {
        let first = self.ends.partition_point(|&end| end as usize <= range.start);
        let mut at = range.start;
        for (run, &end) in self.ends.iter().enumerate().skip(first) {
            if at >= range.end {
                return;
            }
            let end = range.end.min(end as usize);
            each(run, at - range.start..end - range.start);
            at = end;
        }
    }
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Word>(
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [u8],
) -> Result<(), DecodeError> {
    let parsed = parse(payload, rows)?;
    let mut values = vec![T::default(); parsed.ends.len()];
    decode_words_of(parsed.codec, ty, parsed.values, &mut values)?;
    let out = view_mut::<T>(out)?;
    parsed.for_each(range, |run, rows| out[rows].fill(values[run]));
    Ok(())
}

/// Decodes rows `range` of `rows` and appends them.
pub(super) fn decode_bools(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BooleanBufferBuilder,
) -> Result<(), DecodeError> {
    let parsed = parse(payload, rows)?;
    let runs = parsed.ends.len();
    let mut values = BooleanBufferBuilder::new(runs);
    decode_bits(parsed.codec, parsed.values, runs, 0..runs, &mut values)?;
    parsed.for_each(range, |run, rows| out.append_n(rows.len(), values.get_bit(run)));
    Ok(())
}

/// Decodes rows `range` of `rows` and appends them.
pub(super) fn decode_texts(
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BytesBuilder,
) -> Result<(), DecodeError> {
    let (parsed, len) = (parse(payload, rows)?, range.len());
    let mut counts = vec![];
    parsed.for_each(range, |run, rows| counts.push((run, rows.len())));
    let runs = counts.first().map_or(0..0, |(first, _)| *first..first + counts.len());
    // What the runs hold goes where the rows go, and is spread from there.
    let (old_rows, start) = (out.offsets.len(), out.values.len());
    decode_bytes(parsed.codec, ty, parsed.values, parsed.ends.len(), runs, out)?;
    let texts: Vec<Range<usize>> =
        out.offsets[old_rows - 1..].windows(2).map(|o| o[0] as usize..o[1] as usize).collect();
    let runs = || texts.iter().cloned().zip(counts.iter().map(|&(_, count)| count));
    let expanded = runs()
        .fold(0usize, |sum, (text, count)| sum.saturating_add(text.len().saturating_mul(count)));
    out.offsets.truncate(old_rows);
    let room = check_expanded(expanded)
        .and_then(|()| out.reserve(len, start + expanded - out.values.len()));
    if let Err(error) = room {
        out.values.truncate(start);
        return Err(error);
    }
    // From the last row on: a run has a row at least, so no text is written over before its turn.
    out.values.resize(start + expanded, 0);
    let mut end = out.values.len();
    for (text, count) in runs().rev() {
        for _ in 0..count {
            end -= text.len();
            out.values.copy_within(text.clone(), end);
        }
    }
    let mut end = start;
    for (text, count) in runs() {
        for _ in 0..count {
            end += text.len();
            out.offsets.push(end as i32);
        }
    }
    Ok(())
}
