//! What the crash, fault and damage tests share: tables whose rows are a function of their id, a
//! ledger of what was asked for and answered, and the oracle that compares a database with it.
//!
//! The oracle is exact. Attempts have one order, that of the log; what a database holds must be
//! what some prefix of them makes, to the bit and in the order of reading. The prefix may not be
//! shorter than what was acknowledged as durable, nor longer than what was attempted. That a batch
//! is whole, that nothing is there twice and that no row is wrong follows.

#![allow(dead_code, missing_docs, unreachable_pub)] // each test uses its own part of this

pub mod hooks;
pub mod work;

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::NullBuffer;
use chronolite::base::ColumnDef;
use chronolite::base::schema::OnConflict;
use chronolite::store::sim::SimStorage;
use chronolite::{
    Batch, Codec, Column, Data, DataType, Db, DbOptions, Durability, Error, ErrorKind, ScanSpec,
    Table, TableSpec, Value,
};

/// Where the database of every test is.
pub const PATH: &str = "/data/plant.chl";

pub fn path() -> &'static Path {
    Path::new(PATH)
}

pub fn log_path() -> PathBuf {
    PathBuf::from(format!("{PATH}-wal"))
}

/// The share of the full size that is asked for: 0 is the short form of `make test`.
fn share() -> f64 {
    std::env::var("CHRONOLITE_PROOF").ok().and_then(|share| share.parse().ok()).unwrap_or(0.0)
}

/// True if the sizes of PROOF.md are asked for.
pub fn full() -> bool {
    share() >= 1.0
}

/// The short size, or a share of the full one.
pub fn size(short: usize, proof: usize) -> usize {
    short.max((proof as f64 * share()) as usize)
}

/// Prints the figures of a test that passed, and keeps them where `make proof` asks for it.
pub fn figures(test: &str, text: &str) {
    println!("{test}: {text}");
    let Some(folder) = std::env::var_os("CHRONOLITE_PROOF_RESULTS") else { return };
    let from = |name| std::env::var(name).unwrap_or_default();
    let lines = [
        ("figures", text.to_owned()),
        ("command", from("CHRONOLITE_PROOF_COMMAND")),
        ("seed", seed().to_string()),
        ("size", if full() { "full".into() } else { format!("{} of full", share()) }),
        ("commit", from("CHRONOLITE_PROOF_COMMIT")),
        ("date", from("CHRONOLITE_PROOF_DATE")),
    ];
    let lines: String = lines.iter().map(|(name, text)| format!("{name}: {text}\n")).collect();
    let file = Path::new(&folder).join(format!("kernel_{}.txt", test.replace(' ', "_")));
    std::fs::write(file, lines).expect("the figures are kept");
}

/// The seed that everything random of a test comes from.
pub fn seed() -> u64 {
    std::env::var("CHRONOLITE_PROOF_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// Splitmix64.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

/// Bits to flip: all of them at full size, else so many at random.
pub fn some_bits(bits: usize, short: usize, rng: &mut Rng) -> Box<dyn Iterator<Item = usize>> {
    if full() {
        return Box::new(0..bits);
    }
    let mut rng = Rng(rng.next());
    Box::new((0..short).map(move |_| rng.below(bits)))
}

pub fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

// ---- Tables and rows ----------------------------------------------------------------------------

/// A cell, comparable by bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Null,
    Bool(bool),
    I64(i64),
    U32(u32),
    /// The bits of a float.
    F64(u64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub ts: i64,
    pub cells: Vec<Cell>,
}

pub const TABLES: [&str; COUNT] = ["plain", "texts", "keyed", "last", "first", "error"];
const COUNT: usize = 6;

/// The table in which a second row of the same time and tag is an error.
pub const ERROR: usize = 5;

/// True if the table has a key: its tag.
pub fn is_keyed(table: usize) -> bool {
    matches!(table, 2 | 3 | 5)
}

pub fn spec(table: usize) -> TableSpec {
    let rules = [OnConflict::All, OnConflict::Last, OnConflict::First, OnConflict::Error];
    let spec = columns_of(table).on_conflict(rules[table.saturating_sub(2)]);
    let with = |spec: TableSpec, (column, codec): &(&str, Codec)| spec.codec(column, *codec);
    codecs_of(table).iter().try_fold(spec, with).expect("the columns are there")
}

/// The codecs that are asked for; some of them cannot hold all of the values.
fn codecs_of(table: usize) -> &'static [(&'static str, Codec)] {
    match table {
        1 => &[("s", Codec::Dictionary), ("b", Codec::Zstd), ("on", Codec::RunLength)],
        3 => &[("tag", Codec::RunLength), ("n", Codec::Pco), ("v", Codec::NanotsInt)],
        4 => &[("ts", Codec::Delta), ("id", Codec::Scaled), ("v", Codec::Gorilla)],
        _ => &[],
    }
}

