//! Chronolite's codecs.

use std::hint::black_box;

use arrow_buffer::MutableBuffer;
use chronolite::base::{Column, Data as Values};
use chronolite::codec::{BytesBuilder, Choice, Codec, decode_bytes, decode_fixed, encode};

use crate::data::Data;
use crate::figure::{Timed, seconds};

/// A block: its values, and where what they became lies.
struct Block {
    column: Column,
    rows: usize,
    codec: Codec,
    start: usize,
    end: usize,
}

/// Figures, and the names of the codecs that were used.
pub(crate) fn measure(data: &Data, choice: Choice, rows: usize) -> (Timed, Vec<&'static str>) {
    let ty = data.ty;
    let mut blocks: Vec<Block> = (0..data.rows())
        .step_by(rows)
        .map(|start| {
            let rows = rows.min(data.rows() - start);
            let column = data.column.slice(ty, start, rows);
            Block { column, rows, codec: Codec::Raw, start: 0, end: 0 }
        })
        .collect();
    let mut out = Vec::new();
    let encoding = seconds(|| {
        out.clear();
        for block in &mut blocks {
            block.start = out.len();
            block.codec = encode(ty, &block.column, choice, &mut out);
            block.end = out.len();
        }
    });
    let mut buffers = Buffers {
        fixed: MutableBuffer::from_len_zeroed(rows * ty.width().unwrap_or(0)),
        texts: BytesBuilder::default(),
    };
    for block in &blocks {
        buffers.decode(data, block, &out);
        buffers.compare(&block.column, block.rows);
    }
    let decoding = seconds(|| blocks.iter().for_each(|block| buffers.decode(data, block, &out)));
    let mut codecs: Vec<&str> = blocks.iter().map(|block| block.codec.name()).collect();
    codecs.sort_unstable();
    codecs.dedup();
    (Timed { bytes: out.len(), encoding, decoding }, codecs)
}

/// What every block is decoded into.
struct Buffers {
    fixed: MutableBuffer,
    texts: BytesBuilder,
}

impl Buffers {
    fn decode(&mut self, data: &Data, block: &Block, out: &[u8]) {
        let (payload, rows) = (&out[block.start..block.end], block.rows);
        let result = if let Some(width) = data.ty.width() {
            let values = &mut self.fixed.as_slice_mut()[..rows * width];
            decode_fixed(block.codec, data.ty, payload, rows, 0..rows, values)
        } else {
            self.texts.offsets.truncate(1);
            self.texts.values.clear();
            decode_bytes(block.codec, data.ty, payload, rows, 0..rows, &mut self.texts)
        };
        assert!(black_box(result).is_ok());
    }

    fn compare(&self, column: &Column, rows: usize) {
        match &column.data {
            Values::Fixed(values) => {
                assert!(values.as_slice() == &self.fixed.as_slice()[..values.len()]);
            }
            _ => {
                let texts = &self.texts;
                assert_eq!(texts.offsets.len(), rows + 1);
                for (row, ends) in texts.offsets.windows(2).enumerate() {
                    let text = &texts.values[ends[0] as usize..ends[1] as usize];
                    assert!(text == column.bytes_at(row));
                }
            }
        }
    }
}
