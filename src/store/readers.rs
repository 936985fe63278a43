//! Readers beside a writer: what each of them needs is told by locks on bytes far behind the end of
//! the main file (SPEC 9), as SQLite does with one of its own.
//!
//! Where a lock stands says which moment is read and by which process, so that there is nothing to
//! write, nothing to remove and nothing that could be damaged; a read-only folder will do. The
//! system takes the locks of a killed process back. They belong to the open file, so that a reader
//! in the writer's own process is one like any other.
//!
//! The order of things makes it safe. A reader first locks the place that needs everything, then
//! reads the header, then locks the place of that commit and leaves the first one. A writer
//! publishes a commit, then looks at the places, and only then uses space again that the commit
//! freed. So a reader either is seen, or has read the header after it was published.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use parking_lot::Mutex;

use super::fork;
use super::storage::{File, WRITER_LOCK_END};

/// The place of commit 0, which needs everything: it comes before every other.
const FIRST: u64 = WRITER_LOCK_END;
/// Bytes between the places of two commits: one for each process that there can be.
const STRIDE: u64 = 1 << 22;
/// Behind all places.
const END: u64 = i64::MAX as u64;

/// The byte that stands for a commit that this process reads.
fn place_of(generation: u64) -> u64 {
    let process = u64::from(std::process::id()) % STRIDE;
    match generation.checked_mul(STRIDE).filter(|place| *place < END - FIRST - STRIDE) {
        Some(place) => FIRST + place + process,
        // More commits than there are places for: it needs everything.
        None => FIRST + process,
    }
}

/// What all readers of a file need, at the moment of the look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readers {
    /// Commit and process of each place that is locked.
    places: Vec<(u64, u64)>,
    /// It could not be told, so they may need everything.
    unknown: bool,
}

impl Readers {
    /// Looks at the places of `file`. Readers that come later read a header that is there now.
    pub fn look(file: &dyn File) -> Self {
        // What was published comes before the look, on every processor.
        fence(Ordering::SeqCst);
        if is_blind() {
            return Self::default();
        }
        Self::list(file).unwrap_or_else(|_| Self::unknown())
    }

    /// Readers of whom nothing is known.
    pub fn unknown() -> Self {
        Self { places: Vec::new(), unknown: true }
    }

    /// Readers of these commits.
    #[cfg(test)]
    pub(super) fn of(generations: &[u64]) -> Self {
        Self { places: generations.iter().map(|g| (*g, 1)).collect(), unknown: false }
    }

    fn list(file: &dyn File) -> io::Result<Self> {
        let (mut places, mut rest) = (Vec::new(), vec![(FIRST, END)]);
        while let Some((from, to)) = rest.pop() {
            let Some(at) = file.locked_byte(from, to)?.filter(|at| (from..to).contains(at)) else {
                continue;
            };
            places.push(((at - FIRST) / STRIDE, (at - FIRST) % STRIDE));
            // The system tells any of them: others may be on both sides.
            rest.extend([(from, at), (at + 1, to)].into_iter().filter(|(from, to)| from < to));
        }
        places.sort_unstable();
        Ok(Self { places, unknown: false })
    }

    /// True if one of them may read what was put in its place after commit `born`, or at it, and was
    /// no longer named by commit `freed`.
    pub fn need(&self, born: u64, freed: u64) -> bool {
        let reads = |generation: u64| generation == 0 || (born..freed).contains(&generation);
        self.unknown || self.places.iter().any(|(generation, _)| reads(*generation))
    }

    /// True if there is nobody.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && !self.unknown
    }

    /// How many processes.
    pub fn processes(&self) -> usize {
        let mut processes: Vec<u64> = self.places.iter().map(|(_, process)| *process).collect();
        processes.sort_unstable();
        processes.dedup();
        processes.len()
    }
}

/// The control of the tests: a writer that looks at nobody.
#[cfg(any(test, feature = "sim"))]
fn is_blind() -> bool {
    std::env::var_os("CHRONOLITE_TEST_IGNORE_READERS").is_some()
}

#[cfg(not(any(test, feature = "sim")))]
fn is_blind() -> bool {
    false
}

/// Keeps what a commit names in its place, for as long as somebody shows it or holds a buffer of it.
#[derive(Debug)]
pub struct Pin {
    file: Arc<dyn File>,
    state: Mutex<State>,
    fork_generation: u32,
}

#[derive(Debug, Default)]
struct State {
    /// The byte that is locked.
    place: Option<u64>,
    /// Mapped buffers that are still held.
    buffers: usize,
    /// Its database was closed: only buffers count.
    closed: bool,
}

impl Pin {
    /// One that counts buffers and has no place yet: that of a writer, who knows by itself what is
    /// held while its database is open.
    pub fn without_place(file: Arc<dyn File>) -> Arc<Self> {
        Arc::new(Self::new(file, None))
    }

    /// One that keeps everything.
    pub fn everything(file: Arc<dyn File>) -> io::Result<Self> {
        let place = place_of(0);
        file.lock_byte(place)?;
        // The header is read after this, on every processor.
        fence(Ordering::SeqCst);
        Ok(Self::new(file, Some(place)))
    }

    fn new(file: Arc<dyn File>, place: Option<u64>) -> Self {
        let state = Mutex::new(State { place, ..State::default() });
        Self { file, state, fork_generation: fork::generation() }
    }

    /// Keeps what that commit names, and nothing else.
    pub fn keep(&self, generation: u64) -> io::Result<()> {
        self.state.lock().keep(&*self.file, place_of(generation))
    }

    /// Counts one more buffer, until what this returns is dropped; `None` if it keeps nothing any
    /// more.
    pub fn hold(self: &Arc<Self>) -> Option<Held> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.buffers += 1;
        Some(Held(Arc::clone(self)))
    }

    /// The database is closed. If buffers are held, the place is kept until the last of them goes,
    /// or, where there is none yet, that of `generation` is taken.
    pub fn close(&self, generation: Option<u64>) -> io::Result<()> {
        let mut state = self.state.lock();
        state.closed = true;
        if state.buffers == 0 {
            state.leave(&*self.file);
            return Ok(());
        }
        match generation.filter(|_| state.place.is_none()) {
            Some(generation) => state.keep(&*self.file, place_of(generation)),
            None => Ok(()),
        }
    }
}

impl State {
    fn keep(&mut self, file: &dyn File, place: u64) -> io::Result<()> {
        if self.place == Some(place) {
            return Ok(());
        }
        file.lock_byte(place)?;
        self.leave(file);
        self.place = Some(place);
        Ok(())
    }

    fn leave(&mut self, file: &dyn File) {
        if let Some(place) = self.place.take() {
            // If this fails it goes with the file.
            let _ = file.unlock_byte(place);
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // In a fork child the lock is the parent's, and the file the null device.
        if self.fork_generation == fork::generation() {
            self.state.get_mut().leave(&*self.file);
        }
    }
}

/// A buffer that is held.
#[derive(Debug)]
pub struct Held(Arc<Pin>);

impl Drop for Held {
    fn drop(&mut self) {
        // In a fork child another thread of the parent's may have had the lock.
        if self.0.fork_generation != fork::generation() {
            return;
        }
        let mut state = self.0.state.lock();
        state.buffers -= 1;
        if state.closed && state.buffers == 0 {
            state.leave(&*self.0.file);
        }
    }
}
