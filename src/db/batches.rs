//! The pieces of a scan's result, in order.
//!
//! Runs that share no stretch of time follow each other and are handed on as they are decoded.
//! Those that do are merged, each entering the merge when its time comes, so that what is in
//! memory is a block of each run that is open at a time. Of rows with equal times and keys the merge
//! gives those that the table's rule keeps; within a run there are no others.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_buffer::ToByteSlice;

use crate::base::batch::Column;
use crate::base::builder::ColumnBuilder;
use crate::base::schema::DataType;
use crate::codec::VECTOR_ROWS;
use crate::db::digest::{self, Ask, Digest};
use crate::db::plan::{Field, Plan};
use crate::db::run_part::{Besides, Part};
use crate::db::source::Source;
use crate::db::tally::count;
use crate::error::Result;
use crate::index::merge::{Merge, Stretch};

/// Rows decoded at a time for each run of a merge.
const MERGE_ROWS: usize = 16_384;
/// A piece of so many rows is never small.
const LARGE_ROWS: usize = 65_536;
/// What a merge compares rows by, besides the key.
const MERGED: Besides = Besides { ts: true, seq: true };
/// Most text of a piece of the result.
const MAX_PIECE_TEXT: usize = 512 << 20;

/// The pieces of the rows of a table, in order.
#[derive(Debug)]
pub(crate) struct TableBatches {
    plan: Arc<Plan>,
    rows: usize,
    pending: VecDeque<Source>,
    merge: Merge<Part>,
    /// The runs that take part in the merge, by their heads.
    open: Vec<Option<Source>>,
    /// A run that nothing overlaps and whose turn it is.
    alone: Option<Source>,
    /// What was decoded of it and not handed on yet, from a row on.
    ahead: Option<(Part, usize)>,
    out: Vec<ColumnBuilder>,
    out_rows: usize,
    skip: u64,
    left: u64,
    /// Rows to look at next for a few that a filter keeps.
    reach: usize,
    failed: bool,
}

impl TableBatches {
    pub(crate) fn new(plan: Arc<Plan>, rows: usize) -> Result<Self> {
        let pending = plan.sources();
        let (skip, left) = (plan.skip, plan.limit);
        let (merge, open) = (Merge::new(Vec::new(), plan.rule_of_reading()), Vec::new());
        let (alone, ahead, out, out_rows, failed) = (None, None, Vec::new(), 0, false);
        let reach = MERGE_ROWS;
        Ok(Self {
            plan,
            rows,
            pending,
            merge,
            open,
            alone,
            ahead,
            out,
            out_rows,
            skip,
            left,
            reach,
            failed,
        })
    }

    /// The next piece, or what is left of the last one.
    fn advance(&mut self) -> Result<Option<Vec<Column>>> {
        while self.left > 0 {
            let piece = match self.next_alone()? {
                Some(piece) => piece,
                None if self.merge_some()? => {
                    if self.is_full() {
                        return Ok(self.flush_out());
                    }
                    continue;
                }
                None if self.pending.is_empty() => break,
                None => continue,
            };
            let rows = piece.0;
            // Large pieces are handed on as they are, and so is the last; small ones are put together.
            let large = rows >= (self.rows / 4).min(LARGE_ROWS);
            if self.out_rows == 0 && (large || self.is_last()) {
                return Ok(Some(piece.1));
            }
            let types = self.plan.types();
            self.collect(&piece.1, &types, 0, rows);
            if self.is_full() {
                return Ok(self.flush_out());
            }
        }
        Ok(self.flush_out())
    }

    /// True if nothing comes after the piece that was read last.
    fn is_last(&self) -> bool {
        let more = self.alone.as_ref().is_some_and(|source| !source.is_used_up());
        let more = more || self.ahead.is_some();
        !more && self.pending.is_empty() && self.merge.peek().is_none()
    }

