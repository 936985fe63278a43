//! Calls of the C ABI in any order, with any handles and arguments that a caller may get wrong without
//! breaking a promise that cannot be checked: pointers lead to as much as is read through them, or the
//! count is one that no memory has.
//!
//! An input is a list of calls: a byte for which, then what its arguments take. Handles come from all
//! that were given out, ended ones among them, or from nowhere. What a call says has to agree with
//! itself, no call may panic, and what was acknowledged has to be there in the end.

#![allow(unsafe_code)] // calls of C

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::fs;
use std::mem::{size_of, zeroed};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

use arbitrary::{Result, Unstructured};
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use chronolite::capi::*;

use super::memory::limited;

/// Calls of one input: a database is soon too large for the memory that an input may take.
const MOST_CALLS: usize = 60;
/// Rows of a table that is appended to another.
const MOST_ROWS: u64 = 10_000;
/// Items that every array here has.
const ITEMS: usize = 64;

const TEXTS: [&CStr; 16] = [
    c"t",
    c"u",
    c"v",
    c"w",
    c"ts",
    c"",
    c"gorilla",
    c"dictionary",
    c"v > 1",
    c"v is null or w = 'a'",
    c"UTC",
    c"America/New_York",
    c"\xff\xfe",
    c"insert into t values (1, 2, 'a')",
    c"create table u (ts_ms integer, v real, w text)",
    c"a\"b/../c",
];
static TIMES: [i64; ITEMS] = {
    let mut times = [0; ITEMS];
    let mut at = 0;
    while at < ITEMS {
        times[at] = (at as i64 * 7919) % 100 - 20;
        at += 1;
    }
    times[3] = i64::MIN;
    times[5] = i64::MAX;
    times
};
static OFFSETS: [i64; ITEMS + 1] = [1; ITEMS + 1];
static BACKWARDS: [i64; ITEMS + 1] = {
    let mut offsets = [0; ITEMS + 1];
    offsets[1] = 5;
    offsets
};

/// The handles there were, and where files go.
struct Caller {
    folder: PathBuf,
    databases: Vec<chl_db>,
    tables: Vec<chl_table>,
    snapshots: Vec<chl_snapshot>,
    tails: Vec<chl_tail>,
}

thread_local! {
    /// One folder a process: an input leaves nothing in it.
    static FOLDER: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

fn folder() -> PathBuf {
    FOLDER.with_borrow_mut(|folder| {
        let make = || {
            // In memory, where there is such a place: an input syncs many times.
            let memory = Path::new("/dev/shm");
            let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
            let path = base.join(format!("chronolite-calls-{}", std::process::id()));
            _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).expect("a folder");
            path
        };
        folder.get_or_insert_with(make).clone()
    })
}

/// Carries out the calls of an input.
pub fn calls(data: &[u8]) {
    let folder = folder();
    limited(data.len(), || {
        let mut caller = Caller {
            folder: folder.clone(),
            databases: vec![],
            tables: vec![],
            snapshots: vec![],
            tails: vec![],
        };
        let mut input = Unstructured::new(data);
        if input.ratio(3, 4).unwrap_or_default() {
            caller.begin();
        }
        for _ in 0..MOST_CALLS {
            if input.is_empty() || caller.call(&mut input).is_err() {
                break;
            }
        }
        caller.end();
    });
    for file in fs::read_dir(&folder).expect("a folder").flatten() {
        fs::remove_file(file.path()).expect("removed");
    }
}

/// What a call says agrees with itself.
fn says(status: chl_status) -> chl_status {
    assert_ne!(status, chl_status::CHL_ERROR_INTERNAL);
    if (status as i32) < 0 {
        // SAFETY: it is never NULL, and its message is text.
        let (error, message) = unsafe {
            let error = &*chl_last_error();
            (error, CStr::from_ptr(error.message))
        };
        assert_eq!(error.status, status);
        assert!(!message.is_empty() && message.to_str().is_ok(), "{message:?}");
    }
    status
}

fn one_of<T: Copy + Default>(input: &mut Unstructured<'_>, all: &[T]) -> Result<T> {
    // Past the end: a handle that is none.
    Ok(all.get(input.int_in_range(0..=all.len())?).copied().unwrap_or_default())
}

fn text(input: &mut Unstructured<'_>) -> Result<*const c_char> {
    let at = input.int_in_range(0..=TEXTS.len() + 1)?;
    Ok(TEXTS.get(at).map_or(null(), |text| text.as_ptr()))
}

