//! The log-structured index, generic over what it stores, without I/O.
//!
//! Rows arrive in a memtable, in the order they come; reads merge sorted runs of any origin. What a
//! row's payload is, column cells here, is the caller's: `db` brings columns.
//!
//! - `append_vec`: a buffer that one writer fills while readers read what is there
//! - `memtable`: chunks of rows as they arrive
//! - `merge`: sorted runs into one sorted sequence
//! - `conflict`: of rows that are the same, which one stays
//! - `tombstone`: ranges that hide what was written before them
//! - `cover`: many such ranges as one function of time

pub mod append_vec;
pub mod conflict;
pub mod cover;
pub mod memtable;
pub mod merge;
pub mod tombstone;

pub use append_vec::AppendVec;
pub use cover::Cover;
pub use memtable::{Chunk, Memtable};
pub use tombstone::{Span, Tombstones};
