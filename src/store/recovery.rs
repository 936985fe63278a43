//! Opening a database: which slot is in force, what its manifest says, what its log is to it
//! (SPEC 4.3 and 5.4). Replaying the log's rows is the caller's, who knows the tables.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_buffer::Buffer;

use crate::error::{Error, ErrorKind, Result};
use crate::format::edit::{Edit, KIND_BASE, KIND_DELTA, decode_edits};
use crate::format::frame::{Frame, LOG_MAGIC, MANIFEST_MAGIC, log_salt};
use crate::format::log::{LOG_START, LogHeader};
use crate::format::slot::{
    FORMAT_VERSION, KNOWN_INCOMPATIBLE, SLOT_LEN, SLOT_MAGIC, Slot, SlotState,
};
use crate::format::{HEADER_LEN, PAGE};
use crate::store::lock::WriterLock;
use crate::store::log_file::log_path;
use crate::store::main_file::empty_file;
use crate::store::storage::{File, OpenMode, Storage, read_exact_at, write_all_at};

/// A database as it stands on disk.
#[derive(Debug)]
pub struct Found {
    /// The main file.
    pub file: Arc<dyn File>,
    /// Its path, with symlinks followed: its sidecars stand beside it.
    pub path: PathBuf,
    /// The right to write, unless it was opened for reading.
    pub lock: Option<WriterLock>,
    /// The slot in force.
    pub slot: Slot,
    /// The manifest: edits that make the catalog.
    pub edits: Vec<Edit>,
    /// The log, if it counts.
    pub log: Option<FoundLog>,
}

/// A log that goes with the slot in force.
#[derive(Debug)]
pub struct FoundLog {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where it stands.
    pub path: PathBuf,
    /// Its header.
    pub header: LogHeader,
    /// Its bytes; empty if the log was about to be reset when the writer died.
    pub bytes: Buffer,
    /// The header is of an epoch before: it is to be reset before anything is appended.
    pub stale: bool,
}

/// Opens the database at `path`, for writing under its lock and created if it is missing, or for
/// reading.
pub fn find(storage: &dyn Storage, path: &Path, write: bool) -> Result<Found> {
    let path = storage.resolve(path).map_err(|e| Error::from_io("find the database", path, e))?;
    let (file, lock) = if write {
        let (file, lock) = open_or_create(storage, &path)?;
        (file, Some(lock))
    } else {
        (open_to_read(storage, &path)?, None)
    };
    find_in(storage, file, path, lock)
}

/// Opens the main file to read it; its path is resolved already.
pub fn open_to_read(storage: &dyn Storage, path: &Path) -> Result<Arc<dyn File>> {
    let file = storage.open(path, OpenMode::Read);
    file.map_err(|e| Error::from_io("open the database", path, e))
}

/// The same for a main file that is open, for writing if its lock is given.
pub fn find_in(
    storage: &dyn Storage,
    file: Arc<dyn File>,
    path: PathBuf,
    lock: Option<WriterLock>,
) -> Result<Found> {
    let len = file.len().map_err(|e| Error::from_io("read", &path, e))?;
    let (slot, other_is_damaged) = choose_slot(&*file, &path, len)?;
    // Only now is it known to be a database of ours that this library reads.
    if let Some(lock) = &lock {
        // Only a message is lost if this fails; a sick disk shows at the next real write.
        let _ = lock.announce();
        remove_temporaries(storage, &path);
    }
    let edits = read_manifest(&*file, &path, len, &slot, other_is_damaged)?;
    let how = if lock.is_some() { LogUse::Append } else { LogUse::Read };
    let log = find_log(storage, &path, &slot, other_is_damaged, how)?;
    Ok(Found { file, path, lock, slot, edits, log })
}

