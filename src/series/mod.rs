//! Days of rows: the policy of the face `TimeSeriesEngine`.
//!
//! - `layout`: what a row looks like
//! - `rows`: rows made from columns, and columns gathered from rows

mod layout;
mod rows;

pub use layout::{ColumnFormat, Field, Kind, Layout, Unit};
pub use rows::{Source, gather, pack, slice};
