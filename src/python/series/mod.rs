//! What `chronolite.backend` is made of: rows of a schema, packed, read and kept in the kernel.
//!
//! `layout` is a schema and what its rows are made from, `batch` rows to be written, `rows` those that
//! were read, `day_file` the file of a day, `packed` days
//! in a table. Which file or key they are in is told in Python.

mod batch;
mod day_file;
mod layout;
mod packed;
mod rows;

pub(super) use batch::RowBatch;
pub(super) use day_file::DayFile;
pub(super) use layout::RowLayout;
pub(super) use packed::PackedDays;
pub(super) use rows::Rows;
