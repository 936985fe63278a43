//! The header slots of the main file (SPEC 4).
//!
//! Two slots of 512 bytes begin the first two pages. A commit writes the slot of its generation's
//! parity, so that neither is ever updated in place of the state in force; the valid one with the
//! higher generation wins. A slot fits a disk sector: a power loss leaves the old or the new one.
//!
//! ```text
//!   0  8 bytes  89 'C' 'H' 'L' 0D 0A 1A 0A
//!   8  u32      format version
//!  12  u32      length of the slot, 512
//!  16  u64      compatible feature flags: unknown ones may be ignored
//!  24  u64      incompatible feature flags: a file with an unknown one is refused
//!  32  u64      generation
//!  40  u64      epoch of the log that goes with it
//!  48  u64      salt of the file
//!  56  u64      committed length of the file
//!  64  u64      offset of the manifest
//!  72  u64      length of the manifest, base and deltas
//!  80  u64      room set aside for the manifest
//!  88  u64      offset in the log at which replay begins
//!  96  u64      highest log sequence number known to be durable
//! 104  u64      next log sequence number, if the log is empty
//! 112  u64      next row sequence number, if the log is empty
//! 120  u32      state flags: bit 0, a log must be there
//! 124           zeros
//! 128  u64      number of the next segment
//! 136           zeros
//! 504  u64      checksum of bytes 0 to 504
//! ```

use crate::base::bytes::Reader;
use crate::codec::checksum::checksum;
use crate::format::PAGE;

/// Bytes of a slot.
pub const SLOT_LEN: usize = 512;
/// First bytes of a main file: not text, and broken by a transfer in text mode.
pub const SLOT_MAGIC: [u8; 8] = [0x89, b'C', b'H', b'L', 0x0D, 0x0A, 0x1A, 0x0A];
/// The format version that this library writes, and the only one it reads: 1 was never released.
pub const FORMAT_VERSION: u32 = 2;
/// Compatible features this library knows: none yet. A commit clears the others.
pub const KNOWN_COMPATIBLE: u64 = 0;
/// Tables with another rule for rows of the same time and key than to keep all.
pub const ON_CONFLICT: u64 = 1 << 4;
/// Incompatible features this library knows. SPEC 2 lists those set aside.
pub const KNOWN_INCOMPATIBLE: u64 = ON_CONFLICT;
const STATE_LOG_EXPECTED: u32 = 1;
/// No count of commits, epochs, records or rows comes so far, and sums of two stay in 64 bits.
pub const COUNTER_END: u64 = 1 << 62;
const NEXT_SEGMENT_AT: usize = 128;
const CHECKSUM_AT: usize = 504;

/// The state of the database as of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Format version.
    pub version: u32,
    /// Compatible feature flags.
    pub compatible: u64,
    /// Incompatible feature flags.
    pub incompatible: u64,
    /// Number of the commit.
    pub generation: u64,
    /// Epoch of the log that goes with it.
    pub epoch: u64,
    /// Salt of the file, drawn when it was created.
    pub salt: u64,
    /// Bytes of the file that commits so far have written.
    pub file_len: u64,
    /// Where the manifest's base begins.
    pub manifest_at: u64,
    /// Bytes of base and deltas.
    pub manifest_len: u64,
    /// Bytes set aside for it, deltas to come included.
    pub manifest_room: u64,
    /// Where in the log replay begins.
    pub log_start: u64,
    /// Highest log sequence number known to be durable.
    pub durable_lsn: u64,
    /// Next log sequence number, were the log empty.
    pub next_lsn: u64,
    /// Next row sequence number, were the log empty.
    pub next_seq: u64,
    /// The database was not closed cleanly, so its log must be there.
    pub log_expected: bool,
    /// Number of the next segment: above those of all that were named or written so far, but for
    /// what was written since this commit.
    pub next_segment: u64,
}

/// What stands where a slot should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// A slot whose checksum is right.
    Valid(Slot),
    /// The magic is there, the rest is damaged.
    Damaged,
    /// Nothing of ours.
    Foreign,
}

/// Where the slot of that generation stands in the file.
pub fn slot_offset(generation: u64) -> u64 {
    (generation % 2) * PAGE
}