/// That text, mostly.
fn text_or(input: &mut Unstructured<'_>, usual: *const c_char) -> Result<*const c_char> {
    if input.ratio(1, 3)? { text(input) } else { Ok(usual) }
}

/// A count that is true of arrays here, or one that no memory has.
fn count(input: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match input.int_in_range(0..=9)? {
        0 => ITEMS,
        1 => usize::MAX,
        2 => 1 << 60,
        3 => i64::MIN as usize,
        few => few - 3,
    })
}

/// An array, or NULL.
fn pointer<T>(input: &mut Unstructured<'_>, items: &[T]) -> Result<*const T> {
    assert!(items.len() >= ITEMS);
    Ok(if input.ratio(1, 12)? { null() } else { items.as_ptr() })
}

fn size<T>(input: &mut Unstructured<'_>) -> Result<usize> {
    let odd = [0, 1, 7, 8, 9, usize::MAX, 5000];
    Ok(if input.ratio(1, 10)? { *input.choose(&odd)? } else { size_of::<T>() })
}

fn time(input: &mut Unstructured<'_>) -> Result<i64> {
    Ok(if input.ratio(1, 4)? {
        *input.choose(&[i64::MIN, i64::MAX, -1, 0])?
    } else {
        input.int_in_range(-30..=90)?
    })
}

/// A number of an enum, mostly one that there is.
fn number(input: &mut Unstructured<'_>, most: i32) -> Result<i32> {
    Ok(if input.ratio(1, 10)? { input.arbitrary()? } else { input.int_in_range(0..=most)? })
}

fn values(input: &mut Unstructured<'_>) -> Result<Vec<chl_value>> {
    let mut all = Vec::with_capacity(ITEMS);
    for at in 0..ITEMS {
        // The rest are those again.
        if at >= 6 {
            all.push(all[at % 6]);
            continue;
        }
        let kind = number(input, 6)?;
        let bytes = chl_bytes { data: text(input)?, size: *input.choose(&[0, 1, usize::MAX])? };
        // Text of a byte at least, where a byte is read.
        let bytes = if bytes.size == 1 && (bytes.data.is_null() || bytes.data == TEXTS[5].as_ptr())
        {
            chl_bytes { size: 0, ..bytes }
        } else {
            bytes
        };
        let of = match kind {
            5 | 6 => chl_cell { bytes },
            4 => chl_cell { number: input.arbitrary()? },
            _ => chl_cell { integer: input.arbitrary()? },
        };
        all.push(chl_value { kind, of });
    }
    Ok(all)
}

fn arrays(input: &mut Unstructured<'_>) -> Result<Vec<chl_array>> {
    let mut all = Vec::with_capacity(ITEMS);
    for at in 0..ITEMS {
        if at >= 3 {
            all.push(all[at % 3]);
            continue;
        }
        all.push(chl_array {
            name: text(input)?,
            type_: number(input, 13)?,
            values: pointer(input, &TIMES)?.cast(),
            offsets: *input.choose(&[null(), OFFSETS.as_ptr(), BACKWARDS.as_ptr()])?,
            validity: pointer(input, &TIMES)?.cast(),
        });
    }
    Ok(all)
}

impl Caller {
    fn path(&self, input: &mut Unstructured<'_>) -> Result<CString> {
        let name = *input.choose(&["a.chl", "a.chl", "b.chl", "none/c.chl"])?;
        let path = self.folder.join(name);
        Ok(CString::new(path.as_os_str().as_bytes()).expect("no zero byte"))
    }

    /// A database, and a table in it: most calls do more where there is one.
    fn begin(&mut self) {
        let path = CString::new(self.folder.join("a.chl").as_os_str().as_bytes());
        let (path, mut db, mut table) =
            (path.expect("a path"), chl_db::default(), chl_table::default());
        let column = |name: &CStr, type_| chl_column { name: name.as_ptr(), type_, codec: null() };
        let columns = [column(c"v", 10), column(c"w", 12)];
        // SAFETY: all pointers are to locals, and a spec of zeros is one.
        unsafe {
            let mut spec: chl_table_spec = zeroed();
            spec.size = size_of::<chl_table_spec>();
            (spec.columns, spec.column_count) = (columns.as_ptr(), columns.len());
            assert_eq!(says(chl_open(path.as_ptr(), null(), &mut db)), chl_status::CHL_OK);
            let made = says(chl_create_table(db, c"t".as_ptr(), &spec, &mut table));
            assert_eq!(made, chl_status::CHL_OK);
        }
        self.databases.push(db);
        self.tables.push(table);
    }

