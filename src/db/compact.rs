//! Giving space back: segments and the manifest move to free places further ahead, the file's tail
//! is cut off and holes are punched into the rest. The file stays the same file: a rename would
//! break locks, hard links and readers.

use std::sync::Arc;

use crate::db::commit::remove_segment;
use crate::db::core::{Core, Main};
use crate::db::segment::Segment;
use crate::error::{Error, Result};
use crate::format::edit::{Edit, SegmentEntry};

/// Segments that are moved by one commit.
const MOVES: usize = 256;

/// A segment, and where a copy of it stands.
type Moved = (Arc<Segment>, SegmentEntry);

impl Core {
    /// Gives back all space that nothing needs.
    pub(crate) fn compact(&self) -> Result<()> {
        let _alone = self.packing.lock();
        self.flush()?;
        loop {
            self.settle_space()?;
            if !self.move_some()? && !self.move_catalog()? {
                break;
            }
        }
        self.give_back()
    }

    /// Gives back the free space as it is, without moving anything.
    pub(crate) fn give_back(&self) -> Result<()> {
        self.settle_space()?;
        match self.main().as_mut() {
            Some(main) => main.file.trim(),
            None => Err(self.closed()),
        }
    }

    /// Commits until neither slot names what was freed.
    fn settle_space(&self) -> Result<()> {
        for _ in 0..2 {
            self.with_catalog(|main, writer| {
                main.reclaim();
                self.commit_view(main, writer, &[])
            })?;
        }
        Ok(())
    }

    /// Moves the last segments of the file to free places before them; `false` if there is none.
    fn move_some(&self) -> Result<bool> {
        self.with_catalog(|main, writer| {
            let (view, _) = self.snapshot();
            let all = view.tables().flat_map(|table| table.segments.iter());
            let mut last: Vec<_> = all.filter(|s| !writer.is_pending(s.entry.id)).collect();
            last.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.entry.offset));
            last.truncate(MOVES);
            let moved = self.move_to_front(main, &last)?;
            if moved.is_empty() {
                return Ok(false);
            }
            let edits = moved
                .iter()
                .flat_map(|(old, new)| [remove_segment(&old.entry), Edit::AddSegment(new.clone())]);
            self.commit_and_show(main, writer, &edits.collect::<Vec<Edit>>())?;
            drop(view);
            main.retire(moved.into_iter().map(|(old, _)| old));
            Ok(true)
        })
    }

    /// Moves the manifest to a free place before it; `false` if there is none.
    fn move_catalog(&self) -> Result<bool> {
        self.with_catalog(|main, writer| self.move_manifest(main, writer))
    }

    /// Copies segments to free places before them, where there are such; all or none.
    fn move_to_front(&self, main: &mut Main, segments: &[&Arc<Segment>]) -> Result<Vec<Moved>> {
        let mut moved: Vec<Moved> = Vec::new();
        for &segment in segments {
            match self.copy_to_front(main, &segment.entry) {
                Ok(Some(entry)) => moved.push((Arc::clone(segment), entry)),
                Ok(None) => {}
                Err(error) => {
                    main.discard(&moved.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>());
                    return Err(error);
                }
            }
        }
        Ok(moved)
    }

    /// Copies a segment to a free place before it.
    fn copy_to_front(&self, main: &mut Main, entry: &SegmentEntry) -> Result<Option<SegmentEntry>> {
        let Some(offset) = main.file.reserve_before(entry.offset, entry.len) else {
            return Ok(None);
        };
        let bytes = self.file.map(entry.offset, entry.len as usize);
        let bytes = bytes.map_err(|e| Error::from_io("map a segment", &self.path, e));
        let written = bytes.and_then(|bytes| main.file.writer().write(&bytes, offset));
        match written {
            Ok(()) => Ok(Some(SegmentEntry { offset, ..entry.clone() })),
            Err(error) => {
                main.file.discard(offset, entry.len);
                Err(error)
            }
        }
    }
}
