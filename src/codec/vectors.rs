//! Walks the vectors of a block that a range of rows touches.

use std::ops::Range;

use super::words::Word;
use super::{DecodeError, VECTOR_ROWS};

/// How many vectors `rows` rows make.
pub(super) fn count(rows: usize) -> usize {
    rows.div_ceil(VECTOR_ROWS)
}

/// How many rows vector `vector` of a block of `rows` rows has.
pub(super) fn rows_of(vector: usize, rows: usize) -> usize {
    (rows - vector * VECTOR_ROWS).min(VECTOR_ROWS)
}

/// Decodes rows `range` of a block of `rows` rows into `out`: calls `decode` with the number of
/// each vector that is needed and room for all its rows. A vector that is wanted whole is decoded
/// in place, the others (at most the first and the last) through a copy.
pub(super) fn decode<T: Word>(
    rows: usize,
    range: Range<usize>,
    mut out: &mut [T],
    mut decode: impl FnMut(usize, &mut [T]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    debug_assert!(range.end <= rows && range.len() == out.len());
    if range.is_empty() {
        return Ok(());
    }
    for vector in range.start / VECTOR_ROWS..count(range.end) {
        let (first, len) = (vector * VECTOR_ROWS, rows_of(vector, rows));
        let from = range.start.saturating_sub(first);
        let to = (range.end - first).min(len);
        let (now, later) = out.split_at_mut(to - from);
        if now.len() == len {
            decode(vector, now)?;
        } else {
            let mut whole = [T::default(); VECTOR_ROWS];
            decode(vector, &mut whole[..len])?;
            now.copy_from_slice(&whole[from..to]);
        }
        out = later;
    }
    Ok(())
}
