//! Raw: as Arrow lays the values out, with nothing before or behind them, so that the blocks of a
//! column of fixed width, one after the other, are one Arrow buffer.
//!
//! | type | bytes | field |
//! | --- | --- | --- |
//! | fixed width | rows x width | the values |
//! | bool | ceil(rows / 8) | a bit a value, the lowest of a byte first; zeros behind the last |
//! | utf8, binary | 4 x (rows + 1) | offsets, u32, the first 0, none below the one before |
//! | | last offset | the bytes of all values |

use std::ops::Range;

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

use super::text::{BytesBuilder, check_text};
use super::words::{Word, store_all};
use super::{DecodeError, fill};
use crate::base::{Column, Data, DataType};

const LENGTH: DecodeError = DecodeError { what: "raw payload of the wrong length" };

/// Appends values of fixed width.
pub(super) fn encode_fixed<T: Word>(values: &[T], out: &mut Vec<u8>) {
    store_all(values, out);
}

pub(super) fn decode_fixed(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    width: usize,
    out: &mut [u8],
) -> Result<(), DecodeError> {
    if payload.len() != rows * width {
        return Err(LENGTH);
    }
    out.copy_from_slice(&payload[range.start * width..range.end * width]);
    Ok(())
}

/// Appends bools; the bits behind the last one are zeros.
pub(super) fn encode_bits(bits: &BooleanBuffer, out: &mut Vec<u8>) {
    let (len, packed) = (bits.len().div_ceil(8), bits.sliced());
    out.extend_from_slice(&packed.as_slice()[..len]);
    if let (Some(last), used @ 1..) = (out.last_mut(), bits.len() % 8) {
        *last &= (1 << used) - 1;
    }
}

pub(super) fn decode_bits(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BooleanBufferBuilder,
) -> Result<(), DecodeError> {
    if payload.len() != rows.div_ceil(8) {
        return Err(LENGTH);
    }
    out.append_packed_range(range, payload);
    Ok(())
}

/// Bytes that [`encode_bytes`] appends.
pub(super) fn bytes_len(column: &Column, rows: usize) -> usize {
    let values: usize = fill::texts(column, rows).flatten().map(<[u8]>::len).sum();
    4 * (rows + 1) + values
}

/// Appends texts or byte strings; nulls are empty.
pub(super) fn encode_bytes(column: &Column, rows: usize, out: &mut Vec<u8>) {
    let mut end = 0u32;
    end.store(out);
    for text in fill::texts(column, rows) {
        end += text.map_or(0, <[u8]>::len) as u32;
        end.store(out);
    }
    match &column.data {
        // Without nulls the values lie together already.
        Data::Bytes { offsets, values } if column.validity.is_none() => {
            out.extend_from_slice(&values[offsets[0] as usize..offsets[rows] as usize]);
        }
        _ => fill::texts(column, rows).flatten().for_each(|text| out.extend_from_slice(text)),
    }
}

pub(super) fn decode_bytes(
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BytesBuilder,
) -> Result<(), DecodeError> {
    let (offsets, values) = payload.split_at_checked(4 * (rows + 1)).ok_or(LENGTH)?;
    let offset = |row: usize| u32::load(&offsets[4 * row..]);
    if offset(0) != 0 || offset(rows) as usize != values.len() {
        return Err(LENGTH);
    }
    let (start, end) = (offset(range.start), offset(range.end));
    let offsets = offsets[4 * range.start..4 * (range.end + 1)].chunks_exact(4).map(u32::load);
    if !offsets.clone().is_sorted() || end as usize > values.len() {
        return Err(DecodeError { what: "raw offsets that are not in order" });
    }
    let values = &values[start as usize..end as usize];
    check_text(ty, values, offsets.clone().map(|offset| (offset - start) as usize))?;
    out.reserve(range.len(), values.len())?;
    // Cannot wrap: `reserve` has checked that the last fits.
    let base = out.values.len() as u32;
    out.offsets.extend(offsets.skip(1).map(|offset| (offset - start + base) as i32));
    out.values.extend_from_slice(values);
    Ok(())
}
