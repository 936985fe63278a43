//! What is in an index at one moment, and reading it: memtables, overlapping runs (L0), runs one
//! after the other (L1), and tombstones.
//!
//! A range of it is some chains of parts, each chain sorted; within equal times the age of the parts
//! tells which rows arrived first. Late rows never stand before ordered ones of their memtable: when
//! they came, a later time was there already.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use crate::base::schema::OnConflict;
use crate::index::merge::{Head, Merge};
use crate::index::pin::Pin;
use crate::index::run::{Item, Late, Part, Rows, Run, between};
use crate::index::tombstone::{Span, Tombstones};
use crate::index::{AppendVec, Chunk, Cover};

/// A range of times that is deleted: what was written before the number is hidden.
#[derive(Debug, Clone, Copy)]
pub struct Deleted {
    /// The first time.
    pub start: i64,
    /// The time before which it ends; none if it does not.
    pub end: Option<i64>,
    /// Its place among rows and tombstones, in the order of arrival.
    pub seq: u64,
}

impl Span for Deleted {
    fn start(&self) -> i64 {
        self.start
    }

    fn end(&self) -> Option<i64> {
        self.end
    }
}

/// These as one function of time.
pub(super) fn cover<'a>(deleted: impl Iterator<Item = &'a Deleted>) -> Cover {
    Cover::new(deleted.map(|deleted| (deleted.start, deleted.end, deleted.seq)).collect())
}

/// Chunks of one memtable: the rows that came in order, and those that came late.
#[derive(Debug, Clone)]
pub struct Memory<T> {
    /// The number of its first row.
    pub first: u64,
    /// Chunks whose times never descend, nor from one to the next.
    pub ordered: Vec<Arc<Chunk<AppendVec<T>>>>,
    /// Chunks of rows below a time that was there already.
    pub late: Vec<Arc<Chunk<AppendVec<T>>>>,
}

impl<T: Item> Memory<T> {
    /// All chunks.
    pub fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk<AppendVec<T>>>> {
        self.ordered.iter().chain(&self.late)
    }
}

/// All layers; a change makes new ones if somebody looks at these.
#[derive(Debug, Clone)]
pub struct Layers<T> {
    /// Memtables, the oldest first; rows go to the last one unless it is sealed.
    pub memory: Vec<Arc<Memory<T>>>,
    /// Runs that may overlap, the oldest first.
    pub l0: Vec<Arc<Run<T>>>,
    /// Runs one after the other in time, with no time in two of them. All rows arrived before those
    /// of the other layers that have the same time.
    pub l1: Arc<Vec<Arc<Run<T>>>>,
    /// Ranges that are deleted.
    pub tombstones: Tombstones<Deleted>,
}

impl<T> Default for Layers<T> {
    fn default() -> Self {
        Self { memory: vec![], l0: vec![], l1: Arc::default(), tombstones: Tombstones::default() }
    }
}

/// One moment of an index, for as long as it is held.
#[derive(Debug, Clone)]
pub struct View<T: Item> {
    pub(super) layers: Arc<Layers<T>>,
    /// Rows of a higher number came later.
    pub(super) visible: u64,
    /// Keeps what it shows.
    pub(super) pin: Arc<Pin<T>>,
}

/// Sorted parts, one after the other.
type Chain<T> = Vec<Part<T>>;

impl<T: Item> Layers<T> {
    /// The rows up to `visible` with times in `[start, end)`, as sorted chains.
    fn chains(&self, visible: u64, start: i64, end: Option<i64>) -> Vec<Chain<T>> {
        let mut chains = self.chains_in_order(visible, start, end);
        chains.extend(self.late(visible, start, end).map(|late| vec![late]));
        chains
    }