fn open_or_create(storage: &dyn Storage, path: &Path) -> Result<(Arc<dyn File>, WriterLock)> {
    match storage.open(path, OpenMode::Write) {
        Ok(file) => {
            let lock = WriterLock::acquire(&file, path)?;
            Ok((file, lock))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => create(storage, path),
        Err(e) => Err(Error::from_io("open the database for writing", path, e)),
    }
}

/// Makes a new file under another name, locks it, and only then gives it its name: nobody ever
/// sees less than an empty database there, and two who create at once end up with one.
fn create(storage: &dyn Storage, path: &Path) -> Result<(Arc<dyn File>, WriterLock)> {
    let temporary = temporary_name(path);
    let fail = |e| Error::from_io("create the database", path, e);
    let made = write_new(storage, &temporary).and_then(|made| {
        storage.publish(&temporary, path)?;
        Ok(made)
    });
    match made {
        Ok((file, lock)) => {
            if let Err(e) = storage.sync_dir_of(path) {
                // A later sync may wrongly succeed, so a name that may never last is taken back.
                let _ = storage.remove(path);
                return Err(fail(e));
            }
            Ok((file, lock.map_err(|e| e.in_file(path))?))
        }
        Err(e) => {
            let _ = storage.remove(&temporary);
            // Somebody else was quicker: the name is taken, or what we had made was taken for a
            // leftover. Theirs is the database now.
            let lost = matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound);
            if !lost || !storage.exists(path).unwrap_or(false) {
                return Err(fail(e));
            }
            let file = storage.open(path, OpenMode::Write);
            let file = file.map_err(|e| Error::from_io("open the database", path, e))?;
            let lock = WriterLock::acquire(&file, path)?;
            Ok((file, lock))
        }
    }
}

type Locked = (Arc<dyn File>, Result<WriterLock>);

fn write_new(storage: &dyn Storage, temporary: &Path) -> io::Result<Locked> {
    let file = storage.open(temporary, OpenMode::CreateNew)?;
    write_all_at(&*file, &empty_file(new_salt()), 0)?;
    let lock = WriterLock::acquire(&file, temporary);
    file.sync()?;
    Ok((file, lock))
}

/// A name for a database that is being made and will be called `path`. Whoever opens that removes
/// what a crash left behind under such names.
pub fn temporary_name(path: &Path) -> PathBuf {
    static TEMPORARIES: AtomicU32 = AtomicU32::new(0);
    let count = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
    let mut name = temporary_prefix(path);
    name.push(format!("{}-{count}", std::process::id()));
    PathBuf::from(name)
}

fn temporary_prefix(path: &Path) -> std::ffi::OsString {
    let mut name = path.as_os_str().to_owned();
    name.push("-new-");
    name
}

/// What a crash while creating left behind: files of such a name that are databases of ours, and
/// nobody's yet. We hold the lock of the file that has the name.
fn remove_temporaries(storage: &dyn Storage, path: &Path) {
    let prefix = PathBuf::from(temporary_prefix(path));
    let Some(start) = prefix.file_name().map(|name| name.as_encoded_bytes().to_vec()) else {
        return;
    };
    for stale in storage.siblings(&prefix).unwrap_or_default() {
        let name = stale.file_name().map(|name| name.as_encoded_bytes().to_vec());
        let rest = name.as_deref().and_then(|name| name.strip_prefix(start.as_slice()));
        if rest.is_some_and(is_process_and_count) && is_new_database(storage, &stale) {
            let _ = storage.remove(&stale);
        }
    }
}

/// True for `<digits>-<digits>`.
fn is_process_and_count(rest: &[u8]) -> bool {
    let mut parts = rest.split(|byte| *byte == b'-');
    let digits = |part: Option<&[u8]>| {
        part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    digits(parts.next()) && digits(parts.next()) && parts.next().is_none()
}

/// True if the file begins as ours do, or was never written.
fn is_new_database(storage: &dyn Storage, path: &Path) -> bool {
    let Ok(file) = storage.open(path, OpenMode::Read) else { return false };
    let mut magic = [0; SLOT_MAGIC.len()];
    file.len().is_ok_and(|len| len == 0)
        || (read_exact_at(&*file, &mut magic, 0).is_ok() && magic == SLOT_MAGIC)
}

/// A number that no other database has: from the system's hash seeds, the time and the process.
fn new_salt() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    hasher.write_u128(now.map_or(0, |d| d.as_nanos()));
    hasher.finish()
}

