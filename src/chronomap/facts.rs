//! A map's changes in a table of a database, each recorded at a time of its own: what a key is, is
//! what they come to in this order, and what it was said to be at a moment, those up to then.
//! SPEC.md section 13 has the table.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_buffer::{NullBuffer, ScalarBuffer};
use parking_lot::RwLock;

use crate::base::{Batch, Column, Data, DataType, TableSpec, TimeUnit, Value};
use crate::db::{Batches, Db, DbOptions, Mode, Receipt, ScanSpec, Table};
use crate::error::{Error, ErrorKind, Result};

/// The table's name.
pub const TABLE: &str = "chronomap";
const TIME: &str = "recorded";

const COLUMNS: [(&str, DataType); 12] = [
    ("key", DataType::Utf8),
    ("what", DataType::U8),
    ("at", DataType::F64),
    ("end", DataType::F64),
    ("most", DataType::U32),
    ("since", DataType::I64),
    ("lag", DataType::I64),
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
}

impl What {
    const ALL: [Self; 5] = [Self::Put, Self::Begin, Self::Removed, Self::Trimmed, Self::Ends];

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
    /// When a key that begins came first, if that was not now: keys are listed in this order.
    pub since: i64,
    /// The version's value.
    pub value: Cells,
}

/// A change as it is read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// When it was recorded, in nanoseconds: later than all changes before it.
    pub recorded: i64,
    /// The key as a text.
    pub key: &'a str,
    /// What is said of it.
    pub what: What,
    /// The seconds of the version.
    pub at: f64,
    /// The seconds at which the key ends.
    pub end: Option<f64>,
    /// So many versions stay: zero is all.
    pub most: u32,
    /// When a key that begins came first, if that was not now: keys are listed in this order.
    pub since: i64,
    /// By how many nanoseconds it was recorded later than the clock said.
    pub lag: i64,
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

impl Row<'_> {
    /// What the clock said when it was recorded, in nanoseconds.
    pub fn said(&self) -> i64 {
        self.recorded.saturating_sub(self.lag)
    }
}

/// Changes are recorded in the years from 1906 to 2179, in seconds: numbers of keys, which are times
/// from [`BIRTH`] on, stay below those that are no times.
const YEARS: std::ops::RangeInclusive<f64> = -2e9..=6.6e9;
const BIRTH: i64 = -(1 << 61);

/// The number of a key that began when this was recorded.
pub(super) fn born_at(recorded: i64) -> u64 {
    recorded.saturating_sub(BIRTH).max(0).cast_unsigned()
}

/// When a key of this number began.
pub fn begun_at(born: u64) -> i64 {
    born.cast_signed().saturating_add(BIRTH)
}

/// A database with the changes of one map.
#[derive(Debug)]
pub struct Facts {
    db: Db,
    table: Table,
    /// What a reader shows: one moment, until it moves on. A writer shows what is there.
    moment: RwLock<Option<Table>>,
    last: AtomicI64,
}

impl Facts {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// Those of [`Db::open`]; `TableNotFound` if it is opened to be read and holds no map.
    pub fn open(path: &Path, options: DbOptions) -> Result<Self> {
        let writes = options.mode == Mode::ReadWrite;
        let db = Db::open(path, options)?;
        let table = if writes { db.create_table(TABLE, spec()?)? } else { db.table(TABLE)? };
        let columns = table.spec().columns.clone();
        let there = columns.iter().map(|column| (column.name.as_str(), column.ty));
        let wanted = spec()?;
        let rules = (table.spec().unit, &table.spec().key, table.spec().on_conflict)
            == (wanted.unit, &wanted.key, wanted.on_conflict);
        if !rules || !there.eq(COLUMNS) {
            let message = format!("its table {TABLE:?} is not that of a map");
            return Err(Error::new(ErrorKind::Schema, message).in_file(db.path()));
        }
        let last = AtomicI64::new(table.max_ts()?.unwrap_or(i64::MIN));
        let moment = RwLock::new(if writes { None } else { Some(db.snapshot()?.table(TABLE)?) });
        Ok(Self { db, table, moment, last })
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
        self.moment.read().clone().unwrap_or_else(|| self.table.clone())
    }

    /// True if there are none.
    pub fn is_empty(&self) -> Result<bool> {
        self.shown().is_empty()
    }

