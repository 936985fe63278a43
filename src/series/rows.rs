//! Rows one after the other made from columns, and columns gathered from them.

use arrow_buffer::Buffer;

use crate::db::parallel;
use crate::store::pages::Pages;

/// So many rows are made at once, so that they stay in the cache while column after column is put
/// into them.
const BLOCK: usize = 1024;
/// So many rows are worth a thread.
const PART: usize = 1 << 16;

/// The bytes of a row that are a column.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Where the first of them stands in the row.
    pub offset: usize,
    /// How many there are.
    pub size: usize,
}

/// A column of rows that are to be made.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where its elements go.
    pub span: Span,
    /// The elements, without gaps.
    pub bytes: &'a [u8],
}

/// Puts columns into rows, which are zeros.
pub fn pack(columns: &[Source<'_>], record_size: usize, rows: &mut [u8]) {
    for (block, rows) in rows.chunks_mut(BLOCK * record_size).enumerate() {
        for column in columns {
            let Source { span: Span { offset, size }, bytes } = *column;
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

/// A part of the rows, and of each column the bytes that it fills.
struct Part<'a> {
    rows: &'a [u8],
    /// A byte each, 0 for a row that is left out.
    keep: Option<&'a [u8]>,
    columns: Vec<&'a mut [u8]>,
}

/// Columns of rows, which may stand in several pieces. Of `keep`, which has a byte for each row, 0
/// leaves the row out.
pub fn gather(
    pieces: &[&[u8]],
    record_size: usize,
    spans: &[Span],
    keep: Option<&[u8]>,
) -> Vec<Buffer> {
    let mut rest = keep;
    let parts = pieces.iter().flat_map(|piece| piece.chunks(PART * record_size));
    let parts: Vec<(&[u8], Option<&[u8]>)> = parts
        .map(|rows| {
            let split = rest.map(|keep| keep.split_at(rows.len() / record_size));
            rest = split.map(|(_, others)| others);
            (rows, split.map(|(keep, _)| keep))
        })
        .collect();
    let counts: Vec<usize> = parallel::map(
        parts.len(),
        || (),
        |(), number| match parts[number] {
            (_, Some(keep)) => keep.iter().map(|keep| usize::from(*keep != 0)).sum(),
            (rows, None) => rows.len() / record_size,
        },
    );
    let total: usize = counts.iter().sum();
    let mut columns: Vec<_> = spans.iter().map(|span| Pages::new(total * span.size)).collect();
    let mut rests: Vec<&mut [u8]> = columns.iter_mut().map(Pages::bytes).collect();
    let parts: Vec<_> = parts
        .into_iter()
        .zip(counts)
        .map(|((rows, keep), count)| {
            let mut columns = Vec::with_capacity(spans.len());
            for (rest, span) in rests.iter_mut().zip(spans) {
                let (part, others) = std::mem::take(rest).split_at_mut(count * span.size);
                columns.push(part);
                *rest = others;
            }
            parking_lot::Mutex::new(Part { rows, keep, columns })
        })
        .collect();
    parallel::map(
        parts.len(),
        || (),
        |(), number| fill(&mut parts[number].lock(), record_size, spans),
    );
    drop(parts);
    columns.into_iter().map(Pages::into_buffer).collect()
}

/// A block of rows at a time, so that each is fetched once for all columns.
fn fill(part: &mut Part<'_>, record_size: usize, spans: &[Span]) {
    let mut done = 0;
    let mut numbers = vec![];
    for (block, rows) in part.rows.chunks(BLOCK * record_size).enumerate() {
        let mut count = rows.len() / record_size;
        if let Some(keep) = part.keep {
            chosen(&keep[block * BLOCK..][..count], &mut numbers);
            count = numbers.len();
        }
        for (column, span) in part.columns.iter_mut().zip(spans) {
            let column = &mut column[done * span.size..][..count * span.size];
            match part.keep {
                Some(_) => {
                    let at = |number: &u32| &rows[*number as usize * record_size..][..record_size];
                    take(numbers.iter().map(at), *span, column);
                }
                None => take(rows.chunks_exact(record_size), *span, column),
            }
        }
        done += count;
    }
}

/// The numbers of the rows that are kept.
fn chosen(keep: &[u8], numbers: &mut Vec<u32>) {
    numbers.resize(keep.len(), 0);
    let mut count = 0;
    for (number, keep) in (0..).zip(keep) {
        numbers[count] = number;
        count += usize::from(*keep != 0);
    }
    numbers.truncate(count);
}

fn take<'a>(rows: impl Iterator<Item = &'a [u8]>, span: Span, column: &mut [u8]) {
    let Span { offset, size } = span;
    match size {
        1 => rows.zip(column).for_each(|(row, byte)| *byte = row[offset]),
        2 => get::<2>(rows, offset, column),
        4 => get::<4>(rows, offset, column),
        8 => get::<8>(rows, offset, column),
        _ => rows.zip(column.chunks_exact_mut(size)).for_each(|(row, element)| {
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
                sources.push(Source { span: Span { offset, size: *size }, bytes });
                offset += size + gap;
            }
            let record = offset;
            let mut rows = vec![0; count * record];
            pack(&sources, record, &mut rows);
            for row in rows.chunks_exact(record) {
                prop_assert!(row[..gap].iter().all(|byte| *byte == 0));
            }
            let (first, second) = rows.split_at(cut.min(count) * record);
            let spans: Vec<_> = sources.iter().map(|source| source.span).collect();
            let found = gather(&[first, second], record, &spans, None);
            for (found, source) in found.iter().zip(&sources) {
                prop_assert_eq!(found.as_slice(), source.bytes);
            }
            let keep: Vec<u8> = (0..count).map(|row| u8::from(row % 3 == cut % 3)).collect();
            let found = gather(&[first, second], record, &spans, Some(&keep));
            for (found, source) in found.iter().zip(&sources) {
                let rows = source.bytes.chunks_exact(source.span.size).zip(&keep);
                let kept: Vec<u8> =
                    rows.filter(|(_, keep)| **keep != 0).flat_map(|(row, _)| row.to_vec()).collect();
                prop_assert_eq!(found.as_slice(), kept);
            }
        }
    }
}
