//! Rows for aggregates: of whole vectors no more than their statistics, wherever these are exact.
//!
//! That is so for runs of rows of one segment that no other run overlaps, that no delete of a key
//! and no filter tears apart, and for columns of which statistics tell what is asked: counts, sums,
//! least and greatest, but no deviations, and of floats no sum that is to be exact. The rest is
//! decoded.

use std::ops::Range;
use std::sync::Arc;

use crate::base::batch::Column;
use crate::base::schema::{ColumnDef, DataType};
use crate::codec::VECTOR_ROWS;
use crate::db::aggregate::{Aggregate, Input};
use crate::db::plan::ScanColumn;
use crate::format::Malformed;
use crate::format::footer::{ColumnIndex, Footer, TIME_ID};
use crate::format::gather::Rows;
use crate::format::stats::{Lane, Summary, decode_vectors};

/// What is asked of each column.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    columns: Vec<Asked>,
    /// First and last values, which statistics of vectors do not tell: those at the ends of a run
    /// of vectors are decoded.
    pub(crate) ends: bool,
}

#[derive(Debug, Clone)]
struct Asked {
    /// `None` is the time.
    column: Option<ColumnDef>,
    /// How many values there are.
    count: bool,
    ends: bool,
}

impl Ask {
    /// What these inputs ask of the columns that are read; `None` if statistics cannot tell it.
    pub(crate) fn new(inputs: &[Input], read: &[ScanColumn]) -> Option<Self> {
        let asked = |input: &Input| {
            let any = |wanted: &[Aggregate]| input.outputs.iter().any(|(a, _)| wanted.contains(a));
            let column = match read.get(input.place)? {
                ScanColumn::Time { .. } => None,
                ScanColumn::Value(def) => Some(def.clone()),
            };
            // Text has no statistics, nothing has deviations, and the sums of floats were rounded.
            let rounded = input.exact && input.ty.is_float();
            let sum = rounded && any(&[Aggregate::Sum, Aggregate::Mean]);
            let unknown = input.ty.is_bytes() || sum || any(&[Aggregate::Std]);
            (!unknown).then(|| Asked {
                column,
                count: any(&[Aggregate::Count, Aggregate::Mean]),
                ends: any(&[Aggregate::First, Aggregate::Last]),
            })
        };
        let columns = inputs.iter().map(asked).collect::<Option<Vec<_>>>()?;
        Some(Self { ends: columns.iter().any(|asked| asked.ends), columns })
    }

    /// What the statistics of a segment tell; `None` if that is not enough.
    pub(crate) fn known(&self, footer: &Footer) -> Result<Option<Vectors>, Malformed> {
        let rows = footer.rows as usize;
        let Some(times) = vectors(footer, footer.column(TIME_ID))? else { return Ok(None) };
        let mut columns = vec![];
        for asked in &self.columns {
            let id = asked.column.as_ref().map_or(TIME_ID, |def| def.id);
            let index = footer.column(id);
            let ty = asked.column.as_ref().map_or(DataType::I64, |def| def.ty);
            if index.is_some_and(|index| index.ty != ty) {
                return Err(Malformed { what: "type of a column", at: 0 });
            }
            let absent = index.is_none_or(|index| index.nulls == footer.rows);
            let nulls = index.map_or(0, |index| index.nulls);
            let nans = index.map_or(0, |index| index.nans);
            columns.push(match vectors(footer, index)? {
                _ if absent => OfColumn::Nulls,
                _ if asked.ends && nulls > 0 => return Ok(None),
                // A vector counts what is neither null nor NaN: which of them the others are is known
                // if the column has but one kind.
                _ if asked.count && nulls > 0 && nans > 0 => return Ok(None),
                None => return Ok(None),
                Some(vectors) => OfColumn::Vectors { vectors, nulls: nulls > 0 },
            });
        }
        let times = times.iter().map(|vector| (vector.min as i64, vector.max as i64)).collect();
        Ok(Some(Vectors { rows, times, columns }))
    }
}

fn vectors(
    footer: &Footer,
    index: Option<&ColumnIndex>,
) -> Result<Option<Vec<Summary>>, Malformed> {
    let count = (footer.rows as usize).div_ceil(VECTOR_ROWS);
    let packed = index.and_then(|index| index.vectors.as_ref().zip(Lane::of(index.ty)));
    packed.map(|(bytes, lane)| decode_vectors(lane, count, bytes)).transpose()
}

/// What is known of a column's values in a vector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Values that are not null.
    pub(crate) count: u64,
    /// Least, greatest and sum, if there is such a value.
    pub(crate) summary: Summary,
}

/// What is known of the vectors of a segment.
#[derive(Debug)]
pub(crate) struct Vectors {
    rows: usize,
    /// The first and the last time of each.
    pub(crate) times: Vec<(i64, i64)>,
    columns: Vec<OfColumn>,
}

