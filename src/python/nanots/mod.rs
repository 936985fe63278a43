//! What the methods of NanoTS's names on `Db` take and give: tables by name, closed ranges, lists,
//! and pairs of Arrow capsules in which the time is an integer called `ts_ms`.
//!
//! Placement: `options` what `Db` is opened with, `append` and `range` rows in and out as Python's
//! own values, `arrow` both as capsules, `stats` what is told as dicts.

mod append;
mod arrow;
mod options;
mod range;
mod stats;
mod tables;

pub(super) use append::{append, append_row, append_row_typed};
pub(super) use arrow::{append_capsules, range_capsules};
pub(super) use options::{maintenance, retention};
pub(super) use range::{range_columns, range_pairs};
pub(super) use stats::{diagnosis, space};
pub(super) use tables::create_typed;
