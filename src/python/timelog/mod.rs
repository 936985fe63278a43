//! The face `Timelog`: Python objects in the kernel's index, one reference for each row.
//!
//! - `object`: that reference
//! - `times`: what is a time, and what is none
//! - `batch`: many rows from whatever holds them
//! - `log`: the class, the base of the one that users see (`chronolite._timelog`)
//! - `iterator`: rows of a moment
//! - `spans`: times without a copy, and the objects beside them
//!
//! No lock of the log is held while Python code may run: objects are taken in before a write and let
//! go after it.

mod batch;
mod iterator;
mod log;
mod object;
mod spans;
mod times;

pub(super) use iterator::TimelogIter;
pub(super) use log::TimelogBase;
pub(super) use spans::{PageSpan, PageSpanIter, PageSpanObjectsView};
