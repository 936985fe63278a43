//! Memory for results, and for what is copied from a caller. Where it is large it lies on huge pages
//! of its own: the first touch of 4 KiB pages costs more than decoding or copying into them.

use std::collections::BTreeSet;

use arrow_buffer::{Buffer, MutableBuffer};
use bytes::Bytes;
use memmap2::{MmapMut, MmapOptions};
use parking_lot::Mutex;

/// From here on huge pages pay.
const LARGE: usize = 4 << 20;
/// The size of a huge page.
const HUGE: usize = 2 << 20;

/// Memory to write a result to, zeros at first, aligned as Arrow wants it.
#[derive(Debug)]
pub struct Pages(Kind);

#[derive(Debug)]
enum Kind {
    Heap(MutableBuffer),
    Huge(Huge),
}

/// Where the mappings begin that became buffers.
static IN_BUFFERS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// A mapping, of which what is used begins where a huge page may.
#[derive(Debug)]
struct Huge {
    map: MmapMut,
    start: usize,
    len: usize,
}

impl AsRef<[u8]> for Huge {
    fn as_ref(&self) -> &[u8] {
        &self.map[self.start..self.start + self.len]
    }
}

impl Pages {
    /// `len` bytes.
    pub fn new(len: usize) -> Self {
        let huge = (len >= LARGE).then(|| Huge::new(len)).flatten();
        Self(huge.map_or_else(|| Kind::Heap(MutableBuffer::from_len_zeroed(len)), Kind::Huge))
    }

    /// A copy of these bytes.
    pub fn copy(bytes: &[u8]) -> Buffer {
        if bytes.len() < LARGE {
            // Without zeros before it.
            return Buffer::from(bytes);
        }
        let mut pages = Self::new(bytes.len());
        pages.bytes().copy_from_slice(bytes);
        pages.into_buffer()
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Kind::Heap(buffer) => buffer.as_slice_mut(),
            Kind::Huge(huge) => &mut huge.map[huge.start..huge.start + huge.len],
        }
    }

    /// The bytes for Arrow, where they are.
    pub fn into_buffer(self) -> Buffer {
        match self.0 {
            Kind::Heap(buffer) => buffer.into(),
            Kind::Huge(huge) => {
                IN_BUFFERS.lock().insert(huge.as_ref().as_ptr() as usize);
                Buffer::from(Bytes::from_owner(huge))
            }
        }
    }

    /// True if a buffer is all of what [`Pages::into_buffer`] made of huge pages, and nobody else has
    /// it: memory that is nobody's file, and may be written to.
    pub fn are_alone(buffer: &Buffer) -> bool {
        // Whoever has the buffer keeps the mapping there, so an address is that of no other one.
        buffer.strong_count() == 1
            && buffer.ptr_offset() == 0
            && IN_BUFFERS.lock().contains(&(buffer.as_ptr() as usize))
    }
}

impl Drop for Huge {
    fn drop(&mut self) {
        let at = self.as_ref().as_ptr() as usize;
        IN_BUFFERS.lock().remove(&at);
    }
}

impl Huge {
    /// `None` where the system does not give it: the heap will do.
    fn new(len: usize) -> Option<Self> {
        let map = MmapOptions::new().len(len.checked_add(HUGE)?).map_anon().ok()?;
        // Without huge pages it is as slow as the heap, and no worse.
        #[cfg(target_os = "linux")]
        map.advise(memmap2::Advice::HugePage).ok();
        let start = (map.as_ptr() as usize).next_multiple_of(HUGE) - map.as_ptr() as usize;
        Some(Self { map, start, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_arrow_sees() {
        for len in [0, 1, 4096, LARGE, LARGE + 8] {
            let mut pages = Pages::new(len);
            assert!(pages.bytes().iter().all(|byte| *byte == 0));
            assert_eq!(pages.bytes().len(), len);
            pages.bytes().fill(7);
            let at = pages.bytes().as_ptr();
            let buffer = pages.into_buffer();
            assert_eq!((buffer.len(), buffer.as_ptr()), (len, at));
            assert!(buffer.iter().all(|byte| *byte == 7) && (at as usize).is_multiple_of(64));
            assert_eq!(Pages::are_alone(&buffer), len >= LARGE);
            let other = buffer.clone();
            assert!(!Pages::are_alone(&buffer) && !Pages::are_alone(&other));
        }
    }

    #[test]
    fn a_copy_has_the_same_bytes() {
        for len in [0, 1, LARGE, LARGE + 3] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            assert_eq!(Pages::copy(&bytes).as_slice(), bytes);
        }
    }
}
