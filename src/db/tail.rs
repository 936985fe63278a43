//! The change feed: a table's rows as they arrive, from any row on.
//!
//! Rows are told apart by their numbers, which they keep through flushes, packs and a reopening. A
//! batch is made of the table as it is at that moment: if it changed since the last one (a delete, a
//! new chunk, a flush, a pack), reading begins anew behind the last row that was handed out. While
//! there is nothing to hand out nothing of the table is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::base::batch::Column;
use crate::db::arrivals::Arrivals;
use crate::db::catalog::TableView;
use crate::db::feed::Feed;
use crate::db::plan::ScanColumn;
use crate::db::table::Table;
use crate::error::Result;

/// Most rows of a batch.
const BATCH_ROWS: usize = 65_536;
/// After news comes no other for so long: whoever appends row by row wakes nobody for each of them.
const PAUSE: Duration = Duration::from_millis(1);
/// How long a reader beside a writer may leave rows unseen.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);
/// A wait without an end is one of many waits.
const LONG: Duration = Duration::from_secs(3600);

/// A table's rows in the order of arrival, from a row on, and then those that come: see
/// [`Table::tail`]. It keeps the database open as a [`Table`] does.
///
/// ```
/// use std::time::Duration;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// let mut tail = sensor.tail(Some(0))?;
/// sensor.append_row(1000, &[20.5.into()])?;
/// while let Some(batch) = tail.next_batch(Some(Duration::ZERO))? {
///     assert_eq!(batch.data[1].values::<f64>(), [20.5]);
/// }
/// assert_eq!(tail.cursor(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tail {
    table: Table,
    cursor: u64,
    /// Rows up to this number were handed out, or are hidden.
    seen: u64,
    reading: Option<Arrivals>,
    interrupted: Arc<AtomicBool>,
    /// When there was news last, and how long to leave those who append alone after that.
    looked: Option<Instant>,
    pause: Duration,
    /// Most rows of a batch.
    rows: usize,
}

/// Some rows that have arrived.
///
/// ```
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// sensor.append_row(2000, &[20.5.into()])?;
/// sensor.append_row(1000, &[21.5.into()])?;
/// let batch = sensor.tail(Some(0))?.next_batch(None)?.expect("two rows");
/// assert!(batch.columns.iter().map(|column| column.name()).eq(["ts", "temp"]));
/// assert_eq!(batch.data[0].values::<i64>(), [2000, 1000]);
/// assert_eq!(batch.cursor, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TailBatch {
    /// What the columns are: the time, then all that the table had when the batch was made.
    pub columns: Arc<[ScanColumn]>,
    /// Their values, in the order of arrival.
    pub data: Vec<Column>,
    /// The number of the last row: [`Table::tail`] goes on behind it.
    pub cursor: u64,
}

/// Ends a wait of a [`Tail`] in another thread.
///
/// ```
/// use std::thread;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// let mut tail = sensor.tail(None)?;
/// let interrupt = tail.interrupt();
/// let waiting = thread::spawn(move || tail.next_batch(None));
/// interrupt.interrupt();
/// assert!(waiting.join().expect("no panic")?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Interrupt {
    interrupted: Arc<AtomicBool>,
    feed: Arc<Feed>,
}

impl Interrupt {
    /// Ends the wait that is under way, or else the next one, as if its time had passed.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let mut tail = sensor.tail(None)?;
    /// tail.interrupt().interrupt();
    /// // Does not wait, but the next one would.
    /// assert!(tail.next_batch(None)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.feed.wake();
    }

    /// Fails in a fork child of the process that opened the database; nothing there is to be waited
    /// for, nor a lock that a thread of the parent may have held.
    ///
    /// # Errors
    /// `Closed` in such a child.
    #[doc(hidden)]
    pub fn check_process(&self) -> Result<()> {
        self.feed.check_process()
    }
}

impl Table {
    /// The change feed: the rows that arrive in the table after the one with the number `cursor`, in
    /// the order of arrival; `None` begins behind the newest row of now, 0 with the first one. A
    /// batch tells the cursor that goes on behind it, also in a later process.
    ///
    /// Rows are there when scans see them. Those that are deleted before they are handed out are
    /// left out, and so may be those that another row took the place of. Flushes, packs and
    /// retention neither repeat nor lose rows. Power loss may take rows that were handed out but not
    /// durable; their numbers are given again. Of a snapshot's table there are only the rows it has.
    ///
    /// ```
    /// use std::time::Duration;
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let mut tail = sensor.tail(None)?;
    /// for (ts, temp) in [(3000, 20.5), (1000, 21.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let batch = tail.next_batch(Some(Duration::from_secs(5)))?.expect("two rows");
    /// assert_eq!(batch.data[0].values::<i64>(), [3000, 1000]);
    /// assert_eq!(batch.data[1].values::<f64>(), [20.5, 21.5]);
    /// assert!(tail.next_batch(Some(Duration::ZERO))?.is_none());
    /// assert!(sensor.tail(Some(batch.cursor))?.next_batch(Some(Duration::ZERO))?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if the table was dropped, `Closed` if the database was closed: then and, for
    /// a wait that is under way, when it happens.
    pub fn tail(&self, cursor: Option<u64>) -> Result<Tail> {
        let (_, visible) = newest(self)?;
        let cursor = cursor.unwrap_or(visible);
        Ok(Tail {
            table: self.clone(),
            cursor,
            seen: cursor,
            reading: None,
            interrupted: Arc::default(),
            looked: None,
            pause: PAUSE,
            rows: BATCH_ROWS,
        })
    }
}

