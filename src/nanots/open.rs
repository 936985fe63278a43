//! The types that NanoTS's Rust examples begin with.

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use crate::base::{DataType, TableSpec};
use crate::db::{AutoMaintenance, Db, DbOptions};
use crate::error::{Error, Result};
use crate::store;

/// How a [`NanoTsDb`] is opened.
///
/// ```
/// use std::time::Duration;
/// use chronolite::nanots::{AutoMaintenanceOptions, NanoTsOptions};
///
/// let options = NanoTsOptions {
///     retention: Some(Duration::from_secs(3600)),
///     auto_maintenance: Some(AutoMaintenanceOptions::default()),
/// };
/// assert_eq!(NanoTsOptions::default().retention, None);
/// assert_ne!(options, NanoTsOptions::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NanoTsOptions {
    /// As [`DbOptions::retention`].
    pub retention: Option<Duration>,
    /// As [`DbOptions::auto_maintenance`].
    pub auto_maintenance: Option<AutoMaintenance>,
}

/// A [`Db`] that is opened and given tables as NanoTS's is; all else is what `Db` does.
///
/// ```
/// use chronolite::nanots::{NanoTsDb, NanoTsOptions};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data/nanots.ntt");
/// let db = NanoTsDb::open(&path, NanoTsOptions::default())?;
/// db.append("outside", 1_704_067_200_000, 4.5)?;
/// assert_eq!(db.tables()?, ["outside"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NanoTsDb {
    db: Db,
}

/// The same: every handle can be shared by cloning it.
///
/// ```
/// use chronolite::nanots::{NanoTsDbShared, NanoTsOptions};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data/nanots.ntt");
/// let db = NanoTsDbShared::open(&path, NanoTsOptions::default())?;
/// let shared = db.clone();
/// std::thread::spawn(move || shared.append("outside", 1000, 4.5)).join().expect("no panic")?;
/// assert_eq!(db.query_range("outside", 0, 1000)?, [(1000, 4.5)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type NanoTsDbShared = NanoTsDb;

impl NanoTsDb {
    /// Opens the database at `path`; creates it, and the folder it is in, if they are missing.
    ///
    /// ```
    /// use chronolite::nanots::{NanoTsDb, NanoTsOptions};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data/nanots.ntt");
    /// let db = NanoTsDb::open(&path, NanoTsOptions::default())?;
    /// assert!(path.exists() && db.tables()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Db::open`] and [`DbOptions::from_env`].
    pub fn open(path: impl AsRef<Path>, options: NanoTsOptions) -> Result<Self> {
        let path = path.as_ref();
        let defaults = DbOptions::from_env()?;
        let io = |e| Error::from_io("make the folder of", path, e);
        store::make_folder_of(path).map_err(io)?;
        let NanoTsOptions { retention, auto_maintenance } = options;
        let options = defaults.retention(retention).auto_maintenance(auto_maintenance);
        Ok(Self { db: Db::open(path, options)? })
    }

    /// Creates a table of `f64` columns with times in milliseconds. If there is one of that name
    /// with these columns, nothing is done.
    ///
    /// ```
    /// use chronolite::nanots::{NanoTsDb, NanoTsOptions};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data/nanots.ntt");
    /// let db = NanoTsDb::open(&path, NanoTsOptions::default())?;
    /// db.create_table("sensor", &["temp", "humidity"])?;
    /// assert_eq!(db.table("sensor")?.spec().columns.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Db::create_table`].
    pub fn create_table(&self, table: &str, columns: &[&str]) -> Result<()> {
        let columns = columns.iter().map(|&name| (name, DataType::F64));
        self.db.create_table(table, TableSpec::new(columns)).map(drop)
    }
}

impl Deref for NanoTsDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}
