//! Arrays of every type and shape come back from every codec, to the bit; PROOF's row "codecs".

#![allow(clippy::unwrap_used)] // a test that fails says where

mod common;

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, MutableBuffer, NullBuffer};
use chronolite::codec::{BytesBuilder, Choice, decode_bits, decode_bytes, decode_fixed, encode};
use chronolite::{Codec, Column, Data, DataType};
use common::{Rng, figures, mix, seed, size};

/// What the words of an array look like.
const SHAPES: [fn(&mut Rng, usize) -> u64; 12] = [
    // All 64 bits.
    |rng, _| rng.next(),
    // The ends of the integers, and those beside them.
    |rng, _| (i64::MIN as u64).wrapping_add(rng.next() % 3).wrapping_sub(1 + rng.next() % 2),
    // Small numbers whose sign flips.
    |rng, row| if row % 2 == 0 { rng.next() % 9 } else { (rng.next() % 9).wrapping_neg() },
    // Decimals with two places, as floats.
    |rng, _| ((rng.next() % 20_000) as f64 / 100.0 - 50.0).to_bits(),
    // Floats whose sign flips, zeros of both signs among them.
    |rng, row| (((rng.next() % 3) as f64) * if row % 2 == 0 { 1.0 } else { -1.0 }).to_bits(),
    // NaNs of any payload, and infinities.
    |rng, _| 0x7FF0_0000_0000_0000 | rng.next() & 0x800F_FFFF_FFFF_FFFF,
    // A clock with jitter.
    |rng, row| 1_700_000_000_000 + row as u64 * 1000 + rng.next() % 11,
    // Times in no order.
    |rng, _| 1_700_000_000_000 + rng.next() % 86_400_000,
    // A clock without jitter.
    |_, row| 1_700_000_000_000 + row as u64 * 250,
    // Long runs.
    |_, row| mix(row as u64 / 50) % 5,
    // Multiples of a number.
    |rng, _| (rng.next() % 1000) * 4096,
    // Mostly near, now and then far away.
    |rng, _| if rng.next() % 60 == 0 { rng.next() } else { 1000 + rng.next() % 16 },
];

/// An array, and what it must decode to.
struct Array {
    ty: DataType,
    rows: usize,
    column: Column,
}

impl Array {
    fn draw(rng: &mut Rng) -> Self {
        let ty = DataType::ALL[rng.below(DataType::ALL.len())];
        // Short ones, vectors and what is beside their ends, and blocks.
        let most = [8, 70, 1023, 1024, 1025, 2500][rng.below(6)];
        let rows = if rng.below(200) == 0 { 1 + rng.below(20_000) } else { 1 + rng.below(most) };
        let shape = SHAPES[rng.below(SHAPES.len())];
        let words: Vec<u64> = (0..rows).map(|row| shape(rng, row)).collect();
        let data = match ty.width() {
            Some(width) => {
                let mut bytes = MutableBuffer::new(rows * width);
                for word in &words {
                    let word = match ty {
                        DataType::F32 => u64::from((f64::from_bits(*word) as f32).to_bits()),
                        _ => *word,
                    };
                    bytes.extend_from_slice(&word.to_le_bytes()[..width]);
                }
                Data::Fixed(bytes.into())
            }
            None if ty == DataType::Bool => {
                Data::Bool(words.iter().map(|word| word % 3 == 0).collect::<BooleanBuffer>())
            }
            None => Column::from_texts(words.iter().map(|word| text(*word))).data,
        };
        let validity = match rng.below(4) {
            0 => Some((0..rows).map(|_| rng.below(10) > 0).collect::<NullBuffer>()),
            1 if rng.below(20) == 0 => Some(NullBuffer::new_null(rows)),
            _ => None,
        };
        Self { ty, rows, column: Column { data, validity: None }.with_validity(validity) }
    }

