//! Between columns and Apache Arrow, both ways and without a copy wherever the layouts agree.
//!
//! Placement: what an Arrow type *means* here (which column type it is, what may be converted into
//! what) belongs to `types` and `import`; how arrays that others made get here to `foreign`; how a
//! result is dressed as arrays to `export`, and how a run of them becomes a stream to `stream`.
//! Nothing here knows of files or of Python.

pub mod cast;
pub mod export;
pub mod foreign;
pub mod import;
pub mod stream;
pub mod types;

pub use export::{OutColumn, OutType};
