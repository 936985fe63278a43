//! A multimap from time to items, in memory: the policy of the face `Timelog` on the kernel's tree.
//!
//! - `settings`: how a log is kept
//! - `log`: writes and reads, pressure, counters
//! - `maintain`: flushes and compactions, step by step or by a worker
//! - `adaptive`: windows that follow the density of the rows
//!
//! What an item is, and how one is let go, is its user's: the kernel only says that nobody sees it
//! any more. The locks of a log are taken in this order: `worker`, `maintainer`, `state`, and that of the
//! heap of what waits to be let go. Who holds one of the last three waits for no interpreter and lets go
//! of nothing, so that a collector may wait for them; `state` is not held while a flush or a compaction
//! is made.

mod adaptive;
mod log;
mod maintain;
mod settings;

pub use adaptive::{Adaptive, Watch};
pub use log::{Counts, Log, Stats, Written};
pub use maintain::no_more_workers;
pub use settings::{BusyPolicy, MEMORY_ROW, RUN_ROW, Settings};
