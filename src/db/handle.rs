//! What keeps a database open for writing: the handles that callers hold.
//!
//! Background maintenance holds the core too, during its rounds. The last handle that goes waits
//! for it, so that dropping handles closes the database before it returns.

use std::ops::Deref;
use std::sync::Arc;

use crate::db::core::Core;

/// A handle of an open database; clones are of the same one.
#[derive(Debug, Clone)]
pub(crate) struct Handle(Arc<Owner>);

#[derive(Debug)]
struct Owner(Arc<Core>);

impl Handle {
    /// The first handle.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(Arc::new(Owner(core)))
    }

    /// The core, for a scan: it is read to its end, though it may be the last to hold it.
    pub(crate) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.0.0)
    }
}

impl Deref for Handle {
    type Target = Arc<Core>;

    #[inline]
    fn deref(&self) -> &Arc<Core> {
        &self.0.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if !self.0.is_inherited() {
            self.0.maintenance.stop();
        }
    }
}
