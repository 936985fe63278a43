//! Texts that are put together from parts: what symbols are for, and what they must not do.

use proptest::prelude::*;

use super::columns::Mix;
use super::*;

const ONLY: Choice = Choice::Only(Codec::Fsst);

fn encoded(ty: DataType, column: &Column, choice: Choice) -> (Codec, Vec<u8>) {
    let mut payload = vec![];
    let codec = encode(ty, column, choice, &mut payload);
    (codec, payload)
}

fn comes_back(ty: DataType, column: &Column, part: Range<usize>) {
    let rows = column.len(ty);
    for choice in [ONLY, Choice::Smallest] {
        let (codec, payload) = encoded(ty, column, choice);
        assert!(choice == Choice::Smallest || codec == Codec::Fsst);
        for range in [0..rows, part.clone()] {
            let back = decode(codec, ty, &payload, rows, range.clone()).unwrap();
            assert_eq!(back, Rows::of(ty, column).slice(ty, range));
        }
    }
}

/// Each text is a few parts.
fn put_together<T: AsRef<[u8]>>(parts: &[T], rows: usize, most: u64, mut mix: Mix) -> Column {
    let mut text = || -> Vec<u8> {
        let parts = (0..mix.below(most)).map(|_| &parts[mix.below(parts.len() as u64) as usize]);
        parts.flat_map(|part| part.as_ref()).copied().collect()
    };
    Column::from_texts((0..rows).map(|_| text()))
}

proptest! {
    #[test]
    fn any_texts_come_back(texts in prop::collection::vec(any::<Vec<u8>>(), 1..300)) {
        comes_back(DataType::Binary, &Column::from_texts(&texts), texts.len() / 3..texts.len());
    }

    #[test]
    fn any_strings_come_back(texts in prop::collection::vec(".{0,40}", 1..300)) {
        comes_back(DataType::Utf8, &Column::from_texts(&texts), texts.len() / 3..texts.len());
    }

    #[test]
    fn parts_in_any_order_come_back(
        bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..40),
        strings in prop::collection::vec("(ä|é|😀|\\PC){0,7}", 1..40),
        (rows, start, end) in (1usize..4000)
            .prop_flat_map(|rows| (Just(rows), 0..=rows, 0..=rows)),
        most in 1u64..20,
        seed: u64,
    ) {
        let part = start.min(end)..start.max(end);
        let column = put_together(&bytes, rows, most, Mix(seed));
        comes_back(DataType::Binary, &column, part.clone());
        comes_back(DataType::Utf8, &put_together(&strings, rows, most, Mix(seed)), part);
    }
}

#[test]
fn long_texts_empty_ones_and_every_byte() {
    let long = "a long text of one kind, ".repeat(40_000);
    let texts = ["", &long, "", "b", &long[7..70_000]];
    comes_back(DataType::Utf8, &Column::from_texts(texts), 1..4);
    let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    comes_back(DataType::Binary, &Column::from_texts([&every[..], &every[..300], &[]]), 1..3);
    comes_back(DataType::Binary, &Column::from_texts(vec![""; 3000]), 1000..2500);
}

/// Symbols go over the ends of values, and through the middle of characters.
#[test]
fn symbols_go_over_the_ends_of_values() {
    let column = Column::from_texts(["ä", "öä", "", "ö"].repeat(1500));
    comes_back(DataType::Utf8, &column, 1023..1027);
    let (_, payload) = encoded(DataType::Utf8, &column, ONLY);
    // With all it has, the payload is smaller than a code for each value that is not empty.
    assert!(payload.len() < 4500, "{}", payload.len());
}

/// Hundredths of a raw payload that each of these makes of it, and what is chosen.
struct Sizes {
    chosen: Codec,
    smallest: usize,
    symbols: usize,
    zstd: usize,
}