    fn call(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.int_in_range(0..=3)? {
            0 => self.of_a_database(input),
            1 => self.of_a_table(input),
            2 => self.rows_in(input),
            _ => self.rows_out(input),
        }
    }

    fn of_a_database(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let db = one_of(input, &self.databases)?;
        let (mut out, mut number_out): (*mut c_char, u64) = (null_mut(), 0);
        // SAFETY: all pointers are to locals, or to arrays and texts as long as they have to be.
        let status = unsafe {
            match input.int_in_range(0..=13)? {
                0 | 1 => {
                    let mut options: chl_options = zeroed();
                    let maintenance: chl_maintenance =
                        chl_maintenance { size: size::<chl_maintenance>(input)?, ..zeroed() };
                    options.size = size::<chl_options>(input)?;
                    // Beyond their end there is nothing to be read.
                    let larger = options.size > size_of::<chl_options>() && options.size <= 4096
                        || maintenance.size > size_of::<chl_maintenance>()
                            && maintenance.size <= 4096;
                    options.mode = number(input, 1)?;
                    options.durability = number(input, 2)?;
                    options.retention_ms = input.int_in_range(0..=3)?;
                    options.max_record_size = input.int_in_range(0..=300)?;
                    if input.ratio(1, 8)? {
                        options.maintenance = &maintenance;
                    }
                    let given =
                        if input.ratio(1, 2)? || larger { null() } else { &raw const options };
                    let mut opened = chl_db::default();
                    let path = self.path(input)?;
                    let status = says(chl_open(path.as_ptr(), given, &mut opened));
                    if status == chl_status::CHL_OK {
                        self.databases.push(opened);
                    }
                    status
                }
                2 => says(chl_close(db)),
                3 => says(chl_flush(db)),
                4 => says(chl_refresh(db)),
                5 => {
                    let (mut names, mut many) = (null_mut(), 0);
                    let status = says(chl_tables(db, &mut names, &mut many));
                    if status == chl_status::CHL_OK {
                        chl_free_names(names, many);
                    }
                    status
                }
                6 => says(chl_drop_table(db, text(input)?)),
                7 => says(chl_execute(db, text(input)?, &mut number_out)),
                8 => says(chl_pack(db, text(input)?, count(input)?, &mut out)),
                9 => says(chl_compact(db)),
                10 => says(chl_apply_retention(db)),
                11 => says(chl_stats(db, &mut out)),
                12 => {
                    let status = says(chl_verify(db, &mut out));
                    assert_ne!(status, chl_status::CHL_ERROR_CORRUPTION);
                    status
                }
                _ => {
                    let mut taken = chl_snapshot::default();
                    let status = says(chl_take_snapshot(db, &mut taken));
                    self.snapshots.push(taken);
                    status
                }
            }
        };
        // SAFETY: it is NULL or made by a call above.
        unsafe { chl_free_text(out) };
        assert!(db != chl_db::default() || status != chl_status::CHL_OK || out.is_null());
        Ok(())
    }

    fn of_a_table(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let (db, table) = (one_of(input, &self.databases)?, one_of(input, &self.tables)?);
        let mut made = chl_table::default();
        // SAFETY: as above.
        unsafe {
            match input.int_in_range(0..=11)? {
                0..=2 => {
                    let columns: Vec<_> = (0..ITEMS)
                        .map(|at| chl_column {
                            name: TEXTS[2 + at % 2].as_ptr(),
                            type_: if at % 2 == 0 { 10 } else { 12 },
                            codec: null(),
                        })
                        .collect();
                    let keys = [TEXTS[3].as_ptr(); ITEMS];
                    let mut spec: chl_table_spec = zeroed();
                    spec.size = size_of::<chl_table_spec>();
                    spec.columns = pointer(input, &columns)?;
                    spec.column_count = if input.ratio(1, 4)? { count(input)? } else { 2 };
                    spec.key = keys.as_ptr();
                    spec.key_count = if input.ratio(1, 8)? { count(input)? } else { 1 };
                    spec.time_unit = number(input, 3)?;
                    spec.on_conflict = number(input, 3)?;
                    spec.storage = number(input, 3)?;
                    spec.time_column = text_or(input, null())?;
                    let name = text_or(input, TEXTS[0].as_ptr())?;
                    says(chl_create_table(db, name, &spec, &mut made));
                }
                3 => _ = says(chl_find_table(db, text(input)?, &mut made)),
                4 => {
                    let snapshot = one_of(input, &self.snapshots)?;
                    says(chl_snapshot_table(snapshot, text(input)?, &mut made));
                }
                5 => _ = says(chl_release_table(table)),
                6 => _ = says(chl_release_snapshot(one_of(input, &self.snapshots)?)),
                7 => {
                    let mut schema = FFI_ArrowSchema::empty();
                    says(chl_schema(table, &mut schema));
                    let mut json = null_mut();
                    says(chl_describe(table, &mut json));
                    chl_free_text(json);
                }
                8 => {
                    _ = says(chl_add_column(table, text(input)?, number(input, 13)?, text(input)?))
                }
                9 => {
                    let (mut first, mut last) = (0, 0);
                    let status = says(chl_time_range(table, &mut first, &mut last));
                    assert!(status != chl_status::CHL_OK || first <= last);
                }
                10 => {
                    let key = values(input)?;
                    let (start, end) = (time(input)?, time(input)?);
                    says(chl_delete(table, start, end, pointer(input, &key)?, count(input)?));
                }
                _ if input.arbitrary()? => _ = says(chl_retain_age(table, input.arbitrary()?)),
                _ => _ = says(chl_retain_from(table, time(input)?)),
            }
        }
        self.tables.push(made);
        Ok(())
    }