    /// The next rows for aggregates, of whole vectors no more than what is known of them, if that
    /// is all that is asked. `same` tells whether times from the first to the second belong
    /// together. Rows alone come as one stretch.
    pub(crate) fn next_digest(
        &mut self,
        ask: Option<&Ask>,
        same: &mut dyn FnMut(i64, i64) -> bool,
    ) -> Result<Option<Digest>> {
        let all = self.skip == 0 && self.left == u64::MAX;
        while let Some(ask) = ask.filter(|_| all && !self.failed)
            && self.merge.peek().is_none()
        {
            self.plan.core.check_open()?;
            if self.out_rows > 0 {
                return Ok(self.flush_out().map(|columns| self.as_digest(columns)));
            }
            if self.alone.is_none() {
                let Some(source) = self.pending.pop_front_if(|source| !source.overlaps) else {
                    break;
                };
                self.alone = Some(source);
            }
            if self.ahead.is_some() {
                break;
            }
            let (plan, Some(source)) = (&self.plan, &mut self.alone) else { break };
            let place = plan.place();
            if !source.may_be_digested(&plan.wanted, &place)? {
                break;
            }
            let ts = plan.besides().ts;
            match source.digest(&plan.wanted, ts, ask, same, &place)? {
                None => self.alone = None,
                Some((digest, part)) => {
                    let columns = plan.project(&part, 0, part.rows);
                    return Ok(Some(Digest { columns, ..digest }));
                }
            }
        }
        Ok(self.next().transpose()?.map(|columns| self.as_digest(columns)))
    }

    fn as_digest(&self, columns: Vec<Column>) -> Digest {
        let types = self.plan.types();
        let first = columns.first().zip(types.first());
        let rows = first.map_or(0, |(column, ty)| column.len(*ty));
        Digest { stretches: vec![digest::Stretch::Rows(0..rows)], vectors: None, columns }
    }

    fn is_full(&self) -> bool {
        self.out_rows >= self.rows || self.out_text() >= MAX_PIECE_TEXT
    }

    fn out_text(&self) -> usize {
        self.out.iter().map(ColumnBuilder::text_bytes).sum()
    }

    fn flush_out(&mut self) -> Option<Vec<Column>> {
        if self.out_rows == 0 {
            return None;
        }
        self.out_rows = 0;
        Some(std::mem::take(&mut self.out).into_iter().map(ColumnBuilder::finish).collect())
    }

    /// Rows of a run that nothing overlaps, if it is such a run's turn.
    fn next_alone(&mut self) -> Result<Option<(usize, Vec<Column>)>> {
        loop {
            if self.alone.is_none() {
                let next = self.pending.front().filter(|source| !source.overlaps);
                if next.is_none() || self.merge.peek().is_some() {
                    return Ok(None);
                }
                self.alone = self.pending.pop_front();
            }
            let most = self.rows - self.out_rows.min(self.rows - 1);
            let Some((part, from)) = self.next_of_alone(most)? else {
                self.alone = None;
                continue;
            };
            let rows = most.min(part.rows - from);
            let counted = self.count_in(rows);
            let piece =
                counted.map(|(start, len)| (len, self.plan.project(&part, from + start, len)));
            self.ahead = Some((part, from + rows)).filter(|(part, next)| *next < part.rows);
            if piece.is_some() {
                return Ok(piece);
            }
        }
    }

    /// The next rows of the run that is read alone, and from which on they were not handed on. Where
    /// fewer are asked for than are worth decoding, the rest of them comes next.
    fn next_of_alone(&mut self, most: usize) -> Result<Option<(Part, usize)>> {
        if self.ahead.is_some() {
            return Ok(self.ahead.take());
        }
        let Some(source) = &mut self.alone else { return Ok(None) };
        let most = match self.plan.wanted.picker {
            _ if self.left == u64::MAX => most.max(MERGE_ROWS),
            None => most.min(in_all(self.skip, self.left)),
            Some(_) => most.min(self.reach),
        };
        self.reach = self.reach.saturating_mul(2);
        let (wanted, besides) = (&self.plan.wanted, self.plan.besides());
        let part = source.next(most, wanted, besides, &self.plan.place())?;
        Ok(part.map(|part| (part, 0)))
    }

