//! Slices of values to bytes and back.

pub mod checksum;