impl Slot {
    /// The slot's bytes.
    pub fn to_bytes(&self) -> [u8; SLOT_LEN] {
        let mut out = Vec::with_capacity(SLOT_LEN);
        out.extend_from_slice(&SLOT_MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&(SLOT_LEN as u32).to_le_bytes());
        for field in [
            self.compatible,
            self.incompatible,
            self.generation,
            self.epoch,
            self.salt,
            self.file_len,
            self.manifest_at,
            self.manifest_len,
            self.manifest_room,
            self.log_start,
            self.durable_lsn,
            self.next_lsn,
            self.next_seq,
        ] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        let state = if self.log_expected { STATE_LOG_EXPECTED } else { 0 };
        out.extend_from_slice(&state.to_le_bytes());
        out.resize(NEXT_SEGMENT_AT, 0);
        out.extend_from_slice(&self.next_segment.to_le_bytes());
        out.resize(CHECKSUM_AT, 0);
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        let mut slot = [0; SLOT_LEN];
        slot.copy_from_slice(&out);
        slot
    }

    /// Reads what may be a slot.
    pub fn parse(bytes: &[u8]) -> SlotState {
        if bytes.get(..SLOT_MAGIC.len()) != Some(&SLOT_MAGIC) {
            return SlotState::Foreign;
        }
        Self::parse_fields(bytes).map_or(SlotState::Damaged, SlotState::Valid)
    }

    fn parse_fields(bytes: &[u8]) -> Option<Self> {
        let checked = bytes.get(..CHECKSUM_AT)?;
        let stored = bytes.get(CHECKSUM_AT..SLOT_LEN)?.try_into().ok().map(u64::from_le_bytes)?;
        if checksum(checked) != stored {
            return None;
        }
        let mut r = Reader::new(checked.get(SLOT_MAGIC.len()..)?);
        let version = r.u32("version").ok()?;
        r.u32("slot length").ok()?;
        let mut next = || r.u64("slot field").ok();
        let mut slot = Self {
            version,
            compatible: next()?,
            incompatible: next()?,
            generation: next()?,
            epoch: next()?,
            salt: next()?,
            file_len: next()?,
            manifest_at: next()?,
            manifest_len: next()?,
            manifest_room: next()?,
            log_start: next()?,
            durable_lsn: next()?,
            next_lsn: next()?,
            next_seq: next()?,
            log_expected: false,
            next_segment: 0,
        };
        slot.log_expected = r.u32("state").ok()? & STATE_LOG_EXPECTED != 0;
        r.u32("reserved").ok()?;
        slot.next_segment = r.u64("slot field").ok()?;
        slot.is_sane().then_some(slot)
    }

    /// True if its counters are where they can be: others are not read.
    pub fn is_sane(&self) -> bool {
        let counters = [
            self.generation,
            self.epoch,
            self.durable_lsn,
            self.next_lsn,
            self.next_seq,
            self.next_segment,
        ];
        self.next_lsn > 0 && self.next_seq > 0 && counters.iter().all(|&n| n < COUNTER_END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_survives_and_any_flipped_bit_shows() {
        let slot = Slot {
            version: FORMAT_VERSION,
            compatible: 1,
            incompatible: 2,
            generation: 3,
            epoch: 4,
            salt: 5,
            file_len: 6,
            manifest_at: 7,
            manifest_len: 8,
            manifest_room: 8,
            log_start: 9,
            durable_lsn: 10,
            next_lsn: 11,
            next_seq: 12,
            log_expected: true,
            next_segment: 13,
        };
        let bytes = slot.to_bytes();
        assert_eq!(Slot::parse(&bytes), SlotState::Valid(slot));
        for bit in 0..SLOT_LEN * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(Slot::parse(&damaged), SlotState::Valid(_)), "bit {bit}");
        }
        assert_eq!(Slot::parse(&bytes[..SLOT_LEN - 1]), SlotState::Damaged);
        for absurd in [
            Slot { next_lsn: 0, ..slot },
            Slot { next_seq: 0, ..slot },
            Slot { next_seq: u64::MAX, ..slot },
            Slot { next_lsn: COUNTER_END, ..slot },
            Slot { epoch: u64::MAX, ..slot },
            Slot { generation: u64::MAX - 1, ..slot },
        ] {
            assert_eq!(Slot::parse(&absurd.to_bytes()), SlotState::Damaged, "{absurd:?}");
        }
        assert_eq!(Slot::parse(b"ts,value\n"), SlotState::Foreign);
    }
}