    /// True if rows `range` are what this payload decodes to.
    fn comes_back(&self, codec: Codec, payload: &[u8], range: Range<usize>) -> bool {
        let (ty, rows, len) = (self.ty, self.rows, range.len());
        let valid = |at: &usize| self.column.is_valid(range.start + at);
        if let (Some(width), Data::Fixed(wanted)) = (ty.width(), &self.column.data) {
            let mut out = MutableBuffer::from_len_zeroed(len * width);
            let found = decode_fixed(codec, ty, payload, rows, range.clone(), out.as_slice_mut());
            let wanted = &wanted[range.start * width..range.end * width];
            let same = |at: usize| {
                let bytes = at * width..(at + 1) * width;
                out[bytes.clone()] == wanted[bytes]
            };
            return found.is_ok() && (0..len).filter(valid).all(same);
        }
        if let Data::Bool(wanted) = &self.column.data {
            let mut out = BooleanBufferBuilder::new(len);
            let found = decode_bits(codec, payload, rows, range.clone(), &mut out);
            let out = out.finish();
            let same = |at: usize| out.value(at) == wanted.value(range.start + at);
            return found.is_ok() && out.len() == len && (0..len).filter(valid).all(same);
        }
        let mut out = BytesBuilder::default();
        let found = decode_bytes(codec, ty, payload, rows, range.clone(), &mut out);
        let text = |at: usize| &out.values[out.offsets[at] as usize..out.offsets[at + 1] as usize];
        let same = |at: usize| text(at) == self.column.bytes_at(range.start + at);
        found.is_ok() && out.offsets.len() == len + 1 && (0..len).filter(valid).all(same)
    }
}

/// Any of the choices that storage has, or a codec that was asked for.
fn choice(rng: &mut Rng) -> Choice {
    match rng.below(16) {
        0..=5 => Choice::Smallest,
        6 => Choice::Balanced,
        // The slowest.
        7 if rng.below(8) == 0 => Choice::Least,
        7 | 8 => Choice::Raw,
        _ => Choice::Only(Codec::ALL[rng.below(Codec::ALL.len())]),
    }
}

/// Words, log lines, names that never repeat, and nothing.
fn text(word: u64) -> String {
    match word % 4 {
        0 => String::new(),
        1 => format!("sensor-{}", word / 4 % 50),
        2 => format!("GET /api/v1/readings?id={} 200 {} ms", word / 4 % 1000, word / 7 % 90),
        _ => format!("{word:016x}-ä-日本"),
    }
}

#[test]
fn arrays_come_back_to_the_bit() {
    let mut rng = Rng(seed());
    let arrays = size(3_000, 1_000_000);
    let (mut values, mut raw, mut stored) = (0u64, 0u64, 0u64);
    let mut by_codec: BTreeMap<&str, u64> = BTreeMap::new();
    for number in 0..arrays {
        let before = rng.0;
        let array = Array::draw(&mut rng);
        let choice = choice(&mut rng);
        let mut payload = vec![];
        let codec = encode(array.ty, &array.column, choice, &mut payload);
        let start = rng.below(array.rows);
        let some = start..start + 1 + rng.below(array.rows - start);
        for range in [0..array.rows, some] {
            assert!(
                array.comes_back(codec, &payload, range.clone()),
                "array {number}, drawn from {before:#x}: rows {range:?} of {} {} by {choice:?}, \
                 which took {codec}",
                array.rows,
                array.ty
            );
        }
        *by_codec.entry(codec.name()).or_default() += 1;
        values += array.rows as u64;
        raw += array.column.byte_size(array.ty) as u64;
        stored += payload.len() as u64;
    }
    let missing = Codec::ALL.iter().find(|codec| !by_codec.contains_key(codec.name()));
    assert_eq!(missing, None, "a codec that was never taken");
    let by_codec: Vec<_> = by_codec.iter().map(|(name, count)| format!("{name} {count}")).collect();
    figures(
        "codecs",
        &format!(
            "{arrays} arrays of {values} values in all, {raw} bytes in {stored}, 0 wrong; by {}",
            by_codec.join(", ")
        ),
    );
}

/// The comparison sees every bit: a payload of which one was flipped decodes to another array.
#[test]
fn control_a_flipped_bit_is_another_array() {
    let mut rng = Rng(seed());
    let (mut seen, mut tried) = (0, 0);
    for _ in 0..2_000 {
        let array = Array::draw(&mut rng);
        let mut payload = vec![];
        let codec = encode(array.ty, &array.column, Choice::Raw, &mut payload);
        if array.ty.width().is_none() || array.column.null_count() > 0 {
            continue;
        }
        let bit = rng.below(payload.len() * 8);
        payload[bit / 8] ^= 1 << (bit % 8);
        tried += 1;
        seen += usize::from(!array.comes_back(codec, &payload, 0..array.rows));
    }
    assert!(tried > 500);
    assert_eq!(seen, tried, "of raw numbers every bit is looked at");
}
