//! Which rows of a segment a filter keeps. A vector is passed over or taken whole where its
//! statistics say so; of the others, the columns of the filter are decoded, and no more than that.

use std::ops::Range;
use std::sync::Arc;

use crate::base::batch::{Column, Data};
use crate::base::predicate::{Facts, Filter, Input, Outcomes, Range as Values};
use crate::base::schema::ColumnDef;
use crate::codec::VECTOR_ROWS;
use crate::db::decode::Mapped;
use crate::db::parallel;
use crate::db::tally::{Counting, count};
use crate::format::Malformed;
use crate::format::footer::{ColumnIndex, Footer, TIME_ID};
use crate::format::gather::Rows;
use crate::format::segment::{read_column, read_ts};
use crate::format::stats::{Lane, Summary, decode_vectors};

/// Blocks from which on it pays to begin a thread.
const PARALLEL: usize = 4;

/// A filter of a table's rows.
#[derive(Debug, Clone)]
pub(crate) struct Picker {
    pub(crate) filter: Arc<Filter>,
    /// The column of each input; `None` is the time.
    pub(crate) columns: Vec<Option<ColumnDef>>,
}

impl Picker {
    pub(crate) fn new(filter: Arc<Filter>, table: &[ColumnDef]) -> Self {
        let column = |input: &Input| match input {
            Input::Time => None,
            Input::Value(position, _) => table.get(*position).cloned(),
        };
        let columns = filter.inputs().iter().map(column).collect();
        Self { filter, columns }
    }

    /// What its statistics say of a whole segment.
    pub(crate) fn outcomes(&self, footer: &Footer) -> Outcomes {
        let fact = |column: &Option<ColumnDef>| match index(footer, column) {
            None => Facts::ALL_NULL,
            Some(index) => whole_facts(index, footer.rows),
        };
        self.filter.outcomes(&self.columns.iter().map(fact).collect::<Vec<_>>())
    }

    /// The rows it keeps of ranges, by block.
    pub(crate) fn rows(
        &self,
        segment: Mapped<'_>,
        rows: &[Range<usize>],
        tally: &Counting,
    ) -> Result<Vec<Rows>, Malformed> {
        let footer = segment.footer;
        let blocks = Rows::of_ranges(footer, rows);
        let outcomes = self.outcomes(footer);
        if outcomes.none() {
            return Ok(vec![]);
        }
        if outcomes.all() {
            return Ok(blocks);
        }
        let vectors = Vectors::of(self, footer)?;
        let one = |block: &Rows| {
            let kept = self.of_block(segment, &vectors, block.span(), tally)?;
            Ok(kept.among(block))
        };
        let picked = match blocks.len() >= PARALLEL {
            true => parallel::map(blocks.len(), || (), |(), at| one(&blocks[at])),
            false => blocks.iter().map(one).collect(),
        };
        let picked = picked.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(picked.into_iter().filter(|rows| !rows.is_empty()).collect())
    }

    fn of_block(
        &self,
        segment: Mapped<'_>,
        vectors: &Vectors,
        rows: Range<usize>,
        tally: &Counting,
    ) -> Result<Rows, Malformed> {
        let first = rows.start / VECTOR_ROWS;
        let found: Vec<Outcomes> = (first..rows.end.div_ceil(VECTOR_ROWS))
            .map(|vector| self.filter.outcomes(&vectors.facts(vector)))
            .collect();
        let of = |at: usize| {
            let start = (first + at) * VECTOR_ROWS;
            rows.start.max(start)..rows.end.min(start + VECTOR_ROWS)
        };
        let undecided = |at: &usize| !found[*at].none() && !found[*at].all();
        let open = (0..found.len()).find(undecided).zip((0..found.len()).rfind(undecided));
        let Some((from, to)) = open else {
            let all = (0..found.len()).filter(|at| found[*at].all()).map(of);
            return Ok(Rows::of_runs(all));
        };
        let stretch = of(from).start..of(to).end;
        let before = (0..from).filter(|at| found[*at].all()).map(of);
        let after = (to + 1..found.len()).filter(|at| found[*at].all()).map(of);
        let Some(kept) = self.evaluate(segment, stretch.clone(), tally)? else {
            return Ok(Rows::of_runs(before.chain([stretch]).chain(after)));
        };
        let mut picked: Vec<u32> = vec![];
        let mut take = |rows: Range<usize>| picked.extend(rows.start as u32..rows.end as u32);
        before.for_each(&mut take);
        picked.extend(kept.iter().map(|row| row + stretch.start as u32));
        let mut take = |rows: Range<usize>| picked.extend(rows.start as u32..rows.end as u32);
        after.for_each(&mut take);
        if picked.is_empty() {
            // Those that are left are counted when their other columns are decoded.
            count(tally, |tally| tally.blocks_decoded.add(1));
        }
        Ok(Rows::of_block(picked))
    }

