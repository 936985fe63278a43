//! A day's file: rows one after the other, appended a batch at once.
//!
//! A batch of more than one row is announced by a file beside it, which has the length that the
//! day's file had: what stands behind that length is no row yet. It goes when the batch is whole. A
//! row that is not whole is none either. Whoever appends next cuts both, so that after a crash a
//! batch is there as a whole or not at all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_buffer::Buffer;
use parking_lot::Mutex;

use crate::error::{Error, ErrorKind, Result};
use crate::store::storage::read_up_to;
use crate::store::{File, OpenMode, Storage, make_folder_of, write_all_at};

/// What announces a batch has this after the name of the day's file.
const PENDING: &str = ".pending";
/// The file, its day, its table and the folder of all tables: the names that a batch may have made.
const FOLDERS: usize = 4;
/// So long others are waited for that append to the same day.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long a file is made that is taken away each time.
const A_MOMENT: Duration = Duration::from_secs(1);
/// Between two tries, at first.
const PAUSE: Duration = Duration::from_micros(20);
/// So often a reader looks again when the file changes while it looks.
const LOOKS: usize = 100;

/// The file of a day, which need not be there.
#[derive(Debug)]
pub struct DayFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    record_size: usize,
    /// What was last appended to, and what was last read.
    appended: Mutex<Option<Arc<dyn File>>>,
    seen: Mutex<Option<Arc<dyn File>>>,
}

/// The rows that are there.
#[derive(Debug, Default)]
pub struct Rows {
    /// The rows, mapped; none if there is no row.
    pub bytes: Option<Buffer>,
    /// Bytes behind them that are no rows: of a row, or of a batch, that is not whole.
    pub unfinished: u64,
}

impl DayFile {
    /// The file of this path, whose rows have so many bytes.
    pub fn new(storage: Arc<dyn Storage>, path: PathBuf, record_size: usize) -> Self {
        Self { storage, path, record_size, appended: Mutex::default(), seen: Mutex::default() }
    }

    /// The rows of all batches that are whole.
    ///
    /// # Errors
    /// `Io` with the system's error.
    pub fn read(&self) -> Result<Rows> {
        let read = || {
            for _ in 0..LOOKS {
                let Some(file) = self.file_to_read()? else { break };
                let rows = self.rows_of(&*file)?;
                // Else what is announced may be of the file that came after it.
                if self.is_there(&*file)? {
                    return Ok(rows);
                }
            }
            Ok(Rows::default())
        };
        read().map_err(|error| self.failed("read", error))
    }

    /// The file, which stays open, so that it need not be mapped again.
    fn file_to_read(&self) -> io::Result<Option<Arc<dyn File>>> {
        let mut seen = self.seen.lock();
        if let Some(file) = &*seen
            && self.is_there(&**file)?
        {
            return Ok(Some(Arc::clone(file)));
        }
        *seen = self.open(OpenMode::Read)?;
        Ok(seen.clone())
    }

    /// Whether it is still the file of that name.
    fn is_there(&self, file: &dyn File) -> io::Result<bool> {
        match file.is_at(&self.path) {
            Err(error) if is_missing(&error) => Ok(false),
            there => there,
        }
    }

