//! What is left in a damaged main file and its log, found without trusting header or manifest
//! (SPEC 11).
//!
//! Manifest records and footers are frames: they begin with a magic at a multiple of 8, and their
//! checksums say whether they are what was written for this file. So they are found by looking at
//! every such place. A footer tells its segment's table, row numbers and blocks; where the segment
//! begins follows from where its blocks end.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::edit::{Edit, Order, SegmentEntry, decode_edits};
use crate::format::footer::{Footer, SEQ_ID, TIME_ID};
use crate::format::frame::{
    FOOTER_MAGIC, FRAME_ALIGN, FRAME_LEN, Frame, LOG_MAGIC, MANIFEST_MAGIC, epoch_of,
};
use crate::format::spec::TableDef;
use crate::format::{EXTENT_ALIGN, HEADER_LEN};
use crate::store::recovery::read_whole;
use crate::store::replay::{Record, record_at};
use crate::store::storage::{File, read_exact_at};

/// Bytes looked at in one read.
const WINDOW: u64 = 4 << 20;
/// Epochs beyond this are not believed: each takes a sync.
const MAX_EPOCH: u64 = 1 << 48;

/// A whole record of a manifest, of the one in force or of one before.
#[derive(Debug)]
pub struct ManifestRecord {
    /// Where it stands.
    pub at: u64,
    /// Where it ends.
    pub end: u64,
    /// Base or delta.
    pub kind: u8,
    /// Its commit.
    pub generation: u64,
    /// What it says.
    pub edits: Vec<Edit>,
}

/// A segment as its footer tells it.
#[derive(Debug)]
pub struct FoundSegment {
    /// What its entry would say; the greatest row number is not known and given as the least.
    pub entry: SegmentEntry,
    /// Its table as it was when the segment was written.
    pub def: TableDef,
}

/// What was found in a main file.
#[derive(Debug, Default)]
pub struct Remains {
    /// Salt of the file.
    pub salt: u64,
    /// Manifest records in the order of the file.
    pub manifest: Vec<ManifestRecord>,
    /// Segments that were named at some time, in the order of the file.
    pub segments: Vec<FoundSegment>,
}