    /// When the last change was recorded.
    pub fn last(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Moves a reader on to what is committed by now.
    pub fn refresh(&self) -> Result<()> {
        self.db.refresh()?;
        let shown = self.db.snapshot()?.table(TABLE)?;
        *self.moment.write() = Some(shown);
        Ok(())
    }

    /// The number of a key that began by the change after which so many others were recorded.
    pub fn born(&self, others: usize) -> u64 {
        born_at(self.last().saturating_sub(i64::try_from(others).unwrap_or(i64::MAX)))
    }

    /// The time at which the next change is recorded, which is now if that is after all others, and
    /// what the clock says.
    fn next(&self, now: f64, count: usize) -> Result<(i64, i64)> {
        if !YEARS.contains(&now) {
            return Err(Error::invalid(format!(
                "the clock says {now} s: a map is kept in a file from 1906 to 2179"
            )));
        }
        let said = (now * 1e9) as i64;
        let first = self.last().saturating_add(1).max(said);
        self.last.store(first + (count as i64 - 1), Ordering::Relaxed);
        Ok((first, said))
    }

    /// Records a change; it has to be settled by [`Db::settle`] to be durable. `now` is in seconds.
    /// Only one thread may write at a time.
    pub fn write(&self, fact: &Fact, now: f64) -> Result<Receipt> {
        let (first, said) = self.next(now, 1)?;
        let value = &fact.value;
        let row = [
            Value::Str(&fact.key),
            Value::UInt(fact.what.code()),
            Value::Float(fact.at),
            fact.end.map_or(Value::Null, Value::Float),
            Value::UInt(fact.most.into()),
            Value::Int(fact.since),
            Value::Int(first - said),
            Value::UInt(value.kind.into()),
            Value::Int(value.whole),
            Value::Float(value.real),
            Value::Str(&value.text),
            Value::Bytes(&value.bytes),
        ];
        self.table.write_row(first, &row)
    }

    /// Records changes, all or none.
    pub fn write_all(&self, facts: &[Fact], now: f64) -> Result<Receipt> {
        let texts = |of: fn(&Fact) -> &[u8]| {
            let bytes: usize = facts.iter().map(|fact| of(fact).len()).sum();
            if i32::try_from(bytes).is_err() {
                return Err(Error::invalid("more than 2 GiB of values in one change of a map"));
            }
            Ok(Column::from_texts(facts.iter().map(of)))
        };
        let (first, said) = self.next(now, facts.len())?;
        let ends: Vec<bool> = facts.iter().map(|fact| fact.end.is_some()).collect();
        let columns = vec![
            texts(|fact| fact.key.as_bytes())?,
            Column::from_vec(facts.iter().map(|fact| fact.what.code() as u8).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.at).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.end.unwrap_or_default()).collect())
                .with_validity(Some(NullBuffer::from(ends))),
            Column::from_vec(facts.iter().map(|fact| fact.most).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.since).collect()),
            Column::from_vec((first - said..).take(facts.len()).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.value.kind).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.value.whole).collect()),
            Column::from_vec(facts.iter().map(|fact| fact.value.real).collect()),
            texts(|fact| fact.value.text.as_bytes())?,
            texts(|fact| &fact.value.bytes)?,
        ];
        let times: Vec<i64> = (first..).take(facts.len()).collect();
        self.table.write(vec![Batch { ts: ScalarBuffer::from(times), columns }])
    }

    /// The changes of a key, in order.
    pub fn of_key(&self, key: &str) -> Result<Batches> {
        let key = Some(self.table.key(&[Value::Str(key)])?);
        self.shown().scan(ScanSpec { key, ..ScanSpec::default() })?.batches(READ_ROWS)
    }

    /// All changes, in order.
    pub fn all(&self) -> Result<Batches> {
        self.shown().scan(ScanSpec::default())?.batches(READ_ROWS)
    }
}

const READ_ROWS: usize = 65_536;

fn spec() -> Result<TableSpec> {
    let mut spec = TableSpec::new(COLUMNS).time_column(TIME);
    spec.unit = TimeUnit::Nanosecond;
    spec.key(&["key"])
}

/// The rows of a piece of what was read.
///
/// # Errors
/// `Format` if one says what this version does not know.
pub fn rows(piece: &[Column]) -> Result<impl Iterator<Item = Row<'_>>> {
    let [times, key, what, at, end, most, since, lag, kind, whole, real, text, bytes] = piece
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
    let times = times.values::<i64>();
    Ok(times.iter().enumerate().map(move |(row, &recorded)| Row {
        recorded,
        key: std::str::from_utf8(key.bytes_at(row)).unwrap_or_default(),
        what: What::ALL[usize::from(what.values::<u8>()[row])],
        at: at.values::<f64>()[row],
        end: end.is_valid(row).then(|| end.values::<f64>()[row]),
        most: most.values::<u32>()[row],
        since: since.values::<i64>()[row],
        lag: lag.values::<i64>()[row],
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
        Fact {
            key: key.into(),
            what,
            at,
            end: (what == What::Ends).then_some(9.5),
            most: 0,
            since: 0,
            value,
        }
    }

    fn read(batches: Batches) -> Vec<(i64, String, What, Option<f64>, i64)> {
        let mut found = vec![];
        for piece in batches {
            for row in rows(&piece.unwrap()).unwrap() {
                found.push((row.recorded, row.key.into(), row.what, row.end, row.whole));
            }
        }
        found
    }

    #[test]
    fn changes_are_recorded_one_after_the_other_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.chl");
        let facts = Facts::open(&path, DbOptions::default()).unwrap();
        let _ = facts.write(&fact("a", What::Begin, 1.0), 1000.0).unwrap();
        let _ = facts.write(&fact("b", What::Begin, 2.0), 999.0).unwrap();
        let more = [fact("a", What::Put, 3.0), fact("a", What::Ends, 4.0)];
        let _ = facts.write_all(&more, 1001.0).unwrap();
        let all = read(facts.all().unwrap());
        let times: Vec<_> = all.iter().map(|row| row.0).collect();
        let base = 1_000_000_000_000;
        assert_eq!(times, [base, base + 1, base + 1_000_000_000, base + 1_000_000_001]);
        assert_eq!(all[3].3, Some(9.5));
        let wrong = facts.write(&fact("a", What::Put, 1.0), 1e300).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
        assert_eq!(born_at(begun_at(7)), 7);
        assert_eq!(read(facts.of_key("a").unwrap()).len(), 3);
        assert!(read(facts.of_key("c").unwrap()).is_empty());
        drop(facts);
        let facts = Facts::open(&path, DbOptions::default()).unwrap();
        let _ = facts.write(&fact("c", What::Begin, 1.0), 5.0).unwrap();
        assert_eq!(facts.last(), base + 1_000_000_002);
        assert_eq!(facts.len().unwrap(), 5);
    }
}
