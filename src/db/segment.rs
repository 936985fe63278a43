//! A segment in the file, and its footer once somebody needed it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow_buffer::Buffer;
use bytes::Bytes;

use crate::db::clustered::Landmarks;
use crate::error::{Error, ErrorKind, Result};
use crate::format::Malformed;
use crate::format::edit::SegmentEntry;
use crate::format::footer::Footer;
use crate::format::segment::read_footer;
use crate::store::readers::{Held, Pin};
use crate::store::storage::File;

/// Where segments are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a dyn File,
    pub(crate) path: &'a Path,
    pub(crate) salt: u64,
    /// What keeps them in their place, also for buffers that outlive the database.
    pub(crate) pin: Option<&'a Arc<Pin>>,
}

/// A segment, and its footer once somebody needed it.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    footer: OnceLock<Arc<Footer>>,
    /// What was found out of one in key order.
    pub(crate) landmarks: Landmarks,
}

/// An extent that holds its segment.
struct Pinned {
    extent: Buffer,
    _segment: Arc<Segment>,
    _held: Option<Held>,
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        &self.extent
    }
}

impl Segment {
    /// A segment whose footer nobody has needed yet.
    pub(crate) fn new(entry: SegmentEntry) -> Arc<Self> {
        let (footer, landmarks) = (OnceLock::new(), Landmarks::default());
        Arc::new(Self { entry, footer, landmarks })
    }

    /// One that only lists know, with these rows and times.
    #[cfg(test)]
    pub(crate) fn of_nothing(id: u64, rows: u32, min_ts: i64, max_ts: i64) -> Arc<Self> {
        Self::new(SegmentEntry {
            id,
            table: 1,
            rows,
            level: 0,
            order: crate::format::edit::Order::Time,
            min_ts,
            max_ts,
            min_seq: id,
            max_seq: id,
            as_of_lsn: 0,
            offset: 0,
            len: 1,
            footer_at: 0,
            footer_len: 0,
            footer_checksum: 0,
            key_range: None,
        })
    }

    /// The footer and the mapped extent. Whoever holds the extent or a view of it, also behind an
    /// Arrow array that was handed out, holds the segment: its place is not used again until then.
    pub(crate) fn map(self: &Arc<Self>, at: &Place<'_>) -> Result<(Arc<Footer>, Buffer)> {
        let (offset, len) = (self.entry.offset, self.entry.len as usize);
        let extent = at.file.map(offset, len).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Error::corruption("the file was cut: a segment is missing").at(at.path, offset)
            }
            _ => Error::from_io("map a segment", at.path, e),
        })?;
        let held = at.pin.map(|pin| pin.hold().ok_or_else(|| closed(at.path))).transpose()?;
        let pinned = Pinned { extent, _segment: Arc::clone(self), _held: held };
        let extent = Buffer::from(Bytes::from_owner(pinned));
        if let Some(footer) = self.footer.get() {
            return Ok((Arc::clone(footer), extent));
        }
        let footer = read_footer(&self.entry, at.salt, &extent);
        let footer = Arc::new(footer.map_err(|bad| self.damage(at.path, bad))?);
        Ok((Arc::clone(self.footer.get_or_init(|| footer)), extent))
    }

    /// What is wrong in the segment, placed in the file.
    #[cold]
    pub(crate) fn damage(&self, path: &Path, bad: Malformed) -> Error {
        let message =
            format!("segment {} of table {}: {}", self.entry.id, self.entry.table, bad.what);
        Error::corruption(message).at(path, self.entry.offset + bad.at as u64)
    }
}

#[cold]
fn closed(path: &Path) -> Error {
    Error::new(ErrorKind::Closed, "the database was closed meanwhile").in_file(path)
}
