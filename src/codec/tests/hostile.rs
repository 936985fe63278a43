//! No payload makes a decoder panic, read outside, or allocate more than its rows justify.

use proptest::prelude::*;

use super::columns::{SHAPES, column};
use super::*;

/// Decodes in every way; what comes back, if anything, has as many rows as were asked for.
fn try_all(payload: &[u8], rows: usize) {
    for codec in Codec::ALL {
        for ty in DataType::ALL {
            try_one(codec, ty, payload, rows);
        }
    }
}

fn try_one(codec: Codec, ty: DataType, payload: &[u8], rows: usize) {
    for range in [0..rows, rows / 2..rows / 2 + 1, rows - 1..rows] {
        if let Ok(decoded) = decode(codec, ty, payload, rows, range.clone()) {
            assert_eq!(decoded.len(ty), range.len());
        }
    }
}

proptest! {
    #[test]
    fn random_bytes(payload: Vec<u8>, zeros in 0usize..40, rows in 1usize..3000) {
        try_all(&payload, rows);
        let mut padded = payload;
        padded.splice(0..0, vec![0; zeros]);
        padded.resize(padded.len().next_multiple_of(8), 0);
        try_all(&padded, rows);
    }

    #[test]
    fn cut_flipped_and_overwritten(
        ty in prop::sample::select(&DataType::ALL[..]),
        shape in prop::sample::select(&SHAPES[..]),
        choice in prop::sample::select(&Codec::ALL[..]),
        rows in 1usize..3000,
        seed: u64,
        at: prop::sample::Index,
        // Headers stand in front: half of the damage goes there.
        front: bool,
        with: u8,
        wrong_rows in 1usize..70_000,
    ) {
        let column = column(ty, shape, rows, 0, seed);
        let mut payload = vec![];
        let codec = encode(ty, &column, Choice::Only(choice), &mut payload);
        prop_assume!(!payload.is_empty());
        let at = at.index(if front { payload.len().min(64) } else { payload.len() });
        prop_assert!(decode(codec, ty, &payload[..at], rows, 0..rows).is_err());
        try_one(codec, ty, &payload[..at], rows);
        try_one(codec, ty, &payload, wrong_rows.min(MAX_BLOCK_ROWS));
        let mut long = payload.clone();
        long.extend([0; 8]);
        prop_assert!(decode(codec, ty, &long, rows, 0..rows).is_err());
        for bad in [payload[at] ^ 1 << (with % 8), with, 0xff, 0] {
            let good = std::mem::replace(&mut payload[at], bad);
            try_one(codec, ty, &payload, rows);
            payload[at] = good;
        }
    }
}

#[test]
fn impossible_rows_and_ranges_are_refused() {
    for codec in Codec::ALL {
        for ty in DataType::ALL {
            assert!(decode(codec, ty, &[], 0, 0..0).is_err());
            assert!(decode(codec, ty, &[0; 8], MAX_BLOCK_ROWS + 1, 0..1).is_err());
            assert!(decode(codec, ty, &[0; 8], 4, 3..5).is_err());
            assert!(decode(codec, ty, &[0; 8], usize::MAX, 0..1).is_err());
            let backwards = Range { start: 3, end: 1 };
            assert!(check(codec, ty, 4, &backwards).is_err());
        }
    }
    let mut short = [0u8; 8];
    let result = decode_fixed(Codec::Raw, DataType::U8, &[0; 9], 9, 0..9, &mut short);
    assert_eq!(result.unwrap_err().what, "output buffer of the wrong length");
}

/// 64 KiB of text for each of 65,536 rows: 4 GiB from one small payload.
#[test]
fn text_bombs_are_refused_before_allocation() {
    let text = vec![b'x'; 1 << 16];
    let mut constant = (text.len() as u32).to_le_bytes().to_vec();
    constant.extend(&text);
    constant.resize(constant.len().next_multiple_of(8), 0);
    let mut dictionary = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    dictionary.extend((text.len() as u32).to_le_bytes());
    dictionary.extend(&text);
    for (codec, payload) in [(Codec::Constant, constant), (Codec::Dictionary, dictionary)] {
        let mut out = BytesBuilder::default();
        let ty = DataType::Utf8;
        let all = 0..MAX_BLOCK_ROWS;
        let error = decode_bytes(codec, ty, &payload, MAX_BLOCK_ROWS, all, &mut out).unwrap_err();
        assert_eq!(error.what, "text that grows beyond the limit of a block");
        assert!(out.values.capacity() == 0 && out.offsets.len() == 1);
        decode_bytes(codec, ty, &payload, MAX_BLOCK_ROWS, 9..10, &mut out).unwrap();
        assert_eq!(out.values, text);
    }
    // And the encoder does not make them.
    let column = Column::from_texts(std::iter::repeat_n(&text, 2000));
    for codec in [Codec::Constant, Codec::Dictionary] {
        let mut payload = vec![];
        assert_eq!(encode(DataType::Utf8, &column, Choice::Only(codec), &mut payload), Codec::Raw);
    }
}