fn columns_of(table: usize) -> TableSpec {
    match table {
        0 | 4 => TableSpec::new([("id", DataType::I64), ("v", DataType::F64)]),
        1 => TableSpec::new([
            ("id", DataType::I64),
            ("s", DataType::Utf8),
            ("b", DataType::Binary),
            ("on", DataType::Bool),
        ]),
        _ => TableSpec::new([
            ("id", DataType::I64),
            ("tag", DataType::Utf8),
            ("n", DataType::U32),
            ("v", DataType::F64),
        ])
        .key(&["tag"])
        .expect("the key is a column"),
    }
}

/// The columns that a table may be given later, in this order.
pub const ADDED: [(&str, DataType, Option<Codec>); 3] = [
    ("late", DataType::F64, Some(Codec::AlpRd)),
    ("note", DataType::Utf8, None),
    ("more", DataType::I64, Some(Codec::FrameOfReference)),
];

/// The schema of a table that was given so many columns.
pub fn wide_spec(table: usize, added: usize) -> TableSpec {
    let mut spec = spec(table);
    for (name, ty, codec) in &ADDED[..added] {
        let id = spec.columns.len() as u32;
        spec.columns.push(ColumnDef { id, name: (*name).into(), ty: *ty, codec: *codec });
    }
    spec
}

/// How many columns a table was given.
fn added(table: usize, columns: usize) -> usize {
    columns - spec(table).columns.len()
}

/// The row of that number where the table was given so many columns.
pub fn wide_row(table: usize, id: i64, added: usize) -> Row {
    let mut row = row(table, id);
    let h = mix(id as u64 ^ 0xADD);
    let cells = [
        Cell::F64((h as f64 / 7.0).to_bits()),
        Cell::Text(["", "new", "ny"][h as usize % 3].into()),
        if h.is_multiple_of(4) { Cell::Null } else { Cell::I64(h as i64) },
    ];
    row.cells.extend(cells.into_iter().take(added));
    row
}

/// The row of that number, as the table is now.
pub fn row_for(handle: &Table, table: usize, id: i64) -> Row {
    wide_row(table, id, added(table, handle.spec().columns.len()))
}

