//! The bodies of the fuzz targets (PROOF.md: fuzz): what each does with bytes that it knows nothing
//! of. libFuzzer calls them from `fuzz/`, and `make test` calls them over the seeds.
//!
//! - `memory`: counts allocations, and holds every body to PROOF.md's limit
//! - `blocks`: a decoder against itself; `columns`: values there and back through every codec
//! - `format`: structs of the file format, by themselves
//! - `files`: whole databases and logs; `sign` makes their checksums right again, so that they do
//!   not keep everything else from being reached
//! - `arrow`: arrays of any Arrow type, imported
//! - `text`: predicates, SQL, times
//! - `calls`: the C ABI

#![allow(missing_docs, unreachable_pub)] // of a test, and of the crate in `fuzz/`

pub mod arrow;
pub mod blocks;
pub mod calls;
pub mod columns;
pub mod files;
pub mod format;
pub mod memory;
pub mod sign;
pub mod text;

use chronolite::codec::Codec;

/// A target: what it is called, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 28] = [
    ("decode_raw", |data| blocks::decode(Codec::Raw, data)),
    ("decode_constant", |data| blocks::decode(Codec::Constant, data)),
    ("decode_frame_of_reference", |data| blocks::decode(Codec::FrameOfReference, data)),
    ("decode_delta", |data| blocks::decode(Codec::Delta, data)),
    ("decode_gorilla", |data| blocks::decode(Codec::Gorilla, data)),
    ("decode_dictionary", |data| blocks::decode(Codec::Dictionary, data)),
    ("decode_alp", |data| blocks::decode(Codec::Alp, data)),
    ("decode_alp_rd", |data| blocks::decode(Codec::AlpRd, data)),
    ("decode_run_length", |data| blocks::decode(Codec::RunLength, data)),
    ("decode_pco", |data| blocks::decode(Codec::Pco, data)),
    ("decode_zstd", |data| blocks::decode(Codec::Zstd, data)),
    ("decode_fsst", |data| blocks::decode(Codec::Fsst, data)),
    ("decode_nanots_int", |data| blocks::decode(Codec::NanotsInt, data)),
    ("decode_scaled", |data| blocks::decode(Codec::Scaled, data)),
    ("round_trip", columns::round_trip),
    ("slot", format::slot),
    ("record", format::record),
    ("manifest", format::manifest),
    ("footer", format::footer),
    ("open", files::open),
    ("log", files::log),
    ("salvage", files::salvage),
    ("arrow_import", arrow::import),
    ("where_text", text::predicate),
    ("sql", text::sql),
    ("iso8601", text::iso8601),
    ("key", format::key),
    ("c_calls", calls::calls),
];