/// Nulls decode to some entry too, and there may be many.
#[test]
fn nulls_count_as_expansion() {
    let rows = 2000;
    let texts = (0..rows).map(|row| vec![b'x'; if row == 0 { 40_000 } else { 0 }]);
    let only_first = arrow_buffer::NullBuffer::from_iter((0..rows).map(|row| row == 0));
    let column = Column::from_texts(texts).with_validity(Some(only_first));
    for choice in [Choice::Only(Codec::Constant), Choice::Only(Codec::Dictionary)] {
        assert_eq!(encode(DataType::Binary, &column, choice, &mut vec![]), Codec::Raw);
    }
}

#[test]
fn codes_outside_their_dictionary_are_refused() {
    let column = Column::from_texts(["a", "b", "c", "a"]);
    let mut payload = vec![];
    encode(DataType::Utf8, &column, Choice::Only(Codec::Dictionary), &mut payload);
    // The header, 4 offsets, then 4 codes of 2 bits.
    assert_eq!(payload[24], 0b00_10_01_00);
    payload[24] = 0b11_10_01_00;
    let result = decode(Codec::Dictionary, DataType::Utf8, &payload, 4, 0..4);
    assert_eq!(result.unwrap_err().what, "code outside its dictionary");
}

#[test]
fn text_must_be_utf8_value_by_value() {
    // Valid as a whole, cut within a character.
    let column = Column::from_texts([&b"\xc3"[..], b"\xa4", b"\xc3", b"\xa4"]);
    for codec in [Codec::Raw, Codec::Dictionary, Codec::Fsst] {
        let mut payload = vec![];
        assert_eq!(encode(DataType::Binary, &column, Choice::Only(codec), &mut payload), codec);
        for range in [0..4, 0..1, 1..2, 0..2] {
            assert!(decode(codec, DataType::Binary, &payload, 4, range.clone()).is_ok());
            assert!(decode(codec, DataType::Utf8, &payload, 4, range).is_err());
        }
    }
    let column = Column::from_texts([b"\xff"; 3]);
    let mut payload = vec![];
    encode(DataType::Binary, &column, Choice::Only(Codec::Constant), &mut payload);
    assert!(decode(Codec::Constant, DataType::Utf8, &payload, 3, 0..3).is_err());
}

