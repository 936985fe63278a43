//! The pieces of a result that will be in memory as a whole: made on all cores, as large as they
//! come, small ones put together.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::batch::Column;
use crate::base::builder::concat;
use crate::base::schema::DataType;
use crate::db::batches::TableBatches;
use crate::db::parts::Parts;
use crate::db::plan::Plan;
use crate::error::Result;

/// A piece of fewer bytes waits for others.
const SMALL: usize = 1 << 20;

/// The pieces of all rows of a scan, in order.
#[derive(Debug)]
pub(crate) struct Whole {
    pieces: Parts<Plan, Vec<Column>>,
    types: Vec<DataType>,
    /// Small pieces, and the one that came after them.
    small: Vec<Vec<Column>>,
    small_bytes: usize,
    ahead: Option<Vec<Column>>,
}

impl Whole {
    /// Pieces of at most `rows` rows of the parts of a plan.
    pub(crate) fn new(parts: VecDeque<Plan>, types: Vec<DataType>, rows: usize) -> Self {
        let read = move |part: &Plan| TableBatches::new(Arc::new(part.clone()), rows)?.collect();
        let (small, small_bytes, ahead) = (vec![], 0, None);
        Self { pieces: Parts::new(parts, read), types, small, small_bytes, ahead }
    }

    fn advance(&mut self) -> Result<Option<Vec<Column>>> {
        if self.ahead.is_some() {
            return Ok(self.ahead.take());
        }
        while self.small_bytes < SMALL {
            let piece = self.pieces.next().inspect_err(|_| self.small.clear())?;
            let Some(piece) = piece else { break };
            let columns = piece.iter().zip(&self.types);
            let bytes: usize = columns.map(|(column, ty)| column.byte_size(*ty)).sum();
            if bytes < SMALL {
                self.small.push(piece);
                self.small_bytes += bytes;
            } else if self.small.is_empty() {
                return Ok(Some(piece));
            } else {
                self.ahead = Some(piece);
                break;
            }
        }
        self.put_together()
    }

    fn put_together(&mut self) -> Result<Option<Vec<Column>>> {
        self.small_bytes = 0;
        let mut small = std::mem::take(&mut self.small);
        if small.len() < 2 {
            return Ok(small.pop());
        }
        let column = |(at, ty): (usize, &DataType)| {
            let pieces: Vec<Column> = small.iter().map(|piece| piece[at].clone()).collect();
            concat(*ty, &pieces)
        };
        self.types.iter().enumerate().map(column).collect::<Result<_>>().map(Some)
    }
}

impl Iterator for Whole {
    type Item = Result<Vec<Column>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
