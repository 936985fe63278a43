//! The rows of a downsampled range that have rows behind them: a bucket at a time, in memory the
//! states of the open bucket and of what one piece of the scan closed.

use std::cell::RefCell;
use std::sync::Arc;

use crate::base::batch::Column;
use crate::base::builder::take;
use crate::db::aggregate::{Accumulate, Input, Run, accumulator, results};
use crate::db::batches::TableBatches;
use crate::db::digest::{Ask, Digest, Stretch};
use crate::db::downsample::Downsample;
use crate::db::downsample::buckets::{Bucket, Buckets};
use crate::db::downsample::groups::Groups;
use crate::error::Result;

/// Rows read at a time.
const PIECE_ROWS: usize = 65_536;
/// Rows of the result from which on they are handed on.
const CHUNK_ROWS: usize = 16_384;
/// A group that has no slot in the open bucket.
const NO_SLOT: u32 = u32::MAX;

/// Rows of the result, in order of time and key.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Where the bucket of each begins.
    pub(super) starts: Vec<i64>,
    pub(super) groups: Vec<u32>,
    /// A column for each aggregate.
    pub(super) values: Vec<Column>,
}

/// Reads pieces of a scan and reduces them.
#[derive(Debug)]
pub(super) struct Rows {
    plan: Arc<Downsample>,
    pieces: TableBatches,
    pub(super) buckets: Option<Buckets>,
    pub(super) groups: Groups,
    open: Option<Bucket>,
    /// The bucket and the group of each slot, and the first slot of the open bucket.
    starts: Vec<i64>,
    slot_groups: Vec<u32>,
    first_open: usize,
    /// The slot of each group in the open bucket: one before `first_open` is of another bucket.
    slots: Vec<u32>,
    states: Vec<Box<dyn Accumulate>>,
    /// What statistics may be asked for.
    ask: Option<Ask>,
    ended: bool,
}

impl Rows {
    pub(super) fn new(plan: Arc<Downsample>) -> Result<Self> {
        let pieces = TableBatches::new(Arc::clone(&plan.scan), PIECE_ROWS)?;
        let groups = Groups::new(plan.by.clone());
        let states = plan.inputs.iter().map(accumulator).collect();
        let ask = Ask::new(&plan.inputs, &plan.scan.columns).filter(|_| plan.by.is_empty());
        let (starts, slot_groups, slots) = (vec![], vec![], vec![NO_SLOT; groups.len()]);
        let (buckets, open, first_open, ended) = (plan.buckets(None)?, None, 0, false);
        Ok(Self {
            plan,
            pieces,
            buckets,
            groups,
            open,
            starts,
            slot_groups,
            first_open,
            slots,
            states,
            ask,
            ended,
        })
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        while !self.ended && self.first_open < CHUNK_ROWS {
            match self.next_digest()? {
                Some(digest) => self.take_in_digest(&digest)?,
                None => {
                    self.ended = true;
                    self.first_open = self.starts.len();
                }
            }
        }
        match self.first_open {
            0 => Ok(None),
            closed => self.hand_on(closed).map(Some),
        }
    }

    /// The first `closed` slots as rows of the result.
    fn hand_on(&mut self, closed: usize) -> Result<Chunk> {
        let mut order: Vec<usize> = (0..closed).collect();
        if !self.plan.by.is_empty() {
            let key = |slot: usize| (self.starts[slot], self.groups.key(self.slot_groups[slot]));
            order.sort_by(|&a, &b| key(a).cmp(&key(b)));
        }
        let chunk = Chunk {
            starts: order.iter().map(|&slot| self.starts[slot]).collect(),
            groups: order.iter().map(|&slot| self.slot_groups[slot]).collect(),
            values: results(&self.plan.inputs, &self.states, &order)?,
        };
        self.starts.drain(..closed);
        self.slot_groups.drain(..closed);
        self.states.iter_mut().for_each(|state| state.forget(closed));
        for slot in &mut self.slots {
            *slot = if (*slot as usize) < closed { NO_SLOT } else { *slot - closed as u32 };
        }
        self.first_open = 0;
        Ok(chunk)
    }

    /// The next rows. Of a vector that is in one bucket as a whole, its statistics will do; groups
    /// they do not tell apart.
    fn next_digest(&mut self) -> Result<Option<Digest>> {
        let buckets = self.buckets.clone().map(RefCell::new);
        let mut same = |first: i64, last: i64| {
            buckets.as_ref().is_some_and(|buckets| buckets.borrow_mut().at(first).holds(last))
        };
        let ask = self.ask.as_ref().filter(|_| buckets.is_some());
        self.pieces.next_digest(ask, &mut same)
    }

    fn take_in_digest(&mut self, digest: &Digest) -> Result<()> {
        let Digest { stretches, vectors, columns } = digest;
        for stretch in stretches {
            match (stretch, vectors) {
                (Stretch::Rows(rows), None) if stretches.len() == 1 => {
                    debug_assert!(rows.start == 0);
                    self.take_in(columns)?;
                }
                (Stretch::Rows(rows), _) => {
                    let types = self.plan.scan.types();
                    let part = columns.iter().zip(&types);
                    let part = part.map(|(column, ty)| column.slice(*ty, rows.start, rows.len()));
                    self.take_in(&part.collect::<Vec<_>>())?;
                }
                (Stretch::Vectors(some), Some(vectors)) => {
                    let first = vectors.times[some.start].0;
                    self.each_bucket(&[first], |rows, _, _| {
                        let slot = rows.slot(0);
                        for (place, state) in rows.states.iter_mut().enumerate() {
                            state.reduce_known(slot, vectors.known(place, some.clone()));
                        }
                    });
                }
                (Stretch::Vectors(_), None) => {}
            }
        }
        Ok(())
    }

