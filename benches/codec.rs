//! How many bits a value takes, and how fast it is written and read, by every codec that applies:
//! `cargo bench --bench codec [-- PART OF A NAME [ROWS OF A BLOCK]]`.
//!
//! One core, values in cache: a block is decoded again and again into the same buffer. MB are of
//! values, whatever they take. The two files of real data are looked for in `../shared/data`.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use arrow_buffer::MutableBuffer;
use chronolite::base::{Column, DataType};
use chronolite::codec::{BytesBuilder, Choice, Codec, decode_bytes, decode_fixed, encode};

const ROWS: usize = 1 << 18;

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

    /// A walk in steps of up to `most` either way.
    fn walk(&mut self, most: i64) -> Vec<i64> {
        let mut at = 0;
        let mut step = || {
            at += self.below(2 * most + 1) - most;
            at
        };
        (0..ROWS).map(|_| step()).collect()
    }
}

struct Data {
    name: String,
    ty: DataType,
    column: Column,
}

fn data() -> Vec<Data> {
    let mut all = Vec::new();
    let mut add = |name: &str, ty: DataType, column: Column| {
        all.push(Data { name: name.into(), ty, column });
    };
    for name in ["city_temperature_f_tw.bin", "food_prices_tw.bin"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
        if let Ok(bytes) = std::fs::read(path) {
            let values: Vec<f64> =
                bytes.as_chunks().0.iter().take(4 * ROWS).map(|b| f64::from_le_bytes(*b)).collect();
            add(name.trim_end_matches(".bin"), DataType::F64, Column::from_vec(values));
        }
    }
    let mut mix = Mix(1);
    let (rows, base) = (0..ROWS as i64, 1_700_000_000_000);
    let floats = |walk: Vec<i64>, by: &dyn Fn(i64) -> f64| {
        Column::from_vec(walk.into_iter().map(by).collect::<Vec<f64>>())
    };
    add("sensor, 2 decimals", DataType::F64, floats(mix.walk(10), &|x| (2000 + x) as f64 / 100.0));
    let short: Vec<f32> = mix.walk(10).iter().map(|x| (2000 + x) as f32 / 100.0).collect();
    add("sensor, f32", DataType::F32, Column::from_vec(short));
    add("ticks, 0.25 steps", DataType::F64, floats(mix.walk(1), &|x| 4000.0 + x as f64 * 0.25));
    add("i % 100", DataType::F64, floats(rows.clone().collect(), &|x| (x % 100) as f64));
    add("counter of 60s", DataType::F64, floats(rows.clone().collect(), &|x| (x * 60) as f64));
    let mut total = 0;
    let mut sum = || {
        total += 900 + mix.below(200);
        total
    };
    let sums = (0..ROWS).map(|_| sum()).collect();
    add("counter of about 1000s", DataType::F64, floats(sums, &|x| x as f64));
    let pages = mix.walk(20);
    add("bytes in pages", DataType::F64, floats(pages, &|x| ((x + 500_000) * 4096) as f64));
    let clock = rows.clone().map(|i| base + i * 1000 + mix.below(11)).collect();
    add("clock as floats", DataType::F64, floats(clock, &|x| x as f64));
    let counts = rows.clone().map(|_| mix.below(1000)).collect();
    add("counts", DataType::F64, floats(counts, &|x| x as f64));
    let wave = |x: i64| 25.0 + (x as f64 / 100.0).sin();
    add("25 + sin(i / 100)", DataType::F64, floats(rows.clone().collect(), &wave));
    let random: Vec<f64> = rows.clone().map(|_| mix.unit() * 100.0).collect();
    add("uniform random", DataType::F64, Column::from_vec(random));
    let times = |at: &mut dyn FnMut(i64) -> i64| {
        Column::from_vec((0..ROWS as i64).map(at).collect::<Vec<i64>>())
    };
    add("time regular", DataType::I64, times(&mut |i| base + i * 1000));
    add("time jitter", DataType::I64, times(&mut |i| base + i * 1000 + mix.below(11) - 5));
    add("time hours, 7 stations", DataType::I64, times(&mut |i| i / 7 * 3_600_000));
    let mut late =
        |i: i64| base + i * 1000 - if mix.below(100) == 0 { mix.below(90_000) } else { 0 };
    add("time late rows", DataType::I64, times(&mut late));
    let mut status = 0;
    let mut change = |_| {
        status = if mix.below(1000) == 0 { (status + 1 + mix.below(4)) % 5 } else { status };
        status
    };
    add("status", DataType::I64, times(&mut change));
    add("ints 0..1000", DataType::I64, times(&mut |_| mix.below(1000)));
    add("prices in 50s", DataType::I64, times(&mut |_| 17 + mix.below(1000) * 50));
    let count: Vec<u32> = mix.walk(20).iter().map(|&x| x as u32).collect();
    add("walk u32", DataType::U32, Column::from_vec(count));
    let hosts = rows.clone().map(|_| format!("host-{:02}", mix.below(100)));
    add("100 hosts", DataType::Utf8, Column::from_texts(hosts));
    let lines = rows.map(|i| format!("GET /item/{i} 200 in {} ms", mix.below(90)));
    add("log lines", DataType::Utf8, Column::from_texts(lines));
    all
}

