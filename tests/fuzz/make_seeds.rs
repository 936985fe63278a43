//! The seeds, made again: `cargo test --features sim,capi --test fuzz -- --ignored`. They are kept, as a
//! database's salt is another each time.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chronolite::codec::{Choice, Codec, encode};
use chronolite::format::PAGE;
use chronolite::format::edit::{Edit, decode_edits, encode_edits};
use chronolite::format::frame::{FRAME_LEN, Frame, LOG_MAGIC, MANIFEST_MAGIC};
use chronolite::format::key::KeyColumns;
use chronolite::format::log::{LOG_START, kind};
use chronolite::format::slot::{SLOT_LEN, Slot, SlotState};
use chronolite::store::sim::SimStorage;
use chronolite::{Batch, Column, DataType, Db, DbOptions, Durability, TableSpec, Value};

use super::bodies::blocks::types;
use super::bodies::files::{Files, pack_log};
use super::{Rng, seeds_folder};

fn keep(target: &str, name: &str, bytes: &[u8]) {
    fs::create_dir_all(seeds_folder(target)).unwrap();
    fs::write(seeds_folder(target).join(name), bytes).unwrap();
}

#[test]
#[ignore = "writes the seeds"]
fn make_seeds() {
    Codec::ALL.into_iter().for_each(blocks);
    columns();
    databases();
    text();
    arrays();
    calls();
}

/// Any bytes are calls; these begin by an open and a table, so that most of what follows has handles.
fn calls() {
    let mut rng = Rng(11);
    for seed in 0..8 {
        let bytes: Vec<u8> = (0..1500).map(|_| rng.below(256) as u8).collect();
        keep("c_calls", &format!("random-{seed}"), &bytes);
    }
}

/// Rows of a block whose values go up and down a little, now and then a lot.
fn column(ty: DataType, codec: Codec, rows: usize) -> Column {
    let mut rng = Rng(7);
    let mut number = |row: usize| match codec {
        Codec::Constant => 77,
        Codec::RunLength => row / 60,
        Codec::Scaled => 1000 + 36 * rng.below(40),
        Codec::Delta => 50 * row + rng.below(4),
        _ => 100 + rng.below(20) + 900 * usize::from(rng.below(90) == 0),
    };
    let numbers: Vec<usize> = (0..rows).map(&mut number).collect();
    let numbers = numbers.into_iter();
    match ty {
        DataType::F32 if codec == Codec::NanotsInt => {
            Column::from_vec(numbers.map(|n| n as f32).collect())
        }
        DataType::F64 if codec == Codec::NanotsInt => {
            Column::from_vec(numbers.map(|n| n as f64).collect())
        }
        DataType::F32 => Column::from_vec(numbers.map(|n| n as f32 / 10.0).collect()),
        DataType::F64 if codec == Codec::AlpRd => {
            Column::from_vec(numbers.map(|n| (n as f64).sqrt()).collect())
        }
        DataType::F64 => Column::from_vec(numbers.map(|n| n as f64 / 10.0).collect()),
        DataType::Bool => {
            let bits = numbers.map(|n| n % 2 == 1).collect();
            Column { data: chronolite::Data::Bool(bits), validity: None }
        }
        _ if ty.is_bytes() => Column::from_texts(numbers.map(|n| format!("häst {n}"))),
        _ => match ty.width() {
            Some(1) => Column::from_vec(numbers.map(|n| n as u8).collect()),
            Some(2) => Column::from_vec(numbers.map(|n| n as u16).collect()),
            Some(4) => Column::from_vec(numbers.map(|n| n as u32).collect()),
            _ => Column::from_vec(numbers.map(|n| n as u64).collect()),
        },
    }
}

/// Blocks of one codec: of the least and the greatest type, of a few rows and more than a vector.
fn blocks(codec: Codec) {
    let (types, target) = (types(codec), format!("decode_{}", codec.name()));
    let mut chosen = vec![0, types.len() / 2, types.len() - 1];
    chosen.dedup();
    for place in chosen {
        for rows in [5, 1030] {
            let ty = types[place];
            let mut payload = vec![];
            let made = encode(ty, &column(ty, codec, rows), Choice::Only(codec), &mut payload);
            if made != codec {
                continue;
            }
            let (start, len) = (rows / 3, rows / 2);
            let head = [rows - 1, start, len].map(|n| (n as u16).to_be_bytes()).concat();
            let input = [&[place as u8][..], &head, &[1], &payload].concat();
            keep(&target, &format!("{ty}_{rows}"), &input);
        }
    }
}

fn columns() {
    let mut rng = Rng(3);
    for ty in 0..DataType::ALL.len() as u8 {
        for shape in 0..4 {
            let mut input = vec![ty, shape, 4, 10 + ty, 1, 3, 2, 0, 200];
            input.extend((0..60).map(|_| rng.next() as u8));
            keep("round_trip", &format!("{ty}_{shape}"), &input);
        }
    }
}

