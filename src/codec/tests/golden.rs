//! The bytes of a few payloads, the same as in SPEC.md: they are a file format, and must not change
//! with the code or with a crate it uses.

use super::columns::Mix;
use super::*;
use crate::codec::checksum::checksum;

fn payload(ty: DataType, column: &Column, codec: Codec) -> Vec<u8> {
    let (mut out, rows) = (vec![], column.len(ty));
    assert_eq!(encode(ty, column, Choice::Only(codec), &mut out), codec);
    let back = decode(codec, ty, &out, rows, 0..rows);
    assert_eq!(back, Ok(Rows::of(ty, column)));
    out
}

fn hex(payload: &[u8]) -> String {
    let words: Vec<String> = payload.iter().map(|byte| format!("{byte:02x}")).collect();
    words.join(" ")
}

#[test]
fn small_payloads() {
    let mut outlier = vec![5u64; 16];
    outlier[15] = 1 << 40;
    let cases = [
        (
            DataType::I32,
            Column::from_vec(vec![-2i32; 9]),
            Codec::Constant,
            "fe ff ff ff 00 00 00 00",
        ),
        (DataType::Utf8, Column::from_texts(["on"; 9]), Codec::Constant, "02 00 00 00 6f 6e 00 00"),
        (
            DataType::Utf8,
            Column::from_texts(["a", "", "bcd"]),
            Codec::Raw,
            "00 00 00 00 01 00 00 00 01 00 00 00 04 00 00 00 61 62 63 64",
        ),
        (
            DataType::I16,
            Column::from_vec(vec![-3i16, 4, 0, 2]),
            Codec::FrameOfReference,
            "03 00 fd ff f8 0a 00 00",
        ),
        (
            DataType::U64,
            Column::from_vec(outlier),
            Codec::FrameOfReference,
            "00 01 05 00 00 00 00 00 00 00 0f 00 fb ff ff ff ff 00 00 00 00 00 00 00",
        ),
        (
            DataType::I64,
            Column::from_vec(vec![1000i64, 2000, 3000]),
            Codec::Delta,
            "00 e8 03 00 00 00 00 00 00 e8 03 00 00 00 00 00 00 00 00 00 00 00 00 00",
        ),
        (
            DataType::U16,
            Column::from_vec(vec![10u16, 12, 14, 17, 19, 21, 24, 26]),
            Codec::Delta,
            "01 0a 00 01 00 02 00 48",
        ),
        (
            DataType::U16,
            Column::from_vec(vec![10u16, 12, 15, 13]),
            Codec::Delta,
            "02 01 00 02 00 0a 00 34",
        ),
        (
            DataType::F64,
            Column::from_vec(vec![1.0, -0.3, -0.3]),
            Codec::Gorilla,
            "12 00 00 00 00 00 00 00 00 00 f0 3f 83 7f 66 66 66 66 66 66 04 10 00 00",
        ),
        (
            DataType::F32,
            Column::from_vec(vec![1f32, 1.5, 1.0]),
            Codec::Gorilla,
            "06 00 00 00 00 00 80 3f 27 b0 00 00 00 00 00 00",
        ),
        (
            DataType::I64,
            Column::from_vec(vec![1000i64, 2001, 3000, 4000]),
            Codec::Delta,
            "02 e8 03 00 00 00 00 00 00 01 00 e8 03 00 00 00 00 00 00 02 00 00 00 00",
        ),
        (
            DataType::F64,
            Column::from_vec(vec![20.5, -0.0, 20.25]),
            Codec::Alp,
            "02 00 01 00 05 00 e9 07 00 00 00 00 00 00 39 03 01 00 00 00 00 00 00 00 00 80 00 00 00 00 00 00",
        ),
        (
            DataType::F32,
            Column::from_vec(vec![100.1f32, 200.2, 300.3, 400.4, 500.5, 600.6, 700.7, 800.8]),
            Codec::Alp,
            "01 80 00 00 00 00 e9 03 00 00 e9 03 00 00 00 00",
        ),
        (
            DataType::F64,
            Column::from_vec(vec![1.0 / 3.0, 2.0 / 3.0, 1.0 / 7.0]),
            Codec::AlpRd,
            "30 03 00 00 00 00 00 00 e5 3f d5 3f c2 3f 00 00 00 00 00 00 00 00 00 00 00 00 21 55 55 55 55 55 55 55 55 55 55 55 55 92 24 49 92 24 49 00 00 00",
        ),
        (
            DataType::I32,
            Column::from_vec(vec![7i32, 7, 7, -1, -1]),
            Codec::RunLength,
            "02 00 00 00 00 00 00 00 08 00 00 00 08 00 00 00 03 00 00 00 05 00 00 00 07 00 00 00 ff ff ff ff",
        ),
        (
            DataType::I32,
            Column::from_vec(vec![-40i32, 60, 160, 160]),
            Codec::Scaled,
            "02 00 00 00 00 00 00 00 d8 ff ff ff 00 00 00 00 64 00 00 00 00 00 00 00 02 00 00 00 00 00 a4 00",
        ),
        (
            DataType::F64,
            Column::from_vec(vec![3.0, -2.0, 7.0]),
            Codec::NanotsInt,
            "02 00 00 00 00 00 00 00 04 00 fe ff ff ff ff ff ff ff 05 09 00 00 00 00",
        ),
        (
            DataType::F32,
            Column::from_vec(vec![4096f32, 0.0, 8192.0, 4096.0]),
            Codec::NanotsInt,
            "0d 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 02 00 00 00 00 00 61 00",
        ),
        (
            DataType::Utf8,
            Column::from_texts(["a", "bb", "", "a"]),
            Codec::Dictionary,
            "03 00 00 00 02 00 00 00 00 00 00 00 01 00 00 00 03 00 00 00 03 00 00 00 24 61 62 62 00 00 00 00",
        ),
        (
            DataType::Utf8,
            Column::from_texts(["on off", "on", "off on off"]),
            Codec::Fsst,
            "08 00 00 00 02 00 00 00 02 04 00 00 00 00 00 00 0a 00 00 00 04 00 02 00 00 00 04 08 66 6e 66 66 6f 66 6f 6e 20 6f 04 05 02 04 03 00 05 01 05 02",
        ),
    ];
    for (ty, column, codec, expected) in cases {
        assert_eq!(hex(&payload(ty, &column, codec)), expected, "{ty} {codec}");
    }
}

/// Whole vectors of every width, too long to be written out.
#[test]
fn whole_vectors() {
    fn sum<T: Word>(ty: DataType) -> u64 {
        let (mut mix, mut all) = (Mix(1), vec![]);
        for width in 1..=T::BITS {
            // Both ends are there, so that the frame has just this width.
            let mut numbers: Vec<T> =
                (0..1024).map(|_| T::narrow(mix.next() >> (64 - width))).collect();
            (numbers[0], numbers[1]) = (T::default(), T::narrow(bitstream::mask(width)));
            let column = Column::from_vec(numbers);
            all.extend(payload(ty, &column, Codec::FrameOfReference));
        }
        checksum(&all)
    }
    assert_eq!(sum::<u8>(DataType::U8), 0x01f1_147d_e959_ea37);
    assert_eq!(sum::<u16>(DataType::U16), 0x8cf7_6ae3_e7eb_e7db);
    assert_eq!(sum::<u32>(DataType::U32), 0xafa7_25fe_1865_fa52);
    assert_eq!(sum::<u64>(DataType::U64), 0xcab5_2ed8_cf48_66a6);
}
