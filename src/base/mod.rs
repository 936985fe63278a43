//! The words the rest is written in: time, types and schemas, columns and batches.
//!
//! Placement: what a row *is* belongs here; how its bytes look in a file belongs to `codec` and
//! `format`. Nothing here does I/O or knows of files.

pub mod batch;
pub mod builder;
pub mod bytes;
pub mod codec;
pub mod data_type;
pub mod hash;
pub mod iso8601;
pub mod predicate;
pub mod schema;
pub mod time;
pub mod value;

pub use batch::{Batch, Column, Data};
pub use builder::{ColumnBuilder, concat, repeat, take};
pub use codec::Codec;
pub use data_type::DataType;
pub use predicate::{Compare, Literal, Predicate};
pub use schema::{ColumnDef, ColumnId, OnConflict, StoragePolicy, TableSpec};
pub use time::TimeUnit;
pub use value::Value;
