//! One opaque error for the whole crate: a kind to match on, a message for people, and, where a
//! file is to blame, which file and at what byte.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// `std::result::Result` with this crate's [`Error`].
///
/// ```
/// use chronolite::{Predicate, Result};
///
/// fn warmer_than(text: &str) -> Result<Predicate> {
///     Predicate::parse(&format!("temp > {text}"))
/// }
/// assert!(warmer_than("24.5").is_ok() && warmer_than("warm or").is_err());
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as a caller would decide on it.
///
/// ```
/// use chronolite::ErrorKind;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// let humidity = match db.table("humidity") {
///     Err(error) if error.kind() == ErrorKind::TableNotFound => None,
///     table => Some(table?),
/// };
/// assert!(humidity.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A table, column, name, type or length does not fit the schema.
    Schema,
    /// A row has a time and key that the table or the batch has already, where that is an error.
    Conflict,
    /// No table of that name.
    TableNotFound,
    /// An argument is out of its range or has no meaning here.
    InvalidInput,
    /// A result does not fit its type.
    Overflow,
    /// Another handle or process holds the database open for writing.
    Locked,
    /// Bytes in the file or its log are not what was written.
    Corruption,
    /// The file is whole but this version of the library cannot read it.
    Format,
    /// A write to a database that is open for reading only.
    ReadOnly,
    /// The handle was closed, or belongs to the parent of this process.
    Closed,
    /// An earlier write or sync failed; nothing is written until the database is reopened.
    Durability,
    /// The write may or may not have been applied.
    Indeterminate,
    /// The operating system refused; see [`Error::io`].
    Io,
}

/// The error of every fallible call of this crate.
///
/// ```
/// use chronolite::ErrorKind;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// let error = db.table("humidity").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TableNotFound);
/// assert_eq!(error.to_string(), "no table \"humidity\"; the database has sensor");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    file: Option<PathBuf>,
    offset: Option<u64>,
    pid: Option<u32>,
    io: Option<io::Error>,
}

impl Error {
    /// An error of `kind` that says `message`.
    ///
    /// ```
    /// use chronolite::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::InvalidInput, "a week has seven days");
    /// assert_eq!(format!("{error:?}"), "InvalidInput: a week has seven days");
    /// ```
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, message, file: None, offset: None, pid: None, io: None }))
    }

    /// A [`ErrorKind::Schema`] error.
    #[doc(hidden)]
    #[cold]
    pub fn schema(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Schema, message)
    }

    /// A [`ErrorKind::InvalidInput`] error.
    #[doc(hidden)]
    #[cold]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// A [`ErrorKind::Corruption`] error; add the place with [`Error::at`].
    #[doc(hidden)]
    #[cold]
    pub fn corruption(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corruption, message)
    }

    /// A [`ErrorKind::Io`] error: what was being done, to which file, and the system's answer.
    #[doc(hidden)]
    #[cold]
    pub fn from_io(doing: &str, file: &Path, source: io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Io, format!("cannot {doing}"));
        error.0.file = Some(file.to_path_buf());
        error.0.io = Some(source);
        error
    }

    /// The same error, placed: in `file`, at byte `offset`.
    #[doc(hidden)]
    #[must_use]
    pub fn at(mut self, file: &Path, offset: u64) -> Self {
        self.0.file = Some(file.to_path_buf());
        self.0.offset = Some(offset);
        self
    }

    /// The same error, placed in `file`.
    #[doc(hidden)]
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        self.0.file = Some(file.to_path_buf());
        self
    }

    /// The same error, naming the process that is in the way.
    #[doc(hidden)]
    #[must_use]
    pub fn with_pid(mut self, pid: u32) -> Self {
        self.0.pid = Some(pid);
        self
    }

    /// The same error, saying what can be done.
    #[doc(hidden)]
    #[must_use]
    pub fn with_advice(mut self, advice: &str) -> Self {
        self.0.message = format!("{}; {advice}", self.0.message);
        self
    }

    /// The same cause, seen as another kind (a failed sync of the log as `Indeterminate`, say).
    #[doc(hidden)]
    #[must_use]
    pub fn recast(mut self, kind: ErrorKind, message: impl Into<String>) -> Self {
        self.0.message = format!("{}: {}", message.into(), self.0.message);
        self.0.kind = kind;
        self
    }

    /// What went wrong.
    ///
    /// ```
    /// use chronolite::{ErrorKind, Predicate};
    ///
    /// assert_eq!(Predicate::parse("temp >").unwrap_err().kind(), ErrorKind::InvalidInput);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without file, offset and system error.
    ///
    /// ```
    /// use chronolite::{Error, ErrorKind};
    ///
    /// assert_eq!(Error::new(ErrorKind::Overflow, "too much").message(), "too much");
    /// ```
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file to blame.
    ///
    /// ```
    /// use chronolite::{Db, DbOptions, Mode};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let missing = folder.path().join("missing.chl");
    /// let error = Db::open(&missing, DbOptions::default().mode(Mode::Read)).unwrap_err();
    /// assert!(error.file().is_some_and(|file| file.ends_with("missing.chl")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The byte in [`Error::file`] at which the damage was found.
    ///
    /// ```
    /// use std::fs;
    /// use chronolite::{Db, DbOptions, ErrorKind};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("plant.chl");
    /// fs::write(&path, "no database".repeat(10_000))?;
    /// let error = Db::open(&path, DbOptions::default()).unwrap_err();
    /// assert_eq!((error.kind(), error.offset()), (ErrorKind::Corruption, Some(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The process that holds the lock, where it is known.
    ///
    /// ```
    /// use chronolite::{Db, DbOptions, ErrorKind};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("plant.chl");
    /// let db = Db::open(&path, DbOptions::default())?;
    /// let error = Db::open(&path, DbOptions::default()).unwrap_err();
    /// assert_eq!((error.kind(), error.pid()), (ErrorKind::Locked, Some(std::process::id())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pid(&self) -> Option<u32> {
        self.0.pid
    }

    /// The operating system's error behind this one.
    ///
    /// ```
    /// use chronolite::{Db, DbOptions, Mode};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let missing = folder.path().join("missing.chl");
    /// let error = Db::open(&missing, DbOptions::default().mode(Mode::Read)).unwrap_err();
    /// assert_eq!(error.io().map(|io| io.kind()), Some(std::io::ErrorKind::NotFound));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn io(&self) -> Option<&io::Error> {
        self.0.io.as_ref()
    }

    /// True if the cause is a full disk or quota, or a file size limit.
    ///
    /// ```
    /// use chronolite::{Db, DbOptions, Mode};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let missing = folder.path().join("missing.chl");
    /// let error = Db::open(&missing, DbOptions::default().mode(Mode::Read)).unwrap_err();
    /// assert!(!error.is_out_of_space());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_out_of_space(&self) -> bool {
        self.io().and_then(io::Error::raw_os_error).is_some_and(is_out_of_space)
    }
}

