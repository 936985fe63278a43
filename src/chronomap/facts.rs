//! A map's changes in a table of a database: what a key is, is what they come to in their order, and
//! what it was known to be at a moment, those recorded up to then. SPEC.md section 13 has the table.
//!
//! Rows of a table are sorted by time. Here the hash of the key stands for it: all changes of a key
//! stand together, in the order in which they came, so that to read one takes the same time in a
//! long history as in a short one.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_buffer::{NullBuffer, ScalarBuffer};
use parking_lot::{Mutex, RwLock};
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
    /// The place of its key.
    pub place: i64,
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
pub(super) const NO_KEY: i64 = -1;

/// Where the changes of a key stand.
fn place(key: &str) -> i64 {
    (XxHash3_64::oneshot(key.as_bytes()) % PLACES).cast_signed()
}

/// How many times the past was forgotten before a table of this name was begun; none if it is not of
/// a map.
fn generation(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(TABLE)?;
    if rest.is_empty() {
        return Some(0);
    }
    let number = rest.strip_prefix('.')?.parse().ok()?;
    (number > 0 && name == name_of(number)).then_some(number)
}

fn name_of(generation: u64) -> String {
    if generation == 0 { TABLE.to_owned() } else { format!("{TABLE}.{generation}") }
}

/// The name of the table that takes the place of one of this name: the next one that is free.
pub(super) fn next_name(db: &Db, name: &str) -> Result<String> {
    let taken = db.tables()?;
    let mut names = (generation(name).unwrap_or_default()..u64::MAX).map(|last| name_of(last + 1));
    let free = names.find(|name| !taken.contains(name));
    free.ok_or_else(|| Error::invalid(format!("no table follows {name:?}")))
}

/// Drops the tables of maps but for the one that is the map. Of those that only have such a name it
/// leaves all alone.
pub(super) fn drop_others(db: &Db, map: &str) -> Result<()> {
    for (_, other) in tables(&db.snapshot()?)? {
        if other.name() != map && other.spec().difference(&spec()).is_none() {
            db.drop_table(other.name())?;
        }
    }
    Ok(())
}

/// What a clock says, in nanoseconds.
pub(super) fn nanoseconds(now: f64) -> Result<i64> {
    if !YEARS.contains(&now) {
        return Err(Error::invalid(format!(
            "the clock says {now} s: a map is kept in a file from 1678 to 2261"
        )));
    }
    Ok((now * 1e9) as i64)
}

/// A database with the changes of one map.
#[derive(Debug)]
pub struct Facts {
    db: Db,
    pub(super) table: RwLock<Table>,
    /// What a reader shows: one moment, until it moves on. A writer shows what is there.
    moment: RwLock<Option<Table>>,
    /// The number of the last change. Rows of the database have numbers too, which are as large at
    /// least: a file that is opened goes on from there.
    last: AtomicU64,
    /// The past is forgotten by one at a time.
    pub(super) forgets: Mutex<()>,
}

