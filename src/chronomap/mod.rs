//! A map whose keys keep every value that they ever had: the policy of the face `ChronoMap` on the
//! kernel's trie and versions.
//!
//! - `moment`: times as the index has them
//! - `entry`: a key and its versions
//! - `facts`: the changes of a map in a file
//! - `fold`: what a key is by its changes
//! - `forget`: what the map was is taken out of a file
//! - `map`: puts, reads, ends of keys, pruning and merging, and what is counted
//!
//! What a key and a value are, is their user's: the map is given hashes, and asks which key is the
//! one. It lets go of nothing itself: what it has no more is handed out, as to let go of it may run
//! code that comes back here.

mod entry;
mod facts;
mod fold;
mod forget;
mod map;
mod moment;

pub use entry::{Entry, Item, NEVER, Prune};
pub use facts::{Cells, Fact, Facts, Row, What, rows};
pub use fold::Fold;
pub use forget::ended_by;
pub use map::{Counts, Gone, Map, Write};
pub use moment::{moment, seconds};
