//! Closing: flush, leave the one file, let others in.

use crate::db::core::{Core, Main, Writer};
use crate::error::{Error, Result};
use crate::format::log::LOG_START;
use crate::store::main_file::NewState;

impl Core {
    /// Closes the database: what was written is flushed, the log is removed, the lock is given up.
    /// The lock is given up even if that fails; then the log stays and the next opening finds what
    /// there is. The second call does nothing.
    pub(crate) fn close(&self) -> Result<()> {
        if self.is_inherited() || !self.is_writable() {
            self.mark_closed();
            if !self.is_inherited() {
                self.stop_following();
            }
            return Ok(());
        }
        // It may be waiting for the main file.
        self.maintenance.stop();
        let mut main = self.main();
        // Whoever is past the check for this already may still append: see `flush_and_leave`.
        self.mark_closed();
        let Some(open) = main.as_mut() else { return Ok(()) };
        let ticker = self.writer().as_mut().and_then(|writer| writer.ticker.take());
        drop(ticker);
        // Nobody begins to write an extent without the main file; those who have begun end here.
        open.file.wait_for_writers();
        let mut closed = self.flush_and_leave(open);
        if let Some(pin) = &self.pin {
            // Of the commit before the last: for the next writer all that is there now was there
            // then, what is in use and what is free.
            let pinned = pin.close(Some(open.file.slot().generation - 1));
            let pinned =
                pinned.map_err(|e| Error::from_io("keep what is exported of", &self.path, e));
            closed = closed.and(pinned);
        }
        self.syncer.detach();
        *self.writer() = None;
        *main = None;
        closed
    }

    fn flush_and_leave(&self, main: &mut Main) -> Result<()> {
        loop {
            let mut guard = self.writer();
            let Some(writer) = guard.as_mut() else { return Ok(()) };
            let Some(log) = &writer.log else { return Ok(()) };
            self.health.check()?;
            if log.end() == LOG_START {
                return self.leave(main, writer);
            }
            drop(guard);
            self.flush_with(main)?;
        }
    }

    /// Writes the state into both slots, so that damage to one cannot take the file back in time,
    /// and removes the log.
    fn leave(&self, main: &mut Main, writer: &mut Writer) -> Result<()> {
        let Some(log) = writer.log.take() else { return Ok(()) };
        let state = NewState {
            epoch: log.epoch(),
            log_start: 0,
            durable_lsn: log.next_lsn() - 1,
            next_lsn: log.next_lsn(),
            next_seq: writer.next_seq,
            log_expected: false,
        };
        for _ in 0..2 {
            main.file.commit(&[], &Vec::new, state)?;
        }
        let path = log.path().to_path_buf();
        drop(log);
        self.storage.remove(&path).map_err(|e| Error::from_io("remove the log", &path, e))?;
        let synced = self.storage.sync_dir_of(&path);
        synced.map_err(|e| Error::from_io("sync the folder of the log", &path, e))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.is_inherited() {
            // The threads and the mapping of the log are the parent's.
            // Its locks may have been held by threads that are not there any more.
            std::mem::forget(self.writer_mut().take());
            self.maintenance.forget();
            return;
        }
        // There is nobody to tell; what a failed flush did not write is in the log.
        let _ = self.close();
    }
}
