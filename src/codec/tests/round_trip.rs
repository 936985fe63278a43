//! Every value comes back by its bits, from every codec, whole and in part.

use proptest::prelude::*;

use super::columns::{Mix, SHAPES, Shape, column};
use super::*;

fn choices() -> impl Iterator<Item = Choice> {
    let all = Codec::ALL.into_iter().map(Choice::Only);
    [Choice::Smallest, Choice::Balanced, Choice::Least, Choice::Raw].into_iter().chain(all)
}

/// Encodes, checks what is promised of the payload, decodes all rows and `parts`; says which codec
/// it was and how long the payload.
fn check(ty: DataType, column: &Column, choice: Choice, parts: &[Range<usize>]) -> (Codec, usize) {
    let rows = column.len(ty);
    let mut out = b"before".to_vec();
    let codec = encode(ty, column, choice, &mut out);
    assert!(out.starts_with(b"before"));
    let payload = &out[6..];
    assert!(codec == Codec::Raw || payload.len().is_multiple_of(8));
    match choice {
        Choice::Raw => assert_eq!(codec, Codec::Raw),
        Choice::Only(only) => assert!(codec == only || codec == Codec::Raw),
        Choice::Smallest | Choice::Balanced | Choice::Least => {
            let mut raw = vec![];
            encode(ty, column, Choice::Raw, &mut raw);
            assert!(payload.len() <= raw.len(), "{codec} is larger than raw");
        }
    }
    let all = decode(codec, ty, payload, rows, 0..rows).unwrap();
    let same = all.same_where_valid(&Rows::of(ty, column), ty, column);
    assert!(same, "{ty} {codec}: other values came back");
    for part in parts {
        let some = decode(codec, ty, payload, rows, part.clone()).unwrap();
        assert_eq!(some, all.slice(ty, part.clone()), "{ty} {codec} rows {part:?}");
    }
    (codec, payload.len())
}

#[test]
fn all_types_shapes_and_codecs_at_the_edges_of_vectors() {
    for ty in DataType::ALL {
        for shape in SHAPES {
            for rows in [1, 2, 1023, 1024, 1025] {
                let parts = [0..0, rows..rows, 0..1, rows - 1..rows, rows / 3..rows / 2];
                for nulls in [0, 5] {
                    let column = column(ty, shape, rows, nulls, rows as u64);
                    choices().for_each(|choice| _ = check(ty, &column, choice, &parts));
                }
            }
        }
    }
}

#[test]
fn whole_blocks() {
    for (rows, shapes) in [(16_384, &SHAPES[..]), (65_536, &[Shape::Jitter, Shape::Small])] {
        for ty in DataType::ALL {
            for &shape in shapes {
                let column = column(ty, shape, rows, 0, 7);
                let parts = [1023..1025, 2048..4096, 5000..16_000];
                check(ty, &column, Choice::Smallest, &parts);
            }
        }
    }
    let ints = column(DataType::U64, Shape::Noise, MAX_BLOCK_ROWS, 0, 1);
    choices().for_each(|choice| _ = check(DataType::U64, &ints, choice, &[]));
}

proptest! {
    #[test]
    fn any_column_comes_back(
        ty in prop::sample::select(&DataType::ALL[..]),
        shape in prop::sample::select(&SHAPES[..]),
        (rows, start, end) in (1usize..4000)
            .prop_flat_map(|rows| (Just(rows), 0..=rows, 0..=rows)),
        nulls in prop::sample::select(vec![0u64, 3, 100]),
        skip in 0usize..70,
        seed: u64,
    ) {
        // A slice, so that bits and offsets do not begin at 0.
        let column = column(ty, shape, rows + skip, nulls, seed).slice(ty, skip, rows);
        let part = start.min(end)..start.max(end);
        for choice in choices() {
            check(ty, &column, choice, std::slice::from_ref(&part));
        }
    }

    #[test]
    fn any_floats_come_back(values: Vec<f64>, bits: Vec<u32>) {
        let check = |ty, column: &Column| {
            if column.len(ty) > 0 {
                choices().for_each(|choice| _ = check(ty, column, choice, &[]));
            }
        };
        check(DataType::F64, &Column::from_vec(values));
        check(DataType::F32, &Column::from_vec(bits));
    }
}

#[test]
fn only_nulls() {
    for ty in DataType::ALL {
        for rows in [1, 100, 2000] {
            let column = Column::nulls(ty, rows);
            choices().for_each(|choice| _ = check(ty, &column, choice, &[]));
        }
    }
}

