//! A disk that calls the test back just before it writes an extent. With it one thread does what
//! otherwise takes two and luck: appending while a flush is under way.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_buffer::Buffer;
use chronolite::format::HEADER_LEN;
use chronolite::format::frame::MANIFEST_MAGIC;
use chronolite::store::sim::SimStorage;
use chronolite::store::{File, OpenMode, Storage, WritableMap};

type Call = Box<dyn FnOnce() + Send>;

/// The disk and what is to be called.
#[derive(Clone)]
pub struct Hooked {
    pub disk: SimStorage,
    next: Arc<Mutex<Option<Call>>>,
}

impl Hooked {
    pub fn new(disk: SimStorage) -> Self {
        Self { disk, next: Arc::default() }
    }

    /// Calls `call` before the next write to the main file that is not to its header.
    pub fn before_extent(&self, call: impl FnOnce() + Send + 'static) {
        *self.next.lock().expect("no test panics in a hook") = Some(Box::new(call));
    }

    /// Forgets a call that did not come about.
    pub fn clear(&self) {
        *self.next.lock().expect("no test panics in a hook") = None;
    }
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.disk.fmt(f)
    }
}

impl Storage for Hooked {
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.resolve(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, mode)?;
        // A new main file has a temporary name until it is whole.
        let hook = (path != super::log_path()).then(|| self.clone());
        Ok(Arc::new(HookedFile { file, hook }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.publish(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn siblings(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.siblings(path)
    }

    fn sync_dir_of(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir_of(path)
    }
}

#[derive(Debug)]
struct HookedFile {
    file: Arc<dyn File>,
    /// Of the main file only.
    hook: Option<Hooked>,
}

impl File for HookedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        if let Some(hook) = self.hook.as_ref().filter(|_| offset >= HEADER_LEN) {
            let call = hook.next.lock().expect("no test panics in a hook").take();
            // Once the manifest is written it is too late: a commit may hold the lock that the call
            // would take.
            let extent = !buf.starts_with(&MANIFEST_MAGIC.to_le_bytes());
            if let Some(call) = call.filter(|_| extent) {
                call();
            }
        }
        self.file.write_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.allocate(offset, len)
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.punch(offset, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn map(&self, offset: u64, len: usize) -> io::Result<Buffer> {
        self.file.map(offset, len)
    }

    fn map_writable(&self, offset: u64, len: usize) -> io::Result<Option<WritableMap>> {
        self.file.map_writable(offset, len)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    fn lock_byte(&self, at: u64) -> io::Result<()> {
        self.file.lock_byte(at)
    }

    fn unlock_byte(&self, at: u64) -> io::Result<()> {
        self.file.unlock_byte(at)
    }

    fn locked_byte(&self, from: u64, to: u64) -> io::Result<Option<u64>> {
        self.file.locked_byte(from, to)
    }
}
