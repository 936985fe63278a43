//! chronolite: an embedded time-series storage kernel.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arrow;
pub mod base;
pub mod codec;
pub mod db;
pub mod error;
pub mod format;
pub mod index;
#[cfg(feature = "python")]
mod python;
pub mod store;

pub use base::{Batch, Column, Data, DataType, TableSpec, TimeUnit, Value};
pub use db::{Db, DbOptions, Durability, Mode, Scan, ScanSpec, Table};
pub use error::{Error, ErrorKind, Result};
