//! The only I/O of the crate: files, mappings, locks, and what is done with them in which order.
//!
//! Placement: a system call belongs here and nowhere else; what the bytes mean belongs to
//! `format`. Everything above reaches a disk through [`Storage`] and [`File`], so that the tests
//! can put the fault-injecting storage of `sim` in its place.
//!
//! - `storage`: the two traits, and loops over short reads and writes
//! - `real`: files of the operating system; `map`: their mappings; `bus`: mapped files that are cut
//! - `lock`: the one writer; `readers`: what those beside it need; `fork`: what a child process must
//!   not inherit
//! - `main_file`, `extents`: placing what is new, and committing it
//! - `log_file`, `group_sync`: appending to the log, and one sync for many
//! - `recovery`, `replay`: which state is in force, and which records of the log count
//! - `search`: what is left where damage leaves no state in force
//! - `pages`: memory for results
//! - `health`: whether the writer may still write
//! - `sim`: a disk in memory, with faults and images of what a power loss leaves

pub mod bus;
pub mod extents;
pub mod fork;
pub mod group_sync;
pub mod health;
pub mod lock;
pub mod log_file;
pub mod main_file;
mod map;
pub mod pages;
pub mod readers;
pub mod real;
pub mod recovery;
pub mod replay;
pub mod search;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod storage;
#[cfg(test)]
mod tests;

pub use lock::WriterLock;
pub use real::{RealStorage, make_folder_of};
pub use storage::{File, OpenMode, Storage, WritableMap, read_exact_at, write_all_at};
