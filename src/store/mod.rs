//! store (temporary list until merged)
#![allow(missing_docs)]
pub mod extents;
pub mod fork;
pub mod group_sync;
pub mod health;
pub mod lock;
pub mod log_file;
pub mod main_file;
mod map;
pub mod real;
pub mod recovery;
pub mod replay;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod storage;
pub use lock::WriterLock;
pub use real::RealStorage;
pub use storage::{File, OpenMode, Storage, WritableMap, read_exact_at, write_all_at};
