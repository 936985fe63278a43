//! Pco: numbers as the crate `pco` compresses them (Loncaric, Jeppesen, Zinberg, "Pcodec: Better
//! Compression for Numerical Sequences", 2025): slower to read than the fast codecs, and smaller.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 4 | length | u32: bytes of what follows, without the padding |
//! | | header | of pco's wrapped format |
//! | | chunk | the metadata of one chunk, of numbers of the column's type |
//! | | page | one page with all rows of the block |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! Each block has a chunk of its own, so that it is read, checked and moved without the others; the
//! metadata of a block of 16,384 rows is about a hundredth of it.

use std::ops::Range;

use arrow_buffer::ArrowNativeType;
use pco::ChunkConfig;
use pco::data_types::Number;
use pco::metadata::DeltaEncoding;
use pco::wrapped::{FileCompressor, FileDecompressor};

use super::words::{Word, view_mut};
use super::{DecodeError, MAX_BLOCK_ROWS, check_padding, pad};
use crate::base::{Column, DataType};

const DAMAGED: DecodeError = DecodeError { what: "damaged pco payload" };
/// Rows that pco decodes at a time.
const BATCH: usize = 256;

macro_rules! by_type {
    ($ty:expr, $none:expr, $number:ident => $call:expr) => {{
        macro_rules! with {
            ($t:ty) => {{
                type $number = $t;
                $call
            }};
        }
        match $ty {
            DataType::I8 => with!(i8),
            DataType::I16 => with!(i16),
            DataType::I32 => with!(i32),
            DataType::I64 => with!(i64),
            DataType::U8 => with!(u8),
            DataType::U16 => with!(u16),
            DataType::U32 => with!(u32),
            DataType::U64 => with!(u64),
            DataType::F32 => with!(f32),
            DataType::F64 => with!(f64),
            DataType::Bool | DataType::Utf8 | DataType::Binary => $none,
        }
    }};
}

/// Appends the payload; `false`, and nothing is appended, where pco has none.
pub(super) fn encode(ty: DataType, column: &Column, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    0u32.store(out);
    let done = by_type!(ty, false, N => compress(&super::fill::words::<N>(column), out));
    if !done {
        out.truncate(start);
        return false;
    }
    let len = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    pad(out, start);
    true
}

fn compress<N: Number>(values: &[N], out: &mut Vec<u8>) -> bool {
    let config = ChunkConfig::default().with_enable_8_bit(true);
    let file = FileCompressor::default();
    let Ok(mut chunk) = file.chunk_compressor(values, &config) else { return false };
    chunk.n_per_page() == [values.len()]
        && file.write_header(&mut *out).is_ok()
        && chunk.write_meta(&mut *out).is_ok()
        && chunk.write_page(0, &mut *out).is_ok()
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode(
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [u8],
) -> Result<(), DecodeError> {
    check_padding(payload)?;
    let (len, rest) = payload.split_at_checked(4).ok_or(DAMAGED)?;
    let len = u32::load(len) as usize;
    if rest.len() < len || rest.len() - len >= 8 {
        return Err(DAMAGED);
    }
    // Pco answers damage with an error; where it should panic after all, that is one too.
    let decode =
        || by_type!(ty, Err(DAMAGED), N => decompress::<N>(&rest[..len], rows, range, out));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).unwrap_or(Err(DAMAGED))
}

/// True if a chunk says that it lists more distinct values than its bytes can hold: pco makes room for
/// them before it looks. That stands in its first bits, the mode and how many they are.
fn lists_too_many<N>(chunk: &[u8]) -> bool {
    const LISTED: u32 = 4;
    let Some(first) = chunk.first_chunk() else { return false };
    let first = u32::from_le_bytes(*first);
    let (mode, count) = (first & 0xF, (first >> 4 & 0x1FF_FFFF) as usize);
    mode == LISTED && count > chunk.len() / size_of::<N>()
}

fn decompress<N: Number + ArrowNativeType>(
    bytes: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [u8],
) -> Result<(), DecodeError> {
    let out = view_mut::<N>(out)?;
    if range.is_empty() {
        return Ok(());
    }
    let (file, bytes) = FileDecompressor::new(bytes).map_err(|_| DAMAGED)?;
    if lists_too_many::<N>(bytes) {
        return Err(DAMAGED);
    }
    let (mut chunk, bytes) = file.chunk_decompressor::<N, _>(bytes).map_err(|_| DAMAGED)?;
    // It would make room for as many values.
    if let DeltaEncoding::Lookback { config, .. } = &chunk.meta().delta_encoding
        && config.window_n_log > MAX_BLOCK_ROWS.ilog2() + 2
    {
        return Err(DAMAGED);
    }
    let mut page = chunk.page_decompressor(bytes, rows).map_err(|_| DAMAGED)?;
    if range.len() == rows {
        page.read(out).map_err(|_| DAMAGED)?;
        return Ok(());
    }
    let mut before = vec![N::default(); range.end.next_multiple_of(BATCH).min(rows)];
    page.read(&mut before).map_err(|_| DAMAGED)?;
    out.copy_from_slice(&before[range]);
    Ok(())
}
