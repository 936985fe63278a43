//! Compaction: runs that overlap are merged into those that do not, which are rewritten only where
//! rows come between theirs or are deleted.

use std::ops::Range;
use std::sync::Arc;

use crate::index::Cover;
use crate::index::layers::{Layers, cover, sweep};
use crate::index::run::{Item, Part, Run};

/// Where runs of L1 are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At about so many rows each.
    Rows(usize),
    /// At multiples of a length of time.
    Windows {
        /// How long a window is, at least 1.
        size: i64,
        /// Where one begins.
        origin: i64,
        /// More runs than this are not made of the rows between two others: windows are joined
        /// instead.
        most: usize,
    },
}

impl Cut {
    /// The number of the window of a time, if windows are `joined` together.
    fn window(size: i64, origin: i64, joined: i128, ts: i64) -> i128 {
        (i128::from(ts) - i128::from(origin)).div_euclid(i128::from(size) * joined)
    }

    /// Where sorted times are cut: the ends of the pieces.
    fn ends(self, ts: &[i64]) -> Vec<usize> {
        match self {
            Self::Rows(rows) => {
                let (rows, mut ends) = (rows.max(1), vec![]);
                let mut at = 0;
                while ts.len() - at > rows + rows / 2 {
                    // Rows of one time stay together.
                    let time = ts[at + rows - 1];
                    at += ts[at..].partition_point(|&t| t <= time);
                    ends.push(at);
                }
                if at < ts.len() {
                    ends.push(ts.len());
                }
                ends
            }
            Self::Windows { size, origin, most } => {
                let mut joined = 1;
                loop {
                    let window = |ts: &i64| Self::window(size, origin, joined, *ts);
                    let chunks = ts.chunk_by(|a, b| window(a) == window(b));
                    let lens: Vec<usize> = chunks.take(most + 1).map(<[i64]>::len).collect();
                    if lens.len() <= most {
                        let ends = lens.iter().scan(0, |at, len| {
                            *at += len;
                            Some(*at)
                        });
                        return ends.collect();
                    }
                    joined *= 2;
                    // Windows on either side of the origin never join.
                    if i128::from(size) * joined > 1 << 65 {
                        return vec![ts.len()];
                    }
                }
            }
        }
    }

    /// The times for which a run from `first` to `last`, of `rows` rows, is rewritten if some come.
    fn territory(
        self,
        (first, last): (i64, i64),
        rows: usize,
        next: Option<i64>,
    ) -> (i64, Option<i64>) {
        match self {
            // A small one takes what comes behind it.
            Self::Rows(most) if rows < most => (first, next),
            Self::Rows(_) => (first, last.checked_add(1)),
            Self::Windows { size, origin, .. } => {
                let start = |window: i128| window * i128::from(size) + i128::from(origin);
                let from = start(Self::window(size, origin, 1, first)).max(i64::MIN.into());
                let to = start(Self::window(size, origin, 1, last) + 1);
                (from as i64, i64::try_from(to).ok())
            }
        }
    }
}

/// What is to be compacted.
#[derive(Debug)]
pub struct Compaction<T> {
    pub(super) layers: Arc<Layers<T>>,
    /// So many of the oldest runs of L0.
    pub(super) runs: usize,
    pub(super) swept: u64,
    pub(super) emptied: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Compacted<T> {
    /// The runs of L1, new and old.
    pub l1: Vec<Arc<Run<T>>>,
    /// Items of rows that were deleted.
    pub gone: Vec<T>,
    /// How many runs of L1 were rewritten.
    pub rewritten: usize,
}

impl<T: Item> Compaction<T> {
    /// How many runs of L0 it takes.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// The share of the time of a run of L1 that is deleted, of the run of which it is most.
    pub fn deleted_share(&self, cut: Cut) -> f64 {
        let l1 = &self.layers.l1;
        let share = |at: usize| {
            let ends = l1[at].ends()?;
            let (from, to) = match cut {
                Cut::Rows(_) => (ends.0, ends.1.checked_add(1)),
                Cut::Windows { .. } => cut.territory(ends, 0, None),
            };
            let to = to.map_or(i128::from(i64::MAX) + 1, i128::from);
            let covered: i128 = self
                .cover_of(&l1[at])
                .stretches()
                .map(|(start, end)| {
                    end.map_or(to, |end| i128::from(end).min(to)) - i128::from(start.max(from))
                })
                .filter(|&time| time > 0)
                .sum();
            Some(covered as f64 / (to - i128::from(from)) as f64)
        };
        (0..l1.len()).filter_map(share).fold(0.0, f64::max)
    }

