//! The peers: pco in its own standalone format, zstd on the bytes of the values, and ALP.

use std::hint::black_box;

use arrow_buffer::{ArrowNativeType, ToByteSlice};
use chronolite::base::{Data as Values, DataType};
use pco::ChunkConfig;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};

use crate::alp_fastlanes::{self, ALP};
use crate::data::Data;
use crate::figure::{Timed, seconds};

/// Those that the table of DESIGN has beside ALP, and a level at which zstd is slow and smaller.
pub(crate) const PCO: [(&str, usize); 2] = [("pco 4", 4), ("pco 8", 8)];
pub(crate) const ZSTD: [(&str, i32); 2] = [("zstd 3", 3), ("zstd 19", 19)];

/// A figure of each that applies.
pub(crate) fn measure(data: &Data) -> Vec<(&'static str, Timed)> {
    let numbers = match data.ty {
        DataType::F64 => [of_numbers::<f64>(data), vec![(ALP, alp::<f64>(data))]].concat(),
        DataType::F32 => [of_numbers::<f32>(data), vec![(ALP, alp::<f32>(data))]].concat(),
        DataType::I64 => of_numbers::<i64>(data),
        DataType::U32 => of_numbers::<u32>(data),
        _ => vec![],
    };
    let raw = bytes(data);
    let zstd = ZSTD.map(|(name, level)| (name, zstd(&raw, level)));
    numbers.into_iter().chain(zstd).collect()
}

fn of_numbers<T: Number + ArrowNativeType>(data: &Data) -> Vec<(&'static str, Timed)> {
    PCO.map(|(name, level)| (name, pco(data.column.values::<T>(), level))).into()
}

fn alp<T: alp_fastlanes::Lane + ArrowNativeType>(data: &Data) -> Timed {
    alp_fastlanes::measure(data.column.values::<T>())
}

fn pco<T: Number + ArrowNativeType>(values: &[T], level: usize) -> Timed {
    let config = ChunkConfig::default().with_compression_level(level);
    let mut packed = Vec::new();
    let encoding = seconds(|| packed = simple_compress(values, &config).expect("compressed"));
    let mut out = vec![T::default(); values.len()];
    let decoding = seconds(|| {
        black_box(simple_decompress_into(&packed, &mut out).expect("decompressed"));
    });
    assert!(out.to_byte_slice() == values.to_byte_slice());
    Timed { bytes: packed.len(), encoding, decoding }
}

fn zstd(bytes: &[u8], level: i32) -> Timed {
    let mut packed = Vec::new();
    let encoding = seconds(|| packed = zstd::bulk::compress(bytes, level).expect("compressed"));
    let mut out = vec![0; bytes.len()];
    let decoding = seconds(|| {
        black_box(zstd::bulk::decompress_to_buffer(&packed, &mut out[..]).expect("decompressed"));
    });
    assert!(out == bytes);
    Timed { bytes: packed.len(), encoding, decoding }
}

/// Values as they are in memory; of text its lengths, then all of it.
fn bytes(data: &Data) -> Vec<u8> {
    match &data.column.data {
        Values::Fixed(values) => values.to_vec(),
        Values::Bytes { offsets, values } => {
            let lengths = offsets.windows(2).flat_map(|ends| (ends[1] - ends[0]).to_le_bytes());
            lengths.chain(values.iter().copied()).collect()
        }
        Values::Bool(bits) => bits.sliced().to_vec(),
    }
}
