//! The pieces of a result that will be in memory as a whole: made on all cores, as large as they
//! come, small ones put together; and columns of such pieces as one.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_buffer::NullBufferBuilder;
use parking_lot::Mutex;

use crate::base::batch::{Column, Data};
use crate::base::builder::concat;
use crate::base::schema::DataType;
use crate::db::batches::TableBatches;
use crate::db::parallel;
use crate::db::parts::Parts;
use crate::db::plan::Plan;
use crate::error::Result;
use crate::store::pages::Pages;

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

/// The pieces of a column of numbers or times as one, which all cores copy together. Those of other
/// types stay as they are: libraries make objects of theirs one by one.
pub fn join(pieces: Vec<Column>, ty: DataType) -> Vec<Column> {
    let values = pieces.iter().map_while(|piece| match &piece.data {
        Data::Fixed(values) => Some(values.as_slice()),
        Data::Bool(_) | Data::Bytes { .. } => None,
    });
    let values: Vec<&[u8]> = values.collect();
    if pieces.len() < 2 || values.len() < pieces.len() {
        return pieces;
    }
    let mut pages = Pages::new(values.iter().map(|piece| piece.len()).sum());
    let (mut rest, mut rooms) = (pages.bytes(), vec![]);
    for piece in &values {
        let (room, behind) = rest.split_at_mut(piece.len());
        rooms.push(Mutex::new(room));
        rest = behind;
    }
    let copy = |(): &mut (), at: usize| rooms[at].lock().copy_from_slice(values[at]);
    parallel::map(values.len(), || (), copy);
    drop(rooms);
    let mut validity = NullBufferBuilder::new(0);
    for piece in &pieces {
        match &piece.validity {
            Some(nulls) => validity.append_buffer(nulls),
            None => validity.append_n_non_nulls(piece.len(ty)),
        }
    }
    vec![Column::from_buffer(pages.into_buffer()).with_validity(validity.finish())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_columns_are_their_pieces() {
        let some = Column::from_vec(vec![1i16, 2, 3]);
        let nulls = some.slice(DataType::I16, 1, 2).with_validity(Some(vec![true, false].into()));
        let none = Column::from_vec(Vec::<i16>::new());
        let pieces = vec![some.clone(), none, nulls.clone(), some.clone()];
        let joined = join(pieces.clone(), DataType::I16);
        let wanted = concat(DataType::I16, &pieces).unwrap();
        assert_eq!(joined.len(), 1);
        assert!(joined[0].same_as(&wanted, DataType::I16) && joined[0].null_count() == 1);
        let texts = vec![Column::from_texts(["a"]), Column::from_texts(["b", "c"])];
        assert_eq!(join(texts, DataType::Utf8).len(), 2);
        assert!(join(vec![], DataType::I16).is_empty());
    }
}
