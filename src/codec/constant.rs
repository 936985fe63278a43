//! Constant: one value for all rows, bit-equal (so neither 0.0 and -0.0 nor two different NaNs are
//! one value).
//!
//! | type | bytes | field |
//! | --- | --- | --- |
//! | fixed width | width | the value |
//! | bool | 1 | 0 or 1 |
//! | utf8, binary | 4 | u32: bytes of the value |
//! | | that many | the value |
//! | all | 0 to 7 | padding, zeros, to a multiple of 8 bytes |
//!
//! Text of more than `MAX_EXPANDED` bytes in all rows together is not encoded so.

use std::ops::Range;

use arrow_buffer::BooleanBufferBuilder;

use super::text::{BytesBuilder, check_expanded, check_text};
use super::words::Word;
use super::{DecodeError, MAX_EXPANDED, check_padding, fill, pad};
use crate::base::{Column, DataType};

const LENGTH: DecodeError = DecodeError { what: "constant of the wrong length" };

/// The one value of `values`, of which there is at least one.
pub(super) fn word<T: Word>(values: &[T]) -> Option<T> {
    values.iter().all(|value| *value == values[0]).then_some(values[0])
}

/// The one value of a text column, empty if all are null; `None` if there are two, or if decoding
/// would expand beyond the limit.
pub(super) fn text(column: &Column, rows: usize) -> Option<&[u8]> {
    let mut texts = fill::texts(column, rows).flatten();
    let first = texts.next().unwrap_or_default();
    (first.len() * rows <= MAX_EXPANDED && texts.all(|text| text == first)).then_some(first)
}

/// Bytes that [`encode_text`] appends.
pub(super) fn text_len(text: &[u8]) -> usize {
    (4 + text.len()).next_multiple_of(8)
}

/// Appends a value of fixed width; a bool is a `u8`.
pub(super) fn encode_word<T: Word>(value: T, out: &mut Vec<u8>) {
    let start = out.len();
    value.store(out);
    pad(out, start);
}

/// Appends a text or byte string.
pub(super) fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    crate::base::bytes::put_slice(out, text);
    pad(out, start);
}

pub(super) fn decode_fixed<T: Word>(payload: &[u8], out: &mut [T]) -> Result<(), DecodeError> {
    if payload.len() != 8 {
        return Err(LENGTH);
    }
    out.fill(T::load(payload));
    Ok(())
}

pub(super) fn decode_bits(
    payload: &[u8],
    range: Range<usize>,
    out: &mut BooleanBufferBuilder,
) -> Result<(), DecodeError> {
    match payload {
        [bit @ 0..=1, rest @ ..] if rest.len() == 7 => out.append_n(range.len(), *bit == 1),
        _ => return Err(LENGTH),
    }
    Ok(())
}

pub(super) fn decode_bytes(
    ty: DataType,
    payload: &[u8],
    range: Range<usize>,
    out: &mut BytesBuilder,
) -> Result<(), DecodeError> {
    check_padding(payload)?;
    let (len, rest) = payload.split_at_checked(4).ok_or(LENGTH)?;
    let text = rest.get(..u32::load(len) as usize).ok_or(LENGTH)?;
    if rest.len() - text.len() >= 8 {
        return Err(LENGTH);
    }
    check_text(ty, text, std::iter::empty())?;
    let total = text.len().checked_mul(range.len()).ok_or(LENGTH)?;
    check_expanded(total)?;
    out.reserve(range.len(), total)?;
    let mut end = out.values.len();
    for _ in range {
        out.values.extend_from_slice(text);
        end += text.len();
        out.offsets.push(end as i32);
    }
    Ok(())
}