/// The table as it is now: in a reader, as the writer has made it by now.
fn newest(table: &Table) -> Result<(Arc<TableView>, u64)> {
    table.now()
}

impl Tail {
    /// The number of the last row that was handed out, or where it began.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let mut tail = sensor.tail(Some(0))?;
    /// sensor.append_row(1000, &[20.5.into()])?;
    /// assert_eq!(tail.cursor(), 0);
    /// tail.next_batch(None)?;
    /// assert_eq!(tail.cursor(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// False if there is nothing to wait for: the table is of a snapshot, which gets no rows.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// assert!(sensor.tail(None)?.waits());
    /// assert!(!db.snapshot()?.table("sensor")?.tail(None)?.waits());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn waits(&self) -> bool {
        self.table.moment.is_none()
    }

    /// What ends a wait of this in another thread.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let mut tail = sensor.tail(None)?;
    /// let interrupt = tail.interrupt();
    /// # let ends = std::thread::spawn(move || interrupt.interrupt());
    /// // Here, until another thread calls `interrupt.interrupt()`.
    /// assert!(tail.next_batch(None)?.is_none());
    /// # ends.join().expect("no panic");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interrupt(&self) -> Interrupt {
        let (interrupted, feed) = (&self.interrupted, &self.table.core.feed);
        Interrupt { interrupted: Arc::clone(interrupted), feed: Arc::clone(feed) }
    }

    /// The next rows, some ten thousand at most. If there are none it waits for them: for ever, if
    /// `timeout` is `None`, or so long; then it returns `None`, and can be called again.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let mut tail = sensor.tail(None)?;
    /// assert!(tail.next_batch(Some(Duration::from_millis(1)))?.is_none());
    /// sensor.append_row(1000, &[20.5.into()])?;
    /// assert!(tail.next_batch(None)?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::tail`], and what reading the rows fails with; the next call tries again.
    pub fn next_batch(&mut self, timeout: Option<Duration>) -> Result<Option<TailBatch>> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(batch) = self.look()? {
                (self.cursor, self.seen) = (batch.cursor, batch.cursor);
                (self.looked, self.pause) = (Some(Instant::now()), PAUSE);
                return Ok(Some(batch));
            }
            if !self.waits() || !self.wait(until) {
                return Ok(None);
            }
        }
    }

    /// The next of the rows that are there.
    fn look(&mut self) -> Result<Option<TailBatch>> {
        let (table, visible) = newest(&self.table)?;
        // Of another moment: what was deleted since then would show.
        let reading = self.reading.take().filter(|reading| Arc::ptr_eq(&reading.table, &table));
        if reading.is_none() && visible <= self.seen {
            return Ok(None);
        }
        let mut reading = match reading {
            Some(reading) => reading,
            None => Arrivals::new(Arc::clone(&table), visible, self.seen)?,
        };
        loop {
            if let Some(batch) = reading.next(self.rows, &self.table.core.place())? {
                let columns = Arc::clone(&reading.columns);
                self.reading = Some(reading);
                return Ok(Some(TailBatch { columns, data: batch.data, cursor: batch.last }));
            }
            self.seen = reading.visible;
            if self.seen >= visible {
                return Ok(None);
            }
            reading = Arrivals::new(Arc::clone(&table), visible, self.seen)?;
        }
    }

    /// Waits for something new, until then; `false` if it was that or if it was interrupted.
    fn wait(&mut self, until: Option<Instant>) -> bool {
        let now = Instant::now();
        let end = until.unwrap_or(now + LONG);
        if self.interrupted.swap(false, Ordering::AcqRel) || end <= now {
            return false;
        }
        let core = &self.table.core;
        if core.is_writable() {
            let next = self.looked.map_or(now, |looked| looked + PAUSE).min(end);
            std::thread::sleep(next.saturating_duration_since(now));
            let id = self.table.id();
            let done = || {
                core.visible() > self.seen
                    || self.interrupted.load(Ordering::Acquire)
                    || core.check_open().is_err()
                    || core.definition(id).is_none()
            };
            core.wait(&done, end);
            self.looked = Some(Instant::now());
        } else {
            std::thread::sleep(self.pause.min(end - now));
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        // What came in the last moment is looked at, and the time then found to have passed.
        true
    }
}

#[cfg(test)]
mod tests;