/// Looks for manifest records and footers in all of a file of `len` bytes. If no header tells the
/// `salt`, it is the one that most of them have. `progress` is told how many bytes were looked at.
pub fn search(
    file: &dyn File,
    path: &Path,
    len: u64,
    salt: Option<u64>,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Remains> {
    let mut by_salt: BTreeMap<u64, Remains> = BTreeMap::new();
    let io = |e| Error::from_io("read", path, e);
    let mut at = HEADER_LEN;
    while at < len {
        let window = read_whole(file, at, WINDOW.min(len - at)).map_err(io)?;
        for (index, word) in window.as_chunks::<FRAME_ALIGN>().0.iter().enumerate() {
            let [a, b, c, d, ..] = *word;
            let magic = u32::from_le_bytes([a, b, c, d]);
            if magic == MANIFEST_MAGIC || magic == FOOTER_MAGIC {
                let place = at + (index * FRAME_ALIGN) as u64;
                look_at(file, place, len, magic, salt, &mut by_salt).map_err(io)?;
            }
        }
        at += WINDOW;
        progress(at.min(len))?;
    }
    let most =
        by_salt.into_values().max_by_key(|found| found.manifest.len() + found.segments.len());
    Ok(most.unwrap_or(Remains { salt: salt.unwrap_or_default(), ..Remains::default() }))
}

/// Keeps the frame at byte `at`, if there is a whole one.
fn look_at(
    file: &dyn File,
    at: u64,
    len: u64,
    magic: u32,
    salt: Option<u64>,
    found: &mut BTreeMap<u64, Remains>,
) -> std::io::Result<()> {
    let mut header = [0; FRAME_LEN];
    if len - at < FRAME_LEN as u64 {
        return Ok(());
    }
    read_exact_at(file, &mut header, at)?;
    let Ok(frame) = Frame::parse(&header, magic) else { return Ok(()) };
    if frame.total_len() > len - at || salt.is_some_and(|salt| salt != frame.salt) {
        return Ok(());
    }
    let record = read_whole(file, at, frame.total_len())?;
    let Ok((frame, body)) = Frame::parse_record(&record, magic) else { return Ok(()) };
    let remains = || Remains { salt: frame.salt, ..Remains::default() };
    if magic == FOOTER_MAGIC {
        if let Some(segment) = found_segment(&frame, body, &record, at) {
            found.entry(frame.salt).or_insert_with(remains).segments.push(segment);
        }
    } else if let Ok(edits) = decode_edits(body) {
        let (end, kind, generation) = (at + frame.total_len(), frame.kind, frame.seq);
        let record = ManifestRecord { at, end, kind, generation, edits };
        found.entry(frame.salt).or_insert_with(remains).manifest.push(record);
    }
    Ok(())
}

/// The segment whose footer stands at byte `at`; `None` for one that no commit and no log record
/// ever named.
fn found_segment(frame: &Frame, body: &[u8], record: &[u8], at: u64) -> Option<FoundSegment> {
    let footer = Footer::decode(body, at).ok()?;
    let def = footer.table()?;
    let lead = footer.columns.iter().take(2).map(|column| column.id);
    if footer.label.as_of_lsn == 0 || !lead.eq([TIME_ID, SEQ_ID]) {
        return None;
    }
    let footer_at = footer.streams_end().next_multiple_of(EXTENT_ALIGN);
    let offset = at.checked_sub(footer_at).filter(|offset| *offset >= HEADER_LEN)?;
    let times = footer.columns.first()?.summary?;
    let entry = SegmentEntry {
        id: frame.seq,
        table: def.id,
        rows: footer.rows,
        level: u8::from(footer.order == Order::Key),
        order: footer.order,
        min_ts: times.min as i64,
        max_ts: times.max as i64,
        min_seq: footer.label.min_seq,
        max_seq: footer.label.min_seq,
        as_of_lsn: footer.label.as_of_lsn,
        offset,
        len: footer_at + (record.len() as u64).next_multiple_of(EXTENT_ALIGN),
        footer_at,
        footer_len: u32::try_from(record.len()).ok()?,
        footer_checksum: crate::codec::checksum::checksum(record),
        key_range: None,
    };
    offset.is_multiple_of(EXTENT_ALIGN).then_some(FoundSegment { entry, def })
}

/// The epoch of the first whole record of a log of the file with that salt, for a log whose header
/// does not tell it: the newest epoch begins the log.
pub fn first_epoch(bytes: &[u8], start: u64, salt: u64) -> Option<u64> {
    let magic = LOG_MAGIC.to_le_bytes();
    let rest = bytes.get(usize::try_from(start).ok()?..)?;
    let places = (0..rest.len()).step_by(FRAME_ALIGN).filter(|at| rest[*at..].starts_with(&magic));
    let epochs = places.filter_map(|at| {
        let (frame, _) = Frame::parse_record(&rest[at..], LOG_MAGIC).ok()?;
        Some(epoch_of(salt, frame.salt)).filter(|epoch| *epoch <= MAX_EPOCH)
    });
    epochs.into_iter().next()
}

/// Hands every whole record of the epoch with that salt to `visit`, from byte `start` on, passing
/// over what is damaged between them.
pub fn whole_records<'a>(
    bytes: &'a [u8],
    start: u64,
    log_salt: u64,
    mut visit: impl FnMut(&Record<'a>) -> Result<()>,
) -> Result<()> {
    let mut at = start;
    while at.saturating_add(FRAME_LEN as u64) <= bytes.len() as u64 {
        match record_at(bytes, at, log_salt) {
            Some(record) => {
                visit(&record)?;
                at += record.frame.total_len();
            }
            None => at += FRAME_ALIGN as u64,
        }
    }
    Ok(())
}
