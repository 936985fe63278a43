//! Salvage: what can be read of a damaged database, in a new file (SPEC 11).
//!
//! The source is never written to. If header and manifest are whole they are believed, and only
//! damaged segments are searched for rows that are left. If not, `catalog` puts together what all
//! manifest records say that are left, and segments are found by their footers. A row is known by
//! its number, which no other row has, so that nothing is there twice however it was found.
//!
//! - `catalog`: which tables and segments there are
//! - `log`: rows and definitions that stand in the log
//! - `rescue`: what is left of a segment
//! - `target`: the new file
//! - `report`: what was found, kept and lost

mod catalog;
mod log;
mod report;
mod rescue;
mod target;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use report::{SalvageReport, SalvagedTable};

use crate::db::deletes::Delete;
use crate::db::segment::Place;
use crate::db::verify::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::format::edit::SegmentEntry;
use crate::format::spec::TableDef;
use crate::store::RealStorage;
use crate::store::lock::refuse_beside_writer;
use crate::store::log_file::log_path;
use crate::store::storage::{File, OpenMode, Storage};
use catalog::Catalog;
use log::LogRows;
use report::Run;
use rescue::{Opened, missing_from, without_deleted};
use target::Target;

/// The database to read.
struct Source {
    storage: Arc<dyn Storage>,
    file: Arc<dyn File>,
    path: PathBuf,
    len: u64,
}

/// Writes what can be read of the database at `source` to a new one at `target`, and says what was
/// lost. The rows keep their values, numbers and order, the tables their definitions. Where only
/// blocks of a column are damaged, their rows are kept and read null in that column.
///
/// `progress` is told how many bytes were looked at, and of how many; an error of its own ends the
/// salvage. Nothing has the name `target` before all of it is written and synced.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, TableSpec, salvage};
///
/// # let folder = tempfile::tempdir()?;
/// # let (path, target) = (folder.path().join("plant.chl"), folder.path().join("saved.chl"));
/// # let db = Db::open(&path, DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// # for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
/// #     sensor.append_row(ts, &[temp.into()])?;
/// # }
/// # drop(sensor);
/// db.close()?;
/// let report = salvage(&path, &target, &mut |_, _| Ok(()))?;
/// assert!(report.ok());
/// let saved = Db::open(&target, DbOptions::default())?;
/// assert_eq!(saved.table("sensor")?.len()?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `Locked` if a writer has the source open, `Format` if it is of a newer version, `Corruption` if
/// nothing of a database is left, `Io` if the system refuses (`AlreadyExists` for a target that is
/// there).
pub fn salvage(
    source: impl AsRef<Path>,
    target: impl AsRef<Path>,
    progress: Progress<'_>,
) -> Result<SalvageReport> {
    salvage_with(Arc::new(RealStorage), source, target, progress)
}

/// The same over another storage than the operating system's files.
#[doc(hidden)]
pub fn salvage_with(
    storage: Arc<dyn Storage>,
    source: impl AsRef<Path>,
    target: impl AsRef<Path>,
    progress: Progress<'_>,
) -> Result<SalvageReport> {
    let source = Source::open(storage, source.as_ref())?;
    let target = refuse_existing(&*source.storage, target.as_ref())?;
    let mut run = Run::new(progress, &source.path);
    let mut catalog = Catalog::find(&source, &mut run)?;
    if catalog.complete && catalog.slot.is_some_and(|slot| slot.log_expected) {
        catalog.search_behind_log(&source, &mut run)?;
    }
    let log = LogRows::find(&source, &mut catalog, &mut run)?;
    run.expect(catalog.bytes());
    let mut new = Target::create(&source.storage, &target, catalog.tables.values(), &mut run)?;
    let accepted = keep_segments(&source, &catalog, &log, &mut new, &mut run)?;
    keep_log_rows(&source, &catalog, &log, &accepted, &mut new, &mut run)?;
    new.publish(catalog.next_lsn.max(log.next_lsn), catalog.next_seq.max(log.next_seq))?;
    Ok(run.report)
}

impl Source {
    fn open(storage: Arc<dyn Storage>, path: &Path) -> Result<Self> {
        let path =
            storage.resolve(path).map_err(|e| Error::from_io("find the database", path, e))?;
        let file = storage.open(&path, OpenMode::Read);
        let file = file.map_err(|e| Error::from_io("open the database", &path, e))?;
        refuse_beside_writer(&*file, &path)?;
        let len = file.len().map_err(|e| Error::from_io("read", &path, e))?;
        Ok(Self { storage, file, path, len })
    }

    fn place(&self, salt: u64) -> Place<'_> {
        Place { file: &*self.file, path: &self.path, salt, pin: None }
    }
}

/// The path of the target, which nothing may have, nor its log.
fn refuse_existing(storage: &dyn Storage, path: &Path) -> Result<PathBuf> {
    let io = |path: &Path, e| Error::from_io("create the salvaged database", path, e);
    let path = storage.resolve(path).map_err(|e| io(path, e))?;
    for taken in [path.clone(), log_path(&path)] {
        if storage.exists(&taken).map_err(|e| io(&taken, e))? {
            return Err(io(&taken, std::io::Error::from_raw_os_error(libc::EEXIST)));
        }
    }
    Ok(path)
}

