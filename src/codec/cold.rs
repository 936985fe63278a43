//! The cold tier: where pco or zstd make a block smaller than the fast codecs do, and by enough.

use super::{Choice, Codec, fill, pcodec, raw, zstandard};
use crate::base::{Column, DataType};

/// Below this nothing is worth the time.
const LEAST: usize = 128;

/// Puts what a cold codec makes of `column` in the place of what `codec` made of it, which stands in
/// `out` from `start` on, if that is worth it.
pub(super) fn improve(
    (ty, column): (DataType, &Column),
    codec: Codec,
    choice: Choice,
    start: usize,
    out: &mut Vec<u8>,
) -> Codec {
    let fast_len = out.len() - start;
    // Of two that are about equal the fast one is better.
    let limit = match choice {
        Choice::Balanced => fast_len - fast_len * 15 / 100,
        Choice::Least => fast_len,
        _ => return codec,
    };
    if fast_len < LEAST || ty == DataType::Bool {
        return codec;
    }
    // Few runs of text, such as those of a key: a part of them is decoded without the rest, and
    // there is little left to save.
    if codec == Codec::RunLength
        && choice == Choice::Balanced
        && ty.is_bytes()
        && fast_len <= column.len(ty) / 8
    {
        return codec;
    }
    let mut best = (codec, vec![]);
    let mut try_one = |cold: Codec| {
        let mut payload = vec![];
        let there = encode(cold, ty, column, choice, &mut payload);
        let smallest = if best.1.is_empty() { limit } else { best.1.len() };
        if there && payload.len() < smallest {
            best = (cold, payload);
        }
    };
    if ty.width().is_some() {
        try_one(Codec::Pco);
    }
    // For numbers it is the last resort: it is slow, and pco nearly always better.
    if ty.is_bytes() || choice == Choice::Least || codec == Codec::Raw {
        try_one(Codec::Zstd);
    }
    let (codec, payload) = best;
    if !payload.is_empty() {
        out.truncate(start);
        out.extend_from_slice(&payload);
    }
    codec
}

/// Appends the payload of a cold codec, if it applies.
pub(super) fn encode(
    codec: Codec,
    ty: DataType,
    column: &Column,
    choice: Choice,
    out: &mut Vec<u8>,
) -> bool {
    // Higher levels make text smaller, and numbers only take longer.
    let level = if choice == Choice::Least && ty.is_bytes() { 12 } else { 3 };
    match codec {
        Codec::Pco => pcodec::encode(ty, column, out),
        Codec::Zstd if ty.is_bytes() => {
            let lengths = super::choose::encode_lengths;
            zstandard::encode_bytes(column, column.len(ty), level, out, lengths)
        }
        Codec::Zstd => {
            let mut values = vec![];
            match ty.width() {
                Some(1) => raw::encode_fixed(&fill::words::<u8>(column), &mut values),
                Some(2) => raw::encode_fixed(&fill::words::<u16>(column), &mut values),
                Some(4) => raw::encode_fixed(&fill::words::<u32>(column), &mut values),
                Some(_) => raw::encode_fixed(&fill::words::<u64>(column), &mut values),
                None => return false,
            }
            zstandard::encode_fixed(&values, level, out)
        }
        _ => false,
    }
}
