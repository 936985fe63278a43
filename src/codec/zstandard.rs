//! Zstd: bytes as Zstandard compresses them (RFC 8878), for text and for what nothing else shrinks.
//!
//! Of a type of fixed width:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 4 | length | u32: bytes of the frame |
//! | | frame | a Zstandard frame of the values as they are |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! Of utf8 and binary:
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 4 | length | u32: bytes of the frame |
//! | 4 | text | u32: bytes of all values |
//! | 4 | lengths | u32: bytes of the payload of the lengths |
//! | 1 | codec | u8: the codec of the lengths |
//! | 3 | | zeros |
//! | | lengths | payload of R u32: the bytes of each value, those of all together as said |
//! | | frame | a Zstandard frame of all values, one after the other |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! Values of more than `MAX_EXPANDED` bytes in all rows together are not encoded so.

use std::ops::Range;

use super::text::{BytesBuilder, check_expanded, check_text};
use super::words::{Word, as_bytes_mut};
use super::{Codec, DecodeError, MAX_EXPANDED, check_padding, decode_fixed, fill, pad};
use crate::base::{Column, DataType};

const DAMAGED: DecodeError = DecodeError { what: "damaged zstd payload" };
const HEADER: usize = 16;

/// Appends values of fixed width; `false`, and nothing is appended, if that fails.
pub(super) fn encode_fixed(values: &[u8], level: i32, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let Ok(frame) = zstd::bulk::compress(values, level) else { return false };
    (frame.len() as u32).store(out);
    out.extend_from_slice(&frame);
    pad(out, start);
    true
}

/// Appends texts or byte strings, nulls as empty ones; `lengths` appends the payload of those.
pub(super) fn encode_bytes(
    column: &Column,
    rows: usize,
    level: i32,
    out: &mut Vec<u8>,
    lengths: impl FnOnce(&[u32], &mut Vec<u8>) -> Codec,
) -> bool {
    let (text, lens) = fill::joined(column, rows);
    let frame = match zstd::bulk::compress(&text, level) {
        Ok(frame) if text.len() <= MAX_EXPANDED => frame,
        _ => return false,
    };
    let start = out.len();
    (frame.len() as u32).store(out);
    (text.len() as u32).store(out);
    out.extend([0; 8]);
    let codec = lengths(&lens, out);
    let len = (out.len() - start - HEADER) as u32;
    out[start + 8..][..4].copy_from_slice(&len.to_le_bytes());
    out[start + 12] = codec as u8;
    out.extend_from_slice(&frame);
    pad(out, start);
    true
}

/// Fills `out` with what a frame holds, exactly.
fn unpack(frame: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    let want = out.len();
    match zstd::bulk::decompress_to_buffer(frame, out) {
        Ok(len) if len == want => Ok(()),
        _ => Err(DAMAGED),
    }
}

/// The first `len` bytes, if no more than padding stands behind them.
fn padded(bytes: &[u8], len: usize) -> Result<&[u8], DecodeError> {
    let exact = bytes.len() >= len && bytes.len() - len < 8;
    if exact { Ok(&bytes[..len]) } else { Err(DAMAGED) }
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    width: usize,
    out: &mut [u8],
) -> Result<(), DecodeError> {
    check_padding(payload)?;
    let (len, frame) = payload.split_at_checked(4).ok_or(DAMAGED)?;
    let frame = padded(frame, u32::load(len) as usize)?;
    if range.len() == rows {
        return unpack(frame, out);
    }
    let mut all = vec![0; rows * width];
    unpack(frame, &mut all)?;
    out.copy_from_slice(&all[range.start * width..range.end * width]);
    Ok(())
}

/// Decodes rows `range` of `rows` and appends them.
pub(super) fn decode_bytes(
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BytesBuilder,
) -> Result<(), DecodeError> {
    check_padding(payload)?;
    let (header, rest) = payload.split_at_checked(HEADER).ok_or(DAMAGED)?;
    let field = |at: usize| u32::load(&header[at..]) as usize;
    let (lengths, frame) = rest.split_at_checked(field(8)).ok_or(DAMAGED)?;
    let frame = padded(frame, field(0))?;
    check_expanded(field(4))?;
    let codec = Codec::from_code(header[12]).filter(|codec| *codec != Codec::RunLength);
    let mut lens = vec![0u32; rows];
    let codec = codec.ok_or(DAMAGED)?;
    decode_fixed(codec, DataType::U32, lengths, rows, 0..rows, as_bytes_mut(&mut lens))?;
    let total = |lens: &[u32]| lens.iter().map(|&len| u64::from(len)).sum::<u64>() as usize;
    if total(&lens) != field(4) {
        return Err(DecodeError { what: "lengths of text that do not add up" });
    }
    let (skip, lens) = (total(&lens[..range.start]), &lens[range]);
    // In its place at once: all of a block beside a part of it would be twice the limit.
    let start = out.values.len();
    out.reserve(lens.len(), field(4))?;
    out.values.resize(start + field(4), 0);
    let unpacked = unpack(frame, &mut out.values[start..]).and_then(|()| {
        out.values.copy_within(start + skip..start + skip + total(lens), start);
        out.values.truncate(start + total(lens));
        let starts = lens.iter().scan(0, |at, &len| {
            *at += len as usize;
            Some(*at)
        });
        check_text(ty, &out.values[start..], starts)
    });
    if let Err(error) = unpacked {
        out.values.truncate(start);
        return Err(error);
    }
    if field(4) > 2 * total(lens) {
        out.values.shrink_to_fit();
    }
    let mut end = start;
    out.offsets.extend(lens.iter().map(|&len| {
        end += len as usize;
        end as i32
    }));
    Ok(())
}
