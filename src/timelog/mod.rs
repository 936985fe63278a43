//! A multimap from time to items, in memory: the policy of the face `Timelog` on the kernel's tree.
//!
//! - `settings`: how a log is kept
//! - `log`: writes and reads, pressure, counters
//! - `maintain`: flushes and compactions, step by step or by a worker
//! - `adaptive`: windows that follow the density of the rows
//!
//! What an item is, and how one is let go, is its user's: the kernel only says that nobody sees it
//! any more. One lock guards a log. It is never held while items are let go, nor while a flush or a
//! compaction is made; of a log's two locks `maintainer` comes before `state`.

mod adaptive;
mod log;
mod maintain;
mod settings;

pub use adaptive::{Adaptive, Watch};
pub use log::{Counts, Log, Stats, Written};
pub use settings::{BusyPolicy, MEMORY_ROW, RUN_ROW, Settings};
