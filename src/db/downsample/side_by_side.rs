//! The rows of a downsampled range, of which stretches are read side by side. They are cut where a
//! bucket begins, so that what is made of one has nothing to do with another.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::db::downsample::Downsample;
use crate::db::downsample::buckets::Buckets;
use crate::db::downsample::groups::Groups;
use crate::db::downsample::rows::{Chunk, Rows};
use crate::db::parts::Parts;
use crate::error::Result;

/// Buckets that a stretch may make: what is made of several is in memory.
const MOST_BUCKETS: i128 = 65_536;

/// The rows of the result, as [`Rows`] makes them.
#[derive(Debug)]
pub(super) struct SideBySide {
    /// The stretches; `None` if the range is one.
    parts: Option<Parts<Arc<Downsample>, Chunk>>,
    /// It makes all rows if there are no stretches, and none else.
    rows: Rows,
}

impl SideBySide {
    pub(super) fn new(plan: Arc<Downsample>) -> Result<Self> {
        let parts = stretches(&plan)?;
        let rows = Rows::new(plan)?;
        let read = |part: &Arc<Downsample>| {
            let mut rows = Rows::new(Arc::clone(part))?;
            std::iter::from_fn(|| rows.next().transpose()).collect()
        };
        let parts = (parts.len() > 1).then(|| Parts::new(parts, read));
        Ok(Self { parts, rows })
    }

    pub(super) fn groups(&self) -> &Groups {
        &self.rows.groups
    }

    pub(super) fn buckets(&self) -> Option<&Buckets> {
        self.rows.buckets.as_ref()
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        match &mut self.parts {
            Some(parts) => parts.next(),
            None => self.rows.next(),
        }
    }
}

/// The range cut into stretches that begin with a bucket. Groups are numbered as they come, so that
/// a range with groups is one.
fn stretches(plan: &Downsample) -> Result<VecDeque<Arc<Downsample>>> {
    let mut cuts = plan.scan.cuts();
    let (Some(mut buckets), true) = (plan.buckets(None)?, plan.by.is_empty()) else {
        return Ok(VecDeque::new());
    };
    cuts.iter_mut().for_each(|cut| *cut = buckets.at(*cut).start);
    cuts.dedup();
    cuts.retain(|cut| *cut > plan.scan.start());
    let (Some(&first), Some(&last)) = (cuts.first(), cuts.last()) else {
        return Ok(VecDeque::new());
    };
    let count = buckets.between(buckets.clone().at(first), buckets.clone().at(last));
    if count > MOST_BUCKETS * cuts.len() as i128 {
        return Ok(VecDeque::new());
    }
    let part = |scan| Arc::new(Downsample { scan: Arc::new(scan), ..plan.clone() });
    Ok(plan.scan.cut(&cuts).into_iter().map(part).collect())
}
