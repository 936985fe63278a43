//! A map's changes in a table of a database: what a key is, is what they come to in their order, and
//! what it was known to be at a moment, those recorded up to then. SPEC.md section 13 has the table.
//!
//! Rows of a table are sorted by time. Here the hash of the key stands for it: all changes of a key
//! stand together, in the order in which they came, so that to read one takes the same time in a
//! long history as in a short one.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_buffer::{NullBuffer, ScalarBuffer};
use parking_lot::RwLock;
use twox_hash::XxHash3_64;

use crate::base::{Batch, Column, Data, DataType, TableSpec, TimeUnit, Value};
use crate::db::{Batches, Db, DbOptions, Mode, Receipt, ScanSpec, Snapshot, Table};
use crate::error::{Error, ErrorKind, Result};

/// The table's name, or how it begins: see [`generation`].
const TABLE: &str = "chronomap";
const TIME: &str = "place";

const COLUMNS: [(&str, DataType); 13] = [
    ("key", DataType::Utf8),
    ("what", DataType::U8),
    ("number", DataType::U64),
    ("recorded", DataType::I64),
    ("at", DataType::F64),
    ("end", DataType::F64),
    ("most", DataType::U32),
    ("since", DataType::U64),
    ("kind", DataType::U8),
    ("whole", DataType::I64),
    ("real", DataType::F64),
    ("text", DataType::Utf8),
    ("bytes", DataType::Binary),
];

/// What is said of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It has a version more, and this end from now on if one is given: infinity is none.
    Put,
    /// What it was before is gone: it begins with this version.
    Begin,
    /// It is gone.
    Removed,
    /// Of its versions the last ones stay, as many as `most` says.
    Trimmed,
    /// It has this end from now on.
    Ends,
    /// Of no key: what was known before is forgotten.
    Forgotten,
}

impl What {
    const ALL: [Self; 6] =
        [Self::Put, Self::Begin, Self::Removed, Self::Trimmed, Self::Ends, Self::Forgotten];

    fn code(self) -> u64 {
        Self::ALL.iter().position(|&what| what == self).unwrap_or_default() as u64
    }
}

/// A value as it stands in the table: by its kind, in one of the columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cells {
    /// Which column has the value, and how.
    pub kind: u8,
    /// Whole numbers.
    pub whole: i64,
    /// Other numbers.
    pub real: f64,
    /// Texts.
    pub text: String,
    /// Bytes.
    pub bytes: Vec<u8>,
}

/// A change of a key.
#[derive(Debug, Clone)]
pub struct Fact {
    /// The key as a text.
    pub key: String,
    /// What is said of it.
    pub what: What,
    /// The seconds of the version.
    pub at: f64,
    /// The seconds at which the key ends.
    pub end: Option<f64>,
    /// So many versions stay: zero is all.
    pub most: u32,
    /// The number of the change by which a key that begins came first, if that is not this one: keys
    /// are listed in this order.
    pub since: u64,
    /// The version's value.
    pub value: Cells,
}

impl Fact {
    /// What is said of a key, without a version.
    pub fn bare(key: &str, what: What) -> Self {
        let value = Cells::default();
        Self { key: key.into(), what, at: 0.0, end: None, most: 0, since: 0, value }
    }
}

/// A change as it is read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The key as a text.
    pub key: &'a str,
    /// What is said of it.
    pub what: What,
    /// The change's number, which is larger than those of all before it.
    pub number: u64,
    /// What the clock said when it was recorded, in nanoseconds.
    pub recorded: i64,
    /// The seconds of the version.
    pub at: f64,
    /// The seconds at which the key ends.
    pub end: Option<f64>,
    /// So many versions stay: zero is all.
    pub most: u32,
    /// The number of the change by which a key that begins came first, if that is not this one.
    pub since: u64,
    /// The value's kind.
    pub kind: u8,
    /// A whole number.
    pub whole: i64,
    /// Another number.
    pub real: f64,
    /// A text.
    pub text: &'a str,
    /// Bytes.
    pub bytes: &'a [u8],
}

/// Changes are recorded in the years from 1678 to 2261, in seconds.
const YEARS: std::ops::RangeInclusive<f64> = -9.2e9..=9.2e9;

/// The places of keys are less.
const PLACES: u64 = 1 << 40;
/// The place of what is of no key.
const NO_KEY: i64 = -1;

/// Where the changes of a key stand.
fn place(key: &str) -> i64 {
    (XxHash3_64::oneshot(key.as_bytes()) % PLACES).cast_signed()
}

