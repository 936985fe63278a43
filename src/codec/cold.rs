//! The cold tier: where pco or zstd make a block smaller than the fast codecs do, and by enough.

use super::{Choice, Codec, fill, pcodec, raw, zstandard};
use crate::base::{Column, DataType};

/// Below this nothing is worth the time.
const LEAST: usize = 128;

/// Levels of Zstandard: of 150 MB/s and more; of about 2 MB/s, at which text is a third smaller; and
/// the highest, which takes 50 MB/s of what mostly repeats and 2 of anything else.
const QUICK: i32 = 3;
const FOR_TEXT: i32 = 16;
const FOR_REPETITION: i32 = 19;

/// Values mostly repeat if they are compressed to one part in so many.
const REPETITION: usize = 32;

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
    let least = choice == Choice::Least;
    match codec {
        Codec::Pco => pcodec::encode(ty, column, out),
        Codec::Zstd if ty.is_bytes() => {
            let (level, lengths) =
                (if least { FOR_TEXT } else { QUICK }, super::choose::encode_lengths);
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
            encode_values(&values, least, out)
        }
        _ => false,
    }
}

/// Appends bytes of numbers. Of those a higher level only takes longer, unless they repeat: whole
/// days of one hour after the other become a third of what they were.
fn encode_values(values: &[u8], least: bool, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let there = zstandard::encode_fixed(values, QUICK, out);
    let quick = out.len() - start;
    let mut smaller = vec![];
    if there
        && least
        && quick <= values.len() / REPETITION
        && zstandard::encode_fixed(values, FOR_REPETITION, &mut smaller)
        && smaller.len() < quick
    {
        out.truncate(start);
        out.extend_from_slice(&smaller);
    }
    there
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode as encode_block;

    #[test]
    fn hours_of_day_after_day_are_smaller_by_the_highest_level() {
        let hours: Vec<i64> = (0..30_000).filter(|i| i % 997 > 1).map(|i| i % 24).collect();
        let column = Column::from_vec(hours);
        let mut sizes = [Choice::Only(Codec::Zstd), Choice::Least].map(|choice| {
            let mut out = vec![];
            assert_eq!(encode_block(DataType::I64, &column, choice, &mut out), Codec::Zstd);
            out.len()
        });
        sizes[0] /= 2;
        assert!(sizes[1] < sizes[0], "{sizes:?}");
    }
}
