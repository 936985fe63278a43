//! Decoding rows of a segment: every column into memory that is allocated once, blocks of columns
//! on all cores. What lies in the file as Arrow wants it is not decoded but viewed.

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use parking_lot::Mutex;

use crate::base::batch::{Column, Data};
use crate::base::schema::{ColumnDef, DataType};
use crate::db::parallel;
use crate::db::tally::{Counting, count};
use crate::format::Malformed;
use crate::format::edit::SegmentEntry;
use crate::format::footer::{ColumnIndex, Footer, Role, SEQ_ID, Stream, TIME_ID};
use crate::format::gather::{self, Rows};
use crate::format::segment::raw_view;
use crate::store::pages::Pages;

/// Values from which on it pays to begin a thread.
const PARALLEL: usize = 1 << 18;

/// A mapped segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapped<'a> {
    pub(crate) entry: &'a SegmentEntry,
    pub(crate) footer: &'a Footer,
    pub(crate) extent: &'a Buffer,
}

/// A column to decode.
enum Target<'a> {
    /// The segment does not have it.
    Missing,
    View(Buffer),
    /// Fixed width: into these pages, of values so wide.
    Fixed(&'a Stream, usize, Pages),
    /// Bits, text or bytes.
    Other(&'a Stream),
}

/// Something to decode: a block of a column of fixed width, or all of another stream.
enum Job<'a> {
    Block {
        ty: DataType,
        width: usize,
        stream: &'a Stream,
        rows: &'a Rows,
        out: Mutex<&'a mut [u8]>,
    },
    Bits {
        column: usize,
        role: Role,
        stream: &'a Stream,
    },
    Bytes {
        column: usize,
        ty: DataType,
        stream: &'a Stream,
    },
}

/// What came of a job that has no place to write to.
enum Done {
    Written,
    Bits(usize, Role, BooleanBuffer),
    Bytes(usize, Data),
}