fn sizes(texts: impl Iterator<Item = String>) -> Sizes {
    let column = Column::from_texts(texts);
    let len = |choice| encoded(DataType::Utf8, &column, choice).1.len() * 100;
    let raw = len(Choice::Raw) / 100;
    let [smallest, symbols, zstd] =
        [Choice::Smallest, ONLY, Choice::Only(Codec::Zstd)].map(|choice| len(choice) / raw);
    Sizes { chosen: encoded(DataType::Utf8, &column, Choice::Smallest).0, smallest, symbols, zstd }
}

#[test]
fn texts_that_do_not_repeat_shrink() {
    let mut mix = Mix(9);
    let rows = 0..16_384u64;
    let urls = rows.clone().map(|row| {
        let (host, page) = (["www", "shop", "cdn"][row as usize % 3], mix.below(10_000));
        format!("https://{host}.example.org/catalog/{page}?id={}&page={}", mix.below(1 << 20), row)
    });
    let urls = sizes(urls);
    let mut mix = Mix(10);
    let logs = sizes(rows.clone().map(|row| {
        let level = ["INFO", "WARN", "ERROR"][mix.below(3) as usize];
        let (host, ms) = (mix.below(1 << 16), mix.below(5000));
        format!(
            "2024-05-01T12:{:02}:{:02}Z {level} request {row} of 10.0.{}.{} took {ms} ms",
            row / 60 % 60,
            row % 60,
            host / 256,
            host % 256
        )
    }));
    let uuids = sizes(rows.clone().map(|_| {
        let (a, b) = (mix.next(), mix.next());
        let (c, d) = (a >> 52, b >> 52);
        format!(
            "{:08x}-{:04x}-4{c:03x}-a{d:03x}-{:012x}",
            a as u32,
            a >> 32 & 0xffff,
            b << 16 >> 16
        )
    }));
    let json = sizes(rows.clone().map(|row| {
        let (sensor, value) = (mix.below(500), mix.below(10_000) as f64 / 100.0);
        format!("{{\"id\":{row},\"sensor\":\"s-{sensor}\",\"value\":{value},\"ok\":true}}")
    }));
    for (name, sizes, most) in
        [("urls", urls, 33), ("logs", logs, 33), ("uuids", uuids, 54), ("json", json, 28)]
    {
        let Sizes { chosen, smallest, symbols, zstd } = sizes;
        println!("{name}: symbols {symbols} %, zstd {zstd} % of raw");
        assert_eq!((chosen, smallest), (Codec::Fsst, symbols), "{name}");
        assert!(
            symbols <= most && symbols <= 2 * zstd,
            "{name}: {symbols} % of raw, zstd {zstd} %"
        );
    }
}

/// What repeats is for a dictionary, and what has nothing in common stays as it is.
#[test]
fn symbols_are_not_for_everything() {
    let mut mix = Mix(11);
    let rows = 0..16_384u64;
    let few = sizes(rows.clone().map(|_| format!("N{}UA", 100 + mix.below(1500))));
    assert_eq!(few.chosen, Codec::Dictionary);
    // Letters of 6 bits each, so that hardly two are worth a code.
    let noise = sizes(rows.map(|_| {
        let letter = |bits: u64| char::from(b'0' + (bits % 64) as u8);
        (0..40).map(|_| letter(mix.next() >> 20)).collect()
    }));
    assert_eq!((noise.chosen, noise.smallest), (Codec::Raw, 100));
}

/// What is there twice, wherever that is, is not taken for what differs.
#[test]
fn repeats_are_found_by_a_sample() {
    let word = |seed: u64| -> String {
        let mut mix = Mix(seed);
        (0..12).map(|_| char::from(b'0' + (mix.next() % 75) as u8)).collect()
    };
    for lag in [1, 2, 1000, 1024, 4096] {
        let texts = (0..16_384u64).map(|row| word(row / (2 * lag) * lag + row % lag));
        let (codec, _) = encoded(DataType::Utf8, &Column::from_texts(texts), Choice::Smallest);
        assert_eq!(codec, Codec::Dictionary, "lag {lag}");
    }
}