    /// The rows it keeps of a stretch, counted from its start; `None` if that is all of them.
    fn evaluate(
        &self,
        segment: Mapped<'_>,
        rows: Range<usize>,
        tally: &Counting,
    ) -> Result<Option<Vec<u32>>, Malformed> {
        let (footer, extent) = (segment.footer, segment.extent);
        let mut fetch = |input: usize| {
            let def = self.columns.get(input).and_then(Option::as_ref);
            let column = match def {
                None => {
                    let ts = read_ts(footer, extent, rows.clone())?;
                    Column { data: Data::Fixed(ts.into_inner()), validity: None }
                }
                Some(def) => match footer.column(def.id) {
                    Some(column) if column.ty == def.ty => {
                        read_column(footer, column, extent, rows.clone())?
                    }
                    Some(_) => return Err(Malformed { what: "type of a column", at: 0 }),
                    None => Column::nulls(def.ty, rows.len()),
                },
            };
            let ty = self.filter.inputs()[input].stored();
            count(tally, |tally| tally.bytes_decoded.add(column.byte_size(ty)));
            Ok(column)
        };
        self.filter.select(rows.len(), &mut fetch)
    }

    /// The rows it keeps of `rows` rows in memory; `None` if that is all of them. `column` gives
    /// the column of a definition, or the times.
    pub(crate) fn of_memory(
        &self,
        rows: usize,
        column: impl Fn(Option<&ColumnDef>) -> Column,
    ) -> Option<Vec<u32>> {
        let mut fetch = |input: usize| {
            let def = self.columns.get(input).and_then(Option::as_ref);
            Ok::<_, std::convert::Infallible>(column(def))
        };
        match self.filter.select(rows, &mut fetch) {
            Ok(kept) => kept,
            Err(never) => match never {},
        }
    }
}

fn index<'a>(footer: &'a Footer, column: &Option<ColumnDef>) -> Option<&'a ColumnIndex> {
    footer.column(column.as_ref().map_or(TIME_ID, |def| def.id))
}

fn whole_facts(index: &ColumnIndex, rows: u32) -> Facts {
    let nulls = index.nulls > 0;
    if index.nulls == rows {
        return Facts::ALL_NULL;
    }
    match &index.summary {
        None => Facts { nulls, nans: false, range: Values::Any },
        Some(summary) => {
            let range = match summary.count {
                0 => Values::Empty,
                _ => Values::Lanes(summary.min, summary.max),
            };
            Facts { nulls, nans: summary.nans > 0, range }
        }
    }
}

/// What is known of the vectors of a filter's columns.
struct Vectors {
    rows: usize,
    columns: Vec<VectorsOf>,
}

struct VectorsOf {
    whole: Facts,
    vectors: Option<Vec<Summary>>,
}

impl Vectors {
    fn of(picker: &Picker, footer: &Footer) -> Result<Self, Malformed> {
        let rows = footer.rows as usize;
        let column = |column: &Option<ColumnDef>| {
            let Some(index) = index(footer, column) else {
                return Ok(VectorsOf { whole: Facts::ALL_NULL, vectors: None });
            };
            let packed = index.vectors.as_ref().zip(Lane::of(index.ty));
            let count = rows.div_ceil(VECTOR_ROWS);
            let vectors = packed.map(|(bytes, lane)| decode_vectors(lane, count, bytes));
            let vectors = vectors.transpose()?;
            Ok(VectorsOf { whole: whole_facts(index, footer.rows), vectors })
        };
        Ok(Self { rows, columns: picker.columns.iter().map(column).collect::<Result<_, _>>()? })
    }

    /// What is known of a vector's columns.
    fn facts(&self, vector: usize) -> Vec<Facts> {
        let len = (self.rows - vector * VECTOR_ROWS).min(VECTOR_ROWS) as u64;
        let fact = |column: &VectorsOf| {
            let vector = column.vectors.as_ref().and_then(|vectors| vectors.get(vector));
            let Some(vector) = vector else { return column.whole };
            // Nulls and NaNs are told apart by the whole column alone.
            let others = vector.count < len;
            let range = match vector.count {
                0 => Values::Empty,
                _ => Values::Lanes(vector.min, vector.max),
            };
            Facts { nulls: others && column.whole.nulls, nans: others && column.whole.nans, range }
        };
        self.columns.iter().map(fact).collect()
    }
}