fn spec(key: bool) -> TableSpec {
    let spec = TableSpec::new([
        ("tag", DataType::Utf8),
        ("v", DataType::F64),
        ("n", DataType::I32),
        ("on", DataType::Bool),
    ]);
    if key { spec.key(&["tag"]).unwrap() } else { spec }
}

fn batch(from: i64, rows: i64) -> Batch {
    let ids = from..from + rows;
    let tags = ids.clone().map(|id| ["north", "south", "öst"][id as usize % 3]);
    let values = ids.clone().map(|id| id as f64 / 4.0).collect::<Vec<_>>();
    let valid = ids.clone().map(|id| id % 5 > 0).collect::<Vec<_>>();
    let columns = vec![
        Column::from_texts(tags),
        Column::from_vec(values).with_validity(Some(valid.into())),
        Column::from_vec(ids.clone().map(|id| id as i32).collect::<Vec<_>>()),
        column(DataType::Bool, Codec::Raw, rows as usize),
    ];
    Batch { ts: ids.map(|id| id * 1000).collect::<Vec<_>>().into(), columns }
}

fn row(db: &Db, table: &str, id: i64) {
    let values = [Value::Str("öst"), Value::Float(0.5), Value::Null, Value::Bool(true)];
    db.table(table).unwrap().append_row(id * 1000, &values).unwrap();
}

/// A database of two tables: segments, packed ones, rows in the log, a delete, a column more.
fn databases() {
    let (disk, path) = (SimStorage::new(), Path::new("/data/plant.chl"));
    let files = || Files {
        main: disk.contents(path).unwrap(),
        log: disk.contents(Path::new("/data/plant.chl-wal")),
    };
    let mut options = DbOptions::default().durability(Durability::None);
    options.direct_bytes = 3000;
    let db = Db::open_with(Arc::new(disk.clone()), path, options).unwrap();
    keep("open", "new", &files().pack(true));
    for (name, key) in [("plain", false), ("keyed", true)] {
        let table = db.create_table(name, spec(key)).unwrap();
        table.append(vec![batch(0, 40)]).unwrap();
        table.append(vec![batch(20, 30)]).unwrap();
        db.flush().unwrap();
        table.append(vec![batch(30, 25)]).unwrap();
        table.delete(Some(5000), Some(9000), None).unwrap();
        db.flush().unwrap();
    }
    db.pack(Some("keyed"), usize::MAX).unwrap();
    let plain = db.table("plain").unwrap();
    row(&db, "plain", 12);
    row(&db, "keyed", 200);
    plain.append(vec![batch(50, 7)]).unwrap();
    plain.delete(Some(1000), Some(2000), None).unwrap();
    db.create_table("third", spec(true)).unwrap();
    row(&db, "third", 3);
    db.table("third").unwrap().append(vec![batch(0, 150)]).unwrap();
    let killed = files();
    keep("open", "killed", &killed.pack(true));
    keep("open", "killed_unsigned", &killed.pack(false));
    keep("salvage", "killed", &killed.pack(true));
    let log = killed.log.clone().unwrap();
    keep("log", "killed", &[vec![1], pack_log(&log)].concat());
    plain.add_column("late", DataType::I16).unwrap();
    db.drop_table("third").unwrap();
    let changed = files();
    keep("log", "changed", &[vec![1], pack_log(&changed.log.clone().unwrap())].concat());
    keep("open", "changed", &changed.pack(true));
    keep("salvage", "without_log", &Files { log: None, ..changed }.pack(true));
    records(&log);
    drop(plain);
    db.close().unwrap();
    let closed = files();
    keep("open", "closed", &closed.pack(true));
    keep("salvage", "closed", &closed.pack(true));
    pieces(&closed.main);
    let key = KeyColumns::new(vec![(0, DataType::Utf8)]);
    for (at, value) in ["", "öst", "a\0b"].into_iter().enumerate() {
        let ty = DataType::ALL.iter().position(|ty| *ty == DataType::Utf8).unwrap();
        let mut bytes = vec![ty as u8];
        key.encode_values(&[Value::Str(value)], &mut bytes);
        keep("key", &format!("text_{at}"), &bytes);
    }
    keep("key", "two", &[131, 1, 0x80, 0, 0, 1, 0, 0, 0, 1, 0]);
}

