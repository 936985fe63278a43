//! Days of rows: the policy of the face `TimeSeriesEngine`.
//!
//! - `layout`: what a row looks like
//! - `fit`: Arrow arrays as the values of a field
//! - `values`: those values, as they stand in rows and as columns of the kernel
//! - `filter`: which rows a predicate keeps
//! - `rows`: rows made from columns, and columns gathered from rows
//! - `day_file`: rows in the file of a day
//! - `packed`: days of rows in a table of the kernel

mod day_file;
mod filter;
mod fit;
mod layout;
mod packed;
mod rows;
mod values;

pub use day_file::{DayFile, Rows};
pub use filter::select;
pub use fit::fit;
pub use layout::{ColumnFormat, Field, Kind, Layout, Unit};
pub use packed::{PackedDays, ROWS_A_DAY, days};
pub use rows::{Source, Span, gather, pack};
pub use values::Values;
