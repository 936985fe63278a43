//! FSST: texts whose parts repeat as codes of a byte, each for a symbol of 1 to 8 bytes (Boncz,
//! Neumann, Leis: Fast Random Access String Compression, VLDB 2020).
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 4 | lengths | u32: bytes of the payload of the lengths |
//! | 1 | codec | u8: the codec of the lengths, not RunLength |
//! | 3 | | zeros |
//! | 8 | counts | u8 each: how many symbols have 1, 2, ... 8 bytes; 255 at most together |
//! | 4 a vector | ends | u32 a vector: where its codes end, counted from the first code of all |
//! | | lengths | payload of R u32: the bytes of each value |
//! | | symbols | the bytes of each, the shortest first; their places are their codes |
//! | | codes | one vector after the other |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! The codes of a vector are those of its values one after the other: a symbol may begin in one value
//! and end in the next. Code 255 stands for the byte behind it. Values of more than `MAX_EXPANDED`
//! bytes in all rows together are not encoded so.

use std::ops::Range;

use super::symbols::{ESCAPE, MAX_LEN, MAX_SYMBOLS, Symbol, train};
use super::text::{BytesBuilder, check_expanded, check_text};
use super::words::{Word, as_bytes_mut, store_all};
use super::{
    Codec, DecodeError, MAX_EXPANDED, VECTOR_ROWS, check_padding, decode_fixed, fill, pad, vectors,
};
use crate::base::{Column, DataType};

const HEADER: usize = 16;
const DAMAGED: DecodeError = DecodeError { what: "damaged FSST payload" };

/// Less text than this is not worth a table.
const LEAST_TEXT: usize = 512;
/// Codes must be at most so many of 16 bytes of text: symbols of hardly more than a byte decode
/// slowly for what they save.
const MOST_CODES: usize = 12;

/// Appends texts or byte strings, nulls as empty ones; `lengths` appends the payload of the lengths.
/// `false`, and nothing is appended, if that is not worth it: if the payload has `limit` bytes or
/// more. Without a limit it always is, but if values are too long.
pub(super) fn encode(
    column: &Column,
    rows: usize,
    limit: Option<usize>,
    out: &mut Vec<u8>,
    lengths: impl FnOnce(&[u32], &mut Vec<u8>) -> Codec,
) -> bool {
    let (text, lens) = fill::joined(column, rows);
    if text.len() > MAX_EXPANDED {
        return false;
    }
    // No code is for more than a symbol.
    let hopeless = |limit| text.len() < LEAST_TEXT || text.len() / MAX_LEN >= limit;
    if limit.is_some_and(hopeless) {
        return false;
    }
    let Some((symbols, matcher)) = train(&text, limit.and(Some(MOST_CODES))) else {
        return false;
    };
    if let Some(limit) = limit {
        let (bytes, codes) = matcher.judge(&text);
        if codes * 16 > bytes * MOST_CODES || text.len() * codes / bytes >= limit {
            return false;
        }
    }
    let start = out.len();
    write_head(&symbols, &lens, out, lengths);
    let codes_at = out.len();
    let (mut rest, mut codes) = (&text[..], vec![]);
    for (vector, lens) in lens.chunks(VECTOR_ROWS).enumerate() {
        let (now, later) = rest.split_at(total(lens));
        codes.resize(codes.len().max(2 * now.len()), 0);
        let len = matcher.encode(now, &mut codes);
        out.extend_from_slice(&codes[..len]);
        let end = (out.len() - codes_at) as u32;
        out[start + HEADER + 4 * vector..][..4].copy_from_slice(&end.to_le_bytes());
        if limit.is_some_and(|limit| out.len() - start >= limit) {
            out.truncate(start);
            return false;
        }
        rest = later;
    }
    pad(out, start);
    true
}

