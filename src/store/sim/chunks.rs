//! The bytes of a simulated file, shared between its copies until one of them is written to.

use std::sync::Arc;

/// The unit of sharing and of disk space.
pub(super) const CHUNK: usize = 4096;

type Chunk = Arc<[u8; CHUNK]>;

/// A file's content. A copy costs one count a chunk, a write to a copy one chunk.
#[derive(Clone, Default)]
pub(super) struct Chunks {
    /// `None` is a hole. Covers `len` exactly; past `len` the last chunk is zeros.
    chunks: Vec<Option<Chunk>>,
    len: u64,
}

impl Chunks {
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut new = Self::default();
        new.write(0, bytes);
        new
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many chunks take space.
    pub(super) fn used(&self) -> usize {
        self.chunks.iter().flatten().count()
    }

    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = buf.len().min(left);
        for (at, part) in parts(offset, len) {
            let out = &mut buf[part.clone()];
            match &self.chunks[at / CHUNK] {
                Some(chunk) => out.copy_from_slice(&chunk[at % CHUNK..at % CHUNK + part.len()]),
                None => out.fill(0),
            }
        }
        len
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.read(&mut bytes, 0);
        bytes
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.grow(offset + bytes.len() as u64);
        for (at, part) in parts(offset, bytes.len()) {
            let chunk = self.chunks[at / CHUNK].get_or_insert_with(zeros);
            Arc::make_mut(chunk)[at % CHUNK..at % CHUNK + part.len()].copy_from_slice(&bytes[part]);
        }
    }

    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.punch(len, self.len - len);
        }
        self.len = len;
        self.chunks.resize((len as usize).div_ceil(CHUNK), None);
    }

    /// Makes the file at least `len` long.
    pub(super) fn grow(&mut self, len: u64) {
        if len > self.len {
            self.set_len(len);
        }
    }

    pub(super) fn allocate(&mut self, offset: u64, len: u64) {
        self.grow(offset + len);
        for (at, _) in parts(offset, len as usize) {
            self.chunks[at / CHUNK].get_or_insert_with(zeros);
        }
    }

    pub(super) fn punch(&mut self, offset: u64, len: u64) {
        let len = len.min(self.len.saturating_sub(offset)) as usize;
        let end = self.len as usize;
        for (at, part) in parts(offset, len) {
            let slot = &mut self.chunks[at / CHUNK];
            let whole = at % CHUNK == 0 && (part.len() == CHUNK || at + part.len() == end);
            if whole {
                *slot = None;
            } else if let Some(chunk) = slot {
                Arc::make_mut(chunk)[at % CHUNK..at % CHUNK + part.len()].fill(0);
            }
        }
    }

    /// How many of `len` bytes at `offset` can be written if `room` more chunks may be taken.
    pub(super) fn fitting(&self, offset: u64, len: usize, mut room: usize) -> usize {
        for (at, part) in parts(offset, len) {
            if !matches!(self.chunks.get(at / CHUNK), Some(Some(_))) {
                match room.checked_sub(1) {
                    Some(left) => room = left,
                    None => return part.start,
                }
            }
        }
        len
    }
}

/// Cuts a range at chunk ends: the place in the file, and the part of the range.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    let (offset, mut done) = (offset as usize, 0);
    std::iter::from_fn(move || {
        let at = offset + done;
        let part = done..len.min(done + CHUNK - at % CHUNK);
        done = part.end;
        (!part.is_empty()).then_some((at, part))
    })
}

/// All reserved and untouched chunks are this one.
fn zeros() -> Chunk {
    static ZEROS: std::sync::OnceLock<Chunk> = std::sync::OnceLock::new();
    Arc::clone(ZEROS.get_or_init(|| Arc::new([0; CHUNK])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_that_of_a_plain_vector() {
        let (mut chunks, mut plain) = (Chunks::default(), Vec::<u8>::new());
        let mut rng = super::super::image::Rng::new(7);
        for step in 0..2000_u32 {
            let (at, len) = (rng.below(40_000) as usize, rng.below(9000) as usize);
            match rng.below(5) {
                0 => {
                    chunks.set_len(at as u64);
                    plain.resize(at, 0);
                }
                1 => {
                    chunks.punch(at as u64, len as u64);
                    let end = (at + len).min(plain.len());
                    plain[at.min(end)..end].fill(0);
                }
                2 => {
                    chunks.allocate(at as u64, len as u64);
                    plain.resize(plain.len().max(at + len), 0);
                }
                _ => {
                    let bytes = vec![step as u8; len.max(1)];
                    chunks.write(at as u64, &bytes);
                    plain.resize(plain.len().max(at + bytes.len()), 0);
                    plain[at..at + bytes.len()].copy_from_slice(&bytes);
                }
            }
            assert_eq!(chunks.to_vec(), plain, "step {step}");
        }
    }

    #[test]
    fn space_is_counted_by_chunks() {
        let mut chunks = Chunks::default();
        chunks.write(100, b"x");
        chunks.allocate(3 * CHUNK as u64, 10);
        assert_eq!(chunks.used(), 2);
        assert_eq!(chunks.fitting(0, 10 * CHUNK, 2), 4 * CHUNK);
        assert_eq!(chunks.fitting(0, 10 * CHUNK, 0), CHUNK);
        chunks.punch(0, CHUNK as u64);
        assert_eq!(chunks.used(), 1);
    }
}
