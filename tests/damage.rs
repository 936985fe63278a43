//! Files that are cut, flipped, overwritten and taken back in time (PROOF.md: truncate, old slot,
//! bit flips).
//!
//! Damage is either found (a corruption error that names file and byte, or a problem that `verify`
//! reports), or does not matter: what is read is what was written. Only what may be a torn tail of
//! the log opens with less, and then with whole batches in their order.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chronolite::format::PAGE;
use chronolite::format::frame::{Frame, LOG_MAGIC};
use chronolite::format::log::LOG_START;
use chronolite::format::slot::{COUNTER_END, SLOT_LEN, Slot, SlotState, slot_offset};
use chronolite::store::sim::SimStorage;
use chronolite::{Durability, Error, ErrorKind};
use common::work::Work;
use common::{Content, Ledger, Rng, content, figures, log_path, mix, open, path, seed, size};

/// A database as it lies on a disk.
#[derive(Clone)]
struct Lying {
    name: &'static str,
    main: Vec<u8>,
    log: Option<Vec<u8>>,
    ledger: Ledger,
    present: Content,
    /// Attempts that a torn log must still have.
    flushed: usize,
    /// Where the committed part of the main file ends; behind it is what only the log names.
    committed: usize,
    /// Before that, what only the log names where space was free.
    reused: Range<usize>,
}

fn take(name: &'static str, work: &Work) -> Lying {
    let ledger = work.ledger().clone();
    let present = ledger.model(ledger.attempts.len());
    let main = work.disk.contents(path()).expect("a database");
    let committed = newest_slot(&main).1.file_len as usize;
    let flushed = ledger.least(usize::MAX - 1);
    let (log, reused) = (work.disk.contents(&log_path()), 0..0);
    Lying { name, main, log, ledger, present, flushed, committed, reused }
}

/// The extents of the main file that were written since `before`, unless there was a commit.
fn written_since(before: &Lying, now: &Lying) -> Range<usize> {
    if newest_slot(&before.main) != newest_slot(&now.main) {
        return 0..0;
    }
    let (was, is) = (&before.main, &now.main[..now.committed]);
    let changed: Vec<usize> = (0..is.len()).filter(|&at| was.get(at) != Some(&is[at])).collect();
    let ends = changed.first().zip(changed.last());
    ends.map_or(0..0, |(first, last)| first / 64 * 64..(last + 1).next_multiple_of(64))
}

/// Where the newest slot is, and its fields.
fn newest_slot(main: &[u8]) -> (usize, Slot) {
    let slots = [0, PAGE as usize].into_iter().filter_map(|at| match Slot::parse(&main[at..]) {
        SlotState::Valid(slot) => Some((at, slot)),
        _ => None,
    });
    slots.max_by_key(|(_, slot)| slot.generation).expect("a slot")
}

