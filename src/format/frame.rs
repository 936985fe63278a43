//! The envelope of every record: log records, manifest records, segment footers (SPEC 3).
//!
//! ```text
//!  0  u32  magic, by the kind of place it stands in
//!  4  u32  length of the body
//!  8  u64  sequence number: of the log record, the manifest's generation, the segment's id
//! 16  u64  highest log sequence number known to be synced when this was written; else 0
//! 24  u64  salt: the file's, for log records mixed with the epoch
//! 32  u8   kind of record, 3 bytes of zero
//! 36  u32  checksum of bytes 0 to 36, so that the length is checked before it is trusted
//! 40  u64  checksum of the body, seeded with salt and sequence number
//! 48       the body, then zeros up to a multiple of 8
//! ```

use crate::base::bytes::{Malformed, Reader};
use crate::codec::checksum::{checksum_with_seed, checksum32};

/// Bytes before the body.
pub const FRAME_LEN: usize = 48;
/// Frames begin at multiples of this.
pub const FRAME_ALIGN: usize = 8;
/// Bytes of the header that its own checksum covers.
const CHECKED_LEN: usize = 36;

/// Magic of a log record.
pub const LOG_MAGIC: u32 = u32::from_le_bytes(*b"CHLr");
/// Magic of a manifest record.
pub const MANIFEST_MAGIC: u32 = u32::from_le_bytes(*b"CHLm");
/// Magic of a segment's footer.
pub const FOOTER_MAGIC: u32 = u32::from_le_bytes(*b"CHLs");

/// A frame without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// What kind of place it stands in.
    pub magic: u32,
    /// Length of the body.
    pub len: u32,
    /// Sequence number of the record in its place.
    pub seq: u64,
    /// Highest log sequence number known to be synced.
    pub durable: u64,
    /// Salt of the file, or of the file's log in one epoch.
    pub salt: u64,
    /// Kind of record.
    pub kind: u8,
    body_checksum: u64,
}

impl Frame {
    /// The frame of a body about to be written.
    pub fn new(magic: u32, kind: u8, seq: u64, durable: u64, salt: u64, body: &[u8]) -> Self {
        let len = u32::try_from(body.len()).expect("a record's body is below 4 GiB");
        let body_checksum = body_checksum(salt, seq, body);
        Self { magic, len, seq, durable, salt, kind, body_checksum }
    }

    /// The header's bytes.
    #[inline]
    pub fn header(&self) -> [u8; FRAME_LEN] {
        let mut out = [0; FRAME_LEN];
        out[0..4].copy_from_slice(&self.magic.to_le_bytes());
        out[4..8].copy_from_slice(&self.len.to_le_bytes());
        out[8..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..24].copy_from_slice(&self.durable.to_le_bytes());
        out[24..32].copy_from_slice(&self.salt.to_le_bytes());
        out[32] = self.kind;
        let checksum = checksum32(&out[..CHECKED_LEN]);
        out[36..40].copy_from_slice(&checksum.to_le_bytes());
        out[40..48].copy_from_slice(&self.body_checksum.to_le_bytes());
        out
    }

    /// Reads a header that begins `bytes`: its magic must be `magic` and its own checksum right.
    /// The body is checked by [`Frame::check_body`].
    pub fn parse(bytes: &[u8], magic: u32) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let checked = r.clone().take(CHECKED_LEN, "record header")?;
        if r.u32("record magic")? != magic {
            return Err(Malformed { what: "record magic", at: 0 });
        }
        let (len, seq) = (r.u32("record length")?, r.u64("record number")?);
        let (durable, salt) = (r.u64("durable number")?, r.u64("salt")?);
        let kind = r.u8("record kind")?;
        r.take(3, "record header")?;
        if r.u32("header checksum")? != checksum32(checked) {
            return Err(Malformed { what: "checksum of a record's header", at: CHECKED_LEN });
        }
        let body_checksum = r.u64("body checksum")?;
        Ok(Self { magic, len, seq, durable, salt, kind, body_checksum })
    }

    /// Bytes of header, body and padding.
    pub fn total_len(&self) -> u64 {
        (FRAME_LEN as u64 + u64::from(self.len)).next_multiple_of(FRAME_ALIGN as u64)
    }

    /// True if `body` is what was framed.
    pub fn check_body(&self, body: &[u8]) -> bool {
        body.len() == self.len as usize
            && body_checksum(self.salt, self.seq, body) == self.body_checksum
    }

    /// The whole record: header, body, padding.
    pub fn record(&self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(FRAME_LEN + body.len() + FRAME_ALIGN);
        out.extend_from_slice(&self.header());
        out.extend_from_slice(body);
        crate::base::bytes::pad_to(&mut out, 0, FRAME_ALIGN);
        out
    }

    /// Reads header and body off the front of `bytes`.
    pub fn parse_record(bytes: &[u8], magic: u32) -> Result<(Self, &[u8]), Malformed> {
        let frame = Self::parse(bytes, magic)?;
        let body = bytes.get(FRAME_LEN..).and_then(|rest| rest.get(..frame.len as usize));
        match body {
            Some(body) if frame.check_body(body) => Ok((frame, body)),
            Some(_) => Err(Malformed { what: "checksum of a record's body", at: FRAME_LEN }),
            None => Err(Malformed { what: "record body", at: FRAME_LEN }),
        }
    }
}

/// What an epoch is multiplied by, and what undoes that: their product is 1.
const EPOCH_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const EPOCH_INVERSE: u64 = 0xF1DE_83E1_9937_733D;

/// The salt of log records in one epoch: a record of another epoch is not one of this log.
pub fn log_salt(file_salt: u64, epoch: u64) -> u64 {
    file_salt ^ epoch.wrapping_mul(EPOCH_FACTOR)
}

/// The epoch of log records with that salt.
pub fn epoch_of(file_salt: u64, log_salt: u64) -> u64 {
    (log_salt ^ file_salt).wrapping_mul(EPOCH_INVERSE)
}

#[inline]
fn body_checksum(salt: u64, seq: u64, body: &[u8]) -> u64 {
    checksum_with_seed(body, salt.wrapping_add(seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_salt_tells_its_epoch() {
        for epoch in [0, 1, 77, u64::MAX] {
            assert_eq!(epoch_of(5, log_salt(5, epoch)), epoch);
        }
    }

    #[test]
    fn a_record_survives_and_any_flipped_bit_shows() {
        let body = b"some body";
        let record = Frame::new(LOG_MAGIC, 3, 7, 5, 99, body).record(body);
        let (frame, read) = Frame::parse_record(&record, LOG_MAGIC).unwrap();
        assert_eq!((frame.kind, frame.seq, frame.durable, frame.salt), (3, 7, 5, 99));
        assert_eq!((read, frame.total_len()), (&body[..], record.len() as u64));
        assert!(Frame::parse_record(&record, MANIFEST_MAGIC).is_err());
        for bit in 0..(FRAME_LEN + body.len()) * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse_record(&damaged, LOG_MAGIC).is_err(), "bit {bit}");
        }
        for len in 0..FRAME_LEN + body.len() {
            assert!(Frame::parse_record(&record[..len], LOG_MAGIC).is_err());
        }
    }
}