    fn rows_in(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let table = one_of(input, &self.tables)?;
        let (all, mut appended, before) = (i64::MIN, 0, rows(table));
        // SAFETY: as above.
        let (status, appended) = unsafe {
            match input.int_in_range(0..=4)? {
                0 | 1 => {
                    let row = values(input)?;
                    let many = if input.ratio(1, 4)? { count(input)? } else { 2 };
                    let row = pointer(input, &row)?;
                    (says(chl_append_row(table, time(input)?, row, many, &mut appended)), 1)
                }
                2 => {
                    let row = [input.arbitrary()?; ITEMS];
                    let row = pointer(input, &row)?;
                    (
                        says(chl_append_row_f64(
                            table,
                            time(input)?,
                            row,
                            count(input)?,
                            null_mut(),
                        )),
                        1,
                    )
                }
                3 => {
                    let (columns, many) = (arrays(input)?, count(input)?);
                    let (times, columns) = (pointer(input, &TIMES)?, pointer(input, &columns)?);
                    let of = if input.ratio(1, 3)? { count(input)? } else { 2 };
                    (
                        says(chl_append_columns(table, many, times, columns, of, &mut appended)),
                        appended,
                    )
                }
                _ => {
                    let from = one_of(input, &self.tables)?;
                    if rows(from).is_some_and(|rows| rows > MOST_ROWS) {
                        // A table that is appended to itself again and again fills any memory.
                        return Ok(());
                    }
                    let mut stream = FFI_ArrowArrayStream::empty();
                    says(chl_scan(from, all, i64::MAX, null(), &mut stream));
                    let status = says(chl_append_stream(table, &mut stream, &mut appended));
                    assert!(stream.release.is_none());
                    (status, appended)
                }
            }
        };
        if let (Some(before), Some(after)) = (before, rows(table)) {
            let more = if status == chl_status::CHL_OK { appended } else { 0 };
            // Rows may take the place of others, or give way to them.
            assert!(after >= before && after <= before + more, "{before} + {more} is {after}");
        }
        Ok(())
    }