/// The row of that number in that table: everything but the number is a function of it.
pub fn row(table: usize, id: i64) -> Row {
    let h = mix(id as u64 ^ 0x5EED);
    // Late rows and equal times, over a range that slowly moves on.
    let mut ts = id / 4 * 3 + (h % 40) as i64;
    let mut tag = h;
    if table == ERROR {
        // Here equal times and tags are few, or no batch would be taken: in some stretches of ids.
        let repeats = mix(id as u64 >> 6).is_multiple_of(4) && h.is_multiple_of(6);
        let place = if repeats { id & !63 } else { id };
        (ts, tag) = (place ^ 21, mix(place as u64 ^ 0x7A6));
    }
    let null = |shift: u32| (h >> shift).is_multiple_of(5);
    let float = match h % 7 {
        0 => f64::NAN.to_bits(),
        1 => (-0.0f64).to_bits(),
        2 => (h as f64).to_bits(),
        _ => ((h % 1000) as f64 / 100.0).to_bits(),
    };
    let or_null = |null: bool, cell: Cell| if null { Cell::Null } else { cell };
    let cells = match table {
        0 | 4 => vec![Cell::I64(id), or_null(null(8), Cell::F64(float))],
        1 => {
            let text = ["", "å", "on", "a text of some length", "off"][(h >> 40) as usize % 5];
            let bytes = h.to_le_bytes()[..(h >> 50) as usize % 9].to_vec();
            vec![
                Cell::I64(id),
                or_null(null(9), Cell::Text(text.into())),
                or_null(null(10), Cell::Bytes(bytes)),
                or_null(null(11), Cell::Bool(h.is_multiple_of(3))),
            ]
        }
        _ => vec![
            Cell::I64(id),
            Cell::Text(["north", "south", "east"][(tag >> 30) as usize % 3].into()),
            or_null(null(12), Cell::U32(h as u32)),
            Cell::F64(float),
        ],
    };
    Row { ts, cells }
}

pub fn value(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(v) => Value::Bool(*v),
        Cell::I64(v) => Value::Int(*v),
        Cell::U32(v) => Value::UInt((*v).into()),
        Cell::F64(bits) => Value::Float(f64::from_bits(*bits)),
        Cell::Text(v) => Value::Str(std::str::from_utf8(v).expect("the text is text")),
        Cell::Bytes(v) => Value::Bytes(v),
    }
}

pub fn batch(table: usize, rows: &[Row]) -> Batch {
    let first = rows.first().map(|row| row.cells.len());
    let spec = wide_spec(table, first.map_or(0, |columns| added(table, columns)));
    let columns = spec.columns.iter().enumerate().map(|(at, def)| {
        let cells: Vec<&Cell> = rows.iter().map(|row| &row.cells[at]).collect();
        column(def.ty, &cells)
    });
    let ts: Vec<i64> = rows.iter().map(|row| row.ts).collect();
    Batch { ts: ts.into(), columns: columns.collect() }
}

fn column(ty: DataType, cells: &[&Cell]) -> Column {
    let values = cells.iter();
    let column = match ty {
        DataType::I64 => Column::from_vec(
            values.map(|c| if let Cell::I64(v) = c { *v } else { 0 }).collect::<Vec<i64>>(),
        ),
        DataType::U32 => Column::from_vec(
            values.map(|c| if let Cell::U32(v) = c { *v } else { 0 }).collect::<Vec<u32>>(),
        ),
        DataType::F64 => Column::from_vec(
            values.map(|c| if let Cell::F64(v) = c { *v } else { 0 }).collect::<Vec<u64>>(),
        ),
        DataType::Bool => Column {
            data: Data::Bool(values.map(|c| matches!(c, Cell::Bool(true))).collect()),
            validity: None,
        },
        _ => Column::from_texts(values.map(|c| match c {
            Cell::Text(bytes) | Cell::Bytes(bytes) => bytes.as_slice(),
            _ => &[],
        })),
    };
    let valid: Vec<bool> = cells.iter().map(|c| !matches!(c, Cell::Null)).collect();
    column.with_validity(Some(NullBuffer::from(valid)))
}

fn cell(column: &Column, ty: DataType, at: usize) -> Cell {
    if !column.is_valid(at) {
        return Cell::Null;
    }
    match ty {
        DataType::I64 => Cell::I64(column.values::<i64>()[at]),
        DataType::U32 => Cell::U32(column.values::<u32>()[at]),
        DataType::F64 => Cell::F64(column.values::<f64>()[at].to_bits()),
        DataType::Bool => match &column.data {
            Data::Bool(bits) => Cell::Bool(bits.value(at)),
            other => panic!("not a column of bools: {other:?}"),
        },
        DataType::Utf8 => Cell::Text(column.bytes_at(at).to_vec()),
        _ => Cell::Bytes(column.bytes_at(at).to_vec()),
    }
}

