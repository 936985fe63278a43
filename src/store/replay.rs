//! Reading a log back: which of its records count, and where it ends (SPEC 5.3).
//!
//! Unsynced pages reach a disk in any order, so after a power loss a bad record may have valid ones
//! behind it. It is damage only if it was known to be durable: if a later valid record of the same
//! epoch, or the slot, says so. Otherwise the log ends there and nothing acknowledged as durable is
//! lost by cutting it.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::frame::{FRAME_ALIGN, FRAME_LEN, Frame, LOG_MAGIC, log_salt};
use crate::format::log::LogHeader;
use crate::format::slot::Slot;
use crate::store::storage::{File, read_up_to};

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Behind the last record that counts.
    pub at: u64,
    /// Number of the record that would come next.
    pub next_lsn: u64,
    /// Records that counted.
    pub records: u64,
    /// Bytes of this epoch behind the end: a torn tail.
    pub cut: u64,
    /// Something that is not zero stands behind the end.
    pub dirty: bool,
}

/// A record that counts.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its frame.
    pub frame: Frame,
    /// Its body.
    pub body: &'a [u8],
    /// Where it stands in the log.
    pub at: u64,
}

/// Hands every record that counts to `visit`, in order, and says where the log ends. `visit` may
/// say `Ok(false)`: the record is whole, but what it names is not; then it counts as torn.
pub fn replay<'a>(
    bytes: &'a [u8],
    path: &Path,
    header: &LogHeader,
    slot: &Slot,
    mut visit: impl FnMut(Record<'a>) -> Result<bool>,
) -> Result<LogEnd> {
    let salt = log_salt(header.salt, header.epoch);
    let mut end =
        LogEnd { at: slot.log_start, next_lsn: slot.next_lsn, records: 0, cut: 0, dirty: false };
    while let Some(record) = record_at(bytes, end.at, salt) {
        if record.frame.seq != end.next_lsn || !visit(record)? {
            break;
        }
        end.at += record.frame.total_len();
        end.next_lsn += 1;
        end.records += 1;
    }
    let tail = usize::try_from(end.at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    let durable = known_durable(tail, salt).max(slot.durable_lsn);
    if durable >= end.next_lsn {
        let (at, lsn) = (end.at, end.next_lsn);
        let message =
            format!("log record {lsn} is damaged, though records up to {durable} had been synced");
        return Err(Error::corruption(message).at(path, at));
    }
    end.cut = torn_bytes(tail, salt);
    end.dirty = tail.iter().any(|&b| b != 0);
    Ok(end)
}

/// Bytes of the first and the largest reads of a log that is followed.
const FIRST_READ: usize = 4096;
const LARGEST_READ: usize = 1 << 20;

/// The records from byte `start` of a log on that are whole, of this epoch and numbered from `lsn`
/// on, as bytes. What comes behind them may be about to be written.
pub fn read_tail(file: &dyn File, start: u64, salt: u64, mut lsn: u64) -> io::Result<Vec<u8>> {
    let (mut bytes, mut end, mut size) = (Vec::new(), 0, FIRST_READ);
    loop {
        if let Some(record) = record_at(&bytes, end as u64, salt).filter(|r| r.frame.seq == lsn) {
            end += record.frame.total_len() as usize;
            lsn += 1;
            continue;
        }
        let here = bytes.len() - end;
        let missing = match Frame::parse(&bytes[end..], LOG_MAGIC) {
            Ok(frame) if frame.salt == salt && frame.seq == lsn => {
                usize::try_from(frame.total_len()).unwrap_or(usize::MAX).saturating_sub(here)
            }
            Ok(_) => 0,
            Err(_) => FRAME_LEN.saturating_sub(here),
        };
        if missing == 0 || read_more(file, start, missing.max(size), &mut bytes)? < missing {
            break;
        }
        size = (size * 4).min(LARGEST_READ);
    }
    bytes.truncate(end);
    Ok(bytes)
}

/// Reads up to `most` bytes more of what begins at `start`; returns how many there were.
fn read_more(file: &dyn File, start: u64, most: usize, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let (before, at) = (bytes.len(), start + bytes.len() as u64);
    let most = match most <= LARGEST_READ {
        true => most,
        // Never more than there is, whatever a record says of itself.
        false => usize::try_from(file.len()?.saturating_sub(at)).unwrap_or(usize::MAX).min(most),
    };
    bytes.try_reserve(most).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.resize(before + most, 0);
    let read = read_up_to(file, &mut bytes[before..], at);
    bytes.truncate(before + read.as_ref().map_or(0, |read| *read));
    read
}

/// The record at byte `at`, if it is whole and of this epoch.
pub fn record_at(bytes: &[u8], at: u64, salt: u64) -> Option<Record<'_>> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let (frame, body) = Frame::parse_record(rest, LOG_MAGIC).ok()?;
    (frame.salt == salt).then_some(Record { frame, body, at })
}

