//! The main file of an open database: placing extents and committing (SPEC 4 and 6).
//!
//! A commit writes data and the manifest's delta, syncs, writes the slot of the new generation,
//! syncs. Until the second sync the slot before is in force and all that it names is untouched.
//! The manifest has room behind it for deltas; when that is used up, the next commit folds it: a
//! new base is written elsewhere with twice its size as room, so that a commit costs the same
//! however large the file is, and folding is paid for by the deltas that filled the room.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::lock_api::ArcRwLockReadGuard;
use parking_lot::{RawRwLock, RwLock};

use crate::error::{Error, Result};
use crate::format::edit::{Edit, KIND_BASE, KIND_DELTA, encode_edits};
use crate::format::frame::{Frame, MANIFEST_MAGIC};
use crate::format::slot::{FORMAT_VERSION, KNOWN_COMPATIBLE, Slot, slot_offset};
use crate::format::{EXTENT_ALIGN, HEADER_LEN, PAGE};
use crate::store::extents::Extents;
use crate::store::health::Health;
use crate::store::readers::Readers;
use crate::store::storage::{File, write_all_at};

/// Least room a manifest is given.
const MIN_MANIFEST_ROOM: u64 = 1024;

/// The main file, open for writing.
#[derive(Debug)]
pub struct MainFile {
    sink: Sink,
    /// Shared by those who write extents; taken whole to wait for them.
    in_flight: Arc<RwLock<()>>,
    slot: Slot,
    /// Length that the other slot calls committed; not known until it was written.
    other_len: Option<u64>,
    /// Incompatible features that slots name from the next one on.
    features: u64,
    extents: Extents,
    /// Who read when the slot in force was written.
    readers: Readers,
    next_segment: Arc<AtomicU64>,
}

/// Writes extents that were reserved, on any thread and without the main file's lock. While there
/// is one the file is not given up, as the next writer would take those places for free.
#[derive(Debug)]
pub struct ExtentWriter {
    sink: Sink,
    _in_flight: ArcRwLockReadGuard<RawRwLock, ()>,
}

/// Where bytes go.
#[derive(Debug, Clone)]
struct Sink {
    file: Arc<dyn File>,
    path: Arc<Path>,
    health: Arc<Health>,
    /// What was written ends at most here: the file is at least so long.
    written: Arc<AtomicU64>,
}

impl ExtentWriter {
    /// Writes the bytes of an extent where [`MainFile::reserve`] has put it. A full disk fails only
    /// this write; whatever else goes wrong poisons the writer. The place is the caller's to
    /// [discard](MainFile::discard) then.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.sink.write(bytes, offset)
    }
}

impl Sink {
    fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let whole = (bytes.len() as u64).is_multiple_of(EXTENT_ALIGN);
        assert!(whole, "an extent of {} bytes would leave the file's end unwritten", bytes.len());
        self.write_at(bytes, offset)?;
        self.written.fetch_max(offset + bytes.len() as u64, Ordering::AcqRel);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.health.check()?;
        write_all_at(&*self.file, bytes, offset)
            .map_err(|e| self.health.judge(Error::from_io("write", &self.path, e)))
    }
}

/// What a commit changes besides the manifest.
#[derive(Debug, Clone, Copy)]
pub struct NewState {
    /// Epoch of the log.
    pub epoch: u64,
    /// Where in the log replay begins.
    pub log_start: u64,
    /// Highest log number known to be durable.
    pub durable_lsn: u64,
    /// Next log number, if the log is empty.
    pub next_lsn: u64,
    /// Next row number, if the log is empty.
    pub next_seq: u64,
    /// A log must be there.
    pub log_expected: bool,
}

/// How much room a manifest gets whose base has so many bytes.
fn room_for(base: usize) -> u64 {
    (2 * base as u64).max(MIN_MANIFEST_ROOM).next_multiple_of(EXTENT_ALIGN)
}

/// The bytes of a new main file: an empty database, the same in both slots.
pub fn empty_file(salt: u64) -> Vec<u8> {
    let base = Frame::new(MANIFEST_MAGIC, KIND_BASE, 1, 0, salt, &[]).record(&[]);
    let slot = Slot {
        version: FORMAT_VERSION,
        compatible: 0,
        incompatible: 0,
        generation: 1,
        epoch: 0,
        salt,
        file_len: HEADER_LEN + MIN_MANIFEST_ROOM,
        manifest_at: HEADER_LEN,
        manifest_len: base.len() as u64,
        manifest_room: MIN_MANIFEST_ROOM,
        log_start: 0,
        durable_lsn: 0,
        next_lsn: 1,
        next_seq: 1,
        log_expected: false,
        next_segment: 1,
    };
    let mut bytes = vec![0; (HEADER_LEN + MIN_MANIFEST_ROOM) as usize];
    for generation in [1, 2] {
        let at = slot_offset(generation) as usize;
        let slot = Slot { generation, ..slot }.to_bytes();
        bytes[at..at + slot.len()].copy_from_slice(&slot);
    }
    let note = crate::store::lock::NOTE_EMPTY;
    let at = 2 * PAGE as usize;
    bytes[at..at + note.len()].copy_from_slice(&note);
    let at = HEADER_LEN as usize;
    bytes[at..at + base.len()].copy_from_slice(&base);
    bytes
}