/// Rows up to which a result is read twice.
const READ_TWICE: usize = 1000;

/// The rows of a scan, in order: of small ones, the same piece by piece and as a whole.
pub fn rows_of(table: &Table, scan: &chronolite::Scan) -> Result<Vec<Row>, Error> {
    let rows = rows_of_pieces(table, scan.batches(1000)?)?;
    if rows.len() <= READ_TWICE {
        let again = rows_of_pieces(table, scan.all_batches()?)?;
        assert_eq!(again, rows, "read as a whole and by pieces");
    }
    Ok(rows)
}

fn rows_of_pieces(table: &Table, pieces: chronolite::db::scan::Batches) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for piece in pieces {
        let columns = piece?;
        let ts = columns[0].values::<i64>();
        for (at, &ts) in ts.iter().enumerate() {
            let spec = table.spec();
            let defs = columns[1..].iter().zip(&spec.columns);
            rows.push(Row { ts, cells: defs.map(|(c, def)| cell(c, def.ty, at)).collect() });
        }
    }
    Ok(rows)
}

/// What a database holds: for each of [`TABLES`] that exists, its rows in the order of reading, and
/// how many columns it was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content(pub [Option<Vec<Row>>; COUNT], pub [usize; COUNT]);

pub fn content(db: &Db) -> Result<Content, Error> {
    let mut content = Content::default();
    for name in db.tables()? {
        let index = TABLES.iter().position(|known| *known == name);
        let index = index.unwrap_or_else(|| panic!("a table {name:?} out of nowhere"));
        let table = db.table(&name)?;
        content.1[index] = added(index, table.spec().columns.len());
        assert_eq!(*table.spec(), wide_spec(index, content.1[index]), "the schema of {name}");
        let rows = rows_of(&table, &table.scan(ScanSpec::default())?)?;
        assert_eq!(table.len()?, rows.len() as u64, "rows counted and rows read");
        content.0[index] = Some(rows);
    }
    Ok(content)
}

/// What a table orders its rows by, besides arrival: the time and, if it has a key, the tag.
pub fn place(table: usize, row: &Row) -> (i64, Vec<u8>) {
    match &row.cells[1] {
        Cell::Text(tag) if is_keyed(table) => (row.ts, tag.clone()),
        _ => (row.ts, vec![]),
    }
}

/// True if no row of the table gives way to another.
pub fn keeps_all(table: usize) -> bool {
    spec(table).on_conflict == OnConflict::All
}

impl Content {
    /// What an attempt that went through makes of it, rows in the order of arrival.
    fn apply(&mut self, attempt: &Attempt) {
        let Attempt { table, ids, change, .. } = attempt;
        let rows = self.0[*table].get_or_insert_default();
        match change {
            None => rows.extend(ids.clone().map(|id| wide_row(*table, id, self.1[*table]))),
            Some(Change::Delete(deleted)) => rows.retain(|row| {
                let of_key = deleted.tag.as_ref().is_none_or(|tag| row.cells[1] == *tag);
                !((deleted.start..deleted.end).contains(&row.ts) && of_key)
            }),
            Some(Change::AddColumn) => {
                self.1[*table] += 1;
                rows.iter_mut().for_each(|row| row.cells.push(Cell::Null));
            }
            Some(Change::Drop) => (self.0[*table], self.1[*table]) = (None, 0),
        }
    }
}

// ---- The ledger ---------------------------------------------------------------------------------

/// What was answered to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    /// An error that promises that nothing was done.
    Refused,
    /// `Indeterminate`, or nothing was answered at all.
    Unknown,
}

/// Rows that are deleted: those with `start <= time < end` and, if there is one, of that key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    pub start: i64,
    pub end: i64,
    pub tag: Option<Cell>,
}

/// What is done to a table besides giving it rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Delete(Deleted),
    /// The next of [`ADDED`] is added.
    AddColumn,
    Drop,
}