/// What stands in the places of the two slots of a file of `len` bytes.
pub fn read_slots(file: &dyn File, path: &Path, len: u64) -> Result<[SlotState; 2]> {
    let read = |at: u64| -> Result<SlotState> {
        let mut bytes = [0; SLOT_LEN];
        let room = usize::try_from(len.saturating_sub(at)).unwrap_or(SLOT_LEN).min(SLOT_LEN);
        let part = bytes.split_at_mut(room).0;
        read_exact_at(file, part, at).map_err(|e| Error::from_io("read", path, e))?;
        Ok(Slot::parse(part))
    };
    Ok([read(0)?, read(PAGE)?])
}

/// The valid slot of the higher generation, and whether the other one is damaged.
fn choose_slot(file: &dyn File, path: &Path, len: u64) -> Result<(Slot, bool)> {
    let [first, second] = read_slots(file, path, len)?;
    let (slot, other_is_damaged) = match (first, second) {
        (SlotState::Valid(a), SlotState::Valid(b)) if a.salt != b.salt => {
            let message = "the two header slots are of different databases";
            return Err(Error::corruption(message).at(path, 0));
        }
        (SlotState::Valid(a), SlotState::Valid(b)) => {
            (if a.generation > b.generation { a } else { b }, false)
        }
        (SlotState::Valid(slot), _) | (_, SlotState::Valid(slot)) => (slot, true),
        (SlotState::Foreign, SlotState::Foreign) => {
            let what = if len == 0 { "the file is empty" } else { "not a chronolite file" };
            return Err(Error::corruption(format!("{what}: no header is there")).at(path, 0));
        }
        _ => return Err(Error::corruption("both header slots are damaged").at(path, 0)),
    };
    refuse_unknown(&slot, path)?;
    if len < slot.file_len {
        let message =
            format!("the file was cut: it has {len} bytes, {} were committed", slot.file_len);
        return Err(Error::corruption(message).at(path, len));
    }
    Ok((slot, other_is_damaged))
}

/// Fails for a file that this library cannot read.
pub fn refuse_unknown(slot: &Slot, path: &Path) -> Result<()> {
    refuse(slot.version, slot.incompatible & !KNOWN_INCOMPATIBLE, path)
}

/// The same for a log.
pub fn refuse_unknown_log(header: &LogHeader, path: &Path) -> Result<()> {
    refuse(header.version, 0, path)
}

fn refuse(version: u32, unknown_flags: u64, path: &Path) -> Result<()> {
    let message = if version > FORMAT_VERSION || unknown_flags != 0 {
        format!(
            "format version {version} with feature flags {unknown_flags:#x} is newer than this \
             library reads (version {FORMAT_VERSION}); use a newer chronolite"
        )
    } else if version < FORMAT_VERSION {
        format!(
            "format version {version} is of a chronolite before its first release; this library \
             reads version {FORMAT_VERSION}: write the data anew with it"
        )
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Format, message).in_file(path))
}

/// Reads `len` bytes; a file that claims more than there is memory for is an error, not the end.
pub fn read_whole(file: &dyn File, at: u64, len: u64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.resize(len, 0);
    read_exact_at(file, &mut bytes, at)?;
    Ok(bytes)
}

/// The slot in force, for whoever looks at it again and again while a writer is at work: of the two
/// the one that is being written may be damaged for a moment.
pub fn newest_slot(file: &dyn File, path: &Path) -> Result<Slot> {
    let len = file.len().map_err(|e| Error::from_io("read", path, e))?;
    choose_slot(file, path, len).map(|(slot, _)| slot)
}

