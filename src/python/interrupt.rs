//! What may take long: detached from the interpreter, ended by a signal, telling how far it is.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::db::{self, Stop};
use crate::error::{Error, Result};

/// How often signals are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Does what may take long in a thread of its own, so that handlers of signals run here meanwhile,
/// with no lock held: they may call what they like. What one raises ends the work and is raised.
pub(super) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(Stop<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let stop = AtomicBool::new(false);
    let (working, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    thread::scope(|scope| {
        let stop = &stop;
        let worker = move || {
            let _working = working;
            work(&|| stop.load(Ordering::Relaxed))
        };
        let worker =
            thread::Builder::new().name("chronolite-pack".into()).spawn_scoped(scope, worker);
        let worker = worker.map_err(|e| Error::from_io("begin a thread", Path::new(""), e))?;
        let mut raised = None;
        // It hangs up when it ends.
        let wait = || ended.lock().recv_timeout(LOOK);
        while py.detach(wait) == Err(RecvTimeoutError::Timeout) {
            if raised.is_none() {
                raised = py.check_signals().err();
                stop.store(raised.is_some(), Ordering::Relaxed);
            }
        }
        let done = py.detach(|| worker.join()).unwrap_or_else(|panic| resume_unwind(panic));
        match raised {
            Some(error) => Err(error),
            None => Ok(done?),
        }
    })
}

/// Does what may take long detached from the interpreter. `progress(done, total)` is called as it
/// goes on, a million bytes or more at a time; what it raises ends the work. Signals do too.
pub(super) fn with_progress<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(db::Progress<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let mut told = 0;
    let mut tell = |done: u64, total: u64| {
        if done < total && done - told < STEP {
            return Ok(());
        }
        told = done;
        Python::attach(|py| {
            py.check_signals()?;
            progress.map_or(Ok(()), |call| call.call1(py, (done, total)).map(drop))
        })
        .map_err(|error| {
            raised = Some(error);
            Error::invalid("stopped by its caller")
        })
    };
    let done = py.detach(|| work(&mut tell));
    match raised {
        Some(error) => Err(error),
        None => Ok(done?),
    }
}

/// Bytes between two calls.
const STEP: u64 = 1 << 20;
