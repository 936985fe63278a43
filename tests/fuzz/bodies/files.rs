//! Whole databases: opened to read and to write, read, written to, checked, salvaged.
//!
//! A main file is 16 KiB of header with two slots of 512 bytes in it, a log's header 64 bytes of 512,
//! so an input leaves the rest out: 1 if checksums are to be made right, 1 if there is a log, u32
//! length of the main file's body (little-endian), slots, body, the log's header, its records.

use std::path::Path;
use std::sync::Arc;

use chronolite::db::salvage_with;
use chronolite::format::log::{LOG_HEADER_LEN, LOG_START};
use chronolite::format::slot::SLOT_LEN;
use chronolite::format::{HEADER_LEN, PAGE};
use chronolite::store::sim::SimStorage;
use chronolite::{
    Aggregate, AggregateSpec, Db, DbOptions, Durability, Error, Mode, ScanSpec, Table, Value,
};

use super::memory::limited;
use super::sign;

const MAIN: &str = "/data/plant.chl";
const LOG: &str = "/data/plant.chl-wal";
const NEW: &str = "/data/salvaged.chl";
/// Rows that are read of a table: few bytes make many, and much text.
const ROWS: usize = 300;
/// Rows that all segments together may claim to have before no more than the header is looked at.
const MANY: u64 = 20_000;

/// The files of a database.
pub struct Files {
    pub main: Vec<u8>,
    pub log: Option<Vec<u8>>,
}

impl Files {
    /// The input that makes them.
    pub fn pack(&self, signed: bool) -> Vec<u8> {
        let (header, body) = self.main.split_at(HEADER_LEN as usize);
        let mut out = vec![u8::from(signed), u8::from(self.log.is_some())];
        out.extend((body.len() as u32).to_le_bytes());
        for at in [0, PAGE as usize] {
            out.extend(&header[at..at + SLOT_LEN]);
        }
        out.extend(body);
        if let Some(log) = &self.log {
            out.extend(pack_log(log));
        }
        out
    }

    /// The files of an input, and whether they are to be signed.
    pub fn unpack(data: &[u8]) -> Option<(Self, bool)> {
        let (&[signed, has_log, a, b, c, d], rest) = data.split_first_chunk()?;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let (slots, rest) = rest.split_at_checked(2 * SLOT_LEN)?;
        let (body, rest) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let mut main = vec![0; HEADER_LEN as usize];
        main[..SLOT_LEN].copy_from_slice(&slots[..SLOT_LEN]);
        main[PAGE as usize..][..SLOT_LEN].copy_from_slice(&slots[SLOT_LEN..]);
        main.extend(body);
        let log = (has_log & 1 == 1).then(|| unpack_log(rest));
        Some((Self { main, log }, signed & 1 == 1))
    }

    fn disk(&self) -> SimStorage {
        let disk = SimStorage::new();
        disk.put(Path::new(MAIN), &self.main);
        if let Some(log) = &self.log {
            disk.put(Path::new(LOG), log);
        }
        disk
    }

    fn sign(&mut self) -> u64 {
        sign::database(&mut self.main, self.log.as_deref_mut())
    }
}

/// A log without the zeros of its header.
pub fn pack_log(log: &[u8]) -> Vec<u8> {
    [&log[..LOG_HEADER_LEN], &log[LOG_START as usize..]].concat()
}

fn unpack_log(bytes: &[u8]) -> Vec<u8> {
    let (header, records) = bytes.split_at(bytes.len().min(LOG_HEADER_LEN));
    let mut log = header.to_vec();
    log.resize(LOG_START as usize, 0);
    log.extend(records);
    log
}

/// A main file and its log.
pub fn open(data: &[u8]) {
    let Some((mut files, signed)) = Files::unpack(data) else { return };
    let mut claimed = 0;
    if signed {
        claimed = files.sign();
    }
    use_all(&files, data.len(), claimed <= MANY);
}

