//! The face `ChronoMap`: Python objects as keys and values of the kernel's map.
//!
//! - `handle`: references to keys and values
//! - `probe`: which key of a map is the one that is asked for
//! - `times`: what is a time, and what is a time to live; `arguments`: what else is given
//! - `state`: the map and what belongs to it
//! - `access`: the ways to it; `many`: what is asked of many keys, or done to them
//! - `base`: the class, the base of the one that users see (`chronolite._chronomap`)
//! - `durable`: a map that keeps what is done to it in a file; `changes`: what is written there;
//!   `cells`: objects as they stand there; `queue`: whose turn it is
//! - `copies`: values that may change from outside, copied
//! - `history`: a map as Arrow columns
//! - `journal`: what was done while a context is open, so that it can be undone
//!
//! The map is touched by whoever is attached to the interpreter, and by no code of the user's: keys
//! are compared, values copied and let go of, and hooks called, while nobody is in it.

mod access;
mod arguments;
mod base;
mod cells;
mod changes;
mod copies;
mod durable;
mod handle;
mod history;
mod journal;
mod many;
mod probe;
mod queue;
mod state;
mod times;

pub(super) use base::ChronoMapBase;
pub(super) use journal::_chronomap_writer;
