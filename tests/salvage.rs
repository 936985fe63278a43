//! Salvage of files that are cut, flipped, overwritten and without their log (PROOF.md: truncate,
//! bit flips: "other segments salvageable", "salvage returns the rest").
//!
//! The oracle: what is salvaged is rows that were written, each once and in their order, with the
//! values that they had or, in a column whose block is damaged, null. Every row of a segment or log
//! record that the damage did not touch is there, whole. The new file opens, verifies, and says the
//! same as the report.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use chronolite::base::schema::OnConflict;
use chronolite::db::{SalvageReport, salvage_with};
use chronolite::format::edit::{Edit, SegmentEntry, decode_edits};
use chronolite::format::footer::{SEQ_ID, TIME_ID};
use chronolite::format::frame::{Frame, LOG_MAGIC, log_salt};
use chronolite::format::log::{LOG_START, kind};
use chronolite::format::segment::read_footer;
use chronolite::format::slot::{Slot, SlotState};
use chronolite::format::{HEADER_LEN, PAGE};
use chronolite::store::Storage;
use chronolite::store::recovery::find;
use chronolite::store::sim::SimStorage;
use chronolite::{Db, Durability, Error, ErrorKind};
use common::work::Work;
use common::{
    Cell, Content, Ledger, Outcome, Rng, Row, TABLES, content, figures, keeps_all, log_path, mix,
    options, path, place, row, seed, size, spec,
};

const NEW: &str = "/data/salvaged.chl";

/// A database as it lies on a disk, and where what stands.
struct Lying {
    name: &'static str,
    main: Vec<u8>,
    log: Option<Vec<u8>>,
    ledger: Ledger,
    /// Extents and log records, each with the ids of its rows.
    homes: Vec<Home>,
}

#[derive(Debug, Clone)]
struct Home {
    in_log: bool,
    bytes: Range<usize>,
    ids: Vec<i64>,
}

fn take(name: &'static str, work: &Work) -> Lying {
    let main = work.disk.contents(path()).unwrap();
    let log = work.disk.contents(&log_path());
    let ledger = work.ledger().clone();
    // Rows that were refused have no number.
    let taken = ledger.attempts.iter().filter(|a| a.outcome != Outcome::Refused);
    let by_seq: Vec<i64> = taken.flat_map(|a| a.ids.clone()).collect();
    let disk = disk_of(&main, log.as_deref());
    let found = find(&disk, path(), false).unwrap();
    let mut homes = Vec::new();
    for entry in segments_of(&found.edits) {
        homes.push(extent_home(&main, &entry, found.slot.salt, &by_seq));
    }
    if let Some(log) = &log {
        homes.extend(log_homes(log, &found.slot, &main, &by_seq, &ledger));
    }
    Lying { name, main, log, ledger, homes }
}

fn disk_of(main: &[u8], log: Option<&[u8]>) -> SimStorage {
    let disk = SimStorage::new();
    disk.put(path(), main);
    if let Some(log) = log {
        disk.put(&log_path(), log);
    }
    disk
}

fn segments_of(edits: &[Edit]) -> Vec<SegmentEntry> {
    let mut segments = BTreeMap::new();
    for edit in edits {
        match edit {
            Edit::AddSegment(entry) => drop(segments.insert(entry.id, entry.clone())),
            Edit::RemoveSegment { id, .. } => drop(segments.remove(id)),
            _ => {}
        }
    }
    segments.into_values().collect()
}

fn extent_home(main: &[u8], entry: &SegmentEntry, salt: u64, by_seq: &[i64]) -> Home {
    let bytes = entry.offset as usize..(entry.offset + entry.len) as usize;
    let extent = arrow_buffer::Buffer::from(&main[bytes.clone()]);
    let footer = read_footer(entry, salt, &extent).unwrap();
    let rows = 0..footer.rows as usize;
    let seqs = chronolite::format::segment::read_seq(entry, &footer, &extent, rows).unwrap();
    let ids = seqs.iter().map(|seq| by_seq[*seq as usize - 1]).collect();
    Home { in_log: false, bytes, ids }
}

