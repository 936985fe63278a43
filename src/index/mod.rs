//! The log-structured index, generic over what it stores, without I/O.
//!
//! Rows arrive in a memtable, in the order they come; reads merge sorted runs of any origin. What a
//! row's payload is, is the caller's: `db` brings columns, and keeps its runs in a file. Who keeps
//! everything in memory brings items, and has the whole of it: a tree of layers.
//!
//! - `append_vec`: a buffer that one writer fills while readers read what is there
//! - `memtable`: chunks of rows as they arrive
//! - `merge`: sorted runs into one sorted sequence
//! - `conflict`: of rows that are the same, which one stays
//! - `tombstone`: ranges that hide what was written before them
//! - `cover`: many such ranges as one function of time
//! - `run`: sorted rows in memory, each a time and an item
//! - `layers`: memtables, runs and tombstones of one moment, and reading them
//! - `tree`: the layers as they change
//! - `compact`: runs that overlap into runs that do not
//! - `pin`: when items that left the layers may go
//! - `versions`: the rows of one thing, of which copies share what is the same
//! - `trie`: entries by hash, of which copies share what is the same

pub mod append_vec;
pub mod compact;
pub mod conflict;
pub mod cover;
pub mod layers;
pub mod memtable;
pub mod merge;
pub mod pin;
pub mod run;
pub mod tombstone;
pub mod tree;
pub mod trie;
pub mod versions;

pub use append_vec::AppendVec;
pub use compact::Cut;
pub use cover::Cover;
pub use layers::{Cursor, Page, View};
pub use memtable::{Chunk, Memtable};
pub use pin::Retired;
pub use run::Item;
pub use tombstone::{Span, Tombstones};
pub use tree::Tree;
pub use trie::Trie;
pub use versions::Versions;
