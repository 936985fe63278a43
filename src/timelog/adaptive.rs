//! Windows of compaction that follow the density of the rows: as long as it takes for so many rows
//! to come, by an average in which the past fades.

/// How windows follow the rows. Fields of 0 are what the engine chooses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    /// Rows that a window is to hold.
    pub target_records: u64,
    /// The shortest window.
    pub min_window: i64,
    /// The longest.
    pub max_window: i64,
    /// A window that differs by less than this share, in percent, stays.
    pub hysteresis_pct: u64,
    /// Windows are multiples of this.
    pub window_quantum: i64,
    /// The weight of the newest flush in the average, above 0 and at most 1.
    pub alpha: f64,
    /// Flushes that are only watched.
    pub warmup_flushes: u64,
    /// After so many compactions without a flush the average begins anew; never if 0.
    pub stale_flushes: u64,
    /// Compactions in a row without anything to merge, after which the window is made longer.
    pub failure_backoff_threshold: u64,
    /// By how many percent.
    pub failure_backoff_pct: u64,
}

/// What was seen, and the window that follows from it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Watch {
    /// The window; 0 while there is none.
    pub window: i64,
    /// Rows for each unit of time, on average.
    pub density: f64,
    /// Flushes that were seen.
    pub flushes: u64,
    /// Compactions in a row that had nothing to merge.
    pub failures: u64,
    idle: u64,
}

impl Watch {
    /// A flush of so many rows over times of this extent.
    pub fn flushed(&mut self, by: &Adaptive, rows: usize, first: i64, last: i64) {
        let time = (i128::from(last) - i128::from(first) + 1) as f64;
        let (density, alpha) = (rows as f64 / time, if by.alpha > 0.0 { by.alpha } else { 0.25 });
        self.density = match self.flushes {
            0 => density,
            _ => alpha * density + (1.0 - alpha) * self.density,
        };
        self.flushes += 1;
        self.idle = 0;
        if self.flushes > by.warmup_flushes {
            self.fit(by);
        }
    }

    /// A compaction that did something, or found nothing to do.
    pub fn compacted(&mut self, by: &Adaptive, merged: bool) {
        self.idle += 1;
        if by.stale_flushes > 0 && self.idle > by.stale_flushes {
            *self = Self { window: self.window, ..Self::default() };
        }
        self.failures = if merged { 0 } else { self.failures + 1 };
        let threshold = by.failure_backoff_threshold;
        if threshold > 0 && self.failures >= threshold && self.window > 0 {
            let longer = self.window as f64 * (1.0 + by.failure_backoff_pct as f64 / 100.0);
            (self.window, self.failures) = (bounded(by, longer), 0);
        }
    }

    fn fit(&mut self, by: &Adaptive) {
        let wanted = bounded(by, by.target_records as f64 / self.density);
        let change = (wanted as f64 - self.window as f64).abs();
        let kept = self.window as f64 * by.hysteresis_pct as f64 / 100.0;
        if self.window == 0 || change > kept {
            self.window = wanted;
        }
    }
}

fn bounded(by: &Adaptive, window: f64) -> i64 {
    let most = if by.max_window > 0 { by.max_window } else { i64::MAX };
    // A float past i64 becomes the nearest there is.
    let window = match by.window_quantum {
        quantum @ 1.. => (window as i64 / quantum).max(1).saturating_mul(quantum),
        _ => window as i64,
    };
    window.clamp(by.min_window.max(1), most.max(by.min_window).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: Adaptive = Adaptive {
        target_records: 1000,
        min_window: 10,
        max_window: 100_000,
        hysteresis_pct: 10,
        window_quantum: 10,
        alpha: 0.5,
        warmup_flushes: 1,
        stale_flushes: 3,
        failure_backoff_threshold: 2,
        failure_backoff_pct: 50,
    };

    #[test]
    fn a_window_holds_the_rows_that_are_wanted() {
        let mut watch = Watch::default();
        watch.flushed(&BY, 100, 0, 999);
        assert_eq!((watch.window, watch.density), (0, 0.1), "the first is only watched");
        watch.flushed(&BY, 100, 1000, 1999);
        assert_eq!(watch.window, 10_000);
        watch.flushed(&BY, 105, 2000, 2999);
        assert_eq!(watch.window, 10_000, "too little has changed");
        watch.flushed(&BY, 1000, 3000, 3999);
        assert_eq!(watch.window, 1810);
        watch.flushed(&BY, 1, i64::MIN, i64::MAX);
        watch.flushed(&BY, 1, 5, 5);
        assert_eq!(watch.window, 1560);
    }

    #[test]
    fn compactions_without_work_make_it_longer_and_the_past_is_forgotten() {
        let mut watch = Watch { window: 1000, density: 1.0, flushes: 9, ..Watch::default() };
        watch.compacted(&BY, false);
        watch.compacted(&BY, true);
        assert_eq!((watch.window, watch.failures), (1000, 0));
        watch.compacted(&BY, false);
        assert_eq!(watch.flushes, 9);
        watch.compacted(&BY, false);
        assert_eq!((watch.window, watch.flushes), (1000, 0), "failures began anew as well");
    }
}