impl MainFile {
    /// The main file in the state of `slot`, whose manifest names `used` extents (offset, length).
    /// `None` if they overlap each other or the manifest.
    pub fn new(
        file: Arc<dyn File>,
        path: PathBuf,
        health: Arc<Health>,
        slot: Slot,
        mut used: Vec<(u64, u64)>,
    ) -> Option<Self> {
        used.push((slot.manifest_at, slot.manifest_room));
        let extents = Extents::new(used, slot.file_len, slot.generation)?;
        let written = Arc::new(AtomicU64::new(extents.end()));
        let sink = Sink { file, path: path.into(), health, written };
        let next_segment = Arc::new(AtomicU64::new(slot.next_segment.max(1)));
        Some(Self {
            sink,
            in_flight: Arc::default(),
            slot,
            other_len: None,
            features: slot.incompatible,
            extents,
            readers: Readers::unknown(),
            next_segment,
        })
    }

    /// The state in force.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Where one of the extents that are in use (offset, length) begins that is down as free too.
    pub fn double_booked(&self, used: &[(u64, u64)]) -> Option<u64> {
        self.extents.double_booked(used)
    }

    /// Names an incompatible feature in every slot from the next one on; `false` if the slot in force
    /// names it.
    pub fn need(&mut self, feature: u64) -> bool {
        self.features |= feature;
        self.slot.incompatible & feature != feature
    }

    /// The file itself, to map and to sync.
    pub fn file(&self) -> &Arc<dyn File> {
        &self.sink.file
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.sink.path
    }

    /// What writes extents while others use the main file.
    pub fn writer(&self) -> ExtentWriter {
        ExtentWriter { sink: self.sink.clone(), _in_flight: self.in_flight.read_arc() }
    }

    /// Returns when nobody writes extents any more.
    pub fn wait_for_writers(&self) {
        drop(self.in_flight.write());
    }

    /// Number of the next segment, which each commit tells of.
    pub fn next_segment(&self) -> &Arc<AtomicU64> {
        &self.next_segment
    }

    /// A place for an extent of `len` bytes, a multiple of [`EXTENT_ALIGN`], that no commit names
    /// yet: to be written by [`ExtentWriter::write`], or else to be discarded.
    pub fn reserve(&mut self, len: u64) -> u64 {
        self.extents.place(len)
    }

    /// Gives back an extent that no commit will name.
    pub fn discard(&mut self, offset: u64, len: u64) {
        self.extents.discard(offset, len);
    }

    /// Gives back an extent that commits from `generation` on do not name. The slot before that one
    /// does until it is overwritten, and readers may look at it for longer.
    pub fn release(&mut self, generation: u64, offset: u64, len: u64) {
        self.extents.release(generation, offset, len, &self.readers);
    }

    /// Who reads now, besides this writer.
    pub fn readers(&self) -> Readers {
        Readers::look(&**self.file())
    }

    /// Bytes that would be free but for readers.
    pub fn kept_for_readers(&self) -> u64 {
        self.extents.kept()
    }

    /// Commits `edits` and the new state. `base` gives the whole catalog with the edits applied; it
    /// is asked for only when the manifest is folded. A full disk fails the commit and nothing
    /// else: the state before stays in force, and a later commit may fit.
    pub fn commit(
        &mut self,
        edits: &[Edit],
        base: &dyn Fn() -> Vec<Edit>,
        state: NewState,
    ) -> Result<()> {
        self.commit_with(edits, base, state, false)
    }

    /// Commits what is there, with its manifest in a free place before the one it has; `false` if
    /// there is none.
    pub fn move_manifest(&mut self, base: &dyn Fn() -> Vec<Edit>, state: NewState) -> Result<bool> {
        let room = room_for(self.record(KIND_BASE, self.slot.generation + 1, &base()).len());
        let Some(place) = self.reserve_before(self.slot.manifest_at, room) else {
            return Ok(false);
        };
        // The commit reserves the first place that is large enough: this one.
        self.discard(place, room);
        self.commit_with(&[], base, state, true).map(|()| true)
    }

