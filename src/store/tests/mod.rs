//! One topic a file. What needs no second process or crash image is tested beside its code.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sim::SimStorage;
use super::{File, OpenMode, RealStorage, Storage, read_exact_at, write_all_at};

mod crash;
mod faults;
mod files;
#[cfg(target_os = "linux")] // they look into /proc
mod forks;
#[cfg(target_os = "linux")]
mod locks;

/// A file of the real file system, in a folder of its own.
struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn create(&self, name: &str) -> (PathBuf, Arc<dyn File>) {
        let path = self.path(name);
        let file = RealStorage.open(&path, OpenMode::CreateNew).unwrap();
        (path, file)
    }
}

/// A new durable file on a simulated disk.
fn sim_file(disk: &SimStorage, path: &str) -> Arc<dyn File> {
    let file = disk.open(Path::new(path), OpenMode::CreateNew).unwrap();
    file.sync().unwrap();
    disk.sync_dir_of(Path::new(path)).unwrap();
    file
}

fn bytes_of(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; file.len().unwrap() as usize];
    read_exact_at(file, &mut bytes, 0).unwrap();
    bytes
}

fn kind_of<T>(result: io::Result<T>) -> io::ErrorKind {
    result.err().expect("this must fail").kind()
}