/// The edits of the deltas that a manifest has behind its first `known` bytes.
pub fn read_deltas(file: &dyn File, path: &Path, slot: &Slot, known: u64) -> Result<Vec<Edit>> {
    let at = slot.manifest_at.saturating_add(known);
    let deltas = read_whole(file, at, slot.manifest_len.saturating_sub(known));
    let deltas = deltas.map_err(|e| Error::from_io("read", path, e))?;
    decode_manifest(&deltas, at, path, slot, 1).map(|(edits, _)| edits)
}

/// Opens the log that goes with the slot, to follow it; `None` if there is none, or none yet.
pub fn open_log(
    storage: &dyn Storage,
    main: &Path,
    slot: &Slot,
) -> Result<Option<(Arc<dyn File>, PathBuf)>> {
    let found = find_log(storage, main, slot, false, LogUse::Follow)?;
    Ok(found.filter(|log| !log.stale).map(|log| (log.file, log.path)))
}

/// Reads base and deltas into one list of edits.
pub fn read_manifest(
    file: &dyn File,
    path: &Path,
    len: u64,
    slot: &Slot,
    other_is_damaged: bool,
) -> Result<Vec<Edit>> {
    let (at, room) = (slot.manifest_at, slot.manifest_room);
    let corrupt = |what: String, offset: u64| Err(Error::corruption(what).at(path, offset));
    let inside = at.checked_add(room).is_some_and(|end| end <= len && at >= HEADER_LEN);
    if !inside || slot.manifest_len > room {
        return corrupt("the header names a manifest outside the file".into(), at);
    }
    // Read, not mapped: what is behind the deltas is written later. It is looked at only where it
    // may tell of a commit whose slot is damaged.
    let read = if other_is_damaged { room } else { slot.manifest_len };
    let bytes = read_whole(file, at, read).map_err(|e| Error::from_io("read", path, e))?;
    let (records, behind) = bytes.split_at(slot.manifest_len as usize);
    let (edits, last) = decode_manifest(records, at, path, slot, 0)?;
    if last == 0 {
        return corrupt("the manifest has no base".into(), at);
    }
    let next = Frame::parse_record(behind, MANIFEST_MAGIC).ok().map(|(frame, _)| frame);
    if other_is_damaged && next.is_some_and(|f| f.seq == slot.generation + 1 && f.salt == slot.salt)
    {
        let generation = slot.generation + 1;
        let message = format!(
            "the header slot of commit {generation} is damaged; the one before it is whole, but \
             opening it would lose that commit"
        );
        return corrupt(message, crate::format::slot::slot_offset(generation));
    }
    Ok(edits)
}

/// The edits of manifest records that begin at byte `at`, the first of them the base unless
/// some come `before` it, and the commit of the last.
fn decode_manifest(
    records: &[u8],
    at: u64,
    path: &Path,
    slot: &Slot,
    before: usize,
) -> Result<(Vec<Edit>, u64)> {
    let corrupt = |what: String, offset: u64| Err(Error::corruption(what).at(path, offset));
    let (mut edits, mut position, mut last) = (Vec::new(), 0, 0);
    while position < records.len() {
        let offset = at + position as u64;
        let (frame, body) = match Frame::parse_record(&records[position..], MANIFEST_MAGIC) {
            Ok(record) => record,
            Err(bad) => return corrupt(format!("manifest: {}", bad.what), offset + bad.at as u64),
        };
        let kind = if position + before == 0 { KIND_BASE } else { KIND_DELTA };
        let in_order = frame.seq > last && frame.seq <= slot.generation;
        if frame.kind != kind || frame.salt != slot.salt || !in_order {
            return corrupt("manifest: a record that does not belong here".into(), offset);
        }
        match decode_edits(body) {
            Ok(more) if edits.is_empty() => edits = more,
            Ok(more) => edits.extend(more),
            Err(bad) => return corrupt(format!("manifest: {}", bad.what), offset + bad.at as u64),
        }
        last = frame.seq;
        position += frame.total_len() as usize;
    }
    Ok((edits, last))
}

