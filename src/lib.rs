//! chronolite: an embedded time-series storage kernel.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arrow;
pub mod base;
pub mod codec;
pub mod error;
pub mod store;

pub use error::{Error, ErrorKind, Result};