    /// The rows of these that came late, those of each memtable sorted.
    fn late(
        &self,
        visible: u64,
        start: i64,
        end: Option<i64>,
    ) -> impl Iterator<Item = Part<T>> + '_ {
        let memory = self.memory.iter().filter(|memory| !memory.late.is_empty());
        let parts = memory.map(move |memory| {
            let rows = Rows::Late(Arc::new(Late::of(&memory.late, visible, start, end)));
            Part { range: 0..rows.ts().len(), rows, age: (memory.first, true) }
        });
        parts.filter(|part| !part.range.is_empty())
    }

    /// The rows of these that did not.
    fn chains_in_order(&self, visible: u64, start: i64, end: Option<i64>) -> Vec<Chain<T>> {
        let mut chains = vec![];
        let mut add = |chain: Chain<T>| {
            if !chain.is_empty() {
                chains.push(chain);
            }
        };
        let of_run = |run| Part::of_run(run, start, end);
        add(self.l1_between(start, end).iter().filter_map(of_run).collect());
        for run in &self.l0 {
            add(of_run(run).into_iter().collect());
        }
        for memory in &self.memory {
            let ordered = memory.ordered.iter().filter_map(|chunk| {
                let range = between(chunk.ts(chunk.visible(visible)), start, end);
                let rows = || Rows::Chunk(Arc::clone(chunk));
                (!range.is_empty()).then(|| Part {
                    rows: rows(),
                    range,
                    age: (memory.first, false),
                })
            });
            add(ordered.collect());
        }
        chains
    }

    /// The items of all rows, hidden or not.
    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        let chunks = self.memory.iter().flat_map(|memory| memory.chunks());
        let of_runs = self.l0.iter().chain(&*self.l1).flat_map(|run| run.items());
        chunks.flat_map(|chunk| chunk.payload().as_slice()).chain(of_runs)
    }

    /// Calls `each` for the items at a time, in the order of arrival.
    pub(super) fn at(&self, visible: u64, ts: i64, mut each: impl FnMut(T)) {
        let end = ts.checked_add(1);
        let mut number = 0;
        if !self.tombstones.is_empty() {
            let over = self.tombstones.touching(ts, ts).map(|deleted| deleted.seq);
            number = over.filter(|&seq| seq <= visible).max().unwrap_or(0);
        }
        let of_run = |run: &Run<T>, each: &mut dyn FnMut(T)| {
            if run.swept() >= number {
                run.items()[run.between(ts, end)].iter().for_each(|&item| each(item));
            }
        };
        self.l1_between(ts, end).iter().for_each(|run| of_run(run, &mut each));
        let mut runs = self.l0.iter().peekable();
        for memory in &self.memory {
            while let Some(run) = runs.next_if(|run| run.first() < memory.first) {
                of_run(run, &mut each);
            }
            for chunk in memory.chunks() {
                let rows = chunk.visible(visible);
                for row in chunk.in_range(rows, ts, end).into_iter().flatten() {
                    if chunk.seq(rows)[row] >= number {
                        each(chunk.payload().as_slice()[row]);
                    }
                }
            }
        }
        runs.for_each(|run| of_run(run, &mut each));
    }

    /// The runs of L1 that have times in `[start, end)`, or may have.
    pub(super) fn l1_between(&self, start: i64, end: Option<i64>) -> &[Arc<Run<T>>] {
        let from = self.l1.partition_point(|run| run.ends().is_some_and(|(_, last)| last < start));
        let runs = &self.l1[from..];
        let begins = |run: &Arc<Run<T>>| {
            run.ends().is_some_and(|(first, _)| end.is_none_or(|end| first < end))
        };
        &runs[..runs.partition_point(begins)]
    }

    /// What is deleted in `[start, end)`.
    fn cover(&self, visible: u64, start: i64, end: Option<i64>) -> Cover {
        if self.tombstones.is_empty() {
            return Cover::default();
        }
        let last = match end {
            None => i64::MAX,
            Some(end) if end > start => end - 1,
            Some(_) => return Cover::default(),
        };
        let touching = self.tombstones.touching(start, last);
        cover(touching.filter(|deleted| deleted.seq <= visible))
    }
}

