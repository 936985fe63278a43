//! What was done to a file, or to the names, and from when on each step is durable.
//!
//! To rebuild the state at any moment without starting from nothing, a checkpoint of the durable
//! state is kept every so often. That is taken at a sync that leaves nothing undurable behind it:
//! then the live state is the durable one.

/// Work of replay (about one a small write) after which a checkpoint is taken.
const SPACING: usize = 64;

/// One step.
pub(super) struct Entry<Op> {
    /// The number of the operation that did it.
    pub(super) at: usize,
    pub(super) op: Op,
    /// The number of the sync that made it durable.
    durable_at: Option<usize>,
    /// A sync failed on it: no later one makes it durable.
    dropped: bool,
}

impl<Op> Entry<Op> {
    /// True if a power loss just after operation `now` cannot lose this.
    pub(super) fn is_certain(&self, now: usize) -> bool {
        self.durable_at.is_some_and(|at| at <= now)
    }
}

struct Checkpoint<State> {
    at: usize,
    /// How many entries are in it.
    entries: usize,
    state: State,
}

/// The steps of one file, or of the names.
pub(super) struct History<Op, State> {
    entries: Vec<Entry<Op>>,
    checkpoints: Vec<Checkpoint<State>>,
    /// Entries before this one are durable or dropped.
    decided: usize,
    any_dropped: bool,
    work: usize,
}

impl<Op, State: Clone> History<Op, State> {
    /// Begins with a durable state, just after operation `at`.
    pub(super) fn new(at: usize, state: State) -> Self {
        let checkpoints = vec![Checkpoint { at, entries: 0, state }];
        Self { entries: vec![], checkpoints, decided: 0, any_dropped: false, work: 0 }
    }

    /// Notes a step, with what replaying it costs.
    pub(super) fn push(&mut self, at: usize, op: Op, work: usize) {
        self.entries.push(Entry { at, op, durable_at: None, dropped: false });
        self.work += work;
    }

    /// A sync of what `covers` selects. `live` is the state with all entries.
    pub(super) fn sync(&mut self, at: usize, live: &State, covers: impl Fn(&Op) -> bool) {
        for entry in &mut self.entries[self.decided..] {
            if entry.durable_at.is_none() && !entry.dropped && covers(&entry.op) {
                entry.durable_at = Some(at);
            }
        }
        self.advance();
        let all_durable = self.decided == self.entries.len() && !self.any_dropped;
        if all_durable && self.work >= SPACING {
            let entries = self.entries.len();
            self.checkpoints.push(Checkpoint { at, entries, state: live.clone() });
            self.work = 0;
        }
    }

    /// A failed sync: the pages count as clean from now on, whether they reached the disk or not.
    pub(super) fn sync_failed(&mut self, covers: impl Fn(&Op) -> bool) {
        for entry in &mut self.entries[self.decided..] {
            if entry.durable_at.is_none() && covers(&entry.op) {
                entry.dropped = true;
                self.any_dropped = true;
            }
        }
        self.advance();
    }

    fn advance(&mut self) {
        let open = |entry: &Entry<Op>| entry.durable_at.is_none() && !entry.dropped;
        let rest = &self.entries[self.decided..];
        self.decided += rest.iter().position(open).unwrap_or(rest.len());
    }

    /// A durable state at or before operation `now`, and the entries from there until `now`.
    pub(super) fn until(&self, now: usize) -> (State, &[Entry<Op>]) {
        let later = self.checkpoints.partition_point(|c| c.at <= now);
        let base = &self.checkpoints[later.saturating_sub(1)];
        let end = self.entries.partition_point(|e| e.at <= now);
        (base.state.clone(), &self.entries[base.entries.min(end)..end])
    }
}