/// The highest log number that a whole record somewhere in `tail` calls durable.
pub fn known_durable(tail: &[u8], salt: u64) -> u64 {
    let magic = LOG_MAGIC.to_le_bytes();
    let mut known = 0;
    let mut at = 0;
    while at + FRAME_LEN <= tail.len() {
        let mut step = FRAME_ALIGN;
        if tail[at..at + 4] == magic
            && let Some(record) = record_at(tail, at as u64, salt)
        {
            known = known.max(record.frame.durable);
            step = record.frame.total_len() as usize;
        }
        at += step;
    }
    known
}

/// Bytes up to the end of the last thing in `tail` that was meant to be a record of this epoch.
fn torn_bytes(tail: &[u8], salt: u64) -> u64 {
    let (magic, salt) = (LOG_MAGIC.to_le_bytes(), salt.to_le_bytes());
    let mut torn = 0;
    for at in (0..tail.len().saturating_sub(FRAME_LEN)).step_by(FRAME_ALIGN) {
        if tail[at..at + 4] == magic && tail[at + 24..at + 32] == salt {
            let len =
                Frame::parse(&tail[at..], LOG_MAGIC).map_or(FRAME_LEN as u64, |f| f.total_len());
            torn = (at as u64 + len).min(tail.len() as u64);
        }
    }
    torn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::log::LOG_START;
    use crate::format::slot::FORMAT_VERSION;

    const SALT: u64 = 42;

    fn slot(durable_lsn: u64) -> Slot {
        Slot {
            version: FORMAT_VERSION,
            compatible: 0,
            incompatible: 0,
            generation: 1,
            epoch: 1,
            salt: SALT,
            file_len: 0,
            manifest_at: 0,
            manifest_len: 0,
            manifest_room: 0,
            log_start: LOG_START,
            durable_lsn,
            next_lsn: 5,
            next_seq: 1,
            log_expected: true,
            next_segment: 1,
        }
    }

    /// A log of three records 5, 6, 7 that call `durable` durable.
    fn log(durable: [u64; 3]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = vec![0; LOG_START as usize];
        let mut starts = vec![];
        for (i, durable) in durable.into_iter().enumerate() {
            starts.push(bytes.len());
            let body = vec![i as u8; 10 + i];
            let frame = Frame::new(LOG_MAGIC, 1, 5 + i as u64, durable, log_salt(SALT, 1), &body);
            bytes.extend(frame.record(&body));
        }
        bytes.extend([0; 100]);
        (bytes, starts)
    }

    fn read(bytes: &[u8], slot: &Slot) -> Result<LogEnd> {
        let header = LogHeader::new(SALT, 1, 1, 5, 1);
        replay(bytes, Path::new("x-wal"), &header, slot, |_| Ok(true))
    }

    #[test]
    fn a_whole_log_ends_at_its_zeros() {
        let (bytes, _) = log([4, 4, 4]);
        let end = read(&bytes, &slot(4)).unwrap();
        assert_eq!((end.records, end.next_lsn, end.cut), (3, 8, 0));
        assert_eq!(end.at as usize, bytes.len() - 100);
    }

    #[test]
    fn a_bad_record_is_damage_only_if_it_was_known_to_be_durable() {
        for (durable, in_slot, damaged) in [
            ([4, 4, 4], 4, false),
            ([4, 4, 5], 4, false),
            ([4, 4, 6], 4, true),
            ([4, 4, 4], 6, true),
        ] {
            let (mut bytes, starts) = log(durable);
            bytes[starts[1] + 50] ^= 1;
            match read(&bytes, &slot(in_slot)) {
                Ok(end) => {
                    assert!(!damaged);
                    assert_eq!((end.at as usize, end.records), (starts[1], 1));
                    assert!(end.cut > 0);
                }
                Err(e) => {
                    assert!(damaged, "{e}");
                    assert_eq!(e.offset(), Some(starts[1] as u64));
                }
            }
        }
    }

    #[test]
    fn every_prefix_opens() {
        let (bytes, starts) = log([4, 5, 6]);
        for len in LOG_START as usize..bytes.len() {
            let end = read(&bytes[..len], &slot(4)).unwrap();
            let whole = starts.iter().filter(|s| **s < len).count() as u64;
            assert!(end.records == whole || end.records + 1 == whole);
        }
    }

    #[test]
    fn records_of_another_epoch_do_not_count() {
        let (bytes, _) = log([4, 4, 4]);
        let header = LogHeader::new(SALT, 2, 1, 5, 1);
        let end = replay(&bytes, Path::new("x"), &header, &slot(4), |_| Ok(true)).unwrap();
        assert_eq!(end.records, 0);
    }
}