    fn rows_of(&self, file: &dyn File) -> io::Result<Rows> {
        for _ in 0..LOOKS {
            let (whole, len) = self.whole(file)?;
            if whole == 0 {
                return Ok(Rows { bytes: None, unfinished: self.left_behind(file, 0)? });
            }
            match file.map(0, whole as usize) {
                // It was cut meanwhile.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                mapped => {
                    let unfinished = if whole < len { self.left_behind(file, whole)? } else { 0 };
                    return Ok(Rows { bytes: Some(mapped?), unfinished });
                }
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// The bytes behind whole batches, if nobody is about to write what they will be.
    fn left_behind(&self, file: &dyn File, whole: u64) -> io::Result<u64> {
        if file.is_locked()? {
            return Ok(0);
        }
        // Whoever wrote them may have ended meanwhile.
        let (now, len) = self.whole(file)?;
        Ok(if now == whole { len - now } else { 0 })
    }

    /// The bytes of whole rows in whole batches, and of the file.
    fn whole(&self, file: &dyn File) -> io::Result<(u64, u64)> {
        let record = self.record_size as u64;
        let rows = |len: u64| len - len % record;
        let mut len = file.len()?;
        for _ in 0..LOOKS {
            let pending = self.pending()?;
            let now = file.len()?;
            match pending {
                Some(old) if old <= len => return Ok((rows(old), now)),
                // Nobody appends, and nobody did between the two looks at the length.
                None if now == len => return Ok((rows(len), len)),
                _ => len = now,
            }
        }
        // What is announced is of a file that was cut since.
        Ok((rows(len), len))
    }

    /// The length that the file had before the batch that is being written, or was when its writer
    /// was gone.
    fn pending(&self) -> io::Result<Option<u64>> {
        let Some(file) = open(&*self.storage, &self.pending_path(), OpenMode::Read)? else {
            return Ok(None);
        };
        let mut len = [0; 8];
        // If it is not whole itself, no row of the batch was written.
        let whole = read_up_to(&*file, &mut len, 0)? == len.len();
        Ok(whole.then(|| u64::from_le_bytes(len)))
    }

    fn pending_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(PENDING);
        path.into()
    }

    fn open(&self, mode: OpenMode) -> io::Result<Option<Arc<dyn File>>> {
        open(&*self.storage, &self.path, mode)
    }

    /// Appends rows, all or none. How many bytes were cut before, which were no rows.
    ///
    /// # Errors
    /// `Io` with the system's error: no row was appended then. `Locked` if another has appended for a
    /// minute.
    pub fn append(&self, rows: &[u8]) -> Result<u64> {
        debug_assert!(rows.len().is_multiple_of(self.record_size));
        let waits = Instant::now();
        // Whoever comes next in this process waits here.
        let mut opened = self.appended.lock();
        loop {
            let file = match opened.take() {
                Some(file) => file,
                None => self.open_or_make().map_err(|error| self.failed("open", error))?,
            };
            let Some(_held) = self.lock(&file, waits)? else { continue };
            let put = self.put(&*file, rows).map_err(|error| self.failed("append to", error))?;
            *opened = Some(Arc::clone(&file));
            return Ok(put);
        }
    }

    fn open_or_make(&self) -> io::Result<Arc<dyn File>> {
        let since = Instant::now();
        while since.elapsed() < A_MOMENT {
            if let Some(file) = self.open(OpenMode::Write)? {
                return Ok(file);
            }
            match make_folder_of(&self.path) {
                // Another took it away while it was made.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
            match self.storage.open(&self.path, OpenMode::CreateNew) {
                // Another made it, or took the folder away that was empty.
                Err(error) if is_missing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            }
            std::thread::sleep(PAUSE);
        }
        let what = "it is made and deleted again and again, or is a link that leads nowhere";
        Err(io::Error::other(what))
    }

    /// Waits for those who append to the file. None if it was deleted meanwhile.
    fn lock(&self, file: &Arc<dyn File>, since: Instant) -> Result<Option<Held>> {
        let mut pause = PAUSE;
        loop {
            let locked = file.try_lock().map_err(|error| self.failed("lock", error))?;
            if locked {
                let held = Held(Arc::clone(file));
                let there =
                    self.is_there(&**file).map_err(|error| self.failed("look at", error))?;
                return Ok(there.then_some(held));
            }
            if since.elapsed() > PATIENCE {
                let message = "others append to this day without end";
                return Err(Error::new(ErrorKind::Locked, message).in_file(&self.path));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }

    /// Cuts what is no row, which nobody maps: the bytes of whole rows, and of what was cut.
    fn cut(&self, file: &dyn File) -> io::Result<(u64, u64)> {
        let len = file.len()?;
        let old = self.pending()?.map_or(len, |old| old.min(len));
        let whole = old - old % self.record_size as u64;
        if whole < len {
            file.set_len(whole)?;
        }
        Ok((whole, len - whole))
    }

    fn put(&self, file: &dyn File, rows: &[u8]) -> io::Result<u64> {
        let (whole, cut) = self.cut(file)?;
        // One row is whole or cut.
        let announces = rows.len() > self.record_size || self.is_announced()?;
        if announces {
            self.announce(whole)?;
        }
        let written = write_all_at(file, rows, whole);
        if written.is_err() {
            // If this fails too, the rows are none: they are announced.
            file.set_len(whole)?;
        }
        if announces {
            self.storage.remove(&self.pending_path())?;
        }
        written.map(|()| cut)
    }

    fn is_announced(&self) -> io::Result<bool> {
        self.storage.exists(&self.pending_path())
    }

    fn announce(&self, len: u64) -> io::Result<()> {
        let path = self.pending_path();
        let file = match self.storage.open(&path, OpenMode::CreateNew) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.storage.open(&path, OpenMode::Write)?
            }
            made => made?,
        };
        write_all_at(&*file, &len.to_le_bytes(), 0)
    }

    /// Makes what was appended survive power loss.
    pub fn sync(&self) -> Result<()> {
        let sync = || match self.open(OpenMode::Read)? {
            Some(file) => {
                file.sync()?;
                // The folders of the day, the table and all tables may be new as well.
                let folders = self.path.ancestors().take(FOLDERS);
                let mut named = folders.filter(|path| path.parent().is_some());
                named.try_for_each(|path| match self.storage.sync_dir_of(path) {
                    Err(error) if is_missing(&error) => Ok(()),
                    synced => synced,
                })
            }
            None => Ok(()),
        };
        sync().map_err(|error| self.failed("sync", error))
    }

    /// Takes the file away, with what announces a batch. True if it had rows. Rows that were read
    /// stay.
    pub fn delete(&self) -> Result<bool> {
        let waits = Instant::now();
        loop {
            let opened = self.open(OpenMode::Write).map_err(|error| self.failed("open", error))?;
            let Some(file) = opened else { return Ok(false) };
            let Some(_held) = self.lock(&file, waits)? else { continue };
            let remove = || {
                // As long as the file is there, nobody else announces anything.
                let (whole, _) = self.cut(&*file)?;
                if self.is_announced()? {
                    self.storage.remove(&self.pending_path())?;
                }
                self.storage.remove(&self.path)?;
                Ok(whole > 0)
            };
            return remove().map_err(|error| self.failed("delete", error));
        }
    }

    fn failed(&self, doing: &str, error: io::Error) -> Error {
        Error::from_io(doing, &self.path, error)
    }
}

/// The lock of a day's file.
struct Held(Arc<dyn File>);

impl Drop for Held {
    fn drop(&mut self) {
        // If this fails, it goes with the handle.
        let _ = self.0.unlock();
    }
}

/// The file, if it is there.
fn open(storage: &dyn Storage, path: &Path, mode: OpenMode) -> io::Result<Option<Arc<dyn File>>> {
    match storage.open(path, mode) {
        Err(error) if is_missing(&error) => Ok(None),
        opened => opened.map(Some),
    }
}

/// True if there is no such file, or no folder that could have it.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RealStorage;

    fn day(folder: &Path) -> DayFile {
        DayFile::new(Arc::new(RealStorage), folder.join("T/2025-06-14/data.bin"), 4)
    }

    fn read(day: &DayFile) -> (Vec<u8>, u64) {
        let rows = day.read().unwrap();
        (rows.bytes.map_or(vec![], |bytes| bytes.to_vec()), rows.unfinished)
    }

    #[test]
    fn batches_follow_one_another_and_leave_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let day = day(folder.path());
        assert!(day.read().unwrap().bytes.is_none() && !day.delete().unwrap());
        assert_eq!(day.append(b"aaaa").unwrap(), 0);
        let before = day.read().unwrap().bytes.unwrap();
        assert_eq!(day.append(b"bbbbcccc").unwrap(), 0);
        assert_eq!(read(&day), (b"aaaabbbbcccc".to_vec(), 0));
        assert!(!day.pending_path().exists());
        day.sync().unwrap();
        assert!(day.delete().unwrap() && day.read().unwrap().bytes.is_none());
        assert_eq!(before.as_slice(), b"aaaa");
        day.append(b"dddd").unwrap();
        assert_eq!(read(&day), (b"dddd".to_vec(), 0));
    }