/// Records that are not flushed, and extents that they name.
fn log_homes(log: &[u8], slot: &Slot, main: &[u8], by_seq: &[i64], ledger: &Ledger) -> Vec<Home> {
    let mut homes = Vec::new();
    let mut at = slot.log_start.max(LOG_START) as usize;
    while let Ok((frame, body)) = Frame::parse_record(&log[at..], LOG_MAGIC) {
        if frame.salt != log_salt(slot.salt, slot.epoch) {
            break;
        }
        let end = at + frame.total_len() as usize;
        let number = |at: usize| u64::from_le_bytes(body[at..at + 8].try_into().unwrap());
        match frame.kind {
            kind::ROW | kind::ROWS => {
                let first = by_seq[number(8) as usize - 1];
                // A record is an attempt.
                let attempt = ledger.attempts.iter().find(|a| a.ids.contains(&first)).unwrap();
                let ids = attempt.ids.clone().collect();
                homes.push(Home { in_log: true, bytes: at..end, ids });
            }
            kind::SEGMENTS => {
                for entry in segments_of(&decode_edits(body).unwrap()) {
                    homes.push(extent_home(main, &entry, slot.salt, by_seq));
                }
            }
            _ => {}
        }
        at = end;
    }
    homes
}

/// Closed, and killed with rows in the log after flushes. About 48 KiB, three tables.
fn databases(seed: u64) -> Vec<Lying> {
    let mut work = Work::new(SimStorage::new(), Durability::None, seed);
    // Where the record of a delete is damaged, what it hid may come back.
    work.keeps_all = true;
    while work.disk.contents(path()).is_none_or(|main| main.len() < 48_000) {
        work.step().unwrap();
    }
    for _ in 0..6 {
        work.append_row().unwrap();
    }
    work.flush().unwrap();
    for _ in 0..4 {
        work.append_row().unwrap();
        work.append_batch(5).unwrap();
    }
    let live = take("killed", &work);
    work.append_batch(210).unwrap();
    work.append_row().unwrap();
    let named = take("killed with a large batch", &work);
    work.close().unwrap();
    vec![take("closed", &work), live, named]
}

fn salvaged(main: &[u8], log: Option<&[u8]>) -> Result<(SalvageReport, Content), Error> {
    let disk = disk_of(main, log);
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let mut last = 0;
    let report = salvage_with(Arc::clone(&storage), path(), NEW, &mut |done, total| {
        assert!(done >= last && done <= total, "{done} of {total} after {last}");
        last = done;
        Ok(())
    })?;
    assert_eq!(disk.contents(path()).as_deref(), Some(main), "the source was written to");
    assert_eq!(disk.contents(&log_path()).as_deref(), log, "the log was written to");
    let sources = 2 + usize::from(log.is_some());
    assert_eq!(disk.paths().len(), sources, "nothing is left beside: {:?}", disk.paths());
    let db = Db::open_with(storage, NEW, options(Durability::None))?;
    let verified = db.verify()?;
    assert!(verified.ok(), "the new file: {:?}", verified.problems);
    let found = content(&db)?;
    for (table, (name, rows)) in TABLES.iter().zip(&found.0).enumerate() {
        let told = report.tables.get(*name).map(|table| table.rows);
        let rows = rows.as_ref().map(|rows| rows.len() as u64);
        // Rows that give way to others are in the new file as well.
        assert!(told == rows || (!keeps_all(table) && told > rows), "{told:?} {rows:?} of {name}");
    }
    Ok((report, found))
}

fn id_of(row: &Row) -> Option<i64> {
    match row.cells[0] {
        Cell::I64(id) => Some(id),
        _ => None,
    }
}

/// True if `found` is `was`, but for values that are null.
fn same_or_null(found: &Row, was: &Row) -> bool {
    let mut cells = found.cells.iter().zip(&was.cells);
    found.ts == was.ts && cells.all(|(found, was)| found == was || *found == Cell::Null)
}