/// How many rows of the part are hidden.
fn hidden<T: Item>(part: &Part<T>, cover: &Cover) -> usize {
    let ts = part.ts();
    let of_step = |(start, end, number): (i64, Option<i64>, u64)| {
        let rows = between(ts, start, end);
        if part.rows.is_run() {
            return if part.rows.stamp(0) < number { rows.len() } else { 0 };
        }
        rows.filter(|row| part.rows.stamp(part.range.start + row) < number).count()
    };
    cover.steps().map(of_step).sum()
}

impl<T: Item> View<T> {
    /// The rows with times in `[start, end)`, in order.
    pub fn cursor(&self, start: i64, end: Option<i64>) -> Cursor<T> {
        let chains = self.layers.chains(self.visible, start, end);
        Cursor::new(chains, self.layers.cover(self.visible, start, end))
    }

    /// Calls `each` for the items at a time, in the order of arrival.
    pub fn at(&self, ts: i64, each: impl FnMut(T)) {
        self.layers.at(self.visible, ts, each);
    }

    /// How many rows there are with times in `[start, end)`.
    pub fn count(&self, start: i64, end: Option<i64>) -> usize {
        let cover = self.layers.cover(self.visible, start, end);
        let chains = self.layers.chains(self.visible, start, end);
        let parts = chains.iter().flatten();
        parts.map(|part| part.range.len() - hidden(part, &cover)).sum()
    }

    /// The first time at or after `start`.
    pub fn first_from(&self, start: i64) -> Option<i64> {
        let layers = &self.layers;
        let cover = layers.cover(self.visible, start, None);
        let first = |chains, cover| {
            let mut rows = Vec::with_capacity(1);
            Cursor::new(chains, cover).fill(1, &mut rows);
            rows.first().map(|row: &(i64, T)| row.0)
        };
        let found = first(layers.chains_in_order(self.visible, start, None), cover.clone());
        // Of the late rows only those before it are looked at.
        let late = layers.late(self.visible, start, found).map(|late| vec![late]).collect();
        first(late, cover).or(found)
    }

    /// The last time before `end`.
    pub fn last_before(&self, end: Option<i64>) -> Option<i64> {
        let layers = &self.layers;
        let cover = layers.cover(self.visible, i64::MIN, end);
        let chains = layers.chains_in_order(self.visible, i64::MIN, end);
        let last = |chain: &Chain<T>| chain.iter().rev().find_map(|part| last_shown(part, &cover));
        let found = chains.iter().filter_map(last).max();
        let after = found.map_or(Some(i64::MIN), |found| found.checked_add(1));
        let late = after.into_iter().flat_map(|after| layers.late(self.visible, after, end));
        late.filter_map(|part| last_shown(&part, &cover)).max().or(found)
    }

    /// What is wrong with the layers, if anything is.
    pub fn wrong(&self) -> Option<String> {
        let layers = &*self.layers;
        for run in layers.l1.iter().chain(&layers.l0) {
            if run.is_empty() || !run.ts().is_sorted() || run.ts().len() != run.items().len() {
                return Some(format!("a run of {} rows is empty or not sorted", run.len()));
            }
        }
        let ends: Vec<_> = layers.l1.iter().filter_map(|run| run.ends()).collect();
        if let Some(two) = ends.windows(2).find(|two| two[0].1 >= two[1].0) {
            return Some(format!("two runs of L1 overlap: {:?} and {:?}", two[0], two[1]));
        }
        if !layers.l0.is_sorted_by_key(|run| run.first()) {
            return Some("runs of L0 are not in the order of arrival".into());
        }
        for memory in &layers.memory {
            let mut last = i64::MIN;
            for chunk in &memory.ordered {
                let ts = chunk.ts(chunk.len());
                if !ts.is_sorted() || ts.first().is_some_and(|&first| first < last) {
                    return Some("a memtable has late rows among those in order".into());
                }
                last = ts.last().copied().unwrap_or(last);
            }
        }
        None
    }

