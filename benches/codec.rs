//! How fast the codecs are, in bytes of values, and how many bits a value takes.

use arrow_buffer::MutableBuffer;
use chronolite::base::{Column, DataType};
use chronolite::codec::{BytesBuilder, Choice, Codec, decode_bytes, decode_fixed, encode};
use divan::Bencher;
use divan::counter::BytesCount;

const ROWS: usize = 16_384;
/// Blocks that take turns: the branches of a single one would be learnt by heart.
const BLOCKS: u64 = 32;

/// A small generator of numbers (Steele, Lea, Flood 2014).
struct Mix(u64);

impl Mix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.next() % end as u64) as i64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A block of a column and how it is encoded.
struct Case {
    name: &'static str,
    ty: DataType,
    choice: Choice,
    column: Column,
}

const NAMES: &[&str] = &[
    "time regular",
    "time jitter, delta",
    "time gaps and late rows, delta",
    "counter u32, delta",
    "ints 0..1000, frame",
    "ints 0..1000 smallest",
    "ints u32 0..1000, frame",
    "ints u8 0..10, frame",
    "noise u64, smallest",
    "ticks 0.25, gorilla",
    "sensor 2 decimals, gorilla",
    "sensor f32, gorilla",
    "uniform f64, gorilla",
    "uniform f64, smallest",
    "100 hosts, dictionary",
    "1000 long texts, dictionary",
    "100 hosts, raw",
];

fn case(name: &'static str, seed: u64) -> Case {
    let mut mix = Mix(seed << 32);
    let rows = 0..ROWS as i64;
    let mut walk = 0;
    let mut step = |mix: &mut Mix, most| {
        walk += mix.below(2 * most + 1) - most;
        walk as f64
    };
    let only = |codec| Choice::Only(codec);
    let (frame, delta, gorilla) = (Codec::FrameOfReference, Codec::Delta, Codec::Gorilla);
    let base = 1_700_000_000_000;
    let (ty, choice, column) = match name {
        "time regular" => (
            DataType::I64,
            Choice::Smallest,
            Column::from_vec(rows.map(|i| base + i * 1000).collect::<Vec<i64>>()),
        ),
        "time jitter, delta" => {
            let values = rows.map(|i| base + i * 1000 + mix.below(20)).collect::<Vec<i64>>();
            (DataType::I64, only(delta), Column::from_vec(values))
        }
        "time gaps and late rows, delta" => {
            let late = |mix: &mut Mix| if mix.below(100) == 0 { -mix.below(90_000) } else { 0 };
            let values = rows.map(|i| base + i * 1000 + late(&mut mix)).collect::<Vec<i64>>();
            (DataType::I64, only(delta), Column::from_vec(values))
        }
        "counter u32, delta" => {
            let mut count = 0;
            let values = rows.map(|_| (count += mix.below(50), count as u32).1).collect();
            (DataType::U32, only(delta), Column::from_vec::<u32>(values))
        }
        "ints 0..1000, frame" | "ints 0..1000 smallest" => {
            let choice = if name.ends_with("frame") { only(frame) } else { Choice::Smallest };
            let values = rows.map(|_| mix.below(1000)).collect::<Vec<i64>>();
            (DataType::I64, choice, Column::from_vec(values))
        }
        "ints u32 0..1000, frame" => {
            let values = rows.map(|_| mix.below(1000) as u32).collect::<Vec<u32>>();
            (DataType::U32, only(frame), Column::from_vec(values))
        }
        "ints u8 0..10, frame" => {
            let values = rows.map(|_| mix.below(10) as u8).collect::<Vec<u8>>();
            (DataType::U8, only(frame), Column::from_vec(values))
        }
        "noise u64, smallest" => {
            let values = rows.map(|_| mix.next()).collect::<Vec<u64>>();
            (DataType::U64, Choice::Smallest, Column::from_vec(values))
        }
        "ticks 0.25, gorilla" => {
            let values = rows.map(|_| 4000.0 + step(&mut mix, 1) * 0.25).collect::<Vec<f64>>();
            (DataType::F64, only(gorilla), Column::from_vec(values))
        }
        "sensor 2 decimals, gorilla" => {
            let values = rows.map(|_| (2000.0 + step(&mut mix, 10)) / 100.0).collect::<Vec<f64>>();
            (DataType::F64, only(gorilla), Column::from_vec(values))
        }
        "sensor f32, gorilla" => {
            let values = rows.map(|_| (2000.0 + step(&mut mix, 10)) as f32 / 100.0);
            (DataType::F32, only(gorilla), Column::from_vec(values.collect::<Vec<f32>>()))
        }
        "uniform f64, gorilla" | "uniform f64, smallest" => {
            let choice = if name.ends_with("gorilla") { only(gorilla) } else { Choice::Smallest };
            let values = rows.map(|_| mix.unit() * 100.0).collect::<Vec<f64>>();
            (DataType::F64, choice, Column::from_vec(values))
        }
        "100 hosts, dictionary" | "100 hosts, raw" => {
            let choice = if name.ends_with("raw") { Choice::Raw } else { Choice::Smallest };
            let texts = rows.map(|_| format!("host-{:02}", mix.below(100)));
            (DataType::Utf8, choice, Column::from_texts(texts))
        }
        "1000 long texts, dictionary" => {
            let texts = rows.map(|_| format!("a longer message, number {:04}", mix.below(1000)));
            (DataType::Utf8, Choice::Smallest, Column::from_texts(texts))
        }
        _ => unreachable!("no data called {name:?}"),
    };
    Case { name, ty, choice, column }
}