/// The creation of a table, if it has no ids and changes nothing, or rows for it.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub table: usize,
    pub ids: Range<i64>,
    pub change: Option<Change>,
    pub outcome: Outcome,
    /// Operations of the disk before it began.
    pub begun: usize,
    /// Operations of the disk when it was answered.
    pub answered: usize,
    /// From this operation of the disk on it must survive; `usize::MAX` if that was never said.
    pub durable_at: usize,
}

/// All attempts in their order.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub attempts: Vec<Attempt>,
    pub next_id: i64,
}

impl Ledger {
    pub fn new() -> Self {
        Self { attempts: vec![], next_id: 1 }
    }

    /// Ids for new rows.
    pub fn take(&mut self, rows: usize) -> Range<i64> {
        self.next_id += rows as i64;
        self.next_id - rows as i64..self.next_id
    }

    pub fn begin(&mut self, table: usize, ids: Range<i64>, ops: usize) -> usize {
        let (outcome, durable_at) = (Outcome::Unknown, usize::MAX);
        let change = None;
        let attempt =
            Attempt { table, ids, change, outcome, begun: ops, answered: ops, durable_at };
        self.attempts.push(attempt);
        self.attempts.len() - 1
    }

    pub fn begin_change(&mut self, table: usize, change: Change, ops: usize) -> usize {
        let at = self.begin(table, 0..0, ops);
        self.attempts[at].change = Some(change);
        at
    }

    pub fn answer<T>(&mut self, attempt: usize, result: &Result<T, Error>, ops: usize) {
        let attempt = &mut self.attempts[attempt];
        attempt.answered = ops;
        attempt.outcome = match result {
            Ok(_) => Outcome::Applied,
            Err(e) if e.kind() == ErrorKind::Indeterminate => Outcome::Unknown,
            Err(_) => Outcome::Refused,
        };
    }

    /// Everything applied so far is durable from operation `ops` on.
    pub fn all_durable(&mut self, ops: usize) {
        for attempt in &mut self.attempts {
            if attempt.outcome == Outcome::Applied {
                attempt.durable_at = attempt.durable_at.min(ops);
            }
        }
    }

    /// The rows of the first `count` attempts that no delete hides, those among them that gave way
    /// to others: in the order of reading.
    pub fn arrived(&self, count: usize) -> Content {
        let mut content = Content::default();
        for attempt in &self.attempts[..count] {
            if attempt.outcome != Outcome::Refused {
                content.apply(attempt);
            }
        }
        for (table, rows) in content.0.iter_mut().enumerate() {
            // Stable: rows are in the order of arrival.
            rows.iter_mut().for_each(|rows| rows.sort_by_cached_key(|row| place(table, row)));
        }
        content
    }

    /// What the first `count` attempts make of an empty database.
    pub fn model(&self, count: usize) -> Content {
        let mut content = self.arrived(count);
        for (table, rows) in content.0.iter_mut().enumerate() {
            let Some(rows) = rows else { continue };
            match spec(table).on_conflict {
                OnConflict::All => {}
                OnConflict::First => rows.dedup_by_key(|row| place(table, row)),
                OnConflict::Last => {
                    rows.reverse();
                    rows.dedup_by_key(|row| place(table, row));
                    rows.reverse();
                }
                OnConflict::Error => {
                    let distinct = rows.is_sorted_by(|a, b| place(table, a) < place(table, b));
                    assert!(distinct, "two rows of one time and tag were taken");
                }
                rule => panic!("{rule:?} is not modelled"),
            }
        }
        content
    }

    /// True if rows of these ids must be refused: one of their times and tags is there already, or
    /// there twice.
    pub fn conflicts(&self, table: usize, ids: Range<i64>) -> bool {
        if table != ERROR {
            return false;
        }
        let there = self.model(self.attempts.len()).0[table].take().unwrap_or_default();
        let mut places: HashSet<_> = there.iter().map(|row| place(table, row)).collect();
        !ids.map(|id| place(table, &row(table, id))).all(|place| places.insert(place))
    }

