//! Decoding never allocates more than the output and the payload justify, whatever the payload.

#![allow(clippy::unwrap_used)] // a test that fails says where

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arrow_buffer::BooleanBufferBuilder;
use chronolite::base::{Column, DataType};
use chronolite::codec::{
    BytesBuilder, Choice, Codec, MAX_BLOCK_ROWS, MAX_EXPANDED, decode_bits, decode_bytes,
    decode_fixed, encode,
};
use common::{figures, full};

/// The system's allocator, with a note of how much is out and how much was at most.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is that of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `at` came from `alloc` above, with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

/// The most that `work` had allocated at once.
fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    work();
    MOST.load(Relaxed) - before
}

/// Decodes in every way; the most that was allocated beyond the caller's own buffers.
fn decode_all(payload: &[u8], rows: usize, aligned: &mut [u64]) -> usize {
    let mut most = 0;
    for codec in Codec::ALL {
        for ty in DataType::ALL {
            let used = peak(|| {
                if let Some(width) = ty.width() {
                    // SAFETY: every byte of a `u64` is a `u8`.
                    #[allow(unsafe_code)]
                    let bytes = unsafe { aligned.align_to_mut::<u8>().1 };
                    let out = &mut bytes[..rows * width];
                    let _ = decode_fixed(codec, ty, payload, rows, 0..rows, out);
                } else if ty == DataType::Bool {
                    let mut out = BooleanBufferBuilder::new(0);
                    let _ = decode_bits(codec, payload, rows, 0..rows, &mut out);
                } else {
                    let mut out = BytesBuilder::default();
                    let _ = decode_bytes(codec, ty, payload, rows, 0..rows, &mut out);
                }
            });
            most = most.max(used);
        }
    }
    most
}

/// Payloads to damage: of text by dictionary, and of a type that it applies to for each codec.
fn payloads() -> Vec<Vec<u8>> {
    let texts = Column::from_texts((0..4000).map(|i| format!("text {}", i % 50)));
    let numbers = Column::from_vec((0..4000).map(|i| f64::from(i % 50) * 4.0).collect());
    let integers = Column::from_vec((0..4000).map(|i| (i % 50) * 4).collect::<Vec<i64>>());
    let mut first = vec![];
    assert_eq!(encode(DataType::Utf8, &texts, Choice::Smallest, &mut first), Codec::Dictionary);
    let of_codecs = Codec::ALL.into_iter().map(|codec| {
        let columns =
            [(DataType::F64, &numbers), (DataType::I64, &integers), (DataType::Utf8, &texts)];
        let (ty, column) = columns.into_iter().find(|(ty, _)| codec.applies_to(*ty)).unwrap();
        let mut payload = vec![];
        encode(ty, column, Choice::Only(codec), &mut payload);
        payload
    });
    std::iter::once(first).chain(of_codecs).collect()
}

/// One test: the count is of the whole process.
#[test]
fn hostile_payloads_allocate_little() {
    let mut aligned = vec![0u64; MAX_BLOCK_ROWS];
    let (mut greatest, mut tried) = (0, 0);
    let payloads = payloads();
    for (which, mut payload) in payloads.into_iter().enumerate() {
        // Every byte of the front, where the counts and lengths stand, and some behind it: of the
        // codecs one by one fewer, unless the full size is asked for.
        let (front, step) = if which == 0 || full() { (64, 97) } else { (12, 2003) };
        let front = front.min(payload.len());
        for at in (0..front).chain((front..payload.len()).step_by(step)) {
            for bad in [0, 1, 0x7f, 0xff] {
                let good = std::mem::replace(&mut payload[at], bad);
                for rows in [4000, MAX_BLOCK_ROWS] {
                    let used = decode_all(&payload, rows, &mut aligned);
                    // Offsets, codes, and what the values may grow to: of the first payload, far
                    // below the limit.
                    let values = if which == 0 { 4 * payload.len() } else { MAX_EXPANDED };
                    assert!(used <= values + 8 * rows + (2 << 20), "{used} bytes");
                    greatest = greatest.max(used);
                    tried += Codec::ALL.len() * DataType::ALL.len();
                }
                payload[at] = good;
            }
        }
    }
    // A bomb just below the limit is decoded within it, one above it costs nothing.
    for (len, limit) in [(960usize, MAX_EXPANDED + (2 << 20)), (961, 1 << 10)] {
        let mut bomb = (len as u32).to_le_bytes().to_vec();
        bomb.resize((4 + len).next_multiple_of(8), b'x');
        let used = peak(|| {
            let (codec, ty) = (Codec::Constant, DataType::Utf8);
            let mut out = BytesBuilder::default();
            let all = 0..MAX_BLOCK_ROWS;
            let result = decode_bytes(codec, ty, &bomb, MAX_BLOCK_ROWS, all, &mut out);
            assert_eq!(result.is_ok(), len == 960);
        });
        assert!(used <= limit, "{used} bytes for a bomb of {len}");
    }
    texts_are_decoded_in_their_place();
    figures(
        "bombs",
        &format!("{tried} decodes of hostile payloads, at most {greatest} bytes by one, 0 aborts"),
    );
}

/// Much text out of little: once, not once as a whole and once more as what was asked for.
fn texts_are_decoded_in_their_place() {
    let rows = 4096;
    let texts =
        Column::from_texts((0..rows).map(|row: usize| vec![b'a' + (row / 64) as u8 % 26; 8192]));
    for codec in [Codec::RunLength, Codec::Zstd] {
        let mut payload = vec![];
        assert_eq!(encode(DataType::Utf8, &texts, Choice::Only(codec), &mut payload), codec);
        for range in [0..rows, 0..rows - 1, 7..9] {
            let used = peak(|| {
                let mut out = BytesBuilder::default();
                decode_bytes(codec, DataType::Utf8, &payload, rows, range.clone(), &mut out)
                    .unwrap();
                assert_eq!(out.values.len(), range.len() * 8192);
            });
            assert!(used <= rows * 8192 + (2 << 20), "{used} bytes for {range:?} of {codec}");
        }
    }
}
