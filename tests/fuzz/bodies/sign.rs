//! Makes the checksums of a damaged database right, so that what is behind them is reached: of the
//! header slots, the manifest and the segments it names, the log and the segments that one names.

use chronolite::codec::checksum::checksum;
use chronolite::format::PAGE;
use chronolite::format::edit::{Edit, SegmentEntry, decode_edits, encode_edits};
use chronolite::format::footer::Footer;
use chronolite::format::frame::{
    FOOTER_MAGIC, FRAME_ALIGN, FRAME_LEN, Frame, LOG_MAGIC, MANIFEST_MAGIC,
};
use chronolite::format::log::{LOG_HEADER_LEN, LOG_START, kind};
use chronolite::format::slot::{SLOT_LEN, Slot, SlotState};

/// Signs all of a main file and its log; says how many rows their segments claim to have.
pub fn database(main: &mut [u8], log: Option<&mut [u8]>) -> u64 {
    let mut rows = 0;
    for at in [0, PAGE as usize] {
        if let Some(slot) = main.get_mut(at..at + SLOT_LEN)
            && let SlotState::Valid(slot) = slot_at(slot)
        {
            let manifest = (slot.manifest_at as usize, slot.manifest_len as usize);
            rows += manifest_at(main, manifest);
        }
    }
    if let Some(log) = log {
        rows += records_of_log(main, log);
    }
    rows
}

/// Signs a slot, and reads it.
pub fn slot_at(bytes: &mut [u8]) -> SlotState {
    if bytes.len() >= SLOT_LEN {
        let sum = checksum(&bytes[..SLOT_LEN - 8]);
        bytes[SLOT_LEN - 8..SLOT_LEN].copy_from_slice(&sum.to_le_bytes());
    }
    Slot::parse(bytes)
}

/// Signs a log's header.
pub fn log_header(bytes: &mut [u8]) {
    if let Some(header) = bytes.get_mut(..LOG_HEADER_LEN) {
        let sum = checksum(&header[..LOG_HEADER_LEN - 8]);
        header[LOG_HEADER_LEN - 8..].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Signs the record that `bytes` begin with; says where its body ends, if it is there as a whole.
pub fn record(bytes: &mut [u8], magic: u32) -> Option<usize> {
    let (header, rest) = bytes.split_at_mut_checked(FRAME_LEN)?;
    let number = |at: usize| header[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
    let (len, seq, durable, salt) = ((number(0) >> 32) as usize, number(8), number(16), number(24));
    if number(0) as u32 != magic {
        return None;
    }
    let frame = Frame::new(magic, header[32], seq, durable, salt, rest.get(..len)?);
    header.copy_from_slice(&frame.header());
    Some(FRAME_LEN + len)
}

fn manifest_at(main: &mut [u8], (mut at, len): (usize, usize)) -> u64 {
    let (end, mut rows) = (at.saturating_add(len).min(main.len()), 0);
    while at < end
        && let Some(len) = record(&mut main[at..end], MANIFEST_MAGIC)
    {
        let mut body = main[at + FRAME_LEN..at + len].to_vec();
        rows += segments(main, &mut body);
        main[at + FRAME_LEN..at + len].copy_from_slice(&body);
        record(&mut main[at..end], MANIFEST_MAGIC);
        at += len.next_multiple_of(FRAME_ALIGN);
    }
    rows
}

fn records_of_log(main: &mut [u8], log: &mut [u8]) -> u64 {
    log_header(log);
    let (mut at, mut rows) = (LOG_START as usize, 0);
    while at < log.len()
        && let Some(len) = record(&mut log[at..], LOG_MAGIC)
    {
        if log[at + 32] == kind::SEGMENTS {
            rows += segments(main, &mut log[at + FRAME_LEN..at + len]);
            record(&mut log[at..], LOG_MAGIC);
        }
        at += len.next_multiple_of(FRAME_ALIGN);
    }
    rows
}

/// Signs the segments that edits add, and the edits.
fn segments(main: &mut [u8], body: &mut [u8]) -> u64 {
    let Ok(mut edits) = decode_edits(body) else { return 0 };
    let mut rows = 0;
    for edit in &mut edits {
        if let Edit::AddSegment(entry) = edit {
            rows += u64::from(entry.rows);
            segment(main, entry);
        }
    }
    let mut again = vec![];
    encode_edits(&edits, &mut again);
    if again.len() == body.len() {
        body.copy_from_slice(&again);
    }
    rows
}

/// Signs a segment's blocks and its footer, and notes it in the entry.
fn segment(main: &mut [u8], entry: &mut SegmentEntry) -> Option<()> {
    let extent = main.get_mut(usize::try_from(entry.offset).ok()?..)?;
    let (blocks, footer) = extent.split_at_mut_checked(usize::try_from(entry.footer_at).ok()?)?;
    let frame = footer.get_mut(..entry.footer_len as usize)?;
    let end = record(frame, FOOTER_MAGIC)?;
    if let Ok(mut read) = Footer::decode(&frame[FRAME_LEN..end], entry.footer_at) {
        sign_blocks(&mut read, blocks);
        let again = read.encode();
        if again.len() == end - FRAME_LEN {
            frame[FRAME_LEN..end].copy_from_slice(&again);
        }
        record(frame, FOOTER_MAGIC);
    }
    entry.footer_checksum = checksum(frame);
    Some(())
}

/// Gives a footer the checksums of the blocks that it has in `extent`.
pub fn sign_blocks(footer: &mut Footer, extent: &[u8]) {
    let streams = footer.columns.iter_mut().flat_map(|column| &mut column.streams);
    for block in streams.flat_map(|stream| &mut stream.blocks) {
        let (at, len) = (block.at as usize, block.len as usize);
        let bytes = extent.get(at..).and_then(|rest| rest.get(..len));
        block.checksum = bytes.map_or(0, checksum);
    }
}