/// Appends what stands before the codes, but for their ends, which are zeros.
fn write_head(
    symbols: &[Symbol],
    lens: &[u32],
    out: &mut Vec<u8>,
    lengths: impl FnOnce(&[u32], &mut Vec<u8>) -> Codec,
) {
    let start = out.len();
    let mut counts = [0u8; MAX_LEN];
    symbols.iter().for_each(|symbol| counts[symbol.len - 1] += 1);
    out.extend([0; HEADER - MAX_LEN]);
    out.extend(counts);
    store_all(&vec![0u32; vectors::count(lens.len())], out);
    let before = out.len();
    let codec = lengths(lens, out);
    let len = (out.len() - before) as u32;
    out[start..][..4].copy_from_slice(&len.to_le_bytes());
    out[start + 4] = codec as u8;
    for symbol in symbols {
        out.extend_from_slice(&symbol.word.to_le_bytes()[..symbol.len]);
    }
}

fn total(lens: &[u32]) -> usize {
    lens.iter().map(|&len| u64::from(len)).sum::<u64>() as usize
}

/// What each code stands for.
struct Table {
    words: [[u8; MAX_LEN]; 256],
    /// Bytes of each symbol; [`SPECIAL`] for the escape and for codes without one.
    lens: [u8; 256],
}

const SPECIAL: u8 = 0x80;

/// Codes that are looked at together.
const TOGETHER: usize = 4;
/// Room for those: more than they need, so that the compiler knows that it is enough.
const ROOM: usize = 16 * TOGETHER;

impl Table {
    /// The symbols that `bytes` begin with, `counts` of each length, and what is behind them.
    fn parse<'a>(counts: &[u8], bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut table = Self { words: [[0; MAX_LEN]; 256], lens: [SPECIAL; 256] };
        let lens = (1..=MAX_LEN).zip(counts);
        let lens = lens.flat_map(|(len, &count)| std::iter::repeat_n(len, count.into()));
        let (mut rest, mut code) = (bytes, 0);
        for len in lens {
            let (symbol, later) = rest.split_at_checked(len).ok_or(DAMAGED)?;
            if code == MAX_SYMBOLS {
                return Err(DecodeError { what: "more symbols than there are codes" });
            }
            table.words[code][..len].copy_from_slice(symbol);
            table.lens[code] = len as u8;
            (rest, code) = (later, code + 1);
        }
        Ok((table, rest))
    }

    /// Puts the first `want` bytes that `codes` stand for in front of `out`, and perhaps others behind
    /// them, for which there is room: [`ROOM`] bytes. `true` if those are all.
    fn expand(&self, codes: &[u8], want: usize, out: &mut [u8]) -> Result<bool, DecodeError> {
        let (mut codes, mut at) = (codes, 0);
        while at < want {
            let together = codes.split_first_chunk::<TOGETHER>();
            let room = out[at..].first_chunk_mut::<ROOM>();
            if let (Some((now, later)), Some(room)) = (together, room) {
                let lens = now.map(|code| self.lens[usize::from(code)]);
                if lens.iter().fold(0, |all, len| all | len) & SPECIAL == 0 {
                    let mut to = 0;
                    for (code, len) in now.iter().zip(lens) {
                        room[to..to + MAX_LEN].copy_from_slice(&self.words[usize::from(*code)]);
                        to += usize::from(len & 0xf);
                    }
                    (codes, at) = (later, at + to);
                    continue;
                }
            }
            // One by one, up to the code that is not a symbol's.
            while at < want {
                let (&code, later) = codes.split_first().ok_or(DAMAGED)?;
                let len = self.lens[usize::from(code)];
                codes = later;
                if len != SPECIAL {
                    out[at..at + MAX_LEN].copy_from_slice(&self.words[usize::from(code)]);
                    at += usize::from(len);
                    continue;
                }
                if code != ESCAPE {
                    return Err(DecodeError { what: "code without a symbol" });
                }
                let (&byte, later) = codes.split_first().ok_or(DAMAGED)?;
                (out[at], codes, at) = (byte, later, at + 1);
                break;
            }
        }
        Ok(codes.is_empty() && at == want)
    }
}

/// A payload, checked but for the codes and the lengths.
struct Parsed<'a> {
    table: Table,
    codec: Codec,
    lengths: &'a [u8],
    ends: Vec<usize>,
    codes: &'a [u8],
}

