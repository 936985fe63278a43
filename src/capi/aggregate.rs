//! What rows come to.

use std::ffi::c_char;
use std::iter;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;

use super::arguments::{
    Numbered, Sized, items, null, numbered, one_of, optional_text, sized, text,
};
use super::call::call;
use super::handles::chl_table;
use super::scan::{End, Start, chl_scan_options, hand_out, spec, stream_out};
use super::status::chl_status;
use super::stream::exported;
use super::table::found;
use super::table_spec::names;
use crate::arrow::OutColumn;
use crate::arrow::stream::Stream;
use crate::base::Predicate;
use crate::db::{Aggregate, AggregateSpec, DownsampleSpec, Fill, Origin};
use crate::error::Result;

/// What values come to. Nulls do not count.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum chl_aggregate_kind {
    CHL_COUNT = 0,
    CHL_SUM = 1,
    CHL_MEAN = 2,
    CHL_MIN = 3,
    CHL_MAX = 4,
    CHL_FIRST = 5,
    CHL_LAST = 6,
    /// The standard deviation of a sample.
    CHL_STD = 7,
}

/// A column of a result. This struct does not grow.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_wanted {
    /// The name of a column of the table.
    pub column: *const c_char,
    /// A `chl_aggregate_kind`.
    pub kind: i32,
}

/// Where buckets begin.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum chl_origin {
    /// At 1970-01-01, or Monday 1969-12-29 for buckets of whole weeks; at midnight there, given a
    /// zone.
    CHL_ORIGIN_EPOCH = 0,
    /// At the range's start or, if it has none, the first row's time.
    CHL_ORIGIN_START = 1,
    /// At `origin_time`.
    CHL_ORIGIN_AT = 2,
}

/// What stands for a null of an aggregate, whether its bucket has no rows or only nulls. All but
/// `CHL_FILL_NONE` make a row for every bucket and group of the range.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum chl_fill {
    /// Buckets without rows are left out.
    CHL_FILL_NONE = 0,
    /// Null does.
    CHL_FILL_NULL = 1,
    /// The value of the bucket before does.
    CHL_FILL_PREVIOUS = 2,
    /// The value on the line in time between the values before and after does.
    CHL_FILL_LINEAR = 3,
    /// `fill_integer` does.
    CHL_FILL_INT = 4,
    /// `fill_number` does.
    CHL_FILL_FLOAT = 5,
}

/// How rows are put into buckets. Zeros are the defaults, but for `every`.
///
/// cbindgen:field-names=[size, every, by, by_count, origin, fill, origin_time, fill_integer, fill_number, tz, where, exact]
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_downsample_options {
    /// `sizeof(chl_downsample_options)`.
    pub size: usize,
    /// The length of a bucket, in the table's unit.
    pub every: i64,
    /// The names of columns that tell apart groups of rows, each with a row of its own in a bucket.
    pub by: *const *const c_char,
    /// How many.
    pub by_count: usize,
    /// A `chl_origin`.
    pub origin: i32,
    /// A `chl_fill`.
    pub fill: i32,
    /// Of `CHL_ORIGIN_AT`.
    pub origin_time: i64,
    /// Of `CHL_FILL_INT`.
    pub fill_integer: i64,
    /// Of `CHL_FILL_FLOAT`.
    pub fill_number: f64,
    /// The name of a time zone, such as `"America/New_York"`: days and weeks are the calendar's there.
    /// NULL is UTC.
    pub tz: *const c_char,
    /// Only rows for which this is true; NULL is all.
    pub where_: *const c_char,
    /// Anything but 0: sums, means and standard deviations are those of the values, rounded once.
    pub exact: u64,
}

// SAFETY: it is `repr(C)`, begins with its size, and has numbers and pointers only.
unsafe impl Sized for chl_downsample_options {}

const KINDS: [Numbered<Aggregate>; 8] = numbered!(chl_aggregate_kind {
    CHL_COUNT => Aggregate::Count,
    CHL_SUM => Aggregate::Sum,
    CHL_MEAN => Aggregate::Mean,
    CHL_MIN => Aggregate::Min,
    CHL_MAX => Aggregate::Max,
    CHL_FIRST => Aggregate::First,
    CHL_LAST => Aggregate::Last,
    CHL_STD => Aggregate::Std,
});