/// What is known of a column.
#[derive(Debug)]
enum OfColumn {
    Nulls,
    Vectors { vectors: Vec<Summary>, nulls: bool },
}

impl Vectors {
    /// What is known of a column in some vectors, one after the other; `column` is its place among
    /// those asked.
    pub(crate) fn known(&self, column: usize, vectors: Range<usize>) -> KnownVectors<'_> {
        KnownVectors { rows: self.rows, of: &self.columns[column], vectors }
    }
}

/// What is known of vectors that follow each other.
#[derive(Debug)]
pub(crate) struct KnownVectors<'a> {
    rows: usize,
    of: &'a OfColumn,
    vectors: Range<usize>,
}

impl Iterator for KnownVectors<'_> {
    type Item = Known;

    #[inline]
    fn next(&mut self) -> Option<Known> {
        let vector = self.vectors.next()?;
        Some(match self.of {
            OfColumn::Nulls => Known { count: 0, summary: Summary::default() },
            OfColumn::Vectors { vectors, nulls } => {
                let (len, summary) = (rows_of(vector, self.rows).len() as u64, vectors[vector]);
                Known { count: if *nulls { summary.count } else { len }, summary }
            }
        })
    }
}

/// The rows of a vector, in a segment of `rows` rows.
fn rows_of(vector: usize, rows: usize) -> Range<usize> {
    vector * VECTOR_ROWS..((vector + 1) * VECTOR_ROWS).min(rows)
}

/// A stretch of rows, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// Decoded rows.
    Rows(Range<usize>),
    /// Vectors that are known, and whose times belong together.
    Vectors(Range<usize>),
}

/// Some rows of a segment: stretches in order, what is known of vectors, and the decoded rows.
#[derive(Debug)]
pub(crate) struct Digest {
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) vectors: Option<Arc<Vectors>>,
    /// The columns of the plan.
    pub(crate) columns: Vec<Column>,
}

/// Which of some rows of a segment are answered for by statistics, which `known` are, and which are
/// to be decoded. `same` tells whether all times from the first to the second belong together.
pub(crate) fn divide(
    footer: &Footer,
    picked: &[Rows],
    known: &Vectors,
    ends: bool,
    same: &mut dyn FnMut(i64, i64) -> bool,
) -> (Vec<Stretch>, Vec<Rows>) {
    let (mut stretches, mut decoded, mut count) = (vec![], vec![], 0);
    let mut decode = |rows: Range<usize>, stretches: &mut Vec<Stretch>| {
        if rows.is_empty() {
            return;
        }
        let from = count;
        count += rows.len();
        decoded.push(rows);
        match stretches.last_mut() {
            Some(Stretch::Rows(last)) => last.end = count,
            _ => stretches.push(Stretch::Rows(from..count)),
        }
    };
    for run in Rows::ranges(picked) {
        // Mostly all of it belongs together, or little does.
        let inner = known.inner(&run, ends);
        if known.belong_together(&inner, ends, same) {
            let first = rows_of(inner.start, known.rows).start;
            let end = rows_of(inner.end - 1, known.rows).end;
            decode(run.start..first, &mut stretches);
            stretches.push(Stretch::Vectors(inner));
            decode(end..run.end, &mut stretches);
            continue;
        }
        for vector in run.start / VECTOR_ROWS..run.end.div_ceil(VECTOR_ROWS) {
            let one = vector..vector + 1;
            if inner.contains(&vector) && known.belong_together(&one, ends, same) {
                stretches.push(Stretch::Vectors(one));
            } else {
                let whole = rows_of(vector, known.rows);
                decode(run.start.max(whole.start)..run.end.min(whole.end), &mut stretches);
            }
        }
    }
    (stretches, Rows::of_ranges(footer, &decoded))
}

impl Vectors {
    /// The vectors that are all in `run`; where ends may matter, those in its middle alone.
    fn inner(&self, run: &Range<usize>, ends: bool) -> Range<usize> {
        let count = self.times.len();
        // The last vector may be short.
        let end = if run.end == self.rows { count } else { run.end / VECTOR_ROWS };
        let whole = run.start.div_ceil(VECTOR_ROWS)..end;
        if !ends {
            return whole;
        }
        let first = usize::from(whole.start * VECTOR_ROWS == run.start);
        let last = usize::from(whole.end == count || whole.end * VECTOR_ROWS == run.end);
        whole.start + first..whole.end.saturating_sub(last)
    }

    /// True if the times of these vectors belong together; where ends may matter, with those of the
    /// vectors beside them, of which there are some then.
    fn belong_together(
        &self,
        vectors: &Range<usize>,
        ends: bool,
        same: &mut dyn FnMut(i64, i64) -> bool,
    ) -> bool {
        if vectors.is_empty() {
            return false;
        }
        let (first, last) = match ends {
            false => (self.times[vectors.start].0, self.times[vectors.end - 1].1),
            true => (self.times[vectors.start - 1].1, self.times[vectors.end].0),
        };
        same(first, last)
    }
}