impl Facts {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// Those of [`Db::open`]; `TableNotFound` if it is opened to be read and holds no map.
    pub fn open(path: &Path, options: DbOptions) -> Result<Self> {
        let writes = options.mode == Mode::ReadWrite;
        let db = Db::open(path, options)?;
        if writes && tables(&db.snapshot()?)?.is_empty() {
            db.create_table(TABLE, spec())?;
        }
        let snapshot = db.snapshot()?;
        let shown = valid(&snapshot)?;
        let table = if writes { db.table(shown.name())? } else { shown.clone() };
        if writes {
            drop_others(&db, table.name())?;
        }
        let last = AtomicU64::new(db.stats()?.next_seq.saturating_sub(1));
        let moment = RwLock::new((!writes).then_some(shown));
        Ok(Self { db, table: RwLock::new(table), moment, last, forgets: Mutex::default() })
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// How many changes there are.
    pub fn len(&self) -> Result<u64> {
        self.of_shown(Table::len)
    }

    /// True if there are none.
    pub fn is_empty(&self) -> Result<bool> {
        self.of_shown(Table::is_empty)
    }

    /// Something of the table that is the map.
    fn of_shown<R>(&self, look: impl Fn(&Table) -> Result<R>) -> Result<R> {
        loop {
            let moment = self.moment.read().clone();
            let table = moment.unwrap_or_else(|| self.table.read().clone());
            match look(&table) {
                // Another one may have taken its place.
                Err(error)
                    if error.kind() == ErrorKind::TableNotFound
                        && self.table.read().name() != table.name() => {}
                found => return found,
            }
        }
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

    /// Records a change; it has to be settled by [`Db::settle`] to be durable. `now` is in seconds.
    /// Only one thread may write at a time.
    pub fn write(&self, fact: &Fact, now: f64) -> Result<Receipt> {
        let (number, recorded) = (self.number(0) + 1, nanoseconds(now)?);
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
        // Held until the number is told: whoever forgets the past counts on both.
        let table = self.table.read();
        let receipt = table.write_row(place(&fact.key), &row)?;
        self.last.store(number, Ordering::Relaxed);
        Ok(receipt)
    }

    /// Records changes, all or none.
    pub fn write_all(&self, facts: &[Fact], now: f64) -> Result<Receipt> {
        let recorded = nanoseconds(now)?;
        let first = self.number(0) + 1;
        let table = self.table.read();
        let receipt = write_facts(&table, facts, first.., recorded)?;
        self.last.fetch_add(facts.len() as u64, Ordering::Relaxed);
        Ok(receipt)
    }

    /// The changes of a key, in order, and of other keys of its place.
    pub fn of_key(&self, key: &str) -> Result<Batches> {
        let start = place(key);
        let place = ScanSpec { start: Some(start), end: Some(start + 1), ..ScanSpec::default() };
        self.of_shown(|table| table.scan(place.clone())?.batches(READ_ROWS))
    }

    /// All changes, those of a key in order.
    pub fn all(&self) -> Result<Batches> {
        self.of_shown(|table| table.scan(ScanSpec::default())?.batches(READ_ROWS))
    }
}

/// Writes changes of these numbers into a table, all or none.
pub(super) fn write_facts(
    table: &Table,
    facts: &[Fact],
    numbers: impl Iterator<Item = u64>,
    recorded: i64,
) -> Result<Receipt> {
    let texts = |of: fn(&Fact) -> &[u8]| {
        let bytes: usize = facts.iter().map(|fact| of(fact).len()).sum();
        if i32::try_from(bytes).is_err() {
            return Err(Error::invalid("more than 2 GiB of values in one change of a map"));
        }
        Ok(Column::from_texts(facts.iter().map(of)))
    };
    let ends: Vec<bool> = facts.iter().map(|fact| fact.end.is_some()).collect();
    let columns = vec![
        texts(|fact| fact.key.as_bytes())?,
        Column::from_vec(facts.iter().map(|fact| fact.what.code() as u8).collect()),
        Column::from_vec(numbers.take(facts.len()).collect::<Vec<u64>>()),
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
    table.write(vec![batch])
}

pub(super) const READ_ROWS: usize = 65_536;

pub(super) fn spec() -> TableSpec {
    let mut spec = TableSpec::new(COLUMNS).time_column(TIME);
    spec.unit = TimeUnit::Nanosecond;
    spec
}

/// The tables of maps, by how often the past was forgotten. What only has such a name is no map's.
fn tables(moment: &Snapshot) -> Result<Vec<(u64, Table)>> {
    let mut found = vec![];
    for name in moment.tables() {
        let Some(generation) = generation(&name) else { continue };
        let table = moment.table(&name)?;
        if generation == 0 || table.spec().difference(&spec()).is_none() {
            found.push((generation, table));
        }
    }
    found.sort_by_key(|table| table.0);
    Ok(found)
}

/// The table that is the map: the last one that was finished.
fn valid(moment: &Snapshot) -> Result<Table> {
    let mut found = tables(moment)?;
    while let Some((generation, table)) = found.pop() {
        if generation > 0 {
            let mark = ScanSpec { start: Some(NO_KEY), end: Some(0), ..ScanSpec::default() };
            if found.is_empty() || table.scan(mark)?.count()? > 0 {
                return Ok(table);
            }
            continue;
        }
        return match table.spec().difference(&spec()) {
            None => Ok(table),
            Some(difference) => {
                let message = format!("its table {TABLE:?} is not that of a map: {difference}");
                Err(Error::new(ErrorKind::Schema, message).in_file(table.db().path()))
            }
        };
    }
    moment.table(TABLE)
}

/// The rows of a piece of what was read.
///
/// # Errors
/// `Format` if one says what this version does not know.
pub fn rows(piece: &[Column]) -> Result<impl Iterator<Item = Row<'_>>> {
    let [places, key, what, number, recorded, at, end, most, since, kind, whole, real, text, bytes] =
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
        place: places.values::<i64>()[row],
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
}
