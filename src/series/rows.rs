//! Rows one after the other made from columns, and columns gathered from them.

use std::ops::Range;

use arrow_buffer::Buffer;

use crate::db::parallel;
use crate::store::pages::Pages;

/// So many rows are made at once, so that they stay in the cache while column after column is put
/// into them.
const BLOCK: usize = 1024;
/// So many rows are worth a thread.
const PART: usize = 1 << 16;

/// A column of rows that are to be made: elements without gaps, and where they go.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where the first byte of an element stands in a row.
    pub offset: usize,
    /// The bytes of an element.
    pub size: usize,
    /// The elements.
    pub bytes: &'a [u8],
}

/// Puts columns into rows, which are zeros.
pub fn pack(columns: &[Source<'_>], record_size: usize, rows: &mut [u8]) {
    for (block, rows) in rows.chunks_mut(BLOCK * record_size).enumerate() {
        for column in columns {
            let Source { offset, size, bytes } = *column;
            let bytes = &bytes[block * BLOCK * size..];
            let rows = rows.chunks_exact_mut(record_size);
            match size {
                1 => rows.zip(bytes).for_each(|(row, byte)| row[offset] = *byte),
                2 => put::<2>(rows, offset, bytes),
                4 => put::<4>(rows, offset, bytes),
                8 => put::<8>(rows, offset, bytes),
                _ => {
                    let elements = bytes.chunks_exact(size);
                    rows.zip(elements).for_each(|(row, element)| {
                        row[offset..offset + size].copy_from_slice(element);
                    });
                }
            }
        }
    }
}

fn put<'a, const SIZE: usize>(
    rows: impl Iterator<Item = &'a mut [u8]>,
    offset: usize,
    bytes: &[u8],
) {
    let (elements, _) = bytes.as_chunks::<SIZE>();
    rows.zip(elements)
        .for_each(|(row, element)| row[offset..offset + SIZE].copy_from_slice(element));
}

/// The bytes from `offset` on of each of some rows, `size` of each: a column. The rows may stand in
/// several pieces.
pub fn gather(pieces: &[&[u8]], record_size: usize, offset: usize, size: usize) -> Buffer {
    let counts = pieces.iter().map(|piece| piece.len() / record_size);
    let mut column = Pages::new(counts.clone().sum::<usize>() * size);
    // Parts of pieces, with the place in the column that each of them fills.
    let mut rest = column.bytes();
    let mut parts = vec![];
    for piece in pieces {
        for rows in piece.chunks(PART * record_size) {
            let (part, others) = rest.split_at_mut(rows.len() / record_size * size);
            parts.push(parking_lot::Mutex::new((rows, part)));
            rest = others;
        }
    }
    parallel::map(
        parts.len(),
        || (),
        |(), number| {
            let (rows, part) = &mut *parts[number].lock();
            take(rows, record_size, offset, size, part);
        },
    );
    drop(parts);
    column.into_buffer()
}

fn take(rows: &[u8], record_size: usize, offset: usize, size: usize, part: &mut [u8]) {
    let rows = rows.chunks_exact(record_size);
    match size {
        1 => rows.zip(part).for_each(|(row, byte)| *byte = row[offset]),
        2 => get::<2>(rows, offset, part),
        4 => get::<4>(rows, offset, part),
        8 => get::<8>(rows, offset, part),
        _ => rows.zip(part.chunks_exact_mut(size)).for_each(|(row, element)| {
            element.copy_from_slice(&row[offset..offset + size]);
        }),
    }
}

fn get<'a, const SIZE: usize>(
    rows: impl Iterator<Item = &'a [u8]>,
    offset: usize,
    part: &mut [u8],
) {
    let (elements, _) = part.as_chunks_mut::<SIZE>();
    rows.zip(elements)
        .for_each(|(row, element)| element.copy_from_slice(&row[offset..offset + SIZE]));
}

/// The range of rows that a slice of Python's has: negative places are from the end, and those past
/// an end are the end.
pub fn slice(start: Option<i64>, end: Option<i64>, count: usize) -> Range<usize> {
    let place = |place: i64| {
        let size = place.unsigned_abs() as usize;
        if place < 0 { count.saturating_sub(size) } else { size.min(count) }
    };
    let start = start.map_or(0, place);
    start..end.map_or(count, place).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_gathered(
            sizes in proptest::collection::vec(1usize..20, 1..6),
            gap in 0usize..3,
            count in 0usize..3000,
            cut in 0usize..3000,
        ) {
            let columns: Vec<Vec<u8>> = sizes
                .iter()
                .map(|size| (0..count * size).map(|n| (n * 31 + size) as u8).collect())
                .collect();
            let mut offset = gap;
            let mut sources = vec![];
            for (size, bytes) in sizes.iter().zip(&columns) {
                sources.push(Source { offset, size: *size, bytes });
                offset += size + gap;
            }
            let record = offset;
            let mut rows = vec![0; count * record];
            pack(&sources, record, &mut rows);
            for row in rows.chunks_exact(record) {
                prop_assert!(row[..gap].iter().all(|byte| *byte == 0));
            }
            let (first, second) = rows.split_at(cut.min(count) * record);
            for source in &sources {
                let found = gather(&[first, second], record, source.offset, source.size);
                prop_assert_eq!(found.as_slice(), source.bytes);
            }
        }

        #[test]
        fn a_slice_is_pythons(start in -9i64..9, end in -9i64..9, count in 0usize..7) {
            let items: Vec<usize> = (0..count).collect();
            let found = &items[slice(Some(start), Some(end), count)];
            let at = |place: i64| if place < 0 { place + count as i64 } else { place };
            let wanted: Vec<_> = items
                .iter()
                .filter(|item| (at(start).max(0)..at(end)).contains(&(**item as i64)))
                .copied()
                .collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn ends_are_open_and_far() {
        assert_eq!(slice(None, None, 5), 0..5);
        assert_eq!(slice(Some(-3), None, 5), 2..5);
        assert_eq!(slice(Some(i64::MIN), Some(i64::MAX), 5), 0..5);
        assert_eq!(slice(Some(4), Some(2), 5), 4..4);
    }
}
