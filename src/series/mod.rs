//! Days of rows: the policy of the face `TimeSeriesEngine`.
//!
//! - `layout`: what a row looks like
//! - `rows`: rows made from columns, and columns gathered from rows
//! - `day_file`: rows in the file of a day

mod day_file;
mod layout;
mod rows;

pub use day_file::{DayFile, Rows};
pub use layout::{ColumnFormat, Field, Kind, Layout, Unit};
pub use rows::{Source, gather, pack, slice};