#[test]
fn nulls_cost_little() {
    let mut mix = Mix(1);
    let words: Vec<u64> = (0..4096).map(|i| if i % 2 == 0 { 77 } else { mix.next() }).collect();
    let validity = arrow_buffer::NullBuffer::from_iter((0..4096).map(|i| i % 2 == 0));
    let column = Column::from_vec(words).with_validity(Some(validity));
    assert_eq!(check(DataType::I64, &column, Choice::Smallest, &[]), (Codec::Constant, 8));
}

/// What stood behind a slice of bits, or at its nulls, does not reach the file.
#[test]
fn bits_behind_the_last_are_zeros() {
    let bits = Data::Bool(arrow_buffer::BooleanBuffer::new_set(16));
    let column = Column { data: bits, validity: None }.slice(DataType::Bool, 0, 3);
    let second = arrow_buffer::NullBuffer::from(vec![true, false, true]);
    for (column, byte) in [
        (column.clone(), 0b111),
        (column.slice(DataType::Bool, 1, 2), 0b11),
        (column.with_validity(Some(second)), 0b101),
    ] {
        let mut payload = vec![];
        assert_eq!(encode(DataType::Bool, &column, Choice::Smallest, &mut payload), Codec::Raw);
        assert_eq!(payload, [byte]);
    }
}

/// The sizes people will look at.
#[test]
fn sizes() {
    let size = |ty, column: Column| check(ty, &column, Choice::Smallest, &[]);
    let regular = |rows: i64| Column::from_vec((0..rows).map(|i| i * 1000).collect::<Vec<_>>());
    assert_eq!(size(DataType::I64, regular(16_384)), (Codec::Delta, 24));
    assert_eq!(size(DataType::I64, regular(10)), (Codec::Delta, 24));
    assert_eq!(size(DataType::I64, regular(1)), (Codec::Raw, 8));
    // A gap in every second vector: the first value, the least delta, a patch.
    let gaps = (0..16_384).map(|i| i * 1000 + i / 2048 * 77_777);
    let (codec, len) = size(DataType::I64, Column::from_vec(gaps.collect::<Vec<i64>>()));
    assert_eq!(codec, Codec::Delta);
    assert!(len < 400, "{len}");
    let few = Column::from_vec(vec![100i64, 107, 103, 101, 100, 106, 105, 100, 102, 101]);
    assert_eq!(size(DataType::I64, few), (Codec::FrameOfReference, 16));
    let hosts = column(DataType::Utf8, Shape::Small, 16_384, 0, 3);
    let (codec, len) = size(DataType::Utf8, hosts);
    assert_eq!(codec, Codec::Dictionary);
    assert!(len < 16_384 * 7 / 8 + 100 * 12 + 32, "{len}");
    let yes = Data::Bool(arrow_buffer::BooleanBuffer::new_set(16_384));
    let yes = Column { data: yes, validity: None };
    assert_eq!(size(DataType::Bool, yes), (Codec::Constant, 8));
}

/// Runs of text are chosen only where a dictionary is not smaller.
#[test]
fn runs_of_text_are_no_larger_than_a_dictionary() {
    let mut mix = Mix(5);
    let mut chosen = std::collections::HashSet::new();
    for (words, longest) in [(2, 17), (2, 200), (3, 30), (5, 20), (200, 17), (2, 3)] {
        let mut texts: Vec<String> = vec![];
        while texts.len() < 16_384 {
            // Short runs, and now and then a long one.
            let most = if mix.below(8) == 0 { longest * 4 } else { longest };
            let len = 1 + mix.below(most) as usize;
            let word = format!("state-{}", mix.below(words));
            texts.extend(std::iter::repeat_n(word, len.min(16_384 - texts.len())));
        }
        let column = Column::from_texts(texts);
        let size = |choice| check(DataType::Utf8, &column, choice, &[17..1030, 2047..2049]);
        let ((codec, len), (_, by_dictionary)) =
            (size(Choice::Smallest), size(Choice::Only(Codec::Dictionary)));
        assert!(len <= by_dictionary, "{words} words, {longest}: {codec} {len} {by_dictionary}");
        chosen.insert(codec);
    }
    assert_eq!(chosen.len(), 2, "{chosen:?}");
}