    /// Of `rows` rows that come next, which count: where they begin and how many they are.
    fn count_in(&mut self, rows: usize) -> Option<(usize, usize)> {
        let skipped = self.skip.min(rows as u64);
        self.skip -= skipped;
        let len = (rows as u64 - skipped).min(self.left);
        self.left -= len;
        (len > 0).then_some((skipped as usize, len as usize))
    }

    /// Merges rows that are at hand; `false` if no merge is under way and none begins here.
    fn merge_some(&mut self) -> Result<bool> {
        let Some(bound) = self.open_due()? else { return Ok(false) };
        let mut room = self.rows.saturating_sub(self.out_rows).max(1);
        let mut text_room = MAX_PIECE_TEXT.saturating_sub(self.out_text());
        let (mut stretches, mut used_up) = (Vec::new(), None);
        while used_up.is_none() && room > 0 && text_room > 0 && self.left > 0 {
            let most = match (self.merge.peek(), bound) {
                (None, _) => break,
                (Some((part, row)), Some(bound)) => part.first_at(row, row + room, bound) - row,
                (Some((part, row)), None) => part.rows - row,
            };
            // The next run is due.
            if most == 0 {
                break;
            }
            let Some(stretch) = self.merge.next(most.min(room)) else { break };
            room -= stretch.len.min(room);
            let (head, part) = (stretch.head, self.merge.head(stretch.head));
            let text = part.text_bytes(stretch.start, stretch.len, &self.plan.merged);
            text_room = text_room.saturating_sub(text);
            match part.kept_of(stretch.start, stretch.len) {
                None => {
                    if let Some((skipped, len)) = self.count_in(stretch.len) {
                        stretches.push(Stretch { head, start: stretch.start + skipped, len });
                    }
                }
                Some(kept) => {
                    let kept: Vec<u32> = kept.to_vec();
                    if let Some((skipped, len)) = self.count_in(kept.len()) {
                        let kept = kept[skipped..skipped + len].iter();
                        stretches.extend(kept.map(|&row| Stretch {
                            head,
                            start: row as usize,
                            len: 1,
                        }));
                    }
                }
            }
            used_up = self.merge.is_used_up(head).then_some(head);
        }
        self.collect_merged(&stretches);
        if let Some(head) = used_up {
            self.go_on(head)?;
        }
        Ok(true)
    }

    /// Hands the merge the next rows of a run, or lets go of all that it held.
    fn go_on(&mut self, head: usize) -> Result<()> {
        let most = self.merge_rows();
        let next = match &mut self.open[head] {
            Some(source) => to_merge(&self.plan, source, most)?,
            None => None,
        };
        match next {
            Some(part) => self.merge.refill(head, part),
            None => {
                self.merge.end(head, Part::default());
                self.open[head] = None;
            }
        }
        Ok(())
    }

    /// Rows to decode of each run of a merge: no more than are wanted, but a vector.
    fn merge_rows(&self) -> usize {
        in_all(self.skip, self.left).clamp(VECTOR_ROWS, MERGE_ROWS)
    }

    /// Lets all runs into the merge whose time has come. `None` if there is nothing to merge;
    /// else the time at which the next run is due.
    fn open_due(&mut self) -> Result<Option<Option<i64>>> {
        loop {
            let due = self.pending.front().map(|source| (source.begin, source.overlaps));
            let now = self.merge.peek().map(|(part, row)| part.when(row));
            let enter = match (due, now) {
                (None, None) => return Ok(None),
                (None, Some(_)) => return Ok(Some(None)),
                (Some((_, overlaps)), None) if !overlaps => return Ok(None),
                (Some(_), None) => true,
                (Some((begin, _)), Some(now)) if begin > now => return Ok(Some(Some(begin))),
                (Some(_), Some(_)) => true,
            };
            if enter && let Some(mut source) = self.pending.pop_front() {
                if self.merge.peek().is_none() {
                    self.merge = Merge::new(Vec::new(), self.plan.rule_of_reading());
                    self.open.clear();
                }
                let most = self.merge_rows();
                if let Some(part) = to_merge(&self.plan, &mut source, most)? {
                    self.merge.add(part);
                    self.open.push(Some(source));
                }
            }
        }
    }

