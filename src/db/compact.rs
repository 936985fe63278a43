//! Giving space back: segments and the manifest move to free places further ahead, the file's tail
//! is cut off and holes are punched into the rest. The file stays the same file: a rename would
//! break locks, hard links and readers.

use std::sync::Arc;

use crate::db::commit::remove_segment;
use crate::db::core::Core;
use crate::db::pack::Stop;
use crate::db::segment::Segment;
use crate::error::{Error, Result};
use crate::format::edit::{Edit, SegmentEntry};
use crate::store::main_file::ExtentWriter;

/// Segments that are moved by one commit, at most.
const MOVES: usize = 256;
/// No more are moved by it once they have so many bytes.
const MOVED_BYTES: u64 = 64 << 20;

/// A segment, and where a copy of it stands.
type Moved = (Arc<Segment>, SegmentEntry);

impl Core {
    /// Gives back all space that nothing needs.
    pub(crate) fn compact(&self, stop: Stop<'_>) -> Result<()> {
        let _alone = self.packing.lock();
        self.flush()?;
        while !stop() {
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
            Some(main) => {
                main.file.trim()?;
                main.freed = 0;
                Ok(())
            }
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
    /// Nobody waits for the copying: a lock is held to find the places, and to commit.
    fn move_some(&self) -> Result<bool> {
        let moves = self.plan_moves()?;
        if moves.is_empty() {
            return Ok(false);
        }
        let copied = moves.iter().try_for_each(|(old, new, writer)| self.copy(old, new, writer));
        let moves: Vec<Moved> = moves.into_iter().map(|(old, new, _)| (old, new)).collect();
        let moved = copied.and_then(|()| self.show_moved(&moves));
        if !matches!(moved, Ok(true)) {
            self.discard_segments(&moves.into_iter().map(|(_, new)| new).collect::<Vec<_>>());
        }
        moved.map(|_| true)
    }

    /// Segments from the end of the file, and a free place before each, which is reserved.
    fn plan_moves(&self) -> Result<Vec<(Arc<Segment>, SegmentEntry, ExtentWriter)>> {
        self.with_catalog(|main, writer| {
            let (view, _) = self.snapshot();
            let all = view.tables().flat_map(|table| table.segments.iter());
            let mut last: Vec<_> = all.filter(|s| !writer.is_pending(s.entry.id)).collect();
            last.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.entry.offset));
            let (mut moves, mut bytes) = (Vec::new(), 0);
            for segment in last {
                let entry = &segment.entry;
                let Some(offset) = main.file.reserve_before(entry.offset, entry.len) else {
                    continue;
                };
                let new = SegmentEntry { offset, ..entry.clone() };
                moves.push((Arc::clone(segment), new, main.file.writer()));
                bytes += entry.len;
                if bytes >= MOVED_BYTES || moves.len() == MOVES {
                    break;
                }
            }
            Ok(moves)
        })
    }

    fn copy(&self, old: &Segment, new: &SegmentEntry, writer: &ExtentWriter) -> Result<()> {
        let bytes = self.file.map(old.entry.offset, old.entry.len as usize);
        let bytes = bytes.map_err(|e| Error::from_io("map a segment", &self.path, e))?;
        writer.write(&bytes, new.offset)
    }

    /// Names the copies in place of the segments, in one commit; `false` if one of those is gone
    /// meanwhile, with its table.
    fn show_moved(&self, moves: &[Moved]) -> Result<bool> {
        self.with_catalog(|main, writer| {
            let (view, _) = self.snapshot();
            let there = |old: &Segment| {
                let table = view.table(old.entry.table);
                table.is_some_and(|table| table.segments.has(old.entry.min_ts, old.entry.id))
            };
            if !moves.iter().all(|(old, _)| there(old)) {
                return Ok(false);
            }
            let edits = moves
                .iter()
                .flat_map(|(old, new)| [remove_segment(&old.entry), Edit::AddSegment(new.clone())]);
            self.commit_and_show(main, writer, &edits.collect::<Vec<Edit>>())?;
            drop(view);
            main.retire(moves.iter().map(|(old, _)| Arc::clone(old)));
            Ok(true)
        })
    }

    /// Moves the manifest to a free place before it; `false` if there is none.
    fn move_catalog(&self) -> Result<bool> {
        self.with_catalog(|main, writer| self.move_manifest(main, writer))
    }
}
