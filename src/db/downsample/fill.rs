//! Every bucket of a range, with or without rows.
//!
//! The rows that there are come first, all of them: which groups there are, and between which values
//! a line runs, is known only at the end. Filled rows are then made as they are read. Each column
//! has one value more than there are rows, the filler; a row of the result is a row of those.

use std::sync::Arc;

use crate::base::batch::Column;
use crate::base::builder::{concat, repeat};
use crate::base::schema::DataType;
use crate::db::aggregate::Aggregate;
use crate::db::downsample::buckets::{Bucket, Buckets};
use crate::db::downsample::filler::{Lines, Point, filler};
use crate::db::downsample::groups::Groups;
use crate::db::downsample::rows::Chunk;
use crate::db::downsample::side_by_side::SideBySide;
use crate::db::downsample::{Downsample, Fill};
use crate::error::{Error, Result};

/// Most rows that are made.
const MAX_ROWS: i128 = 100_000_000;
/// Rows made at a time.
const CHUNK_ROWS: usize = 16_384;
/// No such row.
const NONE: u32 = u32::MAX;

/// Makes the rows of a filled range.
#[derive(Debug)]
pub(super) struct Filled {
    plan: Arc<Downsample>,
    rows: SideBySide,
    fill: Fill,
    made: Option<Made>,
}

/// The rows that there are, and how far the result has come.
#[derive(Debug)]
struct Made {
    known: Chunk,
    columns: Vec<FillColumn>,
    buckets: Buckets,
    groups: Vec<u32>,
    /// The bucket and the place in `groups` of the next row, and the row of `known` that is not
    /// passed yet.
    bucket: Option<Bucket>,
    group: usize,
    row: usize,
    /// Where the last bucket begins.
    last: i64,
}

/// Fails if filling makes more rows than can be asked for.
fn refuse_above_most(buckets: i128, groups: usize) -> Result<()> {
    if buckets * groups as i128 <= MAX_ROWS {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "fill makes a row of every bucket: about {buckets}, {groups} groups in each, and {MAX_ROWS} \
         rows are the most; choose a longer bucket or a shorter range"
    )))
}

#[derive(Debug)]
struct FillColumn {
    ty: DataType,
    fill: Fill,
    /// The values of the known rows, and the filler.
    values: Column,
    /// For each group: the last row passed that has a value, and the first one not passed.
    before: Vec<u32>,
    ahead: Vec<u32>,
    /// For each row: the next one of its group that has a value.
    next: Vec<u32>,
}

impl Filled {
    pub(super) fn new(plan: Arc<Downsample>, fill: Fill) -> Result<Self> {
        let rows = SideBySide::new(Arc::clone(&plan))?;
        Ok(Self { plan, rows, fill, made: None })
    }

    pub(super) fn groups(&self) -> &Groups {
        self.rows.groups()
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        if self.made.is_none() {
            self.made = self.make()?;
        }
        match &mut self.made {
            Some(made) if made.bucket.is_some() => made.chunk().map(Some),
            _ => Ok(None),
        }
    }

    /// Reads all rows; `None` if there is no bucket.
    fn make(&mut self) -> Result<Option<Made>> {
        let known = self.known()?;
        let Some(mut buckets) = self.rows.buckets().cloned() else { return Ok(None) };
        let (start, end) = (self.plan.spec.start, self.plan.spec.end);
        if start.zip(end).is_some_and(|(start, end)| start >= end) {
            return Ok(None);
        }
        let first = start.or(known.starts.first().copied());
        let last = end.map_or(known.starts.last().copied(), |end| end.checked_sub(1));
        let Some((first, last)) = first.zip(last) else { return Ok(None) };
        let (first, last) = (buckets.at(first), buckets.at(last));
        if first.start > last.start {
            return Ok(None);
        }
        let groups = self.rows.groups().sorted();
        refuse_above_most(buckets.between(first, last), groups.len())?;
        let columns = self.columns(&known)?;
        let bucket = (!groups.is_empty()).then_some(first);
        Ok(Some(Made {
            known,
            columns,
            buckets,
            groups,
            bucket,
            group: 0,
            row: 0,
            last: last.start,
        }))
    }