/// True for the errno values that mean "no room": the write failed, the device did not.
pub(crate) fn is_out_of_space(errno: i32) -> bool {
    matches!(errno, libc::ENOSPC | libc::EDQUOT | libc::EFBIG)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match (&self.0.file, self.0.offset) {
            (Some(file), Some(offset)) => write!(f, " [{}, byte {offset}]", file.display())?,
            (Some(file), None) => write!(f, " [{}]", file.display())?,
            (None, Some(offset)) => write!(f, " [byte {offset}]")?,
            (None, None) => {}
        }
        match &self.0.io {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.io.as_ref().map(|e| e as _)
    }
}

/// The system's error, if there is one behind it: by its number, so that callers that decide on it
/// still can. Otherwise the error itself, under the nearest kind that there is.
impl From<Error> for io::Error {
    #[cold]
    fn from(error: Error) -> Self {
        if let Some(errno) = error.io().and_then(io::Error::raw_os_error) {
            return Self::from_raw_os_error(errno);
        }
        let kind = match error.kind() {
            ErrorKind::Schema | ErrorKind::InvalidInput | ErrorKind::Overflow => {
                io::ErrorKind::InvalidInput
            }
            ErrorKind::Conflict => io::ErrorKind::AlreadyExists,
            ErrorKind::TableNotFound => io::ErrorKind::NotFound,
            ErrorKind::Locked => io::ErrorKind::ResourceBusy,
            ErrorKind::Corruption | ErrorKind::Format => io::ErrorKind::InvalidData,
            ErrorKind::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            ErrorKind::Closed
            | ErrorKind::Durability
            | ErrorKind::Indeterminate
            | ErrorKind::Io => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_why() {
        let io = io::Error::from_raw_os_error(libc::ENOSPC);
        let error = Error::from_io("write", Path::new("a.chl"), io);
        assert!(error.is_out_of_space());
        let text = error.to_string();
        assert!(text.starts_with("cannot write [a.chl]: "), "{text}");
        let error = Error::corruption("bad block").at(Path::new("b.chl"), 77);
        assert_eq!(error.to_string(), "bad block [b.chl, byte 77]");
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Corruption, Some(77)));
    }

    #[test]
    fn as_an_io_error_it_keeps_its_number_or_its_words() {
        let io = io::Error::from_raw_os_error(libc::ENOSPC);
        let io = io::Error::from(Error::from_io("write", Path::new("a.chl"), io));
        assert_eq!(io.raw_os_error(), Some(libc::ENOSPC));
        let io = io::Error::from(Error::new(ErrorKind::TableNotFound, "no table \"t\""));
        assert_eq!((io.kind(), io.to_string()), (io::ErrorKind::NotFound, "no table \"t\"".into()));
        let inner = io.get_ref().and_then(|e| e.downcast_ref::<Error>());
        assert_eq!(inner.map(Error::kind), Some(ErrorKind::TableNotFound));
    }
}