    /// Stretches of runs with times in `[start, end)`, deleted rows among them, each of at most
    /// `most` rows: those of L1 and then those of L0, the oldest first. Memtables have none.
    pub fn pages(&self, start: i64, end: Option<i64>, most: usize) -> Vec<Page<T>> {
        let layers = &self.layers;
        let runs = layers.l1_between(start, end).iter().chain(&layers.l0);
        let pages = runs.flat_map(|run| {
            let range = run.between(start, end);
            let starts = range.clone().step_by(most.max(1));
            let end = range.end;
            starts.map(move |at| Page {
                run: Arc::clone(run),
                range: at..end.min(at.saturating_add(most)),
                pin: Arc::clone(&self.pin),
            })
        });
        pages.collect()
    }
}

/// The last time of a part that is not hidden.
fn last_shown<T: Item>(part: &Part<T>, cover: &Cover) -> Option<i64> {
    let ts = part.ts();
    if cover.is_empty() {
        return ts.last().copied();
    }
    let (mut end, mut near) = (ts.len(), 0);
    while let Some(row) = end.checked_sub(1) {
        let number = cover.at(ts[row], &mut near);
        if part.rows.stamp(part.range.start + row) >= number {
            return Some(ts[row]);
        }
        // Of a run all goes that the tombstone covers; of others each row by its number.
        end = match cover.start(near) {
            Some(start) if part.rows.is_run() => ts[..row].partition_point(|&t| t < start),
            _ => row,
        };
    }
    None
}

/// A stretch of a run that somebody holds.
#[derive(Debug, Clone)]
pub struct Page<T: Item> {
    run: Arc<Run<T>>,
    range: Range<usize>,
    // Keeps the items.
    #[allow(dead_code)]
    pin: Arc<Pin<T>>,
}

impl<T: Item> Page<T> {
    /// The times, sorted; at least one.
    pub fn ts(&self) -> &[i64] {
        &self.run.ts()[self.range.clone()]
    }

    /// The items, each at the place of its time.
    pub fn items(&self) -> &[T] {
        &self.run.items()[self.range.clone()]
    }
}

/// A part in a merge.
#[derive(Debug)]
struct Source<T>(Part<T>);

impl<T: Item> Head for Source<T> {
    fn rows(&self) -> usize {
        self.0.range.len()
    }

    #[inline]
    fn rank(&self, row: usize) -> i64 {
        self.0.rows.ts()[self.0.range.start + row]
    }

    fn compare(&self, _row: usize, other: &Self, _other_row: usize) -> Ordering {
        self.0.age.cmp(&other.0.age)
    }

    fn same(&self, _row: usize, _other: &Self, _other_row: usize) -> bool {
        false
    }
}

/// Rows of a range in order, a few at a time.
#[derive(Debug)]
pub struct Cursor<T> {
    sources: Sources<T>,
    cover: Cover,
    near: usize,
    count: Option<usize>,
}

impl<T: Item> Cursor<T> {
    fn new(chains: Vec<Chain<T>>, cover: Cover) -> Self {
        let rows = || chains.iter().flatten().map(|part| part.range.len()).sum();
        let count = cover.is_empty().then(rows);
        let mut rest = chains;
        rest.iter_mut().for_each(|chain| chain.retain(|part| !part.range.is_empty()));
        rest.retain(|chain| !chain.is_empty());
        rest.iter_mut().for_each(|chain| chain.reverse());
        let sources = if rest.len() > 1 {
            let heads = rest.iter_mut().filter_map(|chain| chain.pop().map(Source)).collect();
            Sources::Many(Merge::new(heads, OnConflict::All), rest)
        } else {
            Sources::One(rest.pop().unwrap_or_default())
        };
        Self { sources, cover, near: 0, count }
    }

    /// How many rows there are, if that takes no look at each.
    pub fn count(&self) -> Option<usize> {
        self.count
    }

    /// Appends the next rows to `out`: `limit` of them, or fewer at the end.
    pub fn fill(&mut self, limit: usize, out: &mut Vec<(i64, T)>) {
        self.each(limit, |part, range| {
            let (ts, items) = (part.rows.ts(), part.rows.items());
            out.extend(range.map(|row| (ts[row], items[row])));
        });
    }

