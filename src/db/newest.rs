//! Where the newest rows of a table begin.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::db::catalog::TableView;
use crate::db::segment::Place;
use crate::error::Result;
use crate::format::segment::{read_ts, rows_between};

/// The time of the `n`-th newest row before `end`: of those at or past it, the last `n` are the
/// newest. `None` if there are fewer rows. Reads the last times of the runs that can matter, the
/// latest first.
pub(crate) fn nth_newest(
    table: &TableView,
    visible: u64,
    n: usize,
    end: Option<i64>,
    at: &Place<'_>,
) -> Result<Option<i64>> {
    let newest = RefCell::new(Newest { n, heap: BinaryHeap::new() });
    for chunk in &table.chunks {
        let times = chunk.ts(chunk.visible(visible));
        for rows in chunk.in_range(times.len(), i64::MIN, end) {
            let sorted = chunk.is_ascending() || times[rows.clone()].is_sorted();
            let from = if sorted { rows.len().saturating_sub(n) } else { 0 };
            newest.borrow_mut().take(&times[rows][from..]);
        }
    }
    let mut failed = Ok(());
    let visit = |segment: &std::sync::Arc<crate::db::segment::Segment>| {
        if end.is_some_and(|end| end <= segment.entry.min_ts) {
            return;
        }
        let times = segment.map(at).and_then(|(footer, extent)| {
            rows_between(&segment.entry, &footer, &extent, i64::MIN, end)
                .and_then(|rows| {
                    let from = rows.end.saturating_sub(n).max(rows.start);
                    read_ts(&footer, &extent, from..rows.end)
                })
                .map_err(|bad| segment.damage(at.path, bad))
        });
        match times {
            Ok(times) => newest.borrow_mut().take(&times),
            Err(error) => failed = Err(error),
        }
    };
    table.segments.latest(visit, || newest.borrow().least().unwrap_or(i64::MIN));
    failed?;
    let newest = newest.borrow();
    Ok(newest.least())
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
