//! Reading a segment back as soon as it is written, to compare it with its rows.

use std::ops::Range;
use std::sync::Arc;

use crate::db::core::Core;
use crate::db::segment::Segment;
use crate::error::Result;
use crate::format::Malformed;
use crate::format::edit::SegmentEntry;
use crate::format::footer::Footer;
use crate::format::rows::SortedRows;
use crate::format::segment::{read_column, read_seq, read_ts};
use crate::format::spec::TableDef;
use arrow_buffer::Buffer;

/// Rows compared at a time: one block.
const COMPARED_ROWS: usize = 65_536;

/// A segment as the file has it, and the rows that it was made of.
struct Written<'a> {
    def: &'a TableDef,
    entry: &'a SegmentEntry,
    footer: Arc<Footer>,
    extent: Buffer,
    rows: &'a SortedRows,
}

impl Core {
    /// Reads a segment and compares it with the rows that it was made of, as they stand in it.
    pub(crate) fn compare_written(
        &self,
        def: &TableDef,
        entry: &SegmentEntry,
        rows: &SortedRows,
    ) -> Result<()> {
        let segment = Segment::new(entry.clone());
        let (footer, extent) = segment.map(&self.place())?;
        let written = Written { def, entry, footer, extent, rows };
        for start in (0..rows.rows()).step_by(COMPARED_ROWS) {
            let end = (start + COMPARED_ROWS).min(rows.rows());
            let same = written.is_same(start..end).and_then(|same| match same {
                true => Ok(()),
                false => Err(Malformed { what: "rows are not what was written", at: 0 }),
            });
            same.map_err(|bad| segment.damage(&self.path, bad))?;
        }
        Ok(())
    }
}

impl Written<'_> {
    fn is_same(&self, range: Range<usize>) -> Result<bool, Malformed> {
        let (footer, extent, rows) = (&self.footer, &self.extent, self.rows);
        let ts = read_ts(footer, extent, range.clone())?;
        let numbers = read_seq(self.entry, footer, extent, range.clone())?;
        let mut numbers = range.clone().zip(numbers.iter());
        let mut same = ts[..] == rows.ts[range.clone()]
            && numbers.all(|(row, number)| rows.seq.get(row) == *number);
        for (column, def) in rows.columns.iter().zip(&self.def.spec.columns) {
            let kept = column.slice(def.ty, range.start, range.len());
            same &= match footer.column(def.id) {
                Some(index) if index.ty == def.ty => {
                    read_column(footer, index, extent, range.clone())?.same_as(&kept, def.ty)
                }
                _ => false,
            };
        }
        Ok(same)
    }
}