    fn cover_of(&self, run: &Run<T>) -> Cover {
        let Some((first, last)) = run.ends() else { return Cover::default() };
        let touching = self.layers.tombstones.touching(first, last);
        cover(touching.filter(|deleted| deleted.seq > run.swept()))
    }

    /// Merges, and cuts anew what changed.
    pub fn make(&self, cut: Cut) -> Compacted<T> {
        let l1 = &self.layers.l1;
        let mut made = Compacted { l1: vec![], gone: vec![], rewritten: 0 };
        let (mut from, mut group) = (Some(i64::MIN), 0);
        for (at, run) in l1.iter().enumerate() {
            let Some((first, last)) = run.ends() else { continue };
            if self.changes(at, cut) {
                continue;
            }
            self.merge(from, Some(first), group..at, cut, &mut made);
            made.l1.push(Arc::clone(run));
            (from, group) = (last.checked_add(1), at + 1);
        }
        self.merge(from, None, group..l1.len(), cut, &mut made);
        made
    }

    /// True if a run of L1 has to be rewritten.
    fn changes(&self, at: usize, cut: Cut) -> bool {
        let run = &self.layers.l1[at];
        let Some(ends) = run.ends() else { return true };
        let next = self.layers.l1.get(at + 1).and_then(|next| next.ends()).map(|next| next.0);
        let (from, to) = cut.territory(ends, run.len(), next);
        let comes = |run: &Arc<Run<T>>| !run.between(from, to).is_empty();
        let mut tombstones = self.layers.tombstones.touching(ends.0, ends.1);
        tombstones.any(|deleted| deleted.seq > run.swept())
            || self.layers.l0[..self.runs].iter().any(comes)
    }

    /// Merges rows with times in `[from, to)`: these runs of L1 and what of L0 is there.
    fn merge(
        &self,
        from: Option<i64>,
        to: Option<i64>,
        runs: Range<usize>,
        cut: Cut,
        made: &mut Compacted<T>,
    ) {
        let Some(from) = from.filter(|&from| to.is_none_or(|to| from < to)) else { return };
        let part = |run| Part::of_run(run, from, to);
        made.rewritten += runs.len();
        let l1 = self.layers.l1[runs].iter().filter_map(part).collect();
        let l0 = self.layers.l0[..self.runs].iter();
        let l0 = l0.map(|run| part(run).into_iter().collect::<Vec<_>>());
        let chains: Vec<_> =
            std::iter::once(l1).chain(l0).filter(|c: &Vec<_>| !c.is_empty()).collect();
        if chains.is_empty() {
            return;
        }
        let last = to.map_or(i64::MAX, |to| to - 1);
        let mut rows = sweep(chains, cover(self.layers.tombstones.touching(from, last)));
        made.gone.append(&mut rows.gone);
        let ends = cut.ends(&rows.ts);
        if let [_] = ends[..] {
            made.l1.push(Arc::new(Run::new(rows.ts, rows.items, 0, self.swept)));
            return;
        }
        let mut at = 0;
        for end in ends {
            let (ts, items) = (rows.ts[at..end].to_vec(), rows.items[at..end].to_vec());
            made.l1.push(Arc::new(Run::new(ts, items, 0, self.swept)));
            at = end;
        }
    }
}
