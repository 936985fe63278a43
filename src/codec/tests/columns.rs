//! Columns of every type to try the codecs on.

use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::*;

/// A small generator of numbers (Steele, Lea, Flood 2014), so that a failing case is a seed.
pub(super) struct Mix(pub(super) u64);

impl Mix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What the values of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Any bits at all.
    Noise,
    /// One value.
    Constant,
    /// `first + i * step`, wrapping.
    Regular,
    /// Nearly regular, with gaps and late rows.
    Jitter,
    /// A few neighbouring values.
    Small,
    /// The ends of the type, zeros, -0.0, NaNs, infinities.
    Extreme,
    /// A slow walk of floats with two decimals.
    Walk,
    /// Runs of one value, of very different lengths.
    Runs,
    /// Multiples of a number, and something.
    Multiples,
    /// A counter, and as floats too.
    Counter,
    /// Counts of blocks in bytes, and as floats too.
    Pages,
}

pub(super) const SHAPES: [Shape; 11] = [
    Shape::Noise,
    Shape::Constant,
    Shape::Regular,
    Shape::Jitter,
    Shape::Small,
    Shape::Extreme,
    Shape::Walk,
    Shape::Runs,
    Shape::Multiples,
    Shape::Counter,
    Shape::Pages,
];

fn words(shape: Shape, ty: DataType, rows: usize, mix: &mut Mix) -> Vec<u64> {
    let (first, step) = (mix.next(), mix.below(2000).wrapping_sub(1000));
    let extremes = match ty {
        DataType::F32 => {
            [0u32, 1 << 31, 0x7fc0_dead, f32::INFINITY.to_bits(), u32::MAX, 1].map(u64::from)
        }
        DataType::F64 => {
            [0, 1 << 63, 0x7ff8_dead_beef_0001, f64::NEG_INFINITY.to_bits(), u64::MAX, 1]
        }
        _ => {
            let top = 1 << (8 * ty.width().unwrap_or(8) - 1);
            [0, top, top - 1, u64::MAX, u64::MAX - 1, 1]
        }
    };
    let (mut walk, mut last) = (20.0, first);
    let float =
        |x: f64| if ty == DataType::F32 { (x as f32).to_bits().into() } else { x.to_bits() };
    let each = |row: usize| match shape {
        Shape::Noise => mix.next(),
        Shape::Constant => first,
        Shape::Regular => first.wrapping_add(step.wrapping_mul(row as u64)),
        Shape::Jitter => {
            let jump = if mix.below(300) == 0 { mix.next() >> mix.below(64) } else { mix.below(5) };
            first.wrapping_add(1000 * row as u64).wrapping_add(jump)
        }
        Shape::Small => first.wrapping_add(mix.below(7)),
        Shape::Extreme => extremes[mix.below(6) as usize],
        Shape::Runs => {
            last = if mix.below(90) == 0 { mix.next() >> mix.below(64) } else { last };
            last
        }
        Shape::Multiples => first.wrapping_add(mix.below(50).wrapping_mul(3600)),
        Shape::Counter => float((1_000_000 + 60 * row) as f64),
        Shape::Pages => float((mix.below(2000) * 4096) as f64 - 1_024_000.0),
        Shape::Walk => {
            walk += (mix.below(21) as f64 - 10.0) / 100.0;
            float((walk * 100f64).round() / 100.0)
        }
    };
    (0..rows).map(each).collect()
}

fn texts(shape: Shape, ty: DataType, rows: usize, mix: &mut Mix) -> Vec<Vec<u8>> {
    let binary = ty == DataType::Binary;
    let each = |row: usize| match shape {
        Shape::Noise if binary => (0..mix.below(9)).map(|_| mix.next() as u8).collect(),
        Shape::Noise => mix.next().to_string().into_bytes(),
        Shape::Constant => "dieselbe Ähre".into(),
        Shape::Regular => format!("row {row}").into_bytes(),
        Shape::Jitter => "é".repeat(mix.below(20) as usize).into_bytes(),
        Shape::Small
        | Shape::Walk
        | Shape::Runs
        | Shape::Multiples
        | Shape::Counter
        | Shape::Pages => format!("host-{:03}", mix.below(100)).into_bytes(),
        Shape::Extreme => {
            ["", "\0", "😀", "a longer text than fits sixteen bytes"][mix.below(4) as usize].into()
        }
    };
    (0..rows).map(each).collect()
}

/// A column of `rows` rows; about one in `nulls` is null if that is not 0, runs of them too.
pub(super) fn column(ty: DataType, shape: Shape, rows: usize, nulls: u64, seed: u64) -> Column {
    let mut mix = Mix(seed);
    let column = if ty.is_bytes() {
        Column::from_texts(texts(shape, ty, rows, &mut mix))
    } else {
        let words = words(shape, ty, rows, &mut mix);
        match ty.width() {
            Some(1) => Column::from_vec(words.iter().map(|&word| word as u8).collect()),
            Some(2) => Column::from_vec(words.iter().map(|&word| word as u16).collect()),
            Some(4) => Column::from_vec(words.iter().map(|&word| word as u32).collect()),
            Some(_) => Column::from_vec(words),
            None => {
                let bits: BooleanBuffer = words.iter().map(|word| word & 1 == 1).collect();
                Column { data: Data::Bool(bits), validity: None }
            }
        }
    };
    let mut valid = true;
    let validity = (nulls > 0).then(|| {
        NullBuffer::from_iter((0..rows).map(|_| {
            if mix.below(nulls) < 2 {
                valid = !valid;
            }
            valid
        }))
    });
    column.with_validity(validity)
}
