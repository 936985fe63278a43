//! Mappings of real files: one to read sealed bytes through, one to append through.
//!
//! The kernel keeps a mapping valid after the file was closed, renamed or removed. It does not
//! protect from a file cut under it: touching what is gone raises SIGBUS, which `bus` turns into
//! zeros for mappings that are read. Nothing here touches the bytes on its own; only holders of a
//! view do.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_buffer::Buffer;
use memmap2::{MmapOptions, MmapRaw};

use super::bus::Guarded;
use super::fork;

/// A read-only mapping from the start of a file. It may be longer than the file, so that it serves
/// the bytes of later growth as well: those become readable when the file reaches them.
#[derive(Debug)]
pub(super) struct ReadMap {
    /// Dropped first: before the mapping goes.
    _guarded: Guarded,
    map: MmapRaw,
}

impl ReadMap {
    /// Maps the first `len` bytes, existing or not.
    pub(super) fn new(file: &std::fs::File, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(len).map_raw_read_only(file)?;
        Ok(Self { _guarded: Guarded::new(map.as_ptr(), map.len())?, map })
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// A view that keeps the mapping. The caller has checked that the file reaches its end.
    #[allow(unsafe_code)] // Arrow takes foreign memory by pointer only
    pub(super) fn view(self: &Arc<Self>, offset: usize, len: usize) -> Buffer {
        assert!(
            offset.checked_add(len).is_some_and(|end| end <= self.len()),
            "outside the mapping"
        );
        // SAFETY: within the mapping, as just asserted, so the sum neither overflows nor leaves it.
        let start = unsafe { self.map.as_mut_ptr().add(offset) };
        let Some(start) = NonNull::new(start) else { unreachable!("a mapping is never at null") };
        // SAFETY: `start` is valid for `len` bytes for as long as the mapping lives, and the buffer
        // owns a share of it. The bytes are sealed (`File::map`), so they do not change under it.
        unsafe { Buffer::from_custom_allocation(start, len, Arc::clone(self) as _) }
    }
}

/// A shared mapping of a part of a file, to write through: a store costs no system call, and what
/// was stored survives the process being killed. It becomes durable with [`super::File::sync`].
#[derive(Debug)]
pub struct WritableMap {
    map: MmapRaw,
    /// The fork generation in which it was made: a child shares the pages and must not store.
    generation: u32,
}

impl WritableMap {
    /// Maps a range that exists and whose space is reserved.
    pub(super) fn new(file: &std::fs::File, offset: u64, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(len).map_raw(file)?;
        Ok(Self { map, generation: fork::generation() })
    }

    /// Copies `bytes` to `at`. Panics outside the mapping, and in a fork child.
    #[inline]
    #[allow(unsafe_code)] // the pages are shared with other processes: no reference to them may be
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        let fits = at.checked_add(bytes.len()).is_some_and(|end| end <= self.map.len());
        if !fits || self.generation != fork::generation() {
            self.refuse(at, bytes.len());
        }
        // SAFETY: the target is within the mapping, as just checked. `bytes` cannot overlap it, as
        // no reference into the mapping is ever given out.
        unsafe {
            std::ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                self.map.as_mut_ptr().add(at),
                bytes.len(),
            );
        }
    }

    /// How many bytes are mapped.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// True if nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cold]
    fn refuse(&self, at: usize, len: usize) -> ! {
        let inherited = self.generation != fork::generation();
        assert!(!inherited, "a fork child must not write through its parent's mapping");
        panic!("a write of {len} bytes at {at} leaves a mapping of {}", self.len());
    }
}