/// How many times the past was forgotten before a table of this name was begun; none if it is not of
/// a map. A table of a larger one takes the place of others when it has rows.
fn generation(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(TABLE)?;
    if rest.is_empty() { Some(0) } else { rest.strip_prefix('.')?.parse().ok() }
}

/// A database with the changes of one map.
#[derive(Debug)]
pub struct Facts {
    db: Db,
    table: RwLock<Table>,
    /// What a reader shows: one moment, until it moves on. A writer shows what is there.
    moment: RwLock<Option<Table>>,
    /// The number of the last change.
    last: AtomicU64,
}

impl Facts {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// Those of [`Db::open`]; `TableNotFound` if it is opened to be read and holds no map.
    pub fn open(path: &Path, options: DbOptions) -> Result<Self> {
        let writes = options.mode == Mode::ReadWrite;
        let db = Db::open(path, options)?;
        if writes && !db.tables()?.iter().any(|name| generation(name).is_some()) {
            db.create_table(TABLE, spec())?;
        }
        let table = valid(&db.snapshot()?)?;
        let name = table.name().to_owned();
        let (table, moment) = match writes {
            true => (db.table(&name)?, None),
            false => (table.clone(), Some(table)),
        };
        if writes {
            for other in db.tables()? {
                if generation(&other).is_some() && other != name {
                    db.drop_table(&other)?;
                }
            }
        }
        let last = AtomicU64::new(db.stats()?.next_seq.saturating_sub(1));
        Ok(Self { db, table: RwLock::new(table), moment: RwLock::new(moment), last })
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// How many changes there are.
    pub fn len(&self) -> Result<u64> {
        self.shown().len()
    }

    fn shown(&self) -> Table {
        self.moment.read().clone().unwrap_or_else(|| self.table.read().clone())
    }

    /// True if there are none.
    pub fn is_empty(&self) -> Result<bool> {
        self.shown().is_empty()
    }

    /// Moves a reader on to what is committed by now.
    pub fn refresh(&self) -> Result<()> {
        self.db.refresh()?;
        let shown = valid(&self.db.snapshot()?)?;
        *self.moment.write() = Some(shown);
        Ok(())
    }

    /// The number of the change after which so many others were recorded.
    pub fn number(&self, others: usize) -> u64 {
        self.last.load(Ordering::Relaxed).saturating_sub(others as u64)
    }

    /// The number of the first of the changes that come next, and what the clock says in nanoseconds.
    fn next(&self, now: f64) -> Result<(u64, i64)> {
        if !YEARS.contains(&now) {
            return Err(Error::invalid(format!(
                "the clock says {now} s: a map is kept in a file from 1678 to 2261"
            )));
        }
        Ok((self.number(0) + 1, (now * 1e9) as i64))
    }

    /// Rows of the database are numbered as well: a file that is opened goes on from there.
    fn told(&self, receipt: Receipt) -> Receipt {
        self.last.store(receipt.last_seq, Ordering::Relaxed);
        receipt
    }

    /// Records a change; it has to be settled by [`Db::settle`] to be durable. `now` is in seconds.
    /// Only one thread may write at a time.
    pub fn write(&self, fact: &Fact, now: f64) -> Result<Receipt> {
        let (number, recorded) = self.next(now)?;
        let value = &fact.value;
        let row = [
            Value::Str(&fact.key),
            Value::UInt(fact.what.code()),
            Value::UInt(number),
            Value::Int(recorded),
            Value::Float(fact.at),
            fact.end.map_or(Value::Null, Value::Float),
            Value::UInt(fact.most.into()),
            Value::UInt(fact.since),
            Value::UInt(value.kind.into()),
            Value::Int(value.whole),
            Value::Float(value.real),
            Value::Str(&value.text),
            Value::Bytes(&value.bytes),
        ];
        self.table.read().write_row(place(&fact.key), &row).map(|receipt| self.told(receipt))
    }

    /// Records changes, all or none.
    pub fn write_all(&self, facts: &[Fact], now: f64) -> Result<Receipt> {
        self.write_to(&self.table.read(), facts, now)
    }

    fn write_to(&self, table: &Table, facts: &[Fact], now: f64) -> Result<Receipt> {
        let texts = |of: fn(&Fact) -> &[u8]| {
            let bytes: usize = facts.iter().map(|fact| of(fact).len()).sum();
            if i32::try_from(bytes).is_err() {
                return Err(Error::invalid("more than 2 GiB of values in one change of a map"));
            }
            Ok(Column::from_texts(facts.iter().map(of)))
        };
        let (first, recorded) = self.next(now)?;
        let ends: Vec<bool> = facts.iter().map(|fact| fact.end.is_some()).collect();
        let columns = vec![
            texts(|fact| fact.key.as_bytes())?,
            Column::from_vec(facts.iter().map(|fact| fact.what.code() as u8).collect()),
            Column::from_vec((first..).take(facts.len()).collect()),
            Column::from_vec(vec![recorded; facts.len()]),
            Column::from_vec(facts.iter().map(|fact| fact.at).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.end.unwrap_or_default()).collect())
                .with_validity(Some(NullBuffer::from(ends))),
            Column::from_vec(facts.iter().map(|fact| fact.most).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.since).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.value.kind).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.value.whole).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.value.real).collect()),
            texts(|fact| fact.value.text.as_bytes())?,
            texts(|fact| &fact.value.bytes)?,
        ];
        let place = |fact: &Fact| match fact.what {
            What::Forgotten => NO_KEY,
            _ => place(&fact.key),
        };
        let places: Vec<i64> = facts.iter().map(place).collect();
        let batch = Batch { ts: ScalarBuffer::from(places), columns };
        table.write(vec![batch]).map(|receipt| self.told(receipt))
    }

    /// Forgets all that was recorded; `facts` are what the map is now. The first of them, which is
    /// added here, tells when that was. After a crash the map is the same, with what was recorded or
    /// without it.
    pub fn forget(&self, mut facts: Vec<Fact>, now: f64) -> Result<()> {
        let old = self.table.read().name().to_owned();
        let next = generation(&old).unwrap_or_default() + 1;
        let name = format!("{TABLE}.{next}");
        let table = self.db.create_table(&name, spec())?;
        facts.insert(0, Fact::bare("", What::Forgotten));
        match self.write_to(&table, &facts, now).and_then(|receipt| self.db.settle(receipt)) {
            Ok(()) => *self.table.write() = table,
            Err(error) => {
                // What failed is told, whatever becomes of the table: as it has no rows, or those of
                // the same map, it does no harm.
                let _ = self.db.drop_table(&name);
                return Err(error);
            }
        }
        self.db.drop_table(&old)?;
        self.db.compact()
    }

    /// The changes of a key, in order, and of other keys of its place.
    pub fn of_key(&self, key: &str) -> Result<Batches> {
        let start = place(key);
        let place = ScanSpec { start: Some(start), end: Some(start + 1), ..ScanSpec::default() };
        self.shown().scan(place)?.batches(READ_ROWS)
    }

    /// All changes, those of a key in order.
    pub fn all(&self) -> Result<Batches> {
        self.shown().scan(ScanSpec::default())?.batches(READ_ROWS)
    }
}