/// A log beside a main file that is whole: of the seed that was killed, tables, segments and all.
pub fn log(data: &[u8]) {
    let killed = include_bytes!("../seeds/open/killed");
    let Some((whole, _)) = Files::unpack(killed) else { return };
    let Some((&signed, bytes)) = data.split_first() else { return };
    let mut files = Files { log: Some(unpack_log(bytes)), ..whole };
    let mut claimed = 0;
    if signed & 1 == 1 {
        claimed = files.sign();
    }
    use_all(&files, files.main.len() + data.len(), claimed <= MANY);
}

/// A database, to a new one.
pub fn salvage(data: &[u8]) {
    let Some((mut files, signed)) = Files::unpack(data) else { return };
    if signed && files.sign() > MANY {
        return;
    }
    let disk = files.disk();
    limited(data.len(), || {
        let salvaged = salvage_with(Arc::new(disk.clone()), MAIN, NEW, &mut |_, _| Ok(()));
        let Ok(report) = salvaged else { return };
        let db = Db::open_with(Arc::new(disk), NEW, options(Mode::ReadWrite));
        let db = db.unwrap_or_else(|e| panic!("what was salvaged does not open: {e:?}"));
        assert_eq!(db.tables().expect("names").len(), report.tables.len());
        let checked = db.verify().expect("a check");
        // Values that were changed together with their checksum are those that were written.
        assert!(signed || checked.ok(), "what was salvaged is damaged: {:?}", checked.problems);
    });
}

fn options(mode: Mode) -> DbOptions {
    let mut options = DbOptions::default().mode(mode).durability(Durability::None);
    options.flush_bytes = 20_000;
    options
}

/// Opens the files to read, then to write, and does everything with them; their rows are read only
/// if `rows` says so.
fn use_all(files: &Files, input: usize, rows: bool) {
    for mode in [Mode::Read, Mode::ReadWrite] {
        let disk = files.disk();
        limited(input, || {
            let Ok(db) = Db::open_with(Arc::new(disk.clone()), MAIN, options(mode)) else { return };
            let _ = look(&db, rows);
            if mode == Mode::ReadWrite {
                let written = write(&db, rows);
                let _ = db.close();
                drop(db);
                if written.is_ok() {
                    let db = Db::open_with(Arc::new(disk), MAIN, options(Mode::Read));
                    db.unwrap_or_else(|e| panic!("it was open before: {e:?}"));
                }
            }
        });
    }
}

fn look(db: &Db, rows: bool) -> Result<(), Error> {
    for name in db.tables()? {
        let table = db.table(&name)?;
        let _ = (table.time_range(), table.stats());
        if rows {
            let _ = (read(&table), aggregate(&table));
        }
    }
    if rows { db.verify().map(drop) } else { Ok(()) }
}

fn read(table: &Table) -> Result<(), Error> {
    table.len()?;
    for reverse in [false, true] {
        let mut spec = ScanSpec::default().limit(ROWS as u64);
        spec.reverse = reverse;
        table.scan(spec)?.batches(100)?.try_for_each(|piece| piece.map(drop))?;
    }
    table.last(3, None)?.batches(3)?.try_for_each(|piece| piece.map(drop))
}

fn aggregate(table: &Table) -> Result<(), Error> {
    let all = vec![Aggregate::Count, Aggregate::Min, Aggregate::Max];
    let defs = table.spec();
    let numbers = defs.columns.iter().filter(|def| def.ty.width().is_some());
    let wanted = AggregateSpec::new(numbers.map(|def| (def.name.clone(), all.clone())));
    table.scan(ScanSpec::default())?.aggregate(&wanted).map(drop)
}

fn write(db: &Db, pack: bool) -> Result<(), Error> {
    for name in db.tables()? {
        let table = db.table(&name)?;
        let nulls = vec![Value::Null; table.spec().columns.len()];
        table.append_row(7, &nulls)?;
        table.delete(Some(0), Some(3), None)?;
    }
    db.flush()?;
    if pack {
        db.pack(None, usize::MAX)?;
        db.compact()?;
    }
    Ok(())
}
