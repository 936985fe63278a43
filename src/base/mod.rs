//! The words the rest is written in: time, types and schemas, columns and batches.
//!
//! Placement: what a row *is* belongs here; how its bytes look in a file belongs to `codec` and
//! `format`. Nothing here does I/O or knows of files.

pub mod batch;
pub mod builder;
pub mod bytes;
pub mod hash;
pub mod iso8601;
pub mod predicate;
pub mod schema;
pub mod time;
pub mod value;

pub use batch::{Batch, Column, Data};
pub use builder::{ColumnBuilder, concat, repeat, take};
pub use predicate::{Compare, Literal, Predicate};
pub use schema::{ColumnDef, ColumnId, DataType, OnConflict, StoragePolicy, TableSpec};
pub use time::TimeUnit;
pub use value::Value;
