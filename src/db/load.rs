//! How much was written lately: counted under the writer's lock, so that no row pays for more than
//! a look at a coarse clock.

use crate::db::options::AutoMaintenance;

/// Rows of this window and of the one before it, and when the last of them came.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    window_ms: u64,
    opened: u64,
    last_write: u64,
    window_began: u64,
    rows: u64,
    rows_before: u64,
}

impl Load {
    /// Nothing written yet, by a database opened now.
    pub(crate) fn new(maintenance: Option<AutoMaintenance>) -> Self {
        let window_ms = maintenance.unwrap_or_default().write_load_window_ms;
        Self::at(now_ms(), window_ms)
    }

    fn at(now: u64, window_ms: u64) -> Self {
        let window_ms = window_ms.max(1);
        Self { window_ms, opened: now, last_write: now, window_began: now, rows: 0, rows_before: 0 }
    }

    /// Counts rows that were written just now.
    #[inline]
    pub(crate) fn note(&mut self, rows: u64) {
        self.note_at(now_ms(), rows);
    }

    #[inline]
    fn note_at(&mut self, now: u64, rows: u64) {
        if now - self.window_began >= self.window_ms {
            self.begin_window(now);
        }
        self.rows += rows;
        self.last_write = now;
    }

    #[cold]
    fn begin_window(&mut self, now: u64) {
        let passed = now - self.window_began;
        self.rows_before = if passed / self.window_ms == 1 { self.rows } else { 0 };
        self.rows = 0;
        self.window_began = now - passed % self.window_ms;
    }

    /// Milliseconds since the last write; since the database was opened if there was none.
    pub(crate) fn idle_ms(&self) -> u64 {
        now_ms() - self.last_write
    }

    /// Rows a second over the last window, or since the database was opened if that is shorter,
    /// but over a second at least.
    pub(crate) fn rows_per_second(&self) -> u64 {
        self.clone().rows_per_second_at(now_ms())
    }

    fn rows_per_second_at(&mut self, now: u64) -> u64 {
        if now - self.window_began >= self.window_ms {
            self.begin_window(now);
        }
        // Of the window before, the part that the last `window_ms` still cover.
        let left = self.window_ms - (now - self.window_began);
        let before = u128::from(self.rows_before) * u128::from(left) / u128::from(self.window_ms);
        let over = (now - self.opened).min(self.window_ms).max(1000);
        let rate = (u128::from(self.rows) + before) * 1000 / u128::from(over);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// Milliseconds of a clock that never goes back. To a few of them is exact enough here, and far
/// cheaper than a precise one on some machines.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn now_ms() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn now_ms() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_over_the_last_window() {
        let mut load = Load::at(100, 5000);
        assert_eq!(load.rows_per_second_at(100), 0);
        load.note_at(200, 900);
        // Over less than a second nothing is made up.
        assert_eq!(load.clone().rows_per_second_at(200), 900);
        assert_eq!(load.clone().rows_per_second_at(3100), 300);
        load.note_at(5000, 4100);
        assert_eq!(load.clone().rows_per_second_at(5100), 1000);
        // Half of the window before is left, and then none.
        assert_eq!(load.clone().rows_per_second_at(7600), 500);
        assert_eq!(load.clone().rows_per_second_at(10_100), 0);
        load.note_at(100_000, 5000);
        assert_eq!(load.rows_per_second_at(100_001), 1000);
        assert_eq!(load.last_write, 100_000);
    }

    #[test]
    fn no_window_and_no_count_is_too_much() {
        let mut load = Load::at(0, 0);
        load.note_at(1, u64::MAX);
        assert_eq!(load.rows_per_second_at(1), u64::MAX);
        assert_eq!(load.rows_per_second_at(2), u64::MAX);
        assert_eq!(load.rows_per_second_at(9), 0);
        let mut load = Load::at(0, u64::MAX);
        load.note_at(u64::MAX - 1, 7);
        assert_eq!(load.rows_per_second_at(u64::MAX - 1), 0);
        assert!(Load::new(None).idle_ms() < 10_000);
    }
}