/// What each codec is there for.
#[test]
fn each_codec_has_its_data() {
    let size = |ty, choice, column: Column| check(ty, &column, choice, &[17..1030, 2047..2049]);
    let mut mix = Mix(3);
    let rows = 0..16_384i64;
    let bits = |len: usize| len as f64 * 8.0 / 16_384.0;
    // Jitter around a clock: a line through it leaves 11 numbers, the deltas 21.
    let jitter = rows.clone().map(|i| i * 1000 + mix.below(11) as i64).collect::<Vec<_>>();
    let (codec, len) = size(DataType::I64, Choice::Smallest, Column::from_vec(jitter));
    assert!(codec == Codec::Delta && bits(len) < 4.3, "{codec} {}", bits(len));
    let hours = rows.clone().map(|i| i / 7 * 3_600_000).collect::<Vec<_>>();
    let (codec, len) = size(DataType::I64, Choice::Smallest, Column::from_vec(hours));
    assert!(bits(len) < 1.3, "{codec} {}", bits(len));
    let prices: Vec<i64> = rows.clone().map(|_| 17 + mix.below(1000) as i64 * 50_000).collect();
    let (codec, len) = size(DataType::I64, Choice::Smallest, Column::from_vec(prices));
    assert!(codec == Codec::Scaled && bits(len) < 10.2, "{codec} {}", bits(len));
    let (codec, len) =
        size(DataType::U8, Choice::Smallest, column(DataType::U8, Shape::Runs, 16_384, 0, 1));
    assert!(codec == Codec::RunLength && bits(len) < 0.4, "{codec} {}", bits(len));
    let yes = arrow_buffer::BooleanBuffer::from_iter((0..16_384).map(|i| i / 2000 % 2 == 0));
    let yes = Column { data: Data::Bool(yes), validity: None };
    let (codec, len) = size(DataType::Bool, Choice::Smallest, yes);
    assert!(codec == Codec::RunLength && len < 64, "{codec} {len}");
    for ty in [DataType::F32, DataType::F64] {
        let walk = column(ty, Shape::Walk, 16_384, 0, 5);
        let (codec, len) = size(ty, Choice::Smallest, walk);
        assert!(codec == Codec::Alp && bits(len) < 5.3, "{ty} {codec} {}", bits(len));
    }
    for ty in [DataType::F32, DataType::F64] {
        let (codec, len) = size(ty, Choice::Smallest, column(ty, Shape::Counter, 16_384, 0, 1));
        assert_eq!((codec, len), (Codec::NanotsInt, 16 + 2 * ty.width().unwrap()), "{ty}");
        let (codec, len) = size(ty, Choice::Smallest, column(ty, Shape::Pages, 16_384, 0, 1));
        assert!(codec == Codec::NanotsInt && bits(len) < 11.3, "{ty} {codec} {}", bits(len));
    }
    let real = |mix: &mut Mix| (mix.next() >> 11) as f64 / (1u64 << 53) as f64 * 100.0;
    let reals: Vec<f64> = rows.clone().map(|_| real(&mut mix)).collect();
    let (codec, len) = size(DataType::F64, Choice::Smallest, Column::from_vec(reals));
    assert!(codec == Codec::AlpRd && bits(len) < 57.0, "{codec} {}", bits(len));
    let waves: Vec<f64> = rows.clone().map(|i| 25.0 + (i as f64 / 100.0).sin()).collect();
    let (codec, len) = size(DataType::F64, Choice::Balanced, Column::from_vec(waves));
    assert!(codec == Codec::Pco && bits(len) < 10.6, "{codec} {}", bits(len));
    let texts =
        rows.map(|i| format!("request {i} from 10.0.{}.{} took {} ms", i % 7, i % 251, i % 97));
    let (codec, len) = size(DataType::Utf8, Choice::Balanced, Column::from_texts(texts));
    assert!(codec == Codec::Zstd && bits(len) < 60.0, "{codec} {}", bits(len));
}

/// One value that is no integer, and none of the block is stored as one.
#[test]
fn floats_are_integers_or_not() {
    let codec = |column: &Column, ty| {
        check(ty, column, Choice::Only(Codec::NanotsInt), &[1..2, 1023..1025]).0
    };
    let with = |value: f64| {
        let mut values: Vec<f64> = (0..2500).map(f64::from).collect();
        values[2100] = value;
        let short = Column::from_vec(values.iter().map(|&v| v as f32).collect::<Vec<_>>());
        [codec(&Column::from_vec(values), DataType::F64), codec(&short, DataType::F32)]
    };
    let (yes, no) = (Codec::NanotsInt, Codec::Raw);
    for value in [-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5, -1e19, 1e300] {
        assert_eq!(with(value), [no, no], "{value}");
    }
    // f32 has the integers of 32 bits.
    for (value, short) in [
        (0.0, yes),
        (-7.0, yes),
        ((1u64 << 31) as f64, yes),
        (-((1u64 << 31) as f64), yes),
        ((1u64 << 32) as f64, no),
        ((1u64 << 53) as f64, no),
        (i64::MIN as f64, no),
        (i64::MAX as f64, no),
    ] {
        assert_eq!(with(value), [yes, short], "{value}");
    }
}