#[derive(Default)]
struct Tally {
    cases: usize,
    whole: usize,
    less: usize,
    /// Nothing is left.
    refused: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// `touched` are the bytes of main file and log that are not as they were.
    fn judge(
        &mut self,
        was: &Lying,
        (main, log): (&[u8], Option<&[u8]>),
        (in_main, in_log): (Range<usize>, Range<usize>),
        what: &str,
    ) {
        self.cases += 1;
        let result = catch_unwind(AssertUnwindSafe(|| salvaged(main, log)));
        let verdict = match result {
            Err(panic) => Err(format!("a panic: {:?}", panic.downcast_ref::<String>())),
            Ok(Err(e)) if e.kind() == ErrorKind::Corruption => {
                self.refused += 1;
                untouched(was, &Content::default(), &in_main, &in_log)
            }
            Ok(Err(e)) => Err(format!("an error: {e:?}")),
            Ok(Ok((report, found))) => {
                let kept = self.check(was, &report, &found);
                let whole = kept.and_then(|()| untouched(was, &found, &in_main, &in_log));
                whole.map_err(|e| format!("{e}; {:?}", report.problems))
            }
        };
        if let Err(e) = verdict {
            self.wrong.push(format!("{}: {what}, {in_main:?} {in_log:?}: {e}", was.name));
        }
    }

    /// Rows that were written, each once, in order.
    fn check(
        &mut self,
        was: &Lying,
        report: &SalvageReport,
        found: &Content,
    ) -> Result<(), String> {
        let all = was.ledger.model(was.ledger.attempts.len());
        let whole = *found == all;
        self.whole += usize::from(whole);
        self.less += usize::from(!whole);
        // Where what a row gave way to is lost, that row is there again.
        let arrived = was.ledger.arrived(was.ledger.attempts.len());
        for (table, (found, arrived)) in found.0.iter().zip(&arrived.0).enumerate() {
            let mut left: Vec<&Row> = arrived.iter().flatten().collect();
            let nulls = report.tables.get(TABLES[table]).map_or(0, |t| t.lost_values.len());
            let mut found: Vec<&Row> = found.iter().flatten().collect();
            if !found.is_sorted_by_key(|row| row.ts) {
                return Err(format!("out of order: {}", TABLES[table]));
            }
            let twice = |pair: &[&Row]| place(table, pair[0]) == place(table, pair[1]);
            if !keeps_all(table) && found.windows(2).any(twice) {
                return Err(format!("two rows of one time and tag: {}", TABLES[table]));
            }
            // Those whose id is null last: they are told by the rest, of what is then left.
            found.sort_by_key(|row| id_of(row).is_none());
            for row in found {
                let at = left.iter().position(|was| match id_of(row) {
                    Some(id) => id_of(was) == Some(id),
                    None => same_or_null(row, was),
                });
                let Some(at) = at else { return Err(format!("not written, or twice: {row:?}")) };
                let was = left[at];
                if !same_or_null(row, was) || (row != was && nulls == 0) {
                    return Err(format!("{row:?} was {was:?}"));
                }
                // Order among equals is kept, unless a key is lost: what was passed over is gone.
                if nulls == 0 {
                    left.drain(..=at);
                } else {
                    left.remove(at);
                }
            }
        }
        Ok(())
    }

    fn report(&self, test: &str) {
        for text in self.wrong.iter().take(12) {
            println!("{text}");
        }
        let Self { cases, whole, less, refused, wrong } = self;
        assert!(wrong.is_empty(), "{} of {cases} cases are wrong, seed {}", wrong.len(), seed());
        figures(
            test,
            &format!(
                "{cases} cases, {whole} with all rows, {less} with less, {refused} with nothing, 0 wrong"
            ),
        );
    }
}

/// True if a row is there that a row gives way to. (Ids are in the order of arrival.)
fn gave_way(table: usize, id: i64, found: &Content) -> bool {
    let mut there = found.0[table].iter().flatten();
    let last = spec(table).on_conflict != OnConflict::First;
    let wins = |other: &Row| id_of(other).is_none_or(|other| (other > id) == last);
    let wanted = place(table, &row(table, id));
    !keeps_all(table) && there.any(|other| place(table, other) == wanted && wins(other))
}

