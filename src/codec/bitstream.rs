//! A stream of bits: bit `i` is bit `i % 8` (0 the lowest) of byte `i / 8`, and a number of `n`
//! bits takes `n` places from its lowest bit up. The last byte is filled with zeros.

/// The lowest `n` bits set; `n` is at most 64.
#[inline]
pub(super) fn mask(n: u32) -> u64 {
    debug_assert!(n <= 64);
    if n == 0 { 0 } else { u64::MAX >> (64 - n) }
}

/// Appends bits to bytes.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that are not in `out` yet, `fill` of them, fewer than 64.
    pending: u64,
    fill: u32,
}

impl<'a> BitWriter<'a> {
    /// A writer that appends behind what is in `out`.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, pending: 0, fill: 0 }
    }

    /// Appends the `n` bits of `value`, which has no bits above them; `n` is at most 64.
    #[inline]
    pub(super) fn put(&mut self, value: u64, n: u32) {
        debug_assert!(value & !mask(n) == 0);
        self.pending |= value << self.fill;
        let fill = self.fill + n;
        if fill < 64 {
            self.fill = fill;
            return;
        }
        self.out.extend_from_slice(&self.pending.to_le_bytes());
        // A shift by 64 would be none at all: nothing of `value` is left if it began a word.
        self.pending = if self.fill == 0 { 0 } else { value >> (64 - self.fill) };
        self.fill = fill - 64;
    }

    /// Writes what is pending, the last byte filled with zeros.
    pub(super) fn finish(self) {
        let len = self.fill.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..len]);
    }
}

/// Reads bits. Behind the end there are zeros: ask [`BitReader::position`] afterwards.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// A reader of the first bit of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next bits, not consumed; the lowest 57 are there, those above may be missing.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        let at = self.position / 8;
        let word = match self.bytes.get(at..at + 8) {
            Some(bytes) => u64::from_le_bytes(bytes.try_into().unwrap_or_default()),
            None => self.word_at_end(at) as u64,
        };
        word >> (self.position % 8)
    }

    /// Consumes `n` bits.
    #[inline]
    pub(super) fn skip(&mut self, n: u32) {
        self.position += n as usize;
    }

    /// The next `n` bits, at most 64.
    #[inline]
    pub(super) fn take(&mut self, n: u32) -> u64 {
        let at = self.position / 8;
        let word = match self.bytes.get(at..at + 16) {
            Some(bytes) => u128::from_le_bytes(bytes.try_into().unwrap_or_default()),
            None => self.word_at_end(at),
        };
        let value = (word >> (self.position % 8)) as u64 & mask(n);
        self.position += n as usize;
        value
    }

    /// How many bits were read; more than there are if the stream was too short.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    #[cold]
    fn word_at_end(&self, at: usize) -> u128 {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let mut word = [0; 16];
        for (to, from) in word.iter_mut().zip(rest) {
            *to = *from;
        }
        u128::from_le_bytes(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_come_back() {
        let (mut out, numbers) = (vec![], (0..=64).chain((0..=64).rev()).chain([64, 64, 1, 64]));
        let mut writer = BitWriter::new(&mut out);
        for n in numbers.clone() {
            writer.put(mask(n) & 0xdead_beef_1234_5679, n);
        }
        writer.finish();
        let mut reader = BitReader::new(&out);
        for n in numbers {
            let number = mask(n) & 0xdead_beef_1234_5679;
            assert_eq!(reader.peek() & mask(n.min(57)), number & mask(57), "{n}");
            assert_eq!(reader.take(n), number, "{n}");
        }
        assert_eq!(reader.position().div_ceil(8), out.len());
        assert_eq!((reader.take(64), reader.take(64)), (0, 0));
        assert!(reader.position() > out.len() * 8);
    }
}
