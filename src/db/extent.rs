//! How far a table reaches: how many rows it has, its first and last time, where its newest rows
//! begin. All of it is known without reading rows, as long as nothing is deleted and, where a table
//! keeps one row of each time and key, no runs overlap.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::db::catalog::TableView;
use crate::db::clustered::Clustered;
use crate::db::core::Core;
use crate::db::decode::Mapped;
use crate::db::deletes::may_hold;
use crate::db::plan::{Plan, ScanSpec};
use crate::db::run_part::Wanted;
use crate::db::scan::Scan;
use crate::db::segment::{Place, Segment};
use crate::error::Result;
use crate::format::edit::Order;
use crate::format::key::KeyValue;
use crate::format::segment::{read_ts, rows_between};

/// Rows with numbers up to `visible` that nothing hides.
pub(crate) fn rows(core: &Arc<Core>, table: &Arc<TableView>, visible: u64) -> Result<u64> {
    if table.deletes.is_empty() && !table.def.spec.on_conflict.keeps_one() {
        return Ok(table.segments.rows() + table.memtable_rows(visible));
    }
    plan(core, table, visible, &ScanSpec::default())?.result_rows()
}

/// Least and greatest time of those rows.
pub(crate) fn time_range(
    core: &Arc<Core>,
    table: &Arc<TableView>,
    visible: u64,
) -> Result<Option<(i64, i64)>> {
    if table.deletes.is_empty() {
        return Ok(table.time_range(visible));
    }
    let one = ScanSpec { limit: Some(1), columns: Some(vec![]), ..ScanSpec::default() };
    let first = Scan::of_table(plan(core, table, visible, &one)?);
    Ok(time_of(&first)?.zip(time_of(&newest(core, table, visible, &one)?)?))
}

/// The time of a scan's first row.
fn time_of(scan: &Scan) -> Result<Option<i64>> {
    let first = scan.batches(1)?.next().transpose()?;
    Ok(first.and_then(|columns| columns[0].values::<i64>().first().copied()))
}

/// The last rows of what `spec` asks for, as many as its limit says.
pub(crate) fn newest(
    core: &Arc<Core>,
    table: &Arc<TableView>,
    visible: u64,
    spec: &ScanSpec,
) -> Result<Scan> {
    let plan = plan(core, table, visible, spec)?;
    let n = plan.limit;
    if n == 0 {
        return Ok(Scan::of_table(plan));
    }
    // Of the newest rows some may be hidden or of other keys: then those of a longer stretch count.
    let mut stretch = usize::try_from(n).unwrap_or(usize::MAX);
    let key = plan.key_wanted();
    loop {
        let key = key.as_ref().map(|(key, wanted)| (&**key, wanted));
        let least = nth_newest(table, visible, (stretch, spec.end), key, &core.place())?;
        let there = plan.count(least.unwrap_or(i64::MIN))?;
        if there >= n || least.is_none() {
            // Rows at the least time may be more than are wanted: the first are left out.
            let skip = there.saturating_sub(n);
            return Ok(Scan::of_table(plan.starting(least.unwrap_or(i64::MIN), skip)));
        }
        stretch = stretch.saturating_mul(8);
    }
}

fn plan(core: &Arc<Core>, table: &Arc<TableView>, visible: u64, spec: &ScanSpec) -> Result<Plan> {
    Plan::new(Arc::clone(table), visible, Arc::clone(core), spec)
}

/// The time of the `n`-th newest row before `end`, hidden ones among them and, where rows do not stand
/// by key, those of other keys: of those at or past it, the last `n` are the newest. `None` if there are fewer rows. Reads the last
/// times of the runs that can matter, the latest first.
fn nth_newest(
    table: &TableView,
    visible: u64,
    (n, end): (usize, Option<i64>),
    key: Option<(&KeyValue, &Wanted)>,
    at: &Place<'_>,
) -> Result<Option<i64>> {
    let newest = RefCell::new(Newest { n, heap: BinaryHeap::new() });
    for chunk in table.chunks.iter().rev() {
        let times = chunk.ts(chunk.visible(visible));
        let before_end = |ts: &i64| end.is_none_or(|end| *ts < end);
        if chunk.is_ascending() {
            let upto = times.partition_point(before_end);
            newest.borrow_mut().take(&times[upto.saturating_sub(n)..upto]);
            continue;
        }
        for (most, rows) in chunk.latest(times.len()) {
            if newest.borrow().least().is_some_and(|least| most <= least) {
                break;
            }
            let inside: Vec<i64> = times[rows].iter().copied().filter(before_end).collect();
            newest.borrow_mut().take(&inside);
        }
    }
    let mut failed = Ok(());
    let visit = |segment: &Arc<Segment>| {
        let entry = &segment.entry;
        let elsewhere = key.is_some_and(|(key, _)| !may_hold(entry, key));
        if elsewhere || end.is_some_and(|end| end <= entry.min_ts) {
            return;
        }
        match last_times(segment, (n, end), key, at) {
            Ok(times) => newest.borrow_mut().take(&times),
            Err(error) => failed = Err(error),
        }
    };
    table.segments.latest(visit, || newest.borrow().least().unwrap_or(i64::MIN));
    failed?;
    let newest = newest.borrow();
    Ok(newest.least())
}

/// The last `n` times of a segment before `end`, or all that it has before that.
fn last_times(
    segment: &Arc<Segment>,
    (n, end): (usize, Option<i64>),
    key: Option<(&KeyValue, &Wanted)>,
    at: &Place<'_>,
) -> Result<Vec<i64>> {
    let max_ts = segment.entry.max_ts;
    // The newest of all its rows is known without reading any.
    if n == 1 && key.is_none() && end.is_none_or(|end| max_ts < end) {
        return Ok(vec![max_ts]);
    }
    let (footer, extent) = segment.map(at)?;
    let damage = |bad| segment.damage(at.path, bad);
    if segment.entry.order == Order::Key {
        // Where rows stand by key, the newest may be anywhere.
        let mapped = Mapped { entry: &segment.entry, footer: &footer, extent: &extent };
        let clustered = Clustered { mapped, landmarks: &segment.landmarks };
        return clustered.last_times(n, end, key).map_err(damage);
    }
    let rows = rows_between(&segment.entry, &footer, &extent, i64::MIN, end).map_err(damage)?;
    let from = rows.end.saturating_sub(n).max(rows.start);
    Ok(read_ts(&footer, &extent, from..rows.end).map_err(damage)?.to_vec())
}

/// The `n` greatest times seen so far.
struct Newest {
    n: usize,
    heap: BinaryHeap<Reverse<i64>>,
}

impl Newest {
    fn take(&mut self, times: &[i64]) {
        for &ts in times {
            if self.heap.len() < self.n {
                self.heap.push(Reverse(ts));
            } else if let Some(mut least) = self.heap.peek_mut()
                && least.0 < ts
            {
                *least = Reverse(ts);
            }
        }
    }

    /// The least of them, once there are `n`.
    fn least(&self) -> Option<i64> {
        self.heap.peek().filter(|_| self.heap.len() == self.n).map(|least| least.0)
    }
}