/// Every row whose home was not touched is there, as it was, or gave way to one that is.
fn untouched(
    was: &Lying,
    found: &Content,
    in_main: &Range<usize>,
    in_log: &Range<usize>,
) -> Result<(), String> {
    let mut ids: BTreeMap<i64, &Row> = BTreeMap::new();
    for row in found.0.iter().flatten().flatten() {
        ids.extend(id_of(row).map(|id| (id, row)));
    }
    for home in &was.homes {
        let touched = if home.in_log { in_log } else { in_main };
        if touched.start < home.bytes.end && touched.end > home.bytes.start {
            continue;
        }
        for id in &home.ids {
            let table = was.ledger.attempts.iter().find(|a| a.ids.contains(id)).unwrap().table;
            // A row of the log needs its table's definition; where that is left, so is the table.
            if home.in_log && found.0[table].is_none() {
                continue;
            }
            if ids.get(id).is_none_or(|found| **found != row(table, *id))
                && !gave_way(table, *id, found)
            {
                return Err(format!("lost: row {id} of {home:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn a_whole_database_comes_back_whole() {
    for was in databases(mix(seed() + 5)) {
        let (report, found) = salvaged(&was.main, was.log.as_deref()).unwrap();
        assert!(report.ok(), "{}: {:?}", was.name, report.problems);
        assert_eq!(found, was.ledger.model(was.ledger.attempts.len()), "{}", was.name);
        assert!(report.tables.values().all(|t| t.lost_rows == 0 && t.lost_segments == 0));
        let in_log = report.tables.values().map(|table| table.log_rows).sum::<u64>();
        assert_eq!(in_log > 0, was.log.is_some(), "{}", was.name);
    }
}

/// Every prefix of the main file and of the log.
#[test]
fn salvage_of_cut_files() {
    let mut tally = Tally::default();
    for was in databases(mix(seed())) {
        for len in (0..was.main.len()).step_by(size(197, 1).min(197)) {
            let touched = (len..usize::MAX, 0..0);
            tally.judge(&was, (&was.main[..len], was.log.as_deref()), touched, "cut");
        }
        let Some(log) = &was.log else { continue };
        for len in (0..log.len()).step_by(if common::full() { 1 } else { 29 }) {
            tally.judge(&was, (&was.main, Some(&log[..len])), (0..0, len..usize::MAX), "log cut");
        }
        tally.judge(&was, (&was.main, None), (0..0, 0..usize::MAX), "log removed");
    }
    tally.report("salvage of cut files");
}

/// Bits of both files, and larger pieces: header and manifest, the start of the file, any block.
#[test]
fn salvage_of_flipped_files() {
    let mut tally = Tally::default();
    let mut rng = Rng(seed());
    for was in databases(mix(seed() + 1)) {
        let log = was.log.clone().unwrap_or_default();
        let bits = (was.main.len() + log.len()) * 8;
        for bit in common::some_bits(bits, 700, &mut rng) {
            alter(&mut tally, &was, bit / 8..bit / 8 + 1, |byte| byte ^ 1 << (bit % 8), "bit");
        }
        for _ in 0..size(60, 3000) {
            let at = rng.below(was.main.len());
            let len = [64, 512, 4096][rng.below(3)];
            let fill = [0, 0xFF, rng.next() as u8][rng.below(3)];
            alter(&mut tally, &was, at..(at + len).min(was.main.len()), |_| fill, "filled");
        }
        let slots = 0..2 * PAGE as usize;
        alter(&mut tally, &was, slots, |_| 0, "both slots zeroed");
        alter(&mut tally, &was, 0..HEADER_LEN as usize, |_| 0xFF, "header overwritten");
        for manifest in manifests(&was.main) {
            alter(&mut tally, &was, manifest.clone(), |_| 0, "a manifest zeroed");
            let mut main = was.main.clone();
            main[..2 * PAGE as usize].fill(0);
            main[manifest.clone()].fill(0);
            let touched = (0..2 * PAGE as usize, 0..0);
            // The bytes of a manifest are no home of rows.
            tally.judge(&was, (&main, was.log.as_deref()), touched, "slots and a manifest zeroed");
        }
    }
    tally.report("salvage of flipped files");
}

/// Where manifests stand, that of the slot in force among them.
fn manifests(main: &[u8]) -> Vec<Range<usize>> {
    let slots = [0, PAGE as usize].into_iter().filter_map(|at| match Slot::parse(&main[at..]) {
        SlotState::Valid(slot) => Some(slot),
        _ => None,
    });
    let range =
        |slot: Slot| slot.manifest_at as usize..(slot.manifest_at + slot.manifest_room) as usize;
    slots.map(range).collect()
}

/// Changes a range of both files behind each other.
fn alter(
    tally: &mut Tally,
    was: &Lying,
    range: Range<usize>,
    change: impl Fn(u8) -> u8,
    what: &str,
) {
    let (mut main, mut log) = (was.main.clone(), was.log.clone());
    let touched = match log.as_mut().filter(|_| range.start >= main.len()) {
        Some(log) => {
            let range = range.start - main.len()..range.end - main.len();
            log[range.clone()].iter_mut().for_each(|byte| *byte = change(*byte));
            (0..0, range)
        }
        None => {
            main[range.clone()].iter_mut().for_each(|byte| *byte = change(*byte));
            (range, 0..0)
        }
    };
    tally.judge(was, (&main, log.as_deref()), touched, what);
}

/// A block whose checksum was made to agree with its damage is seen by the oracle: without the
/// checksum of a block, wrong values would pass. And rows that are left out are seen.
#[test]
fn salvage_control() {
    let was = &databases(mix(seed()))[0];
    let disk = disk_of(&was.main, None);
    let found = find(&disk, Path::new(common::PATH), false).unwrap();
    let mut tally = Tally::default();
    for entry in segments_of(&found.edits) {
        let main = blind(&was.main, &entry, found.slot.salt);
        let Some(main) = main else { continue };
        // Neither slot nor manifest: the entry's checksum of the footer would tell.
        let mut main = main;
        main[..HEADER_LEN as usize].fill(0);
        for manifest in manifests(&was.main) {
            main[manifest].fill(0);
        }
        tally.judge(was, (&main, None), (0..usize::MAX, 0..0), "blind checksum");
        // The value may be of a row that gives way to another: that one nobody sees.
        if !tally.wrong.is_empty() {
            break;
        }
    }
    assert_eq!(tally.wrong.len(), 1, "a wrong value was not seen");

    let mut tally = Tally::default();
    let mut main = was.main.clone();
    let home = &was.homes[0];
    main[home.bytes.clone()].fill(0);
    tally.judge(was, (&main, None), (0..0, 0..0), "a segment erased without a word");
    assert!(tally.wrong[0].contains("lost"), "{:?}", tally.wrong);
}

/// The file with a value of a raw block changed, and all checksums up to the footer's made right.
fn blind(main: &[u8], entry: &SegmentEntry, salt: u64) -> Option<Vec<u8>> {
    use chronolite::codec::checksum::checksum;
    use chronolite::format::frame::FOOTER_MAGIC;
    let range = entry.offset as usize..(entry.offset + entry.len) as usize;
    let mut footer = read_footer(entry, salt, &main[range.clone()]).ok()?;
    let values = footer.columns.iter_mut().filter(|c| c.id != TIME_ID && c.id != SEQ_ID);
    let mut blocks = values.flat_map(|column| &mut column.streams).flat_map(|s| &mut s.blocks);
    let block = blocks.find(|block| block.codec == chronolite::codec::Codec::Raw)?;
    let mut main = main.to_vec();
    let at = range.start + block.at as usize;
    main[at..at + block.len as usize].iter_mut().for_each(|byte| *byte ^= 1);
    block.checksum = checksum(&main[at..at + block.len as usize]);
    let body = footer.encode();
    let record = Frame::new(FOOTER_MAGIC, 0, entry.id, 0, salt, &body).record(&body);
    let at = range.start + entry.footer_at as usize;
    main[at..at + record.len()].copy_from_slice(&record);
    Some(main)
}