    /// Takes the next rows, `limit` of them or fewer at the end, by stretches of parts.
    fn each(&mut self, limit: usize, mut take: impl FnMut(&Part<T>, Range<usize>)) {
        let mut left = limit;
        let (cover, near) = (&self.cover, &mut self.near);
        while left > 0 {
            let more = self.sources.next(left, |part, rows| {
                if cover.is_empty() {
                    left -= rows.len();
                    return take(part, rows);
                }
                shown(part, rows, (cover, near), |rows| {
                    left -= rows.len();
                    take(part, rows);
                });
            });
            if !more {
                return;
            }
        }
    }
}

/// Where the rows of a cursor come from.
#[derive(Debug)]
enum Sources<T> {
    /// A chain, the next part last.
    One(Chain<T>),
    /// Some, and what follows each head, the next part last.
    Many(Merge<Source<T>>, Vec<Chain<T>>),
}

impl<T: Item> Sources<T> {
    /// Gives out the next stretch of at most `limit` rows; false if there is none.
    fn next(&mut self, limit: usize, take: impl FnOnce(&Part<T>, Range<usize>)) -> bool {
        match self {
            Self::One(chain) => {
                let Some(part) = chain.last_mut() else { return false };
                let start = part.range.start;
                part.range.start += part.range.len().min(limit);
                take(part, start..part.range.start);
                if part.range.is_empty() {
                    chain.pop();
                }
            }
            Self::Many(merge, rest) => {
                let Some(stretch) = merge.next(limit) else { return false };
                let part = &merge.head(stretch.head).0;
                let start = part.range.start + stretch.start;
                take(part, start..start + stretch.len);
                if merge.is_used_up(stretch.head) {
                    match rest[stretch.head].pop() {
                        Some(part) => merge.refill(stretch.head, Source(part)),
                        None => {
                            let mut nothing = merge.head(stretch.head).0.clone();
                            nothing.range = 0..0;
                            merge.end(stretch.head, Source(nothing));
                        }
                    }
                }
            }
        }
        true
    }
}

/// Calls `take` for each stretch of `rows` that is not hidden.
fn shown<T: Item>(
    part: &Part<T>,
    rows: Range<usize>,
    (cover, near): (&Cover, &mut usize),
    mut take: impl FnMut(Range<usize>),
) {
    let ts = part.rows.ts();
    let mut start = None;
    for row in rows.clone() {
        let seen = part.rows.stamp(row) >= cover.at(ts[row], near);
        match (seen, start) {
            (true, None) => start = Some(row),
            (false, Some(from)) => {
                take(from..row);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        take(from..rows.end);
    }
}

/// What a merge of layers left: rows that stay, and items of those that are hidden.
#[derive(Debug)]
pub struct Swept<T> {
    /// Times of the rows that stay.
    pub ts: Vec<i64>,
    /// Their items.
    pub items: Vec<T>,
    /// Items of rows that do not.
    pub gone: Vec<T>,
}

/// Merges chains whole, and sorts out what is hidden.
pub(super) fn sweep<T: Item>(chains: Vec<Chain<T>>, cover: Cover) -> Swept<T> {
    let rows = chains.iter().flatten().map(|part| part.range.len()).sum();
    let (mut ts, mut items) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut gone = vec![];
    for part in chains.iter().flatten().filter(|_| !cover.is_empty()) {
        let items = part.rows.items();
        let (mut at, mut near) = (part.range.start, 0);
        shown(part, part.range.clone(), (&cover, &mut near), |rows| {
            gone.extend_from_slice(&items[at..rows.start]);
            at = rows.end;
        });
        gone.extend_from_slice(&items[at..part.range.end]);
    }
    Cursor::new(chains, cover).each(usize::MAX, |part, range| {
        ts.extend_from_slice(&part.rows.ts()[range.clone()]);
        items.extend_from_slice(&part.rows.items()[range]);
    });
    Swept { ts, items, gone }
}
