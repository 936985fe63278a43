//! What a database shows that is open for reading only, while somebody else may write to it.
//!
//! It is read as an opening reads it, and then goes on where the last look ended: the deltas of the
//! manifest that are new, the records of the log that are new. A look first reads the log and then
//! the header. If no commit came in between, the records are of the epoch that the header names, and
//! together they are one moment. Otherwise the reader moves to the new commit and looks again. It
//! waits for nobody, and nobody for it.
//!
//! What it shows is held by a [`Pin`], of which there is one for each commit that something shows:
//! a snapshot that is held for long keeps what it needs, and nothing of what came after it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::db::catalog::View;
use crate::db::core::Recovery;
use crate::db::open::{Rebuilt, committed, damaged};
use crate::db::segment::Place;
use crate::error::{Error, Result};
use crate::format::edit::Edit;
use crate::format::frame::log_salt;
use crate::format::log::LOG_START;
use crate::format::slot::{Slot, slot_offset};
use crate::store::lock::refuse_beside_writer;
use crate::store::readers::Pin;
use crate::store::recovery::{
    find_in, newest_slot, open_log, open_to_read, read_deltas, read_manifest,
};
use crate::store::replay::{read_tail, record_at};
use crate::store::storage::{File, Storage};

/// So many times in a row something may look damaged that is only being written.
const TRIES: u32 = 100;
const WAIT: Duration = Duration::from_millis(1);
/// After so many moves in a row what was found is shown, though one more commit came: whoever
/// commits without pause is not chased for ever.
const MOVES: u32 = 16;

/// How far a database was read.
#[derive(Debug)]
pub(crate) struct Follower {
    storage: Arc<dyn Storage>,
    file: Arc<dyn File>,
    path: PathBuf,
    /// The commit that was read.
    slot: Slot,
    /// What its manifest makes.
    committed: View,
    /// The log of its epoch.
    log: Option<(Arc<dyn File>, PathBuf)>,
    /// That and the records of the log.
    rebuilt: Rebuilt,
    /// Where the next record will stand, and its number.
    end: u64,
    next_lsn: u64,
    /// Something is new since it was shown last.
    is_new: bool,
    pin: Arc<Pin>,
    /// The pin keeps everything still: a move is under way.
    moving: bool,
    /// All pins that may be held.
    pins: Vec<Weak<Pin>>,
    /// It cannot be pinned, so it shows what it read at first.
    stays: bool,
}

impl Follower {
    /// Reads the database at `path`.
    pub(crate) fn begin(storage: Arc<dyn Storage>, path: &Path) -> Result<(Self, Recovery)> {
        let path =
            storage.resolve(path).map_err(|e| Error::from_io("find the database", path, e))?;
        let file = open_to_read(&*storage, &path)?;
        let source = (storage, file, path);
        let (_, file, path) = &source;
        let pin = match Pin::everything(Arc::clone(file)) {
            Ok(pin) => Arc::new(pin),
            // Where there are no such locks a writer would not know of this reader.
            Err(e) if cannot_lock(&e) => {
                refuse_beside_writer(&**file, path)?;
                let pin = Pin::without_place(Arc::clone(file));
                let (mut follower, recovery) = Self::read_closed(&source, &pin)?;
                (follower.stays, follower.moving) = (true, false);
                return Ok((follower, recovery));
            }
            Err(e) => return Err(Error::from_io("lock a reader's place in", path, e)),
        };
        if !is_locked(file, path)? {
            let commit = || newest_slot(&**file, path).ok().map(|slot| slot.generation);
            let before = commit();
            let read = Self::read_closed(&source, &pin);
            if commit() == before && !is_locked(file, path)? {
                let (mut follower, recovery) = read?;
                follower.settle()?;
                return Ok((follower, recovery));
            }
            // Somebody began to write.
        }
        let mut follower = Self::read_commit(source, pin)?;
        follower.advance()?;
        let rows = follower.rebuilt.replayed_rows;
        let records = follower.next_lsn - follower.slot.next_lsn;
        Ok((follower, Recovery { records, rows, ..Recovery::default() }))
    }

    /// Reads a database that nobody writes to, and tells what is damaged.
    fn read_closed(
        (storage, file, path): &(Arc<dyn Storage>, Arc<dyn File>, PathBuf),
        pin: &Arc<Pin>,
    ) -> Result<(Self, Recovery)> {
        let mut found = find_in(&**storage, Arc::clone(file), path.clone(), None)?;
        let view = committed(std::mem::take(&mut found.edits), &found.slot, path)?;
        let mut follower =
            Self::new(Arc::clone(storage), found.file.clone(), path.clone(), found.slot, view, pin);
        let Some(log) = found.log.as_ref().filter(|log| !log.stale) else {
            return Ok((follower, Recovery::default()));
        };
        let end = follower.rebuilt.replay(log, &found)?;
        (follower.end, follower.next_lsn) = (end.at, end.next_lsn);
        let rows = follower.rebuilt.replayed_rows;
        follower.log = Some((Arc::clone(&log.file), log.path.clone()));
        Ok((follower, Recovery { records: end.records, rows, cut_bytes: end.cut }))
    }

