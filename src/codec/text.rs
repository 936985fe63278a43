//! Where decoded text and bytes go, and the check that text is UTF-8.

use super::{DecodeError, MAX_EXPANDED};
use crate::base::DataType;

/// Texts or byte strings as Arrow holds them: value `i` is `values[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone)]
pub struct BytesBuilder {
    /// One more than there are values; the first is 0.
    pub offsets: Vec<i32>,
    /// The bytes of all values.
    pub values: Vec<u8>,
}

impl Default for BytesBuilder {
    fn default() -> Self {
        Self { offsets: vec![0], values: vec![] }
    }
}

impl BytesBuilder {
    /// Makes room for `rows` values of `len` bytes in all, or says that offsets cannot reach them.
    pub(super) fn reserve(&mut self, rows: usize, len: usize) -> Result<(), DecodeError> {
        if self.values.len().checked_add(len).is_none_or(|end| end > i32::MAX as usize) {
            return Err(DecodeError { what: "more than 2 GiB of text in one array" });
        }
        self.offsets.reserve(rows);
        self.values.reserve(len);
        Ok(())
    }
}

/// Refuses an expansion beyond [`MAX_EXPANDED`].
pub(super) fn check_expanded(len: usize) -> Result<(), DecodeError> {
    if len <= MAX_EXPANDED {
        Ok(())
    } else {
        Err(DecodeError { what: "text that grows beyond the limit of a block" })
    }
}

/// Refuses `bytes` that are not UTF-8 as a whole, or whose values, beginning at `starts`, are not
/// each by itself. Every start is within `bytes` or at its end.
pub(super) fn check_text(
    ty: DataType,
    bytes: &[u8],
    mut starts: impl Iterator<Item = usize>,
) -> Result<(), DecodeError> {
    if ty != DataType::Utf8 || bytes.is_ascii() {
        return Ok(());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if starts.all(|start| text.is_char_boundary(start)) => Ok(()),
        _ => Err(DecodeError { what: "text that is not UTF-8" }),
    }
}