/// Closed, and killed with rows in the log after flushes. About 64 KiB, three tables.
fn databases(seed: u64) -> Vec<Lying> {
    let mut work = Work::new(SimStorage::new(), Durability::None, seed);
    while work.disk.contents(path()).is_none_or(|main| main.len() < 56_000) {
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
    let mut named = take("killed with a large batch", &work);
    named.reused = written_since(&live, &named);
    work.close().unwrap();
    vec![take("closed", &work), live, named]
}

/// Which file was damaged, and from where on.
#[derive(Clone, Copy)]
enum Where {
    Main(usize),
    Log(usize),
}

#[derive(Default)]
struct Tally {
    cases: usize,
    same: usize,
    found: usize,
    shorter: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Looks at the damaged files and judges.
    fn judge(&mut self, was: &Lying, main: &[u8], log: Option<&[u8]>, at: Where, what: &str) {
        self.cases += 1;
        let result = catch_unwind(AssertUnwindSafe(|| look(main, log)));
        let verdict = match result {
            Err(_) => Err("a panic".into()),
            Ok(Err(e)) if e.kind() == ErrorKind::Corruption && e.file().is_some() => {
                self.found += 1;
                e.offset().map(drop).ok_or(format!("no offset: {e}"))
            }
            Ok(Err(e)) => Err(format!("an error that is not of damage: {e:?}")),
            Ok(Ok((Some(found), _))) if found == was.present => {
                self.same += 1;
                Ok(())
            }
            Ok(Ok((_, false))) => {
                self.found += 1;
                Ok(())
            }
            Ok(Ok((Some(found), true))) => {
                // Only the log, and extents that the log alone names, may be torn.
                let torn = match at {
                    Where::Log(_) => true,
                    Where::Main(at) => {
                        let touched = |at| main.get(at) != was.main.get(at);
                        at >= was.committed || was.reused.clone().any(touched)
                    }
                };
                self.shorter += usize::from(torn);
                let least = if torn { was.flushed } else { was.ledger.attempts.len() };
                was.ledger.prefix(&found, least, was.ledger.attempts.len()).map(drop)
            }
            Ok(Ok((None, true))) => Err("unreadable, and verify finds nothing".into()),
        };
        if let Err(e) = verdict {
            let place = match at {
                Where::Main(at) => format!("main file, byte {at}"),
                Where::Log(at) => format!("log, byte {at}"),
            };
            self.wrong.push(format!("{}: {what}, {place}: {e}", was.name));
        }
    }

    fn report(&self, test: &str) {
        for text in self.wrong.iter().take(12) {
            println!("{text}");
        }
        let Self { cases, same, found, shorter, wrong } = self;
        assert!(wrong.is_empty(), "{} of {cases} cases are wrong, seed {}", wrong.len(), seed());
        figures(
            test,
            &format!("{cases} cases, {found} found, {same} harmless, {shorter} torn, 0 wrong"),
        );
    }
}

/// What is read, and whether `verify` finds it whole. A corruption error of a read is one of the
/// ways to find damage, but only if it says where.
fn look(main: &[u8], log: Option<&[u8]>) -> Result<(Option<Content>, bool), Error> {
    let disk = SimStorage::new();
    disk.put(path(), main);
    if let Some(log) = log {
        disk.put(&log_path(), log);
    }
    let db = open(&disk, Durability::None)?;
    let whole = db.verify()?.ok();
    Ok((Some(content(&db)?), whole))
}

/// Every prefix of the main file and of the log.
#[test]
fn truncate() {
    let mut tally = Tally::default();
    let mut rng = Rng(seed());
    for was in databases(mix(seed())) {
        let step = size(23, 1);
        for len in (0..was.main.len()).step_by(step) {
            let (main, log) = (&was.main[..len], was.log.as_deref());
            tally.judge(&was, main, log, Where::Main(len), "cut");
        }
        let Some(log) = &was.log else { continue };
        let step = if step == 1 { 1 } else { 1 + rng.below(3) };
        for len in (0..log.len()).step_by(step) {
            tally.judge(&was, &was.main, Some(&log[..len]), Where::Log(len), "cut");
        }
        tally.judge(&was, &was.main, None, Where::Log(0), "removed");
    }
    tally.report("truncate");
}

/// The newest slot damaged, after any step: the one before must not pass for the present.
#[test]
fn old_slot() {
    let mut tally = Tally::default();
    let mut rng = Rng(seed());
    for run in 0..size(3, 20) {
        let run_seed = mix(seed() + 77 * run as u64);
        let mut work = Work::new(SimStorage::new(), Durability::ALL[run % 3], run_seed);
        for _ in 0..70 {
            work.step().unwrap();
            let was = take("after a step", &work);
            let (slot, _) = newest_slot(&was.main);
            let step = size(31, 1);
            for byte in (rng.below(step)..SLOT_LEN).step_by(step) {
                let mut main = was.main.clone();
                main[slot + byte] ^= 1 << rng.below(8);
                tally.judge(&was, &main, was.log.as_deref(), Where::Main(slot + byte), "bit");
            }
            for fill in [0, 0xFF] {
                let mut main = was.main.clone();
                main[slot..slot + PAGE as usize].fill(fill);
                tally.judge(&was, &main, was.log.as_deref(), Where::Main(slot), "page");
            }
        }
    }
    tally.report("old slot");
}

/// Bits, and tails and blocks of both files.
#[test]
fn bit_flips() {
    let mut tally = Tally::default();
    let mut rng = Rng(seed());
    for was in databases(mix(seed() + 1)) {
        let log = was.log.clone().unwrap_or_default();
        let bits = (was.main.len() + log.len()) * 8;
        for bit in common::some_bits(bits, 2500, &mut rng) {
            alter(&mut tally, &was, bit / 8, "bit", |bytes, at| bytes[at] ^= 1 << (bit % 8));
        }
        for _ in 0..size(150, 5000) {
            let at = rng.below(bits / 8);
            alter(&mut tally, &was, at, "zeros to the end", |bytes, at| bytes[at..].fill(0));
            alter(&mut tally, &was, at, "0xFF to the end", |bytes, at| bytes[at..].fill(0xFF));
            let (other, len) = (rng.next() as usize, [64, 512, 4096][rng.below(3)]);
            alter(&mut tally, &was, at, "swapped", |bytes, at| swap(bytes, at, other, len, true));
            alter(&mut tally, &was, at, "doubled", |bytes, at| swap(bytes, at, other, len, false));
        }
    }
    tally.report("bit flips");
}

/// Damages the byte `at` of both files behind each other.
fn alter(
    tally: &mut Tally,
    was: &Lying,
    at: usize,
    what: &str,
    damage: impl FnOnce(&mut [u8], usize),
) {
    let (mut main, mut log) = (was.main.clone(), was.log.clone());
    let place = match log.as_mut().filter(|_| at >= main.len()) {
        Some(log) => {
            damage(log, at - main.len());
            Where::Log(at - main.len())
        }
        None => {
            damage(&mut main, at);
            // The last: a swap may reach into extents that only the log names.
            let changed = main.iter().zip(&was.main).rposition(|(now, before)| now != before);
            Where::Main(changed.unwrap_or(at))
        }
    };
    tally.judge(was, &main, log.as_deref(), place, what);
}

/// Swaps two blocks, or writes one over the other.
fn swap(bytes: &mut [u8], at: usize, other: usize, len: usize, both: bool) {
    let blocks = bytes.len() / len;
    if blocks < 2 {
        return;
    }
    let (a, b) = (at / len % blocks * len, other % blocks * len);
    let (first, second) = (bytes[a..a + len].to_vec(), bytes[b..b + len].to_vec());
    bytes[b..b + len].copy_from_slice(&first);
    if both {
        bytes[a..a + len].copy_from_slice(&second);
    }
}

/// Numbers that no slot may have do not get there by way of the log, nor by counting on: the database
/// could never be opened again.
#[test]
fn counts_at_their_end() {
    let was = &databases(mix(seed()))[1];
    let (_, slot) = newest_slot(&was.main);
    let mut log = was.log.clone().expect("a live log");
    let record = slot.log_start.max(LOG_START) as usize;
    let (frame, body) = Frame::parse_record(&log[record..], LOG_MAGIC).expect("a record");
    let mut body = body.to_vec();
    // The row number, behind table and count of columns.
    body[8..16].copy_from_slice(&(COUNTER_END - 1).to_le_bytes());
    let Frame { kind, seq, durable, salt, .. } = frame;
    let bytes = Frame::new(LOG_MAGIC, kind, seq, durable, salt, &body).record(&body);
    log[record..record + bytes.len()].copy_from_slice(&bytes);
    let error = look(&was.main, Some(&log)).expect_err("a row of that number");
    assert!(error.kind() == ErrorKind::Corruption && error.to_string().contains("row number"));

    let closed = &databases(mix(seed()))[0];
    let last = Slot { generation: COUNTER_END - 1, ..newest_slot(&closed.main).1 };
    let mut main = closed.main.clone();
    let at = slot_offset(last.generation) as usize;
    main[at..at + SLOT_LEN].copy_from_slice(&last.to_bytes());
    let disk = SimStorage::new();
    disk.put(path(), &main);
    let db = open(&disk, Durability::None).unwrap();
    let written = common::write_one(&db, 0, 1_000_000..1_000_001).and_then(|()| db.flush());
    let error = written.expect_err("a slot of that generation");
    assert!(error.kind() == ErrorKind::Corruption && error.to_string().contains("at its end"));
    drop(db);
    open(&disk, Durability::None).unwrap();
}

/// Damage that a checksum was made to agree with is seen by the oracle, and so is an old state.
#[test]
fn damage_control() {
    let was = &databases(mix(seed()))[1];
    let mut log = was.log.clone().expect("a live log");
    let (_, slot) = newest_slot(&was.main);
    let at = slot.log_start.max(LOG_START) as usize;
    let (frame, body) = Frame::parse_record(&log[at..], LOG_MAGIC).expect("a record");
    let mut body = body.to_vec();
    // The time of a row, behind table, count of columns and row number.
    assert_eq!(frame.kind, chronolite::format::log::kind::ROW);
    body[16] ^= 1;
    let Frame { kind, seq, durable, salt, .. } = frame;
    let record = Frame::new(LOG_MAGIC, kind, seq, durable, salt, &body).record(&body);
    log[at..at + record.len()].copy_from_slice(&record);
    let mut tally = Tally::default();
    tally.judge(was, &was.main, Some(&log), Where::Log(at), "blind checksum");
    assert!(tally.wrong[0].contains("wrong rows"), "{}", tally.wrong[0]);

    let mut work = Work::new(SimStorage::new(), Durability::None, seed());
    work.append_row().unwrap();
    work.flush().unwrap();
    let old = take("old", &work);
    work.append_row().unwrap();
    work.flush().unwrap();
    let new = take("new", &work);
    let mut tally = Tally::default();
    tally.judge(&new, &old.main, old.log.as_deref(), Where::Main(0), "taken back in time");
    assert!(tally.wrong[0].contains("lost"), "{}", tally.wrong[0]);
}
