//! Dictionary: the distinct texts or byte strings once, in the order they first appear, and the
//! place of each row's among them, bit-packed.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 4 | distinct | u32: how many entries, 1 to the rows of the block |
//! | 1 | width | u8: bits of a code, 0 to 16 |
//! | 3 | | zeros |
//! | 4 x (distinct + 1) | offsets | u32, the first 0, none below the one before |
//! | | codes | one vector after the other, packed with `T` = u16 (see `bitpack`) |
//! | last offset | entries | the bytes of all entries; entry `i` is `offsets[i]..offsets[i + 1]` |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! Values of more than `MAX_EXPANDED` bytes in all rows together are not encoded so.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::text::{BytesBuilder, check_expanded, check_text};
use super::words::Word;
use super::{
    DecodeError, MAX_BLOCK_ROWS, MAX_EXPANDED, VECTOR_ROWS, bitpack, check_padding, fill, pad,
    vectors,
};
use crate::base::hash::Seeded;
use crate::base::{Column, DataType};

const HEADER: usize = 8;
const LENGTH: DecodeError = DecodeError { what: "dictionary of the wrong length" };

/// A block by its distinct values.
pub(super) struct Plan<'a> {
    entries: Vec<&'a [u8]>,
    entries_len: usize,
    codes: Vec<u16>,
    width: u32,
}

/// True if hardly a value is there twice, judged by some rows: were each there twice, no more of them
/// than are needed to put both among these rows would make that as good as certain.
pub(super) fn all_differ(column: &Column, rows: usize) -> bool {
    const LOOKED_AT: usize = 512;
    if rows < 4 * LOOKED_AT {
        return false;
    }
    // Anywhere, as what repeats may do so side by side or in step (Steele, Lea, Flood 2014).
    let mix = |at: u64| {
        let x = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    };
    let mut looked_at: Vec<usize> =
        (1..=LOOKED_AT as u64).map(|at| (mix(at) % rows as u64) as usize).collect();
    looked_at.sort_unstable();
    looked_at.dedup();
    let mut rows = looked_at.into_iter().filter(|&row| column.is_valid(row));
    let mut seen: HashSet<&[u8], Seeded> = HashSet::default();
    rows.all(|row| seen.insert(column.bytes_at(row))) && seen.len() >= LOOKED_AT / 2
}

/// Finds the distinct values of `column`; `None` as soon as the payload is certain to have `limit`
/// bytes or more, or if decoding would expand beyond the limit.
pub(super) fn plan(column: &Column, rows: usize, limit: usize) -> Option<Plan<'_>> {
    let mut places: HashMap<&[u8], u16, Seeded> = HashMap::default();
    let (mut entries, mut entries_len) = (Vec::<&[u8]>::new(), 0);
    let mut codes = Vec::with_capacity(rows);
    let mut expanded = 0;
    let mut last: Option<(&[u8], u16)> = None;
    for text in fill::texts(column, rows) {
        let Some(text) = text else {
            codes.push(None);
            continue;
        };
        expanded += text.len();
        let code = match last {
            Some((before, code)) if before == text => code,
            _ => *places.entry(text).or_insert_with(|| {
                entries.push(text);
                entries_len += text.len();
                (entries.len() - 1) as u16
            }),
        };
        if HEADER + 4 * (entries.len() + 1) + entries_len >= limit {
            return None;
        }
        last = Some((text, code));
        codes.push(Some(code));
    }
    if entries.is_empty() {
        entries.push(&[]);
    }
    // Codes cost the same whatever they are: a null becomes the value that decodes to least.
    let (null, shortest) = entries.iter().enumerate().min_by_key(|(_, text)| text.len())?;
    expanded += shortest.len() * column.null_count();
    let codes = codes.into_iter().map(|code| code.unwrap_or(null as u16)).collect();
    let width = (entries.len() as u64 - 1).bit_len();
    (expanded <= MAX_EXPANDED).then_some(Plan { entries, entries_len, codes, width })
}

impl Plan<'_> {
    /// Bytes of the payload.
    pub(super) fn len(&self) -> usize {
        let codes = codes_len(self.codes.len(), self.width);
        (HEADER + 4 * (self.entries.len() + 1) + codes + self.entries_len).next_multiple_of(8)
    }

    /// Appends the payload.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.len());
        (self.entries.len() as u32).store(out);
        out.extend([self.width as u8, 0, 0, 0]);
        let mut end = 0u32;
        end.store(out);
        for text in &self.entries {
            end += text.len() as u32;
            end.store(out);
        }
        for vector in self.codes.chunks(VECTOR_ROWS) {
            bitpack::pack(vector, self.width, 0, out);
        }
        self.entries.iter().for_each(|text| out.extend_from_slice(text));
        pad(out, start);
    }
}