/// Room is made for what there is, not for what a payload says there is.
#[test]
fn cold_payloads_that_promise_too_much_are_refused() {
    let texts = column(DataType::Utf8, SHAPES[0], 2000, 0, 1);
    let mut payload = vec![];
    encode(DataType::Utf8, &texts, Choice::Only(Codec::Zstd), &mut payload);
    payload[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut out = BytesBuilder::default();
    let result = decode_bytes(Codec::Zstd, DataType::Utf8, &payload, 2000, 0..1, &mut out);
    assert_eq!(result.unwrap_err().what, "text that grows beyond the limit of a block");
    // A frame of zeros that is more than its rows when it is unpacked.
    let frame = zstd::bulk::compress(&vec![0; 1 << 24], 1).unwrap();
    let mut payload = (frame.len() as u32).to_le_bytes().to_vec();
    payload.extend(frame);
    payload.resize(payload.len().next_multiple_of(8), 0);
    let mut small = [0u64; 100];
    let small = words::as_bytes_mut(&mut small);
    let result = decode_fixed(Codec::Zstd, DataType::U64, &payload, 100, 0..100, small);
    assert_eq!(result.unwrap_err().what, "damaged zstd payload");
}

/// Runs of runs of runs would take the stack.
#[test]
fn runs_of_runs_are_refused() {
    let mut payload = vec![];
    let column = column(DataType::I64, super::columns::Shape::Runs, 2000, 0, 1);
    encode(DataType::I64, &column, Choice::Only(Codec::RunLength), &mut payload);
    for place in [4, 5] {
        let mut bad = payload.clone();
        bad[place] = Codec::RunLength as u8;
        let result = decode(Codec::RunLength, DataType::I64, &bad, 2000, 0..2000);
        assert_eq!(result.unwrap_err().what, "impossible header of runs");
    }
}

#[test]
fn every_byte_of_a_payload_of_symbols_may_be_wrong() {
    for (rows, step) in [(40, 1), (1100, 13)] {
        let texts = (0..rows).map(|row| format!("{}: größer als {row}", row % 7));
        let (column, mut payload) = (Column::from_texts(texts), vec![]);
        encode(DataType::Utf8, &column, Choice::Only(Codec::Fsst), &mut payload);
        for at in (0..payload.len()).step_by(step) {
            for bad in [payload[at] ^ 1, payload[at] ^ 0x80, 0, 0xff] {
                let good = std::mem::replace(&mut payload[at], bad);
                try_one(Codec::Fsst, DataType::Utf8, &payload, rows);
                try_one(Codec::Fsst, DataType::Binary, &payload, rows);
                payload[at] = good;
            }
            assert!(decode(Codec::Fsst, DataType::Utf8, &payload[..at], rows, 0..rows).is_err());
        }
    }
}

/// A payload of FSST: `rows` values of `len` bytes each, and symbols "a", "bc" and `eights`.
fn symbols(rows: usize, len: u32, eights: u8, codes: &[u8]) -> Vec<u8> {
    let mut payload = vec![8, 0, 0, 0, Codec::Constant as u8, 0, 0, 0];
    payload.extend([1, 1, 0, 0, 0, 0, 0, eights]);
    for vector in 0..vectors::count(rows) {
        let end = if vector == 0 { codes.len() as u32 } else { u32::MAX };
        payload.extend(end.to_le_bytes());
    }
    payload.extend(u64::from(len).to_le_bytes());
    payload.extend(b"abc");
    payload.extend([b'8'; 8].repeat(eights.into()));
    payload.extend(codes);
    payload.resize(payload.len().next_multiple_of(8), 0);
    payload
}

#[test]
fn codes_that_mean_nothing_are_refused() {
    let decode = |rows, len, eights, codes: &[u8]| {
        let payload = symbols(rows, len, eights, codes);
        let back = decode(Codec::Fsst, DataType::Binary, &payload, rows, 0..rows);
        back.map_err(|error| error.what)
    };
    let good = Rows::Bytes(vec![b"ab".to_vec(), b"c\xff".to_vec()]);
    assert_eq!(decode(2, 2, 0, &[0, 1, 255, 255]), Ok(good));
    for (rows, len, eights, codes, why) in [
        (2, 2, 0, &[0, 1, 2][..], "code without a symbol"),
        (2, 2, 0, &[0, 1, 254], "code without a symbol"),
        (2, 2, 0, &[0, 1, 255], "damaged FSST payload"),
        (2, 2, 0, &[0, 1], "damaged FSST payload"),
        (2, 2, 0, &[0, 1, 1], "lengths of text that do not add up"),
        (2, 2, 0, &[0, 1, 0, 0], "lengths of text that do not add up"),
        // Found wanting before there is room for them.
        (2, 13, 0, &[0, 1, 1], "damaged FSST payload"),
        (2, u32::MAX, 0, &[0, 1, 1], "damaged FSST payload"),
        (2, 2, 254, &[0, 1, 255, 255], "more symbols than there are codes"),
        // Of a second vector the codes end where there are none.
        (1025, 0, 0, &[], "FSST codes of the wrong length"),
    ] {
        assert_eq!(decode(rows, len, eights, codes), Err(why), "{rows} x {len}: {codes:?}");
    }
    let all = decode(1, 253 * 8, 253, &(2..255).collect::<Vec<u8>>());
    assert_eq!(all, Ok(Rows::Bytes(vec![vec![b'8'; 253 * 8]])));
}

#[test]
fn symbols_grow_to_the_limit_and_not_beyond() {
    let codes = vec![2; MAX_EXPANDED / 8 + 1];
    for (len, codes, fits) in
        [(MAX_EXPANDED, &codes[1..], true), (codes.len() * 8, &codes[..], false)]
    {
        let payload = symbols(1, len as u32, 1, codes);
        let mut out = BytesBuilder::default();
        let result = decode_bytes(Codec::Fsst, DataType::Utf8, &payload, 1, 0..1, &mut out);
        assert_eq!(result.is_ok(), fits);
        assert!(fits || out.values.capacity() == 0);
        let column = Column::from_texts([vec![b'8'; len]]);
        let codec = encode(DataType::Utf8, &column, Choice::Only(Codec::Fsst), &mut vec![]);
        assert_eq!(codec == Codec::Fsst, fits);
    }
}