/// A segment whose rows are in the target, as it stands in the source.
struct Accepted {
    entry: SegmentEntry,
    whole: bool,
}

/// Writes the segments that can be read, and returns which.
fn keep_segments(
    source: &Source,
    catalog: &Catalog,
    log: &LogRows,
    new: &mut Target,
    run: &mut Run<'_>,
) -> Result<Vec<Accepted>> {
    let place = source.place(catalog.salt);
    let mut accepted: Vec<Accepted> = Vec::new();
    for candidate in catalog.segments() {
        let Some(entry) = candidate.copies.first() else { continue };
        let Some(def) = new.table(entry.table).cloned() else { continue };
        match Opened::best(&candidate.copies, &def, &place) {
            Ok(opened) => {
                let taken = match (candidate.named, catalog.complete) {
                    (true, true) => Some(Vec::new()),
                    (_, false) => taken(&accepted, &opened, &def, &place),
                    // It may be a flush that a crash cut short: then its rows are in the log.
                    (false, true) => taken(&accepted, &opened, &def, &place)
                        .map(|taken| merged(taken, log.numbers(entry.table))),
                };
                let kept = match &taken {
                    Some(taken) => {
                        let deletes = catalog.deletes_for(entry, &def);
                        keep_segment(&opened, &def, taken, deletes, new)?
                    }
                    None => 0,
                };
                if (candidate.named && taken.is_some()) || kept > 0 {
                    let unnamed = catalog.complete && !candidate.named;
                    run.kept_segment(&def, &opened, kept, unnamed);
                }
                if kept > 0 {
                    let whole = kept == u64::from(entry.rows);
                    accepted.push(Accepted { entry: opened.entry, whole });
                }
            }
            Err(e) if e.kind() == ErrorKind::Corruption => run.lost_segment(&def, entry, &e),
            Err(e) => return Err(e),
        }
        run.advance(candidate.copies.iter().map(|copy| copy.len).sum())?;
    }
    Ok(accepted)
}

/// Writes the rows of a segment that are left, not `taken` and not deleted; returns how many.
fn keep_segment(
    opened: &Opened,
    def: &TableDef,
    taken: &[u64],
    deletes: Vec<Delete>,
    new: &mut Target,
) -> Result<u64> {
    if opened.is_whole() && taken.is_empty() && deletes.is_empty() {
        return new.copy(def, opened);
    }
    let rows = opened.rows(def, taken).map(|rows| without_deleted(rows, deletes, def));
    match rows.filter(|rows| rows.rows() > 0) {
        Some(rows) => new.write(def, &rows, opened.entry.as_of_lsn),
        None => Ok(0),
    }
}

/// The numbers of rows of a segment that others of its table brought already; `None` if one of
/// those is whole: then the segment was replaced by it, or is a copy of it.
fn taken(
    accepted: &[Accepted],
    opened: &Opened,
    def: &TableDef,
    place: &Place<'_>,
) -> Option<Vec<u64>> {
    let SegmentEntry { table, min_seq, max_seq, .. } = opened.entry;
    let mut numbers = None;
    let mut taken = Vec::new();
    for Accepted { entry, whole } in accepted {
        if entry.table != table || entry.min_seq > max_seq || entry.max_seq < min_seq {
            continue;
        }
        let Ok(other) = Opened::open(entry, def, place) else { continue };
        let numbers = numbers.get_or_insert_with(|| merged(opened.seqs(), Vec::new()));
        let mut shared = other.seqs();
        shared.retain(|seq| numbers.binary_search(seq).is_ok());
        if *whole && !shared.is_empty() {
            return None;
        }
        taken.extend(shared);
    }
    taken.sort_unstable();
    Some(taken)
}

/// All of these numbers, sorted.
fn merged(mut a: Vec<u64>, b: Vec<u64>) -> Vec<u64> {
    a.extend(b);
    a.sort_unstable();
    a
}

/// Writes the rows of the log that no segment brought.
fn keep_log_rows(
    source: &Source,
    catalog: &Catalog,
    log: &LogRows,
    accepted: &[Accepted],
    new: &mut Target,
    run: &mut Run<'_>,
) -> Result<()> {
    let place = source.place(catalog.salt);
    for (id, rows) in log.tables() {
        let Some(def) = new.table(id).cloned() else { continue };
        let mut rows = rows.sorted();
        if !catalog.complete {
            let of_table = accepted.iter().filter(|other| other.entry.table == id);
            for other in of_table.filter(|other| log.overlaps(&other.entry)) {
                if let Ok(opened) = Opened::open(&other.entry, &def, &place) {
                    rows = missing_from(rows, &merged(opened.seqs(), Vec::new()), &def);
                }
            }
        }
        if rows.rows() > 0 {
            let kept = new.write(&def, &rows, log.next_lsn - 1)?;
            let table = run.table(&def.name);
            (table.rows, table.log_rows) = (table.rows + kept, table.log_rows + kept);
        }
    }
    Ok(())
}