impl Mapped<'_> {
    /// The columns of these definitions, at these rows.
    pub(crate) fn columns<'d>(
        &self,
        defs: impl Iterator<Item = &'d ColumnDef>,
        rows: &[Rows],
        tally: &Counting,
    ) -> Result<Vec<Column>, Malformed> {
        let mut wanted = vec![];
        for def in defs {
            let index = self.footer.column(def.id);
            if index.is_some_and(|index| index.ty != def.ty) {
                return Err(Malformed { what: "type of a column", at: 0 });
            }
            wanted.push((def.ty, index));
        }
        self.decode(&wanted, rows, tally)
    }

    /// The times of these rows.
    pub(crate) fn times(
        &self,
        rows: &[Rows],
        tally: &Counting,
    ) -> Result<ScalarBuffer<i64>, Malformed> {
        let index = self.footer.column(TIME_ID);
        let column = self.decode(&[(DataType::I64, index)], rows, tally)?.pop();
        match column.map(|column| column.data) {
            Some(Data::Fixed(buffer)) => Ok(ScalarBuffer::from(buffer)),
            _ => Err(Malformed { what: "times", at: 0 }),
        }
    }

    /// The row numbers of these rows.
    pub(crate) fn numbers(
        &self,
        rows: &[Rows],
        tally: &Counting,
    ) -> Result<ScalarBuffer<u64>, Malformed> {
        let index = self.footer.column(SEQ_ID);
        let column = self.decode(&[(DataType::U64, index)], rows, tally)?.pop();
        let column = column.ok_or(Malformed { what: "row numbers", at: 0 })?;
        let least = self.entry.min_seq;
        let absolute = column.values::<u64>().iter().map(|seq| seq.wrapping_add(least));
        Ok(absolute.collect::<Vec<u64>>().into())
    }

    fn decode(
        &self,
        wanted: &[(DataType, Option<&ColumnIndex>)],
        rows: &[Rows],
        tally: &Counting,
    ) -> Result<Vec<Column>, Malformed> {
        let len: usize = rows.iter().map(Rows::len).sum();
        let mut targets = vec![];
        for (ty, index) in wanted {
            targets.push(self.target(*ty, *index, rows, len)?);
        }
        let (mut jobs, mut validity) = (vec![], vec![]);
        for (column, ((ty, index), target)) in wanted.iter().zip(&mut targets).enumerate() {
            if matches!(target, Target::Missing) {
                continue;
            }
            if let Some(stream) = index.and_then(|index| index.stream(Role::Validity)) {
                validity.push(Job::Bits { column, role: Role::Validity, stream });
            }
            match target {
                Target::Missing | Target::View(_) => {}
                Target::Other(stream) => jobs.push(match ty {
                    DataType::Bool => Job::Bits { column, role: Role::Values, stream },
                    _ => Job::Bytes { column, ty: *ty, stream },
                }),
                Target::Fixed(stream, width, pages) => {
                    let mut rest = pages.bytes();
                    for rows in rows {
                        let (out, later) = rest.split_at_mut(rows.len() * *width);
                        let out = Mutex::new(out);
                        jobs.push(Job::Block { ty: *ty, width: *width, stream, rows, out });
                        rest = later;
                    }
                }
            }
        }
        // What is one job a column is long: it goes first.
        jobs.sort_by_key(|job| matches!(job, Job::Block { .. }));
        jobs.extend(validity);
        let one = |job: &Job<'_>| self.run(job, rows);
        let done: Vec<Result<Done, Malformed>> = match len * wanted.len() >= PARALLEL {
            true => parallel::map(jobs.len(), || (), |(), at| one(&jobs[at])),
            false => jobs.iter().map(one).collect(),
        };
        drop(jobs);
        let done = done.into_iter().collect::<Result<Vec<_>, _>>()?;
        let columns = put_together(wanted, targets, done, len)?;
        count(tally, |tally| {
            for ((ty, index), column) in wanted.iter().zip(&columns) {
                let viewed = index.and_then(|index| index.stream(Role::Values)).is_some_and(|s| {
                    matches!(&column.data, Data::Fixed(buffer) if self.holds(buffer))
                        && !s.blocks.is_empty()
                });
                let bytes = column.byte_size(*ty);
                if viewed { tally.bytes_viewed.add(bytes) } else { tally.bytes_decoded.add(bytes) }
            }
        });
        Ok(columns)
    }

    /// True if a buffer is a view of the segment.
    fn holds(&self, buffer: &Buffer) -> bool {
        let (start, at) = (self.extent.as_ptr() as usize, buffer.as_ptr() as usize);
        (start..start + self.extent.len()).contains(&at)
    }

    fn target<'a>(
        &self,
        ty: DataType,
        index: Option<&'a ColumnIndex>,
        rows: &[Rows],
        len: usize,
    ) -> Result<Target<'a>, Malformed> {
        let Some(values) = index.and_then(|index| index.stream(Role::Values)) else {
            return Ok(Target::Missing);
        };
        let Some(width) = ty.width() else { return Ok(Target::Other(values)) };
        if let Some(run) = whole(rows)
            && let Some(view) = raw_view(self.footer, values, self.extent, &run, width)
        {
            return view.map(Target::View);
        }
        Ok(Target::Fixed(values, width, Pages::new(len * width)))
    }

    fn run(&self, job: &Job<'_>, rows: &[Rows]) -> Result<Done, Malformed> {
        let (footer, extent) = (self.footer, self.extent.as_slice());
        match job {
            Job::Block { ty, width, stream, rows, out } => {
                gather::fixed(footer, (*ty, *width), stream, extent, rows, &mut out.lock())?;
                Ok(Done::Written)
            }
            Job::Bits { column, role, stream } => {
                Ok(Done::Bits(*column, *role, gather::bits(footer, stream, extent, rows)?))
            }
            Job::Bytes { column, ty, stream } => {
                Ok(Done::Bytes(*column, gather::bytes(footer, *ty, stream, extent, rows)?))
            }
        }
    }
}

/// The rows as one range, if they are.
fn whole(rows: &[Rows]) -> Option<std::ops::Range<usize>> {
    let mut all: Option<std::ops::Range<usize>> = None;
    for rows in rows {
        let Rows::Run(run) = rows else { return None };
        all = match all {
            None => Some(run.clone()),
            Some(all) if all.end == run.start => Some(all.start..run.end),
            Some(_) => return None,
        };
    }
    all
}

fn put_together(
    wanted: &[(DataType, Option<&ColumnIndex>)],
    targets: Vec<Target<'_>>,
    done: Vec<Done>,
    len: usize,
) -> Result<Vec<Column>, Malformed> {
    let mut data: Vec<Option<Data>> = wanted.iter().map(|_| None).collect();
    let mut validity: Vec<Option<NullBuffer>> = wanted.iter().map(|_| None).collect();
    for done in done {
        match done {
            Done::Written => {}
            Done::Bits(column, Role::Validity, bits) => {
                validity[column] = Some(NullBuffer::new(bits));
            }
            Done::Bits(column, Role::Values, bits) => data[column] = Some(Data::Bool(bits)),
            Done::Bytes(column, bytes) => data[column] = Some(bytes),
        }
    }
    let columns = targets.into_iter().zip(wanted).zip(data).zip(validity);
    let column = |(((target, (ty, _)), data), validity): (((Target<'_>, &(DataType, _)), _), _)| {
        let data = match target {
            Target::Missing => return Ok(Column::nulls(*ty, len)),
            Target::View(view) => Some(Data::Fixed(view)),
            Target::Fixed(_, _, pages) => Some(Data::Fixed(pages.into_buffer())),
            Target::Other(_) => data,
        };
        let data = data.ok_or(Malformed { what: "a column", at: 0 })?;
        Ok(Column { data, validity: None }.with_validity(validity))
    };
    columns.map(column).collect()
}