/// The best of a few times, in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..3).map(time).fold(f64::INFINITY, f64::min)
}

fn measure(data: &Data, name: &str, choice: Choice, block: usize) {
    let (ty, rows) = (data.ty, data.column.len(data.ty));
    let starts = (0..rows).step_by(block);
    let blocks: Vec<Column> =
        starts.map(|start| data.column.slice(ty, start, block.min(rows - start))).collect();
    let (mut out, mut parts) = (Vec::new(), Vec::new());
    let encoding = best(|| {
        out.clear();
        parts.clear();
        for column in &blocks {
            let start = out.len();
            let codec = encode(ty, column, choice, &mut out);
            parts.push((codec, start..out.len(), column.len(ty)));
        }
    });
    if let Choice::Only(codec) = choice
        && parts.iter().all(|part| part.0 != codec)
    {
        return;
    }
    let mut fixed = MutableBuffer::from_len_zeroed(block * ty.width().unwrap_or(0));
    let mut texts = BytesBuilder::default();
    const TIMES: usize = 4;
    let decoding = best(|| {
        for (codec, part, rows) in parts.iter().cycle().take(TIMES * parts.len()) {
            let payload = &out[part.clone()];
            let result = if let Some(width) = ty.width() {
                let out = &mut fixed.as_slice_mut()[..rows * width];
                decode_fixed(*codec, ty, payload, *rows, 0..*rows, out)
            } else {
                texts.offsets.truncate(1);
                texts.values.clear();
                decode_bytes(*codec, ty, payload, *rows, 0..*rows, &mut texts)
            };
            assert!(black_box(result).is_ok());
        }
    }) / TIMES as f64;
    let bytes = data.column.byte_size(ty) as f64;
    let mut used: Vec<&str> = parts.iter().map(|part| part.0.name()).collect();
    used.sort_unstable();
    used.dedup();
    println!(
        "{:24} {name:10} {:22} {:9.3} {:9.0} {:9.0}",
        data.name,
        used.join(" "),
        out.len() as f64 * 8.0 / rows as f64,
        bytes / encoding / 1e6,
        bytes / decoding / 1e6,
    );
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (wanted, block) = (args.next().unwrap_or_default(), args.next());
    let block = block.and_then(|rows| rows.parse().ok()).unwrap_or(16_384);
    println!(
        "{:24} {:10} {:22} {:>9} {:>9} {:>9}",
        "data", "choice", "codecs", "bits", "enc MB/s", "dec MB/s"
    );
    for data in data().iter().filter(|data| data.name.contains(&wanted)) {
        measure(data, "flushed", Choice::Smallest, block);
        measure(data, "balanced", Choice::Balanced, block);
        measure(data, "size", Choice::Least, block);
        for codec in Codec::ALL.into_iter().filter(|codec| codec.applies_to(data.ty)) {
            measure(data, codec.name(), Choice::Only(codec), block);
        }
    }
}
