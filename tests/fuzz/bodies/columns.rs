//! Values, encoded in every way there is, come back by their bits: all of them and any of them.

use std::ops::Range;

use arbitrary::Unstructured;
use arrow_buffer::{BooleanBuffer, NullBuffer};
use chronolite::codec::{Choice, Codec, encode};
use chronolite::{Column, Data, DataType};

use super::blocks::{Block, Rows};

const MAX_ROWS: usize = 2100;

/// What values are made of bytes.
#[derive(Clone, Copy)]
enum Shape {
    /// The bytes as they are, over and over.
    Bits,
    /// `first + row * step`, a byte more or less.
    Line,
    /// Few values, each for some rows.
    Runs,
    /// Bytes times a number; of floats, by a power of ten.
    Multiples,
}

const SHAPES: [Shape; 4] = [Shape::Bits, Shape::Line, Shape::Runs, Shape::Multiples];

pub fn round_trip(data: &[u8]) {
    let Ok((ty, column, part)) = column(Unstructured::new(data)) else { return };
    let all = Codec::ALL.into_iter().map(Choice::Only);
    let chosen = [Choice::Smallest, Choice::Balanced, Choice::Least, Choice::Raw];
    for choice in chosen.into_iter().chain(all) {
        check(ty, &column, choice, part.clone());
    }
}

fn check(ty: DataType, column: &Column, choice: Choice, part: Range<usize>) {
    let (rows, mut payload) = (column.len(ty), vec![]);
    let codec = encode(ty, column, choice, &mut payload);
    let block = Block { codec, ty, rows, payload: &payload };
    let decode = |range: Range<usize>| {
        block.decode(range).unwrap_or_else(|e| panic!("{ty} as {codec} by {choice:?}: {e}"))
    };
    let whole = decode(0..rows);
    assert!(same(ty, column, &whole), "{ty} as {codec} by {choice:?}: other values came back");
    let parts: Vec<_> = if rows <= 8 {
        (0..=rows).flat_map(|start| (start..=rows).map(move |end| start..end)).collect()
    } else {
        vec![part, 0..1, rows - 1..rows, rows / 3..rows / 2]
    };
    for part in parts {
        let is_part = decode(part.clone()).is_part(&whole, part.clone());
        assert!(is_part, "{ty} as {codec} by {choice:?}: rows {part:?} are others");
    }
}

/// True if every value that is not null is the same.
fn same(ty: DataType, column: &Column, decoded: &Rows) -> bool {
    let rows = column.len(ty);
    let mut valid = (0..rows).filter(|&row| column.is_valid(row));
    decoded.len() == rows
        && match (decoded, &column.data) {
            (Rows::Fixed(width, values), Data::Fixed(buffer)) => valid.all(|row| {
                let bytes = row * width..(row + 1) * width;
                values.as_slice()[bytes.clone()] == buffer[bytes]
            }),
            (Rows::Bits(bits), Data::Bool(wanted)) => {
                valid.all(|row| bits.value(row) == wanted.value(row))
            }
            (Rows::Bytes(texts), Data::Bytes { .. }) => valid.all(|row| {
                let (start, end) = (texts.offsets[row + 1], texts.offsets[row + 2]);
                texts.values[start as usize..end as usize] == *column.bytes_at(row)
            }),
            _ => false,
        }
}

/// A column that does not begin where its buffers do, and some of its rows.
fn column(mut u: Unstructured<'_>) -> arbitrary::Result<(DataType, Column, Range<usize>)> {
    let (ty, shape) = (*u.choose(&DataType::ALL)?, *u.choose(&SHAPES)?);
    let rows = u.int_in_range(1..=MAX_ROWS)?;
    let (start, skip) = (u.int_in_range(0..=MAX_ROWS)? % rows, u.int_in_range(0..=9)?);
    let part = start..start + u.int_in_range(0..=MAX_ROWS)? % (rows + 1 - start);
    let (first, step, nulls): (u64, i32, u8) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    let source = Source { bytes: u.take_rest(), first, step: i64::from(step) };
    let all = rows + skip;
    let column = match ty {
        DataType::Bool => {
            let bits: BooleanBuffer =
                (0..all).map(|row| source.word(shape, ty, row) & 1 == 1).collect();
            Column { data: Data::Bool(bits), validity: None }
        }
        _ if ty.is_bytes() => Column::from_texts((0..all).map(|row| source.text(shape, ty, row))),
        _ => {
            let words = (0..all).map(|row| source.word(shape, ty, row));
            match ty.width() {
                Some(1) => Column::from_vec(words.map(|word| word as u8).collect()),
                Some(2) => Column::from_vec(words.map(|word| word as u16).collect()),
                Some(4) => Column::from_vec(words.map(|word| word as u32).collect()),
                _ => Column::from_vec(words.collect::<Vec<u64>>()),
            }
        }
    };
    let validity = (nulls & 1 == 1)
        .then(|| NullBuffer::from_iter((0..all).map(|row| source.byte(row) > nulls)));
    Ok((ty, column.with_validity(validity).slice(ty, skip, rows), part))
}

struct Source<'a> {
    bytes: &'a [u8],
    first: u64,
    step: i64,
}

impl Source<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at % self.bytes.len().max(1)).copied().unwrap_or(0)
    }

    fn word(&self, shape: Shape, ty: DataType, row: usize) -> u64 {
        let byte = u64::from(self.byte(row));
        match shape {
            Shape::Bits => {
                let width = ty.width().unwrap_or(1);
                let bytes =
                    (0..8).map(|at| if at < width { self.byte(row * width + at) } else { 0 });
                bytes.fold(0, |word, byte| word << 8 | u64::from(byte))
            }
            Shape::Line => {
                self.first.wrapping_add((self.step as u64).wrapping_mul(row as u64)) ^ byte >> 4
            }
            Shape::Runs => self.first ^ u64::from(self.byte(row >> (self.step & 7))) << 9,
            Shape::Multiples => {
                let whole = self.step.wrapping_add((byte as i64).wrapping_mul(self.step >> 9));
                let scale = 10f64.powi((self.first % 12) as i32);
                match ty {
                    DataType::F32 => (whole as f32 / scale as f32).to_bits().into(),
                    DataType::F64 => (whole as f64 / scale).to_bits(),
                    _ => self.first.wrapping_add(whole as u64),
                }
            }
        }
    }

    fn text(&self, shape: Shape, ty: DataType, row: usize) -> Vec<u8> {
        let start = match shape {
            Shape::Bits => row * 3,
            Shape::Line => row,
            Shape::Runs => row >> (self.step & 7),
            Shape::Multiples => row % 5 * 7,
        };
        let len = usize::from(self.byte(start)) % 24;
        let bytes: Vec<u8> = (start + 1..start + 1 + len).map(|at| self.byte(at)).collect();
        match ty {
            DataType::Utf8 => String::from_utf8_lossy(&bytes).into_owned().into_bytes(),
            _ => bytes,
        }
    }
}