    fn commit_with(
        &mut self,
        edits: &[Edit],
        base: &dyn Fn() -> Vec<Edit>,
        state: NewState,
        fold: bool,
    ) -> Result<()> {
        self.sink.health.check()?;
        let generation = self.slot.generation + 1;
        let mut next = Slot {
            generation,
            compatible: self.slot.compatible & KNOWN_COMPATIBLE,
            incompatible: self.features,
            epoch: state.epoch,
            log_start: state.log_start,
            durable_lsn: state.durable_lsn,
            next_lsn: state.next_lsn,
            next_seq: state.next_seq,
            log_expected: state.log_expected,
            next_segment: self.next_segment.load(Ordering::Acquire),
            ..self.slot
        };
        if !next.is_sane() {
            let message =
                "a count of the database is at its end: what comes next would not be read";
            return Err(Error::corruption(message).at(self.path(), slot_offset(generation)));
        }
        let folded = fold || !self.append_delta(&mut next, edits)?;
        if folded {
            self.write_base(&mut next, base)?;
        }
        // Places at the end may be reserved and not written yet: nothing committed is there.
        next.file_len = self.extents.end().min(self.sink.written.load(Ordering::Acquire));
        self.sync()?;
        self.write_slot(&next)?;
        self.sync()?;
        let before = std::mem::replace(&mut self.slot, next);
        self.other_len = Some(before.file_len);
        if folded {
            self.release(generation, before.manifest_at, before.manifest_room);
        }
        // Published first: who is not seen now reads this commit or a later one.
        self.readers = self.readers();
        self.extents.settle(generation, &self.readers);
        Ok(())
    }

    /// Gives the system back what is free: the file's tail is cut off, unless somebody reads, holes
    /// are punched into the rest.
    pub fn trim(&mut self) -> Result<()> {
        self.sink.health.check()?;
        let io = |e| Error::from_io("give back free space of", self.path(), e);
        for (offset, len) in self.extents.free() {
            let (from, to) = (offset.next_multiple_of(PAGE), (offset + len) / PAGE * PAGE);
            if from < to {
                self.file().punch(from, to - from).map_err(io)?;
            }
        }
        let Some(other_len) = self.other_len else { return Ok(()) };
        if !self.readers().is_empty() {
            return Ok(()); // they may be about to compare the length with that of a slot before
        }
        let end = self.extents.end().max(self.slot.file_len).max(other_len);
        if self.file().len().map_err(io)? > end {
            self.file().set_len(end).map_err(io)?;
            self.sink.written.fetch_min(end, Ordering::AcqRel);
        }
        Ok(())
    }

    /// A free place before `offset` for so many bytes, if there is one.
    pub fn reserve_before(&mut self, offset: u64, len: u64) -> Option<u64> {
        self.extents.place_before(offset, len)
    }

    /// Writes the slot in force and the `extents` again, as they are, and syncs. What recovery read
    /// may be in memory only, because the process before was killed or a sync of its failed; a
    /// sync alone would pass over pages that a failed one has marked as clean.
    pub fn write_again(&self, extents: &[(u64, u64)]) -> Result<()> {
        for &(offset, len) in extents {
            let bytes = self.file().map(offset, len as usize);
            let bytes = bytes.map_err(|e| Error::from_io("read", self.path(), e))?;
            self.sink.write_at(&bytes, offset)?;
        }
        self.write_slot(&self.slot)?;
        self.sync()
    }

    /// Appends a delta, if there is anything to say; `false` if there is no room for it.
    fn append_delta(&mut self, next: &mut Slot, edits: &[Edit]) -> Result<bool> {
        if edits.is_empty() {
            return Ok(true);
        }
        let delta = self.record(KIND_DELTA, next.generation, edits);
        if next.manifest_len + delta.len() as u64 > next.manifest_room {
            return Ok(false);
        }
        self.sink.write_at(&delta, next.manifest_at + next.manifest_len)?;
        next.manifest_len += delta.len() as u64;
        Ok(true)
    }

    /// Folds the manifest: writes the whole catalog elsewhere.
    fn write_base(&mut self, next: &mut Slot, base: &dyn Fn() -> Vec<Edit>) -> Result<()> {
        let mut base = self.record(KIND_BASE, next.generation, &base());
        next.manifest_len = base.len() as u64;
        next.manifest_room = room_for(base.len());
        // The room is written too: a file that ends inside it could not be told from a cut one.
        base.resize(next.manifest_room as usize, 0);
        next.manifest_at = self.reserve(next.manifest_room);
        let written = self.sink.write(&base, next.manifest_at);
        if written.is_err() {
            self.discard(next.manifest_at, next.manifest_room);
        }
        written
    }

    fn record(&self, kind: u8, generation: u64, edits: &[Edit]) -> Vec<u8> {
        let mut body = Vec::new();
        encode_edits(edits, &mut body);
        Frame::new(MANIFEST_MAGIC, kind, generation, 0, self.slot.salt, &body).record(&body)
    }

    fn write_slot(&self, slot: &Slot) -> Result<()> {
        let written = write_all_at(&**self.file(), &slot.to_bytes(), slot_offset(slot.generation));
        written.map_err(|e| {
            // Even a full disk: who knows which slot is there now?
            let error = Error::from_io("write a header slot", self.path(), e);
            self.sink.health.poison(&error);
            error
        })
    }

    fn sync(&self) -> Result<()> {
        self.file().sync().map_err(|e| {
            let error = Error::from_io("sync", self.path(), e);
            self.sink.health.poison(&error);
            error
        })
    }
}