    /// Reads the commit in force, and of the log nothing yet.
    fn read_commit(
        (storage, file, path): (Arc<dyn Storage>, Arc<dyn File>, PathBuf),
        pin: Arc<Pin>,
    ) -> Result<Self> {
        let mut tries = 0;
        let (slot, view) = loop {
            let read = newest_slot(&*file, &path)
                .and_then(|slot| Ok((slot, whole_manifest(&*file, &path, &slot)?)));
            match read {
                Ok(read) => break read,
                Err(e) if tries == TRIES => return Err(e),
                Err(_) => tries += 1,
            }
            std::thread::sleep(WAIT);
        };
        Ok(Self::new(storage, file, path, slot, view, &pin))
    }

    fn new(
        storage: Arc<dyn Storage>,
        file: Arc<dyn File>,
        path: PathBuf,
        slot: Slot,
        committed: View,
        pin: &Arc<Pin>,
    ) -> Self {
        Self {
            storage,
            file,
            path,
            slot,
            rebuilt: Rebuilt::on(committed.clone(), &slot),
            committed,
            log: None,
            end: slot.log_start.max(LOG_START),
            next_lsn: slot.next_lsn,
            is_new: true,
            pin: Arc::clone(pin),
            moving: true,
            pins: vec![Arc::downgrade(pin)],
            stays: false,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// The slot of the commit that was read last.
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    /// What there is to show, and up to which row number.
    pub(crate) fn shown(&mut self) -> (View, u64) {
        self.rebuilt.view.keep_by(&self.pin);
        (self.rebuilt.view.clone(), self.rebuilt.writer.next_seq - 1)
    }

    /// Moves on to what is committed by now; `true` if there is something new to show.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        let (mut tries, mut moves) = (0, 0);
        if self.stays {
            return Ok(false);
        }
        loop {
            match self.look(moves) {
                Ok(true) => return Ok(std::mem::take(&mut self.is_new)),
                Ok(false) => moves += 1,
                // What looks damaged may have been read while it was written.
                Err(e) if tries == TRIES || !self.may_pass(tries) => return Err(e),
                Err(_) => {
                    tries += 1;
                    std::thread::sleep(WAIT);
                }
            }
        }
    }

    /// True if what was found may be otherwise at the next look.
    fn may_pass(&self, tries: u32) -> bool {
        tries == 0 || is_locked(&self.file, &self.path).unwrap_or(true)
    }

    /// Reads what is new; `false` if a commit came in between, to which it has moved.
    fn look(&mut self, moves: u32) -> Result<bool> {
        let tail = self.read_tail();
        let now = newest_slot(&*self.file, &self.path)?;
        if now.generation < self.slot.generation {
            let message = "the newest header slot is damaged";
            let at = slot_offset(self.slot.generation);
            return Err(Error::corruption(message).at(&self.path, at));
        }
        let is_passed = now.generation > self.slot.generation;
        // What was read is of one moment as long as the log has not begun anew.
        let is_whole = now.epoch == self.slot.epoch && tail.is_ok();
        if is_passed && (moves < MOVES || !is_whole) {
            self.move_to(now)?;
            return Ok(false);
        }
        self.apply(&tail?)?;
        if self.slot.durable_lsn >= self.next_lsn {
            return Err(self.lost_record());
        }
        match is_passed {
            false => self.settle()?,
            // What is shown may be named by either commit, so its pin keeps everything.
            true => self.moving = false,
        }
        Ok(true)
    }

    /// The records of the log that are new.
    fn read_tail(&mut self) -> Result<Vec<u8>> {
        if self.log.is_none() && self.slot.log_expected {
            self.log = open_log(&*self.storage, &self.path, &self.slot)?;
        }
        let Some((log, path)) = &self.log else { return Ok(vec![]) };
        let salt = log_salt(self.slot.salt, self.slot.epoch);
        let tail = read_tail(&**log, self.end, salt, self.next_lsn);
        tail.map_err(|e| Error::from_io("read the log", path, e))
    }

    /// Applies records that begin where the last ones ended.
    fn apply(&mut self, tail: &[u8]) -> Result<()> {
        let Some((_, log)) = self.log.as_ref().filter(|_| !tail.is_empty()) else { return Ok(()) };
        let salt = log_salt(self.slot.salt, self.slot.epoch);
        let place = Place { file: &*self.file, path: &self.path, salt: self.slot.salt, pin: None };
        let (from, mut at) = (self.end, 0);
        while let Some(record) = record_at(tail, at, salt) {
            let applied = self.rebuilt.apply(&record, &place);
            if !applied.map_err(|bad| damaged(&record, &bad, log, from))? {
                break;
            }
            at += record.frame.total_len();
            (self.end, self.next_lsn, self.is_new) = (from + at, record.frame.seq + 1, true);
        }
        Ok(())
    }

    #[cold]
    fn lost_record(&self) -> Error {
        let (lsn, durable) = (self.next_lsn, self.slot.durable_lsn);
        let message =
            format!("log record {lsn} is damaged, though records up to {durable} had been synced");
        let log = self.log.as_ref().map_or(&self.path, |(_, path)| path);
        Error::corruption(message).at(log, self.end)
    }

    /// Moves to a commit. Until it was looked at again, everything is kept.
    fn move_to(&mut self, slot: Slot) -> Result<()> {
        if !self.moving {
            let pin = Pin::everything(Arc::clone(&self.file));
            let pin = pin.map_err(|e| Error::from_io("lock a reader's place in", &self.path, e))?;
            self.pin = Arc::new(pin);
            self.moving = true;
            self.pins.retain(|pin| pin.strong_count() > 0);
            self.pins.push(Arc::downgrade(&self.pin));
            // The one that was found was not pinned.
            return Ok(());
        }
        let before = std::mem::replace(&mut self.slot, slot);
        let moved = self.take_over(&before);
        if moved.is_err() {
            self.slot = before;
        }
        moved
    }

    /// Reads what is new in the manifest of `self.slot` since the commit of `before`, and begins
    /// with its log.
    fn take_over(&mut self, before: &Slot) -> Result<()> {
        let slot = self.slot;
        // Its place is not used again while the pin of the commit before keeps it.
        let grew = (slot.manifest_at, slot.manifest_room)
            == (before.manifest_at, before.manifest_room)
            && slot.manifest_len >= before.manifest_len
            && slot.salt == before.salt;
        let deltas = match grew {
            true => Some(read_deltas(&*self.file, &self.path, &slot, before.manifest_len)?),
            false => None,
        };
        let next = match &deltas {
            Some(deltas) => {
                let mut next = self.committed.clone();
                if !deltas.iter().all(|edit| next.apply(edit)) {
                    let message = "the manifest contradicts itself";
                    return Err(Error::corruption(message).at(&self.path, slot.manifest_at));
                }
                next
            }
            None => whole_manifest(&*self.file, &self.path, &slot)?,
        };
        let same_log = (slot.epoch, slot.log_start) == (before.epoch, before.log_start);
        match deltas.filter(|deltas| same_log && deltas.iter().all(is_of_packing)) {
            Some(deltas) => self.rebuilt.view.apply_all(&deltas),
            None => {
                self.rebuilt = Rebuilt::on(next.clone(), &slot);
                self.log = None;
                (self.end, self.next_lsn) = (slot.log_start.max(LOG_START), slot.next_lsn);
            }
        }
        (self.committed, self.is_new) = (next, true);
        Ok(())
    }

    /// From now on only what this commit names is kept.
    fn settle(&mut self) -> Result<()> {
        if std::mem::take(&mut self.moving) {
            let kept = self.pin.keep(self.slot.generation);
            kept.map_err(|e| Error::from_io("lock a reader's place in", &self.path, e))?;
        }
        Ok(())
    }

    /// Lets go of all moments, but for those of which buffers are held.
    pub(crate) fn close(self) {
        for pin in self.pins.iter().filter_map(Weak::upgrade) {
            // There is a place already, so that nothing has to be locked that could fail.
            let _ = pin.close(None);
        }
    }
}

/// True for edits that a commit makes which leaves the log as it is: they can be applied to what
/// the log's records were applied to.
fn is_of_packing(edit: &Edit) -> bool {
    matches!(edit, Edit::AddSegment(_) | Edit::RemoveSegment { .. } | Edit::ForgetDelete(..))
}

fn whole_manifest(file: &dyn File, path: &Path, slot: &Slot) -> Result<View> {
    let len = file.len().map_err(|e| Error::from_io("read", path, e))?;
    committed(read_manifest(file, path, len, slot, false)?, slot, path)
}

fn is_locked(file: &Arc<dyn File>, path: &Path) -> Result<bool> {
    file.is_locked().map_err(|e| Error::from_io("look at the lock of", path, e))
}

/// True if the system or the file system has no such locks.
fn cannot_lock(error: &std::io::Error) -> bool {
    const CODES: [i32; 5] =
        [libc::ENOLCK, libc::ENOSYS, libc::EINVAL, libc::EOPNOTSUPP, libc::ENOTSUP];
    error.kind() == std::io::ErrorKind::Unsupported
        || error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}