fn cases(name: &'static str) -> (Vec<Case>, BytesCount) {
    let cases: Vec<Case> = (0..BLOCKS).map(|seed| case(name, seed)).collect();
    let bytes: usize = cases.iter().map(|case| case.column.byte_size(case.ty)).sum();
    (cases, BytesCount::new(bytes))
}

#[divan::bench(args = NAMES)]
fn encode_blocks(bencher: Bencher<'_, '_>, name: &'static str) {
    let (cases, bytes) = cases(name);
    let mut out = Vec::with_capacity(1 << 20);
    bencher.counter(bytes).bench_local(|| {
        for case in &cases {
            out.clear();
            encode(case.ty, &case.column, case.choice, &mut out);
            divan::black_box(&out);
        }
    });
}

#[divan::bench(args = NAMES)]
fn decode_blocks(bencher: Bencher<'_, '_>, name: &'static str) {
    let (cases, bytes) = cases(name);
    let blocks: Vec<(Codec, Vec<u8>)> = cases
        .iter()
        .map(|case| {
            let mut payload = vec![];
            (encode(case.ty, &case.column, case.choice, &mut payload), payload)
        })
        .collect();
    let ty = cases[0].ty;
    let mut fixed = MutableBuffer::from_len_zeroed(ROWS * ty.width().unwrap_or(0));
    let mut texts = BytesBuilder::default();
    bencher.counter(bytes).bench_local(|| {
        for (codec, payload) in &blocks {
            let result = if ty.is_bytes() {
                texts.offsets.truncate(1);
                texts.values.clear();
                decode_bytes(*codec, ty, payload, ROWS, 0..ROWS, &mut texts)
            } else {
                decode_fixed(*codec, ty, payload, ROWS, 0..ROWS, fixed.as_slice_mut())
            };
            assert!(divan::black_box(result).is_ok());
        }
    });
}

fn main() {
    println!("{:34}{:20}{:>12}", "data", "codec", "bits/value");
    for case in NAMES.iter().map(|name| case(name, 0)) {
        let mut out = vec![];
        let codec = encode(case.ty, &case.column, case.choice, &mut out);
        let bits = out.len() as f64 * 8.0 / ROWS as f64;
        println!("{:34}{:20}{bits:>12.3}", case.name, codec.name());
    }
    divan::main();
}