/// What a log is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogUse {
    /// To be read as a whole and appended to.
    Append,
    /// To be read as a whole.
    Read,
    /// To be read piece by piece, as it grows.
    Follow,
}

/// Finds the log and decides what it is to the slot in force. A log that is newer than the slot,
/// other than empty and just created, means that a newer slot was damaged.
fn find_log(
    storage: &dyn Storage,
    main: &Path,
    slot: &Slot,
    other_is_damaged: bool,
    how: LogUse,
) -> Result<Option<FoundLog>> {
    let path = log_path(main);
    let io = |e| Error::from_io("read the log", &path, e);
    if !storage.exists(&path).map_err(io)? {
        if slot.log_expected {
            let message = "the database was not closed and its log is missing; a log stands \
                           beside its database under the same name with -wal";
            return Err(Error::corruption(message).at(&path, 0));
        }
        return Ok(None);
    }
    let mode = if how == LogUse::Append { OpenMode::Write } else { OpenMode::Read };
    let file = match storage.open(&path, mode) {
        // It may be one that is only looked at and does not count.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            storage.open(&path, OpenMode::Read)
        }
        opened => opened,
    };
    let file = file.map_err(io)?;
    let len = file.len().map_err(io)?;
    let head = read_whole(&*file, 0, len.min(LOG_START)).map_err(io)?;
    let corrupt = |message: String, at: u64| Err(Error::corruption(message).at(&path, at));
    let header = match LogHeader::parse(&head) {
        Ok(header) => header,
        // A crash while the log was being made or removed leaves anything.
        Err(_) if !slot.log_expected && !other_is_damaged => return Ok(None),
        Err(bad) => return corrupt(format!("log: {}", bad.what), bad.at as u64),
    };
    if header.salt != slot.salt {
        // Beside a database that was closed it is a stranger's; one that was not needs its own.
        return match slot.log_expected {
            true => corrupt("the log is another database's".into(), 16),
            false => Ok(None),
        };
    }
    refuse_unknown_log(&header, &path)?;
    let needed = header.epoch >= slot.epoch && how != LogUse::Follow;
    let bytes = if needed { read_whole(&*file, 0, len).map_err(io)? } else { vec![] };
    let bytes = Buffer::from_vec(bytes);
    let newer = "the log is newer than the newest whole header slot: a later slot is damaged, and \
                 opening the one before it would lose a commit";
    match (slot.log_expected, header.epoch) {
        (true, epoch) if epoch == slot.epoch => {
            Ok(Some(FoundLog { file, path, header, bytes, stale: false }))
        }
        // The header of a new epoch is not synced for itself, so several resets may be lost at
        // once. A sync of any record would have taken the header along: nothing durable is lost.
        (true, epoch) if epoch < slot.epoch && slot.durable_lsn < slot.next_lsn => {
            let bytes = Buffer::from_vec(Vec::<u8>::new());
            Ok(Some(FoundLog { file, path, header, bytes, stale: true }))
        }
        (false, epoch) if epoch <= slot.epoch || !has_records(&bytes, &header) => Ok(None),
        (_, epoch) if epoch > slot.epoch => corrupt(newer.into(), 24),
        (_, epoch) => {
            corrupt(format!("the log is of epoch {epoch}, the database of {}", slot.epoch), 24)
        }
    }
}

/// True if a whole record of the log's epoch stands at its start.
fn has_records(bytes: &[u8], header: &LogHeader) -> bool {
    let salt = log_salt(header.salt, header.epoch);
    let first =
        bytes.get(LOG_START as usize..).and_then(|b| Frame::parse_record(b, LOG_MAGIC).ok());
    first.is_some_and(|(frame, _)| frame.salt == salt)
}
