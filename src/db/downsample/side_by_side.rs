//! The rows of a downsampled range, of which stretches are read side by side. They are cut where a
//! bucket begins, so that what is made of one has nothing to do with another.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::db::downsample::Downsample;
use crate::db::downsample::buckets::Buckets;
use crate::db::downsample::groups::Groups;
use crate::db::downsample::rows::{Chunk, Rows};
use crate::db::parts::Parts;
use crate::db::plan::Plan;
use crate::error::Result;

/// Buckets that a stretch may make: what is made of several stretches is in memory.
const MOST_BUCKETS: i128 = 65_536;

/// The rows of the result, as [`Rows`] makes them.
#[derive(Debug)]
pub(super) enum SideBySide {
    /// The range is one.
    Alone(Box<Rows>),
    /// Its stretches, all with the same buckets and no groups but one.
    Apart(Box<Apart>),
}

/// Stretches that are read side by side.
#[derive(Debug)]
pub(super) struct Apart {
    parts: Parts<Arc<Downsample>, Chunk>,
    groups: Groups,
    buckets: Option<Buckets>,
}

impl SideBySide {
    pub(super) fn new(plan: Arc<Downsample>) -> Result<Self> {
        let parts = stretches(&plan)?;
        if parts.len() < 2 {
            return Ok(Self::Alone(Box::new(Rows::new(plan)?)));
        }
        let read = |part: &Arc<Downsample>| {
            let mut rows = Rows::new(Arc::clone(part))?;
            std::iter::from_fn(|| rows.next().transpose()).collect()
        };
        let (groups, buckets) = (Groups::new(plan.by.clone()), plan.buckets(None)?);
        Ok(Self::Apart(Box::new(Apart { parts: Parts::new(parts, read), groups, buckets })))
    }

    pub(super) fn groups(&self) -> &Groups {
        match self {
            Self::Alone(rows) => &rows.groups,
            Self::Apart(apart) => &apart.groups,
        }
    }

    pub(super) fn buckets(&self) -> Option<&Buckets> {
        match self {
            Self::Alone(rows) => rows.buckets.as_ref(),
            Self::Apart(apart) => apart.buckets.as_ref(),
        }
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        match self {
            Self::Alone(rows) => rows.next(),
            Self::Apart(apart) => apart.parts.next(),
        }
    }
}

/// The range cut into stretches that begin with a bucket. Groups are numbered as they come, so that
/// a range with groups is one; so is one of which texts are kept, which may be of any length.
fn stretches(plan: &Downsample) -> Result<VecDeque<Arc<Downsample>>> {
    let mut cuts = plan.scan.cuts();
    let (Some(mut buckets), true) = (plan.buckets(None)?, plan.by.is_empty()) else {
        return Ok(VecDeque::new());
    };
    cuts.iter_mut().for_each(|cut| *cut = buckets.at(*cut).start);
    cuts.dedup();
    cuts.retain(|cut| *cut > plan.scan.start());
    let texts = plan.inputs.iter().any(|input| input.ty.is_bytes());
    if texts || makes_many(&plan.scan, &mut buckets, &cuts) {
        return Ok(VecDeque::new());
    }
    let part = |scan| Arc::new(Downsample { scan: Arc::new(scan), ..plan.clone() });
    Ok(plan.scan.cut(&cuts).into_iter().map(part).collect())
}

/// True if there may be too many buckets between two cuts, or between a cut and the end of the
/// segments. What is in memory is no more than a memtable.
fn makes_many(scan: &Plan, buckets: &mut Buckets, cuts: &[i64]) -> bool {
    let segments = scan.segments_between();
    let least = segments.iter().map(|segment| segment.entry.min_ts).min();
    let greatest = segments.iter().map(|segment| segment.entry.max_ts).max();
    let (Some(least), Some(greatest)) = (least, greatest) else { return false };
    let starts = std::iter::once(scan.start().max(least)).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([scan.end().map_or(greatest, |end| end.min(greatest))]);
    starts.zip(ends).any(|(start, end)| {
        let (first, last) = (buckets.at(start), buckets.at(end));
        buckets.between(first, last) > MOST_BUCKETS
    })
}
