//! Structs to bytes and back, without I/O: what stands in a `.chl` file, its log and its sidecars.
//!
//! Each file states its layout as named constants or a table; SPEC.md states the same bytes in
//! prose. Everything is little-endian. Nothing here trusts a byte: parsing goes through
//! [`crate::base::bytes::Reader`] and fails with a [`Malformed`], which the caller places in a file.
//!
//! - `frame`: the envelope of every record
//! - `slot`: the two header slots of the main file
//! - `log`: the log's header and its records
//! - `edit`, `spec`: the manifest's records
//! - `rows`, `segment`, `footer`, `stats`: what goes into a segment, its blocks, its index of them, its
//!   statistics
//! - `gather`: some rows of a column, decoded
//! - `check`: whether a segment's statistics, order and ranges are those of its rows
//! - `key`: keys as bytes that sort like the keys

pub mod check;
pub mod edit;
pub mod footer;
pub mod frame;
pub mod gather;
pub mod key;
pub mod log;
pub mod rows;
pub mod segment;
pub mod slot;
pub mod spec;
pub mod stats;

pub use crate::base::bytes::Malformed;

/// Bytes before the first extent of a main file: two slots, the writer's note, a spare page.
pub const HEADER_LEN: u64 = 16 * 1024;
/// Extents begin at multiples of this, so that raw columns are aligned as Arrow wants them.
pub const EXTENT_ALIGN: u64 = 64;
/// The size of a page: header slots stand in different ones.
pub const PAGE: u64 = 4096;
