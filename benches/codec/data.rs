//! The sets of values: those of files, and those that are made.

use chronolite::base::{Column, DataType};

use crate::files;

/// Rows of what is made.
const ROWS: usize = 1 << 18;

pub(crate) struct Data {
    pub(crate) name: String,
    pub(crate) ty: DataType,
    pub(crate) column: Column,
    /// Floats of a few decimal places.
    pub(crate) decimal: bool,
}

impl Data {
    pub(crate) fn rows(&self) -> usize {
        self.column.len(self.ty)
    }

    /// As they are in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.column.byte_size(self.ty)
    }
}

pub(crate) fn sets() -> Vec<Data> {
    let mut all = files::sets();
    all.extend(floats());
    all.extend(times());
    all.extend(integers());
    all.extend(texts());
    all
}

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

fn floats() -> Vec<Data> {
    let mut mix = Mix(1);
    let set = |name: &str, decimal: bool, values: Vec<f64>| Data {
        name: name.into(),
        ty: DataType::F64,
        column: Column::from_vec(values),
        decimal,
    };
    let rows = || 0..ROWS as i64;
    let sensor = |walk: &i64| (2000 + walk) as f64 / 100.0;
    let ticks = |walk: &i64| 4000.0 + *walk as f64 * 0.25;
    let short = mix.walk(10).iter().map(|walk| sensor(walk) as f32).collect::<Vec<f32>>();
    vec![
        set("sensor, 2 decimals", true, mix.walk(10).iter().map(sensor).collect()),
        Data {
            name: "sensor, f32".into(),
            ty: DataType::F32,
            column: Column::from_vec(short),
            decimal: true,
        },
        set("ticks, 0.25 steps", true, mix.walk(1).iter().map(ticks).collect()),
        set("i % 100", true, rows().map(|i| (i % 100) as f64).collect()),
        set("25 + sin(i / 100)", false, rows().map(|i| 25.0 + (i as f64 / 100.0).sin()).collect()),
        set("uniform random", false, rows().map(|_| mix.unit() * 100.0).collect()),
    ]
}

fn long(name: &str, at: impl FnMut(i64) -> i64) -> Data {
    Data {
        name: name.into(),
        ty: DataType::I64,
        column: Column::from_vec((0..ROWS as i64).map(at).collect::<Vec<i64>>()),
        decimal: false,
    }
}

fn times() -> Vec<Data> {
    let (mut mix, start) = (Mix(2), 1_700_000_000_000);
    let regular = long("time regular", |i| start + i * 1000);
    let jitter = long("time jitter", |i| start + i * 1000 + mix.below(11) - 5);
    let hours = long("time hours, 7 stations", |i| i / 7 * 3_600_000);
    let late = |i| start + i * 1000 - if mix.below(100) == 0 { mix.below(90_000) } else { 0 };
    vec![regular, jitter, hours, long("time late rows", late)]
}

fn integers() -> Vec<Data> {
    let (mut mix, mut status) = (Mix(3), 0);
    let changes = long("status", |_| {
        status = if mix.below(1000) == 0 { (status + 1 + mix.below(4)) % 5 } else { status };
        status
    });
    let small = long("ints 0..1000", |_| mix.below(1000));
    let prices = long("prices in 50s", |_| 17 + mix.below(1000) * 50);
    let counts: Vec<u32> = mix.walk(20).iter().map(|&walk| walk as u32).collect();
    let counts = Data {
        name: "walk u32".into(),
        ty: DataType::U32,
        column: Column::from_vec(counts),
        decimal: false,
    };
    vec![changes, small, prices, counts]
}

fn texts() -> Vec<Data> {
    let mut mix = Mix(4);
    let set = |name: &str, column: Column| Data {
        name: name.into(),
        ty: DataType::Utf8,
        column,
        decimal: false,
    };
    let hosts: Vec<String> = (0..ROWS).map(|_| format!("host-{:02}", mix.below(100))).collect();
    let line = |i| format!("GET /item/{i} 200 in {} ms", mix.below(90));
    let lines: Vec<String> = (0..ROWS).map(line).collect();
    vec![set("100 hosts", Column::from_texts(hosts)), set("log lines", Column::from_texts(lines))]
}