    fn take_in(&mut self, piece: &[Column]) -> Result<()> {
        let ts = piece[0].values::<i64>();
        let Some(&first) = ts.first() else { return Ok(()) };
        if self.buckets.is_none() {
            self.buckets = self.plan.buckets(Some(first))?;
        }
        if self.plan.by.is_empty() {
            let mut runs = vec![];
            self.each_bucket(ts, |rows, start, len| {
                let slot = rows.slot(0);
                runs.push(Run { slot, start, len });
            });
            self.reduce(piece, &runs);
            return Ok(());
        }
        let groups = self.groups.of(piece, ts.len())?;
        self.slots.resize(self.groups.len(), NO_SLOT);
        let mut slots = Vec::with_capacity(ts.len());
        self.each_bucket(ts, |rows, start, len| {
            slots.extend(groups[start..start + len].iter().map(|&group| rows.slot(group)));
        });
        if slots.is_sorted() {
            self.reduce(piece, &runs_of(slots.iter().copied()));
            return Ok(());
        }
        let order = by_slot(&slots);
        let together = |input: &Input| take(&piece[input.place], input.ty, &order);
        let runs = runs_of(order.iter().map(|&row| slots[row as usize]));
        for (state, input) in self.states.iter_mut().zip(&self.plan.inputs) {
            state.reduce(&together(input), &runs);
        }
        Ok(())
    }

    fn reduce(&mut self, piece: &[Column], runs: &[Run]) {
        for (state, input) in self.states.iter_mut().zip(&self.plan.inputs) {
            state.reduce(&piece[input.place], runs);
        }
    }

    /// Calls `visit` with the stretches of rows in one bucket, that bucket being open.
    fn each_bucket(&mut self, ts: &[i64], mut visit: impl FnMut(&mut Self, usize, usize)) {
        let mut row = 0;
        while row < ts.len() {
            let bucket = match (self.open, &mut self.buckets) {
                (Some(open), _) if open.holds(ts[row]) => open,
                (_, Some(buckets)) => buckets.at(ts[row]),
                (_, None) => return,
            };
            if self.open != Some(bucket) {
                self.open = Some(bucket);
                self.first_open = self.starts.len();
            }
            let len = bucket.end.map_or(ts.len() - row, |end| first_at(&ts[row..], end));
            visit(self, row, len);
            row += len;
        }
    }

    /// The slot of a group in the open bucket.
    fn slot(&mut self, group: u32) -> usize {
        let slot = &mut self.slots[group as usize];
        if *slot == NO_SLOT || (*slot as usize) < self.first_open {
            *slot = self.starts.len() as u32;
            self.starts.push(self.open.map_or(0, |open| open.start));
            self.slot_groups.push(group);
        }
        *slot as usize
    }
}

/// The first of the sorted times at or past `end`; the first time is not. Looks twice as far each
/// time, as buckets may hold few rows or all.
fn first_at(ts: &[i64], end: i64) -> usize {
    let mut reach = 1;
    while reach < ts.len() && ts[reach] < end {
        reach *= 2;
    }
    let from = reach / 2;
    let to = reach.min(ts.len());
    from + ts[from..to].partition_point(|ts| *ts < end)
}

/// The rows in the order of their slots, and as they are within a slot. Slots are numbered as they
/// come, so those of a piece lie close together and can be counted.
fn by_slot(slots: &[usize]) -> Vec<u32> {
    let least = slots.iter().copied().min().unwrap_or(0);
    let most = slots.iter().copied().max().unwrap_or(0);
    let mut next = vec![0u32; most - least + 2];
    for slot in slots {
        next[slot - least + 1] += 1;
    }
    for at in 1..next.len() {
        next[at] += next[at - 1];
    }
    let mut order = vec![0u32; slots.len()];
    for (row, slot) in slots.iter().enumerate() {
        let place = &mut next[slot - least];
        order[*place as usize] = row as u32;
        *place += 1;
    }
    order
}

/// The runs of equal slots.
fn runs_of(slots: impl Iterator<Item = usize>) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![];
    for (row, slot) in slots.enumerate() {
        match runs.last_mut() {
            Some(run) if run.slot == slot => run.len += 1,
            _ => runs.push(Run { slot, start: row, len: 1 }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_where_its_end_is() {
        let ts: Vec<i64> = (0..100).map(|i| i / 3).collect();
        for from in 0..100 {
            for end in ts[from] + 1..40 {
                let expected = ts[from..].iter().filter(|ts| **ts < end).count();
                assert_eq!(first_at(&ts[from..], end), expected, "{from} {end}");
            }
        }
    }

    #[test]
    fn rows_of_a_slot_come_together_in_order() {
        let slots = [7, 5, 7, 6, 5, 7];
        let order = by_slot(&slots);
        assert_eq!(order, [1, 4, 3, 0, 2, 5]);
        let runs = runs_of(order.iter().map(|&row| slots[row as usize]));
        let run = |slot, start, len| Run { slot, start, len };
        assert_eq!(runs, [run(5, 0, 2), run(6, 2, 1), run(7, 3, 3)]);
    }
}