/// What the rows that `chl_scan` would give come to: a stream of one row, whose columns are called
/// `temp_mean` and so on, in the order of `wanted`. `exact`, if it is not 0, has sums, means and
/// standard deviations rounded once. All is read by this call: the stream holds its row, also after the
/// end of the database.
///
/// Errors: `CHL_ERROR_SCHEMA` if there is no such column, or no such aggregate of its type;
/// `CHL_ERROR_OVERFLOW` if a sum of integers does not fit 64 bits.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_aggregate(
    table: chl_table,
    start: i64,
    end: i64,
    options: *const chl_scan_options,
    wanted: *const chl_wanted,
    count: usize,
    exact: i32,
    out: *mut FFI_ArrowArrayStream,
) -> chl_status {
    // SAFETY: as the caller says.
    call(|| unsafe {
        let out = stream_out(out)?;
        let table = &found(table)?.table;
        let wanted = AggregateSpec { aggregates: aggregates(wanted, count)?, exact: exact != 0 };
        let summary = table.scan(spec(table, start, end, options)?)?.aggregate(&wanted)?;
        let (columns, values) =
            summary.columns().map(|(c, v)| (OutColumn::from(c), v.clone())).unzip();
        let row = Box::new(iter::once(Ok(values)));
        out.set(exported(Stream::new(columns, row, None)));
        Ok(())
    })
}

/// The rows with `start <= time < end` in buckets of time, and what each comes to: a row for each bucket
/// that has rows, and each group in it, in the order of time and group. The columns are the time at
/// which the bucket begins, those of `by`, and then `temp_mean` and so on. The stream is as that of
/// `chl_scan`.
///
/// Errors: `CHL_ERROR_SCHEMA` if there is no such column, aggregate of its type, or filling of that;
/// `CHL_ERROR_INVALID_INPUT` if `every` is no length, or `tz` no zone.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_downsample(
    table: chl_table,
    start: i64,
    end: i64,
    options: *const chl_downsample_options,
    wanted: *const chl_wanted,
    count: usize,
    out: *mut FFI_ArrowArrayStream,
) -> chl_status {
    // SAFETY: as the caller says.
    call(|| unsafe {
        let out = stream_out(out)?;
        let table = &found(table)?.table;
        let given = sized("options", options)?.ok_or_else(|| null("options"))?;
        let by = names("options.by", given.by, given.by_count)?;
        let text = optional_text("options.where", given.where_)?;
        let spec = DownsampleSpec {
            every: given.every,
            aggregates: aggregates(wanted, count)?,
            start: Start(start).meant(),
            end: End(end).meant(),
            by: by.into_iter().map(str::to_owned).collect(),
            origin: given.origin()?,
            tz: optional_text("options.tz", given.tz)?.map(str::to_owned),
            fill: given.fill()?,
            filter: text.map(Predicate::parse).transpose()?,
            exact: given.exact != 0,
        };
        hand_out(&table.downsample(spec)?, out)
    })
}

impl chl_downsample_options {
    fn origin(&self) -> Result<Origin> {
        let all = numbered!(chl_origin {
            CHL_ORIGIN_EPOCH => Origin::Epoch,
            CHL_ORIGIN_START => Origin::Start,
            CHL_ORIGIN_AT => Origin::At(self.origin_time),
        });
        one_of("options.origin", self.origin, &all)
    }

    fn fill(&self) -> Result<Option<Fill>> {
        let all = numbered!(chl_fill {
            CHL_FILL_NONE => None,
            CHL_FILL_NULL => Some(Fill::Null),
            CHL_FILL_PREVIOUS => Some(Fill::Previous),
            CHL_FILL_LINEAR => Some(Fill::Linear),
            CHL_FILL_INT => Some(Fill::Int(self.fill_integer)),
            CHL_FILL_FLOAT => Some(Fill::Float(self.fill_number)),
        });
        one_of("options.fill", self.fill, &all)
    }
}

/// # Safety
/// `wanted` is NULL or leads to as many, and their names are text.
unsafe fn aggregates(
    wanted: *const chl_wanted,
    count: usize,
) -> Result<Vec<(String, Vec<Aggregate>)>> {
    // SAFETY: as the caller says.
    let wanted = unsafe { items("wanted", wanted, count)? };
    let mut all: Vec<(String, Vec<Aggregate>)> = Vec::new();
    for one in wanted {
        // SAFETY: as the caller says.
        let column = unsafe { text("the column of an aggregate", one.column)? };
        let kind = one_of("the kind of an aggregate", one.kind, &KINDS)?;
        match all.last_mut().filter(|(last, _)| last == column) {
            Some((_, kinds)) => kinds.push(kind),
            None => all.push((column.to_owned(), vec![kind])),
        }
    }
    Ok(all)
}
