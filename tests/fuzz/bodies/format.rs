//! Structs of the file format, read from bytes that nothing vouches for.

use arrow_buffer::Buffer;
use chronolite::base::ColumnDef;
use chronolite::base::bytes::Reader;
use chronolite::format::check::check_segment;
use chronolite::format::edit::{Order, SegmentEntry, decode_edits, encode_edits};
use chronolite::format::footer::Footer;
use chronolite::format::frame::{FOOTER_MAGIC, Frame, LOG_MAGIC, MANIFEST_MAGIC};
use chronolite::format::key::KeyColumns;
use chronolite::format::log::{LogHeader, put_row, put_rows, read_head, read_row, read_rows};
use chronolite::format::segment::{read_column, read_seq, rows_between};
use chronolite::format::slot::SlotState;
use chronolite::format::stats::{Lane, decode_vectors};
use chronolite::{DataType, TableSpec};

use super::memory::limited;
use super::sign;

/// Slots, log headers and frames, with the checksum they have and with the right one.
pub fn slot(data: &[u8]) {
    limited(data.len(), || {
        let mut bytes = data.to_vec();
        let _ = LogHeader::parse(&bytes);
        sign::log_header(&mut bytes);
        if let Ok(header) = LogHeader::parse(&bytes) {
            assert_eq!(LogHeader::parse(&header.to_bytes()), Ok(header));
        }
        for magic in [LOG_MAGIC, MANIFEST_MAGIC, FOOTER_MAGIC] {
            let _ = Frame::parse_record(&bytes, magic);
            sign::record(&mut bytes, magic);
            if let Ok((frame, body)) = Frame::parse_record(&bytes, magic) {
                let record = frame.record(body);
                assert_eq!(Frame::parse_record(&record, magic), Ok((frame, body)));
            }
        }
        if let SlotState::Valid(slot) = sign::slot_at(&mut bytes) {
            assert_eq!(sign::slot_at(&mut slot.to_bytes()), SlotState::Valid(slot));
        }
    });
}

fn all_types() -> Vec<ColumnDef> {
    TableSpec::new(DataType::ALL.map(|ty| (ty.name(), ty))).columns
}

/// The bodies of log records of rows: of one row after an even byte, of batches after an odd one.
pub fn record(data: &[u8]) {
    let Some((&first, body)) = data.split_first() else { return };
    let columns = all_types();
    limited(data.len(), || {
        let mut r = Reader::new(body);
        let Ok(head) = read_head(&mut r) else { return };
        let mut again = vec![];
        if first.is_multiple_of(2) {
            let Ok((ts, values)) = read_row(&mut r, &columns, head.columns) else { return };
            put_row(&mut again, head.table, &columns, head.first_seq, ts, &values);
            let mut r = Reader::new(&again);
            let read = read_head(&mut r).and_then(|head| read_row(&mut r, &columns, head.columns));
            let (ts_again, values_again) = read.expect("a row that was written");
            assert_eq!(ts_again, ts);
            // A NaN is not what it is.
            assert_eq!(format!("{values_again:?}"), format!("{values:?}"));
        } else {
            let Ok(batches) = read_rows(&mut r, &columns, head.columns) else { return };
            put_rows(&mut again, head.table, &columns, head.first_seq, &batches);
            let mut r = Reader::new(&again);
            let read = read_head(&mut r).and_then(|head| read_rows(&mut r, &columns, head.columns));
            let read = read.expect("rows that were written");
            for (read, batch) in read.iter().zip(&batches) {
                let mut pairs = read.columns.iter().zip(&batch.columns).zip(&columns);
                assert!(read.ts == batch.ts && pairs.all(|((a, b), def)| a.same_as(b, def.ty)));
            }
            assert_eq!(read.len(), batches.len());
        }
    });
}

/// Edits.
pub fn manifest(data: &[u8]) {
    limited(data.len(), || {
        let Ok(edits) = decode_edits(data) else { return };
        let mut bytes = vec![];
        encode_edits(&edits, &mut bytes);
        assert_eq!(decode_edits(&bytes).as_ref(), Ok(&edits));
    });
}

/// Keys of a column of each type, and of two.
pub fn key(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let ty = |at: u8| DataType::ALL[usize::from(at) % DataType::ALL.len()];
    limited(data.len(), || {
        let mut types = vec![(0, ty(first))];
        if first >= 128 {
            types.push((1, ty(first >> 3)));
        }
        let columns = KeyColumns::new(types);
        let Ok(key) = columns.decode(bytes) else { return };
        let (mut again, rows) = (vec![], key.clone().into_columns());
        columns.encode(&rows, 0, &mut again);
        assert_eq!(again, key.bytes());
        assert!(columns.compare_with(&rows, 0, &key).is_eq());
    });
}

/// Rows of a segment that are read as a whole, whatever text they hold: few bytes make much text.
const TEXT_ROWS: usize = 512;

/// A footer, and then its segment: u16 length of the footer (little-endian), footer, blocks.
pub fn footer(data: &[u8]) {
    let Some((len, rest)) = data.split_first_chunk() else { return };
    let len = usize::from(u16::from_le_bytes(*len));
    let Some((bytes, extent)) = rest.split_at_checked(len) else { return };
    let extent = Buffer::from(extent);
    limited(data.len(), || {
        let Ok(mut footer) = Footer::decode(bytes, extent.len() as u64) else { return };
        assert_eq!(Footer::decode(&footer.encode(), extent.len() as u64).as_ref(), Ok(&footer));
        sign::sign_blocks(&mut footer, &extent);
        read(&footer, &extent);
    });
}

fn read(footer: &Footer, extent: &Buffer) {
    let rows = footer.rows as usize;
    for column in &footer.columns {
        let end = if column.ty.is_bytes() { rows.min(TEXT_ROWS) } else { rows };
        let part = end / 3..end / 2;
        if let (Ok(whole), Ok(part_again)) = (
            read_column(footer, column, extent, 0..end),
            read_column(footer, column, extent, part.clone()),
        ) {
            let same = whole.slice(column.ty, part.start, part.len());
            assert!(part_again.same_as(&same, column.ty), "rows {part:?} of {rows} are others");
        }
        if let Some(vectors) = &column.vectors {
            for lane in [Lane::Signed, Lane::Unsigned, Lane::Float] {
                let _ = decode_vectors(lane, rows.div_ceil(1024), vectors);
            }
        }
    }
    let entry = entry(footer);
    if let Ok(found) = rows_between(&entry, footer, extent, 0, Some(1000)) {
        assert!(found.end <= rows);
    }
    let _ = read_seq(&entry, footer, extent, 0..rows);
    if let Some(def) = footer.table().filter(|_| rows <= TEXT_ROWS) {
        check_segment(&entry, &def.spec, footer, extent);
    }
}

fn entry(footer: &Footer) -> SegmentEntry {
    SegmentEntry {
        id: 1,
        table: footer.table().map_or(1, |def| def.id),
        rows: footer.rows,
        level: 0,
        order: Order::Time,
        min_ts: 0,
        max_ts: 1000,
        min_seq: footer.label.min_seq,
        max_seq: footer.label.min_seq.saturating_add(u64::from(footer.rows)),
        as_of_lsn: footer.label.as_of_lsn,
        offset: 0,
        len: footer.streams_end(),
        footer_at: footer.streams_end(),
        footer_len: 0,
        footer_checksum: 0,
        key_range: None,
    }
}
