//! Which times and keys are in a memtable, for tables where a second row of the same is an error.
//!
//! Rows that come in order need no look: their times are above all there are. So this is made when
//! the first row comes that may be there already, and takes in what the memtable has gained since
//! whenever the next one does.

use std::collections::HashMap;
use std::sync::Arc;

use crate::db::catalog::TableView;
use crate::db::cells::Cells;
use crate::db::deletes::key_columns;
use crate::format::key::KeyColumns;
use crate::index::Chunk;

/// The number of the last row of each time and key in a table's memtable.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// By time and key, as bytes.
    rows: HashMap<Box<[u8]>, u64>,
    /// The memtable's first row then. When another is the first, those before it were flushed.
    from: u64,
    /// Rows up to this number are taken in.
    upto: u64,
}

impl Recent {
    /// Takes in what the memtable has. Whoever calls holds the writer's lock, so that all rows are
    /// whole.
    pub(crate) fn refresh(&mut self, table: &TableView) {
        let all = |chunk: &Chunk<Cells>| chunk.visible(u64::MAX);
        let first = |chunk: &Arc<Chunk<Cells>>| chunk.seq(all(chunk)).first().copied();
        let from = table.chunks.iter().find_map(first).unwrap_or(0);
        if from != self.from {
            *self = Self { from, ..Self::default() };
        }
        let key = KeyColumns::of(&table.def.spec);
        let positions: Vec<usize> = key.positions().collect();
        let key = key.among(&positions);
        for chunk in &table.chunks {
            let rows = all(chunk);
            let (ts, seq) = (chunk.ts(rows), chunk.seq(rows));
            let first = seq.partition_point(|seq| *seq <= self.upto);
            if first == rows {
                continue;
            }
            let columns = key_columns(chunk, table, first..rows, &positions);
            for row in first..rows {
                let mut place = ts[row].to_be_bytes().to_vec();
                key.encode(&columns, row - first, &mut place);
                self.rows.insert(place.into(), seq[row]);
            }
            self.upto = seq[rows - 1];
        }
    }

    /// The number of the last row with that time and that key, as bytes.
    pub(crate) fn find(&self, ts: i64, key: &[u8]) -> Option<u64> {
        let place = [&ts.to_be_bytes()[..], key].concat();
        self.rows.get(&place[..]).copied()
    }
}