    fn collect(&mut self, columns: &[Column], types: &[DataType], start: usize, len: usize) {
        self.begin_out(types);
        for (out, column) in self.out.iter_mut().zip(columns) {
            out.extend(column, start, len);
        }
        self.collected(columns.iter().zip(types).map(|(column, ty)| column.byte_size(*ty)).sum());
        self.out_rows += len;
    }

    /// Copies stretches of the merge's heads, a column at a time: they may be as short as a row.
    fn collect_merged(&mut self, stretches: &[Stretch]) {
        self.begin_out(&self.plan.types());
        let before = self.out_bytes();
        // Of the heads only those that there is something of: most may have ended.
        let (mut parts, mut places) = (Vec::<&Part>::new(), vec![usize::MAX; self.open.len()]);
        let mut numbered = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let place = &mut places[stretch.head];
            if *place == usize::MAX {
                *place = parts.len();
                parts.push(self.merge.head(stretch.head));
            }
            numbered.push((*place, stretch.start, stretch.len));
        }
        let each = || numbered.iter().copied();
        for (out, field) in self.out.iter_mut().zip(&self.plan.fields) {
            match field {
                Field::Value(place) => {
                    let columns: Vec<_> = parts.iter().map(|part| &part.columns[*place]).collect();
                    out.extend_from(&columns, each());
                }
                Field::Time => {
                    let times = parts.iter().map(|part| part.times(0, part.rows));
                    let times: Vec<_> = times.map(ToByteSlice::to_byte_slice).collect();
                    out.extend_bytes_from(&times, each());
                }
                Field::RowNumber => {
                    let numbers = parts.iter().map(|part| part.numbers(0, part.rows));
                    let numbers: Vec<_> = numbers.map(ToByteSlice::to_byte_slice).collect();
                    out.extend_bytes_from(&numbers, each());
                }
            }
        }
        self.collected(self.out_bytes() - before);
        self.out_rows += stretches.iter().map(|stretch| stretch.len).sum::<usize>();
    }

    fn begin_out(&mut self, types: &[DataType]) {
        if self.out.is_empty() {
            self.out =
                types.iter().map(|ty| ColumnBuilder::new(*ty, self.rows.min(65_536))).collect();
        }
    }

    fn out_bytes(&self) -> usize {
        self.out.iter().map(ColumnBuilder::byte_size).sum()
    }

    fn collected(&self, bytes: usize) {
        count(&self.plan.wanted.tally, |tally| tally.bytes_copied.add(bytes));
    }
}

/// The next rows of a run for a merge. Where rows of other runs may take the place of some of them,
/// all are there, and it is told which of them the filter keeps.
fn to_merge(plan: &Plan, source: &mut Source, most: usize) -> Result<Option<Part>> {
    let Some(mut part) = source.next(most, &plan.merged, MERGED, &plan.place())? else {
        return Ok(None);
    };
    if plan.merged.picker.is_none() {
        part.kept = plan.wanted.picked(&part);
    }
    Ok(Some(part))
}

fn in_all(skip: u64, left: u64) -> usize {
    usize::try_from(skip.saturating_add(left)).unwrap_or(usize::MAX)
}

impl Iterator for TableBatches {
    type Item = Result<Vec<Column>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.plan.core.check_open().and_then(|()| self.advance());
        self.failed = next.is_err();
        next.transpose()
    }
}
