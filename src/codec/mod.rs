//! Slices of values to bytes and back, bit-exact.
//!
//! A codec turns the values of one *block* (normally 16,384 rows of one column, at most
//! [`MAX_BLOCK_ROWS`], at least one) into a payload. Inside a block the codecs work by *vector* of
//! [`VECTOR_ROWS`] rows that decodes alone, the last one shorter. A payload holds neither its
//! codec, nor its type, nor how many rows it has: the block's index does. What a payload looks like
//! stands at the head of each codec's file, byte by byte. All numbers in it are little-endian; all
//! but [`Codec::Raw`] are padded with zeros to a multiple of 8 bytes.
//!
//! Payloads are untrusted: a decoder never panics, never reads outside its slice, and allocates no
//! more than the rows it was asked for (with [`MAX_EXPANDED`]) and the payload justify. Wrong bytes
//! that are well formed decode to wrong values: that is what the checksum of a block is for.
//!
//! Placement: this file is the facade and finds the codec; `choose` decides which fast one encodes
//! (`floats` which of theirs), `cold` whether a slow one does better; one file a codec (`raw`,
//! `constant`, `frame`, `delta`, `scaled`, `run_length`, `alp`, `alp_rd`, `gorilla`, `nanots_int`,
//! `dictionary`, `fsst`, `pcodec`, `zstandard`); what they share is `patched` (integers near a
//! reference), `decimal` (floats as integers), `symbols` (parts of text), `bitpack`, `bitstream`,
//! `simd`, `vectors`, `words`, `text`. Nulls are not marked here: validity is a bitmap of its own,
//! encoded like a bool column.

mod alp;
mod alp_rd;
mod bitpack;
mod bitstream;
pub mod checksum;
mod choose;
mod cold;
mod constant;
mod decimal;
mod delta;
mod dictionary;
mod fill;
mod floats;
mod frame;
mod fsst;
mod gorilla;
mod nanots_int;
mod patched;
mod pcodec;
mod raw;
mod run_length;
mod scaled;
mod simd;
mod symbols;
mod text;
mod vectors;
mod words;
mod zstandard;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use arrow_buffer::BooleanBufferBuilder;

pub use crate::base::Codec;
use crate::base::DataType;
pub use choose::{Choice, encode};
use decimal::Decimal;
pub use text::BytesBuilder;
use words::{Word, view_mut};

/// Rows of a vector, the least that the fast codecs decode.
pub const VECTOR_ROWS: usize = 1024;
/// Most rows of a block.
pub const MAX_BLOCK_ROWS: usize = 65_536;
/// Most vectors of a block.
const MAX_VECTORS: usize = MAX_BLOCK_ROWS / VECTOR_ROWS;
/// Most bytes that the values of a block of text may have when decoded, if its codec is another than
/// [`Codec::Raw`]: such a block is larger than its payload, and must not be without bound.
pub const MAX_EXPANDED: usize = 60 << 20;

/// Why a block did not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong with the payload.
    pub what: &'static str,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl std::error::Error for DecodeError {}

/// Decodes rows `range` of a block of `rows` rows into `out`, of exactly `range.len()` values and
/// aligned to their width. For the types of fixed width only. After an error `out` is arbitrary.
pub fn decode_fixed(
    codec: Codec,
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [u8],
) -> Result<(), DecodeError> {
    check(codec, ty, rows, &range)?;
    let Some(width) = ty.width() else {
        return Err(DecodeError { what: "type without a fixed width" });
    };
    if out.len() != range.len() * width {
        return Err(DecodeError { what: "output buffer of the wrong length" });
    }
    match (codec, width) {
        (Codec::Raw, _) => raw::decode_fixed(payload, rows, range, width, out),
        (Codec::Pco, _) => pcodec::decode(ty, payload, rows, range, out),
        (Codec::Zstd, _) => zstandard::decode(payload, rows, range, width, out),
        (Codec::RunLength, 1) => run_length::decode::<u8>(ty, payload, rows, range, out),
        (Codec::RunLength, 2) => run_length::decode::<u16>(ty, payload, rows, range, out),
        (Codec::RunLength, 4) => run_length::decode::<u32>(ty, payload, rows, range, out),
        (Codec::RunLength, _) => run_length::decode::<u64>(ty, payload, rows, range, out),
        (_, 1) => decode_words::<u8>(codec, payload, rows, range, view_mut(out)?),
        (_, 2) => decode_words::<u16>(codec, payload, rows, range, view_mut(out)?),
        (_, 4) if ty.is_float() => {
            decode_floats::<u32>(codec, payload, rows, range, view_mut(out)?)
        }
        (_, 4) => decode_words::<u32>(codec, payload, rows, range, view_mut(out)?),
        (_, _) if ty.is_float() => {
            decode_floats::<u64>(codec, payload, rows, range, view_mut(out)?)
        }
        (_, _) => decode_words::<u64>(codec, payload, rows, range, view_mut(out)?),
    }
}

