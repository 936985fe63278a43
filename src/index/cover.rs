//! Many ranges as one function of time: up to which sequence number is hidden what stands there?
//!
//! Each range hides what has a lower number than its own. Where ranges overlap the highest number
//! counts, so that of any number of ranges one stretch of time after the other remains, found by
//! halving. Made by a sweep over starts and ends, with the ranges that are open in a heap.

use std::collections::BinaryHeap;

/// Ranges of time, none next to another one of the same number.
#[derive(Debug, Clone, Default)]
pub struct Cover {
    /// From each time on, numbers below this are hidden; before the first time none is.
    steps: Vec<(i64, u64)>,
}

impl Cover {
    /// Of ranges (start, end that is not in it, number), in any order.
    pub fn new(mut ranges: Vec<(i64, Option<i64>, u64)>) -> Self {
        ranges.sort_unstable_by_key(|range| range.0);
        let mut cover = Self::default();
        let mut open: BinaryHeap<(u64, Option<i64>)> = BinaryHeap::new();
        let mut next = ranges.into_iter().peekable();
        while let Some(start) = next.peek().map(|range| range.0) {
            cover.close_until(&mut open, Some(start));
            while let Some((_, end, number)) = next.next_if(|range| range.0 == start) {
                if end.is_none_or(|end| end > start) {
                    open.push((number, end));
                }
            }
            cover.step(start, open.peek().map_or(0, |range| range.0));
        }
        cover.close_until(&mut open, None);
        cover
    }

    /// Lets go of the highest ranges that end up to `time`, each at its end.
    fn close_until(&mut self, open: &mut BinaryHeap<(u64, Option<i64>)>, time: Option<i64>) {
        while let Some(&(_, end)) = open.peek() {
            let Some(end) = end.filter(|end| time.is_none_or(|time| *end <= time)) else { return };
            // Lower ones that ended before this one never showed.
            while open.peek().is_some_and(|(_, other)| other.is_some_and(|other| other <= end)) {
                open.pop();
            }
            self.step(end, open.peek().map_or(0, |range| range.0));
        }
    }

    fn step(&mut self, time: i64, number: u64) {
        match self.steps.last_mut() {
            Some(last) if last.0 == time => last.1 = number,
            _ => self.steps.push((time, number)),
        }
        let before = self.steps.len().checked_sub(2).map_or(0, |before| self.steps[before].1);
        if before == number {
            self.steps.pop();
        }
    }

    /// True if it hides nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Numbers below this are hidden at `time`. `near` is where the last question was answered, 0 at
    /// first: the next one is mostly close to it.
    #[inline]
    pub fn at(&self, time: i64, near: &mut usize) -> u64 {
        let len = self.steps.len();
        let holds = |at: usize| {
            (at == 0 || self.steps[at - 1].0 <= time) && (at == len || time < self.steps[at].0)
        };
        *near = match *near {
            near if near <= len && holds(near) => near,
            near if near < len && holds(near + 1) => near + 1,
            _ => self.steps.partition_point(|step| step.0 <= time),
        };
        near.checked_sub(1).map_or(0, |at| self.steps[at].1)
    }

    /// The first time of the step in which the question was answered that left this `near`; none
    /// before the first step.
    pub fn start(&self, near: usize) -> Option<i64> {
        near.checked_sub(1).map(|at| self.steps[at].0)
    }

    /// The stretches of time of one number each, where something is hidden: start, end that is not in
    /// it, number.
    pub fn steps(&self) -> impl Iterator<Item = (i64, Option<i64>, u64)> + '_ {
        let ends = self.steps.iter().skip(1).map(|step| Some(step.0)).chain([None]);
        let steps = self.steps.iter().zip(ends).map(|(&(start, number), end)| (start, end, number));
        steps.filter(|step| step.2 > 0)
    }

    /// The stretches of time in which something is hidden: start, and end that is not in it.
    pub fn stretches(&self) -> impl Iterator<Item = (i64, Option<i64>)> + '_ {
        let mut steps = self.steps.iter().peekable();
        std::iter::from_fn(move || {
            let &(start, _) = steps.find(|step| step.1 > 0)?;
            while steps.next_if(|step| step.1 > 0).is_some() {}
            Some((start, steps.peek().map(|step| step.0)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cover_is_the_highest_of_its_ranges(
            ranges in prop::collection::vec((-5i64..60, prop::option::of(0i64..12), 1u64..9), 0..40),
            questions in prop::collection::vec(-8i64..80, 0..80),
        ) {
            let ranges: Vec<_> =
                ranges.into_iter().map(|(s, len, n)| (s, len.map(|len| s + len), n)).collect();
            let cover = Cover::new(ranges.clone());
            let expected = |time: i64| {
                let over = ranges.iter().filter(|r| r.0 <= time && r.1.is_none_or(|e| time < e));
                over.map(|range| range.2).max().unwrap_or(0)
            };
            let mut near = 0;
            for time in (-8..80).chain(questions) {
                prop_assert_eq!(cover.at(time, &mut near), expected(time), "at {}", time);
            }
            prop_assert_eq!(cover.is_empty(), (-8..80).all(|time| expected(time) == 0));
            for time in -8..80 {
                let inside = |step: &(i64, Option<i64>, u64)| {
                    step.0 <= time && step.1.is_none_or(|end| time < end)
                };
                let number = cover.steps().find(inside).map_or(0, |step| step.2);
                prop_assert_eq!(number, cover.at(time, &mut near), "step at {}", time);
                if let Some(start) = cover.start(near) {
                    prop_assert!(start <= time && cover.at(start, &mut near.clone()) == number);
                }
            }
            let stretches: Vec<_> = cover.stretches().collect();
            for time in -8..80 {
                let inside = stretches.iter().any(|s| s.0 <= time && s.1.is_none_or(|e| time < e));
                prop_assert_eq!(inside, expected(time) > 0, "at {}", time);
            }
            prop_assert!(stretches.windows(2).all(|two| two[0].1.is_some_and(|end| end < two[1].0)));
            prop_assert!(cover.steps.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 != two[1].1));
        }
    }

    #[test]
    fn ends_of_time() {
        let cover =
            Cover::new(vec![(i64::MIN, None, 3), (i64::MAX, None, 7), (5, Some(i64::MAX), 5)]);
        let at = |time| cover.at(time, &mut 0);
        assert_eq!([at(i64::MIN), at(5), at(i64::MAX - 1), at(i64::MAX), at(4)], [3, 5, 5, 7, 3]);
        assert_eq!(cover.stretches().collect::<Vec<_>>(), [(i64::MIN, None)]);
    }
}