    #[test]
    fn what_is_not_whole_is_left_out_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let day = day(folder.path());
        day.append(b"aaaabbbb").unwrap();
        let file = |bytes: &[u8]| std::fs::write(&day.path, bytes).unwrap();
        let pending = |bytes: &[u8]| std::fs::write(day.pending_path(), bytes).unwrap();
        file(b"aaaabbbbcc");
        assert_eq!(read(&day), (b"aaaabbbb".to_vec(), 2));
        assert_eq!(day.append(b"dddd").unwrap(), 2);
        assert_eq!(read(&day), (b"aaaabbbbdddd".to_vec(), 0));
        // A batch whose writer is gone.
        pending(&4u64.to_le_bytes());
        assert_eq!(read(&day), (b"aaaa".to_vec(), 8));
        assert_eq!(day.append(b"eeee").unwrap(), 8);
        assert_eq!(read(&day), (b"aaaaeeee".to_vec(), 0));
        assert!(!day.pending_path().exists());
        // It was gone before it had written a row; or the file was cut since.
        for announced in [b"123".as_slice(), &99u64.to_le_bytes()] {
            pending(announced);
            assert_eq!(read(&day).0, b"aaaaeeee");
        }
        assert_eq!(day.append(b"ffffgggg").unwrap(), 0);
        assert_eq!(read(&day), (b"aaaaeeeeffffgggg".to_vec(), 0));
        file(b"aa");
        assert_eq!(read(&day), (vec![], 2));
        assert_eq!(day.append(b"hhhh").unwrap(), 2);
        assert_eq!(read(&day), (b"hhhh".to_vec(), 0));
    }

    #[test]
    fn readers_see_whole_batches_of_several_writers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::thread::scope(|scope| {
            let writers = [1u8, 2].map(|writer| {
                scope.spawn(move || {
                    for _ in 0..200 {
                        day(path).append(&[writer; 4 * 1000]).unwrap();
                    }
                })
            });
            let mut seen = 0;
            while writers.iter().any(|writer| !writer.is_finished()) {
                let (rows, _) = read(&day(path));
                assert!(rows.len() >= seen && rows.len().is_multiple_of(4000));
                seen = rows.len();
                assert!(rows.chunks(4000).all(|batch| batch.iter().all(|byte| *byte == batch[0])));
            }
        });
        assert_eq!(read(&day(path)).0.len(), 400 * 4000);
    }
}
