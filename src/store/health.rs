//! Whether the writer may still write.
//!
//! After a failed write or sync nobody knows what the disk holds, and a second sync may wrongly
//! succeed. So the first such failure poisons the writer: later writes raise until the database is
//! reopened, which finds out what is there. Reads go on. A full disk is no such failure: the write
//! is rolled back, and the next one may fit.

use std::sync::OnceLock;

use crate::error::{Error, ErrorKind, Result};

/// The writer's health, shared by all that write for it.
#[derive(Debug, Default)]
pub struct Health(OnceLock<String>);

impl Health {
    /// Fails if the writer was poisoned.
    #[inline]
    pub fn check(&self) -> Result<()> {
        match self.0.get() {
            None => Ok(()),
            Some(cause) => Err(refuse(cause)),
        }
    }

    /// Poisons the writer; the first cause stays.
    #[cold]
    pub fn poison(&self, cause: &Error) {
        let _ = self.0.set(cause.to_string());
    }

    /// Poisons the writer unless `error` is a full disk; passes the error on.
    #[cold]
    pub fn judge(&self, error: Error) -> Error {
        if !error.is_out_of_space() {
            self.poison(&error);
        }
        error
    }

    /// What poisoned the writer.
    pub fn cause(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

#[cold]
fn refuse(cause: &str) -> Error {
    let message = format!(
        "nothing is written since an earlier failure; close the database and open it again ({cause})"
    );
    Error::new(ErrorKind::Durability, message)
}