    /// All rows that there are.
    fn known(&mut self) -> Result<Chunk> {
        let (mut known, mut values) = (Chunk::default(), vec![vec![]; self.types().len()]);
        while let Some(chunk) = self.rows.next()? {
            known.starts.extend(chunk.starts);
            // What is read is held, so a range that is too long is refused on the way.
            if let (Some(buckets), Some(&first), Some(&last)) =
                (self.rows.buckets(), known.starts.first(), known.starts.last())
            {
                let mut buckets = buckets.clone();
                let (first, last) = (buckets.at(first), buckets.at(last));
                refuse_above_most(buckets.between(first, last), self.rows.groups().len())?;
            }
            known.groups.extend(chunk.groups);
            for (all, column) in values.iter_mut().zip(chunk.values) {
                all.push(column);
            }
        }
        known.values = self
            .types()
            .iter()
            .zip(values)
            .map(|((_, ty), all)| concat(*ty, &all))
            .collect::<Result<_>>()?;
        Ok(known)
    }

    fn types(&self) -> Vec<(Aggregate, DataType)> {
        let outputs = self.plan.inputs.iter().flat_map(|input| &input.outputs);
        outputs.map(|(aggregate, output)| (*aggregate, output.stored())).collect()
    }

    fn columns(&self, known: &Chunk) -> Result<Vec<FillColumn>> {
        let groups = self.rows.groups().len();
        let column = |((aggregate, ty), values): ((Aggregate, DataType), &Column)| {
            // Of no rows there are none: that is a count, not a null.
            let fill = if aggregate == Aggregate::Count { Fill::Int(0) } else { self.fill };
            let filler = filler(fill, ty).unwrap_or_else(|| Column::nulls(ty, 1));
            let (mut ahead, mut next) = (vec![NONE; groups], vec![]);
            if fill == Fill::Linear {
                next = vec![NONE; known.starts.len()];
                for (row, &group) in known.groups.iter().enumerate().rev() {
                    next[row] = ahead[group as usize];
                    if values.is_valid(row) {
                        ahead[group as usize] = row as u32;
                    }
                }
            }
            let values = concat(ty, &[values.clone(), filler])?;
            Ok(FillColumn { ty, fill, values, before: vec![NONE; groups], ahead, next })
        };
        self.types().into_iter().zip(&known.values).map(column).collect()
    }
}

impl Made {
    /// The next rows; there is at least one.
    fn chunk(&mut self) -> Result<Chunk> {
        let filler = self.known.starts.len() as u32;
        let mut chunk = Chunk::default();
        let mut sources: Vec<Vec<u32>> = vec![vec![]; self.columns.len()];
        let mut points: Vec<Vec<Point>> = self.columns.iter().map(|_| vec![]).collect();
        while let Some(bucket) = self.bucket.filter(|_| chunk.starts.len() < CHUNK_ROWS) {
            let group = self.groups[self.group];
            let known = self.step(bucket, group);
            for (at, column) in self.columns.iter_mut().enumerate() {
                let (source, line) = column.source(known, group, filler);
                let row = sources[at].len();
                sources[at].push(source);
                points[at].extend(line.map(|(from, to)| Point { row, from, to, ts: bucket.start }));
            }
            chunk.starts.push(bucket.start);
            chunk.groups.push(group);
        }
        for ((column, sources), points) in self.columns.iter().zip(&sources).zip(&points) {
            let values = repeat(&column.values, column.ty, sources)?;
            chunk.values.push(match points.is_empty() {
                true => values,
                false => {
                    let (ty, known, times) = (column.ty, &column.values, &self.known.starts);
                    Lines { ty, known, times }.draw(&values, points)
                }
            });
        }
        Ok(chunk)
    }

    /// The known row of a bucket and group, if there is one, and a step on.
    fn step(&mut self, bucket: Bucket, group: u32) -> Option<u32> {
        let row = self.row;
        let is = self.known.starts.get(row) == Some(&bucket.start);
        let known = (is && self.known.groups[row] == group).then_some(row as u32);
        self.row += usize::from(known.is_some());
        self.group += 1;
        if self.group == self.groups.len() {
            self.group = 0;
            let next = self.buckets.after(bucket);
            self.bucket = next.filter(|next| next.start <= self.last);
        }
        known
    }
}

impl FillColumn {
    /// Which of the values a row of the result has, or between which two it is. `known` is the row
    /// that there is for it.
    fn source(&mut self, known: Option<u32>, group: u32, filler: u32) -> (u32, Option<(u32, u32)>) {
        let group = group as usize;
        if let Some(row) = known.filter(|row| self.values.is_valid(*row as usize)) {
            self.before[group] = row;
            if self.fill == Fill::Linear {
                self.ahead[group] = self.next[row as usize];
            }
            return (row, None);
        }
        let (before, ahead) = (self.before[group], self.ahead[group]);
        match self.fill {
            Fill::Previous if before != NONE => (before, None),
            Fill::Linear if before != NONE && ahead != NONE => (filler, Some((before, ahead))),
            _ => (filler, None),
        }
    }
}