/// Bytes of the packed codes of `rows` rows.
fn codes_len(rows: usize, width: u32) -> usize {
    let whole = rows / VECTOR_ROWS * bitpack::packed_len(VECTOR_ROWS, width);
    whole + bitpack::packed_len(rows % VECTOR_ROWS, width)
}

/// A payload, checked but for the codes.
struct Parsed<'a> {
    offsets: Vec<u32>,
    codes: &'a [u8],
    width: u32,
    entries: &'a [u8],
}

fn parse(payload: &[u8], rows: usize) -> Result<Parsed<'_>, DecodeError> {
    check_padding(payload)?;
    let (header, rest) = payload.split_at_checked(HEADER).ok_or(LENGTH)?;
    let (distinct, width) = (u32::load(header) as usize, u32::from(header[4]));
    if distinct == 0 || distinct > rows.min(MAX_BLOCK_ROWS) || width > u16::BITS {
        return Err(DecodeError { what: "impossible header of a dictionary" });
    }
    let (offsets, rest) = rest.split_at_checked(4 * (distinct + 1)).ok_or(LENGTH)?;
    let (codes, entries) = rest.split_at_checked(codes_len(rows, width)).ok_or(LENGTH)?;
    let offsets: Vec<u32> = offsets.chunks_exact(4).map(u32::load).collect();
    let end = offsets[distinct] as usize;
    if entries.len() < end || entries.len() - end >= 8 {
        return Err(LENGTH);
    }
    if offsets[0] != 0 || !offsets.is_sorted() {
        return Err(DecodeError { what: "dictionary offsets that are not in order" });
    }
    Ok(Parsed { offsets, codes, width, entries: &entries[..end] })
}

/// Decodes rows `range` of `rows` and appends them.
pub(super) fn decode(
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BytesBuilder,
) -> Result<(), DecodeError> {
    let Parsed { offsets, codes: packed, width, entries } = parse(payload, rows)?;
    let mut codes = vec![0u16; range.len()];
    vectors::decode(rows, range, &mut codes, |vector, out| {
        let start = vector * bitpack::packed_len(VECTOR_ROWS, width);
        let packed = &packed[start..][..bitpack::packed_len(out.len(), width)];
        bitpack::unpack(packed, width, out, |code| code)
    })?;
    // `Iterator::max` would keep the compiler from vectorizing.
    let greatest = codes.iter().fold(0, |most: u16, &code| most.max(code));
    if usize::from(greatest) + 1 >= offsets.len() {
        return Err(DecodeError { what: "code outside its dictionary" });
    }
    let spans: Vec<(u32, u32)> = offsets.windows(2).map(|o| (o[0], o[1] - o[0])).collect();
    let total: u64 = codes.iter().map(|&code| u64::from(spans[usize::from(code)].1)).sum();
    let total = total as usize;
    check_expanded(total)?;
    // A few rows of a large dictionary are checked as they come, many by their entries.
    let few = total < entries.len();
    if !few {
        check_text(ty, entries, offsets.iter().map(|&offset| offset as usize))?;
    }
    let (old_rows, old_len) = (out.offsets.len(), out.values.len());
    out.reserve(codes.len(), total + WIDE)?;
    copy_rows(&codes, &spans, entries, total, out);
    if few {
        let starts = out.offsets[old_rows..].iter().map(|&end| end as usize - old_len);
        if let Err(error) = check_text(ty, &out.values[old_len..], starts) {
            out.offsets.truncate(old_rows);
            out.values.truncate(old_len);
            return Err(error);
        }
    }
    Ok(())
}

/// Short entries are copied by as many bytes whatever their length: a fixed copy is a pair of
/// instructions, one of any length a call. The next row overwrites what was too much.
const WIDE: usize = 16;

fn copy_rows(
    codes: &[u16],
    spans: &[(u32, u32)],
    entries: &[u8],
    total: usize,
    out: &mut BytesBuilder,
) {
    let mut source = Vec::with_capacity(entries.len() + WIDE);
    source.extend_from_slice(entries);
    source.resize(entries.len() + WIDE, 0);
    let start = out.values.len();
    out.values.resize(start + total + WIDE, 0);
    let mut rest = &mut out.values[start..];
    let mut end = start;
    out.offsets.extend(codes.iter().map(|&code| {
        let (from, len) = spans[usize::from(code)];
        let (from, len) = (from as usize, len as usize);
        if len <= WIDE {
            rest[..WIDE].copy_from_slice(&source[from..from + WIDE]);
        } else {
            rest[..len].copy_from_slice(&source[from..from + len]);
        }
        rest = &mut std::mem::take(&mut rest)[len..];
        end += len;
        end as i32
    }));
    out.values.truncate(start + total);
}
