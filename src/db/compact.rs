//! Giving space back: segments and the manifest move to free places further ahead, the file's tail
//! is cut off and holes are punched into the rest. The file stays the same file: a rename would
//! break locks, hard links and readers.

use std::sync::Arc;

use crate::db::core::{Core, Main};
use crate::db::segment::Segment;
use crate::error::{Error, Result};
use crate::format::edit::{Edit, SegmentEntry};

/// Segments that are moved by one commit.
const MOVES: usize = 256;

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
        self.settle_space()?;
        match self.main().as_mut() {
            Some(main) => main.file.trim(),
            None => Err(self.closed()),
        }
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
            let mut guard = self.main();
            let Some(main) = guard.as_mut() else { return Err(self.closed()) };
            main.reclaim();
            let writer = self.writer();
            let Some(writer) = writer.as_ref() else { return Err(self.closed()) };
            self.commit_view(main, writer, &[])?;
        }
        Ok(())
    }

    /// Moves the last segments of the file to free places before them; `false` if there is none.
    fn move_some(&self) -> Result<bool> {
        let mut guard = self.main();
        let Some(main) = guard.as_mut() else { return Err(self.closed()) };
        let writer = self.writer();
        let Some(writer) = writer.as_ref() else { return Err(self.closed()) };
        let (view, _) = self.snapshot();
        let pending = |id| writer.pending.iter().any(|(_, entry)| entry.id == id);
        let all = view.tables().flat_map(|table| table.segments.iter());
        let mut last: Vec<&Arc<Segment>> = all.filter(|s| !pending(s.entry.id)).collect();
        last.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.entry.offset));
        let mut moved: Vec<(Arc<Segment>, SegmentEntry)> = Vec::new();
        for segment in last.into_iter().take(MOVES) {
            match self.move_to_front(main, &segment.entry) {
                Ok(Some(entry)) => moved.push((Arc::clone(segment), entry)),
                Ok(None) => {}
                Err(error) => {
                    main.discard(&moved.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>());
                    return Err(error);
                }
            }
        }
        if moved.is_empty() {
            return Ok(false);
        }
        let edits = moved.iter().flat_map(|(old, new)| {
            let SegmentEntry { table, id, min_ts, .. } = old.entry;
            [Edit::RemoveSegment { table, id, min_ts }, Edit::AddSegment(new.clone())]
        });
        let edits: Vec<Edit> = edits.collect();
        self.commit_view(main, writer, &edits)?;
        self.change_view(|view| {
            for edit in &edits {
                view.apply(edit);
            }
        });
        drop(view);
        main.retire(moved.into_iter().map(|(old, _)| old));
        Ok(true)
    }

    /// Moves the manifest to a free place before it; `false` if there is none.
    fn move_catalog(&self) -> Result<bool> {
        let mut guard = self.main();
        let Some(main) = guard.as_mut() else { return Err(self.closed()) };
        let writer = self.writer();
        let Some(writer) = writer.as_ref() else { return Err(self.closed()) };
        self.move_manifest(main, writer)
    }

    /// Copies a segment to a free place before it.
    fn move_to_front(&self, main: &mut Main, entry: &SegmentEntry) -> Result<Option<SegmentEntry>> {
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
