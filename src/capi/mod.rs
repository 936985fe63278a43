//! The C ABI: what `include/chronolite.h` declares. The header is made from this room, so what is
//! said here is said to people who write C.
//!
//! Placement: `status` and `error` are how a call ends, `call` is what every call goes through (no
//! panic crosses it), `handles` what stands for a Rust object in C, `arguments` what is checked of
//! all that comes in, `value` cells and keys, `report` figures as JSON. The rest are the calls, by
//! what they are about. Nothing here stores or decides anything: each call is one of [`crate::db`].
//!
//! Handles are numbers that are looked up, never pointers that are followed, so that one that was
//! closed, or never was, answers a status. What a pointer leads to cannot be checked: that it is as
//! long as its count says is the caller's promise, and the safety condition of every function here.

// Pointers from C are read and written; names are those of C.
#![allow(unsafe_code, non_camel_case_types)]

mod aggregate;
mod append;
mod arguments;
mod arrow;
mod call;
mod columns;
mod database;
mod error;
mod handles;
mod options;
mod report;
mod scan;
mod snapshot;
mod status;
mod stream;
mod table;
mod table_spec;
mod tail;
mod text;
mod value;

pub use aggregate::*;
pub use append::*;
pub use arrow::*;
pub use columns::*;
pub use database::*;
pub use error::*;
pub use handles::{chl_db, chl_snapshot, chl_table, chl_tail};
pub use options::*;
pub use scan::*;
pub use snapshot::*;
pub use status::*;
pub use table::*;
pub use table_spec::*;
pub use tail::*;
pub use text::*;
pub use value::*;