fn decode_words<T: Word>(
    codec: Codec,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    match codec {
        Codec::Constant => constant::decode_fixed(payload, out),
        Codec::FrameOfReference => frame::decode(payload, rows, range, out),
        Codec::Delta => delta::decode(payload, rows, range, out),
        Codec::Scaled => scaled::decode(payload, rows, range, out),
        _ => Err(WRONG_TYPE),
    }
}

fn decode_floats<T: Decimal>(
    codec: Codec,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    match codec {
        Codec::Constant => constant::decode_fixed(payload, out),
        Codec::Gorilla => gorilla::decode(payload, rows, range, out),
        Codec::Alp => alp::decode(payload, rows, range, out),
        Codec::AlpRd => alp_rd::decode(payload, rows, range, out),
        Codec::NanotsInt => nanots_int::decode(payload, rows, range, out),
        _ => Err(WRONG_TYPE),
    }
}

/// Decodes rows `range` of a block of `rows` bools, or of a validity bitmap, and appends them to
/// `out`; after an error `out` is as it was.
pub fn decode_bits(
    codec: Codec,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BooleanBufferBuilder,
) -> Result<(), DecodeError> {
    check(codec, DataType::Bool, rows, &range)?;
    match codec {
        Codec::Raw => raw::decode_bits(payload, rows, range, out),
        Codec::Constant => constant::decode_bits(payload, range, out),
        Codec::RunLength => run_length::decode_bools(payload, rows, range, out),
        _ => Err(WRONG_TYPE),
    }
}

/// Decodes rows `range` of a block of `rows` texts or byte strings and appends them to `out`; after
/// an error `out` is as it was. Refuses text that is not UTF-8, and to fill `out` with more than
/// `i32::MAX` bytes.
pub fn decode_bytes(
    codec: Codec,
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BytesBuilder,
) -> Result<(), DecodeError> {
    check(codec, ty, rows, &range)?;
    match codec {
        _ if !ty.is_bytes() => Err(WRONG_TYPE),
        Codec::Raw => raw::decode_bytes(ty, payload, rows, range, out),
        Codec::Constant => constant::decode_bytes(ty, payload, range, out),
        Codec::Dictionary => dictionary::decode(ty, payload, rows, range, out),
        Codec::RunLength => run_length::decode_texts(ty, payload, rows, range, out),
        Codec::Zstd => zstandard::decode_bytes(ty, payload, rows, range, out),
        Codec::Fsst => fsst::decode(ty, payload, rows, range, out),
        _ => Err(WRONG_TYPE),
    }
}

const WRONG_TYPE: DecodeError = DecodeError { what: "codec that the type does not have" };

/// What holds for every block, whatever its codec.
fn check(codec: Codec, ty: DataType, rows: usize, range: &Range<usize>) -> Result<(), DecodeError> {
    if rows == 0 || rows > MAX_BLOCK_ROWS {
        return Err(DecodeError { what: "impossible number of rows in a block" });
    }
    if range.start > range.end || range.end > rows {
        return Err(DecodeError { what: "rows outside their block" });
    }
    if codec.applies_to(ty) { Ok(()) } else { Err(WRONG_TYPE) }
}

/// Pads what was appended from byte `start` on, as every payload but a raw one is.
fn pad(out: &mut Vec<u8>, start: usize) {
    crate::base::bytes::pad_to(out, start, 8);
}

/// Refuses a payload that [`pad`] cannot have ended.
fn check_padding(payload: &[u8]) -> Result<(), DecodeError> {
    if payload.len().is_multiple_of(8) {
        Ok(())
    } else {
        Err(DecodeError { what: "payload that is not a multiple of 8 bytes" })
    }
}