/// The records of a log, one by one.
fn records(log: &[u8]) {
    let mut at = LOG_START as usize;
    keep("slot", "log_header", &log[..64]);
    while let Ok((frame, body)) = Frame::parse_record(&log[at..], LOG_MAGIC) {
        match frame.kind {
            kind::ROW => keep("record", "row", &[&[0], body].concat()),
            kind::ROWS => keep("record", "rows", &[&[1], body].concat()),
            kind::SEGMENTS => keep("manifest", "segments", body),
            _ => {}
        }
        at += frame.total_len() as usize;
    }
    keep("slot", "record", &log[LOG_START as usize..LOG_START as usize + 120]);
    let columns = TableSpec::new(DataType::ALL.map(|ty| (ty.name(), ty))).columns;
    let all: Vec<_> = DataType::ALL.map(|ty| column(ty, Codec::Raw, 3)).into();
    let values: Vec<_> = all.iter().zip(DataType::ALL).map(|(c, ty)| c.value(ty, 1)).collect();
    let mut row = vec![0];
    chronolite::format::log::put_row(&mut row, 1, &columns, 5, -7, &values);
    keep("record", "row_of_all", &row);
    let mut rows = vec![1];
    let chunk = Batch { ts: vec![1i64, 2, 3].into(), columns: all };
    // Behind the first byte pieces stand where they do in a record.
    let mut body = vec![];
    chronolite::format::log::put_rows(&mut body, 1, &columns, 5, &[chunk]);
    rows.extend(body);
    keep("record", "rows_of_all", &rows);
}

/// Slots, manifest records and footers of a main file.
fn pieces(main: &[u8]) {
    let slots = [0, PAGE as usize].into_iter().filter_map(|at| match Slot::parse(&main[at..]) {
        SlotState::Valid(slot) => {
            keep("slot", &format!("slot_{at}"), &main[at..at + SLOT_LEN]);
            Some(slot)
        }
        _ => None,
    });
    let slot = slots.max_by_key(|slot| slot.generation).unwrap();
    let (mut at, mut name) = (slot.manifest_at as usize, 0);
    let end = at + slot.manifest_len as usize;
    while at < end {
        let (frame, body) = Frame::parse_record(&main[at..end], MANIFEST_MAGIC).unwrap();
        keep("manifest", &format!("record_{name}"), body);
        for edit in decode_edits(body).unwrap() {
            let Edit::AddSegment(entry) = edit else { continue };
            let extent = &main[entry.offset as usize..][..entry.len as usize];
            let (blocks, frame) = extent.split_at(entry.footer_at as usize);
            let len = u32::from_le_bytes(frame[4..8].try_into().unwrap()) as usize;
            let mut input = (len as u16).to_le_bytes().to_vec();
            input.extend(&frame[FRAME_LEN..FRAME_LEN + len]);
            input.extend(blocks);
            keep("footer", &format!("segment_{}", entry.id), &input);
        }
        (at, name) = (at + frame.total_len() as usize, name + 1);
    }
    let key = Some(b"\x01a\0\0".to_vec());
    let delete =
        chronolite::format::edit::DeleteEntry { table: 1, lsn: 9, start: -1, end: None, key };
    let edits = [
        Edit::Delete(delete),
        Edit::ForgetDelete(1, 9),
        Edit::RemoveSegment { table: 1, id: 4, min_ts: 0 },
        Edit::DropTable(2),
    ];
    let mut bytes = vec![];
    encode_edits(&edits, &mut bytes);
    keep("manifest", "changes", &bytes);
}

fn text() {
    let predicates = [
        "f >= 0.0 and g < 3 or not (i > 1)",
        "s in ('a', 'ä', 'it''s') and u == 18446744073709551615",
        "ts > timestamp '1970-01-01T00:00:02.5' and ts <= 9",
        "x = x'00ff' or f is not nan and g is null and b",
        "i between 1 and 3 and f not in (1, 2.5, null, -inf)",
        "\"s\" >= 'b' and f < i and null = f or true",
    ];
    for (at, text) in predicates.iter().enumerate() {
        keep("where_text", &format!("{at}"), text.as_bytes());
    }
    let statements = [
        "CREATE TABLE IF NOT EXISTS \"a b\" (ts TIMESTAMP(9), x DOUBLE, s VARCHAR(10))",
        "CREATE TABLE `q` (ts_ms BIGINT, n INT UNSIGNED, y BLOB);",
        "INSERT INTO t VALUES (1000, -25.5, 'it''s', 3), (2000, NULL, E'\\n', 18446744073709551615)",
        "INSERT INTO t (u, ts, s) VALUES (7, '2024-03-01T12:30:05.25+02:00', 'å')",
        "INSERT INTO t (ts_ms, x) VALUES (+5, 1e3) -- done",
    ];
    for (at, text) in statements.iter().enumerate() {
        keep("sql", &format!("{at}"), text.as_bytes());
    }
    let times = [
        "2024-03-01",
        "20240301T123005Z",
        "2024-02-29 12:30:05.250000001+02:00",
        "1969-12-31T23:59:59.999-1130",
    ];
    for (at, text) in times.iter().enumerate() {
        keep("iso8601", &format!("{at}"), text.as_bytes());
    }
}

/// What they are is read off the bytes from the front: these are of every kind.
fn arrays() {
    let mut rng = Rng(11);
    for kind in 0..10 {
        for form in 0..4 {
            let mut input = vec![20 + form, kind];
            input.extend((0..300).map(|_| rng.next() as u8));
            keep("arrow_import", &format!("{kind}_{form}"), &input);
        }
    }
}
