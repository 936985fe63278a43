//! What is encoded at null positions. Their values are arbitrary, so they get what costs least:
//! whatever stands before them. This also keeps stale memory out of files.

use std::borrow::Cow;

use arrow_buffer::{ArrowNativeType, BooleanBuffer};

use crate::base::{Column, Data};

/// The values of a column of fixed width, each null like the valid value before it, those before
/// all valid ones like the first, and zeros if there is none.
pub(super) fn words<T: ArrowNativeType>(column: &Column) -> Cow<'_, [T]> {
    let values: &[T] = column.values();
    let Some(validity) = &column.validity else { return Cow::Borrowed(values) };
    let mut last = validity.valid_indices().next().map_or(T::default(), |first| values[first]);
    let filled = values.iter().zip(validity.iter()).map(|(&value, valid)| {
        last = if valid { value } else { last };
        last
    });
    Cow::Owned(filled.collect())
}

/// The bits of a bool column, nulls unset.
pub(super) fn bits(column: &Column, bits: &BooleanBuffer) -> BooleanBuffer {
    match &column.validity {
        Some(validity) => bits & validity.inner(),
        None => bits.clone(),
    }
}

/// The texts or byte strings of a column in turn, `None` for nulls.
pub(super) fn texts(column: &Column, rows: usize) -> impl Iterator<Item = Option<&[u8]>> {
    (0..rows).map(|row| column.is_valid(row).then(|| column.bytes_at(row)))
}

/// The bytes of all texts or byte strings of a column, one after the other, and how many each has;
/// nulls are empty.
pub(super) fn joined(column: &Column, rows: usize) -> (Cow<'_, [u8]>, Vec<u32>) {
    let lens = texts(column, rows).map(|text| text.map_or(0, <[u8]>::len) as u32).collect();
    let bytes = match &column.data {
        // Without nulls they lie together already.
        Data::Bytes { offsets, values } if column.validity.is_none() => {
            Cow::Borrowed(&values[offsets[0] as usize..offsets[rows] as usize])
        }
        _ => Cow::Owned(texts(column, rows).flatten().flatten().copied().collect()),
    };
    (bytes, lens)
}