fn parse(payload: &[u8], rows: usize) -> Result<Parsed<'_>, DecodeError> {
    check_padding(payload)?;
    let (header, rest) = payload.split_at_checked(HEADER).ok_or(DAMAGED)?;
    let (ends, rest) = rest.split_at_checked(4 * vectors::count(rows)).ok_or(DAMAGED)?;
    let (lengths, rest) = rest.split_at_checked(u32::load(header) as usize).ok_or(DAMAGED)?;
    let codec = Codec::from_code(header[4]).filter(|codec| *codec != Codec::RunLength);
    let codec = codec.ok_or(DAMAGED)?;
    let (table, codes) = Table::parse(&header[8..], rest)?;
    let ends: Vec<usize> = ends.chunks_exact(4).map(|end| u32::load(end) as usize).collect();
    let end = ends.last().copied().ok_or(DAMAGED)?;
    if !ends.is_sorted() || codes.len() < end || codes.len() - end >= 8 {
        return Err(DecodeError { what: "FSST codes of the wrong length" });
    }
    Ok(Parsed { table, codec, lengths, ends, codes: &codes[..end] })
}

/// Decodes rows `range` of `rows` and appends them.
pub(super) fn decode(
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut BytesBuilder,
) -> Result<(), DecodeError> {
    let parsed = parse(payload, rows)?;
    if range.is_empty() {
        return Ok(());
    }
    let vectors = range.start / VECTOR_ROWS..vectors::count(range.end);
    let begin = vectors.start * VECTOR_ROWS;
    let mut lens = vec![0u32; rows.min(vectors.end * VECTOR_ROWS) - begin];
    let of_vectors = begin..begin + lens.len();
    decode_fixed(
        parsed.codec,
        DataType::U32,
        parsed.lengths,
        rows,
        of_vectors,
        as_bytes_mut(&mut lens),
    )?;
    let wanted = range.start - begin..range.end - begin;
    let old_len = out.values.len();
    let result = parsed.append(vectors, &lens, wanted.clone(), out).and_then(|()| {
        let starts = lens[wanted.clone()].iter().scan(0, |at, &len| {
            *at += len as usize;
            Some(*at)
        });
        check_text(ty, &out.values[old_len..], starts)
    });
    if result.is_err() {
        out.values.truncate(old_len);
        return result;
    }
    let mut end = old_len;
    out.offsets.extend(lens[wanted].iter().map(|&len| {
        end += len as usize;
        end as i32
    }));
    Ok(())
}

impl Parsed<'_> {
    /// Appends the bytes of those rows of some vectors that are wanted: some of the first vector, some
    /// of the last, all of those between. `lens` are those of all their rows.
    fn append(
        &self,
        vectors: Range<usize>,
        lens: &[u32],
        wanted: Range<usize>,
        out: &mut BytesBuilder,
    ) -> Result<(), DecodeError> {
        let skipped = total(&lens[..wanted.start]);
        let len = total(&lens[..wanted.end]);
        let begin = |vector: usize| if vector == 0 { 0 } else { self.ends[vector - 1] };
        // Before there is room for them: no code is for more than a symbol.
        if len > MAX_LEN * (self.ends[vectors.end - 1] - begin(vectors.start)) {
            return Err(DAMAGED);
        }
        check_expanded(len)?;
        out.reserve(wanted.len(), len - skipped)?;
        let old_len = out.values.len();
        out.values.resize(old_len + len + ROOM, 0);
        let mut at = old_len;
        for (place, vector) in vectors.enumerate() {
            let of_vector = &lens[place * VECTOR_ROWS..];
            let of_vector = &of_vector[..of_vector.len().min(VECTOR_ROWS)];
            let used = of_vector.len().min(wanted.end - place * VECTOR_ROWS);
            let want = total(&of_vector[..used]);
            let codes = &self.codes[begin(vector)..self.ends[vector]];
            let all = self.table.expand(codes, want, &mut out.values[at..])?;
            if used == of_vector.len() && !all {
                return Err(DecodeError { what: "lengths of text that do not add up" });
            }
            at += want;
            if place == 0 && skipped > 0 {
                out.values.copy_within(at - want + skipped..at, old_len);
                at -= skipped;
            }
        }
        out.values.truncate(at);
        Ok(())
    }
}