    fn rows_out(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let table = one_of(input, &self.tables)?;
        let (start, end, key) = (time(input)?, time(input)?, values(input)?);
        let names = [text(input)?; ITEMS];
        let wanted: Vec<_> = (0..ITEMS)
            .map(|at| chl_wanted { column: TEXTS[2 + at % 3].as_ptr(), kind: at as i32 % 9 })
            .collect();
        let mut stream = FFI_ArrowArrayStream::empty();
        // SAFETY: as above.
        unsafe {
            let mut options: chl_scan_options = zeroed();
            options.size = size_of::<chl_scan_options>();
            options.columns = *input.choose(&[null(), names.as_ptr()])?;
            options.column_count = if options.columns.is_null() { 0 } else { count(input)? };
            options.where_ = text_or(input, null())?;
            options.limit = input.int_in_range(0..=5)?;
            options.reverse = input.arbitrary()?;
            if input.ratio(1, 4)? {
                (options.key, options.key_count) = (pointer(input, &key)?, count(input)?);
            }
            let given = if input.arbitrary()? { null() } else { &raw const options };
            match input.int_in_range(0..=7)? {
                0 | 1 => {
                    let (mut rows, mut found) = (0, 0);
                    let status = says(chl_count(table, start, end, given, &mut rows));
                    if says(chl_scan(table, start, end, given, &mut stream)) == chl_status::CHL_OK {
                        found = read(&mut stream);
                    }
                    assert!(status != chl_status::CHL_OK || rows == found, "{rows}, not {found}");
                }
                2 => {
                    _ = says(chl_last(
                        table,
                        count(input)?,
                        key.as_ptr(),
                        input.int_in_range(0..=2)?,
                        &mut stream,
                    ))
                }
                3 => {
                    _ = says(chl_asof(
                        table,
                        start,
                        key.as_ptr(),
                        input.int_in_range(0..=2)?,
                        &mut stream,
                    ))
                }
                4 => {
                    let wanted = pointer(input, &wanted)?;
                    says(chl_aggregate(
                        table,
                        start,
                        end,
                        given,
                        wanted,
                        count(input)?,
                        1,
                        &mut stream,
                    ));
                }
                5 => {
                    let mut every: chl_downsample_options = zeroed();
                    every.size = size_of::<chl_downsample_options>();
                    every.every = time(input)?;
                    (every.by, every.by_count) = (names.as_ptr(), input.int_in_range(0..=2)?);
                    every.origin = number(input, 2)?;
                    every.origin_time = time(input)?;
                    every.fill = number(input, 5)?;
                    every.tz = text_or(input, null())?;
                    every.where_ = options.where_;
                    let wanted = pointer(input, &wanted)?;
                    // A fill of a wide range makes a row for each bucket.
                    let (start, end) = (start.clamp(-50, 100), end.clamp(-50, 100));
                    let many = input.int_in_range(0..=9)?;
                    says(chl_downsample(table, start, end, &every, wanted, many, &mut stream));
                }
                6 => {
                    let mut tail = chl_tail::default();
                    says(chl_open_tail(table, *input.choose(&[0, 1, u64::MAX, 1000])?, &mut tail));
                    self.tails.push(tail);
                }
                _ => self.of_a_tail(input)?,
            }
        }
        if stream.release.is_some() {
            read(&mut stream);
        }
        Ok(())
    }

    fn of_a_tail(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let tail = one_of(input, &self.tails)?;
        let (mut schema, mut array) = (FFI_ArrowSchema::empty(), FFI_ArrowArray::empty());
        match input.int_in_range(0..=5)? {
            0 => _ = says(chl_interrupt_tail(tail)),
            1 => _ = says(chl_close_tail(tail)),
            _ => {
                let (wait, mut cursor) = (*input.choose(&[0, 1, -2, i64::MIN])?, 0);
                // SAFETY: all pointers are to locals.
                let status = unsafe {
                    says(chl_next_of_tail(tail, wait, &mut schema, &mut array, &mut cursor))
                };
                assert_eq!(status == chl_status::CHL_OK, !array.is_released());
            }
        }
        Ok(())
    }

    /// All handles end once, and only once.
    fn end(&self) {
        for db in &self.databases {
            says(chl_close(*db));
            assert_eq!(says(chl_close(*db)), chl_status::CHL_ERROR_CLOSED);
        }
        let closed = chl_status::CHL_ERROR_CLOSED;
        assert!(self.tables.iter().all(|table| says(chl_release_table(*table)) == closed));
        assert!(self.tails.iter().all(|tail| says(chl_close_tail(*tail)) == closed));
        assert!(self.snapshots.iter().all(|moment| says(chl_release_snapshot(*moment)) == closed));
    }
}

fn rows(table: chl_table) -> Option<u64> {
    let mut rows = 0;
    // SAFETY: the only pointer that is not NULL is to a local.
    let status = unsafe { says(chl_count(table, i64::MIN, i64::MAX, null(), &mut rows)) };
    (status == chl_status::CHL_OK).then_some(rows)
}

/// How many rows a stream has, until it ends or fails; it is released.
fn read(stream: &mut FFI_ArrowArrayStream) -> u64 {
    let mut rows = 0;
    loop {
        let mut array = FFI_ArrowArray::empty();
        let next = stream.get_next.expect("a stream");
        // SAFETY: it is a stream of the library's that was not released.
        let failed = unsafe { next(stream, &mut array) } != 0;
        if failed || array.is_released() {
            break;
        }
        rows += array.len() as u64;
    }
    let release = stream.release.expect("not released");
    // SAFETY: as above.
    unsafe { release(stream) };
    rows
}
