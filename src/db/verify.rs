//! Whether the bytes of a database are what was written, all of them.
//!
//! Header, manifest and log are read again from the file, as the next opening will. While the
//! database is written to, that is done under the lock of the main file: no commit happens
//! meanwhile, appends go on. Segments never change, so they are read without a lock.

use std::path::Path;
use std::sync::Arc;

use crate::db::catalog::{TableView, View};
use crate::db::core::{Core, Main};
use crate::db::segment::{Place, Segment};
use crate::db::stats::Problem;
use crate::error::{Error, ErrorKind, Result};
use crate::format::HEADER_LEN;
use crate::format::check::check_segment;
use crate::format::frame::log_salt;
use crate::format::log::LOG_START;
use crate::format::slot::{Slot, SlotState, slot_offset};
use crate::store::recovery::{find, read_manifest, read_slots, read_whole};
use crate::store::replay::{record_at, replay};

/// Told how many bytes were looked at, and of how many. An error ends what is being done.
///
/// ```
/// use chronolite::{Error, ErrorKind};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// db.flush()?;
/// let stopped = db.verify_with(&mut |done, total| {
///     println!("{done} of {total} bytes");
///     Err(Error::new(ErrorKind::InvalidInput, "that is enough"))
/// });
/// assert_eq!(stopped.unwrap_err().message(), "that is enough");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// What a check of all bytes found.
///
/// ```
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// db.flush()?;
/// let report = db.verify()?;
/// assert_eq!((report.segments, report.rows), (1, 3));
/// assert!(report.ok() && report.problems.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Segments that were checked.
    pub segments: u64,
    /// Blocks that were checked and decoded.
    pub blocks: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Log records that were checked: those that the next opening would replay.
    pub log_records: u64,
    /// Bytes of them.
    pub log_bytes: u64,
    /// Bytes of the manifest.
    pub manifest_bytes: u64,
    /// Bytes of the main file that nothing uses now.
    pub free_bytes: u64,
    /// What is not as it was written.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// True if everything is as it was written.
    ///
    /// ```
    /// use std::fs;
    /// use chronolite::{DataType, Db, DbOptions, StoragePolicy, TableSpec};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("plant.chl");
    /// let db = Db::open(&path, DbOptions::default())?;
    /// let spec = TableSpec::new([("temp", DataType::F64)]).storage(StoragePolicy::Raw);
    /// db.create_table("sensor", spec)?.append_row(1000, &[20.5.into()])?;
    /// db.close()?;
    /// // A value is damaged.
    /// let mut bytes = fs::read(&path)?;
    /// let value = 20.5f64.to_le_bytes();
    /// let at = bytes.windows(8).position(|eight| eight == value).expect("it is in the file");
    /// bytes[at] ^= 1;
    /// fs::write(&path, &bytes)?;
    /// assert!(!Db::open(&path, DbOptions::default())?.verify()?.ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: &Path, offset: u64, message: impl Into<String>) {
        let (file, message) = (file.to_path_buf(), message.into());
        self.problems.push(Problem { file, offset, message });
    }

    /// Notes damage; passes on what is no damage.
    fn found<T>(&mut self, result: Result<T>, path: &Path) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.kind() == ErrorKind::Corruption => {
                let file = e.file().unwrap_or(path).to_path_buf();
                self.problem(&file, e.offset().unwrap_or(0), e.message());
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

/// Checks everything.
pub(crate) fn verify(core: &Core, progress: Progress<'_>) -> Result<VerifyReport> {
    core.check_open()?;
    let mut report = VerifyReport::default();
    let view = match core.is_writable() {
        true => verify_written(core, &mut report)?,
        false => verify_closed(core, &mut report)?,
    };
    let at = core.place();
    let total = view.tables().flat_map(|t| t.segments.iter()).map(|s| s.entry.len).sum();
    for table in view.tables() {
        for segment in table.segments.iter() {
            core.check_open()?;
            verify_segment(segment, table, &at, &mut report);
            progress(report.bytes, total)?;
        }
    }
    Ok(report)
}

/// Header, manifest and log of a database that is open for writing; returns its view.
fn verify_written(core: &Core, report: &mut VerifyReport) -> Result<Arc<View>> {
    let guard = core.main();
    let Some(main) = guard.as_ref() else { return Err(core.closed()) };
    let slot = *main.file.slot();
    verify_slots(core, &slot, report)?;
    verify_manifest(core, &slot, report)?;
    verify_log(core, &slot, report)?;
    let (view, _) = core.snapshot();
    verify_extents(core, main, &view, report);
    Ok(view)
}

/// The same for one that is open for reading, as opening it again would find it, unless somebody
/// writes to it: then they change meanwhile.
fn verify_closed(core: &Core, report: &mut VerifyReport) -> Result<Arc<View>> {
    let is_locked =
        || core.file.is_locked().map_err(|e| Error::from_io("look at the lock of", &core.path, e));
    let view = core.now().map(|(view, _)| view);
    if is_locked()? {
        return view;
    }
    let found = find(&*core.storage, &core.path, false);
    if is_locked()? {
        return view;
    }
    let view = core.snapshot().0;
    let found = report.found(found, &core.path)?;
    let Some(found) = found else { return Ok(view) };
    verify_slots(core, &found.slot, report)?;
    verify_manifest(core, &found.slot, report)?;
    if let Some(log) = found.log.filter(|log| !log.stale) {
        let end = replay(&log.bytes, &log.path, &log.header, &found.slot, |_| Ok(true));
        if let Some(end) = report.found(end, &log.path)? {
            report.log_records = end.records;
            report.log_bytes = end.at - found.slot.log_start;
        }
    }
    Ok(view)
}

/// Both slots are whole, and the one in force says what it is thought to say.
fn verify_slots(core: &Core, slot: &Slot, report: &mut VerifyReport) -> Result<()> {
    let len = file_len(core)?;
    for (page, state) in read_slots(&*core.file, &core.path, len)?.into_iter().enumerate() {
        let at = slot_offset(page as u64);
        let in_force = slot.generation % 2 == page as u64;
        match state {
            SlotState::Valid(there) if in_force && there != *slot => {
                report.problem(&core.path, at, "the header slot is not the one that was written");
            }
            SlotState::Valid(_) => {}
            SlotState::Damaged | SlotState::Foreign => {
                report.problem(&core.path, at, "a header slot is damaged");
            }
        }
    }
    if len < slot.file_len {
        let message =
            format!("the file was cut: it has {len} bytes, {} were committed", slot.file_len);
        report.problem(&core.path, len, message);
    }
    Ok(())
}

/// The manifest can be read and makes a catalog.
fn verify_manifest(core: &Core, slot: &Slot, report: &mut VerifyReport) -> Result<()> {
    report.manifest_bytes = slot.manifest_len;
    let edits = read_manifest(&*core.file, &core.path, file_len(core)?, slot, false);
    let Some(edits) = report.found(edits, &core.path)? else { return Ok(()) };
    let mut view = View::default();
    if !edits.iter().all(|edit| view.apply(edit)) {
        report.problem(&core.path, slot.manifest_at, "the manifest contradicts itself");
    }
    Ok(())
}

/// Every record that a replay would read is whole.
fn verify_log(core: &Core, slot: &Slot, report: &mut VerifyReport) -> Result<()> {
    let (file, path, end) = {
        let writer = core.writer();
        let Some(log) = writer.as_ref().and_then(|writer| writer.log.as_ref()) else {
            return Ok(());
        };
        (Arc::clone(log.file()), log.path().to_path_buf(), log.end())
    };
    let io = |e| Error::from_io("read the log", &path, e);
    // Without a record it may be shorter than where the next one goes.
    let there = file.len().map_err(io)?.min(end);
    let bytes = read_whole(&*file, 0, there).map_err(io)?;
    let salt = log_salt(slot.salt, slot.epoch);
    let (mut at, mut lsn) = (slot.log_start.max(LOG_START), slot.next_lsn);
    while at < end {
        match record_at(&bytes, at, salt).filter(|record| record.frame.seq == lsn) {
            Some(record) => at += record.frame.total_len(),
            None => {
                report.problem(&path, at, format!("log record {lsn} is damaged"));
                return Ok(());
            }
        }
        (lsn, report.log_records) = (lsn + 1, report.log_records + 1);
    }
    report.log_bytes = end - slot.log_start.max(LOG_START);
    Ok(())
}

/// Nothing is used twice, nor down as free while it is used.
fn verify_extents(core: &Core, main: &Main, view: &View, report: &mut VerifyReport) {
    let slot = main.file.slot();
    let entries = view.tables().flat_map(|t| t.segments.iter().map(|s| &s.entry));
    let mut used: Vec<(u64, u64)> = entries.map(|entry| (entry.offset, entry.len)).collect();
    used.push((slot.manifest_at, slot.manifest_room));
    used.sort_unstable();
    for pair in used.windows(2) {
        if let [(a, len), (b, _)] = pair
            && a + len > *b
        {
            report.problem(&core.path, *b, format!("an extent that the one at {a} overlaps"));
        }
    }
    if let Some(at) = main.file.double_booked(&used) {
        report.problem(&core.path, at, "an extent in use is down as free");
    }
    let within = used.iter().filter(|(offset, _)| *offset < slot.file_len);
    let bytes: u64 = within.map(|(_, len)| len).sum();
    report.free_bytes = slot.file_len.saturating_sub(HEADER_LEN).saturating_sub(bytes);
}

fn verify_segment(
    segment: &Arc<Segment>,
    table: &TableView,
    at: &Place<'_>,
    report: &mut VerifyReport,
) {
    report.segments += 1;
    report.bytes += segment.entry.len;
    let (footer, extent) = match segment.map(at) {
        Ok(mapped) => mapped,
        Err(e) => {
            let file = e.file().unwrap_or(at.path).to_path_buf();
            report.problem(&file, e.offset().unwrap_or(segment.entry.offset), e.message());
            return;
        }
    };
    let checked = check_segment(&segment.entry, &table.def.spec, &footer, &extent);
    if checked.problems.is_empty() {
        report.blocks += checked.blocks;
        report.rows += u64::from(segment.entry.rows);
    }
    for bad in checked.problems {
        let error = segment.damage(at.path, bad);
        report.problem(at.path, error.offset().unwrap_or(segment.entry.offset), error.message());
    }
}

fn file_len(core: &Core) -> Result<u64> {
    core.file.len().map_err(|e| Error::from_io("read the length of", &core.path, e))
}