    /// Rows a table after so many attempts, of those tables that keep all; none if that takes more
    /// than counting.
    fn counts(&self, count: usize) -> Option<[Option<usize>; COUNT]> {
        if self.attempts[..count].iter().any(|attempt| attempt.change.is_some()) {
            return None;
        }
        let mut counts = [None; COUNT];
        for attempt in &self.attempts[..count] {
            if attempt.outcome != Outcome::Refused && keeps_all(attempt.table) {
                *counts[attempt.table].get_or_insert(0) += attempt.ids.clone().count();
            }
        }
        Some(counts)
    }

    /// How many attempts must be there if the power went just after operation `ops`.
    pub fn least(&self, ops: usize) -> usize {
        let last = self.attempts.iter().rposition(|attempt| attempt.durable_at <= ops);
        last.map_or(0, |at| at + 1)
    }

    /// How many attempts may be there then.
    pub fn most(&self, ops: usize) -> usize {
        self.attempts.partition_point(|attempt| attempt.begun <= ops)
    }

    /// The prefix, of `least` to `most` attempts, whose model is `found`.
    pub fn prefix(&self, found: &Content, least: usize, most: usize) -> Result<usize, String> {
        let mut counts = found.0.each_ref().map(|rows| rows.as_ref().map(Vec::len));
        (0..COUNT).filter(|table| !keeps_all(*table)).for_each(|table| counts[table] = None);
        let fits = |&count: &usize| {
            self.counts(count).is_none_or(|those| those == counts) && self.model(count) == *found
        };
        if let Some(count) = (least..=most).rev().find(fits) {
            return Ok(count);
        }
        let shorter = (0..least).rev().find(fits);
        let longer = (most..=self.attempts.len()).find(fits);
        Err(match (shorter, longer) {
            (Some(count), _) => format!("lost: {count} attempts are there, {least} must be"),
            (_, Some(count)) => format!("too much: {count} attempts are there, {most} were made"),
            _ => {
                let want = (self.counts(least), self.counts(most));
                format!("wrong rows: {counts:?} rows a table, between {want:?} expected")
            }
        })
    }
}

// ---- Looking at a disk --------------------------------------------------------------------------

/// Options under which nothing happens behind one's back.
pub fn options(durability: Durability) -> DbOptions {
    let mut options = DbOptions::default().durability(durability);
    options.sync_interval = std::time::Duration::from_secs(3600);
    options.flush_bytes = 6000;
    options.direct_bytes = 3000;
    options
}

pub fn open(disk: &SimStorage, durability: Durability) -> Result<Db, Error> {
    Db::open_with(Arc::new(disk.clone()), PATH, options(durability))
}

/// Opens what is on `disk`, reads and checks all of it, and says which prefix of the attempts it
/// is.
pub fn inspect(
    disk: &SimStorage,
    ledger: &Ledger,
    (least, most): (usize, usize),
) -> Result<usize, String> {
    let db = open(disk, Durability::None).map_err(|e| format!("cannot open: {e:?}"))?;
    let found = content(&db).map_err(|e| format!("cannot read: {e:?}"))?;
    let report = db.verify().map_err(|e| format!("cannot verify: {e:?}"))?;
    if !report.ok() {
        return Err(format!("verify: {:?}", report.problems));
    }
    ledger.prefix(&found, least, most)
}

/// Appends the row of that id, or creates the table if there is no id.
pub fn write_one(db: &Db, table: usize, ids: Range<i64>) -> Result<(), Error> {
    if ids.is_empty() {
        return db.create_table(TABLES[table], spec(table)).map(drop);
    }
    let handle = db.table(TABLES[table])?;
    let row = row_for(&handle, table, ids.start);
    let values: Vec<_> = row.cells.iter().map(value).collect();
    handle.append_row(row.ts, &values).map(drop)
}