const READ_ROWS: usize = 65_536;

fn spec() -> TableSpec {
    let mut spec = TableSpec::new(COLUMNS).time_column(TIME);
    spec.unit = TimeUnit::Nanosecond;
    spec
}

/// The table of the map, the last one that has rows.
fn valid(moment: &Snapshot) -> Result<Table> {
    let mut found: Vec<_> =
        moment.tables().into_iter().filter_map(|name| Some((generation(&name)?, name))).collect();
    found.sort_unstable();
    let mut valid = None;
    for (_, name) in found {
        let table = moment.table(&name)?;
        if valid.is_none() || !table.is_empty()? {
            valid = Some(table);
        }
    }
    let Some(table) = valid else { return moment.table(TABLE) };
    match table.spec().difference(&spec()) {
        None => Ok(table),
        Some(difference) => {
            let message =
                format!("its table {:?} is not that of a map: {difference}", table.name());
            Err(Error::new(ErrorKind::Schema, message).in_file(table.db().path()))
        }
    }
}

/// The rows of a piece of what was read.
///
/// # Errors
/// `Format` if one says what this version does not know.
pub fn rows(piece: &[Column]) -> Result<impl Iterator<Item = Row<'_>>> {
    let [_, key, what, number, recorded, at, end, most, since, kind, whole, real, text, bytes] =
        piece
    else {
        return Err(Error::new(ErrorKind::Schema, "the table is not that of a map"));
    };
    if let Some(code) =
        what.values::<u8>().iter().find(|&&code| usize::from(code) >= What::ALL.len())
    {
        let message = format!("a change of kind {code}: the file is of a later version");
        return Err(Error::new(ErrorKind::Format, message));
    }
    let texts = |column: &Column| matches!(column.data, Data::Bytes { .. });
    debug_assert!(texts(key) && texts(text) && texts(bytes));
    let recorded = recorded.values::<i64>();
    Ok(recorded.iter().enumerate().map(move |(row, &recorded)| Row {
        key: std::str::from_utf8(key.bytes_at(row)).unwrap_or_default(),
        what: What::ALL[usize::from(what.values::<u8>()[row])],
        number: number.values::<u64>()[row],
        recorded,
        at: at.values::<f64>()[row],
        end: end.is_valid(row).then(|| end.values::<f64>()[row]),
        most: most.values::<u32>()[row],
        since: since.values::<u64>()[row],
        kind: kind.values::<u8>()[row],
        whole: whole.values::<i64>()[row],
        real: real.values::<f64>()[row],
        text: std::str::from_utf8(text.bytes_at(row)).unwrap_or_default(),
        bytes: bytes.bytes_at(row),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(key: &str, what: What, at: f64) -> Fact {
        let value = Cells { kind: 2, whole: at as i64, ..Cells::default() };
        let end = (what == What::Ends).then_some(9.5);
        Fact { at, end, value, ..Fact::bare(key, what) }
    }

    fn read(batches: Batches) -> Vec<(u64, i64, String, What)> {
        let mut found = vec![];
        for piece in batches {
            for row in rows(&piece.unwrap()).unwrap() {
                found.push((row.number, row.recorded, row.key.into(), row.what));
            }
        }
        found
    }

    #[test]
    fn changes_of_a_key_stand_together_in_the_order_in_which_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.chl");
        let facts = Facts::open(&path, DbOptions::default()).unwrap();
        let _ = facts.write(&fact("a", What::Begin, 1.0), 1000.0).unwrap();
        let _ = facts.write(&fact("b", What::Begin, 2.0), 999.0).unwrap();
        let more = [fact("a", What::Put, 3.0), fact("b", What::Removed, 0.0)];
        let _ = facts.write_all(&more, 1001.0).unwrap();
        let _ = facts.write(&fact("a", What::Ends, 4.0), 998.0).unwrap();
        let (ns, a) = (1_000_000_000, || "a".to_owned());
        let of_a = [
            (1, 1000 * ns, a(), What::Begin),
            (3, 1001 * ns, a(), What::Put),
            (5, 998 * ns, a(), What::Ends),
        ];
        assert_eq!(read(facts.of_key("a").unwrap()), of_a);
        assert!(read(facts.of_key("c").unwrap()).is_empty());
        assert_eq!(read(facts.all().unwrap()).len(), 5);
        let wrong = facts.write(&fact("a", What::Put, 1.0), 1e300).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
        drop(facts);
        let facts = Facts::open(&path, DbOptions::default()).unwrap();
        assert_eq!(read(facts.of_key("a").unwrap()), of_a);
        let _ = facts.write(&fact("c", What::Begin, 1.0), 5.0).unwrap();
        assert_eq!((facts.number(0), facts.len().unwrap()), (6, 6));
    }

    #[test]
    fn what_is_forgotten_leaves_what_is_there_now_whenever_it_stops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.chl");
        let facts = Facts::open(&path, DbOptions::default()).unwrap();
        for at in 0..10 {
            let _ = facts.write(&fact("a", What::Put, f64::from(at)), 1.0).unwrap();
        }
        let whats = |facts: &Facts| {
            let all = read(facts.all().unwrap()).into_iter();
            all.map(|row| (row.0, row.3)).collect::<Vec<_>>()
        };
        facts.forget(vec![fact("a", What::Begin, 9.0)], 2.0).unwrap();
        assert_eq!(whats(&facts), [(11, What::Forgotten), (12, What::Begin)]);
        let _ = facts.write(&fact("a", What::Put, 10.0), 3.0).unwrap();
        // It stopped before there was anything in the new table.
        facts.db.create_table("chronomap.7", spec()).unwrap();
        drop(facts);
        let reads = DbOptions { mode: Mode::Read, ..DbOptions::default() };
        assert_eq!(whats(&Facts::open(&path, reads.clone()).unwrap()).len(), 3);
        let facts = Facts::open(&path, DbOptions::default()).unwrap();
        assert_eq!(facts.db.tables().unwrap(), ["chronomap.1"]);
        // It stopped before the old table was gone.
        let table = facts.db.create_table("chronomap.2", spec()).unwrap();
        let now = [Fact::bare("", What::Forgotten), fact("a", What::Begin, 9.0)];
        let _ = facts.write_to(&table, &now, 4.0).unwrap();
        drop((table, facts));
        assert_eq!(whats(&Facts::open(&path, reads).unwrap()).len(), 2);
        let facts = Facts::open(&path, DbOptions::default()).unwrap();
        assert_eq!(facts.db.tables().unwrap(), ["chronomap.2"]);
        assert_eq!(whats(&facts).len(), 2);
    }
}
