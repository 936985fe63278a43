//! The groups that `by` makes: rows of equal values in some columns, numbered as they are first met.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::batch::Column;
use crate::base::builder::{concat, repeat, take};
use crate::base::schema::DataType;
use crate::error::Result;
use crate::format::key::KeyColumns;

/// The groups met so far. Without columns there is one group, number 0.
#[derive(Debug)]
pub(super) struct Groups {
    key: KeyColumns,
    /// Places among the columns of a piece, and types.
    columns: Vec<(usize, DataType)>,
    numbers: HashMap<Arc<[u8]>, u32>,
    /// The encoded key of each group, and the group that came after it the last time: tables with a
    /// key have the same groups in the same order again and again.
    keys: Vec<Arc<[u8]>>,
    after: Vec<u32>,
    last: u32,
    /// A row for each group.
    values: Vec<Column>,
}

impl Groups {
    pub(super) fn new(columns: Vec<(usize, DataType)>) -> Self {
        let key = KeyColumns::new(columns.clone());
        let values = columns.iter().map(|(_, ty)| Column::nulls(*ty, 0)).collect();
        let (keys, after) = match columns.is_empty() {
            true => (vec![Arc::default()], vec![0]),
            false => (vec![], vec![]),
        };
        Self { key, columns, numbers: HashMap::new(), keys, after, last: 0, values }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The group of each row of a piece.
    pub(super) fn of(&mut self, piece: &[Column], rows: usize) -> Result<Vec<u32>> {
        let (mut groups, mut new) = (Vec::with_capacity(rows), vec![]);
        let mut key = vec![];
        for row in 0..rows {
            key.clear();
            self.key.encode(piece, row, &mut key);
            let guess = self.after.get(self.last as usize).copied().unwrap_or(0);
            let group = match self.keys.get(guess as usize) {
                Some(known) if **known == key[..] => guess,
                _ => self.find(&key, row as u32, &mut new),
            };
            self.after[self.last as usize] = group;
            self.last = group;
            groups.push(group);
        }
        if !new.is_empty() {
            self.learn(piece, &new)?;
        }
        Ok(groups)
    }

    fn find(&mut self, key: &[u8], row: u32, new: &mut Vec<u32>) -> u32 {
        if let Some(group) = self.numbers.get(key) {
            return *group;
        }
        let group = self.keys.len() as u32;
        let key: Arc<[u8]> = key.into();
        self.numbers.insert(Arc::clone(&key), group);
        self.keys.push(key);
        self.after.push(group);
        new.push(row);
        group
    }

    /// Keeps the values of new groups, which were met first at these rows.
    fn learn(&mut self, piece: &[Column], rows: &[u32]) -> Result<()> {
        for (known, (place, ty)) in self.values.iter_mut().zip(&self.columns) {
            *known = concat(*ty, &[known.clone(), take(&piece[*place], *ty, rows)])?;
        }
        Ok(())
    }

    /// What orders groups, null first.
    pub(super) fn key(&self, group: u32) -> &[u8] {
        &self.keys[group as usize]
    }

    /// The groups in that order.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut groups: Vec<u32> = (0..self.len() as u32).collect();
        groups.sort_unstable_by_key(|&group| self.key(group));
        groups
    }

    /// The columns of `by`, for rows of these groups.
    pub(super) fn columns(&self, groups: &[u32]) -> Result<Vec<Column>> {
        let columns = self.values.iter().zip(&self.columns);
        columns.map(|(values, (_, ty))| repeat(values, *ty, groups)).collect()
    }
}