/// What one rule holds for the first values of is no block of that rule.
#[test]
fn integers_without_a_rule_are_decimals() {
    let mut mix = Mix(7);
    let mut values = vec![0.0; 64];
    values.extend((64..16_384).map(|_| mix.below(1000) as f64));
    let (codec, len) =
        check(DataType::F64, &Column::from_vec(values.clone()), Choice::Smallest, &[]);
    assert!(codec == Codec::Alp && len < 16_384 * 11 / 8, "{codec} {len}");
    values[16_000] = 0.25;
    assert_eq!(
        check(DataType::F64, &Column::from_vec(values), Choice::Smallest, &[]).0,
        Codec::Alp
    );
}

/// A part is decoded from its own vectors: damage in the others is not even seen.
#[test]
fn a_part_touches_only_its_vectors() {
    let cases = [
        (DataType::I64, Shape::Small, Codec::FrameOfReference),
        (DataType::I64, Shape::Jitter, Codec::Delta),
        (DataType::F64, Shape::Walk, Codec::Gorilla),
        (DataType::F64, Shape::Walk, Codec::Alp),
        (DataType::F32, Shape::Walk, Codec::Alp),
        (DataType::F64, Shape::Noise, Codec::AlpRd),
        (DataType::I64, Shape::Multiples, Codec::Scaled),
        (DataType::Utf8, Shape::Noise, Codec::Fsst),
        (DataType::F64, Shape::Pages, Codec::NanotsInt),
    ];
    for (ty, shape, codec) in cases {
        let column = column(ty, shape, 8192, 0, 5);
        let mut payload = vec![];
        assert_eq!(encode(ty, &column, Choice::Only(codec), &mut payload), codec);
        let good = decode(codec, ty, &payload, 8192, 0..1024).unwrap();
        let half = payload.len() / 2;
        // What says how long the payload is, and what is patched, stands at its ends.
        payload[half..half + half / 4].fill(0xa5);
        assert_eq!(decode(codec, ty, &payload, 8192, 0..1024).unwrap(), good, "{codec}");
        assert_ne!(decode(codec, ty, &payload, 8192, 0..8192).ok(), Some(Rows::of(ty, &column)));
    }
}

/// The control of all tests here: one bit of the data, and other values come back.
#[test]
fn a_flipped_bit_is_noticed() {
    let cases = [
        (DataType::I64, Shape::Jitter, Codec::Raw),
        (DataType::I64, Shape::Constant, Codec::Constant),
        (DataType::U32, Shape::Small, Codec::FrameOfReference),
        (DataType::I64, Shape::Jitter, Codec::Delta),
        (DataType::F64, Shape::Walk, Codec::Gorilla),
        (DataType::F64, Shape::Walk, Codec::Alp),
        (DataType::F32, Shape::Noise, Codec::AlpRd),
        (DataType::I32, Shape::Runs, Codec::RunLength),
        (DataType::I64, Shape::Multiples, Codec::Scaled),
        (DataType::F32, Shape::Pages, Codec::NanotsInt),
        (DataType::F64, Shape::Noise, Codec::Pco),
        (DataType::Utf8, Shape::Noise, Codec::Zstd),
        (DataType::Utf8, Shape::Small, Codec::Dictionary),
        (DataType::Utf8, Shape::Noise, Codec::Fsst),
    ];
    for (ty, shape, codec) in cases {
        let column = column(ty, shape, 2048, 0, 5);
        let mut payload = vec![];
        assert_eq!(encode(ty, &column, Choice::Only(codec), &mut payload), codec);
        let at = if codec == Codec::Constant { 3 } else { payload.len() / 2 };
        payload[at] ^= 1;
        let back = decode(codec, ty, &payload, 2048, 0..2048);
        assert!(back != Ok(Rows::of(ty, &column)), "{codec}");
    }
}
